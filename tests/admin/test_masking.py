"""Who may not see complete numbers sees none: on no page of the admin, in no template tag, and in no log."""

import logging
import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse

from django_voipcti import control, journal, notes, trace
from django_voipcti.enums import LineStatus
from django_voipcti.events import Party
from django_voipcti.models import Call, CallTrace
from django_voipcti.redaction import PhoneNumber
from tests.journal.conftest import said
from tests.testapp.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+442079460123"
#: The part that no spelling hides: +44 20 7946 0123, 020 7946 0123, (020) 7946-0123, 00442079460123.
TELLTALE = "7946012"


def digits(text):
    """A page's digits as a reader puts them together: what parts a number's groups is left out."""
    return re.sub(r"(?<=\d)[\s\-()./\u00a0\u202f]+(?=\d)", "", text)


@pytest.fixture
def everything(agents, settings, caplog):
    """A missed call of a stranger, one of a contact, one to him: with raw words, notes, commands, the trace."""
    caplog.set_level(logging.DEBUG)
    settings.VOIPCTI = {**settings.VOIPCTI, "TRACE_POPS": True}
    Contact.objects.create(name="Ada", phone=NUMBER)
    ana = agents[0]
    ana.set_secrets({"token": "t"})
    ana.save()
    ana.set_status(LineStatus.READY)
    stranger = Party(number=PhoneNumber("+442079460124"), name="Bob 020 7946 0124")
    raw = {"caller": NUMBER, "sip": "<sip:+442079460123@pbx.example>", "display": "020 7946 0123"}
    journal.record(
        [
            said("RINGING", 0, call="missed", other=stranger, raw=raw),
            said("HANGUP", 9, call="missed", other=stranger, cause="no answer from 02079460124", raw=raw),
            said("RINGING", 20, call="talked", number=NUMBER, raw=raw, conversation_id="both"),
            said("RINGING", 20, call="talked", number=NUMBER, raw=raw, line="602", conversation_id="both"),
            said("CONNECTED", 24, call="talked", number=NUMBER, raw=raw, conversation_id="both"),
        ]
    )
    control.place_call(ana.user, NUMBER, confirmed=["recent_call"], reason="Asked for it on 020 7946 0123.")
    talked = Call.objects.get(line=ana, external_id="talked")
    journal.note_directory([talked.pk], [{"label": "Acme 02079460123", "source": "suppliers"}])
    notes.save(ana.user, talked.pk, notes.Content(text="Call back on 02079460123 please."))
    trace.written()
    assert CallTrace.objects.exists()
    return agents


@pytest.fixture
def watcher(everything, client):
    """Everybody's calls and every page of the admin, all permissions but the one."""
    user = get_user_model().objects.create_user("watcher", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="django_voipcti").exclude(codename="view_full_number")
    )
    client.force_login(user)
    return user


def pages():
    """The address of each list of the package, and of one page of each of its rows."""
    found = []
    for model in admin.site._registry:
        if model._meta.app_label != "django_voipcti":
            continue
        name = f"admin:django_voipcti_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        found += [reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()[:20]]
    return found


def test_no_page_of_the_admin_tells_a_number(watcher, client):
    looked_at, told = 0, {}
    for address in pages():
        response = client.get(address)
        if response.status_code == 403:
            continue
        assert response.status_code in (200, 302), address
        looked_at += 1
        text = digits(response.content.decode()) if response.status_code == 200 else ""
        if TELLTALE in text:
            at_ = text.index(TELLTALE)
            told[address] = text[max(0, at_ - 120) : at_ + 40]
    assert told == {}
    assert looked_at > 15


def test_no_template_tag_tells_a_number(watcher, everything):
    contact = Contact.objects.get()
    request = RequestFactory().get("/")
    request.user = watcher
    tags = "{% call_history contact %}{% call_timeline contact %}{% missed_calls ana %}{% call_dashboard %}"
    page = Template("{% load voipcti %}" + tags).render(
        Context({"request": request, "contact": contact, "ana": everything[0].user})
    )
    assert "*123" in page
    assert "*124" in page
    assert TELLTALE not in digits(page)


def test_no_log_record_tells_a_number(everything, caplog):
    told = [record.getMessage() for record in caplog.get_records("setup")]
    assert told
    assert [message for message in told if TELLTALE in digits(message)] == []
