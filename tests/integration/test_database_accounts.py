"""The accounts that docs/operation.md tells an operator to make on a PostgreSQL of their own do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tracker.db import engine
from tracker.db.account_used import read_account
from tracker.db.embedded import EmbeddedPostgres
from tracker.db.engine import as_stranger, fetchval, look_as
from tracker.db.migrate import MigrationFailed, load_migrations, migrate, pending
from tracker.domain.directory import Actor, Role
from tracker.settings import Settings, load

pytestmark = pytest.mark.anyio
OFFICER = Actor(1, "x", Role.AGENCY_OFFICER, agency_id=1)


async def _let_in(server: EmbeddedPostgres, *users: str) -> None:
    """Let this test's account of the machine sign in as these users too."""
    path = server.data_folder / "pg_ident.conf"
    path.write_text(path.read_text() + "".join(f'owner "root" {user}\n' for user in users))
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()
    for user in users:
        for _ in range(100):
            try:
                await (await asyncpg.connect(server.dsn("postgres", user=user))).close()
                break
            except asyncpg.InvalidAuthorizationSpecificationError:
                await asyncio.sleep(0.05)


async def _as(server: EmbeddedPostgres, *statements: str) -> None:
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()


async def _role_of_an_agency(settings: Settings) -> str:
    await engine.open_pool(settings)
    try:
        with as_stranger():
            look_as(OFFICER)
            return str(await fetchval("SELECT current_user"))
    finally:
        await engine.close_pool()


async def test_written_steps_make_a_safe_installation(server_folder: Path) -> None:
    with EmbeddedPostgres(server_folder / "accounts", durable=False) as server:
        await _as(
            server, "CREATE ROLE dondoc_owner LOGIN CREATEROLE", "CREATE DATABASE dondoc OWNER dondoc_owner"
        )
        await _let_in(server, "dondoc_owner")
        owner = load({}).with_database(server.dsn("dondoc", user="dondoc_owner"))

        migrated = await migrate(owner)
        await _as(
            server,
            "CREATE ROLE dondoc LOGIN IN ROLE tracker_app",
            "ALTER ROLE dondoc_owner NOCREATEROLE",
        )
        await _let_in(server, "dondoc")
        # The serving parts know nothing of the owner.
        serving = owner.with_database(server.dsn("dondoc", user="dondoc"))
        assert await pending(serving) == ()
        account, alone = await read_account(serving), await read_account(owner)

        assert len(migrated.applied) == len(load_migrations())
        assert (account.is_superuser, account.bypasses_row_security, account.owns_tables) == (
            False,
            False,
            False,
        )
        assert alone.owns_tables
        # With one account only, rows are still seen through the roles.
        assert await _role_of_an_agency(serving) == await _role_of_an_agency(owner) == "tracker_agency"
        with pytest.raises(MigrationFailed):
            await _as(server, "CREATE DATABASE foreign_owner")
            await migrate(load({}).with_database(server.dsn("foreign_owner", user="dondoc")))
