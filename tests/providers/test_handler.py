"""``providers[alias]``: configured, lazy, one instance per process."""

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_voipcti.providers import ProviderHandler, UnknownProvider, providers
from django_voipcti.providers.dummy import DummyProvider

DUMMY = "django_voipcti.providers.dummy.DummyProvider"


def test_an_alias_is_made_once_with_its_options():
    handler = ProviderHandler({"a": {"BACKEND": DUMMY, "OPTIONS": {"region": "ES"}}, "b": {"BACKEND": DUMMY}})
    assert isinstance(handler["a"], DummyProvider)
    assert (handler["a"].alias, handler["a"].region, handler["b"].region) == ("a", "ES", "")
    assert handler["a"] is handler["a"]
    assert handler["a"] is not handler["b"]
    assert list(handler) == ["a", "b"]


def test_threads_share_an_instance():
    handler = ProviderHandler({"a": {"BACKEND": DUMMY}})
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(handler["a"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 8
    assert len({id(provider) for provider in seen}) == 1


def test_an_unknown_alias_is_a_mistake_in_the_configuration():
    with pytest.raises(UnknownProvider):
        ProviderHandler({})["nobody"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({}, "has no 'BACKEND'"), ({"BACKEND": "no.such.Provider"}, "no"), ({"BACKEND": "nodots"}, "nodots")],
)
def test_a_wrong_backend_is_named_with_its_alias(parameters, words):
    with pytest.raises(ImproperlyConfigured, match=words) as caught:
        ProviderHandler({"office": parameters})["office"]
    assert "'office'" in str(caught.value)


def test_changed_settings_are_seen():
    before = providers["default"]
    with override_settings(VOIPCTI={"PROVIDERS": {"other": {"BACKEND": DUMMY}}}):
        assert list(providers) == ["other"]
        with pytest.raises(UnknownProvider):
            providers["default"]
    assert providers["default"] is not before
