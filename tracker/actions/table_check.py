"""Checking a published table that somebody brings: cells against totals, and what gives each percentage."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any
from weakref import WeakKeyDictionary

from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.intake import apart, printed_apart
from tracker.intake.tables import refuse

PATIENCE_SECONDS = 5.0
MOST_BYTES = printed_apart.MOST_BYTES


class CheckBusy(TimeoutError):
    """Other tables are being checked and do not end; try later (the edge answers 503)."""


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def check(actor: Actor, content: bytes, name: str, sheet: str = "") -> list[dict[str, Any]]:
    """What was found in each table of the file; nothing is kept. Raises Unreadable, CheckBusy.

    The file is a stranger's: it is read in a process of little memory and time, one at a time.
    """
    require(actor, Verb.READ)
    if not content:
        raise refuse("import_empty")
    if len(content) > MOST_BYTES:
        raise refuse("import_too_large", len(content), limit=MOST_BYTES)
    # A process has one loop; only tests have several, one after the other.
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await turn.acquire()
    except TimeoutError:
        raise CheckBusy from None
    try:
        return printed_apart.tables_of(await _answer(apart.request(content, name, sheet)))
    finally:
        turn.release()


async def _answer(request: bytes) -> bytes:
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "tracker.intake.printed_apart",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": apart.SEARCH_PATH, "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
    )
    try:
        async with asyncio.timeout(printed_apart.WALL_SECONDS):
            answer, _ = await reader.communicate(request)
    except TimeoutError:
        raise refuse("import_too_costly") from None
    finally:
        if reader.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                reader.kill()
            await reader.wait()
    return answer
