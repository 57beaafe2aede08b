"""Indicators and their readings on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.conftest import as_owner
from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import directives, indicators
from tracker.actions.indicators import IndicatorExists, NewReading, ReadingExists, ReadingMoved
from tracker.db import indicators as db
from tracker.db.engine import as_stranger, fetchval, look_as
from tracker.db.history import list_history
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.domain.indicators import Direction, Exactness, Frequency, Indicator, Progress
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

SHARE = Indicator(
    "Hồ sơ giải quyết trực tuyến",
    "%",
    date(2025, 10, 1),
    date(2025, 12, 31),
    counts="hồ sơ",
    baseline=Decimal(12),
    target=Decimal(30),
    steps=((date(2025, 11, 1), Decimal("20.5")),),
)


@dataclass(frozen=True)
class Made:
    """The world, the ministry's assignment and its indicator."""

    world: World
    assignment_id: int
    indicator_id: int


@pytest.fixture
async def made(database: Settings) -> Made:
    """A task of two ministries; that of health has an indicator."""
    world = await build_world()
    new = directive(task("trước ngày 31/12/2025", leads=("BYT", "BTC")), issued_on=date(2025, 10, 1))
    recorded = await directives.record(world.secretariat, new, datetime(2025, 10, 1, 3, tzinfo=UTC))
    own: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        recorded.task_ids[0],
        world.agencies["BYT"],
    )
    return Made(world, own, await indicators.define(world.secretariat, own, SHARE, MONDAY))


async def test_an_indicator_is_kept_whole_and_once(made: Made) -> None:
    found = await db.get_indicator(made.world.secretariat, made.indicator_id)
    assert found.indicator == SHARE
    assert (found.assignment_id, found.agency_code) == (made.assignment_id, "BYT")
    with pytest.raises(IndicatorExists):
        await indicators.define(made.world.secretariat, made.assignment_id, SHARE, MONDAY)
    with pytest.raises(NotPermitted):
        await indicators.define(made.world.agency, made.assignment_id, replace(SHARE, name="Khác"), MONDAY)
    with pytest.raises(Invalid) as refused:
        wrong = replace(SHARE, name=" ", direction=Direction.AT_MOST)
        await indicators.define(made.world.secretariat, made.assignment_id, wrong, MONDAY)
    assert {p.field for p in refused.value.problems} == {"/name", "/direction"}
    unloaded = replace(SHARE, name="Cũ", starts_on=date(2017, 1, 1), due_on=date(2017, 12, 31), steps=())
    with pytest.raises(Invalid):
        await indicators.define(made.world.secretariat, made.assignment_id, unloaded, MONDAY)


async def test_a_reading_is_taken_and_tells_where_the_indicator_stands(made: Made) -> None:
    world = made.world
    before = await indicators.look(world.agency, made.indicator_id, MONDAY)
    assert before.standing.progress is Progress.UNREAD
    assert [p.key for p in before.standing.missing] == ["2025-10"]

    await indicators.enter(
        world.agency, made.indicator_id, NewReading("14,5 %", date(2025, 10, 31)), "page", MONDAY
    )
    await indicators.enter(
        world.agency,
        made.indicator_id,
        NewReading("gần 20", date(2025, 11, 20), unit="% hồ sơ"),
        "api",
        MONDAY,
    )

    told = await indicators.look(world.secretariat, made.indicator_id, MONDAY)
    assert told.standing.missing == ()
    assert (told.standing.progress, told.standing.planned) == (Progress.BEHIND, Decimal("20.5"))
    last = told.readings["2025-11"]
    assert (last.reading.figure.words, last.reading.figure.exactness, last.source) == (
        "gần 20",
        Exactness.BELOW,
        "api",
    )
    behind = await indicators.behind_items(world.secretariat, [world.agencies["BYT"]], date(2025, 11, 24))
    assert [one.defined.id for one in behind] == [made.indicator_id]
    assert await indicators.behind_items(world.secretariat, [world.agencies["BTC"]], date(2025, 11, 24)) == []
    # As of an earlier day, later readings are not known.
    earlier = (await indicators.list_told(world.secretariat, date(2025, 10, 31)))[0]
    assert set(earlier.readings) == {"2025-10"}
    verbs = [row.verb for row in await list_history(world.secretariat, made.assignment_id)]
    assert verbs.count("enter_reading") == 2


@pytest.mark.parametrize(
    ("new", "field", "code"),
    [
        (NewReading("15 % thủ tục", date(2025, 11, 20)), "/figure", "reading_unit"),
        (NewReading("15", date(2025, 11, 20), unit="thủ tục"), "/unit", "reading_unit"),
        (NewReading("15", date(2025, 11, 20), unit="%"), "/unit", "reading_unit"),
        (NewReading("130", date(2025, 11, 20)), "/figure", "figure_out_of_range"),
        (NewReading("nhiều", date(2025, 11, 20)), "/figure", "figure_unreadable"),
        (NewReading("15", date(2025, 11, 25)), "/as_of", "reading_in_future"),
        (NewReading("15", date(2025, 9, 30)), "/as_of", "reading_too_early"),
    ],
)
async def test_a_wrong_reading_is_refused_and_nothing_is_written(
    made: Made, new: NewReading, field: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await indicators.enter(made.world.agency, made.indicator_id, new, "page", MONDAY)
    assert [(p.field, p.code) for p in refused.value.problems] == [(field, code)]
    assert await db.list_readings(made.indicator_id) == []


async def test_a_second_reading_of_a_period_is_a_correction_with_its_reason(made: Made) -> None:
    agency, first = made.world.agency, NewReading("14", date(2025, 11, 10))
    await indicators.enter(agency, made.indicator_id, first, "page", MONDAY)
    with pytest.raises(ReadingExists) as refused:
        await indicators.enter(agency, made.indicator_id, replace(first, figure="15"), "page", MONDAY)
    assert refused.value.params == {"period": "2025-11", "words": "14", "sequence": 1}
    with pytest.raises(Invalid):
        await indicators.enter(agency, made.indicator_id, replace(first, corrects=1), "page", MONDAY)

    again = replace(first, figure="15", reason="Thiếu hồ sơ của hai sở", corrects=1)
    await indicators.enter(agency, made.indicator_id, again, "page", MONDAY)
    with pytest.raises(ReadingMoved):
        await indicators.enter(agency, made.indicator_id, again, "page", MONDAY)

    assert [
        (r.sequence, r.reading.figure.words, r.reason) for r in await db.list_readings(made.indicator_id)
    ] == [
        (2, "15", "Thiếu hồ sơ của hai sở"),
        (1, "14", ""),
    ]
    told = await indicators.look(agency, made.indicator_id, MONDAY)
    assert told.readings["2025-11"].reading.figure.number == 15


async def test_of_two_first_readings_at_once_one_is_refused(made: Made) -> None:
    new = NewReading("14", date(2025, 11, 10))
    done = await asyncio.gather(
        *(indicators.enter(made.world.agency, made.indicator_id, new, "page", MONDAY) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["ReadingExists", "int"]


async def test_another_agency_neither_sees_nor_reads_it(made: Made) -> None:
    other = made.world.other_agency
    with pytest.raises(NotFound):
        await indicators.look(other, made.indicator_id, MONDAY)
    with pytest.raises(NotFound):
        await indicators.enter(other, made.indicator_id, NewReading("14", date(2025, 11, 10)), "page", MONDAY)
    assert await indicators.list_told(other, date(2025, 11, 24)) == []
    with pytest.raises(NotPermitted):
        new = NewReading("14", date(2025, 11, 10))
        await indicators.enter(made.world.secretariat, made.indicator_id, new, "page", MONDAY)


async def test_states_are_told_in_words(made: Made) -> None:
    state = Indicator(
        "Chữ ký số cá nhân", "", date(2025, 10, 1), date(2025, 12, 31), frequency=Frequency.QUARTERLY
    )
    made_id = await indicators.define(made.world.secretariat, made.assignment_id, state, MONDAY)
    new = NewReading("đang thử nghiệm", date(2025, 11, 1))
    await indicators.enter(made.world.agency, made_id, new, "page", MONDAY)
    told = await indicators.look(made.world.agency, made_id, MONDAY)
    assert (told.standing.progress, list(told.readings)) == (Progress.WATCHED, ["2025-Q4"])


async def test_the_database_itself_keeps_readings_in_and_unchanged(made: Made, database: Settings) -> None:
    new = NewReading("14", date(2025, 11, 10))
    with as_stranger():
        look_as(made.world.agency)
        await indicators.enter(made.world.agency, made.indicator_id, new, "page", MONDAY)
        assert await fetchval("SELECT count(*) FROM indicator_reading") == 1
    with as_stranger():
        look_as(made.world.other_agency)
        assert await fetchval("SELECT count(*) FROM indicator_reading") == 0
        assert await fetchval("SELECT count(*) FROM indicator") == 0
    for statement in ("UPDATE indicator_reading SET words = 'x'", "DELETE FROM indicator_reading"):
        with pytest.raises(Exception, match="never changed"):
            await as_owner(database, statement)
