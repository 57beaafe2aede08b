"""Small secrets at rest and in cookies, sealed with a key that follows from the service's: AES-256-GCM.

What is sealed begins with a version and a mark of its key, so that keys can be changed one after the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.settings import Secret, Settings

VERSION = b"\x01"
_MARK = 4
_NONCE = 12

_keys: tuple[bytes, ...] = ()


class NoKey(RuntimeError):
    """Nothing can be sealed before `use_key`."""


def use_key(settings: Settings) -> None:
    """From now on this process seals with the key of these settings, and still opens what their former keys sealed."""
    global _keys
    assert settings.secret_key is not None, "settings without a key: see process.with_secret_key"
    _keys = tuple(_derived(secret) for secret in (settings.secret_key, *(settings.old_secret_keys or ())))


def _derived(secret: Secret) -> bytes:
    # One purpose, one key: the signing key of the pages follows from the same secret in another way.
    return hashlib.sha256(b"sealing\0" + secret.reveal().encode()).digest()


def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"mark\0" + key).digest()[:_MARK]


def seal(plain: bytes, purpose: str) -> bytes:
    """`plain` so that only this service can read or change it; `purpose` must be said again to open it."""
    if not _keys:
        raise NoKey
    nonce = secrets.token_bytes(_NONCE)
    return VERSION + _mark(_keys[0]) + nonce + AESGCM(_keys[0]).encrypt(nonce, plain, purpose.encode())


def unseal(sealed: bytes, purpose: str) -> bytes | None:
    """What was sealed for this purpose; None when anything about it is wrong, or its key is gone."""
    if not _keys:
        raise NoKey
    mark, nonce, rest = (
        sealed[1 : 1 + _MARK],
        sealed[1 + _MARK : 1 + _MARK + _NONCE],
        sealed[1 + _MARK + _NONCE :],
    )
    if sealed[:1] != VERSION or len(nonce) != _NONCE:
        return None
    for key in _keys:
        if _mark(key) == mark:
            try:
                return AESGCM(key).decrypt(nonce, rest, purpose.encode())
            except InvalidTag:
                return None
    return None


def sealed_anew(sealed: bytes, purpose: str) -> bytes | None:
    """What a former key sealed, under the present one; None where nothing needs to change, or nothing opens."""
    plain = unseal(sealed, purpose)
    if plain is None or sealed[1 : 1 + _MARK] == _mark(_keys[0]):
        return None
    return seal(plain, purpose)


def seal_text(value: dict[str, object], purpose: str) -> str:
    """A small value as a text for a cookie."""
    return base64.urlsafe_b64encode(seal(json.dumps(value).encode(), purpose)).decode().rstrip("=")


def unseal_text(text: str, purpose: str) -> dict[str, object] | None:
    """The value of a text that `seal_text` made for the same purpose."""
    try:
        sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    plain = unseal(sealed, purpose)
    if plain is None:
        return None
    value: dict[str, object] = json.loads(plain)
    return value
