"""A time found in a phrase, and how strongly the words before it make it the deadline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from tracker.domain.phrases.reading import Reading
from tracker.domain.rules import Between, InPeriod, OnDay, OnLunar, Term


class Level(IntEnum):
    """How sure it is that a time is the deadline: named in passing, placed, or set as a limit."""

    BARE = 1
    PLACED = 2
    LIMIT = 3


@dataclass(frozen=True)
class Candidate:
    """A term with the stretch of the phrase that says it."""

    term: Term
    start: int
    end: int
    level: Level
    notes: tuple[str, ...] = ()


_FILLERS = (
    r"(?:[\s,:(~-]|\bla\b|\bvao\b|\bden\b|\btrong\b|\btruoc\b|\bngay\b|\bkhoang\b|\bhet\b|\bthoi diem\b|\bcuoi\b|"
    r"\bthang\b|\bnam\b|\bquy\b|\bngay cuoi\b|\bcac\b|\bcung\b|\bke\b|\bthu\b|\bluc\b)*"
)
_LIMIT = re.compile(
    r"\b(?:truoc|cham nhat|muon nhat|tre nhat|khong (?:muon|tre|cham|qua|duoc)(?: hon| qua)?|"
    r"(?:thoi )?han(?: chot| cuoi(?: cung)?| nop| hoan thanh| bao cao| gui| trinh| ban hanh| thuc hien)?|xong|"
    r"hoan thanh|hoan tat|den het|deadline|ket thuc)\b" + _FILLERS + "$"
)
_PLACED = re.compile(r"\b(?:trong|vao|den|tai|toi|het|cuoi|ngay|luc|nhan dip)\b" + _FILLERS + "$")
_STRICTLY_BEFORE = re.compile(r"\btruoc\s*$")


def level_at(reading: Reading, start: int) -> Level:
    """How the words just before a place introduce it."""
    before = reading.before(start)
    if _LIMIT.search(before):
        return Level.LIMIT
    return Level.PLACED if _PLACED.search(before) else Level.BARE


def comes_after_before(reading: Reading, start: int) -> bool:
    """Whether "trước" stands immediately before: "trước năm 2030" ends the day before that year begins."""
    return bool(_STRICTLY_BEFORE.search(reading.before(start)))


def choose(candidates: list[Candidate]) -> Candidate | None:
    """The time set most strongly, and among equals the one named first."""
    return min(candidates, key=lambda c: (-c.level, c.start), default=None)


def last_part(term: Term) -> OnDay | InPeriod | OnLunar | None:
    """The day or period at the end of a term, if it has one."""
    if isinstance(term, Between):
        return term.last if isinstance(term.last, OnDay | InPeriod | OnLunar) else None
    return term if isinstance(term, OnDay | InPeriod | OnLunar) else None
