"""Recording directives and giving their tasks to agencies: walk (a)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.actions import notices
from tracker.db import assignments as assignments_db
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import ladders as ladders_db
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.directory import ASSIGNING_ROLES, Actor
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.errors import Conflict, Invalid, Problem, StaleVersion
from tracker.domain.ladders import Ladder
from tracker.domain.moments import skipped_rank
from tracker.domain.recording import Collector, Judged, JudgedTask, judge, judge_tasks
from tracker.domain.search import word_key
from tracker.domain.text import clean_text
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day


class DirectiveRecorded(Conflict):
    """A directive with this number, issuer and date stands already; params: number, issued_on, directive_id."""

    code = "directive_recorded"


@dataclass(frozen=True)
class Recorded:
    """What recording came to; `replayed` when the same submission had made it before."""

    directive_id: int
    task_ids: tuple[int, ...]
    assignment_ids: tuple[int, ...]
    replayed: bool = False


async def preview(actor: Actor, new: NewDirective, now: datetime) -> Judged:
    """What `record` would make of `new`: dates resolved, classes expanded. Writes nothing. Raises Invalid."""
    require(actor, Verb.RECORD_DIRECTIVE)
    return judge(new, await directory_db.list_agencies(), await load_calendar(), civil_day(now))


async def record(actor: Actor, new: NewDirective, now: datetime) -> Recorded:
    """Record a directive with its tasks, assign them, and queue what the agencies are to be told.

    Raises Invalid with every problem, DirectiveRecorded for a second copy; the same submission twice is one directive.
    """
    judged = await preview(actor, new, now)
    officers = await _officers(judged.tasks)
    ladder = await ladders_db.current_ladder(now)
    calendar = await load_calendar()
    async with transaction():
        await directives_db.lock_recording(judged.new.number)
        if judged.new.submission_id is not None:
            made = await directives_db.find_directive_by_submission(judged.new.submission_id)
            if made is not None:
                return await _replayed(made)
        stands = await directives_db.find_directive(
            judged.new.number, judged.new.issuer, judged.new.issued_on
        )
        if stands is not None:
            raise DirectiveRecorded(
                number=judged.new.number, issued_on=judged.new.issued_on, directive_id=stands
            )
        directive_id = await _insert_directive(actor, judged.new, now)
        task_ids, assignment_ids = await _insert_tasks(
            actor, directive_id, judged.new.issued_on, judged.tasks, 0, officers, ladder, calendar, now
        )
        await notices.assigned(actor, assignment_ids, now)
    return Recorded(directive_id, tuple(task_ids), tuple(assignment_ids))


async def add_tasks(actor: Actor, directive_id: int, tasks: Sequence[NewTask], now: datetime) -> Recorded:
    """Give more tasks of a directive that stands; the same rules and notices as `record`."""
    require(actor, Verb.RECORD_DIRECTIVE)
    agencies, calendar = await directory_db.list_agencies(), await load_calendar()
    ladder = await ladders_db.current_ladder(now)
    directive = await directives_db.get_directive(actor, directive_id)
    frame = NewDirective(
        directive.number,
        directive.kind,
        directive.issued_on,
        directive.issuer,
        directive.abstract,
        received_on=directive.received_on,
    )
    problems: list[Problem] = []
    judged = judge_tasks(frame, tasks, agencies, calendar, problems)
    if problems:
        raise Invalid(problems)
    officers = await _officers(judged)
    async with transaction():
        last = await directives_db.last_ordinal(directive_id)
        task_ids, assignment_ids = await _insert_tasks(
            actor, directive_id, directive.issued_on, judged, last, officers, ladder, calendar, now
        )
        await notices.assigned(actor, assignment_ids, now)
    return Recorded(directive_id, tuple(task_ids), tuple(assignment_ids))


_DIRECTIVE_TEXTS = {"issuer": 300, "signer": 200, "abstract": 4000}


async def edit(
    actor: Actor, directive_id: int, changes: Mapping[str, str], version: int | None, now: datetime
) -> None:
    """Correct the words of a directive: issuer, signer, abstract. Raises Invalid, StaleVersion."""
    require(actor, Verb.RECORD_DIRECTIVE)
    cleaned = _clean(changes, _DIRECTIVE_TEXTS)
    async with transaction():
        before = await directives_db.get_directive(actor, directive_id)
        after = {**{k: getattr(before, k) for k in _DIRECTIVE_TEXTS}, **cleaned}
        cleaned["search_key"] = word_key(f"{before.number} {after['abstract']} {after['issuer']}")
        if not await directives_db.update_row("directive", directive_id, version, cleaned, now):
            raise StaleVersion(current=before.row_version)
        detail = {k: {"before": getattr(before, k), "after": after[k]} for k in changes}
        await insert_history(
            actor, [HistoryEntry("edit_directive", directive_id=directive_id, detail=detail)], now
        )


_TASK_TEXTS = {
    "short_name": lengths.SHORT_NAME,
    "full_text": lengths.FULL_TEXT,
    "product": lengths.PRODUCT,
    "place": lengths.PLACE,
    "report_to": lengths.REPORT_TO,
    "field": lengths.FIELD,
}


async def edit_task(
    actor: Actor,
    task_id: int,
    changes: Mapping[str, str],
    version: int | None,
    now: datetime,
    *,
    officer_id: int | None = None,
) -> None:
    """Correct the words of a task; calendars and feeds show the new name. `officer_id` follows it from now on.

    Raises Invalid, StaleVersion.
    """
    require(actor, Verb.RECORD_DIRECTIVE)
    cleaned: dict[str, object] = {**_clean(changes, _TASK_TEXTS)}
    if officer_id is not None:
        await _check_officer(officer_id)
        cleaned["secretariat_officer_id"] = officer_id
    async with transaction():
        before = await directives_db.get_task(actor, task_id)
        after: dict[str, str] = {k: str(cleaned.get(k, getattr(before, k))) for k in _TASK_TEXTS}
        cleaned["search_key"] = _task_key(after["short_name"], after["full_text"])
        if not await directives_db.update_row("task", task_id, version, cleaned, now):
            raise StaleVersion(current=before.row_version)
        await assignments_db.touch_task(task_id, now)
        detail: dict[str, object] = {k: {"before": getattr(before, k), "after": after[k]} for k in changes}
        if officer_id is not None:
            detail["officer"] = {"before": before.secretariat_officer_id, "after": officer_id}
        entry = HistoryEntry("edit_task", directive_id=before.directive_id, task_id=task_id, detail=detail)
        await insert_history(actor, [entry], now)


async def _check_officer(official_id: int) -> None:
    """Raise Invalid unless this person works on the assigning side today."""
    found = (await directory_db.get_officials([official_id])).get(official_id)
    if found is None or found.role not in ASSIGNING_ROLES or not found.is_active:
        raise Invalid.one("/officer_id", "officer_unknown", official_id)


def _clean(changes: Mapping[str, str], lengths: Mapping[str, int]) -> dict[str, str]:
    problems: list[Problem] = []
    collect = Collector(problems)
    cleaned: dict[str, str] = {}
    for field, value in changes.items():
        if field not in lengths:
            collect.add(f"/{field}", "unknown_field", field)
            continue
        required = field in ("issuer", "abstract", "short_name", "full_text")
        cleaned[field] = collect.text(value, f"/{field}", lengths[field], required=required, newlines=True)
    if problems:
        raise Invalid(problems)
    return cleaned


def _task_key(short_name: str, full_text: str) -> str:
    return word_key(f"{short_name} {full_text}")[:20_000]


async def _insert_directive(actor: Actor, new: NewDirective, now: datetime) -> int:
    directive_id = await directives_db.insert_directive(
        {
            "number": new.number,
            "kind": new.kind,
            "issued_on": new.issued_on,
            "received_on": new.received_on,
            "issuer": new.issuer,
            "signer": new.signer,
            "abstract": new.abstract,
            "urgency": new.urgency,
            "submission_id": new.submission_id,
            "search_key": word_key(f"{new.number} {new.abstract} {new.issuer}"),
            "created_by": actor.official_id,
            "created_at": now,
            "changed_at": now,
        }
    )
    detail = {"number": new.number, "issued_on": new.issued_on, "tasks": len(new.tasks)}
    await insert_history(
        actor, [HistoryEntry("record_directive", directive_id=directive_id, detail=detail)], now
    )
    return directive_id


async def _officers(tasks: Sequence[JudgedTask]) -> dict[str, int]:
    """The secretariat officers that tasks name by address. Raises Invalid for one who is not."""
    problems: list[Problem] = []
    found: dict[str, int] = {}
    for index, task in enumerate(tasks):
        email = task.new.officer_email
        if not email or email in found:
            continue
        official = await directory_db.find_official_by_email(
            clean_text(email, "/officer_email", lengths.EMAIL)
        )
        if official is None or official.role not in ASSIGNING_ROLES or not official.is_active:
            problems.append(Problem(f"/tasks/{index}/officer_email", "officer_unknown", email))
        else:
            found[email] = official.id
    if problems:
        raise Invalid(problems)
    return found


async def _insert_tasks(
    actor: Actor,
    directive_id: int,
    issued_on: date,
    tasks: Sequence[JudgedTask],
    last: int,
    officers: Mapping[str, int],
    ladder: Ladder,
    calendar: WorkCalendar,
    now: datetime,
) -> tuple[list[int], list[int]]:
    if not tasks:
        return [], []
    rows = [
        directives_db.TaskRow(
            ordinal=last + number,
            short_name=t.new.short_name,
            full_text=t.new.full_text,
            product=t.new.product,
            place=t.new.place,
            report_to=t.new.report_to,
            field=t.new.field,
            deadline_phrase=t.new.deadline,
            deadline_rule=t.rule.to_json(),
            completes_on=t.new.completes_on,
            secretariat_officer_id=officers.get(t.new.officer_email) or _own_id(actor),
            restricted=t.new.restricted,
            import_key=t.new.import_key,
        )
        for number, t in enumerate(tasks, start=1)
    ]
    keys = [_task_key(r.short_name, r.full_text) for r in rows]
    task_ids = await directives_db.insert_tasks(directive_id, rows, keys, now)
    assignments = [
        assignments_db.AssignmentRow(
            task_id=task_id,
            agency_id=charged.agency.id,
            part=charged.part.value,
            via_class=charged.via_class,
            occurrence=1,
            due_kind=t.due.kind.value,
            due_on=t.due.due_on,
            due_time=t.due.due_time,
            starts_on=t.due.starts_on,
            recurrence=t.due.recurrence,
            due_words=t.due.words,
            due_event=t.due.event,
            early_due_confirmed=t.due.before_issue,
            ladder_version_id=ladder.id,
            settled_rank=skipped_rank(ladder, t.due.due_on, t.due.due_time, now, calendar)
            if t.due.due_on
            else 0,
        )
        for task_id, t in zip(task_ids, tasks, strict=True)
        for charged in t.charged
    ]
    # An agency is charged from the day the document was signed, not from the day somebody typed it in.
    ids = await assignments_db.insert_assignments(
        directive_id, assignments, issued_on, now, actor.official_id
    )
    await insert_history(
        actor,
        [
            HistoryEntry(
                "assign",
                directive_id=directive_id,
                task_id=row.task_id,
                assignment_id=assignment_id,
                detail={
                    "due": directives_db.due_pair(row.due_on, row.due_time),
                    "part": row.part,
                    "via": row.via_class,
                },
            )
            for assignment_id, row in zip(ids, assignments, strict=True)
        ],
        now,
    )
    return task_ids, ids


def _own_id(actor: Actor) -> int | None:
    return actor.official_id if actor.role in ASSIGNING_ROLES else None


async def _replayed(directive_id: int) -> Recorded:
    task_ids, assignment_ids = await directives_db.ids_below(directive_id)
    return Recorded(directive_id, tuple(task_ids), tuple(assignment_ids), replayed=True)
