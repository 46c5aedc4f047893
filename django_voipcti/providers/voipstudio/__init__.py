"""The VoIPstudio provider: ``"BACKEND": "django_voipcti.providers.voipstudio.VoipStudioProvider"``."""

from .provider import VoipStudioProvider

__all__ = ["VoipStudioProvider"]
