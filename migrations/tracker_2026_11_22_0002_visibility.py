"""Who acts for whom, and a second net under what each may see."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Visibility: mandates, rate limits, the accounts of the application and row-level security."

SQL = """
SET LOCAL lock_timeout = '3s';

-- Mandates: further agencies a person acts for, in their own right or deputising for somebody ---------------

CREATE TABLE mandate (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT mandate_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT mandate_official_fk REFERENCES official (id),
    agency_id bigint NOT NULL CONSTRAINT mandate_agency_fk REFERENCES agency (id),
    on_behalf_of bigint CONSTRAINT mandate_principal_fk REFERENCES official (id),
    valid_from date NOT NULL,
    valid_to date,
    document text NOT NULL DEFAULT '',
    granted_by bigint CONSTRAINT mandate_granter_fk REFERENCES official (id),
    granted_at timestamptz NOT NULL,
    revoked_at timestamptz,
    row_version integer NOT NULL DEFAULT 1,
    CONSTRAINT mandate_valid_order CHECK (valid_to IS NULL OR valid_to >= valid_from),
    CONSTRAINT mandate_other CHECK (on_behalf_of <> official_id),
    -- Who deputises does so between two days.
    CONSTRAINT mandate_deputy_ends CHECK (on_behalf_of IS NULL OR valid_to IS NOT NULL)
);
CREATE INDEX mandate_official ON mandate (official_id) WHERE revoked_at IS NULL;  -- whom somebody acts for
CREATE INDEX mandate_agency ON mandate (agency_id, id);  -- who acts for an agency
CREATE INDEX agency_parent ON agency (parent_id) WHERE parent_id IS NOT NULL;  -- the agencies below one

-- Rate limits, shared by all processes: lost in a crash without harm, so never written to the log -----------

CREATE UNLOGGED TABLE rate_bucket (
    key text CONSTRAINT rate_bucket_pk PRIMARY KEY,
    used double precision NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX rate_bucket_age ON rate_bucket (at);  -- pruning

-- The accounts the application works as ---------------------------------------------------------------------
-- Roles belong to the whole server, so another database of it may have made them, or its administrator.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['tracker_app', 'tracker_desk', 'tracker_agency'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT %s',
                               wanted, CASE wanted WHEN 'tracker_app' THEN 'LOGIN' ELSE 'NOLOGIN' END);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server was quicker
            END;
        END IF;
    END LOOP;
    FOREACH wanted IN ARRAY ARRAY['tracker_desk', 'tracker_agency'] LOOP
        IF NOT pg_has_role('tracker_app', wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO tracker_app', wanted);
        END IF;
    END LOOP;
    -- An installation with one account only works as these roles too.
    BEGIN
        EXECUTE format('GRANT tracker_app TO %I', current_user);
    EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN
        NULL;  -- the roles are an administrator's, who also says who works as them
    END;
END $$;

GRANT USAGE ON SCHEMA public TO tracker_app, tracker_desk, tracker_agency;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tracker_app, tracker_desk, tracker_agency;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tracker_app, tracker_desk, tracker_agency;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tracker_app, tracker_desk, tracker_agency;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO tracker_app, tracker_desk, tracker_agency;
REVOKE INSERT, UPDATE, DELETE ON migration FROM tracker_app, tracker_desk, tracker_agency;

-- Which rows each of them sees: a second net under visible_to(), for a query that forgot it ------------------
-- tracker_app without a role sees nothing; tracker_desk is the assigning side, the inspector and the service
-- itself; tracker_agency sees the rows of tracker.visible_agencies and changes those of tracker.own_agencies.
-- Constant policies cost nothing: the planner drops them, and full-text indexes stay usable.

ALTER TABLE assignment ENABLE ROW LEVEL SECURITY;
CREATE POLICY assignment_desk ON assignment TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY assignment_agency_read ON assignment FOR SELECT TO tracker_agency
    USING (agency_id = ANY (string_to_array(current_setting('tracker.visible_agencies', true), ',')::bigint[]));
CREATE POLICY assignment_agency_change ON assignment FOR UPDATE TO tracker_agency
    USING (agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[]))
    WITH CHECK (agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[]));

ALTER TABLE directive ENABLE ROW LEVEL SECURITY;
CREATE POLICY directive_desk ON directive TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY directive_agency ON directive FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.directive_id = directive.id));

ALTER TABLE task ENABLE ROW LEVEL SECURITY;
CREATE POLICY task_desk ON task TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY task_agency ON task FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.task_id = task.id));

ALTER TABLE deadline_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY deadline_change_desk ON deadline_change TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY deadline_change_agency ON deadline_change FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = deadline_change.assignment_id));

ALTER TABLE report ENABLE ROW LEVEL SECURITY;
CREATE POLICY report_desk ON report TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY report_agency ON report TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = report.assignment_id))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = report.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

ALTER TABLE extension ENABLE ROW LEVEL SECURITY;
CREATE POLICY extension_desk ON extension TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY extension_agency ON extension TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = extension.assignment_id))
    WITH CHECK (EXISTS (SELECT 1 FROM assignment a WHERE a.id = extension.assignment_id
        AND a.agency_id = ANY (string_to_array(current_setting('tracker.own_agencies', true), ',')::bigint[])));

ALTER TABLE history ENABLE ROW LEVEL SECURITY;
CREATE POLICY history_desk ON history TO tracker_desk USING (true) WITH CHECK (true);
-- A change of one assignment is its agency's; one of a task or directive is everybody's who has a part in it.
CREATE POLICY history_agency_read ON history FOR SELECT TO tracker_agency USING (
    CASE WHEN assignment_id IS NOT NULL
             THEN EXISTS (SELECT 1 FROM assignment a WHERE a.id = history.assignment_id)
         WHEN task_id IS NOT NULL THEN EXISTS (SELECT 1 FROM assignment a WHERE a.task_id = history.task_id)
         WHEN directive_id IS NOT NULL
             THEN EXISTS (SELECT 1 FROM assignment a WHERE a.directive_id = history.directive_id)
         ELSE false END);
CREATE POLICY history_agency_write ON history FOR INSERT TO tracker_agency WITH CHECK (true);
-- Who signs in is not known before: what is noted then has no row of ours to belong to.
CREATE POLICY history_app_write ON history FOR INSERT TO tracker_app WITH CHECK (true);

ALTER TABLE reminder ENABLE ROW LEVEL SECURITY;
CREATE POLICY reminder_desk ON reminder TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY reminder_agency ON reminder FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = reminder.assignment_id));

ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY invitation_desk ON invitation TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY invitation_agency ON invitation FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = invitation.assignment_id));

ALTER TABLE outbox_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY outbox_entry_desk ON outbox_entry TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY outbox_entry_agency ON outbox_entry FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = outbox_entry.assignment_id));

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY outbox_desk ON outbox TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY outbox_agency ON outbox FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = outbox.id));
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
