"""Tables and measures: totals equal rows both ways, cells are what they say, comparisons are fair to size."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.table_worlds import AS_OF, CALENDAR, KINDS, history_of
from tracker.actions.statistics import Question, statistics_of
from tracker.db.statistics import HeadCount, Span
from tracker.domain.assignments import Bucket, DeadlineCause, DeadlineVersion, Facts, Status, classify
from tracker.domain.errors import Invalid
from tracker.domain.measures import (
    RUSH_LEAST,
    Closings,
    Verdict,
    interval,
    rush,
    verdict,
    waits,
    working_days_between,
)
from tracker.domain.statistics import Buckets, Rate, Rounding, percentage
from tracker.domain.tallies import (
    BLOCK_KINDS,
    COUNTS,
    Age,
    Change,
    Period,
    Tally,
    age_of,
    day_before,
    period_key,
    period_of,
    tally_of,
)
from tracker.domain.workdays import DayMark, WorkCalendar

DAYS = st.dates(date(2019, 1, 1), date(2030, 12, 31))


@st.composite
def statuses(draw: st.DrawFn) -> Status:
    """A task of any kind, extended or not, told on any day around its deadline."""
    facts = history_of(draw(st.sampled_from(KINDS)), draw(st.integers(0, 6)))
    moved = draw(st.integers(0, 2))
    if facts.deadlines and facts.deadlines[0].due_on:
        first = facts.deadlines[0]
        later = tuple(
            DeadlineVersion(
                n + 1,
                first.set_at,
                facts.deadlines[0].due_on + timedelta(days=n),
                cause=DeadlineCause.EXTENSION,
            )
            for n in range(1, moved + 1)
        )
        facts = Facts(
            facts.assigned_at,
            facts.due_kind,
            (first, *later),
            completions=facts.completions,
            closed_as=facts.closed_as,
            closed_at=facts.closed_at,
        )
    return classify(facts, AS_OF + timedelta(days=draw(st.integers(-60, 200))), CALENDAR)


HEADED = st.lists(st.tuples(statuses(), st.sampled_from("abc"), st.sampled_from("xy")), max_size=40)


@given(HEADED)
def test_totals_equal_rows_whichever_way_the_same_tasks_are_put(rows: list[tuple[Status, str, str]]) -> None:
    whole = Tally.count(status for status, _, _ in rows)
    for place in (1, 2):
        heads = sorted({str(row[place]) for row in rows})
        tallies = [Tally.count(row[0] for row in rows if row[place] == head) for head in heads]
        told = statistics_of(
            Question(AS_OF), [HeadCount(h, h, h, t) for h, t in zip(heads, tallies, strict=True)]
        )

        assert tally_of(tallies) == whole == told.total.count.tally
        assert told.is_sound


@given(HEADED)
def test_every_cell_is_the_number_of_tasks_that_its_rule_counts(rows: list[tuple[Status, str, str]]) -> None:
    counted = [status for status, _, _ in rows]
    known = [s for s in counted if s.fine.value != "not_yet_assigned"]
    cells = Tally.count(counted).cells()

    assert {name: sum(map(rule, known)) for name, rule in COUNTS.items()} == {n: cells[n] for n in COUNTS}
    assert cells["total"] + cells["beside"] == len(known)
    assert sum(Tally.count(counted).ageing.values()) == cells["open_overdue"]


def test_a_table_whose_rows_do_not_add_up_is_not_sound() -> None:
    one = Tally(Buckets(open_overdue=2), late_7=1)
    told = statistics_of(Question(AS_OF), [HeadCount("a", "a", "a", one)])

    assert not told.is_sound


@given(st.integers(0, 400))
def test_ages_follow_each_other_without_a_gap(days: int) -> None:
    ages = list(Age)

    assert ages.index(age_of(days + 1)) - ages.index(age_of(days)) in (0, 1)


def test_an_age_is_counted_of_the_overdue_only() -> None:
    late = classify(history_of("open_overdue", 6), AS_OF + timedelta(days=30), CALENDAR)

    assert late.bucket is Bucket.OPEN_OVERDUE
    assert Tally.count([late]).ageing[age_of(late.days_late)] == 1


def test_every_kind_of_agency_stands_in_one_block() -> None:
    kinds = Counter(kind for kinds in BLOCK_KINDS.values() for kind in kinds)

    assert set(kinds.values()) == {1}
    assert kinds.keys() == {
        "ministry",
        "ministerial",
        "government_agency",
        "province",
        "corporation",
        "party",
        "court",
        "other",
    }


# -- periods -----------------------------------------------------------------------------------------------


@given(DAYS, st.sampled_from(["month", "quarter", "year"]))
def test_a_day_lies_in_the_period_of_its_key(day: date, head: str) -> None:
    span = period_of(head, period_key(head, day))

    assert span is not None
    assert span[0] <= day <= span[1]
    assert period_key(head, span[1] + timedelta(days=1)) != period_key(head, day)


@pytest.mark.parametrize(
    ("head", "key"),
    [
        ("month", "2025-00"),
        ("month", "2025-1"),
        ("quarter", "2025-Q5"),
        ("year", "25"),
        ("year", "-"),
        ("month", "x"),
    ],
)
def test_what_is_no_key_has_no_days(head: str, key: str) -> None:
    assert period_of(head, key) is None


@given(DAYS, st.sampled_from(list(Period)))
def test_the_day_before_is_earlier_and_ends_of_months_stay_ends(day: date, period: Period) -> None:
    before = day_before(day, period)
    is_end = (day + timedelta(days=1)).day == 1

    assert before < day
    if period is not Period.WEEK:
        assert not is_end or (before + timedelta(days=1)).day == 1
        assert day_before(day, period, 3) <= before


def test_a_change_is_the_difference_of_what_is_printed() -> None:
    change = Change(Rate("done", 2, "total", 3), Rate("done", 1, "total", 3))
    of_nothing = Change(Rate("done", 2, "total", 3), Rate("done", 0, "total", 0))

    assert (change.points, of_nothing.points) == (Decimal("33.34"), None)


# -- questions ---------------------------------------------------------------------------------------------


def test_what_cannot_be_asked_is_refused_at_once_with_every_field() -> None:
    question = Question(
        date(2025, 11, 25),
        span=Span(date(2025, 2, 1), date(2025, 1, 1)),
        due=Span(date(2025, 2, 1), date(2025, 1, 1)),
    )

    with pytest.raises(Invalid) as refused:
        question.check(date(2025, 11, 24))

    assert [(p.field, p.code) for p in refused.value.problems] == [
        ("/as_of", "as_of_future"),
        ("/assigned_from", "span_reversed"),
        ("/due_from", "span_reversed"),
    ]


def test_the_period_before_moves_the_limits_with_the_day() -> None:
    question = Question(date(2025, 6, 30), span=Span(date(2025, 6, 1), date(2025, 6, 30)))

    before = question.before(Period.MONTH)

    assert (before.as_of, before.span) == (date(2025, 5, 31), Span(date(2025, 5, 1), date(2025, 5, 31)))


# -- comparison --------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.data())
def test_an_interval_holds_its_rate_and_narrows_with_size(denominator: int, data: st.DataObject) -> None:
    numerator = data.draw(st.integers(0, denominator))
    found = interval(numerator, denominator)
    rate = percentage(numerator, denominator, Rounding.HALF_UP, 1)
    larger = interval(numerator * 4, denominator * 4)

    assert 0 <= found.low <= rate <= found.high <= 100
    assert larger.high - larger.low <= found.high - found.low


def test_small_bodies_are_not_judged_and_equal_rates_differ_by_size_only() -> None:
    assert verdict(0, 9, 9000, 10000) is Verdict.TOO_FEW
    assert verdict(8, 10, 9000, 10000) is Verdict.ALIKE
    assert verdict(800, 1000, 9000, 10000) is Verdict.BELOW
    assert verdict(950, 1000, 9000, 10000) is Verdict.ABOVE


# -- waiting -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60))
def test_median_and_ninth_decile_split_what_was_waited(lengths: list[int]) -> None:
    found = waits(Counter(lengths))
    assert found.median is not None
    assert found.ninth_decile is not None

    assert found.count == len(lengths)
    assert sum(length <= found.median for length in lengths) * 2 >= len(lengths)
    assert sum(length >= found.median for length in lengths) * 2 >= len(lengths)
    assert sum(length <= found.ninth_decile for length in lengths) * 10 >= len(lengths) * 9
    assert found.ninth_decile in lengths


def test_working_days_leave_out_days_off_and_count_swapped_ones() -> None:
    friday, monday = date(2025, 11, 21), date(2025, 11, 24)
    swapped = WorkCalendar(
        {date(2025, 11, 22): DayMark("work", "", ""), monday: DayMark("off", "", "")}, frozenset({2025})
    )

    assert working_days_between(friday, friday, CALENDAR) == 0
    assert working_days_between(friday, monday, CALENDAR) == 1
    assert working_days_between(friday, monday, swapped) == 1
    assert working_days_between(date(2031, 1, 3), date(2031, 1, 6), CALENDAR) == 1
    assert waits({}).median is None


# -- closings before a cut-off -----------------------------------------------------------------------------

CUT = date(2025, 11, 20)


def even(count: int) -> list[Closings]:
    """So many a day for eight months."""
    return [Closings(CUT - timedelta(days=n), count) for n in range(240)]


def test_closings_that_crowd_are_found_and_even_ones_are_not() -> None:
    buckets = Buckets(done_on_time=400, done_late=100, open_in_term=50, open_overdue=61)
    usual = rush(even(3), CUT, buckets)
    crowd = rush([*even(3), Closings(CUT, 258, overdue=258, late=100)], CUT, buckets)

    assert not usual.is_mass
    assert (usual.last, usual.month) == (21, 93)
    assert crowd.is_mass
    assert crowd.last == 279
    assert crowd.without == Buckets(done_on_time=221, done_late=0, open_in_term=71, open_overdue=319)


def test_a_few_closings_never_crowd_and_a_habit_is_no_crowd() -> None:
    few = rush([Closings(CUT, RUSH_LEAST - 1)], CUT, Buckets(done_on_time=50))
    enough = rush([Closings(CUT, RUSH_LEAST)], CUT, Buckets(done_on_time=50))
    ends = [day_before(CUT, Period.MONTH, back) for back in range(8)]
    habit = rush([Closings(end, 40) for end in ends], CUT, Buckets(done_on_time=500))

    assert (few.is_mass, enough.is_mass) == (False, True)
    assert habit.usual == 100
    assert not habit.is_mass


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 30)), max_size=30),
    st.integers(200, 400),
    st.integers(0, 50),
)
def test_without_the_last_days_the_total_stays(days: list[tuple[int, int]], done: int, overdue: int) -> None:
    closings = [Closings(CUT - timedelta(days=back), count) for back, count in days]
    buckets = Buckets(done_on_time=done + 900, open_overdue=overdue)
    found = rush(closings, CUT, buckets)

    assert found.without.total == buckets.total
    assert found.without.done == buckets.done - found.last
    assert 0 <= found.share <= 100
