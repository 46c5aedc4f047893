"""One end of a dialog as a number and a name, whatever a server puts where they should be. Pure."""

from urllib.parse import unquote

from ..sip.dialoginfo import Participant
from ..sip.exceptions import SipError
from ..sip.uri import SipUri

__all__ = ["shown_by"]

_WITHHELD = frozenset({"anonymous", "restricted", "unknown", "unavailable", "private", "withheld", "invalid"})


def shown_by(participant: Participant) -> tuple[str, str]:
    """User part and display name of one end, each empty if it tells nothing."""
    uri = participant.identity_uri or participant.target_uri
    number = _number(uri)
    # Some servers show the user part of the Contact, a random text, where the name should be.
    contact = _number(participant.target_uri)
    name = participant.display.strip().strip('"').strip()
    if name.lower() in _WITHHELD or _digits(name) == _digits(number) != "" or name in (number, contact):
        name = ""
    return number, name


def _number(uri: str) -> str:
    """The user part of a SIP or tel URI, without parameters; the text itself if it is no URI."""
    try:
        parsed = SipUri.parse(uri.strip().strip("<>"))
        user, host = unquote(parsed.user or ""), parsed.host
    except SipError:
        user, _at, host = uri.strip().rpartition(":")[2].partition("@")
    user = user.partition(";")[0].strip()
    withheld = user.lower() in _WITHHELD or host == "anonymous.invalid"
    return "" if withheld else user[:64]


def _digits(text: str) -> str:
    """The digits of something that is nothing but a number; empty otherwise."""
    bare = "".join(character for character in text if character not in " +-./()")
    return bare if bare.isdecimal() else ""
