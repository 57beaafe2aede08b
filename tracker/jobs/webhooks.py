"""Delivering webhooks: share out what happened, claim under a lease, sign, send, commit each outcome.

1. Switch off the webhooks of officials who have left; put back deliveries whose worker is gone.
2. Turn waiting events into deliveries, for each webhook that wants them and whose owner may know of them.
3. Claim what is due, at most two deliveries of one webhook at a time, so that a slow receiver holds up only itself.
4. Look again whether the owner still sees it; send outside any transaction, fifteen seconds at most.
5. Write the outcome in a commit of its own, under the lease's token; a receiver that is gone, or has failed ten
   times, is switched off and its owner told.

At least once: a delivery may come twice when a worker dies between the answer and the commit; `webhook-id` is the same.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tracker import clock
from tracker.actions import webhooks as actions
from tracker.db import webhooks as db
from tracker.db.engine import start_detached, transaction
from tracker.db.switches import beat, is_sending_paused
from tracker.db.webhooks import Claimed
from tracker.domain.webhooks import KEPT, LONGEST_ANSWER_KEPT, Verdict, judge
from tracker.webhooks.sender import Answer
from tracker.webhooks.signing import signatures

log = logging.getLogger(__name__)

NAME = "webhooks"
EVENTS_AT_ONCE = 200
AT_ONCE = 32
AT_ONCE_EACH = 2
LOOK_AGAIN_SECONDS = 1.0
PRUNED_AT_ONCE = 1000


@dataclass
class Counts:
    """What one run did."""

    departed: int = 0
    reclaimed: int = 0
    events: int = 0
    sent: int = 0
    retried: int = 0
    failed: int = 0
    superseded: int = 0
    pruned: int = 0
    paused: bool = False


def real_now() -> datetime:
    """The machine's own time, also where a demonstration has moved the clock: receivers compare it with theirs."""
    return clock.utc_now() - clock.offset()


@dataclass
class WebhookDelivery:
    """The webhook worker of one process; `stop` ends the run after what is in flight.

    `fail_point` is called with the name of each point at which the fault tests kill the process.
    """

    clock: Callable[[], datetime] = clock.utc_now
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    fail_point: Callable[[str], None] = lambda name: None
    _running: dict[asyncio.Task[None], int] = field(default_factory=dict)

    async def run(self) -> Counts:
        """Deliver what is due now, until nothing is left or `stop` is set."""
        counts = Counts()
        if await is_sending_paused():
            counts.paused = True
            return counts
        counts.departed = await actions.end_those_of_departed(self.clock())
        counts.reclaimed = await db.reclaim_expired()
        try:
            while not self.stop.is_set():
                shared = await actions.share_out(EVENTS_AT_ONCE, self.clock())
                counts.events += shared
                claimed = await self._start_due(counts)
                if not self._running and not shared and not claimed:
                    break
                if self._running and not claimed:
                    await self._wait(LOOK_AGAIN_SECONDS)
        finally:
            while self._running:
                await self._wait(None)
        counts.pruned = await db.prune_deliveries(KEPT, PRUNED_AT_ONCE)
        return counts

    async def run_and_beat(self) -> Counts:
        """As `run`, and say that it ended well."""
        counts = await self.run()
        await beat(NAME, vars(counts))
        return counts

    async def _start_due(self, counts: Counts) -> int:
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return 0
        each = Counter(self._running.values())
        busy = [webhook_id for webhook_id, running in each.items() if running >= AT_ONCE_EACH]
        claimed = await db.claim(room, busy)
        self.fail_point("webhook_claimed")
        for delivery in claimed:
            task = start_detached(self._deliver(delivery, counts), name=f"webhook {delivery.id}")
            self._running[task] = delivery.webhook_id
        return len(claimed)

    async def _wait(self, seconds: float | None) -> None:
        done, _ = await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._running[task]
            error = task.exception()
            if error is not None:
                # Its lease runs out, and it is sent again; the others go on.
                log.error("a webhook delivery broke off", exc_info=error)

    async def _deliver(self, claimed: Claimed, counts: Counts) -> None:
        reason = await actions.why_not(claimed)
        if reason is not None:
            await db.mark_superseded(claimed.id, claimed.lease_token, reason, self.clock())
            counts.superseded += 1
            return
        answer = await self._send(claimed)
        self.fail_point("webhook_answered")
        await self._write(claimed, answer, counts)

    async def _send(self, claimed: Claimed) -> Answer:
        keys = actions.keys_of(claimed)
        if keys is None:
            return Answer(None, reason="secret_unreadable")
        body = claimed.payload.encode()
        timestamp = int(real_now().timestamp())
        headers = {
            "webhook-id": claimed.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(claimed.signing, keys, claimed.message_id, timestamp, body),
        }
        return await actions.sender().post(claimed.url, body, headers)

    async def _write(self, claimed: Claimed, answer: Answer, counts: Counts) -> None:
        """The outcome, in one commit of its own."""
        now = self.clock()
        text = answer.text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_ANSWER_KEPT]
        following = judge(answer.status, claimed.attempts, random.random(), answer.retry_after)  # nosec B311  # spreads retries, guards nothing
        if following.verdict is Verdict.SENT:
            async with transaction():
                await db.mark_sent(claimed.id, claimed.lease_token, answer.status, text, now)
                await actions.seal_anew(claimed)
            counts.sent += 1
        elif following.verdict is Verdict.RETRY:
            reason = answer.reason or "refused"
            await db.mark_retry(claimed.id, claimed.lease_token, following.wait, answer.status, text, reason)
            counts.retried += 1
        else:
            is_gone = following.verdict is Verdict.GONE
            async with transaction():
                reason = "gone" if is_gone else "gave_up"
                if await db.mark_failed(claimed.id, claimed.lease_token, answer.status, text, reason, now):
                    await actions.switch_off(claimed.webhook_id, "gone" if is_gone else "failing", now)
            counts.failed += 1
