"""An official paper as values: what stands on it, in the layout of Decree 30/2020/NĐ-CP, before it is docx or pdf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Literal

from tracker.documents.text import storable
from tracker.domain.issuer import NEEDED, Issuer
from tracker.i18n import Language, text

FONT = "Times New Roman"
TOP_MM, BOTTOM_MM, LEFT_MM, RIGHT_MM = 20, 20, 30, 15
SHORT_MM, LONG_MM = 210, 297
BODY_PT = 14.0
TABLE_PT = 11.0
HEAD_PT = 10.0
"""Tables of an annex and their heads may be smaller than the body's 13 to 14 points."""

COLOURS = ("#A4262C", "#C77700", "#6B4E9B", "#2F6DB5", "#5B6770")
"""Of the parts of a bar, darkest where it is gravest; each part has its number beside it as well."""


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph; a line break in it stays one."""

    text: str
    style: Literal["body", "note", "centre", "plain"] = "body"


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a part: level 1 for "I. …", level 2 for one item."""

    text: str
    level: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class Labelled:
    """A fact with its name before it, for the history of an item."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, its share of the width, where its text stands."""

    title: str
    width: int
    align: Literal["left", "centre"] = "left"


@dataclass(frozen=True, slots=True)
class Row:
    """A row; a group has one cell that goes across."""

    cells: tuple[str, ...]
    kind: Literal["row", "group", "total"] = "row"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose head comes again on every page."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    none: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars made of parts: what the parts are, and for each bar its name and the figure of each part."""

    title: str
    parts: tuple[str, ...]
    bars: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def most(self) -> int:
        """The longest bar; at least 1."""
        return max((sum(figures) for _, figures in self.bars), default=0) or 1


Block = Line | Heading | Labelled | Grid | Bars


@dataclass(frozen=True, slots=True)
class Annex:
    """An annex: numbered apart, across the sheet where its table is wide."""

    title: str
    under: str
    blocks: tuple[Block, ...]
    is_landscape: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signs: in which capacity, and the name below."""

    capacity: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole paper. `foot` stands at the bottom of every page; an empty `title` is none."""

    language: Language
    parent: str
    body: str
    number: str
    place: str
    title: str
    about: str
    blocks: tuple[Block, ...]
    foot: str
    made_on: date
    receivers: tuple[str, ...] = ()
    signature: Signature | None = None
    annexes: tuple[Annex, ...] = field(default_factory=tuple)
    is_landscape: bool = False

    def word(self, key: str, **params: object) -> str:
        """A sentence of the catalogue in the paper's language."""
        return text(self.language, f"document.{key}", **params)

    def annex_label(self, position: int) -> str:
        """How the annex at `position`, from 0, is called; a single one has no numeral."""
        numeral = ROMAN[position] if len(self.annexes) > 1 else ""
        return self.word("annex", numeral=numeral).strip()


ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def paper_day(day: date, language: Language = "vi") -> str:
    """A date as official papers write it: zeros before days under 10 and before months 1 and 2.

    Source: Decree 30/2020/NĐ-CP, annex I, part II.

    >>> paper_day(date(2025, 8, 5)), paper_day(date(2020, 1, 5))
    ('ngày 05 tháng 8 năm 2025', 'ngày 05 tháng 01 năm 2020')
    """
    if language == "en":
        return f"{day.day} {day:%B %Y}"
    month = f"{day.month:02d}" if day.month <= 2 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def usual_issuer(language: Language) -> Issuer:
    """The office of the catalogue, which is that of the demonstration: for an installation that has set none."""
    return Issuer(**{name: text(language, f"document.office.{name}") for name in NEEDED})


def place_and_day(day: date | None, language: Language, city: str = "") -> str:
    """The line on the right of the head; gaps to be filled in by hand where there is no day yet."""
    city = city or text(language, "document.office.city")
    if day is None:
        return text(language, "document.place_open", city=city)
    return text(language, "document.place", city=city, day=paper_day(day, language))


def issued_by(paper: Paper, office: Issuer, symbol: str) -> Paper:
    """A list or a table as a paper of the office's parent, which has no number yet."""
    return replace(
        paper,
        body=office.parent.upper(),
        number=number_line("", f"{symbol}-{office.parent_code}", paper.language),
        place=place_and_day(paper.made_on, paper.language, office.city),
    )


def number_line(number: str, symbol: str, language: Language) -> str:
    """The line on the left of the head: "Số: 12/TB-TCT", or a gap before the symbol while it has no number."""
    if number:
        return text(language, "document.number", number=number)
    return text(language, "document.number_open", symbol=symbol)


def short_day(day: date | None) -> str:
    """dd/mm/yyyy, or nothing."""
    return "" if day is None else day.strftime("%d/%m/%Y")


def widths(columns: Sequence[Column], whole: int) -> list[int]:
    """The width of each column so that they add up to `whole` exactly.

    >>> widths([Column("", 1), Column("", 2)], 100)
    [33, 67]
    """
    shares = sum(column.width for column in columns)
    ends = [0]
    for column in columns:
        ends.append(ends[-1] + column.width)
    at = [round(whole * end / shares) for end in ends]
    return [after - before for before, after in pairwise(at)]


def clean(value: str) -> str:
    """The text as any file can hold it, tabs as blanks."""
    return storable(value).replace("\t", " ")


@dataclass(frozen=True, slots=True)
class Document:
    """A finished file: a name that is safe on every system, its media type, its bytes."""

    name: str
    media_type: str
    content: bytes


DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF_TYPE = "application/pdf"


def made_at(paper: Paper) -> datetime:
    """The instant written into the file's own properties: midnight of its day, so that the bytes are the same."""
    day = paper.made_on
    return datetime(max(day.year, 1980), day.month, day.day, tzinfo=UTC)
