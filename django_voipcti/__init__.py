"""Telephony for any Django project: screen pops, click-to-call, call control and call history."""

__version__ = "0.1.0"
