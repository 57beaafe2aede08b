"""What was urged stays one matter: it can be taken back while it waits, and explanations are owed and given."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000012"
VERSION = "1.38.0"
DESCRIPTION = (
    "Urging: what can be taken back, what was explained, and every attempt at a message that failed."
)

SQL = """
SET LOCAL lock_timeout = '3s';

-- One urging: what somebody asked of several agencies at once --------------------------------------------------

CREATE TABLE urging (
    id uuid CONSTRAINT urging_pk PRIMARY KEY,
    kind text NOT NULL CONSTRAINT urging_kind CHECK (kind IN ('urge', 'explanation')),
    urged_by bigint CONSTRAINT urging_official_fk REFERENCES official (id),
    urged_by_name text NOT NULL,
    sentence text NOT NULL DEFAULT '',
    answer_by date,
    urged_at timestamptz NOT NULL,
    undone_at timestamptz,
    CONSTRAINT urging_answer CHECK ((kind = 'explanation') = (answer_by IS NOT NULL))
);

CREATE TABLE urged (
    urging_id uuid NOT NULL CONSTRAINT urged_urging_fk REFERENCES urging (id),
    assignment_id bigint NOT NULL CONSTRAINT urged_assignment_fk REFERENCES assignment (id),
    outbox_id bigint CONSTRAINT urged_outbox_fk REFERENCES outbox (id),
    is_owed boolean NOT NULL DEFAULT false,
    answer text NOT NULL DEFAULT '',
    answered_by bigint CONSTRAINT urged_official_fk REFERENCES official (id),
    answered_by_name text NOT NULL DEFAULT '',
    answered_at timestamptz,
    CONSTRAINT urged_pk PRIMARY KEY (urging_id, assignment_id),
    CONSTRAINT urged_answered CHECK ((answered_at IS NULL) = (answer = '')
        AND NOT (is_owed AND answered_at IS NOT NULL))
);
CREATE INDEX urged_assignment ON urged (assignment_id);  -- how an assignment was urged
CREATE INDEX urged_outbox ON urged (outbox_id);  -- from a message to what it urged for
CREATE INDEX urged_owed ON urged (assignment_id) WHERE is_owed;  -- explanations that are still owed

ALTER TABLE urged ENABLE ROW LEVEL SECURITY;
CREATE POLICY urged_desk ON urged TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY urged_agency ON urged FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = urged.assignment_id));
CREATE POLICY urged_agency_answer ON urged FOR UPDATE TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = urged.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = urged.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

ALTER TABLE urging ENABLE ROW LEVEL SECURITY;
CREATE POLICY urging_desk ON urging TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY urging_agency ON urging FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM urged u WHERE u.urging_id = urging.id));

-- Each attempt that did not succeed; the one that did stands with the message ---------------------------------

CREATE TABLE outbox_attempt (
    outbox_id bigint NOT NULL CONSTRAINT outbox_attempt_outbox_fk REFERENCES outbox (id),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    address text NOT NULL,
    outcome text NOT NULL CONSTRAINT outbox_attempt_outcome CHECK (outcome IN ('retry', 'failed')),
    reply_code integer,
    reply_text text NOT NULL DEFAULT '',
    CONSTRAINT outbox_attempt_pk PRIMARY KEY (outbox_id, at)
);
ALTER TABLE outbox_attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY outbox_attempt_desk ON outbox_attempt TO tracker_desk USING (true) WITH CHECK (true);

CREATE INDEX outbox_answered ON outbox (sent_at DESC) WHERE sent_at IS NOT NULL;  -- what the mail server last took
CREATE INDEX outbox_attempt_latest ON outbox_attempt (at DESC);  -- what the mail server last refused
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
