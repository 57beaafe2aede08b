"""Importing a table of tasks: everything is judged first, and nothing is written while one row is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from tracker.actions import directives, jobs
from tracker.actions.jobs import Desk, Outcome
from tracker.actions.seed import shipped
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import jobs as jobs_db
from tracker.db.calendar import load_calendar
from tracker.db.engine import enclosing_transaction
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor, Agency
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.nearest import nearest_agency
from tracker.domain.recording import TASKS_AT_ONCE, Collector, judge, judge_deadline, judge_tasks
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.i18n import LANGUAGES, Language
from tracker.intake import apart, wording
from tracker.intake.charged import Group, Names
from tracker.intake.citations import KnownDocument, number_key, register
from tracker.intake.columns import Column, Heading, body
from tracker.intake.corrections import Corrections, corrections_of
from tracker.intake.rows import Defaults, Draft, Reading, RowProblem, read_rows
from tracker.intake.tables import MAX_BYTES, Table, Unreadable, is_blank, refuse, shown

Progress = Callable[[str, int, int], None]
"""Called with the stage (read, judge, write), what is done and what there is to do."""


class ImportRefused(Invalid):
    """At least one row is wrong: nothing was written; the problems are those of the plan."""

    code = "import_refused"


@dataclass(frozen=True, slots=True)
class PlannedDirective:
    """What one document brings: itself, or more tasks for one that stands (`directive_id`)."""

    new: NewDirective
    directive_id: int | None
    rows: tuple[int, ...]
    assignments: int
    is_early: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do. `doubles` are rows that stand in the database already."""

    directives: tuple[PlannedDirective, ...]
    problems: tuple[RowProblem, ...]
    remarks: tuple[RowProblem, ...]
    doubles: tuple[int, ...]
    heading: Heading

    @property
    def tasks(self) -> int:
        """How many tasks are new."""
        return sum(len(d.new.tasks) for d in self.directives)

    @property
    def assignments(self) -> int:
        """How many assignments they make."""
        return sum(d.assignments for d in self.directives)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    directives: int
    tasks: int
    assignments: int
    doubles: int


async def plan(
    actor: Actor, table: Table, defaults: Defaults, now: datetime, progress: Progress | None = None
) -> Plan:
    """Read and judge every row; writes nothing. Raises Unreadable for a table without a usable header."""
    return (await _plan(actor, table, defaults, now, progress))[0]


async def _plan(
    actor: Actor, table: Table, defaults: Defaults, now: datetime, progress: Progress | None
) -> tuple[Plan, Reading]:
    require(actor, Verb.RECORD_DIRECTIVE)
    names = await known_names(now)
    agencies = names.agencies
    calendar = await load_calendar()
    recorded = await _recorded(actor)
    known = register([*_shipped_documents(), *(d for d, _ in recorded.values())])
    # Thousands of rows keep a processor busy for seconds: in a thread, the service goes on meanwhile.
    reading = await asyncio.to_thread(read_rows, table, names, known, defaults, _stage(progress, "read"))
    stands = await directives_db.known_import_keys([d.task.import_key or "" for d in reading.drafts])
    fresh = [d for d in reading.drafts if d.task.import_key not in stands]
    doubles = tuple(d.row for d in reading.drafts if d.task.import_key in stands)
    judge_all = _Judge(agencies, calendar, civil_day(now), recorded, reading, _stage(progress, "judge"))
    planned, problems = await asyncio.to_thread(judge_all.run, fresh)
    problems += await _officer_problems(fresh, reading.heading)
    every = sorted([*reading.problems, *problems], key=lambda p: p.row)
    return Plan(tuple(planned), tuple(every), reading.remarks, doubles, reading.heading), reading


async def apply(actor: Actor, planned: Plan, now: datetime, progress: Progress | None = None) -> Imported:
    """Record what was planned. Raises ImportRefused while a row is wrong.

    Each document is one transaction; when something stops the work, importing again goes on where it stopped.
    """
    if planned.problems:
        raise ImportRefused(
            Problem(f"/rows/{p.row}", p.code, p.value, p.params or {}) for p in planned.problems
        )
    tasks = assignments = 0
    for one in planned.directives:
        for done, portion in _portions(one):
            made = await _write(actor, one, done, portion, now)
            tasks += len(made.task_ids)
            assignments += len(made.assignment_ids)
            if progress is not None:
                progress("write", tasks, planned.tasks)
    return Imported(len(planned.directives), tasks, assignments, len(planned.doubles))


def _portions(one: PlannedDirective) -> list[tuple[int, tuple[NewTask, ...]]]:
    starts = range(0, len(one.new.tasks), TASKS_AT_ONCE)
    return [(start, one.new.tasks[start : start + TASKS_AT_ONCE]) for start in starts]


async def _write(
    actor: Actor, one: PlannedDirective, done: int, portion: tuple[NewTask, ...], now: datetime
) -> directives.Recorded:
    if one.directive_id is not None:
        return await directives.add_tasks(actor, one.directive_id, portion, now)
    if done == 0:
        return await directives.record(actor, replace(one.new, tasks=portion), now)
    found = await directives_db.find_directive(one.new.number, one.new.issuer, one.new.issued_on)
    if found is None:
        raise LookupError(one.new.number)
    return await directives.add_tasks(actor, found, portion, now)


def _stage(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)


# --- as jobs ---

SHOWN_PROBLEMS = 1000
"""Problems that a preview keeps; the count is of all."""


class ImportNotReady(Conflict):
    """Only an import whose preview is made, and shows no problem, can be written; params: state."""

    code = "import_not_ready"


class NothingNew(Conflict):
    """Every row stands in the database already."""

    code = "import_nothing_new"


@dataclass(frozen=True)
class NewImport:
    """A file to be read as tasks, and what holds for rows that do not say it."""

    content: bytes
    name: str
    sheet: str = ""
    defaults: Defaults = field(default_factory=Defaults)
    corrections: Corrections = field(default_factory=Corrections)


async def ask(actor: Actor, new: NewImport, language: Language) -> int:
    """A job that reads the file and shows what it would do. Raises Unreadable for its size, TooManyJobs."""
    return await jobs.ask(
        actor, jobs.IMPORT, _parameters(new), language, input_bytes=new.content, input_name=new.name
    )


def _parameters(new: NewImport) -> dict[str, object]:
    if not new.content:
        raise refuse("import_empty")
    if len(new.content) > MAX_BYTES:
        raise refuse("import_too_large", len(new.content), limit=MAX_BYTES)
    return {
        "sheet": new.sheet,
        "document": new.defaults.document,
        "issued_on": new.defaults.issued_on,
        "issuer": new.defaults.issuer,
        "confirm_early": new.defaults.confirm_early,
        "corrections": new.corrections.to_json(),
    }


AT_ONCE_BYTES = 150_000
"""What is read while its sender waits: some hundred rows. More is a job."""


async def look(actor: Actor, new: NewImport, language: Language, now: datetime) -> int:
    """As `ask`; a small file is read at once, so that its job has ended when this returns.

    Raises Unreadable for its size, TooManyJobs. A file that cannot be read makes a job that failed.
    """
    if len(new.content) > AT_ONCE_BYTES:
        return await ask(actor, new, language)
    require(actor, Verb.RECORD_DIRECTIVE)
    parameters = _parameters(new)
    summary: dict[str, Any] = {}
    problem: dict[str, Any] | None = None
    try:
        table = new.corrections.apply(await read_apart(new.content, new.name, new.sheet))
        planned, reading = await _plan(actor, table, new.defaults, now, None)
        summary = summary_of(planned) | {"sheet": await _sheet(planned, reading, table, now)}
    except Unreadable as refused:
        problem = jobs.problem_of(refused)
    return await jobs.keep_ended(
        actor, jobs.IMPORT, parameters, language, new.content, new.name, summary, problem
    )


async def given(actor: Actor, import_id: int) -> NewImport:
    """What an import was asked to read, and how, so that it can be asked again with corrections. Raises NotFound."""
    job = await jobs.get(actor, import_id)
    found = await jobs_db.read_input(import_id)
    if job.kind != jobs.IMPORT or found is None:
        raise NotFound(noun="import", id=import_id)
    return NewImport(
        found[0],
        found[1],
        job.parameters["sheet"],
        _defaults(job.parameters),
        corrections_of(job.parameters.get("corrections")),
    )


async def first_rows(actor: Actor, import_id: int, most: int = 8) -> list[tuple[int, tuple[str, ...]]]:
    """The first rows of a table whose header was not found, as the file has them. Raises Unreadable, NotFound."""
    new = await given(actor, import_id)
    table = await read_apart(new.content, new.name, new.sheet)
    filled = [row for row in table.rows if not row.is_empty][:most]
    return [(row.number, tuple(shown(cell)[:200] for cell in row.cells)) for row in filled]


def _defaults(given: Mapping[str, Any]) -> Defaults:
    return Defaults(
        document=given["document"],
        issued_on=_day(given["issued_on"]),
        issuer=given["issuer"],
        confirm_early=given["confirm_early"],
    )


async def confirm(actor: Actor, import_id: int, language: Language) -> int:
    """A job that writes what the preview showed; the same one when asked again. Raises ImportNotReady."""
    job = await jobs.get(actor, import_id)
    if job.kind != jobs.IMPORT:
        raise NotFound(noun="import", id=import_id)
    if job.state != "done":
        raise ImportNotReady(state=job.state)
    if job.summary["problem_count"]:
        raise ImportNotReady(state="problems")
    return await jobs.ask(actor, jobs.IMPORT_CONFIRMATION, job.parameters, language, import_id=import_id)


async def preview(desk: Desk) -> None:
    """The work of an import job: read, judge, keep what it would do."""
    planned, reading, table = await _planned(desk, desk.job.id)
    sheet = await _sheet(planned, reading, table, desk.now())
    await desk.finish(Outcome(summary_of(planned) | {"sheet": sheet}))


async def write(desk: Desk) -> None:
    """The work of a confirmation: read and judge again, then all rows or none, and the job's end with them."""
    assert desk.job.import_id is not None
    planned, _, _ = await _planned(desk, desk.job.import_id)
    if not planned.problems and not planned.tasks:
        raise NothingNew()
    async with enclosing_transaction():
        done = await apply(desk.actor, planned, desk.now(), desk.progress.step)
        desk.fail_point("applied")
        figures = {"directives": done.directives, "tasks": done.tasks, "assignments": done.assignments}
        await desk.finish(Outcome({**figures, "doubles": done.doubles, "import_id": str(desk.job.import_id)}))
    desk.fail_point("committed")


async def _planned(desk: Desk, import_id: int) -> tuple[Plan, Reading, Table]:
    found = await jobs_db.read_input(import_id)
    if found is None:
        raise NotFound(noun="import", id=import_id)
    content, name = found
    given = desk.job.parameters
    desk.progress.step("read", 0, 1)
    table = corrections_of(given.get("corrections")).apply(await read_apart(content, name, given["sheet"]))
    planned, reading = await _plan(desk.actor, table, _defaults(given), desk.now(), desk.progress.step)
    return planned, reading, table


async def read_apart(content: bytes, name: str, sheet: str = "") -> Table:
    """The table of a file, read in a process of little memory and time (attack case 73). Raises Unreadable."""
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "tracker.intake.apart",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": apart.SEARCH_PATH, "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
    )
    try:
        async with asyncio.timeout(apart.WALL_SECONDS):
            answer, _ = await reader.communicate(apart.request(content, name, sheet))
    except TimeoutError:
        raise refuse("import_too_costly") from None
    finally:
        if reader.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                reader.kill()
            await reader.wait()
    return await asyncio.to_thread(apart.table_of, answer)


def summary_of(planned: Plan) -> dict[str, Any]:
    """A plan as its job keeps it: figures, documents, and every problem told in each language."""
    early = [row for d in planned.directives for row in d.is_early]
    return {
        "tasks": planned.tasks,
        "assignments": planned.assignments,
        "directives": [
            {
                "number": d.new.number,
                "issued_on": d.new.issued_on.isoformat(),
                "issuer": d.new.issuer,
                "is_new": d.directive_id is None,
                "tasks": len(d.new.tasks),
                "assignments": d.assignments,
            }
            for d in planned.directives[:SHOWN_PROBLEMS]
        ],
        "doubles": list(planned.doubles[:SHOWN_PROBLEMS]),
        "double_count": len(planned.doubles),
        "early_rows": early[:SHOWN_PROBLEMS],
        "unknown_columns": list(planned.heading.unknown),
        "problem_count": len(planned.problems),
        "problem_rows": len({p.row for p in planned.problems}),
        "problems": [_kept(p) for p in planned.problems[:SHOWN_PROBLEMS]],
        "remark_count": len(planned.remarks),
        "remarks": [_kept(p) for p in planned.remarks[:SHOWN_PROBLEMS]],
    }


# --- the table as the page of an import shows it ---

SHOWN_ROWS = 300
"""Rows that a preview keeps with their cells, wrong ones first; the counts are of all."""


async def _sheet(planned: Plan, reading: Reading, table: Table, now: datetime) -> dict[str, Any]:
    """The rows of a table with what they come to: which day, which agencies, and what is wrong in which cell."""
    calendar = await load_calendar()
    names = await known_names(now)
    return await asyncio.to_thread(_rows_kept, planned, reading, table, calendar, names)


def _rows_kept(
    planned: Plan, reading: Reading, table: Table, calendar: WorkCalendar, names: Names
) -> dict[str, Any]:
    heading = planned.heading
    drafts = {draft.row: draft for draft in reading.drafts}
    doubles = frozenset(planned.doubles)
    wrong: dict[int, list[RowProblem]] = {}
    remarks: dict[int, list[RowProblem]] = {}
    for problem in planned.problems:
        wrong.setdefault(problem.row, []).append(problem)
    for remark in planned.remarks:
        remarks.setdefault(remark.row, []).append(remark)
    rows = body(table, heading)

    def state(row: int) -> str:
        if row in wrong:
            return "wrong"
        if row not in drafts:
            return "passed"
        return "double" if row in doubles else "new"

    states = {row.number: state(row.number) for row in rows}
    order = {"wrong": 0, "new": 1, "double": 2, "passed": 3}
    chosen = {row.number for row in sorted(rows, key=lambda r: order[states[r.number]])[:SHOWN_ROWS]}
    places = {place: column for column, place in heading.places.items()}
    titles = [*heading.titles.values()]
    return {
        "counts": {name: sum(s == name for s in states.values()) for name in order},
        "columns": [
            {"place": place, "column": places[place].value, "title": heading.titles[places[place]]}
            for place in sorted(places)
        ],
        "titles": titles,
        "rows": [
            {
                "row": row.number,
                "state": states[row.number],
                "cells": {
                    str(place): shown(row.cell(place)) for place in places if not is_blank(row.cell(place))
                },
                "due": _due_kept(drafts[row.number], calendar) if row.number in drafts else None,
                "problems": [
                    _kept(p) | {"place": _place_of(p, heading), "nearest": _nearest(p, names)}
                    for p in wrong.get(row.number, ())
                ],
                "remarks": [_kept(p) for p in remarks.get(row.number, ())],
            }
            for row in rows
            if row.number in chosen
        ],
    }


def _place_of(problem: RowProblem, heading: Heading) -> int | None:
    """The column of a problem, from 0; None where the file has no such column."""
    return next(
        (place for column, place in heading.places.items() if heading.titles[column] == problem.column), None
    )


def _nearest(problem: RowProblem, names: Names) -> dict[str, str] | None:
    """The agency that an unknown name is nearest to, and the name as it was written."""
    if problem.code != "import_agency_unknown":
        return None
    words = str((problem.params or {}).get("words", ""))
    found = nearest_agency(words, names.agencies, names.today)
    return None if found is None else {"words": words, "name": found.name}


def _due_kept(draft: Draft, calendar: WorkCalendar) -> dict[str, Any] | None:
    """When a row is due, as its task would be recorded."""
    document = draft.document
    if document.issued_on is None:
        return None
    frame = NewDirective(document.number, document.kind, document.issued_on, document.issuer, "")
    due = judge_deadline(draft.task, frame, calendar, Collector([]))[1]
    return {
        "kind": due.kind.value,
        "day": None if due.due_on is None else due.due_on.isoformat(),
        "time": None if due.due_time is None else f"{due.due_time:%H:%M}",
        "recurs": due.recurrence is not None,
    }


def _kept(problem: RowProblem) -> dict[str, Any]:
    return {
        "row": problem.row,
        "column": problem.column,
        "value": "" if problem.value is None else str(wording.plain(problem.value)),
        "code": problem.code,
        "message": {
            language: wording.sentence(language, problem.code, problem.value, problem.params)
            for language in LANGUAGES
        },
        "expected": {language: wording.expected(language, problem.column) for language in LANGUAGES},
    }


# --- what is known beforehand ---


async def known_names(now: datetime) -> Names:
    """The agencies with every name they go by, as tables and forms read them today."""
    return Names(_with_aliases(await directory_db.list_agencies()), _groups(), civil_day(now))


def _with_aliases(agencies: Sequence[Agency]) -> tuple[Agency, ...]:
    """Agencies with the abbreviations they go by in documents."""
    aliases = {a["code"]: tuple(a.get("aliases", ())) for a in shipped("agencies.json")["agencies"]}
    return tuple(replace(a, aliases=(*a.aliases, *aliases.get(a.code, ()))) for a in agencies)


def _groups() -> tuple[Group, ...]:
    return tuple(
        Group(g["words"], tuple(g["members"]), _day(g.get("valid_from")), _day(g.get("valid_to")))
        for g in shipped("agencies.json")["groups"]
    )


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _shipped_documents() -> list[KnownDocument]:
    return [
        KnownDocument(
            d["number"],
            d["kind"],
            date.fromisoformat(d["issued_on"]),
            d["issuer"],
            d["abstract"],
            tuple(d.get("aliases", ())),
        )
        for d in shipped("documents.json")["documents"]
    ]


async def _recorded(actor: Actor) -> dict[tuple[str, date], tuple[KnownDocument, int]]:
    """The directives that stand, by number and date, with their ids."""
    found = {}
    after: tuple[date, int] | None = None
    while page := await directives_db.list_directives(actor, limit=500, after=after):
        for d in page:
            document = KnownDocument(d.number, d.kind, d.issued_on, d.issuer, d.abstract, is_recorded=True)
            found[number_key(d.number), d.issued_on] = (document, d.id)
        after = (page[-1].issued_on, page[-1].id)
    return found


# --- judging ---


_FIELD_COLUMNS: Mapping[str, Column] = {
    "leads": Column.LEAD,
    "lead_classes": Column.LEAD,
    "lead_words": Column.LEAD,
    "cooperating": Column.COOPERATING,
    "cooperating_classes": Column.COOPERATING,
    "deadline": Column.DUE,
    "due_on": Column.DUE,
    "short_name": Column.SHORT_NAME,
    "full_text": Column.TASK,
    "product": Column.PRODUCT,
    "place": Column.PLACE,
    "report_to": Column.REPORT_TO,
    "field": Column.FIELD,
    "officer_email": Column.OFFICER,
    "number": Column.DOCUMENT,
    "kind": Column.DOCUMENT,
    "issued_on": Column.ISSUED_ON,
    "issuer": Column.ISSUER,
    "abstract": Column.ABSTRACT,
}
_TASK_FIELD = re.compile(r"/tasks/(\d+)/(\w+)")


class _Judge:
    """Gathers drafts under their documents and lets the rules of recording judge each document."""

    def __init__(
        self,
        agencies: Sequence[Agency],
        calendar: WorkCalendar,
        today: date,
        recorded: Mapping[tuple[str, date], tuple[KnownDocument, int]],
        reading: Reading,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.agencies, self.calendar, self.today = agencies, calendar, today
        self.recorded, self.heading, self.progress = recorded, reading.heading, progress

    def run(self, drafts: Sequence[Draft]) -> tuple[list[PlannedDirective], list[RowProblem]]:
        """The documents that may be recorded, and what is wrong with the others."""
        groups: dict[tuple[str, date], list[Draft]] = {}
        for draft in drafts:
            issued_on = draft.document.issued_on
            if issued_on is not None:
                groups.setdefault((number_key(draft.document.number), issued_on), []).append(draft)
        planned: list[PlannedDirective] = []
        problems: list[RowProblem] = []
        done = 0
        for key, group in groups.items():
            one, wrong = self._judge(key, group)
            problems += wrong
            if one is not None:
                planned.append(one)
            done += len(group)
            if self.progress is not None:
                self.progress(done, len(drafts))
        return planned, problems

    def _judge(
        self, key: tuple[str, date], group: Sequence[Draft]
    ) -> tuple[PlannedDirective | None, list[RowProblem]]:
        stands = self.recorded.get(key)
        new = self._directive(group, stands[0] if stands else None)
        found: list[Problem] = []
        counted = 0
        early: list[int] = []
        for start in range(0, len(new.tasks), TASKS_AT_ONCE):
            portion = new.tasks[start : start + TASKS_AT_ONCE]
            below: list[Problem] = []
            try:
                if stands is None and start == 0:
                    judged = judge(
                        replace(new, tasks=portion), self.agencies, self.calendar, self.today
                    ).tasks
                else:
                    judged = tuple(judge_tasks(new, portion, self.agencies, self.calendar, below))
            except Invalid as error:
                judged = ()
                below = list(error.problems)
            counted += sum(len(t.charged) for t in judged)
            early += [group[start + i].row for i, t in enumerate(judged) if t.due.before_issue]
            found += [_moved(problem, start) for problem in below]
        if found:
            return None, [self._row_problem(p, group) for p in found]
        rows = tuple(d.row for d in group)
        return PlannedDirective(new, stands[1] if stands else None, rows, counted, tuple(early)), []

    def _directive(self, group: Sequence[Draft], stands: KnownDocument | None) -> NewDirective:
        first = group[0].document
        assert first.issued_on is not None
        source = stands or first
        issuer = source.issuer or next((d.document.issuer for d in group if d.document.issuer), "")
        abstract = source.abstract or next((d.document.abstract for d in group if d.document.abstract), "")
        return NewDirective(
            number=source.number,
            kind=source.kind,
            issued_on=first.issued_on,
            issuer=issuer,
            abstract=abstract or source.number,
            tasks=tuple(d.task for d in group),
        )

    def _row_problem(self, problem: Problem, group: Sequence[Draft]) -> RowProblem:
        found = _TASK_FIELD.match(problem.field)
        row = group[int(found.group(1))].row if found else group[0].row
        name = found.group(2) if found else problem.field.strip("/").split("/")[0]
        column = _FIELD_COLUMNS.get(name, Column.TASK)
        return RowProblem(row, self.heading.title(column), problem.code, problem.value, problem.params)


def _moved(problem: Problem, start: int) -> Problem:
    """A problem of a portion as a problem of the whole."""
    found = _TASK_FIELD.match(problem.field)
    if start == 0 or found is None:
        return problem
    return replace(problem, field=f"/tasks/{int(found.group(1)) + start}/{found.group(2)}")


async def _officer_problems(drafts: Sequence[Draft], heading: Heading) -> list[RowProblem]:
    """Rows whose officer is nobody of the assigning side."""
    problems = []
    for email in dict.fromkeys(d.task.officer_email for d in drafts if d.task.officer_email):
        official = await directory_db.find_official_by_email(email)
        if official is None or not official.is_active:
            problems += [
                RowProblem(d.row, heading.title(Column.OFFICER), "officer_unknown", email, {})
                for d in drafts
                if d.task.officer_email == email
            ]
    return problems
