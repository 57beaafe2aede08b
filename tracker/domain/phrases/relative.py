"""Deadlines counted from a day: "trong 15 ngày kể từ ngày ký", "sau 10 ngày làm việc", "07 ngày sau khi về nước"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracker.domain.phrases.candidates import Candidate, Level
from tracker.domain.phrases.citations import DATE
from tracker.domain.phrases.dates import day_or_unsure
from tracker.domain.phrases.events import days_after, event_name
from tracker.domain.phrases.reading import Reading
from tracker.domain.phrases.recurring import Recurring
from tracker.domain.recurrences import WORKWEEK, Recurrence
from tracker.domain.rules import After, Base, InPeriod, OnDay, Period, Unit, Unsure

_MOST_DIGITS = 3
_AMOUNT = (
    r"(?<!thang )(?<!quy )(?<!ngay )(?<!nam )(?<!thu )(?<!dieu )(?<!so )(?<![\d/.,:-])"
    r"(?P<n>\d{1,3}|(?!(?:19|20|21)\d{2}\b)\d{4,15})\s*(?P<u>gio|h|ngay\s+lam\s+viec|ngay|tuan|thang|nam)\b(?!\s*\d|\s*/|\s+(?:dau|cuoi)\s+nam)"
)
_LEAD = (
    r"(?P<lead>(?:\b(?:trong|khoang|vong|thoi han|thoi gian|han|khong qua|khong vuot qua|toi da|nhieu nhat|"
    r"cham nhat|muon nhat|tre nhat|sau|truoc|la|it nhat|toi thieu|qua|som nhat|dinh ky)\b[\s:,]*)+)"
)
# "trước 15/12" is a day of its own; "trước ngày 31/12/2025" may be what is counted back from.
_NOT_A_DAY = r"(?!\s+(?:ngay\s+)?\d{1,2}\s?[/-]\s?\d{1,2}(?![\d/-]))"
_BASE_ENDS = (
    r"(?=\s*(?:[,;~()]|\.(?:\s|$)|$|\bphai\b|\bde (?:bao cao|tong hop)\b|\bgui\b|"
    r"\bbao cao (?:chinh phu|thu tuong)\b))"
)
_BASE = (
    r"(?:\s*(?:tiep theo|toi|lien tuc|lien tiep)?\s*,?\s*\(?\s*"
    rf"(?P<b>ke tu|tinh tu|tu|ke|sau|truoc{_NOT_A_DAY}|so voi)\s+(?P<c>[^,;~()]{{2,160}}?){_BASE_ENDS})"
)
_COUNTED = re.compile(rf"{_LEAD}?{_AMOUNT}{_BASE}?")
_BASE_FIRST = re.compile(
    r"\b(?P<b>(?:ngay\s+)?sau|ke tu|tinh tu|tu)\s+(?P<c>(?:khi|ngay|thoi diem)\s+[^,;.~]{2,100}?)\s*,?\s*"
    r"(?:trong vong|trong thoi han|trong|cham nhat(?: la| sau)?|khong qua|toi da|la)\s+(?:khong qua\s+)?"
    + _AMOUNT
)
_BASE_THEN_AMOUNT = re.compile(
    r"\b(?P<b>(?:ngay\s+)?sau|ke tu|tinh tu)\s+(?P<c>(?:khi|ngay)\s+[^,;.~]{2,100}?)\s*,?\s*"
    + _AMOUNT
    + r"(?=\s*(?:$|[,;.)~]))"
)
_BEFORE_FIRST = re.compile(
    r"\btruoc\s+(?P<c>(?:khi\s+|ngay\s+)?[^,;.~]{2,80}?)\s+(?:it nhat|toi thieu|cham nhat|la)\s+(?:la\s+)?"
    + _AMOUNT
)
_BEFORE_THEN_AMOUNT = re.compile(
    r"\btruoc\s+(?P<c>(?:khi|ngay)\s+(?!\d)[^,;.~]{2,80}?)\s+" + _AMOUNT + r"(?=\s*(?:$|[,;.)~]))"
)
_FORMS = (
    (_BASE_FIRST, 1),
    (_BASE_THEN_AMOUNT, 1),
    (_BEFORE_FIRST, -1),
    (_BEFORE_THEN_AMOUNT, -1),
    (_COUNTED, 1),
)
_NOT_CLOCK = re.compile(r"\s*(?:\d|phut|ngay|hang|thu\b|chieu|sang|trua|toi\b|cung ngay)")
_UNITS = {
    "gio": Unit.HOUR,
    "h": Unit.HOUR,
    "ngay": Unit.DAY,
    "tuan": Unit.WEEK,
    "thang": Unit.MONTH,
    "nam": Unit.YEAR,
}
_OWN = r"(?:chi thi|cong dien|cong van|quyet dinh|nghi quyet|thong bao|van ban|ket luan|ke hoach|chuong trinh|de an)"
_ISSUED = re.compile(
    rf"^(?:ngay|thoi diem|khi|luc)?\s*(?:(?:{_OWN}(?: so \S+)?(?: nay)?\s+(?:duoc\s+)?)?"
    rf"(?:ky|ban hanh|phat hanh)\b|hom nay\b|nay\b|{_OWN} nay$)"
)
_RECEIVED = re.compile(r"\b(?:nhan|tiep nhan)\b")
_PERIOD_END = re.compile(
    r"^(?:ngay|khi|thoi diem)?\s*(?:ket thuc|het|cuoi)\s+(?:ky\s+bao cao\s+)?(?:ngay cuoi\s+)?(?:hang\s+|moi\s+)?"
    r"(?P<unit>thang|quy|nam|tuan)\b\s*(?P<y>\d{4})?"
)
_TODAY = re.compile(
    r"\b(?:ngay\s+trong\s+ngay|trong\s+ngay|ngay\s+hom\s+nay|hom\s+nay|cung\s+ngay|ngay\s+nay)\b"
    r"(?!\s*(?:\d|lam viec|cuoi|dau|nghi|le|ky))"
)
_TOMORROW = re.compile(r"\b(?:ngay\s+mai|ngay\s+hom\s+sau|ngay\s+kia)\b")
_THIS_PART = re.compile(r"(?:~\s*|\b(?:sang|trua|chieu|toi)\s+)(?P<near>mai|nay)\b(?=\s*(?:$|[,;.)~]))")
_DATE = re.compile(DATE)


def counted(reading: Reading, recurring: Recurring) -> Iterator[Candidate]:
    """Amounts of time with what they are counted from; "N days after each quarter" goes to `recurring`."""
    for pattern, sign in _FORMS:
        for match in reading.find(pattern):
            groups = match.groupdict()
            if pattern is _COUNTED and not _is_duration(reading, match, groups):
                continue
            unit = Unit.WORKDAY if "lam" in match["u"] else _UNITS[match["u"].split()[0]]
            if len(match["n"]) > _MOST_DIGITS:
                words = reading.cased[match.start("n") : match.end("u")]
                yield Candidate(Unsure("deadline_impossible", words), *match.span(), Level.LIMIT)
                reading.take(match)
                continue
            amount = int(match["n"]) * (-1 if sign < 0 or groups.get("b") in ("truoc", "so voi") else 1)
            term = _term(reading, match, amount, unit, recurring)
            start, end = match.span()
            reading.take(match)
            if term is not None:
                yield Candidate(term, start, end, Level.LIMIT)


def today(reading: Reading) -> Iterator[Candidate]:
    """ "trong ngày", "hôm nay", "ngày mai": reckoned from the issue."""
    for pattern in (_TODAY, _TOMORROW, _THIS_PART):
        for match in reading.find(pattern):
            if pattern is _THIS_PART and not reading.is_word(*match.span("near"), "mai", "nay"):
                continue
            if pattern is _THIS_PART:
                amount = 0 if match["near"] == "nay" else 1
            else:
                amount = 0 if pattern is _TODAY else 2 if "kia" in match[0] else 1
            yield Candidate(After(amount, Unit.DAY), match.start(), match.end(), Level.PLACED)
            reading.take(match)


def _is_duration(reading: Reading, match: re.Match[str], groups: dict[str, str | None]) -> bool:
    """Whether the amount is a term and not an age, a plan's length or a time of day."""
    lead, base = (groups.get("lead") or "").strip(" :,"), groups.get("b")
    if match["u"] in ("gio", "h"):
        is_clock = _NOT_CLOCK.match(reading.plain, match.end("u")) and not base
        within = bool(re.search(r"\b(?:vong|thoi han|khong qua|toi da)\b", lead))
        if is_clock or not (base or within or int(match["n"]) >= 24):
            return False
    if not lead and not base:
        return False
    if base and not reading.is_word(*_first_word(match, "b"), *_SPELT[(match["b"]).split()[0]]):
        return False
    return not (lead.endswith("truoc") and not base) and lead != "la" and lead != "dinh ky"


_SPELT = {
    "ke": ("kể", "kế"),
    "tinh": ("tính",),
    "tu": ("từ",),
    "sau": ("sau",),
    "truoc": ("trước",),
    "so": ("so",),
    "ngay": ("ngay",),
}


def _first_word(match: re.Match[str], group: str) -> tuple[int, int]:
    return match.start(group), match.start(group) + len(match[group].split()[0])


def _term(
    reading: Reading, match: re.Match[str], amount: int, unit: Unit, recurring: Recurring
) -> After | None:
    clause = match.groupdict().get("c")
    if clause is None:
        return After(amount, unit, stated=False)
    start, end = match.span("c")
    dated = _DATE.search(clause)
    if dated:
        numbers = re.findall(r"\d+", dated[0])
        base = day_or_unsure(numbers[0], numbers[1], numbers[2])
        return After(amount, unit, base if isinstance(base, OnDay) else Base.ISSUED)
    if _ISSUED.search(clause):
        return After(amount, unit)
    if _RECEIVED.search(clause):
        return After(amount, unit, Base.RECEIVED)
    closing = _PERIOD_END.match(clause)
    if closing:
        return _after_period(closing, amount, unit, recurring)
    label = reading.cased[start:end]
    label = re.sub(r"^(?:khi|ngày|thời điểm|lúc|ngay|thoi diem)\s+", "", label, flags=re.I)
    return (
        days_after(amount, unit, label)
        if re.search(r"[A-Z]", event_name(label))
        else After(amount, unit, stated=False)
    )


def _after_period(closing: re.Match[str], amount: int, unit: Unit, recurring: Recurring) -> After | None:
    """ "10 ngày sau khi kết thúc quý" recurs; with a year it happens once."""
    if closing["unit"] == "nam" and closing["y"]:
        return After(amount, unit, InPeriod(Period.YEAR, None, int(closing["y"])))
    by_unit: dict[str, tuple[int, ...]] = {"thang": (), "quy": (1, 4, 7, 10), "nam": (1,), "tuan": ()}
    months = by_unit[closing["unit"]]
    if closing["unit"] == "tuan" or amount < 1 or unit not in (Unit.DAY, Unit.WORKDAY):
        return After(amount, unit, stated=False)
    frequency = "YEARLY" if months else "MONTHLY"
    recurring.every.clear()
    if unit is Unit.WORKDAY:
        rule = Recurrence(
            "YEARLY" if months else "MONTHLY", 1, tuple(WORKWEEK.split(",")), months, (), amount
        )
    else:
        rule = Recurrence("YEARLY" if months else "MONTHLY", 1, (), months, (min(amount, 31),))
    del frequency
    recurring.complete.append(rule.text())
    return None
