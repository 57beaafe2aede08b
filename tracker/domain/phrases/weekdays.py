"""One named weekday: "thứ Sáu tuần này", "Chủ nhật tuần tới", "trước thứ Tư"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from tracker.domain.phrases.candidates import Candidate, Level, level_at
from tracker.domain.phrases.reading import Reading
from tracker.domain.phrases.recurring import weekday_number
from tracker.domain.rules import OnDay

_WEEKDAY = re.compile(
    r"\b(?:ngay\s+)?(?P<day>thu\s*(?:hai|ba|tu|nam|sau|bay|[2-7])|chu\s*nhat)\b"
    r"(?:\s*,?\s*(?:cua\s+)?tuan\s+(?P<week>nay|sau|toi|ke tiep|tiep theo))?"
)


_BESIDE_DATE = re.compile(
    r"\b(?:ngay\s+)?(?P<day>thu\s*(?:hai|ba|tu|nam|sau|bay|[2-7])|chu\s*nhat)\s*[,(]?\s*"
    r"(?=(?:ngay\s+)?\d{1,2}\s*(?:/|-|\.|thang)\s*\d)"
)


def drop_beside_dates(reading: Reading) -> None:
    """Blank out "thứ Sáu" before its date, so that the words before it still lead to the date."""
    for match in reading.find(_BESIDE_DATE):
        blanks = " " * len(match[0])
        reading.plain = reading.plain[: match.start()] + blanks + reading.plain[match.end() :]


def weekdays(reading: Reading, issued_on: date) -> Iterator[Candidate]:
    """The weekday of this or the next week, or the first such day from the issue on."""
    for match in reading.find(_WEEKDAY):
        if not reading.is_word(*_first_word(match), "thứ", "chủ"):
            continue
        monday = issued_on - timedelta(days=issued_on.weekday())
        number = weekday_number(match["day"])
        if match["week"]:
            day = monday + timedelta(days=number + (0 if match["week"] == "nay" else 7))
        else:
            day = issued_on + timedelta(days=(number - issued_on.weekday()) % 7)
        level = max(level_at(reading, match.start()), Level.BARE)
        term = OnDay(day.day, day.month, day.year)
        yield Candidate(term, match.start(), match.end(), level, ("note_weekday",))
        reading.take(match)


def _first_word(match: re.Match[str]) -> tuple[int, int]:
    return match.start("day"), match.start("day") + 3
