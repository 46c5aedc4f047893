"""The provider against the simulator, over real HTTP: what the payload files cannot tell is whether both fit."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.events import CallReference
from django_voipcti.exceptions import (
    AuthenticationFailed,
    CallNotFound,
    PhoneNotRegistered,
    ProviderRejected,
    ProviderUnavailable,
)
from django_voipcti.providers.base import Account, Colleague, SecondFactor
from django_voipcti.providers.voipstudio import VoipStudioProvider
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.simulator import SimulatorSettings
from django_voipcti.simulator.settings import Behaviour
from django_voipcti.testing import Reports, SimulatorThread

ANA, BEN, DORA = "200341", "200342", "200344"
MARY = "447700900123"
PASSWORD = Secret("demo-password")


@pytest.fixture
def simulator():
    with SimulatorThread(SimulatorSettings(time_scale=0.01)) as simulator:
        yield simulator


@pytest.fixture
async def provider(simulator):
    provider = VoipStudioProvider(
        "default", {"api_url": simulator.rest_url, "sip_url": simulator.sip_url, "timeout": 10}
    )
    yield provider
    await provider.aclose()


async def log_in(provider, email="ana@example.test"):
    credentials = await provider.login(username=email, password=PASSWORD)
    return Account(line=1, key=credentials.account, extension=credentials.extension, secrets=dict(credentials.secrets))


@pytest.fixture
async def ana(provider):
    return await log_in(provider)


async def live(provider, account):
    (update,) = await provider.live_calls(account)
    return update


def reference(update):
    return CallReference(external_id=update.external_id, direction=update.direction, state=update.state)


async def history(provider, account):
    now = datetime.now(tz=UTC)
    since, until = now - timedelta(hours=1), now + timedelta(hours=1)
    return [update async for update in provider.history(account, since=since, until=until)]


async def test_a_login_by_password_leaves_a_minted_token(provider, ana):
    assert (ana.key, ana.extension, ana.secrets["token_kind"]) == (ANA, "601", "minted")
    await provider.keep_alive(ana)
    assert "Ana Ruiz" in await provider.check_account(ana)
    await provider.logout(ana)
    with pytest.raises(AuthenticationFailed):
        await provider.keep_alive(ana)


async def test_the_connection_test_goes_from_the_account_to_call_state(provider, ana):
    steps = await provider.probe(ana)
    assert {step.name: str(step.outcome) for step in steps} == {
        "account": "ok",
        "name": "ok",
        "tcp": "ok",
        "tls": "skipped",
        "websocket": "ok",
        "login": "ok",
        "subscription": "ok",
        "notify": "ok",
    }
    wrong = replace(ana, secrets={**ana.secrets, "token": Secret("wrong")})
    (step,) = await provider.probe(wrong)
    assert (step.name, step.failed) == ("account", True)


async def test_a_second_login_replaces_the_token_of_the_first(provider, ana):
    again = await log_in(provider)
    await provider.keep_alive(again)
    with pytest.raises(AuthenticationFailed):
        await provider.keep_alive(ana)


async def test_a_login_by_key(provider):
    for key in ("b0" * 20, f"{BEN}:{'b0' * 20}"):
        credentials = await provider.login_with_key(api_key=Secret(key))
        assert (credentials.account, credentials.secrets["token_kind"]) == (BEN, "minted")
    with pytest.raises(AuthenticationFailed):
        await provider.login_with_key(api_key=Secret("a1" * 20))


async def test_a_login_with_a_second_factor(provider):
    asked = await provider.login(username="dora@example.test", password=PASSWORD)
    assert isinstance(asked, SecondFactor)
    with pytest.raises(AuthenticationFailed):
        await provider.complete_second_factor(code=Secret("000000"), nonce=asked.nonce)
    credentials = await provider.complete_second_factor(code=Secret("123456"), nonce=asked.nonce)
    assert credentials.account == DORA


async def test_a_wrong_password(provider):
    with pytest.raises(AuthenticationFailed, match="Invalid e-mail or password"):
        await provider.login(username="ana@example.test", password=Secret("wrong"))


async def test_the_directory(provider, ana):
    assert Colleague(account=BEN, name="Ben Okafor", extension="602") in await provider.directory(ana)


async def test_a_click_from_the_own_phone_to_the_history(provider, ana, simulator, aeventually):
    reports = Reports()
    click = asyncio.create_task(provider.place_call(ana, call=7, number=PhoneNumber(f"+{MARY}"), report=reports))
    await aeventually(lambda: simulator.do(lambda engine: engine.phone(ANA).request))
    assert reports.states == [CallState.INITIAL]
    simulator.do(lambda engine: engine.phone(ANA).answer())
    await click
    assert reports.states == [CallState.INITIAL, CallState.ACCEPTED]
    placed = await live(provider, ana)
    assert placed.external_id == reports.updates[-1].external_id
    assert (placed.direction, placed.other.number) == (Direction.OUTBOUND, f"+{MARY}")

    await provider.hang_up(ana, reference(placed))
    assert await provider.live_calls(ana) == []
    (ended,) = await history(provider, ana)
    assert (ended.external_id, ended.state, ended.direction) == (
        placed.external_id,
        CallState.HANGUP,
        Direction.OUTBOUND,
    )
    await provider.hang_up(ana, reference(placed))  # it is over already


async def test_an_inbound_call_is_answered_and_transferred(provider, ana, simulator, aeventually):
    simulator.do(lambda engine: engine.call_from_outside(MARY, "601", name="Mary Poppins"))
    ringing = await live(provider, ana)
    assert (ringing.state, ringing.direction, ringing.other.number) == (
        CallState.RINGING,
        Direction.INBOUND,
        f"+{MARY}",
    )
    await provider.answer(ana, reference(ringing))
    assert (await live(provider, ana)).state is CallState.CONNECTED

    await provider.transfer(ana, reference(ringing), number=PhoneNumber("602"))
    assert await provider.live_calls(ana) == []
    ben = await log_in(provider, "ben@example.test")
    assert (await live(provider, ben)).state is CallState.RINGING
    with pytest.raises(CallNotFound):
        await provider.answer(ana, reference(ringing))
    (ended,) = await history(provider, ana)
    assert ended.answered_at is not None


async def test_a_ringing_call_is_declined_by_hanging_up(provider, ana, simulator):
    simulator.do(lambda engine: engine.call_from_outside(MARY, "601"))
    await provider.hang_up(ana, reference(await live(provider, ana)))
    assert await provider.live_calls(ana) == []
    (ended,) = await history(provider, ana)
    assert ended.end_reason in {EndReason.DECLINED, EndReason.MISSED}


async def test_each_end_of_an_internal_call_has_its_own(provider, ana, simulator):
    ben = await log_in(provider, "ben@example.test")
    simulator.do(lambda engine: engine.phone(ANA).dial("602"))
    assert (await live(provider, ana)).direction is Direction.OUTBOUND
    assert (await live(provider, ben)).direction is Direction.INBOUND
    await provider.hang_up(ana, reference(await live(provider, ana)))
    assert [update.direction for update in await history(provider, ana)] == [Direction.OUTBOUND]
    assert [update.direction for update in await history(provider, ben)] == [Direction.INBOUND]


async def test_a_phone_that_is_not_registered(provider, ana, simulator):
    simulator.do(lambda engine: engine.phone(ANA).unregister())
    with pytest.raises(PhoneNotRegistered):
        await provider.place_call(ana, call=7, number=PhoneNumber(f"+{MARY}"), report=Reports())


async def test_the_own_phone_declines_or_nobody_picks_it_up(provider, ana, simulator, aeventually):
    click = asyncio.create_task(provider.place_call(ana, call=7, number=PhoneNumber(f"+{MARY}"), report=Reports()))
    await aeventually(lambda: simulator.do(lambda engine: engine.phone(ANA).request))
    simulator.do(lambda engine: engine.phone(ANA).decline())
    with pytest.raises(ProviderRejected) as caught:
        await click
    assert caught.value.end_reason is EndReason.DECLINED
    with pytest.raises(ProviderRejected) as caught:
        await provider.place_call(ana, call=8, number=PhoneNumber(f"+{MARY}"), report=Reports())
    assert caught.value.end_reason is EndReason.NO_ANSWER


async def test_a_number_that_cannot_be_called(provider, ana):
    with pytest.raises(ProviderRejected) as caught:
        await provider.place_call(ana, call=7, number=PhoneNumber("999"), report=Reports())
    assert (caught.value.status, caught.value.end_reason) == (400, EndReason.REJECTED)


async def test_a_platform_that_is_away_is_no_logout(provider, ana, simulator):
    await provider.keep_alive(ana)
    simulator.run(lambda platform: platform.stop())
    with pytest.raises(ProviderUnavailable):
        await provider.keep_alive(ana)
    simulator.run(lambda platform: platform.start())
    await provider.keep_alive(ana)


async def test_a_recorded_call_can_be_heard(aeventually):
    settings = SimulatorSettings(time_scale=0.01, behaviour=Behaviour(record_calls=True))
    since, until = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    with SimulatorThread(settings) as simulator:
        provider = VoipStudioProvider("default", {"api_url": simulator.rest_url, "sip_url": simulator.sip_url})
        ana = await log_in(provider)
        simulator.do(lambda engine: engine.call_from_outside(MARY, "601"))
        ringing = await live(provider, ana)
        await provider.answer(ana, reference(ringing))
        await provider.hang_up(ana, reference(ringing))

        async def listed():
            return [update async for update in provider.recordings(ana, since=since, until=until)]

        [update] = await aeventually(listed)
        assert update.external_id == ringing.external_id
        sound = await provider.open_recording(ana, update.recording, start=100)
        heard = b"".join([chunk async for chunk in sound.chunks])
        await sound.close()
        await provider.aclose()
    assert (sound.content_type, sound.start, sound.size) == ("audio/mpeg", 0, len(heard))
    assert heard.startswith(b"\xff\xfb"), "a frame of MPEG audio"
