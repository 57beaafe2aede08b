"""Lists that somebody looks at again, kept under a name."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000011"
VERSION = "1.38.0"
DESCRIPTION = (
    "Lists: saved views, of one person or of the whole desk; deleted ones can be brought back for a while."
)

SQL = """
SET LOCAL lock_timeout = '3s';

-- A view is the address of a list under a name: it holds no rows and gives nobody more than the list would.
CREATE TABLE saved_view (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT saved_view_pk PRIMARY KEY,
    owner_id bigint NOT NULL CONSTRAINT saved_view_owner_fk REFERENCES official (id),
    name text NOT NULL CONSTRAINT saved_view_name_length CHECK (char_length(name) BETWEEN 1 AND 60),
    path text NOT NULL CONSTRAINT saved_view_path CHECK (path IN ('/viec')),
    query text NOT NULL DEFAULT '' CONSTRAINT saved_view_query_length CHECK (char_length(query) <= 2000),
    is_shared boolean NOT NULL DEFAULT false,
    position integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    deleted_at timestamptz,
    row_version integer NOT NULL DEFAULT 1
);
CREATE INDEX saved_view_owner ON saved_view (owner_id, position, id);  -- a person's views
CREATE INDEX saved_view_shared ON saved_view (position, id) WHERE is_shared AND deleted_at IS NULL;  -- the desk's
CREATE INDEX saved_view_deleted ON saved_view (deleted_at) WHERE deleted_at IS NOT NULL;  -- pruning
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
