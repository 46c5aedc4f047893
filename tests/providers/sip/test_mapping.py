"""What SIP's status codes mean to the caller, and what a user is told to do about his own phone."""

import pytest
from django.utils import translation

from django_voipcti.enums import EndReason
from django_voipcti.providers.sip.mapping import FAR_END, OWN_PHONE, far_end, own_phone


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, EndReason.BUSY),
        (600, EndReason.BUSY),
        (603, EndReason.DECLINED),
        (608, EndReason.DECLINED),
        (480, EndReason.NO_ANSWER),
        (487, EndReason.CANCELLED),
        (404, EndReason.UNREACHABLE),
        (403, EndReason.REJECTED),
        (503, EndReason.FAILED),
        (699, EndReason.FAILED),
    ],
)
def test_the_number_that_was_called(status, reason):
    assert far_end(status) == reason


def test_only_failures_are_mapped():
    assert all(status >= 400 for status in (*FAR_END, *OWN_PHONE))


@pytest.mark.parametrize("status", sorted(OWN_PHONE))
def test_what_to_do_is_said_about_the_own_phone_in_place_of_a_code(status):
    _reason, sentence = own_phone(status, "Whatever")
    assert sentence.endswith(".")
    assert str(status) not in sentence
    assert "Whatever" not in sentence


def test_what_is_not_known_of_the_own_phone_is_told_as_it_came():
    assert own_phone(513, "Message Too Large") == (
        EndReason.FAILED,
        "Your phone could not be called: 513 Message Too Large.",
    )


def test_sentences_are_made_in_the_language_of_who_reads_them():
    with translation.override("de"):
        assert isinstance(own_phone(486, "")[1], str)
    assert not isinstance(OWN_PHONE[486][1], str), "translated at the time of reading"
