"""The outbox in the hands of people: looking, sending again, and the switch that stops all sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from tracker.actions.notices import Draft, queue
from tracker.actions.office import office, relay_name
from tracker.db import accounts as accounts_db
from tracker.db import directory as directory_db
from tracker.db import outbox as db
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.outbox import Backlog, OutboxFilter, StoredMessage
from tracker.db.switches import get_switch, is_sending_paused, list_heartbeats, lock_switch, set_switch
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor, Official
from tracker.domain.errors import Conflict, Invalid, StaleVersion
from tracker.domain.text import clean_text
from tracker.domain.versions import version_of
from tracker.mail import contexts
from tracker.mail.stored import ReadMessage, read_message

MOST_AT_ONCE = 500
"""Messages that one request sends again."""
_SWITCH = "sending"
_UNTOUCHED: dict[str, object] = {"version": 1, "reason": "", "changed_at": None, "changed_by": ""}


class MessageNotReturnable(Conflict):
    """Only what failed or is held goes out again; params: state."""

    code = "message_not_returnable"


class MessageNeverRendered(Conflict):
    """There are no bytes to send: the message could not be made; params: reason."""

    code = "message_never_rendered"


class MessagePersonal(Conflict):
    """What sets a password goes to nobody but the person it was made for; params: kind."""

    code = "message_personal"


class MessageLinkOver(Conflict):
    """The link in the message serves no more, so that sending it again helps nobody; params: kind."""

    code = "message_link_over"


# -- looking -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """One message with what it says and the assignments it speaks of."""

    message: StoredMessage
    assignment_ids: tuple[int, ...]
    content: ReadMessage

    @property
    def version(self) -> int:
        """What a change of it depends on: to whom it goes and what became of it."""
        return _version(self.message)


def _version(message: StoredMessage) -> int:
    return version_of(message.state, message.address, message.attempts, message.first_attempt_at)


async def list_messages(
    viewer: Actor, wanted: OutboxFilter, limit: int, before_id: int | None = None
) -> list[StoredMessage]:
    """Messages, newest first."""
    require(viewer, Verb.READ_OPERATIONS)
    return await db.list_stored(wanted, limit, before_id)


async def open_message(viewer: Actor, outbox_id: int) -> Opened:
    """One message, its links without their tokens. Raises NotFound."""
    require(viewer, Verb.READ_OPERATIONS)
    return await _opened(outbox_id)


async def _opened(outbox_id: int) -> Opened:
    message = await db.get_stored(outbox_id)
    entries = await db.list_entries([outbox_id])
    return Opened(message, entries.get(outbox_id, ()), read_message(await db.raw_of(outbox_id)))


# -- sending again -----------------------------------------------------------------------------------------


async def replay(
    actor: Actor,
    outbox_id: int,
    version: int | None,
    reason: str,
    to_official_id: int | None,
    now: datetime,
) -> Opened:
    """Put one failed or held message back, with the same Message-ID; if asked, to a colleague of its recipient.

    A letter with a link that sets a password goes to the same person only, and only while the link serves.
    Raises NotFound, StaleVersion, MessageNotReturnable, MessagePersonal, MessageLinkOver, MessageNeverRendered,
    Invalid for somebody elsewhere.
    """
    require(actor, Verb.RESEND)
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    async with transaction():
        message = await db.get_stored(outbox_id, lock=True)
        if version is not None and version != _version(message):
            raise StaleVersion(current=_version(message))
        if message.state not in ("failed", "held"):
            raise MessageNotReturnable(state=message.state)
        if message.kind in accounts_db.SECRET_MAILS:
            require(actor, Verb.OPERATE)
            await _check_secret(message, to_official_id)
        if not message.is_rendered:
            raise MessageNeverRendered(reason=message.reason)
        heir = None if to_official_id is None else await _colleague(message, to_official_id)
        if heir is None or message.kind in accounts_db.SECRET_MAILS:
            await db.mark_pending_again([outbox_id])
        else:
            await db.mark_pending_again([outbox_id], heir.email, heir.id)
        await _remember(actor, [message], reason, now, to=heir)
        return await _opened(outbox_id)


async def _check_secret(message: StoredMessage, to_official_id: int | None) -> None:
    """Whoever reads such a letter becomes the person it was made for: it goes nowhere else, and not in vain."""
    if to_official_id is not None and to_official_id != message.recipient_id:
        raise MessagePersonal(kind=message.kind)
    if not await accounts_db.is_link_of_mail_in_force(message.id):
        raise MessageLinkOver(kind=message.kind)


async def _colleague(message: StoredMessage, official_id: int) -> Official:
    """Somebody who may get this message instead: active, reachable, of the same agency.

    People without an agency are colleagues when they have the same role: having none is nothing in common.
    """
    people = await directory_db.get_officials({official_id, message.recipient_id or official_id})
    heir, meant = people.get(official_id), people.get(message.recipient_id or 0)
    if heir is None:
        raise Invalid.one("/to_official_id", "contact_unknown", official_id)
    is_same = (
        meant is not None
        and heir.agency_id == meant.agency_id
        and (heir.agency_id is not None or heir.role == meant.role)
        and bool(heir.duties)
    )
    if not is_same or not heir.is_active or heir.is_mailbox_dead:
        raise Invalid.one("/to_official_id", "contact_unsuitable", heir.name)
    return heir


async def _remember(
    actor: Actor,
    messages: Sequence[StoredMessage],
    reason: str,
    now: datetime,
    *,
    to: Official | None = None,
    group: UUID | None = None,
) -> None:
    entries = await db.list_entries([m.id for m in messages])
    written = []
    for message in messages:
        about = entries.get(message.id, ())
        detail: dict[str, object] = {"outbox_id": str(message.id), "before": message.address}
        detail |= {"after": to.email} if to is not None else {}
        detail |= {"group": str(group)} if group is not None else {}
        # A digest of several tasks is in nobody's story alone; the outbox itself leads to each of them.
        assignment_id = about[0] if len(about) == 1 else None
        written.append(
            HistoryEntry("replay_message", assignment_id=assignment_id, reason=reason, detail=detail)
        )
    await insert_history(actor, written, now)


@dataclass(frozen=True)
class Replayed:
    """What a bulk replay did: the messages, those that could not go, and how many more match the filter."""

    group: UUID
    again: tuple[StoredMessage, ...]
    refused: tuple[StoredMessage, ...]
    left: int
    is_rehearsal: bool


async def replay_matching(
    actor: Actor,
    wanted: OutboxFilter,
    reason: str,
    now: datetime,
    *,
    limit: int = MOST_AT_ONCE,
    dry_run: bool = False,
) -> Replayed:
    """As `replay` for up to `limit` messages that match, oldest first; what was never rendered is named.

    Letters with links that set a password are passed over: each is somebody's own matter.
    Raises Invalid for a limit beyond MOST_AT_ONCE.
    """
    require(actor, Verb.OPERATE)
    if not 1 <= limit <= MOST_AT_ONCE:
        raise Invalid.one("/limit", "out_of_range", limit, least=1, most=MOST_AT_ONCE)
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    group = uuid4()
    async with transaction():
        found, total = await db.lock_returnable(wanted, limit, except_kinds=accounts_db.SECRET_MAILS)
        again = tuple(m for m in found if m.is_rendered)
        if again and not dry_run:
            await db.mark_pending_again([m.id for m in again])
            await _remember(actor, again, reason, now, group=group)
    refused = tuple(m for m in found if not m.is_rendered)
    return Replayed(group, again, refused, total - len(found), dry_run)


# -- sending as a whole ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sending:
    """Whether mail goes out, who said so and why, what waits, and when the worker was last seen.

    `worker_at` is by the database's clock; `relay` is empty where no mail server is set.
    """

    is_paused: bool
    reason: str
    changed_at: datetime | None
    changed_by: str
    version: int
    backlog: Backlog
    worker_at: datetime | None
    relay: str


async def sending(viewer: Actor) -> Sending:
    """How sending stands."""
    require(viewer, Verb.READ_OPERATIONS)
    return await _sending()


async def _sending() -> Sending:
    told = await get_switch(_SWITCH)
    stored: dict[str, object] = {**_UNTOUCHED, **(told if isinstance(told, dict) else {})}
    beats = {beat.name: beat.at for beat in await list_heartbeats()}
    changed_at = stored["changed_at"]
    return Sending(
        is_paused=await is_sending_paused(),
        reason=str(stored["reason"]),
        changed_at=datetime.fromisoformat(changed_at) if isinstance(changed_at, str) else None,
        changed_by=str(stored["changed_by"]),
        version=int(str(stored["version"])),
        backlog=await db.backlog(),
        worker_at=beats.get("outbox"),
        relay=relay_name(),
    )


async def switch_sending(
    actor: Actor, paused: bool, reason: str, version: int | None, now: datetime
) -> Sending:
    """Stop all sending or let it go on; what is due meanwhile waits in the outbox. Raises StaleVersion."""
    require(actor, Verb.OPERATE)
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    async with transaction():
        told = await lock_switch(_SWITCH, _UNTOUCHED)
        stands = int(str(told["version"])) if isinstance(told, dict) else 1
        if version is not None and version != stands:
            raise StaleVersion(current=stands)
        changed = {"reason": reason, "changed_at": now.isoformat(), "changed_by": actor.name}
        await set_switch(_SWITCH, {"version": stands + 1, **changed})
        await set_switch("sending_paused", paused)
        verb = "pause_sending" if paused else "resume_sending"
        await insert_history(actor, [HistoryEntry(verb, reason=reason)], now)
        return await _sending()


async def send_test(actor: Actor, now: datetime) -> StoredMessage:
    """Queue a test mail to oneself: its arrival proves the whole way out."""
    require(actor, Verb.OPERATE)
    if actor.official_id is None:
        raise Invalid.one("", "not_a_person", actor.name)
    async with transaction():
        person = await directory_db.get_official(actor.official_id)
        context = contexts.Trial(requested_by=actor.name, relay=relay_name() or "–", url=office().url)
        key = f"test-{person.id}-{uuid4().hex}"
        queued = await queue([Draft("test", context, person, key, (), urgent=True)], now)
        entry = HistoryEntry("test_sending", detail={"outbox_id": str(queued[key])})
        await insert_history(actor, [entry], now)
        return await db.get_stored(queued[key])
