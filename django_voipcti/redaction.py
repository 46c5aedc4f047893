"""Values that must not be read by accident: numbers, SIP addresses and secrets as types with a masked ``repr``.

They are ordinary ``str`` objects, so they can be stored, compared and sent. Log them with ``%r``: a ``str`` subclass
still prints in full under ``%s``.
"""

import re

__all__ = ["PhoneNumber", "Secret", "SipAddress", "mask_digits", "mask_number"]

_VISIBLE_DIGITS = 3
#: A number of at least so many digits may show its country as well without showing most of itself.
_LONG_NUMBER = 9
#: What free text may hold of a number: a run of five digits, or seven and more in groups ("020 7946 0123"). Dates and
#: IPv4 addresses are groups of digits, too, and stay.
_NUMBER_IN_TEXT = re.compile(
    r"(?P<kept>(?<!\d)(?:\d{4}-\d\d-\d\d(?!\d)(?:[T ]\d\d(?=:))?|\d{1,3}(?:\.\d{1,3}){3}(?![.\d])))"
    r"|\d{5,}|\+?\(?\d(?:[ \-./()\u00a0\u202f]{0,2}\d){6,}"
)


def mask_number(number: str) -> str:
    """Return ``number`` with all but its last three digits replaced, e.g. ``+44*******123``; short ones wholly."""
    digits = sum(character.isdigit() for character in number)
    if digits <= _VISIBLE_DIGITS + 2:
        return re.sub(r"\d", "*", number)
    country = 2 if number.startswith("+") and digits >= _LONG_NUMBER else 0
    seen = 0
    masked = []
    for character in number:
        if character.isdigit():
            seen += 1
            keep = seen <= country or seen > digits - _VISIBLE_DIGITS
            masked.append(character if keep else "*")
        else:
            masked.append(character)
    return "".join(masked)


def mask_digits(text: str) -> str:
    """Mask what may be a number in free text: runs of five or more digits, and seven or more in groups."""
    return _NUMBER_IN_TEXT.sub(lambda found: found["kept"] or mask_number(found.group()), text)


class PhoneNumber(str):
    """A telephone number or extension as dialled or shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{mask_number(self)}>"


class SipAddress(str):
    """A SIP URI or address of record; the host part stays readable, since operators need it."""

    __slots__ = ()

    def __repr__(self) -> str:
        user, at, host = self.rpartition("@")
        return f"<{mask_digits(user)}{at}{host}>" if at else f"<{mask_digits(self)}>"


class Secret(str):
    """A password, token or key. Its ``repr`` says only that there is one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>" if self else "<no secret>"
