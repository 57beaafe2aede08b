"""Secrets taken out of text that others may read: the tokens of links that open an account or a calendar."""

from __future__ import annotations

import re

HIDDEN = "…"
SHORTEST = 20
"""No address of ours has a part this long; every token is longer."""

_ADDRESS = re.compile(r"(https?://[^/?#\s]*)([/?#]\S*)")
_LONG_PART = re.compile(rf"[A-Za-z0-9_~.%+-]{{{SHORTEST},}}")
_TOKEN = re.compile(rf"\b[a-z]{{2,8}}_[0-9A-Za-z]{{{SHORTEST},}}\b")


def without_secrets(text: str) -> str:
    """`text` without tokens: long parts of addresses, and whatever looks like a token of ours by itself.

    >>> without_secrets("Mở https://dondoc.vn/loi-moi/k3J9x2mQp7Zt5Lw8Rb1Nv4 để bắt đầu.")
    'Mở https://dondoc.vn/loi-moi/… để bắt đầu.'
    >>> without_secrets("https://dondoc.vn/viec/17/G18")
    'https://dondoc.vn/viec/17/G18'
    """
    bare = _ADDRESS.sub(lambda found: found[1] + _LONG_PART.sub(HIDDEN, found[2]), text)
    return _TOKEN.sub(HIDDEN, bare)
