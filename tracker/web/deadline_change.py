"""The desk changes an assignment without being asked: another deadline, withdrawn, given to another agency, given back.

Each page says before anything is done what it changes for whom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import assignments as assignment_actions
from tracker.actions import second_thoughts
from tracker.actions.deadline_preview import preview_deadline, resolve_words
from tracker.db import reads_deciding
from tracker.db.assignments import Assignment, get_assignment
from tracker.db.calendar import load_calendar
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import OPEN_STATES
from tracker.domain.errors import Invalid
from tracker.domain.moments import Hours
from tracker.domain.reminders import Decision
from tracker.domain.second_thoughts import RESTORE_FOR, can_restore, can_undo
from tracker.web.assignments import read
from tracker.web.deciding import attempt, consequences, last_act, sub
from tracker.web.forms import Form, new_submission, parse_date, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.timeline import rule_words, step_words
from tracker.web.wording import short_day
from tracker.words import render_words

_HOUR = re.compile(r"\s*([01]?[0-9]|2[0-3])\s*[:hg]\s*([0-5][0-9])?\s*")
MOST_PREVIEWED = 6


@dataclass(frozen=True)
class NewDue:
    """The deadline that was typed, resolved; `how` says how it was found from words."""

    due_on: date
    due_time: time | None
    how: str
    is_day_off: bool


@dataclass(frozen=True)
class Letter:
    """A reminder to come: when, what, to whom."""

    when: Markup
    what: str
    to: str


@dataclass(frozen=True)
class Change:
    """One version of the deadline in its history."""

    when: Markup
    what: Markup
    who: str
    words: str


def _subject(row: Assignment) -> Subject:
    return Subject.of_agency(row.agency_id, id=row.id)


# Another deadline --------------------------------------------------------------------------------------------


async def _new_due(page: Page, form: Form) -> NewDue | None:
    """What the form asks for; problems are noted. Words are counted from today."""
    given = form.required("han-moi", "form_deadline_needed")
    hour = form.text("gio")
    due_time = None
    if hour:
        match = _HOUR.fullmatch(hour)
        if match is None:
            form.refuse("gio", "form_bad_hour")
        else:
            due_time = time(int(match[1]), int(match[2] or 0))
    if not given:
        return None
    calendar = await load_calendar()
    day, how = parse_date(given), ""
    if day is None and len(given) <= lengths.DEADLINE:
        try:
            found = resolve_words(given, page.today, calendar)
        except Invalid as error:
            form.take(error, {"": "han-moi"})
            return None
        # The words that name the day of issue mean today: that is what they are counted from here.
        said = ("deadline_no_base", "deadline_from_issue")
        words = tuple(word for word in found.words if word.key not in said)
        if len(words) < len(found.words):
            how = page.s("redate.from_today", day=short_day(page.today)) + " "
        day, how = found.due_on, how + render_words(words, page.language)
        due_time = due_time or found.due_time
    if day is None:
        form.refuse("han-moi", "form_no_deadline")
        return None
    return NewDue(day, due_time, how, bool(calendar.is_off(day)))


@get("/viec/{task_id:str}/{agency_code:str}/doi-han", include_in_schema=False)
async def redate_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """To which day, and by which document?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    require(page.actor, Verb.EDIT_DEADLINE, _subject(row))
    return await _show_redate(page, row, Form({}), None)


async def _show_redate(
    page: Page, row: Assignment, form: Form, new: NewDue | None, *, status: int = 200
) -> Response[bytes]:
    page.shown_path = sub(row, "doi-han").partition("?")[0]
    calendar = await load_calendar()
    hours = Hours(digest=page.state.settings.digest_time)
    preview = None
    if new is not None:
        preview = await preview_deadline(page.actor, row.id, new.due_on, new.due_time, page.now, hours)
    return page.render(
        "redate.html",
        status=status,
        a=row,
        form=form,
        chip=chip_of(page, row, calendar),
        is_open=row.state in OPEN_STATES,
        new=new,
        new_words=_due_words(page, new.due_on, new.due_time) if new else "",
        submit=page.s("redate.do", day=short_day(new.due_on)) if new else "",
        is_unchanged=new is not None and (new.due_on, new.due_time) == (row.due_on, row.due_time),
        is_early=new is not None and new.due_on < row.directive_issued_on,
        now_words=_due_words(page, row.due_on, row.due_time) if row.due_on else page.s("due.none"),
        consequences=consequences(page, preview) if preview else [],
        before=_letters(page, preview.before) if preview else [],
        after=_letters(page, preview.after) if preview else [],
        changes=await _changes(page, row),
        done=None if row.state in OPEN_STATES else await last_act(page, row),
        action=sub(row, "doi-han"),
        here=path_of(row),
        submission=new_submission(),
    )


def _due_words(page: Page, due_on: date, due_time: time | None) -> Markup:
    day = page.long_day(due_on)
    return page.t("due.by_hour", time=page.clock(due_time), day=day) if due_time else day


def _letters(page: Page, decisions: Sequence[Decision]) -> list[Letter]:
    return [
        Letter(
            page.moment(d.at) if d.at else Markup(""),
            step_words(page, d.moment.step.wording, d.moment.occurrence),
            rule_words(page, d),
        )
        for d in decisions[:MOST_PREVIEWED]
    ]


async def _changes(page: Page, row: Assignment) -> list[Change]:
    """The versions of the deadline, newest first: old and new, who, when, by which document."""
    found = []
    earlier: date | None = None
    for version in await reads_deciding.list_deadlines_set(row.id):
        after = page.day(version.due_on) if version.due_on else page.t("due.none")
        key = "redate.from_to" if earlier else "redate.first"
        what = page.t(key, before=page.day(earlier), after=after)
        parts = [page.word("redate.kind", version.kind), version.document, version.reason]
        words = " · ".join(part for part in parts if part)
        found.append(Change(page.moment(version.set_at), what, version.who, words))
        earlier = version.due_on
    return found[::-1]


@post("/viec/{task_id:str}/{agency_code:str}/doi-han", include_in_schema=False)
async def redate(request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]) -> Response[bytes]:
    """First say what would change, then change it."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.EDIT_DEADLINE, _subject(row))
    new = await _new_due(page, form)
    form.required("ly-do", "form_reason_needed")
    if form.text("buoc") != "doi" or form.problems or new is None:
        return await _show_redate(page, row, form, new, status=422 if form.problems else 200)

    async def work() -> str:
        await assignment_actions.set_deadline(
            page.actor,
            row.id,
            form.version(),
            new.due_on,
            new.due_time,
            form.text("ly-do"),
            form.text("van-ban"),
            page.now,
            early_confirmed=form.has("truoc-van-ban"),
        )
        return "moved"

    fields = {"/due_on": "han-moi", "/reason": "ly-do", "/document": "van-ban"}
    done = await attempt(page, form, work, fields)
    if isinstance(done, int):
        # The API names its own field for this; here it is a box.
        form.problems = [
            replace(p, code="form_early_new_due") if p.code == "deadline_before_issue" else p
            for p in form.problems
        ]
        fresh = await read(page, task_id, agency_code)
        return await _show_redate(page, fresh, form, new, status=done)
    day = short_day(new.due_on)
    return page.see(path_of(row), "notice.redated", agency=row.agency_short_name, day=day)


# Withdrawn, superseded, given to another agency, given back ----------------------------------------------------


async def _show_close(
    page: Page, row: Assignment, form: Form, kind: str, *, status: int = 200
) -> Response[bytes]:
    part = "rut" if kind == "withdraw" else "giao-lai"
    page.shown_path = sub(row, part).partition("?")[0]
    calendar = await load_calendar()
    preview = await preview_deadline(page.actor, row.id, None, None, page.now)
    choices = (
        await reads_deciding.list_transfer_choices(row.task_id, page.today) if kind == "transfer" else []
    )
    return page.render(
        "close-assignment.html",
        status=status,
        a=row,
        form=form,
        kind=kind,
        heading=page.s(f"{kind}.title"),
        chip=chip_of(page, row, calendar),
        is_open=row.state in OPEN_STATES,
        consequences=consequences(page, preview),
        agencies=[("", page.s("transfer.choose")), *choices],
        done=None if row.state in OPEN_STATES else await last_act(page, row),
        action=sub(row, part),
        here=path_of(row),
        submission=new_submission(),
    )


@get("/viec/{task_id:str}/{agency_code:str}/rut", include_in_schema=False)
async def withdraw_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Why is this no longer the agency's?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    require(page.actor, Verb.WITHDRAW, _subject(row))
    return await _show_close(page, row, Form({"cach": "rut"}), "withdraw")


@post("/viec/{task_id:str}/{agency_code:str}/rut", include_in_schema=False)
async def withdraw(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Withdraw it, or say that something else took its place."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.WITHDRAW, _subject(row))
    form.required("ly-do", "form_reason_needed")
    is_superseded = form.text("cach") == "thay"

    async def work() -> str:
        await second_thoughts.withdraw(
            page.actor,
            row.id,
            form.version(),
            form.text("ly-do"),
            form.text("van-ban"),
            page.now,
            is_superseded=is_superseded,
        )
        return "superseded" if is_superseded else "withdrawn"

    done = await attempt(page, form, work, {"/reason": "ly-do", "/document": "van-ban"})
    if isinstance(done, int):
        fresh = await get_assignment(page.actor, row.id)
        return await _show_close(page, fresh, form, "withdraw", status=done)
    undo = f"/viec/hoan-tac/{row.id}"
    return page.see(f"/viec/{row.task_id}", f"notice.{done}", undo=undo, agency=row.agency_short_name)


@get("/viec/{task_id:str}/{agency_code:str}/giao-lai", include_in_schema=False)
async def transfer_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """To whom?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    require(page.actor, Verb.TRANSFER, _subject(row))
    return await _show_close(page, row, Form({}), "transfer")


@post("/viec/{task_id:str}/{agency_code:str}/giao-lai", include_in_schema=False)
async def transfer(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Give it to another agency with the same deadline."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.TRANSFER, _subject(row))
    to_agency = form.required("co-quan", "form_transfer_to")
    form.required("ly-do", "form_reason_needed")

    async def work() -> str:
        await assignment_actions.transfer(
            page.actor,
            row.id,
            form.version(),
            to_agency,
            form.text("ly-do"),
            form.text("van-ban"),
            page.now,
        )
        return "transferred"

    fields = {"/to_agency": "co-quan", "/reason": "ly-do", "/document": "van-ban"}
    done = await attempt(page, form, work, fields)
    if isinstance(done, int):
        fresh = await get_assignment(page.actor, row.id)
        return await _show_close(page, fresh, form, "transfer", status=done)
    return page.see(f"/viec/{row.task_id}", "notice.transferred", agency=row.agency_short_name)


@post("/viec/hoan-tac/{assignment_id:str}", include_in_schema=False)
async def undo(request: WebRequest, assignment_id: FromPath[str]) -> Response[bytes]:
    """Take a withdrawal back before anybody was told of it."""
    page = await open_page(request)
    row = await get_assignment(page.actor, parse_id(assignment_id))
    form = await read_form(page)
    require(page.actor, Verb.WITHDRAW, _subject(row))
    if row.state in OPEN_STATES:
        return page.see(path_of(row))

    async def work() -> str:
        await second_thoughts.undo(page.actor, row.id, page.now)
        return "undone"

    form.values.setdefault("lan-gui", new_submission())
    done = await attempt(page, form, work, {})
    if isinstance(done, int):
        return await _show_restore(page, await get_assignment(page.actor, row.id), form, status=done)
    return page.see(path_of(row), "notice.withdraw_undone", agency=row.agency_short_name)


async def _show_restore(page: Page, row: Assignment, form: Form, *, status: int = 200) -> Response[bytes]:
    page.shown_path = sub(row, "khoi-phuc").partition("?")[0]
    calendar = await load_calendar()
    until = row.closed_at + RESTORE_FOR if row.closed_at else None
    return page.render(
        "restore.html",
        status=status,
        a=row,
        form=form,
        chip=chip_of(page, row, calendar),
        can_restore=can_restore(row.state, row.closed_at, page.now),
        can_undo=can_undo(row.state, row.closed_at, page.now),
        until=page.moment(until) if until else "",
        done=await last_act(page, row),
        action=sub(row, "khoi-phuc"),
        here=path_of(row),
        submission=new_submission(),
    )


@get("/viec/{task_id:str}/{agency_code:str}/khoi-phuc", include_in_schema=False)
async def restore_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Give it back?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    require(page.actor, Verb.WITHDRAW, _subject(row))
    return await _show_restore(page, row, Form({}))


@post("/viec/{task_id:str}/{agency_code:str}/khoi-phuc", include_in_schema=False)
async def restore(request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]) -> Response[bytes]:
    """Give a withdrawn task back to its agency."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.WITHDRAW, _subject(row))
    form.required("ly-do", "form_reason_needed")

    async def work() -> str:
        await second_thoughts.restore(page.actor, row.id, form.version(), form.text("ly-do"), page.now)
        return "restored"

    done = await attempt(page, form, work, {"/reason": "ly-do"})
    if isinstance(done, int):
        return await _show_restore(page, await get_assignment(page.actor, row.id), form, status=done)
    return page.see(path_of(row), "notice.restored", agency=row.agency_short_name)


routes = [
    redate_form,
    redate,
    withdraw_form,
    withdraw,
    transfer_form,
    transfer,
    undo,
    restore_form,
    restore,
]
