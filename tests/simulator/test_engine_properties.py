"""Whatever people do with their phones, in any order: no leg ends twice, nobody stays on the line alone."""

from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_voipcti.simulator import Change, Engine, EngineError, ManualClock, demo_scenario

USERS = ["601", "602", "603"]
TARGETS = [*USERS, "700", "800", "900", "#123", "447700900999"]

steps = st.one_of(
    st.tuples(st.just("call_in"), st.sampled_from([*USERS, "700", "800"])),
    st.tuples(st.sampled_from(["click", "dial", "transfer"]), st.sampled_from(USERS), st.sampled_from(TARGETS)),
    st.tuples(
        st.sampled_from(["answer", "decline", "hold", "resume", "hang_up", "register", "unregister"]),
        st.sampled_from(USERS),
    ),
    st.tuples(st.sampled_from(["they_answer", "they_decline", "they_hang_up"]), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 12, 40])),
)


def perform(engine: Engine, clock: ManualClock, step: tuple) -> None:
    """Do one step; the platform refuses what does not fit."""
    action, first, *rest = step
    with suppress(EngineError):
        if action == "call_in":
            engine.call_from_outside("447700900123", first)
        elif action == "click":
            engine.place_call(first, *rest)
        elif action == "wait":
            clock.advance(first)
        elif action.startswith("they_"):
            if first < len(engine.outside_calls):
                getattr(engine, action.removeprefix("they_"))(engine.outside_calls[first])
        else:
            getattr(engine.phone(first), action)(*rest)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=40), st.booleans())
@example([("dial", "601", "602"), ("answer", "602"), ("transfer", "602", "603")], True)
def test_every_conversation_comes_to_its_end_once(story, shared_call_ids):
    clock = ManualClock()
    engine = Engine(demo_scenario(), clock=clock, first_id=1)
    engine.behaviour.shared_call_ids = shared_call_ids
    begun, ended = [], []
    engine.observers.append(lambda leg, change: begun.append(leg) if change is Change.INITIAL else None)
    engine.observers.append(lambda leg, change: ended.append(leg) if change is Change.ENDED else None)
    for step in story:
        perform(engine, clock, step)
        assert all(leg.live for leg in engine.legs())
        assert all(call.live and call.conversation in engine.conversations for call in engine.outside_calls)
        assert all(conversation.live for conversation in engine.conversations)
    clock.advance(200)
    while engine.conversations:
        caller = engine.conversations[0].caller
        assert caller is not None
        engine.hang_up(caller)
    assert engine.legs() == engine.outside_calls == []
    assert sorted(map(id, ended)) == sorted(map(id, begun))
    assert len({leg.dialog_id for leg in begun}) == len(begun)
