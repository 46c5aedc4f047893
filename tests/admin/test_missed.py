"""Missed calls in the admin: what a row says, to whom, and what a page of them costs."""

import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_voipcti.admin.missed import MissedCallAdmin
from django_voipcti.models import Call, Line, MissedCall, Team
from tests.admin.conftest import LONDON, listed, shown
from tests.calllog.story import MOBILE, outbound, ring_group
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]


def cells(page, column):
    """The texts of a column, from the top."""
    found = re.findall(rf'<t[dh] class="field-{column}[^"]*">(.*?)</t[dh]>', page)
    return [" ".join(re.sub(r"<[^>]*>", " ", cell).replace("\xa0", " ").split()) for cell in found]


def numbers(page):
    """What each row offers to call."""
    rows = re.findall(r'<span class="voipcti-callback">(.*?)</span>', page)
    return [re.findall(r'data-voipcti-number="([^"]*)"', row) for row in rows]


class TestRow:
    def test_it_says_how_often_he_tried_and_since_when(self, agents, boss_client):
        ring_group("other", number=MOBILE)
        for number in range(3):
            ring_group(f"try-{number}", begin=number * 10)
        tried = cells(listed(boss_client, "missedcall"), "tried")
        assert sorted(text.partition(" since ")[0] for text in tried) == ["3 times", "3 times", "3 times", "once"]

    def test_tries_from_all_numbers_of_a_record_are_one_callers(self, agents, boss_client):
        Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
        ring_group("one")
        ring_group("two", number=MOBILE)
        assert {text.partition(" since ")[0] for text in cells(listed(boss_client, "missedcall"), "tried")} == {
            "2 times"
        }

    def test_tries_before_somebody_talked_to_him_are_counted_no_more(self, agents, boss_client):
        ring_group("before", begin=-100)
        outbound("back", begin=-60)
        ring_group("after")
        assert cells(listed(boss_client, "missedcall", duty="all"), "tried") == ["once", "once"]

    def test_it_says_whom_it_rang_at_and_what_it_came_by(self, agents, boss_client):
        ring_group("one", lines=("601", "602"))
        Call.objects.update(context="RG-70001")
        assert cells(listed(boss_client, "missedcall"), "lines") == ["ana 601 ben 602 RG-70001"]

    def test_of_a_large_ring_group_three_are_named(self, agents, boss_client):
        Line.objects.create(provider="default", account="604", extension="604", label="Reception")
        ring_group("one", lines=("601", "602", "603", "604"))
        assert cells(listed(boss_client, "missedcall"), "lines") == ["ana 601 ben 602 cy 603 1 more"]

    def test_it_says_how_long_ago(self, agents, boss_client):
        ring_group("one", begin=-200)
        assert cells(listed(boss_client, "missedcall"), "when")[0].endswith("4 minutes ago")
        MissedCall.objects.update(missed_at=timezone.now())
        assert cells(listed(boss_client, "missedcall"), "when")[0].endswith("just now")

    def test_a_deadline_is_told_before_and_after_it(self, agents, boss_client):
        ring_group("one")
        soon = timezone.now() + timedelta(minutes=10, seconds=30)
        MissedCall.objects.update(due_at=soon)
        assert cells(listed(boss_client, "missedcall"), "state") == ["open due in 10 minutes"]
        MissedCall.objects.update(due_at=soon - timedelta(minutes=20))
        assert cells(listed(boss_client, "missedcall", duty="late"), "state") == ["late for 9 minutes"]

    def test_who_called_back_after_how_long_with_the_call(self, agents, boss_client):
        ring_group("one", lines=("601",))
        outbound("back", begin=20 + 295)
        page = listed(boss_client, "missedcall", duty="done")
        assert cells(page, "state") == ["done called back by ben after 5 minutes"]
        assert f"/call/{Call.objects.get(external_id='back').pk}/change/" in page

    def test_the_other_numbers_of_the_record_can_be_called_too(self, agents, boss_client):
        Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
        ring_group("one", number=MOBILE)
        assert numbers(listed(boss_client, "missedcall")) == [[MOBILE, LONDON]]

    def test_its_page_says_the_same(self, agents, boss_client):
        Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
        ring_group("one", lines=("601",))
        ring_group("two", lines=("602",))
        page = shown(boss_client, MissedCall.objects.get(conversation_id="one"))
        assert numbers(page) == [[LONDON, MOBILE]]
        assert "2 times" in page
        assert "ben" not in page


class TestWhoSees:
    def test_a_member_of_staff_sees_his_own_lines_part_only(self, agents, staff, client):
        user = staff("view_missedcall", "view_full_number")
        agents[0].user = user
        agents[0].save()
        ring_group("shared", lines=("601", "602"))
        ring_group("bens", lines=("602",), begin=1)
        page = listed(client, "missedcall")
        assert cells(page, "lines") == ["staff 601"]
        assert cells(page, "tried") == ["once"]

    def test_the_call_that_settled_it_is_no_link_for_who_may_not_see_it(self, agents, staff, client):
        user = staff("view_missedcall")
        agents[0].user = user
        agents[0].save()
        ring_group("one", lines=("601",))
        outbound("back", line="602")
        page = listed(client, "missedcall", duty="done")
        assert "called back by ben" in cells(page, "state")[0]
        assert f"/call/{Call.objects.get(external_id='back').pk}/" not in page

    def test_numbers_of_a_record_are_for_those_who_may_view_it(self, agents, staff, client):
        Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
        ring_group("one")
        user = staff("view_missedcall", "watch_lines", "view_full_number")
        assert numbers(listed(client, "missedcall")) == [[LONDON]]
        user.user_permissions.add(Permission.objects.get(codename="view_contact"))
        assert numbers(listed(client, "missedcall")) == [[LONDON, MOBILE]]

    def test_without_the_permission_no_number_is_told_nor_called(self, agents, staff, client):
        Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
        ring_group("one")
        staff("view_missedcall", "watch_lines", "view_contact")
        page = listed(client, "missedcall")
        assert numbers(page) == []
        assert "data-voipcti-number" not in page
        assert cells(page, "masked_number")[0].endswith("123")


class TestFilters:
    @pytest.fixture
    def rang(self, agents):
        """One that rang at Ana's and Ben's lines, one at Cy's alone."""
        ring_group("both", lines=("601", "602"))
        ring_group("cys", lines=("603",), number=MOBILE)
        return agents

    def found(self, client, **query):
        return {cell.split()[0] for cell in cells(listed(client, "missedcall", **query), "lines")}

    def test_by_the_user_at_whose_line_it_rang(self, boss_client, rang):
        assert self.found(boss_client, agent=rang[1].user_id) == {"ana"}
        assert self.found(boss_client, agent=rang[2].user_id) == {"cy"}
        assert self.found(boss_client, agent="nobody") == {"ana", "cy"}

    def test_by_team(self, boss_client, rang):
        team = Team.objects.create(name="Sales")
        team.members.add(rang[1].user)
        assert self.found(boss_client, team=team.pk) == {"ana"}

    def test_what_a_user_may_not_see_is_not_told_by_a_filter(self, staff, client, rang):
        user = staff("view_missedcall")
        rang[0].user = user
        rang[0].save()
        assert self.found(client) == {"staff"}
        assert self.found(client, agent=rang[1].user_id) == set()

    def test_by_day_and_by_caller(self, boss_client, rang):
        Contact.objects.create(name="Ada", phone=LONDON)
        ring_group("known", lines=("602",))
        assert self.found(boss_client, contact="known") >= {"ben"}
        assert self.found(boss_client, contact="unknown") >= {"cy"}
        assert self.found(boss_client, until="2020-01-01") == set()


class TestCost:
    @pytest.fixture
    def rows(self, agents):
        """Return `rows(count)`: fill the list up to so many, half of them of each number of a contact."""
        Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)

        def fill(count):
            for number in range(MissedCall.objects.count(), count):
                ring_group(f"c{number}", lines=("601", "602"), begin=number, number=(LONDON, MOBILE)[number % 2])

        return fill

    def test_a_page_of_sixty_costs_what_a_page_of_ten_costs(self, boss_client, rows, monkeypatch):
        monkeypatch.setattr(MissedCallAdmin, "list_per_page", 100)

        def queries(count):
            rows(count)
            listed(boss_client, "missedcall")
            with CaptureQueriesContext(connection) as captured:
                page = listed(boss_client, "missedcall")
            assert len(cells(page, "lines")) == count
            return len(captured)

        assert queries(10) == queries(60) < 12

    def test_pages_begin_behind_a_row(self, boss_client, rows):
        rows(60)
        (older,) = re.findall(r'href="\?(older=[^"]*)" rel="next"', listed(boss_client, "missedcall"))
        assert len(cells(listed(boss_client, "missedcall", **dict(parse_qsl(older))), "when")) == 10
