"""Delivering the outbox: claim under a lease, look again whether it still holds, send, commit each message.

1. Put back messages whose worker is gone (their lease has run out); they may have been sent, and are marked.
2. Claim a batch with SKIP LOCKED and, in the same transaction, take out what no longer holds: a message whose
   every assignment has changed is superseded; one of which a part has changed is rendered anew without it.
3. Send outside any transaction, several connections at a time, one recipient per message.
4. Write each outcome in a commit of its own, under the lease's token.

A duplicate is possible only between the server's final 250 and that commit; it carries the same Message-ID.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from tracker.actions import redress, scheduled_reports
from tracker.db import outbox as db
from tracker.db.engine import start_detached, transaction
from tracker.db.outbox import Claimed
from tracker.db.switches import beat, is_sending_paused
from tracker.mail.retry import next_attempt_at
from tracker.mail.transport import Accepted, Outcome, Rejected, Session, Transport, TryLater

NAME = "outbox"
BATCH = 200
RELAY_PAUSE_SECONDS = 60.0
PER_CONNECTION = 50
RENEW_AFTER_SECONDS = 60.0


@dataclass
class Counts:
    """What one run of the outbox did."""

    reclaimed: int = 0
    claimed: int = 0
    superseded: int = 0
    mended: int = 0
    sent: int = 0
    retried: int = 0
    failed: int = 0
    released: int = 0
    relay_down: bool = False
    paused: bool = False

    def as_json(self) -> dict[str, object]:
        """For the heartbeat and the command line."""
        return dict(vars(self))


@dataclass
class Delivery:
    """The outbox worker of one process.

    `return_path` gives the envelope sender for an outbox id; `stop` ends the run after what is in flight.
    `fail_point` is called with the name of each point at which the fault tests kill the process.
    """

    transport: Transport
    return_path: Callable[[int], str]
    clock: Callable[[], datetime]
    connections: int = 4
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    fail_point: Callable[[str], None] = lambda name: None
    _claimed_at: float = 0.0

    async def run(self) -> Counts:
        """Deliver what is due now, batch by batch, until nothing is left, `stop` is set or the relay is down."""
        counts = Counts()
        if await is_sending_paused():
            counts.paused = True
            return counts
        counts.reclaimed = await db.reclaim_expired()
        while not self.stop.is_set() and not counts.relay_down:
            batch = await self._claim(counts)
            if batch is None:
                break
            await self._send_all(batch, counts)
            if await is_sending_paused():
                counts.paused = True
                break
        return counts

    async def run_and_beat(self) -> Counts:
        """As `run`, and say that it ended well."""
        counts = await self.run()
        await beat(NAME, counts.as_json())
        return counts

    async def _claim(self, counts: Counts) -> list[Claimed] | None:
        """A batch of messages that still hold; None when nothing is due."""
        async with transaction():
            claimed = await db.claim(BATCH)
            self.fail_point("claimed")
            standing = await db.check_standing([m.id for m in claimed])
            stale = {s.outbox_id for s in standing if not s.holds}
            stale |= await scheduled_reports.no_longer_for(claimed)
            whole = {s.outbox_id for s in standing if s.holds} & stale
            for message in claimed:
                if message.id in whole:
                    holding = [s.assignment_id for s in standing if s.outbox_id == message.id and s.holds]
                    await redress.render_anew(message, holding, self.clock())
                    counts.mended += 1
                elif message.id in stale:
                    await redress.drop(message, "no_longer_holds")
                    counts.superseded += 1
        self._claimed_at = monotonic()
        self.fail_point("claim_committed")
        counts.claimed += len(claimed)
        return [m for m in claimed if m.id not in stale] if claimed else None

    async def _send_all(self, batch: Sequence[Claimed], counts: Counts) -> None:
        """Share the batch among connections; a relay that is down gives the rest back unused."""
        waiting: asyncio.Queue[Claimed] = asyncio.Queue()
        for message in batch:
            waiting.put_nowait(message)
        workers = [
            start_detached(self._drain(waiting, counts)) for _ in range(min(self.connections, len(batch)))
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            left = [waiting.get_nowait() for _ in range(waiting.qsize())]
            if left:
                await db.release(left, RELAY_PAUSE_SECONDS if counts.relay_down else 0.0)
                counts.released += len(left)

    async def _drain(self, waiting: asyncio.Queue[Claimed], counts: Counts) -> None:
        """Send one message after another; a fresh connection after each fifty."""
        while not waiting.empty() and not counts.relay_down and not self.stop.is_set():
            async with self.transport.session() as session:
                for _ in range(PER_CONNECTION):
                    if waiting.empty() or counts.relay_down or self.stop.is_set():
                        break
                    await self._send(session, waiting.get_nowait(), counts)

    async def _send(self, session: Session, message: Claimed, counts: Counts) -> None:
        if monotonic() - self._claimed_at > RENEW_AFTER_SECONDS and not await db.renew(message):
            return  # a slow server kept us so long that somebody else has taken the message up
        outcome = await session.send(
            self.return_path(message.id), message.address, message.raw, envelope_id=message.notify_key
        )
        self.fail_point("answered")
        await self._write(message, outcome, counts)
        self.fail_point("written")

    async def _write(self, message: Claimed, outcome: Outcome, counts: Counts) -> None:
        """The outcome, in one commit of its own."""
        now = self.clock()
        if isinstance(outcome, Accepted):
            await db.mark_sent(message.id, message.lease_token, outcome.code, outcome.text, now)
            counts.sent += 1
        elif isinstance(outcome, Rejected):
            await self._fail(message, outcome.code, outcome.text, outcome.about, now)
            counts.failed += 1
        else:
            await self._retry(message, outcome, counts, now)

    async def _retry(self, message: Claimed, outcome: TryLater, counts: Counts, now: datetime) -> None:
        if outcome.relay_down:
            counts.relay_down = True
        elapsed = await db.seconds_since_first_attempt(message.id)
        # Only the spans matter to the rule; hosts and the database may disagree about the hour.
        first_at = now - elapsed
        following = next_attempt_at(message.attempts, now, first_at, random.random())  # nosec B311  # spreads retries, guards nothing
        if following is None:
            await self._fail(message, None, outcome.text, "gave_up", now)
            counts.failed += 1
            return
        wait = (following - now).total_seconds()
        await db.mark_retry(
            message.id, message.lease_token, wait, None, outcome.text, outcome.maybe_delivered
        )
        counts.retried += 1

    async def _fail(self, message: Claimed, code: int | None, reply: str, reason: str, now: datetime) -> None:
        """Write the failure and, in the same transaction, see to it that somebody else is told."""
        async with transaction():
            if await db.mark_failed(message.id, message.lease_token, code, reply, reason):
                await redress.after_failure(message, reason, reply, now)
