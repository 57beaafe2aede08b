"""The dead-man's switch: after each sweep somebody outside is called, who raises the alarm when the calls stop."""

from __future__ import annotations

import asyncio
import logging
import urllib.request

log = logging.getLogger(__name__)

PING_SECONDS = 10.0


async def ping(url: str | None) -> bool:
    """Call the address that the settings name; a call that fails is logged and never stops a job."""
    if url is None:
        return False
    try:
        await asyncio.to_thread(_call, url)
    except OSError as failed:
        log.warning("the outside watch could not be called", extra={"reason": str(failed)})
        return False
    return True


def _call(url: str) -> None:
    with urllib.request.urlopen(url, timeout=PING_SECONDS) as answer:  # nosec B310  # http or https only, checked where settings are read
        answer.read(1000)
