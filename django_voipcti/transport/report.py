"""The report of a connection test: steps in their order, each with its outcome, and what to do about a failure."""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

__all__ = ["ProbeStep", "StepOutcome"]


class StepOutcome(TextChoices):
    """How a step went."""

    OK = "ok", _("works")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("not tried")


#: Steps that this package knows; those of a provider's own have a label.
_TITLES: dict[str, str | Promise] = {
    "settings": _("Settings"),
    "account": _("Account"),
    "name": _("Server name"),
    "tcp": _("Port"),
    "tls": _("Encryption"),
    "websocket": _("WebSocket"),
    "login": _("Login"),
    "subscription": _("Permission to watch"),
    "notify": _("Call state"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStep:
    """One step. Its texts are translated, and hold neither secrets nor telephone numbers."""

    name: str
    """Stable word, for programs: one of the steps of :mod:`.probe`, ``account``, ``settings``, or a provider's own."""
    outcome: StepOutcome
    sentence: str
    """What was seen."""
    advice: str = ""
    """What to do; empty where nothing has to be done."""
    label: str = ""
    """Name for people, where it is not the usual one of this step."""

    @property
    def title(self) -> str:
        """The name for people."""
        return self.label or str(_TITLES.get(self.name, self.name))

    @property
    def failed(self) -> bool:
        """Whether this is where it ends."""
        return self.outcome is StepOutcome.FAILED
