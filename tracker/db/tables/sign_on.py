"""Single sign-on: whom an identity provider's people are here, and the sign-ons under way."""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigSerial, Bytea, ForeignKey, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Official


class ExternalIdentity(Table, db=DB):
    """Somebody's identity at a provider: issuer and subject are the key, never an address."""

    id = BigSerial(primary_key=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    issuer = Text(default=None)
    subject = Text(default=None)
    label = Text(default="")
    linked_by = Text(default=None)
    linked_at = Timestamptz(default=None)
    last_used_at = Timestamptz(default=None, null=True)

    external_identity_pk = Rule("PRIMARY KEY (id)")
    external_identity_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    external_identity_subject = Check("char_length(subject) BETWEEN 1 AND 255")
    external_identity_linked_by = Check("linked_by IN ('invitation', 'person', 'claims')")
    external_identity_key_unique = Unique(["issuer", "subject"])
    external_identity_one_each = Unique(["official_id", "issuer"])


class SignOnFlow(Table, db=DB):
    """The way to the provider and back: used once, by the browser that began it, within minutes."""

    state_hash = Bytea(default=None, primary_key=True)
    browser_hash = Bytea(default=None)
    purpose = Text(default=None)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    invitation_hash = Bytea(default=None, null=True)
    nonce = Text(default=None)
    verifier = Text(default=None)
    next_path = Text(default="")
    started_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)

    sign_on_flow_pk = Rule("PRIMARY KEY (state_hash)")
    sign_on_flow_purpose = Check("purpose IN ('sign_in', 'link', 'invitation')")
    sign_on_flow_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    sign_on_flow_whose = Check("(purpose = 'link') = (official_id IS NOT NULL)")
    sign_on_flow_invited = Check("(purpose = 'invitation') = (invitation_hash IS NOT NULL)")

    sign_on_flow_age = Index("(expires_at)", serves="pruning")


TABLES = (ExternalIdentity, SignOnFlow)
