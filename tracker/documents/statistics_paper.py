"""A table of official figures as a paper: its rows, their rates, and how the rate was reckoned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tracker.documents.paper import (
    Bars,
    Block,
    Column,
    Grid,
    Line,
    Paper,
    Row,
    number_line,
    place_and_day,
    short_day,
)
from tracker.documents.tables import grouped, percent, rate_words
from tracker.domain.statistics import Buckets, Rate
from tracker.i18n import Language, text

COLUMNS = (
    "total",
    "done_on_time",
    "done_late",
    "open_in_term",
    "open_overdue",
    "fallen_due",
    "rate",
    "standing",
    "withdrawn",
    "transferred",
    "superseded",
)
MOST_BARS = 30


@dataclass(frozen=True, slots=True)
class FiguresLine:
    """The figures under one head; for the totals the name is not used."""

    name: str
    buckets: Buckets
    rate: Rate


@dataclass(frozen=True, slots=True)
class FiguresTable:
    """A table of figures as of a day; `head` names what its rows are, `scope` what it was limited to."""

    as_of: date
    head: str
    lines: tuple[FiguresLine, ...]
    total: FiguresLine
    is_sound: bool = True
    scope: tuple[str, ...] = ()


def to_paper(table: FiguresTable, language: Language) -> Paper:
    """The table across the sheet, in the layout of Decree 30."""
    cut_off = text(language, "overdue_as_of", day=short_day(table.as_of))
    return Paper(
        language=language,
        parent="",
        body=text(language, "document.office.parent"),
        number=number_line("", text(language, "document.table.symbol"), language),
        place=place_and_day(table.as_of, language),
        title=text(language, "document.table.title"),
        about=cut_off,
        blocks=tuple(_text(table, language)),
        foot=text(
            language, "document.table.foot", as_of=cut_off, rate=rate_words(table.total.rate, language)
        ),
        made_on=table.as_of,
        is_landscape=True,
    )


def _text(table: FiguresTable, language: Language) -> Iterator[Block]:
    for line in table.scope:
        yield Line(line, "centre")
    columns = (
        Column(text(language, "overdue_column_number"), 7, "centre"),
        Column(table.head, 36),
        *(Column(text(language, f"overdue_column_{key}"), 11, "centre") for key in COLUMNS),
    )
    rows = [
        Row((str(number), line.name, *_figures(line, language))) for number, line in enumerate(table.lines, 1)
    ]
    total = Row(("", text(language, "overdue_total"), *_figures(table.total, language)), "total")
    yield Grid(columns, (*rows, total))
    yield Line(rate_words(table.total.rate, language), "note")
    yield Line(text(language, f"document.table.{'sound' if table.is_sound else 'unsound'}"), "note")
    unfinished = [line for line in table.lines if line.buckets.open]
    if unfinished:
        parts = ("open_overdue", "open_in_term")
        worst = sorted(unfinished, key=lambda line: (-line.buckets.open_overdue, -line.buckets.open))
        yield Bars(
            text(language, "document.table.chart"),
            tuple(text(language, f"overdue_column_{part}") for part in parts),
            tuple(
                (line.name, (line.buckets.open_overdue, line.buckets.open_in_term))
                for line in worst[:MOST_BARS]
            ),
        )


def _figures(line: FiguresLine, language: Language) -> tuple[str, ...]:
    cells = line.buckets.cells()
    rate = "–" if line.rate.value is None else percent(line.rate.value, language)
    return tuple(rate if key == "rate" else grouped(cells[key], language) for key in COLUMNS)
