"""The metronome: which job ticks how often. Correctness is in the jobs, which may tick late, twice or anywhere.

APScheduler keeps nothing: its defaults would drop a job that is a second late, and its stores cannot be shared
(decision 16). A job that fails is counted and ticks again; one that still runs is not started twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from tracker import clock
from tracker.db.engine import start_detached

log = logging.getLogger(__name__)

Work = Callable[[datetime], Awaitable[object]]


@dataclass(frozen=True)
class Job:
    """A job by its name, its pace, and what it does at an instant."""

    name: str
    every: timedelta
    work: Work


@dataclass
class Metronome:
    """Runs jobs at their pace until it is told to stop; then it waits for those that still run.

    `before` is awaited ahead of each tick (the demonstration sets its clock there).
    """

    jobs: tuple[Job, ...]
    before: Callable[[], Awaitable[object]] | None = None
    failures: dict[str, int] = field(default_factory=dict)
    last_error: dict[str, str] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _busy: set[str] = field(default_factory=set)
    _scheduler: AsyncIOScheduler | None = None

    def start(self) -> None:
        """Tick every job at once, and then at its pace."""
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        for job in self.jobs:
            scheduler.add_job(
                self._tick,
                IntervalTrigger(seconds=job.every.total_seconds(), timezone=UTC),
                args=[job],
                id=job.name,
                # The metronome beats in the machine's time, also where a demonstration has its own.
                next_run_time=clock.utc_now() - clock.offset(),
            )
        scheduler.start()
        self._scheduler = scheduler

    async def _tick(self, job: Job) -> None:
        """Start the work as a task of ours: the scheduler would cancel it when it shuts down."""
        if job.name in self._busy:
            return
        self._busy.add(job.name)
        task = start_detached(self._run(job), name=job.name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, job: Job) -> None:
        try:
            if self.before is not None:
                await self.before()
            await job.work(clock.utc_now())
        except Exception as error:
            # One failed tick is one late tick: count it, say it, and let the next one try.
            self.failures[job.name] = self.failures.get(job.name, 0) + 1
            self.last_error[job.name] = f"{type(error).__name__}: {error}"
            log.exception("job failed", extra={"job": job.name})
        finally:
            self._busy.discard(job.name)

    async def stop(self, grace: timedelta) -> None:
        """Tick no more, and give what runs `grace` to end by itself."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=5)
