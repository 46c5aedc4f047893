"""Who is in the simulated account: users and their phones, ring groups, numbers, outside parties, webhooks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar

__all__ = [
    "Group",
    "OutsideScript",
    "PhoneScript",
    "Scenario",
    "Service",
    "User",
    "WebhookTarget",
    "demo_scenario",
    "load_scenario",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneScript:
    """What a user's phone does without hands; platform seconds, None: waits for a hand (or a PATCH)."""

    pick_up_after: float | None = None
    """After it began to ring for a click-to-call."""
    answer_after: float | None = None
    """After it began to ring for an inbound call."""
    decline_after: float | None = None
    hang_up_after: float | None = None
    """After the call was connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideScript:
    """What an outside number does when it is called; platform seconds."""

    answer_after: float | None = None
    decline_after: float | None = None
    busy_after: float | None = None
    unreachable_after: float | None = None
    hang_up_after: float | None = None
    """After the call was connected."""


@dataclass(slots=True, kw_only=True)
class User:
    """A user of the account."""

    id: int
    first_name: str
    last_name: str
    email: str
    extension: str
    password: str = field(default="demo-password", repr=False)
    api_key: str = field(default="", repr=False)
    sip_password: str = field(default="", repr=False)
    """Empty: made from the id."""
    second_factor: str = field(default="", repr=False)
    """The code; empty: password alone."""
    caller_id: str = ""
    supervisor: bool = False
    """Whether the history of the whole account is visible to this user."""
    active: bool = True
    dnd: bool = False
    registered: bool = True
    """Whether the phone is registered at the start."""
    script: PhoneScript = PhoneScript()

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def digest_password(self) -> str:
        return self.sip_password or f"sip-{self.id}-secret"


@dataclass(slots=True, kw_only=True)
class Group:
    """A ring group (all members ring at once); ``GET /queues`` shows it."""

    id: int
    name: str
    number: str
    members: list[int]
    ring_time: float = 30.0
    skip_busy: bool = False
    context: str = ""
    """``context`` of its calls; empty: ``RG-<id>``."""
    away: set[int] = field(default_factory=set)
    """Members who left for now (``status`` false)."""

    @property
    def node(self) -> str:
        return f"queue-{self.id}"


@dataclass(slots=True, kw_only=True)
class Service:
    """A menu (``ivr``) or conference room (``conf``): picks up at once."""

    kind: str
    id: int
    name: str
    number: str
    menu: dict[str, str] = field(default_factory=dict)
    """Digit to number, for menus."""

    @property
    def node(self) -> str:
        return f"{self.kind}-{self.id}"


@dataclass(slots=True, kw_only=True)
class WebhookTarget:
    """A configured webhook."""

    url: str = field(repr=False)
    """May carry Basic credentials, ``https://user:password@host/path``."""
    events: list[str] = field(default_factory=lambda: ["*"])
    """Event names; ``*`` stands for all, ``call.*`` for all states of calls."""


@dataclass(slots=True, kw_only=True)
class Scenario:
    """An account."""

    customer_id: int = 90001
    customer: str = "Acme"
    sip_domain: str = "acme.sip.example.test"
    users: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    """The account's own numbers (E.164 without plus) and the extension that each one rings."""
    outside: dict[str, OutsideScript] = field(default_factory=dict)
    """Scripts of outside numbers; ``*`` is the rest."""
    webhooks: list[WebhookTarget] = field(default_factory=list)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the JSON form; raises ``ValueError`` naming what is wrong."""
        values = dict(data)
        made: dict[str, Any] = {}
        for name, kind in (("users", User), ("groups", Group), ("services", Service), ("webhooks", WebhookTarget)):
            made[name] = [_build(kind, entry, name) for entry in values.pop(name, [])]
        made["outside"] = {
            number: _build(OutsideScript, entry, "outside") for number, entry in values.pop("outside", {}).items()
        }
        scenario = _build(cls, {**values, **made}, "scenario")
        ids = [user.id for user in scenario.users]
        if len(set(ids)) != len(ids):
            raise ValueError("users: each id may stand once")
        return scenario


def _build(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: an object is expected")
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    unknown = set(values) - known
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}. Known: {', '.join(sorted(known))}.")
    values = dict(values)
    if isinstance(values.get("script"), Mapping):
        values["script"] = _build(PhoneScript, values["script"], f"{where}.script")
    if isinstance(values.get("away"), list):
        values["away"] = set(values["away"])
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def demo_scenario(*, automatic: bool = False) -> Scenario:
    """Acme: Ana, Ben, their supervisor Chris, Dora with a second factor, and the ring group Sales.

    With ``automatic``, phones pick up for click-to-call and outside numbers answer by themselves; inbound calls ring
    until somebody answers them.
    """
    script = PhoneScript(pick_up_after=1.5) if automatic else PhoneScript()
    people = (
        (200341, "Ana", "Ruiz", "601"),
        (200342, "Ben", "Okafor", "602"),
        (200343, "Chris", "Lindqvist", "603"),
        (200344, "Dora", "Novak", "604"),
    )
    users = [
        User(
            id=number,
            first_name=first,
            last_name=last,
            email=f"{first.lower()}@example.test",
            extension=extension,
            caller_id=f"442079460{extension}",
            script=script,
        )
        for number, first, last, extension in people
    ]
    ben, chris, dora = users[1:]
    ben.api_key = "b0" * 20
    chris.supervisor = True
    dora.second_factor = "123456"
    return Scenario(
        users=users,
        groups=[Group(id=70001, name="Sales", number="700", members=[200341, 200342, 200343])],
        services=[
            Service(kind="ivr", id=81001, name="Main menu", number="800", menu={"1": "700", "2": "603"}),
            Service(kind="conf", id=91001, name="Conference", number="900"),
        ],
        numbers={
            "442079460000": "700",
            "442079460100": "800",
            **{user.caller_id: user.extension for user in users},
        },
        outside={"*": OutsideScript(answer_after=3.0)} if automatic else {},
    )


def load_scenario(name: str) -> Scenario:
    """``demo`` (phones act by themselves), ``demo-by-hand``, or the path of a JSON file.

    Raises ``ValueError`` for content that is wrong and ``OSError`` for a file that cannot be read.
    """
    if name in {"demo", "demo-by-hand"}:
        return demo_scenario(automatic=name == "demo")
    return Scenario.from_dict(json.loads(Path(name).read_text(encoding="utf-8")))
