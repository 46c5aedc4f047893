"""Actions on telephone lines: log in and out, watch one, and who else is there."""

from typing import Any

from django.utils.translation import gettext as _

from .. import control, nodes, presenters, realtime, sessions
from ..enums import SessionEvent
from ..exceptions import CommandRefused
from ..models import Line
from ..providers.base import SecondFactor
from ..redaction import Secret
from .page import Data, Page, in_thread

__all__ = ["LineActions"]

#: Lines of other users that one connection may watch.
MAX_WATCHED_LINES = 200

NO_SECRET = Secret("")


class LineActions(Page):
    """What a user does with lines: his own, and those he may watch."""

    async def _do_login(self, email: str = "", password: Secret = NO_SECRET, apiKey: Secret = NO_SECRET) -> Data:
        if apiKey:
            return await self._logged_in(await sessions.login_with_key(self.user, api_key=apiKey))
        outcome = await sessions.login(self.user, username=email, password=password)
        if not isinstance(outcome, SecondFactor):
            return await self._logged_in(outcome)
        message = _("Enter the code from your authenticator app.")
        # To this page alone: the nonce is half of a key.
        event = SessionEvent.TWO_FACTOR_AUTH
        await self.send_message(presenters.present_session_event(event, message, nonce=outcome.nonce))
        return {"secondFactor": True, "nonce": outcome.nonce}

    async def _do_two_factor_auth(self, code: Secret, nonce: Secret) -> Data:
        return await self._logged_in(await sessions.complete_second_factor(self.user, code=code, nonce=nonce))

    async def _logged_in(self, line: Line) -> Data:
        return {"secondFactor": False, "line": await in_thread(presenters.present_line, line)}

    async def _do_logout(self) -> Data:
        lines = await sessions.logout(self.user)
        return {"lines": [str(line.pk) for line in lines]}

    async def _do_subscribe(self, node: str) -> Data:
        """Also send the events of another line, if the user may watch it. Nodes are named as ``user:<account>``.

        The calls that it has now are told before the reply, which lists them: whatever else the page shows is over.
        """
        line = await in_thread(self.as_user, _watchable_line, node)
        group = realtime.line_group(line.pk)
        if line.user_id != self.user.pk and group not in self.groups:
            if len(self.groups) > MAX_WATCHED_LINES:
                raise CommandRefused(_("This page watches as many lines as it can."), code="too_many_subscriptions")
            await self.join(group)
        message = _("You will be told about the calls of %(line)s.") % {"line": line}
        await self.send_message(presenters.present_session_event(SessionEvent.SUBSCRIBED, message, uri=node, node=node))
        live = await in_thread(realtime.live_events, line, self.viewer)
        for event in live:
            await self.send_message(event)
        return {"uri": node, "line": str(line.pk), "calls": [event["call"]["id"] for event in live]}

    async def leave_hidden_lines(self) -> None:
        """Stop telling this page about lines that its user may not see any more."""
        watched = {group for group in self.groups if group.startswith(realtime.line_group(""))}
        if watched:
            seen = await in_thread(self.as_user, _seen_groups)
            for group in watched - seen:
                await self.leave(group)

    async def _do_colleagues(self) -> Data:
        """Whom a call can be transferred to, as the provider of the user's line lists them."""
        line = await in_thread(control.line_for, self.user)
        account = await in_thread(line.as_account)
        line.backend.require("supports_directory")
        found = await line.backend.directory(account)
        others = [one for one in found if one.account != line.account]
        return {"colleagues": [{"account": c.account, "name": c.name, "extension": c.extension} for c in others]}


def _seen_groups(user: Any) -> set[str]:
    return {realtime.line_group(pk) for pk in Line.objects.visible_to(user).values_list("pk", flat=True)}


def _watchable_line(user: Any, node: str) -> Line:
    """The line that a node names, if the user may watch it.

    Raises:
        CommandRefused: ``invalid_node``, ``not_allowed``, and what :func:`django_voipcti.nodes.watched` raises.
    """
    kind, _colon, account = node.partition(":")
    if kind not in {"user", *nodes.KINDS} or not account:
        raise CommandRefused(_("Name what to subscribe to like this: user:1001."), code="invalid_node")
    if kind != "user":
        return nodes.watched(user, kind, account)
    line = Line.objects.visible_to(user).filter(account=account).first()
    if line is None:
        raise CommandRefused(
            _("There is no such line, or you may not watch it. Ask your administrator."), code="not_allowed"
        )
    return line
