"""The access log: every page that is opened stands there, for those who may read it, and nobody changes it."""

from django.urls import reverse

from django_voipcti.calllog import access
from django_voipcti.models import CallAccess
from tests.admin.conftest import listed, shown


def test_opening_a_call_leaves_an_entry(boss_client, call):
    shown(boss_client, call)
    assert list(CallAccess.objects.values_list("kind", "user_name", "call")) == [("viewed", "boss", call.pk)]


def test_a_call_that_may_not_be_seen_leaves_none(client, staff, call):
    staff("view_call")
    client.get(reverse("admin:django_voipcti_call_change", args=[call.pk]))
    assert not CallAccess.objects.exists()


def test_the_list_says_who_did_what_with_which_call(boss_client, boss, call):
    access.note_export(boss, calls=12, detail="CSV")
    access.note_play(boss, call, from_start=True)
    text = listed(boss_client, "callaccess")
    assert "exported calls" in text
    assert "played a recording" in text
    assert reverse("admin:django_voipcti_call_change", args=[call.pk]) in text
    exports = listed(boss_client, "callaccess", kind="exported")
    assert 'field-kind">exported calls' in exports
    assert 'field-kind">played a recording' not in exports
    assert "CSV" not in listed(boss_client, "callaccess", start="", since="2001-01-01", until="2001-01-02")
    assert "CSV" not in listed(boss_client, "callaccess", q="somebody")


def test_it_needs_a_permission_of_its_own(client, staff, call):
    staff("view_call", "watch_lines")
    address = reverse("admin:django_voipcti_callaccess_changelist")
    assert client.get(address).status_code == 403


def test_it_names_nobody_who_called(client, staff, boss, call):
    access.note_view(boss, call)
    staff("view_callaccess")
    assert "79460" not in listed(client, "callaccess") + shown(client, CallAccess.objects.get())


def test_nobody_changes_it(boss_client, boss, call):
    entry = access.note_view(boss, call)
    address = reverse("admin:django_voipcti_callaccess_change", args=[entry.pk])
    assert boss_client.post(address, {"user_name": "other"}).status_code == 403
    assert boss_client.post(address.replace("change", "delete")).status_code == 403
    assert boss_client.get(reverse("admin:django_voipcti_callaccess_add")).status_code == 403
