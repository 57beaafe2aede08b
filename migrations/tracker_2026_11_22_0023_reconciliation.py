"""Reconciliation: once a month each agency confirms the list of its tasks, item by item."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000023"
VERSION = "1.38.0"
DESCRIPTION = (
    "Reconciliation: rounds, frozen lists of agencies, drafts, answers with what became of them, letters."
)

SQL = """
SET LOCAL lock_timeout = '3s';

-- A round: one a month, whoever opens it. What was closed after `closed_since` is listed beside what is open.

CREATE TABLE reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliation_pk PRIMARY KEY,
    month date NOT NULL CONSTRAINT reconciliation_month CHECK (extract(day FROM month) = 1),
    as_of date NOT NULL,
    closed_since date NOT NULL,
    answer_by date NOT NULL,
    state text NOT NULL DEFAULT 'open' CONSTRAINT reconciliation_state CHECK (state IN ('open', 'closed')),
    opened_by bigint CONSTRAINT reconciliation_opener_fk REFERENCES official (id),
    opened_by_name text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_by bigint CONSTRAINT reconciliation_closer_fk REFERENCES official (id),
    closed_by_name text NOT NULL DEFAULT '',
    closed_at timestamptz,
    row_version integer NOT NULL DEFAULT 1,
    CONSTRAINT reconciliation_month_unique UNIQUE (month),
    CONSTRAINT reconciliation_days CHECK (closed_since < as_of AND answer_by > as_of),
    CONSTRAINT reconciliation_closed CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);

-- An agency that is asked; `digest` stands for its list as a whole.

CREATE TABLE reconciliation_agency (
    reconciliation_id bigint NOT NULL
        CONSTRAINT reconciliation_agency_reconciliation_fk REFERENCES reconciliation (id),
    agency_id bigint NOT NULL CONSTRAINT reconciliation_agency_agency_fk REFERENCES agency (id),
    items integer NOT NULL CONSTRAINT reconciliation_agency_items CHECK (items > 0),
    digest text NOT NULL,
    answered_by bigint CONSTRAINT reconciliation_agency_official_fk REFERENCES official (id),
    answered_by_name text NOT NULL DEFAULT '',
    answered_at timestamptz,
    row_version integer NOT NULL DEFAULT 1,
    CONSTRAINT reconciliation_agency_pk PRIMARY KEY (reconciliation_id, agency_id)
);
CREATE INDEX reconciliation_agency_of ON reconciliation_agency (agency_id, reconciliation_id);  -- an agency's rounds

-- What was listed: copies, never changed.

CREATE TABLE reconciliation_item (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliation_item_pk PRIMARY KEY,
    reconciliation_id bigint NOT NULL,
    agency_id bigint NOT NULL,
    assignment_id bigint NOT NULL CONSTRAINT reconciliation_item_assignment_fk REFERENCES assignment (id),
    position integer NOT NULL,
    content text NOT NULL,
    digest text NOT NULL,
    CONSTRAINT reconciliation_item_list_fk FOREIGN KEY (reconciliation_id, agency_id)
        REFERENCES reconciliation_agency (reconciliation_id, agency_id),
    CONSTRAINT reconciliation_item_position_unique UNIQUE (reconciliation_id, agency_id, position),
    CONSTRAINT reconciliation_item_once UNIQUE (reconciliation_id, assignment_id)
);
CREATE INDEX reconciliation_item_assignment ON reconciliation_item (assignment_id);  -- rounds of an assignment
CREATE TRIGGER reconciliation_item_frozen BEFORE UPDATE OR DELETE ON reconciliation_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_frozen();

-- What an agency has typed and not sent, as typed: its own business until it is sent.

CREATE TABLE reconciliation_draft (
    item_id bigint NOT NULL CONSTRAINT reconciliation_draft_item_fk REFERENCES reconciliation_item (id)
        CONSTRAINT reconciliation_draft_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT reconciliation_draft_assignment_fk REFERENCES assignment (id),
    typed jsonb NOT NULL,
    saved_by bigint CONSTRAINT reconciliation_draft_official_fk REFERENCES official (id),
    saved_at timestamptz NOT NULL
);
CREATE INDEX reconciliation_draft_assignment ON reconciliation_draft (assignment_id);  -- the policy below

-- What was sent: a correction is a further row. `day` is that of the report, or the deadline that is claimed.

CREATE TABLE reconciliation_answer (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliation_answer_pk PRIMARY KEY,
    item_id bigint NOT NULL CONSTRAINT reconciliation_answer_item_fk REFERENCES reconciliation_item (id),
    assignment_id bigint NOT NULL CONSTRAINT reconciliation_answer_assignment_fk REFERENCES assignment (id),
    sequence integer NOT NULL,
    answer text NOT NULL CONSTRAINT reconciliation_answer_kind
        CHECK (answer IN ('agrees', 'done', 'other_deadline', 'not_ours', 'other')),
    number text NOT NULL DEFAULT '',
    day date,
    word text NOT NULL DEFAULT '',
    answered_by bigint CONSTRAINT reconciliation_answer_official_fk REFERENCES official (id),
    answered_by_name text NOT NULL,
    answered_at timestamptz NOT NULL,
    settled text CONSTRAINT reconciliation_answer_settled CHECK (settled IN ('accepted', 'kept')),
    settled_word text NOT NULL DEFAULT '',
    settled_by bigint CONSTRAINT reconciliation_answer_settler_fk REFERENCES official (id),
    settled_by_name text NOT NULL DEFAULT '',
    settled_at timestamptz,
    CONSTRAINT reconciliation_answer_sequence UNIQUE (item_id, sequence),
    CONSTRAINT reconciliation_answer_day CHECK ((answer IN ('done', 'other_deadline')) = (day IS NOT NULL)),
    CONSTRAINT reconciliation_answer_settling
        CHECK ((settled IS NULL) = (settled_at IS NULL) AND (settled IS NULL OR answer <> 'agrees'))
);
CREATE INDEX reconciliation_answer_assignment ON reconciliation_answer (assignment_id);  -- the policy below
CREATE INDEX reconciliation_answer_difference ON reconciliation_answer (item_id)
    WHERE answer <> 'agrees';  -- what differs, among many answers that agree

-- The letters of a round: each step of each agency is told once, whoever looks first.

CREATE TABLE reconciliation_letter (
    reconciliation_id bigint NOT NULL,
    agency_id bigint NOT NULL,
    step text NOT NULL CONSTRAINT reconciliation_letter_step
        CHECK (step IN ('cover', 'reminder_1', 'reminder_2', 'reminder_3')),
    verdict text NOT NULL CONSTRAINT reconciliation_letter_verdict
        CHECK (verdict IN ('sent', 'superseded', 'nobody')),
    letters integer NOT NULL,
    told_at timestamptz NOT NULL,
    CONSTRAINT reconciliation_letter_pk PRIMARY KEY (reconciliation_id, agency_id, step),
    CONSTRAINT reconciliation_letter_list_fk FOREIGN KEY (reconciliation_id, agency_id)
        REFERENCES reconciliation_agency (reconciliation_id, agency_id)
);

-- Who sees what ------------------------------------------------------------------------------------------------

ALTER TABLE reconciliation_agency ENABLE ROW LEVEL SECURITY;
CREATE POLICY reconciliation_agency_desk ON reconciliation_agency TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY reconciliation_agency_agency ON reconciliation_agency FOR SELECT TO tracker_agency
    USING (agency_id = ANY (string_to_array(current_setting('tracker.visible_agencies', true), ',')::bigint[]));
CREATE POLICY reconciliation_agency_change ON reconciliation_agency FOR UPDATE TO tracker_agency
    USING (agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[]))
    WITH CHECK (agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[]));

ALTER TABLE reconciliation_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY reconciliation_item_desk ON reconciliation_item TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY reconciliation_item_agency ON reconciliation_item FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = reconciliation_item.assignment_id));

ALTER TABLE reconciliation_draft ENABLE ROW LEVEL SECURITY;
CREATE POLICY reconciliation_draft_service ON reconciliation_draft TO tracker_desk
    USING (current_setting('tracker.is_service', true) = 'yes')
    WITH CHECK (current_setting('tracker.is_service', true) = 'yes');
CREATE POLICY reconciliation_draft_agency ON reconciliation_draft TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = reconciliation_draft.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = reconciliation_draft.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

ALTER TABLE reconciliation_answer ENABLE ROW LEVEL SECURITY;
CREATE POLICY reconciliation_answer_desk ON reconciliation_answer TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY reconciliation_answer_agency ON reconciliation_answer FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = reconciliation_answer.assignment_id));
CREATE POLICY reconciliation_answer_add ON reconciliation_answer FOR INSERT TO tracker_agency
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = reconciliation_answer.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

-- Rounds open by themselves from the first month that begins after this version was installed: nobody is
-- written to in the middle of the month in which the system is set up.

INSERT INTO setting (key, value, changed_at)
VALUES ('reconciliation_from',
        to_jsonb(to_char((now() AT TIME ZONE 'Asia/Ho_Chi_Minh') + interval '1 month', 'YYYY-MM')), now())
ON CONFLICT (key) DO NOTHING;
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
