"""Targets in an inspection session: on the agenda with their figures, explained, and a reason to be invited."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.world import MONDAY, build_world, directive, task
from tracker.actions import directives, indicators, inspections
from tracker.actions.indicators import NewReading
from tracker.db.engine import execute, fetchval
from tracker.domain.indicators import Indicator
from tracker.domain.inspections import ItemKind, Plan, Reason, Topic
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

TODAY = MONDAY.date()
SHARE = Indicator(
    "Hồ sơ giải quyết trực tuyến",
    "%",
    date(2025, 10, 1),
    date(2025, 12, 31),
    counts="hồ sơ",
    baseline=Decimal(12),
    target=Decimal(30),
)
PLAN = Plan("Kiểm tra chỉ tiêu", TODAY, TODAY, TODAY + timedelta(days=30), ("BYT",), explain_by=TODAY)


async def test_targets_behind_are_judged_explained_and_a_reason_to_come(database: Settings) -> None:
    world = await build_world()
    new = directive(
        replace(
            task("trước ngày 31/03/2026", leads=("BYT", "BTC")), short_name="Cung cấp dịch vụ trực tuyến"
        ),
        issued_on=date(2025, 10, 1),
    )
    recorded = await directives.record(world.secretariat, new, MONDAY - timedelta(days=50))
    own: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        recorded.task_ids[0],
        world.agencies["BYT"],
    )
    behind = await indicators.define(world.secretariat, own, SHARE, MONDAY)
    fine = await indicators.define(world.secretariat, own, replace(SHARE, name="Đúng kế hoạch"), MONDAY)
    for indicator, figure in ((behind, "13"), (fine, "29")):
        for day in (date(2025, 10, 31), date(2025, 11, 20)):
            await indicators.enter(world.agency, indicator, NewReading(figure, day), "page", MONDAY)

    (candidate,) = [
        c for c in await inspections.candidates(world.secretariat, MONDAY) if c.agency_code == "BYT"
    ]
    assert dict(candidate.reasons)[Reason.TARGETS_BEHIND] == 1

    session = await inspections.plan(world.secretariat, PLAN, MONDAY)
    (item,) = (await inspections.agenda(world.secretariat, session, MONDAY)).items
    assert (item.kind, item.title, item.indicator_id, item.status) == (
        ItemKind.TARGET,
        SHARE.name,
        behind,
        "target_behind",
    )
    assert item.days == 45  # 13 was the plan of 06/10
    assert item.figures == (
        "13 % hồ sơ tính đến 20/11/2025; kế hoạch 21,89 % hồ sơ;"
        " mục tiêu ít nhất 30 % hồ sơ đến ngày 31/12/2025"
    )

    version: int = await fetchval("SELECT row_version FROM inspection WHERE id = $1", session)
    assert await inspections.ask_to_explain(world.secretariat, session, version, MONDAY) == 1
    urged: int = await fetchval("SELECT count(*) FROM urged WHERE assignment_id = $1", own)
    assert urged == 1

    # Of another directive it is no matter; of a restricted task no word and no figure is written down.
    other = await directives.record(
        world.secretariat, replace(new, number="77/QĐ-TTg"), MONDAY - timedelta(days=40)
    )
    narrow = replace(PLAN, topic=Topic.DIRECTIVE, directive_id=other.directive_id)
    apart = await inspections.plan(world.secretariat, narrow, MONDAY)
    assert (await inspections.agenda(world.secretariat, apart, MONDAY)).totals.target == 0
    await execute("UPDATE task SET restricted = true WHERE id = $1", recorded.task_ids[0])
    (hidden,) = (await inspections.agenda(world.secretariat, session, MONDAY)).items
    assert hidden.kind is ItemKind.TARGET
    assert (hidden.full_text, hidden.figures) == ("", "")
    assert SHARE.name not in repr(hidden)

    # What has ended is behind nothing.
    await indicators.end(world.secretariat, behind, None, "Đã thay bằng chỉ tiêu khác", MONDAY)
    assert (await inspections.agenda(world.secretariat, session, MONDAY)).items == ()
    assert await indicators.behind_items(world.secretariat, [world.agencies["BYT"]], TODAY) == []
