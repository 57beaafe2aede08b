"""The system for who runs it: did every due reminder leave, what waits, and the switches for a bad night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import jobs as job_actions
from tracker.actions import outbox as outbox_actions
from tracker.actions import system as actions
from tracker.actions.system import Overview
from tracker.db.jobs import Job
from tracker.domain.access import Verb, may, require
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.i18n import catalogue
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.letters import played, reply_words
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import Tile
from tracker.web.state import WebRequest
from tracker.web.submissions import once

NEEDED = frozenset({"reminders", "outbox"})
_HOUR = 3600.0
_LIST = "/he-thong/thu?tinh-trang="
_DEAD = "/co-quan?tinh-trang=thu-hong"
_LEADS_TO = {
    "failed": _LIST + "khong-toi",
    "held": _LIST + "dang-giu",
    "stuck": _LIST + "cho-gui",
    "paused": "#gui-thu",
    "no_relay": "#may-chu",
}


@dataclass(frozen=True)
class Trouble:
    """Something that keeps due mail back, and where to look."""

    words: str
    href: str


@dataclass(frozen=True)
class BeatView:
    """A job, when it last ended well and how long ago."""

    name: str
    at: datetime | None
    ago: str
    is_late: bool


@dataclass(frozen=True)
class Answer:
    """What the mail server said to one message."""

    href: str
    at: datetime
    address: str
    reply: str


@dataclass(frozen=True)
class JobView:
    """Long work under way."""

    id: int
    kind: str
    owner: str
    percent: int
    stage: str
    is_waiting: bool
    is_ending: bool
    began_at: datetime


@get("/he-thong", include_in_schema=False)
async def overview(request: WebRequest) -> Response[bytes]:
    """Did every due reminder leave?"""
    page = await open_page(request)
    return await _show(page, Form({}))


async def _show(page: Page, form: Form, status: int = 200) -> Response[bytes]:
    settings = page.state.settings
    periods = {
        "reminders": float(settings.sweep_seconds),
        "outbox": float(settings.deliver_seconds),
        "webhooks": float(settings.deliver_seconds),
        "long_work": 2.0,
        "audit": _HOUR,
        "reconciliation": float(settings.sweep_seconds),
        "housekeeping": _HOUR,
    }
    stands = await actions.overview(page.actor, periods, NEEDED, page.now)
    page.shown_path = "/he-thong"
    sending = stands.sending
    return page.render(
        "system.html",
        status=status,
        form=form,
        s=stands,
        sending=sending,
        troubles=[_trouble(page, code, stands) for code in stands.troubles],
        tiles=_tiles(page, stands),
        beats=[
            BeatView(
                page.s(f"system.job.{beat.name}"),
                None if beat.at is None else played(page, beat.at),
                ago(page, beat.age_seconds),
                beat.is_late,
            )
            for beat in stands.beats
        ],
        taken=[
            Answer(f"/thu-da-gui/{x.outbox_id}", x.at, x.address, reply_words(x.reply_code, x.reply_text))
            for x in stands.taken
        ],
        refused=[
            Answer(
                f"/thu-da-gui/{x.outbox_id}",
                played(page, x.at),
                x.address,
                reply_words(x.reply_code, x.reply_text),
            )
            for x in stands.refused
        ],
        jobs=[_job(page, job, stands) for job in stands.jobs],
        may_operate=may(page.actor, Verb.OPERATE),
        submission=new_submission(),
    )


def ago(page: Page, seconds: float) -> str:
    """How long ago, in the largest whole unit.

    A wrong unit is worse than a rough one: seconds to two minutes, minutes to two hours, hours to two days.
    """
    for unit, size, most in (("seconds", 1, 120), ("minutes", 60, 7200), ("hours", 3600, 172_800)):
        if seconds < most:
            return page.s(f"system.ago.{unit}", count=page.number(int(seconds // size)))
    return page.s("system.ago.days", count=page.number(int(seconds // 86_400)))


def _trouble(page: Page, code: str, stands: Overview) -> Trouble:
    ages = {beat.name: beat.age_seconds for beat in stands.beats}
    name = code.partition("_")[2]
    words = page.s(
        f"system.trouble.{code}",
        count=page.number(stands.sending.backlog.held if code == "held" else stands.sending.backlog.failed),
        ago=ago(page, stands.waiting.oldest_seconds if code == "stuck" else ages.get(name, 0.0)),
    )
    return Trouble(words, _LEADS_TO.get(code, "#nhip"))


def _tiles(page: Page, stands: Overview) -> list[Tile]:
    waits, backlog = stands.waiting, stands.sending.backlog
    oldest = page.s("system.oldest", ago=ago(page, waits.oldest_seconds)) if waits.due else ""
    if waits.held_back:
        later = page.s("system.later", count=page.number(waits.held_back))
        oldest = f"{oldest} {later}".strip()
    return [
        Tile(backlog.pending, "wait", "wait", page.s("system.tile.pending"), _LIST + "cho-gui", oldest),
        Tile(backlog.failed, "", "nomail", page.s("system.tile.failed"), _LIST + "khong-toi"),
        Tile(backlog.held, "", "nomail", page.s("system.tile.held"), _LIST + "dang-giu"),
        Tile(backlog.sending, "", "next", page.s("system.tile.sending"), _LIST + "dang-gui"),
        Tile(stands.dead_mailboxes, "", "nomail", page.s("system.tile.dead"), _DEAD),
    ]


def _job(page: Page, job: Job, stands: Overview) -> JobView:
    stage = catalogue(page.language).get(f"system.stage.{job.stage}", "") if job.stage else ""
    return JobView(
        job.id,
        page.s(f"system.kind.{job.kind}"),
        stands.owners.get(job.owner_id, ""),
        job.progress,
        stage,
        job.state == "waiting",
        job.cancel_wanted,
        played(page, job.started_at or job.created_at),
    )


@post("/he-thong/gui-thu", include_in_schema=False)
async def switch(request: WebRequest) -> Response[bytes]:
    """Stop all sending, or let it go on; and why."""
    page = await open_page(request)
    require(page.actor, Verb.OPERATE)
    form = await read_form(page)
    pauses = form.text("viec") == "tam-dung"
    reason = form.required("ly-do", "form_reason_needed")
    if form.problems:
        return await _show(page, form, status=422)

    async def work() -> str:
        await outbox_actions.switch_sending(page.actor, pauses, reason, form.version(), page.now)
        return ""

    try:
        await once(page, form, work)
    except Invalid as refused:
        form.take(refused, {"/reason": "ly-do"})
        return await _show(page, form, status=422)
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return await _show(page, form, status=409)
    return page.see("/he-thong", "notice.sending_paused" if pauses else "notice.sending_resumed")


@post("/he-thong/thu-nghiem", include_in_schema=False)
async def test(request: WebRequest) -> Response[bytes]:
    """A test mail to oneself: its arrival proves the whole way out."""
    page = await open_page(request)
    require(page.actor, Verb.OPERATE)
    form = await read_form(page)

    async def work() -> str:
        message = await outbox_actions.send_test(page.actor, page.now)
        return f"{message.id} {message.address}"

    outbox_id, _, address = (await once(page, form, work)).partition(" ")
    return page.see(f"/thu-da-gui/{outbox_id}", "notice.test_sent", address=address)


@post("/he-thong/viec-nen/{job_id:str}/huy", include_in_schema=False)
async def cancel(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """Ask a job to end at its next step."""
    page = await open_page(request)
    require(page.actor, Verb.READ_OPERATIONS)
    await read_form(page)
    try:
        await job_actions.cancel(page.actor, parse_id(job_id))
    except Conflict as refused:
        form = Form({}, problems=[Problem("", refused.code, None, refused.params)])
        return await _show(page, form, status=409)
    return page.see("/he-thong", "notice.job_cancelled")


routes = [overview, switch, test, cancel]
