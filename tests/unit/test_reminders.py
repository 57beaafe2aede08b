"""The ladder: what makes it sound, when its moments come, what is owed, to whom, and why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.domain.assignments import DueKind, State
from tracker.domain.directory import Duty, Official, Role
from tracker.domain.errors import Invalid
from tracker.domain.ladders import (
    DEFAULT_STEPS,
    Anchor,
    Ladder,
    Moment,
    Step,
    Unit,
    assigned_moment,
    check_ladder,
    moments,
    review_moments,
)
from tracker.domain.moments import (
    DEFAULT_HOURS,
    horizon,
    latest_due_reached,
    moment_of,
    owed,
    plan,
    skipped_rank,
)
from tracker.domain.recipients import Contacts, Route, audience
from tracker.domain.reminders import Outcome, Reason, ReminderFacts, Verdict, decide, decide_review
from tracker.domain.workdays import WorkCalendar, parse_calendar
from tracker.domain.zone import at_official, civil_day, civil_now

CALENDAR = parse_calendar(
    (Path(__file__).parents[2] / "tracker/data/working_days.csv").read_text("utf-8").splitlines()
)
LADDER = Ladder(1, "default", 1, DEFAULT_STEPS)
DUE = date(2025, 11, 20)  # a Thursday
DIGEST = time(8)


def step(anchor: Anchor, offset: int, unit: Unit = Unit.WORKING, code: str = "", **more: object) -> Step:
    base = Step(code or f"{anchor}_{offset}_{unit}", anchor, offset, unit, (Duty.FOCAL,), "soon")
    return replace(base, **more)  # type: ignore[arg-type]  # keyword soup is the point of a test builder


def person(id: int, *duties: Duty, **more: object) -> Official:
    role = Role.AGENCY_OFFICER if id < 10 else Role.SECRETARIAT
    return replace(
        Official(id, f"Người {id}", f"p{id}@x.vn", role, duties=frozenset(duties)),
        **more,  # type: ignore[arg-type]
    )


FOCAL, HEAD, LEADER = person(1, Duty.FOCAL), person(2, Duty.HEAD_OF_OFFICE), person(3, Duty.LEADER)
DESK, CHIEF, MEMBER = (
    person(11, Duty.SECRETARIAT_OFFICER),
    person(12, Duty.SECRETARIAT_HEAD),
    person(13, Duty.MEMBER),
)
CONTACTS = Contacts(agency=(FOCAL, HEAD, LEADER), assigning=(DESK, CHIEF, MEMBER))


def on(day: date, at: time = DIGEST) -> datetime:
    return at_official(day, at)


def running(**more: object) -> ReminderFacts:
    base = ReminderFacts(State.IN_PROGRESS, DueKind.DATED, DUE)
    return replace(base, **more)  # type: ignore[arg-type]


# --- the ladder ---


def test_the_default_ladder_is_sound_and_unrolls_in_the_order_of_time() -> None:
    check_ladder(DEFAULT_STEPS)

    assert [(m.rank, m.step.code, m.occurrence, m.offset) for m in moments(LADDER)] == [
        (1, "before_10", 1, 10),
        (2, "before_3", 1, 3),
        (3, "on_day", 1, 2),
        (4, "after_1", 1, 1),
        (5, "after_5", 1, 5),
        (6, "after_5", 2, 10),
        (7, "after_5", 3, 15),
        (8, "after_5", 4, 20),
        (9, "after_30", 1, 30),
    ]
    assert [(m.rank, m.step.code) for m in review_moments(LADDER)] == [(1, "review"), (2, "review_head")]
    first = assigned_moment(LADDER)
    assert first is not None
    assert first.step.code == "assigned"


@pytest.mark.parametrize(
    ("steps", "pointer", "code"),
    [
        ((), "/steps", "ladder_empty"),
        (
            (step(Anchor.BEFORE, 3), step(Anchor.BEFORE, 3, code="again")),
            "/steps/1/offset",
            "ladder_steps_equal",
        ),
        (
            (step(Anchor.AFTER, 10), step(Anchor.AFTER, 5, repeat_every=5, repeat_limit=3)),
            "/steps/1/offset",
            "ladder_steps_equal",
        ),
        ((step(Anchor.ON, 2, Unit.HOURS), step(Anchor.ON, 0)), "/steps/1/offset", "ladder_steps_equal"),
        (
            (step(Anchor.BEFORE, 10), step(Anchor.BEFORE, 12, Unit.CALENDAR)),
            "/steps/1/offset",
            "ladder_order_uncertain",
        ),
        (
            (step(Anchor.BEFORE, 3), step(Anchor.AFTER, 3, code="x"), step(Anchor.AFTER, 4, code="x")),
            "/steps/2/code",
            "ladder_code_repeated",
        ),
        ((step(Anchor.BEFORE, 0),), "/steps/0/offset", "ladder_offset_out_of_range"),
        ((step(Anchor.AFTER, -1),), "/steps/0/offset", "ladder_offset_out_of_range"),
        ((step(Anchor.AFTER, 401),), "/steps/0/offset", "ladder_offset_out_of_range"),
        ((step(Anchor.ON, 1),), "/steps/0/offset", "ladder_offset_out_of_range"),
        ((step(Anchor.ON, 13, Unit.HOURS),), "/steps/0/offset", "ladder_offset_out_of_range"),
        ((step(Anchor.BEFORE, 3, Unit.HOURS),), "/steps/0/unit", "ladder_hours_only_on_the_day"),
        ((step(Anchor.AFTER, 5, repeat_every=5),), "/steps/0/repeat_limit", "ladder_repeat_limit"),
        ((step(Anchor.AFTER, 5, repeat_limit=4),), "/steps/0/repeat_every", "ladder_repeat_every"),
        ((step(Anchor.AFTER, 5, repeat_every=0, repeat_limit=4),), "/steps/0/repeat_every", "ladder_repeat_every"),
        ((step(Anchor.ON, 0, repeat_every=1, repeat_limit=2),), "/steps/0/repeat_every", "ladder_repeat_not_here"),
        (
            (step(Anchor.BEFORE, 5, repeat_every=3, repeat_limit=3),),
            "/steps/0/repeat_limit",
            "ladder_repeat_leaves_range",
        ),
        ((step(Anchor.BEFORE, 3, to=()),), "/steps/0/to", "ladder_step_without_audience"),
        ((step(Anchor.BEFORE, 3, copy=(Duty.FOCAL,)),), "/steps/0/copy", "ladder_duty_twice"),
        ((step(Anchor.BEFORE, 3, wording=" "),), "/steps/0/wording", "required"),
    ],
)  # fmt: skip
def test_an_unsound_ladder_names_the_field(steps: tuple[Step, ...], pointer: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_ladder(steps)

    assert (pointer, code) in [(p.field, p.code) for p in refused.value.problems]


def test_mixed_units_pass_where_no_date_can_change_their_order() -> None:
    check_ladder((step(Anchor.BEFORE, 10), step(Anchor.BEFORE, 7, Unit.CALENDAR)))
    check_ladder((step(Anchor.AFTER, 3), step(Anchor.AFTER, 30, Unit.CALENDAR)))


def test_repeats_before_the_deadline_come_nearer() -> None:
    ladder = Ladder(2, "x", 1, (step(Anchor.BEFORE, 9, repeat_every=4, repeat_limit=3),))

    assert [m.offset for m in moments(ladder)] == [9, 5, 1]


# --- when ---


@pytest.mark.parametrize(
    ("rank", "expected"),
    [
        (1, on(date(2025, 11, 6))),
        (2, on(date(2025, 11, 17))),
        (3, on(date(2025, 11, 20))),
        (4, on(date(2025, 11, 21))),
        (5, on(date(2025, 11, 27))),
        (8, on(date(2025, 12, 18))),
        (9, on(date(2026, 1, 5))),  # 01 and 02/01/2026 are off: the second swapped for a Saturday
    ],
)
def test_moments_of_a_deadline(rank: int, expected: datetime) -> None:
    assert moment_of(moments(LADDER)[rank - 1], DUE, None, CALENDAR) == expected


def test_an_hour_deadline_is_announced_two_hours_before() -> None:
    on_day = moments(LADDER)[2]

    assert moment_of(on_day, DUE, time(17), CALENDAR) == on(DUE, time(15))
    assert moment_of(on_day, DUE, time(1), CALENDAR) == on(date(2025, 11, 19), time(23))


def test_the_day_itself_is_announced_though_it_be_a_day_off() -> None:
    sunday = date(2025, 11, 23)

    assert moment_of(moments(LADDER)[2], sunday, None, CALENDAR) == on(sunday)
    assert moment_of(moments(LADDER)[1], sunday, None, CALENDAR) == on(date(2025, 11, 19))
    assert moment_of(moments(LADDER)[3], sunday, None, CALENDAR) == on(date(2025, 11, 24))


def test_calendar_days_that_end_on_a_day_off_move_to_a_working_day() -> None:
    before, after = step(Anchor.BEFORE, 4, Unit.CALENDAR), step(Anchor.AFTER, 2, Unit.CALENDAR)
    first, last = moments(Ladder(3, "x", 1, (before, after)))

    assert moment_of(first, DUE, None, CALENDAR) == on(date(2025, 11, 14))  # 16/11 is a Sunday
    assert moment_of(last, DUE, None, CALENDAR) == on(date(2025, 11, 24))  # 22/11 is a Saturday


def test_moved_holidays_move_the_reminders() -> None:
    swapped = date(2019, 5, 6)

    # Saturday 04/05/2019 was worked, 29/04 to 01/05 were off.
    before_3 = moments(LADDER)[1]
    assert moment_of(before_3, swapped, None, CALENDAR) == on(date(2019, 5, 2))


def all_kinds() -> list[Moment]:
    offsets = (1, 2, 3, 5, 7, 10, 22, 30)
    found: list[Moment] = []
    for anchor in (Anchor.BEFORE, Anchor.AFTER):
        for unit in (Unit.WORKING, Unit.CALENDAR):
            found.extend(Moment(step(anchor, offset, unit), 1, offset, 1) for offset in offsets)
    return [*found, Moment(step(Anchor.ON, 2, Unit.HOURS), 1, 2, 1)]


@pytest.mark.parametrize("moment", all_kinds(), ids=lambda m: m.step.code)
def test_latest_due_reached_is_the_exact_inverse_on_every_day_of_the_calendar(moment: Moment) -> None:
    """Brute force over all due dates from before the calendar's first year to after its last."""
    first, last = date(2017, 11, 1), date(2028, 2, 28)
    dues = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    comes = [moment_of(moment, due, None, CALENDAR) for due in dues]
    days = [civil_day(at) if at else date.max for at in comes]

    assert days == sorted(days)
    reached = -1
    for n in range((date(2027, 12, 31) - date(2018, 1, 1)).days + 1):
        today = date(2018, 1, 1) + timedelta(days=n)
        while reached + 1 < len(days) and days[reached + 1] <= today:
            reached += 1
        latest = latest_due_reached(moment, today, CALENDAR)
        if reached >= 0:
            assert max(latest, first - timedelta(days=1)) == dues[reached], today
        else:
            assert latest < first


@pytest.mark.parametrize("moment", all_kinds(), ids=lambda m: m.step.code)
def test_at_the_edge_of_the_calendar_nothing_comes_early_and_nothing_raises(moment: Moment) -> None:
    longer = dict(CALENDAR.days)
    longer[date(2028, 1, 3)] = replace(next(iter(longer.values())), kind="off")
    known_later = WorkCalendar(longer, CALENDAR.years | {2028})
    for n in range(120):
        due = date(2027, 11, 1) + timedelta(days=n)
        unknown = moment_of(moment, due, None, CALENDAR)
        known = moment_of(moment, due, None, known_later)
        assert known is not None or due.year == 2028 or moment.anchor is Anchor.AFTER
        if unknown is not None and known is not None:
            assert unknown >= known, due
    for far in (date(2090, 1, 1), date(9999, 12, 31)):
        at = moment_of(moment, far, None, CALENDAR)
        assert at is None or at > on(date(2027, 12, 31))
        assert latest_due_reached(moment, date(2027, 12, 31), CALENDAR) < far


def test_without_any_calendar_only_the_certain_comes() -> None:
    empty = WorkCalendar({}, frozenset())

    assert [p.at is None for p in plan(LADDER, DUE, None, empty)] == [False] * 3 + [True] * 6
    assert latest_due_reached(moments(LADDER)[3], DUE, empty) == date.min


DUES = st.dates(date(2018, 6, 1), date(2027, 6, 1))
HOURS = st.none() | st.times().map(lambda t: t.replace(second=0, microsecond=0))
INSTANTS = st.datetimes(datetime(2018, 3, 1), datetime(2027, 9, 1)).map(  # noqa: DTZ001  # made aware here
    lambda t: t.replace(tzinfo=UTC)
)


@given(DUES, HOURS, st.integers(-40, 60), st.times())
def test_the_horizon_asked_of_the_database_agrees_with_the_moments(
    due_on: date, due_time: time | None, days: int, at: time
) -> None:
    now = at_official(due_on + timedelta(days=days), at)
    for moment in moments(LADDER):
        seen = horizon(moment, now, CALENDAR)
        if due_time is not None and seen.timed_until is not None:
            in_database = datetime.combine(due_on, due_time) <= seen.timed_until
        else:
            in_database = due_on <= seen.due_until
        comes = moment_of(moment, due_on, due_time, CALENDAR)
        assert in_database == (comes is not None and comes <= now), moment


@given(DUES, HOURS)
def test_moments_come_in_the_order_of_their_ranks(due_on: date, due_time: time | None) -> None:
    instants = [p.at for p in plan(LADDER, due_on, due_time, CALENDAR) if p.at]

    assert instants == sorted(instants)
    assert len(instants) == len(moments(LADDER))


UNITS = st.sampled_from([Unit.WORKING, Unit.CALENDAR])
ANY_STEPS = st.lists(
    st.builds(
        lambda anchor, offset, unit, pace, limit: step(
            anchor, offset, unit, repeat_every=pace, repeat_limit=limit if pace else 1
        ),
        st.sampled_from([Anchor.BEFORE, Anchor.AFTER]),
        st.integers(1, 60),
        UNITS,
        st.none() | st.integers(1, 10),
        st.integers(2, 4),
    ),
    min_size=1,
    max_size=5,
)


@given(ANY_STEPS, st.lists(DUES, min_size=1, max_size=5))
@settings(max_examples=300)
def test_every_ladder_that_passes_keeps_its_order_on_every_date(steps: list[Step], dues: list[date]) -> None:
    steps = [replace(s, code=f"s{i}") for i, s in enumerate(steps)]
    try:
        check_ladder(steps)
    except Invalid:
        return
    for due_on in dues:
        instants = [p.at for p in plan(Ladder(9, "x", 1, tuple(steps)), due_on, None, CALENDAR) if p.at]
        assert instants == sorted(instants)


# --- what is owed ---


def test_a_deadline_shorter_than_a_step_skips_it() -> None:
    set_at = on(date(2025, 11, 14), time(10))

    assert skipped_rank(LADDER, DUE, None, set_at, CALENDAR) == 1
    assert skipped_rank(LADDER, DUE, None, on(DUE, time(9)), CALENDAR) == 3
    assert skipped_rank(LADDER, date(2026, 3, 31), None, set_at, CALENDAR) == 0


def test_after_an_outage_only_the_newest_is_owed() -> None:
    found = owed(LADDER, 0, DUE, None, on(date(2025, 11, 18)), CALENDAR)

    assert found.newest is not None
    assert (found.newest.rank, [m.rank for m in found.superseded]) == (2, [1])


def test_words_that_are_no_longer_true_are_not_sent() -> None:
    saturday_after = on(date(2025, 11, 22))
    friday_deadline = date(2025, 11, 21)

    found = owed(LADDER, 2, friday_deadline, None, saturday_after, CALENDAR)

    assert found.newest is None
    assert [m.rank for m in found.superseded] == [3]


@given(DUES, HOURS, st.integers(0, 9), INSTANTS)
def test_what_is_owed_is_the_newest_that_came_since_the_settled(
    due_on: date, due_time: time | None, settled: int, now: datetime
) -> None:
    found = owed(LADDER, settled, due_on, due_time, now, CALENDAR)

    came = [p.moment.rank for p in plan(LADDER, due_on, due_time, CALENDAR) if p.at and p.at <= now]
    ranks = [m.rank for m in found.superseded] + ([found.newest.rank] if found.newest else [])
    assert ranks == [r for r in came if r > settled]
    assert skipped_rank(LADDER, due_on, due_time, now, CALENDAR) == max(came, default=0)
    assert owed(LADDER, max(came, default=0), due_on, due_time, now, CALENDAR).newest is None


# --- whether, and why ---


def reasons(
    facts: ReminderFacts, now: datetime, ledger: dict[tuple[str, int], Outcome] | None = None
) -> list[Reason]:
    return [d.reason for d in decide(facts, LADDER, now, CALENDAR, ledger or {}, CONTACTS)]


def test_each_moment_gets_a_reason() -> None:
    ledger = {("before_10", 1): Outcome.SENT}

    decisions = decide(running(settled_rank=1), LADDER, on(date(2025, 11, 17)), CALENDAR, ledger, CONTACTS)

    assert [(d.verdict, d.reason) for d in decisions] == [
        (Verdict.SKIP, Reason.ALREADY_SENT),
        (Verdict.SEND, Reason.DUE),
        *[(Verdict.WAIT, Reason.NOT_YET)] * 7,
    ]
    assert [r.official for r in decisions[1].audience.recipients] == [FOCAL, HEAD]


@pytest.mark.parametrize(
    ("changes", "reason", "verdict"),
    [
        ({"state": State.CONFIRMED}, Reason.CONFIRMED, Verdict.SKIP),
        ({"state": State.WITHDRAWN}, Reason.WITHDRAWN, Verdict.SKIP),
        ({"state": State.TRANSFERRED}, Reason.TRANSFERRED, Verdict.SKIP),
        ({"state": State.SUPERSEDED}, Reason.REPLACED, Verdict.SKIP),
        ({"state": State.REPORTED}, Reason.AWAITING_CONFIRMATION, Verdict.WAIT),
        ({"due_kind": DueKind.STANDING, "due_on": None}, Reason.NO_DATE, Verdict.SKIP),
        ({"is_paused": True}, Reason.PAUSED, Verdict.WAIT),
        ({"is_extension_pending": True}, Reason.EXTENSION_PENDING, Verdict.SEND),
        ({"settled_rank": 2}, Reason.SHORT_DEADLINE, Verdict.SKIP),
    ],
)
def test_a_moment_that_has_come(changes: dict[str, object], reason: Reason, verdict: Verdict) -> None:
    decision = decide(running(**changes), LADDER, on(date(2025, 11, 17)), CALENDAR, {}, CONTACTS)[1]

    assert (decision.reason, decision.verdict) == (reason, verdict)


def test_superseded_and_skipped_rows_of_the_ledger_are_told_apart() -> None:
    ledger = {("before_10", 1): Outcome.SUPERSEDED, ("before_3", 1): Outcome.SUPPRESSED}

    found = reasons(running(settled_rank=2), on(date(2025, 11, 18)), ledger)

    assert found[:3] == [Reason.SUPERSEDED_BY_NEWER, Reason.ALREADY_SKIPPED, Reason.NOT_YET]


def test_mail_waits_for_the_digest_of_the_next_working_day() -> None:
    late_friday, sunday = on(date(2025, 11, 21), time(21)), on(date(2025, 11, 23), time(10))
    monday = on(date(2025, 11, 24))
    facts = running(settled_rank=3)

    assert reasons(facts, late_friday)[3] is Reason.QUIET_HOURS
    assert reasons(facts, sunday)[3] is Reason.QUIET_HOURS
    assert reasons(facts, monday)[3] is Reason.DUE


def test_the_day_itself_is_not_quiet_on_a_day_off_nor_an_hour_deadline_at_night() -> None:
    sunday = date(2025, 11, 23)

    assert reasons(running(due_on=sunday, settled_rank=2), on(sunday))[2] is Reason.DUE
    night = running(due_on=sunday, due_time=time(22), settled_rank=2)
    assert reasons(night, on(sunday, time(20)))[2] is Reason.DUE


def test_without_anybody_to_send_to_it_waits_and_says_so() -> None:
    decision = decide(running(), LADDER, on(date(2025, 11, 17)), CALENDAR, {}, Contacts())[1]

    assert (decision.verdict, decision.reason) == (Verdict.WAIT, Reason.NO_RECIPIENT)
    assert decision.audience.unreached == (Duty.FOCAL, Duty.HEAD_OF_OFFICE)


def test_a_year_without_a_calendar_is_named() -> None:
    known = WorkCalendar(CALENDAR.days, frozenset({2025}))

    decisions = decide(running(settled_rank=8), LADDER, on(date(2025, 12, 30)), known, {}, CONTACTS)

    assert (decisions[8].verdict, decisions[8].reason) == (Verdict.WAIT, Reason.CALENDAR_UNKNOWN)


def test_a_waiting_report_reminds_the_secretariat_then_its_head() -> None:
    facts = running(state=State.REPORTED, reported_on=date(2025, 11, 14))

    before = decide_review(facts, LADDER, on(date(2025, 11, 18)), CALENDAR, {}, CONTACTS)
    third = decide_review(facts, LADDER, on(date(2025, 11, 19)), CALENDAR, {}, CONTACTS)
    sixth = decide_review(
        replace(facts, review_rank=1), LADDER, on(date(2025, 11, 24)), CALENDAR, {}, CONTACTS
    )
    confirmed = decide_review(running(state=State.CONFIRMED), LADDER, on(DUE), CALENDAR, {}, CONTACTS)

    assert [d.reason for d in before] == [Reason.NOT_YET, Reason.NOT_YET]
    assert [r.official for r in third[0].audience.recipients] == [DESK]
    assert [(r.official, r.is_copy) for r in sixth[1].audience.recipients] == [(CHIEF, False), (DESK, True)]
    assert [d.reason for d in confirmed] == [Reason.CONFIRMED] * 2
    assert decide_review(running(), LADDER, on(DUE), CALENDAR, {}, CONTACTS)[0].reason is Reason.NOT_REPORTED


TICKS = st.lists(st.integers(1, 60 * 24 * 9), min_size=5, max_size=60)


@given(DUES, HOURS, TICKS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_moment_is_ever_sent_twice_and_late_ticks_send_the_newest_only(
    due_on: date, due_time: time | None, gaps: list[int], pending: bool
) -> None:
    """A worker that wakes at any times, writing what it did: the ledger and the settled rank."""
    now = at_official(due_on - timedelta(days=25), time(6))
    ledger: dict[tuple[str, int], Outcome] = {}
    settled = skipped_rank(LADDER, due_on, due_time, now, CALENDAR)
    sent: list[int] = []
    for gap in gaps:
        now += timedelta(minutes=gap)
        facts = running(due_on=due_on, due_time=due_time, settled_rank=settled, is_extension_pending=pending)
        decisions = decide(facts, LADDER, now, CALENDAR, ledger, CONTACTS)
        sends = [d for d in decisions if d.verdict is Verdict.SEND]
        assert len(decisions) == len(moments(LADDER))
        assert len(sends) <= 1
        for decision in sends:
            assert decision.at is not None
            assert decision.at <= now
            assert decision.moment.key not in ledger
            assert civil_now(now).time() >= DEFAULT_HOURS.digest or due_time
            for earlier in moments(LADDER)[settled : decision.moment.rank - 1]:
                ledger[earlier.key] = Outcome.SUPERSEDED
            ledger[decision.moment.key] = Outcome.SENT
            settled = decision.moment.rank
            sent.append(settled)
        again = decide(replace(facts, settled_rank=settled), LADDER, now, CALENDAR, ledger, CONTACTS)
        assert not [d for d in again if d.verdict is Verdict.SEND]
    assert sent == sorted(set(sent))


STATES = st.sampled_from(State)


@given(STATES, DUES, HOURS, INSTANTS, st.integers(0, 9), st.booleans())
def test_only_a_running_clock_sends(
    state: State, due_on: date, due_time: time | None, now: datetime, settled: int, paused: bool
) -> None:
    facts = ReminderFacts(state, DueKind.DATED, due_on, due_time, settled, is_paused=paused)

    verdicts = [d.verdict for d in decide(facts, LADDER, now, CALENDAR, {}, CONTACTS)]

    if state not in (State.ASSIGNED, State.ACKNOWLEDGED, State.IN_PROGRESS, State.RETURNED) or paused:
        assert Verdict.SEND not in verdicts
    assert Verdict.SEND not in verdicts[:settled]


# --- to whom ---


def people(to: tuple[Duty, ...], contacts: Contacts, copy: tuple[Duty, ...] = ()) -> list[tuple[int, Route]]:
    return [(r.official.id, r.route) for r in audience(to, copy, contacts, DUE).recipients]


def test_duties_find_their_holders_and_nobody_is_named_twice() -> None:
    both = Contacts(agency=(person(1, Duty.FOCAL, Duty.HEAD_OF_OFFICE),))

    found = audience((Duty.FOCAL,), (Duty.HEAD_OF_OFFICE,), both, DUE)

    assert [(r.official.id, r.is_copy) for r in found.recipients] == [(1, False)]


def test_an_absent_officer_is_stood_in_for_by_the_deputy() -> None:
    away = replace(FOCAL, absent_from=DUE, absent_until=DUE, deputy_id=5)
    contacts = replace(CONTACTS, agency=(away, HEAD), deputies={1: person(5)})

    assert people((Duty.FOCAL,), contacts) == [(5, Route.DEPUTY)]
    assert people((Duty.FOCAL,), replace(contacts, deputies={})) == [(1, Route.ABSENT_WITHOUT_DEPUTY)]
    second = replace(contacts, agency=(away, person(6, Duty.FOCAL)), deputies={})
    assert people((Duty.FOCAL,), second) == [(6, Route.HOLDER)]


def test_a_dead_mailbox_goes_to_the_next_contact_of_that_agency() -> None:
    dead = replace(FOCAL, is_mailbox_dead=True)

    found = audience((Duty.FOCAL,), (), replace(CONTACTS, agency=(dead, HEAD)), DUE)

    assert [(r.official.id, r.route) for r in found.recipients] == [(2, Route.MAILBOX_DEAD_REROUTED)]
    assert found.rerouted == found.recipients
    second = replace(CONTACTS, agency=(dead, person(6, Duty.FOCAL)))
    assert people((Duty.FOCAL,), second) == [(6, Route.MAILBOX_DEAD_REROUTED)]


def test_an_agency_nobody_can_be_reached_at_is_the_secretariats_matter() -> None:
    dead = tuple(replace(o, is_mailbox_dead=True) for o in (FOCAL, HEAD, LEADER))

    assert people((Duty.FOCAL,), replace(CONTACTS, agency=dead)) == [(11, Route.NOBODY_AT_AGENCY)]
    assert people((Duty.LEADER,), replace(CONTACTS, agency=(HEAD,))) == [(2, Route.NO_HOLDER_REROUTED)]


def test_the_officer_of_the_task_and_the_member_of_the_agency_come_first() -> None:
    other_desk, other_member = person(14, Duty.SECRETARIAT_OFFICER), person(15, Duty.MEMBER)
    contacts = Contacts(
        assigning=(DESK, MEMBER, other_desk, other_member),
        secretariat_officer_id=14,
        members=frozenset({15}),
    )

    assert people((Duty.SECRETARIAT_OFFICER, Duty.MEMBER), contacts) == [
        (14, Route.HOLDER),
        (15, Route.HOLDER),
    ]
    assert people((Duty.MEMBER,), replace(contacts, members=frozenset())) == [(13, Route.HOLDER)]


OFFICIALS = st.builds(
    Official,
    id=st.integers(1, 8),
    name=st.just("x"),
    email=st.just("x@x.vn"),
    role=st.sampled_from(Role),
    duties=st.frozensets(st.sampled_from(Duty)),
    is_active=st.booleans(),
    is_mailbox_dead=st.booleans(),
    absent_from=st.none() | st.just(DUE),
    absent_until=st.just(DUE),
)
PEOPLE = st.lists(OFFICIALS, max_size=6, unique_by=lambda o: o.id).map(tuple)


@given(
    PEOPLE, PEOPLE, st.lists(st.sampled_from(Duty), max_size=4), st.lists(st.sampled_from(Duty), max_size=4)
)
def test_nobody_dead_or_gone_is_addressed_and_every_duty_is_accounted_for(
    agency: tuple[Official, ...], assigning: tuple[Official, ...], to: list[Duty], copy: list[Duty]
) -> None:
    found = audience(to, copy, Contacts(agency=agency, assigning=assigning), DUE)

    assert all(r.official.is_active and not r.official.is_mailbox_dead for r in found.recipients)
    assert len({r.official.id for r in found.recipients}) == len(found.recipients)
    assert set(found.unreached) <= {*to, *copy}
    living = [o for o in (*agency, *assigning) if o.is_active and not o.is_mailbox_dead and o.duties]
    if not found.recipients and (to or copy):
        assert set(found.unreached) == {*to, *copy}
        asked = {*to, *copy}
        assert not any(asked & o.duties for o in living if o in agency) or not any(
            asked & o.duties & {Duty.FOCAL, Duty.HEAD_OF_OFFICE, Duty.LEADER} for o in living if o in agency
        )
