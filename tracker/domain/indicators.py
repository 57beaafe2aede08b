"""Indicators: a figure that an agency has to reach, the readings on the way, and what they tell.

Figures are decimals, never floats. A figure that is not exact ("gần 100", "khoảng 30 %") keeps its words and its
bound and is never taken for the number beside which it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from tracker.domain.errors import Invalid, Problem
from tracker.domain.workdays import WorkCalendar, add_workdays

GRACE = 5
"""How many working days after a period its reading may come."""
MOST_STEPS = 60
_MOST_DIGITS = 12
_MOST_PLACES = 4


class Direction(StrEnum):
    """Whether the figure has to rise to the target or stay below it."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class Frequency(StrEnum):
    """How often a reading is owed."""

    ONCE = "once"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class Exactness(StrEnum):
    """How a figure's words stand to its number: equal, near it, below it, above it, or without any number."""

    EXACT = "exact"
    ABOUT = "about"
    BELOW = "below"
    ABOVE = "above"
    WORDS = "words"


class Progress(StrEnum):
    """Where an indicator stands, by its last reading."""

    MISSED = "missed"
    BEHIND = "behind"
    UNREAD = "unread"
    UNCERTAIN = "uncertain"
    ON_PLAN = "on_plan"
    ACHIEVED = "achieved"
    WATCHED = "watched"
    ENDED = "ended"


IS_BEHIND = frozenset({Progress.MISSED, Progress.BEHIND})


@dataclass(frozen=True, slots=True)
class Figure:
    """What was read, in its words; `number` is the figure itself only where `exactness` is EXACT."""

    words: str
    exactness: Exactness
    number: Decimal | None

    def reaches(self, wanted: Fraction | Decimal, direction: Direction) -> bool | None:
        """Whether it is surely good enough; None where its words do not tell."""
        if self.number is None:
            return None
        own, bar = Fraction(self.number), Fraction(wanted)
        match self.exactness, direction:
            case Exactness.EXACT, Direction.AT_LEAST:
                return own >= bar
            case Exactness.EXACT, Direction.AT_MOST:
                return own <= bar
            case (Exactness.ABOVE, Direction.AT_LEAST) | (Exactness.BELOW, Direction.AT_MOST):
                is_enough = own >= bar if direction is Direction.AT_LEAST else own <= bar
                return True if is_enough else None
            case (Exactness.BELOW, Direction.AT_LEAST) | (Exactness.ABOVE, Direction.AT_MOST):
                is_short = own <= bar if direction is Direction.AT_LEAST else own >= bar
                return False if is_short else None
        return None


@dataclass(frozen=True, slots=True)
class Indicator:
    """What is to be reached, counted how, by when; without a target it is only watched.

    `counts` is what the denominator counts: 30 % of dossiers is not 30 % of procedures. Without a unit it is told in
    words ("đang thử nghiệm"). `steps` are (day, figure) of a plan; without them the plan is a straight line from the
    baseline to the target.
    """

    name: str
    unit: str
    starts_on: date
    due_on: date
    counts: str = ""
    direction: Direction = Direction.AT_LEAST
    baseline: Decimal | None = None
    target: Decimal | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    frequency: Frequency = Frequency.MONTHLY
    steps: tuple[tuple[date, Decimal], ...] = ()
    note: str = ""

    @property
    def whole_unit(self) -> str:
        """The unit with what it counts."""
        return f"{self.unit} {self.counts}".strip()

    @property
    def limits(self) -> tuple[Decimal | None, Decimal | None]:
        """Between which figures a reading must lie; a percentage between 0 and 100 unless said otherwise."""
        is_percent = self.unit == "%"
        least = Decimal(0) if self.least is None and is_percent else self.least
        return least, Decimal(100) if self.most is None and is_percent else self.most


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure as of a day."""

    as_of: date
    figure: Figure


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that owes one reading; `key` names it in addresses and files."""

    key: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an indicator stands on a day; `planned` is what the plan asks of the last reading's day."""

    progress: Progress
    last: Reading | None
    planned: Decimal | None
    missing: tuple[Period, ...]

    @property
    def is_behind(self) -> bool:
        """Whether it is surely behind its plan."""
        return self.progress in IS_BEHIND


# Reading what people write -----------------------------------------------------------------------------------

_BEFORE = {
    Exactness.ABOUT: ("khoảng", "xấp xỉ", "ước", "ước đạt", "about", "around", "~", "≈"),
    Exactness.BELOW: ("gần", "chưa đến", "chưa tới", "dưới", "nearly", "almost", "below", "under", "<"),
    Exactness.ABOVE: ("hơn", "trên", "quá", "more than", "over", "above", ">"),
}
_EXACTNESS = {
    word: exactness for exactness, words in _BEFORE.items() for word in sorted(words, key=len, reverse=True)
}
_FIGURE = re.compile(r"(?P<before>[^\d+-]*?)\s*(?P<number>[+-]?\d[\d.,]*)\s*(?P<after>.*)", re.S)
_GROUPED = re.compile(r"[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
_PLAIN = re.compile(r"\d+([.,]\d+)?")


def parse_number(given: str) -> Decimal | None:
    """A number as it is written in Vietnamese, where the comma opens the fraction; None for what is none.

    A point between whole groups of three marks thousands, else it opens the fraction too.

    >>> parse_number("99,97"), parse_number("11.409"), parse_number("0.3"), parse_number("1,2,3")
    (Decimal('99.97'), Decimal('11409'), Decimal('0.3'), None)
    """
    text = unicodedata.normalize("NFC", given).strip()
    sign, digits = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if not digits.isascii():
        return None
    if _GROUPED.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif _PLAIN.fullmatch(digits):
        digits = digits.replace(",", ".")
    else:
        return None
    whole, _, part = digits.partition(".")
    if len(whole) > _MOST_DIGITS or len(part) > _MOST_PLACES:
        return None
    return Decimal(sign + digits)


def _plain(words: str) -> str:
    return " ".join(unicodedata.normalize("NFC", words).casefold().split())


def is_unit_of(indicator: Indicator, given: str) -> bool:
    """Whether a unit is the indicator's: what the denominator counts belongs to it where it is written."""
    return _plain(given) in (_plain(indicator.unit), _plain(indicator.whole_unit))


def parse_figure(given: str, indicator: Indicator, field: str = "/figure") -> Figure:
    """A figure in its words, in the indicator's unit and within its limits.

    Raises Invalid with the code figure_required, figure_unreadable, reading_unit or figure_out_of_range.

    >>> share = Indicator("Hồ sơ trực tuyến", "%", date(2025, 1, 1), date(2025, 12, 31), counts="hồ sơ")
    >>> parse_figure("gần 100 %", share)
    Figure(words='gần 100 %', exactness=<Exactness.BELOW: 'below'>, number=Decimal('100'))
    """
    words = " ".join(unicodedata.normalize("NFC", given).split())
    if not words:
        raise Invalid.one(field, "figure_required", "")
    if not indicator.unit:
        return Figure(words, Exactness.WORDS, None)
    match = _FIGURE.fullmatch(words)
    number = None if match is None else parse_number(match["number"].rstrip(".,"))
    before = "" if match is None else match["before"].strip().casefold()
    if match is None or number is None or (before and before not in _EXACTNESS):
        raise Invalid.one(field, "figure_unreadable", words[:60])
    unit = match["after"].strip()
    if unit and not is_unit_of(indicator, unit):
        raise Invalid.one(field, "reading_unit", unit[:60], expected=indicator.whole_unit)
    least, most = indicator.limits
    if (least is not None and number < least) or (most is not None and number > most):
        raise Invalid.one(
            field,
            "figure_out_of_range",
            words[:60],
            least="" if least is None else write_number(least),
            most="" if most is None else write_number(most),
        )
    return Figure(words, _EXACTNESS[before] if before else Exactness.EXACT, number)


def write_number(value: Decimal) -> str:
    """A number as it is written in Vietnamese.

    >>> write_number(Decimal("11409.50")), write_number(Decimal("-1800"))
    ('11.409,5', '-1.800')
    """
    whole, _, part = f"{value:,f}".partition(".")
    part = part.rstrip("0")
    return whole.replace(",", ".") + ("," + part if part else "")


# Words ---------------------------------------------------------------------------------------------------------


def period_words(key: str) -> str:
    """A period as people write it.

    >>> period_words("2025-11"), period_words("2025-Q4"), period_words("2025")
    ('11/2025', 'Q4/2025', '2025')
    """
    year, _, part = key.partition("-")
    return f"{part}/{year}" if part else key


def with_unit(value: Decimal, unit: str) -> str:
    """A number with what it counts."""
    return f"{write_number(value)} {unit}".strip()


def figure_words(figure: Figure, unit: str) -> str:
    """A figure as it was told; an exact one with its unit, another in its own words."""
    if figure.exactness is Exactness.EXACT and figure.number is not None:
        return with_unit(figure.number, unit)
    last = unit.split(" ", maxsplit=1)[0]
    return figure.words if not unit or last in figure.words else f"{figure.words} {unit}"


# Periods -----------------------------------------------------------------------------------------------------


def period_of(indicator: Indicator, day: date) -> Period:
    """The period to which a reading of a day belongs."""
    match indicator.frequency:
        case Frequency.ONCE:
            return Period("once", indicator.starts_on, indicator.due_on)
        case Frequency.MONTHLY:
            return Period(f"{day:%Y-%m}", *_months(day.year, day.month, 1))
        case Frequency.QUARTERLY:
            quarter = (day.month - 1) // 3
            return Period(f"{day.year}-Q{quarter + 1}", *_months(day.year, quarter * 3 + 1, 3))
        case Frequency.YEARLY:
            return Period(str(day.year), *_months(day.year, 1, 12))


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    following = month + count
    end = date(year + (following > 12), (following - 1) % 12 + 1, 1) - timedelta(days=1)
    return date(year, month, 1), end


def periods(indicator: Indicator, until: date) -> list[Period]:
    """The periods that owe a reading and have ended before a day, the oldest first; the last ends with the plan."""
    found: list[Period] = []
    day = indicator.starts_on
    while day <= indicator.due_on:
        period = period_of(indicator, day)
        last = min(period.last, indicator.due_on)
        if last >= until:
            break
        found.append(Period(period.key, max(period.first, indicator.starts_on), last))
        day = period.last + timedelta(days=1)
    return found


def missing_periods(
    indicator: Indicator, read: Iterable[str], today: date, calendar: WorkCalendar
) -> tuple[Period, ...]:
    """The periods without a reading whose days of grace are over. Raises CalendarUnknown."""
    known = set(read)
    return tuple(
        period
        for period in periods(indicator, today)
        if period.key not in known and add_workdays(period.last, GRACE, calendar) < today
    )


# The plan ----------------------------------------------------------------------------------------------------


def planned(indicator: Indicator, day: date) -> Fraction | None:
    """What the plan asks for on a day; None where it asks for nothing yet.

    >>> share = Indicator("Hồ sơ", "%", date(2025, 1, 1), date(2025, 1, 31), baseline=Decimal(10), target=Decimal(40))
    >>> planned(share, date(2025, 1, 11))
    Fraction(20, 1)
    """
    if indicator.target is None:
        return None
    if day >= indicator.due_on:
        return Fraction(indicator.target)
    if indicator.steps:
        passed = [figure for on, figure in sorted(indicator.steps) if on <= day]
        found = passed[-1] if passed else indicator.baseline
        return None if found is None else Fraction(found)
    if indicator.baseline is None:
        return None
    start = Fraction(indicator.baseline)
    elapsed = max((day - indicator.starts_on).days, 0)
    return (
        start + (Fraction(indicator.target) - start) * elapsed / (indicator.due_on - indicator.starts_on).days
    )


def rounded(value: Fraction) -> Decimal:
    """A figure of the plan as it is shown, to two places, halves up."""
    return Decimal((value * 100 + Fraction(1, 2)).__floor__()).scaleb(-2)


def standing(
    indicator: Indicator, readings: Mapping[str, Reading], today: date, calendar: WorkCalendar
) -> Standing:
    """Where an indicator stands; `readings` are the valid ones by period. Raises CalendarUnknown."""
    last = max(readings.values(), key=lambda reading: reading.as_of, default=None)
    missing = missing_periods(indicator, readings, today, calendar)
    plan = planned(indicator, last.as_of if last else today)
    shown = None if plan is None else rounded(plan)
    return Standing(_progress(indicator, last, plan, today), last, shown, missing)


def days_behind(indicator: Indicator, standing: Standing, today: date) -> int:
    """How many days an indicator is behind: its last figure behind the plan, or its oldest missing reading."""
    late = max(((today - period.last).days for period in standing.missing), default=0)
    if standing.progress is Progress.MISSED:
        return max(late, (today - indicator.due_on).days)
    last = standing.last
    if standing.progress is not Progress.BEHIND or last is None:
        return late
    # The plan never turns back: the last day whose figure was reached is found by halving.
    begin, end = indicator.starts_on, last.as_of
    while begin < end:
        middle = begin + (end - begin + timedelta(days=1)) // 2
        asked = planned(indicator, middle)
        if asked is None or last.figure.reaches(asked, indicator.direction):
            begin = middle
        else:
            end = middle - timedelta(days=1)
    return max(late, (last.as_of - begin).days)


def ended(readings: Mapping[str, Reading]) -> Standing:
    """Where an indicator stands that has ended: what was read last, and nothing owed."""
    last = max(readings.values(), key=lambda reading: reading.as_of, default=None)
    return Standing(Progress.ENDED, last, None, ())


def _progress(indicator: Indicator, last: Reading | None, plan: Fraction | None, today: date) -> Progress:
    if indicator.target is None:
        return Progress.WATCHED if last else Progress.UNREAD
    if last is None:
        return Progress.UNREAD
    is_reached = last.figure.reaches(indicator.target, indicator.direction)
    if is_reached:
        return Progress.ACHIEVED
    if today > indicator.due_on:
        return Progress.UNCERTAIN if is_reached is None else Progress.MISSED
    is_on_plan = True if plan is None else last.figure.reaches(plan, indicator.direction)
    if is_on_plan is None:
        return Progress.UNCERTAIN
    return Progress.ON_PLAN if is_on_plan else Progress.BEHIND


# Checks ------------------------------------------------------------------------------------------------------


def check_indicator(indicator: Indicator) -> None:
    """Refuse what cannot be read or planned. Raises Invalid, naming every field."""
    problems: list[Problem] = []
    if indicator.due_on <= indicator.starts_on:
        problems.append(Problem("/due_on", "indicator_dates", indicator.due_on))
    least, most = indicator.limits
    if least is not None and most is not None and least >= most:
        problems.append(Problem("/most", "indicator_limits", str(most)))
    given: Sequence[tuple[str, Decimal | None]] = (
        ("/baseline", indicator.baseline),
        ("/target", indicator.target),
        *((f"/steps/{n}", figure) for n, (_, figure) in enumerate(indicator.steps)),
    )
    for field, figure in given:
        if figure is None:
            continue
        if (least is not None and figure < least) or (most is not None and figure > most):
            problems.append(
                Problem(
                    field,
                    "figure_out_of_range",
                    write_number(figure),
                    {
                        "least": "" if least is None else write_number(least),
                        "most": "" if most is None else write_number(most),
                    },
                )
            )
    if indicator.baseline is not None and indicator.target is not None:
        is_upwards = indicator.direction is Direction.AT_LEAST
        if indicator.baseline != indicator.target and (indicator.baseline < indicator.target) != is_upwards:
            problems.append(Problem("/direction", "indicator_direction", indicator.direction.value))
    days = [on for on, _ in indicator.steps]
    is_inside = all(indicator.starts_on <= on <= indicator.due_on for on in days)
    if len(days) > MOST_STEPS or len(set(days)) < len(days) or not is_inside:
        problems.append(Problem("/steps", "indicator_steps", len(days)))
    if not indicator.unit and (indicator.target, indicator.baseline, indicator.steps) != (None, None, ()):
        problems.append(Problem("/unit", "indicator_unit", ""))
    if problems:
        raise Invalid(problems)


def check_change(old: Indicator, new: Indicator, read: Iterable[date]) -> None:
    """Refuse a change that would give what was read another meaning; `read` are the days of the readings.

    Raises Invalid, naming every field.
    """
    days = sorted(read)
    if not days:
        return
    held: Sequence[tuple[str, object, object]] = (
        ("/unit", old.unit, new.unit),
        ("/counts", old.counts, new.counts),
        ("/frequency", old.frequency, new.frequency),
    )
    problems = [
        Problem(field, "indicator_is_read", after if isinstance(after, str) else "")
        for field, before, after in held
        if before != after
    ]
    if new.starts_on > days[0]:
        problems.append(Problem("/starts_on", "indicator_starts_late", new.starts_on, {"first": days[0]}))
    if problems:
        raise Invalid(problems)


def changes_of(old: Indicator, new: Indicator) -> list[tuple[str, str, str]]:
    """What differs, as (field, before, after) in text that is the same for ever: ISO days, plain decimals."""
    return [
        (name, _text(getattr(old, name)), _text(getattr(new, name)))
        for name in Indicator.__dataclass_fields__
        if getattr(old, name) != getattr(new, name)
    ]


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case tuple():
            return "; ".join(f"{_text(on)}: {_text(figure)}" for on, figure in value)
    return str(value)


def check_day(indicator: Indicator, as_of: date, today: date, field: str = "/as_of") -> None:
    """Refuse a reading of a day to come, or from before the indicator begins. Raises Invalid."""
    if as_of > today:
        raise Invalid.one(field, "reading_in_future", as_of, today=today)
    if as_of < indicator.starts_on:
        raise Invalid.one(field, "reading_too_early", as_of, first=indicator.starts_on)
