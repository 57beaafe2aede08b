"""Readings by spreadsheet: every line is judged and shown first, then all of them are written, once, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from tracker.actions.imports import read_apart
from tracker.actions.indicators import NewReading, Told, check_reading, list_told, write_reading
from tracker.db import indicators as db
from tracker.db.engine import transaction
from tracker.db.indicators import Defined, Entered
from tracker.documents.reading_template import Asked, template
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, may, require_one
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.indicators import period_of
from tracker.domain.zone import civil_day
from tracker.i18n import Language, text
from tracker.intake.days import read_date
from tracker.intake.readings import Column, Line, as_json, from_json, read_lines
from tracker.intake.tables import MAX_BYTES, refuse

SENDERS = (Verb.REPORT, Verb.RECORD_COUNTS)
"""An agency brings its own figures, the desk those that came to it on paper."""
MOST_MISSING = 6
_LENGTHS = {
    Column.EVIDENCE: lengths.DOCUMENT,
    Column.NOTE: lengths.NOTE,
    Column.REASON: lengths.REASON,
}
_COLUMNS = {"/figure": Column.FIGURE, "/as_of": Column.AS_OF, "/unit": Column.UNIT}


class ReadingsNotReady(Conflict):
    """Nothing is written while a line is wrong; params: count."""

    code = "readings_not_ready"


class ReadingsNothingNew(Conflict):
    """Every line stands already, or the table was written before."""

    code = "readings_nothing_new"


class Fate(StrEnum):
    """What becomes of a line."""

    WRONG = "wrong"
    NEW = "new"
    CORRECTION = "correction"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Judged:
    """A line with what becomes of it; `before` is the reading that it corrects or repeats."""

    line: Line
    fate: Fate
    found: Defined | None
    period: str
    before: Entered | None
    problems: tuple[tuple[Column, Problem], ...]
    new: NewReading | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A table that was sent, judged as things stand now."""

    id: int
    name: str
    sent_at: datetime
    written_at: datetime | None
    written: int
    lines: tuple[Judged, ...]

    def count(self, fate: Fate) -> int:
        """How many lines have this fate."""
        return sum(line.fate is fate for line in self.lines)

    @property
    def can_be_written(self) -> bool:
        """Whether nothing is wrong and something is new."""
        is_new = any(line.fate in (Fate.NEW, Fate.CORRECTION) for line in self.lines)
        return self.written_at is None and is_new and not self.count(Fate.WRONG)


def _right(actor: Actor, found: Defined) -> Verb | None:
    """By which right the actor may bring readings of an indicator; None for none."""
    subject = Subject.of_agency(found.agency_id, id=found.assignment_id)
    return next((verb for verb in SENDERS if may(actor, verb, subject)), None)


# --- the template ---


async def make_template(actor: Actor, language: Language, now: datetime) -> bytes:
    """A workbook with a line for every reading that the actor's agencies owe; only the figures are to be filled in."""
    require_one(actor, SENDERS)
    today = civil_day(now)
    told = [
        one for one in await list_told(actor, today) if _right(actor, one.defined) and one.defined.is_running
    ]
    lines = [line for one in told for line in _asked(one, today, language)]
    return template(lines, language)


def _asked(told: Told, today: date, language: Language) -> list[Asked]:
    one = told.defined.indicator
    days = [(period.key, min(period.last, today)) for period in told.standing.missing[-MOST_MISSING:]]
    current = period_of(one, min(today, one.due_on))
    is_open = current.key not in told.readings and current.key not in dict(days)
    if is_open and one.starts_on <= today:
        days.append((current.key, min(today, one.due_on)))
    hidden = text(language, "mail.restricted") if told.defined.restricted else ""
    return [
        Asked(
            str(told.defined.id),
            told.defined.agency_name,
            hidden or told.defined.task,
            hidden or one.name,
            key,
            day,
            one.whole_unit,
        )
        for key, day in days
    ]


# --- sent, judged ---


async def send(actor: Actor, content: bytes, name: str, now: datetime) -> int:
    """Read a table and keep its lines to be looked at; its id. Raises Unreadable, NotPermitted."""
    require_one(actor, SENDERS)
    if actor.official_id is None:
        raise refuse("import_empty")
    if not content:
        raise refuse("import_empty")
    if len(content) > MAX_BYTES:
        raise refuse("import_too_large", len(content), limit=MAX_BYTES)
    lines = read_lines(await read_apart(content, name))
    if not lines:
        raise refuse("readings_no_line")
    return await db.insert_sheet(actor.official_id, name, as_json(lines), now)


async def look(actor: Actor, sheet_id: int, now: datetime) -> Preview:
    """A table that the actor sent, every line judged as things stand. Raises NotFound."""
    require_one(actor, SENDERS)
    return await _judged(actor, await db.get_sheet(actor, sheet_id), now)


async def write(actor: Actor, sheet_id: int, now: datetime) -> int:
    """Write every line that is new or corrects one, all or none; how many.

    Raises NotFound, ReadingsNotReady while a line is wrong, ReadingsNothingNew; what was written stays written once.
    """
    require_one(actor, SENDERS)
    async with transaction():
        sheet = await db.get_sheet(actor, sheet_id, lock=True)
        if sheet.written_at is not None:
            raise ReadingsNothingNew()
        found = await _judged(actor, sheet, now)
        if wrong := found.count(Fate.WRONG):
            raise ReadingsNotReady(count=wrong)
        todo = [line for line in found.lines if line.fate in (Fate.NEW, Fate.CORRECTION)]
        if not todo:
            raise ReadingsNothingNew()
        # In one order, so that two tables do not wait for each other.
        for line in sorted(todo, key=_place):
            assert line.found is not None
            assert line.new is not None
            verb = _right(actor, line.found)
            assert verb is not None
            await write_reading(actor, line.found, line.new, "file", now, verb)
        await db.mark_written(sheet_id, len(todo), now)
    return len(todo)


def _place(line: Judged) -> tuple[int, int, int]:
    assert line.found is not None
    return line.found.assignment_id, line.found.id, line.line.row


async def _judged(actor: Actor, sheet: db.Sheet, now: datetime) -> Preview:
    known = await db.list_indicators(actor, limit=20_000)
    by_id = {str(one.id): one for one in known}
    by_name: dict[str, list[Defined]] = {}
    for one in known:
        by_name.setdefault(_plain(one.indicator.name), []).append(one)
    lines = from_json(sheet.lines)
    matched = [(line, *_find(line, by_id, by_name)) for line in lines]
    read = await db.list_valid(sorted({found.id for _, found, _ in matched if found}))
    taken: dict[tuple[int, str], int] = {}
    judged = []
    for line, found, problem in matched:
        if found is None:
            assert problem is not None
            judged.append(Judged(line, Fate.WRONG, None, "", None, (problem,), None))
            continue
        judged.append(_judge(actor, line, found, read[found.id], taken, civil_day(now)))
    return Preview(sheet.id, sheet.name, sheet.sent_at, sheet.written_at, sheet.written, tuple(judged))


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _find(
    line: Line, by_id: Mapping[str, Defined], by_name: Mapping[str, Sequence[Defined]]
) -> tuple[Defined | None, tuple[Column, Problem] | None]:
    """The indicator that a line means: by its code, else by its name with agency and task where they are given."""
    code = line.text(Column.ID)
    if code:
        found = by_id.get(code)
        problem = (Column.ID, Problem("/id", "reading_of_unknown", code[:60]))
        return (found, None) if found else (None, problem)
    name, agency, task = (_plain(line.text(c)) for c in (Column.NAME, Column.AGENCY, Column.TASK))
    meant = [
        one
        for one in by_name.get(name, ())
        if agency in ("", _plain(one.agency_name), _plain(one.agency_code)) and task in ("", _plain(one.task))
    ]
    if len(meant) == 1:
        return meant[0], None
    kind = "reading_of_several" if meant else "reading_of_unknown"
    return None, (Column.NAME, Problem("/name", kind, line.text(Column.NAME)[:60]))


def _judge(
    actor: Actor,
    line: Line,
    found: Defined,
    read: Mapping[str, Entered],
    taken: dict[tuple[int, str], int],
    today: date,
) -> Judged:
    problems: list[tuple[Column, Problem]] = []

    def wrong(column: Column, code: str, value: object, **params: object) -> None:
        problems.append((column, Problem(f"/{column.value}", code, value, params)))

    if _right(actor, found) is None:
        wrong(Column.ID, "reading_not_yours", line.text(Column.ID)[:60], agency=found.agency_name)
        return Judged(line, Fate.WRONG, found, "", None, tuple(problems), None)
    if not found.is_running:
        wrong(Column.ID, "indicator_has_ended", line.text(Column.ID)[:60], name=found.indicator.name)
    for column, most in _LENGTHS.items():
        if len(line.text(column)) > most:
            wrong(column, "text_too_long", None, length=len(line.text(column)), max_length=most)
    day = read_date(line.text(Column.AS_OF), "/as_of") if line.text(Column.AS_OF) else None
    if isinstance(day, Problem):
        problems.append((Column.AS_OF, day))
    elif day is None:
        wrong(Column.AS_OF, "indicator_day_needed", "")
    as_of = day if isinstance(day, date) else None
    new = NewReading(
        line.text(Column.FIGURE),
        as_of or max(found.indicator.starts_on, min(today, found.indicator.due_on)),
        unit=line.text(Column.UNIT),
        evidence=line.text(Column.EVIDENCE),
        note=line.text(Column.NOTE),
    )
    try:
        check_reading(found.indicator, new, today)
    except Invalid as refused:
        # Without a day of its own nothing is said of the day that was taken instead.
        problems += [
            (_COLUMNS[p.field], p) for p in refused.problems if as_of is not None or p.field != "/as_of"
        ]
    if as_of is None:
        return Judged(line, Fate.WRONG, found, "", None, tuple(problems), None)
    period = period_of(found.indicator, as_of).key
    before = read.get(period)
    first = taken.setdefault((found.id, period), line.row)
    if first != line.row:
        wrong(Column.AS_OF, "reading_twice_in_file", line.text(Column.AS_OF), period=period, row=first)
    fate = Fate.NEW
    if before is not None:
        fate = Fate.SAME if _says_the_same(new, before) else Fate.CORRECTION
        reason = line.text(Column.REASON)
        if fate is Fate.CORRECTION and not reason:
            words = before.reading.figure.words
            wrong(Column.REASON, "reading_reason_needed", "", period=period, words=words)
        new = NewReading(new.figure, new.as_of, new.unit, new.evidence, new.note, reason, before.sequence)
    return Judged(line, Fate.WRONG if problems else fate, found, period, before, tuple(problems), new)


def _says_the_same(new: NewReading, before: Entered) -> bool:
    return (
        _plain(new.figure) == _plain(before.reading.figure.words)
        and new.as_of == before.reading.as_of
        and new.evidence in ("", before.evidence)
        and new.note in ("", before.note)
    )
