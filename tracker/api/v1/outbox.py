"""The outbox: every message with its way, what it says, and sending again what did not arrive."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import outbox as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, Id, NoBody, NoQuery, id_of
from tracker.api.v1.shapes import PageQuery
from tracker.db.outbox import OutboxFilter, StoredMessage
from tracker.domain import lengths
from tracker.domain.access import Verb

StateName = Literal["pending", "sending", "sent", "failed", "superseded", "held"]
KindName = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r"^[a-z][a-z_]*$",
        description="The kind of a message, such as `digest`.",
        examples=["digest"],
        extra={FORM: "form.message_kind"},
    ),
]
Why = Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]


class MailServerReply(Struct):
    """The mail server's last words about a message."""

    code: int | None
    text: str


class OutboxMessage(Struct):
    """A message with its way so far; `maybe_duplicate` says that it may have arrived before it was tried again."""

    id: Id
    kind: str
    state: StateName
    recipient_id: Id | None
    recipient: str
    address: str
    language: str
    subject: str
    urgent: bool
    message_id: str
    attempts: int
    first_attempt_at: datetime | None
    next_attempt_at: datetime | None
    maybe_duplicate: bool
    reply: MailServerReply
    reason: str
    decided_at: datetime
    sent_at: datetime | None


class OutboxPage(Struct):
    """Messages, newest first."""

    items: list[OutboxMessage]
    next: str | None


class OutboxQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which messages."""

    state: StateName | None = None
    kind: KindName | None = None
    recipient_id: Id | None = None
    assignment_id: Id | None = None


class Header(Struct):
    """One header of a mail."""

    name: str
    value: str


class OpenedMessage(Struct):
    """A message with what it says. Tokens of links are cut out: nobody acts by reading the outbox."""

    message: OutboxMessage
    assignment_ids: list[Id]
    headers: list[Header]
    text: str
    has_calendar: bool


class ReplayIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Why a message goes again; `to_official_id` is a colleague of its recipient who gets it instead."""

    reason: Why
    to_official_id: Id | None = None


class BulkReplayIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which of the failed and held messages go again, oldest first; `dry_run` only tells."""

    reason: Why
    state: Literal["failed", "held"] | None = None
    kind: KindName | None = None
    recipient_id: Id | None = None
    assignment_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=actions.MOST_AT_ONCE)] = actions.MOST_AT_ONCE
    dry_run: bool = False


class ReplayResult(Struct):
    """What becomes of one message."""

    id: Id
    outcome: Literal["again", "never_rendered"]
    address: str
    subject: str


class BulkReplay(Struct):
    """What a bulk replay did, or would do; `left` more match and wait for the next request."""

    group_id: str
    dry_run: bool
    again: int
    refused: int
    left: int
    items: list[ReplayResult]


def shown(message: StoredMessage) -> OutboxMessage:
    """A message as the API gives it."""
    return OutboxMessage(
        id=str(message.id),
        kind=message.kind,
        state=message.state,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        recipient_id=None if message.recipient_id is None else str(message.recipient_id),
        recipient=message.recipient_name,
        address=message.address,
        language=message.language,
        subject=message.subject,
        urgent=message.urgent,
        message_id=message.message_id,
        attempts=message.attempts,
        first_attempt_at=message.first_attempt_at,
        next_attempt_at=message.next_attempt_at if message.state == "pending" else None,
        maybe_duplicate=message.maybe_duplicate,
        reply=MailServerReply(message.reply_code, message.reply_text),
        reason=message.reason,
        decided_at=message.decided_at,
        sent_at=message.sent_at,
    )


def _number(given: str | None) -> int | None:
    return None if given is None else id_of(given)


@endpoint(
    "GET",
    "/outbox",
    id="listOutbox",
    summary="List messages",
    tag="Outbox",
    verb=Verb.READ_OPERATIONS,
    query=OutboxQuery,
    answer=OutboxPage,
    is_paged=True,
    links={
        "first": {"operationId": "getMessage", "parameters": {"message_id": "$response.body#/items/0/id"}}
    },
)
async def list_outbox(call: Call[OutboxQuery, NoBody]) -> Reply:
    """Every message that was ever decided, whatever became of it."""
    query = call.query
    position = call.position()
    found = await actions.list_messages(
        call.actor,
        OutboxFilter(query.state, query.kind, _number(query.recipient_id), _number(query.assignment_id)),
        call.limit + 1,
        None if position is None else int(position[0]),
    )
    rows = found[: call.limit]
    following = (str(rows[-1].id),) if len(found) > call.limit else None
    return Reply(
        OutboxPage([shown(row) for row in rows], call.next_cursor(following)), next_position=following
    )


@endpoint(
    "GET",
    "/outbox/{message_id}",
    id="getMessage",
    summary="Read a message",
    tag="Outbox",
    verb=Verb.READ_OPERATIONS,
    answer=OpenedMessage,
    refusals=("not_found",),
    links={
        "replay": {
            "operationId": "replayMessage",
            "parameters": {"message_id": "$response.body#/message/id", "If-Match": "$response.header.ETag"},
        }
    },
)
async def get_message(call: Call[NoQuery, NoBody]) -> Reply:
    """Headers, text, attempts and the mail server's words."""
    return _told(await actions.open_message(call.actor, call.ids["message_id"]))


def _told(opened: actions.Opened) -> Reply:
    return Reply(
        OpenedMessage(
            message=shown(opened.message),
            assignment_ids=[str(i) for i in opened.assignment_ids],
            headers=[Header(name, value) for name, value in opened.content.headers],
            text=opened.content.text,
            has_calendar=opened.content.has_calendar,
        ),
        row_version=opened.version,
    )


@endpoint(
    "POST",
    "/outbox/{message_id}/replay",
    id="replayMessage",
    summary="Send a message again",
    tag="Outbox",
    verb=Verb.RESEND,
    body=ReplayIn,
    answer=OpenedMessage,
    is_change=True,
    refusals=(
        "not_found",
        "message_not_returnable",
        "message_never_rendered",
        "message_personal",
        "message_link_over",
        "invalid",
    ),
    example={"reason": "Máy chủ thư của bộ đã hoạt động lại."},
)
async def replay_message(call: Call[NoQuery, ReplayIn]) -> Reply:
    """A failed or held message goes out again with the same Message-ID; what it says is checked once more."""
    body = call.body
    replayed = await actions.replay(
        call.actor,
        call.ids["message_id"],
        call.version,
        body.reason,
        _number(body.to_official_id),
        call.now,
    )
    return _told(replayed)


@endpoint(
    "POST",
    "/outbox/replay",
    id="replayMessages",
    summary="Send many messages again",
    tag="Outbox",
    verb=Verb.OPERATE,
    body=BulkReplayIn,
    answer=BulkReplay,
    has_tag=False,
    needs_key=True,
    refusals=("invalid",),
    example={"reason": "Đường truyền đã thông.", "state": "failed", "dry_run": True},
)
async def replay_messages(call: Call[NoQuery, BulkReplayIn]) -> Reply:
    """Up to 500 failed and held messages, oldest first, but no invitation and no reset; `dry_run` changes nothing."""
    body = call.body
    done = await actions.replay_matching(
        call.actor,
        OutboxFilter(body.state, body.kind, _number(body.recipient_id), _number(body.assignment_id)),
        body.reason,
        call.now,
        limit=body.limit,
        dry_run=body.dry_run,
    )
    items = [ReplayResult(str(m.id), "again", m.address, m.subject) for m in done.again]
    items += [ReplayResult(str(m.id), "never_rendered", m.address, m.subject) for m in done.refused]
    return Reply(
        BulkReplay(
            group_id=str(done.group),
            dry_run=done.is_rehearsal,
            again=len(done.again),
            refused=len(done.refused),
            left=done.left,
            items=sorted(items, key=lambda item: int(item.id)),
        )
    )


handlers = [list_outbox, get_message, replay_message, replay_messages]
