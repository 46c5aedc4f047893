"""Signals for the host project, sent after commit and robustly: a receiver that fails is logged and harms nobody.

This package never listens to them itself.
"""

from django.dispatch import Signal

__all__ = ["call_changed", "call_noted", "callback_overdue", "command_finished", "line_status_changed"]

#: A call moved to another state. Arguments: ``call`` (:class:`~django_voipcti.models.Call`), ``event``
#: (:class:`~django_voipcti.models.CallEvent`), ``previous`` (the state before, or None for a new call).
call_changed = Signal()

#: A note on a call was saved, or its outcome chosen; drafts are not told. Arguments: ``note``
#: (:class:`~django_voipcti.models.CallNote`).
call_noted = Signal()

#: Nobody called a missed caller back within ``CALLBACK_DEADLINE``. Sent once. Arguments: ``missed``
#: (:class:`~django_voipcti.models.MissedCall`).
callback_overdue = Signal()

#: A command came to its end. Arguments: ``command`` (:class:`~django_voipcti.models.CallCommand`).
command_finished = Signal()

#: A line's connection changed. Arguments: ``line`` (:class:`~django_voipcti.models.Line`), ``status``
#: (:class:`~django_voipcti.enums.LineStatus`), ``text`` (what happened and what to do).
line_status_changed = Signal()
