"""Keeping the house: what has served its time is pruned in small batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tracker.db import (
    accounts,
    attachments,
    deprecations,
    idempotency,
    kept_forms,
    rates,
    saved_views,
    sessions,
)
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
    sessions: int = 0
    account_links: int = 0
    secret_mails: int = 0
    kept_forms: int = 0
    saved_views: int = 0
    deprecated_uses: int = 0
    rate_buckets: int = 0


async def run(now: datetime) -> Kept:
    """Prune until nothing is left that has served its time."""
    kept = Kept()
    while (pruned := await idempotency.delete_old_answers(BATCH)) > 0:
        kept.idempotency_keys += pruned
    while (pruned := await jobs_db.delete_expired()) > 0:
        kept.jobs += pruned
    while (pruned := await attachments.delete_forgotten()) > 0:
        kept.attachments += pruned
    while (pruned := await sessions.delete_old_sessions(BATCH)) > 0:
        kept.sessions += pruned
    while (pruned := await accounts.delete_old_links(BATCH)) > 0:
        kept.account_links += pruned
    while (pruned := await accounts.empty_secret_mails(BATCH)) > 0:
        kept.secret_mails += pruned
    while (pruned := await kept_forms.delete_old_kept_forms(BATCH)) > 0:
        kept.kept_forms += pruned
    while (pruned := await saved_views.delete_old_views(BATCH)) > 0:
        kept.saved_views += pruned
    while (pruned := await deprecations.delete_old_uses(BATCH)) > 0:
        kept.deprecated_uses += pruned
    kept.rate_buckets = await rates.prune_buckets()
    await beat(NAME, {**vars(kept), "at": now.isoformat()})
    return kept
