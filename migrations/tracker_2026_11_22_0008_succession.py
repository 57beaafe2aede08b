"""Successions that were carried out, and assignments that go on at a successor."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000008"
VERSION = "1.38.0"
DESCRIPTION = "Succession: what was carried out when agencies merged, split, were renamed or abolished."

SQL = """
SET LOCAL lock_timeout = '3s';

-- What was carried out: by whom, when, on which document, and the preview that was agreed to ----------------

CREATE TABLE succession (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT succession_pk PRIMARY KEY,
    document text NOT NULL CONSTRAINT succession_document CHECK (document <> ''),
    digest text NOT NULL,
    counts jsonb NOT NULL,
    carried_out_at timestamptz NOT NULL,
    carried_out_by bigint CONSTRAINT succession_actor_fk REFERENCES official (id),
    actor_name text NOT NULL
);

-- One line for each predecessor and successor, with the names as they were; an abolished agency has no successor.
CREATE TABLE succession_item (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT succession_item_pk PRIMARY KEY,
    succession_id bigint NOT NULL CONSTRAINT succession_item_succession_fk REFERENCES succession (id),
    predecessor_id bigint NOT NULL CONSTRAINT succession_item_predecessor_fk REFERENCES agency (id),
    successor_id bigint CONSTRAINT succession_item_successor_fk REFERENCES agency (id),
    effective_on date NOT NULL,
    kind text NOT NULL CONSTRAINT succession_item_kind CHECK (kind IN ('rename', 'merge', 'split', 'abolition')),
    is_default boolean NOT NULL DEFAULT false,
    predecessor_name text NOT NULL,
    successor_name text NOT NULL DEFAULT '',
    counts jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT succession_item_abolition CHECK ((kind = 'abolition') = (successor_id IS NULL))
);
CREATE INDEX succession_item_succession ON succession_item (succession_id, id);  -- one succession's lines
CREATE INDEX succession_item_predecessor ON succession_item (predecessor_id, id);  -- was it carried out, and when

-- An assignment that goes on at a successor -----------------------------------------------------------------
-- It takes over the whole state and the calendar identity (uid) of the row before it. That one stays, closed and
-- under the old agency, for every day before `taken_over_at`; the two never count on the same day.

ALTER TABLE assignment
    ADD COLUMN taken_over_from bigint CONSTRAINT assignment_taken_over_fk REFERENCES assignment (id),
    ADD COLUMN taken_over_at timestamptz,
    ADD COLUMN handed_on boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT assignment_taken_over CHECK ((taken_over_from IS NULL) = (taken_over_at IS NULL)),
    ADD CONSTRAINT assignment_handed_on CHECK (NOT handed_on OR state = 'transferred');

-- What an agency has finished for its own area does not finish what a merged one still owed: only open parts are one.
DROP INDEX assignment_one_part;
CREATE UNIQUE INDEX assignment_one_part ON assignment (task_id, agency_id, occurrence)
    WHERE state NOT IN ('confirmed', 'withdrawn', 'transferred', 'superseded');
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
