"""The import of history against the simulator, over real HTTP: what nobody saw live, and what somebody did."""

import asyncio
from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from django_voipcti import journal, realtime, signals, tasks
from django_voipcti.calllog import history
from django_voipcti.enums import CallState, EndReason
from django_voipcti.management.commands.voipcti_sync_history import moment, progress_line
from django_voipcti.models import Call, CallEvent, HistoryProgress, Line, MissedCall
from django_voipcti.providers import providers
from django_voipcti.redaction import Secret
from django_voipcti.simulator import SimulatorSettings, Timings
from django_voipcti.testing import SimulatorThread
from tests.journal.conftest import said

pytestmark = pytest.mark.django_db(transaction=True)

ANA = 200341
MARY, LONDON = "447700900123", "442079460999"
BACKEND = "django_voipcti.providers.voipstudio.VoipStudioProvider"


@pytest.fixture
def simulator():
    patient = Timings(own_phone=10_000.0, user=10_000.0, outside=10_000.0, recording=0.0)
    with SimulatorThread(SimulatorSettings(timings=patient)) as simulator:
        simulator.run(record_calls)
        options = {"api_url": simulator.rest_url, "sip_url": simulator.sip_url, "timeout": 5}
        with override_settings(VOIPCTI={"PROVIDERS": {"default": {"BACKEND": BACKEND, "OPTIONS": options}}}):
            yield simulator


async def record_calls(platform):
    platform.platform.behaviour.record_calls = True


def with_provider(work):
    """The result of `await work(provider)`, in an event loop of its own."""

    async def run():
        provider = providers["default"]
        try:
            return await work(provider)
        finally:
            await provider.aclose()

    return async_to_sync(run)()


@pytest.fixture
def line(simulator):
    """Ana's line, logged in."""
    credentials = with_provider(lambda each: each.login(username="ana@example.test", password=Secret("demo-password")))
    line = Line(provider="default", user=get_user_model().objects.create(username="ana"))
    line.set_credentials(credentials)
    line.save()
    return line


def answered(simulator, number=MARY):
    """A call from outside that Ana answers and ends."""
    simulator.do(lambda engine: engine.call_from_outside(number, "601"))
    simulator.do(lambda engine: engine.phone(ANA).answer())
    simulator.do(lambda engine: engine.phone(ANA).hang_up())


def missed(simulator, number=LONDON):
    """A caller who gives up."""
    call = simulator.do(lambda engine: engine.call_from_outside(number, "601"))
    simulator.do(lambda engine: engine.hang_up(call))


def sync(*arguments):
    """What the command prints."""
    out = StringIO()
    call_command("voipcti_sync_history", "--since=1h", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def columns():
    return list(Call.objects.order_by("pk").values())


def test_what_nobody_saw_is_filled_in_with_its_recording(simulator, line, eventually):
    answered(simulator)
    missed(simulator)
    eventually(lambda: simulator.run(ready), describe="the recording is ready")
    assert "2 calls, 1 recordings" in sync()
    talked, rang = Call.objects.order_by("pk")
    assert (talked.state, talked.end_reason, talked.other_e164) == (
        CallState.HANGUP,
        EndReason.COMPLETED,
        f"+{MARY}",
    )
    assert talked.recording
    assert (rang.end_reason, rang.recording) == (EndReason.MISSED, "")
    assert MissedCall.objects.get().call == rang


async def ready(platform):
    return len(platform.recordings.ready) == 1


def test_a_call_that_was_seen_live_stays_one_row(simulator, line):
    call = simulator.do(lambda engine: engine.call_from_outside(MARY, "601"))
    journal.record(with_provider(lambda each: each.live_calls(line.as_account())))
    assert Call.objects.get().state == CallState.RINGING
    simulator.do(lambda engine: engine.hang_up(call))  # while nobody listens
    missed(simulator)
    sync()
    first, second = Call.objects.order_by("pk")
    assert (first.state, first.other_e164) == (CallState.HANGUP, f"+{MARY}")
    assert set(first.events.values_list("source", flat=True)) == {"rest", "cdr"}
    assert second.other_e164 == f"+{LONDON}"


def test_reading_again_changes_nothing(simulator, line):
    answered(simulator)
    missed(simulator)
    sync()
    before, events = columns(), CallEvent.objects.count()
    sync("--batch-size=1")
    assert (columns(), CallEvent.objects.count()) == (before, events)


def test_an_outage_of_the_provider_is_told_and_the_next_run_goes_on(simulator, line):
    answered(simulator)
    sync()
    simulator.run(lambda platform: platform.stop())
    with pytest.raises(CommandError, match="Run the command again with --resume"):
        sync()
    assert Call.objects.count() == 1
    simulator.run(lambda platform: platform.start())
    missed(simulator)
    assert "2 calls" in sync("--resume")
    assert Call.objects.count() == 2


def test_windows_are_a_day_and_each_is_noted(simulator, line):
    answered(simulator)
    until = timezone.now() + timedelta(seconds=2)
    steps = []
    history.read_line(line, since=until - timedelta(days=2, hours=1), until=until, report=steps.append)
    assert [(step.until, step.calls) for step in steps] == [
        (until - timedelta(days=1, hours=1), 0),
        (until - timedelta(hours=1), 0),
        (until, 1),
    ]
    done = HistoryProgress.objects.get()
    assert (done.line, done.done_until, done.calls) == (line, until, 1)
    assert history.resume_point(line, until - timedelta(days=9)) == until - history.OVERLAP
    assert history.resume_point(line, until) == until


def test_hosts_hear_of_imported_calls(simulator, line):
    heard = []

    def receiver(call, **kwargs):
        heard.append(call.end_reason)

    signals.call_changed.connect(receiver)
    try:
        missed(simulator)
        sync()
    finally:
        signals.call_changed.disconnect(receiver)
    assert heard == [EndReason.MISSED]


async def test_pages_are_not_told_of_imported_calls(agents):
    group, layer = realtime.user_group(agents[0].user_id), get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    await sync_to_async(journal.record)([said("HANGUP", -900, call="old")], tell_pages=False)
    await sync_to_async(journal.record)([said("RINGING", 0, call="new")])
    message = (await asyncio.wait_for(layer.receive(channel), 5))["message"]
    await layer.group_discard(group, channel)
    assert message["call"]["cid"] == "new"


def test_the_task_reads_a_line_and_survives_an_outage(simulator, line, caplog):
    missed(simulator)
    tasks.sync_history(line.pk)
    assert Call.objects.count() == 1
    simulator.run(lambda platform: platform.stop())
    tasks.sync_history(line.pk)
    assert "no history: ProviderUnavailable" in caplog.text


def test_lines_that_cannot_be_asked_are_left_out(simulator, line):
    Line.objects.create(provider="gone", account="1", secrets="x")
    Line.objects.create(provider="default", account="2")
    Line.objects.create(provider="default", account="3", secrets="x", enabled=False)
    assert history.importable(Line.objects.all()) == [line]
    with pytest.raises(CommandError, match=r"No line 4711"):
        sync("--line=4711")
    assert "0 calls" in sync(f"--line={line.pk}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--until=2h"], "before --until"),
        (["--batch-size=0"], "1 or more"),
    ],
)
def test_arguments_that_make_no_sense(db, arguments, words):
    with pytest.raises(CommandError, match=words):
        sync(*arguments)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "d", "", "-3d"])
def test_times_that_are_none(text):
    with pytest.raises(Exception, match="is no time"):
        moment(text)


def test_times_as_people_write_them():
    assert moment("2026-01-31").isoformat() == "2026-01-31T00:00:00+00:00"
    assert moment("2026-01-31 08:30").isoformat() == "2026-01-31T08:30:00+00:00"
    assert abs(timezone.now() - moment("30d") - timedelta(days=30)) < timedelta(seconds=10)


def test_progress_shows_share_rate_and_time_left():
    assert progress_line("Ana", 0.5, 1200, 60.0) == "Ana [############............] 1,200 calls, 20/s, 1:00 left"
