"""A provider whose lines are on the test's own SIP server; everything else it does as the dummy."""

from typing import Any

from django_voipcti.exceptions import AuthenticationFailed
from django_voipcti.providers.base import Account, DialogIdentity, DialogView, SipProfile
from django_voipcti.providers.dummy import DummyProvider
from django_voipcti.redaction import Secret


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
