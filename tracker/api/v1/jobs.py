"""Jobs: long work that you asked for, how far it is, and what it made."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from tracker.actions import jobs as actions
from tracker.actions.jobs import TooManyJobs
from tracker.api.endpoint import ANY_TYPE, Call, Reply, endpoint
from tracker.api.errors import Refusal
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.api.v1.shapes import PageQuery
from tracker.db import jobs as db
from tracker.domain.access import Verb
from tracker.i18n import Language, text
from tracker.refusals import sentence

KindName = Literal["import", "import_confirmation", "export"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
WAIT_SECONDS = 10
"""When to ask again for a job that could not be taken."""


class JobFault(Struct):
    """One place in what was given that made the job fail."""

    pointer: str
    code: str
    detail: str


class JobProblem(Struct):
    """Why a job failed."""

    code: str
    detail: str
    errors: list[JobFault]


class JobResult(Struct):
    """The file a job made, until `expires_at` of the job."""

    url: str
    media_type: str
    file_name: str
    size: int


class Job(Struct):
    """Long work; `progress` is whole per cent, `steps_done` of `steps_total` those of the stage under way."""

    id: Id
    kind: KindName
    state: JobState
    progress: int
    stage: str
    steps_done: int
    steps_total: int
    waits_for: Literal["worker", "turn"] | None
    note: str
    cancel_requested: bool
    owner_id: Id
    import_id: Id | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    problem: JobProblem | None
    result: JobResult | None


class JobPage(Struct):
    """Your jobs of the last day, newest first."""

    items: list[Job]
    next: str | None


class JobQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which jobs."""

    state: JobState | None = None
    kind: KindName | None = None


def shown(job: db.Job, language: Language, *, is_worker_alive: bool) -> Job:
    """A job as the API gives it."""
    waits_for: Literal["worker", "turn"] | None = None
    note = ""
    if job.state == "waiting":
        waits_for = "turn" if is_worker_alive else "worker"
        note = text(language, "job.in_queue" if is_worker_alive else "job.no_worker")
    result = None
    if job.state == "done" and job.result_size is not None:
        result = JobResult(f"/api/v1/jobs/{job.id}/result", job.result_type, job.result_name, job.result_size)
    return Job(
        id=str(job.id),
        kind=job.kind,  # type: ignore[arg-type]  # the CHECK constraints hold the choices
        state=job.state,  # type: ignore[arg-type]
        progress=job.progress,
        stage=job.stage,
        steps_done=job.steps_done,
        steps_total=job.steps_total,
        waits_for=waits_for,
        note=note,
        cancel_requested=job.cancel_wanted,
        owner_id=str(job.owner_id),
        import_id=None if job.import_id is None else str(job.import_id),
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        expires_at=job.expires_at,
        problem=None if job.problem is None else _problem(job.problem, language),
        result=result,
    )


def _problem(kept: dict[str, Any], language: Language) -> JobProblem:
    faults = [
        JobFault(p["field"], p["code"], sentence(language, p["code"], {"value": p["value"], **p["params"]}))
        for p in kept["problems"]
    ]
    return JobProblem(kept["code"], sentence(language, kept["code"], kept["params"]), faults)


async def reply_with(call: Call[Any, Any], job_id: int, status: int = 200) -> Reply:
    """The job as it stands; 202 with its address for one that was just asked for."""
    job = await actions.get(call.actor, job_id)
    value = shown(job, call.language, is_worker_alive=await actions.is_worker_alive())
    location = f"/api/v1/jobs/{job_id}" if status == 202 else None
    return Reply(value, row_version=job.row_version, status=status, location=location)


def too_many(refused: TooManyJobs) -> Refusal:
    """As HTTP tells that somebody asks for too much at once: 429, and when to ask again."""
    wait = {"Retry-After": str(WAIT_SECONDS)}
    return Refusal("too_many_jobs", headers=wait, most=refused.params.get("most"))


LINKS: dict[str, dict[str, object]] = {
    "read": {"operationId": "getJob", "parameters": {"job_id": "$response.body#/id"}},
    "cancel": {"operationId": "cancelJob", "parameters": {"job_id": "$response.body#/id"}},
}


@endpoint(
    "GET",
    "/jobs",
    id="listJobs",
    summary="List your jobs",
    tag="Jobs",
    verb=Verb.LIST,
    query=JobQuery,
    answer=JobPage,
    is_paged=True,
)
async def list_jobs(call: Call[JobQuery, NoBody]) -> Reply:
    """Your jobs that wait, run, or ended within a day; an administrator sees everybody's."""
    position = call.position()
    rows = await db.list_jobs(
        call.actor,
        state=call.query.state,
        kind=call.query.kind,
        limit=call.limit + 1,
        before=int(position[0]) if position else None,
    )
    page = rows[: call.limit]
    at = (str(page[-1].id),) if len(rows) > call.limit else None
    alive = await actions.is_worker_alive()
    items = [shown(job, call.language, is_worker_alive=alive) for job in page]
    return Reply(JobPage(items, call.next_cursor(at)), next_position=at)


@endpoint(
    "GET",
    "/jobs/{job_id}",
    id="getJob",
    summary="Read a job",
    tag="Jobs",
    verb=Verb.READ,
    answer=Job,
    refusals=("not_found",),
    links={
        "result": {"operationId": "getJobResult", "parameters": {"job_id": "$response.body#/id"}},
        "cancel": LINKS["cancel"],
    },
)
async def get_job(call: Call[NoQuery, NoBody]) -> Reply:
    """How far it is, and what came of it."""
    return await reply_with(call, call.ids["job_id"])


@endpoint(
    "POST",
    "/jobs/{job_id}/cancel",
    id="cancelJob",
    summary="Cancel a job",
    tag="Jobs",
    verb=Verb.READ,
    answer=Job,
    refusals=("not_found", "job_ended"),
)
async def cancel_job(call: Call[NoQuery, NoBody]) -> Reply:
    """A job that waits ends at once, one that runs at its next step; nothing of it remains."""
    await actions.cancel(call.actor, call.ids["job_id"])
    return await reply_with(call, call.ids["job_id"])


@endpoint(
    "GET",
    "/jobs/{job_id}/result",
    id="getJobResult",
    summary="Fetch what a job made",
    tag="Jobs",
    verb=Verb.EXPORT,
    media_types=(ANY_TYPE,),
    refusals=("not_found", "job_unfinished"),
)
async def get_job_result(call: Call[NoQuery, NoBody]) -> Reply:
    """The file, as a download; for a day after the job's end."""
    result = await actions.get_result(call.actor, call.ids["job_id"])
    return Reply(
        result.content,
        row_version=result.row_version,
        media_type=result.media_type,
        file_name=result.file_name,
    )


handlers = [list_jobs, get_job, cancel_job, get_job_result]
