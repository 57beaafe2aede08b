"""The ladder of reminders: drawn for a deadline of one's choice, changed in place, saved as a new version.

A version never changes. What runs keeps the version it began with until somebody lets it go over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import ladders as actions
from tracker.db import ladders as db
from tracker.db.calendar import load_calendar
from tracker.db.ladders import VersionHead
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.errors import Invalid, NotFound, Problem, StaleVersion
from tracker.domain.ladder_trial import Outcome, Tried, changes_between, try_out
from tracker.domain.ladders import Anchor, Ladder, Step
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day, civil_now
from tracker.web import ladder_drafts as drafts
from tracker.web import ladder_words as words
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.ladder_chart import Mark, timeline
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import short_day

TRIAL_DAYS = 20
LONGEST_TRIAL = timedelta(days=800)
SHOWN_CHANGES = 8
ROUNDS = 4
"""How often one submission lets actions.MOST_REPLANNED assignments go over; the rest is asked for again."""
_REST_OF_QUERY = ("giao", "han", "gio", "tu")


@dataclass(frozen=True)
class TriedRow:
    """One line of the table beside the drawing."""

    on: date | None
    at: datetime | None
    step: str
    to: str
    copy: str
    says: str
    outcome: str
    is_sent: bool


@dataclass(frozen=True)
class NextView:
    """An assignment that would go over: what comes next before and after."""

    href: str
    title: str
    agency: str
    before: str
    after: str
    is_other: bool


async def _open(request: WebRequest) -> Page:
    page = await open_page(request)
    require(page.actor, Verb.MANAGE_LADDER)
    return page


async def _newest(code: str) -> tuple[Ladder, list[VersionHead]]:
    newest = await db.newest_version(code)
    if newest is None:
        raise NotFound(noun="ladder", id=code)
    return newest, await db.list_version_heads(code)


@get("/thiet-lap/thang", include_in_schema=False)
async def ladders(request: WebRequest) -> Response[bytes]:
    """Which ladders are there, and what runs on them?"""
    page = await _open(request)
    heads: dict[str, list[VersionHead]] = {}
    for head in await db.list_version_heads():
        heads.setdefault(head.code, []).append(head)
    return page.render("ladders.html", ladders=list(heads.values()))


# -- one ladder ------------------------------------------------------------------------------------------


@get("/thiet-lap/thang/{code:str}", include_in_schema=False)
async def ladder(request: WebRequest, code: FromPath[str]) -> Response[bytes]:
    """Who would get what, when? The address holds what is being written."""
    page = await _open(request)
    newest, heads = await _newest(code)
    draft = drafts.read(page.query) if drafts.is_draft(page.query) else drafts.of_steps(newest.steps)
    began = _version(page, newest)
    is_stale = drafts.is_draft(page.query) and began != newest.version
    changes = changes_between(newest.steps, draft.steps) if draft.steps else ()
    is_other = bool(changes) or bool(draft.form.problems)
    # Steps that make no ladder are shown with what is wrong with them; nothing can be tried on them.
    trial = await _trial(page, () if draft.form.problems else draft.steps)
    draft.form.problems += trial.form.problems
    return page.render(
        "ladder.html",
        status=422 if draft.form.problems else 200,
        ladder=newest,
        heads=heads,
        head=heads[0],
        older=sum(head.open_assignments for head in heads[1:]),
        draft=draft,
        form=draft.form,
        steps=_rows(page, draft, newest.steps),
        trial=trial,
        is_other=is_other,
        is_stale=is_stale,
        began=str(began if is_stale else newest.version),
        kinds=[(kind, page.word("step.kind", kind)) for kind in drafts.KINDS],
        wordings=[
            *((key, words.says(page, key)) for key in words.WORDINGS),
            (drafts.OWN, page.s("step.says_own")),
        ],
        duties=[
            (duty, letter, words.opening(page.word("duty", duty)))
            for duty, letter in drafts.DUTY_LETTERS.items()
        ],
        can_add=draft.count < drafts.MOST_STEPS,
        can_leave=draft.count > 1,
    )


def _version(page: Page, newest: Ladder) -> int:
    """Over which version the address was written; the newest where it does not tell."""
    given = page.query.get("tu", "")
    return int(given) if re.fullmatch(r"[0-9]{1,8}", given) else newest.version


@dataclass(frozen=True)
class StepRow:
    """A step in the table of the editor: its words, and where its fields are."""

    at: str
    index: int
    view: words.StepView | None
    kind: str
    has_number: bool
    tail: str
    mark: str
    is_open: bool


def _rows(page: Page, draft: drafts.Draft, saved: Sequence[Step]) -> list[StepRow]:
    stands = {step.code for step in saved}
    changed = {c.after.code for c in changes_between(saved, draft.steps) if c.after is not None}
    views = words.views(page, draft.steps) if draft.steps else [None] * draft.count
    rows = []
    for index, view in enumerate(views):
        at = f"b{index}"
        code, kind = draft.form.values[at], draft.form.values.get(f"{at}k", "sw")
        step = draft.steps[index] if draft.steps else None
        mark = ""
        if code not in stands:
            mark = "new"
        elif step is not None and code in changed:
            mark = "changed"
        rows.append(
            StepRow(
                at=at,
                index=index,
                view=view,
                kind=kind,
                has_number=kind not in ("g", "od"),
                tail=_tail(page, kind, step),
                mark=mark,
                is_open=index in draft.open or code == draft.added,
            )
        )
    return rows


def _tail(page: Page, kind: str, step: Step | None) -> str:
    """The words after the number: its unit and anchor, and the repeats."""
    if step is None:
        return page.word("step.kind", kind)
    if kind in ("g", "od"):
        return words.when(page, step)
    said = page.word("step.tail", kind)
    if step.repeat_every is None:
        return said
    pace = page.s(f"step.pace.{step.unit.value}", count=step.repeat_every)
    return page.s("step.when.repeated", first=said, pace=pace, times=step.repeat_limit)


# -- the drawing -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """The ladder tried out: the fields of the trial, the drawing, its table."""

    form: Form
    chart: str
    rows: tuple[TriedRow, ...]
    sent: int
    not_sent: tuple[TriedRow, ...]
    reviews: tuple[words.StepView, ...]


async def _trial(page: Page, steps: Sequence[Step]) -> Trial:
    calendar = await load_calendar()
    today = civil_day(page.now)
    form = Form({name: page.query.get(name, "") for name in ("giao", "han", "gio")})
    given_on = form.date("giao") or today
    due_on = form.date("han") or _working(max(given_on, today) + timedelta(days=TRIAL_DAYS), calendar)
    due_time = _clock(form)
    if due_on < given_on:
        form.refuse("han", "span_reversed", **{"from": short_day(given_on), "to": short_day(due_on)})
    elif due_on - given_on > LONGEST_TRIAL:
        form.refuse("han", "form_trial_too_long", most=LONGEST_TRIAL.days)
    form.values = {
        "giao": form.text("giao") or short_day(given_on),
        "han": form.text("han") or short_day(due_on),
        "gio": form.text("gio"),
    }
    if form.problems or not steps:
        return Trial(form, "", (), 0, (), ())
    numbers = {step.code: number for number, step in words.numbered(steps)}
    tried = try_out(Ladder(0, "", 0, tuple(steps)), given_on, due_on, due_time, calendar)
    marks = [
        Mark(civil_day(t.at), duty, numbers[t.moment.step.code], is_copy, words.tone_of(t.moment.step))
        for t in tried
        if t.outcome is Outcome.SENT and t.at is not None
        for is_copy, duties in ((False, t.moment.step.to), (True, t.moment.step.copy))
        for duty in duties
    ]
    rows = [_tried_row(page, t, numbers[t.moment.step.code], given_on) for t in tried]
    return Trial(
        form=form,
        chart=timeline(page, marks, given_on, due_on, calendar) if marks else "",
        rows=tuple(row for row in rows if row.is_sent),
        sent=sum(row.is_sent for row in rows),
        not_sent=tuple(row for row in rows if not row.is_sent),
        reviews=tuple(view for view, step in _with_views(page, steps) if step.anchor is Anchor.REVIEW),
    )


def _with_views(page: Page, steps: Sequence[Step]) -> list[tuple[words.StepView, Step]]:
    return [(words.view(page, number, step), step) for number, step in words.numbered(steps)]


def _working(day: date, calendar: WorkCalendar) -> date:
    """`day`, or the first day after it that is not known to be off."""
    while calendar.is_off(day):
        day += timedelta(days=1)
    return day


def _clock(form: Form) -> time | None:
    """An hour typed as "17" or "17:00"; none is no problem."""
    given = form.text("gio")
    if not given:
        return None
    hour, _, minute = given.partition(":")
    if re.fullmatch(r"[0-9]{1,2}", hour) and re.fullmatch(r"|[0-9]{2}", minute):
        try:
            return time(int(hour), int(minute or 0))
        except ValueError:
            pass
    form.refuse("gio", "form_bad_clock")
    return None


def _tried_row(page: Page, tried: Tried, number: int, given_on: date) -> TriedRow:
    step, moment = tried.moment.step, tried.moment
    name = page.s("step.name", number=number)
    if moment.occurrence > 1:
        name = page.s("step.name_again", number=number, times=moment.occurrence)
    is_first = step.anchor is Anchor.ASSIGNED
    return TriedRow(
        on=given_on if is_first else None if tried.at is None else civil_day(tried.at),
        at=None if is_first else tried.at,
        step=name,
        to=words.duties(page, step.to),
        copy=words.duties(page, step.copy),
        says=words.says(page, step.wording),
        outcome=page.word("step.outcome", tried.outcome),
        is_sent=tried.outcome is Outcome.SENT,
    )


# -- versions --------------------------------------------------------------------------------------------


@get("/thiet-lap/thang/{code:str}/ban/{number:str}", include_in_schema=False)
async def version(request: WebRequest, code: FromPath[str], number: FromPath[str]) -> Response[bytes]:
    """What does this version say, and what set it apart from the one before?"""
    page = await _open(request)
    newest, heads = await _newest(code)
    head = next((h for h in heads if str(h.version) == number), None)
    if head is None:
        raise NotFound(noun="ladder", id=f"{code[:60]}/{number[:20]}")
    shown = newest if head.version == newest.version else await db.get_version(code, head.version)
    before = next((h for h in heads if h.version == head.version - 1), None)
    former = None if before is None else await db.get_version(code, before.version)
    changes = (
        [] if former is None else words.changes(page, changes_between(former.steps, shown.steps), shown.steps)
    )
    return page.render(
        "ladder-version.html",
        ladder=shown,
        head=head,
        heads=heads,
        newest=newest,
        before=before,
        changes=changes,
        steps=words.views(page, shown.steps),
        trial=await _trial(page, shown.steps),
        edit_query=urlencode({**drafts.values_of(shown.steps), "tu": newest.version}),
    )


# -- saving ----------------------------------------------------------------------------------------------


@get("/thiet-lap/thang/{code:str}/xem-truoc", include_in_schema=False)
async def preview(request: WebRequest, code: FromPath[str]) -> Response[bytes]:
    """What changes, for how many, before anything is saved?"""
    page = await _open(request)
    newest, _ = await _newest(code)
    draft = drafts.read(page.query)
    back = _back(code, page.query)
    if draft.form.problems or not draft.steps or not changes_between(newest.steps, draft.steps):
        # Its problems, or the lack of any change, are told where they can be mended.
        return page.see(back)
    form = Form({"dang-chay": "giu"})
    return await _show_preview(page, code, draft, _version(page, newest), form, back)


def _back(code: str, query: dict[str, str]) -> str:
    kept = {k: v for k, v in query.items() if k.startswith("b") or k in _REST_OF_QUERY}
    kept.pop("bo", None)
    return f"/thiet-lap/thang/{code}?{urlencode(kept)}"


async def _show_preview(
    page: Page, code: str, draft: drafts.Draft, version: int, form: Form, back: str, status: int = 200
) -> Response[bytes]:
    newest, heads = await _newest(code)
    page.shown_path = f"/thiet-lap/thang/{code}/xem-truoc"
    is_stale = version != newest.version
    theirs = []
    if is_stale and (began := next((h for h in heads if h.version == version), None)) is not None:
        stood = await db.get_version(code, began.version)
        theirs = words.changes(page, changes_between(stood.steps, newest.steps), newest.steps)
    if is_stale and not form.problems:
        status = 409
    foreseen = await actions.foresee(page.actor, code, draft.steps, page.now)
    try:
        rehearsed: actions.Rehearsed | None = await actions.rehearse(page.actor, draft.steps, page.now)
        too_many = None
    except actions.RehearsalTooLarge as refused:
        rehearsed, too_many = None, refused.problems[0]
    names = {step.code: number for number, step in words.numbered(draft.steps)}
    return page.render(
        "ladder-preview.html",
        status=status,
        ladder=newest,
        head=heads[0],
        draft=draft,
        form=form,
        version=newest.version,
        is_stale=is_stale,
        theirs=theirs,
        changes=words.changes(page, changes_between(newest.steps, draft.steps), draft.steps),
        trial=await _trial(page, draft.steps),
        back=back,
        carried=urlencode({**drafts.values_of(draft.steps), **_trial_query(page, form)}),
        foreseen=foreseen,
        others=sum(change.before != change.after for change in foreseen.changes),
        rows=_next_views(page, foreseen.changes, names),
        rehearsed=rehearsed,
        too_many=too_many,
        by_step=[] if rehearsed is None else _by_step(page, rehearsed, names),
        submission=new_submission(),
    )


def _trial_query(page: Page, form: Form) -> dict[str, str]:
    found = {name: page.query.get(name, "") for name in ("giao", "han", "gio")}
    return {name: value for name, value in found.items() if value}


def _by_step(page: Page, rehearsed: actions.Rehearsed, names: dict[str, int]) -> list[tuple[str, int, int]]:
    """Each step with what it would have given and what was given; steps that are no more by their former code."""
    known = [
        (names[c], page.s("step.name", number=names[c]), n)
        for c, n in rehearsed.by_step.items()
        if c in names
    ]
    gone = [n for c, n in rehearsed.by_step.items() if c not in names and n.sent]
    rows = [(name, n.would, n.sent) for _, name, n in sorted(known, key=lambda row: row[0])]
    if gone:
        rows.append((page.s("step.gone"), 0, sum(n.sent for n in gone)))
    return rows


def _next_views(page: Page, changes: Sequence[actions.PlanChange], names: dict[str, int]) -> list[NextView]:
    shown = sorted(changes, key=lambda change: change.before == change.after)[:SHOWN_CHANGES]
    return [
        NextView(
            href=f"/viec/{c.assignment.task_id}/{c.assignment.agency_code}",
            title=c.assignment.short_name,
            agency=c.assignment.agency_name,
            before=_ahead(page, c.before),
            after=_ahead(page, c.after),
            is_other=c.before != c.after,
        )
        for c in shown
    ]


def _ahead(page: Page, ahead: actions.Ahead | None) -> str:
    if ahead is None:
        return page.s("ladder.nothing_ahead")
    if ahead.at is None:
        return page.s("ladder.ahead_unknown")
    local = civil_now(ahead.at)
    return f"{page.clock(local.time())}, {page.weekday(local.date())} {short_day(local.date())}"


@post("/thiet-lap/thang/{code:str}/luu", include_in_schema=False)
async def save(request: WebRequest, code: FromPath[str]) -> Response[bytes]:
    """Save what was written as the next version, and let what runs go over where that was chosen."""
    page = await _open(request)
    form = await read_form(page)
    newest, heads = await _newest(code)
    draft = drafts.read_query(form.text("soan"))
    back = f"/thiet-lap/thang/{code}?{draft.address}&tu={form.version() or newest.version}"
    if draft.form.problems or not draft.steps:
        return page.see(back)
    goes_over = form.text("dang-chay") == "ap"
    reason = form.required("ly-do", "form_reason_needed") if goes_over else ""
    if len(form.text("ghi-chu")) > lengths.NOTE:
        form.refuse("ghi-chu", "form_too_long", most=lengths.NOTE)
    if form.problems:
        return await _show_preview(page, code, draft, form.version(), form, back, status=422)

    async def work() -> str:
        await actions.save_version(
            page.actor,
            code,
            heads[0].name,
            draft.steps,
            form.text("ghi-chu"),
            page.now,
            expected=form.version(),
        )
        if not goes_over:
            return "0"
        changed, left = await _let_go_over(page, code, reason)
        return f"{changed} {left}"

    try:
        said = (await once(page, form, work)).split(" ")
    except StaleVersion:
        return await _show_preview(page, code, draft, form.version(), form, back, status=409)
    except Invalid as error:
        form.take(error, {"/note": "ghi-chu", "/reason": "ly-do"})
        return await _show_preview(page, code, draft, form.version(), form, back, status=422)
    saved = (await _newest(code))[0]
    if len(said) == 2:
        return page.see(
            f"/thiet-lap/thang/{code}",
            "notice.ladder_saved_over",
            version=saved.version,
            count=said[0],
            left=said[1],
        )
    return page.see(f"/thiet-lap/thang/{code}", "notice.ladder_saved", version=saved.version)


async def _let_go_over(page: Page, code: str, reason: str) -> tuple[int, int]:
    """How many went over, and how many are left."""
    changed, left = 0, 1
    for _ in range(ROUNDS):
        done = await actions.replan(page.actor, code, None, reason, page.now)
        changed, left = changed + len(done.changes), done.left
        if not left:
            break
    return changed, left


# -- letting what runs go over ---------------------------------------------------------------------------


@get("/thiet-lap/thang/{code:str}/ap-dung", include_in_schema=False)
async def apply_form(request: WebRequest, code: FromPath[str]) -> Response[bytes]:
    """What changes for what runs on older versions?"""
    page = await _open(request)
    return await _show_apply(page, code, Form({}))


async def _show_apply(page: Page, code: str, form: Form, status: int = 200) -> Response[bytes]:
    newest, heads = await _newest(code)
    page.shown_path = f"/thiet-lap/thang/{code}/ap-dung"
    seen = await actions.replan(page.actor, code, None, "-", page.now, dry_run=True)
    names = {step.code: number for number, step in words.numbered(newest.steps)}
    return page.render(
        "ladder-apply.html",
        status=status,
        ladder=newest,
        head=heads[0],
        heads=[h for h in heads[1:] if h.open_assignments],
        form=form,
        total=len(seen.changes) + seen.left,
        looked_at=len(seen.changes),
        others=sum(change.before != change.after for change in seen.changes),
        rows=_next_views(page, seen.changes, names),
        submission=new_submission(),
    )


@post("/thiet-lap/thang/{code:str}/ap-dung", include_in_schema=False)
async def apply(request: WebRequest, code: FromPath[str]) -> Response[bytes]:
    """Let what runs on older versions follow the newest."""
    page = await _open(request)
    form = await read_form(page)
    newest, _ = await _newest(code)
    reason = form.required("ly-do", "form_reason_needed")
    if form.version() != newest.version:
        form.problems.append(Problem("", StaleVersion.code, None, {}))
        return await _show_apply(page, code, form, status=409)
    if form.problems:
        return await _show_apply(page, code, form, status=422)

    async def work() -> str:
        changed, left = await _let_go_over(page, code, reason)
        return f"{changed} {left}"

    try:
        changed, left = (await once(page, form, work)).split(" ")
    except Invalid as error:
        form.take(error, {"/reason": "ly-do"})
        return await _show_apply(page, code, form, status=422)
    return page.see(f"/thiet-lap/thang/{code}", "notice.ladder_applied", count=changed, left=left)


routes = [ladders, ladder, version, preview, save, apply_form, apply]
