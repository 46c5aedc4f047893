"""Calls and their events: one row for one line's part in a conversation, and what was said about it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import connections, models
from django.db.models import Case, Count, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from ..enums import LIVE_STATES, CallState, Direction, EndReason, Source
from ..events import CallReference
from ..redaction import mask_digits
from .line import seen_lines
from .words import has_words

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["Call", "CallEvent", "CallEventQuerySet", "CallQuerySet"]


#: Which leg stands for its conversation: the lowest.
_RANK = Case(
    When(answered_at__isnull=False, direction=Direction.OUTBOUND, then=Value(0)),
    When(answered_at__isnull=False, then=Value(1)),
    When(direction=Direction.OUTBOUND, then=Value(2)),
    default=Value(3),
)


#: Reasons of calls that could not be set up, whoever was called.
NOT_SET_UP = frozenset({EndReason.UNREACHABLE, EndReason.REJECTED, EndReason.FAILED})
#: Reasons that calls have in which somebody talked; and those of calls to us.
_TALKED = frozenset({EndReason.COMPLETED, EndReason.TRANSFERRED})
_INBOUND_ONLY = frozenset({EndReason.MISSED, EndReason.ANSWERED_ELSEWHERE})


class CallQuerySet(models.QuerySet["Call"]):
    """Many-row rules of calls."""

    def live(self) -> "CallQuerySet":
        """Calls that are not over."""
        return self.filter(state__in=LIVE_STATES)

    def missed(self) -> "CallQuerySet":
        """Inbound calls that nobody answered, neither here nor elsewhere."""
        return self.filter(end_reason=EndReason.MISSED)

    def pair(self, call: "Call") -> "tuple[Call, Call] | None":
        """The call on hold and the live consultation that ``call`` is one of; None if there is no such pair."""
        live = self.live().select_related("line")
        consultation = live.filter(models.Q(pk=call.pk) | models.Q(consultation_of=call.pk))
        found = consultation.filter(consultation_of__isnull=False).order_by("-pk").first()
        if found is None or found.consultation_of_id is None:
            return None
        held = live.filter(pk=found.consultation_of_id).first()
        return (held, found) if held is not None else None

    def not_called_back(self) -> "CallQuerySet":
        """Calls after whose end nobody talked to the other party, whichever way the later call went.

        The other party is the linked record with all its numbers, and the number itself; where that has no
        international form (a colleague), a later call of the same line counts.
        """
        later = Call.objects.filter(answered_at__gt=OuterRef("ended_at"))
        same_contact = later.filter(contact_type=OuterRef("contact_type"), contact_id=OuterRef("contact_id"))
        same_number = later.filter(other_e164=OuterRef("other_e164")).exclude(other_e164="")
        same_line = later.filter(
            line=OuterRef("line"), started_at__gt=OuterRef("started_at"), other_number=OuterRef("other_number")
        ).exclude(other_number="")
        # Each a probe of an index; as one query with OR they would read the table. The last one reads all that the line
        # did since, so it is spared calls with an international number.
        return self.filter(~Exists(same_contact), ~Exists(same_number), ~Q(other_e164="") | ~Exists(same_line))

    def conversations(self) -> "CallQuerySet":
        """One call for each conversation: the leg that stands for it, with what the legs amount to.

        Conditions before this say which legs there are to choose from, conditions after it which conversations. An
        answered leg goes before others, the caller's before the called ones', the earlier before the later.
        Annotations: ``leg_count``, and ``answered_line_id``, the line of ours that picked up first (None: no line did).
        Each costs a look into the index of conversations per row that is shown.
        """
        legs = self.order_by().filter(provider=OuterRef("provider"), conversation_id=OuterRef("conversation_id"))
        legs = legs.exclude(conversation_id="").alias(_rank=_RANK)
        first = Q(_rank__lt=OuterRef("_rank"))
        first |= Q(_rank=OuterRef("_rank"), started_at__lt=OuterRef("started_at"))
        first |= Q(_rank=OuterRef("_rank"), started_at=OuterRef("started_at"), pk__lt=OuterRef("pk"))
        picked_up = Call.objects.filter(
            provider=OuterRef("provider"),
            conversation_id=OuterRef("conversation_id"),
            direction=Direction.INBOUND,
            answered_at__isnull=False,
        ).exclude(conversation_id="")
        counted = legs.order_by().values("provider").annotate(legs=Count("pk")).values("legs")
        return (
            self.alias(_rank=_RANK)
            .filter(~Exists(legs.filter(first)))
            .annotate(
                leg_count=Coalesce(Subquery(counted), Value(1)),
                answered_line_id=Subquery(picked_up.order_by("answered_at", "pk").values("line_id")[:1]),
            )
        )

    def naming(self, text: str) -> "CallQuerySet":
        """Calls whose other party's name or company has every word of ``text``, or a word that begins with it."""
        return self.filter(self.is_naming(text))

    def is_naming(self, text: str) -> Any:
        """The condition of :meth:`naming`, to be joined with others."""
        return has_words(["contact_label", "other_name", "contact_company"], text, using=self.db)

    def contexts(self, most: int) -> list[str]:
        """The first ``most`` queues and ring groups, by name. Hops over the index from one to the next."""
        table, column = (connections[self.db].ops.quote_name(name) for name in (self.model._meta.db_table, "context"))
        later = f"SELECT MIN({column}) FROM {table} WHERE {column} <> '' AND {column} >"  # noqa: S608  names of ours
        hops = f"{later} '' UNION ALL SELECT ({later} found.name) FROM found WHERE found.name IS NOT NULL"  # noqa: S608
        names = f"WITH RECURSIVE found(name) AS ({hops}) SELECT name FROM found WHERE name IS NOT NULL LIMIT %s"  # noqa: S608
        with connections[self.db].cursor() as cursor:
            cursor.execute(names, [most])
            return [name for (name,) in cursor.fetchall()]

    def visible_to(self, user: "AnyUser") -> "CallQuerySet":
        """Calls that ``user`` may see: those of the lines that he may see."""
        return self.filter(seen_lines(user))

    def of_user(self, user: "AnyUser") -> "CallQuerySet":
        """Calls of the user's own lines."""
        return self.filter(line__user_id=user.pk) if user.is_authenticated else self.none()

    def for_object(self, instance: models.Model) -> "CallQuerySet":
        """Calls linked to a record of the host."""
        content_type = ContentType.objects.get_for_model(instance)
        return self.filter(contact_type=content_type, contact_id=str(instance.pk))


class Call(models.Model):
    """One line's part in a conversation. Written by the journal alone; the admin shows it read-only.

    Unique is (line, external id), not (provider, external id): where both ends of an internal call are lines of ours,
    the provider uses one id for both, and each line has its own part, direction and outcome.
    """

    line = models.ForeignKey(
        "django_voipcti.Line", verbose_name=_("line"), on_delete=models.PROTECT, related_name="calls"
    )
    provider = models.CharField(_("provider"), max_length=50)
    external_id = models.CharField(  # noqa: DJ001  NULL keeps calls that the provider has not named yet out of the constraint
        _("provider's id"), max_length=190, null=True
    )
    conversation_id = models.CharField(_("conversation"), max_length=190, db_index=True)
    direction = models.CharField(_("direction"), max_length=8, choices=Direction.choices)
    state = models.CharField(_("state"), max_length=9, choices=CallState.choices)
    state_at = models.DateTimeField(_("state since"))
    end_reason = models.CharField(_("end reason"), max_length=18, choices=EndReason.choices, blank=True)
    end_reason_inferred = models.BooleanField(default=False)
    cause = models.CharField(_("provider's cause"), max_length=200, blank=True)
    context = models.CharField(_("queue or ring group"), max_length=100, blank=True)
    own_number = models.CharField(_("own number"), max_length=64, blank=True)
    own_name = models.CharField(_("own name"), max_length=190, blank=True)
    other_number = models.CharField(_("other number"), max_length=64, blank=True)
    other_e164 = models.CharField(_("other number, international"), max_length=20, blank=True)
    other_name = models.CharField(_("other name"), max_length=190, blank=True)
    other_line = models.ForeignKey(
        "django_voipcti.Line",
        verbose_name=_("colleague's line"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    consultation_of = models.ForeignKey(
        "self",
        verbose_name=_("consultation for"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="consultations",
        help_text=_("The call on hold whose transfer this call asks about."),
    )
    created_at = models.DateTimeField(_("recorded"))
    started_at = models.DateTimeField(_("start"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    ended_at = models.DateTimeField(_("end"), null=True)
    held_seconds = models.PositiveIntegerField(_("time on hold"), default=0)
    recording = models.CharField(_("recording"), max_length=190, blank=True)
    contact_type = models.ForeignKey(ContentType, on_delete=models.SET_NULL, null=True, related_name="+")
    contact_id = models.CharField(_("record"), max_length=64, blank=True)
    contact = GenericForeignKey("contact_type", "contact_id")
    contact_label = models.CharField(_("contact"), max_length=190, blank=True)
    contact_company = models.CharField(_("company"), max_length=190, blank=True)
    contact_url = models.CharField(_("address of the record"), max_length=500, blank=True)
    contact_confidence = models.CharField(_("certainty"), max_length=10, blank=True)
    matches = models.PositiveSmallIntegerField(_("matching records"), default=0)
    directory = models.JSONField(_("answers of outside directories"), default=list, blank=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("line", "external_id"), name="voipcti_call_line_external_unique"),
        )
        indexes = (
            models.Index(fields=("-started_at", "-id"), name="voipcti_call_started"),
            models.Index(fields=("line", "-started_at"), name="voipcti_call_line_started"),
            models.Index(fields=("contact_type", "contact_id", "-id"), name="voipcti_call_contact"),
            models.Index(fields=("other_e164", "-id"), name="voipcti_call_other"),
            # What the sidebar of the call log filters by, in pairs: columns behind the order are read in the index.
            models.Index(
                fields=(
                    "end_reason",
                    "-started_at",
                    "-id",
                    "direction",
                    "answered_at",
                    "context",
                    "line",
                ),
                name="voipcti_call_reason",
            ),
            models.Index(
                fields=(
                    "context",
                    "-started_at",
                    "-id",
                    "direction",
                    "end_reason",
                    "answered_at",
                    "line",
                ),
                condition=~models.Q(context=""),
                name="voipcti_call_context",
            ),
            # Calls that failed, and three kinds that hardly exist. Who filters for these gets an empty page: without an
            # index that holds nothing else, all calls of one reason would be read to find that out.
            models.Index(
                fields=("-started_at", "-id", "direction", "answered_at"),
                condition=models.Q(end_reason__in=sorted(NOT_SET_UP)),
                name="voipcti_call_failed",
            ),
            models.Index(
                fields=("end_reason", "-started_at", "-id"),
                condition=models.Q(answered_at__isnull=False) & ~models.Q(end_reason__in=sorted(_TALKED)),
                name="voipcti_call_odd_talked",
            ),
            models.Index(
                fields=("end_reason", "-started_at", "-id"),
                condition=models.Q(answered_at__isnull=True, end_reason__in=sorted(_TALKED)),
                name="voipcti_call_odd_untalked",
            ),
            models.Index(
                fields=("end_reason", "-started_at", "-id"),
                condition=models.Q(direction=Direction.OUTBOUND, end_reason__in=sorted(_INBOUND_ONLY)),
                name="voipcti_call_odd_outbound",
            ),
            # Calls whose number has no international form: colleagues and short numbers.
            models.Index(fields=("other_number", "-id"), condition=models.Q(other_e164=""), name="voipcti_call_short"),
            models.Index(
                fields=("line",),
                condition=models.Q(state__in=sorted(LIVE_STATES)),
                name="voipcti_call_live",
            ),
        )
        permissions = (
            ("view_full_number", _("Can see complete phone numbers")),
            ("play_recordings", _("Can play recordings of calls")),
            ("export_calls", _("Can export calls")),
        )

    def __str__(self) -> str:
        # Titles, messages and logs show it to whoever is there, and a name may hold a number.
        return f"{self.get_direction_display()} {mask_digits(self.known_name)} ({self.get_state_display()})"

    @property
    def internal(self) -> bool:
        """Whether both ends are lines of ours."""
        return self.other_line_id is not None

    @property
    def conversation_key(self) -> tuple[str, str | int]:
        """What the legs of one conversation have in common; a call's own where the provider names no conversation."""
        return (self.provider, self.conversation_id) if self.conversation_id else ("", self.pk)

    @property
    def is_live(self) -> bool:
        """Whether the call is not over."""
        return CallState(self.state) in LIVE_STATES

    @property
    def known_name(self) -> str:
        """The name of the other party: record, colleague, name sent by the provider or a directory; empty without."""
        return self.contact_label or self.other_name

    @property
    def display_name(self) -> str:
        """Who the other party is, as well as we know: name or number."""
        return self.known_name or self.other_number or str(_("withheld number"))

    @property
    def ring_time(self) -> timedelta | None:
        """How long it rang before it was answered or ended; None while it rings."""
        until = self.answered_at or self.ended_at
        return max(until - self.started_at, timedelta()) if until else None

    @property
    def talk_time(self) -> timedelta | None:
        """How long the parties were connected, hold included; None if never answered or still talking."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return max(self.ended_at - self.answered_at, timedelta())

    def as_reference(self) -> CallReference:
        """This call as a provider's method is told it."""
        return CallReference(
            external_id=self.external_id or "",
            conversation_id=self.conversation_id,
            direction=Direction(self.direction),
            state=CallState(self.state),
        )


class CallEventQuerySet(models.QuerySet["CallEvent"]):
    """Many-row rules of events."""

    def told(self) -> "CallEventQuerySet":
        """Events that changed their call, hence were told to pages."""
        return self.filter(effective=True)

    def after(self, event_id: int) -> "CallEventQuerySet":
        """Events recorded after ``event_id``, oldest first."""
        return self.filter(id__gt=event_id).order_by("id")


class CallEvent(models.Model):
    """What one witness said of one call. Append-only; the id rises in the order of commit within a user's lines."""

    id = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events")
    line = models.ForeignKey("django_voipcti.Line", on_delete=models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(_("state"), max_length=9, choices=CallState.choices, blank=True)
    effective = models.BooleanField(_("changed the call"), default=True)
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    occurred_at = models.DateTimeField(_("occurred"))
    recorded_at = models.DateTimeField(_("recorded"))
    key = models.CharField(_("de-duplication key"), max_length=200, unique=True)
    raw = models.JSONField(_("as received"), default=dict)

    objects = CallEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("call event")
        verbose_name_plural = _("call events")
        ordering = ("id",)
        indexes = (models.Index(fields=("line", "id"), name="voipcti_event_line_id"),)

    def __str__(self) -> str:
        return f"{self.state or self.source} #{self.pk}"

    @property
    def delay(self) -> timedelta:
        """From the source's own time to our record of it."""
        recorded: datetime = self.recorded_at
        return recorded - self.occurred_at
