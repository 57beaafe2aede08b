"""How the service stands, for who runs it: whether every due reminder has left, and what waits for a hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.actions import outbox
from tracker.actions.outbox import Opened, Sending
from tracker.db import deprecations, reads_system
from tracker.db import jobs as jobs_db
from tracker.db.assignments import Assignment, list_by_ids
from tracker.db.deprecations import DeprecatedUse
from tracker.db.jobs import Job
from tracker.db.reads_system import Attempt, DisabledWebhook, RecipientOf, Taken, Waiting
from tracker.db.switches import Heartbeat, list_heartbeats
from tracker.domain.access import Verb, may, require
from tracker.domain.directory import Actor
from tracker.domain.zone import civil_day

SHOWN = 5
LATE_TIMES = 3
"""A job is late when it has not ended well for so many of its periods."""
WAITING_TOO_LONG = timedelta(minutes=5)


@dataclass(frozen=True)
class Beat:
    """One job: when it last ended well, how long ago, and whether that is too long."""

    name: str
    at: datetime | None
    age_seconds: float
    is_late: bool


@dataclass(frozen=True)
class Overview:
    """Everything on one screen; `troubles` are codes, the weightiest first, none when every due reminder has left."""

    troubles: tuple[str, ...]
    sending: Sending
    waiting: Waiting
    sent_today: int
    dead_mailboxes: int
    """Agencies where a mailbox refuses mail."""
    beats: tuple[Beat, ...]
    taken: tuple[Taken, ...]
    refused: tuple[Attempt, ...]
    jobs: tuple[Job, ...]
    owners: dict[int, str]
    webhooks: tuple[DisabledWebhook, ...]
    deprecated: tuple[DeprecatedUse, ...]


async def overview(
    viewer: Actor, periods: dict[str, float], needed: frozenset[str], now: datetime
) -> Overview:
    """How the service stands; `periods` are the seconds between two runs of each job.

    A job of `needed` that never ran is a trouble; the others run only where there is work for them.
    """
    require(viewer, Verb.READ_OPERATIONS)
    stands = await outbox.sending(viewer)
    waits = await reads_system.waiting()
    beats = _beats({beat.name: beat for beat in await list_heartbeats()}, periods)
    jobs: list[Job] = []
    for state in ("running", "waiting"):
        jobs += await jobs_db.list_jobs(viewer, state=state, kind=None, limit=20, before=None)
    is_operator = may(viewer, Verb.OPERATE)
    return Overview(
        troubles=_troubles(stands, waits, beats, needed),
        sending=stands,
        waiting=waits,
        sent_today=await reads_system.count_sent_since(now - timedelta(days=1)),
        dead_mailboxes=await reads_system.count_agencies_with_dead_mailbox(civil_day(now)),
        beats=beats,
        taken=tuple(await reads_system.list_taken(SHOWN)),
        refused=tuple(await reads_system.list_refusals(SHOWN)),
        jobs=tuple(jobs),
        owners=await reads_system.names_of([job.owner_id for job in jobs]),
        webhooks=tuple(await reads_system.list_disabled_webhooks(20)) if is_operator else (),
        deprecated=tuple(await deprecations.list_deprecated_uses()) if is_operator else (),
    )


def _beats(known: dict[str, Heartbeat], periods: dict[str, float]) -> tuple[Beat, ...]:
    found = []
    for name, period in periods.items():
        beat = known.get(name)
        if beat is None:
            found.append(Beat(name, None, 0.0, is_late=False))
            continue
        # A run may itself take a while: nothing is late within a minute.
        allowed = max(60.0, LATE_TIMES * period)
        found.append(Beat(name, beat.at, beat.age_seconds, beat.age_seconds > allowed))
    return tuple(found)


def _troubles(
    stands: Sending, waits: Waiting, beats: tuple[Beat, ...], needed: frozenset[str]
) -> tuple[str, ...]:
    said = []
    if stands.is_paused:
        said.append("paused")
    if not stands.relay:
        said.append("no_relay")
    for beat in beats:
        if beat.name in needed and beat.at is None:
            said.append(f"never_{beat.name}")
        elif beat.name in needed and beat.is_late:
            said.append(f"late_{beat.name}")
    if waits.due and waits.oldest_seconds > WAITING_TOO_LONG.total_seconds() and not stands.is_paused:
        said.append("stuck")
    if stands.backlog.failed:
        said.append("failed")
    if stands.backlog.held:
        said.append("held")
    return tuple(said)


@dataclass(frozen=True)
class Letter:
    """One message: what it says, its way so far, whom it is for now, what it speaks of."""

    opened: Opened
    attempts: tuple[Attempt, ...]
    recipient: RecipientOf | None
    about: tuple[Assignment, ...]


async def letter(viewer: Actor, outbox_id: int) -> Letter:
    """One message with everything that is known of it. Raises NotFound."""
    opened = await outbox.open_message(viewer, outbox_id)
    recipient_id = opened.message.recipient_id
    return Letter(
        opened,
        tuple(await reads_system.list_attempts(outbox_id)),
        None if recipient_id is None else await reads_system.find_recipient(recipient_id),
        tuple(await list_by_ids(opened.assignment_ids)) if opened.assignment_ids else (),
    )
