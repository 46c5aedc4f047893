"""REFER within a call, and the NOTIFYs that tell what became of it (RFC 3515; RFC 7614 is not used).

The machine is ``REFER``. Rule 1: ``ReferEnded`` comes once, with the first final status that is told. Rule 2: a NOTIFY
may come before the 202, so both lead to ACTIVE. Rule 3: silence ends it: 64*T1 without any NOTIFY, or ``PATIENCE``
seconds without a further one (phones tell 100 and then nothing until the other side has answered).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto
from types import MappingProxyType

from .agent import Agent, Exchange
from .dialogs import Dialog
from .events import Ignored, ReferAccepted, ReferEnded, ReferProgress
from .exceptions import MalformedBody
from .headers import SubscriptionState
from .messages import Request, Response
from .transactions import Failure
from .uri import SipUri

__all__ = ["PATIENCE", "REFER", "Input", "Refer", "State", "parse_sipfrag"]

#: Seconds to wait for the next NOTIFY.
PATIENCE = 300.0

_FRAGMENT = re.compile(rb"\s*+SIP/2\.0[ \t]++([1-6]\d\d)(?:[ \t]++([^\r\n]*+))?(?:\r|\n|\Z)", re.IGNORECASE)


def parse_sipfrag(body: bytes) -> tuple[int, str]:
    """Read status code and reason phrase of a ``message/sipfrag`` body; raise ``MalformedBody`` if it has none."""
    match = _FRAGMENT.match(body)
    if match is None:
        raise MalformedBody("the sipfrag body has no status line")
    return int(match[1]), (match[2] or b"").decode("utf-8", "replace").strip()


class State(Enum):
    """States of a REFER."""

    WAITING = auto()
    ACTIVE = auto()
    ENDED = auto()


class Input(Enum):
    """What can happen to a REFER."""

    #: 2xx to the REFER.
    ACCEPTED = auto()
    #: A NOTIFY with a provisional status, or with none.
    NOTIFIED = auto()
    #: A final status, a terminated subscription, a refusal, a time-out, the end of the connection.
    DONE = auto()


REFER: Mapping[State, Mapping[Input, State]] = MappingProxyType(
    {
        State.WAITING: {Input.ACCEPTED: State.ACTIVE, Input.NOTIFIED: State.ACTIVE, Input.DONE: State.ENDED},
        State.ACTIVE: {Input.ACCEPTED: State.ACTIVE, Input.NOTIFIED: State.ACTIVE, Input.DONE: State.ENDED},
        State.ENDED: {},
    }
)


class Refer:
    """One REFER of ours in a dialog of ours."""

    def __init__(
        self, agent: Agent, *, invite: str, dialog: Dialog, target: str, on_end: Callable[[Refer], None]
    ) -> None:
        self._agent = agent
        self._invite = invite
        self._on_end = on_end
        self.state = State.WAITING
        #: CSeq numbers under which it was sent: more than one after a challenge.
        self.numbers: list[int] = []
        self._exchange = Exchange(
            agent,
            self,
            method="REFER",
            uri=dialog.request_uri(),
            headers=[
                *dialog.headers(),
                ("Contact", agent.contact),
                ("Refer-To", f"<{SipUri.parse(target)}>"),
                ("Referred-By", f"<{agent.address}>"),
            ],
            next_cseq=lambda: self._number(dialog),
        )

    @property
    def id(self) -> int:
        """The first CSeq number."""
        return self.numbers[0]

    def begin(self, now: float) -> None:
        """Send it."""
        self._exchange.send(now)

    def _number(self, dialog: Dialog) -> int:
        self.numbers.append(dialog.next_cseq())
        return self.numbers[-1]

    def on_response(self, exchange: Exchange, response: Response, now: float) -> None:
        """Take the answer to the REFER."""
        if response.status < 200 or self.state is State.ENDED:
            return
        if response.status >= 300:
            self._end(status=response.status, reason=response.reason, refused=True)
            return
        self._feed(Input.ACCEPTED)
        if (self, "silence") not in self._agent.timers:
            self._wait(now, 64 * self._agent.timing.t1)
        self._agent.emit(ReferAccepted(invite=self._invite, refer=self.id, status=response.status))

    def on_failure(self, exchange: Exchange, failure: Failure, now: float) -> None:
        """No answer to the REFER. One that was notified of is alive all the same."""
        if self.state is State.WAITING or (failure is Failure.CONNECTION_LOST and self.state is State.ACTIVE):
            self._end(status=None, reason=failure.value, refused=failure is Failure.UNAUTHORIZED)

    def on_notify(self, request: Request, state: SubscriptionState, now: float) -> None:
        """Take a NOTIFY that has been answered already."""
        try:
            status, reason = parse_sipfrag(request.body)
        except MalformedBody as error:
            self._agent.emit(Ignored(reason=str(error)))
            status, reason = None, state.reason or "terminated"
        if status is not None and status >= 200:
            self._end(status=status, reason=reason)
        elif state.state == "terminated":
            # RFC 3515 2.4.5 wants a final status there; who sends none does not know.
            self._end(status=None, reason=state.reason or "terminated")
        else:
            self._feed(Input.NOTIFIED)
            self._wait(now, PATIENCE)
            if status is not None:
                self._agent.emit(ReferProgress(invite=self._invite, refer=self.id, status=status, reason=reason))

    def on_connection_lost(self) -> None:
        """End."""
        self._end(status=None, reason=Failure.CONNECTION_LOST.value)

    def _wait(self, now: float, seconds: float) -> None:
        self._agent.timers.set((self, "silence"), now + seconds, self._on_silence)

    def _on_silence(self, now: float) -> None:
        self._end(status=None, reason=Failure.TIMEOUT.value)

    def _feed(self, item: Input) -> None:
        self.state = REFER[self.state][item]

    def _end(self, *, status: int | None, reason: str, refused: bool = False) -> None:
        self._feed(Input.DONE)
        self._agent.timers.cancel((self, "silence"))
        self._agent.emit(ReferEnded(invite=self._invite, refer=self.id, status=status, reason=reason, refused=refused))
        self._on_end(self)
