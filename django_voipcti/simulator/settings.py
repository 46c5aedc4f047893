"""What can be set: where the simulator listens, and how the platform behaves where nobody outside knows for sure."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

__all__ = ["Behaviour", "SimulatorSettings", "Timings"]


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """The platform's unknowns as switches. The defaults are the most likely reading; change them at any time."""

    # --- SIP
    challenge_status: int = 401
    """401 (WWW-Authenticate) or 407 (Proxy-Authenticate)."""
    challenge_refreshes: bool = False
    """Whether a refresh without credentials is challenged again."""
    realm: str = ""
    """Empty: the SIP domain."""
    digest_algorithm: str = "MD5"
    digest_qop: str = "auth"
    """Empty offers no qop (RFC 2069)."""
    expires_min: int = 60
    """Seconds; less is answered with 423."""
    expires_max: int = 300
    """Seconds; more is cut down. SIP.js closes the subscription if more than it asked for is granted."""
    direction_word: str = "receiver"
    """How inbound dialogs are marked; RFC 4235 has ``recipient``."""
    notify_form: str = "full"
    """``full``: all dialogs of the node in each NOTIFY; ``partial``: only the one that changed."""
    initial_dialog_state: str = ""
    """Dialog state while the user's own phone rings (``trying``); empty: no dialog yet."""
    ended_on_hold_renders: bool = True
    """Whether a dialog that ends on hold is marked as rendering again. If not, the original connector misses it."""
    keep_subscriptions: bool = False
    """Whether subscriptions outlive their WebSocket, so that a client can refresh them on another one."""
    watch_others: bool = True
    """Whether a user may subscribe to colleagues and queues; 403 otherwise."""

    # --- REST
    unregistered_status: int = 412
    declined_status: int = 409
    """Answer to POST /calls when the user rejects the call on his own phone."""
    unanswered_status: int = 408
    """... when he does not pick it up."""
    patch_status: int = 200
    """Success of PATCH /calls/{id}; 204 and 301 come without a body."""
    answer_words: tuple[str, ...] = ("CONNECTED", "answer")
    """Values of ``state`` in PATCH /calls/{id} that make the phone answer."""
    state_as_number: bool = False
    """Whether ``state`` of live calls is the number of the documentation's samples instead of text."""
    shared_call_ids: bool = False
    """Whether two colleagues who talk to one another share one call id, as dialogs ``<id>-1`` and ``<id>-2``."""
    record_calls: bool = False
    """Whether answered calls are recorded."""
    time_zone: str = "UTC"
    """Zone of dates written as text."""

    # --- webhooks
    on_hold_event: str = ""
    """Event name of a webhook about hold and resume; empty sends none."""
    final_on_hangup: bool = False
    """Whether ``call.hangup`` carries ``final`` too."""
    missed_at_ring: bool = False
    """Whether a ring group's legs are reported missed (not final) in the second in which they start to ring."""
    elsewhere_cause: str = "No Answer"
    """``t_cause`` of a ring group's other legs when a colleague answered."""
    webhook_retries: int = 2
    """Further attempts after an answer that is not 2xx."""

    def change(self, values: dict[str, Any]) -> None:
        """Set several switches by name; raises ``ValueError`` for an unknown one."""
        _change(self, values)


@dataclass(slots=True, kw_only=True)
class Timings:
    """Platform seconds; each is multiplied by ``time_scale``."""

    unregistered: float = 10.0
    """Until POST /calls gives up on a phone that is not registered."""
    own_phone: float = 30.0
    """For how long the user's own phone rings for a click-to-call."""
    alert: float = 0.4
    """From picking up the own phone until the number that was clicked rings."""
    user: float = 30.0
    """For how long a user's phone rings before the caller is turned away."""
    outside: float = 60.0
    """For how long an outside number rings."""
    recording: float = 2.0
    """From the end of a call until its recording is there."""
    webhook_retry: float = 5.0
    """Between two attempts to deliver a webhook."""

    def change(self, values: dict[str, Any]) -> None:
        """Set several by name; raises ``ValueError`` for an unknown one."""
        _change(self, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """Where and how a simulator runs."""

    host: str = "127.0.0.1"
    port: int = 0
    """Port of REST, control API and page; 0 takes a free one."""
    sip_port: int | None = None
    """Port of a second listener, for SIP; None: SIP is served on ``port`` alone, 0 takes a free one."""
    certificate: str = ""
    """PEM file; makes both listeners speak TLS."""
    private_key: str = ""
    """PEM file; empty if the key stands in the certificate's file."""
    time_scale: float = 1.0
    """Real seconds for one second of ringing, waiting and retrying; 0.01 makes the platform a hundred times faster."""
    session_seconds: float = 1800.0
    """Life of a session after its last request, not scaled."""
    control: bool = True
    """Whether control API and page are served."""
    control_from_anywhere: bool = False
    """Whether other machines may use them; otherwise loopback only."""
    first_call_id: int | None = None
    """First call id; None derives it from the clock, so that ids of two runs differ."""
    behaviour: Behaviour = field(default_factory=Behaviour)
    timings: Timings = field(default_factory=Timings)

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)


def _change(target: Behaviour | Timings, values: dict[str, Any]) -> None:
    known = {item.name: getattr(target, item.name) for item in fields(target)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"There is no switch {name!r}. Known: {', '.join(known)}.")
        expected = known[name]
        if isinstance(expected, tuple) and isinstance(value, list):
            value = tuple(value)
        if isinstance(expected, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(expected):
            raise ValueError(f"{name!r} takes a value such as {expected!r}.")
        setattr(target, name, value)
