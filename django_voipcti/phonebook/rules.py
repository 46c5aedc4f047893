"""What a call does on the screen: rules that an administrator keeps as data, and numbers to be left alone.

The first enabled rule whose conditions all hold decides. Without one, inbound calls pop up and outbound calls show in
the panel. A number on the ignore list shows nothing, whatever the rules say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext as _

from ..enums import Direction
from ..exceptions import CommandRefused
from ..models import Call, IgnoredNumber, PopRule
from ..models.rules import MatchCount, PopAction, PopParty
from . import numbers, spelling

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = [
    "TRIAL_CALLS",
    "CallFacts",
    "Decision",
    "RuleBook",
    "Trial",
    "decide",
    "ignore",
    "ignore_pattern",
    "try_on_recent_calls",
    "unignore",
]

#: Calls on which a rule is tried unless another number is asked for.
TRIAL_CALLS = 200
#: Behind every primary key, as the rule will stand when it is saved.
_NOT_SAVED_YET = 1 << 62
_LONGEST_PATTERN = IgnoredNumber._meta.get_field("pattern").max_length or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What rules look at."""

    direction: str
    number: str = ""
    """The other party in E.164, or as the provider gives it; empty if withheld."""
    line_id: int | None = None
    provider: str = ""
    context: str = ""
    """Queue or ring group, in the provider's words."""
    matches: int = 0
    """How many records were found for the number."""
    internal: bool = False
    """Whether the other party is a colleague."""

    @classmethod
    def of(cls, call: Call) -> "CallFacts":
        """The facts of a recorded call."""
        return cls(
            direction=call.direction,
            number=call.other_e164 or call.other_number,
            line_id=call.line_id,
            provider=call.provider,
            context=call.context,
            matches=call.matches,
            internal=call.internal,
        )

    @property
    def match_count(self) -> str:
        """None, one or several."""
        return (MatchCount.NONE, MatchCount.ONE, MatchCount.SEVERAL)[min(self.matches, 2)]

    @property
    def party(self) -> str:
        """Outside or colleague."""
        return PopParty.COLLEAGUE if self.internal else PopParty.OUTSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the page does, and why."""

    action: PopAction
    reason: str
    """A sentence in the active language."""
    rule_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a rule would change for one call."""

    call: Call
    before: Decision
    after: Decision

    @property
    def is_changed(self) -> bool:
        """Whether the page would have done something else."""
        return self.before.action != self.after.action


class RuleBook:
    """The rules in force and the ignore list, read once; decides any number of calls without a query."""

    def __init__(self, rules: Iterable[PopRule], ignored: Iterable[str]) -> None:
        self.rules = list(rules)
        patterns = list(ignored)
        self._exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))

    @classmethod
    def load(cls) -> "RuleBook":
        """Read both from the database: two queries."""
        return cls(PopRule.objects.in_force(), IgnoredNumber.objects.values_list("pattern", flat=True))

    def with_rule(self, rule: PopRule) -> "RuleBook":
        """A book in which ``rule``, saved or not, is in force in its place (or is not, if it is disabled)."""
        others = [other for other in self.rules if other.pk != rule.pk]
        rules = [*others, rule] if rule.enabled else others
        rules.sort(key=lambda each: (each.position, each.pk or _NOT_SAVED_YET))
        return RuleBook(rules, [*self._exact, *(f"{prefix}*" for prefix in self._prefixes)])

    def ignores(self, number: str) -> bool:
        """Whether the number stands on the ignore list."""
        return bool(number) and (number in self._exact or number.startswith(self._prefixes))

    def decide(self, facts: CallFacts) -> Decision:
        """What the page does for a call."""
        if self.ignores(facts.number):
            return Decision(action=PopAction.LOG_ONLY, reason=_("The number is on the ignore list."))
        for rule in self.rules:
            if applies(rule, facts):
                reason = _("Rule “%(rule)s”.") % {"rule": rule.name}
                return Decision(action=PopAction(rule.action), reason=reason, rule_id=rule.pk)
        if facts.direction == Direction.INBOUND:
            return Decision(action=PopAction.POP, reason=_("No rule applies: incoming calls are shown."))
        return Decision(action=PopAction.SILENT, reason=_("No rule applies: your own calls stay in the panel."))


def applies(rule: PopRule, facts: CallFacts) -> bool:
    """Whether every condition of the rule holds."""
    return (
        rule.matches in {"", facts.match_count}
        and rule.direction in {"", facts.direction}
        and rule.party in {"", facts.party}
        and rule.line_id in {None, facts.line_id}
        and rule.provider in {"", facts.provider}
        and (not rule.context or fnmatchcase(facts.context.casefold(), rule.context.casefold()))
    )


def decide(facts: CallFacts) -> Decision:
    """What the page does for one call; two queries. For many calls load a :class:`RuleBook` once."""
    return RuleBook.load().decide(facts)


def try_on_recent_calls(
    rule: PopRule, limit: int = TRIAL_CALLS, *, calls: "models.QuerySet[Call] | None" = None
) -> list[Trial]:
    """Show what ``rule`` (saved or not) would have done to the last calls, newest first; three queries.

    Args:
        calls: which calls count, e.g. those that a user may see; all by default.
    """
    book = RuleBook.load()
    tried = book.with_rule(rule)
    among = Call.objects.select_related("line") if calls is None else calls
    trials = []
    for call in among.order_by("-id")[:limit]:
        facts = CallFacts.of(call)
        trials.append(Trial(call=call, before=book.decide(facts), after=tried.decide(facts)))
    return trials


def ignore(number: str, *, note: str = "", user: "AbstractBaseUser | None" = None, region: str = "") -> IgnoredNumber:
    """Put a number (any spelling), or all numbers with a prefix (``"+49180*"``), on the ignore list.

    Raises:
        CommandRefused: ``invalid_number``.
    """
    defaults: dict[str, Any] = {"note": note, "created_by": user}
    ignored, _made = IgnoredNumber.objects.get_or_create(pattern=ignore_pattern(number, region), defaults=defaults)
    return ignored


def unignore(number: str, *, region: str = "") -> bool:
    """Take a number off the ignore list; return whether it stood there."""
    deleted, _details = IgnoredNumber.objects.filter(pattern=ignore_pattern(number, region)).delete()
    return bool(deleted)


def ignore_pattern(text: str, region: str = "") -> str:
    """How a number or a prefix stands on the ignore list.

    Raises:
        CommandRefused: ``invalid_number``.
    """
    text = text.strip()
    if text.endswith("*"):
        digits = spelling.bare_digits(spelling.tidy(text))
        if text.startswith("+") and 0 < len(digits) < _LONGEST_PATTERN - 1:
            return f"+{digits}*"
    else:
        pattern = numbers.dial_string(text, region)
        if pattern and len(pattern) <= _LONGEST_PATTERN:
            return pattern
    raise CommandRefused(
        _("“%(number)s” is not a telephone number. For all numbers that begin alike write +49180*.")
        % {"number": text[:40]},
        code="invalid_number",
    )
