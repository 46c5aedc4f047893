"""What a page may ask for: one method an action, grouped by subject, named as the table in ``actions`` names them.

The consumer is made of these classes. Each method gets arguments that are checked already, calls the application, and
returns what the reply carries; whatever it refuses, it raises. It knows the connection only as
:class:`~.page.Page` shows it.
"""

from .callers import CallerActions
from .calls import CallActions
from .context import ContextActions
from .lines import LineActions
from .notes import NoteActions
from .preferences import PreferenceActions

__all__ = ["PageActions"]


class PageActions(CallActions, CallerActions, ContextActions, LineActions, NoteActions, PreferenceActions):
    """All of them. ``hello`` and ``ping`` are about the connection itself and stand with it, in the consumer."""
