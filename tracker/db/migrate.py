"""Migrations forward: all that are missing, in one transaction, by one process at a time.

A migration file is a Piccolo migration with its statements in `SQL`; this runner executes them itself.
Piccolo 1.38 would write its record outside the transaction of the DDL and let two starters collide
(traps 15, 55).
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tracker.domain.errors import TrackerError
from tracker.settings import Settings

APP = "tracker"
# Any number serves that nothing else in this database uses.
ADVISORY_LOCK = 7_201_946
WAIT_FOR_LOCK_SECONDS = 120.0
ATTEMPTS = 5

# Piccolo's own record of migrations, so that its tools see the same history.
_RECORD = """
CREATE TABLE IF NOT EXISTS migration (
    id serial PRIMARY KEY,
    name varchar(200) NOT NULL DEFAULT '',
    app_name varchar(200) NOT NULL DEFAULT '',
    ran_on timestamp NOT NULL DEFAULT current_timestamp
)
"""


class MigrationError(TrackerError):
    """The schema cannot be brought forward; the child says why."""

    code = "migration"


class AnotherMigrator(MigrationError):
    """Another process is migrating and has not finished; params: seconds waited."""

    code = "migration_another"


class MigrationFailed(MigrationError):
    """A migration was refused by the database and nothing was changed; params: name, reason."""

    code = "migration_failed"


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`: its identity, its meaning in a sentence, its statements."""

    id: str
    name: str
    description: str
    sql: str


@dataclass(frozen=True)
class Migrated:
    """What a run found and did; `unknown` are recorded by a newer version of the program."""

    applied: tuple[str, ...]
    already: tuple[str, ...]
    unknown: tuple[str, ...]


def migrations_folder() -> Path:
    """Inside the installed package, else beside it in the source tree."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "migrations"
    return shipped if shipped.is_dir() else package.parent / "migrations"


def load_migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """All migrations in the order they run. Raises MigrationFailed for a file that is not one."""
    found: dict[str, Migration] = {}
    for path in sorted((folder or migrations_folder()).glob("*.py")):
        if path.name == "__init__.py":
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        missing = [name for name in ("ID", "DESCRIPTION", "SQL") if not getattr(module, name, None)]
        if missing or module.ID in found:
            raise MigrationFailed(name=path.name, reason=f"missing {missing}" if missing else "ID repeated")
        found[module.ID] = Migration(module.ID, path.stem, module.DESCRIPTION, module.SQL)
    return tuple(found[id_] for id_ in sorted(found))


async def migrate(settings: Settings, *, folder: Path | None = None) -> Migrated:
    """Bring the schema to the head of `folder`; safe when several processes start at once.

    Uses a connection of its own, so the pool need not be open.  Raises a MigrationError.
    """
    wanted = load_migrations(folder)
    connection = await _connect(settings)
    try:
        await _lock(connection)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await _forward(connection, wanted)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                # A long reader holds a table: let the others go first, then queue again.
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")
    finally:
        # The advisory lock belongs to the session and ends with it.
        await connection.close(timeout=10)


async def pending(settings: Settings, *, folder: Path | None = None) -> tuple[str, ...]:
    """The ids that `migrate` would run; for /ready and doctor."""
    wanted = load_migrations(folder)
    connection = await _connect(settings)
    try:
        ran = await _ran(connection)
        return tuple(m.id for m in wanted if m.id not in ran)
    finally:
        await connection.close(timeout=10)


async def _connect(settings: Settings) -> asyncpg.Connection[asyncpg.Record]:
    """No statement cache (trap 20), and no statement timeout: a back-fill may be long."""
    return await asyncpg.connect(
        settings.owner_dsn(),
        timeout=10,
        statement_cache_size=0,
        server_settings={"application_name": "tracker-migrate", "timezone": "UTC", "statement_timeout": "0"},
    )


async def _lock(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Poll for the lock: one that blocks would deadlock with CREATE INDEX CONCURRENTLY (bar O8)."""
    deadline = asyncio.get_running_loop().time() + WAIT_FOR_LOCK_SECONDS
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
        if asyncio.get_running_loop().time() > deadline:
            raise AnotherMigrator(seconds=int(WAIT_FOR_LOCK_SECONDS))
        await asyncio.sleep(0.05)


async def _ran(connection: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return set()
    rows = await connection.fetch("SELECT name FROM migration WHERE app_name = $1", APP)
    return {row["name"] for row in rows}


async def _make_record(connection: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """The table of what has run; an account that may not make it may not migrate."""
    try:
        await connection.execute(_RECORD)
    except asyncpg.InsufficientPrivilegeError as refused:
        raise MigrationFailed(name=name, reason=str(refused)) from refused


async def _forward(connection: asyncpg.Connection[asyncpg.Record], wanted: tuple[Migration, ...]) -> Migrated:
    """Everything missing in one transaction: the schema is at the head or as it was."""
    applied = []
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '3s'")
        ran = await _ran(connection)
        missing = [m for m in wanted if m.id not in ran]
        if missing:
            await _make_record(connection, missing[0].name)
        for migration in missing:
            try:
                await connection.execute(migration.sql)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                raise
            except asyncpg.PostgresError as refused:
                raise MigrationFailed(name=migration.name, reason=str(refused)) from refused
            await connection.execute(
                "INSERT INTO migration (name, app_name) VALUES ($1, $2)", migration.id, APP
            )
            applied.append(migration.id)
    known = {m.id for m in wanted}
    return Migrated(tuple(applied), tuple(sorted(ran & known)), tuple(sorted(ran - known)))
