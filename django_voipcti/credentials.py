"""Encryption of line credentials at rest: a JSON object of secrets in one MultiFernet token.

Keys come from ``VOIPCTI["CREDENTIAL_KEYS"]``, or are derived from ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``. The
first key encrypts, every key decrypts: put a new key in front, run ``voipcti_rotate_keys``, then remove the old one.
"""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured

from .conf import app_settings
from .redaction import Secret

__all__ = ["decrypt", "encrypt", "rotate"]


def encrypt(secrets: Mapping[str, str]) -> str:
    """Return an encrypted, URL-safe token that holds ``secrets``; an empty mapping gives an empty text."""
    if not secrets:
        return ""
    return _fernet().encrypt(json.dumps(dict(secrets)).encode()).decode()


def decrypt(token: str) -> dict[str, Secret]:
    """Return the secrets in ``token``.

    Raises:
        ImproperlyConfigured: no configured key opens it; says which setting to mend.
    """
    if not token:
        return {}
    try:
        plain = _fernet().decrypt(token.encode())
    except InvalidToken:
        raise ImproperlyConfigured(
            "Stored line credentials cannot be decrypted: put the key they were written with into "
            "VOIPCTI['CREDENTIAL_KEYS'] (or SECRET_KEY_FALLBACKS), or log the line in again."
        ) from None
    return {name: Secret(value) for name, value in json.loads(plain).items()}


def rotate(token: str) -> str:
    """Re-encrypt ``token`` with the first key."""
    return _fernet().rotate(token.encode()).decode() if token else ""


def _fernet() -> MultiFernet:
    if app_settings.credential_keys:
        return MultiFernet([Fernet(key) for key in app_settings.credential_keys])
    return MultiFernet([Fernet(_derive(key)) for key in app_settings.secret_keys])


def _derive(secret_key: str | bytes) -> bytes:
    material = secret_key.encode() if isinstance(secret_key, str) else secret_key
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"django_voipcti line credentials")
    return base64.urlsafe_b64encode(kdf.derive(material))
