"""Dates, numbers and statuses as the pages say them, in the reader's language.

Times are told in the official zone whatever the browser's; screens write dd/mm/yyyy with the weekday beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from markupsafe import Markup, escape

from tracker.domain.zone import civil_now
from tracker.i18n import Language, catalogue, text


def short_day(day: date) -> str:
    """A civil date as tables write it.

    >>> short_day(date(2025, 11, 3))
    '03/11/2025'
    """
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}"


def weekday(language: Language, day: date) -> str:
    """The name of the weekday inside a sentence.

    >>> weekday("vi", date(2025, 11, 28))
    'thứ Sáu'
    """
    return text(language, f"weekday.{day.isoweekday()}")


def long_day(language: Language, day: date) -> str:
    """A civil date inside a sentence: weekday and date.

    >>> long_day("vi", date(2025, 11, 28))
    'thứ Sáu 28/11/2025'
    """
    return f"{weekday(language, day)} {short_day(day)}"


def paper_day(day: date) -> str:
    """A date as official papers write it: zeros before days under 10 and before months 1 and 2 (Decree 30/2020).

    >>> paper_day(date(2025, 8, 5)), paper_day(date(2020, 1, 5))
    ('ngày 05 tháng 8 năm 2025', 'ngày 05 tháng 01 năm 2020')
    """
    month = f"{day.month:02d}" if day.month <= 2 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def clock(at: time) -> str:
    """A time of day.

    >>> clock(time(17, 0))
    '17:00'
    """
    return f"{at.hour:02d}:{at.minute:02d}"


def moment(language: Language, instant: datetime) -> str:
    """An instant in the official zone, time first: "08:00, thứ Tư 26/11/2025"."""
    local = civil_now(instant)
    return f"{clock(local.time())}, {long_day(language, local.date())}"


def number(language: Language, value: int) -> str:
    """A count with its thousands marked.

    >>> number("vi", 1173), number("en", 1173)
    ('1.173', '1,173')
    """
    grouped = f"{value:,}"
    return grouped.replace(",", ".") if language == "vi" else grouped


def decimal(language: Language, plain: str) -> str:
    """A plain decimal ("98.63") as the language writes it.

    >>> decimal("vi", "98.63"), decimal("en", "1234.5")
    ('98,63', '1,234.5')
    """
    whole, point, part = plain.partition(".")
    grouped = number(language, int(whole))
    return f"{grouped}{(',' if language == 'vi' else '.') + part if point else ''}"


def time_tag(iso: str, shown: str) -> Markup:
    """A `<time>` with its machine-readable twin."""
    return Markup('<time datetime="{}">{}</time>').format(iso, shown)


def sentence(language: Language, key: str, **params: object) -> Markup:
    """A catalogue sentence for a page: everything that came from people is escaped, `<time>` tags stay."""
    return Markup(escape(catalogue(language)[key])).format(**params)  # nosec B704  # escaped catalogue; format escapes what is put in


@dataclass(frozen=True)
class Chip:
    """How one assignment stands: a tone (colour), an icon and words; the words alone say it all."""

    tone: str
    icon: str
    words: str


def number_of_days(language: Language, key: str, days: int) -> str:
    """A sentence about a number of days; English has its own for one day."""
    singular = f"{key}.one"
    if days == 1 and singular in catalogue(language):
        return text(language, singular, days=days)
    return text(language, key, days=number(language, days))


def counted(language: Language, key: str, count: int, **params: object) -> str:
    """A sentence about a count; English has its own for one.

    >>> counted("en", "note.extended", 1), counted("en", "note.extended", 2)
    ('Extended 1 time', 'Extended 2 times')
    """
    singular = f"{key}.one"
    chosen = singular if count == 1 and singular in catalogue(language) else key
    return text(language, chosen, count=number(language, count), **params)
