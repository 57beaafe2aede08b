"""Tables as files: every row and every cell arrives as what it is, whatever somebody typed into it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from tracker.actions.exports import document_of
from tracker.documents.tables_model import (
    MOST_IN_PDF,
    MOST_ON_PAPER,
    Cell,
    Column,
    Row,
    Table,
    TableFormat,
    TableTooLong,
    TableTooLongForPaper,
    at_hand,
)
from tracker.documents.tables_write import open_file, read_into, write_table
from tracker.documents.tables_xlsx import sheet_name

HOSTILE = (
    "=1+1",
    "+84 24 1234",
    "-1",
    "@SUM(A1)",
    "\t=cmd|'/C calc'!A0",
    '\r\n=HYPERLINK("http://x")',
    " =1",
    "＝1",
    "a\x00b\x08c\x0bd\ufffe\ud800e",
    "<&>\"' ]]> &amp; <script>",
    "_x000D_ _x0041_ _xZZZZ_",
    "Hồ\u0323a\u0301\u0302 bi\u0300nh \u202eRTL\u202c",
    "dòng 1\nhai\r\nba\rbốn",
    "😀 đ",
    "12345678901234567890",
    "TRUE",
    "01/02/2025",
    "  lead and trail  ",
)
COLUMNS = (
    Column("words", "Nội dung", "long"),
    Column("count", "Số việc", "number"),
    Column("id", "Mã", "code"),
    Column("day", "Thời hạn", "day"),
    Column("at", "Thời điểm", "moment"),
    Column("rate", "Tỷ lệ", "percent"),
)
DAY = date(2025, 11, 24)
# 23:30 UTC is already the next day in Vietnam.
LATE_EVENING = datetime(2025, 11, 23, 23, 30, tzinfo=UTC)


def row_of(words: str, number: int = 1) -> Row:
    return (words, number, number, DAY, LATE_EVENING, Decimal("71.27"))


def table_of(
    rows: Sequence[Row], read: AsyncIterator[Sequence[Row]] | None = None, **changes: object
) -> Table:
    values: dict[str, object] = {
        "name": "thu",
        "title": "Danh sách & thử",
        "sheet": "Việc: 71/NQ-CP?",
        "as_of": "Tính đến hết ngày 24/11/2025",
        "made_on": DAY,
        "language": "vi",
        "columns": COLUMNS,
        "rows": read or at_hand(rows),
        "total": len(rows),
        "scope": ("Cơ quan: Bộ Y tế",),
        "notes": ("Tỷ lệ = đã xong / đến hạn.",),
    }
    return Table(**{**values, **changes})  # type: ignore[arg-type]


def written(table: Table, form: TableFormat, *, with_bom: bool = True) -> bytes:
    return asyncio.run(document_of(table, form, with_bom=with_bom)).content


def test_a_workbook_has_typed_cells_a_frozen_header_and_says_what_it_is() -> None:
    foot: Row = ("Tổng số", 3, None, None, None, Decimal("50.00"))

    content = written(table_of([row_of("một", 1), row_of("hai", 2)], foot=foot), "xlsx")

    book = load_workbook(io.BytesIO(content))
    sheet, about = book.worksheets
    assert sheet.title == "Việc- 71-NQ-CP-"
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:F3"
    assert [cell.value for cell in sheet[1]] == [column.title for column in COLUMNS]
    words, count, code, day, at, rate = sheet[2]
    assert (words.value, words.data_type) == ("một", "inlineStr") or words.data_type == "s"
    assert (count.value, count.number_format) == (1, "#,##0")
    assert (code.value, code.number_format) == (1, "0")
    assert (day.value, day.number_format) == (datetime.combine(DAY, time()), "dd/mm/yyyy")
    assert at.value == datetime.combine(DAY, time(6, 30))
    assert (rate.value, rate.number_format) == (71.27, '0.00"%"')
    assert [cell.value for cell in sheet[4]] == ["Tổng số", 3, None, None, None, 50]
    told = [str(cell.value) for line in about.iter_rows() for cell in line if cell.value is not None]
    assert told[0] == "Danh sách & thử"
    for line in ("Tính đến hết ngày 24/11/2025", "Cơ quan: Bộ Y tế", "2", "Tỷ lệ = đã xong / đến hạn."):
        assert line in told


def test_nothing_typed_is_run_lost_or_breaks_the_file() -> None:
    table = table_of([row_of(words) for words in HOSTILE])

    content = written(table, "xlsx")

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert parts.testzip() is None
        for name in parts.namelist():
            ElementTree.fromstring(parts.read(name))
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")
        assert not [name for name in parts.namelist() if "external" in name or "vba" in name.lower()]
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    read = [sheet.cell(line, 1) for line in range(2, len(HOSTILE) + 2)]
    assert all(cell.data_type in ("s", "inlineStr") for cell in read)
    assert [cell.value for cell in read][:4] == list(HOSTILE[:4])
    assert read[8].value == "abcde"
    assert read[9].value == HOSTILE[9]
    assert read[11].value == HOSTILE[11]
    assert read[12].value == "dòng 1\nhai\nba\nbốn"
    assert read[14].value == HOSTILE[14]
    assert read[17].value == HOSTILE[17]


def test_what_looks_like_an_escape_of_the_format_stays_what_was_typed() -> None:
    content = written(table_of([row_of("_x000D_ _x0041_ _xZZZZ_")]), "xlsx")

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert b"_x005F_x000D_ _x005F_x0041_ _xZZZZ_" in parts.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("length", [32_767, 32_768, 100_000])
@pytest.mark.parametrize("sign", ["đ", "😀"])
def test_a_long_text_is_cut_where_a_cell_ends_and_that_is_said(length: int, sign: str) -> None:
    words = sign * length
    units = len(words.encode("utf-16-le")) // 2

    sheet, about = load_workbook(io.BytesIO(written(table_of([row_of(words)]), "xlsx"))).worksheets
    shown = sheet["A2"].value

    assert len(shown.encode("utf-16-le")) // 2 <= 32_767
    said = " ".join(str(cell.value) for line in about.iter_rows() for cell in line)
    assert (shown == words) is (units <= 32_767)
    assert ("1 ô dài hơn" in said) is (units > 32_767)
    assert words in written(table_of([row_of(words)]), "csv").decode("utf-8-sig")
    assert json.loads(written(table_of([row_of(words)]), "json"))["items"][0]["words"] == words


def test_csv_guards_formulas_and_carries_its_mark_only_when_asked() -> None:
    rows = [row_of(words, -5) for words in HOSTILE]

    marked = written(table_of(rows), "csv", with_bom=True)
    bare = written(table_of(rows), "csv", with_bom=False)

    assert marked == b"\xef\xbb\xbf" + bare
    lines = list(csv.reader(io.StringIO(bare.decode(), newline="")))
    assert lines[0] == [column.title for column in COLUMNS]
    assert len(lines) == len(rows) + 1
    for line in lines[1:]:
        assert not line[0].lstrip(" \u00a0\u3000").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
        assert line[1:] == ["-5", "-5", "24/11/2025", "24/11/2025 06:30", "71.27"]


def test_json_has_every_value_as_it_is() -> None:
    rows = [row_of(words) for words in HOSTILE if "\ud800" not in words]

    told = json.loads(written(table_of(rows, foot=row_of("Tổng")), "json"))

    assert [item["words"] for item in told["items"]] == [row[0] for row in rows]
    assert told["count"] == len(rows)
    assert told["items"][0]["day"] == "2025-11-24"
    assert told["items"][0]["rate"] == "71.27"
    assert told["total"]["words"] == "Tổng"
    assert told["filters"] == ["Cơ quan: Bộ Y tế"]
    assert [column["key"] for column in told["columns"]] == [column.key for column in COLUMNS]


@pytest.mark.parametrize("form", ["xlsx", "csv", "json", "docx"])
def test_an_empty_table_is_a_file_all_the_same(form: TableFormat) -> None:
    content = written(table_of([]), form)

    if form == "xlsx":
        assert load_workbook(io.BytesIO(content)).worksheets[0].max_row == 1
    elif form == "json":
        assert json.loads(content)["items"] == []
    elif form == "csv":
        assert content.decode("utf-8-sig").count("\r\n") == 1
    else:
        assert "Không có dòng nào." in [
            cell.text
            for one in docx.Document(io.BytesIO(content)).tables
            for line in one.rows
            for cell in line.cells
        ]


def test_papers_hold_every_row_with_its_head_and_its_notes() -> None:
    rows = [row_of(f"việc {n} {HOSTILE[n % len(HOSTILE)]}", n) for n in range(60)]
    foot: Row = ("Tổng số", 60, None, None, None, Decimal("50.00"))

    content = written(table_of(rows, foot=foot), "docx")

    document = docx.Document(io.BytesIO(content))
    grid = max(document.tables, key=lambda one: len(one.rows))
    cells = [[cell.text for cell in line.cells] for line in grid.rows]
    assert cells[0][1:] == [column.title for column in COLUMNS]
    assert len(cells) == 62
    assert cells[2][:4] == ["2", "việc 1 +84 24 1234", "1", "1"]
    assert cells[1][4:] == ["24/11/2025", "24/11/2025 06:30", "71,27%"]
    assert cells[-1][1:3] == ["Tổng số", "60"]
    said = "\n".join(line.text for line in document.paragraphs)
    assert "Cơ quan: Bộ Y tế" in said
    assert "Tỷ lệ = đã xong / đến hạn." in said
    assert written(table_of(rows, foot=foot), "pdf").startswith(b"%PDF")


def test_what_is_too_long_is_refused_before_it_is_read() -> None:
    async def never() -> AsyncIterator[Sequence[Row]]:
        raise AssertionError("read")
        yield []

    ceilings: dict[TableFormat, int] = {"docx": MOST_ON_PAPER, "pdf": MOST_IN_PDF}
    for form, most in ceilings.items():
        with pytest.raises(TableTooLongForPaper):
            written(table_of([], read=never(), total=most + 1), form)
    with pytest.raises(TableTooLong):
        written(table_of([], read=never(), total=500_001), "xlsx")


def test_the_same_table_gives_the_same_bytes() -> None:
    forms: tuple[TableFormat, ...] = ("xlsx", "csv", "json", "docx")
    for form in forms:
        one, two = (written(table_of([row_of("một")]), form) for _ in range(2))
        assert one == two, form


@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=2))
def test_a_sheet_can_always_bear_its_name(words: str, taken: list[str]) -> None:
    name = sheet_name(words, taken)

    assert 1 <= len(name) <= 31
    assert not set(name) & set("[]:*?/\\")
    assert "'" not in (name[0], name[-1])
    assert name.casefold() != "history"


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_CELLS: st.SearchStrategy[Cell] = st.one_of(
    _TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.decimals(-1000, 1000, places=2),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(_CELLS, _CELLS), max_size=8))
def test_any_cells_make_a_workbook_that_opens_with_every_row(rows: list[tuple[Cell, Cell]]) -> None:
    table = table_of(rows, columns=(Column("a", "A"), Column("b", "B", "number")))
    content = written(table, "xlsx")

    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    for number, row in enumerate(rows, 2):
        for place, cell in enumerate(row, 1):
            if isinstance(cell, bool) or (isinstance(cell, int) and abs(cell) <= 2**53):
                assert sheet.cell(number, place).value == cell


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_the_workbook_and_reads_what_was_written(tmp_path: Path) -> None:
    content = written(table_of([row_of(words) for words in HOSTILE]), "xlsx")
    (tmp_path / "mo.xlsx").write_bytes(content)

    done = subprocess.run(
        [
            "soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to",
            'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false', "--outdir", str(tmp_path / "out"),
            str(tmp_path / "mo.xlsx"),
        ],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    lines = list(csv.reader(io.StringIO((tmp_path / "out/mo.csv").read_text("utf-8"), newline="")))
    assert [line[0] for line in lines[1:5]] == list(HOSTILE[:4])
    # Days in the order of the machine's language.
    assert {line[4][-13:] for line in lines[1:]} == {"2025 06:30:00"}
    assert len(lines) == len(HOSTILE) + 1


def test_a_reading_that_breaks_off_ends_the_file_and_is_told(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[Sequence[Row]]:
        yield [row_of("một")]
        raise InterruptedError

    forms: tuple[TableFormat, ...] = ("xlsx", "csv", "json", "docx")
    for form in forms:
        with pytest.raises(InterruptedError):
            asyncio.run(write_table(table_of([], read=broken()), form, tmp_path / "bang"))


def test_rows_keep_their_order_and_each_batch_is_told() -> None:
    async def batches() -> AsyncIterator[Sequence[Row]]:
        for start in range(0, 50, 10):
            await asyncio.sleep(0)
            yield [row_of(str(number), number) for number in range(start, start + 10)]

    heard: list[int] = []

    async def write() -> list[int]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bang.csv"
            table = table_of([], read=batches(), total=50)
            with open_file(path, "csv", table) as file:
                await read_into(file, table, heard.append)
                file.finish()
            return [int(line.split(",")[1]) for line in path.read_text("utf-8-sig").splitlines()[1:]]

    assert asyncio.run(write()) == list(range(50))
    assert heard == [10, 20, 30, 40, 50]
