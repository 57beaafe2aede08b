"""Sending as a whole: whether mail goes out, what waits, the switch that stops it, and a test mail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from tracker.actions import outbox as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import NoBody, NoQuery
from tracker.api.v1.outbox import OutboxMessage, shown
from tracker.domain import lengths
from tracker.domain.access import Verb


class Waiting(Struct):
    """Messages that have not left, by state; `oldest_at` is since when the first of those that may go waits."""

    pending: int
    sending: int
    failed: int
    held: int
    oldest_at: datetime | None


class Sending(Struct):
    """How sending stands; `relay` is the mail server in use, empty where none is set."""

    paused: bool
    reason: str
    changed_at: datetime | None
    changed_by: str
    waiting: Waiting
    worker_at: datetime | None
    relay: str


class SendingIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Stop or go on, and why."""

    paused: bool
    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]


def _told(stands: actions.Sending) -> Reply:
    backlog = stands.backlog
    return Reply(
        Sending(
            paused=stands.is_paused,
            reason=stands.reason,
            changed_at=stands.changed_at,
            changed_by=stands.changed_by,
            waiting=Waiting(
                pending=backlog.pending,
                sending=backlog.sending,
                failed=backlog.failed,
                held=backlog.held,
                oldest_at=backlog.oldest_at,
            ),
            worker_at=stands.worker_at,
            relay=stands.relay,
        ),
        row_version=stands.version,
    )


@endpoint(
    "GET",
    "/sending",
    id="getSending",
    summary="Read how sending stands",
    tag="Outbox",
    verb=Verb.READ_OPERATIONS,
    answer=Sending,
    links={"switch": {"operationId": "switchSending", "parameters": {"If-Match": "$response.header.ETag"}}},
)
async def get_sending(call: Call[NoQuery, NoBody]) -> Reply:
    """Whether mail goes out, and what waits."""
    return _told(await actions.sending(call.actor))


@endpoint(
    "PUT",
    "/sending",
    id="switchSending",
    summary="Pause or resume all sending",
    tag="Outbox",
    verb=Verb.OPERATE,
    body=SendingIn,
    answer=Sending,
    is_change=True,
    refusals=("invalid",),
    example={"paused": False, "reason": "Đã kiểm tra xong đường gửi thư."},
)
async def switch_sending(call: Call[NoQuery, SendingIn]) -> Reply:
    """Nothing is lost while sending is paused: reminders are decided, and wait."""
    body = call.body
    return _told(await actions.switch_sending(call.actor, body.paused, body.reason, call.version, call.now))


@endpoint(
    "POST",
    "/sending/test",
    id="testSending",
    summary="Send yourself a test mail",
    tag="Outbox",
    verb=Verb.OPERATE,
    answer=OutboxMessage,
    status=202,
    has_tag=False,
)
async def test_sending(call: Call[NoQuery, NoBody]) -> Reply:
    """A test mail to your own address, queued like any other; follow it at `/outbox/{id}`."""
    message = await actions.send_test(call.actor, call.now)
    return Reply(shown(message), location=f"/api/v1/outbox/{message.id}")


handlers = [get_sending, switch_sending, test_sending]
