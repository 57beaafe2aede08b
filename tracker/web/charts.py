"""Drawings as SVG: every value stands beside them in words, and colour never speaks alone."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from markupsafe import Markup, escape

from tracker.domain.zone import civil_day
from tracker.web.page import Page
from tracker.web.timeline import Story
from tracker.web.wording import short_day

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
