"""What a call does on the screen, as data that an administrator keeps: rules, and numbers to be left alone."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..enums import Direction

__all__ = [
    "DoNotCallNumber",
    "DoNotCallQuerySet",
    "IgnoredNumber",
    "ListedNumber",
    "MatchCount",
    "PopAction",
    "PopParty",
    "PopRule",
    "PopRuleQuerySet",
]


class MatchCount(models.TextChoices):
    """How many records were found for the caller."""

    NONE = "none", _("none")
    ONE = "one", _("one")
    SEVERAL = "several", _("several")


_FOUND = {
    MatchCount.NONE: _("nobody found"),
    MatchCount.ONE: _("one record found"),
    MatchCount.SEVERAL: _("several records found"),
}


class PopParty(models.TextChoices):
    """Who is at the other end."""

    OUTSIDE = "outside", _("somebody outside")
    COLLEAGUE = "colleague", _("a colleague")


class PopAction(models.TextChoices):
    """What the page does."""

    POP = "pop", _("show the caller")
    OPEN_RECORD = "open_record", _("open the record")
    OPEN_FORM = "open_form", _("open the form for a new record")
    SILENT = "silent", _("show it in the panel only, without a sound")
    LOG_ONLY = "log_only", _("show nothing, keep it in the history")


class PopRuleQuerySet(models.QuerySet["PopRule"]):
    """Many-row rules of rules."""

    def in_force(self) -> "PopRuleQuerySet":
        """Enabled rules in the order in which they are tried."""
        return self.filter(enabled=True).order_by("position", "pk")


class PopRule(models.Model):
    """One line of the table: conditions, and what is done when all of them hold. The first rule that fits decides.

    A condition that is left empty holds for every call.
    """

    name = models.CharField(_("name"), max_length=100)
    position = models.PositiveSmallIntegerField(_("position"), default=100, help_text=_("Lower ones are tried first."))
    enabled = models.BooleanField(_("enabled"), default=True)
    matches = models.CharField(_("records found"), max_length=8, choices=MatchCount.choices, blank=True)
    direction = models.CharField(_("direction"), max_length=8, choices=Direction.choices, blank=True)
    party = models.CharField(_("other party"), max_length=10, choices=PopParty.choices, blank=True)
    line = models.ForeignKey(
        "django_voipcti.Line", verbose_name=_("line"), on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    provider = models.CharField(_("provider"), max_length=50, blank=True, help_text=_("Alias in the settings."))
    context = models.CharField(
        _("queue or ring group"), max_length=100, blank=True, help_text=_("May hold * and ?, e.g. RG-*.")
    )
    action = models.CharField(_("action"), max_length=12, choices=PopAction.choices, default=PopAction.POP)

    objects = PopRuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("screen pop rule")
        verbose_name_plural = _("screen pop rules")
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.name

    def conditions(self) -> list[str]:
        """The conditions in words, in the active language; none if the rule holds for every call."""
        words = []
        if self.direction:
            words.append(str(Direction(self.direction).label))
        if self.party:
            words.append(gettext("with %(party)s") % {"party": PopParty(self.party).label})
        if self.matches:
            words.append(str(_FOUND[MatchCount(self.matches)]))
        if self.line_id is not None:
            words.append(gettext("on the line %(line)s") % {"line": self.line})
        if self.provider:
            words.append(gettext("by the provider %(provider)s") % {"provider": self.provider})
        if self.context:
            words.append(gettext("through %(context)s") % {"context": self.context})
        return words


class ListedNumber(models.Model):
    """A number, or all numbers that begin alike, on a list that people keep."""

    pattern = models.CharField(
        _("number"),
        max_length=40,
        unique=True,
        help_text=_("In international form; a * at the end stands for all numbers that begin like this."),
    )
    note = models.CharField(_("why"), max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("entered by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("entered"), auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ("pattern",)

    def __str__(self) -> str:
        return self.pattern


class IgnoredNumber(ListedNumber):
    """A number for which nothing pops up."""

    class Meta(ListedNumber.Meta):
        verbose_name = _("ignored number")
        verbose_name_plural = _("ignored numbers")


class DoNotCallQuerySet(models.QuerySet["DoNotCallNumber"]):
    """Many-row rules of the do-not-call list."""

    def naming(self, number: str) -> "DoNotCallQuerySet":
        """The entries that mean a number: itself, and beginnings of it. One look into the index of the column."""
        beginnings = [f"{number[:length]}*" for length in range(1, len(number) + 1)]
        return self.filter(pattern__in=[number, *beginnings]).order_by("-pattern")


class DoNotCallNumber(ListedNumber):
    """A number whose holder does not want to be called."""

    objects = DoNotCallQuerySet.as_manager()

    class Meta(ListedNumber.Meta):
        verbose_name = _("do-not-call number")
        verbose_name_plural = _("do-not-call numbers")
