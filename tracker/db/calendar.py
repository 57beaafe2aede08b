"""The working calendar as stored: days off, swapped working days, and the years that are known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from tracker.db.engine import executemany, fetch
from tracker.domain.workdays import DayMark, WorkCalendar


async def load_calendar() -> WorkCalendar:
    """Every stored day and every known year."""
    years = await fetch("SELECT year FROM working_year")
    days = await fetch("SELECT day, kind, name, source, projected FROM working_day ORDER BY day")
    marks = tuple((r["day"], DayMark(r["kind"], r["name"], r["source"], r["projected"])) for r in days)
    return _calendar(marks, frozenset(r["year"] for r in years))


@lru_cache(maxsize=4)
def _calendar(marks: tuple[tuple[date, DayMark], ...], years: frozenset[int]) -> WorkCalendar:
    """The same days make the same calendar: laying out its years costs more than reading them."""
    return WorkCalendar(days=dict(marks), years=years)


async def insert_years(rows: Sequence[tuple[int, str, bool]]) -> None:
    """Known years as (year, source, confirmed); a year already known stays as it is."""
    await executemany(
        "INSERT INTO working_year (year, source, confirmed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows
    )


async def insert_days(rows: Sequence[tuple[object, str, str, str, bool]]) -> None:
    """Marked days as (day, kind, name, source, projected); a day already marked stays as it is."""
    await executemany(
        "INSERT INTO working_day (day, kind, name, source, projected) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        rows,
    )
