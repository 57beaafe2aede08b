"""Versions of an escalation policy: what was assigned under one keeps it, what is wrong is not saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.world import MONDAY, build_world, directive, task
from tracker.actions import directives
from tracker.actions.ladders import save_version
from tracker.db.assignments import list_by_ids
from tracker.db.engine import fetchval
from tracker.db.ladders import current_ladder, get_ladder
from tracker.domain.errors import Invalid
from tracker.domain.ladders import DEFAULT_STEPS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_an_assignment_keeps_the_version_it_began_with() -> None:
    world = await build_world()
    later = MONDAY + timedelta(hours=1)
    first = await directives.record(world.secretariat, directive(task()), MONDAY)

    await save_version(world.secretariat, "default", "Chung", DEFAULT_STEPS[:4], "Bớt bậc", later)
    second = await directives.record(world.secretariat, directive(task(), number="18/NQ-CP"), later)

    old, new = await list_by_ids((*first.assignment_ids, *second.assignment_ids))
    versions = [(await get_ladder(row.ladder_version_id)).version for row in (old, new)]
    assert versions == [1, 2]
    assert (await current_ladder(MONDAY)).version == 1
    assert (await current_ladder(later)).version == 2


async def test_two_equal_steps_are_refused_and_nothing_is_saved() -> None:
    world = await build_world()
    equal = (*DEFAULT_STEPS, replace(DEFAULT_STEPS[1], code="again"))

    with pytest.raises(Invalid) as refused:
        await save_version(world.secretariat, "default", "Chung", equal, "", MONDAY)

    assert [(p.field, p.code) for p in refused.value.problems] == [("/steps/9/offset", "ladder_steps_equal")]
    assert await fetchval("SELECT count(*) FROM ladder_version") == 1
