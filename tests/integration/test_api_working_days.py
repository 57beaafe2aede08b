"""Working days by API: what a swap moves, deadlines that follow by decision only, and who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.api import DIRECTIVE, Api, running_api
from tests.world import MONDAY, build_world, directive, task
from tracker import clock
from tracker.actions import assignments, directives, working_days
from tracker.actions.reminders import sweep
from tracker.db.assignments import get_assignment
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.calendar_change import Counted, changed_calendar, counts_working_days, shifts
from tracker.domain.rules import After, DeadlineRule, Unit, on_day
from tracker.domain.workdays import CalendarUnknown, DayMark, WorkCalendar
from tracker.settings import Settings
from tracker.shipped import shipped_calendar

pytestmark = pytest.mark.anyio
ANY = {"If-Match": "*"}
FRIDAY, SATURDAY = date(2025, 11, 28), date(2025, 12, 6)
BODY = {"kind": "off", "name": "Nghỉ hoán đổi", "document": "Thông báo 6150/TB-BNV"}
TEN_DAYS = DeadlineRule(After(10, Unit.WORKDAY))


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    clock.set_offset(MONDAY - clock.utc_now())
    async with running_api(database) as running:
        yield running


def counted_task(name: str = "Việc tính ngày làm việc", days: int = 10) -> dict[str, Any]:
    return {
        **DIRECTIVE["tasks"][0],
        "short_name": name,
        "cooperating": [],
        "deadline": f"trong thời hạn {days} ngày làm việc kể từ ngày ký",
    }


async def recorded(api: Api) -> str:
    """An assignment due ten working days after Monday 24/11/2025: on 08/12/2025."""
    made = await api.recorded(number="99/NQ-CP", issued_on="2025-11-24", tasks=[counted_task()])
    assignment: str = made["assignment_ids"][0]
    row = await get_assignment(api.world.secretariat, int(assignment))
    assert row.due_on == date(2025, 12, 8)
    return assignment


# -- the rule ----------------------------------------------------------------------------------------------

CALENDAR = WorkCalendar({}, frozenset({2025}))
OFF = DayMark("off", "", "")


def counted(due_on: date, *, is_original: bool = True) -> Counted:
    return Counted(1, TEN_DAYS, date(2025, 11, 24), None, due_on, None, is_original)


def test_only_working_day_rules_count() -> None:
    assert counts_working_days(TEN_DAYS)
    assert not counts_working_days(DeadlineRule(After(10, Unit.DAY)))
    assert not counts_working_days(on_day(FRIDAY))


@pytest.mark.parametrize(
    ("due_on", "is_original", "expected"),
    [
        (date(2025, 12, 8), True, [(date(2025, 12, 9), False)]),
        # An earlier change was not applied: brought along.
        (date(2025, 12, 5), True, [(date(2025, 12, 9), True)]),
        # Moved by a correction that the calendar does not explain: somebody's own decision.
        (date(2025, 12, 5), False, []),
        (date(2025, 12, 8), False, [(date(2025, 12, 9), False)]),
        (date(2025, 12, 9), True, []),
    ],
)
def test_which_deadlines_shift(due_on: date, is_original: bool, expected: list[tuple[date, bool]]) -> None:
    after = changed_calendar(CALENDAR, {FRIDAY: OFF})

    found = shifts([counted(due_on, is_original=is_original)], CALENDAR, after)

    assert [(s.after, s.is_pending) for s in found] == expected


def test_year_that_is_not_known_is_refused() -> None:
    with pytest.raises(CalendarUnknown):
        changed_calendar(CALENDAR, {date(2026, 1, 1): OFF})


# -- by API ------------------------------------------------------------------------------------------------


async def test_year_lists_its_marked_days(api: Api) -> None:
    agency = await api.client(api.world.agency)

    known = (await agency.get("/api/v1/working-days", params={"year": "2026"})).json()
    unknown = (await agency.get("/api/v1/working-days", params={"year": "2030"})).json()
    day = (await agency.get("/api/v1/working-days/2026-01-01")).json()
    usual = (await agency.get("/api/v1/working-days/2025-11-28")).json()

    assert [(i["day"], i["kind"]) for i in known["items"]] == [("2026-01-01", "off")]
    assert (known["known"]["confirmed"], unknown["known"], unknown["items"]) == (True, None, [])
    assert (day["is_working"], usual["is_working"], usual["kind"]) == (False, True, None)
    assert (await agency.get("/api/v1/working-days/2026-02-30")).status_code == 404
    assert (await agency.get("/api/v1/working-days/tomorrow")).status_code == 404


async def test_preview_of_a_swap_lists_what_moves_and_writes_nothing(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    assignment = await recorded(api)
    await api.recorded(tasks=[{**DIRECTIVE["tasks"][0], "deadline": "trước ngày 12/12/2025"}])
    changes = [{"day": str(FRIDAY), "kind": "off"}]

    off = await office.post("/api/v1/working-days/preview", json={"changes": changes})
    swap = await office.post(
        "/api/v1/working-days/preview", json={"changes": [*changes, {"day": str(SATURDAY), "kind": "work"}]}
    )
    twice = await office.post("/api/v1/working-days/preview", json={"changes": changes * 2})
    beyond = await office.post(
        "/api/v1/working-days/preview", json={"changes": [{"day": "2035-01-01", "kind": "off"}]}
    )

    (shift,) = off.json()["shifts"]
    assert (shift["assignment_id"], shift["before"], shift["after"]) == (
        assignment,
        "2025-12-08",
        "2025-12-09",
    )
    # Ten working days before Friday 12/12 was that very day; two agencies have the task.
    assert [(m["step"], m["assignments"], m["after"]) for m in off.json()["reminders"]] == [
        ("before_10", 2, "2025-11-27T01:00:00Z")
    ]
    assert off.json()["reminders_moved"] == 2
    # The Saturday is worked for the Friday: ten days are over where they were.
    assert swap.json()["shifts"] == []
    assert [e["code"] for e in twice.json()["errors"]] == ["day_twice"]
    assert [e["code"] for e in beyond.json()["errors"]] == ["calendar_unknown"]
    assert await fetchval("SELECT count(*) FROM working_day") == 1


async def test_deadline_follows_only_by_decision(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    assignment = int(await recorded(api))
    path = f"/api/v1/working-days/{FRIDAY}"
    tag = {"If-Match": (await admin.get(path)).headers["etag"]}

    marked = await admin.put(path, json=BODY, headers=tag)
    stale = await admin.put(path, json=BODY, headers=tag)
    without = await admin.put(path, json=BODY)
    stays = await get_assignment(api.world.secretariat, assignment)
    pending = await admin.post("/api/v1/working-days/preview", json={})
    applied = await admin.put(
        path, json={**BODY, "apply_shifts": True}, headers={"If-Match": marked.headers["etag"]}
    )

    assert (marked.status_code, stale.status_code, without.status_code) == (200, 412, 428)
    assert (len(marked.json()["preview"]["shifts"]), marked.json()["applied"]) == (1, 0)
    assert stays.due_on == date(2025, 12, 8)
    assert [s["is_pending"] for s in pending.json()["shifts"]] == [True]
    assert applied.json()["applied"] == 1
    row = await get_assignment(api.world.secretariat, assignment)
    assert (row.due_on, row.deadline_version) == (date(2025, 12, 9), 2)
    change = await fetch("SELECT kind, document FROM deadline_change WHERE deadline_version = 2")
    assert [(r["kind"], r["document"]) for r in change] == [("correction", BODY["document"])]


async def test_day_taken_back_moves_the_deadline_back(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    assignment = int(await recorded(api))
    path = f"/api/v1/working-days/{FRIDAY}"
    await admin.put(path, json={**BODY, "apply_shifts": True}, headers=ANY)

    nameless = await admin.delete(path, headers=ANY)
    back = await admin.delete(
        path, params={"document": "Thông báo 6200/TB-BNV", "apply_shifts": "true"}, headers=ANY
    )

    assert nameless.status_code == 400
    assert (back.json()["applied"], back.json()["day"]["is_working"]) == (1, True)
    row = await get_assignment(api.world.secretariat, assignment)
    assert (row.due_on, row.deadline_version) == (date(2025, 12, 8), 3)


async def test_shipped_day_stays_taken_back_after_the_next_seed(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    day = next(
        d
        for d, m in shipped_calendar().days.items()
        if d.year == 2025 and m.kind == "off" and d.weekday() < 5
    )

    await admin.delete(f"/api/v1/working-days/{day}", params={"document": "Thông báo 1"}, headers=ANY)

    assert (await admin.get(f"/api/v1/working-days/{day}")).json()["is_working"] is True
    assert await fetchval("SELECT kind FROM working_day WHERE day = $1", day) == "work"


async def test_deadline_moved_by_hand_stays(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    assignment = int(await recorded(api))
    await assignments.set_deadline(
        api.world.secretariat, assignment, None, date(2025, 12, 10), None, "Sửa", "1/VPCP", clock.utc_now()
    )

    marked = await admin.put(
        f"/api/v1/working-days/{FRIDAY}", json={**BODY, "apply_shifts": True}, headers=ANY
    )

    assert (marked.json()["preview"]["shifts"], marked.json()["applied"]) == ([], 0)


async def test_year_is_declared_once(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    body = {"year": 2028, "document": "Thông báo 5015/TB-BNV"}

    made = await admin.post("/api/v1/working-years", json=body)
    again = await admin.post("/api/v1/working-years", json=body)
    marked = await admin.put("/api/v1/working-days/2028-01-03", json=BODY, headers=ANY)

    assert (made.status_code, again.status_code, again.json()["code"]) == (201, 409, "working_year_known")
    assert (await admin.get(made.headers["location"])).json()["known"]["year"] == 2028
    assert marked.status_code == 200


async def test_only_the_administrator_changes_days(api: Api) -> None:
    office, agency = await api.client(api.world.secretariat), await api.client(api.world.agency)

    for client in (office, agency):
        assert (
            await client.put("/api/v1/working-days/2025-11-28", json=BODY, headers=ANY)
        ).status_code == 403
        assert (await client.post("/api/v1/working-years", json={})).status_code == 403
    assert (await office.post("/api/v1/working-days/preview", json={})).status_code == 200
    assert (await agency.post("/api/v1/working-days/preview", json={})).status_code == 403


# -- who is told -------------------------------------------------------------------------------------------


async def moved(count: int) -> list[tuple[str, str]]:
    """Kind and address of what is sent when `count` deadlines of one ministry move."""
    world = await build_world()
    tasks = [
        task("trong thời hạn 10 ngày làm việc kể từ ngày ký", short_name=f"Việc {n}") for n in range(count)
    ]
    await directives.record(world.secretariat, directive(*tasks, issued_on=date(2025, 11, 24)), MONDAY)
    await execute("UPDATE outbox SET state = 'sent', sent_at = now()")
    mark = DayMark("off", "Nghỉ", "Thông báo 1/TB")
    changed = await working_days.mark_day(
        world.administrator, date(2025, 12, 1), mark, None, MONDAY + timedelta(hours=1), apply_shifts=True
    )
    assert changed.applied == count
    rows = await fetch("SELECT kind, address FROM outbox WHERE state = 'pending' ORDER BY kind, address")
    return [(r["kind"], r["address"]) for r in rows]


async def test_many_shifts_come_as_one_digest_for_each_person(database: Settings) -> None:
    assert await moved(8) == [("digest", "focal@byt.example.vn"), ("digest", "head_of_office@byt.example.vn")]
    assert (
        await fetchval("SELECT count(*) FROM reminder WHERE deadline_version = 2 AND step_code = 'assigned'")
        == 16
    )


async def test_holder_of_an_invitation_gets_its_update(database: Settings) -> None:
    assert await moved(1) == [
        ("deadline_moved", "focal@byt.example.vn"),
        ("deadline_moved", "head_of_office@byt.example.vn"),
    ]


async def test_task_not_told_of_yet_is_told_with_the_date_that_holds(database: Settings) -> None:
    world = await build_world()
    counted = task("trong thời hạn 10 ngày làm việc kể từ ngày ký")
    await directives.record(world.secretariat, directive(counted, issued_on=date(2025, 11, 24)), MONDAY)

    await working_days.mark_day(
        world.administrator,
        date(2025, 12, 1),
        DayMark("off", "Nghỉ", "1/TB"),
        None,
        MONDAY,
        apply_shifts=True,
    )

    rows = await fetch("SELECT kind FROM outbox WHERE state = 'pending'")
    assert [r["kind"] for r in rows] == ["assigned", "assigned"]


async def test_reminders_follow_the_calendar_by_themselves(database: Settings) -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task("trước ngày 15/12/2025")), MONDAY)
    tenth = datetime(2025, 12, 1, 1, 5, tzinfo=UTC)

    seen = await working_days.preview(world.administrator, {date(2025, 12, 5): DayMark("off", "", "")})
    await working_days.mark_day(
        world.administrator, date(2025, 12, 5), DayMark("off", "Nghỉ", "1/TB"), None, MONDAY
    )
    friday = await sweep(datetime(2025, 11, 28, 1, 5, tzinfo=UTC))
    monday = await sweep(tenth)

    (first,) = [m for m in seen.reminders if m.step_code == "before_10"]
    assert first.after is not None
    assert first.after.date() == date(2025, 11, 28)
    assert (friday.called, monday.called) == (1, 0)
