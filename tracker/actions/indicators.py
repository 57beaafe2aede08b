"""Indicators: defined by the assigning side, read by the agencies, corrected beside what was read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tracker.actions.assignments import locked, remember
from tracker.db import indicators as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import as_service, transaction
from tracker.db.indicators import Defined, Due, Entered, NewEntry
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import OPEN_STATES, OUTSIDE_STATES, State
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.errors import Conflict, Invalid, Problem, StaleVersion
from tracker.domain.indicators import (
    Indicator,
    Progress,
    Reading,
    Standing,
    changes_of,
    check_change,
    check_day,
    check_indicator,
    ended,
    missing_periods,
    parse_figure,
    period_of,
    standing,
)
from tracker.domain.recording import Collector
from tracker.domain.text import clean_text
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day

UNIT = 40
NAME = 200


class IndicatorExists(Conflict):
    """The assignment has an indicator of this name; params: name, agency."""

    code = "indicator_exists"


class IndicatorEnded(Conflict):
    """The indicator has ended: nothing is read of it any more, and nothing changes; params: name."""

    code = "indicator_has_ended"


class ReadingExists(Conflict):
    """There is a reading of this period: it is corrected, with a reason; params: period, words, sequence."""

    code = "reading_exists"


class ReadingMoved(Conflict):
    """Somebody else entered or corrected the reading of this period first; params: period, words, sequence."""

    code = "reading_moved"


@dataclass(frozen=True)
class NewReading:
    """What was typed or sent. `corrects` is the sequence of the reading that it takes the place of; 0 for none.

    `unit` is checked where it is given; the words of the figure may carry it too.
    """

    figure: str
    as_of: date
    unit: str = ""
    evidence: str = ""
    note: str = ""
    reason: str = ""
    corrects: int = 0


@dataclass(frozen=True)
class Told:
    """An indicator with what was read and where it stands."""

    defined: Defined
    readings: Mapping[str, Entered]
    standing: Standing

    @property
    def is_behind(self) -> bool:
        """Whether it is surely behind its plan while its task is open: what was accepted as done is settled."""
        return self.standing.is_behind and self.defined.state in OPEN_STATES


# --- definitions ---


async def define(actor: Actor, assignment_id: int, new: Indicator, now: datetime) -> int:
    """Give an assignment an indicator; its id. Raises Invalid, IndicatorExists, NotFound."""
    return (await define_for(actor, [assignment_id], new, now))[0]


async def define_for(
    actor: Actor, assignment_ids: Collection[int], new: Indicator, now: datetime
) -> list[int]:
    """Give each assignment the same indicator, all or none; their ids. Raises Invalid, IndicatorExists, NotFound."""
    if not assignment_ids:
        raise Invalid.one("/assignments", "indicator_for_nobody", None)
    new = await _checked(new, now)
    made = []
    async with transaction():
        for assignment_id in sorted(assignment_ids):
            row = await locked(actor, assignment_id, None, Verb.EDIT_TASK)
            if await db.has_indicator(row.id, new.name):
                raise IndicatorExists(name=new.name, agency=row.agency_name)
            indicator_id = await db.insert_indicator(row.id, new, actor, now)
            await remember(actor, row, "define_indicator", now, indicator=indicator_id, name=new.name)
            made.append(indicator_id)
    return made


async def change(
    actor: Actor, indicator_id: int, version: int | None, new: Indicator, reason: str, now: datetime
) -> None:
    """Define an indicator anew; what it was stays in the history.

    Raises Invalid, naming every field; NotFound, IndicatorExists, IndicatorEnded, StaleVersion.
    """
    problems: list[Problem] = []
    reason = Collector(problems).text(reason, "/reason", lengths.REASON, newlines=True)
    try:
        new = await _checked(new, now)
    except Invalid as refused:
        problems += refused.problems
    async with transaction():
        row, found = await _locked(actor, indicator_id, version)
        try:
            read = await db.list_valid([indicator_id])
            check_change(found.indicator, new, [e.reading.as_of for e in read[indicator_id].values()])
        except Invalid as refused:
            problems += refused.problems
        if problems:
            raise Invalid(problems)
        if await db.has_indicator(row.id, new.name, besides=indicator_id):
            raise IndicatorExists(name=new.name, agency=row.agency_name)
        changes = changes_of(found.indicator, new)
        if not changes:
            return
        await db.update_indicator(indicator_id, new, now)
        await remember(
            actor,
            row,
            "change_indicator",
            now,
            reason,
            indicator=indicator_id,
            name=new.name,
            changes=changes,
        )


async def end(actor: Actor, indicator_id: int, version: int | None, reason: str, now: datetime) -> None:
    """No reading is owed any more; what was read stays. Raises Invalid, NotFound, IndicatorEnded, StaleVersion."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    async with transaction():
        row, found = await _locked(actor, indicator_id, version)
        await db.end_indicator(indicator_id, reason, now)
        name = found.indicator.name
        await remember(actor, row, "end_indicator", now, reason, indicator=indicator_id, name=name)
        await _take_back(row.id, now)


async def _locked(actor: Actor, indicator_id: int, version: int | None) -> tuple[Assignment, Defined]:
    """The assignment and its indicator, both locked, once the actor may change them."""
    found = await db.get_indicator(actor, indicator_id)
    row = await locked(actor, found.assignment_id, None, Verb.EDIT_TASK)
    found = await db.get_indicator(actor, indicator_id, lock=True)
    if version is not None and found.row_version != version:
        raise StaleVersion(current=found.row_version, changed_at=found.changed_at)
    if found.ended_at is not None:
        raise IndicatorEnded(name=found.indicator.name)
    return row, found


async def _checked(new: Indicator, now: datetime) -> Indicator:
    """The definition with its texts cleaned. Raises Invalid, naming every field."""
    problems: list[Problem] = []
    collect = Collector(problems)
    new = replace(
        new,
        name=collect.text(new.name, "/name", NAME),
        unit=collect.text(new.unit, "/unit", UNIT, required=False),
        counts=collect.text(new.counts, "/counts", UNIT, required=False),
        note=collect.text(new.note, "/note", lengths.NOTE, required=False, newlines=True),
    )
    try:
        check_indicator(new)
    except Invalid as refused:
        problems += refused.problems
    if problems:
        raise Invalid(problems)
    # Whatever year its missing readings need is loaded, or it is said now.
    missing_periods(new, (), civil_day(now), await load_calendar())
    return new


# --- readings ---


def check_reading(indicator: Indicator, new: NewReading, today: date) -> Reading:
    """The reading that was meant. Raises Invalid, naming every field."""
    problems: list[Problem] = []
    found = None
    try:
        check_day(indicator, new.as_of, today)
    except Invalid as refused:
        problems += refused.problems
    if new.unit.strip() and " ".join(new.unit.casefold().split()) != indicator.whole_unit.casefold():
        problems.append(Problem("/unit", "reading_unit", new.unit[:60], {"expected": indicator.whole_unit}))
    try:
        words = clean_text(new.figure, "/figure", lengths.PLACE) if new.figure.strip() else ""
        found = parse_figure(words, indicator)
    except Invalid as refused:
        problems += refused.problems
    if problems or found is None:
        raise Invalid(problems)
    return Reading(new.as_of, found)


async def enter(actor: Actor, indicator_id: int, new: NewReading, source: str, now: datetime) -> int:
    """Take a reading of an agency, or the correction of one; its id.

    Raises NotFound, NotPermitted, Invalid, ReadingExists, ReadingMoved.
    """
    defined = await db.get_indicator(actor, indicator_id)
    require(actor, Verb.REPORT, Subject.of_agency(defined.agency_id, id=defined.assignment_id))
    async with transaction():
        return await write_reading(actor, defined, new, source, now, Verb.REPORT)


async def write_reading(
    actor: Actor, defined: Defined, new: NewReading, source: str, now: datetime, verb: Verb
) -> int:
    """Take a reading inside the caller's transaction, by the right that `verb` is; its id. Raises as `enter`."""
    reading = check_reading(defined.indicator, new, civil_day(now))
    evidence = _optional(new.evidence, "/evidence", lengths.DOCUMENT)
    note = _optional(new.note, "/note", lengths.NOTE)
    reason = clean_text(new.reason, "/reason", lengths.REASON, allow_newlines=True) if new.corrects else ""
    period = period_of(defined.indicator, new.as_of).key
    # Readings of one assignment, and changes of its indicators, wait for each other here.
    row = await locked(actor, defined.assignment_id, None, verb)
    ended_at = (await db.get_indicator(actor, defined.id)).ended_at
    if ended_at is not None:
        raise IndicatorEnded(name=defined.indicator.name)
    before = await db.find_valid(defined.id, period)
    stands = 0 if before is None else before.sequence
    if stands != new.corrects:
        kind = ReadingMoved if new.corrects else ReadingExists
        words = "" if before is None else before.reading.figure.words
        raise kind(period=period, words=words, sequence=stands)
    entry = NewEntry(period, stands + 1, reading, evidence, note, reason, source)
    made = await db.insert_reading(defined.id, entry, actor, now)
    await remember(
        actor,
        row,
        "correct_reading" if stands else "enter_reading",
        now,
        reason,
        indicator=defined.id,
        period=period,
        words=reading.figure.words,
    )
    await _take_back(row.id, now)
    return made


def _optional(text: str, field: str, most: int) -> str:
    return clean_text(text, field, most, allow_newlines=True) if text.strip() else ""


# --- where they stand ---


async def look(actor: Actor, indicator_id: int, now: datetime) -> Told:
    """One indicator with what was read. Raises NotFound."""
    require(actor, Verb.READ)
    return (await _told([await db.get_indicator(actor, indicator_id)], civil_day(now)))[0]


async def list_told(
    actor: Actor,
    today: date,
    *,
    task_id: int | None = None,
    assignment_id: int | None = None,
    agency_ids: Sequence[int] | None = None,
    limit: int = 2000,
) -> list[Told]:
    """The indicators in sight with where they stand on a day."""
    require(actor, Verb.LIST)
    found = await db.list_indicators(
        actor, task_id=task_id, assignment_id=assignment_id, agency_ids=agency_ids, limit=limit
    )
    return await _told(found, today)


async def _told(found: Sequence[Defined], today: date) -> list[Told]:
    if not found:
        return []
    readings = await db.list_valid([one.id for one in found], today)
    calendar = await load_calendar()
    return [_standing(one, readings[one.id], today, calendar) for one in found]


def _standing(one: Defined, readings: Mapping[str, Entered], today: date, calendar: WorkCalendar) -> Told:
    read = {period: entry.reading for period, entry in readings.items()}
    is_over = one.ended_at is not None and civil_day(one.ended_at) <= today
    if is_over or one.state in OUTSIDE_STATES:
        return Told(one, readings, ended(read))
    found = standing(one.indicator, read, today, calendar)
    # What was accepted as done owes nothing more, though its figures stay.
    is_owed = one.state is not State.CONFIRMED
    return Told(one, readings, found if is_owed else replace(found, missing=()))


async def behind_items(actor: Actor, agency_ids: Collection[int], as_of: date) -> list[Told]:
    """The indicators of some agencies that are behind their plan or lack a reading as of a day: for an agenda."""
    told = await list_told(actor, as_of, agency_ids=sorted(agency_ids), limit=20_000)
    return [one for one in told if one.is_behind or one.standing.missing]


# --- what agencies are told ---


def due_of(told: Told) -> list[Due]:
    """What is to be told of a target as it stands: each missing period, and a last reading that is behind."""
    if told.defined.state not in OPEN_STATES:
        return []
    found = [Due(told.defined.id, "missing", period.key) for period in told.standing.missing]
    if told.is_behind and told.standing.last is not None:
        last = told.standing.last
        period = next((key for key, entry in told.readings.items() if entry.reading is last), "")
        # Out of time is another thing than behind: it is told once more.
        mark = "due" if told.standing.progress is Progress.MISSED else period
        found.append(Due(told.defined.id, "behind", mark))
    return found


async def _take_back(assignment_id: int, now: datetime) -> None:
    """Letters that still wait to go are not sent once nothing in them is due any more."""
    async with as_service():
        for outbox_id, spoken in (await db.list_waiting_letters(assignment_id)).items():
            for other, told_of in spoken.items():
                told = await list_told(SYSTEM, civil_day(now), assignment_id=other)
                if any(not told_of.isdisjoint(due_of(one)) for one in told):
                    break
            else:
                await db.supersede_letter(outbox_id)
