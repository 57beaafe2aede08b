"""The migrations: forward, together or not at all, one at a time, and equal to tables.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import pytest

from tracker.db import migrate as migrations
from tracker.db.migrate import MigrationFailed, load_migrations, migrate, pending
from tracker.db.tables import TABLES, create_statements
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

_COLUMNS = """
SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS not_null, a.attidentity::text AS identity, a.attgenerated::text AS generated,
       coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS default_value
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relname <> 'migration'
"""
# NOT NULL became a named constraint in PostgreSQL 18; the columns tell it already.
_CONSTRAINTS = """
SELECT conrelid::regclass::text AS table_name, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid::regclass::text <> 'migration'
"""
_INDEXES = """
SELECT tablename AS table_name, indexname AS name, indexdef AS definition
FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'migration'
"""

Schema = set[tuple[str, ...]]


async def read_schema(settings: Settings) -> Schema:
    """Every column, constraint and index of a database, each in PostgreSQL's own words."""
    connection = await asyncpg.connect(settings.owner_dsn())
    try:
        return {
            (kind, *(str(value) for value in row.values()))
            for kind, query in (("column", _COLUMNS), ("constraint", _CONSTRAINTS), ("index", _INDEXES))
            for row in await connection.fetch(query)
        }
    finally:
        await connection.close()


async def run(settings: Settings, statements: Iterable[str]) -> None:
    """Execute statements one after another on a connection of their own."""
    connection = await asyncpg.connect(settings.owner_dsn())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_tables_and_migrations_agree(database: Settings, empty_database: Settings) -> None:
    """The schema of tables.py is that of the migrations: nothing missing, nothing more, nothing different."""
    await run(empty_database, create_statements())

    migrated, described = await read_schema(database), await read_schema(empty_database)

    assert {"only migrated": migrated - described, "only described": described - migrated} == {
        "only migrated": set(),
        "only described": set(),
    }


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE setting ADD COLUMN extra text",
        "ALTER TABLE setting DROP COLUMN changed_at",
        "ALTER TABLE official ALTER COLUMN contact_order TYPE bigint",
        "ALTER TABLE agency ALTER COLUMN source DROP NOT NULL",
        "ALTER TABLE agency ALTER COLUMN source SET DEFAULT 'x'",
        "ALTER TABLE agency RENAME CONSTRAINT agency_kind TO agency_sort_of",
        "ALTER TABLE agency DROP CONSTRAINT agency_kind, ADD CONSTRAINT agency_kind CHECK (kind <> '')",
        "DROP INDEX agency_sort",
        "CREATE INDEX extra ON agency (name)",
        "CREATE TABLE extra (id int)",
        "DROP TABLE heartbeat",
    ],
)
async def test_comparison_sees_every_difference(fresh_database: Settings, change: str) -> None:
    """The comparison above is worth something: each kind of drift shows."""
    before = await read_schema(fresh_database)

    await run(fresh_database, [change])

    assert await read_schema(fresh_database) != before


async def test_every_index_says_what_it_serves() -> None:
    """An index without a reader is a cost without a use."""
    from tracker.db.tables import Index

    silent = [
        f"{table.__name__}.{name}"
        for table in TABLES
        for name, index in vars(table).items()
        if isinstance(index, Index) and not index.serves
    ]

    assert silent == []


async def test_every_table_and_constraint_is_named_after_its_table(database: Settings) -> None:
    """Names of constraints and indexes begin with the table's, so that an error tells where it came from."""
    stray = [
        entry for entry in await read_schema(database) if entry[0] != "column" and entry[1] not in entry[2]
    ]

    assert stray == []


async def test_piccolo_reads_and_writes_through_the_tables(database: Settings) -> None:
    """A row written by Piccolo takes the database's defaults, and Piccolo reads it back."""
    from tracker.db.tables import Agency, Ladder

    await Agency.insert(
        Agency(code="A", name="Bộ A", short_name="Bộ A", kind="ministry", search_key="bo a", sort_key="bo a")
    )
    await Ladder.insert(Ladder(code="usual", name="Thường"))
    row = await Agency.select().where(Agency.code == "A").first()
    await Ladder.update({Ladder.name: "Khẩn"}).where(Ladder.code == "usual", Ladder.row_version == 1)

    assert row is not None
    assert (row["name"], row["row_version"], row["valid_from"].isoformat()) == ("Bộ A", 1, "1945-09-02")
    assert row["changed_at"].utcoffset() is not None
    assert await Ladder.select(Ladder.name).first() == {"name": "Khẩn"}


async def test_migrating_twice_changes_nothing(empty_database: Settings) -> None:
    """The second run finds everything done."""
    first = await migrate(empty_database)
    second = await migrate(empty_database)

    known = tuple(m.id for m in load_migrations())
    assert (first.applied, second.applied, second.already) == (known, (), known)
    assert await pending(empty_database) == ()


async def test_five_migrators_at_once(empty_database: Settings) -> None:
    """Exactly one does the work; the others wait and find it done (bar O8)."""
    done = await asyncio.gather(*(migrate(empty_database) for _ in range(5)))

    assert sum(bool(m.applied) for m in done) == 1


def write_migration(folder: Path, number: int, sql: str) -> str:
    """A migration file; returns its id."""
    id_ = f"2030-01-01T00:00:00:{number:06}"
    name = f"{folder.name.replace('-', '_')}_{number:04}_test"
    (folder / f"{name}.py").write_text(f"ID = {id_!r}\nVERSION = '1'\nDESCRIPTION = 'Test.'\nSQL = {sql!r}\n")
    return id_


async def test_failure_leaves_the_schema_as_it_was(empty_database: Settings, tmp_path: Path) -> None:
    """When the second of two is refused, the first is undone too."""
    write_migration(tmp_path, 1, "CREATE TABLE one (id int)")
    write_migration(tmp_path, 2, "CREATE TABLE two (id nonsense)")

    with pytest.raises(MigrationFailed, match="nonsense"):
        await migrate(empty_database, folder=tmp_path)

    assert await read_schema(empty_database) == set()
    assert len(await pending(empty_database, folder=tmp_path)) == 2


async def test_later_migration_runs_alone(empty_database: Settings, tmp_path: Path) -> None:
    """Only what is missing runs; several statements in one file are fine."""
    first = write_migration(tmp_path, 1, "CREATE TABLE one (id int)")
    await migrate(empty_database, folder=tmp_path)
    second = write_migration(
        tmp_path, 2, "ALTER TABLE one ADD name text; CREATE INDEX one_name ON one (name);"
    )

    done = await migrate(empty_database, folder=tmp_path)

    assert (done.already, done.applied) == ((first,), (second,))


async def test_newer_database_is_tolerated(empty_database: Settings, tmp_path: Path) -> None:
    """An older program beside a newer one finds nothing to do and says what it does not know."""
    newer = write_migration(tmp_path, 1, "CREATE TABLE one (id int)")
    await migrate(empty_database, folder=tmp_path)
    (tmp_path / "older").mkdir()

    done = await migrate(empty_database, folder=tmp_path / "older")

    assert (done.applied, done.unknown) == ((), (newer,))


async def test_migration_waits_for_a_reader(
    empty_database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table held by a long reader: the migration steps back, lets others go first, and comes again."""
    write_migration(tmp_path, 1, "CREATE TABLE one (id int)")
    await migrate(empty_database, folder=tmp_path)
    write_migration(tmp_path, 2, "SET LOCAL lock_timeout = '50ms'; ALTER TABLE one ADD name text")
    reader = await asyncpg.connect(empty_database.owner_dsn())
    reading = reader.transaction()
    await reading.start()
    await reader.fetch("SELECT * FROM one")

    running = asyncio.create_task(migrate(empty_database, folder=tmp_path))
    await asyncio.sleep(0.3)
    await reading.rollback()
    await reader.close()

    assert len((await running).applied) == 1


async def test_migrator_that_never_ends_is_told(
    empty_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for another migrator is bounded."""
    monkeypatch.setattr(migrations, "WAIT_FOR_LOCK_SECONDS", 0.1)
    other = await asyncpg.connect(empty_database.owner_dsn())
    await other.execute("SELECT pg_advisory_lock($1)", migrations.ADVISORY_LOCK)

    with pytest.raises(migrations.AnotherMigrator):
        await migrate(empty_database)
    await other.close()


async def test_file_that_is_no_migration_is_refused(tmp_path: Path) -> None:
    """Nothing else lives in the folder (trap 54)."""
    (tmp_path / "stray.py").write_text("x = 1\n")

    with pytest.raises(MigrationFailed, match="stray"):
        load_migrations(tmp_path)
