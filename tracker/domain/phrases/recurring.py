"""Recurrent deadlines: how often, on which days, and the recurrence rules they come to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tracker.domain.phrases.reading import Reading
from tracker.domain.recurrences import WEEKDAYS, WORKWEEK, Frequency, Recurrence
from tracker.domain.rules import OnDay

_UNIT = r"(?:\d{0,2}\s*)(?:ngay|tuan|thang|quy|nam)\b(?!\s*\d|\s+hoc)"
_MORE = (
    rf"(?:\s*(?:,|;|/|\bva\b|\bhoac\b|\bva/hoac\b)\s*(?:(?:dinh ky|theo)\s+)?(?:(?:hang|moi|tung)\s+)?{_UNIT}"
    r"(?!\s*(?:ke tu|lam viec|sau khi)))*"
)
_EVERY = re.compile(
    r"(?<!ngan )(?<!ban )(?<!mua )(?<!mat )(?<!khach )(?<!giao )(?<!xuat )(?<!don )(?<!kho )"
    rf"\b(?P<word>dinh ky(?:\s+theo)?(?:\s+(?:hang|moi|tung))?|hang|moi|tung|theo(?:\s+(?:tung|moi))?)\s+"
    rf"(?P<units>{_UNIT}{_MORE})"
)
_ONE_UNIT = re.compile(r"(?P<n>\d{0,2})\s*(?P<unit>ngay|tuan|thang|quy|nam)\b")
_ONCE_IN = re.compile(
    r"\b(?:dinh ky\s+)?(?:moi\s+)?(?P<n>\d{0,2})\s*(?P<unit>ngay|tuan|thang|quy|nam)"
    r"\s*(?:/\s*1?\s*lan|(?:1|mot)\s+lan)\b"
)
_TIMES_A = re.compile(
    r"\b(?P<times>\d{1,2}|mot|hai|ba|bon)\s*lan\s*(?:/|moi|trong|mot|1|\s)\s*(?:1\s*|mot\s+)?(?P<unit>ngay|tuan|thang|quy|nam)\b"
)
_REPORT = re.compile(
    r"\bbao cao\s+(?P<unit>ngay|tuan|thang|quy|nam)\b(?=\s*(?:$|[,;:(~]|truoc\b|vao\b|gui\b|cham nhat\b))"
)
_A_TIMES = re.compile(
    r"\b(?:moi|hang|mot|1)\s+(?P<unit>ngay|tuan|thang|quy|nam)\s+(?P<times>\d{1,2}|mot|hai|ba|bon)\s+lan\b"
)
# "ngày 30/01 của năm tiếp theo": the report on a year is due in the next one, every year.
_NEXT_YEAR = re.compile(
    r"(?:\s*(?:cua\s+)?nam\s+(?:tiep theo|ke tiep|ke sau|lien ke(?: sau)?|sau lien ke|bao cao)|\s*cua\s+nam\s+sau)\b"
)
_NEXT_MONTH = re.compile(
    r"(?:\s*(?:cua\s+)?thang\s+(?:tiep theo|ke tiep|ke sau|lien ke(?: sau)?|sau lien ke|bao cao)"
    r"|\s*cua\s+thang\s+sau)\b"
)
_QUARTER_MONTH = re.compile(
    r"\s*(?:cua\s+)?thang\s+(?P<which>cuoi(?: cung)?|dau(?: tien)?)\s+(?:cua\s+)?(?:hang\s+|moi\s+|tung\s+|cac\s+)?quy"
    r"(?P<next>\s+(?:sau|tiep theo|ke tiep|lien ke))?\b(?!\s*(?:iv|iii|ii|i|\d)\b)"
)
_WORKING_DAY = re.compile(
    r"\bngay lam viec\s+(?P<which>cuoi cung|cuoi|dau tien|dau|thu\s*\d{1,2})\s+(?:cua\s+)?"
    r"(?P<every>hang\s+|moi\s+|tung\s+|cac\s+)?(?P<unit>thang|quy|nam|tuan)\b(?!\s*\d)"
)
_LAST_DAY = re.compile(
    r"\b(?:ngay\s+)?cuoi(?: cung)?\s+(?:cua\s+)?(?:hang|moi|tung|cac)\s+(?P<unit>thang|quy|nam|tuan)\b(?!\s*\d)"
)
_WEEKDAY_NAMES = {
    "2": 0, "hai": 0, "3": 1, "ba": 1, "4": 2, "tu": 2, "5": 3, "nam": 3, "6": 4, "sau": 4, "7": 5, "bay": 5,
}  # fmt: skip
_WEEKDAY = r"(?:thu\s*(?:hai|ba|tu|nam|sau|bay|[2-7])|chu\s*nhat|cn)\b"
_WEEKDAYS = re.compile(
    rf"(?:\b(?:cac\s+)?(?:ngay\s+)?)?\b(?P<days>{_WEEKDAY}(?:\s*(?:,|va|-|hoac)\s*(?:ngay\s+)?{_WEEKDAY})*)"
)
_WEEKDAY_OF_MONTH = re.compile(
    rf"\b(?:ngay\s+)?(?P<day>{_WEEKDAY})\s+(?P<place>dau tien|dau|cuoi cung|cuoi|thu\s*[1-5])\s+(?:cua\s+)?"
    r"(?:hang|moi|tung|cac)?\s*thang\b(?!\s*\d)"
)
_EVERY_WEEKDAY = re.compile(r"\b(?:moi|cac|hang|vao cac)\s+(?:ngay\s+)?$")
_UNIT_RULES: dict[str, tuple[Frequency, int]] = {
    "ngay": ("DAILY", 1),
    "tuan": ("WEEKLY", 1),
    "thang": ("MONTHLY", 1),
    "quy": ("MONTHLY", 3),
    "nam": ("YEARLY", 1),
}
_WORDS = {"mot": 1, "hai": 2, "ba": 3, "bon": 4}


@dataclass
class Recurring:
    """What a phrase says about repetition."""

    every: list[tuple[Frequency, int]] = field(default_factory=list)
    quarter_months: tuple[int, ...] = ()
    weekdays: tuple[str, ...] = ()
    complete: list[str] = field(default_factory=list)
    # Where the first frequency stands: right after a date it makes a series of it.
    start: int | None = None

    def add(self, frequency: Frequency, interval: int = 1) -> None:
        """Note how often, once."""
        if interval >= 1 and (frequency, interval) not in self.every:
            self.every.append((frequency, interval))

    def __bool__(self) -> bool:
        return bool(self.every or self.quarter_months or self.complete)


def recurring(reading: Reading) -> Recurring:
    """How often and on which named days; crossed out. Days of a month are found later, with the dates."""
    found = Recurring()
    for match in reading.find(_QUARTER_MONTH):
        is_first = match["which"].startswith("dau")
        found.quarter_months = (1, 4, 7, 10) if is_first else (3, 6, 9, 12)
        reading.take(match)
    for match in reading.find(_WORKING_DAY):
        found.complete.append(_working_day(match))
        reading.take(match)
    for match in reading.find(_WEEKDAY_OF_MONTH):
        name = f"{_place(match['place'])}{WEEKDAYS[weekday_number(match['day'])]}"
        found.complete.append(Recurrence("MONTHLY", 1, (name,)).text())
        reading.take(match)
    for match in reading.find(_LAST_DAY):
        frequency, interval = _UNIT_RULES[match["unit"]]
        rule = Recurrence(frequency, interval, month_days=(-1,) if frequency == "MONTHLY" else ())
        found.complete.append(rule.text())
        reading.take(match)
    for pattern, unit in ((_NEXT_YEAR, "nam"), (_NEXT_MONTH, "thang")):
        for match in reading.find(pattern):
            if re.search(r"(?:\bngay|\bthang|[/-])\s*\d{1,2}\s*$", reading.before(match.start(), 12)):
                found.add(*_UNIT_RULES[unit])
                reading.take(match)
    _frequencies(reading, found)
    _weekdays(reading, found)
    return found


def _frequencies(reading: Reading, found: Recurring) -> None:
    for match in reading.find(_REPORT):
        if _is_unit(reading, match.start("unit"), match["unit"]):
            _add_unit(found, "", match["unit"])
            reading.take(match)
    for match in reading.find(_A_TIMES):
        _add_times(found, match)
        reading.take(match)
    for match in reading.find(_ONCE_IN):
        _add_unit(found, match["n"], match["unit"])
        reading.take(match)
    for match in reading.find(_TIMES_A):
        _add_times(found, match)
        reading.take(match)
    for match in reading.find(_EVERY):
        if not _is_every(reading, match):
            continue
        units = [*_ONE_UNIT.finditer(match["units"])]
        shift = match.start("units")
        if any(not _is_unit(reading, shift + unit.start("unit"), unit["unit"]) for unit in units):
            continue
        for unit in units:
            _add_unit(found, unit["n"], unit["unit"])
        found.start = match.start() if found.start is None else found.start
        reading.take(match)


def _is_every(reading: Reading, match: re.Match[str]) -> bool:
    """Whether "hàng" is "every" and not "goods", "theo" a rhythm and not a plan."""
    word, units = match["word"], match["units"]
    start = match.start("word")
    if word == "hang" and not reading.is_word(start, start + 4, "hằng", "hàng", "hăng", "hẳng", "hang"):
        return False
    if word.startswith("theo"):
        return bool(re.fullmatch(r"(?:thang|quy|nam|tuan|ngay)\b.*", units)) and not units.startswith("nam ")
    if word == "moi" and not reading.is_word(start, start + 3, "mỗi"):
        return False
    return not (word == "tung" and not reading.is_word(start, start + 4, "từng"))


_SPELT_UNITS = {
    "ngay": ("ngày",),
    "tuan": ("tuần",),
    "thang": ("tháng", "thang"),
    "quy": ("quý", "qúy"),
    "nam": ("năm", "nám", "nãm"),
}


def _is_unit(reading: Reading, start: int, unit: str) -> bool:
    """Whether the word is the unit and not its twin without diacritics: "quy định", "Việt Nam"."""
    return reading.is_word(start, start + len(unit), *_SPELT_UNITS[unit])


def _add_unit(found: Recurring, number: str, unit: str) -> None:
    frequency, interval = _UNIT_RULES[unit]
    interval *= int(number) if number else 1
    if frequency == "MONTHLY" and interval and interval % 12 == 0:
        frequency, interval = "YEARLY", interval // 12
    found.add(frequency, interval)


def _add_times(found: Recurring, match: re.Match[str]) -> None:
    times = _WORDS.get(match["times"]) or int(match["times"])
    months = {"thang": 1, "quy": 3, "nam": 12}.get(match["unit"])
    if months and times and months % times == 0:
        _add_unit(found, str(months // times), "thang")
    else:
        found.add(*_UNIT_RULES[match["unit"]])


def _working_day(match: re.Match[str]) -> str:
    which = match["which"]
    number = re.search(r"\d+", which)
    position = int(number[0]) if number else 1 if which.startswith("dau") else -1
    frequency, interval = _UNIT_RULES[match["unit"]]
    if frequency == "WEEKLY":
        return Recurrence("WEEKLY", 1, (WEEKDAYS[4 if position == -1 else 0],)).text()
    months = () if frequency == "MONTHLY" else (12,) if position == -1 else (1,)
    return Recurrence(frequency, interval, tuple(WORKWEEK.split(",")), months, (), position).text()


def _weekdays(reading: Reading, found: Recurring) -> None:
    frequencies = [frequency for frequency, _ in found.every]
    for match in reading.find(_WEEKDAYS):
        every = bool(_EVERY_WEEKDAY.search(reading.before(match.start("days"))))
        if not frequencies and not every:
            return
        names = tuple(WEEKDAYS[weekday_number(name[0])] for name in re.finditer(_WEEKDAY, match["days"]))
        if every or "WEEKLY" in frequencies:
            found.weekdays += names
            found.add("WEEKLY", _interval(found, "WEEKLY"))
        reading.take(match)


def weekday_number(words: str) -> int:
    """Monday is 0.

    >>> weekday_number("thu 6"), weekday_number("chu nhat")
    (4, 6)
    """
    return 6 if words.startswith("c") else _WEEKDAY_NAMES[words.removeprefix("thu").strip()]


def _place(words: str) -> int:
    number = re.search(r"\d", words)
    return int(number[0]) if number else -1 if "cuoi" in words else 1


def _interval(found: Recurring, frequency: Frequency) -> int:
    return next((interval for name, interval in found.every if name == frequency), 1)


def rules(found: Recurring, days: Sequence[OnDay]) -> tuple[str, ...]:
    """The recurrence rules, from how often and from the days named without a year."""
    made = list(found.complete)
    month_days = tuple(dict.fromkeys(day.day for day in days if day.month is None))
    dates = [day for day in days if day.month is not None]
    if found.quarter_months:
        made.append(Recurrence("YEARLY", 1, (), found.quarter_months, month_days or (-1,)).text())
    years = min((interval for name, interval in found.every if name == "YEARLY"), default=1)
    # Twice a year on two named dates is two yearly rules.
    made += [Recurrence("YEARLY", years, (), (day.month or 1,), (day.day,)).text() for day in dates]
    for frequency, interval in sorted(found.every, key=_often):
        if found.quarter_months and (frequency, interval) == ("MONTHLY", 3):
            continue
        if dates and (frequency == "YEARLY" or (frequency == "MONTHLY" and interval > 1)):
            continue
        if found.complete and not month_days and not (frequency == "WEEKLY" and found.weekdays):
            continue
        if frequency == "WEEKLY":
            made.append(Recurrence("WEEKLY", interval, found.weekdays).text())
        elif frequency == "MONTHLY" and not found.quarter_months:
            made.append(Recurrence("MONTHLY", interval, month_days=month_days).text())
        else:
            made.append(Recurrence(frequency, interval).text())
    return tuple(dict.fromkeys(made))


def _often(pair: tuple[Frequency, int]) -> int:
    return {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 30, "YEARLY": 365}[pair[0]] * pair[1]
