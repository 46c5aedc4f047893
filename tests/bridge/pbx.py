"""A provider whose lines are on the test's own SIP server; everything else it does as the dummy."""

import asyncio
from typing import Any

from django_voipcti.exceptions import AuthenticationFailed
from django_voipcti.providers.base import Account, DialogIdentity, DialogView, Report, SipPort, SipProfile
from django_voipcti.providers.dummy import DummyProvider
from django_voipcti.redaction import PhoneNumber, Secret

#: A number whose placing never ends by itself.
ENDLESS = PhoneNumber("+442079460000")


class PbxProvider(DummyProvider):
    """OPTIONS: ``url`` of the server."""

    display_name = "Test PBX"
    supports_sip_events = True
    known_options = DummyProvider.known_options | {"url"}

    async def sip_profile(self, account: Account) -> SipProfile:
        password = account.secrets.get("password")
        if not password:
            raise AuthenticationFailed("This line has no password.")
        options: dict[str, Any] = self.options
        return SipProfile(
            url=options["url"],
            domain="pbx.example",
            username=account.key,
            password=Secret(password),
            watch=(f"sip:{account.key}@pbx.example",),
        )

    def identify_dialog(self, account: Account, dialog: DialogView) -> DialogIdentity | None:
        return DialogIdentity(external_id=dialog.id)

    async def place_call(
        self, account: Account, *, call: int, number: PhoneNumber, report: Report, sip: SipPort | None = None
    ) -> None:
        if number == ENDLESS:
            await asyncio.Event().wait()
        await super().place_call(account, call=call, number=number, report=report, sip=sip)
