"""What somebody corrected in a table that was read: cells, rows left out, a header line where there was none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tracker.intake.tables import MAX_CELL, MAX_COLUMNS, Row, Table

HEADER_ROW = 0
"""The number of a header line that was put above the first row of the file."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Cells by (row as the file counts it, column from 0), rows that are left out, titles put above the table."""

    cells: Mapping[tuple[int, int], str] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()
    titles: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was corrected."""
        return not (self.cells or self.dropped or self.titles)

    def with_more(self, later: Corrections) -> Corrections:
        """These, and on top of them what was corrected later."""
        return Corrections(
            {**self.cells, **later.cells}, self.dropped | later.dropped, later.titles or self.titles
        )

    def apply(self, table: Table) -> Table:
        """The table as corrected; a corrected cell is text, whatever it was before.

        >>> Corrections({(2, 1): "Bộ Y tế"}).apply(Table((Row(2, ("a", "Bo Ytế")),))).rows
        (Row(number=2, cells=('a', 'Bộ Y tế')),)
        """
        if self.is_empty:
            return table
        rows = [self._row(row) for row in table.rows if row.number not in self.dropped]
        if self.titles:
            rows.insert(0, Row(HEADER_ROW, self.titles))
        formulas = tuple(
            f for f in table.formulas if f.row not in self.dropped and (f.row, f.column - 1) not in self.cells
        )
        return replace(table, rows=tuple(rows), formulas=formulas)

    def _row(self, row: Row) -> Row:
        own = {column: text for (number, column), text in self.cells.items() if number == row.number}
        if not own:
            return row
        cells = list(row.cells) + [None] * (max(own) + 1 - len(row.cells))
        for column, text in own.items():
            cells[column] = text
        return Row(row.number, tuple(cells))

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {
            "cells": [[row, column, text] for (row, column), text in sorted(self.cells.items())],
            "dropped": sorted(self.dropped),
            "titles": list(self.titles),
        }


def corrections_of(kept: Mapping[str, Any] | None) -> Corrections:
    """What `to_json` kept; nothing where there was nothing.

    >>> corrections_of(Corrections({(3, 0): "x"}, frozenset({5})).to_json()).dropped
    frozenset({5})
    """
    if not kept:
        return Corrections()
    return Corrections(
        {
            (row, column): text[:MAX_CELL]
            for row, column, text in kept["cells"]
            if row >= 0 and 0 <= column < MAX_COLUMNS
        },
        frozenset(kept["dropped"]),
        tuple(kept["titles"])[:MAX_COLUMNS],
    )
