"""The database account the application works as: read before the service opens, and by `doctor`."""

from __future__ import annotations

import asyncpg

from tracker.safety import DatabaseFacts
from tracker.settings import Settings

CONNECT_SECONDS = 10.0


async def read_account(settings: Settings) -> DatabaseFacts:
    """What the account of TRACKER_DATABASE_URL may do; by a connection of its own."""
    connection = await asyncpg.connect(settings.dsn(), timeout=CONNECT_SECONDS)
    try:
        row = await connection.fetchrow(
            """
            SELECT r.rolname AS name, r.rolsuper, r.rolbypassrls,
                   EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
                           AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'USAGE')) AS owns
            FROM pg_roles r WHERE r.rolname = session_user
            """
        )
        assert row is not None
        return DatabaseFacts(row["name"], row["rolsuper"], row["rolbypassrls"], row["owns"])
    finally:
        await connection.close()
