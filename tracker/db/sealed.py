"""Secrets that must be read again, kept so that a copy of the database does not give them away.

AES-256-GCM under a key derived from the service's secret key, one for each purpose; what is sealed is bound to
its purpose, so that a value moved to another column does not open.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_NONCE_BYTES = 12


class Unsealable(Exception):
    """It was sealed under another key or for another purpose, or it was changed."""


def seal(secret_key: bytes, purpose: str, plain: bytes) -> bytes:
    """`plain` as it may be stored.

    >>> unseal(b"k" * 40, "example", seal(b"k" * 40, "example", b"hidden"))
    b'hidden'
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + _cipher(secret_key, purpose).encrypt(nonce, plain, purpose.encode())


def unseal(secret_key: bytes, purpose: str, sealed: bytes) -> bytes:
    """What was sealed. Raises Unsealable."""
    if sealed[:1] != _VERSION:
        raise Unsealable
    nonce, hidden = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return _cipher(secret_key, purpose).decrypt(nonce, hidden, purpose.encode())
    except (InvalidTag, ValueError):
        raise Unsealable from None


def _cipher(secret_key: bytes, purpose: str) -> AESGCM:
    return AESGCM(
        HKDF(SHA256(), 32, salt=None, info=b"tracker sealed " + purpose.encode()).derive(secret_key)
    )
