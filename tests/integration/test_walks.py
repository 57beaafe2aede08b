"""The walks of the architecture through the actions, on a real PostgreSQL, with a set clock."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import assignments, directives, extensions, reports
from tracker.actions.explain import explain
from tracker.actions.overdue import overdue_list
from tracker.actions.reminders import foresee, sweep
from tracker.db.assignments import get_assignment
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.assignments import AlreadyConfirmed, AssignmentClosed, State
from tracker.domain.drafts import ExtensionDecision, NewExtension, NewReport
from tracker.domain.errors import Invalid, NotFound, StaleVersion
from tracker.domain.reminders import Verdict

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DONE = NewReport(
    "completion", "Đã ban hành kế hoạch", evidence_number="7431/BYT-CNTT", evidence_on=date(2025, 11, 24)
)


def at(day: date, hour: int = 9) -> datetime:
    """An instant on a day, by the official clock."""
    return datetime(day.year, day.month, day.day, hour - 7, tzinfo=MONDAY.tzinfo)


async def outbox() -> list[tuple[str, str, str]]:
    """Kind, address and state of every message, in order."""
    rows = await fetch("SELECT kind, address, state FROM outbox ORDER BY id")
    return [(r["kind"], r["address"], r["state"]) for r in rows]


async def one(world: World, deadline: str = "trước ngày 15/12/2025") -> int:
    """The id of one assignment of the ministry, recorded on Monday."""
    recorded = await directives.record(world.secretariat, directive(task(deadline)), MONDAY)
    return recorded.assignment_ids[0]


async def test_recording_assigns_and_tells_focal_officer_and_head_of_office() -> None:
    world = await build_world()

    recorded = await directives.record(
        world.secretariat, directive(task(cooperating=("BTC",), short_name="Kết nối dữ liệu")), MONDAY
    )

    assert len(recorded.assignment_ids) == 2
    assert sorted(await outbox()) == [
        ("assigned", "focal@btc.example.vn", "pending"),
        ("assigned", "focal@byt.example.vn", "pending"),
        ("assigned", "head_of_office@btc.example.vn", "pending"),
        ("assigned", "head_of_office@byt.example.vn", "pending"),
    ]
    row = await get_assignment(world.secretariat, recorded.assignment_ids[0])
    assert (row.due_on, row.state) == (date(2025, 12, 15), State.ASSIGNED)


async def test_same_submission_twice_is_one_directive() -> None:
    world = await build_world()
    new = directive(task(), submission_id="form-1")

    first = await directives.record(world.secretariat, new, MONDAY)
    second = await directives.record(world.secretariat, new, MONDAY)

    assert (second.directive_id, second.replayed) == (first.directive_id, True)
    assert await fetchval("SELECT count(*) FROM directive") == 1


async def test_every_problem_is_named_at_once() -> None:
    world = await build_world()
    bad = directive(
        task(leads=("BKH",)),
        task(leads=(), short_name=""),
        task(leads=("BYT",), cooperating=("BYT",)),
        task("31/02/2026"),
    )

    with pytest.raises(Invalid) as refused:
        await directives.record(world.secretariat, bad, MONDAY)

    found = {(p.field, p.code) for p in refused.value.problems}
    assert {
        ("/tasks/0/leads/0", "agency_abolished"),
        ("/tasks/1/leads", "lead_missing"),
        ("/tasks/1/short_name", "text_required"),
        ("/tasks/2/cooperating/0", "lead_also_cooperating"),
        ("/tasks/3/deadline", "deadline_undecided"),
    } <= found
    assert await fetchval("SELECT count(*) FROM directive") == 0


async def test_deadline_before_the_directive_needs_confirmation_and_is_marked() -> None:
    world = await build_world()

    with pytest.raises(Invalid) as refused:
        await directives.record(world.secretariat, directive(task("trước ngày 10/11/2025")), MONDAY)
    assert [p.code for p in refused.value.problems] == ["deadline_before_issue"]

    recorded = await directives.record(
        world.secretariat, directive(task("trước ngày 10/11/2025", early_due_confirmed=True)), MONDAY
    )
    row = await get_assignment(world.secretariat, recorded.assignment_ids[0])
    assert row.early_due_confirmed


async def test_sweep_gives_each_step_once_and_only_the_newest_after_an_outage() -> None:
    world = await build_world()
    await one(world)

    # Ten working days before 15/12 is Monday 1/12.
    assert (await sweep(at(date(2025, 11, 28)))).messages == 0
    assert (await sweep(at(date(2025, 12, 1)))).messages == 1
    assert (await sweep(at(date(2025, 12, 1), 10))).messages == 0
    # Down until the day itself: "three days before" is superseded, "today" goes out.
    swept = await sweep(at(date(2025, 12, 15)))

    assert (swept.messages, swept.superseded) == (2, 1)
    rows = await fetch(
        "SELECT step_code, verdict, reason FROM reminder WHERE step_code <> 'assigned' ORDER BY id"
    )
    assert [(r["step_code"], r["verdict"]) for r in rows] == [
        ("before_10", "sent"),
        ("on_day", "sent"),
        ("on_day", "sent"),
        ("before_3", "superseded"),
    ]


async def test_escalation_reaches_leader_and_member_and_names_everyone_once() -> None:
    world = await build_world()
    await one(world, deadline="trước ngày 01/12/2025")

    await sweep(at(date(2025, 12, 2)))
    await sweep(at(date(2025, 12, 8)))

    rows = await fetch(
        "SELECT r.step_code, o.address FROM reminder r JOIN outbox o ON o.id = r.outbox_id"
        " WHERE r.step_code LIKE 'after%' ORDER BY r.id"
    )
    assert sorted((r["step_code"], r["address"]) for r in rows) == [
        ("after_1", "head_of_office@byt.example.vn"),
        ("after_1", "officer@vpcp.example.vn"),
        ("after_5", "leader@byt.example.vn"),
        ("after_5", "member@vpcp.example.vn"),
    ]


async def test_reports_stop_the_clock_and_confirmation_ends_it() -> None:
    world = await build_world()
    assignment = await one(world, deadline="trước ngày 28/11/2025")

    submitted = await reports.submit(world.agency, assignment, None, DONE, at(date(2025, 11, 27)))
    swept = await sweep(at(date(2025, 12, 1)))
    await assignments.confirm(world.secretariat, assignment, None, "", at(date(2025, 12, 2)))
    after = await sweep(at(date(2026, 1, 15)))

    row = await get_assignment(world.secretariat, assignment)
    assert submitted.receipt.startswith("BC-2025-")
    assert (swept.called, after.looked_at) == (0, 0)
    assert (row.state, row.completed_on) == (State.CONFIRMED, date(2025, 11, 27))
    cancels = await fetch("SELECT state FROM invitation")
    assert {r["state"] for r in cancels} == {"cancelled"}


async def test_a_report_that_waits_is_told_to_the_officer_then_to_the_head_once_each() -> None:
    world = await build_world()
    assignment = await one(world)
    await reports.submit(world.agency, assignment, None, DONE, MONDAY)
    too_soon = await sweep(at(date(2025, 11, 26)))

    foreseen = await foresee(at(date(2025, 11, 27)))
    first = [(await sweep(at(date(2025, 11, 27), hour))).reviews for hour in (9, 10)]
    second = [(await sweep(at(date(2025, 12, 2), hour))).reviews for hour in (9, 10)]

    assert (too_soon.reviews, first, second) == (0, [1, 0], [1, 0])
    assert [(f.step_code, f.verdict) for f in foreseen] == [("review", Verdict.SEND)]
    assert [(kind, address) for kind, address, _ in await outbox() if kind == "review"] == [
        ("review", "officer@vpcp.example.vn"),
        ("review", "head@vpcp.example.vn"),
        ("review", "officer@vpcp.example.vn"),
    ]


async def test_a_late_sweep_tells_a_waiting_report_by_the_newest_step_only() -> None:
    world = await build_world()
    assignment = await one(world)
    await reports.submit(world.agency, assignment, None, DONE, MONDAY)

    foreseen = await foresee(at(date(2025, 12, 9)))
    swept = [(await sweep(at(date(2025, 12, 9), hour))).reviews for hour in (9, 10)]

    assert [(f.step_code, f.verdict) for f in foreseen] == [
        ("review_head", Verdict.SEND),
        ("review", Verdict.SKIP),
    ]
    assert swept == [1, 0]
    rows = await fetch("SELECT DISTINCT step_code, verdict FROM reminder WHERE step_code LIKE 'review%'")
    assert {(r["step_code"], r["verdict"]) for r in rows} == {
        ("review", "superseded"),
        ("review_head", "sent"),
    }


async def test_a_report_sent_again_after_a_return_is_told_again() -> None:
    world = await build_world()
    assignment = await one(world)
    await reports.submit(world.agency, assignment, None, DONE, MONDAY)
    await sweep(at(date(2025, 11, 27)))
    await assignments.return_for_rework(world.secretariat, assignment, None, "Thiếu", at(date(2025, 11, 28)))
    await reports.submit(world.agency, assignment, None, DONE, at(date(2025, 12, 1)))

    swept = await sweep(at(date(2025, 12, 4)))

    assert (swept.reviews, swept.messages) == (1, 1)


async def test_return_resumes_the_ladder_where_it_stood() -> None:
    world = await build_world()
    assignment = await one(world, deadline="trước ngày 28/11/2025")
    await reports.submit(world.agency, assignment, None, DONE, at(date(2025, 11, 27)))

    await assignments.return_for_rework(
        world.secretariat, assignment, None, "Thiếu biên bản", at(date(2025, 12, 3))
    )
    swept = await sweep(at(date(2025, 12, 3), 10))

    assert swept.called == 1
    reminder = await fetch(
        "SELECT DISTINCT step_code FROM reminder WHERE verdict = 'sent' AND step_code LIKE 'after%'"
    )
    assert [r["step_code"] for r in reminder] == ["after_1"]


async def test_extension_moves_the_deadline_keeps_the_original_and_supersedes_what_was_queued() -> None:
    world = await build_world()
    assignment = await one(world, deadline="trước ngày 28/11/2025")
    await execute("UPDATE outbox SET state = 'failed'")  # step 0 has left the queue
    await sweep(at(date(2025, 11, 25)))

    asked = await extensions.request(
        world.agency, assignment, None, NewExtension("Chờ ý kiến", date(2025, 12, 15)), at(date(2025, 11, 26))
    )
    await extensions.decide(
        world.secretariat,
        asked,
        None,
        ExtensionDecision(True, document="99/VPCP-KSTT"),
        at(date(2025, 11, 27)),
    )

    row = await get_assignment(world.agency, assignment)
    assert (row.due_on, row.original_due_on, row.extension_count) == (
        date(2025, 12, 15),
        date(2025, 11, 28),
        1,
    )
    states = {(k, s) for k, _, s in await outbox()}
    assert {("digest", "superseded"), ("deadline_moved", "pending")} <= states
    assert ("digest", "pending") not in states


async def test_extension_refuses_an_earlier_date_and_a_closed_assignment() -> None:
    world = await build_world()
    assignment = await one(world)

    with pytest.raises(Invalid) as refused:
        await extensions.request(
            world.agency, assignment, None, NewExtension("x", date(2025, 12, 15)), MONDAY
        )
    assert [p.code for p in refused.value.problems] == ["extension_not_later"]

    await reports.submit(world.agency, assignment, None, DONE, MONDAY)
    await assignments.confirm(world.secretariat, assignment, None, "", MONDAY + timedelta(hours=1))
    with pytest.raises(AlreadyConfirmed):
        await extensions.request(
            world.agency, assignment, None, NewExtension("x", date(2025, 12, 20)), MONDAY
        )


async def test_foreign_rows_cannot_be_told_from_missing_ones() -> None:
    world = await build_world()
    assignment = await one(world)

    with pytest.raises(NotFound):
        await get_assignment(world.other_agency, assignment)
    with pytest.raises(NotFound):
        await reports.submit(world.other_agency, assignment, None, DONE, MONDAY)


async def test_stale_version_is_refused_and_changes_nothing() -> None:
    world = await build_world()
    assignment = await one(world)
    await assignments.acknowledge(world.agency, assignment, 1, MONDAY)

    with pytest.raises(StaleVersion):
        await reports.submit(world.agency, assignment, 1, DONE, MONDAY)

    assert (await get_assignment(world.agency, assignment)).state is State.ACKNOWLEDGED


async def test_transfer_closes_one_row_and_opens_another() -> None:
    world = await build_world()
    assignment = await one(world)

    heir = await assignments.transfer(
        world.secretariat, assignment, None, "BTC", "Đúng chức năng", "1/VPCP", MONDAY
    )

    old = await get_assignment(world.secretariat, assignment)
    new = await get_assignment(world.secretariat, heir)
    assert (old.state, old.transferred_to, new.agency_code, new.due_on) == (
        State.TRANSFERRED,
        heir,
        "BTC",
        old.due_on,
    )


async def test_overdue_list_of_a_past_day_is_what_was_true_that_day() -> None:
    world = await build_world()
    assignment = await one(world, deadline="trước ngày 28/11/2025")
    await reports.submit(world.agency, assignment, None, DONE, at(date(2025, 12, 10)))
    await assignments.confirm(world.secretariat, assignment, None, "", at(date(2025, 12, 12)))

    before = await overdue_list(world.secretariat, date(2025, 11, 28))
    late = await overdue_list(world.secretariat, date(2025, 12, 5))
    done = await overdue_list(world.secretariat, date(2025, 12, 31))

    assert (before.totals.open_in_term, late.totals.open_overdue, done.totals.done_late) == (1, 1, 1)
    assert [r.days_late for r in late.rows] == [7]
    assert done.rows == ()


async def test_explanation_names_a_reason_for_every_step() -> None:
    world = await build_world()
    assignment = await one(world)
    await sweep(at(date(2025, 12, 1)))

    told = await explain(world.secretariat, assignment, at(date(2025, 12, 2)))

    reasons = {d.moment.step.code: (d.verdict.value, d.reason.value) for d in told.decisions}
    assert reasons["before_10"] == ("skip", "already_sent")
    assert reasons["before_3"] == ("wait", "not_yet")
    assert [m.kind for m in told.messages] == ["assigned", "assigned", "digest"]
    assert told.foreseen["after_5", 1].recipients[0].official.email == "leader@byt.example.vn"


async def test_a_deadline_moved_before_the_first_mail_left_tells_of_the_task_not_of_the_move() -> None:
    world = await build_world()
    assignment = await one(world)

    await assignments.set_deadline(
        world.secretariat, assignment, None, date(2025, 12, 20), None, "Gõ nhầm", "", MONDAY
    )

    assert sorted(await outbox()) == [
        ("assigned", "focal@byt.example.vn", "pending"),
        ("assigned", "focal@byt.example.vn", "superseded"),
        ("assigned", "head_of_office@byt.example.vn", "pending"),
        ("assigned", "head_of_office@byt.example.vn", "superseded"),
    ]


async def test_a_superseded_task_is_told_and_refuses_reports() -> None:
    world = await build_world()
    assignment = await one(world)

    await assignments.supersede(world.secretariat, assignment, None, "Thay bằng 80/NQ-CP", "80/NQ-CP", MONDAY)

    listing = await overdue_list(world.secretariat, date(2026, 1, 5))
    assert (listing.totals.superseded, listing.totals.total) == (1, 0)
    with pytest.raises(AssignmentClosed):
        await reports.submit(world.agency, assignment, None, DONE, MONDAY)


async def test_a_time_without_a_day_is_refused() -> None:
    world = await build_world()

    with pytest.raises(Invalid) as refused:
        await directives.record(world.secretariat, directive(task("", due_time=time(17))), MONDAY)

    assert [(p.field, p.code) for p in refused.value.problems] == [("/tasks/0/due_time", "time_without_day")]


async def test_blanks_and_case_of_a_number_make_no_other_directive() -> None:
    world = await build_world()
    await directives.record(world.secretariat, directive(task(), number="777/CT-TTg"), MONDAY)

    for spelling in ("777/ct-ttg", " 777 / CT-TTg "):
        with pytest.raises(directives.DirectiveRecorded):
            await directives.record(world.secretariat, directive(task(), number=spelling), MONDAY)

    assert await fetchval("SELECT count(*) FROM directive") == 1


async def test_a_refused_extension_takes_no_date() -> None:
    world = await build_world()
    assignment_id = await one(world)
    asked = await extensions.request(
        world.agency, assignment_id, None, NewExtension("Cần thêm thời gian", date(2025, 12, 31)), MONDAY
    )

    with pytest.raises(Invalid) as refused:
        await extensions.decide(
            world.secretariat,
            asked,
            None,
            ExtensionDecision(False, date(2026, 1, 15), reason="Không đủ căn cứ"),
            MONDAY,
        )

    assert [(p.field, p.code) for p in refused.value.problems] == [("/granted_on", "grant_date_on_refusal")]
    assert await fetchval("SELECT state FROM extension WHERE id = $1", asked) == "pending"


@pytest.mark.parametrize("day", [date.min, date(1945, 9, 1), date(2200, 1, 1), date.max])
async def test_the_overdue_list_of_a_day_out_of_range_is_refused(day: date) -> None:
    world = await build_world()

    with pytest.raises(Invalid) as refused:
        await overdue_list(world.secretariat, day)

    assert [(p.field, p.code) for p in refused.value.problems] == [("/as_of", "date_out_of_range")]


def slips(refused: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str, object]]:
    """Field, code and latest year of every problem."""
    return [(p.field, p.code, p.params.get("latest_year")) for p in refused.value.problems]


async def test_a_deadline_thirty_years_off_is_a_slip_and_refused_wherever_it_is_set() -> None:
    world = await build_world()
    far = date(2106, 3, 31)

    with pytest.raises(Invalid) as by_phrase:
        await one(world, deadline="trước ngày 31/3/2106")
    with pytest.raises(Invalid) as by_date:
        await directives.record(world.secretariat, directive(task("", due_on=far)), MONDAY)
    assert slips(by_phrase) == [("/tasks/0/deadline", "deadline_too_far", 2055)]
    assert slips(by_date) == [("/tasks/0/due_on", "deadline_too_far", 2055)]
    assert await fetchval("SELECT count(*) FROM directive") == 0

    assignment = await one(world)
    with pytest.raises(Invalid) as corrected:
        await assignments.set_deadline(world.secretariat, assignment, None, far, None, "Sửa", "", MONDAY)
    with pytest.raises(Invalid) as asked:
        await extensions.request(world.agency, assignment, None, NewExtension("Chờ ý kiến", far), MONDAY)
    extension = await extensions.request(
        world.agency, assignment, None, NewExtension("Chờ ý kiến", date(2026, 3, 31)), MONDAY
    )
    with pytest.raises(Invalid) as granted:
        await extensions.decide(
            world.secretariat, extension, None, ExtensionDecision(True, far, "99/VPCP-KSTT"), MONDAY
        )

    assert slips(corrected) == [("/due_on", "deadline_too_far", 2055)]
    assert slips(asked) == [("/proposed_on", "deadline_too_far", 2055)]
    assert slips(granted) == [("/granted_on", "deadline_too_far", 2055)]
    assert (await get_assignment(world.secretariat, assignment)).due_on == date(2025, 12, 15)
