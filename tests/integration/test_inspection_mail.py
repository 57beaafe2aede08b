"""Invitations to sessions and reminders of explanations, on a real database and over real SMTP."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes
from email.policy import default
from html import unescape
from typing import Any

import icalendar
import pytest

from tests.calendar_readers import Read, problems, read_icalendar
from tests.letters import text_of
from tests.web_scene import Visitor, hidden_fields, scene
from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import (
    directives,
    explaining,
    explanations,
    feeds,
    inspection_mail,
    inspections,
    reports,
)
from tracker.actions.feeds import FeedChoices, NewFeed
from tracker.actions.inspection_mail import InvitationsGone
from tracker.db import explaining as explaining_db
from tracker.db import inspections as db
from tracker.db import reads_inspections
from tracker.db.engine import execute, fetch, fetchval, look_as
from tracker.db.inspection_letters import held_after, list_letters
from tracker.domain.directory import SYSTEM
from tracker.domain.drafts import NewReport
from tracker.domain.errors import NotPermitted, StaleVersion
from tracker.domain.inspections import Plan
from tracker.domain.zone import at_official
from tracker.jobs import reminders
from tracker.jobs.outbox import Delivery
from tracker.jobs.worker import delivery_of, transport_of
from tracker.mail.transport import Accepted, MemoryTransport, Rejected
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

SOON = MONDAY + timedelta(hours=1)


@pytest.fixture
async def world(database: Settings) -> World:
    """Two ministries, one late with two tasks and one with one; what was mailed about that is put away."""
    made = await build_world()
    new = directive(
        task("trước ngày 31/10/2025", leads=("BYT",), short_name="Việc một"),
        task("trước ngày 14/11/2025", leads=("BYT",), short_name="Việc hai"),
        task("trước ngày 20/11/2025", leads=("BTC",), short_name="Việc ba"),
        issued_on=date(2025, 10, 1),
    )
    await directives.record(made.secretariat, new, datetime(2025, 10, 1, 3, tzinfo=UTC))
    await put_away()
    return made


async def put_away() -> None:
    """What waits is as if it had been delivered."""
    await execute("UPDATE outbox SET state = 'sent', sent_at = decided_at WHERE state = 'pending'")


def plan_of(world: World, **changes: Any) -> Plan:
    """A session of both ministries next Tuesday afternoon."""
    values: dict[str, Any] = {
        "title": "Kiểm tra chuyển đổi số",
        "held_on": date(2025, 12, 2),
        "held_at": time(14),
        "ends_at": time(16, 30),
        "place": "Phòng họp A",
        "as_of": date(2025, 11, 24),
        "due_until": date(2025, 12, 31),
        "agency_codes": ("BYT", "BTC"),
        "explain_by": date(2025, 11, 28),
        "chair_id": world.officials["member"],
        "secretary_id": world.officials["officer"],
    }
    return Plan(**{**values, **changes})


async def planned(world: World, **changes: Any) -> int:
    """A session; its id."""
    return await inspections.plan(world.secretariat, plan_of(world, **changes), MONDAY)


async def invited(world: World, **changes: Any) -> int:
    """A session whose invitations have been delivered."""
    inspection_id = await planned(world, **changes)
    await inspection_mail.invite(world.secretariat, inspection_id, 1, MONDAY)
    await put_away()
    return inspection_id


async def changed(world: World, inspection_id: int, now: datetime = SOON, **changes: Any) -> None:
    """Change the plan."""
    new = plan_of(world, **changes)
    version = (await db.get_inspection(inspection_id)).row_version
    await inspections.change_plan(world.secretariat, inspection_id, version, new, now)


async def waiting() -> dict[str, tuple[str, int]]:
    """The letters that wait to be sent: by address the calendar's method and sequence; the letters' own bytes."""
    found = {}
    for row in await fetch(
        "SELECT address, raw FROM outbox WHERE state = 'pending' AND kind LIKE 'session%'"
    ):
        event, method = event_of(row["raw"])
        assert event["ATTENDEE"] == f"mailto:{row['address']}"
        assert row["address"] not in found
        found[row["address"]] = (method, int(event["SEQUENCE"]))
    return found


def event_of(raw: bytes) -> tuple[Any, str]:
    """The one event of a letter, and its method, which stands in the part's header too."""
    parts = list(message_from_bytes(raw, policy=default).walk())
    (part,) = [p for p in parts if p.get_content_type() == "text/calendar"]
    data: Any = part.get_payload(decode=True)
    calendar: Any = icalendar.Calendar.from_ical(data)
    (event,) = calendar.walk("VEVENT")
    assert not event.errors
    assert part.get_param("method") == calendar["METHOD"]
    assert calendar.walk("VTIMEZONE")
    return event, str(calendar["METHOD"])


GROUP = {"member@vpcp.example.vn", "officer@vpcp.example.vn"}
HEALTH = {"leader@byt.example.vn", "focal@byt.example.vn"}
FINANCE = {"leader@btc.example.vn", "focal@btc.example.vn"}


# --- invitations ---


async def test_invitations_go_by_real_mail_to_the_working_group_and_the_contacts(
    world: World, database: Settings
) -> None:
    await execute("UPDATE official SET mailbox = 'dead' WHERE email = 'leader@btc.example.vn'")
    inspection_id = await planned(world, agency_codes=("BYT", "BTC", "HN"))
    await execute("UPDATE official SET mailbox = 'dead' WHERE agency_id = $1", world.agencies["HN"])
    with pytest.raises(NotPermitted):
        await inspection_mail.invite(world.agency, inspection_id, None, MONDAY)
    with pytest.raises(StaleVersion):
        await inspection_mail.invite(world.secretariat, inspection_id, 9, MONDAY)
    seen = await inspection_mail.preview(world.secretariat, inspection_id, MONDAY)
    assert await waiting() == {}

    sent = await inspection_mail.invite(world.secretariat, inspection_id, 1, MONDAY)
    again = await inspection_mail.invite(world.inspector, inspection_id, 1, SOON)

    assert (len(sent.letters), len(again.letters)) == (6, 0)
    assert [x.letter.official_id for x in seen.letters] == [x.official_id for x, _ in sent.letters]
    assert [x.agency_name for x in seen.unreached] == ["UBND thành phố Hà Nội"]
    # The dead mailbox of a leader is read for by the head of office, as for any duty mail.
    stand_in = "head_of_office@btc.example.vn"
    reached = GROUP | HEALTH | {"focal@btc.example.vn", stand_in}
    assert await waiting() == dict.fromkeys(reached, ("REQUEST", 0))
    assert {x.person.email for x in seen.letters} == reached

    # Nobody takes them while they can still be taken back; then they arrive.
    settings = with_secret_key(database)
    mailbox = LocalMailbox(settings.data_dir)
    await mailbox.start()
    try:
        settings = replace(settings, smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none")
        transport = transport_of(settings)
        assert transport is not None
        assert (await delivery_of(settings, transport).run()).claimed == 0
        await execute("UPDATE outbox SET next_attempt_at = now()")
        assert (await delivery_of(settings, transport).run()).sent == 6
    finally:
        await mailbox.stop()
    arrived = [p.read_bytes() for p in (settings.data_dir / "mailbox/new").iterdir()]
    by_address = {
        str(message_from_bytes(raw, policy=default)["To"].addresses[0].addr_spec): raw for raw in arrived
    }
    assert by_address.keys() == reached
    assert len({str(event_of(raw)[0]["UID"]) for raw in arrived}) == 1
    own = message_from_bytes(by_address["focal@byt.example.vn"], policy=default)
    body = text_of(own)
    assert "Trân trọng mời Bộ Y tế" in body
    assert "Bộ Y tế có 2 mục" in body
    assert "chậm nhất thứ Sáu 28/11/2025" in body
    assert "14:00–16:30, thứ Ba 02/12/2025" in body
    assert f"/kiem-tra/{inspection_id}" in body
    assert b"B\xe1\xbb\x99 T\xc3\xa0i ch\xc3\xadnh" not in str(own).encode() + body.encode()
    chairs = message_from_bytes(by_address["member@vpcp.example.vn"], policy=default)
    said = text_of(chairs)
    assert "chủ tọa buổi kiểm tra" in said
    assert "Bộ Y tế, Bộ Tài chính" in said


async def test_only_those_whom_a_change_concerns_get_an_update(world: World) -> None:
    silent = await planned(world)
    await changed(world, silent, place="Phòng họp B")
    assert await waiting() == {}  # nobody was invited yet

    inspection_id = await invited(world)
    await changed(world, inspection_id, due_until=date(2025, 12, 20))
    assert await waiting() == {}
    await changed(world, inspection_id, held_at=time(8, 30), ends_at=None)
    assert await waiting() == dict.fromkeys(GROUP | HEALTH | FINANCE, ("REQUEST", 1))
    update = await fetchval(
        "SELECT raw FROM outbox WHERE state = 'pending' AND address = 'focal@byt.example.vn'"
    )
    said = text_of(update)
    assert "08:30, thứ Ba 02/12/2025 (trước đó: 14:00–16:30, thứ Ba 02/12/2025)" in said
    await put_away()

    member: dict[str, Any] = {
        "held_at": time(8, 30),
        "ends_at": None,
        "member_ids": (world.officials["head"],),
    }
    await changed(world, inspection_id, **member)
    assert await waiting() == {"head@vpcp.example.vn": ("REQUEST", 1)}
    await put_away()

    # An agency is taken out: its people are told so, and the working group that it is one less.
    await changed(world, inspection_id, **member, agency_codes=("BYT",))
    found = await waiting()
    assert {a: m for a, (m, _) in found.items() if a in FINANCE} == dict.fromkeys(FINANCE, "CANCEL")
    assert found.keys() == FINANCE | GROUP | {"head@vpcp.example.vn"}
    await put_away()
    await changed(world, inspection_id, **member)
    again = await waiting()
    assert {a: m for a, m in again.items() if a in FINANCE} == dict.fromkeys(FINANCE, ("REQUEST", 3))
    await put_away()

    version = (await db.get_inspection(inspection_id)).row_version
    await inspections.cancel(world.secretariat, inspection_id, version, "Hoãn vì bão số 13", SOON)
    over = await waiting()
    assert over.keys() == GROUP | HEALTH | FINANCE | {"head@vpcp.example.vn"}
    assert {m for m, _ in over.values()} == {"CANCEL"}
    raws = [r["raw"] for r in await fetch("SELECT raw FROM outbox WHERE state = 'pending'")]
    assert raws
    assert all("Hoãn vì bão số 13" in text_of(raw) for raw in raws)
    assert not any(h.facts for h in held_after(await list_letters(inspection_id)).values())
    rows = await fetch("SELECT official_id, sequence FROM inspection_letter ORDER BY id")
    for official_id in {r["official_id"] for r in rows}:
        sequences = [r["sequence"] for r in rows if r["official_id"] == official_id]
        assert sequences == sorted(set(sequences))


async def test_a_letter_that_has_not_left_is_replaced_and_nobody_uninvited_is_cancelled(world: World) -> None:
    inspection_id = await planned(world)
    await inspection_mail.invite(world.secretariat, inspection_id, 1, MONDAY)

    await changed(world, inspection_id, place="Phòng họp B", agency_codes=("BYT",))

    assert await waiting() == dict.fromkeys(GROUP | HEALTH, ("REQUEST", 1))
    reasons = await fetch(
        "SELECT DISTINCT state, reason FROM outbox WHERE kind LIKE 'session%' ORDER BY state"
    )
    assert [tuple(r) for r in reasons] == [("pending", ""), ("superseded", "no_longer_holds")]
    # Back to what nobody has been told otherwise: what was delivered holds, what waits goes.
    await put_away()
    await changed(world, inspection_id, place="Phòng họp C", agency_codes=("BYT",))
    await changed(world, inspection_id, place="Phòng họp B", agency_codes=("BYT",))
    assert await waiting() == {}


async def test_a_sending_is_taken_back_while_none_has_left(world: World) -> None:
    inspection_id = await planned(world)
    sent = await inspection_mail.invite(world.secretariat, inspection_id, None, MONDAY)

    undone = await inspection_mail.undo(world.secretariat, inspection_id, sent.batch, MONDAY)
    twice = await inspection_mail.undo(world.secretariat, inspection_id, sent.batch, MONDAY)
    await changed(world, inspection_id, place="Phòng họp B")

    assert (undone, twice) == (6, 0)
    assert await waiting() == {}
    second = await inspection_mail.invite(world.secretariat, inspection_id, None, SOON)
    assert await waiting() == dict.fromkeys(GROUP | HEALTH | FINANCE, ("REQUEST", 1))
    await execute(
        "UPDATE outbox SET state = 'sent', sent_at = decided_at"
        " WHERE id = (SELECT min(id) FROM outbox WHERE state = 'pending')"
    )
    with pytest.raises(InvitationsGone):
        await inspection_mail.undo(world.secretariat, inspection_id, second.batch, SOON)
    assert len(await waiting()) == 5
    verbs = await fetch("SELECT verb FROM history WHERE verb LIKE '%invit%' ORDER BY id")
    assert [r["verb"] for r in verbs] == ["invite_to_inspection", "undo_invitations", "invite_to_inspection"]


async def test_two_who_invite_at_once_send_one_letter_each(world: World) -> None:
    inspection_id = await planned(world)

    sent = await asyncio.gather(
        *(inspection_mail.invite(world.secretariat, inspection_id, None, MONDAY) for _ in range(3))
    )

    assert sorted(len(s.letters) for s in sent) == [0, 0, 6]
    assert len(await waiting()) == 6


async def test_whoever_stands_in_for_a_dead_mailbox_is_invited_instead(world: World) -> None:
    inspection_id = await planned(world)
    await inspection_mail.invite(world.secretariat, inspection_id, None, MONDAY)
    await execute("UPDATE outbox SET next_attempt_at = now()")

    def answer(recipient: str) -> Accepted | Rejected:
        dead = recipient == "leader@byt.example.vn"
        return Rejected(550, "5.1.1 không có hộp thư") if dead else Accepted(250, "ok")

    transport = MemoryTransport(answer)
    work = Delivery(transport, lambda i: f"bounce+{i}@vpcp.example.vn", lambda: MONDAY, connections=2)
    await work.run()
    await execute("UPDATE outbox SET next_attempt_at = now()")
    await work.run()

    taken = [d.recipient for d in transport.taken]
    assert taken.count("head_of_office@byt.example.vn") == 1
    assert (
        len(taken) == len(set(taken)) + 1
    )  # the secretariat has an invitation, and word of the dead mailbox
    word = next(d.data for d in transport.taken if b"undeliverable" in d.data)
    body = text_of(word)
    assert "Đã gửi thay tới: head_of_office BYT" in body
    told = await list_letters(inspection_id)
    assert {t.address: t.state for t in told}["leader@byt.example.vn"] == "failed"
    assert not any(
        h.facts for h in held_after(told).values() if h.official_id == world.officials["byt.leader"]
    )


# --- reminders of explanations ---


async def asking(world: World, **changes: Any) -> int:
    """A session that has asked for explanations by Friday 28/11, on Monday 24/11."""
    inspection_id = await planned(world, **changes)
    await inspections.ask_to_explain(world.secretariat, inspection_id, 1, MONDAY)
    await put_away()
    return inspection_id


def at(day: int, hour: int = 8, month: int = 11) -> datetime:
    """An hour of the official zone."""
    return at_official(date(2025, month, day), time(hour))


async def reminded() -> list[tuple[str, str]]:
    """The reminders in the order in which they were queued: address and subject."""
    rows = await fetch("SELECT address, subject FROM outbox WHERE kind = 'explanation_due' ORDER BY id")
    return [(r["address"], r["subject"]) for r in rows]


async def steps() -> list[tuple[str, str]]:
    """What the ledger holds."""
    rows = await fetch("SELECT step, verdict FROM explanation_reminder ORDER BY id")
    return [(r["step"], r["verdict"]) for r in rows]


async def own(world: World, name: str) -> int:
    """An assignment by the name of its task."""
    found: int = await fetchval(
        "SELECT a.id FROM assignment a JOIN task t ON t.id = a.task_id WHERE t.short_name = $1", name
    )
    return found


async def test_explanations_are_reminded_of_before_on_and_after_their_day_and_never_twice(
    world: World,
) -> None:
    await asking(world)
    for moment in (at(25), at(26, 17), at(27, 7)):
        assert await explaining.remind(moment) == 0

    assert await explaining.remind(at(27)) == 2
    assert await explaining.remind(at(27, 15)) == 0
    await explanations.answer(
        world.other_agency, await own(world, "Việc ba"), "Chờ ý kiến các bộ.", at(27, 16)
    )
    assert await explaining.remind(at(28)) == 1
    assert await explaining.remind(at(29)) == 0  # Saturday
    await explanations.answer(world.agency, await own(world, "Việc một"), "Đang trình.", at(29))
    assert await explaining.remind(at(1, month=12)) == 1
    assert await explaining.remind(at(2, month=12)) == 0

    assert await reminded() == [
        ("focal@byt.example.vn", "[Nhắc giải trình] Bộ Y tế: 2 nhiệm vụ chờ giải trình"),
        ("focal@btc.example.vn", "[Nhắc giải trình] 17/NQ-CP – Việc ba"),
        ("focal@byt.example.vn", "[Nhắc giải trình] Bộ Y tế: 2 nhiệm vụ chờ giải trình"),
        ("focal@byt.example.vn", "[Quá hạn giải trình] 17/NQ-CP – Việc hai"),
    ]
    assert await steps() == [("before", "sent")] * 3 + [("on", "sent")] * 2 + [("after", "sent")]


async def test_after_days_of_outage_each_is_told_once_and_that_it_comes_late(world: World) -> None:
    await asking(world, held_on=date(2025, 12, 12))

    assert await explaining.remind(at(3, 10, month=12)) == 2
    assert await explaining.remind(at(3, 11, month=12)) == 0
    assert sorted(set(await steps())) == [("after", "sent"), ("before", "superseded"), ("on", "superseded")]
    raw = await fetchval("SELECT raw FROM outbox WHERE kind = 'explanation_due' ORDER BY id LIMIT 1")
    body = text_of(raw)
    assert "Nhắc muộn: đáng lẽ gửi thứ Hai 01/12/2025." in body
    assert "nay đã qua mà chưa có giải trình" in body


async def test_two_workers_at_once_and_one_that_dies_tell_everybody_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asking(world)

    async def dies(*_: object) -> int:
        raise RuntimeError("killed before the ledger was written")

    with monkeypatch.context() as broken:
        broken.setattr(explaining_db, "insert_rows", dies)
        assert await explaining.remind(at(27)) == 0
    assert await reminded() == []

    await asyncio.gather(*(reminders.run(at(27, 9)) for _ in range(3)))

    assert len(await reminded()) == 2
    assert await steps() == [("before", "sent")] * 3


async def test_nobody_is_reminded_once_the_agenda_stands_or_the_session_is_off(world: World) -> None:
    first, second = await asking(world), await asking(world, title="Buổi khác")
    await explaining.remind(at(27))
    assert len(await reminded()) == 2  # the second asked nobody anew within a day
    await inspections.freeze(world.secretariat, first, 1, at(27, 9))
    assert (
        await fetchval("SELECT count(*) FROM outbox WHERE kind = 'explanation_due' AND state = 'pending'")
        == 0
    )
    assert await explaining.remind(at(28)) == 0

    third = await planned(world, title="Buổi thứ ba")
    await inspections.ask_to_explain(world.secretariat, third, 1, at(26, 9))
    assert await explaining.remind(at(27, 11)) == 2
    await inspections.cancel(world.secretariat, third, 1, "Hoãn", at(27, 12))
    assert (
        await fetchval("SELECT count(*) FROM outbox WHERE kind = 'explanation_due' AND state = 'pending'")
        == 0
    )
    assert await explaining.remind(at(28)) == 0
    assert second != third


async def test_a_waiting_reminder_goes_when_all_of_it_is_answered_and_judged_work_is_not_recalled(
    world: World,
) -> None:
    await asking(world)
    done = NewReport("completion", "Đã xong", evidence_number="7/BYT")
    await reports.submit(world.agency, await own(world, "Việc một"), None, done, at(26))
    await explaining.remind(at(27))
    await explanations.answer(world.other_agency, await own(world, "Việc ba"), "Chờ ý kiến.", at(27, 9))

    rows = await fetch("SELECT subject, state FROM outbox WHERE kind = 'explanation_due' ORDER BY id")
    assert [tuple(r) for r in rows] == [
        ("[Nhắc giải trình] 17/NQ-CP – Việc hai", "pending"),
        ("[Nhắc giải trình] 17/NQ-CP – Việc ba", "superseded"),
    ]


async def test_another_day_is_told_at_once_and_counts_anew(world: World) -> None:
    inspection_id = await asking(world)
    await explaining.remind(at(27))
    await put_away()

    await changed(world, inspection_id, at(27, 10), explain_by=date(2025, 12, 1))

    told = await fetch("SELECT subject, raw FROM outbox WHERE kind = 'explanation_due' AND state = 'pending'")
    assert len(told) == 2
    raw = message_from_bytes(told[0]["raw"], policy=default)
    body = text_of(raw)
    assert "chuyển từ thứ Sáu 28/11/2025 sang thứ Hai 01/12/2025" in body
    assert await fetchval("SELECT DISTINCT answer_by FROM urging") == date(2025, 12, 1)
    assert await explaining.remind(at(27, 11)) == 0
    assert await explaining.remind(at(28)) == 2  # one working day before Monday
    assert await explaining.remind(at(1, month=12)) == 2


async def test_who_was_asked_before_is_still_asked_when_others_are_asked_again(world: World) -> None:
    inspection_id = await asking(world, agency_codes=("BTC",))
    first = (await db.get_inspection(inspection_id)).urging_id
    third = await own(world, "Việc ba")
    await changed(world, inspection_id)

    assert await inspections.ask_to_explain(world.secretariat, inspection_id, None, SOON) == 2

    again = (await db.get_inspection(inspection_id)).urging_id
    assert again is not None
    assert again != first
    found = await reads_inspections.list_asked(world.other_agency, again)
    assert [(a.assignment_id, a.is_owed) for a in found] == [(third, True)]
    assert len(await reads_inspections.list_asked(world.secretariat, again)) == 3
    assert await explaining.remind(at(27)) == 2
    assert await steps() == [("before", "sent")] * 3


async def test_a_refused_reminder_goes_to_the_next_contact(world: World) -> None:
    await asking(world, agency_codes=("BYT",))
    await explaining.remind(at(27))

    def answer(recipient: str) -> Accepted | Rejected:
        dead = recipient == "focal@byt.example.vn"
        return Rejected(550, "5.1.1 không có hộp thư") if dead else Accepted(250, "ok")

    transport = MemoryTransport(answer)
    await Delivery(transport, lambda i: f"b+{i}@vpcp.example.vn", lambda: at(27), connections=2).run()

    got = {d.recipient: message_from_bytes(d.data, policy=default)["Subject"] for d in transport.taken}
    assert got["head_of_office@byt.example.vn"] == "[Nhắc giải trình] Bộ Y tế: 2 nhiệm vụ chờ giải trình"
    assert "officer@vpcp.example.vn" in got


# --- calendars ---


async def read_feed(made: feeds.Made, now: datetime = SOON) -> list[Read]:
    """What a calendar client reads of a link, once its own rules and its validators have been checked."""
    looked = await feeds.look(made.token, "event", now)
    served = await feeds.render(looked)
    assert problems(served.body) == []
    assert (await feeds.look(made.token, "event", now)).tag == served.tag
    assert (await feeds.render(await feeds.look(made.token, "event", now))).body == served.body
    look_as(SYSTEM)
    return read_icalendar(served.body)


async def test_a_calendar_of_sessions_holds_those_that_concern_its_reader(world: World) -> None:
    both = await planned(world)
    other = await planned(
        world, title="Buổi khác", agency_codes=("HN",), chair_id=None, secretary_id=None,
        member_ids=(world.officials["member"],), held_at=None, ends_at=None,
    )  # fmt: skip
    links = {}
    for name in ("secretariat", "inspector", "member", "administrator", "agency"):
        actor = getattr(world, name)
        links[name] = await feeds.create(actor, NewFeed(FeedChoices("Buổi kiểm tra"), "sessions"), MONDAY)

    titles = {name: sorted(e.summary for e in await read_feed(link)) for name, link in links.items()}
    assert titles == {
        "secretariat": ["Buổi khác", "Kiểm tra chuyển đổi số"],
        "inspector": ["Buổi khác", "Kiểm tra chuyển đổi số"],
        "member": ["Buổi khác", "Kiểm tra chuyển đổi số"],
        "administrator": [],
        "agency": ["Kiểm tra chuyển đổi số"],
    }
    (own,) = await read_feed(links["agency"])
    assert "Bộ Y tế" in own.description
    assert "Bộ Tài chính" not in own.description
    assert own.uid.startswith("session-")
    assert (own.start, own.end) == ("2025-12-02T07:00:00Z", "2025-12-02T09:30:00Z")
    before = await feeds.look(links["agency"].token, "event", SOON)
    look_as(SYSTEM)

    await inspections.cancel(world.secretariat, both, 1, "Hoãn", SOON)
    (off,) = await read_feed(links["agency"], SOON)
    after = await feeds.look(links["agency"].token, "event", SOON)
    look_as(SYSTEM)
    assert (off.status, off.summary) == ("CANCELLED", "Đã hủy: Kiểm tra chuyển đổi số")
    assert off.sequence > own.sequence
    assert (before.tag != after.tag, after.modified_at > before.modified_at) == (True, True)
    assert await read_feed(links["agency"], SOON + timedelta(days=95)) == []
    # Who no longer takes part reads it no more.
    await changed(world, other, title="Buổi khác", agency_codes=("HN",), chair_id=None, secretary_id=None)
    assert [e.summary for e in await read_feed(links["member"])] == ["Đã hủy: Kiểm tra chuyển đổi số"]


# --- the page ---


def in_words(html: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


async def test_the_page_shows_each_letter_before_it_goes_and_what_became_of_it(database: Settings) -> None:
    async with scene(database) as made:
        inspection_id = await planned(made.world, agency_codes=("BYT",))
        where = f"/kiem-tra/{inspection_id}"
        desk = await Visitor(made).sign_in(made.world.secretariat)
        member = await Visitor(made).sign_in(made.world.member)
        before = in_words((await desk.get(where)).text)
        look = await desk.get(f"{where}/giay-moi")
        assert await waiting() == {}
        sent = await desk.post(f"{where}/giay-moi", from_page=f"{where}/giay-moi")
        after = (await desk.get(where)).text

        assert "Chưa mời ai. Xem trước từng thư rồi gửi cho 4 người." in before
        assert "Chưa mời Danh sách" not in before
        words = in_words(look.text)
        assert "4 thư sẽ gửi đi." in words
        assert "[Giấy mời] Kiểm tra chuyển đổi số – 14:00–16:30, thứ Ba 02/12/2025" in words
        assert "focal@byt.example.vn" in words
        assert "Bộ Y tế có" in words
        assert (sent.status_code, sent.headers["location"]) == (303, where)
        assert len(await waiting()) == 4
        undo = re.search(rf'action="({where}/giay-moi/[0-9a-f-]+/hoan-tac)"', after)
        assert undo is not None
        assert "Đã mời 4 người." in in_words(after)
        assert "Tất cả đã có giấy mời đúng với kế hoạch hiện nay." in in_words(after)
        assert f'href="{where}/giay-moi"' not in after
        shown = (await member.get(where)).text
        assert "focal BYT" in shown
        assert "focal@byt.example.vn" not in shown
        assert (await member.get(f"{where}/giay-moi")).status_code == 403
        assert (await desk.get("/kiem-tra/999999/giay-moi")).status_code == 404

        fields: dict[str, Any] = hidden_fields(after, undo[1])
        taken_back = await desk.post(undo[1], **fields)
        assert taken_back.headers["location"] == where
        assert "Chưa mời ai." in in_words((await desk.get(where)).text)
        assert await waiting() == {}

        # Again, and then the plan changes: the page says who was told, and a dead mailbox by its name.
        await desk.post(f"{where}/giay-moi", from_page=f"{where}/giay-moi")
        await put_away()
        await execute("UPDATE official SET mailbox = 'dead' WHERE email = 'head@vpcp.example.vn'")
        people = (made.world.officials["inspector"], made.world.officials["head"])
        await changed(made.world, inspection_id, agency_codes=("BYT",), held_at=time(15), member_ids=people)
        told = in_words((await desk.get(where)).text)
        assert "mời Người inspector; báo thay đổi cho" in told
        assert "Thư gửi head@vpcp.example.vn không tới. Sửa địa chỉ của Người head rồi gửi lại." in told
        again = await desk.post(f"{where}/giay-moi", _token="x")
        assert again.status_code in (403, 422)

        # The month shows the session to who is concerned, and not to another agency.
        other = await Visitor(made).sign_in(made.world.other_agency)
        agency = await Visitor(made).sign_in(made.world.agency)
        for visitor, sees in ((desk, True), (agency, True), (other, False)):
            month = (await visitor.get("/lich?thang=2025-12")).text
            assert (f'href="{where}"' in month) is sees
        assert f'href="{where}"' not in (await desk.get("/lich?thang=2025-12&co-quan=BTC")).text

        assert '<option value="sessions">' in (await agency.get("/lich/dang-ky")).text
        link = await agency.post(
            "/lich/dang-ky", from_page="/lich/dang-ky", ten="Buổi kiểm tra", pham_vi="sessions"
        )
        assert link.status_code == 201

        await execute("UPDATE inspection SET held_on = '2025-11-20', as_of = '2025-11-20'")
        late = await desk.get(f"{where}/giay-moi")
        assert late.status_code == 409
        assert "nay đã qua" in in_words(late.text)
