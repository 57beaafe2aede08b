"""Who somebody is: accounts, one-time links, recovery codes, sessions."""

from __future__ import annotations

from piccolo.columns import BigInt, BigSerial, Bytea, ForeignKey, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule, in_database
from tracker.db.tables.foundation import Official


class Account(Table, db=DB):
    """How a person proves who they are; without a row nobody can sign in as them."""

    official_id = ForeignKey(Official, default=None, null=False, primary_key=True)
    password_hash = Text(default=None, null=True)
    password_changed_at = Timestamptz(default=None, null=True)
    totp_secret = Bytea(default=None, null=True)
    totp_pending = Bytea(default=None, null=True)
    totp_confirmed_at = Timestamptz(default=None, null=True)
    totp_last_step = BigInt(default=0)
    created_at = Timestamptz(default=None)
    last_signed_in_at = Timestamptz(default=None, null=True)
    totp_pending_at = Timestamptz(default=None, null=True)

    account_pk = Rule("PRIMARY KEY (official_id)")
    account_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    account_password_dated = Check("(password_hash IS NULL) = (password_changed_at IS NULL)")
    account_totp_whole = Check("(totp_secret IS NULL) = (totp_confirmed_at IS NULL)")


class AccountLink(Table, db=DB):
    """A link that sets a password, once: of an invitation, of a reset, of the first administrator."""

    id = BigSerial(primary_key=True)
    official_id = ForeignKey(Official, default=None, null=False)
    purpose = Text(default=None)
    token_hash = Bytea(default=None)
    created_by = ForeignKey(Official, default=None, null=True)
    created_at = in_database(Timestamptz(default=None), "now()")
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)

    account_link_pk = Rule("PRIMARY KEY (id)")
    account_link_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    account_link_purpose = Check("purpose IN ('invitation', 'reset', 'first_admin')")
    account_link_token_unique = Unique(["token_hash"])
    account_link_creator_fk = Rule("FOREIGN KEY (created_by) REFERENCES official (id)")
    account_link_one_end = Check("used_at IS NULL OR ended_at IS NULL")

    account_link_official = Index("(official_id, purpose)", serves="ending a person's links")
    account_link_age = Index("(expires_at)", serves="pruning")


class RecoveryCode(Table, db=DB):
    """A code that stands in once for the second factor; only its hash is kept."""

    id = BigSerial(primary_key=True)
    official_id = ForeignKey(Official, default=None, null=False)
    code_hash = Bytea(default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)

    recovery_code_pk = Rule("PRIMARY KEY (id)")
    recovery_code_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    recovery_code_hash_unique = Unique(["code_hash"])

    recovery_code_official = Index("(official_id)", serves="a person's codes")


class WebSession(Table, db=DB):
    """A person signed in with a browser; only the hash of the token is kept."""

    id = BigSerial(primary_key=True)
    token_hash = Bytea(default=None)
    official_id = ForeignKey(Official, default=None, null=False)
    method = Text(default=None)
    started_at = in_database(Timestamptz(default=None), "now()")
    last_seen_at = in_database(Timestamptz(default=None), "now()")
    expires_at = Timestamptz(default=None)
    authenticated_at = in_database(Timestamptz(default=None), "now()")
    second_factor_at = Timestamptz(default=None, null=True)
    ip = Text(default="")
    user_agent = Text(default="")
    ended_at = Timestamptz(default=None, null=True)
    ended_because = Text(default=None, null=True)

    web_session_pk = Rule("PRIMARY KEY (id)")
    web_session_token_unique = Unique(["token_hash"])
    web_session_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    web_session_method = Check("method IN ('password', 'oidc', 'demonstration')")
    web_session_ended_because = Check(
        "ended_because IN ('signed_out', 'signed_in_again', 'revoked', 'password_changed', 'password_reset',"
        " 'second_factor', 'disabled', 'role_changed', 'clock')"
    )
    web_session_ended_whole = Check("(ended_at IS NULL) = (ended_because IS NULL)")

    web_session_official = Index("(official_id, id) WHERE ended_at IS NULL", serves="list and end all")
    web_session_age = Index("(expires_at)", serves="pruning")


TABLES = (Account, AccountLink, RecoveryCode, WebSession)
