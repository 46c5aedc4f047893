"""A line: one user's telephony account at one provider."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import credentials
from ..conf import app_settings
from ..enums import LineStatus
from ..providers import providers
from ..providers.base import Account, BaseProvider, Credentials
from ..redaction import Secret
from .team import Team

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["LONGEST_RETENTION", "Line", "LineQuerySet", "seen_lines"]


#: Days that calls can be kept: a hundred years.
LONGEST_RETENTION = 36_525


class LineQuerySet(models.QuerySet["Line"]):
    """Many-row rules of lines."""

    def enabled(self) -> "LineQuerySet":
        """Lines that a bridge should connect: switched on and with credentials, or with those of another."""
        login = ~models.Q(secrets="") | models.Q(via__enabled=True) & ~models.Q(via__secrets="")
        return self.filter(login, enabled=True)

    def locked(self, named: models.Q) -> "list[Line]":
        """Lock the lines that ``named`` selects and all others of their users, in one order. Needs a transaction.

        Event ids must rise in the order of commit within a user's lines, or a page that reconnects with its last id
        would miss an event that was numbered earlier but committed later. One order, so that nobody waits in a circle.
        """
        users = self.filter(named, user__isnull=False).values("user")
        return list(self.select_for_update().filter(named | models.Q(user__in=users)).order_by("pk"))

    def visible_to(self, user: "AnyUser") -> "LineQuerySet":
        """Lines whose calls ``user`` may see: his own, those of teams that he leads, all with the permission to watch.

        What else is seen or not by its line asks here, through :func:`seen_lines`.
        """
        if not user.is_authenticated:
            return self.none()
        if user.has_perm("django_voipcti.watch_lines"):
            return self.all()
        led = Team.objects.filter(leads=user.pk, members__isnull=False).values("members")
        return self.filter(models.Q(user_id=user.pk) | models.Q(user__in=led))


class Line(models.Model):
    """One user's extension, address of record or cloud-telephony account. A user may have several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="voipcti_lines",
        help_text=_("Whose pages are told about this line's calls."),
    )
    provider = models.CharField(_("provider"), max_length=50, default="default", help_text=_("Alias in the settings."))
    account = models.CharField(
        _("account"),
        max_length=190,
        help_text=_("The provider's key of this line: a user id, or the user part of a SIP address."),
    )
    label = models.CharField(_("name"), max_length=120, blank=True)
    extension = models.CharField(_("extension"), max_length=20, blank=True, db_index=True)
    phone_number = models.CharField(
        _("own number"), max_length=32, blank=True, db_index=True, help_text=_("In international form: +4420…")
    )
    region = models.CharField(
        _("country"), max_length=2, blank=True, help_text=_("Country code by which national numbers are read.")
    )
    via = models.ForeignKey(
        "self",
        verbose_name=_("watched by the login of"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="nodes",
        help_text=_("Set for queues, menus and conference rooms, which have no login of their own."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    retention_days = models.PositiveIntegerField(
        _("days calls are kept"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION)],
        help_text=_("Empty: as the settings say for the provider."),
    )
    options = models.JSONField(_("options"), default=dict, blank=True)
    secrets = models.TextField(_("encrypted credentials"), blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=12, choices=LineStatus.choices, default=LineStatus.LOGGED_OUT, editable=False
    )
    status_text = models.CharField(_("status detail"), max_length=300, blank=True, editable=False)
    status_at = models.DateTimeField(_("status since"), null=True, editable=False)
    credentials_version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = LineQuerySet.as_manager()

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ("provider", "account")
        constraints = (
            models.UniqueConstraint(fields=("provider", "account"), name="voipcti_line_provider_account_unique"),
        )
        permissions = (("watch_lines", _("Can watch the calls of other users' lines")),)

    def __str__(self) -> str:
        return self.label or self.extension or self.account

    @property
    def backend(self) -> BaseProvider:
        """The provider instance behind the alias. Raises ``UnknownProvider`` if the alias left the settings."""
        return providers[self.provider]

    @property
    def is_node(self) -> bool:
        """Whether this is a queue, menu or conference room, watched by another line's login. Its calls are not kept."""
        return self.via_id is not None

    @property
    def has_credentials(self) -> bool:
        """Whether there is anything to connect with."""
        return bool((self.via or self).secrets)

    @property
    def effective_region(self) -> str:
        """Country code for national numbers: the line's, else its provider's, else the settings'."""
        return self.region or self.backend.region or app_settings.default_region

    def set_credentials(self, new: Credentials) -> None:
        """Take over what a login left behind; does not save."""
        self.account = new.account
        self.secrets = credentials.encrypt(new.secrets)
        self.extension = new.extension or self.extension
        self.label = self.label or new.display_name
        self.options = {**self.options, **new.options}
        self.credentials_version += 1

    def set_secrets(self, secrets: Mapping[str, str]) -> None:
        """Replace the stored secrets; does not save."""
        self.secrets = credentials.encrypt(secrets)
        self.credentials_version += 1

    def clear_credentials(self) -> None:
        """Forget all secrets, so that no bridge connects this line any more; does not save."""
        self.secrets = ""
        self.credentials_version += 1

    def reveal_secrets(self) -> dict[str, Secret]:
        """The decrypted secrets, for the provider only."""
        return credentials.decrypt((self.via or self).secrets)

    def as_account(self) -> Account:
        """This line as its provider sees it, with decrypted secrets."""
        return Account(
            line=self.pk,
            key=self.account,
            login=self.via.account if self.via else "",
            extension=self.extension,
            secrets=self.reveal_secrets(),
            options=dict(self.options),
        )

    def set_status(self, status: LineStatus, text: str = "") -> bool:
        """Store how the line stands and return whether that is news. Does not tell pages: see ``realtime``."""
        if self.status == status and self.status_text == text[:300]:
            return False
        self.status, self.status_text, self.status_at = status, text[:300], timezone.now()
        type(self).objects.filter(pk=self.pk).update(
            status=self.status, status_text=self.status_text, status_at=self.status_at
        )
        return True

    def capabilities(self) -> dict[str, Any]:
        """The provider's capability flags, for pages. A node is looked at, no more."""
        flags = self.backend.capabilities()
        return dict.fromkeys(flags, False) if self.is_node else flags


def seen_lines(user: "AnyUser", field: str = "line") -> models.Q:
    """The condition on rows with a line that ``user`` may see them; none at all for somebody who sees every line."""
    lines = Line.objects.visible_to(user)
    return models.Q(**{f"{field}__in": lines.values("pk")}) if lines.query.where else models.Q()
