"""Indicators: figures in words, periods, plans, and where an indicator stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dossier_samples import dossier, item
from tracker.documents.dossier import cell
from tracker.domain.errors import Invalid
from tracker.domain.indicators import (
    Direction,
    Exactness,
    Figure,
    Frequency,
    Indicator,
    Progress,
    Reading,
    changes_of,
    check_change,
    check_day,
    check_indicator,
    days_behind,
    ended,
    missing_periods,
    parse_figure,
    parse_number,
    period_of,
    periods,
    planned,
    rounded,
    standing,
    write_number,
)
from tracker.domain.inspections import ItemKind
from tracker.domain.workdays import DayMark, WorkCalendar

CALENDAR = WorkCalendar(
    {date(2025, 9, 2): DayMark("off", "Quốc khánh", "Điều 112")}, frozenset({2024, 2025, 2026})
)
SHARE = Indicator(
    "Hồ sơ giải quyết trực tuyến",
    "%",
    date(2025, 7, 1),
    date(2025, 12, 28),
    counts="hồ sơ",
    baseline=Decimal(12),
    target=Decimal(30),
)
LATE = replace(SHARE, direction=Direction.AT_MOST, baseline=Decimal(20), target=Decimal(5))


def exact(number: str) -> Figure:
    return Figure(number, Exactness.EXACT, Decimal(number))


def codes(refused: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(p.field, p.code) for p in refused.value.problems]


@pytest.mark.parametrize(
    ("words", "exactness", "number"),
    [
        ("30", Exactness.EXACT, "30"),
        ("99,97 %", Exactness.EXACT, "99.97"),
        ("99.97%", Exactness.EXACT, "99.97"),
        ("0,3", Exactness.EXACT, "0.3"),
        ("30 % hồ sơ", Exactness.EXACT, "30"),
        ("gần 100", Exactness.BELOW, "100"),
        ("Khoảng 30 %", Exactness.ABOUT, "30"),
        ("~20", Exactness.ABOUT, "20"),
        (">18", Exactness.ABOVE, "18"),
        ("chưa đến 5%", Exactness.BELOW, "5"),
    ],
)
def test_a_figure_keeps_its_words_and_how_exact_they_are(
    words: str, exactness: Exactness, number: str
) -> None:
    assert parse_figure(words, SHARE) == Figure(words, exactness, Decimal(number))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", "figure_required"),
        ("nhiều", "figure_unreadable"),
        ("khá 30", "figure_unreadable"),
        ("1,2,3", "figure_unreadable"),
        ("٣٠", "figure_unreadable"),
        ("30 thủ tục", "reading_unit"),
        ("30 % thủ tục", "reading_unit"),
        ("101", "figure_out_of_range"),
        ("-1", "figure_out_of_range"),
        ("gần 120", "figure_out_of_range"),
    ],
)
def test_what_is_no_figure_of_this_indicator_is_refused(words: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_figure(words, SHARE)
    assert codes(refused) == [("/figure", code)]


def test_an_indicator_without_a_unit_is_told_in_words() -> None:
    state = replace(SHARE, unit="", counts="", baseline=None, target=None)
    check_indicator(state)
    assert parse_figure("đang thử nghiệm", state) == Figure("đang thử nghiệm", Exactness.WORDS, None)
    with pytest.raises(Invalid) as refused:
        check_indicator(replace(SHARE, unit="", counts=""))
    assert codes(refused) == [("/unit", "indicator_unit")]


@given(st.decimals(-(10**11), 10**11, places=4, allow_nan=False, allow_infinity=False))
def test_a_number_that_is_written_is_read_back(value: Decimal) -> None:
    assert parse_number(write_number(value)) == value


@pytest.mark.parametrize(
    ("exactness", "direction", "expected"),
    [
        (Exactness.EXACT, Direction.AT_LEAST, True),
        (Exactness.BELOW, Direction.AT_LEAST, False),
        (Exactness.ABOUT, Direction.AT_LEAST, None),
        (Exactness.ABOVE, Direction.AT_LEAST, True),
        (Exactness.ABOVE, Direction.AT_MOST, False),
        (Exactness.BELOW, Direction.AT_MOST, True),
        (Exactness.EXACT, Direction.AT_MOST, True),
    ],
)
def test_only_what_its_words_make_sure_counts_as_reached(
    exactness: Exactness, direction: Direction, expected: bool | None
) -> None:
    figure = Figure("100", exactness, Decimal(100))
    assert figure.reaches(Decimal(100), direction) is expected
    assert Figure("gần 100", Exactness.BELOW, Decimal(100)).reaches(Decimal(95), Direction.AT_LEAST) is None
    assert Figure("chưa có", Exactness.WORDS, None).reaches(Decimal(95), Direction.AT_LEAST) is None


def test_periods_follow_the_frequency_and_end_with_the_plan() -> None:
    assert [p.key for p in periods(SHARE, date(2025, 10, 1))] == ["2025-07", "2025-08", "2025-09"]
    assert periods(SHARE, date(2026, 3, 1))[-1].last == SHARE.due_on
    by_quarter = replace(SHARE, frequency=Frequency.QUARTERLY)
    assert [p.key for p in periods(by_quarter, date(2026, 3, 1))] == ["2025-Q3", "2025-Q4"]
    assert period_of(replace(SHARE, frequency=Frequency.YEARLY), date(2025, 12, 31)).last == date(
        2025, 12, 31
    )
    once = replace(SHARE, frequency=Frequency.ONCE)
    assert periods(once, SHARE.due_on) == []
    assert [p.key for p in periods(once, SHARE.due_on + timedelta(days=1))] == ["once"]


def test_a_reading_is_missing_when_the_working_days_of_grace_are_over() -> None:
    # August ended on a Sunday; 2 September is off: the fifth working day is 8 September.
    read = ["2025-07"]
    assert missing_periods(SHARE, read, date(2025, 9, 8), CALENDAR) == ()
    found = missing_periods(SHARE, read, date(2025, 9, 9), CALENDAR)
    assert [p.key for p in found] == ["2025-08"]


def test_the_plan_is_a_straight_line_or_the_steps_given() -> None:
    assert planned(SHARE, SHARE.starts_on) == 12
    assert planned(SHARE, date(2025, 9, 29)) == Fraction(21)
    assert planned(SHARE, date(2027, 1, 1)) == 30
    assert planned(replace(SHARE, baseline=None), date(2025, 9, 29)) is None
    stepped = replace(SHARE, steps=((date(2025, 10, 1), Decimal(25)), (date(2025, 8, 1), Decimal(15))))
    assert [planned(stepped, date(2025, month, 5)) for month in (7, 8, 9, 10)] == [12, 15, 15, 25]
    assert rounded(Fraction(200, 3)) == Decimal("66.67")
    assert rounded(Fraction(1, 200)) == Decimal("0.01")


@pytest.mark.parametrize(
    ("indicator", "figure", "today", "expected"),
    [
        (SHARE, exact("21"), date(2025, 10, 1), Progress.ON_PLAN),
        (SHARE, exact("20.9"), date(2025, 10, 1), Progress.BEHIND),
        (SHARE, exact("30"), date(2025, 10, 1), Progress.ACHIEVED),
        (SHARE, exact("29.9"), date(2026, 1, 5), Progress.MISSED),
        (SHARE, Figure("khoảng 30", Exactness.ABOUT, Decimal(30)), date(2026, 1, 5), Progress.UNCERTAIN),
        (SHARE, Figure("gần 20", Exactness.BELOW, Decimal(20)), date(2025, 10, 1), Progress.BEHIND),
        (LATE, exact("12.5"), date(2025, 10, 1), Progress.ON_PLAN),
        (LATE, exact("13"), date(2025, 10, 1), Progress.BEHIND),
        (LATE, exact("5"), date(2025, 10, 1), Progress.ACHIEVED),
        (replace(SHARE, target=None), exact("1"), date(2026, 1, 5), Progress.WATCHED),
    ],
)
def test_where_an_indicator_stands(
    indicator: Indicator, figure: Figure, today: date, expected: Progress
) -> None:
    reading = Reading(date(2025, 9, 29), figure)
    found = standing(indicator, {"2025-09": reading}, today, CALENDAR)
    assert found.progress is expected
    assert found.is_behind is (expected in (Progress.MISSED, Progress.BEHIND))


def test_without_a_reading_nothing_is_said_but_what_is_missing() -> None:
    found = standing(SHARE, {}, date(2025, 9, 9), CALENDAR)
    assert (found.progress, found.last) == (Progress.UNREAD, None)
    assert [p.key for p in found.missing] == ["2025-07", "2025-08"]


def test_an_indicator_that_contradicts_itself_is_refused_in_every_field() -> None:
    wrong = replace(
        SHARE,
        due_on=SHARE.starts_on,
        target=Decimal(130),
        direction=Direction.AT_MOST,
        steps=((date(2024, 1, 1), Decimal(20)),),
    )
    with pytest.raises(Invalid) as refused:
        check_indicator(wrong)
    assert codes(refused) == [
        ("/due_on", "indicator_dates"),
        ("/target", "figure_out_of_range"),
        ("/direction", "indicator_direction"),
        ("/steps", "indicator_steps"),
    ]
    check_indicator(SHARE)
    check_indicator(LATE)


def test_a_reading_is_of_a_day_that_has_come_and_belongs_to_the_indicator() -> None:
    today = date(2025, 9, 29)
    check_day(SHARE, today, today)
    for day, code in (
        (today + timedelta(days=1), "reading_in_future"),
        (date(2025, 6, 30), "reading_too_early"),
    ):
        with pytest.raises(Invalid) as refused:
            check_day(SHARE, day, today)
        assert codes(refused) == [("/as_of", code)]


# Changed, ended, behind -----------------------------------------------------------------------------------------


def test_what_was_read_keeps_its_meaning() -> None:
    changed = replace(
        SHARE, unit="dịch vụ", counts="", frequency=Frequency.QUARTERLY, starts_on=date(2025, 8, 1)
    )
    check_change(SHARE, changed, [])
    check_change(SHARE, replace(SHARE, target=Decimal(60), name="Khác"), [date(2025, 7, 31)])
    with pytest.raises(Invalid) as refused:
        check_change(SHARE, changed, [date(2025, 9, 30), date(2025, 7, 31)])
    assert codes(refused) == [
        ("/unit", "indicator_is_read"),
        ("/counts", "indicator_is_read"),
        ("/frequency", "indicator_is_read"),
        ("/starts_on", "indicator_starts_late"),
    ]


def test_changes_are_told_in_text_that_stays() -> None:
    steps = ((date(2025, 9, 1), Decimal("20.5")),)
    changed = replace(SHARE, target=Decimal("40.50"), baseline=None, due_on=date(2026, 1, 1), steps=steps)
    assert changes_of(SHARE, SHARE) == []
    assert set(changes_of(SHARE, changed)) == {
        ("target", "30", "40.50"),
        ("baseline", "12", ""),
        ("due_on", "2025-12-28", "2026-01-01"),
        ("steps", "", "2025-09-01: 20.5"),
    }


def told(indicator: Indicator, number: str, on: date, today: date) -> int:
    readings = {period_of(indicator, on).key: Reading(on, exact(number))}
    return days_behind(indicator, standing(indicator, readings, today, CALENDAR), today)


@given(st.integers(0, 100), st.integers(0, 179))
def test_days_behind_are_those_since_the_plan_had_the_figure(number: int, elapsed: int) -> None:
    on = SHARE.starts_on + timedelta(days=elapsed)
    once = replace(SHARE, frequency=Frequency.ONCE)
    found = told(once, str(number), on, on)
    asked = planned(once, on)
    assert asked is not None
    if number >= asked:
        assert found == 0
    else:
        reached = [
            d
            for d in range(elapsed + 1)
            if number >= (planned(once, SHARE.starts_on + timedelta(days=d)) or 0)
        ]
        assert found == elapsed - max(reached, default=0)


def test_out_of_time_and_missing_count_from_their_own_days() -> None:
    assert told(replace(SHARE, frequency=Frequency.ONCE), "20", date(2025, 12, 28), date(2026, 1, 7)) == 10
    nothing = standing(SHARE, {}, date(2025, 9, 20), CALENDAR)
    assert days_behind(SHARE, nothing, date(2025, 9, 20)) == (date(2025, 9, 20) - date(2025, 7, 31)).days
    over = ended({"2025-07": Reading(date(2025, 7, 31), exact("13"))})
    assert (over.progress, over.missing, over.is_behind) == (Progress.ENDED, (), False)
    assert days_behind(SHARE, over, date(2025, 12, 1)) == 0


def test_the_annex_of_a_session_has_the_figures_of_a_target() -> None:
    behind = replace(item(1, "G18", ItemKind.TARGET), status="target_behind", figures="13 % hồ sơ")
    made = dossier(behind)
    assert cell(made, 1, behind, "state") == "13 % hồ sơ"
    assert cell(made, 1, replace(behind, figures=""), "state") == "Chỉ tiêu chậm kế hoạch"
