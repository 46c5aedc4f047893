"""What Kamailio's JSON-RPC can do to calls that phones made or took themselves: end them.

Needs the modules ``jsonrpcs``, ``dialog`` (established calls) and ``tm`` (calls that ring). Tried with 5.6.3.
"""

from contextlib import suppress
from typing import Any

import httpx2
from django.utils.translation import gettext as _

from ...exceptions import CallNotFound, ProviderError, ProviderProtocolError, ProviderRejected, ProviderUnavailable

__all__ = ["KamailioRpc"]

#: Seconds for one request to a server in the house.
_TIMEOUT = 5.0

#: How often a call that changes while it is being ended is looked at.
_TRIES = 3

#: What tm says of a transaction that has ended between two requests of ours.
_NO_TRANSACTION = "Transaction not found"

#: The dialog module's states: 3 and 4 are confirmed, 5 is over.
_CONFIRMED = frozenset({3, 4})


class KamailioRpc:
    """JSON-RPC over HTTP (module ``jsonrpcs``).

    Args:
        url: for instance ``http://127.0.0.1:8088/RPC``; keep it away from everybody else's reach.
        transport: in place of the network, for tests.
    """

    def __init__(self, url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._transport = transport

    async def end_call(self, call_id: str) -> None:
        """End the call with this SIP Call-ID on both sides; quiet if it is over already.

        Raises ``ProviderUnavailable`` if the server cannot be asked, or shows a call that it does not find.
        """
        for _try in range(_TRIES):
            with suppress(CallNotFound):
                for dialog in await self._dialogs(call_id):
                    await self._end(call_id, dialog)
                return
            # Answered, or over, since it was listed: look again.
        raise ProviderUnavailable(
            _("The telephone server could not end the call. Try again, or put down the receiver.")
        )

    async def _end(self, call_id: str, dialog: dict[str, Any]) -> None:
        try:
            if dialog.get("state") in _CONFIRMED:
                await self._call("dlg.end_dlg", dialog["h_entry"], dialog["h_id"])
            else:
                # dlg.end_dlg makes the server forget a call that rings, and the phone rings on.
                await self._call("tm.cancel", call_id, dialog["caller"]["cseq"])
        except (KeyError, TypeError) as error:
            raise _not_its_contract() from error

    async def _dialogs(self, call_id: str) -> list[dict[str, Any]]:
        try:
            found = await self._call("dlg.dlg_list", call_id)
        except CallNotFound:
            return []
        dialogs = found if isinstance(found, list) else [found]
        return [dialog for dialog in dialogs if isinstance(dialog, dict) and dialog.get("state") != 5]

    async def _call(self, method: str, *parameters: object) -> Any:
        body = {"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT, transport=self._transport) as client:
                answer = (await client.post(self._url, json=body)).json()
        except httpx2.HTTPError as error:
            raise ProviderUnavailable(
                _("The telephone server's control interface does not answer. Tell your administrator.")
            ) from error
        except ValueError as error:
            raise _not_its_contract() from error
        if not isinstance(answer, dict):
            raise _not_its_contract()
        if "error" in answer:
            raise _refusal(answer["error"], method)
        return answer.get("result")


def _refusal(error: Any, method: str) -> ProviderError:
    try:
        code, text = int(error.get("code", 0)), str(error.get("message", method))
    except (AttributeError, TypeError, ValueError):
        return _not_its_contract()
    if code == 404 or text == _NO_TRANSACTION:
        return CallNotFound(_("The call is over."), status=code)
    return ProviderRejected(text, status=code)


def _not_its_contract() -> ProviderProtocolError:
    return ProviderProtocolError(_("The telephone server's control interface is not Kamailio's JSON-RPC."))
