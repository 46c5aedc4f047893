"""Which models of the host hold telephone numbers, and how to read them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from .paths import Hop, Path

__all__ = ["Reader", "Registration", "Registry", "registry"]

#: A path ("phone", "company.name", "get_absolute_url") or a function of the record.
Reader = str | Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registration:
    """How one model is read. Made by :func:`django_voipcti.phonebook.register`, which documents the arguments."""

    model: type[models.Model]
    model_label: str
    """``app_label.model`` in lower case."""
    order: int
    numbers: tuple[Path | Callable[[Any], Any], ...]
    label: Path | Callable[[Any], Any]
    company: Path | Callable[[Any], Any] | None = None
    url: Path | Callable[[Any], Any] | None = None
    owner: Path | Callable[[Any], Any] | None = None
    region: Path | Callable[[Any], Any] | None = None
    searchable: Callable[[Any], Any] | None = None
    create_url: str | Callable[[str], str] | None = None
    search: tuple[str, ...] = ()
    depends: tuple[Path, ...] = ()
    do_not_call: Path | Callable[[Any], Any] | None = None
    """Read when a number is dialled, never kept: not one of :attr:`readers`."""
    own: frozenset[str] = frozenset()
    """Paths among ``numbers`` that hold numbers of our own lines."""
    internal: frozenset[str] = frozenset()
    """Paths among ``numbers`` that hold extensions, whatever they look like."""

    @property
    def readers(self) -> tuple[Path | Callable[[Any], Any], ...]:
        """Everything that is read from a record."""
        single = (self.label, self.company, self.url, self.owner, self.region)
        return (*self.numbers, *(reader for reader in single if reader is not None))

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The relations on all paths, each once."""
        paths = [reader for reader in self.readers if isinstance(reader, Path)]
        return tuple(dict.fromkeys(hop for path in (*paths, *self.depends) for hop in path.hops))

    @property
    def own_fields(self) -> frozenset[str] | None:
        """Fields of the model itself on which the rows depend; None if that cannot be known (functions without
        ``depends``)."""
        paths = [reader for reader in self.readers if isinstance(reader, Path)]
        is_known = len(paths) == len(self.readers) and all(path.fields for path in paths) and not self.searchable
        if not is_known and not self.depends:
            return None
        return frozenset[str]().union(*(path.fields for path in (*paths, *self.depends)))

    def load(self, queryset: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
        """Let ``queryset`` bring along what the paths lead to."""
        single = [hop.prefix for hop in self.hops if not hop.is_many]
        many = [hop.prefix for hop in self.hops if hop.is_many]
        if single:
            queryset = queryset.select_related(*single)
        return queryset.prefetch_related(*many) if many else queryset


@dataclass(frozen=True, slots=True)
class Role:
    """Why saving a model matters: it is registered (``hop`` is None), or a path of a registered one leads to it."""

    registration: Registration
    hop: Hop | None


class Registry:
    """The registered models, in order of preference: what was registered first ranks first."""

    def __init__(self) -> None:
        self._by_model: dict[type[models.Model], Registration] = {}
        self._roles: dict[type[models.Model], tuple[Role, ...]] = {}
        self._by_content_type: dict[int, tuple[ContentType, Registration | None]] = {}

    def __iter__(self) -> Iterator[Registration]:
        return iter(sorted(self._by_model.values(), key=lambda registration: registration.order))

    def add(self, model: type[models.Model] | str, **options: Any) -> Registration:
        """Check and add a model.

        Raises:
            ImproperlyConfigured: a path leads nowhere, no numbers are named, or the model is registered already.
        """
        if not apps.models_ready:
            raise ImproperlyConfigured("Call phonebook.register() from ready() of your AppConfig: models load first.")
        model = apps.get_model(model) if isinstance(model, str) else model
        concrete = model._meta.concrete_model or model
        if concrete in self._by_model:
            raise ImproperlyConfigured(f"{model._meta.label} is already registered with the phonebook.")
        order = options.pop("order", None)
        if order is None:
            order = max((registration.order for registration in self), default=0) + 1
        return self.put(_registration(concrete, order=order, **options))

    def put(self, registration: Registration) -> Registration:
        """Add a registration that was made before, and taken out."""
        self._by_model[registration.model] = registration
        self._forget()
        return registration

    def remove(self, model: type[models.Model]) -> Registration:
        """Take a model out again; its rows stay until ``voipcti_reindex`` removes them, but are no longer found."""
        self._forget()
        return self._by_model.pop(model._meta.concrete_model or model)

    def get(self, model: type[models.Model] | None) -> Registration | None:
        """The registration of ``model`` (proxies count as their concrete model), or None."""
        return self._by_model.get(model._meta.concrete_model or model) if model else None

    def of(self, model: type[models.Model]) -> Registration:
        """The registration that reads records of ``model``; that of a parent model counts.

        Raises:
            LookupError: there is none.
        """
        for role in self.roles(model):
            if role.hop is None:
                return role.registration
        raise LookupError(f"{model._meta.label} is not registered with the phonebook.")

    def by_content_type(self, pk: int) -> Registration | None:
        """The registration whose rows have this content type, or None."""
        content_type = ContentType.objects.get_for_id(pk)
        known = self._by_content_type.get(pk)
        if known is None or known[0] is not content_type:  # in tests, keys of content types are dealt out anew
            known = self._by_content_type[pk] = (content_type, self.get(content_type.model_class()))
        return known[1]

    def roles(self, model: type[models.Model]) -> tuple[Role, ...]:
        """Why saving a ``model`` matters to the index; subclasses of a registered model count as it."""
        if model not in self._roles:
            concrete = model._meta.concrete_model or model
            self._roles[model] = tuple(
                [Role(registration, None) for registration in self if issubclass(concrete, registration.model)]
                + [
                    Role(registration, hop)
                    for registration in self
                    for hop in registration.hops
                    if issubclass(concrete, hop.model)
                ]
            )
        return self._roles[model]

    def _forget(self) -> None:
        self._roles.clear()
        self._by_content_type.clear()

    def watched_models(self, registration: Registration) -> set[type[models.Model]]:
        """Every model whose saving may change rows of ``registration``, subclasses and proxies included."""
        bases = (registration.model, *(hop.model for hop in registration.hops))
        return {model for model in apps.get_models() if issubclass(model, bases)}


def _registration(
    model: type[models.Model],
    *,
    order: int,
    numbers: Iterable[Reader],
    label: Reader | None,
    company: Reader | None,
    url: Reader | None,
    owner: Reader | None,
    region: Reader | None,
    depends: Sequence[str],
    search: Sequence[str],
    do_not_call: Reader | None = None,
    **rest: Any,
) -> Registration:
    if isinstance(numbers, str):
        raise ImproperlyConfigured(f"{model._meta.label}: numbers= must be a list, such as [{numbers!r}].")
    readers = tuple(_reader(model, reader) for reader in numbers)
    if not readers:
        raise ImproperlyConfigured(f"{model._meta.label}: name at least one field in numbers=.")
    return Registration(
        model=model,
        model_label=model._meta.label_lower,
        order=order,
        numbers=readers,
        label=str if label is None else _reader(model, label),
        company=None if company is None else _reader(model, company),
        url=None if url is None else _reader(model, url),
        owner=None if owner is None else _reader(model, owner),
        region=None if region is None else _reader(model, region),
        depends=tuple(Path.of(model, path) for path in depends),
        search=tuple(search),
        do_not_call=None if do_not_call is None else _reader(model, do_not_call),
        **rest,
    )


def _reader(model: type[models.Model], reader: Reader) -> Path | Callable[[Any], Any]:
    return Path.of(model, reader) if isinstance(reader, str) else reader


registry = Registry()
