"""The one way to the database: the engine, its pool, and the transaction that everything opens.

Piccolo's tables and the helpers below use the same pool and the same open transaction.
Whoever looks, looks through a role of PostgreSQL (docs/decisions/0026-row-level-security.md): the service
itself through `tracker_desk`, a person of an agency through `tracker_agency`, a stranger through `tracker_app`.
The engine connects when `open_pool()` is called in the running loop, never at import (trap 13).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction
from piccolo.engine.postgres import AsyncBatch, PostgresEngine, PostgresTransaction
from piccolo.query.base import Query

from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import TrackerError
from tracker.settings import Settings

T = TypeVar("T")
Record = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Isolation = Literal["read_committed", "repeatable_read", "serializable"]

CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 5.0
COMMAND_SECONDS = 20.0
CLOSE_SECONDS = 10.0

# Bar O12: a session that hangs gives up by itself, whichever side noticed first.
SESSION_SETTINGS = {
    "application_name": "tracker",
    "timezone": "UTC",
    "statement_timeout": "15s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",
    # After five runs PostgreSQL would plan once for all agencies and days: measured ten times slower for one.
    "plan_cache_mode": "force_custom_plan",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class DatabaseError(TrackerError):
    """The database layer was used wrongly or does not answer; the child says which."""

    code = "database"


class PoolNotOpen(DatabaseError):
    """A query ran before open_pool() or after close_pool()."""

    code = "database_pool_not_open"


class NestedTransaction(DatabaseError):
    """A transaction was opened inside another one: one action is one transaction."""

    code = "database_nested_transaction"


class ConnectionLost(DatabaseError):
    """The connection broke while it was used: what was not committed is undone, a COMMIT is unknown."""

    code = "database_connection_lost"


# -- who looks -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Through which role rows are seen and changed, and of which agencies; ids as PostgreSQL's settings take them."""

    role: str
    visible_agencies: str = ""
    own_agencies: str = ""
    is_service: bool = False
    is_request: bool = field(default=False, compare=False, repr=False)

    def settings(self, *, is_local: bool) -> tuple[str, str, str, bool, str]:
        """The arguments of _LOOK; local ones last as long as the open transaction."""
        told = "yes" if self.is_service else "no"
        return self.role, self.visible_agencies, self.own_agencies, is_local, told


STRANGER = Viewpoint("tracker_app", is_request=True)
"""Nobody known: no row of a secured table."""

DESK = Viewpoint("tracker_desk", is_request=True)
"""People of the assigning side and the inspector: every row but what an agency keeps to itself."""

SERVICE = Viewpoint("tracker_desk", is_service=True)
"""Jobs, the command line and what follows from an action: every row."""

_viewpoint: contextvars.ContextVar[Viewpoint] = contextvars.ContextVar("viewpoint", default=SERVICE)

_LOOK = (
    "SELECT set_config('role', $1, $4), set_config('tracker.visible_agencies', $2, $4),"
    " set_config('tracker.own_agencies', $3, $4), set_config('tracker.is_service', $5, $4)"
)


def viewpoint_of(actor: Actor) -> Viewpoint:
    """What the database lets `actor` see.

    >>> from tracker.domain.directory import Role
    >>> viewpoint_of(Actor(7, "x", Role.AGENCY_OFFICER, agency_id=3, below=frozenset({5, 4})))
    Viewpoint(role='tracker_agency', visible_agencies='3,4,5', own_agencies='3', is_service=False)
    """
    if actor.role not in AGENCY_ROLES:
        return DESK
    visible, own = sorted(actor.visible_agency_ids), sorted(actor.agency_ids)
    return Viewpoint("tracker_agency", ",".join(map(str, visible)), ",".join(map(str, own)), is_request=True)


@contextlib.contextmanager
def as_stranger() -> Iterator[None]:
    """Inside, nobody is known until `look_as` says who looks: around every request."""
    mark = _viewpoint.set(STRANGER)
    try:
        yield
    finally:
        _viewpoint.reset(mark)


def look_as(actor: Actor) -> None:
    """From here to the end of the request the database shows what `actor` may see; jobs stay the service."""
    if _viewpoint.get().is_request:
        _viewpoint.set(viewpoint_of(actor))


@asynccontextmanager
async def as_service() -> AsyncIterator[None]:
    """Inside, the service itself acts: what follows from an action beyond the sight of who did it, such as mail."""
    before = _viewpoint.get()
    if before == SERVICE:
        yield
        return
    current = DB.current_transaction.get()
    if current is not None:
        await _look_locally(current.connection, SERVICE)
    mark = _viewpoint.set(SERVICE)
    try:
        yield
    finally:
        _viewpoint.reset(mark)
        if current is not None:
            # In a failed transaction nothing can be said; its end takes the role back by itself.
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                await _look_locally(current.connection, before)


async def _look_locally(held: Connection, viewpoint: Viewpoint) -> None:
    """For the rest of the open transaction, at most."""
    await held.fetchrow(_LOOK, *viewpoint.settings(is_local=True))


if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection


class _LookingConnection(_Connection):
    """A connection that remembers through which eyes it looks, so that they are changed only when they differ."""

    viewpoint: Viewpoint | None = None

    async def look_from(self, viewpoint: Viewpoint) -> None:
        """Change the role of the session, outside a transaction."""
        if self.viewpoint != viewpoint:
            self.viewpoint = None
            await self.fetchrow(_LOOK, *viewpoint.settings(is_local=False))
            self.viewpoint = viewpoint


async def _look(held: Connection) -> None:
    """Give a connection the eyes of whoever looks now."""
    # The pool's proxy passes on what it does not know, which its type does not tell.
    looking: _LookingConnection = held  # type: ignore[assignment]
    await looking.look_from(_viewpoint.get())


class LazyEngine(PostgresEngine):
    """Piccolo's engine without a connection at import and without one connection per query (traps 13, 51)."""

    async def check_version(self) -> None:
        """Nothing: the constructor must not connect; `doctor` looks at the version."""

    async def prep_database(self) -> None:
        """Nothing: no extension is used."""

    async def get_new_connection(self) -> asyncpg.Connection[asyncpg.Record]:
        """Refuse: a query outside the pool is a mistake in the order of starting."""
        raise PoolNotOpen()

    async def batch(
        self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None
    ) -> AsyncBatch:
        """Refuse: Piccolo's batch swallows exceptions of its body (trap 10); use `stream()`."""
        raise NotImplementedError("use stream(): Piccolo's batch swallows exceptions")


DB = LazyEngine(config={"database": "tracker"})


# -- the pool ------------------------------------------------------------------------------------------


async def open_pool(settings: Settings, *, wait_seconds: float = 30.0) -> None:
    """Open the pool in the running loop; a server that is still starting is waited for.

    Raises PoolNotOpen's cause, the last connection error, when `wait_seconds` have passed.
    """
    if DB.pool is not None:
        raise RuntimeError("the pool is open already")
    dsn = settings.dsn()
    deadline = asyncio.get_running_loop().time() + wait_seconds
    while True:
        try:
            DB.pool = await asyncpg.create_pool(
                dsn,
                min_size=settings.pool_min,
                max_size=settings.pool_max,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                server_settings=SESSION_SETTINGS,
                reset=_as_it_is,
                connection_class=_LookingConnection,
                **_target(dsn),
            )
            return
        except Exception as error:
            too_late = asyncio.get_running_loop().time() > deadline
            if too_late or classify_failure(error) is not Failure.UNAVAILABLE:
                raise
            await asyncio.sleep(0.2)


async def _as_it_is(connection: object) -> None:
    """Nothing more than asyncpg's own rollback: of a session we change only whose eyes it has, and know that.

    Its default would send a RESET after every query, which doubles the round trips.
    """


def _target(dsn: str) -> dict[str, Any]:
    """With several hosts in the address, only the primary will do."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    several = "," in parts.netloc or any("," in host for host in query.get("host", []))
    return {"target_session_attrs": "read-write"} if several and "target_session_attrs" not in query else {}


async def close_pool() -> None:
    """Close the pool within a bound: a dead peer must not hold up the exit (trap 18)."""
    pool, DB.pool = DB.pool, None
    if pool is None:
        return
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pool.terminate()


def pool() -> asyncpg.Pool[asyncpg.Record]:
    """The open pool. Raises PoolNotOpen."""
    if DB.pool is None:
        raise PoolNotOpen()
    opened: asyncpg.Pool[asyncpg.Record] = DB.pool
    return opened


@asynccontextmanager
async def _held(source: asyncpg.Pool[asyncpg.Record], held: Connection) -> AsyncIterator[None]:
    """Use a connection and give it back whatever happens.

    Its loss is told as such, and makes the pool renew all others: after a failover they lead to the
    old primary (trap 19, bar N7).
    """
    try:
        yield
    except Exception as error:
        if is_lost(error) or _is_gone(held):
            await source.expire_connections()
        if isinstance(error, asyncpg.InternalClientError) or (
            isinstance(error, asyncpg.InterfaceError) and _is_gone(held)
        ):
            # asyncpg speaks of a "released" connection, or of its own states, when the server hung up.
            with contextlib.suppress(asyncpg.InterfaceError):
                held.terminate()
            raise ConnectionLost() from error
        raise
    finally:
        await _give_back(source, held)


async def _give_back(source: asyncpg.Pool[asyncpg.Record], held: Connection) -> None:
    """Return a connection; one that cannot be reset is terminated by asyncpg, and what came before stands."""
    with contextlib.suppress(Exception):
        await source.release(held, timeout=CONNECT_SECONDS)


def _is_gone(held: Connection) -> bool:
    try:
        return held.is_closed()
    except asyncpg.InterfaceError:
        return True


@asynccontextmanager
async def connection() -> AsyncIterator[Connection]:
    """The open transaction's connection, else one of the pool: for COPY, cursors and the helpers below."""
    current = DB.current_transaction.get()
    if current is not None:
        yield current.connection
        return
    source = pool()
    held = await source.acquire(timeout=ACQUIRE_SECONDS)
    async with _held(source, held):
        await _look(held)
        yield held


# -- transactions --------------------------------------------------------------------------------------

_may_join: contextvars.ContextVar[bool] = contextvars.ContextVar("may_join", default=False)
_isolation: contextvars.ContextVar[Isolation] = contextvars.ContextVar("isolation", default="read_committed")
_STRENGTH: tuple[Isolation, ...] = ("read_committed", "repeatable_read", "serializable")


@asynccontextmanager
async def enclosing_transaction(isolation: Isolation = "read_committed") -> AsyncIterator[None]:
    """A transaction whose one action joins it: its answer is recorded with its effect or neither is (bar A3).

    The action's own transaction() becomes a savepoint, so what it undoes is undone.  An action that needs one
    snapshot is given it by `isolation`: it joins nothing weaker.  For the HTTP edge only.
    """
    async with transaction(isolation):
        mark = _may_join.set(True)
        try:
            yield
        finally:
            _may_join.reset(mark)


@asynccontextmanager
async def transaction(
    isolation: Isolation = "read_committed", *, readonly: bool = False
) -> AsyncIterator[None]:
    """One unit of work: everything inside commits together or not at all.

    Await in turn inside it; no gather, no task, no mail.  Raises NestedTransaction inside another one.
    Piccolo 1.38's own context manager loses its connection when BEGIN, COMMIT or ROLLBACK raises (trap 9).
    """
    if DB.current_transaction.get() is not None:
        if not _may_join.get() or _STRENGTH.index(isolation) > _STRENGTH.index(_isolation.get()):
            raise NestedTransaction()
        mark_joined = _may_join.set(False)
        try:
            async with savepoint():
                yield
        finally:
            _may_join.reset(mark_joined)
        return
    source = pool()
    held, begun = await _begin(source, isolation, readonly)
    async with _held(source, held):
        unit = PostgresTransaction(engine=DB)
        unit.connection, unit.transaction = held, begun
        mark = DB.current_transaction.set(unit)
        mark_isolation = _isolation.set(isolation)
        try:
            yield
        except BaseException:
            # The first error is the one to tell; a lost connection has rolled back by itself.
            with contextlib.suppress(Exception):
                await begun.rollback()
            raise
        else:
            await begun.commit()
        finally:
            _isolation.reset(mark_isolation)
            DB.current_transaction.reset(mark)


async def _begin(
    source: asyncpg.Pool[asyncpg.Record], isolation: Isolation, readonly: bool
) -> tuple[Connection, Transaction]:
    """BEGIN on a connection that answers: a restarted server leaves dead ones in the pool."""
    last_try = False
    while True:
        held = await source.acquire(timeout=ACQUIRE_SECONDS)
        begun = held.transaction(isolation=isolation, readonly=readonly)
        try:
            await _look(held)
            await begun.start()
            return held, begun
        except BaseException as error:
            lost = is_lost(error) or _is_gone(held)
            await _give_back(source, held)
            if last_try or not lost:
                raise
            await source.expire_connections()
            last_try = True


@asynccontextmanager
async def savepoint() -> AsyncIterator[None]:
    """Part of a transaction that may fail alone: on an exception only this part is undone."""
    current = DB.current_transaction.get()
    if current is None:
        raise RuntimeError("a savepoint needs a transaction")
    async with current.connection.transaction():
        yield


async def expect_many_rows() -> None:
    """For the rest of the open transaction PostgreSQL keeps the plans of its checks.

    Planned anew, as the session otherwise has it, the check of a foreign key costs more than the row it checks:
    measured three times the server's processor time for 2,000 rows of history.
    """
    await execute("SET LOCAL plan_cache_mode = 'auto'")


def in_transaction() -> bool:
    """Whether the present task has a transaction open."""
    return DB.current_transaction.get() is not None


def start_detached(work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
    """A task that does not inherit the open transaction (trap 12)."""
    return asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())


# -- queries -------------------------------------------------------------------------------------------


async def fetch(sql: str, *args: object, timeout: float | None = None) -> list[Record]:  # noqa: ASYNC109
    """All rows; `$1` style parameters.  jsonb arrives and leaves as text: use json.loads and json.dumps."""
    async with connection() as c:
        return await c.fetch(sql, *args, timeout=timeout)


async def fetchrow(sql: str, *args: object) -> Record | None:
    """The first row, or None."""
    async with connection() as c:
        return await c.fetchrow(sql, *args)


async def fetchval(sql: str, *args: object) -> Any:
    """The first column of the first row, or None."""
    async with connection() as c:
        return await c.fetchval(sql, *args)


async def execute(sql: str, *args: object, timeout: float | None = None) -> int:  # noqa: ASYNC109
    """Run a statement; returns how many rows it touched, for conditional updates."""
    async with connection() as c:
        return _row_count(await c.execute(sql, *args, timeout=timeout))


async def executemany(sql: str, rows: Iterable[Sequence[object]]) -> None:
    """Run a statement for many rows, all or none; prefer unnest() or `copy_rows` for thousands."""
    async with connection() as c:
        await c.executemany(sql, rows)


async def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """COPY rows into a table; returns how many."""
    async with connection() as c:
        return _row_count(await c.copy_records_to_table(table, columns=list(columns), records=rows))


async def stream(sql: str, *args: object, prefetch: int = 500) -> AsyncIterator[Record]:
    """Rows one by one, in constant memory; must be used inside a transaction."""
    current = DB.current_transaction.get()
    if current is None:
        raise RuntimeError("a stream needs a transaction")
    async for row in current.connection.cursor(sql, *args, prefetch=prefetch):
        yield row


def _row_count(status: str) -> int:
    """The number at the end of a command tag.

    >>> _row_count("UPDATE 3"), _row_count("INSERT 0 2"), _row_count("CREATE TABLE")
    (3, 2, 0)
    """
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


# -- failures (bar N16) --------------------------------------------------------------------------------


class Failure(Enum):
    """What to do about a database error."""

    RETRY = "retry"  # the whole transaction may be run again at once
    UNAVAILABLE = "unavailable"  # the database does not serve now; try later, answer 503
    REFUSED = "refused"  # the statement is wrong or breaks a rule; trying again changes nothing


_RETRY_STATES = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "26000",  # prepared statement gone: a pooler or a failover dropped it
}
_UNAVAILABLE_STATES = {
    "25006",  # read-only: a standby after failover, or set so by the operator
    "53000", "53100", "53200", "53300", "53400",  # disk full, out of memory, too many connections
    "55P03",  # lock timeout
    "57014",  # statement timeout
    "57P01", "57P02", "57P03", "57P04", "57P05",  # shutdown, crash, starting up, dropped, idle timeout
    "25P03", "25P04",  # idle in transaction, transaction timeout
    "58000", "58030",  # I/O error
}  # fmt: skip


def classify_failure(error: BaseException) -> Failure:
    """Whether to run again, to wait, or to give up.

    >>> classify_failure(asyncpg.DeadlockDetectedError()).value
    'retry'
    """
    if isinstance(error, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError):
        return Failure.RETRY  # a migration changed the table under a cached plan (trap 20)
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if state in _RETRY_STATES:
            return Failure.RETRY
        if state in _UNAVAILABLE_STATES or state.startswith("08"):
            return Failure.UNAVAILABLE
        return Failure.REFUSED
    if isinstance(error, asyncpg.InterfaceError):
        # "connection is closed" and its kin; a misuse says "another operation is in progress".
        return Failure.UNAVAILABLE if "clos" in str(error) else Failure.REFUSED
    if isinstance(error, ConnectionLost | PoolNotOpen | asyncpg.InternalClientError | OSError | EOFError):
        return Failure.UNAVAILABLE
    return Failure.REFUSED


def is_lost(error: BaseException) -> bool:
    """Whether the server is gone or no longer the primary, so that no pooled connection can be trusted."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in {"25006", "57P01", "57P02", "57P03"} or state.startswith("08")
    return isinstance(error, ConnectionLost | asyncpg.InternalClientError | ConnectionError | EOFError)


async def run_with_retries(action: Callable[[], Awaitable[T]], *, attempts: int = 3) -> T:
    """Run an action that opens its own transaction; run it again when the database asks for that.

    Deadlocks and serialization failures are repeated up to `attempts` times, a read-only answer once, on
    fresh connections.  A lost connection is not: its COMMIT may have happened.
    Only for actions without effects outside the transaction.
    """
    for attempt in range(1, attempts + 1):
        try:
            return await action()
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            is_read_only = isinstance(error, asyncpg.ReadOnlySQLTransactionError)
            again = classify_failure(error) is Failure.RETRY or (is_read_only and attempt == 1)
            if not again or attempt == attempts:
                raise
        await asyncio.sleep(0.01 * 4**attempt)
    raise AssertionError("unreachable")
