"""The demonstration: what it holds, and that it tells the truth of each day it can be loaded for."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from tests.rows import hand_of
from tracker.actions import demo
from tracker.actions.indicators import list_told
from tracker.actions.overdue import facts_of, overdue_list
from tracker.actions.reminders import sweep
from tracker.actions.seed import shipped
from tracker.db.assignments import list_by_ids
from tracker.db.calendar import load_calendar
from tracker.db.engine import fetch, fetchrow, fetchval
from tracker.db.inspections import list_items
from tracker.domain.assignments import Fine, classify
from tracker.domain.directory import SYSTEM
from tracker.domain.indicators import Exactness, Progress
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

TODAY = demo.DEFAULT_START

_kept: dict[str, tuple[demo.Loaded, str]] = {}


async def load(settings: Settings) -> demo.Loaded:
    """The demonstration of TODAY, loaded once and brought back for each test that begins with it."""
    hand = hand_of(settings.owner_dsn())
    assert hand is not None
    if settings.owner_dsn() not in _kept:
        loaded = await demo.load(TODAY)
        _kept[settings.owner_dsn()] = loaded, await hand.keep("demo")
    loaded, back = _kept[settings.owner_dsn()]
    await hand.bring_back(back)
    return loaded


async def fines(on: date) -> Counter[Fine]:
    """How many assignments stand where."""
    rows = await list_by_ids([r["id"] for r in await fetch("SELECT id FROM assignment")])
    facts, calendar = await facts_of(rows), await load_calendar()
    return Counter(classify(facts[row.id], on, calendar).fine for row in rows)


async def overdue_tasks(on: date) -> dict[str, list[int]]:
    """The short names of what is overdue, with the days late of each agency."""
    found: dict[str, list[int]] = {}
    for row in (await overdue_list(SYSTEM, on)).rows:
        found.setdefault(row.task, []).append(row.days_late)
    return found


async def test_everything_has_something_true_to_show(database: Settings) -> None:
    loaded = await load(database)

    assert loaded.tasks >= 150
    assert loaded.directives >= 12
    assert await fetchval("SELECT count(DISTINCT agency_id) FROM assignment") >= 60
    states = {r["state"] for r in await fetch("SELECT DISTINCT state FROM assignment")}
    assert states == {
        "assigned",
        "acknowledged",
        "in_progress",
        "reported",
        "returned",
        "confirmed",
        "withdrawn",
        "transferred",
    }
    assert set(await fines(TODAY.date())) >= {
        Fine.ON_SCHEDULE,
        Fine.DUE_SOON,
        Fine.DUE_TODAY,
        Fine.OVERDUE,
        Fine.AWAITING_CONFIRMATION,
        Fine.RETURNED,
        Fine.DONE_ON_TIME,
        Fine.DONE_LATE,
        Fine.STANDING,
        Fine.WITHDRAWN,
        Fine.TRANSFERRED,
    }
    extensions = {r["state"] for r in await fetch("SELECT DISTINCT state FROM extension")}
    assert extensions == {"pending", "granted", "refused"}
    assert await fetchval("SELECT count(*) FROM assignment WHERE committed_on IS NOT NULL") >= 4
    assert await fetchval("SELECT count(*) FROM official WHERE mailbox = 'dead'") == 1
    assert await fetchval("SELECT count(*) FROM official WHERE absent_from <= $1", TODAY.date()) == 1


async def test_nobody_is_told_of_the_past_and_the_future_is_told(database: Settings) -> None:
    await load(database)

    assert await fetchval("SELECT count(*) FROM outbox") == 0
    await sweep(TODAY)
    assert await fetchval("SELECT count(*) FROM outbox") == 0
    await sweep(TODAY + timedelta(days=1, hours=1))

    assert await fetchval("SELECT count(*) FROM outbox") > 0


async def test_history_is_dated_as_it_happened(database: Settings) -> None:
    await load(database)

    row = await fetchrow(
        "SELECT min(at) AS first, max(at) AS last, count(*) FILTER (WHERE at > $1) AS later FROM history",
        TODAY,
    )
    assert row is not None
    assert (row["first"].date(), row["later"]) == (date(2018, 4, 23), 0)
    # Each change of state of a bulk-written assignment left its line, as an action would have.
    missing = await fetchval(
        "SELECT count(*) FROM assignment a WHERE a.state = 'confirmed' AND NOT EXISTS"
        " (SELECT FROM history h WHERE h.assignment_id = a.id AND h.verb = 'confirm' AND h.at = a.confirmed_at)"
    )
    assert missing == 0


async def test_an_agency_that_ended_owes_nothing(database: Settings) -> None:
    await load(database)

    open_rows = await fetch(
        "SELECT DISTINCT g.name, t.short_name FROM assignment a JOIN agency g ON g.id = a.agency_id"
        " JOIN task t ON t.id = a.task_id WHERE g.valid_to IS NOT NULL AND a.state IN"
        " ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')"
    )
    assert [tuple(r) for r in open_rows] == []


async def test_the_official_list_of_november_is_still_owed_on_its_day(database: Settings) -> None:
    await load(database)

    owed = await overdue_tasks(date(2025, 11, 7))

    annex = [t for d in shipped("demo/directives.json")["directives"] for t in d["tasks"] if "annex_row" in t]
    assert len(annex) == 74
    missing = {t["annex_row"]: t["short_name"] for t in annex if t["short_name"] not in owed}
    assert missing == {}


async def test_the_situation_of_29_august_2019(database: Settings) -> None:
    day = date(2019, 8, 29)

    await demo.load(demo.start_of(day))

    owed = await overdue_tasks(day)
    assert owed["Ban hành kế hoạch của tỉnh, thành phố thực hiện Nghị quyết 17/NQ-CP"] == [151]
    assert "Thành lập Trung tâm phục vụ hành chính công cấp tỉnh" in owed
    portal = await fetchrow(
        "SELECT a.due_on, a.state FROM assignment a JOIN task t ON t.id = a.task_id WHERE t.short_name LIKE $1"
        " AND a.part = 'lead'",
        "Đưa Cổng Dịch vụ công%",
    )
    assert portal is not None
    assert (portal["due_on"], portal["state"]) == (date(2019, 11, 30), "in_progress")
    axis = await fetch(
        "SELECT summary, percent FROM report WHERE summary LIKE '%gửi qua Trục%' ORDER BY percent"
    )
    assert [(r["summary"].split("%")[0], r["percent"]) for r in axis] == [
        ("22", 22),
        ("30", 30),
        ("0,3", None),
    ]
    assert await fetchval("SELECT max(issued_on) FROM directive") < day
    assert (
        await fetchval("SELECT count(*) FROM official WHERE mailbox = 'dead' OR absent_from IS NOT NULL") == 0
    )


async def test_the_situation_of_11_september_2020(database: Settings) -> None:
    day = date(2020, 9, 11)

    await demo.load(demo.start_of(day))

    rows = await fetch(
        "SELECT g.name, a.due_on, a.state FROM assignment a JOIN task t ON t.id = a.task_id"
        " JOIN agency g ON g.id = a.agency_id"
        " WHERE t.short_name = 'Kết nối Hệ thống thông tin báo cáo quốc gia' AND a.part <> 'cooperating'"
    )
    assert len(rows) == 7
    assert {r["due_on"] for r in rows} == {date(2020, 11, 30)}
    assert {r["state"] for r in rows} == {"assigned"}


async def test_the_figures_of_the_articles_are_read_by_their_agencies(database: Settings) -> None:
    await load(database)

    told = await list_told(SYSTEM, TODAY.date())
    by_figure = {
        (one.defined.indicator.name, one.defined.agency_code): one for one in told if one.standing.last
    }
    near = by_figure["Văn bản gửi Văn phòng Chính phủ có chữ ký số", "H26"].standing.last
    assert near is not None
    assert (near.figure.words, near.figure.exactness) == ("gần 100", Exactness.BELOW)
    joined = [one for one in told if one.defined.indicator.name.endswith("cấp huyện")]
    assert {one.defined.indicator.target for one in joined} == {60}
    assert len(joined) == 7
    assert {one.standing.progress for one in joined} == {Progress.ACHIEVED, Progress.MISSED}
    assert any(one.is_behind for one in told)
    assert any(one.standing.missing for one in told)
    assert await fetchval("SELECT count(*) FROM outbox") == 0


async def test_what_came_later_is_left_out(database: Settings) -> None:
    await demo.load(demo.start_of(date(2025, 11, 28)))

    numbers = {r["number"] for r in await fetch("SELECT number FROM directive")}

    assert {"229/CĐ-TTg", "230/CĐ-TTg", "232/CĐ-TTg", "637/TB-VPCP"} <= numbers


async def test_a_session_waits_to_be_held_and_another_is_planned(database: Settings) -> None:
    await load(database)

    sessions = await fetch("SELECT id, state, held_on, place FROM inspection ORDER BY held_on")
    explained = [row for row in await list_items(sessions[0]["id"]) if row.item.explanation]
    counts = await fetch(
        "SELECT count(*) AS agencies FROM inspection_agency GROUP BY inspection_id ORDER BY inspection_id"
    )

    assert [row["state"] for row in sessions] == ["frozen", "planned"]
    assert all(row["held_on"] > TODAY.date() and row["place"] for row in sessions)
    assert [row["agencies"] for row in counts] == [3, 5]
    assert len(explained) == 2
