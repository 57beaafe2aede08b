"""Ladders and their versions; a version never changes once it is in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.directory import Duty
from tracker.domain.errors import NotFound
from tracker.domain.ladders import Anchor, Ladder, Step, Unit

_SELECT = """
SELECT v.id, l.code, v.version, s.code AS step, s.anchor, s."offset", s.unit, s.repeat_every, s.repeat_limit,
       s.send_to, s.send_copy, s.wording
FROM ladder_version v JOIN ladder l ON l.id = v.ladder_id JOIN ladder_step s ON s.ladder_version_id = v.id
"""


def _step(row: Record) -> Step:
    return Step(
        code=row["step"],
        anchor=Anchor(row["anchor"]),
        offset=row["offset"],
        unit=Unit(row["unit"]),
        to=tuple(Duty(d) for d in row["send_to"]),
        wording=row["wording"],
        copy=tuple(Duty(d) for d in row["send_copy"]),
        repeat_every=row["repeat_every"],
        repeat_limit=row["repeat_limit"],
    )


def _ladders(rows: Sequence[Record]) -> list[Ladder]:
    steps: dict[int, list[Record]] = {}
    for row in rows:
        steps.setdefault(row["id"], []).append(row)
    return [
        Ladder(version_id, own[0]["code"], own[0]["version"], tuple(_step(r) for r in own))
        for version_id, own in steps.items()
    ]


async def get_ladder(version_id: int) -> Ladder:
    """One version, by its id. Raises NotFound."""
    found = _ladders(await fetch(f"{_SELECT} WHERE v.id = $1 ORDER BY s.id", version_id))
    if not found:
        raise NotFound(noun="ladder", id=version_id)
    return found[0]


async def current_ladder(now: datetime, code: str = "default") -> Ladder:
    """The version of a ladder in force at `now`. Raises NotFound."""
    found = _ladders(
        await fetch(f"{_SELECT} WHERE l.code = $1 AND v.in_force @> $2::timestamptz ORDER BY s.id", code, now)
    )
    if not found:
        raise NotFound(noun="ladder", id=code)
    return found[0]


async def list_ladders() -> list[Ladder]:
    """Every version of every ladder, newest first."""
    return _ladders(await fetch(f"{_SELECT} ORDER BY l.code, v.version DESC, s.id"))


async def list_in_use() -> list[Ladder]:
    """The versions that an open assignment follows: one index probe for each version, not a scan."""
    rows = await fetch(
        f"""{_SELECT} WHERE EXISTS (SELECT 1 FROM assignment a WHERE a.ladder_version_id = v.id
            AND a.due_kind = 'dated' AND a.state IN ('assigned', 'acknowledged', 'in_progress', 'returned'))
         OR EXISTS (SELECT 1 FROM assignment a WHERE a.ladder_version_id = v.id AND a.state = 'reported')
        ORDER BY v.id, s.id"""
    )
    return _ladders(rows)


@dataclass(frozen=True, slots=True)
class LadderHead:
    """A ladder without its steps."""

    id: int
    code: str
    name: str
    row_version: int


async def insert_ladder(code: str, name: str) -> int:
    """A ladder without versions; an existing code is taken as it is. Its id."""
    await execute("INSERT INTO ladder (code, name) VALUES ($1, $2) ON CONFLICT (code) DO NOTHING", code, name)
    ladder_id: int = await fetchval("SELECT id FROM ladder WHERE code = $1 FOR UPDATE", code)
    return ladder_id


async def insert_version(
    ladder_id: int, steps: Sequence[Step], note: str, created_by: int | None, from_instant: datetime | None
) -> int:
    """The next version, in force from `from_instant` (None: from ever); the one before it ends there."""
    await execute(
        "UPDATE ladder_version SET in_force = tstzrange(lower(in_force), $2::timestamptz)"
        " WHERE ladder_id = $1 AND upper_inf(in_force)",
        ladder_id,
        from_instant,
    )
    version_id: int = await fetchval(
        """
        INSERT INTO ladder_version (ladder_id, version, in_force, note, created_by)
        SELECT $1, coalesce(max(version), 0) + 1, tstzrange($2::timestamptz, NULL), $3, $4
        FROM ladder_version WHERE ladder_id = $1
        RETURNING id
        """,
        ladder_id,
        from_instant,
        note,
        created_by,
    )
    await execute(
        """
        INSERT INTO ladder_step (ladder_version_id, code, anchor, "offset", unit, repeat_every, repeat_limit, wording,
                                 send_to, send_copy)
        SELECT $1, s.code, s.anchor, s."offset", s.unit, s.every, s.times, s.wording,
               string_to_array(s.send_to, ','), coalesce(string_to_array(nullif(s.send_copy, ''), ','), '{}')
        FROM unnest($2::text[], $3::text[], $4::int[], $5::text[], $6::int[], $7::int[], $8::text[], $9::text[],
                    $10::text[]) WITH ORDINALITY
             AS s (code, anchor, "offset", unit, every, times, wording, send_to, send_copy, position)
        ORDER BY s.position
        """,
        version_id,
        [s.code for s in steps],
        [s.anchor.value for s in steps],
        [s.offset for s in steps],
        [s.unit.value for s in steps],
        [s.repeat_every for s in steps],
        [s.repeat_limit for s in steps],
        [s.wording for s in steps],
        [",".join(d.value for d in s.to) for s in steps],
        [",".join(d.value for d in s.copy) for s in steps],
    )
    return version_id


@dataclass(frozen=True, slots=True)
class VersionHead:
    """A version without its steps; `until` is exclusive, None while it is in force."""

    id: int
    code: str
    name: str
    version: int
    note: str
    created_by: str
    created_at: datetime
    since: datetime | None
    until: datetime | None
    open_assignments: int


async def list_version_heads(code: str | None = None) -> list[VersionHead]:
    """The versions of one ladder or of all, newest first, with how many open assignments follow each."""
    rows = await fetch(
        """
        SELECT v.id, l.code, l.name, v.version, v.note, coalesce(f.full_name, '') AS created_by, v.created_at,
               lower(v.in_force) AS since, upper(v.in_force) AS until,
               (SELECT count(*) FROM assignment a WHERE a.ladder_version_id = v.id AND a.state IN
                ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')) AS open_assignments
        FROM ladder_version v JOIN ladder l ON l.id = v.ladder_id LEFT JOIN official f ON f.id = v.created_by
        WHERE $1::text IS NULL OR l.code = $1 ORDER BY l.code, v.version DESC
        """,
        code,
    )
    return [VersionHead(*r.values()) for r in rows]


async def get_version(code: str, version: int) -> Ladder:
    """One version of a ladder, by its number. Raises NotFound."""
    found = _ladders(
        await fetch(f"{_SELECT} WHERE l.code = $1 AND v.version = $2 ORDER BY s.id", code, version)
    )
    if not found:
        raise NotFound(noun="ladder", id=f"{code}/{version}")
    return found[0]


async def newest_version(code: str) -> Ladder | None:
    """The newest version of a ladder; None where the code is nobody's yet."""
    rows = await fetch(
        f"{_SELECT} WHERE l.code = $1 AND v.version = (SELECT max(w.version) FROM ladder_version w"
        " WHERE w.ladder_id = l.id) ORDER BY s.id",
        code,
    )
    found = _ladders(rows)
    return found[0] if found else None
