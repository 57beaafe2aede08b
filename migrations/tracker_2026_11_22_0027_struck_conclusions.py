"""Conclusions of a session that were struck before they were carried out: they stay, and count no more."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000027"
VERSION = "1.38.0"
DESCRIPTION = "Struck conclusions: kept with who struck them, one standing conclusion on an item."

SQL = """
SET LOCAL lock_timeout = '3s';

ALTER TABLE inspection_conclusion
    ADD COLUMN struck_at timestamptz,
    ADD COLUMN struck_by_name text NOT NULL DEFAULT '',
    ADD CONSTRAINT inspection_conclusion_struck CHECK (struck_at IS NULL OR applied_at IS NULL);
DROP INDEX inspection_conclusion_item;
CREATE UNIQUE INDEX inspection_conclusion_item ON inspection_conclusion (item_id)
    WHERE item_id IS NOT NULL AND struck_at IS NULL;  -- one that stands
CREATE INDEX inspection_conclusion_before ON inspection_conclusion (item_id);  -- versions that go on

-- What a session concluded for an agency as a whole is for that agency to read, as what is about its items.
DROP POLICY inspection_conclusion_agency ON inspection_conclusion;
CREATE POLICY inspection_conclusion_agency ON inspection_conclusion FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM inspection_item i WHERE i.id = inspection_conclusion.item_id)
        OR (item_id IS NULL AND agency_id = ANY (
            string_to_array(current_setting('tracker.visible_agencies', true), ',')::bigint[])));
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
