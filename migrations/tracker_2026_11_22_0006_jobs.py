"""Long work that a person asks for, and the files that come with reports."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000006"
VERSION = "1.38.0"
DESCRIPTION = "Jobs: long work with its progress and result; evidence files of reports."

SQL = """
SET LOCAL lock_timeout = '3s';

-- Long work: who asked for it, how far it is, what came of it ------------------------------------------------
-- `reach` is what the owner could see when asking: a result is not handed to somebody who has moved on since.

CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT job_pk PRIMARY KEY,
    kind text NOT NULL CONSTRAINT job_kind CHECK (kind IN ('import', 'import_confirmation', 'export')),
    owner_id bigint NOT NULL CONSTRAINT job_owner_fk REFERENCES official (id),
    reach text NOT NULL,
    scopes text[],
    language text NOT NULL CONSTRAINT job_language CHECK (language IN ('vi', 'en')),
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT job_state CHECK (state IN
        ('waiting', 'running', 'done', 'failed', 'cancelled')),
    cancel_wanted boolean NOT NULL DEFAULT false,
    parameters jsonb NOT NULL DEFAULT '{}',
    import_id bigint CONSTRAINT job_import_fk REFERENCES job (id),
    input bytea,
    input_name text NOT NULL DEFAULT '',
    progress integer NOT NULL DEFAULT 0 CONSTRAINT job_progress CHECK (progress BETWEEN 0 AND 100),
    stage text NOT NULL DEFAULT '',
    steps_done bigint NOT NULL DEFAULT 0,
    steps_total bigint NOT NULL DEFAULT 0,
    summary jsonb NOT NULL DEFAULT '{}',
    problem jsonb,
    result bytea,
    result_size bigint,
    result_type text NOT NULL DEFAULT '',
    result_name text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_until timestamptz,
    row_version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    expires_at timestamptz,
    CONSTRAINT job_lease CHECK ((state = 'running') = (lease_token IS NOT NULL)),
    CONSTRAINT job_end CHECK ((state IN ('done', 'failed', 'cancelled')) = (expires_at IS NOT NULL)),
    CONSTRAINT job_failure CHECK ((state = 'failed') = (problem IS NOT NULL)),
    CONSTRAINT job_confirmation CHECK ((kind = 'import_confirmation') = (import_id IS NOT NULL))
);
CREATE INDEX job_owner ON job (owner_id, id);  -- a person's jobs
CREATE INDEX job_live ON job (id) WHERE state IN ('waiting', 'running');  -- what the worker takes up
CREATE INDEX job_age ON job (expires_at) WHERE expires_at IS NOT NULL;  -- pruning
CREATE UNIQUE INDEX job_confirmed_once ON job (import_id)
    WHERE state IN ('waiting', 'running', 'done');  -- an import is written once; also the foreign key
ALTER TABLE job ALTER COLUMN result SET STORAGE EXTERNAL;

-- Evidence: the files of a report; loose until the report that names them is made ------------------------------

CREATE TABLE attachment (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT attachment_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT attachment_assignment_fk REFERENCES assignment (id),
    report_id bigint CONSTRAINT attachment_report_fk REFERENCES report (id),
    official_id bigint NOT NULL CONSTRAINT attachment_official_fk REFERENCES official (id),
    state text NOT NULL DEFAULT 'loose' CONSTRAINT attachment_state CHECK (state IN ('loose', 'attached')),
    name text NOT NULL CONSTRAINT attachment_name CHECK (char_length(name) BETWEEN 1 AND 150),
    media_type text NOT NULL,
    size integer NOT NULL CONSTRAINT attachment_size CHECK (size BETWEEN 1 AND 10000000),
    sha256 bytea NOT NULL,
    content bytea NOT NULL,
    was_scanned boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT attachment_of_report CHECK ((state = 'attached') = (report_id IS NOT NULL))
);
CREATE INDEX attachment_assignment ON attachment (assignment_id, id);  -- the files of an assignment
CREATE INDEX attachment_report ON attachment (report_id) WHERE report_id IS NOT NULL;  -- the files of a report
CREATE INDEX attachment_loose ON attachment (created_at) WHERE state = 'loose';  -- pruning
ALTER TABLE attachment ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE attachment ENABLE ROW LEVEL SECURITY;
CREATE POLICY attachment_desk ON attachment TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY attachment_agency ON attachment TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = attachment.assignment_id))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = attachment.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));
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
