"""Teams in the admin, and what their leads find there."""

import pytest
from django.urls import reverse

from django_voipcti.models import Team
from tests.admin.conftest import listed, shown


@pytest.fixture
def lead(staff, line):
    """A member of staff who leads Ana's team, without the permission to watch all lines."""
    user = staff("view_call", "view_missedcall", "view_callcommand")
    team = Team.objects.create(name="Sales")
    team.leads.add(user)
    team.members.add(line.user)
    return user


def test_a_lead_finds_the_calls_of_his_team_masked(client, lead, call):
    assert "field-" in listed(client, "call")
    assert "79460123" not in shown(client, call).replace(" ", "")


def test_who_leads_no_team_finds_none(client, lead, call):
    Team.objects.get().leads.clear()
    assert "field-" not in listed(client, "call")


def test_a_team_is_made_with_its_people(boss_client, boss, line):
    address = reverse("admin:django_voipcti_team_add")
    assert boss_client.get(address).status_code == 200
    form = {"name": "Support", "leads": [boss.pk], "members": [line.user.pk]}
    assert boss_client.post(address, form).status_code == 302
    team = Team.objects.get()
    assert (list(team.leads.all()), list(team.members.all())) == ([boss], [line.user])
    page = listed(boss_client, "team")
    assert ">boss<" in page
    assert '<td class="field-member_count">1</td>' in page


def test_the_list_costs_the_same_for_any_number_of_teams(boss_client, boss, django_assert_num_queries):
    address = reverse("admin:django_voipcti_team_changelist")
    boss_client.get(address)
    for name in ("One", "Two", "Three", "Four"):
        Team.objects.create(name=name).leads.add(boss)
    with django_assert_num_queries(6):
        boss_client.get(address)
