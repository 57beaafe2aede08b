"""Judging what is to be recorded: every problem of a directive and its tasks at once, or what it comes to.

Pure: the agencies, the calendar and today's civil date are arguments. The action writes what is judged here;
the preview shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import TypeVar

from tracker.domain import lengths
from tracker.domain.addressees import Addressees, read_addressees
from tracker.domain.assignments import DueKind, Part
from tracker.domain.deadlines import (
    EVENT_PREFIX,
    STANDING,
    DeadlineRule,
    Kind,
    Resolution,
    on_day,
    resolve,
)
from tracker.domain.directory import Agency, check_exists
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.errors import Invalid, Problem
from tracker.domain.phrases import parse
from tracker.domain.recurrences import is_rule, next_occurrence
from tracker.domain.text import clean_text
from tracker.domain.wording import Words
from tracker.domain.workdays import CalendarUnknown, WorkCalendar

DIRECTIVE_KINDS = ("resolution", "decision", "directive", "dispatch", "conclusion", "letter", "other")
URGENCIES = ("normal", "urgent", "very_urgent", "express")
MILESTONES = ("submitted", "issued")
TASKS_AT_ONCE = 500
LONGEST_TERM_YEARS = 30
_WAITING = frozenset({Kind.NONE, Kind.EVENT, Kind.RELATIVE_DAYS, Kind.RELATIVE_WORKDAYS, Kind.WINDOW})
"""Families that may stay without a date until something happens; any other must come to one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Charged:
    """An agency that will have an assignment; `via_class` is the class whose member it is, if it came so."""

    agency: Agency
    part: Part
    via_class: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """When a task is to be done, as an assignment stores it; `words` tell how the date was found."""

    kind: DueKind
    due_on: date | None = None
    due_time: time | None = None
    starts_on: date | None = None
    recurrence: str | None = None
    event: str = ""
    words: Words = ()
    before_issue: bool = False


@dataclass(frozen=True, slots=True)
class JudgedTask:
    """A task with its texts cleaned, its rule resolved and its agencies found."""

    new: NewTask
    rule: DeadlineRule
    due: Due
    charged: tuple[Charged, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A directive that may be recorded."""

    new: NewDirective
    tasks: tuple[JudgedTask, ...]


def judge(new: NewDirective, agencies: Sequence[Agency], calendar: WorkCalendar, today: date) -> Judged:
    """What recording `new` on `today` would come to. Raises Invalid with every problem found."""
    problems: list[Problem] = []
    collect = Collector(problems)
    cleaned = replace(
        new,
        number=collect.text(new.number, "/number", lengths.NUMBER),
        issuer=collect.text(new.issuer, "/issuer", lengths.ISSUER),
        abstract=collect.text(new.abstract, "/abstract", lengths.ABSTRACT, newlines=True),
        signer=collect.text(new.signer, "/signer", lengths.SIGNER, required=False),
    )
    collect.choice(new.kind, "/kind", DIRECTIVE_KINDS)
    collect.choice(new.urgency, "/urgency", URGENCIES)
    if new.issued_on > today:
        collect.add("/issued_on", "issued_in_future", new.issued_on, today=today)
    if new.received_on is not None and new.received_on < new.issued_on:
        collect.add("/received_on", "received_before_issue", new.received_on, issued_on=new.issued_on)
    if len(new.tasks) > TASKS_AT_ONCE:
        collect.add("/tasks", "too_many", len(new.tasks), limit=TASKS_AT_ONCE)
    tasks = judge_tasks(cleaned, new.tasks[:TASKS_AT_ONCE], agencies, calendar, problems)
    if problems:
        raise Invalid(problems)
    return Judged(replace(cleaned, tasks=tuple(t.new for t in tasks)), tuple(tasks))


def judge_tasks(
    directive: NewDirective,
    tasks: Sequence[NewTask],
    agencies: Sequence[Agency],
    calendar: WorkCalendar,
    problems: list[Problem],
) -> list[JudgedTask]:
    """The tasks of `directive`, judged; what is wrong is added to `problems`, pointing below `/tasks`."""
    by_code = {a.code: a for a in agencies}
    judged = []
    for index, task in enumerate(tasks):
        before = len(problems)
        found = _judge_task(
            directive, task, agencies, by_code, calendar, Collector(problems, f"/tasks/{index}")
        )
        if len(problems) == before:
            judged.append(found)
    return judged


def _judge_task(
    directive: NewDirective,
    task: NewTask,
    agencies: Sequence[Agency],
    by_code: Mapping[str, Agency],
    calendar: WorkCalendar,
    collect: Collector,
) -> JudgedTask:
    cleaned = replace(
        task,
        short_name=collect.text(task.short_name, "/short_name", lengths.SHORT_NAME),
        full_text=collect.text(task.full_text, "/full_text", lengths.FULL_TEXT, newlines=True),
        product=collect.text(task.product, "/product", lengths.PRODUCT, required=False, newlines=True),
        place=collect.text(task.place, "/place", lengths.PLACE, required=False),
        report_to=collect.text(task.report_to, "/report_to", lengths.REPORT_TO, required=False),
        field=collect.text(task.field, "/field", lengths.FIELD, required=False),
        lead_words=collect.text(task.lead_words, "/lead_words", lengths.LEAD_WORDS, required=False),
        deadline=collect.text(task.deadline, "/deadline", lengths.DEADLINE, required=False, newlines=True),
    )
    collect.choice(task.completes_on, "/completes_on", MILESTONES)
    charged = _charge(cleaned, directive.issued_on, agencies, by_code, collect)
    rule, due = judge_deadline(cleaned, directive, calendar, collect)
    return JudgedTask(cleaned, rule, due, charged)


# --- who -----------------------------------------------------------------------------------------------------


def _charge(
    task: NewTask,
    on: date,
    agencies: Sequence[Agency],
    by_code: Mapping[str, Agency],
    collect: Collector,
) -> tuple[Charged, ...]:
    leads = _named(task.leads, "/leads", on, agencies, by_code, collect)
    helpers = _named(task.cooperating, "/cooperating", on, agencies, by_code, collect)
    if not task.leads and not task.lead_classes:
        collect.add("/leads", "lead_missing", None)
    for agency in helpers:
        if agency in leads:
            position = task.cooperating.index(agency.code)
            collect.add(f"/cooperating/{position}", "lead_also_cooperating", agency.code, agency=agency.name)
    lead_members = _members(task.lead_classes, "/lead_classes", on, agencies, collect)
    helper_members = _members(task.cooperating_classes, "/cooperating_classes", on, agencies, collect)
    part = Part.LEAD if len(leads) == 1 or task.lead_words else Part.JOINT_LEAD
    charged = {agency.id: Charged(agency, part, task.lead_words) for agency in leads}
    for via, agency in lead_members:
        charged.setdefault(agency.id, Charged(agency, Part.LEAD, via))
    for agency in helpers:
        charged.setdefault(agency.id, Charged(agency, Part.COOPERATING))
    for via, agency in helper_members:
        charged.setdefault(agency.id, Charged(agency, Part.COOPERATING, via))
    return tuple(charged.values())


def _named(
    codes: Sequence[str],
    field: str,
    on: date,
    agencies: Sequence[Agency],
    by_code: Mapping[str, Agency],
    collect: Collector,
) -> list[Agency]:
    found: list[Agency] = []
    for index, code in enumerate(codes):
        agency = by_code.get(code)
        if agency is None:
            collect.add(f"{field}/{index}", "agency_unknown", code)
            continue
        problem = check_exists(agency, agencies, on, f"{field}/{index}")
        if problem is not None:
            collect.problem(problem)
        elif agency in found:
            collect.add(f"{field}/{index}", "agency_twice", code, agency=agency.name)
        else:
            found.append(agency)
    return found


def _members(
    classes: Sequence[str], field: str, on: date, agencies: Sequence[Agency], collect: Collector
) -> list[tuple[str, Agency]]:
    found: list[tuple[str, Agency]] = []
    for index, phrase in enumerate(classes):
        read: Addressees = read_addressees(phrase, agencies, on)
        if not read.members or read.unknown or read.narrowed:
            not_understood = ", ".join((*read.narrowed, *read.unknown)) or phrase
            collect.add(f"{field}/{index}", "class_unknown", phrase, words=not_understood)
        found.extend((phrase, member) for member in read.members)
    return found


# --- by when -------------------------------------------------------------------------------------------------


def judge_deadline(
    task: NewTask, directive: NewDirective, calendar: WorkCalendar, collect: Collector
) -> tuple[DeadlineRule, Due]:
    """The rule of a task's phrase, and the date it comes to; an officer's own date overrules the phrase."""
    if task.due_time is not None and task.due_on is None:
        collect.add("/due_time", "time_without_day", task.due_time)
    rule = parse(task.deadline, directive.issued_on) if task.deadline else DeadlineRule()
    if task.due_on is not None and not task.deadline:
        rule = on_day(task.due_on, task.due_time)
    try:
        resolution = resolve(rule, directive.issued_on, calendar, received_on=directive.received_on)
    except CalendarUnknown as error:
        collect.add("/deadline", "calendar_unknown", task.deadline, year=error.year)
        return rule, Due(DueKind.NONE)
    due = due_from(resolution, directive.issued_on, calendar)
    if task.due_on is not None:
        is_early = task.due_on < directive.issued_on
        due = replace(
            due,
            kind=DueKind.DATED,
            due_on=task.due_on,
            due_time=task.due_time or (due.due_time if due.due_on == task.due_on else None),
            before_issue=is_early,
            words=due.words if due.due_on == task.due_on else (),
            event="",
        )
    elif resolution.undecided is not None and resolution.kind not in _WAITING:
        collect.add("/deadline", "deadline_undecided", task.deadline)
    field = "/due_on" if task.due_on is not None else "/deadline"
    too_far = None if due.due_on is None else deadline_too_far(field, due.due_on, directive.issued_on)
    if too_far is not None:
        collect.problem(too_far)
    if due.before_issue and not task.early_due_confirmed:
        written = task.due_on or resolution.written_on or due.due_on
        collect.add(field, "deadline_before_issue", written, issued_on=directive.issued_on)
    return rule, due


def deadline_too_far(field: str, due_on: date, issued_on: date) -> Problem | None:
    """The problem of a deadline that can only be a slip of the pen: more than thirty years after its directive.

    >>> deadline_too_far("/due_on", date(2055, 11, 20), date(2025, 11, 20)) is None
    True
    """
    latest_year = issued_on.year + LONGEST_TERM_YEARS
    if (due_on.year, due_on.month, due_on.day) <= (latest_year, issued_on.month, issued_on.day):
        return None
    params = {"issued_on": issued_on, "latest_year": latest_year, "years": LONGEST_TERM_YEARS}
    return Problem(field, "deadline_too_far", due_on, params)


def due_from(resolution: Resolution, issued_on: date, calendar: WorkCalendar) -> Due:
    """How an assignment stores a resolved deadline; a recurrent one starts with its first occurrence."""
    recurrence = resolution.recurrence
    rules = resolution.recurrences or ((recurrence,) if is_rule(recurrence) and recurrence else ())
    due_on = resolution.due_on
    if due_on is None and rules:
        due_on = next_occurrence(rules, _eve(issued_on), calendar)
    stored = "\n".join(rules) if rules else None
    if due_on is not None:
        return Due(
            DueKind.DATED,
            due_on,
            resolution.due_time,
            resolution.starts_on,
            stored,
            words=resolution.words,
            before_issue=resolution.before_issue,
        )
    if recurrence is not None and recurrence.startswith(EVENT_PREFIX):
        return Due(DueKind.EVENT, event=recurrence.removeprefix(EVENT_PREFIX), words=resolution.words)
    if recurrence == STANDING:
        return Due(DueKind.STANDING, words=resolution.words)
    if resolution.kind in (Kind.RELATIVE_DAYS, Kind.RELATIVE_WORKDAYS, Kind.EVENT):
        return Due(DueKind.EVENT, words=resolution.words)
    return Due(DueKind.NONE, words=resolution.words)


def _eve(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


# --- collecting problems -------------------------------------------------------------------------------------


class Collector:
    """Gathers problems under one place of the input, so that somebody sees all of them at once."""

    def __init__(self, problems: list[Problem], below: str = "") -> None:
        self.problems = problems
        self.below = below

    def add(self, field: str, code: str, value: object, **params: object) -> None:
        self.problems.append(Problem(self.below + field, code, value, params))

    def problem(self, problem: Problem) -> None:
        self.problems.append(replace(problem, field=self.below + problem.field))

    def choice(self, value: str, field: str, allowed: Sequence[str]) -> None:
        if value not in allowed:
            self.add(field, "not_a_choice", value, allowed=", ".join(allowed))

    def text(
        self, value: str, field: str, length: int, *, required: bool = True, newlines: bool = False
    ) -> str:
        if not value and not required:
            return ""
        return self.attempt(
            lambda: clean_text(value, self.below + field, length, allow_newlines=newlines), value
        )

    def attempt(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except Invalid as error:
            self.problems.extend(error.problems)
            return otherwise
