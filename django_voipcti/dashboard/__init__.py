"""The dashboard as markup: what the admin's page and the tag ``call_dashboard`` show of a report.

Each picture is drawn by the script from the table behind it, so the two cannot differ, and without the script the
tables are there. Who sees which lines is decided by ``Line.objects.visible_to``.
"""

from .form import MOST_DAYS, DashboardForm
from .page import call_dashboard

__all__ = ["MOST_DAYS", "DashboardForm", "call_dashboard"]
