"""Succession of agencies: a plan is entered, its preview is read and completed, then it is carried out at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import succession as actions
from tracker.actions.succession import Line, Outcome, Preview
from tracker.db import directory as directory_db
from tracker.domain.access import Verb, require
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.succession import Change, Heir, Kind, Plan
from tracker.intake.succession import plan_from_text, plan_to_text
from tracker.web.forms import Form, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest

PATH = "/co-quan/ke-thua"
SHOWN = 200
"""Assignments listed of each outcome; the rest is told as a number."""
ASKED_AT_ONCE = 120
"""Questions on one page; a form has room for no more."""
_ID = re.compile(r"[1-9][0-9]{0,17}")
_POINTERS = {"/document": "van-ban"}


@dataclass(frozen=True)
class Group:
    """The assignments with one outcome, as many as are listed, and how many there are."""

    outcome: str
    lines: tuple[Line, ...]
    total: int


@get(PATH, include_in_schema=False)
async def overview(request: WebRequest) -> Response[bytes]:
    """What was carried out, and the form for the next one."""
    page = await open_page(request)
    return await _form(page, Form({"ngay": f"{page.today:%d/%m/%Y}"}))


async def _form(page: Page, form: Form, status: int = 200) -> Response[bytes]:
    require(page.actor, Verb.MANAGE_AGENCIES)
    page.shown_path = PATH
    agencies = await directory_db.list_agencies()
    recorded = await actions.recorded_plan(page.actor, "", page.today)
    waiting = {change.predecessor for change in recorded.changes}
    living = [(a.code, a.name) for a in agencies if a.is_valid_on(page.today)]
    return page.render(
        "succession.html",
        status=status,
        form=form,
        ending=[(a.code, a.name) for a in agencies if a.is_valid_on(page.today) or a.code in waiting],
        heirs=living,
        defaults=[("", page.s("succession.no_default")), *living],
        waiting=len(waiting),
        done=await actions.list_carried_out(page.actor, 50),
    )


@post(f"{PATH}/xem-truoc", include_in_schema=False, status_code=200)
async def show_preview(request: WebRequest) -> Response[bytes]:
    """What would move where; nothing is written, and what was typed is kept."""
    page = await open_page(request)
    form = await read_form(page, repeatable=frozenset({"cu", "moi"}))
    require(page.actor, Verb.MANAGE_AGENCIES)
    is_completed = form.has("ke-hoach")
    plan = _completed(form) if is_completed else await _entered(page, form)
    if form.problems or plan is None:
        return await _form(page, form, 422)
    try:
        shown = await actions.preview(page.actor, plan, page.now)
    except Invalid as error:
        form.take(error, {**_POINTERS, "": ""})
        return await _form(page, form, 422)
    return _show(page, shown, form)


async def _entered(page: Page, form: Form) -> Plan | None:
    """The plan of the first form; None, and its problems, when it is not complete."""
    document = form.required("van-ban", "succession_document_needed")
    day = form.date("ngay", required="succession_date_needed")
    fields = _fields(form)
    if form.has("theo-danh-muc"):
        if form.problems or day is None:
            return None
        return await actions.recorded_plan(page.actor, document, day)
    if not form.many("cu"):
        form.refuse("cu", "form_agency_needed")
    if form.problems or day is None:
        return None
    default = form.text("mac-dinh")
    heirs = tuple(Heir(code, fields.get(code, ()), code == default) for code in form.many("moi"))
    return Plan(document, tuple(Change(code, day, heirs) for code in form.many("cu")))


def _fields(form: Form) -> dict[str, tuple[str, ...]]:
    """The fields of work by successor: lines of the form "G06: viễn thông, bưu chính"."""
    found: dict[str, tuple[str, ...]] = {}
    for line in form.text("linh-vuc").splitlines():
        if not line.strip():
            continue
        code, colon, words = line.partition(":")
        if not colon or code.strip() not in form.many("moi"):
            form.refuse("linh-vuc", "succession_bad_fields", line=line.strip()[:60])
            continue
        found[code.strip()] = tuple(w.strip() for w in words.split(",") if w.strip())
    return found


def _completed(form: Form) -> Plan:
    """The plan that a preview handed on, with what was chosen on it. Raises Invalid for a broken one."""
    plan = plan_from_text(form.text("ke-hoach"))
    defaults = _chosen(form, "mac-dinh-")
    changes = tuple(
        replace(
            change,
            heirs=tuple(
                replace(heir, is_default=heir.code == defaults[change.predecessor])
                if defaults.get(change.predecessor)
                else heir
                for heir in change.heirs
            ),
        )
        for change in plan.changes
    )
    return replace(
        plan, changes=changes, choices=_by_id(_chosen(form, "viec-")), people=_by_id(_chosen(form, "nguoi-"))
    )


def _chosen(form: Form, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value.strip()
        for name, value in form.values.items()
        if name.startswith(prefix) and value.strip()
    }


def _by_id(chosen: Mapping[str, str]) -> dict[int, str]:
    return {int(key): code for key, code in chosen.items() if _ID.fullmatch(key)}


def _show(page: Page, shown: Preview, form: Form, status: int = 200) -> Response[bytes]:
    page.shown_path = PATH
    asked = shown.of(Outcome.ASKED)
    groups = [
        Group(outcome.value, shown.of(outcome)[:SHOWN], len(shown.of(outcome)))
        for outcome in (Outcome.ABSORBED, Outcome.ENDED, Outcome.MOVED)
        if shown.of(outcome)
    ]
    people = [person for person in shown.people if person.heirs]
    room = max(ASKED_AT_ONCE - len(asked), 0)
    return page.render(
        "succession-preview.html",
        status=status,
        form=form,
        shown=shown,
        plan=plan_to_text(shown.plan),
        groups=groups,
        asked=asked[:ASKED_AT_ONCE],
        people=people[:room],
        more_asked=max(len(asked) + len(people) - ASKED_AT_ONCE, 0),
        given=shown.plan,
        splits=[step for step in shown.steps if step.kind is Kind.SPLIT],
    )


@post(f"{PATH}/thuc-hien", include_in_schema=False)
async def carry_out(request: WebRequest) -> Response[bytes]:
    """Carry out the plan as it was shown; what changed meanwhile is shown anew."""
    page = await open_page(request)
    form = await read_form(page)
    require(page.actor, Verb.MANAGE_AGENCIES)
    plan = _completed(form)
    try:
        done = await actions.carry_out(page.actor, plan, form.text("dau-van-tay"), page.now)
    except Invalid as error:
        form.take(error, {"": ""})
        return await _form(page, form, 422)
    except Conflict as error:
        shown = await actions.preview(page.actor, plan, page.now)
        form.problems.append(Problem("", error.code, None, error.params))
        return _show(page, shown, form, 409)
    return page.see(
        f"{PATH}/{done.succession_id}",
        "notice.succession_done",
        moved=page.number(done.counts["moved"]),
        people=page.number(done.counts["people"]),
    )


@get(f"{PATH}/{{succession_id:str}}", include_in_schema=False)
async def show_one(request: WebRequest, succession_id: FromPath[str]) -> Response[bytes]:
    """What was carried out, by whom, when and on which document."""
    page = await open_page(request)
    require(page.actor, Verb.MANAGE_AGENCIES)
    found = await actions.get_carried_out(page.actor, parse_id(succession_id))
    page.shown_path = PATH
    return page.render("succession-done.html", found=found, last_day=_last_day)


def _last_day(effective_on: date) -> date:
    """The last day of an agency that is succeeded from `effective_on`."""
    return date.fromordinal(effective_on.toordinal() - 1)


routes = [overview, show_preview, carry_out, show_one]
