"""The closed vocabularies of telephony in this package.

Every provider translates its own terms into these, and keeps its raw payload beside them. Nothing here knows a
provider, a protocol or a model.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Direction(models.TextChoices):
    """Which way a call goes, as the line sees it."""

    INBOUND = "INBOUND", _("inbound")
    OUTBOUND = "OUTBOUND", _("outbound")


class CallState(models.TextChoices):
    """Where a call stands. The legal moves between these are the table in :mod:`django_voipcti.lifecycle`."""

    REQUESTED = "REQUESTED", _("requested")  # clicked, not yet with the provider
    INITIAL = "INITIAL", _("calling your phone")  # the user's own phone rings; outbound only
    ACCEPTED = "ACCEPTED", _("your phone was picked up")  # outbound only
    RINGING = "RINGING", _("ringing")
    CONNECTED = "CONNECTED", _("connected")
    ON_HOLD = "ON_HOLD", _("on hold")
    HANGUP = "HANGUP", _("ended")
    CANCEL = "CANCEL", _("not set up")  # ended before it was connected because it could not be set up

    @property
    def is_final(self) -> bool:
        """Whether a call in this state is over."""
        return self in FINAL_STATES

    @property
    def is_talking(self) -> bool:
        """Whether both ends have picked up."""
        return self in TALKING_STATES


FINAL_STATES = frozenset({CallState.HANGUP, CallState.CANCEL})
TALKING_STATES = frozenset({CallState.CONNECTED, CallState.ON_HOLD})
LIVE_STATES = frozenset(CallState) - FINAL_STATES


class EndReason(models.TextChoices):
    """Why a call ended, whatever the provider calls it. Its own text is kept beside it, as ``cause``."""

    COMPLETED = "completed", _("completed")
    MISSED = "missed", _("missed")
    ANSWERED_ELSEWHERE = "answered_elsewhere", _("answered by a colleague")
    NO_ANSWER = "no_answer", _("no answer")
    BUSY = "busy", _("busy")
    DECLINED = "declined", _("declined")
    CANCELLED = "cancelled", _("cancelled")
    UNREACHABLE = "unreachable", _("phone not reachable")
    REJECTED = "rejected", _("rejected by the provider")
    FAILED = "failed", _("failed")
    TRANSFERRED = "transferred", _("transferred")
    UNKNOWN = "unknown", _("unknown")


class Outcome(models.TextChoices):
    """What came of a conversation as a whole, as the dashboard counts it. "Outside": not between two lines of ours."""

    ANSWERED = "answered", _("answered")
    MISSED = "missed", _("missed")
    TURNED_AWAY = "turned_away", _("turned away")  # busy, declined, refused, failed: nobody let it ring out
    ELSEWHERE = "elsewhere", _("answered on another phone")  # not on a line of ours
    REACHED = "reached", _("outbound, reached")
    NOT_REACHED = "not_reached", _("outbound, not reached")
    INTERNAL = "internal", _("between colleagues")


class SessionEvent(models.TextChoices):
    """What a user's pages are told about their lines and requests, beside the states of calls."""

    LOGGED_IN = "LOGGED_IN", _("logged in")
    LOGGED_OUT = "LOGGED_OUT", _("logged out")
    READY = "READY", _("ready")
    TWO_FACTOR_AUTH = "TWO_FACTOR_AUTH", _("second factor needed")
    SUBSCRIBED = "SUBSCRIBED", _("subscribed")
    INFO = "INFO", _("information")
    ERROR = "ERROR", _("error")


class LineStatus(models.TextChoices):
    """How a line stands with its provider, as its bridge last reported."""

    LOGGED_OUT = "LOGGED_OUT", _("logged out")
    LOGGED_IN = "LOGGED_IN", _("connecting")  # the provider knows us, call state is not flowing yet
    READY = "READY", _("ready")
    ERROR = "ERROR", _("error")


class CommandAction(models.TextChoices):
    """What a user may ask of a call."""

    PLACE = "place", _("place")
    ANSWER = "answer", _("answer")
    HOLD = "hold", _("hold")
    RESUME = "resume", _("resume")
    TRANSFER = "transfer", _("transfer")
    CONSULT = "consult", _("ask before transferring")
    COMPLETE = "complete", _("complete the transfer")
    RETURN = "return", _("return to the caller")
    HANG_UP = "hang_up", _("hang up")


#: Actions that place a call of their own.
PLACING_ACTIONS = frozenset({CommandAction.PLACE, CommandAction.CONSULT})


class CommandState(models.TextChoices):
    """The life of a command: claimed once, then done, failed or (never claimed in time) expired."""

    PENDING = "pending", _("waiting")
    CLAIMED = "claimed", _("being carried out")
    SUCCEEDED = "succeeded", _("done")
    FAILED = "failed", _("failed")
    EXPIRED = "expired", _("expired")


class Source(models.TextChoices):
    """Which witness says something about a call."""

    SIP = "sip", _("SIP event")
    WEBHOOK = "webhook", _("webhook")
    REST = "rest", _("REST answer")
    CDR = "cdr", _("provider's history")
    COMMAND = "command", _("command")
    MANUAL = "manual", _("entered by hand")
