"""How people and machines write telephone numbers: cleaning, extensions, several numbers in one field, letters.

Nothing here knows a country. It turns a text into candidates that :mod:`.numbers` then judges with ``phonenumbers``.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

__all__ = [
    "APART",
    "MAX_LENGTH",
    "SipParts",
    "bare_digits",
    "before_alternative",
    "before_word",
    "begins_anew",
    "count_digits",
    "is_area_code",
    "is_country_code",
    "is_plain",
    "is_spaced",
    "is_withheld",
    "keypad_digits",
    "runs",
    "segments",
    "short_number",
    "sip_parts",
    "slashed",
    "split_extension",
    "tidy",
    "without_words",
]

#: Longer texts are notes, not numbers; only this much is looked at.
MAX_LENGTH = 250

#: What networks and telephone systems send instead of a number, in the languages met, letters only, case folded.
_WITHHELD_TEXT = """
    anonymous anonymouscaller anonym anonyme anonimo anónimo unknown unknowncaller unbekannt inconnu desconocido
    sconosciuto onbekend private privatenumber privat withheld numberwithheld withheldnumber unterdrückt restricted
    unavailable notavailable outofarea blocked nocallerid nonumber callerunknown masqué numéromasqué oculto
    númerooculto riservato nascosto verborgen payphone coinline null none undefined
    """
_WITHHELD_WORDS = frozenset(_WITHHELD_TEXT.split())
#: The same words as keyed on a telephone: ANONYMOUS, RESTRICTED, UNAVAILABLE, BLOCKED, UNKNOWN (sent with a plus).
_WITHHELD_NUMBERS = frozenset({"+266696687", "+7378742833", "+86282452253", "+2562533", "+8656696"})

_EXTENSION_WORDS = (
    r"extension|extn|ext|xt|x|durchwahl|dw|apparat|app|nebenstelle|nbst|nst|poste|interno|interne|int|anexo|ramal|"
    r"toestel|tst|doorkies|wew|linka|klapka|anknytning|ankn|lokal|lok|вн|доб|внутр"
)
_EXTENSION = re.compile(
    rf"^(?P<main>.*\d.*?)[\s,;:(\-/.]*"
    rf"(?:(?<![^\W\d_])(?:{_EXTENSION_WORDS})(?![^\W\d_])|[#~]|,{{1,3}}|;ext=)[\s.:=)]*(?P<extension>\d{{1,7}})[)\s]*$",
    re.IGNORECASE,
)
_FEWEST_MAIN_DIGITS = 5

#: Between several numbers; not what stands before an extension: "…;ext=12", "…, x12", "…,12".
_SEPARATORS = re.compile(
    rf"\s*(?:[;|\\\n]|,(?!\s*\d{{1,4}}\s*$))+\s*+(?!(?:{_EXTENSION_WORDS})(?![^\W\d_])|phone-context|isub)"
    r"|\s+(?:or|oder|bzw\.?|ou|und|and|et|y|e|o|u\.?|&|или|и)\s+",
    re.IGNORECASE,
)
#: A slash between two numbers rather than within one.
APART = " / "
_COUNTRY_CODE = re.compile(r"\(?(?:\+|00)[1-9]\d{0,2}\)?")
#: With a country code and its "00" a number has so many digits at least.
_FEWEST_DIGITS_ABROAD = 10
#: What may part numbers that stand in a row: words ("Mobile … Office …"), a dash between blanks, a plus or zero.
_BOUNDARIES = (
    re.compile(r"(?<=\d)[^\d+]*[^\W\d_]{1,20}[^\d+(]*"),
    re.compile(r"\s-+\s"),
    re.compile(r"\s*(?=\(?\+)"),
    re.compile(r"\s+(?=\(?0)"),
)
_WORD_BETWEEN = re.compile(r"(?<=[\d)])[^\w+]*(?:[^\W\d_]{2,}|\s\+\s)(?=.*\d)", re.DOTALL)
#: What a spreadsheet makes of a number that it takes for an amount.
_AMOUNT = re.compile(r"(\+?\d{7,})\.0")
_ALTERNATIVE = re.compile(r"(.*\d(?:[ .-]?\d){4,})\s*/\s*-?\s*\d{1,2}\s*$")
_AREA_CODE = re.compile(r"\(?\d{1,6}\)?")
_PLAIN = re.compile(r"\+?[ (]*[0-9][0-9 ().-]{4,}")
_SHORT = re.compile(rf"(?:(?:tel|phone|{_EXTENSION_WORDS})[\s.:]*)?([*#]{{0,2}}\d{{1,6}}#?)", re.IGNORECASE)
_REMARK = re.compile(r"\([^)\d]*\)|\[[^\]\d]*\]")
_DIGIT = re.compile(r"[0-9]")
_NO_DIGITS = re.compile(r"[^0-9]+")
_LETTER = re.compile(r"[^\W\d_]")
_VANITY = re.compile(r"\+?[(\d][\d\s().\-]{2,}[\s.\-]?[A-Za-z][A-Za-z\d\s.\-]*")
_LETTERS_IN_A_ROW = re.compile(r"[A-Za-z]{3}|[A-Za-z]+-[A-Za-z]+")
_KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")

_SIP_SCHEME = re.compile(r"^sips?:", re.IGNORECASE)
_SIP_ADDRESS = re.compile(r"^[^\s@<>\"]+@[^\s@<>\"]+$")
_SIP_USER_NUMBER = re.compile(r"^\+?[\d().\-\s*#]*\d[\d().\-\s*#]*$")


def tidy(text: str) -> str:
    """Return ``text`` with plain digits, dashes and blanks, without invisible marks, at most ``MAX_LENGTH`` long."""
    text = text[:MAX_LENGTH]
    if text.isascii() and text.isprintable():
        text = text.strip()
        amount = _AMOUNT.fullmatch(text)
        return amount[1] if amount else text
    plain = []
    for character in unicodedata.normalize("NFKC", text):
        if character.isascii() and character.isprintable():
            plain.append(character)
            continue
        category = unicodedata.category(character)
        if category == "Nd":
            plain.append(str(unicodedata.digit(character)))
        elif category == "Pd" or character == "\u2212":  # MINUS SIGN is a mathematical symbol to Unicode
            plain.append("-")
        elif character == "\n":
            plain.append("\n")
        elif category[0] == "Z" or category == "Cc":
            plain.append(" ")
        elif category not in {"Cf", "Cs", "Co", "Cn"}:  # direction marks, zero-width characters, lone surrogates
            plain.append(character)
    return "".join(plain).strip()


def bare_digits(text: str) -> str:
    """Only the digits of a tidied text."""
    return _NO_DIGITS.sub("", text)


def count_digits(text: str) -> int:
    """How many digits a tidied text has."""
    return len(bare_digits(text))


def is_withheld(text: str) -> bool:
    """Whether a tidied text stands for "the caller does not show a number"."""
    if not text:
        return True
    if text[0] == "+":
        return text in _WITHHELD_NUMBERS
    if any(character.isdigit() for character in text):
        return False
    return "".join(character for character in text.casefold() if character.isalpha()) in _WITHHELD_WORDS


class SipParts(NamedTuple):
    """What a SIP address says: an address of record, and the number in its user part if that is one."""

    address: str
    number: str


def sip_parts(text: str) -> SipParts | None:
    """Take a SIP URI, name-addr or ``user@host`` apart; None if the text is none. ``tel:`` is not SIP."""
    if "<" in text:
        text = text[text.rindex("<") + 1 :].partition(">")[0]
    scheme = _SIP_SCHEME.match(text)
    if not scheme and "@" not in text:
        return None
    address = text[scheme.end() if scheme else 0 :].partition("?")[0]
    user, at, host = address.rpartition("@")
    if not at:
        return SipParts(address=address.partition(";")[0].lower(), number="") if address else None
    # RFC 3261 19.1.1: user parameters stand behind ";" in the user part (telephone-subscriber), a password behind ":".
    user = unquote(user).partition(";")[0].partition(":")[0]
    host = host.partition(";")[0].lower()
    host = host if host.startswith("[") else host.partition(":")[0]  # RFC 3261 19.1.1: an IPv6 host has brackets
    if is_withheld(user) or host == "anonymous.invalid":
        return SipParts(address="", number="")
    address = f"{user.lower()}@{host}"
    if not _SIP_ADDRESS.match(address):
        return None
    return SipParts(address=address, number=user if _SIP_USER_NUMBER.match(user) else "")


def split_extension(text: str) -> tuple[str, str]:
    """Separate ``"… ext. 12"``, ``"… Durchwahl 12"``, ``"… #12"``, ``"…,12"`` into number and extension."""
    if text.replace("-", "").replace(" ", "").replace("/", "").lstrip("+").isdigit():
        return text, ""
    match = _EXTENSION.match(text)
    if match and len(bare_digits(match["main"])) >= _FEWEST_MAIN_DIGITS:
        extension = match["extension"]
        # "089 1, 089 2": what begins with a trunk zero after a mere comma is another number.
        if not (extension.startswith("0") and text[match.end("main") :].lstrip()[:1] == "," and len(extension) > 1):
            return match["main"], extension
    return text, ""


def is_plain(text: str) -> bool:
    """Whether a tidied text is one number of digits, blanks, brackets, dots and dashes: the usual case."""
    return _PLAIN.fullmatch(text) is not None


def segments(text: str) -> list[str]:
    """The parts of a field that holds several numbers, those with digits only."""
    return [part for part in _SEPARATORS.split(text) if _DIGIT.search(part)]


def slashed(text: str, slash: str = "/") -> list[str]:
    """The pieces between slashes, those with digits only."""
    return [piece for piece in text.split(slash) if _DIGIT.search(piece)] if slash in text else [text]


def is_country_code(piece: str) -> bool:
    """Whether a piece before a slash is a country code alone: "+49", "(+49)", "0049"."""
    return _COUNTRY_CODE.fullmatch(_label_dropped(piece)) is not None


def is_area_code(piece: str, rest: list[str], text: str) -> bool:
    """Whether the piece before the only slash is an area code alone, and what stands behind opens no other number."""
    return (
        len(rest) == 1
        and APART not in text
        and "+" not in rest[0]
        and count_digits(rest[0]) < _FEWEST_DIGITS_ABROAD
        and _AREA_CODE.fullmatch(_label_dropped(piece)) is not None
    )


def _label_dropped(piece: str) -> str:
    """ "Tel.: +49" without the words."""
    return _LETTER.sub("", piece).strip(" .:")


def runs(text: str) -> Iterator[list[str]]:
    """Ways to take a text apart that may hold several numbers in a row: at words, at dashes, before each beginning."""
    for boundary in _BOUNDARIES:
        pieces = [piece for piece in boundary.split(text) if _DIGIT.search(piece)]
        if len(pieces) > 1:
            yield pieces


def before_word(text: str) -> str:
    """What stands before a word or plus between digits ("089 123456 room 12"); empty without one, or if the word may
    announce an extension."""
    match = None if split_extension(text)[1] else _WORD_BETWEEN.search(text)
    return text[: match.start()] if match else ""


def before_alternative(text: str) -> str:
    """What stands before "/7" in "089 123456/7", whose last digits replace others; empty if it is something else."""
    match = _ALTERNATIVE.match(text)
    return match[1] if match else ""


def begins_anew(piece: str) -> bool:
    """Whether a piece after a slash opens a new number: it has a plus or a leading zero of its own."""
    return piece.lstrip(" (").startswith(("+", "0"))


def is_spaced(text: str) -> bool:
    """Whether a slash stands between blanks, as it does between two numbers rather than within one."""
    return APART in text


def short_number(text: str) -> str:
    """The short number that a tidied text consists of ("101", "*31#", "ext. 101"); empty if it is something else."""
    match = _SHORT.fullmatch(text) or _SHORT.fullmatch(text.replace(" ", ""))
    return match[1] if match else ""


def without_words(text: str) -> str:
    """Drop remarks and words: ``"0171 1234567 (private)"``, ``"Tel.: 089 …"``."""
    return _LETTER.sub("", _REMARK.sub(" ", text)) if _LETTER.search(text) else text


def keypad_digits(text: str) -> str:
    """Translate a number that is spelled with letters ("0800-FLOWERS"); empty if the text does not look like one."""
    if _LETTERS_IN_A_ROW.search(text) and _VANITY.fullmatch(text):
        return text.upper().translate(_KEYPAD)
    return ""
