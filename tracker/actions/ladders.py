"""Escalation policies: saved as versions, never changed in place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tracker.db import ladders as db
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.domain.access import Verb, require
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.ladders import DEFAULT_STEPS, Step, check_ladder
from tracker.domain.text import clean_text


async def save_version(
    actor: Actor, code: str, name: str, steps: Sequence[Step], note: str, now: datetime
) -> int:
    """A new version of the ladder `code`, in force for what is assigned from `now` on. Raises Invalid."""
    require(actor, Verb.MANAGE_LADDER)
    check_ladder(steps)
    code, name = clean_text(code, "/code", 60), clean_text(name, "/name", 200)
    async with transaction():
        ladder_id = await db.insert_ladder(code, name)
        version_id = await db.insert_version(ladder_id, steps, note, actor.official_id, now)
        entry = HistoryEntry("save_ladder", reason=note, detail={"code": code, "version_id": version_id})
        await insert_history(actor, [entry], now)
    return version_id


async def ensure_default(name: str) -> None:
    """The policy a new installation starts with, in force from ever; nothing happens where a ladder stands."""
    async with transaction():
        ladder_id = await db.insert_ladder("default", name)
        if not await db.list_ladders():
            await db.insert_version(ladder_id, DEFAULT_STEPS, "", SYSTEM.official_id, None)
