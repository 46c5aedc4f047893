"""What the host knows about a caller: registering blocks, their budgets, and what a failure of one leaves."""

import asyncio
import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy, override

from django_voipcti import context_blocks
from django_voipcti.context_blocks import Answer, BlockState, Fact
from tests.test_callers import user_with
from tests.testapp.models import Company, Contact


@pytest.fixture
def block():
    """`block(function, key, **options)` registers a block of contacts for this test."""
    keys = []

    def register(function, key="one", model="testapp.Contact", **options):
        context_blocks.register(model, key, title=key.title(), **options)(function)
        keys.append(key)

    yield register
    for key in keys:
        context_blocks.unregister(key)


async def told(record=None, user=None):
    """What a page is told, in order: key and answer."""
    record = record or Contact(name="Grace")
    heard = []

    async def tell(block, answer):
        heard.append((block.key, answer))

    blocks = context_blocks.for_record(record, user)
    await context_blocks.stream(blocks, record, user=user, call=None, tell=tell)
    return heard


class TestRegistering:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"model": "testapp.Nobody"}, "is no model"),
            ({"model": "nonsense"}, "is no model"),
            ({"budget": 0}, "above 0 and at most 10"),
            ({"budget": 11}, "above 0 and at most 10"),
        ],
    )
    def test_mistakes_are_found_at_once(self, block, options, words):
        with pytest.raises(ImproperlyConfigured, match=words):
            block(str, **options)

    def test_a_key_is_taken_once(self, block):
        block(str)
        with pytest.raises(ImproperlyConfigured, match="already"):
            context_blocks.register(Contact, "one", title="Again")

    def test_blocks_are_for_their_model_and_for_users_with_the_permission(self, block, db):
        block(str, "all")
        block(str, "few", permission="testapp.view_company")
        block(str, "firms", model=Company)

        def keys(*permissions):
            user = user_with(f"u{len(permissions)}", *permissions)
            return [each.key for each in context_blocks.for_record(Contact(), user)]

        assert keys() == ["all"]
        assert keys("view_company") == ["all", "few"]


class TestAnswers:
    @pytest.mark.parametrize(
        ("value", "answer"),
        [
            (None, Answer(state=BlockState.EMPTY)),
            ([], Answer(state=BlockState.EMPTY)),
            ("  ", Answer(state=BlockState.EMPTY)),
            (" Pays late. ", Answer(state=BlockState.READY, text="Pays late.")),
            (0, Answer(state=BlockState.READY, text="0")),
            ("x" * 301, Answer(state=BlockState.READY, text="x" * 300)),
            ([Fact(label="a", value=3)], Answer(state=BlockState.READY, facts=(Fact(label="a", value="3"),))),
        ],
    )
    async def test_facts_a_text_or_nothing(self, block, value, answer):
        block(lambda record, *, user, call: value)
        assert await told() == [("one", answer)]

    async def test_twelve_facts_are_enough_and_no_more_are_asked_for(self, block):
        asked = []

        def facts(record, **_about):
            for number in range(100):
                asked.append(number)
                yield Fact(label=str(number))

        block(facts)
        [(_key, answer)] = await told()
        assert len(answer.facts) == 12
        assert len(asked) <= 13

    async def test_lazy_texts_are_said_in_the_language_of_the_page(self, block):
        block(lambda record, **_about: [Fact(label=gettext_lazy("Monday"))])
        with override("de"):
            [(_key, answer)] = await told()
        assert answer.facts == (Fact(label="Montag"),)

    async def test_a_coroutine_function_will_do(self, block):
        async def later(record, **_about):
            await asyncio.sleep(0)
            return record.name

        block(later)
        assert await told() == [("one", Answer(state=BlockState.READY, text="Grace"))]


class TestBudgets:
    async def test_each_is_told_when_it_is_there_whatever_stands_before_it(self, block):
        second_is_told = threading.Event()
        block(lambda record, **_about: "first" if second_is_told.wait(5) else None, "first", budget=5)
        block(lambda record, **_about: "second", "second")
        heard = []

        async def tell(block, answer):
            heard.append(answer.text)
            second_is_told.set()

        record = Contact()
        blocks = context_blocks.for_record(record, None)
        await context_blocks.stream(blocks, record, user=None, call=None, tell=tell)
        assert heard == ["second", "first"]

    async def test_one_that_is_late_and_one_that_fails_hold_up_no_other(self, block, caplog):
        free = threading.Event()

        async def sleeper(record, **_about):
            await asyncio.Event().wait()

        block(lambda record, **_about: free.wait(10), "thread", budget=0.05)
        block(sleeper, "coroutine", budget=0.05)
        block(lambda record, **_about: 1 / 0, "broken")
        block(lambda record, **_about: "here", "fine")
        heard = {key: answer.state for key, answer in await told()}
        free.set()
        assert heard == {"thread": "late", "coroutine": "late", "broken": "failed", "fine": "ready"}
        assert "the context block broken failed: ZeroDivisionError" in caplog.text
        assert "the context block thread took longer than 0.05 s" in caplog.text

    async def test_one_that_hangs_does_not_take_all_threads(self, block, caplog):
        free = threading.Event()
        block(lambda record, **_about: free.wait(10), "hangs", budget=0.05)
        try:
            for _time in range(4):
                assert [answer.state for _key, answer in await told()] == ["late"]
            assert "the context block hangs is not asked: earlier ones still run" in caplog.text
            block(lambda record, **_about: "here", "fine")
            assert dict(await told())["fine"].text == "here"
        finally:
            free.set()
