"""Where an API token may be used from, and where it was used from last."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000009"
VERSION = "1.38.0"
DESCRIPTION = "Tokens: the networks a token may be used from, the address of its last use."

SQL = """
SET LOCAL lock_timeout = '3s';

-- Networks in CIDR form; without any a token may be used from everywhere.
ALTER TABLE api_token ADD COLUMN allowed_networks text[] NOT NULL DEFAULT '{}';
ALTER TABLE api_token ADD COLUMN last_used_ip text NOT NULL DEFAULT '';
ALTER TABLE api_token ADD CONSTRAINT api_token_networks CHECK (cardinality(allowed_networks) <= 20);
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
