"""Every row of a database copied aside and brought back, and a connection of the owner's at hand for that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_hands: dict[str, Hand] = {}


@contextmanager
def at_hand(dsn: str) -> Iterator[None]:
    """Inside, this database has a connection at hand."""
    hand = _hands[dsn] = Hand(dsn)
    try:
        yield
    finally:
        del _hands[dsn]
        hand.close()


def hand_of(dsn: str) -> Hand | None:
    """The connection at hand; only the session's own database has one."""
    return _hands.get(dsn)


async def keep(owner: Connection, schema: str) -> str:
    """Copy every row into tables of this schema; the statements that bring all of them back."""
    await owner.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    tables = await owner.fetch(
        "SELECT oid::regclass::text AS name, (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute a"
        " WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns"
        " FROM pg_class c WHERE relkind = 'r' AND relname <> 'migration'"
        " AND relnamespace = 'public'::regnamespace ORDER BY oid"
    )
    steps = ["BEGIN", "SET LOCAL session_replication_role = replica"]
    for table in tables:
        name, columns = table["name"], table["columns"]
        steps.append(f"DELETE FROM {name}")
        if await owner.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):
            await owner.execute(f"CREATE TABLE {schema}.{name} AS SELECT {columns} FROM {name}")
            steps.append(
                f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {schema}.{name}"
            )
    sequences = await owner.fetch(
        "SELECT format('%I.%I', schemaname, sequencename) AS name, last_value FROM pg_sequences"
        " WHERE schemaname = 'public' AND sequencename <> 'migration_id_seq'"
    )
    for sequence in sequences:
        last = sequence["last_value"]
        steps.append(f"SELECT setval('{sequence['name']}', {last or 1}, {'true' if last else 'false'})")
    return ";\n".join([*steps, "COMMIT"])


class Hand:
    """A connection of the owner's that stays open, in a thread and a loop of its own.

    A new one reads the catalogue of every table first, which takes several times as long as bringing back rows.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="owner", daemon=True)
        self._thread.start()

    async def execute(self, *statements: str) -> None:
        """Execute statements one after another; what a test has killed is opened anew."""
        work = asyncio.run_coroutine_threadsafe(self._execute(statements), self._loop)
        await asyncio.wrap_future(work)

    async def keep(self, schema: str) -> str:
        """`keep` over this connection."""

        async def kept() -> str:
            return await keep(await self._open(), schema)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(kept(), self._loop))

    def close(self) -> None:
        """End the connection and the thread."""

        async def end() -> None:
            if self._connection is not None:
                await self._connection.close(timeout=2)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _open(self) -> Connection:
        if self._connection is not None:
            try:
                await self._connection.execute("RESET ALL")
                return self._connection
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._connection.terminate()
        self._connection = await asyncpg.connect(self._dsn)
        return self._connection

    async def _execute(self, statements: tuple[str, ...]) -> None:
        connection = await self._open()
        try:
            for statement in statements:
                await connection.execute(statement)
        except BaseException:
            # Whatever was open is undone with it.
            connection.terminate()
            self._connection = None
            raise
