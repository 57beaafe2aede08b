"""Who somebody is: accounts, one-time links, recovery codes, sessions."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Identity: accounts with password and second factor, one-time links, recovery codes, sessions."

SQL = """
SET LOCAL lock_timeout = '3s';

-- How a person proves who they are; without a row nobody can sign in as them.
CREATE TABLE account (
    official_id bigint CONSTRAINT account_pk PRIMARY KEY
        CONSTRAINT account_official_fk REFERENCES official (id),
    password_hash text,
    password_changed_at timestamptz,
    totp_secret bytea,  -- sealed with a key of the service
    totp_pending bytea,  -- shown, not confirmed yet; sealed too
    totp_confirmed_at timestamptz,
    totp_last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    last_signed_in_at timestamptz,
    CONSTRAINT account_password_dated CHECK ((password_hash IS NULL) = (password_changed_at IS NULL)),
    CONSTRAINT account_totp_whole CHECK ((totp_secret IS NULL) = (totp_confirmed_at IS NULL))
);

-- Links that set a password, once: of an invitation, of a reset, of the first administrator.
CREATE TABLE account_link (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT account_link_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT account_link_official_fk REFERENCES official (id),
    purpose text NOT NULL CONSTRAINT account_link_purpose CHECK
        (purpose IN ('invitation', 'reset', 'first_admin')),
    token_hash bytea NOT NULL CONSTRAINT account_link_token_unique UNIQUE,
    created_by bigint CONSTRAINT account_link_creator_fk REFERENCES official (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT account_link_one_end CHECK (used_at IS NULL OR ended_at IS NULL)
);
CREATE INDEX account_link_official ON account_link (official_id, purpose);  -- ending a person's links
CREATE INDEX account_link_age ON account_link (expires_at);  -- pruning

CREATE TABLE recovery_code (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT recovery_code_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT recovery_code_official_fk REFERENCES official (id),
    code_hash bytea NOT NULL CONSTRAINT recovery_code_hash_unique UNIQUE,
    created_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX recovery_code_official ON recovery_code (official_id);  -- a person's codes

CREATE TABLE web_session (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT web_session_pk PRIMARY KEY,
    token_hash bytea NOT NULL CONSTRAINT web_session_token_unique UNIQUE,
    official_id bigint NOT NULL CONSTRAINT web_session_official_fk REFERENCES official (id),
    method text NOT NULL CONSTRAINT web_session_method CHECK
        (method IN ('password', 'oidc', 'demonstration')),
    started_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    authenticated_at timestamptz NOT NULL DEFAULT now(),
    second_factor_at timestamptz,
    ip text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    ended_at timestamptz,
    ended_because text CONSTRAINT web_session_ended_because CHECK (ended_because IN
        ('signed_out', 'signed_in_again', 'revoked', 'password_changed', 'password_reset', 'second_factor', 'disabled',
         'role_changed', 'clock')),
    CONSTRAINT web_session_ended_whole CHECK ((ended_at IS NULL) = (ended_because IS NULL))
);
CREATE INDEX web_session_official ON web_session (official_id, id) WHERE ended_at IS NULL;  -- list and end all
CREATE INDEX web_session_age ON web_session (expires_at);  -- pruning
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
