"""The history's chain in the database: appended in the transaction of the change, read in one snapshot.

There are 64 lanes. A transaction takes one that nobody holds, so that writers do not wait for one another;
which lane does not matter, each is a chain of its own (docs/decisions/0024-audit-chain.md).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval, in_transaction, stream, transaction
from tracker.domain.audit import LANES, Head, KeyRing, Link, Past, chained, derive_key, microseconds, plain
from tracker.domain.errors import TrackerError
from tracker.settings import Secret

_MOST_AT_ONCE = 2_000
_LOOKS = 200
_PAUSE_SECONDS = 0.01


class AuditKeyMissing(TrackerError):
    """A change was to be recorded by a process that was not given the key of the chain."""

    code = "audit_key_missing"


_ring: KeyRing | None = None


def use_key(secret: Secret, older: Sequence[Secret] = ()) -> None:
    """From now on this process chains with the key of this secret; rows of `older` ones can still be checked."""
    global _ring
    _ring = KeyRing(
        derive_key(secret.reveal().encode()), tuple(derive_key(old.reveal().encode()) for old in older)
    )


def key_ring() -> KeyRing:
    """The keys in use. Raises AuditKeyMissing: a key that everybody knows would be worse than none."""
    if _ring is None:
        raise AuditKeyMissing()
    return _ring


# -- writing -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row of the history before it has a place in the chain."""

    at: datetime
    actor_id: int | None
    actor_name: str
    verb: str
    directive_id: int | None = None
    task_id: int | None = None
    assignment_id: int | None = None
    reason: str = ""
    detail: object = field(default_factory=dict)


_LANE = """
SELECT lane, seq, mac, clock_timestamp() AS recorded_at,
       ARRAY(SELECT nextval('history_id_seq') FROM generate_series(1, $1::int)) AS ids
FROM audit_lane
"""
_OWN = f"{_LANE} WHERE lane = pg_backend_pid() % {LANES} FOR UPDATE"
_FREE = f"{_LANE} ORDER BY (lane + pg_backend_pid()) % {LANES} LIMIT 1 FOR UPDATE SKIP LOCKED"


async def append_history(rows: Sequence[NewRow]) -> None:
    """Chain and write rows in their order, with the transaction that is open, else in one of their own."""
    if not in_transaction():
        async with transaction():
            await append_history(rows)
        return
    for start in range(0, len(rows), _MOST_AT_ONCE):
        await _append(rows[start : start + _MOST_AT_ONCE])


async def _append(rows: Sequence[NewRow]) -> None:
    key = key_ring().current
    head = await _take_lane(len(rows))
    recorded_at: datetime = head["recorded_at"]
    details = [plain(row.detail) for row in rows]
    links = list(
        chained(
            (
                Link(
                    id=id_,
                    at=microseconds(row.at),
                    recorded_at=microseconds(recorded_at),
                    actor_id=row.actor_id,
                    actor_name=row.actor_name,
                    verb=row.verb,
                    directive_id=row.directive_id,
                    task_id=row.task_id,
                    assignment_id=row.assignment_id,
                    reason=row.reason,
                    detail=detail,
                    lane=0,
                    lane_seq=0,
                    key_id="",
                )
                for id_, row, detail in zip(head["ids"], rows, details, strict=True)
            ),
            key,
            head["lane"],
            head["seq"],
            head["mac"],
        )
    )
    await execute(
        """
        WITH head AS (UPDATE audit_lane SET seq = $1, mac = $2 WHERE lane = $3)
        INSERT INTO history (id, at, recorded_at, actor_id, actor_name, verb, directive_id, task_id, assignment_id,
                             reason, detail, lane, lane_seq, key_id, mac)
        OVERRIDING SYSTEM VALUE
        SELECT e.id, e.at, $4, e.actor_id, e.actor_name, e.verb, e.directive_id, e.task_id, e.assignment_id, e.reason,
               e.detail, $3, e.lane_seq, $5, e.mac
        FROM unnest($6::bigint[], $7::timestamptz[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],
                    $12::bigint[], $13::bigint[], $14::text[], $15::jsonb[], $16::bigint[], $17::bytea[])
             AS e (id, at, actor_id, actor_name, verb, directive_id, task_id, assignment_id, reason, detail, lane_seq,
                   mac)
        """,
        links[-1].lane_seq,
        links[-1].mac,
        head["lane"],
        recorded_at,
        key.id,
        [link.id for link in links],
        [row.at for row in rows],
        [link.actor_id for link in links],
        [link.actor_name for link in links],
        [link.verb for link in links],
        [link.directive_id for link in links],
        [link.task_id for link in links],
        [link.assignment_id for link in links],
        [link.reason for link in links],
        [json.dumps(detail, ensure_ascii=False) for detail in details],
        [link.lane_seq for link in links],
        [link.mac for link in links],
    )


async def _take_lane(count: int) -> Record:
    """A lane, locked to the end of the transaction, and `count` new ids.

    Each connection has a lane of its own as long as there are not more of them than lanes; then any free one.
    A transaction that holds one gets it again, so none waits for a second one while it holds the first.
    """
    row = await fetchrow(f"{_OWN} SKIP LOCKED", count) or await fetchrow(_FREE, count)
    for _ in range(_LOOKS):
        if row is not None:
            return row
        # All are taken: whichever is given back first will do, so it is not one of them that is waited for.
        await asyncio.sleep(_PAUSE_SECONDS)
        row = await fetchrow(_FREE, count)
    row = row or await fetchrow(_OWN, count)
    if row is None:
        raise LookupError("the lanes of the audit chain are gone: run `tracker audit verify`")
    return row


# -- reading -------------------------------------------------------------------------------------------


def _us(column: str) -> str:
    """A column as microseconds since 1970: what the canonical form has, and cheaper to read than a datetime.

    What the program never writes, infinity or nothing, is a number that fits no MAC.
    """
    return f"CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}) * 1000000)::bigint ELSE -1 END"


_LINKS = f"""
SELECT id, {_us("at")}, {_us("recorded_at")}, actor_id, actor_name, verb, directive_id, task_id, assignment_id,
       reason, detail::text, lane, lane_seq, key_id, mac
FROM history WHERE lane = $1 AND lane_seq IS NOT NULL ORDER BY lane_seq, id
"""


async def stream_lane(lane: int) -> AsyncIterator[Link]:
    """One lane in its order, in constant memory; inside a transaction."""
    async for row in stream(_LINKS, lane, prefetch=5_000):
        values = list(row.values())
        values[10] = _read(values[10])
        yield Link._make(values)


def _read(detail: str) -> object:
    """A stored detail; one that Python cannot read was not written by us, and stays a text that fits nothing."""
    try:
        return json.loads(detail)
    except (ValueError, RecursionError):
        return detail


async def list_heads() -> list[Head]:
    """The last place of every lane."""
    rows = await fetch("SELECT lane, seq, mac FROM audit_lane ORDER BY lane")
    return [Head(r["lane"], r["seq"], r["mac"]) for r in rows]


@dataclass(frozen=True, slots=True)
class Start:
    """Where the chain began: when, how many rows there were, and the last of them."""

    at: datetime
    unchained: int
    last_unchained_id: int


async def find_start() -> Start | None:
    """Where the chain began; None when somebody took the row away."""
    row = await fetchrow("SELECT at, unchained, last_unchained_id FROM audit_start WHERE id = 1")
    return None if row is None else Start(**dict(row))


async def digest_past(last_id: int, *, timeout: float) -> Past:  # noqa: ASYNC109
    """The rows that are older than the chain, and a digest of all they say; `last_id` is their end."""
    rows = await fetch(
        f"""
        SELECT count(*) AS count, coalesce(max(id), 0) AS last_id,
               encode(sha256(coalesce(string_agg(sha256(convert_to(jsonb_build_array(
                   id, {_us("at")}, {_us("recorded_at")}, actor_id, actor_name, verb, directive_id, task_id,
                   assignment_id, reason, detail)::text, 'UTF8')), ''::bytea ORDER BY id), ''::bytea)), 'hex')
               AS digest
        FROM history WHERE lane IS NULL AND id <= $1
        """,
        last_id,
        timeout=timeout,
    )
    return Past(**dict(rows[0]))


async def list_unchained(after_id: int, limit: int) -> list[int]:
    """Rows without a place in the chain that came after its beginning, by id."""
    rows = await fetch(
        "SELECT id FROM history WHERE (lane IS NULL OR lane_seq IS NULL) AND id > $1 ORDER BY id LIMIT $2",
        after_id,
        limit,
    )
    return [r["id"] for r in rows]


async def count_unchained(after_id: int) -> int:
    """How many such rows there are."""
    counted: int = await fetchval(
        "SELECT count(*) FROM history WHERE (lane IS NULL OR lane_seq IS NULL) AND id > $1", after_id
    )
    return counted


async def list_lanes_in_use() -> list[int]:
    """The lanes that rows stand in, also such as there cannot be."""
    # A step from lane to lane along the index: DISTINCT would read every row.
    rows = await fetch(
        """
        WITH RECURSIVE used AS (
            (SELECT lane FROM history WHERE lane IS NOT NULL ORDER BY lane LIMIT 1)
            UNION ALL
            SELECT (SELECT h.lane FROM history h WHERE h.lane > u.lane ORDER BY h.lane LIMIT 1)
            FROM used u WHERE u.lane IS NOT NULL
        )
        SELECT lane FROM used WHERE lane IS NOT NULL
        """
    )
    return [r["lane"] for r in rows]
