"""Readings from a file: the template to fill in, the upload, every line with its fate, and the writing, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import reading_sheets as actions
from tracker.actions.reading_sheets import SENDERS, Fate, Judged, Preview
from tracker.documents.tables_model import MEDIA_TYPES
from tracker.domain.access import require_one
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.files import clean_name
from tracker.domain.indicators import period_words
from tracker.intake.readings import Column
from tracker.intake.tables import MAX_BYTES, Unreadable
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.indicators import PATH, path_of
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.uploads import LARGEST_BODY, read_upload_form
from tracker.web.wording import Chip

_HERE = f"{PATH}/nhap"
SHOWN = 500
_CHIPS = {
    Fate.WRONG: ("late", "flag"),
    Fate.NEW: ("done", "plus"),
    Fate.CORRECTION: ("wait", "extend"),
    Fate.SAME: ("", "copy"),
}


@dataclass(frozen=True)
class Shown:
    """One line as the preview has it."""

    row: int
    name: str
    href: str
    agency: str
    period: str
    as_of: date | None
    typed_day: str
    figure: str
    unit: str
    chip: Chip
    before: str
    reason: str
    faults: tuple[tuple[str, str, str], ...]


@get(_HERE, include_in_schema=False)
async def upload(request: WebRequest) -> Response[bytes]:
    """Which file has the figures?"""
    page = await open_page(request)
    require_one(page.actor, SENDERS)
    return _show_upload(page, Form({}))


def _show_upload(page: Page, form: Form) -> Response[bytes]:
    page.shown_path = _HERE
    return page.render(
        "indicators-file.html",
        status=422 if form.problems else 200,
        form=form,
        most=MAX_BYTES // 1_000_000,
    )


@get(f"{_HERE}/mau.xlsx", include_in_schema=False)
async def template(request: WebRequest) -> Response[bytes]:
    """The workbook to fill in."""
    page = await open_page(request)
    content = await actions.make_template(page.actor, page.language, page.now)
    name = f"so-lieu-chi-tieu-{page.today:%Y-%m-%d}.xlsx"
    return Response(
        content=content,
        media_type=MEDIA_TYPES["xlsx"],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@post(_HERE, include_in_schema=False, request_max_body_size=LARGEST_BODY)
async def read_file(request: WebRequest) -> Response[bytes]:
    """Read the file and show what each line would do; nothing is written."""
    page = await open_page(request)
    require_one(page.actor, SENDERS)
    form, files = await read_upload_form(page, most_files=1, most_bytes=MAX_BYTES)
    if not files and not form.problems:
        form.problems.append(Problem("tep", "readings_file_missing", None, {}))
    if form.problems:
        return _show_upload(page, form)
    try:
        sheet_id = await actions.send(page.actor, files[0].content, clean_name(files[0].name), page.now)
    except Invalid as refused:
        form.take(refused, {"": "tep"})
        return _show_upload(page, form)
    return page.see(f"{_HERE}/{sheet_id}")


@get(f"{_HERE}/{{sheet_id:str}}", include_in_schema=False)
async def preview(request: WebRequest, sheet_id: FromPath[str]) -> Response[bytes]:
    """What becomes of each line?"""
    page = await open_page(request)
    return _show(page, await actions.look(page.actor, parse_id(sheet_id), page.now), Form({}))


@post(f"{_HERE}/{{sheet_id:str}}", include_in_schema=False)
async def write(request: WebRequest, sheet_id: FromPath[str]) -> Response[bytes]:
    """Write all lines that are new or correct one, or none."""
    page = await open_page(request)
    require_one(page.actor, SENDERS)
    found = await actions.look(page.actor, parse_id(sheet_id), page.now)
    form = await read_form(page)

    async def work() -> str:
        return str(await actions.write(page.actor, found.id, page.now))

    try:
        count = await once(page, form, work)
        return page.see(f"{_HERE}/{found.id}", "notice.readings_written", count=count)
    except Unreadable as refused:
        form.take(refused, {})
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
    return _show(page, await actions.look(page.actor, found.id, page.now), form, 409)


def _show(page: Page, found: Preview, form: Form, status: int = 200) -> Response[bytes]:
    page.shown_path = f"{_HERE}/{found.id}"
    ordered = sorted(found.lines, key=lambda line: (line.fate is not Fate.WRONG, line.line.row))
    shown = [_line(page, line) for line in ordered[:SHOWN]]
    counts = {fate.value: found.count(fate) for fate in Fate}
    return page.render(
        "indicators-check.html",
        status=status,
        found=found,
        form=form,
        lines=shown,
        counts=counts,
        to_write=counts["new"] + counts["correction"],
        total=len(found.lines),
        action=page.shown_path,
        submission=new_submission(),
    )


def _line(page: Page, line: Judged) -> Shown:
    tone, icon = _CHIPS[line.fate]
    one, given = line.found, line.line
    hidden = one is not None and one.restricted
    words = page.s("mail.restricted") if hidden else one.indicator.name if one else given.text(Column.NAME)
    return Shown(
        given.row,
        words or given.text(Column.ID),
        path_of(one) if one else "",
        one.agency_name if one else given.text(Column.AGENCY),
        "" if line.period in ("", "once") else period_words(line.period),
        line.new.as_of if line.new else None,
        given.text(Column.AS_OF),
        given.text(Column.FIGURE),
        given.text(Column.UNIT) or (one.indicator.whole_unit if one else ""),
        Chip(tone, icon, page.s(f"target.fate.{line.fate.value}")),
        line.before.reading.figure.words if line.before else "",
        given.text(Column.REASON),
        tuple(
            (
                page.s(f"target.file.{column.value}"),
                page.say(problem),
                page.word("target.expected", column.value),
            )
            for column, problem in line.problems
        ),
    )


routes = [upload, template, read_file, preview, write]
