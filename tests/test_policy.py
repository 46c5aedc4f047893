"""Reading what was typed, and the rules that judge it."""

import pytest

from django_voipcti import policy
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import Line


@pytest.fixture
def line():
    return Line(provider="default", account="200341", extension="601", phone_number="+442079460000", region="GB")


@pytest.mark.parametrize(
    ("text", "number", "international"),
    [
        ("020 7946 0123", "+442079460123", True),
        (" +44 (0)20 7946-0123 ", "+442079460123", True),
        ("0044 20 7946 0123", "+442079460123", True),
        ("+1 650 253 0000", "+16502530000", True),
        ("602", "602", False),
        ("6 0 2", "602", False),
        ("#123", "#123", False),
        ("*97", "*97", False),
        ("999", "999", False),
    ],
)
def test_what_is_typed_is_read_by_the_country_of_the_line(line, text, number, international):
    assert policy.destination(line, text) == policy.Destination(number=number, is_international=international)


@pytest.mark.parametrize("text", ["Hello", "+", "020", "+999 12345678901", "0800 FLOWERS!?", "1234567" * 4])
def test_what_is_no_number_is_refused_with_an_example(line, text):
    if text == "020":
        assert policy.destination(line, text).is_international is False, "three digits may be an extension"
        return
    with pytest.raises(CommandRefused, match=r"\+44 20 7946 0000") as caught:
        policy.destination(line, text)
    assert caught.value.code == "invalid_number"


@pytest.mark.parametrize("number", ["601", "200341", "+442079460000"])
def test_every_spelling_of_the_own_line_is_the_own_number(line, number):
    wanted = policy.Destination(number=number, is_international=number.startswith("+"))
    with pytest.raises(CommandRefused) as caught:
        policy.check_destination(line, wanted)
    assert caught.value.code == "own_number"


def test_a_number_masks_itself_in_logs(line):
    assert "7946" not in repr(policy.destination(line, "020 7946 0123"))
