"""Outside directories beside a call: they are asked after the pop is out, and delay and lose nothing."""

import asyncio
import threading
from collections import Counter

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model

from django_voipcti import control, journal, outside, phonebook, realtime
from django_voipcti.bridge.writer import JournalWriter
from django_voipcti.events import Party
from django_voipcti.models import Call
from django_voipcti.phonebook.directories import DirectoryEntry, LookupBackend, directories
from django_voipcti.redaction import PhoneNumber
from tests.journal.conftest import said
from tests.test_callers import user_with
from tests.test_consumers import make_line, opened
from tests.test_realtime import listening
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

NUMBER = "+442079460123"
record = sync_to_async(journal.record)

GATE = threading.Event()
ASKED = Counter()


class Quick(LookupBackend):
    def lookup(self, number):
        ASKED[number.e164] += 1
        return [DirectoryEntry(label="Acme Ltd", company="Acme", url="https://crm.example/acme")]


class Slow(LookupBackend):
    """Answers when the test says so."""

    def lookup(self, number):
        GATE.wait(20)
        return [DirectoryEntry(label="Acme of London"), DirectoryEntry(label="")]


class Broken(LookupBackend):
    def lookup(self, number):
        raise RuntimeError(f"cannot find {number.e164}")


class Nobody(LookupBackend):
    def lookup(self, number):
        ASKED[number.e164] += 1
        return []


@pytest.fixture
def configure(settings):
    GATE.clear()
    ASKED.clear()

    def configure(*backends, budget=5.0):
        made = {each.__name__.lower(): {"BACKEND": f"{__name__}.{each.__name__}"} for each in backends}
        settings.VOIPCTI = {**settings.VOIPCTI, "DIRECTORIES": made, "DIRECTORY_BUDGET": budget}

    yield configure
    GATE.set()
    directories.forget()


@pytest.fixture
def ana(db):
    user = user_with("ana", "view_contact")
    make_line(user)
    return user


def labels(message):
    return [(entry["label"], entry["source"]) for entry in message["call"]["directory"]]


async def test_the_pop_goes_out_at_once_and_answers_follow_it(ana, configure):
    configure(Slow, Quick, budget=0.1)
    async with opened(ana) as page:
        await record([said("RINGING", 0)])
        pop, first = await page.hear(), await page.hear()
        assert (pop["type"], pop["call"]["directory"], pop["call"]["name"]) == ("event", [], "")
        assert (first["type"], first["call"]["id"]) == ("call", pop["call"]["id"])
        assert labels(first) == [("Acme Ltd", "quick")]
        assert first["call"]["name"] == "Acme Ltd"
        GATE.set()
        late = await page.hear()
        assert labels(late) == [("Acme Ltd", "quick"), ("Acme of London", "slow")]
        assert late["call"]["name"] == "Acme Ltd"
        # It is kept: later events, history, and a page that is opened later show it.
        await record([said("CONNECTED", 3)])
        assert len((await page.hear())["call"]["directory"]) == 2
    async with opened(ana) as page:
        [shown] = page.snapshot["calls"]
        assert shown["directory"] == late["call"]["directory"]
        assert shown["directory"][0] == {
            "label": "Acme Ltd",
            "company": "Acme",
            "url": "https://crm.example/acme",
            "source": "quick",
        }
    call = await Call.objects.aget()
    assert (call.known_name, call.contact_type_id) == ("Acme Ltd", None)


async def test_all_that_comes_in_time_is_one_message(ana, configure):
    configure(Quick, Slow)
    GATE.set()
    async with opened(ana) as page:
        await record([said("RINGING", 0)])
        _pop, answers = await page.hear(), await page.hear()
        assert labels(answers) == [("Acme Ltd", "quick"), ("Acme of London", "slow")]
        assert await page.socket.receive_nothing(0.2)


async def test_a_name_that_the_provider_sent_stays(ana, configure):
    configure(Quick)
    async with opened(ana) as page:
        caller = Party(number=PhoneNumber(NUMBER), name="A. C. Me")
        await record([said("RINGING", 0, other=caller)])
        _pop, answer = await page.hear(), await page.hear()
        assert (answer["call"]["name"], labels(answer)) == ("A. C. Me", [("Acme Ltd", "quick")])
        # The number in place of a name is none.
        caller = Party(number=PhoneNumber(NUMBER), name="02079460123")
        await record([said("RINGING", 1, call="c2", other=caller)])
        _pop, answer = await page.hear(), await page.hear()
        assert answer["call"]["name"] == "Acme Ltd"


async def test_a_directory_that_fails_is_logged_without_the_number(ana, configure, caplog, aeventually):
    configure(Broken)
    async with opened(ana) as page:
        await record([said("RINGING", 0)])
        assert (await page.hear())["name"] == "RINGING"
        await aeventually(lambda: "Directory broken failed" in caplog.text)
        assert NUMBER not in caplog.text
        assert await page.is_alive()


async def test_a_directory_that_cannot_be_made_is_logged(ana, configure, settings, caplog, aeventually):
    settings.VOIPCTI = {**settings.VOIPCTI, "DIRECTORIES": {"x": {"BACKEND": "nowhere.Nothing"}}}
    async with opened(ana) as page:
        await record([said("RINGING", 0)])
        assert (await page.hear())["name"] == "RINGING"
        await aeventually(lambda: "cannot be asked: ImproperlyConfigured" in caplog.text)


async def test_they_are_asked_only_about_strangers(ana, configure, aeventually):
    configure(Nobody)
    await Contact.objects.acreate(name="Grace", phone=NUMBER)
    await sync_to_async(phonebook.ignore)("+442079460990")
    ben = await sync_to_async(get_user_model().objects.create_user)("ben")
    await sync_to_async(make_line)(ben, "602")
    await record(
        [
            said("RINGING", 0),
            said("RINGING", 1, call="internal", number="602"),
            said("RINGING", 2, call="withheld", number="anonymous"),
            said("RINGING", 2, call="ignored", number="+442079460990"),
            said("RINGING", 3, call="over", number="+442079460101"),
            said("HANGUP", 4, call="over", number="+442079460101"),
        ]
    )
    # An import of old calls, which no page hears of.
    await sync_to_async(journal.record)([said("RINGING", 5, call="old", number="+442079460102")], tell_pages=False)
    await record([said("RINGING", 6, call="new", number="+442079460103")])
    await aeventually(lambda: ASKED == {"+442079460103": 1})
    # Once for a call, however much is told of it.
    await record([said("CONNECTED", 7, call="new", number="+442079460103")])
    await record([said("RINGING", 8, call="next", number="+442079460104")])
    await aeventually(lambda: ASKED == {"+442079460103": 1, "+442079460104": 1})


async def test_they_are_asked_about_calls_that_one_makes_too(ana, configure, aeventually):
    configure(Nobody)
    await sync_to_async(control.place_call)(ana, "+442079460105")
    await aeventually(lambda: ASKED == {"+442079460105": 1})


async def test_one_caller_at_several_lines_is_one_question(ana, configure):
    configure(Slow, Quick)
    ben = await sync_to_async(get_user_model().objects.create_user)("ben")
    await sync_to_async(make_line)(ben, "602")
    async with opened(ana) as page, opened(ben) as other:
        await record([said("RINGING", 0)])
        await record([said("RINGING", 0, line="602", call="c2")])
        GATE.set()
        for each in (page, other):
            _pop, answer = await each.hear(), await each.hear()
            assert labels(answer) == [("Acme of London", "slow"), ("Acme Ltd", "quick")]
    assert ASKED == {NUMBER: 1}


async def test_more_callers_than_can_be_asked_about_are_left_out(ana, configure, caplog, monkeypatch):
    monkeypatch.setattr(outside, "_MOST_OPEN", 1)
    configure(Slow)
    async with opened(ana) as page:
        await record([said("RINGING", 0), said("RINGING", 1, call="c2", number="+442079460199")])
        assert "too many callers wait" in caplog.text
        GATE.set()
        assert [(await page.hear())["type"] for _time in range(3)] == ["event", "event", "call"]


async def test_an_answer_about_a_call_that_is_gone_is_nobodys(ana, configure, aeventually):
    configure(Slow)
    await record([said("RINGING", 0)])
    await Call.objects.all().adelete()
    GATE.set()
    await aeventually(lambda: not outside._open)
    assert not await Call.objects.aexists()


async def test_in_a_bridge_answers_go_out_through_its_loop(ana, configure, aeventually):
    """The journal writes in a thread of its own, and the pool's thread publishes through the bridge's loop."""
    configure(Quick)
    realtime.bind_loop(asyncio.get_running_loop())
    writer = JournalWriter(spool_limit=10)
    try:
        async with listening(realtime.user_group(ana.pk)) as receive:
            writer.start()
            writer.submit([said("RINGING", 0)])
            pop, answer = await receive(), await receive()
            assert (pop["type"], answer["type"], labels(answer)) == ("event", "call", [("Acme Ltd", "quick")])
    finally:
        writer.stop()
        await asyncio.wrap_future(writer.finished)
        realtime.bind_loop(None)


def test_a_person_is_forgotten_with_what_directories_said(ana, configure, eventually):
    from django_voipcti.calllog.person import Person, erase, export

    configure(Quick)
    journal.record([said("RINGING", 0)])
    eventually(lambda: Call.objects.get().directory)
    journal.record([said("HANGUP", 9)])
    [exported] = [row for kind, row in export(Person(number=NUMBER)) if kind == "call"]
    assert exported["directory"][0]["label"] == "Acme Ltd"
    erase(Person(number=NUMBER))
    call = Call.objects.get()
    assert (call.directory, call.other_name) == ([], "")
