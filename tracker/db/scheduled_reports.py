"""Scheduled reports: reading and writing them, their readers, and what became of each letter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.errors import NotFound
from tracker.domain.scheduled_reports import FileFormat, Rhythm, Timing, What


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody decides about a report; `language` None is each reader's own."""

    name: str
    what: What
    timing: Timing
    form: FileFormat
    reader_ids: tuple[int, ...]
    language: str | None = None
    agency_codes: tuple[str, ...] = ()
    directive_id: int | None = None
    field: str = ""
    weeks: int = 2
    leave_out_empty: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who gets a report."""

    official_id: int
    name: str
    email: str
    agency_name: str
    is_active: bool
    is_mailbox_dead: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class ScheduledReport:
    """A report as it stands."""

    id: int
    choices: Choices
    state: str
    active_since: datetime
    made_by_name: str
    made_at: datetime
    changed_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What became of one report on one day for one person; `way` is the state of its message, "" without one."""

    id: int
    report_id: int
    day: date
    official_id: int
    reader_name: str
    outcome: str
    rows: int | None
    is_late: bool
    file_name: str
    outbox_id: int | None
    way: str
    sent_at: datetime | None
    made_at: datetime


_SELECT = """
SELECT r.*, coalesce(o.full_name, '') AS made_by_name,
       ARRAY(SELECT d.official_id FROM scheduled_report_reader d WHERE d.report_id = r.id ORDER BY d.official_id)
           AS reader_ids
FROM scheduled_report r LEFT JOIN official o ON o.id = r.made_by
"""


def _report(row: Record) -> ScheduledReport:
    choices = Choices(
        name=row["name"],
        what=What(row["what"]),
        timing=Timing(Rhythm(row["rhythm"]), row["day"], row["hour"]),
        form=FileFormat(row["form"]),
        reader_ids=tuple(row["reader_ids"]),
        language=row["language"],
        agency_codes=tuple(row["agency_codes"]),
        directive_id=row["directive_id"],
        field=row["field"],
        weeks=row["weeks"],
        leave_out_empty=row["leave_out_empty"],
    )
    return ScheduledReport(
        row["id"],
        choices,
        row["state"],
        row["active_since"],
        row["made_by_name"],
        row["made_at"],
        row["changed_at"],
        row["row_version"],
    )


async def list_reports() -> list[ScheduledReport]:
    """Every report: those that go first, then paused and ended ones, by name."""
    order = "array_position(ARRAY['active', 'paused', 'ended'], r.state), lower(r.name), r.id"
    return [_report(row) for row in await fetch(f"{_SELECT} ORDER BY {order} LIMIT 500")]


async def list_active() -> list[ScheduledReport]:
    """The reports that go."""
    return [_report(row) for row in await fetch(f"{_SELECT} WHERE r.state = 'active' ORDER BY r.id")]


async def get_report(report_id: int, *, lock: bool = False) -> ScheduledReport:
    """One report. Raises NotFound."""
    tail = " FOR UPDATE OF r" if lock else ""
    row = await fetchrow(f"{_SELECT} WHERE r.id = $1{tail}", report_id)
    if row is None:
        raise NotFound(noun="scheduled_report", id=report_id)
    return _report(row)


async def is_reader(report_id: int, official_id: int) -> bool:
    """Whether somebody gets a report."""
    found: bool = await fetchval(
        "SELECT EXISTS (SELECT FROM scheduled_report_reader WHERE report_id = $1 AND official_id = $2)",
        report_id,
        official_id,
    )
    return found


async def count_open() -> int:
    """How many reports have not ended."""
    count: int = await fetchval("SELECT count(*) FROM scheduled_report WHERE state <> 'ended'")
    return count


def _values(choices: Choices) -> tuple[object, ...]:
    timing = choices.timing
    return (
        choices.name,
        choices.what.value,
        timing.rhythm.value,
        timing.day,
        timing.at,
        choices.form.value,
        choices.language,
        list(choices.agency_codes),
        choices.directive_id,
        choices.field,
        choices.weeks,
        choices.leave_out_empty,
    )


async def insert_report(choices: Choices, made_by: int | None, now: datetime) -> int:
    """A report that goes from now on, with its readers."""
    report_id: int = await fetchval(
        """
        INSERT INTO scheduled_report (name, what, rhythm, day, hour, form, language, agency_codes, directive_id,
                                      field, weeks, leave_out_empty, active_since, made_by, made_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $13) RETURNING id
        """,
        *_values(choices),
        now,
        made_by,
    )
    await put_readers(report_id, choices.reader_ids, now)
    return report_id


async def put_readers(report_id: int, reader_ids: Collection[int], now: datetime) -> None:
    """These people get it and nobody else; who got it before keeps the day since when."""
    await execute(
        "DELETE FROM scheduled_report_reader WHERE report_id = $1 AND official_id <> ALL($2::bigint[])",
        report_id,
        list(reader_ids),
    )
    await execute(
        "INSERT INTO scheduled_report_reader (report_id, official_id, since)"
        " SELECT $1, u.id, $3 FROM unnest($2::bigint[]) AS u (id) ON CONFLICT DO NOTHING",
        report_id,
        list(reader_ids),
        now,
    )


async def update_report(report_id: int, choices: Choices, active_since: datetime, now: datetime) -> None:
    """Other choices; the readers are put apart."""
    await execute(
        """
        UPDATE scheduled_report
        SET name = $1, what = $2, rhythm = $3, day = $4, hour = $5, form = $6, language = $7, agency_codes = $8,
            directive_id = $9, field = $10, weeks = $11, leave_out_empty = $12, active_since = $13, changed_at = $14,
            row_version = row_version + 1
        WHERE id = $15
        """,
        *_values(choices),
        active_since,
        now,
        report_id,
    )


async def set_state(report_id: int, state: str, active_since: datetime, now: datetime) -> None:
    """Pause it, let it go on, or end it."""
    await execute(
        "UPDATE scheduled_report SET state = $2, active_since = $3, changed_at = $4, row_version = row_version + 1"
        " WHERE id = $1",
        report_id,
        state,
        active_since,
        now,
    )


async def list_readers(report_id: int) -> list[Reader]:
    """Who gets a report, in Vietnamese order."""
    rows = await fetch(
        """
        SELECT o.id, o.full_name, o.email, coalesce(g.name, '') AS agency_name, o.is_active, o.mailbox = 'dead' AS dead,
               d.since
        FROM scheduled_report_reader d JOIN official o ON o.id = d.official_id LEFT JOIN agency g ON g.id = o.agency_id
        WHERE d.report_id = $1 ORDER BY o.sort_key, o.id
        """,
        report_id,
    )
    return [Reader(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Choosable:
    """Somebody who could get reports."""

    official_id: int
    name: str
    email: str
    agency_name: str
    is_assigning: bool


async def list_choosable() -> list[Choosable]:
    """Everybody in office, the assigning side first, in Vietnamese order."""
    rows = await fetch(
        """
        SELECT o.id, o.full_name, o.email, coalesce(g.name, '') AS agency_name,
               o.role NOT IN ('agency_officer', 'agency_leader') AS is_assigning
        FROM official o LEFT JOIN agency g ON g.id = o.agency_id
        WHERE o.is_active AND o.email <> '' ORDER BY is_assigning DESC, g.sort_key, o.sort_key, o.id
        """
    )
    return [Choosable(*row.values()) for row in rows]


async def list_known_fields() -> list[str]:
    """The fields that tasks stand under."""
    rows = await fetch(
        "SELECT DISTINCT field, lower(field) FROM task WHERE field <> '' ORDER BY lower(field) LIMIT 200"
    )
    return [row["field"] for row in rows]


# -- letters ---------------------------------------------------------------------------------------------


_LETTER = """
SELECT l.id, l.report_id, l.day, l.official_id, o.full_name, l.outcome, l.rows, l.is_late, l.file_name, l.outbox_id,
       coalesce(m.state, '') AS way, m.sent_at, l.made_at
FROM scheduled_report_letter l JOIN official o ON o.id = l.official_id LEFT JOIN outbox m ON m.id = l.outbox_id
"""


async def list_letters(report_id: int, limit: int, before_id: int | None = None) -> list[Letter]:
    """What became of the last letters of a report, newest first; `before_id` goes on after that one."""
    rows = await fetch(
        f"{_LETTER} WHERE l.report_id = $1 AND ($2::bigint IS NULL OR l.id < $2) ORDER BY l.id DESC LIMIT $3",
        report_id,
        before_id,
        limit,
    )
    return [Letter(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Kept:
    """For which days of a report a person has a letter, or none because it was left out."""

    day: date
    official_id: int


async def list_kept(report_id: int, first: date) -> frozenset[Kept]:
    """Every person's days of a report from `first` on that are settled."""
    rows = await fetch(
        "SELECT day, official_id FROM scheduled_report_letter WHERE report_id = $1 AND day >= $2",
        report_id,
        first,
    )
    return frozenset(Kept(row["day"], row["official_id"]) for row in rows)


@dataclass(frozen=True, slots=True)
class NewLetter:
    """What is written of a letter before its message is queued."""

    report_id: int
    day: date
    official_id: int
    outcome: str
    rows: int | None = None
    is_late: bool = False
    file_name: str = ""
    reach: str = ""


async def insert_letter(new: NewLetter, now: datetime) -> int | None:
    """Take the letter upon oneself; None where another worker was first."""
    found: int | None = await fetchval(
        """
        INSERT INTO scheduled_report_letter
            (report_id, day, official_id, outcome, rows, is_late, file_name, reach, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id
        """,
        new.report_id,
        new.day,
        new.official_id,
        new.outcome,
        new.rows,
        new.is_late,
        new.file_name,
        new.reach,
        now,
    )
    return found


async def set_message(letter_id: int, outbox_id: int) -> None:
    """The message that carries it."""
    await execute("UPDATE scheduled_report_letter SET outbox_id = $2 WHERE id = $1", letter_id, outbox_id)


@dataclass(frozen=True, slots=True)
class Carried:
    """A letter whose message is about to leave: to whom, with what reach it was made, and whether it still goes."""

    outbox_id: int
    official_id: int
    reach: str
    state: str


async def list_carried(outbox_ids: Sequence[int]) -> list[Carried]:
    """The letters that these messages carry."""
    rows = await fetch(
        "SELECT l.outbox_id, l.official_id, l.reach, r.state FROM scheduled_report_letter l"
        " JOIN scheduled_report r ON r.id = l.report_id WHERE l.outbox_id = ANY($1::bigint[])",
        list(outbox_ids),
    )
    return [Carried(*row.values()) for row in rows]
