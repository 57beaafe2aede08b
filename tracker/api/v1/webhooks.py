"""Webhooks: addresses of other systems that are told of events, by Standard Webhooks; what became of each delivery."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import webhooks as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, changes_of
from tracker.api.v1.shapes import PageQuery, check_version
from tracker.db.webhooks import Delivery as DeliveryValue
from tracker.db.webhooks import Webhook as WebhookValue
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.net import LONGEST_URL

KindName = Literal[
    "directive.recorded",
    "assignment.assigned",
    "assignment.acknowledged",
    "assignment.reported",
    "assignment.confirmed",
    "assignment.returned",
    "assignment.committed",
    "assignment.withdrawn",
    "assignment.transferred",
    "assignment.superseded",
    "deadline.changed",
    "extension.requested",
    "extension.decided",
    "reminder.sent",
]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_URL,
        description="https://, a host that the operator allows, port 443 or 8443.",
        examples=["https://tich-hop.bo.example.vn/don-doc"],
    ),
]
Description = Annotated[str, Meta(max_length=lengths.NOTE)]
Kinds = Annotated[list[KindName], Meta(min_length=1, max_length=50)]
WebhookState = Literal["active", "disabled"]
DeliveryState = Literal["pending", "sending", "sent", "failed", "superseded"]


class WebhookIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A webhook that is asked for.

    `v1` signs with a secret we share with you, `v1a` with a key of which you get the public half.
    """

    url: Url
    kinds: Kinds
    description: Description = ""
    signing: Literal["v1", "v1a"] = "v1"


class WebhookPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed of a webhook; `state` switches it off, or on again."""

    url: Url | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    state: WebhookState | UnsetType = UNSET


class Webhook(Struct):
    """A webhook; `reason` says why it is off: owner, failing, gone or owner_inactive."""

    id: Id
    url: str
    description: str
    kinds: list[KindName]
    signing: Literal["v1", "v1a"]
    public_key: str | None
    two_secrets_until: datetime | None
    state: WebhookState
    reason: str
    disabled_at: datetime | None
    created_at: datetime
    changed_at: datetime


class NewWebhook(Struct):
    """A webhook with a fresh secret, `whsec_…`: shown now and never again.

    It is null with `v1a`, and where a request is repeated.
    """

    webhook: Webhook
    secret: str | None


class WebhookList(Struct):
    """Your webhooks, newest first."""

    items: list[Webhook]


class Delivery(Struct):
    """One event on its way; `id` is for this API, `message_id` is the receiver's `webhook-id`.

    `payload` is null where you may no longer see what it tells of; such a message is not sent either.
    """

    id: Id
    webhook_id: Id
    message_id: str
    kind: str
    payload: dict[str, Any] | None
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    status: int | None
    answer: str
    reason: str
    created_at: datetime
    attempted_at: datetime | None
    finished_at: datetime | None


class DeliveryPage(Struct):
    """Some deliveries, newest first."""

    items: list[Delivery]
    next: str | None


class DeliveryQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which deliveries."""

    state: DeliveryState | None = None


def shown(webhook: WebhookValue) -> Webhook:
    """A webhook as the API gives it."""
    return Webhook(
        id=str(webhook.id),
        url=webhook.url,
        description=webhook.description,
        kinds=list(webhook.kinds),  # type: ignore[arg-type]  # only such kinds are stored
        signing=webhook.signing,
        public_key=webhook.public_key or None,
        two_secrets_until=webhook.former_until,
        state="active" if webhook.state == "active" else "disabled",
        reason=webhook.reason,
        disabled_at=webhook.disabled_at,
        created_at=webhook.created_at,
        changed_at=webhook.changed_at,
    )


def shown_delivery(delivery: DeliveryValue) -> Delivery:
    """A delivery as the API gives it."""
    return Delivery(
        id=str(delivery.id),
        webhook_id=str(delivery.webhook_id),
        message_id=delivery.message_id,
        kind=delivery.kind,
        payload=None if delivery.payload is None else json.loads(delivery.payload),
        state=delivery.state,  # type: ignore[arg-type]  # a CHECK holds the states
        attempts=delivery.attempts,
        next_attempt_at=delivery.next_attempt_at if delivery.state == "pending" else None,
        status=delivery.status,
        answer=delivery.answer,
        reason=delivery.reason,
        created_at=delivery.created_at,
        attempted_at=delivery.attempted_at,
        finished_at=delivery.finished_at,
    )


def _links(*operations: tuple[str, str]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "operationId": operation,
            "parameters": {"webhook_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
        for name, operation in operations
    }


@endpoint(
    "GET",
    "/webhooks",
    id="listWebhooks",
    summary="List your webhooks",
    tag="Webhooks",
    verb=Verb.READ,
    answer=WebhookList,
)
async def list_webhooks(call: Call[NoQuery, NoBody]) -> Reply:
    """Every webhook of yours, also those that are switched off."""
    return Reply(WebhookList([shown(webhook) for webhook in await actions.list_own(call.actor)]))


@endpoint(
    "POST",
    "/webhooks",
    id="createWebhook",
    summary="Make a webhook",
    tag="Webhooks",
    verb=Verb.MANAGE_WEBHOOKS,
    body=WebhookIn,
    answer=NewWebhook,
    status=201,
    has_tag=False,
    refusals=("invalid", "too_many_webhooks"),
    example={
        "url": "https://tich-hop.bo.example.vn/don-doc",
        "kinds": ["assignment.assigned", "deadline.changed"],
        "description": "Hệ thống quản lý văn bản",
    },
    links={"read": {"operationId": "getWebhook", "parameters": {"webhook_id": "$response.body#/webhook/id"}}},
)
async def create_webhook(call: Call[NoQuery, WebhookIn]) -> Reply:
    """An address that is told what happens to whatever you may see at that moment."""
    body = call.body
    choices = actions.WebhookChoices(body.url, body.kinds, body.description)
    made = await actions.create(call.actor, choices, body.signing, call.now)
    webhook = shown(made.webhook)
    return Reply(
        NewWebhook(webhook, made.secret),
        location=f"/api/v1/webhooks/{webhook.id}",
        kept=NewWebhook(webhook, None),
    )


@endpoint(
    "GET",
    "/webhooks/{webhook_id}",
    id="getWebhook",
    summary="Read a webhook",
    tag="Webhooks",
    verb=Verb.READ,
    answer=Webhook,
    refusals=("not_found",),
    links=_links(
        ("change", "changeWebhook"),
        ("delete", "deleteWebhook"),
        ("rotate", "rotateWebhookSecret"),
        ("ping", "pingWebhook"),
    ),
)
async def get_webhook(call: Call[NoQuery, NoBody]) -> Reply:
    """One webhook of yours; its secret is never shown again."""
    webhook = await actions.get(call.actor, call.ids["webhook_id"])
    return Reply(shown(webhook), row_version=webhook.row_version)


@endpoint(
    "PATCH",
    "/webhooks/{webhook_id}",
    id="changeWebhook",
    summary="Change a webhook",
    tag="Webhooks",
    verb=Verb.MANAGE_WEBHOOKS,
    body=WebhookPatch,
    answer=Webhook,
    is_change=True,
    refusals=("not_found", "invalid"),
    example={"state": "disabled"},
)
async def change_webhook(call: Call[NoQuery, WebhookPatch]) -> Reply:
    """Set address, kinds and description; switch it off, or on again after it was switched off."""
    webhook = await actions.get(call.actor, call.ids["webhook_id"])
    stands = actions.WebhookChoices(
        webhook.url, webhook.kinds, webhook.description, webhook.state == "active"
    )
    changes = changes_of(call.body)
    if "state" in changes:
        changes["is_active"] = changes.pop("state") == "active"
    choices = replace(stands, **changes)
    check_version(webhook.row_version, call.version)
    if choices != stands:
        webhook = await actions.change(call.actor, webhook.id, call.version, choices, call.now)
    return Reply(shown(webhook), row_version=webhook.row_version)


@endpoint(
    "DELETE",
    "/webhooks/{webhook_id}",
    id="deleteWebhook",
    summary="Delete a webhook",
    tag="Webhooks",
    verb=Verb.MANAGE_WEBHOOKS,
    status=204,
    is_change=True,
    refusals=("not_found",),
)
async def delete_webhook(call: Call[NoQuery, NoBody]) -> Reply:
    """Remove a webhook with everything kept of its deliveries."""
    await actions.delete(call.actor, call.ids["webhook_id"], call.version, call.now)
    return Reply(None)


@endpoint(
    "POST",
    "/webhooks/{webhook_id}/secret",
    id="rotateWebhookSecret",
    summary="Change the secret",
    tag="Webhooks",
    verb=Verb.MANAGE_WEBHOOKS,
    answer=NewWebhook,
    is_change=True,
    has_tag=False,
    refusals=("not_found",),
    description="For 24 hours every message carries two signatures, so that nothing is lost while you change over.",
)
async def rotate_webhook_secret(call: Call[NoQuery, NoBody]) -> Reply:
    """A new secret; the former one signs beside it for a day."""
    made = await actions.rotate_secret(call.actor, call.ids["webhook_id"], call.version, call.now)
    webhook = shown(made.webhook)
    return Reply(NewWebhook(webhook, made.secret), kept=NewWebhook(webhook, None))


@endpoint(
    "POST",
    "/webhooks/{webhook_id}/ping",
    id="pingWebhook",
    summary="Try a webhook out",
    tag="Webhooks",
    verb=Verb.MANAGE_WEBHOOKS,
    answer=Delivery,
    status=202,
    is_change=True,
    has_tag=False,
    refusals=("not_found", "webhook_disabled"),
)
async def ping_webhook(call: Call[NoQuery, NoBody]) -> Reply:
    """Queue a message of type `ping`; read its delivery to see what came back."""
    delivery = await actions.ping(call.actor, call.ids["webhook_id"], call.version, call.now)
    return Reply(shown_delivery(delivery), location=f"/api/v1/deliveries/{delivery.id}")


@endpoint(
    "GET",
    "/webhooks/{webhook_id}/deliveries",
    id="listDeliveries",
    summary="List deliveries",
    tag="Webhooks",
    verb=Verb.READ,
    query=DeliveryQuery,
    answer=DeliveryPage,
    is_paged=True,
    refusals=("not_found", "bad_cursor"),
)
async def list_deliveries(call: Call[DeliveryQuery, NoBody]) -> Reply:
    """What became of the events of one webhook in the last thirty days, newest first."""
    position = call.position()
    before_id = None if position is None else int(position[0])
    rows = await actions.list_deliveries(
        call.actor, call.ids["webhook_id"], call.query.state, before_id, call.limit + 1
    )
    page = rows[: call.limit]
    following = (str(page[-1].id),) if len(rows) > call.limit else None
    return Reply(
        DeliveryPage([shown_delivery(row) for row in page], call.next_cursor(following)),
        next_position=following,
    )


@endpoint(
    "GET",
    "/deliveries/{delivery_id}",
    id="getDelivery",
    summary="Read a delivery",
    tag="Webhooks",
    verb=Verb.READ,
    answer=Delivery,
    refusals=("not_found",),
    links={
        "replay": {
            "operationId": "replayDelivery",
            "parameters": {"delivery_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
    },
)
async def get_delivery(call: Call[NoQuery, NoBody]) -> Reply:
    """One delivery: the message as it is sent, and the beginning of what the receiver answered last."""
    delivery = await actions.get_delivery(call.actor, call.ids["delivery_id"])
    return Reply(shown_delivery(delivery), row_version=delivery.row_version)


@endpoint(
    "POST",
    "/deliveries/{delivery_id}/replay",
    id="replayDelivery",
    summary="Send a message again",
    tag="Webhooks",
    verb=Verb.MANAGE_WEBHOOKS,
    answer=Delivery,
    status=202,
    is_change=True,
    has_tag=False,
    refusals=("not_found", "webhook_disabled", "delivery_under_way"),
)
async def replay_delivery(call: Call[NoQuery, NoBody]) -> Reply:
    """Send a message that arrived, failed or was superseded once more, with the same `webhook-id`."""
    delivery = await actions.replay(call.actor, call.ids["delivery_id"], call.version)
    return Reply(shown_delivery(delivery), location=f"/api/v1/deliveries/{delivery.id}")


handlers = [
    list_webhooks,
    create_webhook,
    get_webhook,
    change_webhook,
    delete_webhook,
    rotate_webhook_secret,
    ping_webhook,
    list_deliveries,
    get_delivery,
    replay_delivery,
]
