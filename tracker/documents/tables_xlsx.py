"""A table as a workbook, written line by line into the compressed file: constant memory, typed cells, no formula.

The lines are put together here and not by xlsxwriter, which takes four times as long for a hundred thousand
(bench/bench_exports.py). Format: ECMA-376, part 1, chapter 18 (SpreadsheetML).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from tracker.documents.tables_model import Cell, Column, Kind, Row, Table
from tracker.documents.text import MAX_CELL, storable, whole
from tracker.domain.zone import civil_now
from tracker.i18n import text

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_ESCAPES = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_DAY_ZERO = date(1899, 12, 30)
_FIRST_DAY = date(1900, 3, 1)
"""Before it spreadsheets disagree, because 1900 had a 29 February for the first of them."""
_EXACT = 2**53
_LONGEST_NAME = 31
_LEVEL = 3
"""Of compression: at 6 the file is a tenth smaller and takes twice as long."""
_REMEMBERED = 20_000
_SHORT = 200

# The places of the formats in styles.xml.
_TEXT, _NUMBER, _CODE, _DAY, _MOMENT, _PERCENT, _HEAD, _TITLE, _FOOT = range(9)
_STYLES: dict[Kind, int] = {
    "text": _TEXT,
    "long": _TEXT,
    "number": _NUMBER,
    "code": _CODE,
    "day": _DAY,
    "moment": _MOMENT,
    "percent": _PERCENT,
}
_WIDTHS: dict[Kind, int] = {
    "text": 22,
    "long": 56,
    "number": 11,
    "code": 11,
    "day": 12,
    "moment": 17,
    "percent": 11,
}


def sheet_name(words: str, taken: Sequence[str] = ()) -> str:
    """A name that a sheet may bear: 31 characters at most, none of []:*?/\\, no apostrophe at an end, not taken.

    >>> sheet_name("Việc: 71/NQ-CP [mật]?"), sheet_name("'"), sheet_name("History")
    ('Việc- 71-NQ-CP -mật--', '-', 'History-')
    """
    name = _FORBIDDEN.sub("-", storable(words)).strip()[:_LONGEST_NAME].strip()
    if name.startswith("'"):
        name = "-" + name[1:]
    if name.endswith("'"):
        name = name[:-1] + "-"
    name = name or "-"
    # Excel keeps this name to itself.
    if name.casefold() == "history" or name.casefold() in {one.casefold() for one in taken}:
        name = name[: _LONGEST_NAME - 1] + "-"
    return name


def letters(place: int) -> str:
    """How a column is called, counted from 0.

    >>> letters(0), letters(25), letters(26), letters(701), letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    found = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        found = chr(65 + rest) + found
    return found


def _fitting(words: str) -> tuple[str, bool]:
    """The words as a cell can hold them, and whether some were cut: a cell takes 32,767 units of UTF-16."""
    said = whole(words)
    if len(said) * 2 <= MAX_CELL or len(said.encode("utf-16-le")) // 2 <= MAX_CELL:
        return said, False
    cut = said.encode("utf-16-le")[: (MAX_CELL - 1) * 2].decode("utf-16-le", "ignore")
    return cut + "…", True


def _escaped(words: str) -> str:
    """As XML text; what looks like an escape of the format stays what was typed."""
    if "_x" in words:
        words = _ESCAPES.sub("_x005F_", words)
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class XlsxRows:
    """The table's sheet with its header in sight, and a second sheet that says what the table is."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path, self._table = path, table
        self._row, self.cut = 1, 0
        self._made = (max(table.made_on.year, 1980), table.made_on.month, table.made_on.day, 0, 0, 0)
        self._known: dict[str, str] = {}
        self._writers = [self._writer(place, column) for place, column in enumerate(table.columns)]

    def __enter__(self) -> Self:
        self._zip = zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self._sheet = self._zip.open(self._info("xl/worksheets/sheet1.xml"), "w", force_zip64=True)
        columns = "".join(
            f'<col min="{n}" max="{n}" width="{_WIDTHS[c.kind]}" customWidth="1"/>'
            for n, c in enumerate(self._table.columns, 1)
        )
        self._put(
            f'{_DECLARED}<worksheet xmlns="{_MAIN}"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
            '<sheetViews><sheetView tabSelected="1" workbookViewId="0"><pane ySplit="1" topLeftCell="A2"'
            ' activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft" activeCell="A2" sqref="A2"/>'
            f'</sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>{columns}</cols><sheetData>'
        )
        heads = [_inline(letters(n), 1, c.title, _HEAD)[0] for n, c in enumerate(self._table.columns)]
        self._put(f'<row r="1">{"".join(heads)}</row>')
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        lines = []
        for row in rows:
            self._row += 1
            place = str(self._row)
            cells = [w(cell, place) for w, cell in zip(self._writers, row, strict=True) if cell is not None]
            lines.append(f'<row r="{place}">{"".join(cells)}</row>')
        self._put("".join(lines))

    def finish(self) -> None:
        """The sums, what the table is, and the parts that hold a workbook together."""
        table = self._table
        last = f"{letters(len(table.columns) - 1)}{self._row}"
        if table.foot is not None:
            self._row += 1
            self._put(f'<row r="{self._row}">{"".join(self._sums(table.foot))}</row>')
        title = _escaped(storable(table.title).replace("&", "&&").replace("\n", " ")[:120])
        self._put(
            f'</sheetData><autoFilter ref="A1:{last}"/>'
            '<pageMargins left="0.8" right="0.5" top="0.8" bottom="0.7" header="0.3" footer="0.3"/>'
            '<pageSetup paperSize="9" orientation="landscape" fitToWidth="1" fitToHeight="0"/>'
            f"<headerFooter><oddHeader>&amp;C{title}</oddHeader><oddFooter>&amp;C&amp;P/&amp;N</oddFooter>"
            "</headerFooter></worksheet>"
        )
        self._sheet.close()
        name = sheet_name(table.sheet)
        about = sheet_name(text(table.language, "table.about"), [name])
        self._part("xl/worksheets/sheet2.xml", self._about())
        self._part("xl/styles.xml", _STYLE_SHEET)
        quoted = _escaped(name.replace("'", "''"))
        self._part(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
            f'<sheet name="{_quoted(name)}" sheetId="1" r:id="rId1"/>'
            f'<sheet name="{_quoted(about)}" sheetId="2" r:id="rId2"/></sheets><definedNames>'
            f'<definedName name="_xlnm._FilterDatabase" localSheetId="0" hidden="1">\'{quoted}\'!$A$1:'
            f"{_fixed(last)}</definedName>"
            f'<definedName name="_xlnm.Print_Titles" localSheetId="0">\'{quoted}\'!$1:$1</definedName>'
            "</definedNames></workbook>",
        )
        kinds = (
            ("rId1", "worksheet", "worksheets/sheet1.xml"),
            ("rId2", "worksheet", "worksheets/sheet2.xml"),
        )
        self._part(
            "xl/_rels/workbook.xml.rels", _relations([*kinds, ("rId3", "styles", "styles.xml")], _RELATIONS)
        )
        self._part("_rels/.rels", _relations([("rId1", "officeDocument", "xl/workbook.xml")], _RELATIONS))
        self._part(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet2.xml" ContentType="{_TYPE}.worksheet+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
        )
        self._zip.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._sheet.close()
            self._zip.close()

    # -- cells -------------------------------------------------------------------------------------------

    def _writer(self, place: int, column: Column) -> Callable[[Cell, str], str]:
        """How a cell of this column is written; what is not of the column's kind is written as what it is."""
        at, own = letters(place), _STYLES[column.kind]
        known = self._known

        def write(cell: Cell, row: str) -> str:
            if type(cell) is str:
                inner = known.get(cell)
                if inner is None:
                    said, was_cut = _fitting(cell)
                    self.cut += was_cut
                    inner = _escaped(said)
                    if len(cell) < _SHORT and len(known) < _REMEMBERED:
                        known[cell] = inner
                if not inner:
                    return ""
                return (
                    f'<c r="{at}{row}" t="inlineStr" s="0"><is><t xml:space="preserve">{inner}</t></is></c>'
                )
            return _typed(cell, at, row, own)

        return write

    def _sums(self, foot: Row) -> Iterable[str]:
        for place, cell in enumerate(foot):
            if isinstance(cell, str):
                yield _inline(letters(place), self._row, cell, _FOOT)[0]
            elif cell is not None:
                kind = self._table.columns[place].kind
                yield _typed(cell, letters(place), str(self._row), _STYLES[kind])

    def _about(self) -> str:
        table, language = self._table, self._table.language
        shown = self._row - 1 - (table.foot is not None)
        said = [
            ("table.as_of", table.as_of),
            *(("table.scope", line) for line in table.scope),
            ("table.rows", shown),
            *(("table.notes", line) for line in table.notes),
        ]
        if self.cut:
            said.append(("table.cut", text(language, "table.cut_cells", count=self.cut, most=MAX_CELL)))
        rows = [f'<row r="1">{_inline("A", 1, table.title, _TITLE)[0]}</row>']
        before = ""
        for number, (key, value) in enumerate(said, 2):
            label = _inline("A", number, "" if key == before else text(language, key), _FOOT)[0]
            before = key
            cell = (
                _typed(value, "B", str(number), _NUMBER)
                if isinstance(value, int)
                else _inline("B", number, str(value), _TEXT)[0]
            )
            rows.append(f'<row r="{number}">{label}{cell}</row>')
        return (
            f'<worksheet xmlns="{_MAIN}"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
            '<sheetFormatPr defaultRowHeight="15"/><cols><col min="1" max="1" width="24" customWidth="1"/>'
            '<col min="2" max="2" width="100" customWidth="1"/></cols>'
            f"<sheetData>{''.join(rows)}</sheetData>"
            '<pageSetup paperSize="9" orientation="landscape" fitToWidth="1" fitToHeight="0"/></worksheet>'
        )

    # -- the package -------------------------------------------------------------------------------------

    def _put(self, xml: str) -> None:
        self._sheet.write(xml.encode("utf-8", "surrogatepass"))

    def _part(self, name: str, xml: str) -> None:
        self._zip.writestr(self._info(name), _DECLARED + xml, zipfile.ZIP_DEFLATED)

    def _info(self, name: str) -> zipfile.ZipInfo:
        # The same table gives the same bytes.
        info = zipfile.ZipInfo(name, self._made)
        info.compress_type = zipfile.ZIP_DEFLATED
        return info


def _typed(cell: Cell, at: str, row: str, style: int) -> str:
    match cell:
        case bool():
            return f'<c r="{at}{row}" t="b"><v>{int(cell)}</v></c>'
        case datetime():
            local = civil_now(cell)
            if local.date() < _FIRST_DAY:
                return _inline(at, row, f"{local:%d/%m/%Y %H:%M}", _TEXT)[0]
            seconds = local.hour * 3600 + local.minute * 60 + local.second
            days = (local.date() - _DAY_ZERO).days
            return f'<c r="{at}{row}" s="{_MOMENT}"><v>{days + seconds / 86_400:.15g}</v></c>'
        case date():
            if cell < _FIRST_DAY:
                return _inline(at, row, f"{cell:%d/%m/%Y}", _TEXT)[0]
            return f'<c r="{at}{row}" s="{_DAY}"><v>{(cell - _DAY_ZERO).days}</v></c>'
        case int() if abs(cell) > _EXACT:
            # A number so long loses its last digits in a spreadsheet.
            return _inline(at, row, str(cell), _TEXT)[0]
        case int():
            return f'<c r="{at}{row}" s="{style if style in (_NUMBER, _CODE) else _CODE}"><v>{cell}</v></c>'
        case Decimal() if cell.is_finite():
            return f'<c r="{at}{row}" s="{style if style == _PERCENT else _TEXT}"><v>{cell:f}</v></c>'
        case None:
            return ""
    return _inline(at, row, str(cell), _TEXT)[0]


def _inline(at: str, row: int | str, words: str, style: int) -> tuple[str, bool]:
    said, was_cut = _fitting(words)
    inner = f'<is><t xml:space="preserve">{_escaped(said)}</t></is>'
    return f'<c r="{at}{row}" t="inlineStr" s="{style}">{inner}</c>', was_cut


def _quoted(words: str) -> str:
    return _escaped(words).replace('"', "&quot;")


def _fixed(place: str) -> str:
    """`$C$5` for C5."""
    return re.sub(r"([A-Z]+)([0-9]+)", r"$\1$\2", place)


def _relations(parts: Iterable[tuple[str, str, str]], kind: str) -> str:
    told = "".join(
        f'<Relationship Id="{one}" Type="{kind}/{what}" Target="{where}"/>' for one, what, where in parts
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{told}</Relationships>'


def _format(number: int, *, font: int = 0, fill: int = 0, wrap: bool = False, border: int = 0) -> str:
    align = f'<alignment vertical="top"{" wrapText=" + chr(34) + "1" + chr(34) if wrap else ""}/>'
    return (
        f'<xf numFmtId="{number}" fontId="{font}" fillId="{fill}" borderId="{border}" xfId="0" applyNumberFormat="1"'
        f' applyFont="1" applyFill="1" applyBorder="1" applyAlignment="1">{align}</xf>'
    )


_FONT = '<name val="Times New Roman"/><family val="1"/>'  # Decree 30/2020/NĐ-CP, annex I
_STYLE_SHEET = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="3"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/>'
    '<numFmt numFmtId="165" formatCode="dd/mm/yyyy\\ hh:mm"/><numFmt numFmtId="166" formatCode="0.00&quot;%&quot;"/>'
    f'</numFmts><fonts count="3"><font><sz val="11"/>{_FONT}</font><font><b/><sz val="11"/>{_FONT}</font>'
    f'<font><b/><sz val="14"/>{_FONT}</font></fonts>'
    '<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '<fill><patternFill patternType="solid"><fgColor rgb="FFE8EEF4"/><bgColor indexed="64"/></patternFill></fill>'
    "</fills>"
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="9">'
    + _format(0, wrap=True)
    + _format(3)
    + _format(1)
    + _format(164)
    + _format(165)
    + _format(166)
    + _format(0, font=1, fill=2, wrap=True)
    + _format(0, font=2)
    + _format(0, font=1, wrap=True)
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
