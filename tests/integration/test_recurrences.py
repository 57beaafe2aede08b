"""Recurrent tasks: each occurrence is made once, when its time has come, and its agency is told."""

from __future__ import annotations

import asyncio
from datetime import date, datetime

import pytest

from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import assignments, directives, reports
from tracker.actions.recurrences import roll
from tracker.db.engine import execute, fetch
from tracker.domain.drafts import NewReport

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DONE = NewReport("completion", "Đã gửi báo cáo tháng.", evidence_number="7431/BYT-KH")
MONTHLY = "trước ngày 20 hằng tháng"


def at(day: date, hour: int = 9) -> datetime:
    """An instant on a day, by the official clock."""
    return datetime(day.year, day.month, day.day, hour - 7, tzinfo=MONDAY.tzinfo)


async def recorded(world: World) -> int:
    """The first occurrence of a recurrent task of the ministry, recorded on Monday 24/11/2025."""
    new = directive(task(MONTHLY), issued_on=date(2025, 11, 24))
    made = await directives.record(world.secretariat, new, MONDAY)
    return made.assignment_ids[0]


async def occurrences() -> list[tuple[int, date, str]]:
    """Number, deadline and state of every occurrence."""
    rows = await fetch("SELECT occurrence, due_on, state FROM assignment ORDER BY occurrence, id")
    return [(r["occurrence"], r["due_on"], r["state"]) for r in rows]


async def confirm(world: World, assignment_id: int, on: date) -> None:
    """Reported and confirmed on a day."""
    await reports.submit(world.agency, assignment_id, None, DONE, at(on))
    await assignments.confirm(world.secretariat, assignment_id, None, "", at(on, 15))


async def test_the_next_occurrence_is_made_when_the_day_has_come_and_only_once() -> None:
    world = await build_world()
    await recorded(world)

    before = await roll(at(date(2025, 12, 19), 23))
    made = await roll(at(date(2025, 12, 20), 7))
    again = await roll(at(date(2025, 12, 20), 10))

    assert (before, made, again) == (0, 1, 0)
    assert await occurrences() == [
        (1, date(2025, 12, 20), "assigned"),
        (2, date(2026, 1, 20), "assigned"),
    ]


async def test_two_callers_at_once_make_one_occurrence() -> None:
    world = await build_world()
    await recorded(world)

    made = await asyncio.gather(*(roll(at(date(2025, 12, 22))) for _ in range(4)))

    assert sum(made) == 1
    assert [due for _, due, _ in await occurrences()] == [date(2025, 12, 20), date(2026, 1, 20)]


async def test_an_occurrence_confirmed_early_makes_the_next() -> None:
    world = await build_world()
    assignment = await recorded(world)

    await confirm(world, assignment, date(2025, 11, 25))

    assert await roll(at(date(2025, 11, 26))) == 1
    assert [(due, state) for _, due, state in await occurrences()] == [
        (date(2025, 12, 20), "confirmed"),
        (date(2026, 1, 20), "assigned"),
    ]


async def test_a_withdrawn_task_makes_none() -> None:
    world = await build_world()
    assignment = await recorded(world)

    await assignments.withdraw(world.secretariat, assignment, None, "Có văn bản khác.", "", MONDAY)

    assert await roll(at(date(2026, 3, 1))) == 0
    assert len(await occurrences()) == 1


async def test_a_missed_year_makes_only_the_present_occurrence() -> None:
    world = await build_world()
    await recorded(world)

    made = [await roll(at(date(2026, 11, 5))), await roll(at(date(2026, 11, 5), 10))]

    assert made == [1, 0]
    assert [due for _, due, _ in await occurrences()] == [date(2025, 12, 20), date(2026, 11, 20)]


async def test_the_agency_is_told_of_each_occurrence() -> None:
    world = await build_world()
    await recorded(world)
    await execute("UPDATE outbox SET state = 'failed'")  # the first assignment has left the queue

    await roll(at(date(2025, 12, 20)))

    told = await fetch("SELECT kind, address FROM outbox WHERE state = 'pending' ORDER BY address")
    assert [(r["kind"], r["address"]) for r in told] == [
        ("assigned", "focal@byt.example.vn"),
        ("assigned", "head_of_office@byt.example.vn"),
    ]
    history = await fetch("SELECT verb FROM history WHERE verb = 'recur'")
    assert len(history) == 1
