"""What every test may ask for: a PostgreSQL of its own, emptied, with the pool open.

An async test says `pytestmark = pytest.mark.anyio` and takes `database`; one that brings back rows of its own
takes `open_database`.  The tests of a file share a loop and, one after another, the pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests import rows
from tests.pools import KeptPool
from tracker import clock, terminal
from tracker.db import audit, engine
from tracker.db.embedded import APP_USER, EmbeddedPostgres
from tracker.db.migrate import migrate
from tracker.i18n import DEFAULT_LANGUAGE
from tracker.settings import Secret, Settings, load

_PREFIX = "tracker-test-"


@dataclass(frozen=True)
class Cluster:
    """The session's server: `template` is migrated and left alone, `tracker` is emptied and reused."""

    server: EmbeddedPostgres
    settings: Settings
    reset_sql: str
    template: str = "pristine"

    def admin_dsn(self) -> str:
        """For CREATE and DROP DATABASE."""
        return self.server.dsn("postgres")


# Files that take longest, the longest first: no worker is left alone with one at the end.
_LONGEST = (
    "inventory/test_access_matrix", "browser/test_pages", "faults/test_process", "faults/test_attack_output",
    "integration/test_web_pages", "integration/test_demo", "faults/test_attack_imports", "faults/test_attack_api",
    "faults/test_headers_everywhere", "integration/test_api_jobs", "integration/test_audit",
    "faults/test_schemathesis", "browser/test_recording", "faults/test_attack_identity",
    "browser/test_walks_of_three", "faults/test_attack_trouble", "browser/", "journeys/",
    "integration/test_succession_edges", "faults/test_idempotency", "faults/test_kill", "integration/test_api_outbox",
    "faults/", "integration/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the order within a file stays."""
    place = {path: _place(str(path)) for path in {item.path for item in items}}
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """What the collection has made stays to the end: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


def _place(path: str) -> int:
    named = (number for number, name in enumerate(_LONGEST) if name in path)
    return next(named, len(_LONGEST))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """All async tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of the machine, a moved clock and a chosen language must not reach a test, nor leave it."""
    for name in list(os.environ):
        if name.startswith("TRACKER_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    audit.use_key(Secret("k" * 40))  # as tests/api.py has it
    yield
    clock.set_offset(timedelta())
    terminal.speak(DEFAULT_LANGUAGE)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that goes away with the session; those of killed sessions go now."""
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{_PREFIX}*"):
        pid = old.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    folder.chmod(0o755)  # as root, the server runs under an account that must get in
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(server_folder: Path) -> Iterator[Cluster]:
    """One server per test session and xdist worker, without fsync, migrated once.

    Rows are written and thrown away by the thousand, so it tidies up every few seconds.
    """
    often = {"autovacuum_naptime": "5s"}
    with EmbeddedPostgres(server_folder / "pg", durable=False, options=often) as server:
        settings = load({"TRACKER_DATA_DIR": str(server_folder / "var")}).with_database(
            server.dsn(user=APP_USER), server.dsn()
        )
        asyncio.run(migrate(settings))
        reset_sql = asyncio.run(_make_template(server))
        with rows.at_hand(server.dsn()):
            yield Cluster(server, settings, reset_sql)


async def _make_template(server: EmbeddedPostgres) -> str:
    """Copy the migrated database aside, and write the statements that bring it back to that state."""
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute("CREATE DATABASE pristine TEMPLATE tracker")
    await admin.close()
    connection = await asyncpg.connect(server.dsn())
    try:
        return await rows.keep(connection, "pristine")
    finally:
        await connection.close()


@pytest.fixture
def settings(cluster: Cluster, tmp_path: Path) -> Settings:
    """Settings of the test's server, with a data folder of the test's own."""
    server = cluster.server
    return load({"TRACKER_DATA_DIR": str(tmp_path / "var")}).with_database(
        server.dsn(user=APP_USER), server.dsn()
    )


@pytest.fixture(scope="module")
async def kept_pool(anyio_backend: str) -> AsyncIterator[KeptPool]:
    """What keeps the loop and the pool from one test of a file to the next."""
    kept = KeptPool()
    yield kept
    await kept.close()


@pytest.fixture
async def open_database(kept_pool: KeptPool, cluster: Cluster, settings: Settings) -> AsyncIterator[Settings]:
    """The migrated database with the rows that the last test has left; the pool is open."""
    async with kept_pool.open(settings):
        yield settings


@pytest.fixture
async def database(open_database: Settings, cluster: Cluster) -> AsyncIterator[Settings]:
    """The migrated database as it was after the migrations; the pool is open."""
    hand = rows.hand_of(open_database.owner_dsn())
    assert hand is not None
    await hand.bring_back(cluster.reset_sql)
    with rows.pristine(open_database.owner_dsn()):
        yield open_database


@pytest.fixture
async def fresh_database(anyio_backend: str, cluster: Cluster, settings: Settings) -> AsyncIterator[Settings]:
    """A database of this test alone, for those that change the schema; slower than `database`."""
    async with _copy_of(cluster, "fresh") as (dsn, owner_dsn):
        fresh = settings.with_database(dsn, owner_dsn)
        await engine.open_pool(fresh)
        try:
            yield fresh
        finally:
            await engine.close_pool()


@pytest.fixture
async def empty_database(anyio_backend: str, cluster: Cluster, settings: Settings) -> AsyncIterator[Settings]:
    """A database without a schema and without a pool, for the tests of migrations and of starting."""
    async with _copy_of(cluster, "empty", template="template0") as (dsn, owner_dsn):
        yield settings.with_database(dsn, owner_dsn)


async def as_owner(settings: Settings, *statements: str) -> None:
    """Execute statements as the owner of the schema: what the application's account may not."""
    if (hand := rows.hand_of(settings.owner_dsn())) is not None:
        await hand.execute(*statements)
        return
    owner = await asyncpg.connect(settings.owner_dsn())
    try:
        for statement in statements:
            await owner.execute(statement)
    finally:
        await owner.close()


@contextlib.asynccontextmanager
async def _copy_of(
    cluster: Cluster, name: str, template: str | None = None
) -> AsyncIterator[tuple[str, str]]:
    """A database of this name: the addresses of the application's account and of the owner's."""
    admin = await asyncpg.connect(cluster.admin_dsn())
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template or cluster.template}")
        yield cluster.server.dsn(name, user=APP_USER), cluster.server.dsn(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
