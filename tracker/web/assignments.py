"""One assignment: what, by when, for whom; its story; and the forms in which it is worked on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import assignments as assignment_actions
from tracker.actions import extensions as extension_actions
from tracker.actions import passing_on
from tracker.actions.explain import Explanation, explain
from tracker.db import directory as directory_db
from tracker.db import reads_web
from tracker.db.assignments import Assignment, list_for_task
from tracker.db.attachments import list_attachments
from tracker.db.calendar import load_calendar
from tracker.db.directives import Directive, get_directive
from tracker.db.extensions import Extension
from tracker.db.reports import Report
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.assignments import OPEN_STATES, WORKING_STATES, Fine, State
from tracker.domain.drafts import NewExtension
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem, StaleVersion
from tracker.domain.moments import Hours
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.web.charts import strip
from tracker.web.deciding import FileView, evidence_words, file_view
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.indicators import cards_of
from tracker.web.inspections_coming import origin_of, sessions_about
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import chip, chip_of, path_of, short
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.tasks import computation, desk_links
from tracker.web.timeline import story_of
from tracker.web.urges import owed_view
from tracker.web.wording import Chip, short_day

MOST_OTHERS = 8


@dataclass(frozen=True)
class Due:
    """The block at the top: words first, date second, history of the date third."""

    tone: str
    icon: str
    words: str
    lead: Markup
    lines: list[str | Markup]


@dataclass(frozen=True)
class Action:
    """Something the reader can do; `is_form` posts at once, else the address is a page with a form."""

    label: str
    icon: str
    href: str
    is_form: bool = False


@dataclass(frozen=True)
class Card:
    """Something that waits for this reader's decision."""

    kind: str
    title: str
    href: str
    facts: list[tuple[str, str | Markup]]
    grant: str = ""


@dataclass(frozen=True)
class Standing:
    """What a reader must know at once beside the deadline: a return, a request under way, a report that waits."""

    icon: str
    title: str | Markup
    words: str | Markup = ""
    quote: str = ""
    href: str = ""
    link: str = ""


@dataclass(frozen=True)
class ReportView:
    """A report as the page shows it."""

    at: datetime
    title: str
    summary: str
    lines: list[str]
    receipt: str
    files: list[FileView]


@dataclass(frozen=True)
class Other:
    """Another agency's part in the same task."""

    href: str
    agency: str
    chip: Chip


@dataclass(frozen=True)
class Stale:
    """What was typed, and what stands now, when somebody was first."""

    typed: list[tuple[str, str]]
    current: list[tuple[str, str]]


async def read(page: Page, task_id: str, agency_code: str) -> Assignment:
    """The row that an address names; `lan` tells the occurrence. Raises NotFound."""
    occurrence = page.query.get("lan")
    wanted = parse_id(occurrence) if occurrence else None
    if wanted is not None and wanted > 100_000:
        raise NotFound(noun="assignment")
    return await reads_web.find_assignment_at(page.actor, parse_id(task_id), agency_code[:40], wanted)


def sub(row: Assignment, part: str) -> str:
    """The address of a page or form below the assignment."""
    base, _, query = path_of(row).partition("?")
    return f"{base}/{part}" + (f"?{query}" if query else "")


@get("/viec/{task_id:str}/{agency_code:str}", include_in_schema=False)
async def assignment(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """What, by when, for whom?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    return await show(page, await read(page, task_id, agency_code), Form({}))


async def show(
    page: Page, row: Assignment, form: Form, *, stale: Stale | None = None, status: int = 200
) -> Response[bytes]:
    """The page of an assignment, also when a decision made on it was refused."""
    page.shown_path = path_of(row).partition("?")[0]
    calendar = await load_calendar()
    told = await explain(page.actor, row.id, page.now, Hours(digest=page.state.settings.digest_time))
    extension = next((e for e in told.extensions if e.state == "pending"), None)
    story = story_of(page, told)
    others = [o for o in await list_for_task(page.actor, row.task_id) if o.id != row.id]
    directive = await get_directive(page.actor, row.directive_id)
    inside = await _inside(page, row)
    owed = [owed_view(page, urging) for urging in told.urgings if urging.is_owed]
    main_action, more = _actions(page, row, bool(owed))
    files: dict[int, list[FileView]] = {}
    for file in await list_attachments(page.actor, row.id):
        if file.report_id is not None:
            files.setdefault(file.report_id, []).append(file_view(page, file))
    return page.render(
        "assignment.html",
        status=status,
        a=row,
        form=form,
        stale=stale,
        gave=page.s(f"work.gave.{row.part.value}", issuer=directive.issuer, agency=row.agency_name),
        due=_due(page, told, calendar),
        main_action=main_action,
        more_actions=more,
        more_title=page.s("asg.not_done" if page.is_agency else "asg.other_actions"),
        standing=_standing(page, told),
        owed=owed,
        explain_href=sub(row, "giai-trinh"),
        inside=inside,
        inside_href=sub(row, "chuyen"),
        shared=[] if inside else await passing_on.list_shared(page.actor, row),
        decisions=_decisions(page, row, told.reports, extension),
        targets=await cards_of(page, row),
        timeline=story.items,
        strip=strip(page, story, row.due_on),
        facts=await _facts(page, row, directive),
        reports=[_report_view(page, report, files.get(report.id, [])) for report in reversed(told.reports)],
        others=[Other(path_of(o), o.agency_name, chip_of(page, o, calendar)) for o in others[:MOST_OTHERS]],
        more_others=len(others) + 1 if len(others) > MOST_OTHERS else 0,
        submission=new_submission(),
    )


@dataclass(frozen=True)
class InsideView:
    """What is arranged inside the reader's own agency, in short."""

    who: str
    is_me: bool
    due: Markup
    notes: int


async def _inside(page: Page, row: Assignment) -> InsideView | None:
    """None for whoever is not inside."""
    if not passing_on.is_inside(page.actor, row) or page.actor.official_id is None:
        return None
    found = await passing_on.look(page.actor, row, page.now)
    live = found.live
    if live is None:
        return InsideView("", False, Markup(), len(found.notes))
    due = Markup() if live.due_on is None else page.long_day(live.due_on)
    return InsideView(live.name, live.official_id == page.actor.official_id, due, len(found.notes))


def _standing(page: Page, told: Explanation) -> list[Standing]:
    row = told.assignment
    found: list[Standing] = []
    if row.state is State.RETURNED:
        last = next((r for r in reversed(told.reports) if r.acceptance == "returned"), None)
        if last is not None and last.decided_at is not None:
            on = page.long_day(civil_day(last.decided_at))
            href = f"/bien-nhan/{last.receipt}"
            title = page.t("work.returned", day=on)
            link = page.s("work.see_report")
            found.append(
                Standing("back", title, page.t("work.returned_next"), last.decision_reason, href, link)
            )
    if row.state is State.REPORTED:
        waiting = next((r for r in told.reports if r.acceptance == "pending"), None)
        if waiting is not None:
            title = page.t("work.waiting", receipt=waiting.receipt, moment=page.moment(waiting.submitted_at))
            words = page.t("work.waiting_next")
            link = page.s("work.see_receipt")
            found.append(Standing("wait", title, words, "", f"/bien-nhan/{waiting.receipt}", link))
    last_asked = told.extensions[-1] if told.extensions else None
    if last_asked is not None and row.state in OPEN_STATES:
        day = page.long_day(last_asked.proposed_on)
        if last_asked.state == "pending":
            found.append(Standing("extend", page.t("work.extending", day=day), page.t("work.extending_next")))
        elif last_asked.state == "refused":
            title = page.t("work.extension_refused", day=day)
            words = page.t("work.extension_refused_next")
            found.append(Standing("extend", title, words, last_asked.decision_reason))
    return found


def _due(page: Page, told: Explanation, calendar: WorkCalendar) -> Due:
    row, status = told.assignment, told.status
    shown = chip(page, status, told.days, calendar)
    lead = Markup()
    if row.due_on is not None:
        day = Markup("<strong>{}</strong>").format(page.long_day(row.due_on))
        key = "due.by_hour" if row.due_time else "due.until"
        lead = page.t(key, day=day, time=page.clock(row.due_time) if row.due_time else "")
    lines: list[str | Markup] = []
    if row.deadline_phrase and row.due_on and row.deadline_phrase != short_day(row.due_on):
        lines.append(page.s("due.phrase", phrase=row.deadline_phrase))
    if words := computation(page, row):
        lines.append(words)
    elif row.due_on is not None and calendar.is_off(row.due_on):
        lines.append(page.s("due.is_day_off"))
    if row.original_due_on and row.original_due_on != row.due_on:
        lines.append(page.s("due.original", day=short_day(row.original_due_on)))
    for change in told.deadlines[1:]:
        if change.due_on is not None:
            document = change.document or page.s("due.no_document")
            key = f"due.changed.{change.kind}"
            lines.append(page.s(key, day=short_day(change.due_on), document=document))
    if row.early_due_confirmed:
        lines.append(page.s("due.before_issue", day=short_day(row.directive_issued_on)))
    if row.committed_on is not None and row.state in OPEN_STATES:
        lines.append(
            page.s("due.committed", day=short_day(row.committed_on), document=row.committed_document)
        )
    tone = "done" if status.fine is Fine.DONE_ON_TIME else shown.tone
    return Due(tone, shown.icon, shown.words, lead, lines)


async def _facts(page: Page, row: Assignment, directive: Directive) -> list[tuple[str, str | Markup]]:
    """What is to be handed in, after which document, whom to ask; the full wording last."""
    link = Markup('<a href="/van-ban/{}">{}</a>').format(row.directive_id, row.directive_number)
    issued = page.t("asg.directive", number=link, day=page.day(row.directive_issued_on))
    facts: list[tuple[str, str | Markup]] = [
        (page.s("asg.product"), row.product or page.s("six.missing")),
        (page.s("asg.by_directive"), issued + _abstract(page, directive)),
    ]
    if row.place:
        facts.append((page.s("asg.place"), row.place))
    if row.report_to:
        facts.append((page.s("asg.report_to"), row.report_to))
    if page.is_agency and row.secretariat_officer_id is not None:
        officer = (await directory_db.get_officials([row.secretariat_officer_id])).get(
            row.secretariat_officer_id
        )
        if officer is not None and officer.is_active:
            mail = Markup('{} · <a href="mailto:{}">{}</a>').format(
                officer.name, officer.email, officer.email
            )
            facts.append((page.s("work.ask"), mail))
    if not page.is_agency:
        facts.append((page.s("col.part"), page.word("part", row.part.value)))
    if row.via_class:
        facts.append((page.s("asg.via_class"), row.via_class))
    if row.cause:
        facts.append((page.s("asg.cause"), row.cause))
    if sessions := await sessions_about(page, row):
        facts.append((page.s("insp.in_sessions"), sessions))
        if origin := await origin_of(page, row):
            facts.append((page.s("insp.origin"), origin))
    if row.full_text != row.short_name:
        facts.append((page.s("asg.full_text"), row.full_text))
    return facts


def _abstract(page: Page, directive: Directive) -> Markup:
    if not directive.abstract:
        return Markup()
    return Markup(' <span class="sub"{}>{}</span>').format(page.vi, short(directive.abstract, 200))


def subject_of(row: Assignment, reporter_id: int | None = None) -> Subject:
    """What a right to the assignment is asked about."""
    return Subject.of_agency(row.agency_id, id=row.id, reporter_id=reporter_id)


def _actions(page: Page, row: Assignment, owes: bool) -> tuple[Action | None, list[Action]]:
    """The one main action of this reader, and the quieter ones; an explanation owed comes last of the main ones."""
    subject = subject_of(row)
    more: list[Action] = []
    main = None
    if may(page.actor, Verb.REPORT, subject) and row.state in WORKING_STATES:
        report = Action(page.s("act.report"), "file", sub(row, "bao-cao"))
        if row.state is State.ASSIGNED and may(page.actor, Verb.ACKNOWLEDGE, subject):
            main = Action(page.s("act.acknowledge"), "user", sub(row, "nhan-viec"), is_form=True)
            more.append(report)
        else:
            main = report
        more.append(Action(page.s("act.progress"), "flag", sub(row, "tien-do")))
    if (
        may(page.actor, Verb.REQUEST_EXTENSION, subject)
        and row.state in WORKING_STATES
        and row.due_on
        and not row.extension_pending
    ):
        more.append(Action(page.s("act.extend"), "extend", sub(row, "gia-han")))
    if may(page.actor, Verb.REPORT, subject):
        if row.state in WORKING_STATES:
            more.append(Action(page.s("work.pass_on"), "user", sub(row, "chuyen")))
        if owes and main is None:
            main = Action(page.s("work.explain"), "flag", sub(row, "giai-trinh"))
    if not page.is_agency:
        more += [Action(link.label, link.icon, link.href) for link in desk_links(page, row)]
    return main, more


def _decisions(
    page: Page, row: Assignment, reports: Sequence[Report], extension: Extension | None
) -> list[Card]:
    cards = []
    waiting = next((r for r in reports if r.acceptance == "pending"), None)
    if waiting is not None and may(page.actor, Verb.CONFIRM, subject_of(row, waiting.submitted_by)):
        in_time = row.due_on is None or civil_day(waiting.submitted_at) <= row.due_on
        cards.append(
            Card(
                "report",
                page.s("confirm.title", agency=row.agency_name),
                sub(row, "xac-nhan"),
                [
                    (page.s("report.summary"), waiting.summary),
                    (page.s("report.evidence"), evidence_words(page, waiting)),
                    (page.s("report.sent_at"), page.moment(waiting.submitted_at)),
                    (page.s("confirm.if"), page.s("confirm.if_in_time" if in_time else "confirm.if_late")),
                ],
            )
        )
    if extension is not None and may(page.actor, Verb.DECIDE_EXTENSION, subject_of(row)):
        asked = page.s("extend.asked_late" if extension.asked_late else "extend.asked_in_time")
        cards.append(
            Card(
                "extension",
                page.s("extend.title", agency=row.agency_name),
                sub(row, "quyet-dinh-gia-han"),
                [
                    (page.s("extend.in_force"), page.long_day(extension.due_before)),
                    (page.s("extend.wanted"), page.long_day(extension.proposed_on)),
                    (page.s("extend.reason"), extension.reason),
                    (page.s("extend.asked"), asked),
                    (page.s("extend.if"), page.s("extend.if_granted", count=row.extension_count + 1)),
                ],
                page.s("extend.grant", day=short_day(extension.proposed_on)),
            )
        )
    return cards


def _report_view(page: Page, report: Report, files: list[FileView]) -> ReportView:
    lines = []
    if report.kind == "completion":
        lines.append(evidence_words(page, report))
        lines.append(page.word("acceptance", report.acceptance))
    if report.percent is not None:
        lines.append(page.s("report.percent_of", percent=report.percent))
    if report.addressed_to:
        lines.append(page.s("report.addressed_of", who=report.addressed_to))
    if report.decision_reason:
        lines.append(page.s("timeline.quote", words=report.decision_reason))
    title = page.s(f"report.title.{report.kind}")
    return ReportView(report.submitted_at, title, report.summary, lines, report.receipt, files)


# Working forms -----------------------------------------------------------------------------------------------


async def _stale(page: Page, row: Assignment, form: Form, names: Mapping[str, str]) -> Stale:
    """Both versions: what was typed here, and what somebody else made of the assignment meanwhile."""
    calendar = await load_calendar()
    typed = [(page.s(key), form.text(name)) for name, key in names.items() if form.text(name)]
    current = [
        (page.s("col.status"), chip_of(page, row, calendar).words),
        (page.s("col.due"), short_day(row.due_on) if row.due_on else page.s("due.none")),
        (page.s("stale.changed_at"), page.moment(row.changed_at).striptags()),
    ]
    if row.last_report_summary:
        current.append((page.s("col.report"), short(row.last_report_summary, 200)))
    return Stale(typed, current)


async def carry_out(
    page: Page,
    row: Assignment,
    form: Form,
    work: Callable[[], Awaitable[str]],
    fields: dict[str, str],
    names: Mapping[str, str],
) -> str | tuple[int, Stale | None]:
    """Do it once; or the status and the comparison of the page that shows the form again, with its problems."""
    if form.problems:
        return 422, None
    try:
        return await once(page, form, work)
    except Invalid as error:
        form.take(error, fields)
        return 422, None
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        stale = await _stale(page, row, form, names) if isinstance(error, StaleVersion) else None
        return 409, stale


@post("/viec/{task_id:str}/{agency_code:str}/nhan-viec", include_in_schema=False)
async def acknowledge(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """The agency says that it has the task."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.ACKNOWLEDGE, subject_of(row))

    async def work() -> str:
        await assignment_actions.acknowledge(page.actor, row.id, form.version(), page.now)
        return ""

    done = await carry_out(page, row, form, work, {}, {})
    if isinstance(done, str):
        return page.see(path_of(row), "notice.acknowledged")
    return await show(page, await read(page, task_id, agency_code), form, status=done[0])


# The agency's own forms --------------------------------------------------------------------------------------


async def _extension_page(
    page: Page, row: Assignment, form: Form, *, stale: Stale | None = None, status: int = 200
) -> Response[bytes]:
    page.shown_path = sub(row, "gia-han").partition("?")[0]
    lead = page.t("extend.lead2", day=page.long_day(row.due_on)) if row.due_on else page.t("due.none")
    is_late = row.due_on is not None and row.due_on < page.today
    return page.render(
        "extension.html",
        status=status,
        a=row,
        form=form,
        stale=stale,
        lead=lead,
        when=page.s("extend.late_warning" if is_late else "extend.before"),
        action=sub(row, "gia-han"),
        back=path_of(row),
        submission=new_submission(),
    )


@get("/viec/{task_id:str}/{agency_code:str}/gia-han", include_in_schema=False)
async def extension_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Until when, and why?"""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    require(page.actor, Verb.REQUEST_EXTENSION, subject_of(row))
    return await _extension_page(page, row, Form({}))


@post("/viec/{task_id:str}/{agency_code:str}/gia-han", include_in_schema=False)
async def ask_extension(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Ask for more time."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.REQUEST_EXTENSION, subject_of(row))
    proposed = form.date("de-nghi-den", required="form_date_needed")
    reason = form.required("ly-do", "form_reason_needed")

    async def work() -> str:
        assert proposed is not None
        new = NewExtension(reason=reason, proposed_on=proposed)
        await extension_actions.request(page.actor, row.id, form.version(), new, page.now)
        return ""

    fields = {"/proposed_on": "de-nghi-den", "/reason": "ly-do"}
    names = {"de-nghi-den": "extend.proposed", "ly-do": "extend.reason"}
    done = await carry_out(page, row, form, work, fields, names)
    if isinstance(done, str):
        return page.see(path_of(row), "notice.extension_asked")
    fresh = await read(page, task_id, agency_code)
    return await _extension_page(page, fresh, form, stale=done[1], status=done[0])


routes = [
    assignment,
    acknowledge,
    extension_form,
    ask_extension,
]
