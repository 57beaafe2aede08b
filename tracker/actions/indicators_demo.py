"""The targets of the demonstration: the figures of five articles as they were told, and readings that are made up.

Each is set on a day of its directive's life and read by its agency's own people; what came after the day on which the
demonstration begins is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from tracker.actions import indicators
from tracker.actions.indicators import NewReading
from tracker.actions.seed import shipped
from tracker.domain.directory import Actor
from tracker.domain.indicators import Frequency, Indicator
from tracker.domain.zone import at_official

_SOURCES = {
    "000": "Bài báo về buổi kiểm tra ngày 29/8/2019",
    "001": "Bài báo về buổi kiểm tra tháng 7/2019",
    "002": "Bài báo về buổi làm việc ngày 11/9/2020",
}

Part = tuple[str, int, str]
"""A directive's number, the place of a task in it, and an agency's code."""


def indicator_of(given: Mapping[str, Any]) -> Indicator:
    """A target of the packaged data; what is no reading of an agency stands in its note."""
    told = [fact["words"] for fact in given.get("facts", ())]
    return Indicator(
        given["name"],
        given["unit"],
        date.fromisoformat(given["starts_on"]),
        date.fromisoformat(given["due_on"]),
        given["counts"],
        baseline=_number(given, "baseline"),
        target=_number(given, "target"),
        frequency=Frequency(given["frequency"]),
        note="\n".join([given["note"], *told]),
    )


def _number(given: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(given[name]) if name in given else None


async def put_in(
    until: datetime,
    parts: Mapping[Part, int],
    issued: Mapping[str, date],
    officer: Actor,
    speaker_of: Callable[[str], Actor],
) -> int:
    """Set the targets and enter their readings as known at `until`; how many readings.

    `parts` are the assignments that stand by then, `issued` the days of their directives.
    """
    figures = {one["id"]: one["source"] for one in shipped("demo/indicators.json")["figures"]}
    count = 0
    for given in shipped("demo/indicators.json")["indicators"]:
        number, place = given["task"]
        wanted = indicator_of(given)
        for code, readings in given["agencies"].items():
            assignment_id = parts.get((number, place, code))
            if assignment_id is None:
                continue
            set_at = at_official(max(wanted.starts_on, issued[number]), time(15, 30))
            if set_at > until:
                continue
            made = await indicators.define(officer, assignment_id, wanted, set_at)
            for one in readings:
                day = date.fromisoformat(one["as_of"])
                # What was said at a session was told that day; nothing is entered before it is asked for.
                at = max(at_official(day, time(16, 30)), set_at)
                if at > until:
                    continue
                source = _SOURCES.get(figures.get(one.get("figure"), ""), "")
                new = NewReading(one["words"], day, evidence=source)
                await indicators.enter(speaker_of(code), made, new, "page", at)
                count += 1
    return count
