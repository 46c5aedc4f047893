"""Teams: leads see the lines and the calls of the members, and nothing else changes."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import IntegrityError, transaction

from django_voipcti import html, journal
from django_voipcti.models import Call, Line, MissedCall, Team
from tests.journal.conftest import agents, said  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]


@pytest.fixture
def team(agents):  # noqa: F811
    """Ana and Ben; Cy and Dee lead it. Cy has a line himself, Dee has none."""
    ana, ben, cy = (line.user for line in agents)
    team = Team.objects.create(name="Sales")
    team.members.set([ana, ben])
    team.leads.set([cy, get_user_model().objects.create_user("dee")])
    return team


@pytest.fixture
def people(team):
    return {user.username: user for user in get_user_model().objects.all()} | {"nobody": AnonymousUser()}


def accounts(user):
    return sorted(Line.objects.visible_to(user).values_list("account", flat=True))


def test_leads_see_the_members_lines_beside_their_own(people):
    seen = {name: accounts(user) for name, user in people.items()}
    assert seen == {"ana": ["601"], "ben": ["602"], "cy": ["601", "602", "603"], "dee": ["601", "602"], "nobody": []}


def test_calls_and_missed_calls_follow_the_lines(people, django_capture_on_commit_callbacks):
    for line in ("601", "602", "603"):
        facts = {"call": line, "line": line, "conversation_id": line}
        with django_capture_on_commit_callbacks(execute=True):
            journal.record([said("RINGING", 0, **facts), said("HANGUP", 9, **facts)])
    for rows, path in ((Call.objects, "line__account"), (MissedCall.objects, "call__line__account")):
        for user in people.values():
            assert sorted(rows.visible_to(user).values_list(path, flat=True)) == accounts(user)
    assert MissedCall.objects.of_user(people["cy"]).count() == 1, "his own duties stay his own"
    assert len(html.missed_entries(people["ana"], viewer=people["dee"])) == 1
    assert html.missed_entries(people["cy"], viewer=people["dee"]) == []


def test_a_lead_sees_a_members_new_line_and_no_longer_one_that_was_given_away(people):
    Line.objects.create(provider="default", account="700", user=people["ana"])
    Line.objects.filter(account="602").update(user=None)
    assert accounts(people["dee"]) == ["601", "700"]


def test_two_teams_with_one_member_show_nothing_twice(people):
    other = Team.objects.create(name="Support")
    other.members.set([people["ana"]])
    other.leads.set([people["dee"]])
    Team.objects.create(name="Empty").leads.set([people["dee"]])
    assert accounts(people["dee"]) == ["601", "602"]
    others = Line.objects.exclude(pk__in=Line.objects.visible_to(people["dee"]))
    assert [line.account for line in others] == ["603"], "an empty team does not turn the question into NULL"


def test_who_watches_all_sees_all_without_a_condition(people):
    dee = people["dee"]
    dee.user_permissions.add(Permission.objects.get(codename="watch_lines"))
    dee = get_user_model().objects.get(pk=dee.pk)
    assert accounts(dee) == ["601", "602", "603"]
    assert "WHERE" not in str(Call.objects.visible_to(dee).query)
    assert set(Team.objects.visible_to(dee)) == set(Team.objects.all())


def test_one_query_however_many_teams(people, django_assert_num_queries):
    people["dee"].has_perm("warm the cache of permissions")
    with django_assert_num_queries(1):
        list(Call.objects.visible_to(people["dee"]))


def test_teams_are_shown_to_their_leads(people, team):
    assert list(Team.objects.visible_to(people["dee"])) == [team]
    assert list(Team.objects.visible_to(people["ana"])) == []
    assert list(Team.objects.visible_to(AnonymousUser())) == []


def test_a_name_is_given_once(team):
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.create(name="Sales")
