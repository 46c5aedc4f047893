"""Logging a user's line in and out at its provider, from the page or the admin.

The password goes to the provider once and is forgotten; what the provider minted in exchange is kept, encrypted, on the
line. Asynchronous, since a login is a conversation with a distant server.
"""

import logging
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from . import realtime
from .conf import app_settings
from .enums import LineStatus
from .exceptions import AuthenticationFailed, CommandRefused, ProviderError, VoipCtiError
from .models import Line
from .providers import providers
from .providers.base import Credentials, ProbeStep, SecondFactor, StepOutcome
from .redaction import Secret

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = ["complete_second_factor", "login", "login_with_key", "logout", "probe"]

logger = logging.getLogger(__name__)


async def login(
    user: "AnyUser",
    *,
    username: str,
    password: Secret,
    alias: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Line | SecondFactor:
    """Log a line of ``user`` in by password; the line is created at the first login.

    Args:
        options: what the provider's further ``login_fields`` were given, e.g. the address of the user's own server.
            Offer users no others: what they name is contacted.

    Returns:
        the line, which a bridge connects at once; or the nonce of a second factor.

    Raises:
        CommandRefused: ``empty_credentials``, ``unsupported``, ``line_taken``.
        ProviderError: the provider refused or could not be reached; its message is fit for the user.
    """
    if not username.strip() or not password:
        raise CommandRefused(_("Enter both user name (or e-mail address) and password."), code="empty_credentials")
    alias = _alias(alias)
    outcome = await providers[alias].login(username=username.strip(), password=password, options=options)
    return outcome if isinstance(outcome, SecondFactor) else await _adopt(user, alias, outcome)


async def login_with_key(user: "AnyUser", *, api_key: Secret, alias: str | None = None) -> Line:
    """Log a line in by API key. Raises as :func:`login`."""
    if not api_key.strip():
        raise CommandRefused(_("Enter the API key."), code="empty_credentials")
    alias = _alias(alias)
    credentials = await providers[alias].login_with_key(api_key=Secret(api_key.strip()))
    return await _adopt(user, alias, credentials)


async def complete_second_factor(user: "AnyUser", *, code: Secret, nonce: str, alias: str | None = None) -> Line:
    """Finish a login that answered with a nonce. Raises as :func:`login`."""
    if not code.strip() or not nonce:
        raise CommandRefused(_("Enter the code that was sent to you."), code="empty_credentials")
    alias = _alias(alias)
    credentials = await providers[alias].complete_second_factor(code=Secret(code.strip()), nonce=nonce)
    return await _adopt(user, alias, credentials)


async def probe(line: Line) -> list[ProbeStep]:
    """Test a line's connection step by step, within some ten seconds. Every failure is in the report."""
    try:
        backend = line.backend
        account = await sync_to_async(line.as_account)()
    except ImproperlyConfigured as error:
        return [ProbeStep(name="settings", outcome=StepOutcome.FAILED, sentence=str(error))]
    if not await sync_to_async(lambda: line.has_credentials)():
        return [
            ProbeStep(
                name="account",
                outcome=StepOutcome.FAILED,
                sentence=_("No credentials are stored."),
                advice=_("Log the line in first."),
            )
        ]
    try:
        return await backend.probe(account)
    except (VoipCtiError, ImproperlyConfigured) as error:
        return [ProbeStep(name="account", outcome=StepOutcome.FAILED, sentence=str(error))]
    finally:
        await backend.aclose()


async def logout(user: "AnyUser", *, line: Line | None = None) -> list[Line]:
    """Log the user's lines (or one of them) out: revoke the token, forget the secrets, tell the pages.

    A provider that cannot be reached does not keep anybody logged in here.
    """
    own = Line.objects.filter(user_id=user.pk).exclude(secrets="")
    lines = [found async for found in (own if line is None else own.filter(pk=line.pk))]
    for found in lines:
        account = await sync_to_async(found.as_account)()
        try:
            await providers[found.provider].logout(account)
        except ProviderError as error:
            logger.warning("line %s: token not revoked: %s", found.pk, error, extra={"action": "session.logout"})
        await sync_to_async(_forget)(found)
    return lines


def _alias(alias: str | None) -> str:
    """The provider asked for, or the only (else the first) one configured."""
    return alias or next(iter(app_settings.providers), "default")


async def _adopt(user: "AnyUser", alias: str, credentials: Credentials) -> Line:
    """Keep what a login left behind on the user's line."""
    line = await Line.objects.filter(provider=alias, account=credentials.account).afirst()
    if line is None:
        line = Line(provider=alias, account=credentials.account, user_id=user.pk)
    if line.user_id is not None and line.user_id != user.pk:
        await _keep_alive(line, credentials)
        raise CommandRefused(
            _("This telephone account belongs to another user here. Ask your administrator to release it."),
            code="line_taken",
        )
    line.user_id = user.pk
    line.enabled = True
    await sync_to_async(_take_over)(line, credentials)
    return line


async def _keep_alive(line: Line, credentials: Credentials) -> None:
    """Let the line of another user go on with the new credentials where the refused login made his own void.

    Providers may keep one token of a name for an account, so that a login revokes the one before.
    """
    if not line.secrets or await _is_accepted(line) is not False:
        return
    renewed = copy(line)
    renewed.set_credentials(credentials)
    if await _is_accepted(renewed):
        await sync_to_async(_take_over)(line, credentials)


async def _is_accepted(line: Line) -> bool | None:
    """Whether the provider takes the line's credentials; None if it does not say."""
    try:
        await providers[line.provider].check_account(await sync_to_async(line.as_account)())
    except AuthenticationFailed:
        return False
    except ProviderError as error:
        logger.warning("line %s: credentials not checked: %s", line.pk, error, extra={"action": "session.check"})
        return None
    return True


def _take_over(line: Line, credentials: Credentials) -> None:
    line.set_credentials(credentials)
    line.save()
    realtime.nudge_bridges(line.pk)


def _forget(line: Line) -> None:
    line.clear_credentials()
    line.save(update_fields=["secrets", "credentials_version"])
    line.set_status(LineStatus.LOGGED_OUT, _("Logged out."))
    realtime.publish_line_status(line)
    realtime.nudge_bridges(line.pk)
