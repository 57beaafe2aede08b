"""What was found in a phrase, put together into one rule."""

from __future__ import annotations

import re
from calendar import monthrange

from tracker.domain.phrases.candidates import Candidate, Level, choose
from tracker.domain.phrases.events import event
from tracker.domain.phrases.reading import Reading
from tracker.domain.phrases.recurring import Recurring, rules
from tracker.domain.phrases.standing import elsewhere, is_standing
from tracker.domain.recurrences import Recurrence
from tracker.domain.rules import Between, DeadlineRule, InPeriod, OnDay, Period

_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF_YEAR: 6}


def assemble(
    reading: Reading, found: list[Candidate], repeated: Recurring, gathering: Candidate | None
) -> DeadlineRule:
    """The deadline, its recurrence, and whether it is standing; an event only where no day is named."""
    standing = is_standing(reading)
    opening = [c for c in found if isinstance(c.term, Between) and c.term.last is None]
    ending = [c for c in found if c not in opening]
    recurrences: tuple[str, ...] = ()
    if repeated:
        ending, recurrences = _split(reading, ending, repeated)
    chosen = choose(ending)
    if chosen is None and not _has_days(recurrences):
        happening = gathering or event(reading)
        if happening is not None:
            return DeadlineRule(happening.term, None, (), standing, happening.notes)
    if chosen is None:
        chosen = choose(opening)
    if standing and recurrences == ("FREQ=YEARLY",):
        recurrences = ()
    if chosen is None:
        term = None if recurrences or standing else elsewhere(reading)
        return DeadlineRule(term, None, recurrences, standing)
    notes = chosen.notes
    if any(c.level is Level.LIMIT and c.term != chosen.term for c in ending):
        notes += ("note_several_dates",)
    return DeadlineRule(chosen.term, None, recurrences, standing, notes)


def _has_days(recurrences: tuple[str, ...]) -> bool:
    return any("BY" in rule for rule in recurrences)


def _split(
    reading: Reading, ending: list[Candidate], repeated: Recurring
) -> tuple[list[Candidate], tuple[str, ...]]:
    """The times that remain deadlines of their own, and the recurrence rules the others make."""
    yearless = [c for c in ending if isinstance(c.term, OnDay) and c.term.year is None]
    dated = [c for c in ending if isinstance(c.term, OnDay) and c.term.year is not None]
    rest = [c for c in ending if c not in yearless and not _yearless_periods(reading, c)]
    # A year or plan mentioned beside a rhythm is no deadline of its own.
    rest = [c for c in rest if c.level > Level.BARE or isinstance(c.term, Between)]
    days = [c.term for c in yearless if isinstance(c.term, OnDay)]
    if repeated.every == [("MONTHLY", 1)] and len(days) == 1 and days[0].month and not rest:
        return yearless, rules(repeated, [OnDay(days[0].day)])
    ends = [_period_end(part) for c in ending for part in _yearless_periods(reading, c)]
    if days or ends:
        return rest, rules(repeated, [*days, *ends])
    if len(dated) == 1 and _continues(reading, dated[0], repeated):
        return rest, _from_first(dated[0].term, repeated)
    return rest, rules(repeated, [])


def _continues(reading: Reading, first: Candidate, repeated: Recurring) -> bool:
    """Whether the frequency goes on from a date: "trước ngày 20/11/2025 và hằng tháng"."""
    if repeated.start is None or repeated.weekdays or repeated.complete or repeated.quarter_months:
        return False
    between = reading.plain[first.end : repeated.start]
    return bool(re.fullmatch(r"[\s,]*(?:\b(?:va|roi|sau do|va sau do)\b[\s,]*)?", between))


def _yearless_periods(reading: Reading, candidate: Candidate) -> list[InPeriod]:
    """The months or quarters a candidate names without a year; of a range only the last."""
    term = candidate.term
    if isinstance(term, Between) and isinstance(term.first, InPeriod) and isinstance(term.last, InPeriod):
        words = reading.shown[candidate.start : candidate.end]
        parts = [term.last] if re.search(r"-|đến|tới|den|toi", words) else [term.first, term.last]
    else:
        parts = [term] if isinstance(term, InPeriod) else []
    return [part for part in parts if part.year is None and part.number is not None]


def _period_end(term: InPeriod) -> OnDay:
    """The last day of a month, quarter or half without a year: "tháng 12 hằng năm"."""
    month = (term.number or 1) * _MONTHS[term.period]
    return OnDay(monthrange(2023, month)[1], month)


def _from_first(term: object, repeated: Recurring) -> tuple[str, ...]:
    """The rules of a series whose first day is given: "trước ngày 20/11/2025 và hằng tháng"."""
    assert isinstance(term, OnDay)
    made = []
    for frequency, interval in repeated.every:
        if frequency == "YEARLY":
            made.append(Recurrence("YEARLY", interval, (), (term.month or 1,), (term.day,)).text())
        elif frequency == "MONTHLY":
            made.append(Recurrence("MONTHLY", interval, (), (), (term.day,)).text())
        else:
            made.append(Recurrence(frequency, interval).text())
    return tuple(made)
