"""Cursors: where a list goes on, signed and bound to the list, its filter and its reader (bar A4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import urlencode

from tracker.api.errors import Refusal

DEFAULT_LIMIT = 50
_SIGNATURE_BYTES = 16


class Cursors:
    """Makes and reads cursors with one key; a key made anew voids the cursors in flight, nothing else."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, listing: str, position: tuple[str, ...]) -> str:
        """The cursor for the row at `position` of the list that `listing` names.

        >>> cursors = Cursors(b"k" * 32)
        >>> cursors.read("a", cursors.make("a", ("2025-11-30", "17")))
        ('2025-11-30', '17')
        """
        payload = json.dumps(position, ensure_ascii=False, separators=(",", ":")).encode()
        return (
            base64.urlsafe_b64encode(self._signature(listing, payload) + payload).rstrip(b"=").decode("ascii")
        )

    def read(self, listing: str, cursor: str) -> tuple[str, ...]:
        """The position a cursor holds. Raises Refusal bad_cursor for a forged or foreign one."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise Refusal("bad_cursor") from None
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(listing, payload)):
            raise Refusal("bad_cursor")
        position = json.loads(payload)
        return tuple(str(part) for part in position)

    def _signature(self, listing: str, payload: bytes) -> bytes:
        message = hashlib.sha256(listing.encode()).digest() + payload
        return hmac.digest(self._key, message, "sha256")[:_SIGNATURE_BYTES]


def listing_name(operation: str, viewer_id: int | None, filters: Mapping[str, str]) -> str:
    """What a cursor is bound to: the operation, its reader and its filter in one order.

    >>> listing_name("listTasks", 7, {"q": "y tế", "a": "1"})
    'listTasks|7|a=1&q=y+t%E1%BA%BF'
    """
    return f"{operation}|{viewer_id}|{urlencode(sorted(filters.items()))}"


def next_link(path: str, filters: Mapping[str, str], limit: int, cursor: str) -> str:
    """The value of a Link header that leads on (RFC 8288)."""
    query = urlencode([*sorted(filters.items()), ("limit", str(limit)), ("cursor", cursor)])
    return f'<{path}?{query}>; rel="next"'
