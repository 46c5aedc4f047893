"""Tokens, lists, quoted strings and parameters."""

import time

import pytest

from django_voipcti.sip.exceptions import MalformedMessage
from django_voipcti.sip.grammar import format_params, is_token, parse_params, quote, split_list, unquote


@pytest.mark.parametrize(
    ("text", "expected"), [("INVITE", True), ("a-b.c!%*_+`'~9", True), ("", False), ("a b", False)]
)
def test_token(text: str, expected: bool) -> None:
    assert is_token(text) is expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a, b ,c", ["a", "b", "c"]),
        ("", []),
        (",,", []),
        ('"A, B" <sip:a,b@c>, <sip:d@e>;x="1,2"', ['"A, B" <sip:a,b@c>', '<sip:d@e>;x="1,2"']),
        (r'"say \"hi, you\"" <sip:a@b>, x', [r'"say \"hi, you\"" <sip:a@b>', "x"]),
        ('"never closed, <sip:a@b>', ['"never closed, <sip:a@b>']),
        ("<never closed, b", ["<never closed, b"]),
    ],
)
def test_a_list_is_split_at_commas_outside_of_quotes_and_brackets(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


@pytest.mark.parametrize(("text", "content"), [('"a"', "a"), ('""', ""), (r'"a\"b\\c"', r'a"b\c')])
def test_unquote(text: str, content: str) -> None:
    assert unquote(text) == content
    assert unquote(quote(content)) == content


@pytest.mark.parametrize("text", ['"a', 'a"', '"a"b"', '"', r'"a\"'])
def test_unbalanced_quotes_are_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        unquote(text)


def test_parameters() -> None:
    params = parse_params('Branch = z9hG4bK1 ;rport; x = "a;b" ; x=second')
    assert params == {"branch": "z9hG4bK1", "rport": None, "x": "a;b"}
    assert format_params(params) == ';branch=z9hG4bK1;rport;x="a;b"'


def test_a_host_is_a_parameter_value_without_quotes() -> None:
    assert format_params({"received": "[2001:db8::1]"}) == ";received=[2001:db8::1]"


@pytest.mark.parametrize("text", ["", "a;;b", "=1", ';x="a'])
def test_an_empty_or_open_parameter_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_params(text)


@pytest.mark.parametrize("bad", ['"' + '\\"' * 50_000, "<" * 100_000, '"' * 99_999, "a;" * 50_000])
def test_hostile_text_is_split_in_linear_time(bad: str) -> None:
    began = time.perf_counter()
    split_list(bad)
    with pytest.raises(MalformedMessage):
        parse_params(bad + ";")
    assert time.perf_counter() - began < 2
