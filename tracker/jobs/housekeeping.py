"""Keeping the house: what has served its time is pruned in small batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tracker.db import attachments, idempotency
from tracker.db import jobs as jobs_db
from tracker.db.switches import beat

NAME = "housekeeping"
BATCH = 1000


@dataclass
class Kept:
    """What one run removed."""

    idempotency_keys: int = 0
    jobs: int = 0
    attachments: int = 0


async def run(now: datetime) -> Kept:
    """Prune until nothing is left that has served its time."""
    kept = Kept()
    while (pruned := await idempotency.delete_old_answers(BATCH)) > 0:
        kept.idempotency_keys += pruned
    while (pruned := await jobs_db.delete_expired()) > 0:
        kept.jobs += pruned
    while (pruned := await attachments.delete_forgotten()) > 0:
        kept.attachments += pruned
    await beat(NAME, {**vars(kept), "at": now.isoformat()})
    return kept
