"""Resolution of deadline rules: the civil date a rule comes to, with the computation in words.

The rule is what the directive says; the date is what follows from it, from the days of issue and receipt,
from events and from the working calendar. Conventions: docs/decisions/0001-counting-days.md.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any

from tracker.domain import lunar
from tracker.domain.recurrences import describe, summarise
from tracker.domain.rules import (
    After,
    Base,
    Between,
    DeadlineRule,
    InPeriod,
    Kind,
    OnDay,
    OnEvent,
    OnLunar,
    Period,
    RuleInvalid,
    Shift,
    Term,
    Unit,
    Unsure,
    after,
    on_day,
)
from tracker.domain.wording import Param, Sentence, Words, say
from tracker.domain.workdays import (
    WorkCalendar,
    add_workdays,
    next_working,
    previous_working,
    subtract_workdays,
)

__all__ = [
    "After",
    "Base",
    "Between",
    "DeadlineRule",
    "InPeriod",
    "Kind",
    "OnDay",
    "OnEvent",
    "OnLunar",
    "Period",
    "Resolution",
    "RuleInvalid",
    "Shift",
    "Term",
    "Unit",
    "Unsure",
    "after",
    "on_day",
    "period_days",
    "period_name",
    "resolve",
]

STANDING = "STANDING"
EVENT_PREFIX = "EVENT:"
# A year one below the year of issue is a slip of the pen when the written day lies at least this far back
# and the same day of the year of issue at most this far ahead.
MISPRINT_DAYS = 183


@dataclass(frozen=True)
class Resolution:
    """What a rule comes to: the day, or why there is none yet, and how it was found.

    `recurrence` is a recurrence rule, STANDING, EVENT:NAME or None; `recurrences` are the exact rules of it.
    `starts_on` opens a window.
    `off_day` is None where the calendar is not loaded.
    `written_on` is the day as printed when another one was understood.
    `before_issue` (a day, as printed, before the directive's own) always asks for a confirmation.
    """

    kind: Kind
    due_on: date | None = None
    due_time: time | None = None
    recurrence: str | None = None
    words: Words = ()
    undecided: Words | None = None
    starts_on: date | None = None
    off_day: bool | None = None
    before_issue: bool = False
    recurrences: tuple[str, ...] = ()
    written_on: date | None = None


@dataclass(frozen=True)
class _Case:
    """What resolution may look at."""

    issued_on: date
    calendar: WorkCalendar
    received_on: date | None
    events: Mapping[str, date]


@dataclass(frozen=True)
class _Found:
    """A step of the resolution."""

    last: date | None = None
    first: date | None = None
    words: Words = ()
    undecided: Words | None = None
    written: date | None = None
    event: str | None = None

    def also(self, *words: Sentence) -> _Found:
        return replace(self, words=self.words + words)


def resolve(
    rule: DeadlineRule,
    issued_on: date,
    calendar: WorkCalendar,
    *,
    received_on: date | None = None,
    shift: Shift = Shift.NONE,
    events: Mapping[str, date] | None = None,
) -> Resolution:
    """The day a rule comes to, with the computation in words.

    Civil dates in the official zone; `due_on` itself is on time.
    Raises CalendarUnknown when counting or shifting needs a year the calendar does not hold.
    """
    case = _Case(issued_on, calendar, received_on, events or {})
    found = _find(rule.term, case)
    found = _shifted(found, shift, calendar)
    words = found.words + _recurring_words(rule) + tuple(say(note) for note in rule.notes)
    if rule.at is not None and (found.last or rule.recurrences):
        words += (say("deadline_at", time=rule.at),)
    undecided = found.undecided
    if rule.kind is Kind.NONE:
        undecided = (say("deadline_none"),)
    elif rule.kind is Kind.WINDOW and found.last is None and undecided is None:
        undecided = (say("deadline_open_end"),)
    printed = found.written or found.last
    before_issue = printed is not None and printed < issued_on
    if before_issue and found.written is None and printed is not None:
        words += (say("deadline_before_issue", day=printed, issued=issued_on),)
    off_day = calendar.is_off(found.last) if found.last else False
    if off_day:
        words += (say("deadline_off_day"),)
    return Resolution(
        rule.kind,
        found.last,
        rule.at,
        _recurrence(rule, found),
        words,
        undecided,
        found.first if isinstance(rule.term, Between) else None,
        off_day,
        before_issue,
        rule.recurrences,
        found.written,
    )


def _recurrence(rule: DeadlineRule, found: _Found) -> str | None:
    if rule.recurrences:
        return summarise(rule.recurrences)
    if rule.standing:
        return STANDING
    return EVENT_PREFIX + found.event if found.event else None


def _recurring_words(rule: DeadlineRule) -> Words:
    words = tuple(describe(text) for text in rule.recurrences)
    return (*words, say("deadline_standing")) if rule.standing else words


def _shifted(found: _Found, shift: Shift, calendar: WorkCalendar) -> _Found:
    if found.last is None or shift is Shift.NONE or calendar.is_working(found.last):
        return found
    move = next_working if shift is Shift.NEXT else previous_working
    day = move(found.last, calendar)
    return replace(found, last=day).also(say(f"deadline_shift_{shift.value}", day=found.last, to=day))


def _find(term: Term | Base | None, case: _Case) -> _Found:
    if term is None:
        return _Found()
    finder: Callable[[Any, _Case], _Found] = _FINDERS[type(term)]
    return finder(term, case)


def _find_base(base: Base, case: _Case) -> _Found:
    if base is Base.ISSUED:
        return _Found(case.issued_on, case.issued_on, (say("deadline_from_issue", day=case.issued_on),))
    if case.received_on is None:
        return _Found(undecided=(say("deadline_wait_receipt"),))
    return _Found(case.received_on, case.received_on, (say("deadline_from_receipt", day=case.received_on),))


def _find_day(term: OnDay, case: _Case) -> _Found:
    written = (
        f"{term.day:02d}"
        + (f"/{term.month:02d}" if term.month else "")
        + (f"/{term.year}" if term.year else "")
    )
    if term.month and term.year:
        day = _date(term.year, term.month, term.day)
        if day is None:
            return _Found(undecided=(say("deadline_no_such_day", day=written),))
        return _unless_misprinted(day, day, _replaced_year(term, case), case).also(say("deadline_day_counts"))
    day = _first_day(term, case.issued_on)
    if day is None:
        return _Found(undecided=(say("deadline_no_such_day", day=written),))
    key = "deadline_day_without_year" if term.month else "deadline_day_without_month"
    return _Found(
        day, day, (say(key, written=written, issued=case.issued_on, day=day), say("deadline_day_counts"))
    )


def _replaced_year(term: OnDay, case: _Case) -> date | None:
    return _date(case.issued_on.year, term.month or 1, term.day)


def _unless_misprinted(first: date, last: date, again: date | None, case: _Case) -> _Found:
    """The days as written, unless the year is plainly last year's by a slip of the pen: see MISPRINT_DAYS."""
    far_back = (case.issued_on - last).days >= MISPRINT_DAYS
    if again is None or last.year != case.issued_on.year - 1 or not far_back:
        return _Found(last, first, (say("deadline_written", day=last),))
    if not 0 <= (again - case.issued_on).days <= MISPRINT_DAYS:
        return _Found(last, first, (say("deadline_written", day=last),))
    start = _date(again.year, first.month, first.day)
    misprint = say("deadline_misprint", written=last, issued=case.issued_on, day=again, year=again.year)
    return _Found(again, start, (misprint,), written=last)


def _first_day(term: OnDay, start: date) -> date | None:
    """The first day from `start` on that fits, looking nine years ahead for the sake of 29 February."""
    for year in range(start.year, start.year + 9):
        for month in [term.month] if term.month else range(1, 13):
            day = _date(year, month, term.day)
            if day and day >= start:
                return day
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _find_period(term: InPeriod, case: _Case) -> _Found:
    if term.offset is not None:
        first, last = _period_around(term.period, case.issued_on, term.offset)
        name = period_name(term.period, first)
        found = _Found(last, first, (say("deadline_period_from_issue", issued=case.issued_on, period=name),))
    elif term.year is not None:
        first, last = period_days(term.period, term.year, term.number or 1)
        again = period_days(term.period, case.issued_on.year, term.number or 1)[1]
        name = period_name(term.period, first)
        found = replace(_unless_misprinted(first, last, again, case), words=())
        if found.written:
            found = _unless_misprinted(first, last, again, case)
            name = period_name(term.period, found.first or first)
    else:
        first, last = _first_period(term, case.issued_on)
        name = period_name(term.period, first)
        found = _Found(
            last, first, (say("deadline_period_without_year", issued=case.issued_on, period=name),)
        )
    if term.before and found.first:
        eve = found.first - timedelta(days=1)
        return replace(found, last=eve, first=None).also(say("deadline_period_before", period=name, day=eve))
    assert found.last is not None
    return found.also(say("deadline_period_end", period=name, day=found.last))


def _first_period(term: InPeriod, issued_on: date) -> tuple[date, date]:
    """The first period of that number not over on the day of issue (with `before`: not begun)."""
    year = issued_on.year
    first, last = period_days(term.period, year, term.number or 1)
    over = first <= issued_on if term.before else last < issued_on
    return period_days(term.period, year + 1, term.number or 1) if over else (first, last)


_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF_YEAR: 6, Period.YEAR: 12}


def period_days(period: Period, year: int, number: int) -> tuple[date, date]:
    """First and last day of the `number`-th ISO week, month, quarter, half of a year, or of the whole year.

    >>> period_days(Period.QUARTER, 2025, 3)
    (datetime.date(2025, 7, 1), datetime.date(2025, 9, 30))
    """
    if period is Period.WEEK:
        monday = date.fromisocalendar(year, number, 1)
        return monday, monday + timedelta(days=6)
    months = _MONTHS[period]
    last_month = number * months
    return date(year, last_month - months + 1, 1), date(year, last_month, monthrange(year, last_month)[1])


def _period_around(period: Period, day: date, offset: int) -> tuple[date, date]:
    if period is Period.WEEK:
        monday = day - timedelta(days=day.weekday()) + timedelta(weeks=offset)
        return monday, monday + timedelta(days=6)
    months = _MONTHS[period]
    per_year = 12 // months
    turn = day.year * per_year + (day.month - 1) // months + offset
    return period_days(period, turn // per_year, turn % per_year + 1)


def period_name(period: Period, first: date) -> Sentence:
    """The name of the period that begins on `first`, as a part of a sentence."""
    if period is Period.WEEK:
        return say("period_week", first=first, last=first + timedelta(days=6))
    number = (first.month - 1) // _MONTHS[period] + 1
    if period is Period.QUARTER:
        return say(
            "period_quarter", roman=("I", "II", "III", "IV")[number - 1], number=number, year=first.year
        )
    if period is Period.HALF_YEAR:
        return say("period_half_first" if number == 1 else "period_half_second", year=first.year)
    if period is Period.MONTH:
        return say("period_month", number=first.month, year=first.year)
    return say("period_year", year=first.year)


def _find_event(term: OnEvent, case: _Case) -> _Found:
    day = case.events.get(term.name)
    if day is None:
        return _Found(words=(say("deadline_wait_event", event=term.label),), event=term.name)
    return _Found(day, day, (say("deadline_event_on", event=term.label, day=day),), event=term.name)


def _find_lunar(term: OnLunar, case: _Case) -> _Found:
    years = [term.year] if term.year else range(case.issued_on.year - 1, case.issued_on.year + 9)
    for year in years:
        first = lunar.to_civil(lunar.LunarDay(year, term.month, term.day))
        day = first + timedelta(days=term.offset) if first else None
        if first is None or day is None or (term.year is None and day < case.issued_on):
            continue
        params: dict[str, Param] = {"day": day, "first": first, "year": year}
        if (term.month, term.day, term.offset) == (1, 1, -1):
            return _Found(day, day, (Sentence("deadline_before_lunar_new_year", params),))
        return _Found(
            day, day, (say("deadline_lunar", lunar=f"{term.day:02d}/{term.month:02d}", year=year, day=first),)
        )
    return _Found(undecided=(say("deadline_no_such_lunar_day", day=f"{term.day}/{term.month}"),))


def _find_after(term: After, case: _Case) -> _Found:
    base = _find(term.base, case)
    one = "_one" if abs(term.amount) == 1 else ""
    amount = say(f"amount_{term.unit.value}{one}", number=abs(term.amount))
    if base.last is None:
        if base.event and isinstance(term.base, OnEvent):
            key = "deadline_wait_event_after" if term.amount >= 0 else "deadline_wait_event_before"
            return replace(base, words=(say(key, amount=amount, event=term.base.label),))
        return replace(base, words=(*base.words, say("deadline_count_later", amount=amount)))
    start = base.last
    if isinstance(term.base, OnDay):
        base = replace(base, words=(say("deadline_base_day", day=start),))
    if not term.stated:
        base = replace(base, words=(say("deadline_no_base", day=start),))
    if term.unit is Unit.HOUR and term.amount % 24:
        return replace(base, last=None, first=None, undecided=(say("deadline_hours", amount=amount),))
    if term.amount == 0:
        return replace(base, first=None, words=(say("deadline_same_day", day=start),))
    day = _counted(start, term, case.calendar)
    key = "deadline_count" if term.amount >= 0 else "deadline_count_back"
    return replace(base, last=day, first=None).also(say(key, amount=amount, start=start, day=day))


def _counted(start: date, term: After, calendar: WorkCalendar) -> date:
    if term.unit is Unit.WORKDAY:
        if term.amount > 0:
            return add_workdays(start, term.amount, calendar)
        return subtract_workdays(start, -term.amount, calendar) if term.amount else start
    if term.unit in (Unit.MONTH, Unit.YEAR):
        return _add_months(start, term.amount * (12 if term.unit is Unit.YEAR else 1))
    days = {Unit.DAY: 1, Unit.WEEK: 7}.get(term.unit)
    return start + timedelta(days=term.amount * days if days else term.amount // 24)


def _add_months(start: date, months: int) -> date:
    """The same day so many months on, or the last day of a month that is too short.

    >>> _add_months(date(2025, 11, 30), 3)
    datetime.date(2026, 2, 28)
    """
    turn = start.year * 12 + start.month - 1 + months
    year, month = turn // 12, turn % 12 + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def _find_between(term: Between, case: _Case) -> _Found:
    first = _find(term.first, case)
    if first.undecided:
        return first
    if term.last is None:
        return _Found(first=first.first, words=(say("deadline_opens", day=first.first or case.issued_on),))
    last = _find(term.last, replace(case, issued_on=max(case.issued_on, first.first or case.issued_on)))
    if last.undecided or last.last is None:
        return last
    if isinstance(term.first, OnDay) and term.first.year is None and isinstance(term.last, OnDay):
        first = _find(replace(term.first, year=_start_year(term.first, last.last)), case)
    start = first.first or last.last
    if start > last.last:
        return _Found(undecided=(say("deadline_window_reversed", first=start, last=last.last),))
    return _Found(last.last, start, (say("deadline_window", first=start, last=last.last),))


def _start_year(first: OnDay, last: date) -> int:
    """The year that puts the first day of a window not after its last."""
    fits = first.month is None or (first.month, first.day) <= (last.month, last.day)
    return last.year if fits else last.year - 1


def _find_unsure(term: Unsure, case: _Case) -> _Found:
    return _Found(undecided=(say(term.reason, phrase=term.words),))


_FINDERS: dict[type[Any], Callable[[Any, _Case], _Found]] = {
    Base: _find_base,
    OnDay: _find_day,
    InPeriod: _find_period,
    OnEvent: _find_event,
    OnLunar: _find_lunar,
    After: _find_after,
    Between: _find_between,
    Unsure: _find_unsure,
}
