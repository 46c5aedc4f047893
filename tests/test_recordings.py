"""Playing a recording: who may, which bytes come, and that it is written down."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from django_voipcti import journal
from django_voipcti.exceptions import ProviderUnavailable
from django_voipcti.models import AccessKind, Call, CallAccess
from django_voipcti.providers import providers
from tests.journal.conftest import agents, said  # noqa: F401  fixtures

SOUND = bytes(range(256)) * 64
SIZE = len(SOUND)


@pytest.fixture
def dummy(settings):
    settings.VOIPCTI = {**settings.VOIPCTI}  # a provider of this test's own
    provider = providers["default"]
    provider.sounds["77"] = SOUND
    return provider


@pytest.fixture
def call(agents, dummy):  # noqa: F811
    journal.record([said("RINGING", 0), said("CONNECTED", 3), said("HANGUP", 60, recording="77")])
    return Call.objects.get()


@pytest.fixture
def ana(call):
    """The line's user, who may play."""
    user = call.line.user
    user.user_permissions.add(Permission.objects.get(codename="play_recordings"))
    return user


def heard(client, call, wanted="", name="voipcti:recording"):
    headers = {"Range": wanted} if wanted else {}
    return client.get(reverse(name, args=[call.pk]), headers=headers)


@pytest.mark.parametrize("name", ["voipcti:recording", "admin:django_voipcti_call_recording"])
def test_a_recording_is_played_and_that_is_written_down(client, ana, call, name):
    client.force_login(ana)
    answer = heard(client, call, name=name)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, SOUND, "audio/mpeg")
    assert (answer["Accept-Ranges"], answer["Cache-Control"]) == ("bytes", "private, no-store")
    assert answer["X-Content-Type-Options"] == "nosniff"
    access = CallAccess.objects.get()
    assert (access.kind, access.user, access.call) == (AccessKind.PLAYED, ana, call)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=0-0", 0, 0),
        ("bytes=5000-9999", 5000, 9999),
        ("bytes=5000-", 5000, SIZE - 1),
        ("bytes=100-999999", 100, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
    ],
)
@pytest.mark.parametrize("begins_anywhere", [True, False])
def test_a_part_is_sent_whatever_the_provider_can(
    client, ana, call, dummy, monkeypatch, wanted, first, last, begins_anywhere
):
    opened = dummy.open_recording
    if not begins_anywhere:
        monkeypatch.setattr(dummy, "open_recording", lambda account, name, *, start=0: opened(account, name))
    client.force_login(ana)
    answer = heard(client, call, wanted)
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer["Content-Length"] == str(last - first + 1)
    assert answer.content == SOUND[first : last + 1]


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", "bytes=-0", "bytes=9-5"])
def test_a_part_that_is_not_there_is_none(client, ana, call, wanted):
    client.force_login(ana)
    answer = heard(client, call, wanted)
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert not CallAccess.objects.exists()


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=-"])
def test_what_is_no_range_gets_the_whole(client, ana, call, wanted):
    client.force_login(ana)
    answer = heard(client, call, wanted)
    assert (answer.status_code, answer.content) == (200, SOUND)


def test_the_next_parts_are_the_same_play(client, ana, call):
    client.force_login(ana)
    for wanted in ("bytes=0-99", "bytes=100-199", "bytes=9000-"):
        heard(client, call, wanted)
    assert CallAccess.objects.count() == 1


def test_who_may_not_hears_nothing_and_the_provider_is_not_asked(client, call, agents, dummy):  # noqa: F811
    assert heard(client, call).status_code == 403, "signed out"
    client.force_login(call.line.user)
    assert heard(client, call).status_code == 403, "without play_recordings"
    ben = agents[1].user
    ben.user_permissions.add(Permission.objects.get(codename="play_recordings"))
    client.force_login(ben)
    assert heard(client, call).status_code == 404, "a call that he may not see"
    assert dummy.commands == []
    assert not CallAccess.objects.exists()


def test_a_call_without_a_recording_or_a_provider_that_keeps_none(client, ana, call, dummy, settings):
    client.force_login(ana)
    Call.objects.update(recording="")
    assert heard(client, call).status_code == 404
    Call.objects.update(recording="78")
    assert heard(client, call).status_code == 502, "the provider does not know it"
    dummy.fail("open_recording", ProviderUnavailable("The service is away."))
    answer = heard(client, call)
    assert (answer.status_code, answer.content) == (502, b"The service is away.")
    lesser = {**settings.VOIPCTI["PROVIDERS"]["default"], "OPTIONS": {"without": ["supports_recordings"]}}
    settings.VOIPCTI = {**settings.VOIPCTI, "PROVIDERS": {"default": lesser}}
    assert heard(client, call).status_code == 404


def test_it_is_only_fetched(client, ana, call):
    client.force_login(ana)
    assert client.post(reverse("voipcti:recording", args=[call.pk])).status_code == 405


@pytest.mark.django_db(transaction=True)
async def test_an_asgi_server_streams_it(async_client, ana, call):
    await async_client.aforce_login(ana)
    answer = await async_client.get(reverse("voipcti:recording", args=[call.pk]), headers={"Range": "bytes=10-8999"})
    assert (answer.status_code, answer.streaming) == (206, True)
    assert b"".join([chunk async for chunk in answer]) == SOUND[10:9000]
