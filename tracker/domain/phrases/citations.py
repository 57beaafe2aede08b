"""Dates that belong to a cited document, meeting or figure, and are no deadlines."""

from __future__ import annotations

import re
from datetime import date

from tracker.domain.phrases.reading import Reading

DATE = (
    r"(?:\d{1,2}\s*thang\s*\d{1,2}\s*(?:,\s*)?(?:nam\s*|[/.-]\s*)\d{4}"
    r"|\d{1,2}\s*[/.-]\s*\d{1,2}\s*[/.-]\s*\d{4})"
)
_ON_DATE = rf"(?:\s*,?\s*\(?\s*(?:ky\s+|ban\s+hanh\s+)?ngay\s+{DATE}\s*\)?)?"
_ABBREVIATIONS = r"(?:nq|qd|ct|cd|tb|cv|kh|ttr|nd|tt|bc|hd|kl|pa|ubtvqh|qh|vpcp|ubnd|bkhcn|btc)"
_NUMBER = re.compile(r"(?<![\d/])\d{1,6}(?:/\d{4})?[-/][^\W\d_][\w.]*(?:[-/][\w.]+)*", re.UNICODE)
_KNOWN_NUMBER = re.compile(rf"(?<![\d/])\d{{1,6}}(?:/\d{{4}})?[-/]{_ABBREVIATIONS}\d*\b(?:[-/][a-z0-9.]+)*")
_DATE_AFTER = re.compile(_ON_DATE)
_KINDS = (
    r"(?:bo luat|luat|phap lenh|nghi dinh|nghi quyet|quyet dinh|chi thi|cong dien|thong tu|cong van|ket luan|"
    r"thong bao|hien phap)"
)
_NOT_LEADING = (
    r"(?:(?!\btruoc\b|\bcham nhat\b|\btrong\b|\bhoan thanh\b|\bxong\b|\bhan\b|\bden\b|\bke tu\b)[^,;.~])"
)
_NAMED_DOCUMENT = re.compile(rf"\b{_KINDS}\b{_NOT_LEADING}{{0,90}}?\bngay\s+{DATE}")
_NAMED_LAW = re.compile(rf"\b(?:bo luat|luat)\b{_NOT_LEADING}{{2,70}}?\s(?:nam\s+)?\d{{4}}\b")
_MEETING = re.compile(
    r"\b(?:tai\s+)?(?:phien hop|ky hop|cuoc hop|buoi lam viec|hoi nghi|giao ban|buoi giao ban)\b"
    rf"{_NOT_LEADING}{{0,90}}?\bngay\s+(?P<date>{DATE})"
)
_DATA = re.compile(
    rf"\b(?:(?:so lieu|du lieu|cap nhat|thong ke)?\s*tinh den(?: het)?|chot(?: so lieu)?)(?: ngay)?\s+{DATE}"
)
_IN_FORCE = re.compile(rf"\bco hieu luc(?: thi hanh)?\s+(?:ke\s+)?(?:tu\s+)?ngay\s+{DATE}")
_VISION = re.compile(r"\b(?:tam nhin|dinh huong)\s+(?:den\s+)?(?:nam\s+)?\d{4}")


def cross_out_citations(reading: Reading) -> None:
    """Cross out document numbers with their dates, dated documents, figures' dates, and visions for later years."""
    for match in _NUMBER.finditer(reading.cased):
        mark = re.search(r"[^\W\d_]", match[0])
        if mark and mark[0].isupper():
            _cross_out_with_date(reading, match.start(), match.end())
    for known in _KNOWN_NUMBER.finditer(reading.plain):
        _cross_out_with_date(reading, known.start(), known.end())
    for pattern in (_DATA, _IN_FORCE, _VISION, _NAMED_DOCUMENT, _NAMED_LAW):
        for found in reading.find(pattern):
            reading.take(found)


def cross_out_past_meetings(reading: Reading, issued_on: date) -> None:
    """Cross out meetings named with a date before the issue; one still to come may be the deadline."""
    for match in reading.find(_MEETING):
        numbers = [int(number) for number in re.findall(r"\d+", match["date"])]
        if (numbers[2], numbers[1], numbers[0]) < (issued_on.year, issued_on.month, issued_on.day):
            reading.take(match)


def _cross_out_with_date(reading: Reading, start: int, end: int) -> None:
    after = _DATE_AFTER.match(reading.plain, end)
    reading.cross_out(start, after.end() if after else end)
