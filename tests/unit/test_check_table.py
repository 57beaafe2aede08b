"""Printed tables checked: what adds up, what does not, and what gives each percentage."""

from __future__ import annotations

import io
import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from tracker.cli import main
from tracker.domain.printed_tables import (
    Grid,
    PrintedPercentage,
    PrintedTable,
    check_printed_table,
    sums_across,
)
from tracker.domain.statistics import Rounding
from tracker.intake import apart, printed_apart
from tracker.intake.printed_tables import read_printed_tables
from tracker.intake.tables import Unreadable
from tracker.terminal import Exit

SHARED = Path(__file__).parents[3] / "shared/data/published_statistics.json"


def grid_of(rows: list[list[int]], total: list[int] | None = None, groups: Any = None) -> Grid:
    """Rows of figures under nameless columns."""
    width = len(rows[0])
    named = tuple((f"hàng {n}", tuple(row)) for n, row in enumerate(rows))
    return Grid(
        tuple("" for _ in range(width)), named, None if total is None else tuple(total), "total", groups or {}
    )


def broken(grid: Grid) -> list[str]:
    """The lines of a grid that do not add up."""
    return [i.text for i in check_printed_table(PrintedTable("x", {}, grid)).identities if not i.holds]


@st.composite
def blocks(draw: st.DrawFn) -> list[list[int]]:
    """Rows of two blocks of three columns, and a third block that is their sum."""
    figure = st.integers(1, 999)
    rows = draw(st.lists(st.lists(figure, min_size=6, max_size=6), min_size=5, max_size=9))
    return [[*row, *(row[n] + row[n + 3] for n in range(3))] for row in rows]


@given(blocks())
def test_a_grid_that_adds_up_has_no_broken_line(rows: list[list[int]]) -> None:
    total = [sum(column) for column in zip(*rows, strict=True)]

    assert broken(grid_of(rows, total)) == []


@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=50)
@given(blocks(), st.data())
def test_one_changed_figure_is_named_in_its_row_and_its_column(
    rows: list[list[int]], data: st.DataObject
) -> None:
    total = [sum(column) for column in zip(*rows, strict=True)]
    # Figures that happen to fit several sums do not tell which is meant.
    assume([whole for _, whole in sums_across(grid_of(rows))] == [6, 7, 8])
    assume(all(parts == (whole - 6, whole - 3) for parts, whole in sums_across(grid_of(rows))))
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(6, 8))
    rows[row][column] += 7

    found = broken(grid_of(rows, total))

    assert len(found) == 2
    assert any(line.startswith(f"hàng {row}: ") for line in found)
    assert any(line.startswith(f"({column + 1}): ") for line in found)


def test_the_sums_across_are_read_from_what_most_rows_keep() -> None:
    rows = [[1, 2, 3], [4, 5, 9], [7, 8, 15], [2, 2, 5]]

    assert sums_across(grid_of(rows)) == [((0, 1), 2)]
    assert broken(grid_of(rows)) == ["hàng 3: 2+2=4≠5"]
    assert sums_across(grid_of([[1, 2, 3], [4, 5, 9]])) == []


def test_groups_are_summed_by_themselves_and_the_total_by_the_groups() -> None:
    rows = [[30], [10], [20], [7], [7]]
    groups = {0: (1, 2), 3: (4,)}

    assert broken(grid_of(rows, [37], groups)) == []
    assert broken(grid_of(rows, [74], groups)) == ["(1): 30+7=37≠74"]
    rows[2] = [21]
    assert broken(grid_of(rows, [37], groups)) == ["hàng 0, (1): 10+21=31≠30"]


@pytest.mark.parametrize(
    ("given_as", "rounding"),
    [
        (PrintedPercentage("", "62,8%", 3071, 4888), Rounding.HALF_UP),
        (PrintedPercentage("", "12,3%", 11, 89), Rounding.TRUNCATED),
        (PrintedPercentage("", "3,56%", 142, 7349), None),
        (PrintedPercentage("", "gần 50%", 1739, 3726), None),
        (PrintedPercentage("", "50%", 1, 0), None),
    ],
)
def test_two_told_figures_suffice(given_as: PrintedPercentage, rounding: Rounding | None) -> None:
    (checked,) = check_printed_table(PrintedTable("x", {}, None, (given_as,))).percentages

    assert (checked.explained_by.rounding if checked.explained_by else None) == rounding


def test_told_parts_of_one_whole_may_be_printed_as_the_remainder() -> None:
    parts = (
        PrintedPercentage("a", "33,3%", 1, 3),
        PrintedPercentage("b", "33,3%", 1, 3),
        PrintedPercentage("c", "33,4%", 1, 3),
    )

    found = check_printed_table(PrintedTable("x", {}, None, parts)).percentages

    assert [p.explained_by and p.explained_by.rounding for p in found] == ["half_up", "half_up", "remainder"]


def test_a_remainder_is_of_what_is_printed_beside_it_whichever_parts_those_are() -> None:
    cells = {"total": 3, "done": 1, "open_in_term": 1, "open_overdue": 1}
    parts = tuple(
        PrintedPercentage(name, text) for name, text in (("", "33,33%"), ("", "33,33%"), ("", "33,34%"))
    )

    found = check_printed_table(PrintedTable("x", cells, None, parts)).percentages

    assert [p.explained_by and p.explained_by.rounding for p in found] == ["half_up", "half_up", "remainder"]


@pytest.mark.parametrize(
    ("printed", "figures"),
    [("90,44%", (842, 931)), ("90,4%", (842, 931)), ("9,55%", (89, 931)), ("90,45%", None)],
)
def test_what_is_done_on_time_or_late_may_be_printed_out_of_what_is_done(
    printed: str, figures: tuple[int, int] | None
) -> None:
    cells = {"total": 1173, "done": 931, "done_on_time": 842, "done_late": 89, "open": 242}

    (found,) = check_printed_table(
        PrintedTable("x", cells, None, (PrintedPercentage("", printed),))
    ).percentages

    told = found.explained_by
    assert (told and (told.numerator, told.denominator)) == figures


@pytest.mark.parametrize(
    ("label", "printed", "figures"),
    [
        ("Đúng hạn/Tổng số", "50%", (500, 1000)),
        ("Đúng hạn/Tổng số", "70%", None),
        ("Quá hạn / Chưa hoàn thành", "16,7%", (50, 300)),
        ("", "71,4%", (500, 700)),
    ],
)
def test_two_cells_that_the_words_name_are_meant(
    label: str, printed: str, figures: tuple[int, int] | None
) -> None:
    cells = {"Tổng số": 1000, "Đã hoàn thành": 700, "Đúng hạn": 500, "Chưa hoàn thành": 300, "Quá hạn": 50}
    given = {"id": "x", "cells": cells, "printed_percentages": [{"label": label, "printed": printed}]}

    (table,) = read_printed_tables(json.dumps(given).encode(), "a.json")
    (found,) = check_printed_table(table).percentages

    told = found.explained_by
    assert (told and (told.numerator, told.denominator)) == figures


# --- files ---


def workbook(*sheets: tuple[str, list[list[object]]], merged: str = "") -> bytes:
    """A workbook of sheets with their rows."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if merged:
            sheet.merge_cells(merged)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


OFFICIAL: list[list[object]] = [
    ["BIỂU TỔNG HỢP"],
    ["STT", "Cơ quan", "Tổng số", "Hoàn thành", None, "Chưa hoàn thành", None, "Tỷ lệ hoàn thành"],
    [None, None, None, "Đúng hạn", "Quá hạn", "Trong hạn", "Quá hạn", None],
    ["I", "Bộ, ngành", 30, 12, 3, 10, 5, "75%"],
    [1, "Bộ Y tế", 20, 10, 2, 5, 3, "80%"],
    [2, "Bộ Tài chính", 10, 2, 1, 5, 2, "60%"],
    ["II", "Địa phương", "1.005", "1.000", 0, 5, 0, 1.0],
    [3, "Hà Nội", 1005, 1000, 0, 5, 0, 1.0],
    [None, "Tổng cộng", 1035, 1012, 3, 15, 5, "99,5%"],
]


def test_an_official_sheet_is_read_with_its_headings_groups_and_rates() -> None:
    data = workbook(("Biểu 1", OFFICIAL), merged="D2:E2")

    (table,) = read_printed_tables(data, "bieu.xlsx")
    assert table.grid is not None
    assert table.grid.columns[:3] == ("total", "done_on_time", "done_late")
    assert table.grid.groups == {0: (1, 2), 3: (4,)}
    checked = check_printed_table(table)

    assert [i.text for i in checked.identities if not i.holds] == []
    assert len(checked.identities) >= 15 + 5
    named = {p.label.partition(":")[0]: p.explained_by for p in checked.percentages}
    ministries = named["Bộ, ngành"]
    assert ministries is not None
    assert (ministries.numerator, ministries.denominator) == (15, 20)


def test_a_wrong_cell_of_an_official_sheet_is_named() -> None:
    wrong = [list(row) for row in OFFICIAL]
    wrong[4][3] = 11

    (table,) = read_printed_tables(workbook(("Biểu 1", wrong)), "bieu.xlsx")
    found = [i.text for i in check_printed_table(table).identities if not i.holds]

    assert "Bộ Y tế: 11+2+5+3=21≠20" in found
    assert any(line.startswith("Bộ, ngành, ") and line.endswith("11+2=13≠12") for line in found)


def test_a_list_of_figures_is_read_by_its_names() -> None:
    rows: list[list[object]] = [
        ["Tổng số nhiệm vụ", "21.914"],
        ["Đã hoàn thành", 16051],
        ["Chưa hoàn thành", 5863],
        ["Quá hạn", 223],
        ["Trong hạn", 5640],
        ["Tỷ lệ hoàn thành", "98,62%"],
        ["Tỷ lệ quá hạn", "1,38%"],
    ]

    (table,) = read_printed_tables(workbook(("2017", rows)), "2017.xlsx")
    checked = check_printed_table(table)

    assert sorted(i.text for i in checked.identities) == ["16051+5863=21914", "5640+223=5863"]
    assert [p.explained_by and p.explained_by.rounding for p in checked.percentages] == [
        Rounding.TRUNCATED,
        Rounding.REMAINDER,
    ]


HEAD: list[object] = ["STT", "Cơ quan", "Tổng số", "Hoàn thành", "Chưa hoàn thành"]
LAYOUTS: dict[str, tuple[list[list[object]], str, list[str], list[str | None]]] = {
    "the total stands first, percentages without a sign": (
        [
            ["STT", "Cơ quan", "Tổng số", "Hoàn thành", None, "Tỷ lệ hoàn thành (%)"],
            [None, None, None, "Đúng hạn", "Quá hạn", None],
            ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)=(4)/(3)"],
            [None, "Tổng số", "1.350", "900", "450", "100,00"],
            [1, "Bộ Y tế", "750", "500", "250", "100,00"],
            [2, "Bộ Tài chính", "500", "300", "201", "100,00"],
            [3, "Bộ Nội vụ", "100", "100", None, "100,00"],
            [4, "Bộ Công an", "-", "-", "-", "-"],
        ],
        "A1:A2",
        ["done_late: 250+201+0=451≠450", "Bộ Tài chính: 300+201=501≠500"],
        ["100,00", None, "100,00", "100,00"],
    ),
    "two tables on a sheet": (
        [
            ["Bảng 1"],
            ["Cơ quan", "Tổng số", "Hoàn thành", "Chưa hoàn thành"],
            ["Bộ Y tế", 10, 6, 4],
            ["Tổng", 10, 6, 4],
            [],
            ["Bảng 2"],
            ["Cơ quan", "Đã trình", "Chưa trình", "Tổng số"],
            ["Bộ Y tế", 3, 2, 6],
            ["Tổng", 3, 2, 5],
        ],
        "",
        ["total: 6=6≠5", "Bộ Y tế: 3+2=5≠6"],
        [],
    ),
    "groups in two levels": (
        [
            HEAD,
            ["A", "Trung ương", 60, 40, 20],
            ["I", "Bộ", 40, 25, 15],
            [1, "Bộ Y tế", 25, 15, 10],
            [2, "Bộ Tài chính", 15, 10, 5],
            ["II", "Cơ quan khác", 20, 15, 5],
            ["B", "Địa phương", 40, 20, 20],
            [None, "Tổng cộng (A+B)", 100, 60, 41],
        ],
        "",
        ["open: 20+20=40≠41", "Tổng cộng (A+B): 60+41=101≠100"],
        [],
    ),
    "subtotals below, and agencies whose names begin like sums": (
        [
            HEAD,
            [1, "Tổng công ty Điện lực", 10, 6, 4],
            [2, "Tổng cục Thống kê", 20, 15, 5],
            [None, "Cộng trung ương", 30, 21, 9],
            [3, "Công an tỉnh", 5, 5, 0],
            [4, "Hà Nội", 7, 2, 5],
            [None, "Cộng địa phương", 12, 7, 5],
            [None, "Tổng cộng", 42, 28, 14],
        ],
        "",
        [],
        [],
    ),
    "years for headings": (
        [["Biểu 3"], ["Cơ quan", 2023, 2024], ["Bộ Y tế", 10, 20], ["Bộ Nội vụ", 1, 2], ["Tổng", 11, 23]],
        "",
        ["2024: 20+2=22≠23"],
        [],
    ),
    "figure and percentage in one cell": (
        [
            ["Cơ quan", "Tổng số", "Hoàn thành", "Chưa hoàn thành"],
            ["Bộ Y tế", "1 250", "950 (76%)", "300 (25%)"],
            ["Tổng", "1 250", "950 (76%)", "300 (24%)"],
        ],
        "",
        [],
        ["76%", None, "76%", "24%"],
    ),
    "parts of a whole, the last one the rest": (
        [
            ["Khối", "Số nhiệm vụ", "Tỷ trọng (%)"],
            ["Bộ, ngành", 1, "33,3"],
            ["Địa phương", 1, "33,3"],
            ["Tập đoàn", 1, "33,4"],
            ["Tổng", 3, "100"],
        ],
        "",
        [],
        ["33,3", "33,3", "33,4", "100"],
    ),
    "statuses down the rows, some of them under others": (
        [
            ["Nội dung", "Số lượng"],
            ["Tổng số nhiệm vụ được giao", "8.282 nhiệm vụ"],
            ["1. Đã hoàn thành", 6932],
            ["- Đúng hạn", 5821],
            ["- Quá hạn", 1111],
            ["2. Chưa hoàn thành", 1350],
            ["- Trong hạn", 1141],
            ["- Quá hạn", 208],
            ["Tỷ lệ hoàn thành (%)", 83.7],
        ],
        "",
        ["1141+208=1349≠1350"],
        ["83.7"],
    ),
    "nothing out of nothing, an empty cell, one per cent": (
        [
            ["Cơ quan", "Tổng số", "Hoàn thành", "Chưa hoàn thành", "Tỷ lệ (%)"],
            ["Bộ Y tế", 100, 1, 99, 1],
            ["Bộ Nội vụ", 80, None, 80, 0],
            ["Bộ Xây dựng", 0, 0, 0, "0%"],
            ["Bộ Công an", 3, 2, 1, "66,6%"],
            ["Tổng", 183, 3, 180, "1,63%"],
        ],
        "",
        [],
        ["1", "0", None, "66,6%", "1,63%"],
    ),
    "amounts of money are not summed": (
        [["Cơ quan", "Vốn", "Số dự án"], ["Bộ Y tế", 12.5, 3], ["Bộ Nội vụ", 10, 4], ["Tổng", 23, 7]],
        "",
        [],
        [],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_sheets_as_offices_lay_them_out(name: str) -> None:
    rows, merged, wrong, explained = LAYOUTS[name]

    read = read_printed_tables(workbook(("Biểu", rows), merged=merged), "bieu.xlsx")
    checked = [check_printed_table(table) for table in read]

    assert [i.text for one in checked for i in one.identities if not i.holds] == wrong
    assert any(one.identities for one in checked)
    told = [p.printed if p.explained_by else None for one in checked for p in one.percentages]
    assert told == explained


def test_a_long_and_a_wide_table_take_seconds() -> None:
    rows = tuple((f"Xã {n}", tuple((n * (at + 3)) % 97 for at in range(58))) for n in range(2000))
    percentages = tuple(
        PrintedPercentage(name, "12,34%", cells={"total": row[0]}, column=60) for name, row in rows
    )
    table = PrintedTable("x", {}, Grid(tuple(map(str, range(58))), rows), percentages)
    begin = process_time()

    check_printed_table(table)

    assert process_time() - begin < 10


def test_json_is_read_as_leniently_as_it_can_be_meant() -> None:
    given = {
        "tables": [
            {"id": "văn bản", "cells": {"tổng số": "1.250", "đã hoàn thành": "950", "chưa hoàn thành": 300.0},
             "printed_percentages": [{"label": "đã hoàn thành / tổng số", "printed": "76%"}]},
            {"columns": ["Tổng số", "Hoàn thành", "Chưa hoàn thành", "Tỷ lệ"],
             "rows": [["A", 10, 7, 3, "70%"], ["B", 20, "-", 20, "0%"]], "total": [30, 7, 24, "23,3%"]},
            {"id": "tên", "rows": [{"name": "A", "total": 3, "done": 1, "open": 2}]},
        ]
    }  # fmt: skip

    tables = read_printed_tables(json.dumps(given).encode(), "a.json")
    checked = [check_printed_table(table) for table in tables]

    assert [one.id for one in checked] == ["văn bản", "a-2", "tên"]
    assert [i.text for one in checked for i in one.identities if not i.holds] == [
        "open: 3+20=23≠24",
        "total: 7+24=31≠30",
    ]
    assert all(p.explained_by for one in checked for p in one.percentages)


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"{", "a.json", "import_json_broken"),
        (b'{"cells": {"done": 1, "done": 2}}', "a.json", "import_json_key_twice"),
        (b'{"cells": {"done": Infinity}}', "a.json", "import_json_constant"),
        (b"[]", "a.json", "check_table_shape"),
        (b'[{"cells": 3}]', "a.json", "check_table_shape"),
        (b'[{"cells": {}, "printed_percentages": 3}]', "a.json", "check_table_percentages"),
        (b'[{"cells": {}, "printed_percentages": [3]}]', "a.json", "check_table_percentages"),
        (b'{"cells": {"columns": ["a"], "rows": [["x", 1, 2]]}}', "a.json", "check_table_row"),
        (b'{"cells": {"columns": ["a"], "rows": [["x", "y"]]}}', "a.json", "check_table_figure"),
        (b"%PDF-1.7", "a.pdf", "check_table_kind"),
        (b"no zip", "a.xlsx", "import_xlsx_broken"),
        (workbook(("a", [["chỉ có chữ"]])), "a.xlsx", "check_table_no_figures"),
    ],
)
def test_what_is_no_table_is_refused_by_name(content: bytes, name: str, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_printed_tables(content, name)

    assert refused.value.problems[0].code == code


# --- the command ---


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of one call, in Vietnamese."""
    code = main(["--language", "vi", "check-table", *arguments])
    return code, capsys.readouterr().out


def test_the_command_answers_in_words_and_in_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "bieu.json"
    cells = {"total": 8282, "done": 6932, "done_on_time": 5361, "done_late": 1111, "open": 1350}
    printed = [{"label": "hoàn thành", "printed": "83,70%"}, {"label": "sai", "printed": "3,56%"}]
    file.write_text(json.dumps({"id": "ĐN", "cells": cells, "printed_percentages": printed}), "utf-8")

    code, out = run(capsys, str(file))
    assert code == Exit.FAILED
    assert "ĐN: 1 trên 2 phép cộng khớp" in out
    assert "Không khớp: 5361+1111=6472≠6932" in out
    assert "83,70% = 6932 / 8282, làm tròn nửa lên" in out
    assert "sai: 3,56% không cách tính nào cho ra" in out

    _, out = run(capsys, str(file), "--json")
    (answer,) = json.loads(out)
    assert answer["percentages"][1] == {"label": "sai", "printed": "3,56%", "explained_by": None}
    told = answer["percentages"][0]["explained_by"]
    assert (told["numerator"], told["denominator"], told["rounding"]) == (6932, 8282, "half_up")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not on this machine")
def test_every_published_table_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, str(SHARED), "--json")

    answer = {table["id"]: table for table in json.loads(out)}
    assert [i["text"] for i in answer["CD220-2025-PL1"]["identities"] if not i["holds"]] == [
        "Bộ Giáo dục và Đào tạo: 113+101=214≠115",
        "total: 759+1806=2565≠2466",
    ]
    assert {"text": "sections: 9+46+19=74", "holds": True} in answer["TB624-2025"]["identities"]
    unexplained = [p["printed"] for t in answer.values() for p in t["percentages"] if not p["explained_by"]]
    assert sorted(unexplained) == [" “gần 50%”", "3,56%", "3,56%", "3,56%"]


def test_the_reader_apart_tells_what_it_found_or_why_not() -> None:
    rows: list[list[object]] = [["Cơ quan", "Tổng số", "Hoàn thành"], ["Bộ Y tế", 2, 1], ["Tổng", 3, 1]]
    asked = apart.request(workbook(("Biểu", rows)), "bieu.xlsx", "")

    (table,) = printed_apart.tables_of(printed_apart.answer_to(asked))
    assert (table["sums"], table["held"]) == (2, 1)

    for answer in (printed_apart.answer_to(apart.request(b"PK", "bieu.xlsx", "")), b"", b"Killed"):
        with pytest.raises(Unreadable):
            printed_apart.tables_of(answer)
