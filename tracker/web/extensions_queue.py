"""Requests for more time that wait for the assigning side: granted with a document, or refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import extensions as extension_actions
from tracker.actions.deadline_preview import Preview, preview_deadlines
from tracker.db import reads_deciding
from tracker.db.assignments import Assignment, get_assignment
from tracker.db.attachments import list_attachments
from tracker.db.calendar import load_calendar
from tracker.db.directory import get_officials
from tracker.db.extensions import Extension, find_pending_extension, list_extensions
from tracker.db.reports import list_reports
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.drafts import ExtensionDecision
from tracker.domain.moments import Hours
from tracker.domain.zone import civil_now
from tracker.web.assignments import read
from tracker.web.deciding import attempt, consequences, file_view, last_act, next_of, place_of
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import Row, chip_of, path_of, work_row
from tracker.web.state import WebRequest
from tracker.web.wording import short_day

PATH = "/gia-han"
SHOWN = 100


@dataclass(frozen=True)
class Line:
    """A request in the queue."""

    href: str
    row: Row
    asked: datetime
    until: date
    reason: str


@dataclass(frozen=True)
class Earlier:
    """A request for the same task that was answered."""

    asked: Markup
    wanted: str
    answer: str
    words: str


def _require_reader(page: Page) -> None:
    if not page.is_secretariat:
        require(page.actor, Verb.DECIDE_EXTENSION)


@get(PATH, include_in_schema=False)
async def queue(request: WebRequest) -> Response[bytes]:
    """Which requests wait, and since when?"""
    page = await open_page(request)
    _require_reader(page)
    calendar = await load_calendar()
    waiting = await reads_deciding.list_waiting_extensions(page.actor)
    ids = [w.assignment_id for w in waiting[:SHOWN]]
    rows = await reads_deciding.list_assignments(page.actor, ids)
    asked = await reads_deciding.list_asked(page.actor, ids)
    lines = [
        Line(
            f"{PATH}/{w.assignment_id}",
            work_row(page, rows[w.assignment_id], calendar),
            civil_now(w.since),
            *asked[w.assignment_id],
        )
        for w in waiting[:SHOWN]
        if w.assignment_id in rows and w.assignment_id in asked
    ]
    return page.render("more-time-queue.html", lines=lines, total=len(waiting))


def _subject(row: Assignment) -> Subject:
    return Subject.of_agency(row.agency_id, id=row.id)


@get(PATH + "/{assignment_id:str}", include_in_schema=False)
async def waiting_request(request: WebRequest, assignment_id: FromPath[str]) -> Response[bytes]:
    """Grant or refuse?"""
    page = await open_page(request)
    row = await get_assignment(page.actor, parse_id(assignment_id))
    _require_reader(page)
    return await _show(page, row, Form({}))


async def preview_of(page: Page, row: Assignment, until: date) -> Preview:
    """What granting would change."""
    hours = Hours(digest=page.state.settings.digest_time)
    return (await preview_deadlines(page.actor, [(row, until, row.due_time)], page.now, hours))[0]


async def _show(page: Page, row: Assignment, form: Form, *, status: int = 200) -> Response[bytes]:
    """The request, what granting it would change, and what was asked before."""
    page.shown_path = f"{PATH}/{row.id}"
    calendar = await load_calendar()
    everything = await list_extensions(page.actor, row.id)
    asked = next((e for e in everything if e.state == "pending"), None)
    ids = {i for e in everything for i in (e.requested_by, e.decided_by) if i is not None}
    people = {i: person.name for i, person in (await get_officials(ids)).items()}
    reports = (await list_reports(page.actor, row.id))[-3:]
    files = [file_view(page, f) for f in await list_attachments(page.actor, row.id) if f.report_id]
    queue_now = await reads_deciding.list_waiting_extensions(page.actor)
    will = await preview_of(page, row, asked.proposed_on) if asked else None
    return page.render(
        "more-time.html",
        status=status,
        a=row,
        form=form,
        asked=asked,
        asked_by=people.get(asked.requested_by, "") if asked else "",
        days_more=(asked.proposed_on - asked.due_before).days if asked else 0,
        is_day_off=calendar.is_off(asked.proposed_on) if asked else False,
        earlier=[_earlier(page, e, people) for e in reversed(everything) if e is not asked],
        reports=[(r.submitted_at, page.s(f"report.title.{r.kind}"), r.summary) for r in reversed(reports)],
        files=files[-6:],
        consequences=consequences(page, will, row.extension_count + 1) if will else [],
        needs_reason=row.extension_count >= extension_actions.EXTENSIONS_ALLOWED,
        grant=page.s("extend.grant", day=short_day(asked.proposed_on)) if asked else "",
        chip=chip_of(page, row, calendar),
        can_decide=asked is not None and may(page.actor, Verb.DECIDE_EXTENSION, _subject(row)),
        place=place_of(PATH, queue_now, row.id),
        next_href=next((f"{PATH}/{w.assignment_id}" for w in queue_now if w.assignment_id != row.id), ""),
        done=await last_act(page, row) if asked is None or status == 409 else None,
        here=path_of(row),
        submission=new_submission(),
    )


def _earlier(page: Page, extension: Extension, people: dict[int, str]) -> Earlier:
    who = people.get(extension.decided_by or 0, "")
    day = short_day(extension.granted_on) if extension.granted_on else ""
    return Earlier(
        page.moment(extension.requested_at),
        page.s("extension.wanted", day=short_day(extension.proposed_on), reason=extension.reason),
        page.s(f"extension.answer.{extension.state}", who=who, day=day, document=extension.document),
        extension.decision_reason,
    )


async def _decide(page: Page, row: Assignment, form: Form) -> str | int:
    require(page.actor, Verb.DECIDE_EXTENSION, _subject(row))
    extension = await find_pending_extension(row.id)
    grants = form.text("quyet-dinh") == "dong-y"
    decision = ExtensionDecision(
        grant=grants,
        granted_on=form.date("gia-han-den") if grants else None,
        document=form.required("van-ban-gia-han", "form_extension_document_needed")
        if grants
        else form.text("van-ban-gia-han"),
        reason=form.text("ly-do") if grants else form.required("ly-do", "form_reason_needed"),
    )

    async def work() -> str:
        if extension is None:
            raise extension_actions.ExtensionDecided(state="decided", decided_at=row.changed_at)
        await extension_actions.decide(page.actor, extension.id, form.version(), decision, page.now)
        return "granted" if grants else "refused"

    fields = {"/granted_on": "gia-han-den", "/document": "van-ban-gia-han", "/reason": "ly-do"}
    return await attempt(page, form, work, fields)


@post(PATH + "/{assignment_id:str}", include_in_schema=False)
async def decide(request: WebRequest, assignment_id: FromPath[str]) -> Response[bytes]:
    """Grant or refuse; the next request opens."""
    page = await open_page(request)
    row = await get_assignment(page.actor, parse_id(assignment_id))
    form = await read_form(page)
    before = await reads_deciding.list_waiting_extensions(page.actor)
    done = await _decide(page, row, form)
    if isinstance(done, int):
        return await _show(page, await get_assignment(page.actor, row.id), form, status=done)
    waiting = await reads_deciding.list_waiting_extensions(page.actor)
    address = next_of(PATH, before, waiting, row.id)
    return page.see(address, f"notice.extension_{done}", agency=row.agency_short_name)


@post("/viec/{task_id:str}/{agency_code:str}/quyet-dinh-gia-han", include_in_schema=False)
async def decide_extension(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Grant or refuse from the page of the assignment, and stay there."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    done = await _decide(page, row, form)
    if isinstance(done, int):
        return await _show(page, await read(page, task_id, agency_code), form, status=done)
    return page.see(path_of(row), f"notice.extension_{done}", agency=row.agency_short_name)


routes = [queue, waiting_request, decide, decide_extension]
