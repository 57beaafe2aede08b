"""Directives and their tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotFound
from tracker.domain.search import word_key


@dataclass(frozen=True)
class Directive:
    """A recorded directive; dates are civil dates, instants UTC."""

    id: int
    uid: UUID
    number: str
    kind: str
    issued_on: date
    received_on: date | None
    issuer: str
    signer: str
    abstract: str
    urgency: str
    submission_id: str | None
    created_at: datetime
    row_version: int
    changed_at: datetime
    task_count: int = 0


@dataclass(frozen=True)
class Task:
    """A recorded task; `deadline_rule` is the rule as kept, `deadline_phrase` the official words."""

    id: int
    uid: UUID
    directive_id: int
    ordinal: int
    short_name: str
    full_text: str
    product: str
    place: str
    report_to: str
    field: str
    deadline_phrase: str
    deadline_rule: dict[str, object]
    completes_on: str
    secretariat_officer_id: int | None
    restricted: bool
    row_version: int
    changed_at: datetime


@dataclass(frozen=True)
class TaskRow:
    """A task to be inserted."""

    ordinal: int
    short_name: str
    full_text: str
    product: str
    place: str
    report_to: str
    field: str
    deadline_phrase: str
    deadline_rule: Mapping[str, object]
    completes_on: str
    secretariat_officer_id: int | None
    restricted: bool
    import_key: str | None


def _directive(row: Record) -> Directive:
    return Directive(
        id=row["id"],
        uid=row["uid"],
        number=row["number"],
        kind=row["kind"],
        issued_on=row["issued_on"],
        received_on=row["received_on"],
        issuer=row["issuer"],
        signer=row["signer"],
        abstract=row["abstract"],
        urgency=row["urgency"],
        submission_id=row["submission_id"],
        created_at=row["created_at"],
        row_version=row["row_version"],
        changed_at=row["changed_at"],
        task_count=row.get("task_count", 0),
    )


def _task(row: Record) -> Task:
    return Task(
        id=row["id"],
        uid=row["uid"],
        directive_id=row["directive_id"],
        ordinal=row["ordinal"],
        short_name=row["short_name"],
        full_text=row["full_text"],
        product=row["product"],
        place=row["place"],
        report_to=row["report_to"],
        field=row["field"],
        deadline_phrase=row["deadline_phrase"],
        deadline_rule=json.loads(row["deadline_rule"]),
        completes_on=row["completes_on"],
        secretariat_officer_id=row["secretariat_officer_id"],
        restricted=row["restricted"],
        row_version=row["row_version"],
        changed_at=row["changed_at"],
    )


def _seen(viewer: Actor, column: str, first: int) -> tuple[str, list[object]]:
    """A directive or task is seen by those who see one of its assignments; the assigning side sees all."""
    if viewer.role not in AGENCY_ROLES:
        return "true", []
    condition, arguments = visible_to(viewer, "a", first)
    return f"EXISTS (SELECT 1 FROM assignment a WHERE a.{column} AND {condition})", arguments


async def get_directive(viewer: Actor, directive_id: int) -> Directive:
    """One directive. Raises NotFound, also where the viewer has no part in it."""
    condition, arguments = _seen(viewer, "directive_id = d.id", 2)
    row = await fetchrow(
        f"""
        SELECT d.*, (SELECT count(*) FROM task t WHERE t.directive_id = d.id) AS task_count
        FROM directive d WHERE d.id = $1 AND {condition}
        """,
        directive_id,
        *arguments,
    )
    if row is None:
        raise NotFound(noun="directive", id=directive_id)
    return _directive(row)


async def find_directive_by_submission(submission_id: str) -> int | None:
    """The directive that this submission has already made."""
    found: int | None = await fetchval("SELECT id FROM directive WHERE submission_id = $1", submission_id)
    return found


async def find_directive(number: str, issuer: str, issued_on: date) -> int | None:
    """The directive with this identity; blanks and case of a number make no other document."""
    found: int | None = await fetchval(
        r"""
        SELECT id FROM directive
        WHERE issued_on = $3 AND lower(issuer) = lower($2)
          AND lower(regexp_replace(number, '\s+', '', 'g')) = lower(regexp_replace($1, '\s+', '', 'g'))
        ORDER BY id LIMIT 1
        """,
        number,
        issuer,
        issued_on,
    )
    return found


async def find_same(number: str, issued_on: date) -> int | None:
    """A directive with this number and date, whoever issued it."""
    found: int | None = await fetchval(
        r"""
        SELECT id FROM directive
        WHERE issued_on = $2
          AND lower(regexp_replace(number, '\s+', '', 'g')) = lower(regexp_replace($1, '\s+', '', 'g'))
        ORDER BY id LIMIT 1
        """,
        number,
        issued_on,
    )
    return found


async def list_directives(
    viewer: Actor,
    *,
    words: str = "",
    kind: str = "",
    year: int | None = None,
    limit: int = 50,
    after: tuple[date, int] | None = None,
) -> list[Directive]:
    """Directives, newest first; `after` is the (issued_on, id) of the last row seen."""
    condition, arguments = _seen(viewer, "directive_id = d.id", 7)
    rows = await fetch(
        f"""
        SELECT d.*, (SELECT count(*) FROM task t WHERE t.directive_id = d.id) AS task_count
        FROM directive d
        WHERE ($1::date IS NULL OR (d.issued_on, d.id) < ($1, $2))
          AND ($3::text = '' OR to_tsvector('simple', d.search_key) @@ to_tsquery('simple', $3))
          AND ($5::text = '' OR d.kind = $5)
          AND ($6::integer IS NULL OR d.issued_on BETWEEN make_date($6, 1, 1) AND make_date($6, 12, 31))
          AND {condition}
        ORDER BY d.issued_on DESC, d.id DESC LIMIT $4
        """,
        after[0] if after else None,
        after[1] if after else None,
        prefix_query(words),
        limit,
        kind,
        year,
        *arguments,
    )
    return [_directive(r) for r in rows]


def prefix_query(words: str) -> str:
    """A tsquery that asks for every word of `words` as a prefix; empty for no words.

    >>> prefix_query("12/CT-TTg  Bộ Y tế")
    '12:* & ct:* & ttg:* & bo:* & y:* & te:*'
    """
    return " & ".join(f"{token}:*" for token in word_key(words).split()[:20])


async def insert_directive(values: Mapping[str, object]) -> int:
    """One directive; ConflictUnique is left to the caller (UniqueViolationError)."""
    columns = list(values)
    marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    new_id: int = await fetchval(
        f"INSERT INTO directive ({', '.join(columns)}) VALUES ({marks}) RETURNING id", *values.values()
    )
    return new_id


async def insert_tasks(
    directive_id: int, rows: Sequence[TaskRow], search_keys: Sequence[str], now: datetime
) -> list[int]:
    """The tasks of one directive in one statement; ids in the order of `rows`."""
    inserted = await fetch(
        """
        INSERT INTO task (directive_id, ordinal, short_name, full_text, product, place, report_to, field,
                          deadline_phrase, deadline_rule, completes_on, secretariat_officer_id, restricted,
                          import_key, search_key, changed_at)
        SELECT $1, r.*, $2 FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
               $9::text[], $10::text[], $11::jsonb[], $12::text[], $13::bigint[], $14::bool[], $15::text[],
               $16::text[]) AS r
        RETURNING id, ordinal
        """,
        directive_id,
        now,
        [r.ordinal for r in rows],
        [r.short_name for r in rows],
        [r.full_text for r in rows],
        [r.product for r in rows],
        [r.place for r in rows],
        [r.report_to for r in rows],
        [r.field for r in rows],
        [r.deadline_phrase for r in rows],
        [json.dumps(r.deadline_rule, ensure_ascii=False) for r in rows],
        [r.completes_on for r in rows],
        [r.secretariat_officer_id for r in rows],
        [r.restricted for r in rows],
        [r.import_key for r in rows],
        list(search_keys),
    )
    ids = {r["ordinal"]: r["id"] for r in inserted}
    return [ids[r.ordinal] for r in rows]


async def last_ordinal(directive_id: int) -> int:
    """The highest task number of a directive, 0 without tasks; locks the directive against a second writer."""
    await execute("SELECT 1 FROM directive WHERE id = $1 FOR UPDATE", directive_id)
    highest: int = await fetchval(
        "SELECT coalesce(max(ordinal), 0) FROM task WHERE directive_id = $1", directive_id
    )
    return highest


async def known_import_keys(keys: Sequence[str]) -> frozenset[str]:
    """Which of these import keys stand in the database already."""
    rows = await fetch("SELECT import_key FROM task WHERE import_key = ANY($1::text[])", list(keys))
    return frozenset(r["import_key"] for r in rows)


async def get_task(viewer: Actor, task_id: int) -> Task:
    """One task. Raises NotFound, also where the viewer has no part in it."""
    condition, arguments = _seen(viewer, "task_id = t.id", 2)
    row = await fetchrow(f"SELECT t.* FROM task t WHERE t.id = $1 AND {condition}", task_id, *arguments)
    if row is None:
        raise NotFound(noun="task", id=task_id)
    return _task(row)


async def list_tasks(viewer: Actor, directive_id: int) -> list[Task]:
    """The tasks of a directive that the viewer may know of, in the directive's order."""
    condition, arguments = _seen(viewer, "task_id = t.id", 2)
    rows = await fetch(
        f"SELECT t.* FROM task t WHERE t.directive_id = $1 AND {condition} ORDER BY t.ordinal",
        directive_id,
        *arguments,
    )
    return [_task(r) for r in rows]


# Names of columns come from the actions; nothing else may stand in a statement.
_COLUMN = re.compile(r"[a-z][a-z_]{1,40}")


async def update_row(
    table: str, row_id: int, version: int | None, changes: Mapping[str, object], now: datetime
) -> bool:
    """Set `changes` on a directive or task when its row_version is still `version`; whether a row changed."""
    if table not in ("directive", "task") or not all(_COLUMN.fullmatch(column) for column in changes):
        raise ValueError(f"not a table and columns of it: {table} {sorted(changes)}")
    assignments = ", ".join(f"{column} = ${n}" for n, column in enumerate(changes, start=4))
    touched = await execute(
        f"UPDATE {table} SET {assignments}, row_version = row_version + 1, changed_at = $3"
        f" WHERE id = $1 AND ($2::int IS NULL OR row_version = $2)",
        row_id,
        version,
        now,
        *changes.values(),
    )
    return touched == 1


def due_pair(due_on: date | None, due_time: time | None) -> str:
    """A deadline as written in the history: ISO date, and time where there is one."""
    if due_on is None:
        return ""
    return f"{due_on.isoformat()}T{due_time:%H:%M}" if due_time else due_on.isoformat()


async def lock_recording(number: str) -> None:
    """Recordings of one directive number come one after another, until this transaction ends."""
    key = "".join(number.split()).lower()
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", key)


async def ids_below(directive_id: int) -> tuple[list[int], list[int]]:
    """The ids of a directive's tasks and of their assignments."""
    tasks = await fetch("SELECT id FROM task WHERE directive_id = $1 ORDER BY ordinal", directive_id)
    assignments = await fetch("SELECT id FROM assignment WHERE directive_id = $1 ORDER BY id", directive_id)
    return [r["id"] for r in tasks], [r["id"] for r in assignments]
