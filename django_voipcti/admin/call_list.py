"""The list of calls: one row for each conversation, or for each line's part in one."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest

from ..models import Line
from ..models.call import CallQuerySet
from .filters import RowsFilter
from .keyset import KeysetChangeList

__all__ = ["CallChangeList"]


class CallChangeList(KeysetChangeList):
    """Folds the legs that search and filters leave into their conversations, unless each leg is asked for.

    So a conversation is listed where one of its legs fits, by the leg that fits best; who is not shown all lines sees
    the conversations of his own, and only his legs of them.
    """

    @property
    def is_folded(self) -> bool:
        """Whether a row is a conversation."""
        return self.params.get(RowsFilter.parameter_name) != RowsFilter.LEGS

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        legs = cast(CallQuerySet, super().get_queryset(request, *args, **kwargs))
        return legs.conversations() if self.is_folded else legs

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.is_folded:
            _name_answerers(self.result_list)


def _name_answerers(calls: list[Any]) -> None:
    """Say of each conversation which line of ours picked up: ``answered_line``, None where that is the row's own."""
    others = {call.answered_line_id for call in calls if call.answered_line_id != call.line_id} - {None}
    lines = Line.objects.select_related("user").in_bulk(others) if others else {}
    for call in calls:
        call.answered_line = lines.get(call.answered_line_id)
