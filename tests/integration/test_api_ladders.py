"""Ladders by API: versions, a rehearsal that agrees with the sweep, and going over to a newer version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from tests.api import Api, running_api
from tests.world import MONDAY, build_world, directive, task
from tracker import clock
from tracker.actions import assignments, directives, ladders, reports
from tracker.actions.reminders import sweep
from tracker.db.calendar import insert_days
from tracker.db.engine import fetch, fetchval
from tracker.db.ladders import current_ladder, newest_version
from tracker.domain.directory import Actor, Role
from tracker.domain.drafts import NewReport
from tracker.domain.errors import Invalid
from tracker.domain.ladders import DEFAULT_STEPS, Anchor, Ladder, Step, Unit
from tracker.domain.moments import owed, plan
from tracker.domain.rehearsal import Course, DeadlineSet, Rehearsal, Waiting, carried_rank
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ANY = {"If-Match": "*"}
DONE = NewReport("completion", "Đã xong", evidence_number="1/BYT")
STEP: dict[str, Any] = {
    "code": "before_4",
    "anchor": "before",
    "offset": 4,
    "unit": "working",
    "to": ["focal"],
    "copy": ["head_of_office"],
    "wording": "soon",
}
CALENDAR = WorkCalendar({}, frozenset({2025, 2026}))
LADDER = Ladder(1, "default", 1, DEFAULT_STEPS)


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


# -- versions ----------------------------------------------------------------------------------------------


async def test_new_version_takes_the_place_of_the_one_that_was_read(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    first = await office.get("/api/v1/ladders/default")
    body = {"steps": [STEP], "note": "Sớm hơn"}
    tag = {"If-Match": first.headers["etag"]}

    saved = await office.post("/api/v1/ladders/default/versions", json=body, headers=tag)
    stale = await office.post("/api/v1/ladders/default/versions", json=body, headers=tag)
    without = await office.post("/api/v1/ladders/default/versions", json=body)
    old = await office.get("/api/v1/ladders/default/versions/1")
    new = await office.get(saved.headers["location"])
    everything = await office.get("/api/v1/ladders")

    assert (saved.status_code, stale.status_code, without.status_code) == (201, 412, 428)
    assert (first.json()["version"], saved.json()["version"]) == (1, 2)
    assert [v["note"] for v in saved.json()["versions"]] == ["Sớm hơn", ""]
    assert saved.json()["versions"][0]["created_by"] == "Người officer"
    assert (len(old.json()["steps"]), [s["code"] for s in new.json()["steps"]]) == (9, ["before_4"])
    assert [(i["code"], i["version"]) for i in everything.json()["items"]] == [("default", 2)]
    assert (await office.get("/api/v1/ladders/default/versions/3")).status_code == 404
    assert (await office.get("/api/v1/ladders/nobody")).status_code == 404


async def test_new_code_needs_a_name(api: Api) -> None:
    office = await api.client(api.world.secretariat)

    nameless = await office.post("/api/v1/ladders/gap/versions", json={"steps": [STEP]}, headers=ANY)
    named = await office.post(
        "/api/v1/ladders/gap/versions", json={"steps": [STEP], "name": "Việc gấp"}, headers=ANY
    )

    assert [e["pointer"] for e in nameless.json()["errors"]] == ["/name"]
    assert (named.status_code, named.json()["name"]) == (201, "Việc gấp")


async def test_steps_that_make_no_ladder_are_named(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    wrong = [STEP, {**STEP, "code": "again"}, {**STEP, "code": "hours", "unit": "hours"}]

    refused = await office.post("/api/v1/ladders/default/versions", json={"steps": wrong}, headers=ANY)

    assert refused.status_code == 422
    assert "ladder_hours_only_on_the_day" in {e["code"] for e in refused.json()["errors"]}


async def test_agencies_read_ladders_and_change_nothing(api: Api) -> None:
    agency = await api.client(api.world.agency)

    assert (await agency.get("/api/v1/ladders/default")).status_code == 200
    for path in ("default/versions", "dry-run", "default/replan"):
        refused = await agency.post(f"/api/v1/ladders/{path}", json={}, headers=ANY)
        assert (refused.status_code, path) == (403, path)


# -- the rule of the rehearsal -----------------------------------------------------------------------------


def course(
    *deadlines: DeadlineSet, waits: tuple[Waiting, ...] = (), closed: datetime | None = None
) -> Course:
    return Course(1, 1, None, deadlines[0].set_at, closed, deadlines, waits)


def noon(year: int, month: int, day: int) -> datetime:
    return at_official(date(year, month, day), time(12))


LATER = noon(2026, 6, 1)


def told(one: Course, ladder: Ladder = LADDER, until: datetime = LATER) -> list[tuple[str, int, str]]:
    found = Rehearsal(ladder, CALENDAR).run(one, noon(2025, 1, 1), until)
    return [(*s.moment.key, f"{s.at + timedelta(hours=7):%d/%m}") for s in found]


DUE = DeadlineSet(1, noon(2025, 11, 24), date(2025, 12, 15))


def test_nobody_answers_and_every_step_comes() -> None:
    assert told(course(DUE)) == [
        ("assigned", 1, "24/11"),
        ("before_10", 1, "01/12"),
        ("before_3", 1, "10/12"),
        ("on_day", 1, "15/12"),
        ("after_1", 1, "16/12"),
        ("after_5", 1, "22/12"),
        ("after_5", 2, "29/12"),
        ("after_5", 3, "05/01"),
        ("after_5", 4, "12/01"),
        ("after_30", 1, "26/01"),
    ]


def test_short_deadline_skips_the_steps_that_had_passed() -> None:
    short = DeadlineSet(1, noon(2025, 12, 11), date(2025, 12, 15))

    assert [code for code, _, _ in told(course(short))][:3] == ["assigned", "on_day", "after_1"]


def test_moved_deadline_begins_anew_and_is_told() -> None:
    moved = DeadlineSet(2, noon(2025, 12, 10), date(2026, 1, 15))

    assert told(course(DUE, moved))[:5] == [
        ("assigned", 1, "24/11"),
        ("before_10", 1, "01/12"),
        ("before_3", 1, "10/12"),
        ("assigned", 1, "10/12"),
        ("before_10", 1, "01/01"),
    ]


def test_clock_stops_while_a_report_waits_and_the_newest_step_follows_a_return() -> None:
    wait = Waiting(noon(2025, 12, 9), noon(2025, 12, 23), is_returned=True)

    found = told(course(DUE, waits=(wait,)), until=noon(2025, 12, 28))

    assert found == [
        ("assigned", 1, "24/11"),
        ("before_10", 1, "01/12"),
        ("review", 1, "12/12"),
        ("review_head", 1, "17/12"),
        ("after_5", 1, "23/12"),
    ]


def test_confirmed_report_ends_it() -> None:
    wait = Waiting(noon(2025, 12, 9), noon(2025, 12, 10))

    found = told(course(DUE, waits=(wait,), closed=noon(2025, 12, 10)))

    assert [code for code, _, _ in found] == ["assigned", "before_10"]


def test_return_at_night_is_followed_in_the_morning() -> None:
    night = at_official(date(2025, 12, 18), time(21))
    wait = Waiting(noon(2025, 12, 15), night, is_returned=True)

    found = Rehearsal(LADDER, CALENDAR).run(
        course(DUE, waits=(wait,)), noon(2025, 12, 17), noon(2025, 12, 20)
    )

    assert [(s.moment.step.code, s.at) for s in found if s.moment.step.anchor is not Anchor.REVIEW] == [
        ("after_1", at_official(date(2025, 12, 19), time(8)))
    ]


def test_words_that_are_no_longer_true_are_not_sent() -> None:
    """Returned after the deadline but before the first step after it: "coming" and "today" are wrong by then."""
    wait = Waiting(noon(2025, 11, 25), at_official(date(2025, 12, 16), time(7)), is_returned=True)

    found = told(course(DUE, waits=(wait,)), until=noon(2025, 12, 17))

    assert [code for code, _, _ in found if not code.startswith("review")] == ["assigned", "after_1"]


@pytest.mark.parametrize("day", range(1, 60, 7))
def test_rank_is_carried_over_as_the_sweep_would_see_it(day: int) -> None:
    """Whatever day somebody re-plans on, nothing that has come is owed anew."""
    sooner = Ladder(
        2, "default", 2, (replace(DEFAULT_STEPS[1], code="before_15", offset=15), *DEFAULT_STEPS[2:])
    )
    now = noon(2025, 11, 24) + timedelta(days=day)
    at = {p.moment: p.at for p in (*plan(LADDER, DUE.due_on or now.date(), None, CALENDAR),)}
    new_at = {p.moment: p.at for p in plan(sooner, date(2025, 12, 15), None, CALENDAR)}
    settled = max((m.rank for m, i in at.items() if i and i <= now), default=0)

    rank = carried_rank(LADDER.moments, settled, sooner.moments, lambda m: {**at, **new_at}[m], now)

    assert owed(sooner, rank, date(2025, 12, 15), None, now, CALENDAR).newest is None


def test_what_is_owed_at_the_moment_stays_owed() -> None:
    now = noon(2025, 12, 10)
    at = {p.moment: p.at for p in plan(LADDER, date(2025, 12, 15), None, CALENDAR)}

    rank = carried_rank(LADDER.moments, 1, LADDER.moments, at.__getitem__, now)

    newest = owed(LADDER, rank, date(2025, 12, 15), None, now, CALENDAR).newest
    assert newest is not None
    assert newest.step.code == "before_3"


# -- the rehearsal against the sweep -----------------------------------------------------------------------


async def lived_through() -> datetime:
    """Ten weeks of a ministry's tasks with the sweep of every morning; the instant after them."""
    world = await build_world()
    await insert_days([(date(2025, 12, 25), "off", "Ngày nghỉ thử", "test", False)])
    deadlines = (
        "trước ngày 15/12/2025",
        "trước ngày 28/11/2025",
        "trước ngày 20/12/2025",
        "trước 17 giờ ngày 05/12/2025",
    )
    tasks = [task(d, short_name=f"Việc {n}") for n, d in enumerate(deadlines)]
    first, second, third, _ = (
        await directives.record(world.secretariat, directive(*tasks), MONDAY)
    ).assignment_ids
    # 08:05 and 15:05: the morning's digest, and the reminder of a deadline with an hour.
    for day in range(70):
        for hours in (1, 8):
            now = datetime(2025, 11, 25, tzinfo=UTC) + timedelta(days=day, hours=hours, minutes=5)
            await sweep(now)
        evening = now + timedelta(hours=1)
        match day:
            case 8:
                await reports.submit(world.agency, first, None, DONE, evening)
            case 20:
                await assignments.return_for_rework(world.secretariat, first, None, "Bổ sung", evening)
            case 10:
                await assignments.set_deadline(
                    world.secretariat, second, None, date(2025, 12, 31), None, "Sửa", "1/VPCP", evening
                )
            case 30:
                await reports.submit(world.agency, third, None, DONE, evening)
            case 33:
                await assignments.confirm(world.secretariat, third, None, "", evening)
        await sweep(evening + timedelta(minutes=1))
    return now + timedelta(hours=2)


async def test_rehearsal_of_the_ladder_in_force_agrees_with_what_the_sweep_gave(database: Settings) -> None:
    now = await lived_through()
    world_head = await fetchval("SELECT id FROM official WHERE email = 'head@vpcp.example.vn'")
    before = await fetchval("SELECT (SELECT count(*) FROM reminder) + (SELECT count(*) FROM history)")
    done = await ladders.rehearse(
        Actor(world_head, "head", Role.SECRETARIAT),
        await current_ladder(now),
        now,
        first_day=date(2025, 11, 24),
    )

    rows = await fetch(
        "SELECT step_code, count(*) AS n FROM (SELECT DISTINCT assignment_id, step_code, occurrence, deadline_version"
        " FROM reminder WHERE verdict = 'sent') AS r GROUP BY step_code"
    )
    assert {step: c.would for step, c in done.by_step.items()} == {r["step_code"]: r["n"] for r in rows}
    assert all(c.would == c.sent for c in done.by_step.values()), done.by_step
    assert all(c.would == c.sent for c in done.by_week.values()), done.by_week
    assert all(c.would == c.sent for _, c in done.by_agency)
    assert done.people.would == done.people.sent
    assert (done.assignments, done.unreached) == (4, 0)
    assert before == await fetchval("SELECT (SELECT count(*) FROM reminder) + (SELECT count(*) FROM history)")


async def test_rehearsal_by_api(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    await api.recorded()
    today = f"{clock.utc_now() + timedelta(hours=7):%Y-%m-%d}"

    saved = await office.post("/api/v1/ladders/dry-run", json={"code": "default", "version": 1})
    own = await office.post("/api/v1/ladders/dry-run", json={"steps": [STEP], "agency": "BYT"})
    both = await office.post("/api/v1/ladders/dry-run", json={"steps": [STEP], "code": "default"})
    unknown = await office.post("/api/v1/ladders/dry-run", json={"code": "nobody"})
    future = await office.post("/api/v1/ladders/dry-run", json={"code": "default", "last_day": "2199-01-01"})
    long = await office.post(
        "/api/v1/ladders/dry-run", json={"code": "default", "first_day": "2020-01-01", "last_day": today}
    )

    assert saved.status_code == 200, saved.text
    assert [s for s in saved.json()["steps"] if s["step"] == "assigned"] == [
        {"step": "assigned", "would": 2, "sent": 2}
    ]
    assert {a["agency"]["code"] for a in saved.json()["agencies"]} == {"BYT", "BTC"}
    assert saved.json()["examples"][0]["to"][0]["duty"] == "focal"
    assert (own.json()["reminders"]["would"], own.json()["assignments"]) == (0, 1)
    assert [r.status_code for r in (both, unknown, future, long)] == [422, 404, 422, 422]
    assert [e["code"] for e in long.json()["errors"]] == ["rehearsal_span_too_long"]


async def test_rehearsal_of_too_many_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    office = await api.client(api.world.secretariat)
    await api.recorded()
    monkeypatch.setattr(ladders, "MOST_REHEARSED", 1)

    refused = await office.post("/api/v1/ladders/dry-run", json={"code": "default"})

    assert (refused.status_code, refused.json()["code"]) == (422, "rehearsal_too_large")
    assert "2" in refused.json()["detail"]


# -- re-planning -------------------------------------------------------------------------------------------


async def test_open_assignments_go_over_with_a_preview(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    recorded = await api.recorded()
    await office.post("/api/v1/ladders/default/versions", json={"steps": [STEP]}, headers=ANY)
    tag = {"If-Match": (await office.get("/api/v1/ladders/default")).headers["etag"]}
    why = {"reason": "Áp dụng bậc mới"}
    path = "/api/v1/ladders/default/replan"

    rehearsed = (
        await office.post(path, json={**why, "dry_run": True}, headers={**tag, "Idempotency-Key": "r1"})
    ).json()
    untouched = await fetchval("SELECT count(*) FROM history WHERE verb = 'replan'")
    one = (
        await office.post(
            path,
            json={**why, "assignment_ids": recorded["assignment_ids"][:1]},
            headers={**tag, "Idempotency-Key": "r2"},
        )
    ).json()
    rest = (await office.post(path, json=why, headers={**tag, "Idempotency-Key": "r3"})).json()
    nothing = (await office.post(path, json=why, headers={**tag, "Idempotency-Key": "r4"})).json()
    stale = await office.post(
        path, json=why, headers={"If-Match": '"1-0123456789ab"', "Idempotency-Key": "r9"}
    )

    assert (rehearsed["changed"], rehearsed["left"], untouched) == (2, 0, 0)
    assert {i["after"]["step"] for i in rehearsed["items"]} == {"before_4"}
    assert (one["changed"], rest["changed"], nothing["changed"]) == (1, 1, 0)
    assert stale.status_code == 412
    newest = await newest_version("default")
    assert newest is not None
    rows = await fetch("SELECT DISTINCT ladder_version_id FROM assignment")
    assert [r["ladder_version_id"] for r in rows] == [newest.id]
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'replan'") == 2


async def test_replanned_assignment_is_not_told_again_of_what_it_was_told(database: Settings) -> None:
    world = await build_world()
    (row,) = (await directives.record(world.secretariat, directive(task()), MONDAY)).assignment_ids
    tenth = datetime(2025, 12, 1, 1, 5, tzinfo=UTC)
    await sweep(tenth)
    sooner = (
        Step("before_12", Anchor.BEFORE, 12, Unit.WORKING, DEFAULT_STEPS[1].to, "coming"),
        *DEFAULT_STEPS[2:],
    )
    await ladders.save_version(world.secretariat, "default", "Chung", sooner, "", tenth)

    done = await ladders.replan(world.secretariat, "default", [row], "Bậc mới", tenth)
    again = await sweep(tenth + timedelta(minutes=5))
    later = await sweep(datetime(2025, 12, 10, 1, 5, tzinfo=UTC))

    assert [(c.after.step_code if c.after else None) for c in done.changes] == ["before_3"]
    assert (again.called, later.called) == (0, 1)


async def test_reason_is_needed(database: Settings) -> None:
    world = await build_world()

    with pytest.raises(Invalid):
        await ladders.replan(world.secretariat, "default", None, " ", MONDAY)
