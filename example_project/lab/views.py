"""The phone lab. The page is drawn here, so it works without scripts; a small one keeps it up to date."""

from typing import Any

import httpx2
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from crm.models import Contact
from django_voipcti import phonebook

from .phones import PATIENCE, Phones, Refused

#: Seconds for which a request for news waits at the everybody.
WAIT_FOR_NEWS = 10

#: What can be done with a call on a phone: (state, incoming) → actions of the control API with what the button says.
PHONE_ACTIONS = {
    ("INITIAL", False): [("answer", "Pick up", "good"), ("decline", "Decline", "bad")],
    ("RINGING", True): [("answer", "Answer", "good"), ("decline", "Decline", "bad")],
    ("RINGING", False): [("hang_up", "Hang up", "bad")],
    ("CONNECTED", True): [("hold", "Hold", ""), ("hang_up", "Hang up", "bad")],
    ("ON_HOLD", True): [("resume", "Resume", "good"), ("hang_up", "Hang up", "bad")],
}
PHONE_ACTIONS["CONNECTED", False] = PHONE_ACTIONS["CONNECTED", True]
PHONE_ACTIONS["ON_HOLD", False] = PHONE_ACTIONS["ON_HOLD", True]

OUTSIDE_ACTIONS = {
    "RINGING": [("answer", "Answers", "good"), ("busy", "Is busy", ""), ("decline", "Declines", "bad")],
    "CONNECTED": [("hang_up", "Hangs up", "bad")],
}
OUTSIDE_ACTIONS["CALLING"] = OUTSIDE_ACTIONS["CONNECTED"]

STATE_TEXTS = {
    "INITIAL": "Pick me up",
    "RINGING": "Ringing",
    "CONNECTED": "Talking",
    "ON_HOLD": "On hold",
    "CALLING": "Calling",
}
STATE_TONES = {"INITIAL": "accent", "RINGING": "accent", "CONNECTED": "good", "ON_HOLD": "warn", "CALLING": "accent"}

#: Everything that the page may ask of a phone; the control API can do more.
ALLOWED = {"answer", "decline", "hold", "resume", "hang_up", "dial", "transfer", "register", "unregister"}


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    try:
        state = _phones().state()
    except Refused as refusal:
        messages.error(request, str(refusal))
        state = {"revision": 0, "users": [], "groups": [], "outside": []}
    context = _context(state) | {
        "contacts": Contact.objects.with_details().exclude(phone="", mobile=""),
        "groups": state["groups"],
    }
    return render(request, "lab/page.html", context)


@require_safe
async def phones(request: HttpRequest) -> HttpResponse:
    """The phones alone, as soon as something has changed since the revision `?since=`."""
    try:
        async with httpx2.AsyncClient(timeout=WAIT_FOR_NEWS + PATIENCE) as client:
            answer = await client.get(
                f"{settings.PHONES_URL}/state",
                params={"since": request.GET.get("since", "0"), "wait": WAIT_FOR_NEWS},
            )
        answer.raise_for_status()
    except httpx2.HTTPError:
        return HttpResponse("The telephones do not answer.", status=503, content_type="text/plain")
    return await _fragment(request, answer.json())


async def _fragment(request: HttpRequest, state: dict[str, Any]) -> HttpResponse:
    text = await sync_to_async(lambda: render_to_string("lab/phones.html", _context(state), request))()
    response = HttpResponse(text)
    response["X-Revision"] = str(state["revision"])
    return response


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Do what a button says: `kind` is `ring`, `phone` or `outside`."""
    fields = request.POST
    everybody = _phones()
    call = {"call": int(fields["call"])} if fields.get("call", "").isdecimal() else {}
    to = {"to": fields["to"].strip()} if fields.get("to") else {}
    try:
        if fields.get("kind") == "ring":
            everybody.ring(_digits(fields.get("number", "")), fields.get("to", ""))
        elif fields.get("kind") == "phone" and fields.get("action") in ALLOWED:
            everybody.phone(fields.get("user", ""), fields["action"], **call, **to)
        elif fields.get("kind") == "outside" and call:
            everybody.outside(call["call"], fields.get("action", ""))
        else:
            raise Refused("There is no such button.")
    except Refused as refusal:
        if request.headers.get("X-Requested-With") == "lab":
            return HttpResponse(str(refusal), status=409, content_type="text/plain")
        messages.error(request, str(refusal))
    finally:
        everybody.close()
    if request.headers.get("X-Requested-With") == "lab":
        return HttpResponse(status=204)
    return redirect("lab")


def _phones() -> Phones:
    return Phones(settings.PHONES_URL)


def _digits(text: str) -> str:
    """A number in any spelling as the network shows it: international, without plus."""
    number = phonebook.numbers.parse(text)
    return number.digits or text.strip()


def _context(state: dict[str, Any]) -> dict[str, Any]:
    """The state of all phones in the page's words, with the names of contacts in place of their numbers."""
    legs = [leg for user in state["users"] for leg in user["calls"]]
    asked = {leg["other_number"] for leg in legs} | {party["number"] for party in state["outside"]}
    found = phonebook.lookup_many([(number, "") for number in asked if number])

    def name(number: str, known: str = "") -> str:
        matches = found.get((number, ""), [])
        known = known if known != number else ""
        return known or (matches[0].label if matches else "") or phonebook.numbers.display(number) or "Withheld number"

    for leg in legs:
        leg["who"] = name(leg["other_number"], leg["other_name"])
        leg["text"], leg["tone"] = STATE_TEXTS.get(leg["state"], leg["state"]), STATE_TONES.get(leg["state"], "")
        leg["actions"] = PHONE_ACTIONS.get((leg["state"], leg["incoming"]), [])
    for party in state["outside"]:
        party["who"] = name(party["number"], party["name"])
        party["dialled"] = phonebook.numbers.display(party["dialled"])
        party["text"] = STATE_TEXTS.get(party["state"].upper(), party["state"])
        party["tone"] = STATE_TONES.get(party["state"].upper(), "")
        party["actions"] = OUTSIDE_ACTIONS.get(party["state"].upper(), [])
    return {"revision": state["revision"], "users": state["users"], "outside": state["outside"]}
