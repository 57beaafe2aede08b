"""Indicators and their readings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.assignments import OUTSIDE_STATES, State
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound
from tracker.domain.indicators import Direction, Exactness, Figure, Frequency, Indicator, Reading


@dataclass(frozen=True, slots=True)
class Defined:
    """An indicator as it stands, with the task and the agency it belongs to.

    `ended_at` is when it was ended; an assignment that was withdrawn or went to another agency ends its indicators too.
    """

    id: int
    assignment_id: int
    task_id: int
    task: str
    restricted: bool
    field: str
    directive_id: int
    agency_id: int
    agency_code: str
    agency_name: str
    occurrence: int
    row_version: int
    defined_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    ended_reason: str
    state: State
    indicator: Indicator

    @property
    def is_running(self) -> bool:
        """Whether readings are owed."""
        return self.ended_at is None and self.state not in OUTSIDE_STATES


@dataclass(frozen=True, slots=True)
class Entered:
    """A reading as it was entered; `sequence` counts the corrections of its period from 1."""

    id: int
    indicator_id: int
    period: str
    sequence: int
    reading: Reading
    evidence: str
    note: str
    reason: str
    source: str
    entered_by_name: str
    entered_at: datetime


_INDICATOR = """
SELECT i.*, i.steps::text AS steps_text, a.task_id, a.agency_id, a.occurrence, a.state, t.short_name AS task,
       t.restricted, t.field, t.directive_id, g.code AS agency_code, g.name AS agency_name
FROM indicator i JOIN assignment a ON a.id = i.assignment_id JOIN task t ON t.id = a.task_id
JOIN agency g ON g.id = a.agency_id
"""


def _defined(row: Record) -> Defined:
    steps = tuple((date.fromisoformat(on), Decimal(figure)) for on, figure in json.loads(row["steps_text"]))
    indicator = Indicator(
        name=row["name"],
        unit=row["unit"],
        counts=row["counts"],
        starts_on=row["starts_on"],
        due_on=row["due_on"],
        direction=Direction(row["direction"]),
        baseline=row["baseline"],
        target=row["target"],
        least=row["least"],
        most=row["most"],
        frequency=Frequency(row["frequency"]),
        steps=steps,
        note=row["note"],
    )
    names = [name for name in Defined.__dataclass_fields__ if name not in ("indicator", "state")]
    return Defined(**{name: row[name] for name in names}, state=State(row["state"]), indicator=indicator)


async def list_indicators(
    viewer: Actor,
    *,
    task_id: int | None = None,
    assignment_id: int | None = None,
    agency_ids: Sequence[int] | None = None,
    limit: int = 2000,
) -> list[Defined]:
    """The indicators in sight, of a task, an assignment or some agencies where they are named."""
    condition, seen = visible_to(viewer, "a", first=5)
    rows = await fetch(
        f"""
        {_INDICATOR} WHERE ($1::bigint IS NULL OR a.task_id = $1) AND ($2::bigint IS NULL OR a.id = $2)
            AND ($3::bigint[] IS NULL OR a.agency_id = ANY($3)) AND {condition}
        ORDER BY g.sort_key, t.id, i.id LIMIT $4
        """,
        task_id,
        assignment_id,
        None if agency_ids is None else list(agency_ids),
        limit,
        *seen,
    )
    return [_defined(row) for row in rows]


async def get_indicator(viewer: Actor, indicator_id: int, *, lock: bool = False) -> Defined:
    """One indicator, locked if asked. Raises NotFound, also where the viewer may not know of it."""
    condition, seen = visible_to(viewer, "a", first=2)
    held = "FOR UPDATE OF i" if lock else ""
    rows = await fetch(f"{_INDICATOR} WHERE i.id = $1 AND {condition} {held}", indicator_id, *seen)
    if not rows:
        raise NotFound(noun="indicator", id=indicator_id)
    return _defined(rows[0])


async def has_indicator(assignment_id: int, name: str, *, besides: int = 0) -> bool:
    """Whether the assignment has an indicator of this name, other than `besides`."""
    found: bool = await fetchval(
        "SELECT EXISTS (SELECT FROM indicator WHERE assignment_id = $1 AND name = $2 AND id <> $3)",
        assignment_id,
        name,
        besides,
    )
    return found


def _steps(new: Indicator) -> str:
    return json.dumps([[on.isoformat(), str(figure)] for on, figure in new.steps])


async def insert_indicator(assignment_id: int, new: Indicator, actor: Actor, now: datetime) -> int:
    """A further indicator of an assignment; its id."""
    made: int = await fetchval(
        """
        INSERT INTO indicator (assignment_id, name, unit, counts, direction, baseline, target, least, most,
            starts_on, due_on, frequency, steps, note, defined_by, defined_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14, $15, $16, $16) RETURNING id
        """,
        assignment_id,
        new.name,
        new.unit,
        new.counts,
        new.direction.value,
        new.baseline,
        new.target,
        new.least,
        new.most,
        new.starts_on,
        new.due_on,
        new.frequency.value,
        _steps(new),
        new.note,
        actor.official_id,
        now,
    )
    return made


async def update_indicator(indicator_id: int, new: Indicator, now: datetime) -> None:
    """Write another definition; the row is locked by the caller."""
    await execute(
        """
        UPDATE indicator SET name = $2, unit = $3, counts = $4, direction = $5, baseline = $6, target = $7,
            least = $8, most = $9, starts_on = $10, due_on = $11, frequency = $12, steps = $13::jsonb, note = $14,
            changed_at = $15, row_version = row_version + 1
        WHERE id = $1
        """,
        indicator_id,
        new.name,
        new.unit,
        new.counts,
        new.direction.value,
        new.baseline,
        new.target,
        new.least,
        new.most,
        new.starts_on,
        new.due_on,
        new.frequency.value,
        _steps(new),
        new.note,
        now,
    )


async def end_indicator(indicator_id: int, reason: str, now: datetime) -> None:
    """No reading is owed any more; the row is locked by the caller."""
    await execute(
        "UPDATE indicator SET ended_at = $2, ended_reason = $3, changed_at = $2, row_version = row_version + 1"
        " WHERE id = $1",
        indicator_id,
        now,
        reason,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an indicator's definition as the history has it; `changes` are (field, before, after)."""

    at: datetime
    verb: str
    who: str
    reason: str
    changes: tuple[tuple[str, str, str], ...]


async def list_steps(found: Defined) -> list[Step]:
    """When an indicator was defined, changed and ended, by whom and why, the latest first."""
    rows = await fetch(
        """
        SELECT at, verb, actor_name, reason, detail::text AS detail FROM history
        WHERE assignment_id = $1 AND verb IN ('define_indicator', 'change_indicator', 'end_indicator')
            AND detail->>'indicator' = $2::text
        ORDER BY at DESC, id DESC
        """,
        found.assignment_id,
        str(found.id),
    )
    return [
        Step(
            row["at"],
            row["verb"],
            row["actor_name"],
            row["reason"],
            tuple((c[0], c[1], c[2]) for c in json.loads(row["detail"]).get("changes", ())),
        )
        for row in rows
    ]


# --- readings ---


def _entered(row: Record) -> Entered:
    figure = Figure(row["words"], Exactness(row["exactness"]), row["number"])
    names = [name for name in Entered.__dataclass_fields__ if name != "reading"]
    return Entered(**{name: row[name] for name in names}, reading=Reading(row["as_of"], figure))


async def list_readings(indicator_id: int) -> list[Entered]:
    """Every reading with its corrections, the latest period first, in it what counts first."""
    rows = await fetch(
        "SELECT * FROM indicator_reading WHERE indicator_id = $1 ORDER BY as_of DESC, period DESC, sequence DESC",
        indicator_id,
    )
    return [_entered(row) for row in rows]


async def list_valid(
    indicator_ids: Sequence[int], until: date | None = None
) -> Mapping[int, dict[str, Entered]]:
    """What counts, by indicator and period, the oldest first; of days up to `until` if that is given."""
    rows = await fetch(
        """
        SELECT * FROM (SELECT DISTINCT ON (indicator_id, period) * FROM indicator_reading
            WHERE indicator_id = ANY($1::bigint[]) AND ($2::date IS NULL OR as_of <= $2)
            ORDER BY indicator_id, period, sequence DESC) r
        ORDER BY as_of, id
        """,
        list(indicator_ids),
        until,
    )
    found: dict[int, dict[str, Entered]] = {indicator_id: {} for indicator_id in indicator_ids}
    for row in rows:
        found[row["indicator_id"]][row["period"]] = _entered(row)
    return found


async def find_valid(indicator_id: int, period: str) -> Entered | None:
    """The reading of a period that counts."""
    rows = await fetch(
        "SELECT * FROM indicator_reading WHERE indicator_id = $1 AND period = $2 ORDER BY sequence DESC LIMIT 1",
        indicator_id,
        period,
    )
    return _entered(rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A reading that is checked and only needs to be written."""

    period: str
    sequence: int
    reading: Reading
    evidence: str
    note: str
    reason: str
    source: str


async def insert_reading(indicator_id: int, new: NewEntry, actor: Actor, now: datetime) -> int:
    """A further reading; its id."""
    figure = new.reading.figure
    made: int = await fetchval(
        """
        INSERT INTO indicator_reading (indicator_id, period, sequence, as_of, words, exactness, number, evidence,
            note, reason, source, entered_by, entered_by_name, entered_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id
        """,
        indicator_id,
        new.period,
        new.sequence,
        new.reading.as_of,
        figure.words,
        figure.exactness.value,
        figure.number,
        new.evidence,
        new.note,
        new.reason,
        new.source,
        actor.official_id,
        actor.name,
        now,
    )
    return made


# --- tables of readings ---


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of readings that somebody sent; `written` lines of it were written at `written_at`."""

    id: int
    name: str
    lines: Sequence[Mapping[str, object]]
    sent_at: datetime
    written_at: datetime | None
    written: int


async def insert_sheet(
    official_id: int, name: str, lines: Sequence[Mapping[str, object]], now: datetime
) -> int:
    """Keep a table to be looked at; its id. What its sender left lying for a month goes."""
    await execute(
        "DELETE FROM indicator_sheet WHERE official_id = $1 AND sent_at < $2::timestamptz - interval '30 days'",
        official_id,
        now,
    )
    made: int = await fetchval(
        "INSERT INTO indicator_sheet (official_id, name, lines, sent_at) VALUES ($1, $2, $3::jsonb, $4) RETURNING id",
        official_id,
        name,
        json.dumps(lines, ensure_ascii=False),
        now,
    )
    return made


async def get_sheet(actor: Actor, sheet_id: int, *, lock: bool = False) -> Sheet:
    """A table that the actor sent, locked if asked. Raises NotFound."""
    rows = await fetch(
        "SELECT id, name, lines::text AS lines, sent_at, written_at, written FROM indicator_sheet"
        f" WHERE id = $1 AND official_id = $2 {'FOR UPDATE' if lock else ''}",
        sheet_id,
        actor.official_id,
    )
    if not rows:
        raise NotFound(noun="reading_sheet", id=sheet_id)
    return Sheet(**{**dict(rows[0]), "lines": json.loads(rows[0]["lines"])})


async def mark_written(sheet_id: int, count: int, now: datetime) -> None:
    """The table is written; the row is locked by the caller."""
    await execute(
        "UPDATE indicator_sheet SET written_at = $2, written = $3 WHERE id = $1", sheet_id, now, count
    )


# --- what agencies were told ---


@dataclass(frozen=True, slots=True)
class Due:
    """What an agency is told of once: a period without its reading, or a reading of a period behind its plan."""

    indicator_id: int
    kind: str
    period: str


async def list_told(indicator_ids: Sequence[int]) -> frozenset[Due]:
    """Of what somebody was told, or would have been."""
    rows = await fetch(
        "SELECT indicator_id, kind, period FROM indicator_reminder WHERE indicator_id = ANY($1::bigint[])",
        list(indicator_ids),
    )
    return frozenset(Due(**dict(row)) for row in rows)


async def claim_told(due: Sequence[Due], verdict: str, now: datetime) -> frozenset[Due]:
    """Write the ledger; what nobody else has written before. Another sweep at it waits for this transaction."""
    rows = await fetch(
        """
        INSERT INTO indicator_reminder (indicator_id, kind, period, verdict, decided_at)
        SELECT i, k, p, $4, $5 FROM unnest($1::bigint[], $2::text[], $3::text[]) AS d (i, k, p) ORDER BY i, k, p
        ON CONFLICT ON CONSTRAINT indicator_reminder_once DO NOTHING RETURNING indicator_id, kind, period
        """,
        [one.indicator_id for one in due],
        [one.kind for one in due],
        [one.period for one in due],
        verdict,
        now,
    )
    return frozenset(Due(**dict(row)) for row in rows)


async def list_waiting_letters(assignment_id: int) -> dict[int, dict[int, set[Due]]]:
    """The letters about targets that wait to go and speak of an assignment: of which assignments, and of what.

    A letter and what the ledger says of it are of one instant.
    """
    rows = await fetch(
        """
        SELECT o.id, e.assignment_id, r.indicator_id, r.kind, r.period FROM outbox o
        JOIN outbox_entry e ON e.outbox_id = o.id
        JOIN indicator i ON i.assignment_id = e.assignment_id
        JOIN indicator_reminder r ON r.indicator_id = i.id AND r.decided_at = o.decided_at AND r.verdict = 'sent'
        WHERE o.kind = 'targets_due' AND o.state = 'pending' AND EXISTS (
            SELECT FROM outbox_entry own WHERE own.outbox_id = o.id AND own.assignment_id = $1)
        """,
        assignment_id,
    )
    found: dict[int, dict[int, set[Due]]] = {}
    for row in rows:
        due = Due(row["indicator_id"], row["kind"], row["period"])
        found.setdefault(row["id"], {}).setdefault(row["assignment_id"], set()).add(due)
    return found


async def supersede_letter(outbox_id: int) -> None:
    """A letter that waits is not sent: nothing in it is due any more."""
    await execute(
        "UPDATE outbox SET state = 'superseded', reason = 'no_longer_holds' WHERE id = $1 AND state = 'pending'",
        outbox_id,
    )
