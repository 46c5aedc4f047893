"""Why a call did, or did not, appear on a screen: what happened, in order and with milliseconds, as a story."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import phonebook
from ..conf import app_settings
from ..enums import CallState, Source
from ..models import Call, CallEvent, CallTrace, PageOutcome, PopAction, PopRule, TraceStep
from ..redaction import mask_digits, mask_number
from .base import other_number

__all__ = ["Line", "Story", "tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that happened."""

    moment: datetime
    text: SafeString | str
    more: tuple[SafeString | str, ...] = ()
    tone: str = ""

    after: str = ""
    """Seconds since the beginning, with milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The answer, and how it came about."""

    verdict: str
    tone: str
    """``good``: it was shown; ``wait``: it was not, as somebody wanted; ``bad``: it should have been."""
    lines: tuple[Line, ...]


def tell(call: Call, events: Sequence[CallEvent], user: Any, *, full: bool) -> Story:
    """The story of a call for ``user``; a fixed number of queries.

    Args:
        full: whether complete numbers may be shown.
    """
    steps = list(CallTrace.objects.filter(call=call).select_related("user").order_by("at", "pk"))
    told = next((step for step in steps if step.step == TraceStep.TOLD), None)
    heard = min((event.recorded_at for event in events), default=call.created_at)
    lines = [_witness(event) for event in events]
    lines += [Line(moment=heard, text=text, more=more) for text, more in _identified(call, told, user, full=full)]
    lines += _looked_up_now(call, told, user, full=full)
    lines += [line for step in steps for line in _step(call, step, full=full)]
    begin = min([call.started_at, *(event.occurred_at for event in events)])
    lines.sort(key=lambda line: line.moment)
    verdict, tone = _verdict(call, events, steps, begin)
    return Story(verdict=verdict, tone=tone, lines=tuple(_timed(line, begin) for line in lines))


def _timed(line: Line, begin: datetime) -> Line:
    after = f"{(line.moment - begin).total_seconds():+.3f} s"
    return Line(moment=line.moment, text=line.text, more=line.more, tone=line.tone, after=after)


# --- what happened ----------------------------------------------------------------------------------------------------


def _witness(event: CallEvent) -> Line:
    facts = {
        "source": Source(event.source).label,
        "state": CallState(event.state).label if event.state else _("no state"),
        "delay": round(event.delay.total_seconds() * 1000),
    }
    if event.effective:
        text = _("%(source)s: %(state)s. Recorded %(delay)d ms after it happened.") % facts
    else:
        text = _("%(source)s: %(state)s. Nothing new. Recorded %(delay)d ms after it happened.") % facts
    return Line(moment=event.recorded_at, text=text, tone="" if event.effective else "quiet")


def _identified(
    call: Call, told: CallTrace | None, user: Any, *, full: bool
) -> Iterator[tuple[str, tuple[SafeString | str, ...]]]:
    """How the number was read, and who has it."""
    if not call.other_number:
        yield _("No number was shown, so nobody could be looked up."), ()
        return
    raw = call.other_number if full or call.internal else mask_number(call.other_number)
    region = told.facts.get("region", "") if told else ""
    facts = {"raw": raw, "number": other_number(call, full=full), "region": region or call.line.effective_region}
    if call.internal:
        yield _("The number %(raw)s is a colleague’s: no record was looked for.") % facts, ()
        return
    if call.other_e164:
        yield (
            _("The number %(raw)s was read as %(number)s; numbers without a country are read as %(region)s.") % facts,
            (),
        )
    else:
        yield _("The number %(raw)s has no international form, so it was compared as it stands.") % facts, ()
    matches = [phonebook.Match.unpacked(packed) for packed in told.facts.get("candidates", ())] if told else []
    found = told.facts.get("found", call.matches) if told else call.matches
    text = ngettext("%(count)d record has this number.", "%(count)d records have this number.", found)
    yield (text % {"count": found} if found else _("No record has this number.")), _candidates(matches, user, full=full)


def _candidates(matches: Iterable[phonebook.Match], user: Any, *, full: bool) -> tuple[SafeString | str, ...]:
    """Each record with how surely it has the number, and why; the best first."""
    sureness = {
        "learned": _("chosen by the user"),
        "exact": _("certain"),
        "national": _("very likely"),
        "suffix": _("possible"),
    }
    return tuple(
        format_html(
            '{} <span class="voipcti-badge">{}</span> <span class="voipcti-aside">{}</span>',
            match.label if full else mask_digits(match.label),
            sureness.get(match.confidence, match.confidence),
            match.reason if full else mask_digits(match.reason),
        )
        for match in phonebook.shown_to(user, matches)
    )


def _looked_up_now(call: Call, told: CallTrace | None, user: Any, *, full: bool) -> Iterator[Line]:
    """What has changed in the phonebook since: the usual reason why somebody wonders."""
    if told is None or call.internal or not call.other_number:
        return
    request = phonebook.Request.of(call)
    matches = phonebook.lookup_many([request])[request]
    then = {tuple(packed[:2]) for packed in told.facts.get("candidates", ())}
    if {match.key for match in matches} == then or told.facts.get("found") != len(then):
        return
    new = [match for match in matches if match.key not in then]
    gone = len(then - {match.key for match in matches})
    texts = []
    if new:
        texts.append(_("Since then this number has been entered for:"))
    if gone:
        text = ngettext("%(count)d of them has it no more.", "%(count)d of them have it no more.", gone)
        texts.append(text % {"count": gone})
    yield Line(moment=told.at, text=" ".join(texts), more=_candidates(new, user, full=full), tone="quiet")


def _step(call: Call, step: CallTrace, *, full: bool) -> Iterator[Line]:
    facts = {"user": _name(step), "page": step.socket, "line": call.line}
    match TraceStep(step.step):
        case TraceStep.TOLD:
            yield from _decided(step, full=full)
            text = _("Told to the pages of %(user)s, who uses the line %(line)s, and to pages that watch it.")
            if step.user_id is None:
                text = _("Nobody uses the line %(line)s: told to pages that watch it, if there are any.")
            yield Line(moment=step.at, text=text % facts)
        case TraceStep.LOST:
            text = _("The channel layer did not take it (%(problem)s): pages that come back get it by replay.")
            yield Line(moment=step.at, text=text % {"problem": step.facts.get("problem", "")}, tone="bad")
        case TraceStep.DELIVERED:
            yield Line(moment=step.at, text=_delivered(step) % facts)
        case TraceStep.SHOWN:
            outcome = PageOutcome(step.facts["outcome"])
            text = _("Page %(page)s of %(user)s: %(outcome)s, %(after)d ms after the message came.")
            more = (_("The browser showed another tab or program."),) if step.facts.get("hidden") else ()
            facts |= {"outcome": outcome.label, "after": step.facts.get("after", 0)}
            tone = "good" if outcome is PageOutcome.SHOWN else "wait"
            yield Line(moment=step.at, text=text % facts, more=more, tone=tone)


def _delivered(step: CallTrace) -> str:
    """How a page got it; whoever does not use the line watches it."""
    if step.facts.get("way") == "snapshot":
        return _("Page %(page)s of %(user)s was opened meanwhile and found the call.")
    if step.facts.get("way") == "replay":
        return _("Page %(page)s of %(user)s came back and was told what it had missed.")
    if step.facts.get("own"):
        return _("Page %(page)s of %(user)s, who uses the line, got it.")
    return _("Page %(page)s of %(user)s, who watches the line, got it.")


def _decided(step: CallTrace, *, full: bool) -> Iterator[Line]:
    """The rule that applied, and what it wants."""
    if "action" not in step.facts:
        yield Line(
            moment=step.at, text=_("The database was away: the call was told without names and rules."), tone="bad"
        )
        return
    reason, action = str(step.facts["reason"]), PopAction(step.facts["action"]).label
    rule = PopRule.objects.filter(pk=step.facts["rule"]).first() if step.facts.get("rule") else None
    shown: SafeString | str = reason if full else mask_digits(reason)
    if rule is not None:
        shown = format_html(
            '<a href="{}">{}</a>', reverse("admin:django_voipcti_poprule_change", args=[rule.pk]), shown
        )
    yield Line(
        moment=step.at, text=format_html("{} {}", shown, _("What the page does: %(action)s.") % {"action": action})
    )


def _name(step: CallTrace) -> str:
    return step.user.get_username() if step.user else _("somebody")


# --- the answer -------------------------------------------------------------------------------------------------------


def _verdict(call: Call, events: Sequence[CallEvent], steps: Sequence[CallTrace], begin: datetime) -> tuple[str, str]:
    told = next((step for step in steps if step.step == TraceStep.TOLD), None)
    if told is None:
        return _untold(events), "wait"
    own = [step for step in steps if step.user_id is not None and step.user_id == told.user_id]
    seen = [step for step in own if step.step == TraceStep.SHOWN]
    shown = next((step for step in seen if step.facts.get("outcome") == PageOutcome.SHOWN), None)
    facts = {"user": _name(told), "line": call.line, "reason": told.facts.get("reason", "")}
    if shown is not None:
        facts["ms"] = round((shown.at - begin).total_seconds() * 1000)
        text = _("It was on the screen of %(user)s %(ms)d ms after the call came.")
        if shown.facts.get("hidden"):
            text = _("It was shown to %(user)s %(ms)d ms after the call came, but in a tab that was in the background.")
        return text % facts, "good"
    if told.user_id is None:
        return _("It popped for nobody: the line %(line)s has no user. Give it one.") % facts, "bad"
    if told.facts.get("action") == PopAction.LOG_ONLY:
        return _("It did not pop, and was not to. %(reason)s") % facts, "wait"
    if seen:
        facts["outcome"] = PageOutcome(seen[0].facts["outcome"]).label
        return _("A page of %(user)s had it, but %(outcome)s.") % facts, "wait"
    if any(step.step == TraceStep.DELIVERED for step in own):
        text = _("A page of %(user)s got it and never said that it was shown: closed, frozen, or without the panel.")
        return text % facts, "bad"
    if any(step.step == TraceStep.LOST for step in steps):
        return _("It did not pop: the channel layer was away. Look at the server of CHANNEL_LAYERS."), "bad"
    return _("It did not pop: no page of %(user)s was open and connected.") % facts, "bad"


def _untold(events: Sequence[CallEvent]) -> str:
    if events and all(event.source == Source.MANUAL for event in events):
        return _("It was entered by hand when it was over: nothing pops up for that.")
    if events and all(event.source == Source.CDR for event in events):
        return _("It came from the provider’s history when it was over: nothing pops up for that.")
    if events and not any(event.effective and event.state in {"INITIAL", "RINGING"} for event in events):
        return _("Nobody ever said that it rings, so there was nothing to pop up for.")
    if not app_settings.trace_pops:
        return _('It was not noted: VOIPCTI["TRACE_POPS"] is off.')
    return _("Its way to the screens is not, or not any more, on record.")
