"""Taking out of the record what may not be kept: whole calls by age, or what tells of a person. Cannot be undone."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from ..models import Call, CallAccess, CallCommand, CallEvent, CallNote, CallTrace, MissedCall, RolledDay

__all__ = ["delete_calls", "forget_parties"]


def delete_calls(calls: Collection[int]) -> int:
    """Delete calls (primary keys) with all that hangs on them, in one transaction; return how many calls.

    The figures of their days stay, and are not made again from what is left.
    """
    with transaction.atomic():
        RolledDay.objects.close(Call.objects.filter(pk__in=calls).values_list("started_at", flat=True))
        for dependent in (MissedCall, CallNote, CallEvent, CallCommand, CallTrace):
            rows = dependent._default_manager.filter(call__in=calls)
            rows._raw_delete(rows.db)  # nothing hangs on these; counting and fetching them first takes most of the time
        MissedCall.objects.filter(closed_by_call__in=calls).update(closed_by_call=None)
        CallAccess.objects.filter(call__in=calls).update(call=None)
        _rows, by_model = Call.objects.filter(pk__in=calls).delete()
        return by_model.get(Call._meta.label, 0)


def forget_parties(calls: Collection[int]) -> int:
    """Take from calls (primary keys) who the other party was; return how many calls.

    Times, lines and outcomes stay, so that the figures do; so do ids and the keys of events, by which a repeated
    delivery is known.
    """
    with transaction.atomic():
        CallEvent.objects.filter(call__in=calls).update(raw={})
        CallCommand.objects.filter(call__in=calls).update(arguments={})
        CallTrace.objects.filter(call__in=calls).delete()
        MissedCall.objects.filter(call__in=calls).delete()
        # What came of the call is a figure; what somebody wrote about the caller is not.
        notes = CallNote.objects.about(calls)
        notes.filter(Q(saved_at=None) | Q(outcome=None)).delete()
        notes.update(
            text="", draft_text="", draft_outcome=None, draft_follow_up_on=None, draft_at=None, follow_up_on=None
        )
        return Call.objects.filter(pk__in=calls).update(
            other_number="",
            other_e164="",
            other_name="",
            recording="",
            contact_type=None,
            contact_id="",
            contact_label="",
            contact_company="",
            contact_url="",
            contact_confidence="",
            matches=0,
            directory=[],
        )
