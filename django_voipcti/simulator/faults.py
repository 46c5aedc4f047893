"""What goes wrong on demand."""

from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Faults", "RestFault"]

#: Ways in which a REST request can fail.
KINDS = ("status", "broken_json", "empty", "hang", "drop")


@dataclass(slots=True, kw_only=True)
class RestFault:
    """A fault of the REST interface. Faults are tried in their order; the first one that fits strikes."""

    kind: str = "status"
    """``status``: an error body with ``status``; ``broken_json``: half an answer with ``status``; ``empty``: no body;
    ``hang``: no answer until the client gives up; ``drop``: the connection is cut."""
    status: int = 500
    method: str = ""
    """Empty: any."""
    path: str = ""
    """Beginning of the path below the base, e.g. ``/calls``; empty: any."""
    times: int = 1
    """How many requests fail; 0: all."""
    retry_after: int | None = None
    """Seconds in a Retry-After header."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of REST fault. Known: {', '.join(KINDS)}.")

    def fits(self, method: str, path: str) -> bool:
        """Whether this request is to fail."""
        return self.method in {"", method} and path.startswith(self.path)


@dataclass(slots=True, kw_only=True)
class Faults:
    """Switches; the defaults break nothing. Change them at any time."""

    refuse_logins: int = 0
    """Status that every login gets."""
    refuse_sip: int = 0
    """SIP status that every SUBSCRIBE gets, e.g. 403 or 503."""
    silent_sip: bool = False
    """SIP messages are read and never answered; nothing is notified."""
    refuse_sockets: bool = False
    """New WebSockets are turned away with 503."""
    notify_delay: float = 0.0
    """Real seconds before each NOTIFY leaves."""
    notify_copies: int = 0
    """Each NOTIFY leaves so many times more, byte for byte."""
    notify_repeats: int = 0
    """Each document leaves so many times more, under a new CSeq."""
    notify_reorder: bool = False
    """NOTIFYs leave in pairs, the second one first."""
    notify_lose: int = 0
    """So many of the next NOTIFYs are never sent."""
    no_terminated: bool = False
    """Ended dialogs vanish without a NOTIFY that says ``terminated``."""
    webhook_copies: int = 0
    """Each webhook is delivered so many times more."""
    webhook_reorder: bool = False
    """Webhooks leave in pairs, the second one first."""
    webhook_lose: int = 0
    """So many of the next webhooks are never sent."""
    rest: list[RestFault] = field(default_factory=list)

    def change(self, values: dict[str, Any]) -> None:
        """Set several by name, ``rest`` as a list of objects; raises ``ValueError`` for what is not known."""
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"There is no fault {name!r}. Known: {', '.join(known)}.")
            if name == "rest":
                try:
                    value = [RestFault(**entry) for entry in value]
                except TypeError as error:
                    raise ValueError(f"rest: {error}") from error
            elif isinstance(known[name], float) and type(value) is int:
                value = float(value)
            elif type(value) is not type(known[name]):
                raise ValueError(f"{name!r} takes a value such as {known[name]!r}.")
            setattr(self, name, value)

    def clear(self) -> None:
        """Break nothing any more."""
        fresh = Faults()
        for item in fields(self):
            setattr(self, item.name, getattr(fresh, item.name))

    def strike(self, method: str, path: str) -> RestFault | None:
        """The fault that this request meets, counted."""
        for fault in self.rest:
            if fault.fits(method, path):
                if fault.times == 1:
                    self.rest.remove(fault)
                elif fault.times > 1:
                    fault.times -= 1
                return fault
        return None
