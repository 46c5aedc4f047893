"""What people write down about calls: notes, each by one author, with the outcome, and a draft until it is saved."""

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from .call import Call
from .line import seen_lines
from .words import has_words

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["MAX_NOTE_LENGTH", "CallNote", "CallNoteQuerySet", "CallOutcome", "CallOutcomeQuerySet"]

#: Characters of a note. With the rest of a page's message, in any script, it fits into ``SOCKET_MAX_BYTES``.
MAX_NOTE_LENGTH = 4000


class CallOutcomeQuerySet(models.QuerySet["CallOutcome"]):
    """Many-row rules of outcomes."""

    def offered(self) -> "CallOutcomeQuerySet":
        """Those that can be chosen today, in order."""
        return self.filter(is_offered=True)


class CallOutcome(models.Model):
    """What can come of a call, in the host's words. Edited in the admin; one that is in use is retired, not deleted."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Low numbers stand first."))
    is_offered = models.BooleanField(
        _("offered"), default=True, help_text=_("Take the tick away to retire an outcome; calls that have it keep it.")
    )
    asks_for_date = models.BooleanField(
        _("asks for a date"), default=False, help_text=_("Whoever chooses it is asked when to follow up.")
    )

    objects = CallOutcomeQuerySet.as_manager()

    class Meta:
        verbose_name = _("call outcome")
        verbose_name_plural = _("call outcomes")
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.name


class CallNoteQuerySet(models.QuerySet["CallNote"]):
    """Many-row rules of notes."""

    def saved(self) -> "CallNoteQuerySet":
        """Notes that others may read: a draft alone is nobody's business but its author's."""
        return self.filter(saved_at__isnull=False)

    def drafts_of(self, user: "AnyUser") -> "CallNoteQuerySet":
        """What ``user`` began to write and has neither saved nor thrown away, newest first."""
        return self.filter(author_id=user.pk, draft_at__isnull=False).order_by("-draft_at")

    def visible_to(self, user: "AnyUser") -> "CallNoteQuerySet":
        """Saved notes on calls that ``user`` may see, and on other legs of those; and his own."""
        if not user.pk:
            return self.none()
        own, lines = Q(author_id=user.pk), seen_lines(user, "call__line")
        if not lines:
            return self.filter(Q(saved_at__isnull=False) | own)
        same_conversation = Call.objects.visible_to(user).filter(
            provider=OuterRef("call__provider"), conversation_id=OuterRef("call__conversation_id")
        )
        seen = lines | Exists(same_conversation.exclude(conversation_id=""))
        return self.filter(Q(seen, saved_at__isnull=False) | own)

    def about(self, calls: "Collection[int] | models.QuerySet[Any, Any]") -> "CallNoteQuerySet":
        """Notes on the conversations of ``calls``: primary keys, or a query for them."""
        legs = Call.objects.filter(pk__in=calls).exclude(conversation_id="").order_by()
        same = Exists(
            legs.filter(provider=OuterRef("call__provider"), conversation_id=OuterRef("call__conversation_id"))
        )
        return self.filter(Q(call__in=calls) | Q(same, call__conversation_id__in=legs.values("conversation_id")))

    def of_calls(self, calls: Collection[Call]) -> dict[int, list["CallNote"]]:
        """Saved notes on the conversations of ``calls``, oldest first, by the call's primary key. One query."""
        if not calls:
            return {}
        wanted = Q(call__in=[call.pk for call in calls if not call.conversation_id])
        wanted |= Q(call__conversation_id__in={call.conversation_id for call in calls if call.conversation_id})
        found = defaultdict[tuple[str, str | int], list[CallNote]](list)
        for note in self.saved().filter(wanted).select_related("call", "author", "outcome").order_by("saved_at", "pk"):
            found[note.call.conversation_key].append(note)
        return {call.pk: found[call.conversation_key] for call in calls}

    def saying(self, text: str) -> "CallNoteQuerySet":
        """Notes with every word of ``text``, or a word that begins with it; none without a word."""
        return self.filter(has_words(["text"], text, using=self.db))


class CallNote(models.Model):
    """One author's note on a conversation. Written by :mod:`django_voipcti.notes` alone.

    It hangs on the leg on which it was written and is shown on all legs of that conversation: see
    :meth:`CallNoteQuerySet.of_calls`.
    """

    call = models.ForeignKey(Call, verbose_name=_("call"), on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    text = models.TextField(_("note"), max_length=MAX_NOTE_LENGTH, blank=True)
    outcome = models.ForeignKey(
        CallOutcome, verbose_name=_("outcome"), on_delete=models.PROTECT, null=True, blank=True, related_name="notes"
    )
    follow_up_on = models.DateField(_("follow up on"), null=True, blank=True)
    created_at = models.DateTimeField(_("begun"))
    saved_at = models.DateTimeField(_("saved"), null=True)
    draft_text = models.TextField(_("unsaved text"), max_length=MAX_NOTE_LENGTH, blank=True)
    draft_outcome = models.ForeignKey(
        CallOutcome,
        verbose_name=_("unsaved outcome"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    draft_follow_up_on = models.DateField(_("unsaved date"), null=True, blank=True)
    draft_at = models.DateTimeField(_("draft of"), null=True)
    version = models.PositiveBigIntegerField(default=0)
    """Rises with each change, also when the row was deleted between: pages know by it what is newer."""

    objects = CallNoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("call note")
        verbose_name_plural = _("call notes")
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("call", "author"), name="voipcti_note_call_author_unique"),)
        indexes = (
            models.Index(
                fields=("author", "-draft_at"), condition=Q(draft_at__isnull=False), name="voipcti_note_drafts"
            ),
            models.Index(
                fields=("follow_up_on",), condition=Q(follow_up_on__isnull=False), name="voipcti_note_follow_up"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def author_name(self) -> str:
        """Who wrote it; empty if he is no user any more."""
        return self.author.get_full_name() or self.author.get_username() if self.author else ""
