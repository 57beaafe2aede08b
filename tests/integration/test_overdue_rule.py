"""The database counts what the rule says: lists of many days over lives drawn at random."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import date, datetime, time, timedelta

import pytest

from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import assignments, directives, extensions, reports
from tracker.actions.notices import without_messages
from tracker.actions.overdue import facts_of, overdue_list
from tracker.db.assignments import list_by_ids
from tracker.db.calendar import load_calendar
from tracker.domain.assignments import Bucket, Fine, classify
from tracker.domain.directory import Actor
from tracker.domain.drafts import ExtensionDecision, NewExtension, NewReport
from tracker.domain.errors import TrackerError
from tracker.domain.overdue import OverdueList
from tracker.domain.zone import at_official
from tracker.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

START = date(2025, 9, 1)
PHRASES = (
    "trước ngày 15/9/2025",
    "trước 17 giờ ngày 30/9/2025",
    "trong tháng 9/2025",
    "trong quý IV năm 2025",
    "trước ngày 10/10/2025",
    "nhiệm vụ thường xuyên",
    "khẩn trương",
    "tại phiên họp Chính phủ thường kỳ",
)
DONE = NewReport("completion", "Đã xong", evidence_number="1/BC")
PROGRESS = NewReport("progress", "Đang làm")


async def live(world: World, draw: random.Random, assignment: int, agency: Actor, at: datetime) -> None:
    """One thing that may happen; what the rules refuse does not happen."""
    desk = world.secretariat
    reason, document = "Lý do", "1/VPCP"
    try:
        match draw.randrange(9):
            case 0:
                await assignments.acknowledge(agency, assignment, None, at)
            case 1:
                await reports.submit(agency, assignment, None, PROGRESS, at)
            case 2 | 3:
                await reports.submit(agency, assignment, None, DONE, at)
            case 4:
                await assignments.confirm(desk, assignment, None, "", at)
            case 5:
                await assignments.return_for_rework(desk, assignment, None, reason, at)
            case 6:
                later = at.date() + timedelta(days=draw.randrange(5, 60))
                asked = await extensions.request(agency, assignment, None, NewExtension(reason, later), at)
                decision = ExtensionDecision(True, document=document, reason=reason)
                await extensions.decide(desk, asked, None, decision, at + timedelta(minutes=1))
            case 7:
                moved = at.date() + timedelta(days=draw.randrange(0, 40))
                hour = draw.choice((None, time(9), time(17)))
                await assignments.set_deadline(desk, assignment, None, moved, hour, reason, document, at)
            case _ if draw.random() < 0.3:
                await assignments.withdraw(desk, assignment, None, reason, document, at)
    except TrackerError:
        return


async def some_lives(world: World, draw: random.Random) -> list[int]:
    """Forty assignments and what became of them in four months, in the order of time."""
    ids: list[int] = []
    owners: dict[int, Actor] = {}
    actors = {"BYT": world.agency, "BTC": world.other_agency}
    for n in range(20):
        leads = tuple(draw.sample(("BYT", "BTC"), draw.choice((1, 2))))
        new = directive(
            task(draw.choice(PHRASES), leads, early_due_confirmed=True),
            number=f"{n}/QĐ",
            issued_on=START + timedelta(days=draw.randrange(20)),
        )
        made = await directives.record(
            world.secretariat, new, at_official(START + timedelta(days=20), time(9))
        )
        ids += made.assignment_ids
        for row in await list_by_ids(made.assignment_ids):
            owners[row.id] = actors[row.agency_code]
    minutes = sorted(draw.randrange(0, 100 * 1440) for _ in range(160))
    for minute in minutes:
        assignment = draw.choice(ids)
        at = at_official(START + timedelta(days=21), time(0)) + timedelta(minutes=minute)
        await live(world, draw, assignment, owners[assignment], at)
    return ids


def told(listing: OverdueList) -> dict[str, int]:
    """The counts of a list by bucket."""
    totals = listing.totals
    return {
        "done_on_time": totals.done_on_time,
        "done_late": totals.done_late,
        "open_in_term": totals.open_in_term,
        "open_overdue": totals.open_overdue,
        "standing": totals.standing,
        "outside": totals.withdrawn + totals.transferred + totals.superseded,
    }


@pytest.mark.parametrize("seed", range(4))
async def test_lists_of_any_day_and_instant_agree_with_the_rule(seed: int) -> None:
    draw = random.Random(seed)
    world = await build_world()
    with without_messages():
        ids = await some_lives(world, draw)
    rows = await list_by_ids(ids)
    facts, calendar = await facts_of(rows), await load_calendar()
    days: list[date | datetime] = [START + timedelta(days=n) for n in range(0, 140, 7)]
    instants = [
        at_official(START + timedelta(days=draw.randrange(140)), time(draw.randrange(24))) for _ in range(15)
    ]

    for as_of in [*days, *instants]:
        statuses = {r.id: classify(facts[r.id], as_of, calendar) for r in rows}
        expected = Counter(s.bucket for s in statuses.values() if s.fine is not Fine.NOT_YET_ASSIGNED)
        listing = await overdue_list(world.secretariat, as_of)

        assert told(listing) == {b.value: expected[b] for b in Bucket}, as_of
        late = {i: s for i, s in statuses.items() if s.bucket is Bucket.OPEN_OVERDUE}
        listed = {r.assignment_id: r for r in listing.rows}
        assert {i: r.days_late for i, r in listed.items()} == {i: s.days_late for i, s in late.items()}, as_of
        assert {i: (r.due_on, r.original_due_on, r.extensions) for i, r in listed.items()} == {
            i: (s.due_on, s.original_due_on, s.extensions) for i, s in late.items()
        }, as_of


async def test_a_list_is_of_one_moment_while_others_change_what_it_counts() -> None:
    world = await build_world()
    with without_messages():
        new = directive(*(task("trước ngày 1/11/2025", early_due_confirmed=True) for _ in range(30)))
        made = await directives.record(world.secretariat, new, MONDAY)

        async def withdraw() -> None:
            for assignment in made.assignment_ids:
                await assignments.withdraw(world.secretariat, assignment, None, "Trùng", "", MONDAY)

        async def read() -> None:
            for _ in range(20):
                listing = await overdue_list(world.secretariat, date(2025, 12, 1))
                assert len(listing.rows) == listing.totals.open_overdue

        await asyncio.gather(withdraw(), read(), read())


async def test_no_agency_is_named_as_its_own_helper(database: Settings) -> None:
    world = await build_world()
    with without_messages():
        await directives.record(
            world.secretariat, directive(task("trước ngày 23/11/2025", cooperating=("BTC", "HN"))), MONDAY
        )

    rows = (await overdue_list(world.secretariat, date(2025, 12, 1))).rows

    helped = {row.agency_code: len(row.cooperating) for row in rows}
    assert helped == {"BYT": 2, "BTC": 1, "HN": 1}
