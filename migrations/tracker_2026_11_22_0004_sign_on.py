"""Single sign-on: whom an identity provider's people are here, and the sign-ons under way."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "Single sign-on: identities of a provider linked to people, and sign-ons under way."

SQL = """
SET LOCAL lock_timeout = '3s';

-- Issuer and subject are the key, never an address; a person has one identity at a provider.
CREATE TABLE external_identity (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT external_identity_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT external_identity_official_fk REFERENCES official (id),
    issuer text NOT NULL,
    subject text NOT NULL CONSTRAINT external_identity_subject CHECK (char_length(subject) BETWEEN 1 AND 255),
    label text NOT NULL DEFAULT '',
    linked_by text NOT NULL CONSTRAINT external_identity_linked_by CHECK (linked_by IN
        ('invitation', 'person', 'claims')),
    linked_at timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT external_identity_key_unique UNIQUE (issuer, subject),
    CONSTRAINT external_identity_one_each UNIQUE (official_id, issuer)
);

-- The way to the provider and back: used once, by the browser that began it, within minutes.
CREATE TABLE sign_on_flow (
    state_hash bytea CONSTRAINT sign_on_flow_pk PRIMARY KEY,
    browser_hash bytea NOT NULL,
    purpose text NOT NULL CONSTRAINT sign_on_flow_purpose CHECK (purpose IN ('sign_in', 'link', 'invitation')),
    official_id bigint CONSTRAINT sign_on_flow_official_fk REFERENCES official (id),
    invitation_hash bytea,
    nonce text NOT NULL,
    verifier text NOT NULL,
    next_path text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sign_on_flow_whose CHECK ((purpose = 'link') = (official_id IS NOT NULL)),
    CONSTRAINT sign_on_flow_invited CHECK ((purpose = 'invitation') = (invitation_hash IS NOT NULL))
);
CREATE INDEX sign_on_flow_age ON sign_on_flow (expires_at);  -- pruning
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
