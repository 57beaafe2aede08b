"""What somebody typed into a form whose session had ended is kept until they have signed in again."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000018"
VERSION = "1.38.0"
DESCRIPTION = "Kept forms: what was typed is not lost when a session ends."

SQL = """
SET LOCAL lock_timeout = '3s';

CREATE TABLE kept_form (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT kept_form_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT kept_form_official_fk REFERENCES official (id),
    path text NOT NULL,
    fields jsonb NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX kept_form_of_official ON kept_form (official_id, id);  -- at most some for each person
CREATE INDEX kept_form_old ON kept_form (kept_at);  -- housekeeping
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
