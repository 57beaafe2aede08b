"""Nothing leaves after a restore until somebody has looked (bar N23).

A backup put back does not know what was sent after it was made: everything due since then would go out once more.
So each run that sends counts one further in the database, and notes the count in a file beside it, before and after.
A database that is behind the file has been put back; one that knows of runs while this machine knows of none, and
that has been quiet for an hour, is likely to be a backup on a new machine, or a copy for trials.
Either way sending is paused by the switch that operators use, with the reason; the sweep goes on deciding.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from tracker import i18n
from tracker.actions import outbox as actions
from tracker.db import outbox as outbox_db
from tracker.db.engine import transaction
from tracker.db.switches import get_switch, is_sending_paused, list_heartbeats, lock_switch, set_switch
from tracker.domain.directory import SYSTEM
from tracker.jobs.outbox import NAME as OUTBOX
from tracker.settings import Settings

log = logging.getLogger(__name__)

QUIET = timedelta(hours=1)
"""For so long no worker may have been seen before a machine without a mark takes the database for a backup."""
_SWITCH = "sending_mark"


@dataclass(frozen=True)
class Mark:
    """How far sending has come: a database's own name, and how many runs that send it has begun or ended."""

    database: str
    count: int


class Doubt(StrEnum):
    """Why sending is paused by itself."""

    BEHIND = "behind"
    UNKNOWN = "unknown"


def judge(
    told: Mark | None, kept: Mark | None, *, quiet_for: timedelta | None, is_empty: bool
) -> Doubt | None:
    """What is to be thought of a database that tells `told` on a machine that has kept `kept`.

    `quiet_for` is how long ago a worker last ended a run at this database, None for never; `is_empty`, that it never
    had a message.

    >>> judge(Mark("a", 7), Mark("a", 9), quiet_for=timedelta(), is_empty=False)
    <Doubt.BEHIND: 'behind'>
    >>> judge(Mark("a", 9), Mark("a", 9), quiet_for=timedelta(days=3), is_empty=False)
    >>> judge(Mark("a", 9), None, quiet_for=timedelta(days=3), is_empty=False)
    <Doubt.UNKNOWN: 'unknown'>
    """
    if told is None:
        # From before there were marks: put back where this machine has kept one, else new or just updated.
        return None if kept is None or is_empty else Doubt.BEHIND
    if kept is not None and kept.database == told.database:
        return Doubt.BEHIND if told.count < kept.count else None
    return Doubt.UNKNOWN if quiet_for is not None and quiet_for > QUIET else None


def mark_in(data_dir: Path) -> Path:
    """Where this machine keeps its mark: beside the database's folder, not in it."""
    return data_dir / "sending_mark"


class Quarantine:
    """Looks, before anything is sent, whether the database is the one that this machine has known."""

    def __init__(self, settings: Settings) -> None:
        self._path = mark_in(settings.data_dir)
        self._language: i18n.Language = "en" if settings.language == "en" else "vi"
        self._turn = asyncio.Lock()

    async def before(self, now: datetime) -> None:
        """Compare; pause sending in doubt; else count the run, where anything waits to be sent."""
        async with self._turn:
            # In this order: the file follows the database, so another process cannot seem to have run ahead of it.
            kept = await asyncio.to_thread(_read, self._path)
            told = _read_told(await get_switch(_SWITCH))
            if told is None or kept != told:
                doubt = judge(
                    told, kept, quiet_for=await _quiet_for(), is_empty=await outbox_db.is_never_used()
                )
                if doubt is not None:
                    await self._pause(doubt, kept, now)
                    return
            if told is None or (await outbox_db.has_waiting() and not await is_sending_paused()):
                await self._count()
            elif kept != told:
                # Another machine has counted, or this one is new here.
                await self._keep(told)

    async def after(self, sent: int) -> None:
        """Count again when messages have left, so that a backup made during the run is known as such."""
        if sent:
            async with self._turn:
                await self._count()

    async def _count(self) -> None:
        async with transaction():
            stands = _read_told(await lock_switch(_SWITCH, None)) or Mark(str(uuid4()), 0)
            mark = Mark(stands.database, stands.count + 1)
            await set_switch(_SWITCH, vars(mark))
        # Between the two the database is ahead, which no backup ever is.
        await self._keep(mark)

    async def _pause(self, doubt: Doubt, kept: Mark | None, now: datetime) -> None:
        """Pause, and let the database catch up with the mark: who then lets sending go on has looked."""
        if not await is_sending_paused():
            reason = i18n.text(self._language, f"quarantine_{doubt.value}")
            await actions.switch_sending(SYSTEM, True, reason, None, now)
        async with transaction():
            stands = _read_told(await lock_switch(_SWITCH, None)) or Mark(str(uuid4()), 0)
            known = kept.count if kept is not None and doubt is Doubt.BEHIND else 0
            mark = Mark(stands.database, max(stands.count, known) + 1)
            await set_switch(_SWITCH, vars(mark))
        await self._keep(mark)
        log.warning(
            "sending paused: the database may have been put back from a backup", extra={"doubt": doubt.value}
        )

    async def _keep(self, mark: Mark) -> None:
        try:
            await asyncio.to_thread(_write, self._path, mark)
        except OSError as error:
            # A full disk must not hold up mail; what is lost is only the warning after a restore.
            log.warning(
                "the mark of sending cannot be kept", extra={"path": str(self._path), "why": str(error)}
            )


async def _quiet_for() -> timedelta | None:
    ages = {beat.name: beat.age_seconds for beat in await list_heartbeats()}
    return timedelta(seconds=ages[OUTBOX]) if OUTBOX in ages else None


def _read_told(value: object) -> Mark | None:
    match value:
        case {"database": str(database), "count": int(count)}:
            return Mark(database, count)
    return None


def _read(path: Path) -> Mark | None:
    """The mark that is kept; None where there is none or nobody can read it."""
    try:
        return _read_told(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return None


def _write(path: Path, mark: Mark) -> None:
    """Put the mark in place whole, on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(vars(mark), file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
