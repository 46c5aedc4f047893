"""Outside directories are asked within a budget; what is slow or broken delays and loses nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.checks import check_directories
from django_voipcti.phonebook.directories import DirectoryEntry, LookupBackend, directories, search
from django_voipcti.phonebook.reading import Number

NUMBER = "+4989123456"
OPEN = threading.Event()


class Quick(LookupBackend):
    known_options = frozenset({"label"})

    def lookup(self, number: Number) -> Sequence[DirectoryEntry]:
        return [DirectoryEntry(label=f"{self.options.get('label', 'Quick')} {number.national}")]


class Slow(LookupBackend):
    """Answers when the test says so."""

    def lookup(self, number: Number) -> Sequence[DirectoryEntry]:
        OPEN.wait(20)
        return [DirectoryEntry(label="Slow")]


class Broken(LookupBackend):
    def lookup(self, number: Number) -> Sequence[DirectoryEntry]:
        raise RuntimeError(f"cannot find {number.e164}")


@pytest.fixture
def configure(settings: Any) -> Iterator[Callable[..., None]]:
    OPEN.clear()

    def configure(**backends: Any) -> None:
        made = {
            alias: backend if isinstance(backend, dict) else {"BACKEND": f"{__name__}.{backend.__name__}"}
            for alias, backend in backends.items()
        }
        settings.VOIPCTI = {"DEFAULT_REGION": "DE", "DIRECTORIES": made, "DIRECTORY_BUDGET": 5.0}

    yield configure
    OPEN.set()
    directories.forget()


def test_all_directories_answer_in_the_order_of_the_setting(configure: Any) -> None:
    configure(b=Quick, a={"BACKEND": f"{__name__}.Quick", "OPTIONS": {"label": "Other"}})
    assert [(entry.label, entry.source) for entry in search("089/123456")] == [
        ("Quick 89123456", "b"),
        ("Other 89123456", "a"),
    ]


def test_what_is_late_is_delivered_when_it_comes(configure: Any, eventually: Any) -> None:
    configure(slow=Slow, quick=Quick)
    late: list[tuple[str, list[str]]] = []
    began = time.monotonic()
    found = search(NUMBER, budget=0.1, late=lambda alias, entries: late.append((alias, [e.label for e in entries])))
    assert time.monotonic() - began < 4
    assert [entry.label for entry in found] == ["Quick 89123456"]
    assert late == []
    OPEN.set()
    eventually(lambda: late == [("slow", ["Slow"])], 10)


def test_a_failure_is_logged_without_the_number_and_loses_nothing(
    configure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    configure(broken=Broken, quick=Quick)
    assert [entry.label for entry in search(NUMBER)] == ["Quick 89123456"]
    assert "Directory broken failed: RuntimeError" in caplog.text
    assert NUMBER not in caplog.text


def test_a_failing_delivery_is_logged(configure: Any, eventually: Any, caplog: pytest.LogCaptureFixture) -> None:
    configure(slow=Slow)

    def late(alias: str, entries: list[DirectoryEntry]) -> None:
        raise RuntimeError("page is gone")

    with caplog.at_level(logging.WARNING, logger="django_voipcti.phonebook"):
        assert search(NUMBER, budget=0.0, late=late) == []
        OPEN.set()
        eventually(lambda: "page is gone" in caplog.text, 10)


def test_a_directory_that_hangs_is_not_asked_without_end(configure: Any, caplog: pytest.LogCaptureFixture) -> None:
    configure(slow=Slow, quick=Quick)
    for _time in range(6):
        assert [entry.label for entry in search(NUMBER, budget=0.2)] == ["Quick 89123456"]
    assert caplog.text.count("Directory slow is still busy") == 2


@pytest.mark.parametrize("caller", ["", "anonymous", "hello"])
def test_nobody_is_asked_about_callers_without_a_number(configure: Any, caller: str) -> None:
    configure(broken=Broken, quick=Quick)
    assert search(caller) == []


def test_without_directories_nothing_happens(configure: Any) -> None:
    configure()
    assert search(NUMBER) == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "has no 'BACKEND'"),
        ({"BACKEND": "nowhere.Nothing"}, "No module named"),
        ({"BACKEND": f"{__name__}.Quick", "OPTIONS": {"lable": "x"}}, "unknown options lable. Known: label."),
    ],
)
def test_mistakes_are_told_by_a_system_check(configure: Any, parameters: dict[str, Any], message: str) -> None:
    configure(wrong=parameters)
    (error,) = check_directories(None)
    assert error.id == "voipcti.E005"
    assert message in str(error.msg)
    with pytest.raises(ImproperlyConfigured, match="wrong"):
        search(NUMBER)
