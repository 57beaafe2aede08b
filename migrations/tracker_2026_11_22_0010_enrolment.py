"""An enrolment that was begun remembers when."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000010"
VERSION = "1.38.0"
DESCRIPTION = "Accounts: since when a secret waits for its first code."

SQL = """
SET LOCAL lock_timeout = '3s';

-- A secret that waits without a date is too old to be shown.
ALTER TABLE account ADD COLUMN totp_pending_at timestamptz;
"""


async def forwards() -> MigrationManager:
    """Run the statements above; there is no way back."""
    manager = MigrationManager(migration_id=ID, app_name="tracker", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        assert engine is not None
        transaction = engine.current_transaction.get()
        assert transaction is not None
        await transaction.connection.execute(SQL)

    manager.add_raw(run)
    return manager
