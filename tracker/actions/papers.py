"""Official lists as papers: the overdue list and the tables of figures, as docx or pdf."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime

from tracker.actions.dossiers import NOTICE_FORMATS, PaperFormat
from tracker.actions.issuer import issuer_of
from tracker.actions.overdue import overdue_list
from tracker.actions.statistics import Figures, Question, Statistics, statistics
from tracker.documents import overdue_paper, statistics_paper
from tracker.documents.paper import DOCX_TYPE, PDF_TYPE, Document, Paper, issued_by
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import to_pdf
from tracker.documents.statistics_paper import FiguresLine, FiguresTable
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid
from tracker.i18n import DEFAULT_LANGUAGE, Language, text


async def overdue_document(
    actor: Actor,
    as_of: date | datetime,
    format: PaperFormat,
    agency_codes: Sequence[str] = (),
    directive_id: int | None = None,
    language: Language = DEFAULT_LANGUAGE,
) -> Document:
    """The overdue list of a day as a paper, the very rows of the page. Raises Invalid, NotFound."""
    _check(format)
    listing = await overdue_list(actor, as_of, agency_codes, directive_id)
    name = text(language, "document.file.overdue")
    return await _document(overdue_paper.to_paper(listing, language), name, format, "DS")


async def figures_document(
    actor: Actor, question: Question, head: str, format: PaperFormat, language: Language = DEFAULT_LANGUAGE
) -> Document:
    """A table of figures as a paper; `head` names what its rows are. Raises Invalid, NotFound."""
    _check(format)
    table = figures_table(await statistics(actor, question), head, text(language, "document.unnamed"))
    return await _document(
        statistics_paper.to_paper(table, language), text(language, "document.file.table"), format, "BC"
    )


def figures_table(of: Statistics, head: str, unnamed: str) -> FiguresTable:
    """The values that a paper tells of these statistics; `unnamed` stands for a head without a name."""

    def line(figures: Figures) -> FiguresLine:
        return FiguresLine(figures.count.label or unnamed, figures.count.buckets, figures.rate)

    return FiguresTable(
        of.question.as_of, head, tuple(line(row) for row in of.rows), line(of.total), of.is_sound
    )


def _check(format: str) -> None:
    if format not in NOTICE_FORMATS:
        raise Invalid.one("/format", "not_a_choice", format, allowed=", ".join(NOTICE_FORMATS))


async def _document(paper: Paper, name: str, format: PaperFormat, symbol: str) -> Document:
    paper = issued_by(paper, await issuer_of(paper.language), symbol)
    work, media_type = (to_docx, DOCX_TYPE) if format == "docx" else (to_pdf, PDF_TYPE)
    return Document(
        f"{name}-{paper.made_on:%Y-%m-%d}.{format}", media_type, await asyncio.to_thread(work, paper)
    )
