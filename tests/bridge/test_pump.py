"""Commands: claimed once, carried out side by side, never late, never twice, and every outcome told."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_voipcti import journal
from django_voipcti.bridge.database import Database
from django_voipcti.bridge.hub import ConnectionHub
from django_voipcti.bridge.leases import HeldLine
from django_voipcti.bridge.pump import TIME_LIMITS, CommandPump
from django_voipcti.bridge.session import LineSession
from django_voipcti.bridge.status import StatusBoard
from django_voipcti.bridge.writer import JournalWriter
from django_voipcti.enums import CallState, CommandAction, CommandState, Direction, EndReason, LineStatus, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.exceptions import AuthenticationFailed, PhoneNotRegistered
from django_voipcti.models import BridgeInstance, Call, CallCommand, Line
from django_voipcti.providers.dummy import DummyProvider
from django_voipcti.redaction import PhoneNumber
from tests.support.waiting import aeventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

LONDON = "+442079460123"


class SlowProvider(DummyProvider):
    """Takes its time over placing: until it is let go or cancelled."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.go = asyncio.Event()
        self.cancelled = False

    async def place_call(self, account, *, call, number, report, sip=None):
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await super().place_call(account, call=call, number=number, report=report, sip=sip)

    async def consult(self, account, call, *, consultation, number, report, sip=None):
        await self.place_call(account, call=consultation, number=number, report=report, sip=sip)


class BrokenProvider(DummyProvider):
    """Has a defect."""

    async def hold(self, account, call, *, sip=None):
        raise KeyError("defect")


class Bridge:
    """The parts of a bridge around its pump, without leases and signals."""

    def __init__(self, provider, **options):
        self.provider = provider
        self.database = Database()
        self.writer = JournalWriter(spool_limit=100)
        self.board = StatusBoard(self.database)
        self.hub = ConnectionHub(room=self.writer.room)
        self.sessions = {}
        self.pump = CommandPump(
            name=options.pop("name", "one"),
            database=self.database,
            writer=self.writer,
            sessions=self.sessions,
            **options,
        )

    async def start(self, *lines):
        self.writer.start()
        self.tasks = [asyncio.create_task(self.board.run()), asyncio.create_task(self.pump.run())]
        for line in lines:
            held = HeldLine(pk=line.pk, provider="default", fingerprint="1")
            session = LineSession(
                held,
                provider=self.provider,
                hub=self.hub,
                writer=self.writer,
                board=self.board,
                database=self.database,
            )
            session.start()
            await aeventually(lambda session=session: session.account)
            self.sessions[line.pk] = session
        self.pump.wake()

    async def stop(self):
        await self.pump.drain(0.0)
        for session in self.sessions.values():
            await session.stop("")
        await self.board.written()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.writer.stop()
        await asyncio.wrap_future(self.writer.finished)
        self.database.close(5)


@pytest.fixture
async def start_bridge():
    """Return `start_bridge(provider, *lines, ...)`: a running pump with its sessions, stopped with the test."""
    running = []

    async def start(provider, *lines, **options):
        bridge = Bridge(provider, **options)
        running.append(bridge)
        await bridge.start(*lines)
        return bridge

    yield start
    for bridge in running:
        await bridge.stop()


@pytest.fixture
async def line():
    return await sync_to_async(make_line)()


def make_line(account="601"):
    user = get_user_model().objects.create(username=f"user-{account}")
    line = Line(provider="default", account=account, extension=account, user=user, status=LineStatus.READY)
    line.set_secrets({"token": "t"})
    line.save()
    return line


def make_call(line, state=CallState.CONNECTED, *, external_id="c1"):
    journal.record(
        [
            CallUpdate(
                provider="default",
                account=line.account,
                external_id=external_id,
                source=Source.SIP,
                observed_at=timezone.now(),
                state=state,
                direction=Direction.INBOUND,
                other=Party(number=PhoneNumber(LONDON)),
            )
        ]
    )
    return Call.objects.get(external_id=external_id)


def make_command(line, action=CommandAction.PLACE, *, call=None, ttl=10.0, **values):
    now = timezone.now()
    if call is None:
        call = journal.open_call(line, PhoneNumber(LONDON), now=now)
    values.setdefault(
        "arguments", {"number": LONDON} if action in {CommandAction.PLACE, CommandAction.TRANSFER} else {}
    )
    return CallCommand.objects.create(
        call=call,
        line=line,
        action=action,
        requested_by=line.user,
        created_at=now,
        expires_at=now + timedelta(seconds=ttl),
        **values,
    )


async def outcome(command):
    """The command when it is over."""

    async def over():
        await command.arefresh_from_db()
        return command.state not in {CommandState.PENDING, CommandState.CLAIMED}

    await aeventually(over, describe="the command is over")
    return command


async def call_of(command):
    return await Call.objects.aget(commands=command)


async def test_a_call_is_placed_and_its_progress_recorded(start_bridge, line):
    command = await sync_to_async(make_command)(line)
    provider = DummyProvider("default", {})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED
    assert command.claimed_by == "one"
    (asked,) = [asked for asked in provider.commands if asked.action == "place_call"]
    assert (asked.account, asked.number) == ("601", LONDON)
    call = await call_of(command)
    assert call.state == CallState.ACCEPTED
    assert call.external_id


@pytest.mark.parametrize(
    ("action", "state", "method"),
    [
        (CommandAction.ANSWER, CallState.RINGING, "answer"),
        (CommandAction.HOLD, CallState.CONNECTED, "hold"),
        (CommandAction.RESUME, CallState.ON_HOLD, "resume"),
        (CommandAction.TRANSFER, CallState.CONNECTED, "transfer"),
        (CommandAction.HANG_UP, CallState.CONNECTED, "hang_up"),
    ],
)
async def test_each_action_asks_the_provider_about_the_right_call(
    start_bridge, line, aeventually, action, state, method
):
    call = await sync_to_async(make_call)(line, state)
    command = await sync_to_async(make_command)(line, action, call=call)
    provider = DummyProvider("default", {})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED
    (asked,) = [asked for asked in provider.commands if asked.action == method]
    assert asked.external_id == "c1"
    assert asked.number == (LONDON if action is CommandAction.TRANSFER else "")


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        (CommandAction.HOLD, CallState.CONNECTED, CallState.ON_HOLD),
        (CommandAction.RESUME, CallState.ON_HOLD, CallState.CONNECTED),
    ],
)
@pytest.mark.parametrize("shown", [True, False], ids=["shown by the provider", "not shown"])
async def test_hold_is_recorded_by_its_command_where_the_provider_does_not_show_it(
    start_bridge, line, action, before, after, shown
):
    call = await sync_to_async(make_call)(line, before)
    command = await sync_to_async(make_command)(line, action, call=call)
    provider = DummyProvider("default", {"without": [] if shown else ["shows_hold"]})
    await start_bridge(provider, line)
    await outcome(command)
    assert (await call_of(command)).state == (before if shown else after)


def make_pair(line, state=CallState.ACCEPTED, *, before=CallState.CONNECTED):
    """A call, and a consultation about it that has come to `state`."""
    held = make_call(line, before)
    call = journal.open_call(line, PhoneNumber("602"), now=timezone.now(), consultation_of=held)
    if state is not CallState.REQUESTED:
        update = CallUpdate(
            provider="default",
            account=line.account,
            external_id="c2",
            call=call.pk,
            source=Source.SIP,
            observed_at=timezone.now(),
            state=state,
        )
        journal.record([update])
        call.refresh_from_db()
    return held, call


@pytest.mark.parametrize("shown", [True, False], ids=["hold is shown by the provider", "hold is not shown"])
async def test_asking_before_a_transfer_holds_the_call_and_places_another(start_bridge, line, shown):
    held, call = await sync_to_async(make_pair)(line, CallState.REQUESTED)
    command = await sync_to_async(make_command)(line, CommandAction.CONSULT, call=call, arguments={"number": "602"})
    provider = DummyProvider("default", {"without": [] if shown else ["shows_hold"]})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED
    (asked,) = [asked for asked in provider.commands if asked.action == "consult"]
    assert (asked.external_id, asked.number) == ("c1", "602")
    await held.arefresh_from_db()
    await call.arefresh_from_db()
    assert (held.state, call.state) == (CallState.CONNECTED if shown else CallState.ON_HOLD, CallState.ACCEPTED)
    assert call.consultation_of_id == held.pk


async def test_whom_nobody_can_reach_leaves_the_caller_on_hold(start_bridge, line):
    held, call = await sync_to_async(make_pair)(line, CallState.REQUESTED)
    command = await sync_to_async(make_command)(line, CommandAction.CONSULT, call=call, arguments={"number": "602"})
    provider = DummyProvider("default", {"without": ["shows_hold"]})
    provider.fail("consult", PhoneNotRegistered("Nobody is there."))
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.FAILED
    await held.arefresh_from_db()
    await call.arefresh_from_db()
    assert (held.state, call.state, call.cause) == (CallState.ON_HOLD, CallState.CANCEL, "Nobody is there.")


async def test_nobody_is_asked_about_a_call_that_has_ended_meanwhile(start_bridge, line):
    _held, call = await sync_to_async(make_pair)(line, CallState.REQUESTED, before=CallState.HANGUP)
    command = await sync_to_async(make_command)(line, CommandAction.CONSULT, call=call, arguments={"number": "602"})
    provider = DummyProvider("default", {})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.FAILED
    assert not [asked for asked in provider.commands if asked.action == "consult"]
    assert (await call_of(command)).end_reason == EndReason.CANCELLED


async def test_a_completed_transfer_joins_the_conversations_and_ends_as_transferred(start_bridge, line):
    held, call = await sync_to_async(make_pair)(line, CallState.CONNECTED, before=CallState.ON_HOLD)
    asked_of = await sync_to_async(make_line)("602")

    def leg_of_who_was_asked():
        journal.record(
            [
                CallUpdate(
                    provider="default",
                    account=asked_of.account,
                    external_id="leg",
                    conversation_id="c2",
                    source=Source.SIP,
                    observed_at=timezone.now(),
                    state=CallState.CONNECTED,
                    direction=Direction.INBOUND,
                )
            ]
        )

    await sync_to_async(leg_of_who_was_asked)()
    command = await sync_to_async(make_command)(
        line, CommandAction.COMPLETE, call=held, arguments={"consultation": call.pk}
    )
    provider = DummyProvider("default", {})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED
    (asked,) = [asked for asked in provider.commands if asked.action == "complete_transfer"]
    assert (asked.external_id, asked.consultation) == ("c1", "c2")
    assert set(await sync_to_async(list)(Call.objects.values_list("conversation_id", flat=True))) == {"c1"}
    for name in ("c1", "c2"):
        update = provider.update(account=line.account, external_id=name, state=CallState.HANGUP)
        await sync_to_async(journal.record)([update])
    await held.arefresh_from_db()
    await call.arefresh_from_db()
    assert (held.end_reason, call.end_reason) == (EndReason.TRANSFERRED, EndReason.COMPLETED)
    assert await sync_to_async(lambda: Call.objects.conversations().get().leg_count)() == 3


@pytest.mark.parametrize("shown", [True, False], ids=["hold is shown by the provider", "hold is not shown"])
async def test_who_returns_to_the_caller_ends_the_consultation_and_talks_again(start_bridge, line, shown):
    held, call = await sync_to_async(make_pair)(line, CallState.RINGING, before=CallState.ON_HOLD)
    command = await sync_to_async(make_command)(
        line, CommandAction.RETURN, call=held, arguments={"consultation": call.pk}
    )
    provider = DummyProvider("default", {"without": [] if shown else ["shows_hold"]})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED
    assert [(asked.action, asked.external_id) for asked in provider.commands if asked.external_id] == [
        ("hang_up", "c2"),
        ("resume", "c1"),
    ]
    await held.arefresh_from_db()
    assert held.state == (CallState.ON_HOLD if shown else CallState.CONNECTED)
    assert held.conversation_id != call.conversation_id


async def test_who_returns_while_the_other_phone_is_still_being_called_takes_that_back(start_bridge, line):
    held, call = await sync_to_async(make_pair)(line, CallState.REQUESTED)
    consult = await sync_to_async(make_command)(line, CommandAction.CONSULT, call=call, arguments={"number": "602"})
    provider = SlowProvider("default", {})
    bridge = await start_bridge(provider, line)
    await aeventually(lambda: bridge.pump.in_flight == 1)
    back = await sync_to_async(make_command)(line, CommandAction.RETURN, call=held, arguments={"consultation": call.pk})
    bridge.pump.wake()
    assert (await outcome(back)).state == CommandState.SUCCEEDED
    assert (await outcome(consult)).state == CommandState.FAILED
    assert provider.cancelled
    assert (await call_of(consult)).end_reason == EndReason.CANCELLED
    assert [asked.action for asked in provider.commands if asked.external_id] == ["resume"]


async def test_a_refusal_cancels_the_call_with_its_cause(start_bridge, line):
    command = await sync_to_async(make_command)(line)
    provider = DummyProvider("default", {})
    provider.fail("place_call", PhoneNotRegistered("No phone of yours is registered."))
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.FAILED
    assert command.message == "No phone of yours is registered."
    call = await call_of(command)
    assert (call.state, call.end_reason) == (CallState.CANCEL, EndReason.UNREACHABLE)
    assert call.cause == "No phone of yours is registered."


async def test_dead_credentials_show_on_the_line(start_bridge, line):
    command = await sync_to_async(make_command)(line)
    provider = DummyProvider("default", {})
    provider.fail("place_call", AuthenticationFailed("Log in again."))
    await start_bridge(provider, line)
    await outcome(command)

    async def shown():
        await line.arefresh_from_db()
        return (line.status, line.status_text) == (LineStatus.ERROR, "Log in again.")

    await aeventually(shown)


async def test_commands_of_lines_that_others_hold_are_left_alone(start_bridge, line):
    other = await sync_to_async(make_line)("602")
    theirs, ours = [await sync_to_async(make_command)(a_line) for a_line in (other, line)]
    await start_bridge(DummyProvider("default", {}), line)
    await outcome(ours)
    await theirs.arefresh_from_db()
    assert theirs.state == CommandState.PENDING


async def test_a_command_whose_time_is_over_never_dials(start_bridge, line):
    command = await sync_to_async(make_command)(line, ttl=-0.001)
    provider = DummyProvider("default", {})
    await start_bridge(provider, line)
    assert (await outcome(command)).state == CommandState.EXPIRED
    assert not [asked for asked in provider.commands if asked.action == "place_call"]
    assert (await call_of(command)).state == CallState.CANCEL


async def test_two_bridges_that_both_believe_to_hold_a_line_run_each_command_once(start_bridge, line):
    commands = [await sync_to_async(make_command)(line) for _number in range(12)]
    provider = DummyProvider("default", {})
    await asyncio.gather(*(start_bridge(provider, line, name=name) for name in ("one", "two")))
    for command in commands:
        assert (await outcome(command)).state == CommandState.SUCCEEDED
    assert len([asked for asked in provider.commands if asked.action == "place_call"]) == len(commands)


async def test_a_slow_command_holds_up_no_other(start_bridge, line):
    provider = SlowProvider("default", {})
    bridge = await start_bridge(provider, line)
    slow = await sync_to_async(make_command)(line)
    bridge.pump.wake()
    await aeventually(lambda: bridge.pump.in_flight == 1)
    call = await sync_to_async(make_call)(line)
    quick = await sync_to_async(make_command)(line, CommandAction.HOLD, call=call)
    bridge.pump.wake()
    assert (await outcome(quick)).state == CommandState.SUCCEEDED
    assert bridge.pump.busy_lines == {line.pk}
    provider.go.set()
    assert (await outcome(slow)).state == CommandState.SUCCEEDED


async def test_a_command_that_nobody_nudged_about_is_found_by_the_sweep(start_bridge, line):
    await start_bridge(DummyProvider("default", {}), line)
    command = await sync_to_async(make_command)(line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED


async def test_a_defect_of_a_provider_is_told_and_stops_nothing(start_bridge, line, aeventually, caplog):
    call = await sync_to_async(make_call)(line)
    broken = await sync_to_async(make_command)(line, CommandAction.HOLD, call=call)
    fine = await sync_to_async(make_command)(line, CommandAction.HANG_UP, call=call)
    await start_bridge(BrokenProvider("default", {}), line)
    assert (await outcome(broken)).state == CommandState.FAILED
    assert "went wrong on our side" in broken.message
    assert (await outcome(fine)).state == CommandState.SUCCEEDED
    assert "failed by a defect" in caplog.text


async def test_a_provider_that_does_not_answer_is_given_up(start_bridge, line):
    provider = SlowProvider("default", {})
    command = await sync_to_async(make_command)(line)
    await start_bridge(provider, line, time_limits=TIME_LIMITS | {CommandAction.PLACE: 0.05})
    assert (await outcome(command)).state == CommandState.FAILED
    assert "did not answer in time" in command.message
    assert provider.cancelled


async def test_what_a_provider_cannot_do_is_said(start_bridge, line):
    call = await sync_to_async(make_call)(line)
    command = await sync_to_async(make_command)(line, CommandAction.HOLD, call=call)
    await start_bridge(DummyProvider("default", {"without": ["supports_hold"]}), line)
    assert (await outcome(command)).state == CommandState.FAILED
    assert "hold is not among its capabilities" in command.message


async def test_hanging_up_takes_back_a_call_that_is_still_being_placed(start_bridge, line):
    provider = SlowProvider("default", {})
    bridge = await start_bridge(provider, line)
    placing = await sync_to_async(make_command)(line)
    bridge.pump.wake()
    await aeventually(lambda: bridge.pump.in_flight == 1)
    hang_up = await sync_to_async(make_command)(line, CommandAction.HANG_UP, call=await call_of(placing))
    bridge.pump.wake()
    assert (await outcome(hang_up)).state == CommandState.SUCCEEDED
    assert (await outcome(placing)).state == CommandState.FAILED
    assert provider.cancelled
    call = await call_of(placing)
    assert (call.state, call.end_reason) == (CallState.CANCEL, EndReason.CANCELLED)


async def test_hanging_up_a_call_that_has_a_name_while_it_is_placed_ends_it_and_stops_placing(start_bridge, line):
    provider = SlowProvider("default", {})
    bridge = await start_bridge(provider, line)
    placing = await sync_to_async(make_command)(line)
    bridge.pump.wake()
    await aeventually(lambda: bridge.pump.in_flight == 1)
    await sync_to_async(Call.objects.filter(pk=placing.call_id).update)(external_id="c7", state=CallState.RINGING)
    hang_up = await sync_to_async(make_command)(line, CommandAction.HANG_UP, call=await call_of(placing))
    bridge.pump.wake()
    assert (await outcome(hang_up)).state == CommandState.SUCCEEDED
    assert [asked.external_id for asked in provider.commands if asked.action == "hang_up"] == ["c7"]
    assert (await outcome(placing)).state == CommandState.FAILED
    assert provider.cancelled
    assert (await call_of(placing)).end_reason == EndReason.CANCELLED


# --- what another bridge left -----------------------------------------------------------------------------------------


def leave_claimed(line, *, by, alive, state=None):
    """A place command that the bridge `by` claimed a while ago, and that bridge."""
    now = timezone.now()
    heartbeat = now if alive else now - timedelta(minutes=5)
    BridgeInstance.objects.create(name=by, started_at=heartbeat, heartbeat_at=heartbeat)
    command = make_command(line, state=CommandState.CLAIMED, claimed_by=by, claimed_at=now - timedelta(seconds=30))
    if state is not None:
        Call.objects.filter(pk=command.call_id).update(state=state, external_id="seen")
    return command


async def sweep(bridge, line):
    """Look for left commands, as if the line had been held for long."""
    session = bridge.sessions[line.pk]
    session._began -= 3600
    bridge.pump.wake()


async def test_a_command_that_a_dead_bridge_had_begun_is_given_up_not_repeated(start_bridge, line):
    command = await sync_to_async(leave_claimed)(line, by="dead", alive=False)
    provider = DummyProvider("default", {})
    await sweep(await start_bridge(provider, line), line)
    assert (await outcome(command)).state == CommandState.FAILED
    assert "Look at your phone" in command.message
    assert (await call_of(command)).state == CallState.CANCEL
    assert not [asked for asked in provider.commands if asked.action == "place_call"]


async def test_a_call_that_a_dead_bridge_had_placed_goes_on(start_bridge, line):
    command = await sync_to_async(leave_claimed)(line, by="dead", alive=False, state=CallState.RINGING)
    await sweep(await start_bridge(DummyProvider("default", {}), line), line)
    assert (await outcome(command)).state == CommandState.SUCCEEDED
    assert (await call_of(command)).state == CallState.RINGING


async def test_a_command_of_a_bridge_that_lives_is_left_to_it(start_bridge, line):
    theirs = await sync_to_async(leave_claimed)(line, by="other", alive=True)
    bridge = await start_bridge(DummyProvider("default", {}), line)
    await sweep(bridge, line)
    ours = await sync_to_async(make_command)(line)
    await sweep(bridge, line)
    await outcome(ours)
    await theirs.arefresh_from_db()
    assert theirs.state == CommandState.CLAIMED


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_draining_waits_for_what_is_under_way_and_claims_nothing_more(start_bridge, line):
    provider = SlowProvider("default", {})
    bridge = await start_bridge(provider, line)
    under_way = await sync_to_async(make_command)(line)
    bridge.pump.wake()
    await aeventually(lambda: bridge.pump.in_flight == 1)
    draining = asyncio.create_task(bridge.pump.drain(10.0))
    await asyncio.sleep(0)
    # A look that had begun before may still find something.
    await aeventually(lambda: not bridge.pump._sweeping.locked())
    late = await sync_to_async(make_command)(line)
    bridge.pump.wake()
    provider.go.set()
    assert await draining == 0
    assert (await outcome(under_way)).state == CommandState.SUCCEEDED
    await late.arefresh_from_db()
    assert late.state == CommandState.PENDING


async def test_what_outlasts_the_drain_time_is_cancelled_and_told(start_bridge, line):
    provider = SlowProvider("default", {})
    bridge = await start_bridge(provider, line)
    command = await sync_to_async(make_command)(line)
    bridge.pump.wake()
    await aeventually(lambda: bridge.pump.in_flight == 1)
    assert await bridge.pump.drain(0.01) == 1
    assert (await outcome(command)).state == CommandState.FAILED
    assert "restarted while it carried out your request" in command.message
    assert provider.cancelled


async def test_a_line_without_a_session_is_not_claimed_for(start_bridge, line):
    command = await sync_to_async(make_command)(line, ttl=1.0)
    provider = DummyProvider("default", {})
    await start_bridge(provider)
    assert (await outcome(command)).state == CommandState.EXPIRED
    assert provider.commands == []
