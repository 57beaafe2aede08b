"""Delivering the outbox: leases, what no longer holds, refusals, dead mailboxes, a relay that is down."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from email import message_from_bytes, policy

import pytest

from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import assignments, directives, notices, reports
from tracker.actions.notices import Draft
from tracker.actions.reminders import sweep
from tracker.db import outbox as outbox_db
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.switches import set_switch
from tracker.domain.drafts import NewReport
from tracker.jobs.outbox import Delivery
from tracker.mail.transport import Accepted, MemoryTransport, Rejected, TryLater

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DONE = NewReport("completion", "Đã xong", evidence_number="1/BYT")
NINE = MONDAY + timedelta(days=7)
"""09:00 on Monday 01/12/2025, ten working days before the deadline of the standard task."""


def delivery(transport: MemoryTransport, now: datetime = MONDAY) -> Delivery:
    """A worker over a transport in memory."""
    return Delivery(transport, lambda i: f"bounce+{i}@vpcp.example.vn", lambda: now, connections=2)


async def recorded(world: World, *deadlines: str) -> tuple[int, ...]:
    """Assignments of the ministry with these deadlines; what step 0 queued is put away."""
    tasks = [task(d, short_name=f"Việc {n}") for n, d in enumerate(deadlines)]
    ids = (await directives.record(world.secretariat, directive(*tasks), MONDAY)).assignment_ids
    await execute("UPDATE outbox SET state = 'superseded'")
    return ids


async def states() -> list[str]:
    """The states of all messages, sorted."""
    return sorted(r["state"] for r in await fetch("SELECT state FROM outbox"))


async def test_each_message_is_sent_once_with_its_own_return_path() -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    transport = MemoryTransport()

    first = await delivery(transport).run()
    second = await delivery(transport).run()

    assert (first.sent, second.claimed) == (2, 0)
    assert sorted(d.recipient for d in transport.taken) == [
        "focal@byt.example.vn",
        "head_of_office@byt.example.vn",
    ]
    assert len({d.envelope_from for d in transport.taken}) == 2


async def test_four_workers_at_once_send_nothing_twice() -> None:
    world = await build_world()
    for n in range(40):
        await directives.record(world.secretariat, directive(task(), number=f"{n}/NQ-CP"), MONDAY)
    transport = MemoryTransport()

    await asyncio.gather(*(delivery(transport).run() for _ in range(4)))

    ids = [message_from_bytes(d.data, policy=policy.default)["Message-ID"] for d in transport.taken]
    assert (len(ids), len(set(ids))) == (80, 80)


async def test_a_message_whose_task_is_done_meanwhile_is_superseded() -> None:
    world = await build_world()
    (assignment,) = await recorded(world, "trước ngày 15/12/2025")
    await sweep(NINE)
    await reports.submit(world.agency, assignment, None, DONE, NINE)
    transport = MemoryTransport()

    await delivery(transport).run()

    kinds = [r["kind"] for r in await fetch("SELECT kind FROM outbox WHERE state = 'sent'")]
    assert kinds == ["reported"]


async def test_a_digest_loses_only_the_line_that_no_longer_holds() -> None:
    world = await build_world()
    first, second = await recorded(world, "trước ngày 15/12/2025", "trước ngày 15/12/2025")
    await sweep(NINE)
    await assignments.withdraw(world.secretariat, first, None, "Trùng việc", "", NINE)
    transport = MemoryTransport()

    counts = await delivery(transport, NINE).run()

    digest = [d for d in transport.taken if b"X-Notify-Key: again-" in d.data]
    assert counts.mended == 1
    assert len(digest) == 1
    body = message_from_bytes(digest[0].data, policy=policy.default).get_body(("plain",))
    assert body is not None
    assert "Việc 1" in body.get_content()
    assert "Việc 0" not in body.get_content()
    carried = await fetchval(
        "SELECT o.notify_key FROM reminder r JOIN outbox o ON o.id = r.outbox_id WHERE r.assignment_id = $1"
        " AND r.step_code = 'before_10'",
        second,
    )
    assert carried.startswith("again-")


async def test_a_dead_mailbox_goes_to_the_next_contact_and_to_the_secretariat() -> None:
    world = await build_world()
    await recorded(world, "trước ngày 15/12/2025")
    await sweep(NINE)

    def answer(recipient: str) -> Accepted | Rejected:
        return (
            Rejected(550, "5.1.1 không có hộp thư")
            if recipient.startswith("focal@byt")
            else Accepted(250, "ok")
        )

    transport = MemoryTransport(answer)

    await delivery(transport, NINE).run()

    assert sorted(d.recipient for d in transport.taken) == [
        "head_of_office@byt.example.vn",
        "officer@vpcp.example.vn",
    ]
    assert await fetchval("SELECT mailbox FROM official WHERE email = 'focal@byt.example.vn'") == "dead"
    rerouted = await fetch("SELECT reason FROM reminder WHERE reason = 'mailbox_dead_rerouted'")
    assert len(rerouted) == 1


async def test_a_relay_that_is_down_gives_everything_back_and_loses_nothing() -> None:
    world = await build_world()
    for n in range(10):
        await directives.record(world.secretariat, directive(task(), number=f"{n}/NQ-CP"), MONDAY)
    transport = MemoryTransport(lambda recipient: TryLater("421 bận", relay_down=True))

    counts = await delivery(transport).run()

    assert counts.sent == 0
    assert counts.retried <= 2
    assert set(await states()) == {"pending"}
    assert (
        await fetchval("SELECT count(*) FROM outbox WHERE next_attempt_at > now() + interval '30 seconds'")
        == 20
    )


async def test_an_expired_lease_is_taken_up_again_and_marked() -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await outbox_db.claim(10)
    await execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    transport = MemoryTransport()

    counts = await delivery(transport).run()

    assert (counts.reclaimed, counts.sent) == (2, 2)
    assert await fetchval("SELECT bool_and(maybe_duplicate) FROM outbox")


async def test_a_worker_that_lost_its_lease_cannot_write() -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    (stale, *_) = await outbox_db.claim(10)
    await execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    await outbox_db.reclaim_expired()

    assert not await outbox_db.mark_sent(stale.id, stale.lease_token, 250, "ok", MONDAY)


async def test_giving_up_after_72_hours_is_a_failure_that_is_told() -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await execute("UPDATE outbox SET first_attempt_at = now() - interval '73 hours', attempts = 60")

    def answer(recipient: str) -> Accepted | TryLater:
        return Accepted(250, "ok") if recipient.startswith("officer@") else TryLater("451 đợi")

    transport = MemoryTransport(answer)

    counts = await delivery(transport).run()

    assert counts.failed == 2
    assert await fetchval("SELECT count(*) FROM official WHERE mailbox = 'dead'") == 0
    assert [d.recipient for d in transport.taken] == ["officer@vpcp.example.vn"] * 2


async def test_paused_sending_loses_nothing() -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await set_switch("sending_paused", True)
    transport = MemoryTransport()

    paused = await delivery(transport).run()
    await set_switch("sending_paused", False)
    resumed = await delivery(transport).run()

    assert (paused.paused, paused.claimed, resumed.sent) == (True, 0, 2)


async def test_three_days_down_end_in_one_digest_per_person() -> None:
    world = await build_world()
    await recorded(world, *(f"trước ngày {day}/12/2025" for day in (15, 16, 17)))

    await sweep(NINE + timedelta(days=2))
    transport = MemoryTransport()
    await delivery(transport, NINE + timedelta(days=2)).run()

    (taken,) = transport.taken
    body = message_from_bytes(taken.data, policy=policy.default).get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert [f"Việc {n}" in text for n in range(3)] == [True, True, True]
    assert "01/12/2025" in text, "what should have gone on Monday says so"


async def test_a_row_that_cannot_be_rendered_fails_alone_and_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await build_world()
    first, second = await recorded(world, "trước ngày 15/12/2025", "trước ngày 15/12/2025")
    sound = notices.rendered

    def rendered(draft: Draft, now: datetime) -> outbox_db.NewMessage:
        if any(e.assignment_id == first for e in draft.entries):
            raise ValueError("câu hỏng")
        return sound(draft, now)

    monkeypatch.setattr("tracker.actions.reminders.rendered", rendered)

    swept = await sweep(NINE)
    again = await sweep(NINE)

    rows = await fetch(
        "SELECT r.assignment_id, o.state, o.reason FROM reminder r JOIN outbox o ON o.id = r.outbox_id"
        " WHERE r.step_code = 'before_10' ORDER BY 1"
    )
    assert (swept.messages, swept.broken, again.looked_at) == (1, 1, 0)
    assert [tuple(r) for r in rows] == [(first, "failed", "ValueError: câu hỏng"), (second, "pending", "")]
