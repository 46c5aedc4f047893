"""Lines, and a short way to write what was said of a call."""

from tests.admin.conftest import boss, boss_client, staff  # noqa: F401
from tests.journal.conftest import agents, line  # noqa: F401
