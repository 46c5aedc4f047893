"""A CSV file as a directory."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.phonebook import numbers
from django_voipcti.phonebook.directories import CsvBackend

TEXT = """Name;Firm;Phone;Mobile;Link
Anna;Acme;089/123456;0171 1234567 / 0172 7654321;https://crm.example/1
Bert;;+49 89 123456;;javascript:alert(1)
;Nobody;089 999999;;
Short;;101;;
Broken;;hello
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "book.csv"
    path.write_text(TEXT, encoding="utf-8-sig")
    return path


def backend(file: Path, **options: Any) -> CsvBackend:
    defaults = {"numbers": ["Phone", "Mobile"], "label": "Name", "company": "Firm", "url": "Link", "region": "DE"}
    return CsvBackend("book", {"path": str(file), "delimiter": ";", **defaults, **options})


def labels(book: CsvBackend, number: str) -> list[str]:
    return [entry.label for entry in book.lookup(numbers.parse(number, "DE"))]


def test_every_spelling_of_every_column_is_found(file: Path) -> None:
    book = backend(file)
    assert labels(book, "0049 89 123456") == ["Anna", "Bert"]
    assert labels(book, "+491727654321") == ["Anna"]
    assert labels(book, "101") == ["Short"]
    assert labels(book, "089 999999") == []
    assert labels(book, "089 123457") == []


def test_an_entry_has_what_its_row_says_and_no_dangerous_link(file: Path) -> None:
    anna, bert = backend(file).lookup(numbers.parse("+4989123456"))
    assert (anna.company, anna.url) == ("Acme", "https://crm.example/1")
    assert (bert.company, bert.url) == ("", "")


def test_the_file_is_read_again_when_it_changes(file: Path) -> None:
    book = backend(file)
    assert labels(book, "+4989123456") == ["Anna", "Bert"]
    file.write_text("Name;Phone\nCarla;089 123456\n", encoding="utf-8")
    os.utime(file, (1, 1))
    assert labels(book, "+4989123456") == ["Carla"]


def test_a_missing_file_is_an_error_until_it_is_there(file: Path) -> None:
    book = backend(file)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        labels(book, "+4989123456")
    file.write_text(TEXT, encoding="utf-8")
    assert labels(book, "+4989123456") == ["Anna", "Bert"]


@pytest.mark.parametrize("missing", ["path", "numbers", "label"])
def test_what_is_missing_is_named(file: Path, missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=missing):
        backend(file, **{missing: ""})
