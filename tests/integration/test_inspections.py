"""Inspection sessions from plan to follow-up, on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import as_owner
from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import assignments, directives, explanations, extensions, inspections, reports, urges
from tracker.actions.inspections import Notice
from tracker.actions.overdue import overdue_list
from tracker.actions.urges import NewUrge
from tracker.db import assignments as assignments_db
from tracker.db import inspections as db
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.reads_inspections import list_last_concluded
from tracker.domain.assignments import State as TaskState
from tracker.domain.directory import Actor, Role
from tracker.domain.drafts import NewExtension, NewReport
from tracker.domain.errors import Invalid, NotFound, NotPermitted, StaleVersion
from tracker.domain.inspections import Conclusion, ItemKind, Plan, State, Topic, Verdict
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

NOTICE = Notice("12/TB-TCT", date(2025, 12, 3), "Tổ công tác", "Trần Văn Sơn")
AFTER = datetime(2025, 12, 3, 3, 0, tzinfo=UTC)
PLAN = Plan(
    title="Kiểm tra nhiệm vụ chuyển đổi số",
    held_on=date(2025, 12, 2),
    as_of=date(2025, 11, 24),
    due_until=date(2025, 12, 31),
    agency_codes=("BYT", "BTC"),
    explain_by=date(2025, 11, 28),
)


@pytest.fixture
async def world(database: Settings) -> World:
    """Three agencies: one late with two tasks and due with one, one with a request that waits, one at no fault."""
    made = await build_world()
    issued = date(2025, 10, 1)
    new = directive(
        task("trước ngày 31/10/2025", leads=("BYT",)),
        task("trước ngày 14/11/2025", leads=("BYT",)),
        task("trước ngày 10/12/2025", leads=("BYT", "HN")),
        task("trước ngày 20/11/2025", leads=("BTC",)),
        task("trước ngày 20/03/2026", leads=("BTC",)),
        issued_on=issued,
    )
    recorded = await directives.record(made.secretariat, new, datetime(2025, 10, 1, 3, tzinfo=UTC))
    last = await _own(recorded.task_ids[4], made.agencies["BTC"])
    asked = NewExtension("Chờ ý kiến các bộ", date(2026, 4, 20))
    await extensions.request(made.other_agency, last, None, asked, MONDAY - timedelta(days=3))
    return made


async def _own(task_id: int, agency_id: int) -> int:
    found: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2", task_id, agency_id
    )
    return found


async def test_the_most_overdue_agencies_are_proposed_with_their_reasons(world: World) -> None:
    found = await inspections.candidates(world.inspector, MONDAY)

    assert [c.agency_code for c in found] == ["BYT", "BTC"]
    assert found[0].reasons[:2] == (("overdue", 2), ("days_late", 24))
    with pytest.raises(NotPermitted):
        await inspections.candidates(world.agency, MONDAY)


async def _frozen(world: World, plan: Plan = PLAN) -> int:
    inspection_id = await inspections.plan(world.secretariat, plan, MONDAY)
    await inspections.freeze(world.secretariat, inspection_id, 1, MONDAY)
    return inspection_id


async def test_what_is_frozen_equals_the_overdue_list_and_stays(world: World) -> None:
    inspection_id = await inspections.plan(world.secretariat, PLAN, MONDAY)
    before = await inspections.agenda(world.secretariat, inspection_id, MONDAY)

    frozen = await inspections.freeze(world.secretariat, inspection_id, 1, MONDAY)
    items = await db.list_items(inspection_id)

    assert frozen == before
    assert [(i.item.kind, i.item.agency_code, i.item.days) for i in items] == [
        (ItemKind.OVERDUE, "BYT", 24),
        (ItemKind.OVERDUE, "BYT", 10),
        (ItemKind.DUE_SOON, "BYT", 16),
        (ItemKind.OVERDUE, "BTC", 4),
        (ItemKind.REQUEST, "BTC", 3),
    ]
    assert all(row.digest == row.item.digest for row in items)

    row = items[0].item
    assert row.assignment_id is not None
    done = NewReport("completion", "Xong", evidence_number="7/BYT")
    await reports.submit(world.agency, row.assignment_id, None, done, AFTER)
    again = await inspections.agenda(world.secretariat, inspection_id, AFTER)
    found = await db.get_inspection(inspection_id)
    assert again == frozen
    assert found.digest == frozen.digest
    assert (found.state, found.totals and found.totals["all"]["overdue"]) == (State.FROZEN, 3)


async def test_a_frozen_row_cannot_be_changed_even_by_the_owner_of_the_schema(
    world: World, database: Settings
) -> None:
    await _frozen(world)

    for statement in ("UPDATE inspection_item SET digest = 'x'", "DELETE FROM inspection_item"):
        with pytest.raises(Exception, match="froze is not changed"):
            await as_owner(database, statement)


async def test_only_one_freezes_and_only_once(world: World) -> None:
    inspection_id = await _frozen(world)

    with pytest.raises(inspections.InspectionMoved):
        await inspections.freeze(world.secretariat, inspection_id, 2, MONDAY)
    other = await inspections.plan(world.secretariat, PLAN, MONDAY)
    with pytest.raises(StaleVersion):
        await inspections.freeze(world.secretariat, other, 7, MONDAY)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"agency_codes": ()}, "/agencies", "inspection_no_agency"),
        ({"agency_codes": ("XYZ",)}, "/agencies/0", "agency_unknown"),
        ({"as_of": date(2025, 11, 25)}, "/as_of", "inspection_future_cut_off"),
        ({"chair_id": 9999}, "/chair_id", "official_unknown"),
        ({"topic": Topic.DIRECTIVE, "directive_id": 9999}, "/directive_id", "unknown_directive"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_and_nothing_is_written(
    world: World, changes: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await inspections.plan(world.secretariat, replace(PLAN, **changes), MONDAY)

    assert (field, code) in [(p.field, p.code) for p in refused.value.problems]
    assert await fetchval("SELECT count(*) FROM inspection") == 0


async def test_the_agency_explains_before_and_its_words_are_frozen(world: World) -> None:
    inspection_id = await inspections.plan(world.secretariat, PLAN, MONDAY)
    late_ids = [r["id"] for r in await fetch("SELECT id FROM assignment ORDER BY id")]
    await urges.urge(world.secretariat, NewUrge(late_ids), MONDAY)
    # The session asks in its own right, and an urge of the same day does not stand in its way.
    asked = await inspections.ask_to_explain(world.inspector, inspection_id, 1, MONDAY)
    again = await inspections.ask_to_explain(world.inspector, inspection_id, None, MONDAY)
    assert (asked, again) == (3, 0)
    late = await fetchval(
        "SELECT id FROM assignment WHERE agency_id = $1 ORDER BY due_on LIMIT 1", world.agencies["BYT"]
    )

    await explanations.answer(world.agency, late, "Chưa đủ kinh phí.", MONDAY + timedelta(hours=1))
    await inspections.freeze(world.secretariat, inspection_id, 1, MONDAY + timedelta(hours=2))

    first = (await db.list_items(inspection_id))[0].item
    assert (first.explanation, first.explained_on) == ("Chưa đủ kinh phí.", date(2025, 11, 24))


async def test_corrections_stand_beside_what_was_frozen(world: World) -> None:
    inspection_id = await _frozen(world)
    item = (await db.list_items(inspection_id))[0]

    await inspections.add_addendum(world.inspector, inspection_id, item.id, "Hạn đúng là 05/11/2025.", AFTER)

    (found,) = await db.list_addenda(inspection_id)
    assert (found.item_id, found.text) == (item.id, "Hạn đúng là 05/11/2025.")
    assert (await db.list_items(inspection_id))[0] == item
    with pytest.raises(NotFound):
        await inspections.add_addendum(world.inspector, inspection_id, 9999, "x", AFTER)


async def _conclude_all(world: World, inspection_id: int) -> list[int | None]:
    items = await db.list_items(inspection_id)
    assert items[1].item.assignment_id is not None
    done = NewReport("completion", "Đã ban hành", evidence_number="8/BYT")
    await reports.submit(world.agency, items[1].item.assignment_id, None, done, MONDAY)
    given = [
        Conclusion(Verdict.NEW_DATE, "Hoàn thành trước 20/12.", date(2025, 12, 20)),
        Conclusion(Verdict.CLOSED, "Kết quả đạt yêu cầu."),
        Conclusion(Verdict.NEW_TASK, "Bộ Y tế rà soát dữ liệu ngành.", date(2025, 12, 30)),
        Conclusion(Verdict.EXPLANATION, "Giải trình việc chậm.", date(2025, 12, 10)),
        Conclusion(Verdict.NEW_DATE, "Đồng ý lùi hạn.", date(2026, 4, 1)),
    ]
    for item, conclusion in zip(items, given, strict=True):
        await inspections.conclude(world.inspector, inspection_id, item.id, None, conclusion, AFTER)
    return [item.item.assignment_id for item in items]


async def test_each_conclusion_becomes_a_date_a_closure_a_task_or_a_question(world: World) -> None:
    inspection_id = await _frozen(world)
    first, second, third, _, fifth = await _conclude_all(world, inspection_id)
    whole = Conclusion(Verdict.NEW_TASK, "Hà Nội báo cáo", date(2025, 12, 25), "HN")
    with pytest.raises(Invalid):
        await inspections.conclude(world.inspector, inspection_id, None, None, whole, AFTER)
    version = (await db.get_inspection(inspection_id)).row_version
    with pytest.raises(NotPermitted):
        await inspections.carry_out(world.inspector, inspection_id, version, NOTICE, AFTER)

    notice_id = await inspections.carry_out(world.secretariat, inspection_id, version, NOTICE, AFTER)

    assert first
    assert second
    assert third
    assert fifth
    moved = await assignments_db.get_assignment(world.secretariat, first)
    assert (moved.due_on, moved.original_due_on) == (date(2025, 12, 20), date(2025, 10, 31))
    assert moved.due_document == NOTICE.number
    closed = await assignments_db.get_assignment(world.secretariat, second)
    assert closed.state is TaskState.CONFIRMED
    granted = await assignments_db.get_assignment(world.secretariat, fifth)
    assert (granted.due_on, granted.extension_pending) == (date(2026, 4, 1), False)
    found = await db.list_conclusions(inspection_id)
    assert [c.outcome for c in found] == ["moved", "closed", "task", "asked", "moved"]
    made = found[2].task_id
    row = await fetchval("SELECT directive_id FROM task WHERE id = $1", made)
    assert row == notice_id
    assert await fetchval("SELECT inspection_id FROM directive WHERE id = $1", notice_id) == inspection_id
    assert (await db.get_inspection(inspection_id)).state is State.CONCLUDED


async def test_nothing_is_carried_out_while_one_item_has_no_conclusion_or_one_fails(world: World) -> None:
    inspection_id = await _frozen(world)
    items = await db.list_items(inspection_id)
    with pytest.raises(inspections.ConclusionsMissing):
        await inspections.carry_out(world.secretariat, inspection_id, 2, NOTICE, AFTER)
    _, second, *_ = await _conclude_all(world, inspection_id)
    assert second is not None
    await assignments.return_for_rework(world.secretariat, second, None, "Thiếu văn bản", AFTER)
    before = await fetchval("SELECT count(*) FROM directive")

    with pytest.raises(inspections.ConclusionNeedsReport):
        await inspections.carry_out(world.secretariat, inspection_id, 2, NOTICE, AFTER)

    assert await fetchval("SELECT count(*) FROM directive") == before
    assert items[0].item.assignment_id is not None
    row = await assignments_db.get_assignment(world.secretariat, items[0].item.assignment_id)
    assert row.due_on == date(2025, 10, 31)
    assert (await db.get_inspection(inspection_id)).state is State.FROZEN


async def test_an_item_of_another_session_is_not_found_and_a_second_writer_is_told(world: World) -> None:
    inspection_id = await _frozen(world)
    other = await _frozen(world)
    foreign = (await db.list_items(other))[0].id
    own = (await db.list_items(inspection_id))[0].id
    noted = Conclusion(Verdict.NOTED, "Ghi nhận")

    with pytest.raises(NotFound):
        await inspections.conclude(world.inspector, inspection_id, foreign, None, noted, AFTER)
    await inspections.conclude(world.inspector, inspection_id, own, None, noted, AFTER)
    with pytest.raises(StaleVersion):
        await inspections.conclude(world.secretariat, inspection_id, own, None, noted, AFTER)
    await inspections.conclude(world.secretariat, inspection_id, own, 1, noted, AFTER)


async def test_the_next_session_opens_with_what_the_last_one_concluded(world: World) -> None:
    inspection_id = await _frozen(world)
    moved, *_ = await _conclude_all(world, inspection_id)
    version = (await db.get_inspection(inspection_id)).row_version
    await inspections.carry_out(world.secretariat, inspection_id, version, NOTICE, AFTER)
    later = datetime(2026, 1, 12, 3, tzinfo=UTC)
    plan = replace(
        PLAN,
        held_on=date(2026, 1, 20),
        as_of=date(2026, 1, 12),
        due_until=date(2026, 2, 1),
        explain_by=None,
    )

    second = await _at(world, plan, later)

    by_task = {row.item.assignment_id: row.item for row in await db.list_items(second)}
    first = by_task[moved]
    assert first.last_concluded == "new_date: Hoàn thành trước 20/12."
    assert first.last_concluded_on == date(2025, 12, 2)
    assert first.days == 23


async def _at(world: World, plan: Plan, now: datetime) -> int:
    inspection_id = await inspections.plan(world.secretariat, plan, now)
    await inspections.freeze(world.secretariat, inspection_id, 1, now)
    return inspection_id


async def test_a_session_is_called_off_with_a_reason(world: World) -> None:
    inspection_id = await inspections.plan(world.secretariat, PLAN, MONDAY)

    await inspections.cancel(world.secretariat, inspection_id, 1, "Trùng phiên họp Chính phủ", MONDAY)

    found = await db.get_inspection(inspection_id)
    assert (found.state, found.sequence) == (State.CANCELLED, 1)
    with pytest.raises(inspections.InspectionMoved):
        await inspections.freeze(world.secretariat, inspection_id, 2, MONDAY)


async def test_an_agenda_holds_no_words_of_a_restricted_task(world: World) -> None:
    await execute("UPDATE task SET restricted = true, short_name = 'Việc kín', full_text = 'Lời kín'")

    inspection_id = await _frozen(world)

    items = [row.item for row in await db.list_items(inspection_id)]
    assert len(items) == 5
    assert not [i for i in items if "kín" in i.title + i.full_text + i.explanation + i.cause]


async def test_each_kind_of_the_agenda_is_what_it_says(world: World) -> None:
    """As of Monday 24/11/2025, frozen at 09:00: what is late, what comes, what waits, and what is old."""
    issued = date(2025, 10, 1)
    new = directive(
        task("trước 17 giờ ngày 24/11/2025", leads=("HN",), short_name="hôm nay 17 giờ"),
        task("trước ngày 24/11/2025", leads=("HN",), short_name="hôm nay"),
        task("trước ngày 25/11/2025", leads=("HN",), short_name="mai"),
        task("trước ngày 01/12/2025", leads=("HN",), short_name="ngày cuối"),
        task("trước ngày 02/12/2025", leads=("HN",), short_name="sau ngày cuối"),
        task("thường xuyên", leads=("HN",), short_name="thường xuyên"),
        task("khẩn trương", leads=("HN",), short_name="không có ngày"),
        task("trước ngày 01/03/2026", leads=("HN",), short_name="xin thêm"),
        number="99/QĐ-TTg",
        issued_on=issued,
    )
    made = await directives.record(world.secretariat, new, datetime(2025, 10, 1, 3, tzinfo=UTC))
    hanoi = Actor(world.officials["hn.focal"], "hn.focal", Role.AGENCY_OFFICER, world.agencies["HN"])
    own = [await _own(task_id, world.agencies["HN"]) for task_id in made.task_ids]
    asked = NewExtension("Chờ hướng dẫn", date(2026, 4, 1))
    await extensions.request(hanoi, own[7], None, asked, MONDAY - timedelta(days=5))
    await reports.submit(hanoi, own[5], None, NewReport("progress", "Quý III"), MONDAY - timedelta(days=40))
    plan = replace(PLAN, agency_codes=("HN",), due_until=date(2025, 12, 1), directive_id=made.directive_id)
    plan = replace(plan, topic=Topic.DIRECTIVE)
    inspection_id = await inspections.plan(world.secretariat, plan, MONDAY)

    frozen = await inspections.freeze(world.secretariat, inspection_id, 1, MONDAY)

    # As of a day is its end: by then a deadline with an hour has passed, and one without has not.
    assert [(i.title, i.kind.value, i.days) for i in frozen.items] == [
        ("không có ngày", "overdue", 24),
        ("hôm nay 17 giờ", "overdue", 0),
        ("hôm nay", "due_soon", 0),
        ("mai", "due_soon", 1),
        ("ngày cuối", "due_soon", 7),
        ("xin thêm", "request", 5),
        ("thường xuyên", "standing", 40),
    ]
    listed = await overdue_list(world.secretariat, PLAN.as_of, ("HN",), made.directive_id)
    assert {i.assignment_id for i in frozen.items if i.kind is ItemKind.OVERDUE} == {
        row.assignment_id for row in listed.rows
    }


async def test_the_next_session_opens_with_what_was_concluded_and_what_became_of_it(world: World) -> None:
    inspection_id = await _frozen(world)
    own = await _conclude_all(world, inspection_id)
    whole = Conclusion(Verdict.NOTED, "Báo cáo hằng tuần.")
    await inspections.conclude(world.inspector, inspection_id, None, None, whole, AFTER)
    await inspections.carry_out(world.secretariat, inspection_id, None, NOTICE, AFTER)
    following = replace(
        PLAN, held_on=date(2025, 12, 12), as_of=date(2025, 12, 3), agency_codes=("BYT", "BTC")
    )
    next_id = await inspections.plan(world.secretariat, following, AFTER)

    before = await list_last_concluded(following.agency_codes, next_id, following.held_on)
    assert own[3]
    await explanations.answer(world.other_agency, own[3], "Thiếu số liệu.", AFTER + timedelta(days=1))
    after = await list_last_concluded(following.agency_codes, next_id, following.held_on)

    assert [(c.agency_name, c.verdict.value) for c in before] == [
        ("Bộ Tài chính", "explanation"), ("Bộ Tài chính", "new_date"), ("", "noted"),
        ("Bộ Y tế", "new_date"), ("Bộ Y tế", "closed"), ("Bộ Y tế", "new_task"),
    ]  # fmt: skip
    assert [c.explained_at for c in before] == [None] * 6
    assert [c.explained_at for c in after] == [AFTER + timedelta(days=1), *[None] * 5]
    made = next(c for c in after if c.verdict is Verdict.NEW_TASK)
    assert made.assignment_id
    assert made.assignment_id not in own
