"""Deadlines as directives say them: the terms, the rule that holds them, and its plain JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from enum import StrEnum
from types import NoneType
from typing import Any, TypeAlias

from tracker.domain.errors import Invalid
from tracker.domain.recurrences import Recurrence, RecurrenceInvalid

FIRST_YEAR, LAST_YEAR = 1990, 2199
_EVENT_NAME = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)*")


class RuleInvalid(Invalid):
    """A stored or submitted deadline rule cannot be read; the problem names the part."""

    code = "deadline_rule_invalid"


class Kind(StrEnum):
    """The family a rule belongs to, as the product names them."""

    DATE = "date"
    DATETIME = "datetime"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"
    PERIOD = "period"
    WINDOW = "window"
    RELATIVE_DAYS = "relative_days"
    RELATIVE_WORKDAYS = "relative_workdays"
    EVENT = "event"
    LUNAR = "lunar"
    RECURRENT = "recurrent"
    DEADLINE_RECURRENT = "deadline+recurrent"
    STANDING = "standing"
    DEADLINE_STANDING = "deadline+standing"
    NONE = "none"
    UNDECIDED = "undecided"


class Period(StrEnum):
    """What a period deadline names; its last day counts."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


class Unit(StrEnum):
    """What a relative deadline counts."""

    HOUR = "hour"
    DAY = "day"
    WORKDAY = "workday"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Base(StrEnum):
    """The day a relative deadline counts from, when it is not a day or event of its own."""

    ISSUED = "issued"
    RECEIVED = "received"


class Shift(StrEnum):
    """What happens to a day that falls on a day off; nothing unless a deadline says otherwise."""

    NONE = "none"
    NEXT = "next"
    PRECEDING = "preceding"


@dataclass(frozen=True)
class OnDay:
    """A day; without a year (or month) it is the first such day from the issue on."""

    day: int
    month: int | None = None
    year: int | None = None


@dataclass(frozen=True)
class InPeriod:
    """A period, by number and year, or counted from the one of the issue (`offset`: 0 this, 1 the next).

    Due on its last day, or with `before` on the day before it begins.
    """

    period: Period
    number: int | None = None
    year: int | None = None
    offset: int | None = None
    before: bool = False


@dataclass(frozen=True)
class OnEvent:
    """When something happens; open until somebody enters the day. `label` is how people name it."""

    name: str
    label: str


@dataclass(frozen=True)
class OnLunar:
    """A day of the lunar calendar, moved by `offset` days; without a year the first from the issue on."""

    day: int
    month: int
    year: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class After:
    """So many units after (negative: before) a base, which itself is not counted.

    `stated` is false when the phrase names no base, and the day of issue is taken.
    """

    amount: int
    unit: Unit
    base: Base | OnDay | InPeriod | OnEvent | OnLunar = Base.ISSUED
    stated: bool = True


@dataclass(frozen=True)
class Between:
    """A window: opens at the start of `first`, is due at the end of `last`; without `last` it has no end."""

    first: OnDay | InPeriod | OnLunar | Base
    last: OnDay | InPeriod | OnLunar | After | None = None


@dataclass(frozen=True)
class Unsure:
    """The phrase names a time that nobody can turn into a day without asking; `reason` is a catalogue key."""

    reason: str
    words: str = ""


Term: TypeAlias = OnDay | InPeriod | OnEvent | OnLunar | After | Between | Unsure
_TERMS: dict[str, type[Any]] = {
    "day": OnDay,
    "period": InPeriod,
    "event": OnEvent,
    "lunar": OnLunar,
    "after": After,
    "between": Between,
    "unsure": Unsure,
}
_TAGS = {cls: tag for tag, cls in _TERMS.items()}
_KINDS: dict[type[Any], Kind] = {
    OnDay: Kind.DATE,
    OnEvent: Kind.EVENT,
    OnLunar: Kind.LUNAR,
    Between: Kind.WINDOW,
    Unsure: Kind.UNDECIDED,
}


@dataclass(frozen=True)
class DeadlineRule:
    """What a directive says about time: a day to be found, a time of day, recurrences, or "all the time".

    `notes` are catalogue keys of remarks on how the phrase was read.
    """

    term: Term | None = None
    at: time | None = None
    recurrences: tuple[str, ...] = ()
    standing: bool = False
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """The family of the rule."""
        if isinstance(self.term, Unsure):
            return Kind.UNDECIDED
        if self.term is None or (isinstance(self.term, Between) and self.term.last is None):
            if self.recurrences:
                return Kind.RECURRENT
            if self.standing:
                return Kind.STANDING
            return Kind.NONE if self.term is None else Kind.WINDOW
        if self.standing:
            return Kind.DEADLINE_STANDING
        if self.recurrences:
            return Kind.DEADLINE_RECURRENT
        return Kind.DATETIME if self.at and isinstance(self.term, OnDay) else _term_kind(self.term)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; empty parts are left out."""
        data: dict[str, Any] = {}
        if self.term is not None:
            data["term"] = _pack(self.term)
        if self.at is not None:
            data["at"] = self.at.strftime("%H:%M")
        if self.recurrences:
            data["recurrences"] = list(self.recurrences)
        if self.standing:
            data["standing"] = True
        if self.notes:
            data["notes"] = list(self.notes)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DeadlineRule:
        """Back from `to_json`. Raises RuleInvalid, naming the part."""
        unknown = data.keys() - {"term", "at", "recurrences", "standing", "notes"}
        if unknown:
            raise RuleInvalid.one("/" + min(unknown), "unknown_field", min(unknown))
        part = ""
        try:
            part = "term"
            term = _unpack(data[part]) if data.get(part) is not None else None
            part = "at"
            at = time.fromisoformat(data[part]) if data.get(part) is not None else None
            part = "recurrences"
            rules = tuple(str(rule) for rule in data.get(part, ()))
            for text in rules:
                Recurrence.parse(text)
            part = "notes"
            notes = tuple(str(note) for note in data.get(part, ()))
        except (ValueError, TypeError, KeyError, RecursionError, RecurrenceInvalid) as error:
            raise RuleInvalid.one(f"/{part}", RuleInvalid.code, data.get(part)) from error
        made = cls(term, at, rules, data.get("standing") is True, notes)
        check(made)
        return made


def on_day(day: date, at: time | None = None) -> DeadlineRule:
    """The rule of a plain date, as a form gives it."""
    return DeadlineRule(OnDay(day.day, day.month, day.year), at)


def after(amount: int, unit: Unit, base: Base = Base.ISSUED) -> DeadlineRule:
    """The rule "within so many days", as a form gives it."""
    return DeadlineRule(After(amount, unit, base))


def _term_kind(term: Term) -> Kind:
    if isinstance(term, InPeriod):
        return Kind(term.period.value)
    if isinstance(term, After):
        if isinstance(term.base, OnEvent):
            return Kind.EVENT
        return Kind.RELATIVE_WORKDAYS if term.unit is Unit.WORKDAY else Kind.RELATIVE_DAYS
    if isinstance(term, Between) and all(
        isinstance(side, InPeriod) and side.period is Period.YEAR for side in (term.first, term.last)
    ):
        return Kind.PERIOD
    return _KINDS[type(term)]


def _pack(value: object) -> object:
    tag = _TAGS.get(type(value))
    if tag is None:
        return value.value if isinstance(value, StrEnum) else value
    defaults = {field.name: field.default for field in fields(value)}  # type: ignore[arg-type]  # a term, by its tag
    parts = {name: _pack(part) for name, part in vars(value).items() if part != defaults[name]}
    return {"type": tag, **parts}


def _unpack(data: Any) -> Any:
    """One term; enum members are made by the field's name, so a wrong word is a ValueError."""
    if not isinstance(data, Mapping):
        return Base(data)
    parts = dict(data)
    cls = _TERMS[parts.pop("type")]
    made: dict[str, Any] = {}
    for name, value in parts.items():
        if name in ("base", "first", "last"):
            made[name] = _unpack(value)
        elif name == "period":
            made[name] = Period(value)
        elif name == "unit":
            made[name] = Unit(value)
        else:
            made[name] = value
    return cls(**made)


def check(rule: DeadlineRule) -> None:
    """Raise RuleInvalid for a rule whose numbers make no sense, naming the part."""
    for note in rule.notes:
        if note not in NOTES:
            raise RuleInvalid.one("/notes", RuleInvalid.code, note)
    for part in _parts(rule.term):
        wrong = _wrong_number(part)
        if wrong is not None:
            raise RuleInvalid.one(f"/term/{wrong[0]}", RuleInvalid.code, wrong[1])


def _parts(term: object) -> list[object]:
    """The term and what it is made of. Raises RuleInvalid for a part that cannot stand there."""
    if isinstance(term, Between):
        _must_be(term.first, "first", (OnDay, InPeriod, OnLunar, Base))
        _must_be(term.last, "last", (OnDay, InPeriod, OnLunar, After, NoneType))
        return [term, term.first, *_parts(term.last)]
    if isinstance(term, After):
        _must_be(term.base, "base", (OnDay, InPeriod, OnEvent, OnLunar, Base))
        return [term, term.base]
    return [term]


def _must_be(part: object, name: str, allowed: tuple[type, ...]) -> None:
    if not isinstance(part, allowed):
        raise RuleInvalid.one(f"/term/{name}", RuleInvalid.code, str(part)[:60])


# The last ISO week is left out: not every year has a week 53.
_PERIODS_A_YEAR = {
    Period.WEEK: 52,
    Period.MONTH: 12,
    Period.QUARTER: 4,
    Period.HALF_YEAR: 2,
    Period.YEAR: 1,
}
REASONS = frozenset({"deadline_vague", "deadline_elsewhere", "deadline_impossible", "deadline_phrase_long"})
NOTES = frozenset(
    {
        "note_first_day",
        "note_several_dates",
        "note_before_event",
        "note_weekday",
        "note_part_of_day",
        "note_office_hours",
        "note_midnight",
    }
)
_LIMITS: dict[str, tuple[int, int]] = {
    "day": (1, 31),
    "month": (1, 12),
    "year": (FIRST_YEAR, LAST_YEAR),
    "number": (1, 53),
    "amount": (-1000, 1000),
    "offset": (-400, 400),
}


def _needed(part: object) -> tuple[str, ...]:
    needed: dict[type, tuple[str, ...]] = {
        OnDay: ("day",),
        OnLunar: ("day", "month", "offset"),
        After: ("amount",),
    }
    return needed.get(type(part), ())


def _wrong_number(part: object) -> tuple[str, object] | None:
    if type(part) not in _TAGS:
        return None
    for name, value in vars(part).items():
        if name in ("label", "words", "name", "reason") and not isinstance(value, str):
            return name, value
        if name in ("stated", "before") and not isinstance(value, bool):
            return name, value
        if name in _LIMITS and (value is not None or name in _needed(part)):
            low, high = _LIMITS[name]
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                return name, value
    if isinstance(part, OnEvent) and not _EVENT_NAME.fullmatch(part.name):
        return "name", part.name
    if isinstance(part, InPeriod) and (part.number or 1) > _PERIODS_A_YEAR[part.period]:
        return "number", part.number
    if isinstance(part, Unsure) and part.reason not in REASONS:
        return "reason", part.reason
    return None
