"""Lists that turn pages in constant time: a page begins behind a row, not behind a number of rows to be skipped.

The address of a page names that row by its moment and its primary key, so that what comes in meanwhile shifts nothing:
whoever turns on sees the next row, neither one twice nor one never.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..calllog.keyset import Cursor

__all__ = ["KeysetChangeList"]

OLDER, NEWER, LAST = "older", "newer", "last"


class KeysetChangeList(ChangeList):
    """A change list, newest first, whose pages are reached by cursors; nothing else can be sorted by.

    Its model admin names the moment by ``keyset_field``, a field that has an index together with the primary key.
    """

    newer_url = older_url = first_url = last_url = ""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.turn: tuple[str, Cursor | None] = ("", None)
        super().__init__(request, *args, **kwargs)

    @property
    def field(self) -> str:
        """The moment by which rows stand in order."""
        return str(self.model_admin.keyset_field)  # type: ignore[attr-defined]  # of the admins that use this list

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        return [f"-{self.field}", "-pk"]

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Cursors are no filters; and what is filtered, searched or switched begins at the first page again."""
        for name in (OLDER, NEWER, LAST):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_filters_params(params)

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        self.turn = self._read_turn(request)
        return super().get_queryset(request, *args, **kwargs)

    def get_results(self, request: HttpRequest) -> None:
        rows, has_newer, has_older = self._page()
        # As many as are cheap to count; see the paginator.
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        whole = not (has_newer or has_older)
        self.result_count = len(rows) if whole else paginator.count
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.result_list = rows
        self.can_show_all = False
        self.multi_page = not whole
        self.paginator = paginator
        if has_newer:
            self.first_url = self.get_query_string()
            self.newer_url = self.get_query_string({NEWER: str(self._cursor(rows[0]))})
        if has_older:
            self.older_url = self.get_query_string({OLDER: str(self._cursor(rows[-1]))})
            self.last_url = self.get_query_string({LAST: "1"})

    def _read_turn(self, request: HttpRequest) -> tuple[str, Cursor | None]:
        for name in (OLDER, NEWER):
            if name in request.GET:
                try:
                    return name, Cursor.read(request.GET[name])
                except ValueError:
                    messages.warning(request, _("There is no such page. This is the first one."))
                    return "", None
        return (LAST, None) if LAST in request.GET else ("", None)

    def _page(self) -> tuple[list[Any], bool, bool]:
        """The rows of the page, and whether there are newer and older ones."""
        way, cursor = self.turn
        most = self.list_per_page
        if way == LAST or (way == NEWER and cursor is not None):
            backwards = self.queryset.order_by(self.field, "pk")
            found = list((backwards if cursor is None else backwards.filter(cursor.newer(self.field)))[: most + 1])
            if way == LAST or len(found) > most:
                return found[:most][::-1], len(found) > most, way == NEWER
            # The first page is reached: a whole one, with what came in meanwhile.
            way, cursor = "", None
        onwards = self.queryset if cursor is None else self.queryset.filter(cursor.older(self.field))
        found = list(onwards[: most + 1])
        return found[:most], cursor is not None and bool(found), len(found) > most

    def _cursor(self, row: Model) -> Cursor:
        return Cursor(moment=getattr(row, self.field), key=row.pk)
