"""Long work in the database: asked for, claimed under a lease with a fencing token, ended, forgotten after a day.

Leases and ages are compared with the database's clock, because hosts may disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record, UniqueViolationError

from tracker.db.engine import execute, fetch, fetchrow, fetchval, savepoint, transaction
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import NotFound

KEPT_FOR = "interval '24 hours'"
LEASE = "interval '60 seconds'"
"""Renewed every second while the work goes on; what a killed worker leaves is taken up after this."""
MOST_ATTEMPTS = 3
"""A job whose worker died so often is given up: it may be what kills them."""
CLAIMING = 8306
"""Advisory lock: one claim at a time, so that the limits hold over all workers."""


@dataclass(frozen=True, slots=True)
class Job:
    """Long work as its owner sees it; `summary` is what came of it, `problem` why it failed."""

    id: int
    kind: str
    owner_id: int
    reach: str
    state: str
    cancel_wanted: bool
    parameters: dict[str, Any]
    import_id: int | None
    input_name: str
    progress: int
    stage: str
    steps_done: int
    steps_total: int
    summary: dict[str, Any]
    problem: dict[str, Any] | None
    result_size: int | None
    result_type: str
    result_name: str
    row_version: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None


_JSON = ("parameters", "summary", "problem")
_COLUMNS = ", ".join(f"j.{n}::text AS {n}" if n in _JSON else f"j.{n}" for n in Job.__dataclass_fields__)


def _job(row: Record) -> Job:
    values = dict(row)
    for name in _JSON:
        values[name] = None if values[name] is None else json.loads(values[name])
    return Job(**values)


def _owned(viewer: Actor, first: int) -> tuple[str, list[object]]:
    """Everybody sees what they asked for themselves; the administrator sees all."""
    if viewer.is_system or viewer.role is Role.ADMINISTRATOR:
        return "true", []
    return f"j.owner_id = ${first}", [viewer.official_id]


# -- asking ----------------------------------------------------------------------------------------------


async def count_live(owner_id: int) -> int:
    """How many jobs of this person wait or run; nobody else asks for one of theirs until the transaction ends."""
    await fetchval("SELECT pg_advisory_xact_lock(hashtextextended($1, 83))", f"job of {owner_id}")
    count: int = await fetchval(
        "SELECT count(*) FROM job WHERE owner_id = $1 AND state IN ('waiting', 'running')", owner_id
    )
    return count


async def insert_job(
    kind: str,
    owner: Actor,
    reach: str,
    language: str,
    parameters: Mapping[str, object],
    *,
    input_bytes: bytes | None = None,
    input_name: str = "",
    import_id: int | None = None,
) -> int | None:
    """A job that waits; None when the import it would write is being written, or was."""
    try:
        async with savepoint():
            job_id: int = await fetchval(
                """
                INSERT INTO job (kind, owner_id, reach, scopes, language, parameters, input, input_name, import_id)
                VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9) RETURNING id
                """,
                kind,
                owner.official_id,
                reach,
                None if owner.scopes is None else sorted(owner.scopes),
                language,
                json.dumps(dict(parameters), ensure_ascii=False, default=str),
                input_bytes,
                input_name,
                import_id,
            )
    except UniqueViolationError:
        return None
    return job_id


async def insert_ended_job(
    kind: str,
    owner: Actor,
    reach: str,
    language: str,
    parameters: Mapping[str, object],
    input_bytes: bytes,
    input_name: str,
    summary: Mapping[str, object],
    problem: Mapping[str, object] | None,
) -> int:
    """A job that was done, or failed, while its owner waited."""
    job_id: int = await fetchval(
        f"""
        INSERT INTO job (kind, owner_id, reach, scopes, language, parameters, input, input_name, state, progress,
            summary, problem, started_at, ended_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, 100, $10::jsonb, $11::jsonb, now(), now(),
            now() + {KEPT_FOR}) RETURNING id
        """,
        kind,
        owner.official_id,
        reach,
        None if owner.scopes is None else sorted(owner.scopes),
        language,
        json.dumps(dict(parameters), ensure_ascii=False, default=str),
        input_bytes,
        input_name,
        "done" if problem is None else "failed",
        json.dumps(dict(summary), ensure_ascii=False, default=str),
        None if problem is None else json.dumps(dict(problem), ensure_ascii=False, default=str),
    )
    return job_id


async def get_job(viewer: Actor, job_id: int) -> Job:
    """One job. Raises NotFound, also where it is somebody else's or is forgotten."""
    condition, arguments = _owned(viewer, 2)
    row = await fetchrow(
        f"SELECT {_COLUMNS} FROM job j WHERE j.id = $1 AND {condition}"
        " AND (j.expires_at IS NULL OR j.expires_at > now())",
        job_id,
        *arguments,
    )
    if row is None:
        raise NotFound(noun="job", id=job_id)
    return _job(row)


async def list_jobs(
    viewer: Actor, *, state: str | None, kind: str | None, limit: int, before: int | None
) -> list[Job]:
    """The jobs the viewer may know of, newest first."""
    condition, arguments = _owned(viewer, 5)
    rows = await fetch(
        f"""
        SELECT {_COLUMNS} FROM job j
        WHERE ($1::text IS NULL OR j.state = $1) AND ($2::text IS NULL OR j.kind = $2)
          AND ($3::bigint IS NULL OR j.id < $3) AND {condition}
          AND (j.expires_at IS NULL OR j.expires_at > now())
        ORDER BY j.id DESC LIMIT $4
        """,
        state,
        kind,
        before,
        limit,
        *arguments,
    )
    return [_job(row) for row in rows]


async def find_confirmation(import_id: int) -> int | None:
    """The job that writes this import, or wrote it."""
    found: int | None = await fetchval(
        "SELECT id FROM job WHERE import_id = $1 AND state IN ('waiting', 'running', 'done')", import_id
    )
    return found


async def read_result(job_id: int) -> bytes | None:
    """What the job made."""
    result: bytes | None = await fetchval("SELECT result FROM job WHERE id = $1 AND state = 'done'", job_id)
    return result


async def read_input(job_id: int) -> tuple[bytes, str] | None:
    """The file the job was given, and its name."""
    row = await fetchrow("SELECT input, input_name FROM job WHERE id = $1 AND input IS NOT NULL", job_id)
    return None if row is None else (row["input"], row["input_name"])


async def request_cancel(job_id: int) -> bool:
    """A waiting job ends at once, a running one at its next step; False when it has ended already."""
    touched = await execute(
        f"""
        UPDATE job SET cancel_wanted = true, row_version = row_version + 1,
            state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END,
            ended_at = CASE state WHEN 'waiting' THEN now() END,
            expires_at = CASE state WHEN 'waiting' THEN now() + {KEPT_FOR} END
        WHERE id = $1 AND state IN ('waiting', 'running')
        """,
        job_id,
    )
    return touched == 1


async def request_cancel_of(owner_id: int) -> int:
    """As `request_cancel`, for everything of one person; how many."""
    return await execute(
        f"""
        UPDATE job SET cancel_wanted = true, row_version = row_version + 1,
            state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END,
            ended_at = CASE state WHEN 'waiting' THEN now() END,
            expires_at = CASE state WHEN 'waiting' THEN now() + {KEPT_FOR} END
        WHERE owner_id = $1 AND state IN ('waiting', 'running')
        """,
        owner_id,
    )


# -- working ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job under lease, with what its work needs."""

    id: int
    kind: str
    owner_id: int
    reach: str
    scopes: tuple[str, ...] | None
    language: str
    parameters: dict[str, Any]
    import_id: int | None
    lease_token: UUID


async def reclaim_expired() -> int:
    """Put back what a dead worker left; what left dead workers behind too often fails."""
    return await execute(
        f"""
        UPDATE job SET lease_token = NULL, lease_until = NULL, row_version = row_version + 1,
            state = CASE WHEN attempts < {MOST_ATTEMPTS} THEN 'waiting' ELSE 'failed' END,
            problem = CASE WHEN attempts < {MOST_ATTEMPTS} THEN NULL
                           ELSE '{{"code": "job_lost", "params": {{}}, "problems": []}}'::jsonb END,
            ended_at = CASE WHEN attempts < {MOST_ATTEMPTS} THEN NULL ELSE now() END,
            expires_at = CASE WHEN attempts < {MOST_ATTEMPTS} THEN NULL ELSE now() + {KEPT_FOR} END
        WHERE state = 'running' AND lease_until < now()
        """
    )


async def claim(at_once: int, per_person: int) -> Claimed | None:
    """Lease the job that waits longest, unless so many run already, in all or of its owner."""
    async with transaction():
        if not await fetchval("SELECT pg_try_advisory_xact_lock($1)", CLAIMING):
            return None
        row = await fetchrow(
            f"""
            UPDATE job SET state = 'running', lease_token = gen_random_uuid(), lease_until = now() + {LEASE},
                attempts = attempts + 1, started_at = coalesce(started_at, now()), row_version = row_version + 1
            WHERE id = (
                SELECT j.id FROM job j WHERE j.state = 'waiting'
                  AND (SELECT count(*) FROM job r WHERE r.state = 'running') < $1
                  AND (SELECT count(*) FROM job r WHERE r.state = 'running' AND r.owner_id = j.owner_id) < $2
                ORDER BY j.id LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, kind, owner_id, reach, scopes, language, parameters::text AS parameters, import_id,
                lease_token
            """,
            at_once,
            per_person,
        )
    if row is None:
        return None
    values = dict(row)
    scopes: Sequence[str] | None = values["scopes"]
    return Claimed(
        **values
        | {
            "scopes": None if scopes is None else tuple(scopes),
            "parameters": json.loads(values["parameters"]),
        }
    )


async def write_progress(
    job: Claimed, progress: int, stage: str, steps_done: int, steps_total: int
) -> bool | None:
    """Renew the lease and tell how far it is: whether the owner wants it cancelled, None when the lease is lost."""
    wanted: bool | None = await fetchval(
        f"""
        UPDATE job SET lease_until = now() + {LEASE}, progress = $3, stage = $4, steps_done = $5, steps_total = $6
        WHERE id = $1 AND lease_token = $2 AND state = 'running' RETURNING cancel_wanted
        """,
        job.id,
        job.lease_token,
        progress,
        stage,
        steps_done,
        steps_total,
    )
    return wanted


async def mark_done(
    job: Claimed,
    summary: Mapping[str, object],
    result: bytes | None = None,
    result_type: str = "",
    result_name: str = "",
) -> bool:
    """The job's end, under its lease; False when another worker holds it, or its owner wants it cancelled."""
    touched = await execute(
        f"""
        UPDATE job SET state = 'done', lease_token = NULL, lease_until = NULL, progress = 100, stage = '',
            row_version = row_version + 1, summary = $3::jsonb, result = $4, result_size = $5, result_type = $6,
            result_name = $7, ended_at = now(), expires_at = now() + {KEPT_FOR}
        WHERE id = $1 AND lease_token = $2 AND state = 'running' AND NOT cancel_wanted
        """,
        job.id,
        job.lease_token,
        json.dumps(dict(summary), ensure_ascii=False, default=str),
        result,
        None if result is None else len(result),
        result_type,
        result_name,
    )
    return touched == 1


async def mark_failed(job: Claimed, problem: Mapping[str, object]) -> bool:
    """The job failed, and why."""
    return await _end(job, "failed", problem)


async def mark_cancelled(job: Claimed) -> bool:
    """The job ended because its owner wanted that."""
    return await _end(job, "cancelled", None)


async def _end(job: Claimed, state: str, problem: Mapping[str, object] | None) -> bool:
    touched = await execute(
        f"""
        UPDATE job SET state = $3, problem = $4::jsonb, lease_token = NULL, lease_until = NULL, stage = '',
            row_version = row_version + 1, ended_at = now(), expires_at = now() + {KEPT_FOR}
        WHERE id = $1 AND lease_token = $2 AND state = 'running'
        """,
        job.id,
        job.lease_token,
        state,
        None if problem is None else json.dumps(dict(problem), ensure_ascii=False, default=str),
    )
    return touched == 1


async def release(job: Claimed) -> bool:
    """Give an unfinished job back, for a worker that is told to stop."""
    touched = await execute(
        "UPDATE job SET state = 'waiting', lease_token = NULL, lease_until = NULL, attempts = attempts - 1,"
        " row_version = row_version + 1 WHERE id = $1 AND lease_token = $2 AND state = 'running'",
        job.id,
        job.lease_token,
    )
    return touched == 1


# -- forgetting ------------------------------------------------------------------------------------------


async def delete_expired(limit: int = 100) -> int:
    """Forget what ended a day ago, at most `limit`; an import goes after the job that wrote it."""
    return await execute(
        "DELETE FROM job WHERE id IN (SELECT j.id FROM job j WHERE j.expires_at <= now()"
        " AND NOT EXISTS (SELECT 1 FROM job c WHERE c.import_id = j.id) ORDER BY j.expires_at LIMIT $1)",
        limit,
    )
