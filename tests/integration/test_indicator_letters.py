"""Letters about targets: on the working day after a reading is missing, once, after an outage, by two workers."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes, policy

import pytest

from tests.web_scene import Visitor, scene
from tests.world import World, build_world, directive, task
from tracker.actions import directives, indicator_letters, indicators
from tracker.actions.indicators import NewReading
from tracker.db import indicators as db
from tracker.db.assignments import list_by_ids
from tracker.db.directory import get_officials
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.indicators import Indicator
from tracker.jobs import reminders
from tracker.mail.contexts import TargetsDue
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

SHARE = Indicator(
    "Hồ sơ giải quyết trực tuyến",
    "%",
    date(2025, 9, 1),
    date(2026, 3, 31),
    counts="hồ sơ",
    baseline=Decimal(12),
    target=Decimal(30),
)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour - 7, tzinfo=UTC)


async def made(world: World) -> tuple[int, int]:
    """Two targets of the ministry of health, set in September."""
    new = directive(
        replace(task("trước ngày 31/03/2026", leads=("BYT",)), short_name="Cung cấp dịch vụ"),
        issued_on=date(2025, 9, 1),
    )
    recorded = await directives.record(world.secretariat, new, at(date(2025, 9, 1)))
    own = recorded.assignment_ids[0]
    first = await indicators.define(world.secretariat, own, SHARE, at(date(2025, 9, 1)))
    other = replace(SHARE, name="Dịch vụ đã tích hợp", unit="dịch vụ", counts="", baseline=None)
    return first, await indicators.define(world.secretariat, own, other, at(date(2025, 9, 1)))


async def letters() -> list[tuple[str, str]]:
    """Who got what about targets."""
    rows = await fetch("SELECT address, subject FROM outbox WHERE kind = 'targets_due' ORDER BY id")
    return [(row["address"].partition("@")[0], row["subject"]) for row in rows]


async def test_a_missing_reading_is_told_once_on_the_working_day_after(database: Settings) -> None:
    world = await build_world()
    first, second = await made(world)

    # September ends on a Tuesday; five working days of grace end on 07/10.
    assert await indicator_letters.remind(at(date(2025, 10, 7))) == 0
    assert await indicator_letters.remind(at(date(2025, 10, 8), 7)) == 0  # before the hour of the mail
    assert await indicator_letters.remind(at(date(2025, 10, 8), 22)) == 0
    counts = await asyncio.gather(*(indicator_letters.remind(at(date(2025, 10, 8))) for _ in range(2)))
    told = await letters()
    assert sum(counts) == len(told) > 0
    assert {subject for _, subject in told} == {
        "[Chỉ tiêu] Bộ Y tế: 2 chỉ tiêu thiếu số liệu hoặc chậm kế hoạch"
    }
    assert len({address for address, _ in told}) == len(told)
    swept = await reminders.run(at(date(2025, 10, 8), 10))
    assert swept.broken == 0
    assert await letters() == told
    assert await indicator_letters.remind(at(date(2025, 10, 9))) == 0

    # The reading of October comes for one of them; the service was down for weeks and catches up in one letter.
    await indicators.enter(
        world.agency, first, NewReading("14", date(2025, 9, 30)), "page", at(date(2025, 10, 9))
    )
    await indicators.enter(
        world.agency, first, NewReading("17,5", date(2025, 10, 31)), "page", at(date(2025, 11, 3))
    )
    before = len(await letters())
    await indicator_letters.remind(at(date(2025, 12, 22)))
    after = (await letters())[before:]
    assert {subject for _, subject in after} == {
        "[Chỉ tiêu] Bộ Y tế: 2 chỉ tiêu thiếu số liệu hoặc chậm kế hoạch"
    }
    ledger = await fetch("SELECT indicator_id, kind, period FROM indicator_reminder ORDER BY 1, 2, 3")
    assert [(r["indicator_id"] == first, r["kind"], r["period"]) for r in ledger] == [
        (True, "missing", "2025-09"),
        (True, "missing", "2025-11"),
        (False, "missing", "2025-09"),
        (False, "missing", "2025-10"),
        (False, "missing", "2025-11"),
    ]
    # On a day off nothing goes; what has ended, or was withdrawn, is told of no more.
    assert await indicator_letters.remind(at(date(2026, 1, 10))) == 0
    await indicators.end(world.secretariat, second, None, "Đã thay", at(date(2026, 1, 12)))
    await execute("UPDATE assignment SET state = 'withdrawn', closed_at = $1", at(date(2026, 1, 12), 10))
    assert await indicator_letters.remind(at(date(2026, 1, 13))) == 0


async def test_a_reading_behind_its_plan_is_told_once_for_its_period(database: Settings) -> None:
    world = await build_world()
    first, second = await made(world)
    await indicator_letters.settle_past(at(date(2025, 11, 20)))
    assert await letters() == []
    for day, figure in ((date(2025, 9, 30), "12,5"), (date(2025, 10, 31), "13")):
        await indicators.enter(world.agency, first, NewReading(figure, day), "page", at(date(2025, 11, 20)))

    assert await indicator_letters.remind(at(date(2025, 11, 21))) > 0
    told = len(await letters())
    assert {s for _, s in await letters()} == {
        "[Chỉ tiêu] Bộ Y tế: 1 chỉ tiêu thiếu số liệu hoặc chậm kế hoạch"
    }
    assert await indicator_letters.remind(at(date(2025, 11, 24))) == 0
    # A reading that is on plan again stops it, also the letter that still waits to go.
    await indicators.enter(
        world.agency, first, NewReading("20", date(2025, 11, 24)), "page", at(date(2025, 11, 24))
    )
    await indicators.enter(
        world.agency, second, NewReading("3", date(2025, 11, 24)), "page", at(date(2025, 11, 24))
    )
    states = await fetch("SELECT DISTINCT state, reason FROM outbox WHERE kind = 'targets_due'")
    assert [(row["state"], row["reason"]) for row in states] == [("superseded", "no_longer_holds")]
    assert await indicator_letters.remind(at(date(2025, 12, 1))) == 0
    assert len(await letters()) == told


async def test_a_letter_that_came_back_is_told_to_the_next_as_things_stand(database: Settings) -> None:
    world = await build_world()
    first, second = await made(world)
    await indicator_letters.remind(at(date(2025, 10, 8)))
    row = (await list_by_ids([(await db.get_indicator(world.secretariat, first)).assignment_id]))[0]
    await indicators.enter(
        world.agency, second, NewReading("3", date(2025, 9, 30)), "page", at(date(2025, 10, 9))
    )
    assert await indicator_letters.still_due([row], at(date(2025, 10, 9))) == [row]
    leader = (await get_officials([world.officials["byt.leader"]]))[world.officials["byt.leader"]]
    draft = await indicator_letters.again(leader, [row], "again-1", at(date(2025, 10, 9)))
    assert isinstance(draft.context, TargetsDue)
    assert [line.name for line in draft.context.targets] == [SHARE.name]
    await indicators.enter(
        world.agency, first, NewReading("16", date(2025, 9, 30)), "page", at(date(2025, 10, 9))
    )
    assert await indicator_letters.still_due([row], at(date(2025, 10, 9))) == []


async def test_nobody_to_tell_is_noted_and_not_asked_again(database: Settings) -> None:
    world = await build_world()
    await made(world)
    await execute("UPDATE official SET is_active = false")
    assert await indicator_letters.remind(at(date(2025, 10, 8))) == 0
    verdicts = await fetch("SELECT DISTINCT verdict FROM indicator_reminder")
    assert [row["verdict"] for row in verdicts] == ["no_recipient"]
    assert await letters() == []


async def test_the_digest_of_the_agency_and_the_desk_list_them(database: Settings) -> None:
    async with scene(database) as found:
        world = found.world
        own: int = await fetchval(
            "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
            found.tasks["overdue"],
            world.agencies["BYT"],
        )
        await indicators.define(world.secretariat, own, SHARE, at(date(2025, 9, 1)))
        await reminders.run(at(date(2025, 11, 27)))
        raw = await fetch(
            "SELECT o.raw FROM outbox o JOIN official p ON p.id = o.recipient_id"
            " WHERE o.kind = 'digest' AND p.agency_id = $1 ORDER BY o.id DESC LIMIT 1",
            world.agencies["BYT"],
        )
        letter = message_from_bytes(raw[0]["raw"], policy=policy.default)
        body = letter.get_body(("plain",))
        assert body is not None
        assert "1 chỉ tiêu thiếu số liệu hoặc chậm kế hoạch" in body.get_content()
        assert "thiếu số liệu 2 kỳ: 09/2025, 10/2025" in body.get_content()
        desk = await Visitor(found).sign_in(world.secretariat)
        shown = (await desk.get("/can-xu-ly")).text
        assert "Chỉ tiêu chậm kế hoạch hoặc thiếu số liệu · 1" in re.sub("<[^>]+>", "", shown)
        assert SHARE.name in shown
