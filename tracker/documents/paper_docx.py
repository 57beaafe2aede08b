"""A paper as docx: styles, sections and fields of WordprocessingML, nothing that runs and no picture."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from html import escape
from itertools import pairwise
from typing import Any

import docx
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.section import Section
from docx.shared import Mm, Pt

from tracker.documents.paper import (
    BODY_PT,
    BOTTOM_MM,
    COLOURS,
    FONT,
    HEAD_PT,
    LEFT_MM,
    LONG_MM,
    RIGHT_MM,
    SHORT_MM,
    TABLE_PT,
    TOP_MM,
    Bars,
    Block,
    Grid,
    Heading,
    Labelled,
    Line,
    Paper,
    Row,
    clean,
    made_at,
    widths,
)

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TWIPS_PER_MM = 56.6929
_LONGEST_KEPT = 1_200
"""A row with more letters may be split between pages; a shorter one goes to the next page whole."""
_MOST_KEPT = 20
"""A chart with so many bars stays on one page."""


def to_docx(paper: Paper) -> bytes:
    """The paper as docx; the same paper gives the same bytes."""
    document = docx.Document()
    _styles(document)
    properties = document.core_properties
    properties.title = clean(f"{paper.title} {paper.about}").strip()[:250]
    properties.author = properties.last_modified_by = clean(paper.body)[:250]
    properties.language = "vi-VN" if paper.language == "vi" else "en-US"
    properties.comments = ""
    properties.created = properties.modified = made_at(paper)
    first = document.sections[0]
    _section(first, paper.is_landscape)
    _running(first, paper)
    body = document.element.body
    # Looked up once: to find it means to walk over everything before it.
    end = body.sectPr
    for element in _front(paper):
        end.addprevious(element)
    for position, annex in enumerate(paper.annexes):
        section = document.add_section(WD_SECTION.NEW_PAGE)
        _section(section, annex.is_landscape)
        end = body.sectPr
        _shrink_break(end)
        head = [
            _p(paper.annex_label(position), bold=True, align="center", keep=True),
            _p(annex.title.upper(), bold=True, align="center", keep=True),
        ]
        if annex.under:
            head.append(_p(annex.under, italic=True, align="center", after=120, keep=True))
        for xml in [*head, *_blocks(annex.blocks, annex.is_landscape)]:
            end.addprevious(_element(xml))
    out = io.BytesIO()
    document.save(out)
    return _dated(out.getvalue(), paper)


def _dated(content: bytes, paper: Paper) -> bytes:
    """The same package with the day of the paper in place of the clock's."""
    at = made_at(paper).timetuple()[:6]
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, at), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _styles(document: Any) -> None:
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(BODY_PT)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        fonts.set(qn(script), FONT)
    normal.paragraph_format.space_after = normal.paragraph_format.space_before = Pt(0)


def _section(section: Section, is_landscape: bool) -> None:
    section.orientation = WD_ORIENT.LANDSCAPE if is_landscape else WD_ORIENT.PORTRAIT
    across, down = (LONG_MM, SHORT_MM) if is_landscape else (SHORT_MM, LONG_MM)
    section.page_width, section.page_height = Mm(across), Mm(down)
    section.top_margin, section.bottom_margin = Mm(TOP_MM), Mm(BOTTOM_MM)
    section.left_margin, section.right_margin = Mm(LEFT_MM), Mm(RIGHT_MM)
    section.header_distance = section.footer_distance = Mm(10)
    section.different_first_page_header_footer = True
    own = section._sectPr
    for old in own.findall(qn("w:pgNumType")):
        own.remove(old)
    # After the margins, as the schema orders them.
    own.find(qn("w:pgMar")).addnext(parse_xml(f'<w:pgNumType xmlns:w="{_W}" w:start="1"/>'))


def _running(section: Section, paper: Paper) -> None:
    """The page's number at the top from page 2, the foot on every page."""
    top = section.header.paragraphs[0]
    top.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for kind in ("begin", None, "end"):
        inner = (
            '<w:instrText xml:space="preserve"> PAGE </w:instrText>'
            if kind is None
            else f'<w:fldChar w:fldCharType="{kind}"/>'
        )
        top._p.append(parse_xml(f'<w:r xmlns:w="{_W}"><w:rPr><w:sz w:val="26"/></w:rPr>{inner}</w:r>'))
    section.first_page_header.is_linked_to_previous = False
    for foot in (section.footer, section.first_page_footer):
        foot.is_linked_to_previous = False
        line = foot.paragraphs[0]
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.add_run(clean(paper.foot)).font.size = Pt(8)


def _shrink_break(end: Any) -> None:
    """The paragraph that ends a section is empty: one point high, or it would open a page of its own."""
    properties = end.getprevious().get_or_add_pPr()
    xml = f'<w:spacing xmlns:w="{_W}" w:before="0" w:after="0" w:line="20" w:lineRule="exact"/>'
    properties.insert(0, parse_xml(xml))


def _element(xml: str) -> Any:
    return parse_xml(xml.replace(">", f' xmlns:w="{_W}">', 1))


# --- the first page ---


def _front(paper: Paper) -> Iterator[Any]:
    across = LONG_MM if paper.is_landscape else SHORT_MM
    whole = _twips(across - LEFT_MM - RIGHT_MM)
    yield _element(_head(paper, whole))
    if paper.title:
        yield _element(_p(paper.title, bold=True, align="center", before=360, keep=True))
    if paper.about:
        yield _element(_p(paper.about, bold=True, align="center", keep=True))
        yield _element(_rule(whole, whole // 5))
    for xml in _blocks(paper.blocks, paper.is_landscape):
        yield _element(xml)
    if paper.receivers or paper.signature is not None:
        yield _element(_p("", size=6))
        yield _element(_close(paper, whole))


def _head(paper: Paper, whole: int) -> str:
    left = round(whole * 0.42)
    centre = partial(_p, align="center")
    issuing = [
        *([centre(paper.parent, size=13)] if paper.parent else []),
        centre(paper.body, size=13, bold=True),
        _rule(left, left // 3),
        centre(paper.number, size=13, before=60),
    ]
    country = [
        centre(paper.word("state"), size=12.5, bold=True),
        centre(paper.word("motto"), size=13.5, bold=True),
        # The rule is as long as the motto: Decree 30/2020/NĐ-CP, annex I, part II.
        _rule(whole - left, _twips(58)),
        centre(paper.place, size=13.5, italic=True, before=60),
    ]
    return _bare_table([left, whole - left], [issuing, country])


def _close(paper: Paper, whole: int) -> str:
    left = whole // 2
    receivers = []
    if paper.receivers:
        receivers = [
            _p(paper.word("receivers"), size=12, bold=True, italic=True),
            *(_p(line, size=11) for line in paper.receivers),
        ]
    signing = []
    if paper.signature is not None:
        signing = [
            _p(paper.signature.capacity.upper(), bold=True, align="center", keep=True),
            *(_p("", keep=True) for _ in range(4)),
            _p(paper.signature.name, bold=True, align="center"),
        ]
    return _bare_table([left, whole - left], [receivers or [_p("")], signing or [_p("")]])


def _bare_table(sizes: list[int], cells: list[list[str]]) -> str:
    grid = "".join(f'<w:gridCol w:w="{size}"/>' for size in sizes)
    made = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{size}" w:type="dxa"/></w:tcPr>{"".join(cell)}</w:tc>'
        for size, cell in zip(sizes, cells, strict=True)
    )
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(sizes)}" w:type="dxa"/><w:tblLayout w:type="fixed"/>'
        '<w:tblCellMar><w:left w:w="0" w:type="dxa"/><w:right w:w="0" w:type="dxa"/></w:tblCellMar></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid><w:tr><w:trPr><w:cantSplit/></w:trPr>{made}</w:tr></w:tbl>"
    )


def _rule(within: int, length: int) -> str:
    side = max((within - length) // 2, 0)
    return (
        '<w:p><w:pPr><w:pBdr><w:top w:val="single" w:sz="6" w:space="1" w:color="000000"/></w:pBdr>'
        '<w:spacing w:before="20" w:after="0" w:line="120" w:lineRule="exact"/>'
        f'<w:ind w:left="{side}" w:right="{side}"/></w:pPr></w:p>'
    )


# --- blocks ---


def _blocks(blocks: Iterable[Block], is_landscape: bool) -> Iterator[str]:
    whole = _twips((LONG_MM if is_landscape else SHORT_MM) - LEFT_MM - RIGHT_MM)
    for block in blocks:
        match block:
            case Line(text, "body"):
                yield _p(text, align="both", first=_twips(10), before=120, line=264)
            case Line(text, "note"):
                yield _p(text, size=12, italic=True, align="both", before=60)
            case Line(text, "centre"):
                yield _p(text, align="center", before=60)
            case Line(text, _):
                yield _p(text, before=60)
            case Heading(text, 1):
                yield _p(text, bold=True, before=200, after=60, keep=True, level=0)
            case Heading(text, _):
                yield _p(text, bold=True, size=13, before=160, keep=True, align="both", level=1)
            case Labelled(label, text):
                yield _labelled(label, text)
            case Grid():
                yield _table(block, whole)
                yield _p("", size=6)
            case Bars():
                yield _p(block.title, bold=True, size=12, align="center", before=160, after=60, keep=True)
                yield _legend(block)
                yield _bars(block, whole)
                yield _p("", size=6)


def _labelled(label: str, text: str) -> str:
    return (
        f'<w:p><w:pPr><w:spacing w:before="20" w:after="0"/><w:ind w:left="{_twips(6)}"/><w:jc w:val="both"/></w:pPr>'
        f"{_run(label + ': ', 12, italic=True)}{_run(text, 12)}</w:p>"
    )


def _table(grid: Grid, whole: int) -> str:
    sizes = widths(grid.columns, whole)
    columns = "".join(f'<w:gridCol w:w="{size}"/>' for size in sizes)
    head = "".join(
        _cell(c.title, size, "center", bold=True, shade="E8EEF4", middle=True, size=HEAD_PT)
        for c, size in zip(grid.columns, sizes, strict=True)
    )
    rows = [f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{head}</w:tr>"]
    rows += [_row(row, grid, sizes) for row in grid.rows]
    if not grid.rows:
        rows.append(f"<w:tr>{_cell(grid.none, whole, 'center', across=len(sizes))}</w:tr>")
    return f"<w:tbl>{_table_properties(whole)}<w:tblGrid>{columns}</w:tblGrid>{''.join(rows)}</w:tbl>"


def _table_properties(whole: int) -> str:
    sides = "".join(
        f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="000000"/>'
        for side in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    return (
        f'<w:tblPr><w:tblW w:w="{whole}" w:type="dxa"/><w:tblBorders>{sides}</w:tblBorders>'
        '<w:tblLayout w:type="fixed"/><w:tblCellMar><w:left w:w="70" w:type="dxa"/>'
        '<w:right w:w="70" w:type="dxa"/></w:tblCellMar></w:tblPr>'
    )


def _row(row: Row, grid: Grid, sizes: list[int]) -> str:
    if row.kind == "group":
        cell = _cell(row.cells[0], sum(sizes), bold=True, shade="F5F5F0", across=len(sizes), keep=True)
        return f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{cell}</w:tr>"
    cells = "".join(
        _cell(value, size, "center" if column.align == "centre" else "left", bold=row.kind == "total")
        for value, size, column in zip(row.cells, sizes, grid.columns, strict=True)
    )
    kept = "<w:trPr><w:cantSplit/></w:trPr>" if sum(map(len, row.cells)) < _LONGEST_KEPT else ""
    return f"<w:tr>{kept}{cells}</w:tr>"


def _cell(
    text: str,
    width: int,
    align: str = "left",
    *,
    bold: bool = False,
    shade: str = "",
    across: int = 1,
    middle: bool = False,
    keep: bool = False,
    size: float = TABLE_PT,
) -> str:
    span = f'<w:gridSpan w:val="{across}"/>' if across > 1 else ""
    fill = f'<w:shd w:val="clear" w:color="auto" w:fill="{shade}"/>' if shade else ""
    centred = '<w:vAlign w:val="center"/>' if middle else ""
    inner = _p(text, size=size, bold=bold, align=align, before=20, after=20, keep=keep)
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{span}{fill}{centred}</w:tcPr>{inner}</w:tc>'


def _legend(bars: Bars) -> str:
    if len(bars.parts) < 2:
        return _p("", size=2, keep=True)
    parts = "".join(
        f'<w:r><w:rPr><w:color w:val="{_fill(n)}"/><w:sz w:val="22"/></w:rPr><w:t>\u25a0</w:t></w:r>'
        + _run(f" {part}    ", TABLE_PT)
        for n, part in enumerate(bars.parts)
    )
    return f'<w:p><w:pPr><w:keepNext/><w:spacing w:after="60"/><w:jc w:val="center"/></w:pPr>{parts}</w:p>'


def _bars(bars: Bars, whole: int) -> str:
    """Bars of shaded cells, which every reader of docx draws: one table, its grid every place where a part ends."""
    label = round(whole * 0.3)
    room = round(whole * 0.5)
    rows = []
    for name, figures in bars.bars:
        ends, at = [], label
        for n, figure in enumerate(figures):
            if figure:
                at = max(at + 1, label + round(room * sum(figures[: n + 1]) / bars.most))
                ends.append((at, _fill(n)))
        said = " + ".join(str(f) for f in figures if f)
        words = f"\u00a0\u00a0{sum(figures)}" + (f" = {said}" if " + " in said else "")
        rows.append((name, ends, words))
    edges = sorted({0, label, whole, *(at for _, ends, _ in rows for at, _ in ends)})
    grid = "".join(f'<w:gridCol w:w="{after - before}"/>' for before, after in pairwise(edges))

    def cell(start: int, end: int, inner: str, fill: str = "") -> str:
        span = edges.index(end) - edges.index(start)
        shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
        # A white line above and below keeps the bars apart.
        edge = "".join(
            f'<w:{side} w:val="single" w:sz="24" w:space="0" w:color="FFFFFF"/>' for side in ("top", "bottom")
        )
        return (
            f'<w:tc><w:tcPr><w:tcW w:w="{end - start}" w:type="dxa"/><w:gridSpan w:val="{span}"/>'
            f'<w:tcBorders>{edge}</w:tcBorders>{shade}<w:vAlign w:val="center"/></w:tcPr>{inner}</w:tc>'
        )

    made = []
    is_kept = len(rows) <= _MOST_KEPT
    for number, (name, ends, words) in enumerate(rows, 1):
        keep = is_kept and number < len(rows)
        cells = [cell(0, label, _p(f"{name}\u00a0\u00a0", size=TABLE_PT, align="right", keep=keep))]
        at = label
        for end, fill in ends:
            cells.append(cell(at, end, _p("", size=TABLE_PT, keep=keep), fill))
            at = end
        cells.append(cell(at, whole, _p(words, size=10, keep=keep)))
        made.append(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{''.join(cells)}</w:tr>")
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{whole}" w:type="dxa"/><w:tblLayout w:type="fixed"/>'
        '<w:tblCellMar><w:left w:w="0" w:type="dxa"/><w:right w:w="0" w:type="dxa"/></w:tblCellMar></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>{''.join(made)}</w:tbl>"
    )


def _fill(part: int) -> str:
    return COLOURS[part % len(COLOURS)].lstrip("#")


# --- paragraphs ---


def _p(
    text: str,
    *,
    size: float = BODY_PT,
    bold: bool = False,
    italic: bool = False,
    align: str = "left",
    before: int = 0,
    after: int = 0,
    first: int = 0,
    line: int = 0,
    keep: bool = False,
    level: int | None = None,
) -> str:
    # In the order of the schema: Word refuses another.
    properties = [
        "<w:keepNext/>" if keep else "",
        f'<w:spacing w:before="{before}" w:after="{after}"'
        + (f' w:line="{line}" w:lineRule="auto"' if line else "")
        + "/>",
        f'<w:ind w:firstLine="{first}"/>' if first else "",
        f'<w:jc w:val="{align}"/>',
        f'<w:outlineLvl w:val="{level}"/>' if level is not None else "",
        # An empty paragraph is as high as its mark.
        f'<w:rPr><w:sz w:val="{round(size * 2)}"/></w:rPr>' if not text else "",
    ]
    return f"<w:p><w:pPr>{''.join(properties)}</w:pPr>{_run(text, size, bold, italic) if text else ''}</w:p>"


def _run(text: str, size: float, bold: bool = False, italic: bool = False) -> str:
    half = round(size * 2)
    style = f"{'<w:b/>' * bold}{'<w:i/>' * italic}<w:sz w:val='{half}'/><w:szCs w:val='{half}'/>"
    lines = "<w:br/>".join(
        f'<w:t xml:space="preserve">{escape(line, quote=False)}</w:t>' for line in clean(text).split("\n")
    )
    return f"<w:r><w:rPr>{style}</w:rPr>{lines}</w:r>"


def _twips(mm: float) -> int:
    return round(mm * _TWIPS_PER_MM)
