"""Work that takes longer than a page: how far it is, cancel it, what came of it. Leaving the page stops nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import jobs as actions
from tracker.actions.jobs import IMPORT, IMPORT_CONFIRMATION, JobEnded
from tracker.db.jobs import Job
from tracker.domain.access import Verb, require
from tracker.refusals import sentence
from tracker.web.forms import read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest

_LISTED = 100
_LIVE = ("waiting", "running")


@dataclass(frozen=True)
class Shown:
    """A job in words."""

    id: int
    title: str
    state: str
    says: str
    percent: int
    is_live: bool
    counted: str = ""
    file_name: str = ""
    next_href: str = ""
    next_words: str = ""
    faults: tuple[str, ...] = ()


@get("/cong-viec/{job_id:str}", include_in_schema=False)
async def job(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """How far is it, and what came of it?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await actions.get(page.actor, parse_id(job_id))
    is_worker_alive = await actions.is_worker_alive()
    return page.render("job.html", job=_shown(page, found, is_worker_alive=is_worker_alive))


@post("/cong-viec/{job_id:str}/huy", include_in_schema=False)
async def cancel(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """End it: at once while it waits, else at its next step."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    await read_form(page)
    number = parse_id(job_id)
    try:
        await actions.cancel(page.actor, number)
    except JobEnded:
        return page.see(f"/cong-viec/{number}", "job.ended_already")
    return page.see(f"/cong-viec/{number}", "job.cancelling")


@get("/cong-viec/{job_id:str}/tep", include_in_schema=False)
async def result(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """The file that it made, as a download."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await actions.get_result(page.actor, parse_id(job_id))
    ascii_name = found.file_name.encode("ascii", "ignore").decode() or "tep"
    return Response(
        content=found.content,
        media_type=found.media_type,
        headers={"Content-Disposition": f'attachment; filename="{ascii_name}"'},
        cookies=page.cookies,
    )


def _shown(page: Page, found: Job, *, is_worker_alive: bool) -> Shown:
    says = page.word("job.says", found.state)
    if found.state == "waiting" and not is_worker_alive:
        says = page.s("job.no_worker")
    elif found.cancel_wanted and found.state == "running":
        says = page.s("job.cancelling")
    elif found.state == "running" and found.stage:
        says = page.word("job.stage", found.stage)
    counted = ""
    if found.state == "running" and found.steps_total > 1:
        counted = page.s(
            "job.counted", done=page.number(found.steps_done), total=page.number(found.steps_total)
        )
    href, words = _next(page, found)
    if found.state == "done" and found.kind == IMPORT_CONFIRMATION:
        figures = {name: page.number(found.summary[name]) for name in ("directives", "tasks", "assignments")}
        says = page.s("job.imported", doubles=page.number(found.summary["doubles"]), **figures)
    return Shown(
        id=found.id,
        title=page.word("job.kind", found.kind),
        state=found.state,
        says=says,
        percent=found.progress,
        is_live=found.state in _LIVE,
        counted=counted,
        file_name=found.input_name,
        next_href=href,
        next_words=words,
        faults=_faults(page, found.problem) if found.problem else (),
    )


def _next(page: Page, found: Job) -> tuple[str, str]:
    """Where one goes from here."""
    if found.kind == IMPORT and found.state in ("done", "failed"):
        return f"/van-ban/nhap/{found.id}", page.s("job.open_preview")
    if found.kind == IMPORT_CONFIRMATION:
        if found.state == "done":
            return "/van-ban", page.s("job.open_directives")
        if found.state in ("failed", "cancelled"):
            return f"/van-ban/nhap/{found.import_id}", page.s("job.open_preview")
    if found.state == "done" and found.result_size is not None:
        return f"/cong-viec/{found.id}/tep", page.s("job.download", name=found.result_name)
    return "", ""


def _faults(page: Page, kept: dict[str, Any]) -> tuple[str, ...]:
    """Why it failed, in sentences."""
    own = [
        sentence(page.language, p["code"], {"value": p["value"], **p["params"]})
        for p in kept["problems"][:_LISTED]
    ]
    return tuple(own) or (sentence(page.language, kept["code"], kept["params"]),)


routes = [job, cancel, result]
