"""The phonebook's side index: one row for each number of each registered record. Derived data, never the truth.

Everything in :class:`PhonebookEntry` can be made again from the host's records by ``manage.py voipcti_reindex``. Rows
are addressed by their content: ``fingerprint`` is a hash of all that a row says, so keeping the index is a matter of
deleting what is no longer said and adding what is new, whoever does the same at the same time.
"""

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["EntryKind", "PhonebookChoice", "PhonebookEntry", "ReindexProgress"]


class EntryKind(models.TextChoices):
    """What kind of number a row holds."""

    VALID = "valid", _("valid number")
    POSSIBLE = "possible", _("possible number")
    SHORT = "short", _("internal number")
    SIP = "sip", _("SIP address")
    OWN = "own", _("own number")  # of a line of ours: a caller who shows it is nobody's contact
    LEARNED = "learned", _("chosen by a person")  # points to PhonebookChoice; says nothing else
    UNREADABLE = "unreadable", _("unreadable")


class PhonebookEntry(models.Model):
    """One number of one record, with what a pop-up shows of that record, so that one query answers "who is calling?".

    ``e164`` is empty where the country of the number is unknown; such rows are found through ``reversed``, as a range:
    the digits from the last to the first (the country code's included, where ``e164`` has one).
    """

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+", db_index=False)
    object_id = models.CharField(_("record"), max_length=64)
    field = models.CharField(_("field"), max_length=100, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    text = models.CharField(_("as it stands in the record"), max_length=250, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=EntryKind.choices)
    assumed = models.BooleanField(_("country or area assumed"), default=False)
    e164 = models.CharField(_("number, international"), max_length=16, blank=True)
    national = models.CharField(_("number without country code"), max_length=190, blank=True)
    reversed = models.CharField(_("digits backwards"), max_length=190, blank=True)
    extension = models.CharField(_("extension"), max_length=10, blank=True)
    label = models.CharField(_("name"), max_length=190, blank=True)
    company = models.CharField(_("company"), max_length=190, blank=True)
    url = models.CharField(_("address of the record"), max_length=500, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,  # a copy of what the record says: it may outlive the user until the record is saved
    )
    fingerprint = models.BigIntegerField(editable=False)

    class Meta:
        verbose_name = _("phonebook entry")
        verbose_name_plural = _("phonebook entries")
        constraints = (
            models.UniqueConstraint(
                fields=("content_type", "object_id", "fingerprint"), name="voipcti_phonebook_row_unique"
            ),
        )
        indexes = (
            models.Index(fields=("e164",), name="voipcti_phonebook_e164"),
            models.Index(fields=("reversed",), name="voipcti_phonebook_reversed"),
        )

    def __str__(self) -> str:
        return f"{self.label} ({self.get_kind_display()})"


class PhonebookChoice(models.Model):
    """A person's word that a number belongs to a record: chosen among several matches, or attached to one.

    A user has one choice per number; an attached record counts for everybody. Unlike entries this is the truth itself.
    """

    number = models.CharField(_("number"), max_length=190, help_text=_("In international form where it has one."))
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+", verbose_name=_("kind"))
    object_id = models.CharField(_("record"), max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, null=True, related_name="+"
    )
    is_attached = models.BooleanField(_("for everybody"), default=False)
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("learned choice")
        verbose_name_plural = _("learned choices")
        ordering = ("-made_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("number", "user"),
                condition=models.Q(is_attached=False),
                name="voipcti_choice_number_user_unique",
            ),
            models.UniqueConstraint(
                fields=("number", "content_type", "object_id"),
                condition=models.Q(is_attached=True),
                name="voipcti_choice_attached_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.content_type} {self.object_id}"


class ReindexProgress(models.Model):
    """How far a run of ``voipcti_reindex`` over one model has come, so that it can go on where it was broken off."""

    content_type = models.OneToOneField(ContentType, on_delete=models.CASCADE, related_name="+")
    after_key = models.CharField(_("done up to record"), max_length=64)
    records = models.PositiveBigIntegerField(_("records done"), default=0)
    updated_at = models.DateTimeField(_("as of"), auto_now=True)

    class Meta:
        verbose_name = _("reindex progress")
        verbose_name_plural = _("reindex progress")

    def __str__(self) -> str:
        return f"{self.content_type}: {self.records}"
