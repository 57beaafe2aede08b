"""Asking a virus scanner (clamd) about a file before it is kept; set once when the service starts.

The conversation is clamd's INSTREAM over TCP: pieces with their lengths, an empty one at the end, one line back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass

from tracker.domain.errors import Invalid
from tracker.settings import Settings

log = logging.getLogger(__name__)

PIECE = 64 * 1024
SECONDS = 20.0
"""For the whole conversation: a request waits for it."""


@dataclass(frozen=True)
class Scanner:
    """Where the scanner listens."""

    host: str
    port: int


class ScannerAway(OSError):
    """The scanner did not answer as one: the file is not taken, and may be sent again later."""


_scanner: Scanner | None = None


def use_scanner(settings: Settings) -> None:
    """From now on this process asks the scanner that these settings name; none where they name none."""
    global _scanner
    _scanner = None if settings.clamd_host is None else Scanner(settings.clamd_host, settings.clamd_port)


async def scan(data: bytes, name: str) -> bool:
    """Whether a scanner has looked at the file; raises Invalid (file_infected) or ScannerAway."""
    if _scanner is None:
        return False
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _ask(_scanner, data)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        log.error("the virus scanner does not answer", extra={"reason": str(error) or type(error).__name__})
        raise ScannerAway() from error
    if answer == "stream: OK":
        return True
    found = re.fullmatch(r"stream: (.{1,200}) FOUND", answer)
    if found is None:
        log.error("the virus scanner answered strangely", extra={"answer": answer[:200]})
        raise ScannerAway()
    log.warning("a file was refused by the virus scanner", extra={"found": found.group(1)})
    raise Invalid.one("/file", "file_infected", name, found=found.group(1))


async def _ask(scanner: Scanner, data: bytes) -> str:
    reader, writer = await asyncio.open_connection(scanner.host, scanner.port)
    try:
        writer.write(b"zINSTREAM\0")
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            writer.write(len(piece).to_bytes(4, "big") + piece)
            await writer.drain()
        writer.write(bytes(4))
        await writer.drain()
        answer = await reader.readuntil(b"\0")
        return answer.rstrip(b"\0").decode("utf-8", "replace").strip()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
