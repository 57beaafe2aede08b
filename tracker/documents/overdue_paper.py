"""The overdue list as a paper in the layout of Decree 30: figures, the annex, and the list by agency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from tracker.documents.paper import (
    Annex,
    Bars,
    Block,
    Column,
    Grid,
    Heading,
    Line,
    Paper,
    Row,
    number_line,
    place_and_day,
    short_day,
)
from tracker.documents.tables import (
    Sheet,
    Value,
    agency_sheet,
    annex_sheet,
    cut_off_words,
    grouped,
    overdue_sheet,
    percent,
    rate_words,
    scope_words,
)
from tracker.domain.overdue import OverdueList
from tracker.domain.zone import civil_day
from tracker.i18n import Language, text

MOST_BARS = 30
_SHARES = {
    "number": 7, "task": 40, "directive": 17, "lead": 18, "due_on": 14, "cooperating": 16, "original_due_on": 14,
    "days_late": 9, "extensions": 8, "last_report": 18, "cause": 16, "commitment": 14, "agency": 34, "agencies": 11,
}  # fmt: skip
_LEFT = frozenset({"task", "directive", "lead", "cooperating", "last_report", "cause", "agency"})
_LISTED = ("number", "task", "directive", "lead", "due_on", "original_due_on", "days_late", "extensions",
           "last_report", "cause", "commitment")  # fmt: skip


def to_paper(listing: OverdueList, language: Language) -> Paper:
    """The list as a paper across the sheet, with the digest of its values at the foot of every page."""
    day = listing.as_of if not isinstance(listing.as_of, datetime) else civil_day(listing.as_of)
    cut_off = cut_off_words(listing.as_of, language)
    code = "-".join(listing.digest[n : n + 4] for n in range(0, 16, 4)).upper()
    return Paper(
        language=language,
        parent="",
        body=text(language, "document.office.parent"),
        number=number_line("", text(language, "document.list.symbol"), language),
        place=place_and_day(day, language),
        title=text(language, "document.list.title"),
        about=cut_off,
        blocks=tuple(_text(listing, language)),
        foot=text(language, "document.list.foot", as_of=cut_off, code=code, digest=listing.digest),
        made_on=day,
        receivers=(
            text(language, "document.receiver.listed"),
            text(language, "document.receiver.kept_list"),
        ),
        annexes=(
            Annex(
                text(language, "document.list.annex"),
                cut_off,
                (grid_of(overdue_sheet(listing, language), language, _LISTED),),
                is_landscape=True,
            ),
        ),
        is_landscape=True,
    )


def _text(listing: OverdueList, language: Language) -> Iterator[Block]:
    for line in scope_words(listing, language):
        yield Line(line, "centre")
    rows = sum(len(line.rows) for line in listing.agencies)
    late = [(line.name, len(line.rows)) for line in listing.agencies if line.rows]
    yield Line(text(language, "document.list.count", rows=grouped(rows, language), agencies=len(late)))
    yield Heading(text(language, "document.list.part_figures"))
    yield grid_of(agency_sheet(listing, language), language)
    yield Line(rate_words(listing.rate, language), "note")
    if late:
        most = sorted(late, key=lambda pair: -pair[1])[:MOST_BARS]
        yield Bars(
            text(language, "document.list.chart"), ("",), tuple((name, (count,)) for name, count in most)
        )
    yield Heading(text(language, "document.list.part_tasks"))
    yield grid_of(annex_sheet(listing, language), language)


def grid_of(sheet: Sheet, language: Language, only: Sequence[str] = ()) -> Grid:
    """A sheet of cells as a table on paper, in the columns named."""
    keys = only or sheet.columns
    at = [sheet.columns.index(key) for key in keys]
    columns = tuple(
        Column(
            text(language, f"overdue_column_{key}"),
            _SHARES.get(key, 11),
            "left" if key in _LEFT else "centre",
        )
        for key in keys
    )
    rows = []
    for group in sheet.groups:
        if group.heading:
            rows.append(Row((group.heading,), "group"))
        rows += [Row(tuple(shown(cells[n], language) for n in at)) for cells in group.rows]
    if sheet.total is not None:
        rows.append(Row(tuple(shown(sheet.total[n], language) for n in at), "total"))
    return Grid(columns, tuple(rows), text(language, "overdue_none"))


def shown(value: Value, language: Language) -> str:
    """A cell as it is printed."""
    match value:
        case None:
            return ""
        case date():
            return short_day(value)
        case Decimal():
            return percent(value, language)
        case int():
            return grouped(value, language)
    return value
