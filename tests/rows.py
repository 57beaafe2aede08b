"""Every row of a database copied aside and brought back, and a connection of the owner's at hand for that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_hands: dict[str, Hand] = {}
_pristine: list[str] = []


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


@contextmanager
def pristine(dsn: str) -> Iterator[None]:
    """Inside, a test works on this database, which began as the migrations leave it."""
    _pristine.append(dsn)
    try:
        yield
    finally:
        _pristine.remove(dsn)


def pristine_hand() -> Hand | None:
    """The hand on the database of the running test, if that began as the migrations leave it."""
    return hand_of(_pristine[-1]) if _pristine else None


async def keep(owner: Connection, schema: str) -> str:
    """Copy every row into tables of this schema; the statement that brings all of them back.

    It calls a function, whose statements are planned once for a connection, and which leaves a table alone when
    every row in it was written there by itself.
    """
    await owner.execute(
        f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema};"
        f"CREATE TABLE {schema}._written (place regclass PRIMARY KEY, by xid NOT NULL)"
    )
    tables = await owner.fetch(
        "SELECT oid::regclass::text AS name, (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute a"
        " WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns"
        " FROM pg_class c WHERE relkind = 'r' AND relname <> 'migration'"
        " AND relnamespace = 'public'::regnamespace ORDER BY oid"
    )
    steps, doubts = [], []
    for table in tables:
        name, columns = table["name"], table["columns"]
        count = await owner.fetchval(f"SELECT count(*) FROM {name}")
        if count == 0:
            steps.append(f"DELETE FROM {name};")
            doubts.append(f"IF EXISTS (SELECT FROM {name}) THEN RETURN false; END IF;")
            continue
        await owner.execute(f"CREATE TABLE {schema}.{name} AS SELECT {columns} FROM {name}")
        await owner.execute(f"INSERT INTO {schema}._written VALUES ('{name}', '0')")
        changed = (
            f"SELECT by INTO ours FROM {schema}._written WHERE place = '{name}'::regclass;"
            f" IF (SELECT count(*) <> {count} OR count(*) FILTER (WHERE xmin = ours) <> {count} FROM {name}) THEN"
        )
        doubts.append(f"{changed} RETURN false; END IF;")
        steps.append(
            f"{changed} DELETE FROM {name}; INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE"
            f" SELECT {columns} FROM {schema}.{name};"
            f" UPDATE {schema}._written SET by = pg_current_xact_id()::xid WHERE place = '{name}'::regclass; END IF;"
        )
    sequences = await owner.fetch(
        "SELECT format('%I.%I', schemaname, sequencename) AS name, last_value FROM pg_sequences"
        " WHERE schemaname = 'public' AND sequencename <> 'migration_id_seq'"
    )
    for sequence in sequences:
        last = sequence["last_value"]
        steps.append(f"PERFORM setval('{sequence['name']}', {last or 1}, {'true' if last else 'false'});")
    local = "PERFORM set_config('session_replication_role', 'replica', true);"
    switch = f"IF current_setting('session_replication_role') <> 'replica' THEN {local} END IF;"
    for name, gives, body in (
        ("_back", "void", [switch, *steps]),
        ("_stands", "boolean", [*doubts, "RETURN true;"]),
    ):
        lines = "\n".join(body)
        await owner.execute(
            f"CREATE FUNCTION {schema}.{name}() RETURNS {gives} LANGUAGE plpgsql AS"
            f" $$ DECLARE ours xid; BEGIN\n{lines}\nEND $$"
        )
    return f"SELECT {schema}._back()"


class Hand:
    """Connections of the owner's that stay open, in a thread and a loop of their own.

    A new one reads the catalogue of every table first, which takes several times as long as bringing back rows.
    One of them brings back rows, with triggers and foreign keys switched off: switching them throws away every plan.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connections: dict[bool, Connection] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="owner", daemon=True)
        self._thread.start()

    async def execute(self, *statements: str) -> None:
        """Execute statements one after another; what a test has killed is opened anew."""
        await self._there(self._execute(statements, restoring=False))

    async def bring_back(self, back: str) -> None:
        """Bring rows back, by the statement that `keep` has given."""
        await self._there(self._execute((back,), restoring=True))

    async def stands(self, schema: str) -> bool:
        """Whether every row is as `bring_back` has last brought it back from this schema."""

        async def asked() -> bool:
            return bool(await (await self._open(restoring=True)).fetchval(f"SELECT {schema}._stands()"))

        return await self._there(asked())

    async def keep(self, schema: str) -> str:
        """`keep` over this connection."""

        async def kept() -> str:
            return await keep(await self._open(restoring=False), schema)

        return await self._there(kept())

    def close(self) -> None:
        """End the connections and the thread."""

        async def end() -> None:
            for connection in self._connections.values():
                await connection.close(timeout=2)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work in the thread."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _open(self, *, restoring: bool) -> Connection:
        if (connection := self._connections.get(restoring)) is not None:
            try:
                await connection.execute("RESET ALL")
                return connection
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
        settings = {"session_replication_role": "replica", "lock_timeout": "20s"} if restoring else {}
        connection = await asyncpg.connect(self._dsn, server_settings=settings)
        self._connections[restoring] = connection
        return connection

    async def _execute(self, statements: tuple[str, ...], *, restoring: bool) -> None:
        connection = await self._open(restoring=restoring)
        try:
            for statement in statements:
                await connection.execute(statement)
        except BaseException:
            # Whatever was open is undone with it.
            connection.terminate()
            del self._connections[restoring]
            raise
