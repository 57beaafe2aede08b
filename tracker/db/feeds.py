"""Calendar links: who holds them, what they were last told, and the deadlines that they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from uuid import UUID

from asyncpg import Record

from tracker.db.actors import ACTOR_COLUMNS, actor_from
from tracker.db.assignments import OPEN, RUNNING
from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.assignments import OPEN_STATES, State
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import NotFound
from tracker.domain.zone import civil_now
from tracker.i18n import Language


class FeedScope(StrEnum):
    """Which deadlines a link is for; what its holder may see limits it further at every fetch."""

    OWN_AGENCY = "own_agency"
    AGENCIES = "agencies"
    ALL = "all"
    DIRECTIVE = "directive"
    SESSIONS = "sessions"


@dataclass(frozen=True, slots=True)
class Feed:
    """A named calendar link of one official; its token is known only as a hash.

    `fingerprint` is that of the facts last served, `fingerprint_at` the Last-Modified that went with it.
    """

    id: int
    owner_id: int
    name: str
    token_hint: str
    scope: FeedScope
    agency_ids: tuple[int, ...]
    directive_id: int | None
    language: Language
    alarm_days: tuple[int, ...]
    with_cancelled: bool
    consolidated: bool
    row_version: int
    fingerprint: str
    fingerprint_at: datetime | None
    created_at: datetime
    changed_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_user_agent: str


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A dated assignment as a feed needs it; `version` and `changed_at` cover its task, directive and agency.

    `fact` is the digest of all the rest.
    """

    id: int
    uid: UUID
    task_id: int
    task_uid: UUID
    state: State
    due_on: date
    due_time: time | None
    completed_on: date | None
    completed_time: time | None
    confirmed_at: datetime | None
    version: int
    created_at: datetime
    changed_at: datetime
    short_name: str
    field: str
    restricted: bool
    directive_number: str
    urgency: str
    agency_code: str
    agency_short_name: str
    is_off_day: bool
    is_overdue: bool
    fact: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a feed's calendar follows from, without its words.

    `rows` holds the database's digest of each row, in the order of id: two rows with one digest are shown alike.
    `overdue` counts the rows that are overdue; `left_out` tells that older rows exist beyond the limit.
    """

    rows: tuple[str, ...]
    overdue: int
    left_out: bool


# Links -----------------------------------------------------------------------------------------------------


def _feed(row: Record) -> Feed:
    return Feed(
        id=row["id"],
        owner_id=row["owner_id"],
        name=row["name"],
        token_hint=row["token_hint"],
        scope=FeedScope(row["scope"]),
        agency_ids=tuple(row["agency_ids"]),
        directive_id=row["directive_id"],
        language=row["language"],
        alarm_days=tuple(row["alarm_days"]),
        with_cancelled=row["with_cancelled"],
        consolidated=row["consolidated"],
        row_version=row["row_version"],
        fingerprint=row["fingerprint"],
        fingerprint_at=row["fingerprint_at"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        last_user_agent=row["last_user_agent"],
    )


async def find_by_token(token_hash: bytes) -> tuple[Feed, Actor] | None:
    """The link and its holder as they are now; None when it was revoked or the holder is switched off."""
    row = await fetchrow(
        f"""
        SELECT f.*, {ACTOR_COLUMNS}
        FROM feed f JOIN official o ON o.id = f.owner_id
        WHERE f.token_hash = $1 AND f.revoked_at IS NULL AND o.is_active
        """,
        token_hash,
    )
    if row is None:
        return None
    return _feed(row), actor_from(row)


def _owned(viewer: Actor) -> tuple[str, list[object]]:
    """Everybody sees their own links; the administrator and the system see all."""
    sees_all = viewer.is_system or viewer.role is Role.ADMINISTRATOR
    return ("true", []) if sees_all else ("owner_id = $1", [viewer.official_id])


async def list_feeds(viewer: Actor, owner_id: int | None = None) -> list[Feed]:
    """The links the viewer may know of, newest first, revoked ones too; of one owner if asked."""
    condition, arguments = _owned(viewer)
    if owner_id is not None:
        arguments.append(owner_id)
        condition += f" AND owner_id = ${len(arguments)}"
    rows = await fetch(f"SELECT * FROM feed WHERE {condition} ORDER BY id DESC LIMIT 500", *arguments)
    return [_feed(row) for row in rows]


async def get_feed(viewer: Actor, feed_id: int) -> Feed:
    """One link. Raises NotFound, also for another person's."""
    condition, arguments = _owned(viewer)
    row = await fetchrow(
        f"SELECT * FROM feed WHERE {condition} AND id = ${len(arguments) + 1}", *arguments, feed_id
    )
    if row is None:
        raise NotFound(noun="feed", id=feed_id)
    return _feed(row)


async def count_live_feeds(owner_id: int) -> int:
    """How many links of one person are in use."""
    count: int = await fetchval(
        "SELECT count(*) FROM feed WHERE owner_id = $1 AND revoked_at IS NULL", owner_id
    )
    return count


async def insert_feed(
    owner_id: int,
    token_hash: bytes,
    token_hint: str,
    *,
    name: str,
    scope: FeedScope,
    agency_ids: Sequence[int],
    directive_id: int | None,
    language: Language,
    alarm_days: Sequence[int],
    with_cancelled: bool,
    consolidated: bool,
    now: datetime,
) -> int:
    """A new link; its id."""
    feed_id: int = await fetchval(
        """
        INSERT INTO feed (owner_id, token_hash, token_hint, name, scope, agency_ids, directive_id, language,
            alarm_days, with_cancelled, consolidated, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id
        """,
        owner_id,
        token_hash,
        token_hint,
        name,
        scope.value,
        list(agency_ids),
        directive_id,
        language,
        list(alarm_days),
        with_cancelled,
        consolidated,
        now,
    )
    return feed_id


async def update_feed(
    feed_id: int,
    row_version: int,
    *,
    name: str,
    language: Language,
    alarm_days: Sequence[int],
    with_cancelled: bool,
    consolidated: bool,
    now: datetime,
) -> bool:
    """Set name and options if the row is still at `row_version` and in use; whether it was."""
    touched = await execute(
        """
        UPDATE feed SET name = $3, language = $4, alarm_days = $5, with_cancelled = $6, consolidated = $7,
            changed_at = $8, row_version = row_version + 1
        WHERE id = $1 AND row_version = $2 AND revoked_at IS NULL
        """,
        feed_id,
        row_version,
        name,
        language,
        list(alarm_days),
        with_cancelled,
        consolidated,
        now,
    )
    return touched == 1


async def mark_revoked(feed_id: int, now: datetime) -> bool:
    """Switch a link off; False when it was off already."""
    touched = await execute(
        "UPDATE feed SET revoked_at = $2, changed_at = $2, row_version = row_version + 1"
        " WHERE id = $1 AND revoked_at IS NULL",
        feed_id,
        now,
    )
    return touched == 1


async def replace_token(feed_id: int, token_hash: bytes, token_hint: str, now: datetime) -> bool:
    """Give a link another token; the old one is unknown from now on. False when the link was off."""
    touched = await execute(
        "UPDATE feed SET token_hash = $2, token_hint = $3, changed_at = $4, row_version = row_version + 1"
        " WHERE id = $1 AND revoked_at IS NULL",
        feed_id,
        token_hash,
        token_hint,
        now,
    )
    return touched == 1


async def mark_used(feed_id: int, user_agent: str, now: datetime) -> None:
    """Remember the last use; at most once a minute, whoever asks at the same time."""
    await execute(
        """
        UPDATE feed SET last_used_at = $3::timestamptz, last_user_agent = $2
        WHERE id = $1 AND (last_used_at IS NULL
            OR last_used_at NOT BETWEEN $3::timestamptz - interval '1 minute' AND $3::timestamptz)
        """,
        feed_id,
        user_agent,
        now,
    )


async def mark_fingerprint(feed_id: int, fingerprint: str, now: datetime) -> datetime:
    """Remember that the calendar changed; the instant that goes out as Last-Modified.

    In whole seconds and later than the one before, so that a client which compares it with what it holds
    never keeps an older calendar: neither after a deletion, nor when two changes fall into one second.
    """
    changed_at: datetime = await fetchval(
        """
        UPDATE feed SET fingerprint = $2, fingerprint_at = CASE WHEN fingerprint = $2 THEN fingerprint_at
            ELSE greatest(date_trunc('second', $3::timestamptz), fingerprint_at + interval '1 second') END
        WHERE id = $1 RETURNING fingerprint_at
        """,
        feed_id,
        fingerprint,
        now,
    )
    return changed_at


# Deadlines -------------------------------------------------------------------------------------------------


class _Arguments(list[object]):
    """The arguments of a statement in the order of their marks."""

    def mark(self, value: object) -> str:
        """The mark under which `value` goes."""
        self.append(value)
        return f"${len(self)}"


def _in_scope(feed: Feed, viewer: Actor, arguments: _Arguments) -> str:
    """Dated assignments of the feed's scope that the viewer may see now."""
    visible, visible_arguments = visible_to(viewer, "a", first=len(arguments) + 1)
    arguments += visible_arguments
    match feed.scope:
        case FeedScope.OWN_AGENCY:
            scope = f"a.agency_id = {arguments.mark(viewer.agency_id)}"
        case FeedScope.AGENCIES:
            scope = f"a.agency_id = ANY({arguments.mark(list(feed.agency_ids))}::bigint[])"
        case FeedScope.DIRECTIVE:
            scope = f"a.directive_id = {arguments.mark(feed.directive_id)}"
        case FeedScope.SESSIONS:
            scope = "false"
        case FeedScope.ALL:
            scope = "true"
    return f"{visible} AND {scope} AND a.due_kind = 'dated'"


def _overdue(now: datetime, arguments: _Arguments) -> str:
    """Open, not waiting for a decision, and past the deadline: domain/assignments.is_past as a condition."""
    local = civil_now(now)
    day, at = arguments.mark(local.date()), arguments.mark(local.time())
    passed = f"(a.due_on < {day}::date OR (a.due_on = {day}::date AND a.due_time < {at}::time))"
    return f"(a.state IN {RUNNING} AND {passed} IS TRUE)"


_CHOSEN = (
    "a.id, a.uid, a.task_id, a.directive_id, a.agency_id, a.state, a.due_on, a.due_time, a.completed_on,"
    " a.completed_time, a.confirmed_at, a.assigned_at, a.sequence, a.changed_at"
)


_OF_TASK = "xmin, uid, short_name, field, restricted, row_version, changed_at"
_OF_DIRECTIVE = "xmin, number, urgency, row_version, changed_at"
_VERSION = "(a.sequence + t.row_version + d.row_version + g.row_version)"
# The agencies' own instant of loading is no change of theirs.
_CHANGED_AT = (
    "greatest(a.changed_at, t.changed_at, d.changed_at, CASE WHEN g.row_version > 1 THEN g.changed_at END)"
)
# Counted from a Monday; twice as fast as asking for the day of the week.
_OFF_DAY = "CASE WHEN w.kind IS NULL THEN (a.due_on - date '2000-01-03') % 7 > 4 ELSE w.kind = 'off' END"


def _entries(
    feed: Feed, viewer: Actor, now: datetime, closed_since: datetime, limit: int
) -> tuple[str, _Arguments]:
    """The rows of a feed as a common table expression: the same for their digest and for themselves."""
    arguments = _Arguments()
    scope = _in_scope(feed, viewer, arguments)
    overdue = _overdue(now, arguments)
    closed = "" if feed.with_cancelled else "AND a.state = 'confirmed'"
    since = f"timestamptz '{closed_since.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'"
    # What a successor goes on with has no end of its own in a calendar: the same entry stands under the new name.
    # No row is looked up twice, and OFFSET 0 keeps task and directive as look-ups by key: for a few hundred rows
    # the planner would otherwise read the whole tables.  Limit and start, which change once a day at most, are
    # written out: then one plan serves every link, and the 2 ms of planning are paid once per connection.
    sql = f"""
    WITH chosen AS (
        (SELECT {_CHOSEN} FROM assignment a WHERE {scope} AND a.state IN {OPEN}
         ORDER BY a.due_on DESC, a.id DESC LIMIT {limit:d})
        UNION ALL
        (SELECT {_CHOSEN} FROM assignment a WHERE {scope} {closed} AND a.closed_at >= {since} AND NOT a.handed_on
         ORDER BY a.closed_at DESC, a.id DESC LIMIT {limit:d})
    ), entry AS (
        SELECT a.id, a.uid, a.task_id, t.uid AS task_uid, a.state, a.due_on, a.due_time, a.completed_on,
            a.completed_time, a.confirmed_at, a.assigned_at AS created_at, {_VERSION} AS version,
            {_CHANGED_AT} AS changed_at, t.short_name, t.field, t.restricted, d.number AS directive_number,
            d.urgency, g.code AS agency_code, g.short_name AS agency_short_name, {_OFF_DAY} AS is_off_day,
            {overdue} AS is_overdue,
            -- Of task, directive and agency the number of the transaction that wrote the row (xmin) stands for all
            -- their words: it changes with any change, is short, and asks nobody to remember a version.
            md5(concat_ws(E'\\x1f', a.uid, a.state, a.due_on, a.due_time, a.completed_on, a.completed_time,
                a.confirmed_at, a.sequence, a.changed_at, t.xmin, d.xmin, g.xmin, {_OFF_DAY}, {overdue})) AS fact
        FROM chosen a
        CROSS JOIN LATERAL (SELECT {_OF_TASK} FROM task WHERE id = a.task_id OFFSET 0) t
        CROSS JOIN LATERAL (SELECT {_OF_DIRECTIVE} FROM directive WHERE id = a.directive_id OFFSET 0) d
        JOIN agency g ON g.id = a.agency_id LEFT JOIN working_day w ON w.day = a.due_on
    )"""
    return sql, arguments


async def read_facts(viewer: Actor, feed: Feed, now: datetime, closed_since: datetime, limit: int) -> Facts:
    """The facts of what `feed` shows `viewer` at `now`: one row from the database, nothing rendered."""
    entries, arguments = _entries(feed, viewer, now, closed_since, limit)
    row = await fetchrow(
        f"""{entries}
        SELECT coalesce(array_agg(fact ORDER BY id), '{{}}') AS rows,
               count(*) FILTER (WHERE is_overdue) AS overdue,
               greatest(count(*) FILTER (WHERE state IN {OPEN}), count(*) FILTER (WHERE state NOT IN {OPEN})) AS most
        FROM entry""",
        *arguments,
    )
    assert row is not None
    return Facts(rows=tuple(row["rows"]), overdue=row["overdue"], left_out=row["most"] >= limit)


async def list_rows(
    viewer: Actor, feed: Feed, now: datetime, closed_since: datetime, limit: int
) -> tuple[list[FeedRow], Facts]:
    """The rows that `feed` shows `viewer` at `now`, with the facts that `read_facts` would tell of them."""
    entries, arguments = _entries(feed, viewer, now, closed_since, limit)
    records = await fetch(f"{entries} SELECT * FROM entry ORDER BY id", *arguments)
    rows = [_row(record) for record in records]
    open_rows = sum(row.state in OPEN_STATES for row in rows)
    facts = Facts(
        rows=tuple(row.fact for row in rows),
        overdue=sum(row.is_overdue for row in rows),
        left_out=max(open_rows, len(rows) - open_rows) >= limit,
    )
    return rows, facts


_PLAIN = tuple(name for name in FeedRow.__dataclass_fields__ if name != "state")


def _row(record: Record) -> FeedRow:
    return FeedRow(state=State(record["state"]), **{name: record[name] for name in _PLAIN})


async def count_overdue(viewer: Actor, feed: Feed, now: datetime) -> int:
    """How many deadlines of the feed's scope are overdue in all, shown or left out."""
    arguments = _Arguments()
    scope = _in_scope(feed, viewer, arguments)
    overdue = _overdue(now, arguments)
    count: int = await fetchval(f"SELECT count(*) FROM assignment a WHERE {scope} AND {overdue}", *arguments)
    return count


async def sees_directive(viewer: Actor, directive_id: int) -> bool:
    """Whether the viewer sees any assignment of the directive."""
    visible, arguments = visible_to(viewer, "a", first=2)
    seen: bool = await fetchval(
        f"SELECT EXISTS (SELECT FROM assignment a WHERE a.directive_id = $1 AND {visible})",
        directive_id,
        *arguments,
    )
    return seen


async def known_agencies(ids: Sequence[int]) -> frozenset[int]:
    """Those of `ids` that are agencies."""
    rows = await fetch("SELECT id FROM agency WHERE id = ANY($1::bigint[])", list(ids))
    return frozenset(row["id"] for row in rows)
