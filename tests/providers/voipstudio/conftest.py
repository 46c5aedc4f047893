from collections.abc import AsyncIterator

import pytest

from django_voipcti.providers.voipstudio import VoipStudioProvider
from tests.providers.voipstudio.service import Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def provider(service: Service) -> AsyncIterator[VoipStudioProvider]:
    provider = service.provider()
    yield provider
    await provider.aclose()
