"""Tables of readings: which column is which, and cells as somebody would have typed them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tracker.documents.reading_template import Asked, template
from tracker.intake.files import read_file
from tracker.intake.readings import MOST_LINES, Column, as_json, as_typed, from_json, read_lines
from tracker.intake.tables import Cell, Formula, Row, Table, Unreadable, numbered


def table(*lines: tuple[Cell, ...]) -> Table:
    return Table(numbered(lines))


HEADER = ("Mã chỉ tiêu", "TÍNH ĐẾN NGÀY", "Số liệu", "Đơn vị")


@pytest.mark.parametrize(
    ("cell", "typed"),
    [
        (11.409, "11,409"),
        (99.97, "99,97"),
        (0.1 + 0.2, "0,3"),
        (30.0, "30"),
        (11409, "11409"),
        ("11.409", "11.409"),
        ("  gần   100 ", "gần 100"),
        (datetime(2025, 11, 30, 9, 5), "30/11/2025"),  # noqa: DTZ001  # a cell has no zone
        (date(2025, 11, 30), "30/11/2025"),
        (None, ""),
        ("Số liệu", "Số liệu"),  # decomposed marks are composed
    ],
)
def test_a_cell_is_what_somebody_would_have_typed(cell: Cell, typed: str) -> None:
    assert as_typed(cell) == typed


def test_the_header_may_stand_below_a_title_in_any_order() -> None:
    found = read_lines(
        table(("SỐ LIỆU CHỈ TIÊU",), ("Figure", "Ghi chú", "Target code"), ("5", "x", 7), ("", "y", 8))
    )
    assert [(line.row, line.text(Column.ID), line.text(Column.FIGURE)) for line in found] == [(3, "7", "5")]
    assert from_json(as_json(found)) == found


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (table(("Tên", "Giá trị"), ("x", "5")), "readings_no_header"),
        (table(("Mã", "Số liệu", "Kết quả"), ("1", "5", "6")), "import_column_twice"),
        (table(HEADER, *[("1", "30/11/2025", "5", "%")] * (MOST_LINES + 1)), "import_too_many_rows"),
        (
            Table((Row(1, HEADER), Row(2, ("1", "30/11/2025"))), formulas=(Formula(2, 3, "=1+1"),)),
            "import_formula",
        ),
    ],
)
def test_what_is_no_table_of_readings_is_refused(given: Table, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_lines(given)
    assert [p.code for p in refused.value.problems] == [code]


def test_the_template_is_read_back_with_nothing_filled_in_and_filled_in() -> None:
    asked = Asked("12", "Bộ Y tế", "=Nhiệm vụ", "Hồ sơ", "2025-11", date(2025, 11, 30), "% hồ sơ")
    for language in ("vi", "en"):
        content = template([asked], language)
        read = read_file(content, "mau.xlsx", "")
        assert read_lines(read) == []
        assert not read.formulas
        first, line = read.rows[0], read.rows[1]
        filled = Table((first, Row(2, (*line.cells[:6], "gần 20", *line.cells[7:]))))
        (found,) = read_lines(filled)
        assert (found.text(Column.ID), found.text(Column.AS_OF)) == ("12", "30/11/2025")
        assert (found.text(Column.FIGURE), found.text(Column.UNIT)) == ("gần 20", "% hồ sơ")
