"""Reports that wait for the assigning side: one after another, with the evidence beside them, confirmed or returned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import assignments as assignment_actions
from tracker.actions import second_thoughts
from tracker.db import reads_deciding
from tracker.db.assignments import Assignment, get_assignment
from tracker.db.attachments import list_attachments
from tracker.db.calendar import load_calendar
from tracker.db.directory import get_officials
from tracker.db.reports import Report, list_reports
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.assignments import State
from tracker.domain.second_thoughts import can_undo
from tracker.domain.zone import civil_day, civil_now
from tracker.web.assignments import read
from tracker.web.deciding import FileView, attempt, evidence_words, file_view, last_act, next_of, place_of
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import Row, chip_of, path_of, work_row
from tracker.web.state import WebRequest
from tracker.web.tasks import computation
from tracker.web.wording import short_day

PATH = "/cho-xac-nhan"
SHOWN = 100


@dataclass(frozen=True)
class Line:
    """A report in the queue."""

    href: str
    row: Row
    sent: datetime
    files: int
    is_own: bool


@dataclass(frozen=True)
class Told:
    """Something that was reported or answered before."""

    at: datetime
    title: str
    words: str
    answer: str = ""
    files: tuple[FileView, ...] = ()


def _require_reader(page: Page) -> None:
    """Who decides, and who answers for the system."""
    if not page.is_secretariat:
        require(page.actor, Verb.CONFIRM)


@get(PATH, include_in_schema=False)
async def queue(request: WebRequest) -> Response[bytes]:
    """Which reports wait, and since when?"""
    page = await open_page(request)
    _require_reader(page)
    calendar = await load_calendar()
    waiting = await reads_deciding.list_waiting_reports(page.actor)
    shown = waiting[:SHOWN]
    ids = [w.assignment_id for w in shown]
    rows = await reads_deciding.list_assignments(page.actor, ids)
    files = await reads_deciding.count_files(ids)
    lines = [
        Line(
            f"{PATH}/{w.assignment_id}",
            work_row(page, rows[w.assignment_id], calendar),
            civil_now(w.since),
            files.get(w.assignment_id, 0),
            not may(page.actor, Verb.CONFIRM, _subject(rows[w.assignment_id], w.by)),
        )
        for w in shown
        if w.assignment_id in rows
    ]
    extensions = len(await reads_deciding.list_waiting_extensions(page.actor)) if page.is_secretariat else 0
    return page.render(
        "queue.html",
        lines=lines,
        total=len(waiting),
        first=next((line.href for line in lines if not line.is_own), ""),
        extensions=extensions,
    )


def _subject(row: Assignment, reporter_id: int | None = None) -> Subject:
    return Subject.of_agency(row.agency_id, id=row.id, reporter_id=reporter_id)


@get(PATH + "/{assignment_id:str}", include_in_schema=False)
async def waiting_report(request: WebRequest, assignment_id: FromPath[str]) -> Response[bytes]:
    """Is this result good enough?"""
    page = await open_page(request)
    row = await get_assignment(page.actor, parse_id(assignment_id))
    _require_reader(page)
    return await _show(page, row, Form({}))


async def _show(page: Page, row: Assignment, form: Form, *, status: int = 200) -> Response[bytes]:
    """The report with what was asked, what proves it, and what was said before."""
    page.shown_path = f"{PATH}/{row.id}"
    calendar = await load_calendar()
    reports = await list_reports(page.actor, row.id)
    waiting = next((r for r in reports if r.acceptance == "pending"), None)
    files = await list_attachments(page.actor, row.id)
    people = await get_officials(
        {i for r in reports for i in (r.submitted_by, r.decided_by) if i is not None}
    )

    def name(official_id: int | None) -> str:
        person = people.get(official_id) if official_id is not None else None
        return person.name if person else ""

    def files_of(report: Report) -> tuple[FileView, ...]:
        return tuple(file_view(page, file) for file in files if file.report_id == report.id)

    earlier = [
        Told(
            report.submitted_at,
            page.s("decide.said", what=page.s(f"report.title.{report.kind}"), who=name(report.submitted_by)),
            report.summary,
            page.s(
                f"decide.answer.{report.acceptance}",
                who=name(report.decided_by),
                words=report.decision_reason,
            )
            if report.decided_by is not None
            else "",
            files_of(report),
        )
        for report in reversed(reports)
        if report is not waiting
    ]
    mine = waiting is not None and may(page.actor, Verb.CONFIRM, _subject(row, waiting.submitted_by))
    queue_now = await reads_deciding.list_waiting_reports(page.actor)
    return page.render(
        "queue-report.html",
        status=status,
        a=row,
        form=form,
        report=waiting,
        reporter=name(waiting.submitted_by) if waiting else "",
        evidence=evidence_words(page, waiting) if waiting else "",
        files=files_of(waiting) if waiting else (),
        earlier=earlier,
        returns=sum(1 for r in reports if r.acceptance == "returned"),
        chip=chip_of(page, row, calendar),
        due=page.long_day(row.due_on) if row.due_on else page.s("due.none"),
        due_note=computation(page, row),
        due_moved=page.s("due.original", day=short_day(row.original_due_on))
        if row.original_due_on and row.original_due_on != row.due_on
        else "",
        consequence=_consequence(page, row, waiting),
        can_decide=mine,
        place=place_of(PATH, queue_now, row.id),
        next_href=next((f"{PATH}/{w.assignment_id}" for w in queue_now if w.assignment_id != row.id), ""),
        done=await last_act(page, row) if waiting is None or status == 409 else None,
        undo=f"{PATH}/{row.id}/hoan-tac" if _can_undo(page, row) else "",
        here=path_of(row),
        submission=new_submission(),
    )


def _consequence(page: Page, row: Assignment, report: Report | None) -> str:
    in_time = report is None or row.due_on is None or civil_day(report.submitted_at) <= row.due_on
    words = page.s("confirm.if_in_time" if in_time else "confirm.if_late")
    return words[:1].lower() + words[1:]


def _can_undo(page: Page, row: Assignment) -> bool:
    return (
        row.state is State.CONFIRMED
        and can_undo(row.state, row.closed_at, page.now)
        and may(page.actor, Verb.CONFIRM, _subject(row))
    )


async def _decide(page: Page, row: Assignment, form: Form) -> str | int:
    """Carry out the decision of the form: "confirmed" or "returned"; or the status of the refusal."""
    require(page.actor, Verb.CONFIRM, _subject(row))
    note = form.text("y-kien")
    confirms = form.text("quyet-dinh") == "xac-nhan"
    if not confirms and not note:
        form.refuse("y-kien", "form_return_needs_reason")

    async def work() -> str:
        decide = second_thoughts.confirm if confirms else assignment_actions.return_for_rework
        await decide(page.actor, row.id, form.version(), note, page.now)
        return "confirmed" if confirms else "returned"

    return await attempt(page, form, work, {"/note": "y-kien", "/reason": "y-kien"})


@post(PATH + "/{assignment_id:str}", include_in_schema=False)
async def decide(request: WebRequest, assignment_id: FromPath[str]) -> Response[bytes]:
    """Confirm or return; the next report opens."""
    page = await open_page(request)
    row = await get_assignment(page.actor, parse_id(assignment_id))
    form = await read_form(page)
    before = await reads_deciding.list_waiting_reports(page.actor)
    done = await _decide(page, row, form)
    if isinstance(done, int):
        return await _show(page, await get_assignment(page.actor, row.id), form, status=done)
    waiting = await reads_deciding.list_waiting_reports(page.actor)
    undo = f"{PATH}/{row.id}/hoan-tac" if done == "confirmed" else ""
    address = next_of(PATH, before, waiting, row.id)
    return page.see(
        address, f"notice.{done}_next", undo=undo, agency=row.agency_short_name, task=row.short_name
    )


@post("/viec/{task_id:str}/{agency_code:str}/xac-nhan", include_in_schema=False)
async def judge(request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]) -> Response[bytes]:
    """Confirm or return from the page of the assignment, and stay there."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    done = await _decide(page, row, form)
    if isinstance(done, int):
        return await _show(page, await read(page, task_id, agency_code), form, status=done)
    undo = f"{PATH}/{row.id}/hoan-tac" if done == "confirmed" else ""
    return page.see(path_of(row), f"notice.{done}", undo=undo, agency=row.agency_short_name)


@post(PATH + "/{assignment_id:str}/hoan-tac", include_in_schema=False)
async def undo(request: WebRequest, assignment_id: FromPath[str]) -> Response[bytes]:
    """Take a confirmation back before anybody was told of it."""
    page = await open_page(request)
    row = await get_assignment(page.actor, parse_id(assignment_id))
    form = await read_form(page)
    require(page.actor, Verb.CONFIRM, _subject(row))
    if row.state is State.REPORTED:
        # Pressed twice, or somebody else took it back.
        return page.see(f"{PATH}/{row.id}")

    async def work() -> str:
        await second_thoughts.undo(page.actor, row.id, page.now)
        return "undone"

    form.values.setdefault("lan-gui", new_submission()[:16])
    done = await attempt(page, form, work, {})
    if isinstance(done, int):
        return await _show(page, await get_assignment(page.actor, row.id), form, status=done)
    return page.see(f"{PATH}/{row.id}", "notice.confirm_undone", agency=row.agency_short_name)


routes = [queue, waiting_report, decide, judge, undo]
