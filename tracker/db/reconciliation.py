"""Rounds of reconciliation: the lists of agencies, drafts, answers and what became of them, letters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from asyncpg import Record

from tracker.db.assignments import OPEN, SELECT, Assignment, from_row
from tracker.db.engine import as_service, execute, executemany, fetch, fetchrow, fetchval
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotFound
from tracker.domain.reconciliation import (
    Answer,
    Figures,
    Given,
    Item,
    NewRound,
    RoundState,
    Settlement,
    Step,
    Written,
    item_of,
)

_PORTION = 5000
"""So many items are copied with one statement."""


@dataclass(frozen=True, slots=True)
class Round:
    """A round; days are civil days, instants UTC. `opened_by` is None where it opened by itself."""

    id: int
    month: date
    as_of: date
    closed_since: date
    answer_by: date
    state: RoundState
    opened_by: int | None
    opened_by_name: str
    opened_at: datetime
    closed_by_name: str
    closed_at: datetime | None
    row_version: int


_ROUND = (
    "SELECT id, month, as_of, closed_since, answer_by, state, opened_by, opened_by_name, opened_at,"
    " closed_by_name, closed_at, row_version FROM reconciliation"
)


def _round(row: Record) -> Round:
    values = dict(row)
    return Round(**{**values, "state": RoundState(values["state"])})


async def insert_round(new: NewRound, actor: Actor, now: datetime) -> int | None:
    """Open the round of a month; None where the month has one: whoever was first has opened it."""
    made: int | None = await fetchval(
        """
        INSERT INTO reconciliation (month, as_of, closed_since, answer_by, opened_by, opened_by_name, opened_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (month) DO NOTHING RETURNING id
        """,
        new.month,
        new.as_of,
        new.closed_since,
        new.answer_by,
        actor.official_id,
        actor.name,
        now,
    )
    return made


async def find_round_of(month: date) -> Round | None:
    """The round of a month, by its first day."""
    row = await fetchrow(f"{_ROUND} WHERE month = $1", month)
    return None if row is None else _round(row)


async def find_last_cut_off() -> date | None:
    """The cut-off of the last round."""
    found: date | None = await fetchval("SELECT as_of FROM reconciliation ORDER BY month DESC LIMIT 1")
    return found


async def get_round(round_id: int, *, lock: bool = False) -> Round:
    """One round. Raises NotFound."""
    row = await fetchrow(f"{_ROUND} WHERE id = $1" + (" FOR UPDATE" if lock else ""), round_id)
    if row is None:
        raise NotFound(noun="reconciliation", id=round_id)
    return _round(row)


async def hold_round(round_id: int) -> Round:
    """One round that nobody closes until this transaction ends; others may hold it too. Raises NotFound."""
    row = await fetchrow(f"{_ROUND} WHERE id = $1 FOR SHARE", round_id)
    if row is None:
        raise NotFound(noun="reconciliation", id=round_id)
    return _round(row)


async def list_rounds(viewer: Actor, *, before: date | None = None, limit: int = 50) -> list[Round]:
    """The rounds, the latest month first; an agency's people get those that ask one of their agencies."""
    asked = None if viewer.role not in AGENCY_ROLES else sorted(viewer.visible_agency_ids)
    rows = await fetch(
        f"""
        {_ROUND} r WHERE ($1::date IS NULL OR r.month < $1) AND ($2::bigint[] IS NULL OR EXISTS (
            SELECT FROM reconciliation_agency g WHERE g.reconciliation_id = r.id AND g.agency_id = ANY($2)))
        ORDER BY r.month DESC LIMIT $3
        """,
        before,
        asked,
        limit,
    )
    return [_round(row) for row in rows]


async def mark_closed(round_id: int, actor: Actor, now: datetime) -> None:
    """Close a locked round."""
    await execute(
        """
        UPDATE reconciliation SET state = 'closed', closed_by = $2, closed_by_name = $3, closed_at = $4,
            row_version = row_version + 1
        WHERE id = $1
        """,
        round_id,
        actor.official_id,
        actor.name,
        now,
    )


# --- what is listed ---


async def list_candidates(as_of: date, after: datetime, today: date) -> list[Assignment]:
    """Assignments given by `as_of` to agencies that still exist, open now or closed later than `after`."""
    rows = await fetch(
        f"""
        {SELECT} WHERE a.assigned_on <= $1 AND (g.valid_to IS NULL OR g.valid_to >= $3)
            AND (a.state IN {OPEN} OR coalesce(a.closed_at, a.confirmed_at, a.changed_at) > $2)
        """,
        as_of,
        after,
        today,
    )
    return [from_row(row) for row in rows]


async def insert_lists(round_id: int, lists: Mapping[int, Written]) -> None:
    """Copy the lists into the round, by agency."""
    await executemany(
        "INSERT INTO reconciliation_agency (reconciliation_id, agency_id, items, digest) VALUES ($1, $2, $3, $4)",
        [(round_id, agency_id, len(kept.rows), kept.digest) for agency_id, kept in lists.items()],
    )
    rows = [
        (agency_id, assignment_id, position, content, digest)
        for agency_id, kept in lists.items()
        for position, (assignment_id, content, digest) in enumerate(kept.rows, 1)
    ]
    for at in range(0, len(rows), _PORTION):
        columns = list(zip(*rows[at : at + _PORTION], strict=True))
        await execute(
            """
            INSERT INTO reconciliation_item
                (reconciliation_id, agency_id, assignment_id, position, content, digest)
            SELECT $1, r.* FROM unnest($2::bigint[], $3::bigint[], $4::int[], $5::text[], $6::text[]) AS r
            """,
            round_id,
            *columns,
        )


async def count_open_items(round_id: int, agency_ids: Sequence[int]) -> dict[int, int]:
    """How many items of each agency's list were open at the cut-off."""
    rows = await fetch(
        "SELECT agency_id, count(*) FILTER (WHERE (content::jsonb->>'is_open')::boolean) AS open_items"
        " FROM reconciliation_item WHERE reconciliation_id = $1 AND agency_id = ANY($2::bigint[]) GROUP BY agency_id",
        round_id,
        list(agency_ids),
    )
    return {row["agency_id"]: row["open_items"] for row in rows}


# --- agencies ---


@dataclass(frozen=True, slots=True)
class Asked:
    """An agency in a round; the counts are of the answers that stand. `letters` reached somebody's mailbox."""

    reconciliation_id: int
    agency_id: int
    code: str
    name: str
    items: int
    digest: str
    answered_by_name: str
    answered_at: datetime | None
    row_version: int
    differences: int
    settled: int
    last_letter_at: datetime | None
    letters: int


_STANDS = """
LEFT JOIN LATERAL (SELECT x.* FROM reconciliation_answer x WHERE x.item_id = i.id
                   ORDER BY x.sequence DESC LIMIT 1) w ON true
"""
"""The answer that stands for an item `i`: the last that was sent."""
_DIFFERS = """
JOIN reconciliation_answer w ON w.item_id = i.id AND w.answer <> 'agrees' AND NOT EXISTS (
    SELECT FROM reconciliation_answer x WHERE x.item_id = w.item_id AND x.sequence > w.sequence)
"""
"""The same for items that differ: they are few, and have an index."""

_ASKED = f"""
SELECT r.reconciliation_id, r.agency_id, g.code, g.name, r.items, r.digest, r.answered_by_name, r.answered_at,
       r.row_version, coalesce(n.differences, 0) AS differences, coalesce(n.settled, 0) AS settled,
       l.last_letter_at, coalesce(l.letters, 0) AS letters
FROM reconciliation_agency r JOIN agency g ON g.id = r.agency_id
LEFT JOIN (
    SELECT i.agency_id, count(*) AS differences, count(w.settled) AS settled
    FROM reconciliation_item i {_DIFFERS} WHERE i.reconciliation_id = $1 GROUP BY i.agency_id
) n ON n.agency_id = r.agency_id
LEFT JOIN (
    SELECT k.agency_id, max(k.told_at) FILTER (WHERE k.verdict = 'sent') AS last_letter_at,
           sum(k.letters)::int AS letters
    FROM reconciliation_letter k WHERE k.reconciliation_id = $1 GROUP BY k.agency_id
) l ON l.agency_id = r.agency_id
"""


def _asked(row: Record) -> Asked:
    return Asked(*row.values())


async def list_asked(round_id: int, agency_ids: Sequence[int] | None = None) -> list[Asked]:
    """The agencies of a round in Vietnamese order, all or some."""
    rows = await fetch(
        f"{_ASKED} WHERE r.reconciliation_id = $1 AND ($2::bigint[] IS NULL OR r.agency_id = ANY($2))"
        " ORDER BY g.sort_key, g.id",
        round_id,
        None if agency_ids is None else list(agency_ids),
    )
    return [_asked(row) for row in rows]


async def find_asked(round_id: int, agency_code: str) -> Asked | None:
    """One agency of a round, as far as whoever looks may see it."""
    row = await fetchrow(f"{_ASKED} WHERE r.reconciliation_id = $1 AND g.code = $2", round_id, agency_code)
    return None if row is None else _asked(row)


async def list_open_of(agency_ids: Sequence[int]) -> list[tuple[Round, Asked]]:
    """The open rounds that still wait for an answer of these agencies, the one to be answered first at the front."""
    rows = await fetch(
        """
        SELECT r.id, g.code FROM reconciliation r JOIN reconciliation_agency k ON k.reconciliation_id = r.id
        JOIN agency g ON g.id = k.agency_id
        WHERE r.state = 'open' AND k.answered_at IS NULL AND k.agency_id = ANY($1::bigint[])
        ORDER BY r.answer_by, r.id, g.sort_key
        """,
        list(agency_ids),
    )
    found = []
    for row in rows:
        asked = await find_asked(row["id"], row["code"])
        if asked is not None:
            found.append((await get_round(row["id"]), asked))
    return found


async def lock_asked(round_id: int, agency_id: int) -> int:
    """The version of an agency's answer; nobody else answers for it until this transaction ends."""
    version: int | None = await fetchval(
        "SELECT row_version FROM reconciliation_agency WHERE reconciliation_id = $1 AND agency_id = $2 FOR UPDATE",
        round_id,
        agency_id,
    )
    if version is None:
        raise NotFound(noun="reconciliation", id=round_id)
    return version


async def mark_answered(round_id: int, agency_id: int, actor: Actor, now: datetime) -> None:
    """An agency's answer is complete as of now."""
    await execute(
        """
        UPDATE reconciliation_agency SET answered_by = $3, answered_by_name = $4, answered_at = $5,
            row_version = row_version + 1
        WHERE reconciliation_id = $1 AND agency_id = $2
        """,
        round_id,
        agency_id,
        actor.official_id,
        actor.name,
        now,
    )


async def read_figures(round_id: int, today: date) -> Figures:
    """What a round has come to on `today`. Whoever has answered has answered every item."""
    row = await fetchrow(
        f"""
        WITH differing AS (
            SELECT i.agency_id, count(*) AS differences, count(w.settled) AS settled
            FROM reconciliation_item i {_DIFFERS} WHERE i.reconciliation_id = $1 GROUP BY i.agency_id
        )
        SELECT count(*) AS agencies, count(k.answered_at) AS answered,
               count(*) FILTER (WHERE k.answered_at IS NOT NULL AND d.agency_id IS NULL) AS agreed,
               count(*) FILTER (WHERE k.answered_at IS NULL AND $2::date > r.answer_by) AS silent,
               coalesce(sum(k.items), 0)::int AS items,
               coalesce(sum(k.items) FILTER (WHERE k.answered_at IS NOT NULL), 0)::int AS answered_items,
               coalesce(sum(k.items - coalesce(d.differences, 0)) FILTER (WHERE k.answered_at IS NOT NULL), 0)::int
                   AS agreeing_items,
               coalesce(sum(d.differences), 0)::int AS differences, coalesce(sum(d.settled), 0)::int AS settled
        FROM reconciliation_agency k JOIN reconciliation r ON r.id = k.reconciliation_id
        LEFT JOIN differing d ON d.agency_id = k.agency_id WHERE k.reconciliation_id = $1
        """,
        round_id,
        today,
    )
    return Figures() if row is None else Figures(*row.values())


# --- items with what was said of them ---


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that stands, and what became of it."""

    id: int
    sequence: int
    given: Given
    answered_by_name: str
    answered_at: datetime
    settled: Settlement | None
    settled_word: str
    settled_by_name: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An item of a list with the answer that stands and what is typed of it but not sent."""

    id: int
    agency_id: int
    agency_code: str
    agency_name: str
    assignment_id: int
    position: int
    restricted: bool
    item: Item
    said: Said | None
    draft: Mapping[str, str]

    @property
    def is_difference(self) -> bool:
        """Whether the agency says otherwise than the record."""
        return self.said is not None and self.said.given.answer is not Answer.AGREES


_LISTED = f"""
SELECT i.id, i.agency_id, g.code, g.name, i.assignment_id, i.position, i.content, t.restricted,
       w.id AS answer_id, w.sequence, w.answer, w.number, w.day, w.word, w.answered_by_name, w.answered_at,
       w.settled, w.settled_word, w.settled_by_name, w.settled_at, f.typed::text AS typed
FROM reconciliation_item i JOIN agency g ON g.id = i.agency_id
JOIN assignment a ON a.id = i.assignment_id JOIN task t ON t.id = a.task_id
{_STANDS} LEFT JOIN reconciliation_draft f ON f.item_id = i.id
"""


def _listed(row: Record) -> Listed:
    said = None
    if row["answer_id"] is not None:
        said = Said(
            row["answer_id"],
            row["sequence"],
            Given(row["id"], Answer(row["answer"]), row["number"], row["day"], row["word"]),
            row["answered_by_name"],
            row["answered_at"],
            None if row["settled"] is None else Settlement(row["settled"]),
            row["settled_word"],
            row["settled_by_name"],
            row["settled_at"],
        )
    return Listed(
        row["id"],
        row["agency_id"],
        row["code"],
        row["name"],
        row["assignment_id"],
        row["position"],
        row["restricted"],
        item_of(row["content"]),
        said,
        {} if row["typed"] is None else json.loads(row["typed"]),
    )


async def list_items(round_id: int, agency_id: int) -> list[Listed]:
    """An agency's list in its order; what is typed and not sent is there for its own people alone."""
    rows = await fetch(
        f"{_LISTED} WHERE i.reconciliation_id = $1 AND i.agency_id = $2 ORDER BY i.position",
        round_id,
        agency_id,
    )
    return [_listed(row) for row in rows]


async def list_differences(round_id: int) -> list[Listed]:
    """What agencies say otherwise than the record: unsettled before settled, by agency."""
    rows = await fetch(
        f"{_LISTED.replace(_STANDS, _DIFFERS)} WHERE i.reconciliation_id = $1"
        " ORDER BY w.settled IS NOT NULL, g.sort_key, g.id, i.position",
        round_id,
    )
    return [_listed(row) for row in rows]


async def find_item(round_id: int, item_id: int) -> Listed | None:
    """One item of a round, as far as whoever looks may see it."""
    row = await fetchrow(f"{_LISTED} WHERE i.reconciliation_id = $1 AND i.id = $2", round_id, item_id)
    return None if row is None else _listed(row)


# --- drafts, answers, settlements ---


async def put_drafts(
    typed: Sequence[tuple[int, int, Mapping[str, str]]], actor: Actor, now: datetime
) -> None:
    """Keep what is typed for these (item, assignment); nothing typed is nothing kept."""
    await drop_drafts([item_id for item_id, _, said in typed if not said])
    await executemany(
        """
        INSERT INTO reconciliation_draft (item_id, assignment_id, typed, saved_by, saved_at)
        VALUES ($1, $2, $3::jsonb, $4, $5)
        ON CONFLICT (item_id) DO UPDATE SET typed = excluded.typed, saved_by = excluded.saved_by,
            saved_at = excluded.saved_at
        """,
        [
            (item_id, assignment_id, json.dumps(dict(said), ensure_ascii=False), actor.official_id, now)
            for item_id, assignment_id, said in typed
            if said
        ],
    )


async def drop_drafts(item_ids: Sequence[int]) -> None:
    """What was typed of these items has been sent, or is not wanted."""
    await execute("DELETE FROM reconciliation_draft WHERE item_id = ANY($1::bigint[])", list(item_ids))


async def insert_answers(answers: Sequence[tuple[Given, int, int]], actor: Actor, now: datetime) -> None:
    """Add answers, each with its assignment and its sequence."""
    await executemany(
        """
        INSERT INTO reconciliation_answer (item_id, assignment_id, sequence, answer, number, day, word, answered_by,
            answered_by_name, answered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        [
            (
                given.item_id,
                assignment_id,
                sequence,
                given.answer.value,
                given.number,
                given.day,
                given.word,
                actor.official_id,
                actor.name,
                now,
            )
            for given, assignment_id, sequence in answers
        ],
    )


async def mark_settled(
    answer_id: int, settlement: Settlement, word: str, actor: Actor, now: datetime
) -> bool:
    """Settle an answer, or settle it otherwise; False where a newer answer stands."""
    return (
        await execute(
            """
            UPDATE reconciliation_answer w SET settled = $2, settled_word = $3, settled_by = $4,
                settled_by_name = $5, settled_at = $6
            WHERE w.id = $1 AND NOT EXISTS (
                SELECT FROM reconciliation_answer x WHERE x.item_id = w.item_id AND x.sequence > w.sequence)
            """,
            answer_id,
            settlement.value,
            word,
            actor.official_id,
            actor.name,
            now,
        )
        == 1
    )


# --- letters ---


@dataclass(frozen=True, slots=True)
class Silent:
    """An agency that has not answered an open round, with the steps that it was told."""

    round: Round
    agency_id: int
    code: str
    name: str
    items: int
    told: frozenset[Step]


async def list_silent() -> list[Silent]:
    """Agencies that have not answered an open round."""
    rounds = {r.id: r for r in [_round(row) for row in await fetch(f"{_ROUND} WHERE state = 'open'")]}
    rows = await fetch(
        """
        SELECT k.reconciliation_id, k.agency_id, g.code, g.name, k.items,
               ARRAY(SELECT l.step FROM reconciliation_letter l WHERE l.reconciliation_id = k.reconciliation_id
                     AND l.agency_id = k.agency_id) AS told
        FROM reconciliation_agency k JOIN agency g ON g.id = k.agency_id
        WHERE k.reconciliation_id = ANY($1::bigint[]) AND k.answered_at IS NULL
        ORDER BY k.reconciliation_id, g.sort_key, g.id
        """,
        list(rounds),
    )
    return [
        Silent(
            rounds[row["reconciliation_id"]],
            row["agency_id"],
            row["code"],
            row["name"],
            row["items"],
            frozenset(Step(step) for step in row["told"]),
        )
        for row in rows
    ]


async def claim_letter(round_id: int, agency_id: int, step: Step, verdict: str, now: datetime) -> bool:
    """Take it on to tell an agency a step of an open round that it has not answered; False where that is done.

    Whoever answers meanwhile is waited for.
    """
    rows = await fetch(
        """
        SELECT FROM reconciliation_agency k JOIN reconciliation r ON r.id = k.reconciliation_id
        WHERE k.reconciliation_id = $1 AND k.agency_id = $2 AND k.answered_at IS NULL AND r.state = 'open'
        FOR UPDATE OF k
        """,
        round_id,
        agency_id,
    )
    if not rows:
        return False
    return (
        await execute(
            """
            INSERT INTO reconciliation_letter (reconciliation_id, agency_id, step, verdict, letters, told_at)
            VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT DO NOTHING
            """,
            round_id,
            agency_id,
            step.value,
            verdict,
            now,
        )
        == 1
    )


async def put_letters(round_id: int, counts: Mapping[tuple[int, Step], int]) -> None:
    """Note how many letters each (agency, step) was told with; none reached nobody."""
    await executemany(
        """
        UPDATE reconciliation_letter SET letters = $4, verdict = CASE WHEN $4 > 0 THEN 'sent' ELSE 'nobody' END
        WHERE reconciliation_id = $1 AND agency_id = $2 AND step = $3
        """,
        [(round_id, agency_id, step.value, count) for (agency_id, step), count in counts.items()],
    )


def letter_key(round_id: int, agency_id: int, step: Step, official_id: int) -> str:
    """The notify key of a letter: the same step to the same person is the same letter."""
    return f"reconciliation-{round_id}-{agency_id}-{step.value}-{official_id}"


@as_service()
async def take_back_letters(round_id: int, agency_id: int | None) -> int:
    """Take back letters of a round that nobody has begun to send: the agency has answered, or the round is closed."""
    prefix = f"reconciliation-{round_id}-" + ("" if agency_id is None else f"{agency_id}-")
    return await execute(
        "UPDATE outbox SET state = 'superseded', reason = 'answered'"
        " WHERE kind = 'reconciliation' AND state = 'pending' AND starts_with(notify_key, $1)",
        prefix,
    )
