"""Fakes and test kits for hosts, for authors of providers, and for this package itself. Needs no pytest.

*  :func:`play` lets a line have a call, for tests of a host's signal receivers and pages.
*  :class:`Reports` and :class:`FakeClock` stand in for the bridge and for time.
*  :class:`ProviderContractTests` and :class:`WebhookSecurityContractTests` tell whether a provider keeps the contract
   of :mod:`django_voipcti.providers.base`. Inherit from them together with a test case of Django's::

       class MyProviderContract(ProviderContractTests, SimpleTestCase):
           account = Account(line=1, key="200", secrets={"token": Secret("t-0123456789")})

           def make_provider(self, trouble=None): ...

*  :class:`SimulatorThread` is a whole telephone system with phones to be driven; it needs the extra ``[simulator]``.

The provider without a network that goes with them is ``django_voipcti.providers.dummy.DummyProvider``.
"""

from typing import TYPE_CHECKING, Any

from .fakes import FakeClock, Reports, play
from .provider_contract import CAPABILITY_METHODS, HOSTILE_BODIES, ProviderContractTests, Trouble
from .webhook_contract import WebhookSecurityContractTests

if TYPE_CHECKING:
    from django_voipcti.simulator import SimulatorThread

__all__ = [
    "CAPABILITY_METHODS",
    "HOSTILE_BODIES",
    "FakeClock",
    "ProviderContractTests",
    "Reports",
    "SimulatorThread",
    "Trouble",
    "WebhookSecurityContractTests",
    "play",
]


def __getattr__(name: str) -> Any:
    """Import the simulator when it is asked for: it needs a package that hosts without it have not installed."""
    if name != "SimulatorThread":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from django_voipcti.simulator import SimulatorThread

    return SimulatorThread
