"""What the exchange has to know, as a file on its way there."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .phones import Baresip

__all__ = ["Person", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a phone."""

    name: str
    email: str
    phone: Baresip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who has which phone, and where everything listens."""

    port: int
    """Of the control API."""
    server_port: int
    trunk_port: int
    by_hand: bool
    people: tuple[Person, ...]

    def write(self, path: Path) -> None:
        """Write it for :meth:`read`."""
        people = [
            {
                "name": person.name,
                "email": person.email,
                "user": person.phone.user,
                "folder": str(person.phone.folder),
                "port": person.phone.port,
                "control_port": person.phone.control_port,
            }
            for person in self.people
        ]
        facts = {name: getattr(self, name) for name in ("port", "server_port", "trunk_port", "by_hand")}
        path.write_text(json.dumps({**facts, "people": people}))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote."""
        facts = json.loads(path.read_text())
        people = []
        for person in facts.pop("people"):
            name, email, folder = person.pop("name"), person.pop("email"), Path(person.pop("folder"))
            phone = Baresip(**person, folder=folder, server_port=facts["server_port"])
            people.append(Person(name=name, email=email, phone=phone))
        return cls(**facts, people=tuple(people))
