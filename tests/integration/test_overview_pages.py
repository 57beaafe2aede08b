"""The official's page, the month and the reports over HTTP: every figure leads to the list that it counts."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta

import pytest

from tests.integration.test_overdue_rule import START, some_lives
from tests.world import build_world
from tracker.actions.notices import without_messages
from tracker.actions.overdue import overdue_list
from tracker.actions.overview import end_of, moment_of, overview, sunday_of
from tracker.db import reads_overview
from tracker.domain.zone import at_official

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.mark.parametrize("seed", [3, 11])
async def test_the_trend_counts_what_the_overdue_list_of_each_day_counts(seed: int) -> None:
    world = await build_world()
    with without_messages():
        await some_lives(world, random.Random(seed))
    days = [START + timedelta(days=n) for n in range(0, 140, 9)]
    now = at_official(START + timedelta(days=131), time(11))

    counted = await reads_overview.count_overdue_at(world.secretariat, None, [end_of(day) for day in days])
    of_one = await reads_overview.count_overdue_at(
        world.member, [world.agencies["BTC"]], [end_of(day) for day in days]
    )
    at_once = await reads_overview.count_overdue_at(world.secretariat, None, [moment_of(now)])
    told = await overview(world.member, (), now)

    lists = [(await overdue_list(world.secretariat, day)).totals.open_overdue for day in days]
    assert counted == lists
    assert max(lists) > 5
    assert of_one == [(await overdue_list(world.member, day, ["BTC"])).totals.open_overdue for day in days]
    assert 0 < max(of_one) < max(lists)
    assert at_once == [(await overdue_list(world.secretariat, now)).totals.open_overdue]
    assert told.trend[-1].count == told.standing.overdue == at_once[0]
    assert [point.day for point in told.trend[:-1]] == [
        sunday_of(now.date()) - timedelta(weeks=back) for back in range(11, 0, -1)
    ]
    assert isinstance(now, datetime)
