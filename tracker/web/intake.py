"""Importing a table: pasted or sent as a file, read, corrected in place, and written only when somebody says so.

Each correction makes a new preview with an address of its own: back shows the table as it was before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tracker import clock
from tracker.actions import drafting, imports, jobs
from tracker.actions.imports import ImportNotReady, NewImport
from tracker.actions.jobs import TooManyJobs
from tracker.db import jobs as jobs_db
from tracker.db.jobs import Job
from tracker.domain.access import Verb, require
from tracker.domain.errors import Invalid, NotFound
from tracker.domain.files import clean_name
from tracker.intake.columns import HEADERS, Column, column_of
from tracker.intake.corrections import Corrections
from tracker.intake.pasted import as_csv
from tracker.intake.rows import Defaults
from tracker.intake.tables import MAX_BYTES, Unreadable
from tracker.refusals import sentence
from tracker.web.forms import Form, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.uploads import LARGEST_BODY, UploadedFile, read_upload_form
from tracker.web.wording import short_day

PASTED_NAME = "bang-dan.csv"
ROWS_SHOWN = 50
_MOST_TEXT = 6_000_000
_MOST_FIELDS = 6000
_MOST_CELL = 20_000
_CELL = re.compile(r"o-([0-9]{1,6})-([0-9]{1,2})")
_USE = re.compile(r"dung-([0-9]{1,6})-([0-9]{1,2})")
_MAPPABLE = frozenset({"import_no_header", "import_merged_header", "import_column_twice"})
_VIEWS = {"sai": "wrong", "moi": "new", "da-co": "double", "bo-qua": "passed"}
_CHOICES = tuple(column for column in Column if column is not Column.NOTE)


# -- the table comes -------------------------------------------------------------------------------------


@get("/van-ban/nhap", include_in_schema=False)
async def intake(request: WebRequest) -> Response[bytes]:
    """Which table is to be read?"""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    return _show_empty(page, Form({}))


@post("/van-ban/nhap", include_in_schema=False, request_max_body_size=LARGEST_BODY)
async def read_table(request: WebRequest) -> Response[bytes]:
    """Read the table and show what it would bring; nothing is written."""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    form, files = await read_upload_form(page, most_files=1, most_bytes=MAX_BYTES, most_text=_MOST_TEXT)
    defaults = _defaults(form)
    new = _sent(form, files, defaults)
    if new is None or form.problems:
        return _show_empty(page, form)
    try:
        job_id = await imports.look(page.actor, new, page.language, clock.utc_now())
    except Unreadable as refused:
        form.take(refused, {"": "tep" if files else "bang"})
        return _show_empty(page, form)
    except TooManyJobs as refused:
        form.refuse("", refused.code, **refused.params)
        return _show_empty(page, form)
    return page.see(f"/van-ban/nhap/{job_id}")


def _sent(form: Form, files: Sequence[UploadedFile], defaults: Defaults) -> NewImport | None:
    pasted = form.values.get("bang", "")
    if files and pasted.strip():
        form.refuse("tep", "form_table_twice")
    elif files:
        try:
            return NewImport(files[0].content, clean_name(files[0].name), "", defaults)
        except Invalid as refused:
            form.take(refused, {"": "tep"})
    elif pasted.strip():
        return NewImport(as_csv(pasted.strip("\n")), PASTED_NAME, "", defaults)
    elif not form.problems:
        form.refuse("bang", "form_table_missing")
    return None


def _defaults(form: Form) -> Defaults:
    """What holds for rows that do not say it themselves."""
    return Defaults(
        document=form.text("so-ky-hieu")[:60],
        issued_on=form.date("ngay-ban-hanh"),
        issuer=form.text("co-quan-ban-hanh")[:300],
        confirm_early=form.has("han-som"),
    )


def _show_empty(page: Page, form: Form) -> Response[bytes]:
    page.shown_path = "/van-ban/nhap"
    return page.render(
        "intake.html",
        status=422 if form.problems else 200,
        form=form,
        headers_known=[(HEADERS[c][0], page.word("imp.column", c.value)) for c in _CHOICES],
        most_megabytes=MAX_BYTES // 1_000_000,
    )


# -- the table as it was read ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fix:
    """One cell to correct: what is wrong with it, what is expected, and the name that was probably meant."""

    name: str
    title: str
    value: str
    errors: tuple[str, ...] = ()
    expected: str = ""
    nearest: str = ""
    use: str = ""
    is_long: bool = False


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    number: int
    state: str
    task: str
    document: str
    lead: str
    due: str
    due_day: date | None
    due_note: str
    fixes: tuple[Fix, ...]
    general: tuple[str, ...]
    remarks: tuple[str, ...]


@get("/van-ban/nhap/{import_id:str}", include_in_schema=False)
async def preview(request: WebRequest, import_id: FromPath[str]) -> Response[bytes]:
    """Which rows are wrong?"""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    job = await _import(page, import_id)
    if job.state in ("waiting", "running", "cancelled"):
        return page.see(f"/cong-viec/{job.id}")
    return await _show(page, job, Form({}))


async def _import(page: Page, import_id: str) -> Job:
    job = await jobs.get(page.actor, parse_id(import_id))
    if job.kind != jobs.IMPORT:
        raise NotFound(noun="import", id=job.id)
    return job


@post("/van-ban/nhap/{import_id:str}", include_in_schema=False, request_max_body_size=_MOST_TEXT)
async def correct(request: WebRequest, import_id: FromPath[str]) -> Response[bytes]:
    """Read the table again as corrected, or, when nothing is wrong with it, write it."""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    form = await read_form(
        page, repeatable=frozenset({"bo"}), most_fields=_MOST_FIELDS, most_bytes=_MOST_TEXT
    )
    job = await _import(page, import_id)
    if job.state not in ("done", "failed"):
        return page.see(f"/cong-viec/{job.id}")
    before = await imports.given(page.actor, job.id)
    after = _corrected(page, form, job, before)
    if form.problems:
        return await _show(page, job, form)
    try:
        if after != before:
            new_id = await imports.look(page.actor, after, page.language, clock.utc_now())
            return page.see(f"/van-ban/nhap/{new_id}", "imp.read_again")
        if form.text("lam") == "ghi":
            written = await imports.confirm(page.actor, job.id, page.language)
            return page.see(f"/cong-viec/{written}")
    except ImportNotReady:
        form.refuse("", "form_import_not_ready")
    except TooManyJobs as refused:
        form.refuse("", refused.code, **refused.params)
    except Unreadable as refused:
        form.take(refused, {})
    return await _show(page, job, form)


def _corrected(page: Page, form: Form, job: Job, before: NewImport) -> NewImport:
    """What was sent, with the corrections of this form on top."""
    if form.text("lam") == "cot":
        return replace(before, corrections=before.corrections.with_more(_mapped(form)))
    rows: dict[int, Mapping[str, str]] = {
        row["row"]: row["cells"] for row in job.summary.get("sheet", {}).get("rows", ())
    }
    cells: dict[tuple[int, int], str] = {}
    for name, value in form.values.items():
        found = _CELL.fullmatch(name)
        if found is None:
            continue
        row, place = int(found.group(1)), int(found.group(2))
        if row in rows and value.strip() != rows[row].get(str(place), "").strip():
            cells[row, place] = value[:_MOST_CELL]
    for row, place, words, nearest in _suggestions(form, job):
        typed = cells.get((row, place), rows[row].get(str(place), ""))
        meant = drafting.as_typed(words, typed)
        cells[row, place] = typed.replace(meant, nearest) if meant in typed else nearest
    dropped = frozenset(int(n) for n in form.many("bo") if re.fullmatch(r"[0-9]{1,6}", n) and int(n) in rows)
    defaults = before.defaults
    if form.has("co-mac-dinh"):
        defaults = replace(_defaults(form), kind=before.defaults.kind, abstract=before.defaults.abstract)
    return replace(
        before, defaults=defaults, corrections=before.corrections.with_more(Corrections(cells, dropped))
    )


def _suggestions(form: Form, job: Job) -> list[tuple[int, int, str, str]]:
    """The names to be taken instead of those nobody has: of one cell, or of all."""
    pressed = form.text("lam")
    one = _USE.fullmatch(pressed)
    if one is None and pressed != "dung-het":
        return []
    found = []
    for row in job.summary.get("sheet", {}).get("rows", ()):
        for problem in row["problems"]:
            place, nearest = problem["place"], problem["nearest"]
            is_meant = one is None or (str(row["row"]), str(place)) == one.groups()
            if nearest and place is not None and is_meant:
                found.append((row["row"], place, nearest["words"], nearest["name"]))
    return found


def _mapped(form: Form) -> Corrections:
    """The header line that somebody put together, and where the rows begin."""
    count = form.text("so-cot")
    titles = []
    for place in range(int(count) if re.fullmatch(r"[0-9]{1,2}", count) else 0):
        chosen = form.text(f"cot-{place}")
        titles.append(HEADERS[Column(chosen)][0] if chosen in _CHOICES else "")
    first = form.text("dong-dau")
    if not re.fullmatch(r"[1-9][0-9]{0,4}", first):
        form.refuse("dong-dau", "form_first_row")
        return Corrections()
    named = [title for title in titles if title]
    if HEADERS[Column.TASK][0] not in named or HEADERS[Column.LEAD][0] not in named:
        form.refuse("cot-0", "form_columns_needed")
    elif len(set(named)) != len(named):
        form.refuse("cot-0", "form_columns_twice")
    return Corrections(dropped=frozenset(range(1, int(first))), titles=tuple(titles))


# -- showing ---------------------------------------------------------------------------------------------


async def _show(page: Page, job: Job, form: Form) -> Response[bytes]:
    page.shown_path = f"/van-ban/nhap/{job.id}"
    if job.state == "failed":
        return await _show_unread(page, job, form)
    if "sheet" not in job.summary:
        return page.see(f"/cong-viec/{job.id}")
    sheet: dict[str, Any] = job.summary["sheet"]
    written = await jobs_db.find_confirmation(job.id)
    counts: dict[str, int] = sheet["counts"]
    wanted = page.query.get("xem", "sai" if counts["wrong"] else "tat-ca")
    rows = [row for row in sheet["rows"] if wanted not in _VIEWS or row["state"] == _VIEWS[wanted]]
    start = int(page.query["tu"]) if re.fullmatch(r"[0-9]{1,4}", page.query.get("tu", "")) else 0
    shown = rows[start : start + ROWS_SHOWN]
    edited = page.query.get("sua", "")
    lines = [_line(page, row, sheet["columns"], form, is_open=str(row["row"]) == edited) for row in shown]
    defaults = job.parameters
    if not form.values:
        form.values = {
            "so-ky-hieu": defaults["document"],
            "ngay-ban-hanh": _short(defaults["issued_on"]),
            "co-quan-ban-hanh": defaults["issuer"],
            **({"han-som": "1"} if defaults["confirm_early"] else {}),
        }
    views = [("sai", "wrong"), ("tat-ca", ""), ("moi", "new"), ("da-co", "double"), ("bo-qua", "passed")]
    total = sum(counts.values())
    return page.render(
        "intake-preview.html",
        status=422 if form.problems else 200,
        job=job,
        form=form,
        lines=lines,
        table_name=_table_name(page, job),
        counts=counts,
        total=total,
        views=[
            (key, page.s(f"imp.view.{state or 'all'}"), counts[state] if state else total, key == wanted)
            for key, state in views
            if not state or counts[state]
        ],
        next_address=page.address(tu=start + ROWS_SHOWN) if len(rows) > start + ROWS_SHOWN else None,
        is_cut=len(sheet["rows"]) < total,
        directives=job.summary["directives"][:20],
        more_directives=max(0, len(job.summary["directives"]) - 20),
        summary=job.summary,
        has_suggestions=any(p["nearest"] for row in sheet["rows"] for p in row["problems"]),
        written=written,
        can_write=written is None and not counts["wrong"] and job.summary["tasks"] > 0,
        needs_defaults=any(p["place"] is None for row in sheet["rows"] for p in row["problems"]),
        early=len(job.summary["early_rows"]),
        dropped=len((job.parameters.get("corrections") or {}).get("dropped", ())),
    )


def _short(iso: str | None) -> str:
    return "" if not iso else "/".join(reversed(iso.split("-")))


def _line(
    page: Page, row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], form: Form, *, is_open: bool
) -> Line:
    cells: Mapping[str, str] = row["cells"]
    by_column = {c["column"]: cells.get(str(c["place"]), "") for c in columns}
    by_place: dict[int, list[Mapping[str, Any]]] = {}
    general = []
    for problem in row["problems"]:
        message = problem["message"][page.language]
        if problem["place"] is None:
            general.append(f"{problem['column']}: {message}")
        else:
            by_place.setdefault(problem["place"], []).append(problem)
    fixes = []
    for column in columns:
        place = column["place"]
        problems = by_place.get(place, [])
        if not problems and not is_open:
            continue
        name = f"o-{row['row']}-{place}"
        nearest = next((p["nearest"]["name"] for p in problems if p["nearest"]), "")
        value = form.values.get(name, cells.get(str(place), ""))
        fixes.append(
            Fix(
                name=name,
                title=column["title"],
                value=value,
                errors=tuple(p["message"][page.language] for p in problems),
                expected=problems[0]["expected"][page.language] if problems else "",
                nearest=nearest,
                use=f"dung-{row['row']}-{place}" if nearest else "",
                is_long=len(value) > 80 or "\n" in value,
            )
        )
    due = row["due"]
    day = date.fromisoformat(due["day"]) if due and due["day"] else None
    return Line(
        number=row["row"],
        state=row["state"],
        task=by_column.get(Column.SHORT_NAME) or by_column.get(Column.TASK, ""),
        document=by_column.get(Column.DOCUMENT, ""),
        lead=by_column.get(Column.LEAD, ""),
        # Where the words are the date itself, once is enough.
        due="" if day and by_column.get(Column.DUE) == short_day(day) else by_column.get(Column.DUE, ""),
        due_day=day,
        due_note=_due_note(page, due),
        fixes=tuple(fixes),
        general=tuple(general),
        remarks=tuple(r["message"][page.language] for r in row["remarks"]),
    )


def _due_note(page: Page, due: Mapping[str, Any] | None) -> str:
    if due is None:
        return ""
    if due["day"]:
        return page.s("imp.recurs") if due["recurs"] else ""
    return page.s(f"imp.due.{due['kind']}")


async def _show_unread(page: Page, job: Job, form: Form) -> Response[bytes]:
    """A table that could not be read: why, and, where only its header was not found, what its columns are."""
    assert job.problem is not None
    code = next((p["code"] for p in job.problem["problems"]), job.problem["code"])
    rows: list[tuple[int, tuple[str, ...]]] = []
    if code in _MAPPABLE:
        rows = await imports.first_rows(page.actor, job.id)
    width = max((len(cells) for _, cells in rows), default=0)
    form.values.setdefault("dong-dau", str(rows[1][0] if len(rows) > 1 else 1))
    return page.render(
        "intake-columns.html",
        status=422 if form.problems else 200,
        job=job,
        form=form,
        why=_why(page, job.problem),
        table_name=_table_name(page, job),
        guesses=_guesses(rows, width),
        rows=[(number, [*cells, *[""] * (width - len(cells))]) for number, cells in rows],
        width=width,
        choices=[
            ("", page.s("imp.column.none")),
            *((c.value, page.word("imp.column", c.value)) for c in _CHOICES),
        ],
    )


def _table_name(page: Page, job: Job) -> str:
    """The file's name; what was pasted has none."""
    return page.s("imp.pasted") if job.input_name == PASTED_NAME else job.input_name


def _guesses(rows: Sequence[tuple[int, tuple[str, ...]]], width: int) -> list[str]:
    """What each column probably is, by any of its first cells that is a known header."""
    found = ["" for _ in range(width)]
    for _, cells in rows:
        for place, cell in enumerate(cells):
            column = column_of(cell)
            if column in _CHOICES and column not in found and not found[place]:
                found[place] = column.value
    return found


def _why(page: Page, kept: Mapping[str, Any]) -> str:
    told = [
        sentence(page.language, p["code"], {"value": p["value"], **p["params"]}) for p in kept["problems"][:5]
    ]
    return " ".join(told) or sentence(page.language, kept["code"], kept["params"])


routes = [intake, read_table, preview, correct]
