"""Files of strangers: what is read, in which encodings, and what is refused before it can harm."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.intake.columns import Column, find_heading
from tracker.intake.delimited import decode, read_csv
from tracker.intake.files import read_file
from tracker.intake.tables import MAX_BYTES, Cell, Table, Unreadable

NAIVE = datetime.fromisoformat("2025-11-30")
"""What a spreadsheet calls a date: a day at midnight of no zone."""
LINES = [
    ["STT", "Nhiệm vụ", "Cơ quan chủ trì", "Thời hạn"],
    ["1", "Lập kế hoạch, báo cáo", "Bộ Y tế", "30/11/2025"],
]


def workbook(rows: list[list[object]], merge: str = "", number_format: str = "") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    if number_format:
        for cell in sheet[2]:
            if isinstance(cell.value, datetime | date):
                cell.number_format = number_format
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cells(table: Table) -> list[tuple[Cell, ...]]:
    return [row.cells for row in table.rows]


def refused(data: bytes, name: str) -> str:
    with pytest.raises(Unreadable) as caught:
        read_file(data, name)
    (problem,) = caught.value.problems
    return problem.code


def text_of(delimiter: str) -> str:
    def quoted(cell: str) -> str:
        return f'"{cell}"' if delimiter in cell else cell

    return "\r\n".join(delimiter.join(quoted(c) for c in line) for line in LINES) + "\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_in_every_encoding_and_with_every_delimiter(encoding: str, delimiter: str) -> None:
    table = read_csv(text_of(delimiter).encode(encoding))

    assert cells(table) == [tuple(line) for line in LINES]


def test_windows_1258_is_composed() -> None:
    legacy = (
        "Nhiệm vụ,Bộ Y tế".replace("ệ", "ê\u0323")
        .replace("ụ", "u\u0323")
        .replace("ộ", "ô\u0323")
        .replace("ế", "ê\u0301")
    )

    assert decode(legacy.encode("cp1258")) == "Nhiệm vụ,Bộ Y tế"


def test_a_legacy_font_is_refused_not_garbled() -> None:
    tcvn3 = bytes(
        [0x4E, 0x68, 0x69, 0xD6, 0x6D, 0x20, 0x76, 0xF4, 0x2C, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xA8, 0xAC, 0xAD]
    )

    assert refused(tcvn3, "a.csv") == "import_csv_encoding"


def test_an_unclosed_quote_names_its_line() -> None:
    with pytest.raises(Unreadable) as caught:
        read_csv(b'a,b\n1,"never closed\n2,c\n')

    assert caught.value.problems[0].params == {"line": 2}


def test_quotes_inside_text_are_no_opening() -> None:
    assert cells(read_csv('a,5" ống\n"x ""y""",z\n'.encode()))[0] == ("a", '5" ống')


@given(
    st.lists(
        st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])), min_size=2, max_size=4),
        min_size=1,
        max_size=8,
    )
)
def test_any_text_in_utf8_is_read_or_refused(lines: list[list[str]]) -> None:
    data = "\n".join(",".join('"' + c.replace('"', '""') + '"' for c in line) for line in lines).encode()

    with contextlib.suppress(Unreadable):
        assert read_csv(data) is not None


def test_a_workbook_gives_values_and_dates() -> None:
    data = workbook([["STT", "Nhiệm vụ", "Hạn xử lý"], [1, "Báo cáo", NAIVE]])

    assert cells(read_file(data, "a.xlsx"))[1] == (1, "Báo cáo", NAIVE)


def test_a_month_that_a_spreadsheet_took_for_a_day_is_a_month_again() -> None:
    data = workbook(
        [["Nhiệm vụ", "Thời hạn"], ["Báo cáo", datetime.fromisoformat("2025-06-01")]], "", "mmm-yy"
    )

    assert cells(read_file(data, "a.xlsx"))[1] == ("Báo cáo", "6/2025")


def test_a_formula_is_neither_run_nor_trusted() -> None:
    table = read_file(workbook([["Nhiệm vụ", "Cơ quan chủ trì"], ["=1+1", "Bộ Y tế"]]), "a.xlsx")

    assert table.rows[1].cells[0] is None
    assert [(f.row, f.column, f.text) for f in table.formulas] == [(2, 1, "=1+1")]


def test_a_merged_header_is_refused_a_merged_title_is_not() -> None:
    title: list[list[object]] = [["Danh mục"], ["Nhiệm vụ", "Cơ quan chủ trì"], ["Báo cáo", "Bộ Y tế"]]

    assert find_heading(read_file(workbook(title, "A1:B1"), "a.xlsx")).row == 2
    with pytest.raises(Unreadable) as caught:
        find_heading(
            read_file(workbook([["Nhiệm vụ", "Cơ quan chủ trì", None], ["x", "y"]], "B1:C1"), "a.xlsx")
        )
    assert caught.value.problems[0].value == "B1:C1"


def archive(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = archive(**{"[Content_Types].xml": b"<x/>", "xl__a.xml": b"0" * (60 * 1024 * 1024)})

    assert len(bomb) < 100_000
    assert refused(bomb, "a.xlsx") == "import_bomb"
    assert refused(archive(**{f"xl__{n}": b"" for n in range(1001)}), "a.xlsx") == "import_bomb"


def test_a_size_that_lies_does_not_help() -> None:
    data = bytearray(archive(**{"[Content_Types].xml": b"<x/>", "xl__a.xml": b"0" * (8 * 1024 * 1024)}))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 10)  # the directory claims ten bytes

    assert refused(bytes(data), "a.xlsx") in ("import_xlsx_broken", "import_bomb")


def test_entities_macros_passwords_and_disguises_are_refused() -> None:
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x/>'

    assert (
        refused(archive(**{"[Content_Types].xml": b"<x/>", "xl__workbook.xml": entity}), "a.xlsx")
        == "import_entities"
    )
    assert (
        refused(archive(**{"[Content_Types].xml": b"<x/>", "xl__vbaProject.bin": b"x"}), "a.xlsx")
        == "import_macros"
    )
    assert refused(b"PK\x03\x04", "a.xlsm") == "import_macros"
    assert refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "a.xlsx") == "import_encrypted"
    assert refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "a.xls") == "import_old_format"
    assert refused(b"%PDF-1.7 ...", "a.csv") == "import_wrong_extension"
    assert refused(workbook([["a"]]), "a.csv") == "import_wrong_extension"
    assert refused(b"a,b", "a.xlsx") == "import_wrong_extension"
    assert refused(b"MZ", "a.pdf.exe") == "import_kind_unknown"
    assert refused(b"PK\x03\x04broken", "a.xlsx") == "import_xlsx_broken"
    assert refused(b"  \n", "a.csv") == "import_empty"
    assert refused(b"a" * (MAX_BYTES + 1), "a.csv") == "import_too_large"


def test_a_claimed_size_of_a_million_rows_is_not_believed() -> None:
    data = workbook([["Nhiệm vụ", "Cơ quan chủ trì"], ["Báo cáo", "Bộ Y tế"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            if name.endswith("sheet1.xml"):
                part = part.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"')
            target.writestr(name, part)

    assert len(read_file(out.getvalue(), "a.xlsx").rows) == 2


def test_too_many_rows_and_too_long_a_line_are_refused() -> None:
    assert refused(b"a,b\n" * 20_001, "a.csv") == "import_too_many_rows"
    assert refused(b"a," + b"x" * 1_000_000 + b"\n", "a.csv") in ("import_cell_too_long", "import_csv_broken")
    assert refused(b"a,b\n" + b"x," * 100 + b"x\n", "a.csv") == "import_too_many_columns"


def test_json_takes_lists_and_refuses_shapes_it_does_not_know() -> None:
    table = read_file('[{"Nhiệm vụ": "Báo cáo", "lead": ["Bộ Y tế", "Bộ Tài chính"]}]'.encode(), "a.json")

    assert cells(table) == [("Nhiệm vụ", "Cơ quan chủ trì"), ("Báo cáo", "Bộ Y tế; Bộ Tài chính")]
    assert refused(b"[1, 2]", "a.json") == "import_json_shape"
    assert refused(b'{"x": []}', "a.json") == "import_json_shape"
    assert refused(b'[{"a": {"b": 1}}]', "a.json") == "import_json_value"
    assert refused(b'[{"a": 1, "a": 2}]', "a.json") == "import_json_key_twice"
    assert refused(b"[{", "a.json") == "import_json_broken"
    assert refused(b"[" * 100_000, "a.json") == "import_json_broken"
    assert refused(b'[{"a": ' + b"9" * 5000 + b"}]", "a.json") == "import_json_broken"
    assert refused(b'[{"a":\n\xff}]', "a.json") == "import_json_broken"
    assert refused(b'[{"a": NaN}]', "a.json") == "import_json_constant"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["TT", "Tên nhiệm vụ", "Cơ quan chủ trì", "Cơ quan phối hợp", "Kết quả", "Thời gian hoàn thành"],
         [Column.ORDINAL, Column.TASK, Column.LEAD, Column.COOPERATING, Column.PRODUCT, Column.DUE]),
        (["STT", "Nhiệm vụ", "Văn bản giao nhiệm vụ", "Cơ quan chủ trì thực hiện", "Thời hạn hoàn thành"],
         [Column.ORDINAL, Column.TASK, Column.DOCUMENT, Column.LEAD, Column.DUE]),
        (["STT", "Ký hiệu VB", "Ngày ký", "Nơi gửi", "Nội dung/Trích yếu", "Hạn xử lý", "Đơn vị thực hiện",
          "KQ thực hiện/Ngày báo cáo", "Ghi chú"],
         [Column.ORDINAL, Column.DOCUMENT, Column.ISSUED_ON, Column.ISSUER, Column.TASK, Column.DUE, Column.LEAD,
          Column.NOTE, Column.NOTE]),
        (["No.", "Task", "Lead agency", "Deadline"], [Column.ORDINAL, Column.TASK, Column.LEAD, Column.DUE]),
    ],
)  # fmt: skip
def test_the_headers_of_the_official_tables_are_understood(
    headers: list[str], expected: list[Column]
) -> None:
    heading = find_heading(read_csv((",".join(headers) + "\n").encode()))

    assert set(heading.places) == set(expected)
    assert heading.unknown == ()
