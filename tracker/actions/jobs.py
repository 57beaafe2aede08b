"""Long work: asked for, watched, cancelled, fetched. What a worker does with it is in exports.py and imports.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from tracker.db import jobs as db
from tracker.db.engine import transaction
from tracker.db.jobs import Claimed, Job
from tracker.db.switches import list_heartbeats
from tracker.domain.access import Subject, Verb, require
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import Conflict, Invalid, NotFound, NotPermitted, Problem, TrackerError
from tracker.i18n import Language

IMPORT, IMPORT_CONFIRMATION, EXPORT = "import", "import_confirmation", "export"
KINDS = (IMPORT, IMPORT_CONFIRMATION, EXPORT)
STATES = ("waiting", "running", "done", "failed", "cancelled")
VERBS: Mapping[str, Verb] = {
    IMPORT: Verb.RECORD_DIRECTIVE,
    IMPORT_CONFIRMATION: Verb.RECORD_DIRECTIVE,
    EXPORT: Verb.EXPORT,
}
"""What somebody must be allowed to do to ask for a job of this kind, and when it runs."""

MOST_LIVE = 10
"""Jobs of one person that wait or run (attack case 83); more are refused until one has ended."""
WORKER = "long_work"
WORKER_SILENT_SECONDS = 60.0


class TooManyJobs(Conflict):
    """So many jobs of this person wait or run already; params: most."""

    code = "too_many_jobs"


class JobEnded(Conflict):
    """What has ended cannot be cancelled; params: state."""

    code = "job_ended"


class JobUnfinished(Conflict):
    """There is no result yet, or there will be none; params: state."""

    code = "job_unfinished"


class Interrupted(Exception):
    """The work is to end now; `reason` is cancelled, lost (another worker has it) or stopped (the worker ends)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Progress:
    """How far a job is. The work says so at each step and is told there when it is to end.

    `weights` share the hundred per cent among the stages, in their order.
    """

    weights: Mapping[str, int] = field(default_factory=dict)
    stage: str = ""
    steps_done: int = 0
    steps_total: int = 0
    interrupted: str = ""

    def step(self, stage: str, done: int, total: int) -> None:
        """The work stands here; may be called in another thread. Raises Interrupted."""
        self.stage, self.steps_done, self.steps_total = stage, done, total
        if self.interrupted:
            raise Interrupted(self.interrupted)

    @property
    def percent(self) -> int:
        """Whole per cent, 99 at most while the work goes on.

        >>> Progress({"read": 50, "write": 50}, "write", 1, 2).percent
        75
        """
        before = 0
        for stage, weight in self.weights.items():
            if stage == self.stage:
                share = self.steps_done / self.steps_total if self.steps_total else 0.0
                return min(99, before + int(weight * min(share, 1.0)))
            before += weight
        return 0


@dataclass(frozen=True)
class Outcome:
    """What came of a job: figures, and a file where it made one."""

    summary: Mapping[str, object]
    result: bytes | None = None
    media_type: str = ""
    file_name: str = ""


@dataclass(frozen=True)
class Desk:
    """Where one job is worked on: who asked, what for, and the way to say how far it is and that it is done."""

    actor: Actor
    job: Claimed
    language: Language
    progress: Progress
    now: Callable[[], datetime]
    fail_point: Callable[[str], None] = lambda name: None

    async def finish(self, outcome: Outcome) -> None:
        """The end, in the transaction of the effect where there is one. Raises Interrupted when it does not count."""
        self.fail_point("before_finish")
        done = await db.mark_done(
            self.job, outcome.summary, outcome.result, outcome.media_type, outcome.file_name
        )
        if not done:
            raise Interrupted(self.progress.interrupted or "cancelled")


# -- asking ----------------------------------------------------------------------------------------------


def reach_of(actor: Actor) -> str:
    """What somebody can see: who has moved to another office or role since has another reach."""
    agencies = ",".join(str(i) for i in sorted(actor.visible_agency_ids))
    return f"{actor.role.value}:{agencies}"


async def ask(
    actor: Actor,
    kind: str,
    parameters: Mapping[str, object],
    language: Language,
    *,
    input_bytes: bytes | None = None,
    input_name: str = "",
    import_id: int | None = None,
) -> int:
    """A job that waits for a worker. Raises TooManyJobs; for an import that is being written, the job that does."""
    require(actor, VERBS[kind])
    if actor.official_id is None:
        # A job has an owner who watches and fetches it; the command line does its work at once.
        raise NotPermitted(verb=VERBS[kind].value, role=actor.role.value, allowed=())
    async with transaction():
        if await db.count_live(actor.official_id) >= MOST_LIVE:
            raise TooManyJobs(most=MOST_LIVE)
        job_id = await db.insert_job(
            kind,
            actor,
            reach_of(actor),
            language,
            parameters,
            input_bytes=input_bytes,
            input_name=input_name,
            import_id=import_id,
        )
        if job_id is None and import_id is not None:
            job_id = await db.find_confirmation(import_id)
        if job_id is None:
            raise NotFound(noun="job")
        return job_id


async def keep_ended(
    actor: Actor,
    kind: str,
    parameters: Mapping[str, object],
    language: Language,
    input_bytes: bytes,
    input_name: str,
    summary: Mapping[str, object],
    problem: Mapping[str, object] | None,
) -> int:
    """A job whose work was small enough to be done at once: kept with what came of it, as a worker would have."""
    require(actor, VERBS[kind])
    if actor.official_id is None:
        raise NotPermitted(verb=VERBS[kind].value, role=actor.role.value, allowed=())
    async with transaction():
        return await db.insert_ended_job(
            kind, actor, reach_of(actor), language, parameters, input_bytes, input_name, summary, problem
        )


async def get(viewer: Actor, job_id: int) -> Job:
    """One's own job; the administrator sees all. Raises NotFound."""
    job = await db.get_job(viewer, job_id)
    require(viewer, Verb.READ, Subject.owned_by(job.owner_id, noun="job", id=job_id))
    return job


async def cancel(actor: Actor, job_id: int) -> Job:
    """Ask a job to end: at once while it waits, else at its next step. Raises NotFound, JobEnded."""
    async with transaction():
        job = await get(actor, job_id)
        require(actor, VERBS[job.kind])
        if not await db.request_cancel(job_id):
            stands = await get(actor, job_id)
            if stands.state != "cancelled":
                raise JobEnded(state=stands.state)
        return await get(actor, job_id)


@dataclass(frozen=True)
class Result:
    """The file a job made."""

    content: bytes
    media_type: str
    file_name: str
    row_version: int


async def get_result(actor: Actor, job_id: int) -> Result:
    """The file, for who asked for it and still sees what it holds. Raises NotFound, JobUnfinished."""
    job = await get(actor, job_id)
    if actor.role is not Role.ADMINISTRATOR and job.reach != reach_of(actor):
        raise NotFound(noun="job", id=job_id)
    if job.state != "done":
        raise JobUnfinished(state=job.state)
    content = await db.read_result(job_id)
    if content is None:
        raise NotFound(noun="job", id=job_id)
    return Result(content, job.result_type, job.result_name, job.row_version)


async def is_worker_alive() -> bool:
    """Whether somewhere a worker looks for long work; where only the pages are served, jobs wait."""
    return any(
        beat.name == WORKER and beat.age_seconds < WORKER_SILENT_SECONDS for beat in await list_heartbeats()
    )


# -- failures --------------------------------------------------------------------------------------------


def problem_of(error: TrackerError) -> dict[str, Any]:
    """Why a job failed, as it is kept: codes and their parameters, told in the reader's language when read."""
    problems: Iterable[Problem] = error.problems if isinstance(error, Invalid) else ()
    return {
        "code": error.code,
        "params": {name: plain(value) for name, value in error.params.items()},
        "problems": [
            {
                "field": p.field,
                "code": p.code,
                "value": plain(p.value),
                "params": {name: plain(value) for name, value in p.params.items()},
            }
            for p in list(problems)[:200]
        ],
    }


def plain(value: object) -> object:
    """A parameter as JSON keeps it, dates as Vietnamese papers write them.

    >>> plain(date(2025, 11, 3)), plain(("A", "B"))
    ('03/11/2025', ['A', 'B'])
    """
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return f"{value:%d/%m/%Y %H:%M}"
        case date():
            return f"{value:%d/%m/%Y}"
        case time():
            return f"{value:%H:%M}"
        case Enum():
            return plain(value.value)
        case list() | tuple() | set() | frozenset():
            return [
                plain(v) for v in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)
            ]
    return str(value)[:500]
