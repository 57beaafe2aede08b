"""Long work, job by job: claimed under a lease, carried out as its owner, ended by what came of it.

1. Put back jobs whose worker is gone (their lease has run out); what lost three workers fails.
2. Claim the one that waits longest, within the limits over all workers and for each person.
3. Become its owner as the owner is now: whoever was disabled, moved or lost the right gets nothing.
4. Do the work; a second task renews the lease each second, writes the progress down, and hears of a cancellation.
5. The work itself writes its end, in the transaction of its effect; a failure is written here.

Killed at any point, the job is taken up again and begins anew: what it wrote was not committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from tracker.actions import exports, imports
from tracker.actions import jobs as actions
from tracker.actions.jobs import Desk, Interrupted, Progress
from tracker.db import jobs as db
from tracker.db.actors import find_actor
from tracker.db.engine import Failure, classify_failure, look_as, start_detached
from tracker.db.jobs import Claimed
from tracker.db.switches import beat
from tracker.domain.access import require
from tracker.domain.directory import Actor
from tracker.domain.errors import NotPermitted, TrackerError
from tracker.i18n import Language

log = logging.getLogger(__name__)

NAME = actions.WORKER
AT_ONCE = 2
"""Over all workers: two cores, and the service beside them."""
PER_PERSON = 1
LOOK_SECONDS = 2.0
BEAT_SECONDS = 1.0
SAY_ALIVE_SECONDS = 15.0

Run = Callable[[Desk], Awaitable[None]]

RUNS: Mapping[str, tuple[Run, Mapping[str, int]]] = {
    actions.IMPORT: (imports.preview, {"read": 50, "judge": 50}),
    actions.IMPORT_CONFIRMATION: (imports.write, {"read": 25, "judge": 25, "write": 50}),
    actions.EXPORT: (exports.make, {"collect": 90, "pack": 10}),
}
"""What is done for each kind, and how its stages share the hundred per cent."""


class OwnerGone(NotPermitted):
    """Whoever asked for the job may no longer have it; params: verb, role, allowed."""

    code = "job_owner_gone"


class JobBroken(TrackerError):
    """The work failed by our own fault; the log has the details."""

    code = "job_broken"


@dataclass
class LongWork:
    """The long-work hand of one process; `stop` gives back what is unfinished.

    `fail_point` is called with the name of each point at which the fault tests kill the process.
    """

    clock: Callable[[], datetime]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    fail_point: Callable[[str], None] = lambda name: None
    _said_alive_at: float = float("-inf")

    async def run(self, now: datetime | None = None) -> int:
        """Work until nothing waits, `stop` is set or the limits are reached; how many jobs were ended."""
        await self._say_alive()
        await db.reclaim_expired()
        count = 0
        while not self.stop.is_set():
            job = await db.claim(AT_ONCE, PER_PERSON)
            if job is None:
                break
            self.fail_point("claimed")
            # A task of its own, whose eyes are the owner's and nobody else's.
            await start_detached(self._work_on(job), name=f"job {job.id}")
            count += 1
        return count

    async def _say_alive(self) -> None:
        if monotonic() - self._said_alive_at >= SAY_ALIVE_SECONDS:
            self._said_alive_at = monotonic()
            await beat(NAME, {})

    async def _work_on(self, job: Claimed) -> None:
        run, weights = RUNS[job.kind]
        progress = Progress(weights)
        watch = start_detached(self._watch(job, progress), name=f"lease of job {job.id}")
        try:
            actor = await self._owner(job)
            look_as(actor)
            language: Language = "en" if job.language == "en" else "vi"
            await run(Desk(actor, job, language, progress, self.clock, self.fail_point))
        except Interrupted as interrupted:
            await self._interrupted(job, interrupted.reason)
        except TrackerError as refused:
            await db.mark_failed(job, actions.problem_of(refused))
        except asyncio.CancelledError:
            await asyncio.shield(db.release(job))
            raise
        except Exception as error:
            log.exception("job failed", extra={"job": job.id, "kind": job.kind})
            if classify_failure(error) is Failure.REFUSED:
                await db.mark_failed(job, actions.problem_of(JobBroken()))
            # Otherwise the database is away: the lease runs out and the job is taken up again.
        finally:
            watch.cancel()

    async def _interrupted(self, job: Claimed, reason: str) -> None:
        match reason:
            case "cancelled":
                await db.mark_cancelled(job)
            case "stopped":
                await db.release(job)

    async def _owner(self, job: Claimed) -> Actor:
        """The person as they stand now, narrowed as the token was. Raises OwnerGone."""
        actor = await find_actor(job.owner_id, scopes=job.scopes)
        verb = actions.VERBS[job.kind]
        if actor is None or actions.reach_of(actor) != job.reach:
            raise OwnerGone(verb=verb.value, role="", allowed=())
        require(actor, verb)
        return actor

    async def _watch(self, job: Claimed, progress: Progress) -> None:
        """Hold the lease and pass on what the owner wants, until the work has ended."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if self.stop.is_set():
                progress.interrupted = progress.interrupted or "stopped"
            await self._say_alive()
            # A database that is away for a moment is no reason to stop: the lease lasts a minute.
            with contextlib.suppress(Exception):
                wants = await db.write_progress(
                    job, progress.percent, progress.stage, progress.steps_done, progress.steps_total
                )
                if wants is None:
                    progress.interrupted = "lost"
                elif wants:
                    progress.interrupted = "cancelled"
