"""From what is told of a call to what one user may know of it, in his language.

A message to a group is the same for all who hear it. Beside it travels a *background*: the records that it names, as
permissions are asked about them. Each page makes the message its user's own: names that he may not know become a "known
contact", numbers of other people's calls are masked, forms that he may not use are left out, and what the number tells
is said in the language of the page.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from . import phonebook, presenters
from .briefing import Briefing, linked_records
from .enums import Direction
from .models import Call, PopAction
from .redaction import mask_digits, mask_number

__all__ = ["background", "hide_names", "is_quick", "make", "present"]

Background = Mapping[str, Any]


def background(call: Call, briefing: Briefing) -> dict[str, Any]:
    """What :func:`make` has to know of a call beside its message; plain values, for the channel layer."""
    is_unknown = not (call.internal or call.matches or call.contact_type_id)
    return {
        "user": str(call.line.user_id),
        "number": call.other_number or call.other_e164,
        "region": call.line.effective_region,
        "is_internal": call.internal,
        "is_unknown": is_unknown,
        "has_contact": bool(call.contact_type_id or call.contact_label),
        "matches": [match.packed() for match in briefing.matches],
        "contact": briefing.contact.packed() if briefing.contact else None,
    }


def present(call: Call, briefing: Briefing, viewer: phonebook.Viewer) -> presenters.Message:
    """A call as one user may see it."""
    return _personal(presenters.present_call(call, briefing), background(call, briefing), viewer)


def make(message: presenters.Message, known: Background, viewer: phonebook.Viewer) -> presenters.Message:
    """A message about a call as one user may see it. May ask the database unless :func:`is_quick`."""
    return {**message, "call": _personal(message["call"], known, viewer)}


def is_quick(known: Background, viewer: phonebook.Viewer) -> bool:
    """Whether :func:`make` asks neither the database nor the host, and tables of places are loaded."""
    if known["is_unknown"] or not phonebook.numbers.is_ready_to_describe():
        return False
    records = [*known["matches"], *([known["contact"]] if known["contact"] else [])]
    return viewer.knows(map(phonebook.Match.unpacked, records), numbers=not _is_open(known, viewer))


def hide_names(calls: Iterable[Call], user: Any) -> None:
    """Let calls in memory say "known contact" where ``user`` may not view the record. Do not save them after that.

    For lists and pages. No query beside the user's permissions, and one per registered model for a host that decides by
    record.
    """
    linked = [call for call in calls if call.contact_type_id or call.contact_label]
    viewer, records = phonebook.Viewer(user), linked_records(linked, {})
    for call in linked:
        record = records.get(call.pk)
        if record is None or not viewer.may_view(record):
            call.contact_label, call.contact_company, call.contact_url = _("Known contact"), "", ""


def _personal(call: presenters.Message, known: Background, viewer: phonebook.Viewer) -> presenters.Message:
    call = {**call, "about": _about(known), "learned": call["learned"] and known["user"] == str(viewer.pk)}
    matches = [phonebook.Match.unpacked(packed) for packed in known["matches"]]
    call["matches"] = [
        presenters.present_match(match if viewer.may_view(match) else phonebook.masked(match)) for match in matches
    ]
    contact = phonebook.Match.unpacked(known["contact"]) if known["contact"] else None
    if known["has_contact"] and not (contact and viewer.may_view(contact)):
        call |= _masked(call)
    call["create"] = [presenters.present_create_link(link) for link in _forms(known) if viewer.may_add(link.model)]
    if not (_is_open(known, viewer) or viewer.may_see_numbers()):
        call |= _without_numbers(call)
    call["pop"] = _with_address(call["pop"], call["create"])
    return call


def _is_open(known: Background, viewer: phonebook.Viewer) -> bool:
    """Whether anybody who hears of the call may see the numbers: his own calls, and those between colleagues."""
    return bool(known["is_internal"]) or known["user"] == str(viewer.pk)


def _without_numbers(call: presenters.Message) -> presenters.Message:
    """What takes the place of all that tells the other party's number: also names and causes that quote it."""
    end = "source" if call["direction"] == Direction.INBOUND else "destination"
    named = [f"{end}Name", "name", "cause"]
    contact = call["contact"] and {**call["contact"], "label": mask_digits(call["contact"]["label"])}
    return {
        end: mask_number(call[end]),
        "number": mask_number(call["number"]),
        "e164": "",
        **{name: mask_digits(call[name]) for name in named},
        "contact": contact,
        "matches": [_with_masked(match, "label", "reason") for match in call["matches"]],
        "directory": [_with_masked(entry, "label") for entry in call["directory"]],
        "create": [],  # their addresses carry the number
    }


def _with_masked(message: presenters.Message, *names: str) -> presenters.Message:
    return {**message, **{name: mask_digits(message[name]) for name in names}}


def _masked(call: presenters.Message) -> presenters.Message:
    """What takes the place of all that names the linked record."""
    label = _("Known contact")
    hidden = {"label": label, "company": "", "url": "", "objectId": ""}
    return {
        "contact": {**call["contact"], **hidden} if call["contact"] else None,
        "name": label,
        "learned": False,
        "pop": {**call["pop"], "url": ""},
    }


def _with_address(pop: presenters.Message, forms: list[presenters.Message]) -> presenters.Message:
    """The decision with the address that is opened; without one the call is shown, no more."""
    action, url = pop["action"], pop["url"]
    if action == PopAction.OPEN_FORM and forms:
        url = forms[0]["url"]
    if action in {PopAction.OPEN_FORM, PopAction.OPEN_RECORD} and not url:
        action = PopAction.POP.value
    return {**pop, "action": action, "url": url}


def _forms(known: Background) -> list[phonebook.CreateLink]:
    """Forms for a record of an unknown caller whose number is known."""
    if not known["is_unknown"] or not phonebook.numbers.dial_string(known["number"], known["region"]):
        return []
    return phonebook.create_links(known["number"], region=known["region"])


def _about(known: Background) -> presenters.Message | None:
    """What the number tells; None for colleagues and numbers without a country."""
    if known["is_internal"]:
        return None
    facts = phonebook.numbers.describe(known["number"], known["region"])
    return presenters.present_about(facts) if facts.country else None
