"""A session while it is held: the chair reads one item at a time, the secretary writes each conclusion once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import inspection_preview
from tracker.actions import inspections as actions
from tracker.actions.inspections import Notice
from tracker.db import inspections as db
from tracker.db import reads_inspections
from tracker.db.inspections import Concluded, FrozenItem, Inspection
from tracker.db.reads_recording import list_issuers
from tracker.domain.access import Verb, may, require
from tracker.domain.errors import NotFound
from tracker.domain.inspections import Conclusion, State, Verdict
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.inspections import (
    PATH,
    Line,
    address,
    attempt,
    banner_of,
    item_address,
    may_lead,
    read,
    state_chip,
    tell,
    verdicts,
    when_of,
)
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.wording import short_day

LISTED = 30
"""A longer agenda is shown around the item at hand; the whole of it unfolds."""

_FIELDS = {"/text": "ket-luan", "/verdict": "loai", "/due_on": "ngay", "/agency": "co-quan", "": ""}
_NOTICE_FIELDS = {
    "/number": "so",
    "/issued_on": "ngay-ban-hanh",
    "/issuer": "co-quan-ban-hanh",
    "/signer": "nguoi-ky",
    "": "",
}


def _place(page: Page, lines: Sequence[Line]) -> int:
    """Which item of the address is shown, counted from nought; the first where it names none."""
    given = page.query.get("muc", "")
    number = int(given) if re.fullmatch(r"[0-9]{1,6}", given) else 1
    return min(max(number, 1), len(lines)) - 1


# The chair ------------------------------------------------------------------------------------------------------


@get(PATH + "/{inspection_id:str}/chu-toa", include_in_schema=False)
async def chair(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """One item, large: what was asked, how it stands, what the agency says."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    told = await tell(page, found)
    at = _place(page, told.lines) if told.lines else -1
    return page.render(
        "inspection-chair.html",
        x=found,
        chip=state_chip(page, found.state),
        when=when_of(page, found),
        banner=banner_of(page, found),
        line=told.lines[at] if told.lines else None,
        number=at + 1,
        total=len(told.lines),
        before=item_address(found, "chu-toa", at) if at > 0 else "",
        after=item_address(found, "chu-toa", at + 2) if at + 1 < len(told.lines) else "",
    )


@dataclass(frozen=True)
class Stands:
    """What somebody else concluded while this was typed."""

    who: str
    verdict: str
    text: str
    day: str


# The secretary --------------------------------------------------------------------------------------------------


@get(PATH + "/{inspection_id:str}/hop", include_in_schema=False)
async def minutes(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """What is concluded on this item?"""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    if found.state is not State.FROZEN:
        raise actions.InspectionMoved(state=found.state.value)
    return await _show_minutes(page, found, None)


async def _show_minutes(
    page: Page, found: Inspection, form: Form | None, *, status: int = 200, number: int | None = None
) -> Response[bytes]:
    page.shown_path = address(found, "hop")
    told = await tell(page, found)
    at = (number - 1 if number else _place(page, told.lines)) if told.lines else -1
    line = told.lines[at] if told.lines else None
    standing = told.conclusions.get(line.id) if line else None
    if form is None:
        form = Form({}) if standing is None else _form_of(standing)
    if page.kept is not None:
        form.fill(page.kept)
    here = [(item_address(found, "hop", one.number), one) for one in told.lines]
    return page.render(
        "inspection-minutes.html",
        status=status,
        x=found,
        form=form,
        line=line,
        lines=told.lines,
        number=at + 1,
        done=len(told.conclusions),
        version=standing.row_version if standing else 0,
        made=standing,
        stands=_other_words(page, standing, form) if status == 409 else None,
        strike_submission=new_submission(),
        choices=verdicts(page, line.item) if line else [],
        before=item_address(found, "hop", at) if at > 0 else "",
        after=item_address(found, "hop", at + 2) if at + 1 < len(told.lines) else "",
        here=here,
        near=here[max(at - 4, 0) : at + 9] if len(here) > LISTED else [],
        submission=new_submission(),
    )


def _read_conclusion(form: Form, agency_code: str = "") -> Conclusion | None:
    given = form.text("loai")
    verdict = next((v for v in Verdict if v.value == given), None)
    if verdict is None:
        form.refuse("loai", "form_bad_choice" if given else "required")
    due_on = form.date("ngay")
    if not form.text("ket-luan"):
        form.refuse("ket-luan", "required")
    if form.problems or verdict is None:
        return None
    return Conclusion(verdict, form.text("ket-luan"), due_on, agency_code)


@post(PATH + "/{inspection_id:str}/hop", include_in_schema=False)
async def conclude_item(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Write the conclusion down; the next item without one opens."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)
    items = await db.list_items(found.id)
    row = next((i for i in items if str(i.position) == form.text("muc")), None)
    conclusion = _read_conclusion(form)
    if row is None:
        form.refuse("", "form_bad_choice", value=form.text("muc")[:20])

    async def work() -> str:
        assert row is not None
        assert conclusion is not None
        version = form.version() or None
        await actions.conclude(page.actor, found.id, row.id, version, conclusion, page.now)
        return "concluded"

    done = await attempt(page, form, work, _FIELDS)
    if isinstance(done, int):
        return await _show_minutes(
            page,
            await db.get_inspection(found.id),
            form,
            status=done,
            number=items.index(row) + 1 if row in items and row is not None else None,
        )
    assert row is not None
    following = await _next_open(found, items, row)
    if following is None:
        return page.see(address(found, "ket-luan"), "notice.insp_all_concluded")
    return page.see(
        item_address(found, "hop", following.position), "notice.insp_concluded", number=row.position
    )


async def _next_open(found: Inspection, items: Sequence[FrozenItem], row: FrozenItem) -> FrozenItem | None:
    """The next item that has no conclusion, from the first again after the last; None when all have one."""
    done = {c.item_id for c in await db.list_conclusions(found.id)}
    at = items.index(row)
    return next((i for i in (*items[at + 1 :], *items[:at]) if i.id not in done), None)


# What follows ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Consequence:
    """A conclusion with what carrying it out will do; `hindrance` says why it cannot be."""

    id: int
    number: int
    title: str
    agency: str
    verdict: str
    text: str
    will: str
    hindrance: str
    href: str
    became: str
    task_href: str


def _consequence(page: Page, found: Inspection, told: inspection_preview.Consequence) -> Consequence:
    made, row = told.conclusion, told.row
    day = short_day(made.due_on) if made.due_on else ""
    if told.outcome == "moved" and row is not None:
        before = short_day(told.due_before) if told.due_before else page.s("insp.no_day")
        will = page.s("insp.will.new_date", before=before, after=day)
    elif told.outcome in ("closed_before", "not_asked"):
        will = page.s(f"insp.will.{told.outcome}")
    else:
        will = page.s(f"insp.will.{made.verdict.value}", day=day)
    names = dict(zip(found.agency_codes, found.agency_names, strict=True))
    return Consequence(
        made.id,
        row.position if row else 0,
        row.item.title if row else page.s("insp.whole_session"),
        row.item.agency_name if row else names.get(made.agency_code, ""),
        page.s(f"insp.verdict.{made.verdict.value}"),
        made.text,
        will,
        page.word("insp.hindered", told.hindrance) if told.hindrance else "",
        item_address(found, "hop", row.position) if row else f"{address(found, 'ket-luan')}/{made.id}",
        page.word("insp.outcome", made.outcome) if made.outcome else "",
        f"/viec/{made.task_id}" if made.task_id else "",
    )


@get(PATH + "/{inspection_id:str}/ket-luan", include_in_schema=False)
async def conclusions(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """What was concluded, and what does carrying it out do?"""
    page = await open_page(request)
    found = await read(page, inspection_id)
    if found.frozen_at is None:
        raise actions.InspectionMoved(state=found.state.value)
    return await _show_conclusions(page, found, Form({}), Form({}))


async def _show_conclusions(
    page: Page, found: Inspection, form: Form, general: Form, *, status: int = 200
) -> Response[bytes]:
    page.shown_path = address(found, "ket-luan")
    if page.kept is not None:
        form.fill(page.kept)
    told = await inspection_preview.preview(page.actor, found.id, page.now)
    listed = [_consequence(page, found, one) for one in told.consequences]
    missing = [(item_address(found, "hop", row.position), row) for row in told.missing]
    may_carry = may(page.actor, Verb.RECORD_DIRECTIVE) and may(page.actor, Verb.CONFIRM)
    return page.render(
        "inspection-conclusions.html",
        status=status,
        x=found,
        chip=state_chip(page, found.state),
        form=form,
        general=general,
        listed=listed,
        missing=missing,
        hindered=told.hindered,
        is_open=found.state is State.FROZEN,
        can_lead=may_lead(page),
        can_carry_out=may_carry,
        notice_id=await reads_inspections.find_notice_id(found.id),
        issuers=await list_issuers(),
        choices=verdicts(page, None),
        agencies=[("", page.s("insp.no_agency")), *zip(found.agency_codes, found.agency_names, strict=True)],
        submission=new_submission(),
        other_submission=new_submission(),
    )


@post(PATH + "/{inspection_id:str}/ket-luan-chung", include_in_schema=False)
async def conclude_whole(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """A conclusion of the session as a whole."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)
    conclusion = _read_conclusion(form, form.text("co-quan"))

    async def work() -> str:
        assert conclusion is not None
        return str(await actions.conclude(page.actor, found.id, None, None, conclusion, page.now))

    done = await attempt(page, form, work, _FIELDS)
    if isinstance(done, int):
        return await _show_conclusions(page, await db.get_inspection(found.id), Form({}), form, status=done)
    return page.see(address(found, "ket-luan"), "notice.insp_general")


# One conclusion anew --------------------------------------------------------------------------------------------


async def _standing(page: Page, found: Inspection, conclusion_id: str) -> Concluded:
    """The conclusion of an address. Raises NotFound, also for one of another session."""
    require(page.actor, Verb.INSPECT)
    made = await db.find_conclusion(found.id, parse_id(conclusion_id))
    if made is None:
        raise NotFound(noun="conclusion", id=conclusion_id)
    return made


@get(PATH + "/{inspection_id:str}/ket-luan/{conclusion_id:str}", include_in_schema=False)
async def one_conclusion(
    request: WebRequest, inspection_id: FromPath[str], conclusion_id: FromPath[str]
) -> Response[bytes]:
    """Write a conclusion anew, or strike it, before it is carried out."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    made = await _standing(page, found, conclusion_id)
    if found.state is not State.FROZEN:
        raise actions.InspectionMoved(state=found.state.value)
    return await _show_conclusion(page, found, made, None)


async def _show_conclusion(
    page: Page, found: Inspection, made: Concluded, form: Form | None, *, status: int = 200
) -> Response[bytes]:
    page.shown_path = f"{address(found, 'ket-luan')}/{made.id}"
    row = next((i for i in await db.list_items(found.id) if i.id == made.item_id), None)
    stands = None if form is None else made
    if form is None:
        form = _form_of(made)
    if page.kept is not None:
        form.fill(page.kept)
    return page.render(
        "inspection-conclusion.html",
        status=status,
        x=found,
        c=made,
        form=form,
        item=row.item if row else None,
        stands=_other_words(page, stands, form) if status == 409 else None,
        choices=verdicts(page, row.item if row else None),
        agencies=[("", page.s("insp.no_agency")), *zip(found.agency_codes, found.agency_names, strict=True)],
        submission=new_submission(),
        other_submission=new_submission(),
    )


def _form_of(made: Concluded) -> Form:
    return Form({
        "loai": made.verdict.value, "ket-luan": made.text, "co-quan": made.agency_code,
        "ngay": short_day(made.due_on) if made.due_on else "",
    })  # fmt: skip


def _other_words(page: Page, made: Concluded | None, form: Form) -> Stands | None:
    """What somebody else wrote meanwhile, beside what is typed."""
    if made is None or made.text == form.text("ket-luan"):
        return None
    verdict = page.s(f"insp.verdict.{made.verdict.value}")
    return Stands(made.made_by_name, verdict, made.text, short_day(made.due_on) if made.due_on else "")


@post(PATH + "/{inspection_id:str}/ket-luan/{conclusion_id:str}", include_in_schema=False)
async def change_conclusion(
    request: WebRequest, inspection_id: FromPath[str], conclusion_id: FromPath[str]
) -> Response[bytes]:
    """Write the conclusion anew."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    made = await _standing(page, found, conclusion_id)
    conclusion = _read_conclusion(form, form.text("co-quan") if made.item_id is None else "")

    async def work() -> str:
        assert conclusion is not None
        await actions.change_conclusion(page.actor, found.id, made.id, form.version(), conclusion, page.now)
        return "changed"

    done = await attempt(page, form, work, _FIELDS)
    if isinstance(done, int):
        return await _show_conclusion(
            page, found, await _standing(page, found, conclusion_id), form, status=done
        )
    return page.see(address(found, "ket-luan"), "notice.insp_conclusion_changed")


@post(PATH + "/{inspection_id:str}/ket-luan/{conclusion_id:str}/bo", include_in_schema=False)
async def strike_conclusion(
    request: WebRequest, inspection_id: FromPath[str], conclusion_id: FromPath[str]
) -> Response[bytes]:
    """Strike the conclusion; its words stay in the history."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    made = await _standing(page, found, conclusion_id)

    async def work() -> str:
        await actions.strike_conclusion(page.actor, found.id, made.id, form.version(), page.now)
        return "struck"

    done = await attempt(page, form, work, _FIELDS)
    if isinstance(done, int):
        now = await _standing(page, found, conclusion_id)
        again = _form_of(now)
        again.problems = form.problems
        return await _show_conclusion(page, found, now, again, status=done)
    return page.see(address(found, "ket-luan"), "notice.insp_conclusion_struck")


@post(PATH + "/{inspection_id:str}/ket-luan", include_in_schema=False)
async def carry_out(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Carry every conclusion out under the signed notice, all or none."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    require(page.actor, Verb.CONFIRM)
    number = form.required("so", "required")
    issued_on = form.date("ngay-ban-hanh", required="form_bad_date")
    issuer = form.required("co-quan-ban-hanh", "required")

    async def work() -> str:
        assert issued_on is not None
        notice = Notice(number, issued_on, issuer, form.text("nguoi-ky"))
        return str(await actions.carry_out(page.actor, found.id, form.version(), notice, page.now))

    done = await attempt(page, form, work, _NOTICE_FIELDS)
    if isinstance(done, int):
        return await _show_conclusions(page, await db.get_inspection(found.id), form, Form({}), status=done)
    return page.see(address(found), "notice.insp_carried_out", number=number)


routes = [
    chair,
    minutes,
    conclude_item,
    conclusions,
    conclude_whole,
    one_conclusion,
    change_conclusion,
    strike_conclusion,
    carry_out,
]
