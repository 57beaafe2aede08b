"""Days of the lunar calendar: Tết, rằm, mùng, "10/3 âm lịch", Giỗ Tổ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from tracker.domain.lunar import BRANCHES, STEMS, cycle_year
from tracker.domain.phrases.candidates import Candidate, Level, level_at
from tracker.domain.phrases.reading import Reading
from tracker.domain.rules import FIRST_YEAR, LAST_YEAR, OnDay, OnLunar, Unsure
from tracker.domain.search import search_key

_STEM = "|".join(dict.fromkeys(search_key(stem) for stem in STEMS))
_BRANCH = "|".join(
    ["ty", *dict.fromkeys(search_key(b) for b in BRANCHES if search_key(b) != "ty"), "ti", "meo"]
)
_YEAR = (
    rf"(?:\s*,?\s*(?:nam\s+)?(?:(?P<stem>{_STEM})\s+(?P<branch>{_BRANCH})\b)?"
    r"\s*[-(]?\s*(?:nam\s+)?(?P<y>\d{4})?\)?(?:\s*(?P<near>nay|sau|toi)\b)?)"
)
_NEW_YEAR = re.compile(
    r"\b(?P<which>(?:truoc|sau|den|trong|dip|truoc dip|trong dip|truoc ngay|den truoc)\s+)?(?:(?P<d>29|30)\s+)?"
    r"(?P<tet>tet)(?:\s+(?:nguyen dan|am lich|co truyen|ta|co truyen dan toc))?\b"
    r"(?!\s+(?:duong lich|trung thu|tay|doan ngo))" + _YEAR
)
_NEW_YEAR_DAY = re.compile(r"\b(?:ngay\s+)?(?:mung|mong)\s*(?P<d>\d{1,2})\s+tet(?:\s+nguyen dan)?" + _YEAR)
_SOLAR_NEW_YEAR = re.compile(
    r"\b(?P<which>truoc|sau|den)?\s*(?:dip\s+)?tet\s+(?:duong lich|tay)(?:\s*(?:nam\s*)?(?P<y>\d{4}))?"
)
_MONTH = r"(?:thang\s*(?:(?P<m>\d{1,2})|(?P<name>gieng|chap)))"
_FULL_MOON = re.compile(rf"\b(?:ngay\s+)?ram\s+{_MONTH}(?:\s+am lich)?" + _YEAR)
_NUMBERED = re.compile(
    r"\b(?:ngay\s+)?(?:(?:mung|mong)\s*)?(?P<d>\d{1,2})\s*(?:(?:/|-)\s*(?P<m2>\d{1,2})|thang\s*(?:(?P<m>\d{1,2})|(?P<name>gieng|chap)))"
    r"(?P<mark>\s*(?:\(?\s*(?:am lich|al)\s*\)?))?" + _YEAR + r"(?P<mark2>\s*\(?\s*(?:am lich|al)\b\)?)?"
)
_FEASTS = (
    (re.compile(r"\b(?P<which>truoc\s+)?(?:dip\s+|le\s+|ngay\s+)*gio to(?: hung vuong)?" + _YEAR), 10, 3),
    (re.compile(r"\b(?P<which>truoc\s+)?(?:dip\s+|le\s+|ngay\s+)*(?:tet\s+)?trung thu\b" + _YEAR), 15, 8),
    (re.compile(r"\b(?P<which>truoc\s+)?(?:dip\s+|le\s+|ngay\s+)*(?:tet\s+)?doan ngo\b" + _YEAR), 5, 5),
)
_EVE = re.compile(r"\b(?:truoc\s+)?(?:dem\s+)?giao thua(?:\s+(?:tet\s+)?nguyen dan)?" + _YEAR)


def lunar_days(reading: Reading, issued_on: date) -> Iterator[Candidate]:
    """Lunar days, crossed out; a feast that only "dịp" or "sau" names is no day."""
    for match in reading.find(_SOLAR_NEW_YEAR):
        yield _solar_new_year(reading, match)
    for match in reading.find(_NEW_YEAR_DAY):
        yield _found(reading, match, OnLunar(int(match["d"]), 1, _lunar_year(match, issued_on)))
    for match in reading.find(_EVE):
        yield _found(reading, match, OnLunar(1, 1, _lunar_year(match, issued_on), -1))
    for match in reading.find(_NEW_YEAR):
        if not reading.is_word(*match.span("tet"), "tết"):
            continue
        which = (match["which"] or "").split()
        if which and which[0] in ("sau", "dip", "trong") and not match["d"]:
            yield _found(
                reading, match, Unsure("deadline_vague", reading.cased[match.start() : match.end()].strip())
            )
        else:
            yield _found(reading, match, OnLunar(1, 1, _lunar_year(match, issued_on), -1))
    for pattern, day, month in _FEASTS:
        for match in reading.find(pattern):
            offset = -1 if match["which"] else 0
            yield _found(reading, match, OnLunar(day, month, _lunar_year(match, issued_on), offset))
    for match in reading.find(_FULL_MOON):
        yield _found(reading, match, OnLunar(15, _month(match), _lunar_year(match, issued_on)))
    for match in reading.find(_NUMBERED):
        if match["mark"] or match["mark2"] or match["name"]:
            month = int(match["m2"]) if match["m2"] else _month(match)
            yield _found(reading, match, OnLunar(int(match["d"]), month, _lunar_year(match, issued_on)))


def _month(match: re.Match[str]) -> int:
    return int(match["m"]) if match["m"] else 1 if match["name"] == "gieng" else 12


def _lunar_year(match: re.Match[str], issued_on: date) -> int | None:
    if match["y"]:
        return int(match["y"])
    if match["near"]:
        return issued_on.year + (match["near"] != "nay")
    if not match["stem"]:
        return None
    stems = [search_key(stem) for stem in STEMS]
    # "Tý" and "Tỵ" are one word without their tones: the stem's parity tells them apart.
    branches = [search_key(branch) for branch in BRANCHES]
    word = {"ti": "ty", "meo": "mao"}.get(match["branch"], match["branch"])
    for stem in [n for n, name in enumerate(stems) if name == match["stem"]]:
        for branch in [n for n, name in enumerate(branches) if name == word]:
            year = cycle_year(stem, branch, issued_on.year)
            if year:
                return year
    return None


def _found(reading: Reading, match: re.Match[str], term: OnLunar | Unsure) -> Candidate:
    if isinstance(term, OnLunar) and not _is_possible(term):
        term = Unsure("deadline_vague", reading.cased[match.start() : match.end()].strip())
    level = (
        Level.LIMIT
        if (match.groupdict().get("which") or "").startswith("truoc")
        else level_at(reading, match.start())
    )
    reading.take(match)
    return Candidate(term, match.start(), match.end(), max(level, Level.PLACED))


def _is_possible(term: OnLunar) -> bool:
    in_range = term.year is None or FIRST_YEAR <= term.year <= LAST_YEAR
    return 1 <= term.day <= 30 and 1 <= term.month <= 12 and in_range


def _solar_new_year(reading: Reading, match: re.Match[str]) -> Candidate:
    year = int(match["y"]) if match["y"] else None
    term: OnDay | Unsure = OnDay(31, 12, year - 1 if year else None)
    if match["which"] == "sau" or (year and not FIRST_YEAR < year <= LAST_YEAR):
        term = Unsure("deadline_vague", reading.cased[match.start() : match.end()].strip())
    reading.take(match)
    return Candidate(term, match.start(), match.end(), Level.LIMIT)
