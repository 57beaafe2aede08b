"""What the webhooks migration made: where events are sent, which wait, what became of each delivery."""

from __future__ import annotations

from typing import Any

from piccolo.columns import (
    UUID,
    Array,
    BigInt,
    BigSerial,
    Bytea,
    Date,
    ForeignKey,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule, in_database
from tracker.db.tables.foundation import ApiToken, Assignment, Directive, Official


class Webhook(Table, db=DB):
    """An address that wants to hear of events; it hears only what its owner may see."""

    id = BigSerial(primary_key=True)
    owner_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    url = Text(default=None)
    description = Text(default="")
    kinds = Array(Text(), default=None)
    signing = Text(default="v1")
    public_key = Text(default="")
    secret = Bytea(default=None)
    former_secret = Bytea(default=None, null=True)
    former_until = Timestamptz(default=None, null=True)
    state = Text(default="active")
    reason = Text(default="")
    disabled_at = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)
    created_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)

    webhook_pk = Rule("PRIMARY KEY (id)")
    webhook_owner_fk = Rule("FOREIGN KEY (owner_id) REFERENCES official (id)")
    webhook_url_length = Check("char_length(url) BETWEEN 1 AND 2000")
    webhook_kinds = Check("cardinality(kinds) > 0")
    webhook_signing = Check("signing IN ('v1', 'v1a')")
    webhook_state = Check("state IN ('active', 'disabled')")
    webhook_disabled = Check("(state = 'disabled') = (disabled_at IS NOT NULL)")
    webhook_former = Check("(former_secret IS NULL) = (former_until IS NULL)")
    webhook_key = Check("(signing = 'v1a') = (public_key <> '')")

    webhook_owner = Index("(owner_id, id)", serves="a person's webhooks")
    webhook_active = Index("(id) WHERE state = 'active'", serves="whether anybody listens")


class WebhookEvent(Table, db=DB):
    """What has happened and is not yet shared out among the webhooks."""

    id = BigSerial(primary_key=True)
    history_id = BigInt(default=None, null=True)
    reminder_id = BigInt(default=None, null=True)

    webhook_event_pk = Rule("PRIMARY KEY (id)")
    webhook_event_source = Check("(history_id IS NULL) <> (reminder_id IS NULL)")


class WebhookDelivery(Table, db=DB):
    """One event on its way to one webhook, and what became of it."""

    id = BigSerial(primary_key=True)
    webhook_id: ForeignKey[Any] = ForeignKey(Webhook, default=None, null=False)
    message_id = Text(default=None)
    kind = Text(default=None)
    event = Text(default=None)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=True)
    directive_id: ForeignKey[Any] = ForeignKey(Directive, default=None, null=True)
    payload = Text(default=None)
    state = Text(default="pending")
    attempts = Integer(default=0)
    next_attempt_at = in_database(Timestamptz(default=None), "now()")
    lease_token = UUID(default=None, null=True)
    lease_until = Timestamptz(default=None, null=True)
    status = Integer(default=None, null=True)
    answer = Text(default="")
    reason = Text(default="")
    row_version = Integer(default=1)
    created_at = Timestamptz(default=None)
    attempted_at = Timestamptz(default=None, null=True)
    finished_at = Timestamptz(default=None, null=True)

    webhook_delivery_pk = Rule("PRIMARY KEY (id)")
    webhook_delivery_webhook_fk = Rule("FOREIGN KEY (webhook_id) REFERENCES webhook (id) ON DELETE CASCADE")
    webhook_delivery_message_unique = Unique(["message_id"])
    webhook_delivery_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    webhook_delivery_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    webhook_delivery_payload_size = Check("octet_length(payload) < 20000")
    webhook_delivery_state = Check("state IN ('pending', 'sending', 'sent', 'failed', 'superseded')")
    webhook_delivery_once = Unique(["webhook_id", "event"])
    webhook_delivery_lease = Check(
        "(state = 'sending') = (lease_token IS NOT NULL AND lease_until IS NOT NULL)"
    )
    webhook_delivery_finished = Check("(state IN ('pending', 'sending')) = (finished_at IS NULL)")

    webhook_delivery_due = Index(
        "(webhook_id, next_attempt_at, id) WHERE state = 'pending'", serves="claim, webhook by webhook"
    )
    webhook_delivery_leased = Index("(lease_until) WHERE state = 'sending'", serves="reclaim")
    webhook_delivery_list = Index("(webhook_id, id)", serves="what became of a webhook's events")
    webhook_delivery_age = Index("(finished_at) WHERE finished_at IS NOT NULL", serves="pruning")


class DeprecatedUse(Table, db=DB):
    """Who still uses an operation that is to end: one row for each token and day."""

    operation = Text(default=None, primary_key=True)
    token_id: ForeignKey[Any] = ForeignKey(ApiToken, default=None, null=False)
    day = Date(default=None)
    uses = BigInt(default=1)

    deprecated_use_token_fk = Rule("FOREIGN KEY (token_id) REFERENCES api_token (id) ON DELETE CASCADE")
    deprecated_use_pk = Rule("PRIMARY KEY (operation, token_id, day)")


TABLES = (Webhook, WebhookEvent, WebhookDelivery, DeprecatedUse)
