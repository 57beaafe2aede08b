"""The history becomes a chain that tells of every change made behind the program's back."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "Audit: the history is appended to, never changed, and chained in 64 lanes."

SQL = """
SET LOCAL lock_timeout = '3s';

-- The chain: each row carries the MAC of its own content and of the row before it in its lane. -----------------
-- Null in all four columns means: written before the chain began.
ALTER TABLE history ADD COLUMN lane integer;
ALTER TABLE history ADD COLUMN lane_seq bigint;
ALTER TABLE history ADD COLUMN key_id text;
ALTER TABLE history ADD COLUMN mac bytea;
ALTER TABLE history ADD CONSTRAINT history_lane_known CHECK (lane BETWEEN 0 AND 63);
ALTER TABLE history ADD CONSTRAINT history_chained CHECK
    ((lane IS NULL) = (lane_seq IS NULL) AND (lane IS NULL) = (key_id IS NULL) AND (lane IS NULL) = (mac IS NULL));
ALTER TABLE history ADD CONSTRAINT history_lane_unique UNIQUE (lane, lane_seq);
CREATE INDEX history_directive ON history (directive_id, id) WHERE directive_id IS NOT NULL;  -- a directive's story
CREATE INDEX history_actor ON history (actor_id, id) WHERE actor_id IS NOT NULL;  -- what a person did
CREATE INDEX history_at ON history USING brin (at);  -- what was done on a day

-- The heads: many lanes, so that two transactions hardly ever wait for one another. ----------------------------
-- Room on the pages: a head is rewritten with every change, in place.
CREATE TABLE audit_lane (
    lane integer CONSTRAINT audit_lane_pk PRIMARY KEY CONSTRAINT audit_lane_known CHECK (lane BETWEEN 0 AND 63),
    seq bigint NOT NULL CONSTRAINT audit_lane_seq CHECK (seq >= 0),
    mac bytea NOT NULL CONSTRAINT audit_lane_mac CHECK (octet_length(mac) = 32)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO audit_lane (lane, seq, mac)
SELECT n, 0, decode(repeat('00', 32), 'hex') FROM generate_series(0, 63) AS n;

-- Where the chain begins: how many rows were there before, and the last of them.
CREATE TABLE audit_start (
    id integer CONSTRAINT audit_start_pk PRIMARY KEY CONSTRAINT audit_start_single CHECK (id = 1),
    at timestamptz NOT NULL,
    unchained bigint NOT NULL,
    last_unchained_id bigint NOT NULL
);
INSERT INTO audit_start (id, at, unchained, last_unchained_id)
SELECT 1, now(), count(*), coalesce(max(id), 0) FROM history;

-- Nobody changes what was written: the accounts may not, and the table refuses its owner too. -------------------
REVOKE UPDATE, DELETE, TRUNCATE ON history FROM PUBLIC, tracker_app, tracker_desk, tracker_agency;
REVOKE INSERT, DELETE, TRUNCATE ON audit_lane FROM PUBLIC, tracker_app, tracker_desk, tracker_agency;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON audit_start FROM PUBLIC, tracker_app, tracker_desk, tracker_agency;

-- A superuser can switch this off (session_replication_role = replica); then the chain tells of it.
CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER audit_lane_kept BEFORE INSERT OR DELETE OR TRUNCATE ON audit_lane
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER audit_start_kept BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON audit_start
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
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
