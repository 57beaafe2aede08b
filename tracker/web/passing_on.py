"""Passing a task on inside the agency: to whom, until when; and notes among colleagues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import passing_on as actions
from tracker.actions.passing_on import Inside, PassOn
from tracker.db.assignments import Assignment
from tracker.db.inside import InternalNote
from tracker.domain.access import Verb, require
from tracker.domain.assignments import WORKING_STATES
from tracker.domain.inside import latest_internal
from tracker.web.assignments import carry_out, read, sub, subject_of
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import path_of
from tracker.web.state import WebRequest
from tracker.web.wording import short_day

_FIELDS = {"/official_id": "nguoi-lam", "/due_on": "han-noi-bo", "/note": "ghi-chu"}
_NAMES = {"nguoi-lam": "inside.to", "han-noi-bo": "inside.due", "ghi-chu": "inside.note"}


@dataclass(frozen=True)
class NoteView:
    """A note with the address that shares it; empty where it is shared already."""

    author: str
    at: datetime
    body: str
    shared_at: datetime | None
    share: str


@dataclass(frozen=True)
class Turn:
    """Who had the task when."""

    who: str
    giver: str
    at: datetime
    until: str
    is_live: bool


@get("/viec/{task_id:str}/{agency_code:str}/chuyen", include_in_schema=False)
async def passing_on(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Who in the agency does it, and until when?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    require(page.actor, Verb.REPORT, subject_of(row))
    return await _show(page, row, None)


async def _show(page: Page, row: Assignment, form: Form | None, status: int = 200) -> Response[bytes]:
    page.shown_path = sub(row, "chuyen").partition("?")[0]
    inside = await actions.look(page.actor, row, page.now)
    latest = latest_internal(row.due_on, page.today)
    filled = Form(
        {
            "nguoi-lam": str(inside.live.official_id) if inside.live else "",
            "han-noi-bo": short_day(inside.live.due_on) if inside.live and inside.live.due_on else "",
        }
    )
    return page.render(
        "passing-on.html",
        status=status,
        a=row,
        form=form or filled,
        live=inside.live,
        is_open=row.state in WORKING_STATES,
        people=[("", page.s("inside.choose")), *_people(page, inside)],
        due_hint=_due_hint(page, row, short_day(latest) if latest else ""),
        turns=_turns(page, inside),
        notes=[_note(row, note) for note in inside.notes],
        seen=inside.live.id if inside.live else 0,
        action=sub(row, "chuyen"),
        take_back=sub(row, "chuyen/thu-lai"),
        add_note=sub(row, "ghi-chu"),
        back=path_of(row),
        submission=new_submission(),
        note_submission=new_submission(),
    )


def _people(page: Page, inside: Inside) -> list[tuple[str, str]]:
    """Oneself first, then the others by name."""
    own = page.actor.official_id
    people = sorted(inside.colleagues, key=lambda c: c.id != own)
    return [
        (
            str(c.id),
            " – ".join(
                part
                for part in (page.s("inside.me", name=c.name) if c.id == own else c.name, c.position, c.unit)
                if part
            ),
        )
        for c in people
    ]


def _due_hint(page: Page, row: Assignment, latest: str) -> str:
    if row.due_on is None:
        return page.s("inside.due_hint_free")
    if not latest:
        return page.s("inside.due_hint_late", official=short_day(row.due_on))
    return page.s("inside.due_hint", official=short_day(row.due_on), latest=latest)


def _turns(page: Page, inside: Inside) -> list[Turn]:
    return [
        Turn(
            turn.name,
            turn.giver,
            turn.assigned_at,
            page.s("inside.until", day=short_day(turn.due_on)) if turn.due_on else "",
            turn.ended_at is None,
        )
        for turn in inside.story
    ]


def _note(row: Assignment, note: InternalNote) -> NoteView:
    share = "" if note.shared_at is not None else sub(row, f"ghi-chu/{note.id}/chia-se")
    return NoteView(note.author, note.created_at, note.body, note.shared_at, share)


@post("/viec/{task_id:str}/{agency_code:str}/chuyen", include_in_schema=False)
async def pass_on(request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]) -> Response[bytes]:
    """Somebody in the agency works on it from now on."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.REPORT, subject_of(row))
    chosen = form.text("nguoi-lam")
    if not chosen:
        form.refuse("nguoi-lam", "form_colleague_needed")
    new = PassOn(
        official_id=int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None,
        due_on=form.date("han-noi-bo"),
        note=form.text("ghi-chu"),
        seen=_seen(form),
    )

    async def work() -> str:
        return (await actions.pass_on(page.actor, row.id, new, page.now)).name

    done = await carry_out(page, row, form, work, _FIELDS, _NAMES)
    if isinstance(done, str):
        return page.see(path_of(row), "notice.passed_on", name=done)
    return await _show(page, await read(page, task_id, agency_code), form, done[0])


def _seen(form: Form) -> int:
    """The handing over that the page showed; -1, which none has, when the form does not tell."""
    given = form.text("dang-giao")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else -1


@post("/viec/{task_id:str}/{agency_code:str}/chuyen/thu-lai", include_in_schema=False)
async def take_back(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Nobody in particular works on it any more."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)

    async def work() -> str:
        await actions.take_back(page.actor, row.id, _seen(form), page.now)
        return ""

    done = await carry_out(page, row, form, work, {}, {})
    if isinstance(done, str):
        return page.see(path_of(row), "notice.taken_back")
    return await _show(page, row, Form(form.values, problems=form.problems), done[0])


@post("/viec/{task_id:str}/{agency_code:str}/ghi-chu", include_in_schema=False)
async def add_note(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """A note that stays inside."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)

    async def work() -> str:
        await actions.add_note(page.actor, row.id, form.text("noi-dung"), page.now)
        return ""

    done = await carry_out(page, row, form, work, {"/note": "noi-dung"}, {"noi-dung": "inside.note"})
    if isinstance(done, str):
        return page.see(sub(row, "chuyen"), "notice.note_added")
    return await _show(page, row, form, done[0])


@post("/viec/{task_id:str}/{agency_code:str}/ghi-chu/{note_id:str}/chia-se", include_in_schema=False)
async def share_note(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str], note_id: FromPath[str]
) -> Response[bytes]:
    """Let the assigning side read a note."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    await read_form(page)
    await actions.share_note(page.actor, row.id, parse_id(note_id), page.now)
    return page.see(sub(row, "chuyen"), "notice.note_shared")


@get("/noi-bo/{internal_id:str}", include_in_schema=False)
async def from_letter(request: WebRequest, internal_id: FromPath[str]) -> Response[bytes]:
    """From a letter, which names no task, to the task."""
    page = await open_page(request)
    return page.see(path_of(await actions.assignment_of(page.actor, parse_id(internal_id))))


routes = [passing_on, pass_on, take_back, add_note, share_note, from_letter]
