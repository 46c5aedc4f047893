"""Whole calls in one line, as the tests of the call log tell them."""

from django_voipcti import journal
from django_voipcti.enums import Direction
from tests.journal.conftest import said

LONDON, MOBILE = "+442079460123", "+447700900123"


def ring_group(conversation, *, answered_by=None, begin=0, lines=("601", "602", "603"), number=LONDON):
    """An inbound conversation that rang at these lines for 20 s."""
    shared = {"number": number, "conversation_id": conversation}
    updates = [said("RINGING", begin, line=line, call=f"{conversation}-{line}", **shared) for line in lines]
    if answered_by:
        updates.append(said("CONNECTED", begin + 5, line=answered_by, call=f"{conversation}-{answered_by}", **shared))
    updates += [said("HANGUP", begin + 20, line=line, call=f"{conversation}-{line}", **shared) for line in lines]
    journal.record(updates)


def outbound(call, *, line="602", begin=100, number=LONDON, answered=True):
    """A call that a line of ours makes; it is answered after 5 s and ends after 30 s."""
    stages = [("RINGING", 0), *([("CONNECTED", 5)] if answered else []), ("HANGUP", 30)]
    journal.record(
        [
            said(state, begin + after, line=line, call=call, number=number, direction=Direction.OUTBOUND)
            for state, after in stages
        ]
    )
