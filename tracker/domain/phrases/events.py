"""Deadlines tied to something that happens: "tại phiên họp …", "sau khi Luật được thông qua"."""

from __future__ import annotations

import re

from tracker.domain.phrases.candidates import Candidate, Level
from tracker.domain.phrases.reading import Reading
from tracker.domain.rules import After, OnEvent, Unit
from tracker.domain.search import search_key

_CLAUSE = r"[^,;:()~]{2,160}?"
_STOP = (
    r"(?=\s*(?:[,;:()~]|\.(?:\s|$)|$|\bde\b|\b(?:trong|truoc|vao|cham nhat|hoan thanh)\b|\bphai\b|\bthi\b|"
    r"\bva (?:kip thoi|bao cao|gui|trinh|to chuc|hang|dinh ky)\b|\bbao cao (?:chinh phu|thu tuong)\b))"
)
_GATHERING = (
    r"(?:phien hop|ky hop|hoi nghi|cuoc hop|buoi hop|dai hoi|buoi lam viec|phien giai trinh|phien chat van|giao ban|"
    r"phien toan the|le khoi cong|le khanh thanh|le cong bo|le ky|hop)"
)
_AT = re.compile(
    rf"\b(?P<word>tai|trong|cung|truoc|sau|den|vao)\s+(?P<clause>(?:cac\s+)?{_GATHERING}\b{_CLAUSE}){_STOP}"
)
_AT_ALONE = re.compile(rf"\b(?P<word>tai|cung|truoc|sau|den)\s+(?P<clause>{_GATHERING})\s*{_STOP}")
_WHEN = re.compile(
    rf"\b(?P<word>(?:ngay\s+)?(?:sau|truoc|den|cho den|ngay|ke tu)\s+khi|ngay khi|khi)\s+(?P<clause>{_CLAUSE}){_STOP}"
)
_AFTER_DAY = re.compile(
    rf"\b(?:ngay\s+)?(?P<word>sau|truoc|ke tu)\s+ngay\s+(?P<clause>(?!\d|mung|mong){_CLAUSE}){_STOP}"
)
_BARE = re.compile(
    rf"^\s*(?P<word>)(?P<clause>(?:phien hop|ky hop|dai hoi|hoi nghi)\b[^,;:()~]{{0,160}}?){_STOP}"
)
_SPELT = {
    "tai": "tại",
    "trong": "trong",
    "cung": "cùng",
    "truoc": "trước",
    "sau": "sau",
    "den": "đến",
    "vao": "vào",
}
_DROPPED = {"CUA", "NAY", "CAC"}
_LONGEST_NAME = 80


def gathering(reading: Reading) -> Candidate | None:
    """The first meeting named as a deadline, with its month or week: read before these make a date of their own."""
    return _first(reading, (_AT, _AT_ALONE))


def event(reading: Reading) -> Candidate | None:
    """The first happening named as a deadline."""
    return _first(reading, (_WHEN, _AFTER_DAY, _BARE))


def _first(reading: Reading, patterns: tuple[re.Pattern[str], ...]) -> Candidate | None:
    found: list[tuple[int, re.Match[str]]] = []
    for pattern in patterns:
        for match in reading.find(pattern):
            word = match["word"]
            if word in _SPELT and not reading.is_word(*match.span("word"), _SPELT[word]):
                continue
            if word.endswith("khi") and not reading.is_word(match.end("word") - 3, match.end("word"), "khi"):
                continue
            if re.search(r"[A-Z]", event_name(_clause(reading, match))):
                found.append((match.start(), match))
                break
    if not found:
        return None
    match = min(found, key=lambda pair: pair[0])[1]
    label = _clause(reading, match)
    named = OnEvent(event_name(label), label)
    reading.take(match)
    is_meeting_before = match["word"].startswith("truoc")
    notes = ("note_before_event",) if is_meeting_before else ()
    return Candidate(named, match.start(), match.end(), Level.LIMIT, notes)


def _clause(reading: Reading, match: re.Match[str]) -> str:
    return tidy(reading.cased[match.start("clause") : match.end("clause")])


def tidy(label: str) -> str:
    """The name of an event without the blanks and words around it."""
    label = re.sub(r"\s+", " ", label.replace("~", " ")).strip(" .,;:-")
    return re.sub(r"\s+(?:và|thì|để|phải|là|,)$", "", label)


def event_name(label: str) -> str:
    """The name an event is known by: plain capitals with underscores.

    >>> event_name("phiên họp Chính phủ thường kỳ")
    'PHIEN_HOP_CHINH_PHU_THUONG_KY'
    """
    words = [word for word in re.findall(r"[A-Z0-9]+", search_key(label).upper()) if word not in _DROPPED]
    name = ""
    for word in words:
        longer = f"{name}_{word}" if name else word
        if len(longer) > _LONGEST_NAME:
            break
        name = longer
    return name


def days_after(amount: int, unit: Unit, label: str) -> After:
    """So many units after (negative: before) an event."""
    label = tidy(label)
    return After(amount, unit, OnEvent(event_name(label), label))
