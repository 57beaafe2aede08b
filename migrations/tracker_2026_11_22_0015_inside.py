"""What an agency arranges among its own people, which the assigning side does not see; and which mail one wants."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000015"
VERSION = "1.38.0"
DESCRIPTION = (
    "Inside an agency: who works on a task, until when, with which notes; mail that one may do without."
)

SQL = """
SET LOCAL lock_timeout = '3s';

-- Who in the agency works on an assignment, one person at a time; ended rows tell who did before.
-- remind_on is the working day on which the person is reminded of the internal date.

CREATE TABLE internal_assignment (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT internal_assignment_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT internal_assignment_assignment_fk REFERENCES assignment (id),
    official_id bigint NOT NULL CONSTRAINT internal_assignment_official_fk REFERENCES official (id),
    due_on date,
    remind_on date,
    assigned_by bigint NOT NULL CONSTRAINT internal_assignment_giver_fk REFERENCES official (id),
    assigned_at timestamptz NOT NULL,
    reminded_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT internal_assignment_reminder CHECK ((due_on IS NULL) = (remind_on IS NULL)),
    CONSTRAINT internal_assignment_end CHECK (ended_at >= assigned_at)
);
CREATE UNIQUE INDEX internal_assignment_live ON internal_assignment (assignment_id)
    WHERE ended_at IS NULL;  -- one person at a time
CREATE INDEX internal_assignment_story ON internal_assignment (assignment_id, id);  -- who had it before
CREATE INDEX internal_assignment_mine ON internal_assignment (official_id, assignment_id)
    WHERE ended_at IS NULL;  -- my tasks
CREATE INDEX internal_assignment_due ON internal_assignment (remind_on)
    WHERE ended_at IS NULL AND reminded_at IS NULL;  -- reminders

CREATE TABLE internal_note (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT internal_note_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT internal_note_assignment_fk REFERENCES assignment (id),
    official_id bigint NOT NULL CONSTRAINT internal_note_official_fk REFERENCES official (id),
    body text NOT NULL CONSTRAINT internal_note_body CHECK (char_length(body) BETWEEN 1 AND 2000),
    created_at timestamptz NOT NULL,
    shared_by bigint CONSTRAINT internal_note_sharer_fk REFERENCES official (id),
    shared_at timestamptz,
    CONSTRAINT internal_note_shared CHECK ((shared_by IS NULL) = (shared_at IS NULL))
);
CREATE INDEX internal_note_assignment ON internal_note (assignment_id, id);  -- the notes of an assignment

-- The agency's own people alone, not those of the agency above; the service, which reminds; and of notes those
-- that the agency shared. The assigning side's people look through tracker_desk too, but not as the service.

ALTER TABLE internal_assignment ENABLE ROW LEVEL SECURITY;
CREATE POLICY internal_assignment_service ON internal_assignment TO tracker_desk
    USING (current_setting('tracker.is_service', true) = 'yes')
    WITH CHECK (current_setting('tracker.is_service', true) = 'yes');
CREATE POLICY internal_assignment_agency ON internal_assignment TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = internal_assignment.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = internal_assignment.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

ALTER TABLE internal_note ENABLE ROW LEVEL SECURITY;
CREATE POLICY internal_note_service ON internal_note TO tracker_desk
    USING (current_setting('tracker.is_service', true) = 'yes')
    WITH CHECK (current_setting('tracker.is_service', true) = 'yes');
CREATE POLICY internal_note_desk ON internal_note FOR SELECT TO tracker_desk USING (shared_at IS NOT NULL);
CREATE POLICY internal_note_agency ON internal_note TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = internal_note.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = internal_note.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

-- Mail that a person does without: a row for each kind switched off; duty mail has no kind here. ---------------

CREATE TABLE unwanted_mail (
    official_id bigint NOT NULL CONSTRAINT unwanted_mail_official_fk REFERENCES official (id),
    kind text NOT NULL CONSTRAINT unwanted_mail_kind CHECK (kind IN ('receipt', 'confirmation', 'copy')),
    since timestamptz NOT NULL,
    CONSTRAINT unwanted_mail_pk PRIMARY KEY (official_id, kind)
);
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
