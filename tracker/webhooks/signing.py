"""The secrets and signatures of Standard Webhooks: `v1` (HMAC-SHA256) and `v1a` (Ed25519)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Signing = Literal["v1", "v1a"]
SECRET_BYTES = 32
"""Of an HMAC secret (24 to 64 by the specification), and of an Ed25519 seed."""


@dataclass(frozen=True)
class NewSecret:
    """A fresh secret: `key` is ours to keep sealed, `shown` goes to the receiver once, `public_key` is no secret."""

    key: bytes
    shown: str | None
    public_key: str


def new_secret(signing: Signing) -> NewSecret:
    """A secret nobody can guess; with `v1a` the receiver needs only the public key, and nothing is shown."""
    key = secrets.token_bytes(SECRET_BYTES)
    if signing == "v1":
        return NewSecret(key, "whsec_" + base64.b64encode(key).decode(), "")
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return NewSecret(key, None, "whpk_" + base64.b64encode(raw).decode())


def signatures(
    signing: Signing, keys: Sequence[bytes], message_id: str, timestamp: int, payload: bytes
) -> str:
    """The value of `webhook-signature`: one signature for each key, two while a secret is being changed.

    `timestamp` is that of the attempt, in seconds since 1970.

    >>> signatures("v1", [b"k" * 32], "msg_1", 1700000000, b"{}")
    'v1,3sOcjp9LSFloZNG4djSBtbk6gHDplP0wungD5l+W7DU='
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), payload))
    return " ".join(f"{signing},{base64.b64encode(_sign(signing, key, signed)).decode()}" for key in keys)


def _sign(signing: Signing, key: bytes, signed: bytes) -> bytes:
    if signing == "v1":
        return hmac.new(key, signed, hashlib.sha256).digest()
    return Ed25519PrivateKey.from_private_bytes(key).sign(signed)
