"""The engine: transactions, failures, and a pool that stays whole whatever happens."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.conftest import as_owner
from tracker.db import engine
from tracker.db.engine import Failure, classify_failure
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database: Settings) -> Settings:
    """The database with an empty table of settings, which serves here as any table."""
    await as_owner(database, "DELETE FROM setting")
    return database


async def test_transaction_commits_together(database: Settings) -> None:
    """Two statements of one transaction are seen by another connection only after it."""
    async with engine.transaction():
        await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1'), ('b', '2')")
        outside = await engine.pool().fetchval("SELECT count(*) FROM setting")
        inside = await engine.fetchval("SELECT count(*) FROM setting")

    assert (outside, inside) == (0, 2)
    assert await engine.fetchval("SELECT count(*) FROM setting") == 2


async def test_exception_rolls_back(database: Settings) -> None:
    """An exception inside undoes everything and reaches the caller."""
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction():
            await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")
            raise ZeroDivisionError

    assert await engine.fetchval("SELECT count(*) FROM setting") == 0


async def test_nesting_is_refused(database: Settings) -> None:
    """An inner transaction would be no transaction: it is refused, and the outer one goes on."""
    async with engine.transaction():
        await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")
        with pytest.raises(engine.NestedTransaction):
            async with engine.transaction():
                pass

    assert await engine.fetchval("SELECT count(*) FROM setting") == 1
    assert not engine.in_transaction()


async def test_an_action_joins_only_a_transaction_that_is_as_strict_as_it_asks(database: Settings) -> None:
    """What needs one snapshot is never run in a transaction that has none."""
    async with engine.enclosing_transaction("repeatable_read"):
        for asked in ("read_committed", "repeatable_read"):
            async with engine.transaction(asked):
                assert await engine.fetchval("SHOW transaction_isolation") == "repeatable read"
        with pytest.raises(engine.NestedTransaction):
            async with engine.transaction("serializable"):
                pass
    async with engine.enclosing_transaction():
        with pytest.raises(engine.NestedTransaction):
            async with engine.transaction("repeatable_read", readonly=True):
                pass


async def test_savepoint_fails_alone(database: Settings) -> None:
    """One bad row is undone; the rest of the transaction stands."""
    async with engine.transaction():
        await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")
        with pytest.raises(asyncpg.UniqueViolationError):
            async with engine.savepoint():
                await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")

    assert await engine.fetchval("SELECT count(*) FROM setting") == 1


async def test_row_counts_tell_who_was_first(database: Settings) -> None:
    """execute() returns the rows touched, as conditional updates need."""
    await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")

    first = await engine.execute("UPDATE setting SET value = '2' WHERE key = 'a' AND value = '1'")
    second = await engine.execute("UPDATE setting SET value = '2' WHERE key = 'a' AND value = '1'")

    assert (first, second) == (1, 0)


async def test_session_settings_are_forced(database: Settings) -> None:
    """Every connection has the time zone and the timeouts of the service, also after a reset."""
    for _ in range(2):
        shown = {
            name: await engine.fetchval("SELECT current_setting($1)", name)
            for name in (
                "timezone",
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            )
        }
        assert shown == {
            "timezone": "UTC",
            "statement_timeout": "15s",
            "lock_timeout": "3s",
            "idle_in_transaction_session_timeout": "30s",
        }


async def test_hundred_failed_commits_leave_the_pool_whole(fresh_database: Settings) -> None:
    """A COMMIT refused by a deferred constraint gives its connection back (bar N8)."""
    await as_owner(
        fresh_database,
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (parent_id int REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    )

    for _ in range(100):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with engine.transaction():
                await engine.execute("INSERT INTO child VALUES (1)")

    assert not engine.in_transaction()
    assert engine.pool().get_idle_size() == engine.pool().get_size()
    assert await engine.fetchval("SELECT count(*) FROM child") == 0


async def test_hundred_cancelled_transactions_leave_the_pool_whole(database: Settings) -> None:
    """A request cut off in the middle gives its connection back."""

    async def long() -> None:
        async with engine.transaction():
            await engine.fetchval("SELECT pg_sleep(10)")

    for _ in range(100):
        task = asyncio.create_task(long())
        await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert await engine.fetchval("SELECT 1") == 1
    assert engine.pool().get_idle_size() == engine.pool().get_size()


async def test_killed_backend_is_replaced(database: Settings) -> None:
    """The transaction whose backend dies fails; the next one works on a new connection."""
    with pytest.raises((asyncpg.PostgresError, engine.ConnectionLost)) as caught:
        async with engine.transaction():
            pid = await engine.fetchval("SELECT pg_backend_pid()")
            await engine.pool().execute("SELECT pg_terminate_backend($1)", pid)
            await engine.fetchval("SELECT pg_sleep(1)")

    assert classify_failure(caught.value) is Failure.UNAVAILABLE
    assert not engine.in_transaction()
    assert await engine.fetchval("SELECT pg_backend_pid()") != pid


async def test_all_backends_killed_while_idle(database: Settings) -> None:
    """A pool whose every connection was cut serves the next transactions as if nothing had been."""
    for _ in range(20):
        await as_owner(
            database,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tracker'",
        )

        async def ask() -> int:
            async with engine.transaction():
                answer: int = await engine.fetchval("SELECT 1")
                return answer

        assert await asyncio.gather(*(ask() for _ in range(8))) == [1] * 8


async def test_read_only_answer_renews_the_pool(fresh_database: Settings) -> None:
    """A standby's answer makes the pool drop its connections, so that the retry finds the primary."""
    before = await engine.fetchval("SELECT pg_backend_pid()")
    tried = 0

    async def write() -> None:
        nonlocal tried
        tried += 1
        async with engine.transaction(readonly=tried == 1):
            await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")

    await engine.run_with_retries(write)

    assert tried == 2
    assert await engine.fetchval("SELECT count(*) FROM setting WHERE key = 'a'") == 1
    assert await engine.fetchval("SELECT pg_backend_pid()") != before


async def test_deadlock_is_run_again(database: Settings) -> None:
    """Two transactions that lock each other out both end well."""
    await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '0'), ('b', '0')")
    both_hold_one = asyncio.Barrier(2)
    first_try = {"a": True, "b": True}

    async def bump(first: str, second: str) -> None:
        async def once() -> None:
            async with engine.transaction():
                await engine.execute("UPDATE setting SET value = '1' WHERE key = $1", first)
                if first_try.pop(first, False):
                    await both_hold_one.wait()
                await engine.execute("UPDATE setting SET value = '1' WHERE key = $1", second)

        await engine.run_with_retries(once)

    await asyncio.gather(bump("a", "b"), bump("b", "a"))

    assert await engine.fetchval("SELECT count(*) FROM setting WHERE value = '1'") == 2


async def test_serialization_failure_is_run_again(database: Settings) -> None:
    """Concurrent counters under REPEATABLE READ lose nothing."""
    await engine.execute("INSERT INTO setting (key, value) VALUES ('n', '0')")

    async def increment() -> None:
        async with engine.transaction("repeatable_read"):
            await engine.execute(
                "UPDATE setting SET value = to_jsonb((value #>> '{}')::int + 1) WHERE key = 'n'"
            )

    await asyncio.gather(*(engine.run_with_retries(increment, attempts=50) for _ in range(5)))

    assert await engine.fetchval("SELECT value FROM setting WHERE key = 'n'") == "5"


async def test_lock_timeout_is_unavailable(database: Settings) -> None:
    """A row held by another gives up after the lock timeout, as something to try later."""
    await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '0')")
    async with engine.transaction():
        await engine.execute("UPDATE setting SET value = '1' WHERE key = 'a'")
        async with engine.pool().acquire() as other:
            await other.execute("SET lock_timeout = '30ms'")
            with pytest.raises(asyncpg.LockNotAvailableError) as caught:
                await other.execute("UPDATE setting SET value = '2' WHERE key = 'a'")

    assert classify_failure(caught.value) is Failure.UNAVAILABLE


async def test_schema_change_under_a_cached_plan(fresh_database: Settings) -> None:
    """A migration under a running process makes at most one retry (bar O9)."""
    await as_owner(fresh_database, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")

    async def read() -> int:
        async with engine.transaction():
            return len((await engine.fetch("SELECT * FROM t"))[0])

    assert await read() == 1
    await as_owner(fresh_database, "ALTER TABLE t ADD COLUMN b int")

    assert await engine.run_with_retries(read) == 2


async def test_task_started_inside_does_not_inherit(database: Settings) -> None:
    """A detached task works on the pool, not on the transaction that started it (trap 12)."""

    async def count() -> int:
        number: int = await engine.fetchval("SELECT count(*) FROM setting")
        return number

    async with engine.transaction():
        await engine.execute("INSERT INTO setting (key, value) VALUES ('a', '1')")
        seen = await engine.start_detached(count())

    assert seen == 0


async def test_stream_reads_all_rows(database: Settings) -> None:
    """A stream gives every row once, and an exception of its reader is not swallowed (trap 10)."""
    async with engine.transaction(readonly=True):
        numbers = [row[0] async for row in engine.stream("SELECT generate_series(1, 1234)", prefetch=100)]
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction(readonly=True):
            async for _ in engine.stream("SELECT generate_series(1, 1234)"):
                raise ZeroDivisionError

    assert numbers == list(range(1, 1235))


async def test_copy_and_executemany(database: Settings) -> None:
    """Bulk writes run on the transaction they are in."""
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction():
            copied = await engine.copy_rows("setting", ["key", "value"], [("a", "1"), ("b", "2")])
            await engine.executemany(
                "INSERT INTO setting (key, value) VALUES ($1, $2)", [("c", "3"), ("d", "4")]
            )
            counted = await engine.fetchval("SELECT count(*) FROM setting")
            raise ZeroDivisionError

    assert (copied, counted) == (2, 4)
    assert await engine.fetchval("SELECT count(*) FROM setting") == 0


async def test_query_without_pool_is_refused() -> None:
    """No pool, no query: never a connection per query."""
    with pytest.raises(engine.PoolNotOpen):
        await engine.fetchval("SELECT 1")


async def test_exhausted_pool_gives_up_within_bounds(
    database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full pool makes the caller wait a bounded time and then says so."""
    monkeypatch.setattr(engine, "ACQUIRE_SECONDS", 0.05)
    held = [await engine.pool().acquire() for _ in range(database.pool_max)]

    with pytest.raises(TimeoutError) as caught:
        await engine.fetchval("SELECT 1")
    for connection in held:
        await engine.pool().release(connection)

    assert classify_failure(caught.value) is Failure.UNAVAILABLE
    assert await engine.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("53100", Failure.UNAVAILABLE),
        ("25006", Failure.UNAVAILABLE),
        ("53300", Failure.UNAVAILABLE),
        ("55P03", Failure.UNAVAILABLE),
        ("57P01", Failure.UNAVAILABLE),
        ("57P03", Failure.UNAVAILABLE),
        ("57014", Failure.UNAVAILABLE),
        ("08006", Failure.UNAVAILABLE),
        ("40P01", Failure.RETRY),
        ("40001", Failure.RETRY),
        ("23505", Failure.REFUSED),
        ("23514", Failure.REFUSED),
        ("42P01", Failure.REFUSED),
        ("22021", Failure.REFUSED),
    ],
)
async def test_every_state_is_classified(state: str, expected: Failure) -> None:
    """Bar N16: what to do about each state of the database."""
    error = asyncpg.PostgresError.new({"C": state, "M": "test"})

    assert classify_failure(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), Failure.UNAVAILABLE),
        (TimeoutError(), Failure.UNAVAILABLE),
        (asyncpg.InterfaceError("connection is closed"), Failure.UNAVAILABLE),
        (asyncpg.InterfaceError("another operation is in progress"), Failure.REFUSED),
        (ValueError(), Failure.REFUSED),
    ],
)
async def test_failures_of_the_client(error: Exception, expected: Failure) -> None:
    """Errors that carry no state are classified by their kind."""
    assert classify_failure(error) is expected
