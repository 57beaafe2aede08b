"""Inspection sessions: plans, who is inspected, what was frozen, what was concluded."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000020"
VERSION = "1.38.0"
DESCRIPTION = "Inspections: sessions, their frozen agendas, addenda and conclusions."

SQL = """
SET LOCAL lock_timeout = '3s';

CREATE TABLE inspection (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT inspection_pk PRIMARY KEY,
    title text NOT NULL,
    topic text NOT NULL CONSTRAINT inspection_topic CHECK (topic IN ('all', 'directive', 'field')),
    directive_id bigint CONSTRAINT inspection_directive_fk REFERENCES directive (id),
    field text NOT NULL DEFAULT '',
    held_on date NOT NULL,
    held_at time,
    ends_at time,
    place text NOT NULL DEFAULT '',
    chair_id bigint CONSTRAINT inspection_chair_fk REFERENCES official (id),
    secretary_id bigint CONSTRAINT inspection_secretary_fk REFERENCES official (id),
    as_of date NOT NULL,
    due_until date NOT NULL,
    explain_by date,
    urging_id uuid CONSTRAINT inspection_urging_fk REFERENCES urging (id),
    state text NOT NULL DEFAULT 'planned'
        CONSTRAINT inspection_state CHECK (state IN ('planned', 'frozen', 'concluded', 'cancelled')),
    sequence integer NOT NULL DEFAULT 0,
    frozen_at timestamptz,
    frozen_by bigint CONSTRAINT inspection_freezer_fk REFERENCES official (id),
    totals jsonb,
    digest text NOT NULL DEFAULT '',
    notice_number text NOT NULL DEFAULT '',
    concluded_at timestamptz,
    row_version integer NOT NULL DEFAULT 1,
    created_by bigint CONSTRAINT inspection_creator_fk REFERENCES official (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inspection_topic_directive CHECK ((topic = 'directive') = (directive_id IS NOT NULL)),
    CONSTRAINT inspection_topic_field CHECK ((topic = 'field') = (field <> '')),
    CONSTRAINT inspection_cut_off CHECK (as_of <= held_on AND due_until >= as_of),
    CONSTRAINT inspection_frozen CHECK ((frozen_at IS NULL) = (digest = '') AND (frozen_at IS NULL) = (totals IS NULL)),
    CONSTRAINT inspection_hours CHECK (ends_at IS NULL OR (held_at IS NOT NULL AND ends_at > held_at))
);
CREATE INDEX inspection_held ON inspection (held_on DESC, id DESC);  -- the list of sessions

CREATE TABLE inspection_agency (
    inspection_id bigint NOT NULL CONSTRAINT inspection_agency_inspection_fk REFERENCES inspection (id),
    agency_id bigint NOT NULL CONSTRAINT inspection_agency_agency_fk REFERENCES agency (id),
    position integer NOT NULL,
    reasons jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT inspection_agency_pk PRIMARY KEY (inspection_id, agency_id)
);
CREATE INDEX inspection_agency_of ON inspection_agency (agency_id, inspection_id);  -- when an agency was inspected

CREATE TABLE inspection_member (
    inspection_id bigint NOT NULL CONSTRAINT inspection_member_inspection_fk REFERENCES inspection (id),
    official_id bigint NOT NULL CONSTRAINT inspection_member_official_fk REFERENCES official (id),
    CONSTRAINT inspection_member_pk PRIMARY KEY (inspection_id, official_id)
);
CREATE INDEX inspection_member_of ON inspection_member (official_id, inspection_id);  -- a person's sessions

-- What was frozen: copies, never changed -----------------------------------------------------------------------

CREATE TABLE inspection_item (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT inspection_item_pk PRIMARY KEY,
    inspection_id bigint NOT NULL CONSTRAINT inspection_item_inspection_fk REFERENCES inspection (id),
    position integer NOT NULL,
    kind text NOT NULL CONSTRAINT inspection_item_kind
        CHECK (kind IN ('overdue', 'due_soon', 'target', 'request', 'standing')),
    agency_id bigint NOT NULL CONSTRAINT inspection_item_agency_fk REFERENCES agency (id),
    assignment_id bigint CONSTRAINT inspection_item_assignment_fk REFERENCES assignment (id),
    content text NOT NULL,
    digest text NOT NULL,
    CONSTRAINT inspection_item_position_unique UNIQUE (inspection_id, position)
);
CREATE INDEX inspection_item_assignment ON inspection_item (assignment_id);  -- what sessions said of an assignment

CREATE TABLE inspection_addendum (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT inspection_addendum_pk PRIMARY KEY,
    inspection_id bigint NOT NULL CONSTRAINT inspection_addendum_inspection_fk REFERENCES inspection (id),
    item_id bigint CONSTRAINT inspection_addendum_item_fk REFERENCES inspection_item (id),
    text text NOT NULL,
    added_by bigint CONSTRAINT inspection_addendum_official_fk REFERENCES official (id),
    added_by_name text NOT NULL,
    added_at timestamptz NOT NULL
);
CREATE INDEX inspection_addendum_of ON inspection_addendum (inspection_id, id);  -- a session's corrections

CREATE FUNCTION refuse_change_of_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a session froze is not changed: %', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER inspection_item_frozen BEFORE UPDATE OR DELETE ON inspection_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_frozen();
CREATE TRIGGER inspection_addendum_frozen BEFORE UPDATE OR DELETE ON inspection_addendum
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_frozen();

-- What was concluded -------------------------------------------------------------------------------------------

CREATE TABLE inspection_conclusion (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT inspection_conclusion_pk PRIMARY KEY,
    inspection_id bigint NOT NULL CONSTRAINT inspection_conclusion_inspection_fk REFERENCES inspection (id),
    item_id bigint CONSTRAINT inspection_conclusion_item_fk REFERENCES inspection_item (id),
    agency_id bigint CONSTRAINT inspection_conclusion_agency_fk REFERENCES agency (id),
    verdict text NOT NULL CONSTRAINT inspection_conclusion_verdict
        CHECK (verdict IN ('new_date', 'closed', 'explanation', 'new_task', 'referred', 'noted')),
    text text NOT NULL,
    due_on date,
    made_by bigint CONSTRAINT inspection_conclusion_official_fk REFERENCES official (id),
    made_by_name text NOT NULL,
    made_at timestamptz NOT NULL,
    applied_at timestamptz,
    task_id bigint CONSTRAINT inspection_conclusion_task_fk REFERENCES task (id),
    outcome text NOT NULL DEFAULT '',
    row_version integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX inspection_conclusion_item ON inspection_conclusion (item_id) WHERE item_id IS NOT NULL;  -- one
CREATE INDEX inspection_conclusion_of ON inspection_conclusion (inspection_id, id);  -- a session's conclusions

-- The notice of a session's conclusions is a directive; its tasks come from the session.
ALTER TABLE directive ADD COLUMN inspection_id bigint CONSTRAINT directive_inspection_fk REFERENCES inspection (id);
CREATE UNIQUE INDEX directive_inspection ON directive (inspection_id) WHERE inspection_id IS NOT NULL;  -- one

ALTER TABLE inspection_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY inspection_item_desk ON inspection_item TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY inspection_item_agency ON inspection_item FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = inspection_item.assignment_id));
ALTER TABLE inspection_conclusion ENABLE ROW LEVEL SECURITY;
CREATE POLICY inspection_conclusion_desk ON inspection_conclusion TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY inspection_conclusion_agency ON inspection_conclusion FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM inspection_item i WHERE i.id = inspection_conclusion.item_id));
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
