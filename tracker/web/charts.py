"""Drawings as SVG: every value stands beside them in words, and colour never speaks alone.

Each chart is one picture to a screen reader (`<title>`, `<desc>`) and brings the same figures as a table, whose
cells lead to the rows they count. What is written keeps its size on every screen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil

from markupsafe import Markup, escape

from tracker.domain.zone import civil_day
from tracker.web.page import Page
from tracker.web.timeline import Story
from tracker.web.wording import short_day

_LETTER = 7.2
"""The width of a usual letter at the size that charts write in."""


@dataclass(frozen=True)
class Point:
    """One figure: what it is of, how large it is, how it is written, and the list behind it.

    `is_marked` is the one that matters; `is_weak` says that it stands on too little to be compared; `span` is the
    range in which the value lies.
    """

    label: str
    value: float
    words: str = ""
    href: str = ""
    is_marked: bool = False
    is_weak: bool = False
    span: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        """The figure as it is written."""
        return self.words or f"{self.value:g}"


@dataclass(frozen=True)
class Cell:
    """One cell of the table below a chart."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing and the table that says the same."""

    svg: Markup
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    is_wide: bool = False


@dataclass(frozen=True)
class Series:
    """One line of a line chart; all lines have the same labels. None leaves a gap."""

    name: str
    values: Sequence[float | None]
    words: Sequence[str]


@dataclass(frozen=True)
class Share:
    """One part of a whole: `tone` is a look of the stylesheet that has a pattern of its own."""

    tone: str
    label: str
    value: int
    words: str
    href: str = ""


# Text ---------------------------------------------------------------------------------------------------------


def _said(words: str) -> Markup:
    """Words inside a drawing: escaped, and without marks that are not seen or turn the writing round."""
    shown = "".join(
        mark for mark in words if unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return escape(" ".join(shown.split()))


def _fitted(words: str, width: float) -> str:
    """The words as far as they fit; the table below has them whole."""
    most = max(int(width / _LETTER), 4)
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def _text(x: float, y: float, words: str, *, anchor: str = "", look: str = "") -> str:
    found = f' class="{look}"' if look else ""
    found += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{found} x="{x:g}" y="{y:g}">{_said(words)}</text>'


def _picture(
    key: str, width: float, height: float, title: str, desc: str, parts: Sequence[str], look: str
) -> Markup:
    return Markup(  # nosec B704  # numbers, our own names of looks, and words that went through _said
        f'<svg class="chart {look}" viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{_said(title)}</title><desc id="{key}-d">{_said(desc)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _table(points: Sequence[Point]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((Cell(point.label), Cell(point.text, point.href)) for point in points)


# Bars over time -----------------------------------------------------------------------------------------------
#
# Drawn in pixels upwards and in percents across: the letters keep their size, the picture takes the room it has.

_PHONE = 296
"""The width in pixels that a drawing has on a phone: what is written has to fit there."""
_BARS_HEIGHT, _BARS_TOP, _BARS_FOOT = 136, 20, 110


def _fluid(key: str, height: float, title: str, desc: str, parts: Sequence[str], look: str) -> Markup:
    return Markup(  # nosec B704  # numbers, our own names of looks, and words that went through _said
        f'<svg class="plot {look}" width="100%" height="{height:g}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{_said(title)}</title><desc id="{key}-d">{_said(desc)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def bars(key: str, title: str, desc: str, points: Sequence[Point], heads: tuple[str, str]) -> Chart:
    """A figure over time, the oldest first; the values stand on the bars where there is room for them."""
    most = max((point.value for point in points), default=0) or 1
    step = 100 / max(len(points), 1)
    is_written = _which_fit([point.text for point in points], step)
    is_labelled = _which_fit([point.label for point in points], step)
    parts = [f'<line class="axis" x1="0" y1="{_BARS_FOOT}" x2="100%" y2="{_BARS_FOOT}"/>']
    for place, point in enumerate(points):
        height = round((_BARS_FOOT - _BARS_TOP) * max(point.value, 0) / most, 1)
        top = _BARS_FOOT - height
        look = "bar now" if point.is_marked else "bar"
        parts.append(
            f'<rect class="{look}" x="{place * step + step * 0.08:.2f}%" y="{top:g}" width="{step * 0.84:.2f}%"'
            f' height="{height:g}" rx="2"/>'
        )
        if is_written[place]:
            parts.append(_along(place, step, top - 5, point.text, "strong" if point.is_marked else ""))
        if is_labelled[place]:
            look = "strong" if point.is_marked else "q"
            parts.append(_along(place, step, _BARS_FOOT + 18, point.label, look))
    return Chart(_fluid(key, _BARS_HEIGHT, title, desc, parts, "bars"), heads, _table(points))


def _which_fit(words: Sequence[str], step: float) -> list[bool]:
    """Which of the words can be written beside each other on a phone: every n-th, counted from the newest."""
    widest = max((len(word) for word in words), default=1) * _LETTER + 3
    each = max(ceil(widest / (step * _PHONE / 100)), 1)
    return [(len(words) - 1 - place) % each == 0 for place in range(len(words))]


def _along(place: int, step: float, y: float, words: str, look: str) -> str:
    """Words at the middle of a bar; at the edges they begin or end with the picture."""
    middle, half = (place + 0.5) * step, len(words) * _LETTER / 2 / _PHONE * 100
    shown = f'<text class="{look}" y="{y:g}" ' if look else f'<text y="{y:g}" '
    if middle - half < 0:
        return f'{shown}x="0">{_said(words)}</text>'
    if middle + half > 100:
        return f'{shown}x="100%" text-anchor="end">{_said(words)}</text>'
    return f'{shown}x="{middle:.2f}%" text-anchor="middle">{_said(words)}</text>'


# Lines --------------------------------------------------------------------------------------------------------

_LINES_HEIGHT, _LINES_FOOT, _NAME_HEIGHT = 150, 124, 20
_MARKS = (
    '<circle class="spot l0" r="4"/>',
    '<rect class="spot l1" x="-4" y="-4" width="8" height="8"/>',
    '<path class="spot l2" d="M0-5l5 5-5 5-5-5z"/>',
)


def lines(
    key: str,
    title: str,
    desc: str,
    labels: Sequence[str],
    series: Sequence[Series],
    head: str,
    *,
    most: float = 0,
) -> Chart:
    """Up to three lines over the same labels, told apart by mark and dashes; their names and last figures on top."""
    found = [value for one in series for value in one.values if value is not None]
    top = max([most, *found]) or 1
    step = 100 / max(len(labels), 1)
    above = len(series) * _NAME_HEIGHT + 24
    parts = [f'<line class="axis" x1="0" y1="{_LINES_FOOT + above}" x2="100%" y2="{_LINES_FOOT + above}"/>']

    def height(value: float) -> float:
        return round(above + _LINES_FOOT * (1 - value / top), 1)

    for place, one in enumerate(series[: len(_MARKS)]):
        known = [n for n, value in enumerate(one.values) if value is not None]
        y = place * _NAME_HEIGHT + 14
        parts.append(f'<svg x="6" y="{y - 4}" overflow="visible">{_MARKS[place]}</svg>')
        parts.append(_text(18, y, f"{one.name}: {one.words[known[-1]] if known else '–'}", look="strong"))
        for n, (value, following) in enumerate(pairwise(one.values)):
            if value is not None and following is not None:
                parts.append(
                    f'<line class="line l{place}" x1="{(n + 0.5) * step:.2f}%" y1="{height(value):g}"'
                    f' x2="{(n + 1.5) * step:.2f}%" y2="{height(following):g}"/>'
                )
        highest = max(known, key=lambda n: one.values[n] or 0, default=0)
        for n in known:
            at = height(one.values[n] or 0)
            parts.append(
                f'<svg x="{(n + 0.5) * step:.2f}%" y="{at:g}" overflow="visible">{_MARKS[place]}</svg>'
            )
            if n in (known[0], known[-1]) or (n == highest and known[0] + 1 < n < known[-1] - 1):
                parts.append(_along(n, step, at - 9, one.words[n], ""))
    shown = _which_fit(labels, step)
    parts += [
        _along(n, step, _LINES_FOOT + above + 18, label, "q") for n, label in enumerate(labels) if shown[n]
    ]
    rows = tuple((Cell(label), *(Cell(one.words[n]) for one in series)) for n, label in enumerate(labels))
    svg = _fluid(key, _LINES_HEIGHT + above, title, desc, parts, "lines")
    return Chart(svg, (head, *(one.name for one in series)), rows)


# Comparison ---------------------------------------------------------------------------------------------------

_ROW_HEIGHT, _ROWS_TOGETHER = 46, 20


def compare(
    key: str,
    title: str,
    desc: str,
    points: Sequence[Point],
    heads: tuple[str, str],
    *,
    most: float = 0,
    middle: float | None = None,
) -> Chart:
    """Bodies side by side in the order given: the name and its figures above, the bar below, all on one scale.

    What stands on too little to be compared is drawn hollow. Many bodies stand in several columns. The range of a
    value is a line over its bar, and `middle` a line across all of them.
    """
    top = max([most, *(point.value for point in points)]) or 1
    drawn = []
    for begin in range(0, max(len(points), 1), _ROWS_TOGETHER):
        some = points[begin : begin + _ROWS_TOGETHER]
        height = max(len(some), 1) * _ROW_HEIGHT
        parts = [_rails(f"{key}-r{begin}", height)]
        for place, point in enumerate(some):
            y = place * _ROW_HEIGHT
            room = _PHONE - len(point.text) * _LETTER - 10
            look = "bar weak" if point.is_weak else "bar now" if point.is_marked else "bar"
            width = 99.6 * max(point.value, 0) / top
            parts.append(_text(0, y + 15, _fitted(point.label, room)))
            parts.append(
                f'<text class="strong" x="100%" y="{y + 15}" text-anchor="end">{_said(point.text)}</text>'
            )
            parts.append(
                f'<rect class="{look}" x=".2%" y="{y + 22.5:g}" width="{max(width, 0.6):.2f}%" height="11" rx="2"/>'
            )
            if point.span is not None:
                low, high = (99.6 * end / top + 0.2 for end in point.span)
                parts.append(
                    f'<line class="whisker" x1="{low:.1f}%" y1="{y + 28}" x2="{high:.1f}%" y2="{y + 28}"/>'
                )
        if middle is not None:
            at = f"{99.6 * middle / top + 0.2:.1f}%"
            line = f'<line class="middle" x1="{at}" y1="0" x2="{at}" y2="{height}"/>'
            parts.insert(1, line)
        name = title if len(points) <= _ROWS_TOGETHER else f"{title} ({begin + 1}–{begin + len(some)})"
        drawn.append(_fluid(f"{key}-{begin}", height, name, desc, parts, "beside"))
    svg = Markup('<div class="columns">{}</div>').format(Markup("").join(drawn))
    return Chart(svg, heads, _table(points))


def _rails(key: str, height: int) -> str:
    """What every bar lies on, drawn once for all rows."""
    return (
        f'<defs><pattern id="{key}" width="40" height="{_ROW_HEIGHT}" patternUnits="userSpaceOnUse">'
        f'<rect class="rail" y="22" width="40" height="12"/></pattern></defs>'
        f'<rect fill="url(#{key})" width="100%" height="{height}"/>'
    )


# A whole in parts ---------------------------------------------------------------------------------------------

_WHOLE_HEIGHT = 40


def shares(key: str, title: str, desc: str, parts_of: Sequence[Share], heads: tuple[str, str]) -> Chart:
    """The parts of a whole as one bar; every part has a pattern besides its colour, and its figure in words."""
    whole = sum(share.value for share in parts_of)
    parts = [_patterns(key)]
    x = 0.0
    if not whole:
        parts.append(f'<rect class="none" x=".2%" y=".5" width="99.6%" height="{_WHOLE_HEIGHT - 1}" rx="4"/>')
    for share in parts_of:
        if not share.value:
            continue
        width = 100 * share.value / whole
        frame = f'x="{x:.2f}%" y="0" width="{max(width - 0.3, 0.3):.2f}%" height="{_WHOLE_HEIGHT}"'
        parts.append(f'<rect class="part {share.tone}" {frame}/>')
        if share.tone in _PATTERNED:
            parts.append(f'<rect fill="url(#{key}-{share.tone})" {frame}/>')
        if width * _PHONE / 100 > len(share.words) * 8 + 14:
            # The plate is words too: a wide outline of the letters keeps the pattern away from them.
            parts.append(
                f'<text class="strong plate" x="{x + width / 2:.2f}%" y="25" text-anchor="middle">'
                f"{_said(share.words)}</text>"
            )
        x += width
    rows = tuple((Cell(share.label), Cell(share.words, share.href)) for share in parts_of)
    return Chart(_fluid(key, _WHOLE_HEIGHT, title, desc, parts, "whole"), heads, rows)


_PATTERNED = {
    "done_late": '<path class="hatch" d="M0 8 8 0"/>',
    "open_in_term": '<circle class="dot" cx="3" cy="3" r="1.2"/>',
    "open_overdue": '<path class="hatch" d="M0 0 8 8M0 8 8 0"/>',
}


def _patterns(key: str) -> str:
    drawn = "".join(
        f'<pattern id="{key}-{tone}" width="8" height="8" patternUnits="userSpaceOnUse">{shape}</pattern>'
        for tone, shape in _PATTERNED.items()
    )
    return f"<defs>{drawn}</defs>"


def swatch(tone: str) -> Markup:
    """The same look as a small square, for the words beside a chart; it says nothing to a screen reader."""
    key = f"o-{tone}"
    pattern = _PATTERNED.get(tone, "")
    over = f'<rect fill="url(#{key})" width="16" height="16"/>' if pattern else ""
    defs = (
        f'<defs><pattern id="{key}" width="8" height="8" patternUnits="userSpaceOnUse">{pattern}</pattern></defs>'
        if pattern
        else ""
    )
    return Markup(  # nosec B704  # our own drawing
        '<svg class="plot swatch" viewBox="0 0 16 16" aria-hidden="true" focusable="false">'
        f'{defs}<rect class="part {tone}" width="16" height="16"/>{over}</svg>'
    )


# A year of days -----------------------------------------------------------------------------------------------

_DAY, _YEAR_LEFT, _YEAR_TOP = 26, 78, 22


def heat(
    page: Page,
    key: str,
    title: str,
    desc: str,
    year: int,
    counts: dict[date, int],
    off: frozenset[date],
    totals: Sequence[Point],
    heads: tuple[str, str],
) -> Chart:
    """A year as twelve rows of days: the darker the more, the number written in, days off in a dashed frame."""
    most = max(counts.values(), default=0) or 1
    width = _YEAR_LEFT + 31 * _DAY + 56
    parts = [
        _text(_YEAR_LEFT + (n - 0.5) * _DAY, 14, str(n), anchor="middle", look="q")
        for n in (1, 5, 10, 15, 20, 25, 31)
    ]
    day = date(year, 1, 1)
    while day.year == year:
        x, y = _YEAR_LEFT + (day.day - 1) * _DAY, _YEAR_TOP + (day.month - 1) * _DAY
        count = counts.get(day, 0)
        level = ceil(4 * count / most) if count else 0
        look = f"day h{level}{' off' if day in off else ''}{' today' if day == page.today else ''}"
        parts.append(
            f'<rect class="{look}" x="{x + 1.5}" y="{y + 1.5}" width="{_DAY - 3}" height="{_DAY - 3}" rx="3"/>'
        )
        if count:
            shown = str(count) if count < 1000 else "…"
            parts.append(_text(x + _DAY / 2, y + 17.5, shown, anchor="middle", look=f"in{level}"))
        day += timedelta(days=1)
    for month, total in enumerate(totals):
        line = _YEAR_TOP + month * _DAY + 17.5
        parts.append(_text(0, line, total.label))
        parts.append(_text(width - 4, line, total.text, anchor="end", look="strong"))
    svg = _picture(key, width, _YEAR_TOP + 12 * _DAY + 2, title, desc, parts, "year")
    return Chart(svg, heads, _table(totals), is_wide=True)


# The strip of one assignment ------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 720, 104
_LEFT, _RIGHT = 18, 702
_AXIS = 46


def strip(page: Page, story: Story, due_on: date | None) -> Markup:
    """The assignment's reminders over time: sent above today's line, coming after it, the deadline between.

    Empty when there is no deadline or nothing to draw.
    """
    marks = [(civil_day(item.at), item) for item in [*story.past, *story.coming] if item.kind != "event"]
    if due_on is None or not marks:
        return Markup()  # nosec B704  # numbers and escaped words only
    days = [due_on, page.today, *(day for day, _ in marks)]
    first, last = min(days), max(days)
    span = max((last - first).days, 1)

    def x(day: date) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (day - first).days / span, 1)

    parts = [f'<line class="axis" x1="{_LEFT}" y1="{_AXIS}" x2="{_RIGHT}" y2="{_AXIS}"/>']
    parts.append(f'<line class="dueline" x1="{x(due_on)}" y1="22" x2="{x(due_on)}" y2="{_AXIS + 12}"/>')
    parts.append(
        f'<line class="todayline" x1="{x(page.today)}" y1="22" x2="{x(page.today)}" y2="{_AXIS + 12}"/>'
    )
    for day, item in marks:
        shape = item.kind if item.kind != "sent" else item.tone
        title = escape(f"{short_day(day)}: {Markup(item.what).striptags()}")  # nosec B704  # its tags are taken off, then all is escaped
        parts.append(
            f'<circle class="m {shape}" cx="{x(day)}" cy="{_AXIS}" r="6"><title>{title}</title></circle>'
        )
    parts += _labels(page, x(due_on), x(page.today), due_on)
    parts.append(f'<text class="q" x="{_LEFT}" y="{_HEIGHT - 8}">{short_day(first)}</text>')
    parts.append(f'<text class="q" x="{_RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">{short_day(last)}</text>')
    sent = sum(1 for _, item in marks if item.kind == "sent")
    desc = escape(page.s("strip.desc", sent=sent, coming=len(story.coming), due=short_day(due_on)))
    return Markup(  # nosec B704  # numbers and escaped words only
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="dai-t dai-d">'
        f'<title id="dai-t">{escape(page.s("strip.title"))}</title><desc id="dai-d">{desc}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _labels(page: Page, due_x: float, today_x: float, due_on: date) -> list[str]:
    """The two lines' names, on two levels where they would run into each other."""
    labels = [(due_x, page.s("strip.due", day=short_day(due_on))), (today_x, page.s("strip.today"))]
    near = any(abs(a - b) < 150 for a, b in pairwise([due_x, today_x]))
    drawn = []
    for level, (at, words) in enumerate(labels):
        anchor = "start" if at < 90 else "end" if at > _WIDTH - 90 else "middle"
        y = _AXIS + 30 if near and level else 15
        drawn.append(f'<text x="{at}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>')
    return drawn
