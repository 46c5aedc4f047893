"""Watching queues, menus and conference rooms of a provider: what pages subscribe to as ``queue:70001``.

A node becomes a line without a user, which a bridge watches with the login of a line that has one. Its calls are shown
while they are live and not kept: the call log has the legs of those who talked, and a caller in a queue would count
twice.
"""

import re
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from . import realtime
from .exceptions import CommandRefused
from .models import Line

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = ["KINDS", "MOST_NODES", "watched"]

#: What can be watched beside users, as pages name it.
KINDS = frozenset({"queue", "ivr", "conf"})
#: Nodes of one provider that are watched at most: each costs a subscription for good.
MOST_NODES = 200

_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,99}")


def watched(user: "AnyUser", kind: str, key: str) -> Line:
    """The line by which a node is watched, for a user who may watch everybody; a bridge begins if none does yet.

    Raises:
        CommandRefused: ``invalid_node``, ``not_allowed``, ``no_line``, ``too_many_subscriptions``.
        UnsupportedFeature: the provider of the user's line does not show nodes.
    """
    if not user.has_perm("django_voipcti.watch_lines"):
        raise CommandRefused(
            _("You may not watch queues, menus and conference rooms. Ask your administrator."), code="not_allowed"
        )
    via = Line.objects.enabled().filter(user_id=user.pk, via=None).order_by("pk").first()
    if via is None:
        raise CommandRefused(
            _("Log in to your telephone account first: queues are watched through it."), code="no_line"
        )
    via.backend.require("supports_nodes")
    try:
        account = via.backend.node_account(kind, key if _KEY.fullmatch(key) else "")
    except ValueError:
        raise CommandRefused(
            _("“%(node)s” is no id of your telephone system. Look it up in its dashboard.") % {"node": key},
            code="invalid_node",
        ) from None
    return _watch(account, label=f"{kind} {key}", via=via)


def _watch(account: str, *, label: str, via: Line) -> Line:
    with transaction.atomic():
        line = Line.objects.select_for_update().filter(provider=via.provider, account=account).first()
        if line is None:
            if Line.objects.filter(provider=via.provider, via__isnull=False).count() >= MOST_NODES:
                raise CommandRefused(
                    _("As many queues, menus and rooms are watched as can be. Delete some of their lines."),
                    code="too_many_subscriptions",
                )
            line = Line.objects.create(provider=via.provider, account=account, label=label, region=via.region, via=via)
        elif not line.enabled:
            raise CommandRefused(
                _("%(line)s is switched off. Ask your administrator.") % {"line": line}, code="not_allowed"
            )
        elif line.user_id is None and not line.has_credentials:
            # Whoever lent his login has logged out since.
            line.via = via
            line.save(update_fields=["via"])
    realtime.nudge_bridges(line.pk)
    return line
