"""Times of day: "17 giờ 30", "20h00", "15:00", "trong sáng", "hết giờ hành chính"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from tracker.domain.phrases.reading import Reading

_UNTIL = r"(?:(?:\d{1,2}\s*(?:gio|h|g|:)\s*(?:\d{2})?(?:\s*phut)?)\s*(?:-|den)\s*)?"
_CLOCK = re.compile(
    rf"(?<![\d/]){_UNTIL}(?P<h>\d{{1,2}})\s*(?:(?:gio|h)\b\s*(?:(?P<m>\d{{1,2}})(?!\d|\s*(?:thang|/|-|\.)\s*\d)"
    r"\s*(?:phut|p|')?)?|(?:h|g)(?P<m2>\d{2})(?!\d)\s*(?:phut|p|')?|:(?P<m3>\d{2})(?::\d{2})?(?!\d))"
    r"(?:\s*,?\s*(?:buoi\s+)?(?P<part>sang|trua|chieu|toi|dem)\b(?!\s+da))?"
)
_OFFICE = re.compile(r"\b(?:het|cuoi|trong)\s+gio\s+(?:hanh chinh|lam viec)\b")
_PART = re.compile(
    r"\b(?:(?:trong|vao|dau|cuoi|het|ngay)\s+)?(?P<edge>dau gio|cuoi gio|dau|cuoi)?\s*(?:buoi\s+)?"
    r"(?P<part>sang|trua|chieu|toi|dem)\s+(?=ngay\b|~|\d|thu\b|chu nhat\b|nay\b|mai\b|hom\b|cung ngay)"
)
_OF_A_DAY = re.compile(
    r"(?<![\d/.:-])(?P<h>\d{1,2})\s*(?:(?:gio|h|g)\s*(?P<m>\d{1,2})?|:\s*(?P<m2>\d{2}))\s*(?:phut|p)?\s*,?\s*ngay\s*\d"
)
_SPELT = {"sang": "sáng", "trua": "trưa", "chieu": "chiều", "toi": "tối", "dem": "đêm"}
# The end of the part of the day, as offices keep it; docs/decisions/0001-counting-days.md.
_ENDS = {"sang": time(12), "trua": time(13), "chieu": time(17), "toi": time(22), "dem": time(23, 59)}
OFFICE_CLOSES = time(17)


@dataclass(frozen=True)
class ClockTime:
    """The time of day a phrase names; `note` says how a word was turned into one."""

    at: time
    note: str | None = None


def impossible_time(reading: Reading) -> str | None:
    """A time that no clock shows, where it stands before a day: "25 giờ ngày 5/12"."""
    for match in reading.find(_OF_A_DAY):
        hour, minute = int(match["h"]), int(match["m"] or match["m2"] or 0)
        if hour > 24 or minute > 59 or (hour == 24 and minute):
            return f"{hour}:{minute:02d}"
    return None


def time_of_day(reading: Reading) -> ClockTime | None:
    """The first time of day in the phrase, crossed out; of a range "8h đến 17h" the end."""
    found = _clock(reading)
    if found:
        return found
    for match in reading.find(_OFFICE):
        reading.take(match)
        return ClockTime(OFFICE_CLOSES, "note_office_hours")
    for match in reading.find(_PART):
        if reading.is_word(*match.span("part"), _SPELT[match["part"]]):
            reading.take(match)
            if match["edge"] and match["edge"].startswith("dau"):
                start = time(8) if match["part"] == "sang" else time(13, 30)
                return ClockTime(start, "note_part_of_day")
            return ClockTime(_ENDS[match["part"]], "note_part_of_day")
    return None


def _clock(reading: Reading) -> ClockTime | None:
    for match in reading.find(_CLOCK):
        hour, minute = int(match["h"]), int(match["m"] or match["m2"] or match["m3"] or 0)
        if hour > 24 or minute > 59 or (hour == 24 and minute):
            continue
        reading.take(match)
        # Somebody's second time in the phrase must not be taken for a date.
        for other in reading.find(_CLOCK):
            reading.take(other)
        part = match["part"]
        if part in ("chieu", "toi") and hour < 12:
            hour += 12
        if hour == 24 or (part == "dem" and hour == 12):
            return ClockTime(time(23, 59), "note_midnight")
        return ClockTime(time(hour, minute))
    return None
