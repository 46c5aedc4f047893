"""Contacts as people type them: a million records with two numbers each, the same ones in every run."""

import random
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Numbers", "contacts"]

_AREAS = ("30", "40", "69", "89", "211", "221", "341", "351", "511", "711", "911", "621", "721", "761", "821", "931")
_MOBILE = ("1511", "1522", "1578", "160", "162", "163", "170", "171", "172", "173", "174", "175", "177", "178", "179")
_FOREIGN = (
    ("44", "207946", 4, "+44 20 7946 {0}"),
    ("43", "1588", 5, "0043 (0)1 588 {0}"),
    ("33", "14268", 4, "+33 (0)1 42 68 {0}"),
    ("1", "212555", 4, "+1 (212) 555-{0}"),
    ("48", "22123", 4, "+48 22 123 {0}"),
)


class Numbers(NamedTuple):
    """One number: as it stands in the record, and in E.164."""

    text: str
    e164: str


def _german(random_: random.Random) -> Numbers:
    area = random_.choice(_AREAS if random_.random() < 0.5 else _MOBILE)
    local = str(random_.randrange(2_000_000 if area in _MOBILE else 200_000, 9_999_999))
    head, tail = local[:-3], local[-3:]
    spellings = (
        f"+49 {area} {head}-{tail}",
        f"(0{area}) {local}",
        f"0{area}/{local}",
        f"0{area} {head} {tail}",
        f"0049{area}{local}",
        f"+49 (0) {area} {local}",
        f"0{area}-{head}{tail}",
        f"+49{area}{local}",
    )
    return Numbers(random_.choice(spellings), f"+49{area}{local}")


def _foreign(random_: random.Random) -> Numbers:
    code, area, length, spelling = random_.choice(_FOREIGN)
    local = str(random_.randrange(10**length)).zfill(length)
    return Numbers(spelling.format(local), f"+{code}{area}{local}")


def contacts(count: int, seed: int = 20260101) -> Iterator[tuple[str, Numbers, Numbers]]:
    """Yield (name, phone, mobile); 85 % of the numbers are German in eight spellings, 15 % from elsewhere."""
    random_ = random.Random(seed)
    for index in range(count):
        made = [_german(random_) if random_.random() < 0.85 else _foreign(random_) for _each in range(2)]
        yield f"Contact {index}", made[0], made[1]
