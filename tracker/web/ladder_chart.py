"""A ladder drawn over days: who would get what, when; days off are shaded, silence too long to draw is cut short.

Every day on which something happens is wide enough for its mark, so that no two marks run into each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from markupsafe import Markup, escape

from tracker.domain.directory import Duty
from tracker.domain.workdays import WorkCalendar
from tracker.web.ladder_words import opening
from tracker.web.page import Page
from tracker.web.wording import short_day

_LEFT, _PLOT, _END = 186, 916, 18
_MARK_DAY, _LEAST_DAY, _GAP = 26.0, 5.0, 46.0
_LONG_SILENCE = 9
_TOP, _ROW, _RADIUS = 52, 42, 10
_LETTER = 6.4
"""About how wide a letter of 12 px is."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Mark:
    """One message to one duty on a day; `number` is the step's, `tone` its colour."""

    day: date
    duty: Duty
    number: int
    is_copy: bool
    tone: str


@dataclass(frozen=True)
class _Column:
    """A day of the drawing, or (`days` > 1) a silence that is cut short."""

    first: date
    days: int
    x: float
    width: float

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


def timeline(
    page: Page, marks: Sequence[Mark], given_on: date, due_on: date, calendar: WorkCalendar
) -> Markup:
    """The drawing; what it shows stands in a table beside it."""
    columns, width = _columns({given_on, due_on, *(mark.day for mark in marks)}, {mark.day for mark in marks})
    at = {column.first: column for column in columns if column.days == 1}
    duties = [duty for duty in Duty if any(mark.duty is duty for mark in marks)]
    bottom = _TOP + _ROW * len(duties)
    parts = [*_shades(columns, calendar, bottom), *_rows(page, duties, width), *_gaps(page, columns, bottom)]
    parts += _lines(page, at, given_on, due_on, bottom)
    parts += _holidays(page, columns, calendar)
    parts += _marks(marks, at, duties)
    labels, height = _days(page, sorted({mark.day for mark in marks}), at, bottom)
    total = width + _END
    desc = page.s(
        "ladder.chart_desc",
        count=len(marks),
        given=short_day(given_on),
        due=short_day(due_on),
        rows=len(duties),
    )
    return Markup(  # nosec B704  # numbers, and words escaped where they are put in
        f'<svg class="rungs" width="{total:g}" height="{height}" viewBox="0 0 {total:g} {height}" role="img"'
        f' aria-labelledby="thang-t thang-d"><title id="thang-t">{escape(page.s("ladder.chart"))}</title>'
        f'<desc id="thang-d">{escape(desc)}</desc>' + "".join([*parts, *labels]) + "</svg>"
    )


def _columns(fixed: set[date], marked: set[date]) -> tuple[list[_Column], float]:
    """The days from the first to the last, each with its place; and where the last one ends."""
    first, last = min(fixed) - _DAY, max(fixed) + _DAY
    days = [first + n * _DAY for n in range((last - first).days + 1)]
    even = _PLOT / len(days)
    busy = fixed | marked
    runs = [(is_busy, list(of)) for is_busy, of in groupby(days, key=lambda day: day in busy)]
    if even >= _MARK_DAY:
        return _placed((day, 1, even) for day in days)
    cut: list[tuple[date, int, float]] = []
    silent = sum(len(run) for is_busy, run in runs if not is_busy)
    room = _PLOT - _MARK_DAY * len(busy)
    if silent and room / silent >= _LEAST_DAY:
        return _placed((day, 1, _MARK_DAY if day in busy else room / silent) for day in days)
    long = [run for is_busy, run in runs if not is_busy and len(run) > _LONG_SILENCE]
    short = silent - sum(map(len, long))
    pace = max((room - _GAP * len(long)) / short, _LEAST_DAY) if short else _LEAST_DAY
    pace = min(pace, _MARK_DAY)
    for is_busy, run in runs:
        if not is_busy and len(run) > _LONG_SILENCE:
            cut.append((run[0], len(run), _GAP))
        else:
            cut += [(day, 1, _MARK_DAY if is_busy else pace) for day in run]
    return _placed(cut)


def _placed(cut: Iterable[tuple[date, int, float]]) -> tuple[list[_Column], float]:
    columns, x = [], float(_LEFT)
    for day, days, width in cut:
        columns.append(_Column(day, days, x, width))
        x += width
    return columns, round(x, 1)


def _shades(columns: Sequence[_Column], calendar: WorkCalendar, bottom: int) -> list[str]:
    """Days off as shaded columns, one for each stretch; days made up for as outlined ones."""

    def kind(column: _Column) -> str:
        if column.days > 1:
            return ""
        mark = calendar.mark(column.first)
        if mark is not None and mark.kind == "work":
            return "made"
        return "off" if calendar.is_off(column.first) else ""

    drawn = []
    for name, run in groupby(columns, key=kind):
        if name:
            listed = list(run)
            x, end = listed[0].x, listed[-1].x + listed[-1].width
            drawn.append(
                f'<rect class="{name}" x="{x:.1f}" y="{_TOP - 8}" width="{end - x:.1f}" height="{bottom - _TOP + 8}"/>'
            )
    return drawn


def _rows(page: Page, duties: Sequence[Duty], width: float) -> list[str]:
    return [
        f'<line class="wire" x1="{_LEFT}" y1="{_y(row)}" x2="{width:g}" y2="{_y(row)}"/>'
        f'<text class="who" x="0" y="{_y(row) + 4}">{escape(opening(page.word("duty", duty)))}</text>'
        for row, duty in enumerate(duties)
    ]


def _y(row: int) -> int:
    return _TOP + _ROW * row + _ROW // 2


def _gaps(page: Page, columns: Sequence[_Column], bottom: int) -> list[str]:
    """Where a silence is cut short: two slanting strokes, and how long it is."""
    drawn = []
    for column in columns:
        if column.days > 1:
            x = column.middle
            drawn.append(
                f'<rect class="cut" x="{column.x + 8:.1f}" y="{_TOP - 8}" width="{_GAP - 16:g}"'
                f' height="{bottom - _TOP + 8}"/>'
                f'<path class="tear" d="M{x - 7} {_TOP - 8}V{bottom}M{x + 7} {_TOP - 8}V{bottom}"/>'
                f'<text class="q" x="{x}" y="{_TOP - 14}" text-anchor="middle">'
                f"{escape(page.s('ladder.silence', days=column.days))}</text>"
            )
    return drawn


def _lines(page: Page, at: dict[date, _Column], given_on: date, due_on: date, bottom: int) -> list[str]:
    given, due = at[given_on].middle, at[due_on].middle
    due_words = page.s("ladder.due_line", weekday=page.weekday(due_on), day=f"{due_on:%d/%m}")
    given_words = page.s("ladder.given_line", day=f"{given_on:%d/%m}")
    # Both names on one line where there is room between them, else one to the left and one to the right.
    given_anchor = "end" if due - given < _LETTER * len(given_words) + 12 and given - _LEFT > 70 else "start"
    due_anchor = "end" if due > _LEFT + _PLOT - _LETTER * len(due_words) else "start"
    if given_anchor == "start" and due - given < _LETTER * len(given_words) + 12:
        given_words = ""
    return [
        f'<line class="given" x1="{given}" y1="18" x2="{given}" y2="{bottom}"/>',
        f'<line class="dueline" x1="{due}" y1="18" x2="{due}" y2="{bottom}"/>',
        f'<text class="q" x="{given}" y="13" text-anchor="{given_anchor}">{escape(given_words)}</text>',
        f'<text class="due-name" x="{due}" y="13" text-anchor="{due_anchor}">{escape(due_words)}</text>',
    ]


def _holidays(page: Page, columns: Sequence[_Column], calendar: WorkCalendar) -> list[str]:
    """The names of holidays and of days made up for, as many as do not run into each other."""
    drawn: list[str] = []
    free_from = 0.0
    for words, x in _named(page, columns, calendar):
        half = _LETTER * len(words) / 2
        if x - half < free_from or x - half < _LEFT - 40:
            continue
        drawn.append(f'<text class="q" x="{x}" y="32" text-anchor="middle">{escape(words)}</text>')
        free_from = x + half + 8
    return drawn


def _named(page: Page, columns: Sequence[_Column], calendar: WorkCalendar) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    single = [column for column in columns if column.days == 1]

    def kind(column: _Column) -> str:
        mark = calendar.mark(column.first)
        if mark is not None and mark.kind == "work":
            return f"made {column.first}"
        return "off" if calendar.is_off(column.first) else ""

    for name, run in groupby(single, key=kind):
        listed = list(run)
        first, last = listed[0].first, listed[-1].first
        middle = round((listed[0].x + listed[-1].x + listed[-1].width) / 2, 1)
        if name.startswith("made"):
            found.append((page.s("ladder.made_up", day=f"{first:%d/%m}"), middle))
        elif name and any(calendar.mark(c.first) is not None for c in listed):
            span = f"{first:%d/%m}" if first == last else f"{first:%d}–{last:%d/%m}"
            if first.month != last.month:
                span = f"{first:%d/%m}–{last:%d/%m}"
            found.append((page.s("ladder.off_days", span=span), middle))
    return found


def _marks(marks: Sequence[Mark], at: dict[date, _Column], duties: Sequence[Duty]) -> list[str]:
    drawn = []
    for mark in marks:
        x, y = at[mark.day].middle, _y(duties.index(mark.duty))
        names = " ".join(name for name in ("rg", mark.tone, "copy" if mark.is_copy else "") if name)
        drawn.append(
            f'<g class="{names}"><circle cx="{x}" cy="{y}" r="{_RADIUS}"/>'
            f'<text x="{x}" y="{y + 4}" text-anchor="middle">{mark.number}</text></g>'
        )
    return drawn


def _days(page: Page, days: Sequence[date], at: dict[date, _Column], bottom: int) -> tuple[list[str], int]:
    """Under each marked day its date and weekday, on as many levels as keep them apart; and the height of it all."""
    ends = [0.0, 0.0, 0.0]
    drawn = []
    deepest = 0
    for day in days:
        x = at[day].middle
        level = next((n for n, end in enumerate(ends) if x - 19 >= end), 2)
        ends[level] = x + 21
        deepest = max(deepest, level)
        y = bottom + 18 + 32 * level
        weekday = escape(page.s(f"weekday_short.{day.isoweekday()}"))
        drawn.append(
            f'<text x="{x}" y="{y}" text-anchor="middle">{day:%d/%m}</text>'
            f'<text class="q" x="{x}" y="{y + 14}" text-anchor="middle">{weekday}</text>'
        )
        if level:
            drawn.append(f'<line class="stem" x1="{x}" y1="{bottom}" x2="{x}" y2="{y - 12}"/>')
    return drawn, bottom + 40 + 32 * deepest
