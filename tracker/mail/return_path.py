"""The envelope sender: it names the outbox row and is signed, so that a forged bounce is not believed."""

import hmac
import re

_LOCAL = re.compile(r"([^+@]+)\+([1-9][0-9]{0,18})\.([0-9a-f]{20})")


def return_path(outbox_id: int, bounce_address: str, secret: bytes) -> str:
    """`bounce+17.9f0c…@domain` for the outbox row 17 (variable envelope return path).

    >>> return_path(17, "bounce@dondoc.example", b"a secret")
    'bounce+17.2118510af2dcef507483@dondoc.example'
    """
    local, _, domain = bounce_address.rpartition("@")
    return f"{local}+{outbox_id}.{_signature(outbox_id, secret)}@{domain}"


def outbox_id_of(address: str, secret: bytes) -> int | None:
    """The outbox row that a returned message speaks of; None for an address that we did not make.

    >>> outbox_id_of("bounce+17.2118510af2dcef507483@dondoc.example", b"a secret")
    17
    >>> outbox_id_of("bounce+18.2118510af2dcef507483@dondoc.example", b"a secret") is None
    True
    """
    found = _LOCAL.fullmatch(address.rpartition("@")[0].lower())
    if found is None:
        return None
    outbox_id = int(found[2])
    return outbox_id if hmac.compare_digest(found[3], _signature(outbox_id, secret)) else None


def _signature(outbox_id: int, secret: bytes) -> str:
    return hmac.digest(secret, b"return-path:%d" % outbox_id, "sha256").hex()[:20]
