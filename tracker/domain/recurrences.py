"""Recurrences: the part of RFC 5545 recurrence rules that directives need, and their dates.

A rule without a day means the last day of its period, as "trong tháng" does: FREQ=MONTHLY is the last day of
every month, FREQ=WEEKLY every Sunday.
Intervals are counted from the calendar, not from a first occurrence: a quarter ends in March, June, September
and December.
A day a month does not have is its last day.
Two lists of the same length in BYMONTH and BYMONTHDAY are read in pairs (15 June and 1 December), as official
reports mean them; the RFC would read their product, so what a calendar client gets is one rule per pair.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from tracker.domain.errors import Invalid
from tracker.domain.wording import Sentence, say
from tracker.domain.workdays import WorkCalendar

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WORKWEEK = "MO,TU,WE,TH,FR"
_FREQUENCIES: tuple[Frequency, ...] = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
# A daily or weekly interval is counted from this Monday.
_EPOCH = date(2018, 1, 1)


class RecurrenceInvalid(Invalid):
    """The text is not a recurrence rule of the supported kind; params: value."""

    code = "recurrence_invalid"


@dataclass(frozen=True)
class Recurrence:
    """A recurrence rule, read; empty lists mean that the part is absent."""

    frequency: Frequency
    interval: int = 1
    weekdays: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    position: int | None = None

    @classmethod
    def parse(cls, rule: str) -> Recurrence:
        """Read `FREQ=…;…`. Raises RecurrenceInvalid.

        >>> Recurrence.parse("FREQ=WEEKLY;BYDAY=FR").weekdays
        ('FR',)
        """
        try:
            parts = dict(part.split("=", 1) for part in rule.split(";"))
            named = parts.pop("FREQ")
            frequency = next(f for f in _FREQUENCIES if f == named)
            read = cls(
                frequency,
                int(parts.pop("INTERVAL", "1")),
                tuple(parts.pop("BYDAY").split(",")) if "BYDAY" in parts else (),
                tuple(int(n) for n in parts.pop("BYMONTH").split(",")) if "BYMONTH" in parts else (),
                tuple(int(n) for n in parts.pop("BYMONTHDAY").split(",")) if "BYMONTHDAY" in parts else (),
                int(parts.pop("BYSETPOS")) if "BYSETPOS" in parts else None,
            )
        except (ValueError, KeyError, StopIteration) as error:
            raise RecurrenceInvalid.one("/recurrence", RecurrenceInvalid.code, rule) from error
        if parts or not read._is_sound():
            raise RecurrenceInvalid.one("/recurrence", RecurrenceInvalid.code, rule)
        return read

    def _is_sound(self) -> bool:
        return (
            1 <= self.interval <= 1000
            and all(day[-2:] in WEEKDAYS for day in self.weekdays)
            and all(1 <= month <= 12 for month in self.months)
            and all(1 <= abs(day) <= 31 for day in self.month_days)
        )

    def text(self) -> str:
        """The rule in RFC 5545 form, parts in the order of the RFC's own examples."""
        parts = [f"FREQ={self.frequency}"]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.months:
            parts.append("BYMONTH=" + ",".join(map(str, self.months)))
        if self.month_days:
            parts.append("BYMONTHDAY=" + ",".join(map(str, self.month_days)))
        if self.weekdays:
            parts.append("BYDAY=" + ",".join(self.weekdays))
        if self.position is not None:
            parts.append(f"BYSETPOS={self.position}")
        return ";".join(parts)


def is_rule(recurrence: str | None) -> bool:
    """Whether this is a recurrence rule, rather than STANDING, EVENT:… or nothing."""
    return recurrence is not None and recurrence.startswith("FREQ=")


def summarise(rules: Iterable[str]) -> str | None:
    """Several rules as one text: yearly dates in paired lists, otherwise the most frequent rule.

    >>> summarise(["FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=15", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=1"])
    'FREQ=YEARLY;BYMONTH=6,12;BYMONTHDAY=15,1'
    """
    texts = list(rules)
    if len(texts) < 2:
        return texts[0] if texts else None
    read = [Recurrence.parse(text) for text in texts]
    single = all(r.frequency == "YEARLY" and len(r.months) == len(r.month_days) == 1 for r in read)
    if single and len({r.interval for r in read}) == 1:
        months = tuple(r.months[0] for r in read)
        days = tuple(r.month_days[0] for r in read)
        return Recurrence("YEARLY", read[0].interval, (), months, days).text()
    return min(
        zip(read, texts, strict=True), key=lambda pair: (_period_days(pair[0]), not pair[0].month_days)
    )[1]


def _period_days(rule: Recurrence) -> int:
    per_year = len(rule.months) if rule.frequency == "YEARLY" and rule.months else 1
    return {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 30, "YEARLY": 365}[rule.frequency] * rule.interval // per_year


def occurrences(
    rules: str | Iterable[str], start: date, until: date, calendar: WorkCalendar | None = None
) -> list[date]:
    """The dates of one rule or several from `start` to `until`, both included, in order and without doubles.

    With a calendar, "the last working day of the month" heeds holidays and swapped days; else weekdays only.

    >>> occurrences("FREQ=MONTHLY;BYMONTHDAY=20", date(2025, 11, 16), date(2026, 1, 31))
    [datetime.date(2025, 11, 20), datetime.date(2025, 12, 20), datetime.date(2026, 1, 20)]
    """
    found: set[date] = set()
    for rule in [rules] if isinstance(rules, str) else rules:
        for day in _days(Recurrence.parse(rule), start, calendar):
            if day > until:
                break
            found.add(day)
    return sorted(found)


def next_occurrence(
    rules: str | Iterable[str], after: date, calendar: WorkCalendar | None = None
) -> date | None:
    """The first date later than `after`; None when the rule has none within forty years, or is not a rule.

    >>> next_occurrence("FREQ=WEEKLY;BYDAY=FR", date(2025, 11, 28))
    datetime.date(2025, 12, 5)
    """
    candidates = []
    for rule in [rules] if isinstance(rules, str) else rules:
        if is_rule(rule):
            start = after + timedelta(days=1)
            candidates.append(next(_days(Recurrence.parse(rule), start, calendar), None))
    return min((day for day in candidates if day), default=None)


def _days(rule: Recurrence, start: date, calendar: WorkCalendar | None) -> Iterator[date]:
    """The dates of a rule from `start` on, in order, for forty years."""
    last = min(start.year + 40, 9998)
    if rule.frequency in ("DAILY", "WEEKLY"):
        yield from _short_days(rule, start, date(last, 12, 31))
        return
    for year in range(start.year, last + 1):
        for month in range(1, 13):
            if _month_counts(rule, year, month):
                yield from (day for day in _in_month(rule, year, month, calendar) if day >= start)


def _short_days(rule: Recurrence, start: date, last: date) -> Iterator[date]:
    day = start
    weekdays = {WEEKDAYS.index(name[-2:]) for name in rule.weekdays}
    if not weekdays and rule.frequency == "WEEKLY":
        weekdays = {6}
    while day <= last:
        days = (day - _EPOCH).days
        turn = days if rule.frequency == "DAILY" else days // 7
        if turn % rule.interval == 0 and (not weekdays or day.weekday() in weekdays):
            yield day
        day += timedelta(days=1)


def _month_counts(rule: Recurrence, year: int, month: int) -> bool:
    if rule.frequency == "YEARLY":
        return year % rule.interval == 0 and month in (rule.months or (12,))
    if rule.months and month not in rule.months:
        return False
    return (year * 12 + month) % rule.interval == 0


def _in_month(rule: Recurrence, year: int, month: int, calendar: WorkCalendar | None) -> list[date]:
    length = monthrange(year, month)[1]
    if rule.weekdays:
        return _weekdays_in_month(rule, year, month, calendar)
    days = rule.month_days or (-1,)
    if len(rule.months) == len(days) > 1:
        days = tuple(d for m, d in zip(rule.months, days, strict=True) if m == month)
    exact = sorted({date(year, month, min(d, length) if d > 0 else max(length + 1 + d, 1)) for d in days})
    return exact if rule.position is None else _at_position(exact, rule.position)


def _weekdays_in_month(rule: Recurrence, year: int, month: int, calendar: WorkCalendar | None) -> list[date]:
    every = [date(year, month, n) for n in range(1, monthrange(year, month)[1] + 1)]
    if ",".join(rule.weekdays) == WORKWEEK and calendar is not None and year in calendar.years:
        chosen = [day for day in every if calendar.is_working(day)]
    else:
        chosen = []
        for name in rule.weekdays:
            same = [day for day in every if day.weekday() == WEEKDAYS.index(name[-2:])]
            chosen += same if len(name) == 2 else _at_position(same, int(name[:-2]))
    return sorted(chosen) if rule.position is None else _at_position(sorted(chosen), rule.position)


def _at_position(days: list[date], position: int) -> list[date]:
    index = position - 1 if position > 0 else position
    return [days[index]] if -len(days) <= index < len(days) else []


def describe(rule: str) -> Sentence:
    """A recurrence in words, as one sentence.

    >>> describe("FREQ=MONTHLY").key
    'recurrence_plain'
    """
    read = Recurrence.parse(rule)
    every = _every(read)
    if read.position is not None and read.weekdays:
        key = "recurrence_last_workday" if read.position < 0 else "recurrence_workday"
        return say(key, every=every, number=abs(read.position))
    if read.weekdays:
        return say(
            "recurrence_weekdays", every=every, days=_listed([_weekday(name) for name in read.weekdays])
        )
    if read.months and read.month_days:
        return say("recurrence_dates", every=every, dates=_dates(read))
    if read.month_days == (-1,):
        return say("recurrence_last_day", every=every)
    if read.month_days:
        return say("recurrence_month_days", every=every, days=", ".join(map(str, read.month_days)))
    return say("recurrence_plain", every=every)


def _every(read: Recurrence) -> Sentence:
    if read.frequency in ("DAILY", "WEEKLY"):
        unit = "day" if read.frequency == "DAILY" else "week"
        return say(f"every_{unit}") if read.interval == 1 else say(f"every_{unit}s", number=read.interval)
    months = read.interval if read.frequency == "MONTHLY" else 12 * read.interval
    known = {1: "every_month", 3: "every_quarter", 6: "every_half_year", 12: "every_year"}
    if months in known:
        return say(known[months])
    years, rest = divmod(months, 12)
    return say("every_months", number=months) if rest else say("every_years", number=years)


def _weekday(name: str) -> Sentence:
    day = say(f"weekday_{name[-2:]}")
    if len(name) == 2:
        return day
    position = int(name[:-2])
    return say("weekday_last" if position < 0 else "weekday_nth", day=day, number=abs(position))


def _listed(parts: list[Sentence]) -> Sentence:
    whole = parts[0]
    for part in parts[1:]:
        whole = say("list_more", before=whole, last=part)
    return whole


def _dates(read: Recurrence) -> str:
    if len(read.months) == len(read.month_days):
        pairs = [*zip(read.month_days, read.months, strict=True)]
    else:
        pairs = [(day, month) for month in read.months for day in read.month_days]
    return ", ".join(f"{day:02d}/{month:02d}" for day, month in pairs)
