"""Letters about inspection sessions: who was invited to what, which explanations were asked for and reminded of."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000022"
VERSION = "1.38.0"
DESCRIPTION = "Inspections: invitations by mail and calendar, reminders of explanations."

SQL = """
SET LOCAL lock_timeout = '3s';

-- uid names the session in calendars for ever. explain_version counts the days that were set for explaining once
-- the agencies had been asked; what the ledger knows of another day does not count for this one.
ALTER TABLE inspection ADD COLUMN uid uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE inspection ADD COLUMN explain_version integer NOT NULL DEFAULT 0;
ALTER TABLE inspection ADD COLUMN explain_set_at timestamptz;

-- Each REQUEST and CANCEL with what it said. Who holds an invitation follows from the last one that was not
-- superseded: nothing here is ever changed.
CREATE TABLE inspection_letter (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT inspection_letter_pk PRIMARY KEY,
    inspection_id bigint NOT NULL CONSTRAINT inspection_letter_inspection_fk REFERENCES inspection (id),
    official_id bigint NOT NULL CONSTRAINT inspection_letter_official_fk REFERENCES official (id),
    agency_id bigint CONSTRAINT inspection_letter_agency_fk REFERENCES agency (id),
    method text NOT NULL CONSTRAINT inspection_letter_method CHECK (method IN ('REQUEST', 'CANCEL')),
    sequence integer NOT NULL CONSTRAINT inspection_letter_sequence CHECK (sequence >= 0),
    facts jsonb NOT NULL,
    batch uuid NOT NULL,
    outbox_id bigint NOT NULL CONSTRAINT inspection_letter_outbox_fk REFERENCES outbox (id),
    queued_at timestamptz NOT NULL,
    CONSTRAINT inspection_letter_once UNIQUE (inspection_id, official_id, sequence)
);
CREATE INDEX inspection_letter_outbox ON inspection_letter (outbox_id);  -- which session a message is about

-- Every request to explain that a session made; the session itself names the last one.
CREATE TABLE inspection_asking (
    inspection_id bigint NOT NULL CONSTRAINT inspection_asking_inspection_fk REFERENCES inspection (id),
    urging_id uuid NOT NULL CONSTRAINT inspection_asking_urging_fk REFERENCES urging (id),
    CONSTRAINT inspection_asking_pk PRIMARY KEY (inspection_id, urging_id)
);
CREATE INDEX inspection_asking_of ON inspection_asking (urging_id);  -- which session asked
INSERT INTO inspection_asking (inspection_id, urging_id) SELECT id, urging_id FROM inspection
WHERE urging_id IS NOT NULL;

-- What was decided about each reminder of an explanation, once for each day that was set.
CREATE TABLE explanation_reminder (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT explanation_reminder_pk PRIMARY KEY,
    inspection_id bigint NOT NULL CONSTRAINT explanation_reminder_inspection_fk REFERENCES inspection (id),
    assignment_id bigint NOT NULL CONSTRAINT explanation_reminder_assignment_fk REFERENCES assignment (id),
    explain_version integer NOT NULL,
    step text NOT NULL
        CONSTRAINT explanation_reminder_step CHECK (step IN ('before', 'on', 'after', 'moved')),
    verdict text NOT NULL CONSTRAINT explanation_reminder_verdict CHECK (verdict IN ('sent', 'superseded')),
    recipient_id bigint CONSTRAINT explanation_reminder_recipient_fk REFERENCES official (id),
    outbox_id bigint CONSTRAINT explanation_reminder_outbox_fk REFERENCES outbox (id),
    moment timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT explanation_reminder_told CHECK ((verdict = 'sent') = (outbox_id IS NOT NULL)),
    CONSTRAINT explanation_reminder_once UNIQUE (inspection_id, assignment_id, explain_version, step)
);
CREATE INDEX explanation_reminder_outbox ON explanation_reminder (outbox_id);  -- what a message reminds of

ALTER TABLE inspection_letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY inspection_letter_desk ON inspection_letter TO tracker_desk USING (true) WITH CHECK (true);
ALTER TABLE explanation_reminder ENABLE ROW LEVEL SECURITY;
CREATE POLICY explanation_reminder_desk ON explanation_reminder TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY explanation_reminder_agency ON explanation_reminder FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = explanation_reminder.assignment_id));
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
