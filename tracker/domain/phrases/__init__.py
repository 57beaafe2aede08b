"""The parser: what a Vietnamese phrase about time says, as a deadline rule.

A phrase is brought into one spelling, what it cites is crossed out, and each family of times looks in turn at what
the earlier ones left. The time set most strongly is the deadline; days without a year beside "hằng tháng", "hằng
năm" and the like make the recurrence. What nobody could turn into a day stays undecided, with its reason.
"""

from __future__ import annotations

import re
from datetime import date

from tracker.domain.phrases.assembly import assemble
from tracker.domain.phrases.citations import cross_out_citations, cross_out_past_meetings
from tracker.domain.phrases.dates import days
from tracker.domain.phrases.events import gathering
from tracker.domain.phrases.lunar_days import lunar_days
from tracker.domain.phrases.periods import halves, periods, vague
from tracker.domain.phrases.reading import MAX_LENGTH, read
from tracker.domain.phrases.recurring import recurring
from tracker.domain.phrases.relative import counted, today
from tracker.domain.phrases.times import impossible_time, time_of_day
from tracker.domain.phrases.weekdays import drop_beside_dates, weekdays
from tracker.domain.rules import DeadlineRule, Unsure

__all__ = ["parse"]


# "15 ngày làm việc", as somebody types it who has no time for the preposition.
_BARE_TERM = re.compile(r"\s*[1-9][0-9]{0,3}\s+ngày(?:\s+làm\s+việc)?\s*\.?\s*")


def parse(phrase: str, issued_on: date) -> DeadlineRule:
    """The rule a phrase states; `issued_on` settles "tháng sau", "thứ Sáu tuần này" and meetings already held.

    Never raises for what the phrase says: an impossible or vague time becomes an undecided rule.

    >>> parse("trước 17 giờ ngày 27/11/2025", date(2025, 11, 27)).term
    OnDay(day=27, month=11, year=2025)
    >>> parse("15 ngày làm việc", date(2025, 11, 27)) == parse("trong 15 ngày làm việc", date(2025, 11, 27))
    True
    """
    if len(phrase) > MAX_LENGTH:
        return DeadlineRule(Unsure("deadline_phrase_long"))
    reading = read(f"trong {phrase}" if _BARE_TERM.fullmatch(phrase.casefold()) else phrase)
    found = [*halves(reading, issued_on)]
    repeated = recurring(reading)
    found += [*vague(reading), *counted(reading, repeated)]
    cross_out_citations(reading)
    cross_out_past_meetings(reading, issued_on)
    impossible = impossible_time(reading)
    if impossible is not None:
        return DeadlineRule(Unsure("deadline_impossible", impossible))
    clock = time_of_day(reading)
    found += lunar_days(reading, issued_on)
    drop_beside_dates(reading)
    found += days(reading, issued_on)
    found += weekdays(reading, issued_on)
    meeting = gathering(reading)
    found += periods(reading, issued_on)
    found += today(reading)
    rule = assemble(reading, found, repeated, meeting)
    if clock is None:
        return rule
    notes = (*rule.notes, clock.note) if clock.note else rule.notes
    return DeadlineRule(rule.term, clock.at, rule.recurrences, rule.standing, notes)
