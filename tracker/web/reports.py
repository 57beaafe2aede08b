"""The agency reports: the result with its files, progress or an obstacle; and the receipt it gets for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import attachments as attachment_actions
from tracker.actions import reports as report_actions
from tracker.actions.virus_scan import ScannerAway
from tracker.db import reads_receipts, reads_web
from tracker.db.assignments import Assignment
from tracker.db.attachments import Attachment
from tracker.db.calendar import load_calendar
from tracker.domain.access import Verb, require
from tracker.domain.drafts import NewReport
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.files import KINDS, MAX_FILE_BYTES, MOST_FILES
from tracker.domain.zone import civil_day
from tracker.web.assignments import Stale, carry_out, read, sub, subject_of
from tracker.web.deciding import FileView, evidence_words, file_size, file_view
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page
from tracker.web.standing import chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.submissions import said_before
from tracker.web.uploads import LARGEST_BODY, MULTIPART, UploadedFile, read_upload_form
from tracker.web.wording import Chip

ACCEPTED = ",".join((*(f".{extension}" for extension in KINDS), "image/*"))
"""What a file field offers; on a phone this also brings the camera. The content is judged when it has come."""
KEPT = "tep-da-co"
_RECEIPT = re.compile(r"BC-[0-9]{4}-[0-9]{1,19}")

_NAMES = {
    "ket-qua": "report.summary",
    "so-van-ban": "report.evidence",
    "ngay-van-ban": "report.evidence_on",
    "phan-tram": "report.percent",
    "gui-ai": "report.addressed",
}
_FIELDS = {
    "/summary": "ket-qua",
    "/evidence_number": "so-van-ban",
    "/evidence_on": "ngay-van-ban",
    "/percent": "phan-tram",
    "/addressed_to": "gui-ai",
    "/kind": "loai",
    "/attachment_ids": "tep",
} | {f"/attachment_ids/{place}": "tep" for place in range(MOST_FILES * 2)}


@dataclass(frozen=True)
class KeptFile:
    """A file that has come and waits for the report; ticked: it goes with this one."""

    id: int
    name: str
    size: str
    href: str
    is_ticked: bool


# The forms ---------------------------------------------------------------------------------------------------


async def _show(
    page: Page, row: Assignment, form: Form, kind: str, *, stale: Stale | None = None, status: int = 200
) -> Response[bytes]:
    is_completion = kind == "completion"
    part = "bao-cao" if is_completion else "tien-do"
    page.shown_path = sub(row, part).partition("?")[0]
    calendar = await load_calendar()
    hint = (
        page.s("report.product_hint", product=row.product) if row.product else page.s("report.summary_hint")
    )
    return page.render(
        "report.html",
        status=status,
        a=row,
        form=form,
        stale=stale,
        kind=kind,
        heading=page.s("act.report" if is_completion else "act.progress"),
        lead=page.s("report.lead", agency=row.agency_name, status=chip_of(page, row, calendar).words),
        product_hint=hint,
        submit=page.s("report.send" if is_completion else "report.send_progress"),
        action=sub(row, part),
        upload=sub(row, "tep"),
        back=path_of(row),
        kept=await _kept(page, row, form) if is_completion else [],
        accepted=ACCEPTED,
        most_files=MOST_FILES,
        most_mb=MAX_FILE_BYTES // 1_000_000,
        submission=form.text("lan-gui") if form.problems and stale is None else new_submission(),
    )


async def _kept(page: Page, row: Assignment, form: Form) -> list[KeptFile]:
    """What this person has sent ahead; in a form shown again, ticked as it was."""
    ticked = set(form.many(KEPT)) if form.values else None
    files = await attachment_actions.list_files(page.actor, row.id)
    return [
        KeptFile(
            file.id,
            file.name,
            file_size(page, file.size),
            f"/minh-chung/{file.id}",
            ticked is None or str(file.id) in ticked,
        )
        for file in files
        if file.state == "loose" and file.official_id == page.actor.official_id
    ]


def _require_reporting(page: Page, row: Assignment) -> None:
    require(page.actor, Verb.REPORT, subject_of(row))


@get("/viec/{task_id:str}/{agency_code:str}/bao-cao", include_in_schema=False)
async def report_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """What is still missing in my report?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    _require_reporting(page, row)
    return await _show(page, row, Form({}), "completion")


@get("/viec/{task_id:str}/{agency_code:str}/tien-do", include_in_schema=False)
async def progress_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """How far are we, and what is in the way?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    _require_reporting(page, row)
    return await _show(page, row, Form({}), "progress")


# Sending -----------------------------------------------------------------------------------------------------


@post(
    "/viec/{task_id:str}/{agency_code:str}/bao-cao",
    include_in_schema=False,
    request_max_body_size=LARGEST_BODY,
)
async def send_report(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Report that it is done; the receipt comes back, the same one if this was sent before."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form, files = await _read_any(page)
    _require_reporting(page, row)
    if (receipt := await said_before(page, form)) is not None:
        return page.see(f"/bien-nhan/{receipt}")
    failed = await _keep(page, row, form, files)
    if failed is not None:
        return await _show(page, row, form, "completion", status=failed)
    new = NewReport(
        kind="completion",
        summary=form.text("ket-qua"),
        evidence_number=form.text("so-van-ban"),
        evidence_on=form.date("ngay-van-ban"),
        attachment_ids=_named(form),
    )
    return await _submit(page, row, form, new)


async def _read_any(page: Page) -> tuple[Form, list[UploadedFile]]:
    """The form with its files, or without any as a browser sends what it kept."""
    repeatable = frozenset({KEPT})
    if page.request.headers.get("content-type", "").lower().startswith(MULTIPART):
        return await read_upload_form(
            page, most_files=MOST_FILES, most_bytes=MAX_FILE_BYTES, repeatable=repeatable
        )
    return await read_form(page, repeatable=repeatable), []


async def _keep(page: Page, row: Assignment, form: Form, files: Sequence[UploadedFile]) -> int | None:
    """Keep what has come, whatever else is wrong, so that it need not be sent again; a status when work has ended.

    What is wrong with a file is noted in the form, and its name is added to those that go with the report.
    """
    ticked = form.lists.setdefault(KEPT, [])
    for file in files:
        if not file.name and not file.content:
            continue
        try:
            kept = await _take(page, row, file)
        except Conflict as error:
            form.problems.append(Problem("", error.code, None, error.params))
            return 409
        if isinstance(kept, Attachment):
            if str(kept.id) not in ticked:
                ticked.append(str(kept.id))
        else:
            form.problems += kept
    return None


async def _take(page: Page, row: Assignment, file: UploadedFile) -> Attachment | list[Problem]:
    """A file through every check; or what is wrong with it, by its name. Raises Conflict."""
    new = attachment_actions.NewFile(file.name, file.content)
    try:
        return await attachment_actions.add(page.actor, row.id, new, page.now, again=True)
    except attachment_actions.TooManyFiles as error:
        return [Problem("tep", error.code, file.name, error.params)]
    except Invalid as error:
        return [Problem("tep", p.code, p.value or file.name, p.params) for p in error.problems]
    except ScannerAway:
        return [Problem("tep", "file_not_scanned", file.name)]


def _named(form: Form) -> tuple[int, ...]:
    """The ids of the files that go with the report; what is no id is refused by the action as unknown."""
    given = dict.fromkeys(form.many(KEPT))
    return tuple(int(x) if re.fullmatch(r"[0-9]{1,18}", x) else 0 for x in given)


@post("/viec/{task_id:str}/{agency_code:str}/tien-do", include_in_schema=False)
async def send_progress(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Report progress or an obstacle."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    percent = form.text("phan-tram").removesuffix("%").strip()
    is_number = percent.isascii() and percent.isdigit() and len(percent) <= 3
    if percent and not is_number:
        form.refuse("phan-tram", "form_bad_percent")
    new = NewReport(
        kind="obstacle" if form.text("loai") == "obstacle" else "progress",
        summary=form.text("ket-qua"),
        percent=int(percent) if is_number else None,
        addressed_to=form.text("gui-ai"),
    )
    return await _submit(page, row, form, new)


async def _submit(page: Page, row: Assignment, form: Form, new: NewReport) -> Response[bytes]:
    _require_reporting(page, row)
    if form.problems:
        # What only this form can know is wrong; what the rule would say is told with it.
        try:
            report_actions.judge(new, page.now)
        except Invalid as error:
            form.take(error, _FIELDS)

    async def work() -> str:
        submitted = await report_actions.submit(page.actor, row.id, form.version(), new, page.now)
        return submitted.receipt

    done = await carry_out(page, row, form, work, _FIELDS, _NAMES)
    if isinstance(done, str):
        if new.kind == "completion":
            return page.see(f"/bien-nhan/{done}", "notice.reported.completion", receipt=done)
        return page.see(path_of(row), f"notice.reported.{new.kind}", receipt=done)
    fresh = await reads_web.find_assignment_at(page.actor, row.task_id, row.agency_code, row.occurrence)
    return await _show(page, fresh, form, new.kind, stale=done[1], status=done[0])


@post(
    "/viec/{task_id:str}/{agency_code:str}/tep",
    include_in_schema=False,
    request_max_body_size=LARGEST_BODY,
)
async def send_file(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """One file ahead of the report, from the script: it is kept, and named in JSON, or what is wrong with it is."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form, files = await read_upload_form(page, most_files=1, most_bytes=MAX_FILE_BYTES)
    _require_reporting(page, row)
    problems, kept = list(form.problems), None
    if not files and not problems:
        problems.append(Problem("tep", "file_missing"))
    for file in files:
        try:
            taken = await _take(page, row, file)
        except Conflict as error:
            taken = [Problem("", error.code, None, error.params)]
        if isinstance(taken, Attachment):
            kept = taken
        else:
            problems += taken
    if kept is None or problems:
        return _json({"problem": " ".join(page.say(problem) for problem in problems)}, 422)
    told = {"id": kept.id, "name": kept.name, "size": file_size(page, kept.size)}
    return _json({**told, "href": f"/minh-chung/{kept.id}"}, 201)


def _json(value: dict[str, object], status: int) -> Response[bytes]:
    return Response(
        content=json.dumps(value, ensure_ascii=False).encode(),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


# The receipt -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReceiptView:
    """The receipt as the page and the paper show it."""

    number: str
    title: str
    sent_at: datetime
    sender: str
    sender_position: str
    summary: str
    evidence: str
    percent: int | None
    files: list[FileView]
    answer: Chip
    answer_on: date | None
    answerer: str
    reason: str


@get("/bien-nhan/{number:str}", include_in_schema=False)
async def receipt(request: WebRequest, number: FromPath[str]) -> Response[bytes]:
    """What was taken, from whom, when: what the agency keeps."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    if not _RECEIPT.fullmatch(number):
        raise NotFound(noun="report", id=number[:40])
    found = await reads_receipts.get_receipt(page.actor, number)
    row, report = found.assignment, found.report
    tones = {"approved": ("done", "done"), "returned": ("", "back"), "pending": ("wait", "wait")}
    tone, icon = tones.get(report.acceptance, ("", "flag"))
    view = ReceiptView(
        number=report.receipt,
        title=page.s(f"report.title.{report.kind}"),
        sent_at=report.submitted_at,
        sender=found.submitter,
        sender_position=found.submitter_position,
        summary=report.summary,
        evidence=evidence_words(page, report) if report.kind == "completion" else "",
        percent=report.percent,
        files=[file_view(page, file) for file in found.files],
        answer=Chip(tone, icon, page.word("receipt.answer", report.acceptance)),
        answer_on=None if report.decided_at is None else civil_day(report.decided_at),
        answerer=found.decider,
        reason=report.decision_reason,
    )
    return page.render("receipt.html", a=row, r=view, back=path_of(row))


routes = [report_form, send_report, progress_form, send_progress, send_file, receipt]
