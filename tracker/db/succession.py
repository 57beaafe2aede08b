"""Succession: reading what hangs on the ending agencies, and moving it in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.assignments import OPEN
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.assignments import Part
from tracker.domain.succession import Holding, Link

# --- what stands -----------------------------------------------------------------------------------------------


async def lock_succession() -> None:
    """Successions come one after another, until this transaction ends.

    Between two statements thousands of rows are thought about: on a busy machine that may take longer than a session
    is otherwise left idle.
    """
    await execute("SET LOCAL idle_in_transaction_session_timeout = '5min'")
    await execute("SELECT pg_advisory_xact_lock(hashtextextended('succession', 8))")


async def lock_agencies(ids: Sequence[int]) -> None:
    """Nobody is charged with anything at these agencies until this transaction ends."""
    await execute("SELECT 1 FROM agency WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE", list(ids))


async def lock_open(agency_ids: Sequence[int]) -> None:
    """Nobody changes the open assignments of these agencies until this transaction ends."""
    await execute(
        f"SELECT 1 FROM assignment WHERE agency_id = ANY($1::bigint[]) AND state IN {OPEN} ORDER BY id FOR UPDATE",
        list(agency_ids),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """An assignment with the words a preview shows it in; a restricted task is shown by its number alone."""

    holding: Holding
    short_name: str
    directive_number: str
    restricted: bool


_HELD = """
SELECT a.id, a.task_id, a.occurrence, a.agency_id, a.part, a.due_on, a.due_time, t.field, a.state = 'reported',
       a.recurrence IS NOT NULL, a.recurred, a.state = 'confirmed', t.short_name, d.number, t.restricted
FROM assignment a JOIN task t ON t.id = a.task_id JOIN directive d ON d.id = a.directive_id
"""


def _held(values: Sequence[object]) -> Held:
    plain: list[object] = list(values)
    plain[4] = Part(str(plain[4]))
    return Held(Holding(*plain[:12]), *plain[12:])  # type: ignore[arg-type]  # in the order of the columns


async def list_held(agency_ids: Sequence[int]) -> list[Held]:
    """The open assignments of these agencies, and confirmed ones whose series is to go on."""
    rows = await fetch(
        f"""{_HELD} WHERE a.agency_id = ANY($1::bigint[]) AND (a.state IN {OPEN}
            OR (a.state = 'confirmed' AND a.recurrence IS NOT NULL AND NOT a.recurred)) ORDER BY a.id""",
        list(agency_ids),
    )
    return [_held(tuple(r.values())) for r in rows]


async def list_standing(agency_ids: Sequence[int], task_ids: Sequence[int]) -> list[Held]:
    """What these agencies hold of these tasks, open or confirmed."""
    rows = await fetch(
        f"""{_HELD} WHERE a.agency_id = ANY($1::bigint[]) AND a.task_id = ANY($2::bigint[])
            AND a.state NOT IN ('withdrawn', 'transferred', 'superseded') ORDER BY a.id""",
        list(agency_ids),
        list(task_ids),
    )
    return [_held(tuple(r.values())) for r in rows]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of an ending agency."""

    id: int
    agency_id: int
    name: str
    position: str


async def list_people(agency_ids: Sequence[int]) -> list[Person]:
    """The active people of these agencies, first contacts first."""
    rows = await fetch(
        "SELECT id, agency_id, full_name, position FROM official WHERE agency_id = ANY($1::bigint[]) AND is_active"
        " ORDER BY agency_id, duty, contact_order, id",
        list(agency_ids),
    )
    return [Person(*r.values()) for r in rows]


async def list_parents() -> dict[int, int | None]:
    """The parent of every agency."""
    return {r["id"]: r["parent_id"] for r in await fetch("SELECT id, parent_id FROM agency ORDER BY id")}


async def list_followers(agency_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(agency, official) of the working-group members who follow one of these agencies."""
    rows = await fetch(
        "SELECT agency_id, official_id FROM agency_member WHERE agency_id = ANY($1::bigint[])"
        " ORDER BY agency_id, official_id",
        list(agency_ids),
    )
    return [(r["agency_id"], r["official_id"]) for r in rows]


async def list_feeds(agency_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The calendar links in use that name one of these agencies, with all the agencies they name, in order."""
    rows = await fetch(
        "SELECT id, agency_ids FROM feed WHERE agency_ids && $1::bigint[] AND revoked_at IS NULL ORDER BY id",
        list(agency_ids),
    )
    return {r["id"]: tuple(r["agency_ids"]) for r in rows}


async def list_mandates(agency_ids: Sequence[int], on: date) -> dict[int, int]:
    """The mandates in force on or after `on`, each with its agency."""
    rows = await fetch(
        "SELECT id, agency_id FROM mandate WHERE agency_id = ANY($1::bigint[]) AND revoked_at IS NULL"
        " AND (valid_to IS NULL OR valid_to >= $2) ORDER BY id",
        list(agency_ids),
        on,
    )
    return {r["id"]: r["agency_id"] for r in rows}


@dataclass(frozen=True, slots=True)
class Waiting:
    """What hangs on some assignments and is taken back or goes on with them."""

    mails: int
    invitations: int
    reports: int
    extensions: int


async def count_waiting(assignment_ids: Sequence[int]) -> Waiting:
    """Queued mail about these assignments, invitations held, reports and requests that wait for a decision."""
    rows = await fetch(
        """
        SELECT (SELECT count(DISTINCT o.id) FROM outbox o JOIN outbox_entry e ON e.outbox_id = o.id
                WHERE o.state = 'pending' AND e.wants <> 'any' AND e.assignment_id = ANY($1::bigint[])),
               (SELECT count(*) FROM invitation WHERE state = 'requested' AND assignment_id = ANY($1::bigint[])),
               (SELECT count(*) FROM report WHERE acceptance = 'pending' AND assignment_id = ANY($1::bigint[])),
               (SELECT count(*) FROM extension WHERE state = 'pending' AND assignment_id = ANY($1::bigint[]))
        """,
        list(assignment_ids),
    )
    return Waiting(*rows[0].values())


async def list_carried_out(predecessor_ids: Sequence[int]) -> dict[int, datetime]:
    """Those of these agencies whose succession was carried out, and when."""
    rows = await fetch(
        "SELECT i.predecessor_id, min(s.carried_out_at) AS at FROM succession_item i"
        " JOIN succession s ON s.id = i.succession_id WHERE i.predecessor_id = ANY($1::bigint[])"
        " GROUP BY i.predecessor_id",
        list(predecessor_ids),
    )
    return {r["predecessor_id"]: r["at"] for r in rows}


@dataclass(frozen=True, slots=True)
class RecordedLink:
    """A succession that the directory records, by codes; `scope` says in words what comes to the successor."""

    predecessor: str
    successor: str
    effective_on: date
    scope: str


async def list_recorded(until: date) -> list[RecordedLink]:
    """Recorded successions up to `until` that have not been carried out, or of which something came in since."""
    rows = await fetch(
        f"""
        SELECT p.code AS predecessor, s.code AS successor, l.effective_on, split_part(l.source, ';', 1) AS scope
        FROM agency_succession l JOIN agency p ON p.id = l.predecessor_id JOIN agency s ON s.id = l.successor_id
        WHERE l.effective_on <= $1
          AND (NOT EXISTS (SELECT FROM succession_item i WHERE i.predecessor_id = l.predecessor_id)
               OR EXISTS (SELECT FROM assignment a WHERE a.agency_id = l.predecessor_id AND a.state IN {OPEN}))
        ORDER BY l.effective_on, p.sort_key, s.sort_key
        """,
        until,
    )
    return [RecordedLink(*r.values()) for r in rows]


async def list_links() -> list[Link]:
    """Every recorded succession, with the heir that took what was not decided otherwise."""
    rows = await fetch(
        """
        SELECT l.predecessor_id, l.successor_id, l.effective_on,
               EXISTS (SELECT FROM succession_item i WHERE i.predecessor_id = l.predecessor_id
                       AND i.successor_id = l.successor_id AND i.is_default) AS is_default
        FROM agency_succession l ORDER BY l.effective_on, l.predecessor_id, l.successor_id
        """
    )
    return [Link(*r.values()) for r in rows]


@dataclass(frozen=True, slots=True)
class AgencyName:
    """An agency as lists name and order it."""

    code: str
    name: str
    sort_key: str


async def list_names() -> dict[int, AgencyName]:
    """Every agency by id."""
    rows = await fetch("SELECT id, code, name, sort_key FROM agency")
    return {r["id"]: AgencyName(r["code"], r["name"], r["sort_key"]) for r in rows}


PORTION = 500
"""Assignments handed on in one statement: the planner knows too little of what it updates to join thousands well."""


# --- assignments -----------------------------------------------------------------------------------------------


async def reserve_ids(count: int) -> list[int]:
    """Ids for assignments that are yet to be written."""
    rows = await fetch(
        "SELECT nextval(pg_get_serial_sequence('assignment', 'id')) AS id FROM generate_series(1, $1)", count
    )
    return [r["id"] for r in rows]


async def close_assignments(ids: Sequence[int], state: str, reason: str, now: datetime) -> int:
    """Close open assignments without a successor row of their own; how many were closed."""
    closed = 0
    for start in range(0, len(ids), PORTION):
        closed += await _close(ids[start : start + PORTION], state, reason, now)
    return closed


async def _close(ids: Sequence[int], state: str, reason: str, now: datetime) -> int:
    return await execute(
        f"UPDATE assignment SET state = $2, close_reason = $3, closed_at = $4, changed_at = $4,"
        f" row_version = row_version + 1, sequence = sequence + 1 WHERE id = ANY($1::bigint[]) AND state IN {OPEN}",
        list(ids),
        state,
        reason,
        now,
    )


@dataclass(frozen=True, slots=True)
class HandOn:
    """An assignment to be continued at another agency under a new id."""

    old_id: int
    new_id: int
    agency_id: int
    stops_series: bool


async def hand_on(rows: Sequence[HandOn], reason: str, now: datetime) -> int:
    """Close assignments as transferred and continue each at its successor as it stands; how many.

    The new row has the state, the deadline with its extensions, the settled steps, the day of assignment and the
    calendar identity of the old one. A report that waits is copied, a request that waits goes along.
    """
    written = 0
    for start in range(0, len(rows), PORTION):
        written += await _hand_on(rows[start : start + PORTION], reason, now)
    return written


async def _hand_on(rows: Sequence[HandOn], reason: str, now: datetime) -> int:
    old, new = [r.old_id for r in rows], [r.new_id for r in rows]
    # The version that calendars see counts the agency's too, and must not go back with another agency.
    # One statement: what is read is the row as it was, what is joined the row as it is now, so that the old row has
    # given up its uid before the new one takes it.
    written = await execute(
        f"""
        WITH gone AS (
            UPDATE assignment a SET state = 'transferred', handed_on = true, close_reason = $5, closed_at = $6,
                   transferred_to = u.new_id, changed_at = $6, uid = gen_random_uuid(),
                   row_version = row_version + 1, sequence = sequence + 1
            FROM unnest($1::bigint[], $2::bigint[]) AS u (old_id, new_id)
            WHERE a.id = u.old_id AND a.state IN {OPEN} RETURNING a.id
        )
        INSERT INTO assignment (id, uid, task_id, directive_id, agency_id, part, via_class, occurrence, state, due_kind,
            due_on, due_time, starts_on, recurrence, recurred, original_due_on, original_due_time, due_words,
            due_document, due_event, early_due_confirmed, deadline_version, deadline_set_at, extension_count,
            committed_on, committed_document, cause, ladder_version_id, settled_rank, review_rank, assigned_on,
            assigned_at, acknowledged_at, reported_at, last_report_at, last_report_summary, sequence, changed_at,
            taken_over_from, taken_over_at)
        OVERRIDING SYSTEM VALUE
        SELECT r.new_id, o.uid, o.task_id, o.directive_id, r.agency_id, o.part, o.via_class, o.occurrence, o.state,
            o.due_kind, o.due_on, o.due_time, o.starts_on, o.recurrence, o.recurred OR r.stops_series,
            o.original_due_on, o.original_due_time, o.due_words, o.due_document, o.due_event, o.early_due_confirmed,
            o.deadline_version + 1, o.deadline_set_at, o.extension_count, o.committed_on, o.committed_document, o.cause,
            o.ladder_version_id, o.settled_rank, o.review_rank, o.assigned_on, o.assigned_at, o.acknowledged_at,
            o.reported_at, o.last_report_at, o.last_report_summary,
            o.sequence + 1 + greatest(og.row_version - ng.row_version, 0), $6, o.id, $6
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bool[]) AS r (old_id, new_id, agency_id, stops_series)
        JOIN gone ON gone.id = r.old_id JOIN assignment o ON o.id = gone.id
        JOIN agency og ON og.id = o.agency_id JOIN agency ng ON ng.id = r.agency_id
        """,
        old,
        new,
        [r.agency_id for r in rows],
        [r.stops_series for r in rows],
        reason,
        now,
    )
    pairs = "unnest($1::bigint[], $2::bigint[]) AS r (old_id, new_id)"
    await execute(
        f"""
        INSERT INTO deadline_change (assignment_id, deadline_version, due_on, due_time, set_at, set_by, kind, document,
                                     reason)
        SELECT r.new_id, c.deadline_version, c.due_on, c.due_time, c.set_at, c.set_by, c.kind, c.document, c.reason
        FROM {pairs} JOIN deadline_change c ON c.assignment_id = r.old_id
        """,
        old,
        new,
    )
    # The receipt that was given stays that of the first report; the copy says which assignment it waits at.
    await execute(
        f"""
        INSERT INTO report (assignment_id, kind, receipt, summary, percent, addressed_to, evidence_number, evidence_on,
                            milestone, submitted_by, submitted_at, acceptance)
        SELECT r.new_id, p.kind, p.receipt || '/' || r.new_id, p.summary, p.percent, p.addressed_to, p.evidence_number,
               p.evidence_on, p.milestone, p.submitted_by, p.submitted_at, p.acceptance
        FROM {pairs} JOIN report p ON p.assignment_id = r.old_id AND p.acceptance = 'pending'
        """,
        old,
        new,
    )
    await execute(
        f"UPDATE extension e SET assignment_id = r.new_id FROM {pairs}"
        " WHERE e.assignment_id = r.old_id AND e.state = 'pending'",
        old,
        new,
    )
    return written


async def point_to(pairs: Sequence[tuple[int, int]]) -> None:
    """Each assignment that was closed in favour of another says which one goes on in its place."""
    for start in range(0, len(pairs), PORTION):
        some = pairs[start : start + PORTION]
        await execute(
            "UPDATE assignment a SET transferred_to = r.heir FROM unnest($1::bigint[], $2::bigint[]) AS r (id, heir)"
            " WHERE a.id = r.id",
            [closed for closed, _ in some],
            [heir for _, heir in some],
        )


async def stop_series(ids: Sequence[int]) -> None:
    """These assignments make no next occurrence: another one does."""
    await execute("UPDATE assignment SET recurred = true WHERE id = ANY($1::bigint[])", list(ids))


# --- mail ------------------------------------------------------------------------------------------------------


async def supersede_mail(assignment_ids: Sequence[int], reason: str) -> int:
    """Take back queued messages that speak of these assignments alone, and say so in the ledger; how many.

    A digest that speaks of others too is mended when it is claimed.
    """
    taken: int = await fetchval(
        """
        WITH taken AS (
            UPDATE outbox o SET state = 'superseded', reason = $2
            WHERE o.state = 'pending'
              AND o.id IN (SELECT e.outbox_id FROM outbox_entry e WHERE e.assignment_id = ANY($1::bigint[])
                           AND e.wants <> 'any')
              AND NOT EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = o.id
                              AND e.assignment_id <> ALL($1::bigint[]))
            RETURNING o.id
        ), told AS (
            UPDATE reminder r SET verdict = 'superseded', reason = 'no_longer_holds'
            FROM taken WHERE r.outbox_id = taken.id AND r.verdict = 'sent'
        )
        SELECT count(*) FROM taken
        """,
        list(assignment_ids),
        reason,
    )
    return taken


async def move_invitations(rows: Sequence[tuple[int, int, int]]) -> None:
    """(old assignment, new assignment, official): who keeps the entry in their calendar holds it for the new one."""
    await execute(
        "UPDATE invitation i SET assignment_id = r.new_id"
        " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (old_id, new_id, official_id)"
        " WHERE i.assignment_id = r.old_id AND i.official_id = r.official_id",
        [r[0] for r in rows],
        [r[1] for r in rows],
        [r[2] for r in rows],
    )


# --- people and what hangs on an agency ------------------------------------------------------------------------


async def move_people(to: Mapping[int, int], now: datetime) -> int:
    """Give officials another agency, behind its own contacts of the same duty; their sessions end. How many.

    Nobody keeps a deputy who went elsewhere.
    """
    ids, agencies = list(to), list(to.values())
    moved = await execute(
        """
        WITH coming AS (
            SELECT o.id, r.agency_id, row_number() OVER (PARTITION BY r.agency_id, o.duty
                       ORDER BY g.sort_key, o.agency_id, o.contact_order, o.id)
                   + coalesce((SELECT max(h.contact_order) FROM official h
                               WHERE h.agency_id = r.agency_id AND h.duty = o.duty AND h.is_active), 0) AS place
            FROM unnest($1::bigint[], $2::bigint[]) AS r (id, agency_id)
            JOIN official o ON o.id = r.id JOIN agency g ON g.id = o.agency_id
        )
        UPDATE official o SET agency_id = c.agency_id, contact_order = c.place, row_version = o.row_version + 1,
               changed_at = $3
        FROM coming c WHERE o.id = c.id
        """,
        ids,
        agencies,
        now,
    )
    await execute(
        """
        UPDATE official o SET deputy_id = NULL, row_version = o.row_version + 1, changed_at = $2
        FROM official d WHERE d.id = o.deputy_id AND d.agency_id IS DISTINCT FROM o.agency_id
          AND (o.id = ANY($1::bigint[]) OR d.id = ANY($1::bigint[]))
        """,
        ids,
        now,
    )
    await _end_sessions(ids, now)
    return moved


async def switch_off(ids: Sequence[int], now: datetime) -> int:
    """The people of an agency that nobody succeeds act no more; how many."""
    switched = await execute(
        "UPDATE official SET is_active = false, row_version = row_version + 1, changed_at = $2"
        " WHERE id = ANY($1::bigint[]) AND is_active",
        list(ids),
        now,
    )
    await _end_sessions(ids, now)
    return switched


async def _end_sessions(official_ids: Sequence[int], now: datetime) -> None:
    """Whoever belongs to another agency signs in anew."""
    await execute(
        "UPDATE web_session SET ended_at = $2, ended_because = 'role_changed'"
        " WHERE official_id = ANY($1::bigint[]) AND ended_at IS NULL",
        list(official_ids),
        now,
    )


async def set_parents(parents: Mapping[int, int | None], now: datetime) -> int:
    """Put agencies below other ones; how many."""
    return await execute(
        "UPDATE agency a SET parent_id = r.parent_id, row_version = a.row_version + 1, changed_at = $3"
        " FROM unnest($1::bigint[], $2::bigint[]) AS r (id, parent_id) WHERE a.id = r.id",
        list(parents),
        list(parents.values()),
        now,
    )


async def move_followers(pairs: Sequence[tuple[int, int]], ended: Sequence[int]) -> None:
    """(agency, official): members follow the successors in place of the agencies that ended."""
    await execute(
        "INSERT INTO agency_member (agency_id, official_id) SELECT * FROM unnest($1::bigint[], $2::bigint[])"
        " ON CONFLICT DO NOTHING",
        [agency for agency, _ in pairs],
        [official for _, official in pairs],
    )
    await execute("DELETE FROM agency_member WHERE agency_id = ANY($1::bigint[])", list(ended))


async def set_feed_agencies(feeds: Mapping[int, Sequence[int]], now: datetime) -> int:
    """Calendar links name the successors; how many links."""
    return await execute(
        """
        UPDATE feed f SET agency_ids = r.ids, row_version = f.row_version + 1, changed_at = $3
        FROM (SELECT u.id, string_to_array(u.list, ',')::bigint[] AS ids
              FROM unnest($1::bigint[], $2::text[]) AS u (id, list)) AS r
        WHERE f.id = r.id
        """,
        list(feeds),
        [",".join(map(str, ids)) for ids in feeds.values()],
        now,
    )


async def move_mandates(to: Mapping[int, int], now: datetime) -> int:
    """Mandates are for the successor; one for the agency that its holder belongs to now has nothing to say."""
    moved = await execute(
        "UPDATE mandate m SET agency_id = r.agency_id, row_version = m.row_version + 1"
        " FROM unnest($1::bigint[], $2::bigint[]) AS r (id, agency_id) WHERE m.id = r.id",
        list(to),
        list(to.values()),
    )
    await execute(
        "UPDATE mandate m SET revoked_at = $2, row_version = m.row_version + 1 FROM official o"
        " WHERE o.id = m.official_id AND o.agency_id = m.agency_id AND m.revoked_at IS NULL"
        " AND m.id = ANY($1::bigint[])",
        list(to),
        now,
    )
    return moved


async def end_mandates(ids: Sequence[int], now: datetime) -> None:
    """Mandates for an agency that nobody succeeds end."""
    await execute(
        "UPDATE mandate SET revoked_at = $2, row_version = row_version + 1"
        " WHERE id = ANY($1::bigint[]) AND revoked_at IS NULL",
        list(ids),
        now,
    )


# --- the directory and the record ------------------------------------------------------------------------------


async def end_agencies(last_days: Mapping[int, date], now: datetime) -> None:
    """Each agency existed up to that day; one that says so already stays as it is."""
    await execute(
        "UPDATE agency a SET valid_to = r.day, row_version = a.row_version + 1, changed_at = $3"
        " FROM unnest($1::bigint[], $2::date[]) AS r (id, day) WHERE a.id = r.id AND a.valid_to IS DISTINCT FROM r.day",
        list(last_days),
        list(last_days.values()),
        now,
    )


async def put_links(rows: Sequence[tuple[int, int, date]], source: str) -> None:
    """The directory says who succeeds whom; what it records already stays as it is."""
    await execute(
        "INSERT INTO agency_succession (predecessor_id, successor_id, effective_on, source)"
        " SELECT r.*, $4 FROM unnest($1::bigint[], $2::bigint[], $3::date[]) AS r ON CONFLICT DO NOTHING",
        [r[0] for r in rows],
        [r[1] for r in rows],
        [r[2] for r in rows],
        source,
    )


@dataclass(frozen=True, slots=True)
class NewItem:
    """A line of the record."""

    predecessor_id: int
    successor_id: int | None
    effective_on: date
    kind: str
    is_default: bool
    predecessor_name: str
    successor_name: str
    counts: Mapping[str, int]


async def insert_succession(
    document: str,
    digest: str,
    counts: Mapping[str, int],
    actor_id: int | None,
    actor_name: str,
    now: datetime,
) -> int:
    """The head of the record; its id."""
    new_id: int = await fetchval(
        "INSERT INTO succession (document, digest, counts, carried_out_at, carried_out_by, actor_name)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        document,
        digest,
        json.dumps(counts),
        now,
        actor_id,
        actor_name,
    )
    return new_id


async def insert_items(succession_id: int, items: Sequence[NewItem]) -> None:
    """The lines of the record."""
    await execute(
        """
        INSERT INTO succession_item (succession_id, predecessor_id, successor_id, effective_on, kind, is_default,
                                     predecessor_name, successor_name, counts)
        SELECT $1, r.* FROM unnest($2::bigint[], $3::bigint[], $4::date[], $5::text[], $6::bool[], $7::text[],
                                   $8::text[], $9::jsonb[]) AS r
        """,
        succession_id,
        [i.predecessor_id for i in items],
        [i.successor_id for i in items],
        [i.effective_on for i in items],
        [i.kind for i in items],
        [i.is_default for i in items],
        [i.predecessor_name for i in items],
        [i.successor_name for i in items],
        [json.dumps(i.counts) for i in items],
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One predecessor and one successor of a succession that was carried out, with the names as they were."""

    predecessor_code: str
    predecessor_name: str
    successor_code: str | None
    successor_name: str
    effective_on: date
    kind: str
    is_default: bool
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Succession:
    """A succession that was carried out."""

    id: int
    document: str
    digest: str
    counts: Mapping[str, int]
    carried_out_at: datetime
    carried_out_by: int | None
    actor_name: str
    items: tuple[Item, ...]


async def list_successions(
    limit: int, *, before: int | None = None, only: int | None = None
) -> list[Succession]:
    """Successions carried out, newest first; `before` is the id of the last one seen."""
    heads = await fetch(
        "SELECT * FROM succession WHERE ($2::bigint IS NULL OR id < $2) AND ($3::bigint IS NULL OR id = $3)"
        " ORDER BY id DESC LIMIT $1",
        limit,
        before,
        only,
    )
    lines = await fetch(
        """
        SELECT i.*, p.code AS predecessor_code, s.code AS successor_code
        FROM succession_item i JOIN agency p ON p.id = i.predecessor_id LEFT JOIN agency s ON s.id = i.successor_id
        WHERE i.succession_id = ANY($1::bigint[]) ORDER BY i.id
        """,
        [r["id"] for r in heads],
    )
    items: dict[int, list[Item]] = {}
    for r in lines:
        items.setdefault(r["succession_id"], []).append(
            Item(
                predecessor_code=r["predecessor_code"],
                predecessor_name=r["predecessor_name"],
                successor_code=r["successor_code"],
                successor_name=r["successor_name"],
                effective_on=r["effective_on"],
                kind=r["kind"],
                is_default=r["is_default"],
                counts=json.loads(r["counts"]),
            )
        )
    return [
        Succession(
            id=r["id"],
            document=r["document"],
            digest=r["digest"],
            counts=json.loads(r["counts"]),
            carried_out_at=r["carried_out_at"],
            carried_out_by=r["carried_out_by"],
            actor_name=r["actor_name"],
            items=tuple(items.get(r["id"], ())),
        )
        for r in heads
    ]
