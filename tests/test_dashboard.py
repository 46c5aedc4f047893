"""The dashboard's page and tag: whose calls, which days, what is masked, and figures as the report has them."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from django_voipcti import dashboard
from django_voipcti.models import Line, Team
from tests.admin.conftest import boss, boss_client, staff  # noqa: F401
from tests.calllog.story import LONDON, MOBILE, outbound, ring_group
from tests.journal.conftest import agents  # noqa: F401
from tests.testapp.models import Contact

pytestmark = pytest.mark.django_db

ADDRESS = "admin:django_voipcti_callfigures_changelist"


@pytest.fixture
def past(agents):  # noqa: F811
    """Ben answered one call, nobody the second; Cy called somebody."""
    ring_group("one", answered_by="602")
    ring_group("two", begin=100, number=MOBILE)
    outbound("three", line="603", begin=200)
    return agents


def tiles(text):
    """Title to figure."""
    found = re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd>", text)
    return dict(found)


def rows_of(text, name):
    """The rows of a table as lists of texts."""
    figure = text.split(f'id="voipcti-{name}"')[1].split("</figure>")[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", figure)
    return [[cell.strip() for cell in re.sub(r"<[^>]+>", "\x00", row).split("\x00") if cell.strip()] for row in rows]


def test_the_admin_shows_all_to_who_watches_all(past, boss_client):  # noqa: F811
    page = boss_client.get(reverse(ADDRESS)).content.decode()
    shown = tiles(page)
    assert (shown["Calls from outside"], shown["Answered"], shown["Missed"]) == ("2", "1", "1")
    assert (shown["Service level"], shown["Calls to outside"]) == ("50 %", "1")
    assert (shown["Waiting time"], shown["Talk time"]) == ("0:05", "0:40")
    assert {row[0]: row[3:5] for row in rows_of(page, "lines")} == {
        "Ana": ["0", "1"],
        "Ben": ["1", "1"],
        "Cy": ["0", "1"],
    }
    assert "time zone UTC" in page


def test_an_agent_sees_what_was_his(past, client):
    ana, ben = past[0].user, past[1].user
    assert tiles(dashboard.call_dashboard(ana))["Answered"] == "0"
    shown = dashboard.call_dashboard(ben)
    assert (tiles(shown)["Answered"], tiles(shown)["Missed"]) == ("1", "1")
    assert [row[0] for row in rows_of(shown, "lines")] == ["Ben"]
    assert tiles(dashboard.call_dashboard(past[2].user))["Calls to outside"] == "1"


def test_a_lead_sees_the_team_and_may_choose_in_it_alone(past):
    dee = get_user_model().objects.create_user("dee")
    team = Team.objects.create(name="Sales")
    team.members.set([past[0].user, past[1].user])
    other = Team.objects.create(name="Other")
    other.members.set([past[2].user])
    assert tiles(dashboard.call_dashboard(dee))["Missed"] == "0"
    team.leads.add(dee)
    shown = dashboard.call_dashboard(dee)
    assert (tiles(shown)["Missed"], tiles(shown)["Calls to outside"]) == ("1", "0")
    assert [row[0] for row in rows_of(shown, "teams")] == ["Sales"]
    assert rows_of(shown, "teams")[0][3:5] == ["1", "1"]
    assert tiles(dashboard.call_dashboard(dee, data={"line": str(past[0].pk)}))["Answered"] == "0"
    for choice in ({"line": str(past[2].pk)}, {"team": str(other.pk)}):
        refused = dashboard.call_dashboard(dee, data=choice)
        assert tiles(refused) == {}
        assert 'role="alert"' in refused
    assert "Other" not in shown


def test_numbers_are_masked_and_names_hidden(past, staff, client):  # noqa: F811
    Contact.objects.create(name="Ada", phone=LONDON)
    ring_group("known", answered_by="602", begin=300)
    user = staff("view_call", "watch_lines")
    page = client.get(reverse(ADDRESS)).content.decode()
    digits = re.sub(r"\D", "", " ".join(cell for row in rows_of(page, "callers") for cell in row))
    assert "79460123" not in digits
    assert "Ada" not in page
    user.user_permissions.add(Permission.objects.get(codename="view_full_number"))
    page = client.get(reverse(ADDRESS)).content.decode()
    assert any("7946 0123" in row[0] for row in rows_of(page, "callers"))
    assert "Ada" not in page


def test_the_admin_asks_for_the_permission_to_see_calls(past, staff, client):  # noqa: F811
    staff("view_line")
    assert client.get(reverse(ADDRESS)).status_code == 403
    staff_user = get_user_model().objects.get(username="staff")
    staff_user.user_permissions.set(Permission.objects.filter(codename="view_call"))
    assert client.get(reverse(ADDRESS)).status_code == 200


def test_days_are_chosen(past, boss):  # noqa: F811
    long_ago = {"since": "2020-01-01", "until": "2020-01-31"}
    assert tiles(dashboard.call_dashboard(boss, data=long_ago))["Calls from outside"] == "0"
    for wrong, text in (
        ({"since": "2020-02-01", "until": "2020-01-01"}, "first day is after"),
        ({"since": "2010-01-01", "until": "2020-01-01"}, "days at most"),
        ({"since": "yesterday"}, 'role="alert"'),
        ({"within": "7"}, 'role="alert"'),
    ):
        shown = dashboard.call_dashboard(boss, data=wrong)
        assert text in shown
        assert tiles(shown) == {}


def test_long_ranges_are_shown_by_week_and_month(past, boss):  # noqa: F811
    today = timezone.now().date()
    for days, title, most in ((30, "Calls by day", 30), (365, "Calls by week", 54), (1000, "Calls by month", 35)):
        since = (today - timedelta(days=days - 1)).isoformat()
        shown = dashboard.call_dashboard(boss, data={"since": since})
        assert title in shown
        rows = rows_of(shown, "days")
        assert len(rows) <= most
        assert sum(int(row[1]) for row in rows) == 1


def test_the_tag_keeps_what_else_stands_in_the_address(past, boss):  # noqa: F811
    request = RequestFactory().get("/", {"tab": "calls", "within": "45"})
    request.user = boss
    context = Context({"request": request, "user": boss})
    page = Template("{% load voipcti %}{% call_dashboard days=7 %}").render(context)
    assert '<input type="hidden" name="tab" value="calls">' in page
    assert "answered within 45 s" in page
    assert "?tab=calls&amp;within=45&amp;since=" in page
    without = Template("{% load voipcti %}{% call_dashboard filters=False %}").render(context)
    assert "<form" not in without
    assert "answered within 20 s" in without
    assert Template("{% load voipcti %}{% call_dashboard %}").render(Context({})) == ""


def test_nothing_on_the_page_is_inline(past, boss):  # noqa: F811
    page = dashboard.call_dashboard(boss)
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert not re.search(r"\son\w+=", page)


def test_a_fixed_number_of_queries(past, boss, django_assert_max_num_queries):  # noqa: F811
    for number in range(610, 640):
        Line.objects.create(provider="default", account=str(number))
    team = Team.objects.create(name="Sales")
    team.members.set([line.user for line in past])
    boss.has_perm("warm")
    with django_assert_max_num_queries(14):
        dashboard.call_dashboard(boss)
