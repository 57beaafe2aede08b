"""What happens told to other systems: webhooks, events that wait to be told, deliveries."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000007"
VERSION = "1.38.0"
DESCRIPTION = (
    "Webhooks: where events are sent, which wait, what became of each delivery; uses of old operations."
)

SQL = """
SET LOCAL lock_timeout = '3s';

-- An address that wants to hear of events; it hears only what its owner may see.
CREATE TABLE webhook (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_pk PRIMARY KEY,
    owner_id bigint NOT NULL CONSTRAINT webhook_owner_fk REFERENCES official (id),
    url text NOT NULL CONSTRAINT webhook_url_length CHECK (char_length(url) BETWEEN 1 AND 2000),
    description text NOT NULL DEFAULT '',
    kinds text[] NOT NULL CONSTRAINT webhook_kinds CHECK (cardinality(kinds) > 0),
    signing text NOT NULL DEFAULT 'v1' CONSTRAINT webhook_signing CHECK (signing IN ('v1', 'v1a')),
    public_key text NOT NULL DEFAULT '',
    secret bytea NOT NULL,
    former_secret bytea,
    former_until timestamptz,
    state text NOT NULL DEFAULT 'active' CONSTRAINT webhook_state CHECK (state IN ('active', 'disabled')),
    reason text NOT NULL DEFAULT '',
    disabled_at timestamptz,
    row_version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT webhook_disabled CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)),
    CONSTRAINT webhook_former CHECK ((former_secret IS NULL) = (former_until IS NULL)),
    CONSTRAINT webhook_key CHECK ((signing = 'v1a') = (public_key <> ''))
);
CREATE INDEX webhook_owner ON webhook (owner_id, id);  -- a person's webhooks
CREATE INDEX webhook_active ON webhook (id) WHERE state = 'active';  -- whether anybody listens

-- What has happened and is not yet shared out; written by the triggers below, in the transaction of the change.
-- No foreign keys: a row lives for seconds, and the history is never deleted.
CREATE TABLE webhook_event (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_event_pk PRIMARY KEY,
    history_id bigint,
    reminder_id bigint,
    CONSTRAINT webhook_event_source CHECK ((history_id IS NULL) <> (reminder_id IS NULL))
);

-- One event on its way to one webhook.
CREATE TABLE webhook_delivery (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_delivery_pk PRIMARY KEY,
    webhook_id bigint NOT NULL CONSTRAINT webhook_delivery_webhook_fk REFERENCES webhook (id) ON DELETE CASCADE,
    message_id text NOT NULL CONSTRAINT webhook_delivery_message_unique UNIQUE,
    kind text NOT NULL,
    event text NOT NULL,
    assignment_id bigint CONSTRAINT webhook_delivery_assignment_fk REFERENCES assignment (id),
    directive_id bigint CONSTRAINT webhook_delivery_directive_fk REFERENCES directive (id),
    payload text NOT NULL CONSTRAINT webhook_delivery_payload_size CHECK (octet_length(payload) < 20000),
    state text NOT NULL DEFAULT 'pending' CONSTRAINT webhook_delivery_state CHECK (state IN
        ('pending', 'sending', 'sent', 'failed', 'superseded')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease_token uuid,
    lease_until timestamptz,
    status integer,
    answer text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    row_version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    attempted_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT webhook_delivery_once UNIQUE (webhook_id, event),
    CONSTRAINT webhook_delivery_lease CHECK
        ((state = 'sending') = (lease_token IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT webhook_delivery_finished CHECK ((state IN ('pending', 'sending')) = (finished_at IS NULL))
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_attempt_at, id)
    WHERE state = 'pending';  -- claim, webhook by webhook
CREATE INDEX webhook_delivery_leased ON webhook_delivery (lease_until) WHERE state = 'sending';  -- reclaim
CREATE INDEX webhook_delivery_list ON webhook_delivery (webhook_id, id);  -- what became of a webhook's events
CREATE INDEX webhook_delivery_age ON webhook_delivery (finished_at) WHERE finished_at IS NOT NULL;  -- pruning

-- Who still uses an operation that is to end: one row for each token and day.
CREATE TABLE deprecated_use (
    operation text NOT NULL,
    token_id bigint NOT NULL CONSTRAINT deprecated_use_token_fk REFERENCES api_token (id) ON DELETE CASCADE,
    day date NOT NULL,
    uses bigint NOT NULL DEFAULT 1,
    CONSTRAINT deprecated_use_pk PRIMARY KEY (operation, token_id, day)
);

-- Whoever changes something writes history; so no path of the program can forget to tell.
CREATE FUNCTION webhook_note_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM webhook WHERE state = 'active') THEN
        INSERT INTO webhook_event (history_id) SELECT id FROM added WHERE directive_id IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_history AFTER INSERT ON history
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION webhook_note_history();

CREATE FUNCTION webhook_note_reminder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM webhook WHERE state = 'active') THEN
        INSERT INTO webhook_event (reminder_id) SELECT id FROM added WHERE verdict = 'sent' AND NOT is_copy;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_reminder AFTER INSERT ON reminder
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION webhook_note_reminder();
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
