"""Who can be called: extensions, the account's own numbers, nodes; and what a dialled string means."""

import re

from .calls import Party
from .scenario import Group, OutsideScript, Scenario, Service, User

__all__ = ["Directory", "EngineError", "Target"]

Target = User | Group | Service | Party

_OUTSIDE = re.compile(r"[1-9][0-9]{5,16}")
#: Plays a recording; ``GET /calls`` shows it with the context TEST_CALL.
_TEST_CALL = Service(kind="test", id=123, name="Test call", number="#123")


class EngineError(Exception):
    """A request that the platform refuses at once. ``field`` names the input that is wrong."""

    def __init__(self, message: str, *, field: str = "", code: str = "SF0010") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code


class Directory:
    """Look-ups in a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._numbers: dict[str, Target] = {_TEST_CALL.number: _TEST_CALL}
        entries: list[User | Group | Service] = [*scenario.users, *scenario.groups, *scenario.services]
        for entry in entries:
            number = entry.extension if isinstance(entry, User) else entry.number
            if number in self._numbers:
                raise ValueError(f"the extension {number} stands twice in the scenario")
            self._numbers[number] = entry
        for number, extension in scenario.numbers.items():
            if extension not in self._numbers:
                raise ValueError(f"numbers: {number} rings {extension}, which nobody has")

    def user(self, key: int | str) -> User:
        """The user with this id, extension or e-mail address; raises ``KeyError``."""
        for user in self.scenario.users:
            if str(key) in {str(user.id), user.extension, user.email}:
                return user
        raise KeyError(key)

    def node(self, name: str) -> User | Group | Service | None:
        """What can be watched under this SIP user part."""
        for user in self.scenario.users:
            if str(user.id) == name:
                return user
        others: list[Group | Service] = [*self.scenario.groups, *self.scenario.services]
        return next((entry for entry in others if entry.node == name), None)

    def resolve(self, dialled: str, *, field: str = "to") -> Target:
        """What rings for a dialled string; raises :class:`EngineError` for one that is no number."""
        dialled = self.scenario.numbers.get(dialled, dialled)
        target = self._numbers.get(dialled)
        if target is not None:
            return target
        if not _OUTSIDE.fullmatch(dialled):
            raise EngineError("Value is not a valid phone number or extension.", field=field)
        return Party(number=dialled, name=destination_name(dialled))

    def script(self, number: str) -> OutsideScript:
        """How an outside number behaves."""
        outside = self.scenario.outside
        return outside.get(number) or outside.get("*") or OutsideScript()


_DESTINATIONS = {"1": "USA", "34": "Spain", "44": "United Kingdom", "447": "United Kingdom Mobile", "49": "Germany"}


def destination_name(number: str) -> str:
    """The tariff destination that the platform shows as the name of an outside callee."""
    for length in (3, 2, 1):
        if number[:length] in _DESTINATIONS:
            return _DESTINATIONS[number[:length]]
    return "International"
