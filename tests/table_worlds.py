"""Worlds of tasks that a published table could have been counted from: so many of each kind, told as histories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

from tracker.domain.assignments import (
    Acceptance,
    Completion,
    DeadlineCause,
    DeadlineVersion,
    DueKind,
    Facts,
    State,
    Status,
    classify,
)
from tracker.domain.workdays import WorkCalendar

AS_OF = date(2025, 11, 24)
CALENDAR = WorkCalendar({}, frozenset({2025, 2026}))
KINDS = (
    "done_on_time",
    "done_late",
    "done_undated",
    "open_in_term",
    "open_undated",
    "open_overdue",
    "standing",
    "withdrawn",
)
_SAME = {"open_in_time": "open_in_term", "in_time": "open_in_term", "overdue": "open_overdue"}


def canonical(cells: Mapping[str, Any]) -> dict[str, int]:
    """The whole-number cells of a printed table under the product's names."""
    return {_SAME.get(name, name): value for name, value in cells.items() if isinstance(value, int)}


def kinds_of(cells: Mapping[str, Any]) -> dict[str, int]:
    """How many tasks of each kind give these printed cells; what no cell tells is taken as the printed sums leave it.

    Where the printed parts come to less than their whole, the rest had no deadline: neither in time nor late.
    """
    known = canonical(cells)
    done = known.get("done", known.get("done_of_due", known.get("submitted", 0)))
    late = known.get("done_late", 0)
    on_time = known.get("done_on_time", done - late)
    overdue = known.get("open_overdue", 0)
    still = known.get("open", known.get("not_submitted", known.get("total", done + overdue) - done))
    in_term = known.get("open_in_term", still - overdue)
    still = max(still, in_term + overdue)
    return {
        "done_on_time": on_time,
        "done_late": late,
        "done_undated": done - on_time - late,
        "open_in_term": in_term,
        "open_undated": still - in_term - overdue,
        "open_overdue": overdue,
    }


def history_of(kind: str, place: int) -> Facts:
    """A task's life that stands so at the cut-off; neighbours differ by some days."""
    some = place % 7
    assigned = AS_OF - timedelta(days=90 + some)
    due = {
        "done_on_time": AS_OF - timedelta(days=20 - some),
        "done_late": AS_OF - timedelta(days=40 - some),
        "open_in_term": AS_OF + timedelta(days=some),
        "open_overdue": AS_OF - timedelta(days=1 + some),
        "withdrawn": AS_OF + timedelta(days=30),
    }.get(kind)
    is_done = kind.startswith("done")
    reported = AS_OF - timedelta(days=30 - some)
    return Facts(
        assigned_at=assigned,
        due_kind=DueKind.STANDING if kind == "standing" else DueKind.DATED if due else DueKind.EVENT,
        deadlines=() if due is None else (DeadlineVersion(1, assigned, due, cause=DeadlineCause.ORIGINAL),),
        completions=(Completion(reported, Acceptance.APPROVED, reported + timedelta(days=2)),)
        if is_done
        else (),
        closed_as=State.WITHDRAWN if kind == "withdrawn" else None,
        closed_at=AS_OF - timedelta(days=3) if kind == "withdrawn" else None,
    )


@cache
def status_of(kind: str, variant: int) -> Status:
    """How the product classifies such a task at the cut-off; seven different lives of each kind."""
    return classify(history_of(kind, variant), AS_OF, CALENDAR)


def statuses_of(kinds: Mapping[str, int]) -> Iterator[Status]:
    """Every task of a world as the product classifies it at the cut-off."""
    for kind, count in kinds.items():
        for place in range(count):
            yield status_of(kind, place % 7)
