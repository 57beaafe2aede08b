"""The audit: the history read, checked against its chain and its anchors, and anchored outside the database."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from tracker import i18n
from tracker.actions.office import office
from tracker.db import audit as db
from tracker.db import history as history_db
from tracker.db import outbox as outbox_db
from tracker.db.engine import execute, transaction
from tracker.db.history import HistoryFilter, HistoryRow
from tracker.db.outbox import NewMessage
from tracker.domain.access import Verb, require
from tracker.domain.audit import (
    LANES,
    Anchor,
    Finding,
    Head,
    Kind,
    LaneCheck,
    Note,
    check_anchors,
    seal_of,
)
from tracker.domain.directory import Actor
from tracker.domain.zone import civil_day, civil_now
from tracker.mail.message import Attachment, Mailbox, Message, message_id, to_bytes
from tracker.settings import Settings

_MOST_IDS = 100
_LONG_SECONDS = 3600.0


def use_audit_key(settings: Settings) -> None:
    """From now on this process chains the history with the key of these settings. Needs the secret key."""
    assert settings.secret_key is not None, "settings without a key: see process.with_secret_key"
    db.use_key(settings.secret_key, settings.old_secret_keys or ())


# -- reading -------------------------------------------------------------------------------------------


async def list_changes(
    actor: Actor, wanted: HistoryFilter, *, limit: int, before_id: int | None
) -> list[HistoryRow]:
    """Changes the actor may know of, the latest written first."""
    require(actor, Verb.READ_HISTORY)
    return await history_db.list_history_page(actor, wanted, limit=limit, before_id=before_id)


@dataclass(frozen=True)
class Heads:
    """The chain as it ends now: what an auditor may note down elsewhere."""

    heads: tuple[Head, ...]
    total: int
    unchained: int


async def get_heads(actor: Actor) -> Heads:
    """The last place of every lane."""
    require(actor, Verb.OPERATE)
    heads = await db.list_heads()
    start = await db.find_start()
    return Heads(tuple(heads), sum(h.seq for h in heads), 0 if start is None else start.unchained)


@asynccontextmanager
async def exported(actor: Actor, wanted: HistoryFilter) -> AsyncIterator[AsyncIterator[HistoryRow]]:
    """The story of a task, of a person or of a day, in the order in which it happened, in constant memory."""
    require(actor, Verb.OPERATE)
    async with transaction("repeatable_read", readonly=True):
        yield history_db.stream_history(wanted)


# -- checking ------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What a check has read and found."""

    rows: int = 0
    unchained: int = 0
    anchors: int = 0
    last_anchor: Anchor | None = None
    findings: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found; notices prove nothing."""
        return not self.findings


async def verify(actor: Actor, anchors: Sequence[Anchor], tell: Callable[[Finding], None]) -> Verdict:
    """Read the whole chain in one snapshot, in constant memory, and tell every finding as it is made.

    `anchors` are those of one file, in its order; one that we did not seal is a finding and counts for nothing.
    """
    require(actor, Verb.OPERATE)
    ring = db.key_ring()
    verdict = Verdict(anchors=len(anchors), last_anchor=anchors[-1] if anchors else None)

    def note(findings: Sequence[Finding]) -> None:
        for finding in findings:
            (verdict.notices if finding.is_notice else verdict.findings)[finding.kind.value] += 1
            tell(finding)

    note(check_anchors(anchors, ring))
    sealed = [anchor for anchor in anchors if anchor.is_sealed_by(ring)]
    if not sealed:
        note([Finding(Note.NO_ANCHOR)])
    async with transaction("repeatable_read", readonly=True):
        await execute("SET LOCAL statement_timeout = 0")
        note(await _check_past(sealed, verdict))
        heads = {head.lane: head for head in await db.list_heads()}
        for lane in sorted({*range(LANES), *heads, *await db.list_lanes_in_use()}):
            noted = {
                (head.seq, head.mac): anchor.at.isoformat()
                for anchor in reversed(sealed)
                for head in anchor.heads
                if head.lane == lane and head.seq
            }
            check = LaneCheck(ring, lane, [(seq, mac, at) for (seq, mac), at in noted.items()])
            async for link in db.stream_lane(lane):
                note(check.feed(link))
            note(check.finish(heads.get(lane)))
            verdict.rows += check.rows
    return verdict


async def _check_past(anchors: Sequence[Anchor], verdict: Verdict) -> list[Finding]:
    """The rows that have no place in the chain: those from before it, and those put in beside it."""
    found = []
    start = await db.find_start()
    if start is None:
        found.append(Finding(Kind.PAST, about="start"))
    last_id = 0 if start is None else start.last_unchained_id
    past = await db.digest_past(last_id, timeout=_LONG_SECONDS)
    verdict.unchained = past.count
    if start is not None and past.count != start.unchained:
        found.append(Finding(Kind.PAST, about="count", count=abs(past.count - start.unchained)))
    strayed = next((a for a in anchors if a.past != past), None)
    if strayed is not None:
        found.append(Finding(Kind.PAST, about=strayed.at.isoformat()))
    beside = await db.count_unchained(last_id)
    if beside:
        ids = await db.list_unchained(last_id, _MOST_IDS)
        found.append(Finding(Kind.UNCHAINED, ids=tuple(ids), count=beside))
    return found


# -- anchors -------------------------------------------------------------------------------------------


async def make_anchor(now: datetime, previous: str) -> Anchor:
    """The heads of all lanes as they are, sealed; `previous` is the seal of the anchor before it."""
    key = db.key_ring().current
    async with transaction("repeatable_read", readonly=True):
        await execute("SET LOCAL statement_timeout = 0")
        heads = await db.list_heads()
        start = await db.find_start()
        past = await db.digest_past(0 if start is None else start.last_unchained_id, timeout=_LONG_SECONDS)
    anchor = Anchor(now, tuple(heads), sum(h.seq for h in heads), past, key.id, previous)
    return replace(anchor, seal=seal_of(anchor, key.secret))


async def mail_anchor(anchor: Anchor, settings: Settings, now: datetime) -> int:
    """Queue the anchor for the auditors, once a day for each address. How many messages are new."""
    addresses = settings.audit_mail
    if not addresses:
        return 0
    async with transaction():
        ids = await outbox_db.reserve_ids(len(addresses))
        language: i18n.Language = "en" if settings.language == "en" else "vi"
        messages = [_message(anchor, address, language, now) for address in addresses]
        return len(await outbox_db.insert_messages(list(zip(ids, messages, strict=True)), now))


def _message(anchor: Anchor, address: str, language: i18n.Language, now: datetime) -> NewMessage:
    day = civil_day(anchor.at)
    key = f"audit-anchor-{day}-{address.replace('@', '-at-')}"
    words = {
        "day": day.strftime("%d/%m/%Y"),
        "moment": civil_now(anchor.at).strftime("%H:%M"),
        "total": anchor.total,
        "unchained": anchor.past.count,
        "seal": anchor.seal,
        "url": office().url,
    }
    subject = i18n.text(language, "audit_mail_subject", **words)
    text = i18n.text(language, "audit_mail_text", **words)
    paragraphs = "".join(f"<p>{html.escape(part)}</p>" for part in text.split("\n\n"))
    message = Message(
        sender=office().sender,
        recipient=Mailbox("", address),
        reply_to=office().reply_to,
        subject=subject,
        text=text,
        html=f'<!doctype html><html lang="{language}"><body>{paragraphs}</body></html>',
        message_id=message_id(key, office().domain),
        key=key,
        sent_at=now,
        language=language,
        attachments=(
            Attachment(f"anchor-{day}.jsonl", "application/x-ndjson", (anchor.line() + "\n").encode()),
        ),
    )
    return NewMessage(
        kind="audit_anchor",
        notify_key=key,
        recipient_id=None,
        address=address,
        language=language,
        message_id=message.message_id,
        subject=subject,
        raw=to_bytes(message),
        urgent=False,
        entries=(),
    )
