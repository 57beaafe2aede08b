"""Agencies merge, split, are renamed and abolished: what moves, what stays, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from asyncpg import Record

from tests.world import MONDAY, World, add_agency, add_official, build_world, directive, task
from tracker.actions import (
    assignments,
    directives,
    extensions,
    feeds,
    recurrences,
    reminders,
    reports,
    succession,
    succession_mail,
)
from tracker.actions.overdue import overdue_list
from tracker.actions.seed import seed
from tracker.actions.succession import (
    Outcome,
    SuccessionChanged,
    SuccessionTooEarly,
    SuccessionUndecided,
    carry_out,
    preview,
)
from tracker.db import succession as succession_db
from tracker.db.actors import find_actor
from tracker.db.assignments import get_assignment
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.history import list_history
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.domain.drafts import NewExtension, NewReport, NewTask
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.domain.succession import Change, Heir, Plan
from tracker.jobs.outbox import Delivery
from tracker.mail.transport import MemoryTransport

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DAY = timedelta(days=1)
TODAY = date(2025, 11, 24)
EARLY = date(2025, 10, 20)
DOCUMENT = "Nghị quyết 202/2025/QH15"
DONE = NewReport("completion", "Đã xong", evidence_number="1/BC")
OPEN = "('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')"


async def record(
    world: World, *tasks: NewTask, number: str = "17/NQ-CP", now: datetime = MONDAY - 3 * DAY
) -> tuple[int, ...]:
    """A directive of October with these tasks; the ids of its assignments."""
    new = directive(*tasks, number=number, issued_on=EARLY)
    return (await directives.record(world.secretariat, new, now)).assignment_ids


async def open_rows(agency: int) -> list[int]:
    """The open assignments of an agency."""
    rows = await fetch(
        f"SELECT id FROM assignment WHERE agency_id = $1 AND state IN {OPEN} ORDER BY taken_over_from, id",
        agency,
    )
    return [r["id"] for r in rows]


async def held_by(assignment_id: int) -> Record:
    """A row as it is stored."""
    (row,) = await fetch("SELECT * FROM assignment WHERE id = $1", assignment_id)
    return row


def merger(predecessor: str = "BYT", heir: str = "BTC", on: date = TODAY, **more: object) -> Plan:
    """One agency goes into another."""
    plan = Plan(DOCUMENT, (Change(predecessor, on, (Heir(heir),)),))
    return replace(plan, **more)  # type: ignore[arg-type]  # fields of Plan by name


async def agreed(actor: Actor, plan: Plan, now: datetime = MONDAY) -> succession.Done:
    """Preview, agree, carry out."""
    return await carry_out(actor, plan, (await preview(actor, plan, now)).digest, now)


async def settle_mail() -> None:
    """What was queued so far is sent."""
    await execute("UPDATE outbox SET state = 'sent', sent_at = now() WHERE state = 'pending'")


async def queued() -> list[tuple[str, str]]:
    """(kind, address) of what waits to be sent."""
    rows = await fetch("SELECT kind, address FROM outbox WHERE state = 'pending' ORDER BY kind, address")
    return [(r["kind"], r["address"]) for r in rows]


async def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Everything that a succession may touch."""
    tables = {
        "assignment": "id, agency_id, state, uid, transferred_to, row_version, sequence",
        "official": "id, agency_id, is_active, contact_order, row_version",
        "agency": "id, valid_to, parent_id, row_version",
        "agency_member": "agency_id, official_id",
        "agency_succession": "predecessor_id, successor_id",
        "feed": "id, agency_ids, row_version",
        "mandate": "id, agency_id, revoked_at",
        "extension": "id, assignment_id",
        "report": "id, assignment_id, receipt",
        "deadline_change": "assignment_id, deadline_version",
        "invitation": "assignment_id, official_id, state",
        "outbox": "id, state",
        "reminder": "id, verdict",
        "history": "id, verb",
        "succession": "id",
        "succession_item": "id",
    }
    return {
        name: sorted((tuple(r.values()) for r in await fetch(f"SELECT {columns} FROM {name}")), key=repr)
        for name, columns in tables.items()
    }


# --- assignments -----------------------------------------------------------------------------------------------


async def test_open_assignments_go_on_at_the_successor() -> None:
    """The old row stays under the old name, closed; the new one has all that it had."""
    world = await build_world()
    first, second = await record(world, task(), task("trước ngày 31/10/2025", short_name="Quá hạn"))
    await assignments.acknowledge(world.agency, first, None, MONDAY - DAY)
    before = await get_assignment(SYSTEM, first)

    done = await agreed(world.administrator, merger())

    assert done.counts["moved"] == 2
    assert await open_rows(world.agencies["BYT"]) == []
    heirs = await open_rows(world.agencies["BTC"])
    assert len(heirs) == 2
    old, new = await get_assignment(SYSTEM, first), await get_assignment(SYSTEM, heirs[0])
    assert (old.state, old.agency_name, old.transferred_to) == ("transferred", "Bộ Y tế", new.id)
    assert (new.state, new.agency_name, new.acknowledged_at) == ("acknowledged", "Bộ Tài chính", MONDAY - DAY)
    kept = ("task_id", "part", "due_on", "original_due_on", "due_words", "assigned_on", "ladder_version_id",
            "settled_rank", "occurrence", "uid")  # fmt: skip
    assert {name: getattr(new, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert new.deadline_version == before.deadline_version + 1
    (assigned,) = [h for h in await list_history(SYSTEM, new.id) if h.verb == "assign" and h.assignment_id]
    assert "Bộ Y tế" in assigned.reason
    assert assigned.detail["transferred_from"] == first
    assert (await list_history(SYSTEM, second))[-1].verb == "transferred"


async def test_a_report_that_waits_is_confirmed_at_the_successor_as_of_its_day() -> None:
    world = await build_world()
    (first,) = await record(world, task("trước ngày 31/12/2025"))
    await reports.submit(world.agency, first, None, DONE, MONDAY - DAY)

    await agreed(world.administrator, merger())
    (heir,) = await open_rows(world.agencies["BTC"])
    await assignments.confirm(world.secretariat, heir, None, "", MONDAY + DAY)

    row = await get_assignment(SYSTEM, heir)
    assert (row.state, row.completed_on) == ("confirmed", date(2025, 11, 23))
    receipts = [r["receipt"] for r in await fetch("SELECT receipt FROM report ORDER BY id")]
    assert receipts[1] == f"{receipts[0]}/{heir}"


async def test_a_request_for_more_time_is_decided_at_the_successor() -> None:
    world = await build_world()
    (first,) = await record(world, task())
    asked = await extensions.request(
        world.agency, first, None, NewExtension("Thiếu kinh phí", date(2026, 1, 15)), MONDAY - DAY
    )

    await agreed(world.administrator, merger())

    (heir,) = await open_rows(world.agencies["BTC"])
    assert (await get_assignment(SYSTEM, heir)).extension_pending
    assert not (await get_assignment(SYSTEM, first)).extension_pending
    assert asked


@pytest.mark.parametrize(("own_part", "goes_on"), [("lead", "own"), ("cooperating", "theirs")])
async def test_a_task_held_twice_is_held_once_afterwards(own_part: str, goes_on: str) -> None:
    """The stronger part goes on; the other is closed and says which; a preview shows it."""
    world = await build_world()
    leads, cooperating = (("BYT", "BTC"), ()) if own_part == "lead" else (("BYT",), ("BTC",))
    await record(world, task(leads=leads, cooperating=cooperating))
    (theirs,), (own,) = await open_rows(world.agencies["BYT"]), await open_rows(world.agencies["BTC"])
    if own_part == "lead":
        # Of two leads the stronger is the first; make the successor's the lead.
        await execute("UPDATE assignment SET part = 'lead' WHERE id = $1", own)
        await execute("UPDATE assignment SET part = 'joint_lead' WHERE id = $1", theirs)

    shown = await preview(world.administrator, merger(), MONDAY)
    await agreed(world.administrator, merger())

    (open_row,) = await open_rows(world.agencies["BTC"])
    (absorbed,) = shown.of(Outcome.ABSORBED)
    if goes_on == "own":
        assert (open_row, absorbed.assignment_id, absorbed.into) == (own, theirs, own)
        assert (await held_by(theirs))["state"] == "superseded"
        assert (await held_by(theirs))["transferred_to"] == own
    else:
        assert (absorbed.assignment_id, absorbed.into, absorbed.is_own) == (own, theirs, True)
        assert (await held_by(own))["state"] == "superseded"
        assert (await held_by(own))["transferred_to"] == open_row
        assert (await held_by(open_row))["part"] == "lead"


async def test_what_the_successor_has_finished_leaves_the_predecessors_part_open() -> None:
    world = await build_world()
    await record(world, task(leads=("BYT", "BTC")))
    (own,) = await open_rows(world.agencies["BTC"])
    await reports.submit(world.other_agency, own, None, DONE, MONDAY - DAY)
    await assignments.confirm(world.secretariat, own, None, "", MONDAY - DAY)

    await agreed(world.administrator, merger())

    (heir,) = await open_rows(world.agencies["BTC"])
    assert heir != own
    assert (await held_by(own))["state"] == "confirmed"


async def test_a_series_goes_on_at_the_successor_and_at_nobody_else() -> None:
    world = await build_world()
    (first,) = await record(world, task("trước ngày 20 hằng tháng"))

    await agreed(world.administrator, merger())
    made = await recurrences.roll(MONDAY + 60 * DAY)

    assert made == 1
    assert await open_rows(world.agencies["BYT"]) == []
    rows = await fetch(
        f"SELECT agency_id, occurrence FROM assignment WHERE state IN {OPEN} ORDER BY occurrence"
    )
    assert {r["agency_id"] for r in rows} == {world.agencies["BTC"]}
    assert first


async def test_two_series_of_one_task_become_one() -> None:
    world = await build_world()
    await record(world, task("trước ngày 20 hằng tháng", leads=("BYT", "BTC")))
    await recurrences.roll(MONDAY)

    await agreed(world.administrator, merger(), MONDAY + DAY)
    for month in (40, 75, 110):
        await recurrences.roll(MONDAY + month * DAY)

    rows = await fetch(
        f"SELECT occurrence, count(*) AS n FROM assignment WHERE state IN {OPEN} GROUP BY occurrence"
    )
    assert {r["n"] for r in rows} == {1}


async def test_a_series_just_finished_is_asked_of_the_successor() -> None:
    world = await build_world()
    (first,) = await record(world, task("trước ngày 20 hằng tháng"))
    await reports.submit(world.agency, first, None, DONE, MONDAY - DAY)
    await assignments.confirm(world.secretariat, first, None, "", MONDAY - DAY)

    shown = await preview(world.administrator, merger(), MONDAY)
    await agreed(world.administrator, merger())

    assert shown.counts["series"] == 1
    (heir,) = await open_rows(world.agencies["BTC"])
    assert (await held_by(heir))["occurrence"] == 2
    assert await recurrences.roll(MONDAY) == 0


# --- lists of days ---------------------------------------------------------------------------------------------


async def figures(as_of: date | datetime, **more: object) -> dict[str, tuple[int, int, int]]:
    """(open, overdue, transferred) of each agency that has any."""
    listing = await overdue_list(SYSTEM, as_of, **more)  # type: ignore[arg-type]
    found = {
        line.code: (line.buckets.open, line.buckets.open_overdue, line.buckets.transferred)
        for line in listing.agencies
    }
    return {code: cells for code, cells in found.items() if any(cells)}


async def test_a_past_day_shows_the_predecessor_and_today_the_successor() -> None:
    world = await build_world()
    await record(world, task(), task("trước ngày 31/10/2025", short_name="Quá hạn"), now=MONDAY - 20 * DAY)
    yesterday, noon = TODAY - DAY, MONDAY - timedelta(hours=1)
    before = await overdue_list(SYSTEM, yesterday)
    earlier_today = await overdue_list(SYSTEM, noon)

    await agreed(world.administrator, merger())

    assert await overdue_list(SYSTEM, yesterday) == before
    assert await overdue_list(SYSTEM, noon) == earlier_today
    assert await figures(yesterday) == {"BYT": (2, 1, 0)}
    assert await figures(TODAY) == {"BYT": (0, 0, 2), "BTC": (2, 1, 0)}
    assert await figures(MONDAY + timedelta(hours=1)) == {"BYT": (0, 0, 2), "BTC": (2, 1, 0)}


async def test_silence_counts_on_from_the_predecessor() -> None:
    """A task without a date that was overdue by age does not become young again."""
    world = await build_world()
    await record(world, task("khẩn trương"), now=MONDAY - 35 * DAY)
    overdue = (await figures(TODAY))["BYT"][1]

    await agreed(world.administrator, merger())

    assert overdue == 1
    assert (await figures(TODAY))["BTC"] == (1, 1, 0)


async def test_figures_are_read_by_either_name() -> None:
    world = await build_world()
    first, _ = await record(
        world,
        task("trước ngày 31/10/2025", short_name="Xong"),
        task("trước ngày 31/10/2025", short_name="Chưa"),
        now=MONDAY - 20 * DAY,
    )
    await reports.submit(world.agency, first, None, DONE, MONDAY - 19 * DAY)
    await assignments.confirm(world.secretariat, first, None, "", MONDAY - 18 * DAY)
    await agreed(world.administrator, merger())

    as_was = await overdue_list(SYSTEM, TODAY)
    under = await succession.read_under(TODAY)
    by_heir = await overdue_list(SYSTEM, TODAY, under=under)
    asked = await overdue_list(SYSTEM, TODAY - DAY, ["BTC"], under=under)

    assert [(a.code, a.buckets.done, a.buckets.open_overdue) for a in as_was.agencies] == [
        ("BTC", 0, 1),
        ("BYT", 1, 0),
    ]
    assert [(a.code, a.buckets.done, a.buckets.open_overdue) for a in by_heir.agencies] == [("BTC", 1, 1)]
    assert by_heir.totals == as_was.totals
    assert by_heir.agencies[0].rows == as_was.agencies[0].rows
    # The list of a past day under today's name: the row is the predecessor's of that day.
    assert [(a.code, len(a.rows)) for a in asked.agencies] == [("BTC", 1)]
    assert await succession.successor_map(TODAY) == {
        world.agencies["BYT"]: world.agencies["BTC"],
        world.agencies["BKH"]: world.agencies["BTC"],
    }


# --- people and what hangs on an agency ------------------------------------------------------------------------


async def test_people_stand_behind_the_successors_own_contacts() -> None:
    world = await build_world()

    done = await agreed(world.administrator, merger())

    rows = await fetch(
        "SELECT full_name FROM official WHERE agency_id = $1 AND duty = 'focal' ORDER BY contact_order",
        world.agencies["BTC"],
    )
    assert [r["full_name"] for r in rows] == ["focal BTC", "focal BYT"]
    assert done.counts["people"] == 3


async def test_a_moved_person_loses_sight_of_nothing_that_is_theirs_and_signs_in_anew() -> None:
    world = await build_world()
    await record(world, task())
    await execute(
        "UPDATE official SET deputy_id = $2, absent_from = $3, absent_to = $3 WHERE id = $1",
        world.officials["byt.focal"],
        world.officials["byt.leader"],
        TODAY,
    )

    await agreed(world.administrator, merger())

    (heir,) = await open_rows(world.agencies["BTC"])
    moved = replace(world.agency, agency_id=world.agencies["BTC"])
    assert (await get_assignment(moved, heir)).id == heir
    with pytest.raises(NotFound):
        await get_assignment(world.agency, heir)
    # They moved together, so the deputy stays.
    assert await fetchval("SELECT deputy_id FROM official WHERE id = $1", world.officials["byt.focal"])


async def test_the_past_of_a_merged_agency_is_read_at_its_successor_and_of_a_split_one_nowhere() -> None:
    world = await build_world()
    (first,) = await record(world, task())
    await agreed(world.administrator, merger())
    await agreed(world.administrator, merger("BTC", "HN", TODAY + DAY), MONDAY + DAY)
    reader = await find_actor(world.officials["hn.focal"])

    assert reader is not None
    assert (await get_assignment(reader, first)).agency_name == "Bộ Y tế"
    assert reader.below == {world.agencies["BYT"], world.agencies["BTC"]}
    await execute("UPDATE succession_item SET kind = 'split'")
    reader = await find_actor(world.officials["hn.focal"])
    assert reader is not None
    assert reader.below == frozenset()


async def test_agencies_below_members_links_and_mandates_follow() -> None:
    world = await build_world()
    cuc = await add_agency("CUC", "Cục Quản lý Dược", "other")
    await execute("UPDATE agency SET parent_id = $2 WHERE id = $1", cuc, world.agencies["BYT"])
    await execute(
        "INSERT INTO agency_member (agency_id, official_id) VALUES ($1, $2)",
        world.agencies["BYT"],
        world.officials["member"],
    )
    choices = feeds.FeedChoices("Hai bộ")
    made = await feeds.create(
        world.secretariat,
        feeds.NewFeed(choices, "agencies", [world.agencies["BYT"], world.agencies["HN"]]),
        MONDAY,
    )
    for who in ("hn.focal", "btc.focal"):
        await execute(
            "INSERT INTO mandate (official_id, agency_id, valid_from, granted_at) VALUES ($1, $2, $3, $4)",
            world.officials[who],
            world.agencies["BYT"],
            EARLY,
            MONDAY,
        )

    done = await agreed(world.administrator, merger())

    btc = world.agencies["BTC"]
    assert await fetchval("SELECT parent_id FROM agency WHERE id = $1", cuc) == btc
    followed = await fetch("SELECT agency_id, official_id FROM agency_member")
    assert [tuple(r.values()) for r in followed] == [(btc, world.officials["member"])]
    ids = await fetchval("SELECT agency_ids FROM feed WHERE id = $1", made.feed.id)
    assert sorted(ids) == sorted([btc, world.agencies["HN"]])
    mandates = await fetch(
        "SELECT official_id, agency_id, revoked_at IS NULL AS live FROM mandate ORDER BY id"
    )
    assert [tuple(r.values()) for r in mandates] == [
        (world.officials["hn.focal"], btc, True),
        # One for the agency that its holder belongs to anyway has nothing to say.
        (world.officials["btc.focal"], btc, False),
    ]
    assert (done.counts["children"], done.counts["feeds"], done.counts["mandates"]) == (1, 1, 2)


async def test_an_agency_without_successor_ends_with_all_that_it_had() -> None:
    world = await build_world()
    (first,) = await record(world, task())
    plan = Plan(DOCUMENT, (Change("BYT", TODAY),))

    shown = await preview(world.administrator, plan, MONDAY)
    await agreed(world.administrator, plan)

    assert [line.outcome for line in shown.lines] == [Outcome.ENDED]
    assert (await held_by(first))["state"] == "withdrawn"
    active = "SELECT count(*) FROM official WHERE agency_id = $1 AND is_active"
    assert await fetchval(active, world.agencies["BYT"]) == 0
    assert await fetchval("SELECT valid_to FROM agency WHERE code = 'BYT'") == TODAY - DAY


# --- splits ----------------------------------------------------------------------------------------------------


def split(default: str = "", **more: object) -> Plan:
    """Health goes to Finance, the rest to Hà Nội or to nobody yet."""
    heirs = (Heir("BTC", ("y tế", "thuế"), default == "BTC"), Heir("HN", ("đất đai",), default == "HN"))
    plan = Plan(DOCUMENT, (Change("BYT", TODAY, heirs),))
    return replace(plan, **more)  # type: ignore[arg-type]  # fields of Plan by name


async def test_a_split_goes_by_field_then_asks_then_takes_the_choice() -> None:
    world = await build_world()
    health, land, other = await record(
        world,
        task(short_name="Y tế", field="Y tế cơ sở"),
        task(short_name="Đất", field="Đất đai"),
        task(short_name="Khác"),
    )

    open_plan = await preview(world.administrator, split(), MONDAY)
    with pytest.raises(SuccessionUndecided) as refused:
        await carry_out(world.administrator, split(), open_plan.digest, MONDAY)
    people = {line.official_id: "HN" for line in open_plan.people}
    chosen = split(choices={other: "HN"}, people=people)
    done = await agreed(world.administrator, chosen)

    asked = {line.assignment_id: [h.code for h in line.heirs] for line in open_plan.of(Outcome.ASKED)}
    assert asked == {other: ["BTC", "HN"]}
    assert {p.name: [h.code for h in p.heirs] for p in open_plan.people}["focal BYT"] == ["BTC", "HN"]
    assert refused.value.params == {"count": 4}
    assert done.counts["asked"] == 0
    heirs = {
        r["taken_over_from"]: r["agency_id"]
        for r in await fetch(
            "SELECT taken_over_from, agency_id FROM assignment WHERE taken_over_from IS NOT NULL"
        )
    }
    assert heirs == {
        health: world.agencies["BTC"],
        land: world.agencies["HN"],
        other: world.agencies["HN"],
    }


async def test_a_default_successor_takes_the_rest() -> None:
    world = await build_world()
    await record(world, task(short_name="Khác"))

    shown = await preview(world.administrator, split("HN"), MONDAY)

    assert shown.asked == 0
    assert [(line.basis, line.successor.code) for line in shown.lines if line.successor] == [
        ("default", "HN")
    ]
    assert {line.successor.code for line in shown.people if line.successor} == {"HN"}


async def test_a_choice_about_a_foreign_assignment_is_refused() -> None:
    world = await build_world()
    (foreign,) = await record(world, task(leads=("BTC",)))

    with pytest.raises(Invalid) as refused:
        await preview(world.administrator, split(choices={foreign: "HN"}), MONDAY)

    assert [(p.field, p.code) for p in refused.value.problems] == [
        (f"/choices/{foreign}", "succession_not_concerned")
    ]


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("persona", ["secretariat", "head", "member", "agency", "leader", "inspector"])
async def test_only_an_administrator_may(persona: str) -> None:
    world = await build_world()
    actor = getattr(world, persona)

    with pytest.raises(NotPermitted):
        await preview(actor, merger(), MONDAY)
    with pytest.raises(NotPermitted):
        await carry_out(actor, merger(), "", MONDAY)
    with pytest.raises(NotPermitted):
        await succession.list_carried_out(actor, 10)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Plan(DOCUMENT, ()), "succession_empty"),
        (merger("XXX"), "agency_unknown"),
        (merger(heir="XXX"), "agency_unknown"),
        (merger(heir="BKH"), "agency_abolished"),
        (merger(heir="BYT"), "succession_own_heir"),
        (
            Plan(DOCUMENT, (Change("BYT", EARLY, (Heir("BTC"),)), Change("BTC", TODAY, (Heir("BYT"),)))),
            "succession_cycle",
        ),
        (Plan("", (Change("BYT", TODAY, (Heir("BTC"),)),)), "text_required"),
        (Plan(DOCUMENT, (Change("BYT", TODAY, (Heir("BTC"),)),) * 501), "too_many"),
    ],
)
async def test_a_plan_that_does_not_fit_is_refused_and_changes_nothing(plan: Plan, code: str) -> None:
    world = await build_world()
    await record(world, task())
    before = await snapshot()

    with pytest.raises(Invalid) as refused:
        await preview(world.administrator, plan, MONDAY)
    with pytest.raises(Invalid):
        await carry_out(world.administrator, plan, "", MONDAY)

    assert code in {p.code for p in refused.value.problems}
    assert await snapshot() == before


async def test_a_succession_is_carried_out_once() -> None:
    world = await build_world()
    await record(world, task())
    digest = (await preview(world.administrator, merger(), MONDAY)).digest
    await carry_out(world.administrator, merger(), digest, MONDAY)
    before = await snapshot()

    with pytest.raises(Invalid) as refused:
        await carry_out(world.administrator, merger(), digest, MONDAY + DAY)

    assert [p.code for p in refused.value.problems] == ["succession_carried_out"]
    assert await snapshot() == before


async def test_what_changed_since_the_preview_is_refused() -> None:
    world = await build_world()
    await record(world, task())
    shown = await preview(world.administrator, merger(), MONDAY)
    await record(world, task(), number="18/NQ-CP", now=MONDAY)
    before = await snapshot()

    with pytest.raises(SuccessionChanged) as refused:
        await carry_out(world.administrator, merger(), shown.digest, MONDAY)

    assert await snapshot() == before
    again = str(refused.value.params["digest"])
    assert (await carry_out(world.administrator, merger(), again, MONDAY)).counts["moved"] == 2


async def test_what_agencies_do_meanwhile_does_not_spoil_a_preview() -> None:
    world = await build_world()
    (first,) = await record(world, task())
    shown = await preview(world.administrator, merger(), MONDAY)
    await assignments.acknowledge(world.agency, first, None, MONDAY)
    await reports.submit(world.agency, first, None, DONE, MONDAY)

    done = await carry_out(world.administrator, merger(), shown.digest, MONDAY)

    assert done.counts["moved"] == 1


async def test_before_its_day_a_succession_is_only_shown() -> None:
    world = await build_world()
    plan = merger(on=TODAY + 7 * DAY)

    shown = await preview(world.administrator, plan, MONDAY)
    with pytest.raises(SuccessionTooEarly) as refused:
        await carry_out(world.administrator, plan, shown.digest, MONDAY)

    assert (shown.not_before, shown.is_ready) == (TODAY + 7 * DAY, False)
    assert refused.value.params == {"effective_on": TODAY + 7 * DAY}


async def test_a_preview_writes_nothing() -> None:
    world = await build_world()
    await record(world, task(), task(leads=("BYT", "BTC"), short_name="Chung"))
    before = await snapshot()

    first = await preview(world.administrator, merger(), MONDAY)
    second = await preview(world.administrator, merger(), MONDAY)

    assert await snapshot() == before
    assert first == second


async def test_a_failure_in_the_middle_leaves_nothing_half_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await build_world()
    await record(world, *(task(short_name=f"Việc {n}") for n in range(4)))
    before = await snapshot()

    async def break_down(*_: object) -> None:
        raise ConnectionResetError

    for module, name in (
        (succession_mail, "tell"),
        (succession, "_continue_series"),
        (succession, "_move_the_rest"),
        (succession_db, "point_to"),
    ):
        with monkeypatch.context() as broken:
            broken.setattr(module, name, break_down)
            with pytest.raises(ConnectionResetError):
                await agreed(world.administrator, merger())
        assert await snapshot() == before


# --- mail, reminders, calendars --------------------------------------------------------------------------------


async def test_one_person_gets_one_list_of_many_tasks() -> None:
    world = await build_world()
    for n in range(4):
        tasks = [task(short_name=f"Việc {n}-{m}") for m in range(10)]
        await record(world, *tasks, number=f"{n}/NQ-CP")
    await settle_mail()

    await agreed(world.administrator, merger())

    news = [entry for entry in await queued() if entry[0] != "cancelled"]
    assert news == [("digest", "focal@btc.example.vn"), ("digest", "head_of_office@btc.example.vn")]
    told = await fetch(
        "SELECT count(*) AS n, count(DISTINCT r.assignment_id) AS rows FROM reminder r"
        " JOIN assignment a ON a.id = r.assignment_id WHERE a.agency_id = $1 AND r.step_code = 'assigned'",
        world.agencies["BTC"],
    )
    assert tuple(told[0].values()) == (80, 40)
    transport = MemoryTransport()
    await Delivery(transport, lambda i: f"bounce+{i}@vpcp.example.vn", lambda: MONDAY, connections=1).run()
    (to_focal,) = [
        message_from_bytes(d.data, policy=policy.default)
        for d in transport.taken
        if d.recipient == "focal@btc.example.vn"
    ]
    body = to_focal.get_body(("plain",))
    assert body is not None
    assert f"Tiếp nhận từ Bộ Y tế theo {DOCUMENT}." in body.get_content()


async def test_few_tasks_come_with_their_invitations_and_leave_the_former_calendars() -> None:
    world = await build_world()
    (first,) = await record(world, task())
    uid = str((await held_by(first))["uid"])
    await settle_mail()

    await agreed(world.administrator, merger())

    assert [e for e in await queued() if e[0] != "digest"] == [
        ("assigned", "focal@btc.example.vn"),
        ("cancelled", "focal@byt.example.vn"),
    ]
    raw = {
        r["address"]: bytes(r["raw"])
        for r in await fetch("SELECT address, raw FROM outbox WHERE state = 'pending'")
    }
    asked, ended = (_calendar(raw[f"focal@{who}.example.vn"]) for who in ("btc", "byt"))
    assert (asked["METHOD"], ended["METHOD"]) == ("REQUEST", "CANCEL")
    assert uid in asked["UID"]
    assert asked["UID"] == ended["UID"]
    assert int(ended["SEQUENCE"]) >= 1
    states = await fetch("SELECT official_id, state FROM invitation ORDER BY state")
    assert [tuple(r.values()) for r in states] == [
        (world.officials["byt.focal"], "cancelled"),
        (world.officials["btc.focal"], "requested"),
    ]


def _calendar(raw: bytes) -> dict[str, str]:
    """The lines of the calendar part."""
    parts = message_from_bytes(raw, policy=policy.default).walk()
    (text,) = [p.get_content() for p in parts if p.get_content_type() == "text/calendar"]
    unfolded = text.replace("\r\n ", "")
    return dict(line.split(":", 1) for line in unfolded.splitlines() if ":" in line)


async def test_whoever_goes_along_keeps_what_stands_in_the_calendar() -> None:
    """After a renaming the same people hold the same entries: nothing is cancelled."""
    world = await build_world()
    await add_agency("BYTM", "Bộ Y tế và Dân số", "ministry")
    await execute("UPDATE agency SET valid_from = $1 WHERE code = 'BYTM'", TODAY)
    for n in range(2):
        await record(world, *(task(short_name=f"Việc {n}-{m}") for m in range(5)), number=f"{n}/NQ-CP")
    await settle_mail()
    held = await fetchval("SELECT count(*) FROM invitation WHERE state = 'requested'")

    await agreed(world.administrator, merger(heir="BYTM"))

    assert held == 10
    kept = await fetchval(
        "SELECT count(*) FROM invitation i JOIN assignment a ON a.id = i.assignment_id"
        f" WHERE i.state = 'requested' AND a.state IN {OPEN}"
    )
    assert kept == 10
    assert {kind for kind, _ in await queued()} == {"digest"}


async def sweep_and_list(now: datetime) -> list[tuple[str, str, str]]:
    """(step, agency, person) of what a sweep told."""
    last = await fetchval("SELECT coalesce(max(id), 0) FROM reminder")
    await reminders.sweep(now)
    rows = await fetch(
        "SELECT r.step_code, g.code, o.email FROM reminder r JOIN assignment a ON a.id = r.assignment_id"
        " JOIN agency g ON g.id = a.agency_id JOIN official o ON o.id = r.recipient_id"
        " WHERE r.id > $1 AND r.verdict = 'sent' ORDER BY 1, 2, 3",
        last,
    )
    return [tuple(r.values()) for r in rows]


async def test_the_ladder_goes_on_where_it_stood() -> None:
    """What the predecessor was told is not told again; what comes next goes to the successor, once."""
    world = await build_world()
    await record(world, task("trước ngày 15/12/2025"))
    await settle_mail()
    first = await sweep_and_list(datetime(2025, 12, 1, 1, 30, tzinfo=MONDAY.tzinfo))
    await settle_mail()

    await agreed(
        world.administrator, merger(on=date(2025, 12, 2)), datetime(2025, 12, 2, 2, tzinfo=MONDAY.tzinfo)
    )
    again = await sweep_and_list(datetime(2025, 12, 2, 2, 5, tzinfo=MONDAY.tzinfo))
    later = []
    for day in range(3, 17):
        later += await sweep_and_list(datetime(2025, 12, day, 1, 30, tzinfo=MONDAY.tzinfo))

    assert first
    assert {agency for _, agency, _ in first} == {"BYT"}
    assert again == []
    assert later
    assert {agency for _, agency, _ in later} == {"BTC"}
    assert not {step for step, _, _ in first} & {step for step, _, _ in later}
    assert len(later) == len(set(later))


async def test_queued_reminders_of_the_predecessor_are_not_sent() -> None:
    world = await build_world()
    await record(world, task("trước ngày 15/12/2025"))
    await settle_mail()
    await sweep_and_list(datetime(2025, 12, 1, 1, 30, tzinfo=MONDAY.tzinfo))
    waiting = await queued()
    now = datetime(2025, 12, 2, 2, tzinfo=MONDAY.tzinfo)

    done = await agreed(world.administrator, merger(on=date(2025, 12, 2)), now)
    transport = MemoryTransport()
    await Delivery(transport, lambda i: f"bounce+{i}@vpcp.example.vn", lambda: now, connections=1).run()

    assert waiting
    assert done.counts["mails"] == len(waiting)
    subjects = [message_from_bytes(d.data, policy=policy.default)["Subject"] for d in transport.taken]
    assert sorted(d.recipient for d in transport.taken) == [
        "focal@btc.example.vn",
        "focal@byt.example.vn",
        "head_of_office@btc.example.vn",
    ]
    (cancelled,) = [s for s, d in zip(subjects, transport.taken, strict=True) if "byt" in d.recipient]
    assert "Giao lại cơ quan khác" in cancelled
    stale = await fetchval(
        "SELECT count(*) FROM reminder r JOIN outbox o ON o.id = r.outbox_id"
        " WHERE r.verdict = 'sent' AND o.state = 'superseded'"
    )
    assert stale == 0


async def entries(made: feeds.Made, now: datetime) -> dict[str, tuple[str, int]]:
    """STATUS and SEQUENCE by UID of what a link shows."""
    looked = await feeds.look(made.token, "event", now)
    text = (await feeds.render(looked)).body.decode().replace("\r\n ", "")
    found: dict[str, tuple[str, int]] = {}
    for block in text.split("BEGIN:VEVENT")[1:]:
        fields = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
        found[fields["UID"]] = fields.get("STATUS", "CONFIRMED"), int(fields["SEQUENCE"])
    return found


async def test_calendars_show_the_same_entry_under_the_successor_and_no_ghost() -> None:
    world = await build_world()
    await record(world, task())
    # An agency that was renamed often must not make the entry older than it was.
    await execute("UPDATE agency SET row_version = 9 WHERE code = 'BYT'")
    everything = await feeds.create(
        world.secretariat, feeds.NewFeed(feeds.FeedChoices("Tất cả"), "all"), MONDAY
    )
    heirs = await feeds.create(
        world.other_agency, feeds.NewFeed(feeds.FeedChoices("BTC"), "own_agency"), MONDAY
    )
    moved = await feeds.create(world.agency, feeds.NewFeed(feeds.FeedChoices("BYT"), "own_agency"), MONDAY)
    before = await entries(everything, MONDAY)
    empty = await entries(heirs, MONDAY)

    await agreed(world.administrator, merger())

    # The person moved with the agency, and with the person the link for the own agency.
    shown = [await entries(made, MONDAY + timedelta(minutes=1)) for made in (everything, heirs, moved)]
    assert len(before) == 1
    assert empty == {}
    assert shown[0] == shown[1] == shown[2]
    (uid,) = before
    assert list(shown[0]) == [uid]
    assert shown[0][uid][0] == before[uid][0]
    assert shown[0][uid][1] > before[uid][1]


# --- the record ------------------------------------------------------------------------------------------------


async def test_the_record_keeps_the_names_and_the_counts() -> None:
    world = await build_world()
    await record(world, task())
    done = await agreed(world.administrator, merger())
    await execute("UPDATE agency SET name = 'Tên khác' WHERE code = 'BYT'")

    (listed,) = await succession.list_carried_out(world.administrator, 10)
    one = await succession.get_carried_out(world.administrator, done.succession_id)

    assert listed == one
    assert (one.document, one.actor_name) == (DOCUMENT, "admin")
    (item,) = one.items
    assert (item.predecessor_name, item.successor_name, item.kind) == ("Bộ Y tế", "Bộ Tài chính", "merge")
    assert item.counts == {"moved": 1, "absorbed": 0, "people": 3}
    assert (await fetchval("SELECT count(*) FROM history WHERE verb = 'succeed'")) == 1
    with pytest.raises(NotFound):
        await succession.get_carried_out(world.administrator, 999)


async def test_a_wrong_succession_is_corrected_by_a_new_one() -> None:
    """There is no way back: the successor itself is succeeded, and the chain is read to its end."""
    world = await build_world()
    await record(world, task())
    await agreed(world.administrator, merger())

    await agreed(world.administrator, merger("BTC", "HN", TODAY + DAY), MONDAY + DAY)

    (heir,) = await open_rows(world.agencies["HN"])
    assert (await held_by(heir))["deadline_version"] == 3
    assert await figures(TODAY) == {"BYT": (0, 0, 1), "BTC": (1, 0, 0)}
    assert (await succession.successor_map(TODAY + DAY))[world.agencies["BYT"]] == world.agencies["HN"]


async def test_a_directive_issued_afterwards_is_told_the_new_name() -> None:
    world = await build_world()
    await agreed(world.administrator, merger())

    with pytest.raises(Invalid) as refused:
        await directives.record(world.secretariat, directive(task(), issued_on=TODAY), MONDAY + DAY)

    assert [p.params["successors"] for p in refused.value.problems] == ["Bộ Tài chính (BTC)"]


async def test_a_letter_recorded_late_is_moved_by_a_second_run() -> None:
    """It charged the old agency while that existed; what came in since moves, and nothing else."""
    world = await build_world()
    await record(world, task())
    await agreed(world.administrator, merger())
    await record(world, task(short_name="Đến muộn"), number="18/NQ-CP", now=MONDAY + DAY)

    plan = await succession.recorded_plan(world.administrator, DOCUMENT, TODAY)
    done = await agreed(world.administrator, plan, MONDAY + DAY)

    assert [c.predecessor for c in plan.changes] == ["BKH", "BYT"]
    assert (done.counts["moved"], done.counts["people"]) == (1, 0)
    assert len(await open_rows(world.agencies["BTC"])) == 2


# --- the shipped directory: 63 provinces become 34, ministries merge -------------------------------------------


async def charge_everybody(number: str, codes: Sequence[str], fields: Sequence[str], admin: Actor) -> None:
    """One directive of 2024 with a task for all of these agencies and one for each of some fields."""
    tasks = [
        task(
            "trước ngày 31/12/2026", leads=tuple(codes[:1]), cooperating=tuple(codes[1:]), short_name="Chung"
        )
    ]
    tasks += [
        task("trước ngày 31/12/2026", leads=(code,), short_name=f"Riêng {code}", field=field)
        for code in codes
        for field in fields
    ]
    new = directive(*tasks, number=number, issued_on=date(2024, 11, 4))
    await directives.record(admin, new, datetime(2024, 11, 5, 2, tzinfo=MONDAY.tzinfo))


async def test_all_of_2025_in_one_run() -> None:
    """63 to 34 provinces and the ministries: every open assignment moves once, the sum stays, today's map is whole."""
    await seed()
    admin_id = await add_official("Quản trị", "admin@vpcp.example.vn", "administrator")
    admin = Actor(admin_id, "Quản trị", Role.ADMINISTRATOR)
    rows = await fetch(
        "SELECT code, kind FROM agency WHERE valid_from <= '2024-11-04'"
        " AND (valid_to IS NULL OR valid_to >= '2024-11-04') ORDER BY sort_key"
    )
    provinces = [r["code"] for r in rows if r["kind"] == "province"]
    ministries = [r["code"] for r in rows if r["kind"] in ("ministry", "ministerial", "government_agency")]
    for code in (*provinces, *ministries):
        agency_id = await fetchval("SELECT id FROM agency WHERE code = $1", code)
        await add_official(
            f"Đầu mối {code}", f"{code.lower()}@example.vn", "agency_officer", "focal", agency_id
        )
    await charge_everybody("1/NQ-CP", provinces, ("",), admin)
    await charge_everybody("2/NQ-CP", ministries, ("giao thông vận tải", "báo chí, xuất bản"), admin)
    await settle_mail()
    before = await overdue_list(SYSTEM, MONDAY - timedelta(hours=1))
    open_before = await fetchval(f"SELECT count(*) FROM assignment WHERE state IN {OPEN}")

    unclear = await preview(admin, await succession.recorded_plan(admin, DOCUMENT, TODAY), MONDAY)
    defaults = {"G04": "G17", "G14": "G06", "G07": "G09"}
    plan = await succession.recorded_plan(admin, DOCUMENT, TODAY, defaults)
    shown = await preview(admin, plan, MONDAY)
    done = await carry_out(admin, plan, shown.digest, MONDAY)

    assert len(provinces) == 63
    assert unclear.asked > 0
    assert {line.predecessor.code for line in unclear.of(Outcome.ASKED)} == {"G04", "G14", "G07"}
    assert shown.is_ready
    counts = done.counts
    assert counts["open"] == counts["moved"] + counts["absorbed"] + counts["ended"]
    open_after = await fetchval(f"SELECT count(*) FROM assignment WHERE state IN {OPEN}")
    assert open_after == open_before - counts["absorbed"] - counts["absorbed_own"]
    ended = "(SELECT id FROM agency WHERE valid_to IS NOT NULL)"
    left = await fetchval(f"SELECT count(*) FROM assignment WHERE state IN {OPEN} AND agency_id IN {ended}")
    assert left == 0
    assert await fetchval(f"SELECT count(*) FROM official WHERE agency_id IN {ended}") == 0
    assert counts["people"] == await fetchval(
        f"SELECT count(*) FROM agency WHERE id IN {ended} AND kind <> 'other'"
    )
    # The common task of all provinces is one of 34 now.
    common = await fetchval(
        f"SELECT count(*) FROM assignment a JOIN task t ON t.id = a.task_id JOIN directive d ON d.id = a.directive_id"
        f" WHERE t.short_name = 'Chung' AND d.number = '1/NQ-CP' AND a.state IN {OPEN}"
    )
    assert common == 34
    # Press and publishing goes to Culture, transport to Construction.
    for field, old, heir in (("báo chí, xuất bản", "G14", "G16"), ("giao thông vận tải", "G04", "G17")):
        at = await fetchval(
            "SELECT g.code FROM assignment a JOIN assignment o ON o.id = a.taken_over_from"
            " JOIN agency p ON p.id = o.agency_id JOIN agency g ON g.id = a.agency_id"
            " JOIN task t ON t.id = a.task_id WHERE t.field = $1 AND p.code = $2",
            field,
            old,
        )
        assert at == heir
    assert await overdue_list(SYSTEM, MONDAY - timedelta(hours=1)) == before
    rolled = await overdue_list(SYSTEM, TODAY, under=await succession.read_under(TODAY))
    assert not {line.code for line in rolled.agencies} & set(await _ended_codes())
    assert rolled.totals == (await overdue_list(SYSTEM, TODAY)).totals
    # Each person of a successor is told once.
    news = [address for kind, address in await queued() if kind == "digest"]
    assert len(news) == len(set(news))
    (kept,) = await succession.list_carried_out(admin, 10)
    assert len(kept.items) == 48


async def _ended_codes() -> list[str]:
    return [r["code"] for r in await fetch("SELECT code FROM agency WHERE valid_to IS NOT NULL")]
