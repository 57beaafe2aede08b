"""Days, windows of days, weeks, months, quarters, halves and years as directives write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from tracker.domain.phrases.candidates import Candidate, Level, comes_after_before, level_at
from tracker.domain.phrases.reading import Reading
from tracker.domain.rules import FIRST_YEAR, LAST_YEAR, Between, OnDay, Unsure

_NEAR_YEAR = r"(?:\s*,?\s*(?:cua\s+)?(?P<near>nam nay|nam sau|nam toi|sang nam))?"
_D = r"(?P<d>\d{1,2})"
_M = r"(?P<m>\d{1,2})"
_Y = r"(?P<y>\d{4})"
_NOT_IN_NUMBER = r"(?<![\d/.-])(?<!\d,)"
_DAY_FORMS = (
    re.compile(rf"{_NOT_IN_NUMBER}(?P<y>\d{{4}})-(?P<m>\d{{2}})-(?P<d>\d{{2}})(?![\d/-])"),
    re.compile(rf"{_NOT_IN_NUMBER}{_D}\s?(?P<sep>[/.-])\s?{_M}\s?(?P=sep)\s?{_Y}(?!\d)"),
    re.compile(rf"{_NOT_IN_NUMBER}{_D}\s*thang\s*{_M}\s*,?\s*(?:nam\s*|/\s*|-\s*|\.\s*){_Y}(?!\d)"),
    re.compile(rf"{_NOT_IN_NUMBER}{_D}\s?[/.-]\s?{_M}\s*,?\s*nam\s*{_Y}(?!\d)"),
    re.compile(rf"{_NOT_IN_NUMBER}{_D}\s?/\s?{_M}\s?/\s?(?P<yy>\d{{2}})(?![\d/])"),
    re.compile(rf"{_NOT_IN_NUMBER}{_D}\s*thang\s*{_M}(?![\d/]){_NEAR_YEAR}"),
    re.compile(rf"{_NOT_IN_NUMBER}{_D}\s?/\s?{_M}(?![\d/%]){_NEAR_YEAR}"),
    re.compile(rf"\b(?:ngay|mung|mong)\s+{_D}\s?[-.]\s?{_M}(?![\d/-]){_NEAR_YEAR}"),
    re.compile(rf"\bngay\s+{_D}(?![\d/.-])\s+(?:cua\s+)?thang\s+(?P<near>nay|sau|toi)\b"),
    re.compile(rf"\b(?:ngay|mung|mong)\s+{_D}(?![\d/.,-]\d|\s*(?:ngay|thang|nam|tuan|%|gio|h\b))(?!\d)"),
)
_PREFIX = re.compile(r"\b(?:ngay|mung|mong)\s*$")
_UNTIL = r"\s*(?:-|den het ngay|den het|den ngay|den|toi het ngay|toi ngay|toi)\s*"
_TWO_DAYS = (
    re.compile(
        r"\b(?:tu\s+)?(?:ngay\s+)?(?P<d1>\d{1,2})"
        r"(?:\s*(?:/|thang)\s*(?P<m1>\d{1,2}))?(?:\s*(?:/|nam)\s*(?P<y1>\d{4}))?"
        rf"{_UNTIL}{_D}\s*(?:/|thang)\s*{_M}(?:\s*(?:/|nam)\s*{_Y})?(?![\d/])"
    ),
    re.compile(
        r"\b(?:cac\s+|2\s+|3\s+)?ngay\s+(?P<d1>\d{1,2})(?P<m1>(?!))?(?P<y1>(?!))?(?:\s*,\s*(?:ngay\s+)?\d{1,2})*"
        rf"\s*(?:va|,|-)\s*(?:ngay\s+)?{_D}\s*(?:/|thang)\s*{_M}(?:\s*(?:/|nam)\s*{_Y})?(?![\d/])"
    ),
)
_FROM_NOW = re.compile(
    r"\b(?:ke\s+)?tu\s+(?:nay|bay gio|ngay ky(?: ban hanh)?|ngay ban hanh)(?:\s+cho)?\s+(?=(?:den|toi)\b)"
)
_BEGINS = re.compile(
    r"(?:\b(?:bat dau|trien khai|ap dung|thuc hien|ke|tinh)\s+)?\b(?:tu|sau)\s+(?:sau\s+)?(?:ngay\s+)?$"
)


def days(reading: Reading, issued_on: date) -> Iterator[Candidate]:
    """Windows of days first, then single days; each form looks at what the earlier ones left."""
    yield from _windows(reading)
    for form in _DAY_FORMS:
        for match in reading.find(form):
            if _is_period_number(reading, match):
                continue
            prefix = _PREFIX.search(reading.plain[: match.start()])
            start = prefix.start() if prefix else match.start()
            found = _placed(reading, _day(match, issued_on), start, match.end())
            reading.cross_out(start, match.end())
            yield found


def _is_period_number(reading: Reading, match: re.Match[str]) -> bool:
    """Whether "15/12" follows "số", "khoản", "điều" and the like, or counts something out of something."""
    before = reading.before(match.start(), 12)
    return bool(re.search(r"\b(?:so|dieu|khoan|diem|muc|phu luc|dat|ty le|trang|thang|quy)\s*$", before))


def _placed(reading: Reading, term: OnDay | Unsure, start: int, end: int) -> Candidate:
    if isinstance(term, OnDay) and _BEGINS.search(reading.before(start)):
        return Candidate(Between(term), start, end, Level.BARE)
    notes: tuple[str, ...] = ()
    if isinstance(term, OnDay) and term.day == 1 and comes_after_before(reading, start):
        notes = ("note_first_day",)
    return Candidate(term, start, end, max(level_at(reading, start), Level.PLACED), notes)


def _windows(reading: Reading) -> Iterator[Candidate]:
    for match in reading.find(_FROM_NOW):
        # "từ nay đến ngày …": the window opens on the issue; what follows is found as a day or period.
        reading.take(match)
    for form in _TWO_DAYS:
        for match in reading.find(form):
            window = _window(match)
            if window is None:
                continue
            level = max(level_at(reading, match.start()), Level.PLACED)
            yield Candidate(window, match.start(), match.end(), level)
            reading.take(match)


def _window(match: re.Match[str]) -> Between | Unsure | None:
    last = day_or_unsure(match["d"], match["m"], match["y"])
    month = match["m1"] or match["m"]
    year = match["y1"] or match["y"]
    if match["y"] and match["m1"] and not match["y1"] and int(match["m1"]) > int(match["m"]):
        year = str(int(match["y"]) - 1)
    first = day_or_unsure(match["d1"], month, year)
    if isinstance(first, Unsure) or isinstance(last, Unsure):
        return first if isinstance(first, Unsure) else last if isinstance(last, Unsure) else None
    return Between(first, last)


def _day(match: re.Match[str], issued_on: date) -> OnDay | Unsure:
    groups = match.groupdict()
    year = groups.get("y") or ("20" + groups["yy"] if groups.get("yy") else None)
    near = groups.get("near")
    if near in ("nay", "sau", "toi"):
        first = issued_on.replace(day=1)
        month = first if near == "nay" else (first + timedelta(days=31)).replace(day=1)
        return day_or_unsure(match["d"], str(month.month), str(month.year))
    if near:
        year = str(issued_on.year + (near != "nam nay"))
    return day_or_unsure(match["d"], groups.get("m"), year)


def day_or_unsure(day: str, month: str | None, year: str | None) -> OnDay | Unsure:
    """The day with these numbers; an impossible one is Unsure, naming it as written."""
    number, in_month, in_year = int(day), int(month) if month else None, int(year) if year else None
    written = "/".join(part for part in (day, month, year) if part)
    if not 1 <= number <= 31 or (in_month is not None and not 1 <= in_month <= 12):
        return Unsure("deadline_impossible", written)
    if in_year is not None and not FIRST_YEAR <= in_year <= LAST_YEAR:
        return Unsure("deadline_impossible", written)
    return OnDay(number, in_month, in_year)
