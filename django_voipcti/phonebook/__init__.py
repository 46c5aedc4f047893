"""Who is calling? Numbers in any spelling, the host's records that hold them, and the index that answers at once.

A host registers its models once, from ``ready()`` of its ``AppConfig``::

    from django_voipcti import phonebook

    phonebook.register(Contact, numbers=["phone", "mobile"], label="name", url="get_absolute_url")

Nothing has to be migrated in the host; ``manage.py voipcti_reindex`` fills the index for records that exist already.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import models

from . import directories, numbers, receivers
from .choices import attach, choose, chosen, forget
from .describe import NumberFacts
from .do_not_call import objections
from .index import on_new_rows, refresh, remove
from .judgement import Confidence
from .lookup import Request, lookup, lookup_many
from .match import Match, masked, may_view, shown_to
from .records import find_record, numbers_of, read_records
from .registry import Reader, registry
from .rules import (
    TRIAL_CALLS,
    CallFacts,
    Decision,
    RuleBook,
    Trial,
    decide,
    ignore,
    try_on_recent_calls,
    unignore,
)
from .unknown import BACKFILL, CreateLink, create_links, link_batches, suggest, unlinked_calls
from .viewer import Viewer

__all__ = [
    "BACKFILL",
    "TRIAL_CALLS",
    "CallFacts",
    "Confidence",
    "CreateLink",
    "Decision",
    "Match",
    "NumberFacts",
    "Request",
    "RuleBook",
    "Trial",
    "Viewer",
    "attach",
    "choose",
    "chosen",
    "create_links",
    "decide",
    "directories",
    "find_record",
    "forget",
    "ignore",
    "link_batches",
    "lookup",
    "lookup_many",
    "masked",
    "may_view",
    "numbers",
    "numbers_of",
    "objections",
    "on_new_rows",
    "read_records",
    "refresh",
    "register",
    "register_lines",
    "remove",
    "shown_to",
    "suggest",
    "try_on_recent_calls",
    "unignore",
    "unlinked_calls",
    "unregister",
]


def register(
    model: type[models.Model] | str,
    *,
    numbers: Iterable[Reader],
    label: Reader | None = None,
    company: Reader | None = None,
    url: Reader | None = None,
    owner: Reader | None = None,
    region: Reader | None = None,
    searchable: Callable[[Any], Any] | None = None,
    create_url: str | Callable[[str], str] | None = None,
    search: Sequence[str] = (),
    depends: Sequence[str] = (),
    do_not_call: Reader | None = None,
) -> None:
    """Let callers be recognised by the telephone numbers of ``model``. Call it from ``AppConfig.ready()``.

    Models rank in the order in which they are registered. A *path* is a field, attribute, JSON key or method, or
    several of them joined by ``__`` or ``.``; it may lead over relations, also to many (``"numbers__value"``).

    Args:
        model: the model, or ``"app.Model"``.
        numbers: paths to the numbers, in order of preference. A field may hold a text in any spelling (with several
            numbers even), a ``PhoneNumber``, or a JSON list of them. A function of the record may return the same.
        label: path or function that names the record; default ``str(record)``.
        company: path or function that names the company it belongs to.
        url: path or function that gives the record's address, e.g. ``"get_absolute_url"``.
        owner: path or function that gives the user who looks after the record: his calls show it first.
        region: path or function that gives the country code by which this record's national numbers are read;
            default ``VOIPCTI["DEFAULT_REGION"]``.
        searchable: takes a queryset of the model and returns the part that may be found.
        create_url: address of the form for a new record: a URL name, or a function of the number.
        search: fields of the search as you type, e.g. ``["name", "company__name"]``.
        depends: paths to what the functions read, so that saving those keeps the index too.
        do_not_call: path or function that says whether the record's numbers must not be called; a text is the reason.

    Raises:
        ImproperlyConfigured: a path leads nowhere, or the model is registered already.
    """
    # Long because every argument is described here, where hosts look it up.
    registration = registry.add(
        model,
        numbers=numbers,
        label=label,
        company=company,
        url=url,
        owner=owner,
        region=region,
        searchable=searchable,
        create_url=create_url,
        search=search,
        depends=depends,
        do_not_call=do_not_call,
    )
    receivers.connect(registration)


def unregister(model: type[models.Model]) -> None:
    """Take ``model`` out of the phonebook: it is neither kept nor found any more. Its rows go with the next reindex."""
    receivers.disconnect(registry.remove(model))


def register_lines() -> None:
    """Let our own lines be known: their extensions as colleagues, their numbers as our own. Called by this package."""
    registration = registry.add(
        "django_voipcti.Line",
        numbers=["extension", "phone_number"],
        label=str,
        company=None,
        url=None,
        owner="user",
        region="region",
        depends=["label", "extension", "account", "phone_number", "user_id", "region"],
        search=(),
        order=-1,
        internal=frozenset({"extension"}),
        own=frozenset({"phone_number"}),
    )
    receivers.connect(registration)
