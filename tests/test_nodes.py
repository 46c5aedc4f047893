"""Queues, menus and rooms: who may watch them, through whose login, and how many."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import override_settings

from django_voipcti import nodes, presenters
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import Line

pytestmark = pytest.mark.django_db


def supervisor(name):
    user = get_user_model().objects.create_user(name)
    user.user_permissions.add(Permission.objects.get(codename="watch_lines"))
    return user


def logged_in(user, account):
    line = Line(provider="default", account=account, user=user, region="GB")
    line.set_secrets({"token": f"token-of-{account}"})
    line.save()
    return line


@pytest.fixture
def chris(db):
    return supervisor("chris")


@pytest.fixture
def line(chris):
    return logged_in(chris, "603")


def refusal(*arguments):
    with pytest.raises(CommandRefused) as caught:
        nodes.watched(*arguments)
    assert caught.value.message.endswith(".")
    return caught.value.code


def test_a_node_is_watched_through_the_login_of_who_asked_first(chris, line):
    queue = nodes.watched(chris, "queue", "70001")
    other = supervisor("dora")
    logged_in(other, "604")
    assert nodes.watched(other, "queue", "70001") == queue
    account = Line.objects.select_related("via").get(pk=queue.pk).as_account()
    assert (account.key, account.login) == ("queue-70001", "603")
    assert account.secrets == {"token": "token-of-603"}
    assert Line.objects.enabled().filter(pk=queue.pk).exists()


def test_it_is_shown_as_what_it_is_and_offers_nothing(chris, line):
    shown = presenters.present_line(nodes.watched(chris, "ivr", "81001"))
    assert (shown["node"], shown["label"]) == ("ivr:81001", "ivr 81001")
    assert not any(shown["capabilities"].values())


def test_it_is_nobodys_line_to_call_from(chris, line):
    node = nodes.watched(chris, "conf", "91001")
    assert not Line.objects.filter(user=chris, pk=node.pk).exists()


def test_when_who_lent_his_login_logs_out_the_next_one_lends_his(chris, line):
    queue = nodes.watched(chris, "queue", "70001")
    line.clear_credentials()
    line.save()
    assert not Line.objects.enabled().filter(pk=queue.pk).exists()
    other = supervisor("dora")
    theirs = logged_in(other, "604")
    assert nodes.watched(other, "queue", "70001").via == theirs
    assert Line.objects.enabled().filter(pk=queue.pk).exists()


def test_who_may_not_watch_others_may_not_watch_queues(line):
    user = get_user_model().objects.create_user("ana")
    logged_in(user, "601")
    assert refusal(user, "queue", "70001") == "not_allowed"


def test_without_a_login_there_is_nothing_to_watch_through(chris):
    assert refusal(chris, "queue", "70001") == "no_line"


def test_a_node_that_was_switched_off_stays_so(chris, line):
    node = nodes.watched(chris, "queue", "70001")
    Line.objects.filter(pk=node.pk).update(enabled=False)
    assert refusal(chris, "queue", "70001") == "not_allowed"


@pytest.mark.parametrize("key", ["", "../1", "1@evil.example", "x" * 101, "a b", "sales", "0", "٣"])
def test_what_cannot_be_an_id_is_refused_by_the_provider_that_knows(chris, line, key):
    cloud = {"default": {"BACKEND": "django_voipcti.providers.voipstudio.VoipStudioProvider"}}
    with override_settings(VOIPCTI={"PROVIDERS": cloud}):
        assert refusal(chris, "queue", key) == "invalid_node"


def test_there_is_a_limit(chris, line, monkeypatch):
    monkeypatch.setattr(nodes, "MOST_NODES", 2)
    for key in ("1", "2", "2"):
        nodes.watched(chris, "queue", key)
    assert refusal(chris, "queue", "3") == "too_many_subscriptions"
