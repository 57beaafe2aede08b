"""Tables of official figures as papers: what a paper tells of statistics."""

from __future__ import annotations

from tracker.actions.statistics import Figures, Statistics
from tracker.documents.statistics_paper import FiguresLine, FiguresTable


def figures_table(of: Statistics, head: str, unnamed: str) -> FiguresTable:
    """The values that a paper tells of these statistics; `unnamed` stands for a head without a name."""

    def line(figures: Figures) -> FiguresLine:
        return FiguresLine(figures.count.label or unnamed, figures.count.buckets, figures.rate)

    return FiguresTable(
        of.question.as_of, head, tuple(line(row) for row in of.rows), line(of.total), of.is_sound
    )
