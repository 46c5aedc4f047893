"""Who is calling, said by people on their pages: chosen, forgotten, attached, searched for, entered.

Driven over the page's socket, with the records of the test host and the permissions of Django.
"""

import time

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from kombu.exceptions import OperationalError

from django_voipcti import callers, journal, phonebook
from django_voipcti.models import Call, PhonebookChoice, PopRule
from tests.celery_app import app as celery_app
from tests.journal.conftest import said
from tests.test_consumers import make_line, opened
from tests.testapp.models import Company, Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

NUMBER = "+442079460123"
record = sync_to_async(journal.record)


def user_with(name, *permissions):
    user = get_user_model().objects.create_user(name, password="x")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def ana(db):
    user = user_with("ana", "view_contact", "view_company", "add_contact")
    make_line(user)
    return user


@pytest.fixture
def stranger(db):
    """An agent who may not view contacts."""
    user = user_with("cy")
    make_line(user, "603")
    return user


@pytest.fixture
def family(db):
    return [Contact.objects.create(name=name, phone=NUMBER) for name in ("Grace", "Vincent")]


def run(task, *arguments):
    """Carry out a task as a worker does."""
    return celery_app.tasks[task].apply(args=arguments).get()


async def ring(page, **facts):
    await record([said("RINGING", 0, **facts)])
    return (await page.hear())["call"]


def target(match):
    return {"model": match["model"], "objectId": match["objectId"]}


# --- choosing ---------------------------------------------------------------------------------------------------------


async def test_a_choice_among_several_is_told_kept_and_forgotten(ana, family):
    async with opened(ana) as page, opened(ana) as laptop:
        call = await ring(page)
        assert [match["label"] for match in call["matches"]] == ["Grace", "Vincent"]
        assert (call["contact"]["label"], call["learned"]) == ("Grace", False)
        await laptop.hear()
        reply, told = await page.ask("choose", call=call["id"], **target(call["matches"][1]))
        assert (reply["ok"], reply["data"]) == (True, {})
        changed = (told[0] if told else await page.hear())["call"]
        assert changed == (await laptop.hear())["call"]
        assert (changed["contact"]["label"], changed["contact"]["confidence"], changed["learned"]) == (
            "Vincent",
            "learned",
            True,
        )
        assert [match["label"] for match in changed["matches"]] == ["Vincent", "Grace"]
        assert (await Call.objects.aget()).contact_label == "Vincent"
        # The next call of the number, and a page that is opened later, know it too.
        later = await ring(page, call="c2")
        assert (later["contact"]["label"], later["learned"]) == ("Vincent", True)
        async with opened(ana) as third:
            assert [shown["learned"] for shown in third.snapshot["calls"]] == [True, True]
        _reply, told = await page.ask("forget", call=later["id"])
        forgotten = (told[0] if told else await page.hear())["call"]
        assert (forgotten["contact"]["label"], forgotten["learned"]) == ("Grace", False)
        assert not await PhonebookChoice.objects.aexists()


async def test_a_colleagues_choice_counts_but_is_not_ones_own(ana, family):
    ben = await sync_to_async(user_with)("ben", "view_contact")
    await sync_to_async(make_line)(ben, "602")
    async with opened(ana) as page, opened(ben) as other:
        call = await ring(page)
        await page.ask("choose", call=call["id"], **target(call["matches"][1]))
        seen = await ring(other, line="602", call="c2")
        assert (seen["contact"]["label"], seen["learned"]) == ("Vincent", False)
        assert "ana" in seen["matches"][0]["reason"]


async def test_what_cannot_be_chosen_is_refused(ana, stranger, family):
    grace, _vincent = family
    company = await Company.objects.acreate(name="Acme", phone=NUMBER)
    own = {"model": "testapp.contact", "objectId": str(grace.pk)}
    async with opened(ana) as page, opened(stranger) as other:
        call = await ring(page)
        for wrong in (
            {**own, "objectId": "999999"},
            {**own, "objectId": "no number"},
            {**own, "objectId": ""},
            {**own, "objectId": "9" * 40},
            {**own, "model": "testapp.company", "objectId": str(company.pk)},  # not registered
            {**own, "model": "django_voipcti.line", "objectId": "1"},
            {**own, "model": "auth.user", "objectId": str(ana.pk)},
        ):
            assert await page.refusal("choose", call=call["id"], **wrong) == ("ERROR", "unknown_record")
            assert await page.refusal("attach", call=call["id"], **wrong) == ("ERROR", "unknown_record")
        for action in ("choose", "attach"):
            assert await page.refusal(action, call="999", **own) == ("ERROR", "unknown_call")
            assert await other.refusal(action, call=call["id"], **own) == ("ERROR", "unknown_call")
        theirs = await ring(other, line="603", call="c3")
        assert await other.refusal("choose", call=theirs["id"], **own) == ("ERROR", "unknown_record")
        withheld = await ring(page, call="c2", number="anonymous")
        for action in ("choose", "attach"):
            assert await page.refusal(action, call=withheld["id"], **own) == ("ERROR", "invalid_number")
        assert await page.refusal("forget", call=withheld["id"]) == ("ERROR", "invalid_number")
        internal = await ring(page, call="c4", number="603")
        assert await page.refusal("choose", call=internal["id"], **own) == ("ERROR", "invalid_number")
    assert not await PhonebookChoice.objects.aexists()


# --- attaching --------------------------------------------------------------------------------------------------------


async def test_a_number_is_attached_for_everybody_and_earlier_calls_are_linked(ana):
    grace = await Contact.objects.acreate(name="Grace")
    past = [said("RINGING", n, call=f"p{n}") for n in range(3)] + [said("HANGUP", n, call=f"p{n}") for n in range(3)]
    await record(past)
    async with opened(ana) as page:
        call = await ring(page)
        assert (call["contact"], call["matches"]) == (None, [])
        reply, told = await page.ask("attach", call=call["id"], model="testapp.contact", objectId=str(grace.pk))
        assert reply["data"] == {"linked": 3}
        changed = (told[0] if told else await page.hear())["call"]
        assert (changed["contact"]["label"], changed["learned"], changed["create"]) == ("Grace", False, [])
    assert await sync_to_async(run)("voipcti.link_earlier_calls", int(call["id"])) == 3
    assert await sync_to_async(Call.objects.for_object(grace).count)() == 4
    assert await sync_to_async(run)("voipcti.link_earlier_calls", int(call["id"])) == 0
    assert await sync_to_async(run)("voipcti.link_earlier_calls", 999_999) == 0
    await Contact.objects.aget(pk=grace.pk, phone="", mobile="")  # the record itself is not changed


async def test_suggestions_are_what_the_user_may_view(ana, stranger):
    await Contact.objects.acreate(name="Grace Hopper")
    await Contact.objects.acreate(name="Gracchus")
    async with opened(ana) as page, opened(stranger) as other:
        reply, _told = await page.ask("suggest", text="grac hop")
        assert [found["label"] for found in reply["data"]["records"]] == ["Grace Hopper"]
        assert (await page.ask("suggest", text="g"))[0]["data"] == {"records": []}
        assert (await other.ask("suggest", text="grace"))[0]["data"] == {"records": []}


async def test_permissions_that_are_taken_away_count_at_once_for_what_is_asked(ana):
    await Contact.objects.acreate(name="Grace")
    async with opened(ana) as page:
        assert (await page.ask("suggest", text="grace"))[0]["data"]["records"]
        await ana.user_permissions.aclear()
        assert (await page.ask("suggest", text="grace"))[0]["data"] == {"records": []}


# --- new records ------------------------------------------------------------------------------------------------------


async def test_a_record_that_is_entered_while_it_rings_appears_in_the_pop(ana):
    await record([said("RINGING", 0, call="past"), said("HANGUP", 3, call="past")])
    async with opened(ana) as page:
        call = await ring(page)
        assert call["contact"] is None
        grace = await Contact.objects.acreate(name="Grace", phone="+44 (0)20 7946 0123")
        # What the worker does with the task that saving the record started.
        kind = (await sync_to_async(ContentType.objects.get_for_model)(Contact)).pk
        assert await sync_to_async(run)("voipcti.link_records", kind, [str(grace.pk)]) == 1
        message = await page.hear()
        assert (message["type"], message["call"]["contact"]["label"]) == ("call", "Grace")
    assert await sync_to_async(Call.objects.for_object(grace).count)() == 2


@pytest.fixture
def sent(monkeypatch):
    """Keys of records that were handed to the broker, by model."""
    keys = []

    def send_task(_app, name, args, **options):
        assert (name, options) == (callers.LINK_RECORDS_TASK, {"retry": False})
        keys.extend((args[0], key) for key in args[1])

    monkeypatch.setattr(type(celery_app), "send_task", send_task)
    return keys


def test_saving_a_record_with_a_number_starts_the_linking_of_its_calls(ana, outbox, sent, eventually):
    kind = ContentType.objects.get_for_model(Contact).pk
    grace = Contact.objects.create(name="Grace", phone="+442079460123")
    Contact.objects.create(name="Numberless")
    grace.save()
    make_line(ana, "604")  # our own lines are no callers
    eventually(lambda: sent == [(kind, str(grace.pk))])
    with transaction.atomic():
        ada = Contact.objects.create(name="Ada", phone="+442079460124")
        assert len(sent) == 1  # not before it is committed
    Contact.objects.bulk_create([Contact(name=f"C{n}", phone=f"+442079460{n:03}") for n in range(700)])
    many = list(Contact.objects.filter(name__startswith="C"))
    phonebook.refresh(many)
    eventually(lambda: {key for _kind, key in sent[1:]} == {str(ada.pk), *(str(each.pk) for each in many)})
    assert len(sent) == 702


def test_a_save_does_not_wait_for_a_broker_that_is_away(ana, outbox, monkeypatch, caplog, eventually):
    tries = []

    def send_task(*_args, **_options):
        tries.append(time.monotonic())
        raise OperationalError("connection refused")

    monkeypatch.setattr(type(celery_app), "send_task", send_task)
    Contact.objects.create(name="Grace", phone="+442079460123")
    eventually(lambda: "No broker for voipcti.link_records" in caplog.text)
    for number in range(50):
        Contact.objects.create(name=f"C{number}", phone=f"+4420794602{number:02}")
    assert len(tries) <= 1 + int(time.monotonic() - tries[0]), "once a second"


def test_calls_of_every_listed_number_can_be_linked_at_once(ana):
    journal.record([said("RINGING", n, call=f"c{n}", number=f"+44207946010{n}") for n in range(4)])
    Contact.objects.bulk_create([Contact(name=f"C{n}", phone=f"+44 20 7946 010{n}") for n in range(3)])
    phonebook.refresh(Contact.objects.all())
    assert run("voipcti.link_calls") == 3
    assert sorted(Call.objects.values_list("contact_label", flat=True)) == ["", "C0", "C1", "C2"]


def test_linking_leaves_alone_what_was_linked_meanwhile(ana, family):
    [event] = journal.record([said("RINGING", 0)])
    found = {event.call_id: phonebook.lookup(NUMBER)[1:]}
    assert journal.link(found, only_unlinked=True) == []
    [changed] = journal.link(found)
    assert (changed.contact_label, changed.matches) == ("Vincent", 1)
    assert journal.link(found) == []
    [unlinked] = journal.link({event.call_id: ()})
    assert (unlinked.contact_type_id, unlinked.contact_id, unlinked.contact_label, unlinked.matches) == (
        None,
        "",
        "",
        0,
    )


def test_a_missed_caller_is_called_back_once_both_numbers_are_known_to_be_his(ana):
    journal.record([said("RINGING", 0), said("HANGUP", 5)])
    [event] = journal.record([said("CONNECTED", 20, call="back", number="+442079460999")])
    journal.record([said("HANGUP", 30, call="back", number="+442079460999")])
    missed = Call.objects.exclude(pk=event.call_id).get().missed_calls.get()
    assert missed.closed_at is None
    Contact.objects.create(name="Grace", phone=NUMBER, mobile="+442079460999")
    assert run("voipcti.link_calls") == 2
    missed.refresh_from_db()
    assert missed.closed_by_call_id == event.call_id


# --- permissions ------------------------------------------------------------------------------------------------------

NAMES = ("Grace", "US Navy", "/contacts/")


def told_names(message):
    text = str(message)
    return [name for name in NAMES if name in text]


async def test_who_may_not_view_the_record_hears_of_a_known_contact_everywhere(ana, stranger):
    navy = await Company.objects.acreate(name="US Navy")
    await Contact.objects.acreate(name="Grace", phone=NUMBER, company=navy)
    await PopRule.objects.acreate(name="Open", action="open_record", position=1)
    watch = await Permission.objects.aget(codename="watch_lines")
    await stranger.user_permissions.aadd(watch)
    async with opened(ana) as page, opened(stranger) as watcher:
        await watcher.ask("subscribe", node="user:601")
        own = await ring(page)
        seen = (await watcher.hear())["call"]
        assert told_names(own) == list(NAMES)
        assert own["pop"]["action"] == "open_record"
        assert told_names(seen) == []
        assert (seen["name"], seen["contact"]["label"], seen["contact"]["objectId"]) == ("Known contact",) * 2 + ("",)
        assert [(match["label"], match["objectId"]) for match in seen["matches"]] == [("Known contact", "")]
        assert (seen["pop"]["action"], seen["pop"]["url"]) == ("pop", "")
        # Later events of the call, which carry no matches; replay and snapshot.
        await record([said("RINGING", 5, line="603", call="own")])
        first = await watcher.hear()
        await record([said("CONNECTED", 8, line="603", call="own")])
        later = await watcher.hear()
        assert told_names(first) == told_names(later) == []
        assert later["call"]["contact"]["label"] == "Known contact"
    async with opened(stranger) as page:
        assert told_names(page.snapshot) == []
        _reply, missed = await page.ask("hello", last_event_id=first["id"] - 1)
        assert [message["call"]["name"] for message in missed] == ["Known contact"] * 2
        assert told_names(missed) == []
        assert page.snapshot["calls"][0]["name"] == "Known contact"


def only_the_owner(user, match):
    return match.owner_id == user.pk


async def test_a_host_that_decides_by_record_is_asked_with_the_owner(ana, stranger, settings):
    settings.VOIPCTI = {**settings.VOIPCTI, "MATCH_PERMISSION": only_the_owner}
    await Contact.objects.acreate(name="Grace", phone=NUMBER, owner=stranger)
    async with opened(ana) as page, opened(stranger) as owner:
        assert (await ring(page))["name"] == "Known contact"
        assert (await ring(owner, line="603", call="c2"))["name"] == "Grace"
        # Without matches at hand, too.
        await record([said("CONNECTED", 3), said("CONNECTED", 4, line="603", call="c2")])
        assert (await page.hear())["call"]["name"] == "Known contact"
        assert (await owner.hear())["call"]["name"] == "Grace"
    await Contact.objects.all().adelete()
    async with opened(stranger) as page:  # whose record it was cannot be told any more
        assert [call["name"] for call in page.snapshot["calls"]] == ["Known contact"]


def fails(user, match):
    raise RuntimeError("the host has a bad day")


async def test_a_host_that_fails_costs_the_name_not_the_pop(ana, settings, caplog):
    settings.VOIPCTI = {**settings.VOIPCTI, "MATCH_PERMISSION": fails}
    await Contact.objects.acreate(name="Grace", phone=NUMBER)
    async with opened(ana) as page:
        assert (await ring(page))["name"] == "Known contact"
    assert "bad day" in caplog.text
