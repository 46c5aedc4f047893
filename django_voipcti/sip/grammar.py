"""Pieces of the SIP grammar (RFC 3261, 25.1) that several header fields share.

Every pattern runs in time linear in its input: quantifiers are possessive, and an unclosed quote or bracket is eaten
to the end of the text instead of being tried again from each later position. It does not judge whole header fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .exceptions import MalformedMessage

__all__ = ["TOKEN", "Params", "format_params", "is_token", "parse_params", "quote", "split_list", "unquote"]

#: RFC 3261 25.1, ``token``; a character class, to be used inside other patterns.
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]"  # noqa: S105 - a character class, no password

#: Parameter name in lower case → value without quotes, or ``None`` for a parameter without a value.
Params = Mapping[str, str | None]

_TOKEN = re.compile(TOKEN + r"++\Z")
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+\\?"?|<[^>]*+>?|,', re.DOTALL)
_SEMICOLON = re.compile(r'"(?:[^"\\]|\\.)*+\\?"?|;', re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"\Z', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')


def is_token(text: str) -> bool:
    """Tell whether the text is a ``token`` of at least one character."""
    return _TOKEN.match(text) is not None


def _split(pattern: re.Pattern[str], separator: str, text: str) -> list[str]:
    parts = []
    start = 0
    for match in pattern.finditer(text):
        if match.group() == separator:
            parts.append(text[start : match.start()])
            start = match.end()
    parts.append(text[start:])
    return parts


def split_list(text: str) -> list[str]:
    """Split a comma-separated value, leaving commas in quotes and angle brackets alone; empty items are dropped."""
    if '"' in text or "<" in text:
        parts = _split(_COMMA, ",", text)
    else:
        parts = text.split(",")
    return [part for part in map(str.strip, parts) if part]


def unquote(text: str) -> str:
    """Return the content of a quoted string; raise ``MalformedMessage`` if the quotes are not balanced."""
    if not _QUOTED.match(text):
        raise MalformedMessage("a quoted string is not closed")
    text = text[1:-1]
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def quote(text: str) -> str:
    """Return the text as a quoted string."""
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


def parse_params(text: str) -> dict[str, str | None]:
    """Read ``a=1;b;c="x"`` (what follows the first semicolon). Of a repeated parameter the first one counts."""
    params: dict[str, str | None] = {}
    quoted = '"' in text
    for part in _split(_SEMICOLON, ";", text) if quoted else text.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not name or (quoted and '"' in name):
            raise MalformedMessage("a header field has a parameter without a name")
        if name in params:
            continue
        if equals:
            value = value.strip()
            params[name] = unquote(value) if quoted and value[:1] == '"' else value
        else:
            params[name] = None
    return params


_BARE_VALUE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~:\[\]/@]++\Z")


def format_params(params: Params) -> str:
    """Write parameters, each with its leading semicolon; values that are neither token nor host are quoted."""
    out = []
    for name, value in params.items():
        if value is None:
            out.append(f";{name}")
        else:
            out.append(f";{name}={value if _BARE_VALUE.match(value) else quote(value)}")
    return "".join(out)
