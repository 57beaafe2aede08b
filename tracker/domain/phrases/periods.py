"""Weeks, months, quarters, halves, years and spans of years as directives write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from tracker.domain.phrases.candidates import Candidate, Level, comes_after_before, level_at
from tracker.domain.phrases.dates import day_or_unsure
from tracker.domain.phrases.reading import Reading
from tracker.domain.rules import FIRST_YEAR, LAST_YEAR, Between, InPeriod, Period, Unsure

_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_NUMERAL = r"(?:iv|iii|ii|i|0?[1-4])"
_YEAR = (
    r"(?:\s*,?\s*(?:cua\s+)?(?:nam\s*|/\s*(?:nam\s*)?|-\s*|\.\s*)(?P<y>\d{4})(?!\d)"
    r"|\s*,?\s*(?:cua\s+)?(?P<near>nam nay|nam sau|nam toi|sang nam))?"
)
_ONLY_YEAR = r"(?:\s*(?:/|nam\s*)?\s*(?P<y>\d{4})(?!\d)|\s*(?P<near>nay|sau|toi))?"
_JOIN = r"\s*(?:-|va|den het|den|toi|hoac|,)\s*"
_HALF = re.compile(r"\b0?(?P<n>[3695])\s*thang\s*(?P<which>dau|cuoi)\s*(?:cua\s+)?nam" + _ONLY_YEAR)
_HALF_SHORT = re.compile(
    r"\b0?(?P<n>[3695])\s*thang\s*(?P<which>dau|cuoi)\s*/?\s*(?P<y>\d{4})(?!\d)(?P<near>(?!))?"
)
_FIRST_DAYS = re.compile(r"\b(?P<n>\d{1,2})\s+ngay\s+dau\s+(?:cua\s+)?thang\s*(?P<m>\d{1,2})" + _YEAR)
_LAST_MONTHS = re.compile(r"\b(?:nhung|cac)\s+thang\s+(?:con lai\s+)?(?:cuoi\s+)?(?:cua\s+)?nam" + _ONLY_YEAR)
_NAMED_QUARTER = re.compile(r"\bquy\s+(?P<which>dau|cuoi)\s+(?:cung\s+)?(?:cua\s+)?nam" + _ONLY_YEAR)
_QUARTER = re.compile(
    rf"\b(?P<word>quy|q)\s*\.?\s*(?:(?P<n1>{_NUMERAL})(?:\s*/\s*(?P<y1>\d{{4}}))?(?:\s*,\s*(?:quy\s*)?{_NUMERAL}\b)*"
    rf"{_JOIN}(?:(?:trong|het|cuoi)\s+)?(?:quy\s*)?)?(?P<n>{_NUMERAL})\b(?!\s*thang){_YEAR}"
)
_NO_QUARTER = re.compile(r"\bquy\s+(?:v|0?[5-9])\b(?!\s*thang)" + _YEAR)
_MONTH = re.compile(
    r"\b(?P<word>thang|t)\s*\.?\s*"
    rf"(?:(?P<n1>\d{{1,2}})(?:\s*/\s*(?P<y1>\d{{4}}))?(?:\s*,\s*(?:thang\s*)?\d{{1,2}})*"
    rf"{_JOIN}(?:(?:trong|het|cuoi)\s+)?(?:thang\s*)?)?"
    rf"(?P<n>\d{{1,2}})(?!\d|\s*(?:ngay|gio|h|nhiem vu)\b|\s*%|/\d{{1,2}}(?!\d)){_YEAR}"
)
_MONTH_CELL = re.compile(
    r"(?<![\d/.-])(?:(?P<n1>\d{1,2})(?:/(?P<y1>\d{4}))?\s*(?:-|den)\s*)?"
    r"(?P<n>\d{1,2})\s?[/-]\s?(?P<y>\d{4})(?![\d/])(?P<near>(?!))?"
)
_SPAN = re.compile(
    r"(?:\b(?:giai doan|thoi ky|nhiem ky|cac nam|tu nam|tu|nam)\s+)?(?<![\d/.-])(?P<y1>\d{4})"
    r"\s*(?:-|den het nam|den nam|den het|den|toi nam|va nam|va|,|,\s*nam)\s*(?:nam\s+)?(?P<y>\d{4})(?![\d/])"
)
_ONE_YEAR = re.compile(r"\b(?P<word>nam)\s*(?P<y>\d{4})(?![\d/])")
_YEAR_CELL = re.compile(r"(?<![\d/.,-])(?P<y>(?:19|20|21)\d{2})(?=\s*(?:$|[,.;:)(~]|va\b|den\b|tro di\b))")
_AS_CELL = re.compile(
    r"(?:^|[,;:(~.-]|\b(?:den|trong|truoc|sau|tu|hoan thanh|va|het|cuoi|giai doan|vao|han|xong|nhat))\s*$"
)
_ONWARDS = re.compile(r"\s*tro (?:di|ve sau)\b")
_NEAR = re.compile(
    r"(?<!nhung )(?<!cac )\b(?P<unit>tuan|thang|quy|nam)\s+(?P<near>nay|sau|toi|ke tiep|tiep theo|hien tai)\b"
    r"(?!\s+(?:khi|do))"
)
_END = re.compile(
    r"\b(?:ngay\s+)?(?:cuoi(?: cung)?|het)\s+(?:cua\s+)?(?P<unit>tuan|thang|quy|nam)\b(?!\s*\d|\s+hoc)"
)
_WITHIN = re.compile(r"\btrong\s+(?P<unit>tuan|thang|quy|nam)\s*(?=[,.;:)~]|$|va\b|de\b|phai\b)")
_VAGUE_PART = r"(?:khoang dau|khoang giua|khoang|dau|giua|nua dau|nua cuoi)"
_VAGUE = re.compile(
    rf"\b{_VAGUE_PART}\s+(?:thang\s*\d{{1,2}}|quy\s*{_NUMERAL}\b|nam\s*\d{{4}}|"
    r"(?:thang|quy|tuan|nam)(?:\s+(?:nay|sau|toi|hoc))?\b)(?:\s*(?:nam\s*|/\s*|-\s*)\d{4})?"
)
_WEEK_OF_MONTH = re.compile(
    r"\btuan\s+(?:thu\s+)?(?:dau(?: tien)?|cuoi(?: cung)?|\d|nhat|hai|ba|tu)\s+(?:cua\s+)?thang\s*\d{1,2}"
    r"(?:\s*(?:nam\s*|/\s*|-\s*)\d{4})?"
)
_SCHOOL = re.compile(
    r"\b(?:cuoi |dau )?(?:nam hoc|hoc ky|nien khoa|nhiem ky)\b\s*(?:\d{4}\s*-\s*\d{4}|\d{4}|[iv]+\b)?"
)
_SEASON = re.compile(
    r"\b(?:mua (?:mua|bao|lu|kho|kho han|cao diem|thi|tuyen sinh)(?: bao| lu)?|khai giang|"
    r"vu (?:dong xuan|he thu|mua))\b"
    r"(?:\s+nam hoc(?: moi)?)?(?:\s+(?:nam\s+)?\d{4}(?:\s*-\s*\d{4})?)?"
)
_TEN_DAYS = re.compile(
    r"\b(?P<part>thuong tuan|trung tuan|ha tuan)\s+(?:cua\s+)?thang\s*(?P<n>\d{1,2})" + _YEAR
)
_UNITS = {"tuan": Period.WEEK, "thang": Period.MONTH, "quy": Period.QUARTER, "nam": Period.YEAR}
_BEGINS = re.compile(r"\b(?P<word>tu|sau)\s+(?:sau\s+)?(?:dau\s+)?$")


def halves(reading: Reading, issued_on: date) -> Iterator[Candidate]:
    """ "6 tháng đầu năm 2026", "9 tháng đầu năm": read before anything takes "6 tháng" for an amount."""
    for form in (_HALF, _HALF_SHORT):
        for match in reading.find(form):
            months, is_first = int(match["n"]), match["which"] == "dau"
            year = _near_year(match, issued_on)
            if months == 6:
                yield _found(reading, InPeriod(Period.HALF_YEAR, 1 if is_first else 2, year), match)
            else:
                yield _found(reading, InPeriod(Period.MONTH, months if is_first else 12, year), match)
    for match in reading.find(_FIRST_DAYS):
        year = _near_year(match, issued_on)
        term = day_or_unsure(match["n"], match["m"], str(year) if year else None)
        yield Candidate(term, match.start(), match.end(), level_at(reading, match.start()))
        reading.take(match)
    for match in reading.find(_LAST_MONTHS):
        year = _near_year(match, issued_on)
        yield _found(reading, _year(year), match)


def vague(reading: Reading) -> Iterator[Candidate]:
    """ "đầu tháng", "giữa quý", a week of a month, a school year: nobody agrees on their last day."""
    for form in (_WEEK_OF_MONTH, _VAGUE, _SEASON, _SCHOOL):
        for match in reading.find(form):
            words = reading.cased[match.start() : match.end()].strip()
            level = level_at(reading, match.start())
            yield Candidate(Unsure("deadline_vague", words), match.start(), match.end(), level)
            reading.take(match)


def periods(reading: Reading, issued_on: date) -> Iterator[Candidate]:
    """Everything with a month, quarter or year; each form looks at what the earlier ones left."""
    for match in reading.find(_TEN_DAYS):
        yield from _ten_days(reading, match, issued_on)
    for match in reading.find(_NAMED_QUARTER):
        number = 1 if match["which"] == "dau" else 4
        yield _found(reading, InPeriod(Period.QUARTER, number, _near_year(match, issued_on)), match)
    for match in reading.find(_QUARTER):
        # "Q.3" alone is a district.
        if match["word"] == "q" and not match["y"]:
            continue
        if reading.is_word(*match.span("word"), "quý", "quí", "qúy", "qui", "quy", "q"):
            yield _numbered(reading, Period.QUARTER, match, issued_on)
    for match in reading.find(_NO_QUARTER):
        if reading.is_word(match.start(), match.start() + 3, "quý"):
            words = reading.cased[match.start() : match.end()].strip()
            yield Candidate(Unsure("deadline_impossible", words), *match.span(), Level.PLACED)
            reading.take(match)
    for form in (_MONTH, _MONTH_CELL):
        for match in reading.find(form):
            word = match.groupdict().get("word")
            if word == "t" and not match["y"]:
                continue
            if word is None or reading.is_word(*match.span("word"), "tháng", "thang", "t"):
                yield _numbered(reading, Period.MONTH, match, issued_on)
    yield from _years(reading)
    yield from _from_issue(reading)


def _ten_days(reading: Reading, match: re.Match[str], issued_on: date) -> Iterator[Candidate]:
    month, year = match["n"], _near_year(match, issued_on)
    if match["part"] == "ha tuan":
        yield _found(reading, InPeriod(Period.MONTH, int(month), year), match)
    else:
        day = "10" if match["part"] == "thuong tuan" else "20"
        term = day_or_unsure(day, month, str(year) if year else None)
        yield Candidate(term, match.start(), match.end(), level_at(reading, match.start()))
        reading.take(match)


def _years(reading: Reading) -> Iterator[Candidate]:
    for match in reading.find(_SPAN):
        first, last = int(match["y1"]), int(match["y"])
        if FIRST_YEAR <= first < last <= LAST_YEAR:
            term = Between(InPeriod(Period.YEAR, None, first), InPeriod(Period.YEAR, None, last))
            yield Candidate(term, match.start(), match.end(), level_at(reading, match.start()))
            reading.take(match)
    for form in (_ONE_YEAR, _YEAR_CELL):
        for match in reading.find(form):
            word = match.groupdict().get("word")
            if word and not reading.is_word(*match.span("word"), "năm", "nám", "nãm"):
                continue
            if not word and not _AS_CELL.search(reading.before(match.start())):
                continue
            if FIRST_YEAR <= int(match["y"]) <= LAST_YEAR:
                yield _found(reading, _year(int(match["y"])), match)


def _from_issue(reading: Reading) -> Iterator[Candidate]:
    for match in reading.find(_NEAR):
        offset = 0 if match["near"] in ("nay", "hien tai") else 1
        if not (match["near"] == "sau" and not reading.is_word(*match.span("near"), "sau")):
            yield _found(reading, InPeriod(_UNITS[match["unit"]], offset=offset), match)
    for form in (_END, _WITHIN):
        for match in reading.find(form):
            if match["unit"] != "quy" or reading.is_word(*match.span("unit"), "quý", "quí", "qúy"):
                yield _found(reading, InPeriod(_UNITS[match["unit"]], offset=0), match)


def _year(year: int | None) -> InPeriod:
    return InPeriod(Period.YEAR, None, year) if year else InPeriod(Period.YEAR, offset=0)


def _near_year(match: re.Match[str], issued_on: date) -> int | None:
    if match["y"]:
        return int(match["y"])
    if match["near"]:
        return issued_on.year + (match["near"] not in ("nay", "nam nay"))
    return None


def _numbered(reading: Reading, period: Period, match: re.Match[str], issued_on: date) -> Candidate:
    number, year = _number(match["n"]), _near_year(match, issued_on)
    top = 4 if period is Period.QUARTER else 12
    if not 1 <= number <= top or (year is not None and not FIRST_YEAR <= year <= LAST_YEAR):
        words = reading.cased[match.start() : match.end()].strip()
        reading.take(match)
        return Candidate(Unsure("deadline_impossible", words), match.start(), match.end(), Level.PLACED)
    last = InPeriod(period, number, year)
    if not match["n1"] or not 1 <= _number(match["n1"]) <= top:
        return _found(reading, last, match)
    first_year = int(match["y1"]) if match["y1"] else year
    if year and not match["y1"] and _number(match["n1"]) > number:
        first_year = year - 1
    term = Between(InPeriod(period, _number(match["n1"]), first_year), last)
    found = Candidate(term, match.start(), match.end(), level_at(reading, match.start()))
    reading.take(match)
    return found


def _number(numeral: str) -> int:
    return _ROMAN[numeral] if numeral in _ROMAN else int(numeral)


def _found(reading: Reading, term: InPeriod, match: re.Match[str]) -> Candidate:
    """A period with the meaning of the word before it: "trước" ends before it begins, "từ" only opens it."""
    start = match.start()
    begins = _BEGINS.search(reading.before(start))
    if _ONWARDS.match(reading.plain, match.end()):
        found = Candidate(Between(term), start, match.end(), Level.BARE)
    elif begins and reading.is_word(*_places(reading, start, begins), "từ", "sau"):
        if begins["word"] == "sau" or "sau" in begins[0]:
            term = _following(term)
        found = Candidate(Between(term), start, match.end(), Level.BARE)
    elif comes_after_before(reading, start) and not match[0].startswith(("cuoi", "het", "ngay cuoi")):
        period = InPeriod(term.period, term.number, term.year, term.offset, before=True)
        found = Candidate(period, start, match.end(), Level.LIMIT)
    else:
        found = Candidate(term, start, match.end(), level_at(reading, start))
    reading.take(match)
    return found


def _places(reading: Reading, start: int, before: re.Match[str]) -> tuple[int, int]:
    """Where the word found before a place stands in the whole phrase."""
    shift = max(0, start - 48)
    return before.start("word") + shift, before.end("word") + shift


def _following(term: InPeriod) -> InPeriod:
    """The period after a numbered one: "sau năm 2027" begins with 2028."""
    if term.period is Period.YEAR and term.year:
        return InPeriod(Period.YEAR, None, term.year + 1)
    return term
