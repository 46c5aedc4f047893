"""Reading, showing, dialling and searching numbers; every text has a defined result."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_voipcti.phonebook import numbers

VALID, POSSIBLE, SHORT, UNREADABLE = "valid", "possible", "short", "unreadable"
WITHHELD, SIP = "withheld", "sip"


@pytest.mark.parametrize(
    ("text", "region", "e164", "kind"),
    [
        # text that is no number
        ("hello", "DE", "", UNREADABLE),
        ("Haus 12", "DE", "", UNREADABLE),
        ("see below", "DE", "", UNREADABLE),
        ("1" * 60, "DE", "", UNREADABLE),
        ("9" * 100_000, "DE", "", UNREADABLE),
        ("+999 123 456 789", "DE", "", UNREADABLE),
        ("12/03/1999", "DE", "", UNREADABLE),
        ("\x00\x01", "DE", "", WITHHELD),
        ("\ud800", "DE", "", WITHHELD),
        # invisible and foreign characters
        ("\u200e+49 89 123456\u200f", "", "+4989123456", VALID),
        ("\ufeff089\u00a0123456\u200b", "DE", "+4989123456", VALID),
        ("+４９　８９　１２３４５６", "", "+4989123456", VALID),
        ("＋４９（０）８９／１２３４５６", "", "+4989123456", VALID),
        ("+٤٩٨٩١٢٣٤٥٦", "", "+4989123456", VALID),
        ("089\u2013123456", "DE", "+4989123456", VALID),
        # letters
        ("0800-FLOWERS", "GB", "+448003569377", VALID),
        ("1-800-FLOWERS", "US", "+18003569377", VALID),
        ("0800-flowers", "GB", "+448003569377", VALID),
        ("(212) 555-HELP", "US", "+12125554357", VALID),
        ("0171 Schmidt", "DE", "", UNREADABLE),
        ("0171 1234567 Mutter", "DE", "+491711234567", VALID),
        ("+49 89 / 12 34 56 (privat)", "DE", "+4989123456", VALID),
        ("Tel.: 089/123456", "DE", "+4989123456", VALID),
        # several numbers, slashes
        ("089/123456", "DE", "+4989123456", VALID),
        ("089 / 123456", "DE", "+4989123456", VALID),
        ("0171 1 / 0171 2", "DE", "", UNREADABLE),
        ("0151/8752202", "DE", "+491518752202", POSSIBLE),
        ("0171 1234567 / 0172 7654321", "DE", "+491711234567", VALID),
        ("0639/01 23 45", "YT", "+262639012345", VALID),
        ("0171/0171 2", "DE", "", UNREADABLE),
        ("+44/020 7946 0123", "DE", "+442079460123", VALID),
        ("Tel.: +49/89/123456", "US", "+4989123456", VALID),
        ("089 123456/7", "DE", "+4989123456", VALID),
        ("06/12/34/56/78", "FR", "+33612345678", VALID),
        # international prefixes and pluses in all places
        ("011 49 800 1234567890", "US", "+498001234567890", VALID),
        ("+57 (0)321 1234567", "DE", "+573211234567", VALID),
        ("33612345678", "DE", "+33612345678", VALID),
        ("15712345678", "DE", "+4915712345678", VALID),
        ("0049 (0) 89 123456", "DE", "+4989123456", VALID),
        ("011 49 89 123456", "US", "+4989123456", VALID),
        ("011 49 89 123456", "DE", "+4989123456", VALID),
        ("0049 89 123456", "US", "+4989123456", VALID),
        ("+49 089 123456", "US", "+4989123456", VALID),
        ("(+49) 89 123456", "US", "+4989123456", VALID),
        ("+0049 89 123456", "DE", "+4989123456", VALID),
        ("4989123456789", "US", "+4989123456789", VALID),
        ("491712345678", "DE", "+491712345678", VALID),
        ("+521 55 1234 5678", "DE", "+525512345678", VALID),
        # national peculiarities
        ("06 6982 1234", "IT", "+390669821234", VALID),
        ("8 (495) 123-45-67", "RU", "+74951234567", VALID),
        ("06 1 234 5678", "HU", "+3612345678", VALID),
        ("011 15-4123-4567", "AR", "+5491141234567", VALID),
        ("044 55 1234 5678", "MX", "+525512345678", VALID),
        ("01 55 1234 5678", "MX", "+525512345678", VALID),
        ("0347 1234567", "IT", "+393471234567", VALID),
        ("+39 0347 1234567", "DE", "+393471234567", VALID),
        ("0 15 11 98765 4321", "BR", "+5511987654321", VALID),
        ("1300 123 456", "AU", "+611300123456", VALID),
        ("+800 1234 5678", "DE", "+80012345678", VALID),
        # by length alone
        ("+49 89 12", "DE", "+498912", POSSIBLE),
        ("555-2368", "US", "", POSSIBLE),
        ("22 12 34 56 78 90", "NO", "", POSSIBLE),
        # short
        ("101", "DE", "", SHORT),
        ("ext. 101", "DE", "", SHORT),
        ("*31#", "DE", "", SHORT),
        ("30123", "DE", "", SHORT),
        # callers without a number
        ("", "DE", "", WITHHELD),
        ("  ", "DE", "", WITHHELD),
        ("anonymous", "DE", "", WITHHELD),
        ("Anonymous", "DE", "", WITHHELD),
        ("No Caller ID", "DE", "", WITHHELD),
        ("+266696687", "DE", "", WITHHELD),
        ("sip:anonymous@anonymous.invalid", "DE", "", WITHHELD),
        ('"Anonymous" <sip:c8oqz84zk7z@anonymous.invalid>', "DE", "", WITHHELD),
        # SIP
        ("sip:alice@example.org", "DE", "", SIP),
        ('"Alice" <sips:alice@example.org:5061;transport=tls>;tag=1', "DE", "", SIP),
        ("<sip:+4989123456;phone-context=x@example.org;user=phone>", "DE", "+4989123456", VALID),
        ("sip:089123456@example.org", "DE", "+4989123456", VALID),
        ("sip:101@pbx.example", "DE", "", SHORT),
        ("tel:+49-89-123456;ext=12", "DE", "+4989123456", VALID),
    ],
)
def test_reading(text: str, region: str, e164: str, kind: str) -> None:
    number = numbers.parse(text, region)
    assert (number.e164, number.kind) == (e164, kind)


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("089 123456 x12", "12"),
        ("089 123456 ext. 12", "12"),
        ("089 123456 Durchwahl 12", "12"),
        ("089 123456 #12", "12"),
        ("089 123456,12", "12"),
        ("089 123456 (ext 12)", "12"),
        ("tel:+4989123456;ext=12", "12"),
        ("+49 89 123456 доб. 12", "12"),
        ("089 123456", ""),
    ],
)
def test_extensions(text: str, extension: str) -> None:
    number = numbers.parse(text, "DE")
    assert (number.e164, number.extension) == ("+4989123456", extension)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0171 1234567 / 0172 7654321", ["+491711234567", "+491727654321"]),
        ("089 123456, 0171 1234567; 030 1234567", ["+4989123456", "+491711234567", "+49301234567"]),
        ("089 123456 oder 0171 1234567", ["+4989123456", "+491711234567"]),
        ("089/123456\n0171/1234567", ["+4989123456", "+491711234567"]),
        ("089 123456 / 12", ["+4989123456", "unreadable"]),
        ("089 123456 ; home only", ["+4989123456"]),
        ("0171 1 / 0171 2", ["unreadable"]),
        ("0171 1234567 / 7654321", ["+491711234567", "unreadable"]),
        ("0171/1234567 / 0172/7654321", ["+491711234567", "+491727654321"]),
        ("089 123456 room 12", ["+4989123456", "unreadable"]),
        ("089 123456 bis 459", ["+4989123456", "unreadable"]),
        ("089 123456 + 12", ["+4989123456", "unreadable"]),
        ("0171 mobile 1234567", ["+491711234567"]),
        ("4989123456.0", ["+4989123456"]),
        ("116 117", ["short"]),
        ("089/123456-0/-12", ["+49891234560", "unreadable"]),
        ("0171/0172 1234567", ["+491721234567", "unreadable"]),
        ("M: 0171 1234567 T: 089/765432", ["+491711234567", "+4989765432"]),
        ("0171 1234567 (home) 0172 7654321 (work)", ["+491711234567", "+491727654321"]),
        ("0171 1234567 - 0172 7654321", ["+491711234567", "+491727654321"]),
        ("0171 1234567 0172 7654321", ["+491711234567", "+491727654321"]),
        ("+49 171 1234567 +49 172 7654321", ["+491711234567", "+491727654321"]),
    ],
)
def test_several_numbers_in_one_field(text: str, expected: list[str]) -> None:
    assert [number.e164 or number.kind for number in numbers.parse_all(text, "DE")] == expected


def test_what_was_assumed_says_so() -> None:
    assert numbers.parse("089 123456", "DE").assumed is False
    assert numbers.parse("89 123456", "DE").assumed is True
    assert numbers.parse("+49 89 123456", "US").assumed is False
    assert numbers.parse("212 555 2368", "US").assumed is False


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=80), region=st.sampled_from(["DE", "US", "", "XX", "??"]))
def test_reading_never_raises(text: str, region: str) -> None:
    number = numbers.parse(text, region)
    assert number.kind in {VALID, POSSIBLE, SHORT, UNREADABLE, WITHHELD, SIP}
    assert isinstance(numbers.display(text, region), str)
    assert isinstance(numbers.dial_string(text, region), str)


def test_the_default_region_is_that_of_the_settings(settings: Any) -> None:
    settings.VOIPCTI = {"DEFAULT_REGION": "GB"}
    assert numbers.parse("020 7946 0958").e164 == "+442079460958"
    assert numbers.display("+442079460958") == "020 7946 0958"


def test_display_is_national_at_home_and_international_abroad() -> None:
    assert numbers.display("+4989123456", "DE") == "089 123456"
    assert numbers.display("+4989123456", "US") == "+49 89 123456"
    assert numbers.display("+14165550123", "US") == "(416) 555-0123"
    assert numbers.display("089 123456 x12", "DE") == "089 123456 ext. 12"
    assert numbers.display("101", "DE") == "101"
    assert numbers.display("ask Anna", "DE") == "ask Anna"


def test_dial_strings() -> None:
    assert numbers.dial_string("089/123456", "DE") == "+4989123456"
    assert numbers.dial_string("101", "DE") == "101"
    assert numbers.dial_string("sip:alice@example.org") == "alice@example.org"
    assert numbers.dial_string("hello") == ""
    assert numbers.dial_string("anonymous") == ""


def test_search_keys_hold_every_spelling_of_a_provider() -> None:
    keys = numbers.search_keys("089/12 34 56", "DE")
    assert {"+4989123456", "4989123456", "004989123456", "089123456", "89123456"} <= set(keys)
    assert numbers.search_keys("hello", "DE") == []


def test_numbers_are_found_in_running_text() -> None:
    text = "Call 089 123456 or +1 212 555 2368, not 12.03.2026."
    found = list(numbers.find_in_text(text, "DE"))
    assert [(text[each.start : each.end], each.number.e164) for each in found] == [
        ("089 123456", "+4989123456"),
        ("+1 212 555 2368", "+12125552368"),
    ]


def test_a_number_alone_tells_country_region_kind_and_time() -> None:
    facts = numbers.describe("+4989123456", now=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert (facts.country, facts.country_name, facts.region, facts.line_type) == (
        "DE",
        "Germany",
        "Munich",
        "fixed line",
    )
    assert facts.local_time is not None
    assert facts.local_time.strftime("%H:%M") == "13:00"
    assert numbers.describe("+12125552368").time_zones == ("America/New_York",)
    assert numbers.describe("+18005552368").local_time is None
    assert numbers.describe("anonymous").line_type == "withheld number"
