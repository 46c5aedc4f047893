"""SIP's terms and ours."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ...enums import EndReason

__all__ = ["FAR_END", "OWN_PHONE", "UNAUTHORIZED", "far_end", "own_phone"]

#: What a final answer of the number that was called means (RFC 3261 section 21).
FAR_END: Mapping[int, EndReason] = {
    **dict.fromkeys((486, 600), EndReason.BUSY),
    **dict.fromkeys((603, 607, 608), EndReason.DECLINED),
    **dict.fromkeys((408, 480), EndReason.NO_ANSWER),
    **dict.fromkeys((404, 410, 484, 502, 604), EndReason.UNREACHABLE),
    **dict.fromkeys((401, 403, 407, 488, 606), EndReason.REJECTED),
    487: EndReason.CANCELLED,
}

#: What a refusal of the user's own phone means to him, with what he can do about it.
OWN_PHONE: Mapping[int, tuple[EndReason, Promise]] = {
    **dict.fromkeys(
        (404, 410, 480, 604),
        (EndReason.UNREACHABLE, _("Your phone is not registered. Switch it on, or check its account.")),
    ),
    **dict.fromkeys((486, 600), (EndReason.BUSY, _("Your phone is busy. End its call first."))),
    **dict.fromkeys((603, 607), (EndReason.DECLINED, _("You declined the call on your phone."))),
    **dict.fromkeys((408, 487), (EndReason.NO_ANSWER, _("You did not pick up your phone."))),
    403: (EndReason.REJECTED, _("The telephone server does not let us call your phone. Tell your administrator.")),
}

#: What to do when the server wants other credentials than ours.
UNAUTHORIZED = _("The telephone server refuses our user name or password. Tell your administrator.")


def far_end(status: int) -> EndReason:
    """Why the call to the number failed."""
    return FAR_END.get(status, EndReason.FAILED)


def own_phone(status: int, reason: str) -> tuple[EndReason, str]:
    """Why the user's own phone could not be had, and a sentence for him."""
    known = OWN_PHONE.get(status)
    if known is not None:
        return known[0], str(known[1])
    text = _("Your phone could not be called: %(status)s %(reason)s.") % {"status": status, "reason": reason}
    return EndReason.FAILED, text
