"""From a record to its rows in the index. No query of its own; what the record's relations need they ask for."""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import phonenumbers
from django.db import models

from ..conf import app_settings
from ..models import PhonebookEntry
from ..models.phonebook import EntryKind
from . import numbers, spelling
from .paths import Path, flatten
from .registry import Registration

__all__ = ["COLUMNS", "Row", "fingerprint_of", "object_key", "rows_of", "shown"]

#: A field with more numbers than this is a mistake; the first ones count.
MOST_NUMBERS = 200


class Row(NamedTuple):
    """One row of :class:`PhonebookEntry`, in the order of its columns."""

    content_type_id: int
    object_id: str
    field: str
    position: int
    text: str
    kind: str
    assumed: bool
    e164: str
    national: str
    reversed: str
    extension: str
    label: str
    company: str
    url: str
    owner_id: Any
    fingerprint: int


COLUMNS = Row._fields

_LENGTH = {
    field.name: field.max_length or 0
    for field in PhonebookEntry._meta.concrete_fields
    if isinstance(field, models.CharField)
}


def object_key(pk: Any) -> str:
    """How a primary key stands in ``object_id``."""
    return str(pk)


def rows_of(registration: Registration, instance: models.Model, content_type_id: int) -> list[Row]:
    """The rows that ``instance`` should have. Raises what the host's functions raise."""
    found = list(_numbers(registration, instance))
    if not found:
        return []
    visible = shown(registration, instance)
    object_id = object_key(instance.pk)
    rows: dict[int, Row] = {}
    for position, field, text, number in found:
        kind, said = _kind(registration, field, number)
        content = (
            clip(field, "field"),
            position,
            clip(text, "text"),
            kind,
            said.assumed,
            # A country that is merely possible is not known: such a number is found by its digits.
            "" if said.kind == "possible" and said.assumed else said.e164,
            said.national if len(said.national) <= _LENGTH["national"] else "",
        )
        backwards = (content[5][1:] or content[6])[::-1]
        row = (*content, backwards, clip(said.extension, "extension"), *visible)
        fingerprint = fingerprint_of(row)
        rows[fingerprint] = Row(content_type_id, object_id, *row, fingerprint)
    return list(rows.values())


def shown(registration: Registration, instance: models.Model) -> tuple[str, str, str, Any]:
    """What a pop-up shows of the record: name, company, address, owner."""
    return (
        clip(_text(registration.label, instance), "label"),
        clip(_text(registration.company, instance), "company"),
        clip(_text(registration.url, instance), "url"),
        _owner(registration, instance),
    )


def clip(text: str, column: str) -> str:
    """Make any text fit its column: the column's length, no NUL (PostgreSQL), no lone surrogates."""
    if not text.isascii():
        text = text.encode("utf-8", "ignore").decode()
    return text.replace("\0", "")[: _LENGTH[column]]


def _numbers(registration: Registration, instance: models.Model) -> Iterator[tuple[int, str, str, numbers.Number]]:
    """Every number with its position, the name of its field and the text as it stood.

    The position says which field, then which number of it: so an emptied field does not renumber the others.
    """
    region = _text(registration.region, instance) or app_settings.default_region
    for place, reader in enumerate(registration.numbers):
        position = place * MOST_NUMBERS
        field = reader.text if isinstance(reader, Path) else getattr(reader, "__name__", "")
        for value in _values(reader, instance):
            text = _spelled(value)
            if not text.strip():
                continue
            for number in numbers.parse_all(text, region):
                if position == (place + 1) * MOST_NUMBERS:
                    return
                yield position, field, text, number
                position += 1


def _values(reader: Path | Callable[[Any], Any], instance: models.Model) -> Iterable[Any]:
    """The texts and number objects that a reader leads to."""
    if not isinstance(reader, Path):
        return flatten(reader(instance))
    plain = getattr(instance, reader.text, None)
    if isinstance(plain, str):
        return (plain,) if plain else ()
    return flatten(list(reader.values(instance)))


def _spelled(value: Any) -> str:
    """The text of a value; number objects (``PhoneNumberField``) as E.164 with extension, or as they were typed."""
    if not isinstance(value, phonenumbers.PhoneNumber):
        return str(value)
    if value.country_code is None:
        return value.raw_input or ""
    text = phonenumbers.format_number(value, phonenumbers.PhoneNumberFormat.E164)
    return f"{text};ext={value.extension}" if value.extension else text


def _kind(registration: Registration, field: str, number: numbers.Number) -> tuple[str, numbers.Number]:
    """The row's kind, and the number as it counts for the row."""
    if field in registration.internal:
        digits = spelling.tidy(number.raw).replace(" ", "")
        return EntryKind.SHORT, numbers.Number(number.raw, "", digits, "", "", "short")
    if field in registration.own:
        return EntryKind.OWN, number
    if number.kind == "withheld":
        return EntryKind.UNREADABLE, number
    return number.kind, number


def _text(reader: Any, instance: models.Model) -> str:
    """The text that a reader leads to; empty for nothing."""
    if reader is None:
        return ""
    value = reader.first(instance) if isinstance(reader, Path) else reader(instance)
    return "" if value is None else str(value)


def _owner(registration: Registration, instance: models.Model) -> Any:
    """The primary key of the record's owner, without fetching the user where a foreign key says it."""
    reader = registration.owner
    if reader is None:
        return None
    if isinstance(reader, Path) and len(reader.steps) == 1:
        value = getattr(instance, f"{reader.steps[0]}_id", None)
        if value is not None:
            return value
    value = reader.first(instance) if isinstance(reader, Path) else reader(instance)
    return value.pk if isinstance(value, models.Model) else value


def fingerprint_of(row: tuple[Any, ...]) -> int:
    """A signed 64-bit hash of everything that the row says about the number and its record."""
    digest = blake2b("\x1f".join(map(str, row)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
