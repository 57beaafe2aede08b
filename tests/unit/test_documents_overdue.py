"""The overdue list as files: typed cells, nothing that runs, the same numbers everywhere."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.documents.overdue_csv import to_csv
from tracker.documents.overdue_json import to_object
from tracker.documents.overdue_xlsx import to_xlsx
from tracker.documents.tables import (
    agency_sheet,
    annex_rows,
    grouped,
    overdue_sheet,
    rate_words,
)
from tracker.documents.text import guarded, storable
from tracker.domain.assignments import Part
from tracker.domain.overdue import AgencyCount, OverdueList, OverdueRow, build
from tracker.domain.statistics import Buckets, Rate

DAY = date(2025, 11, 7)


def overdue(number: int, agency: str, **changes: Any) -> OverdueRow:
    row = OverdueRow(
        assignment_id=number,
        task_id=number,
        agency_code=agency,
        task=f"Việc {number}",
        directive_number="71/NQ-CP",
        directive_issued_on=date(2025, 4, 1),
        lead="Bộ Y tế",
        due_on=date(2025, 9, 30),
        days_late=38,
        full_text=f"Toàn văn việc {number}",
        programme="Chuyển đổi số",
    )
    return replace(row, **changes)


def listing(*rows: OverdueRow) -> OverdueList:
    listed = rows or (
        overdue(1, "G18", task_id=7, via_class="Các bộ, ngành"),
        overdue(2, "G12", task_id=7, task="Việc 1", full_text="Toàn văn việc 1", via_class="Các bộ, ngành"),
        overdue(3, "G12", last_report_on=date(2025, 11, 1), last_report="=HYPERLINK(1)", extensions=1),
    )
    names = {"G18": "Bộ Y tế", "G12": "Bộ Tài chính"}
    counts = [
        AgencyCount(
            code,
            name,
            Buckets(done_on_time=1200, open_overdue=sum(r.agency_code == code for r in listed), standing=2),
            name,
        )
        for code, name in names.items()
    ]
    return build(listed, DAY, counts)


def sheets(data: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(data))
    return {s.title: list(s.iter_rows(values_only=True)) for s in book.worksheets}


def test_the_columns_stand_in_the_official_order() -> None:
    (header, *_) = csv.reader(io.StringIO(to_csv(listing(), overdue_sheet(listing(), "vi"), "vi").decode()))

    assert header[:5] == [
        "STT",
        "Nhiệm vụ",
        "Văn bản giao nhiệm vụ",
        "Cơ quan chủ trì thực hiện",
        "Thời hạn hoàn thành",
    ]
    assert header[6:12] == [
        "Thời hạn gốc",
        "Số ngày quá hạn",
        "Số lần gia hạn",
        "Báo cáo gần nhất",
        "Nguyên nhân",
        "Cam kết",
    ]


def test_the_annex_has_one_row_a_task_in_the_words_that_charged_it() -> None:
    rows = annex_rows(listing(), "vi")

    assert [(r.task, r.lead, r.agencies) for r in rows] == [
        ("Toàn văn việc 1", "Các bộ, ngành", 2),
        ("Toàn văn việc 3", "Bộ Tài chính", 1),
    ]


def test_co_operating_agencies_are_not_charged_in_the_annex() -> None:
    rows = annex_rows(listing(overdue(1, "G18", part=Part.COOPERATING)), "vi")

    assert rows == []


def test_every_file_says_the_same_numbers() -> None:
    one = listing()

    book = sheets(to_xlsx(one, "vi"))
    lines = list(csv.reader(io.StringIO(to_csv(one, overdue_sheet(one, "vi"), "vi").decode())))
    as_json = json.loads(json.dumps(to_object(one, "vi")))

    in_book = [r for r in book["Theo cơ quan"] if isinstance(r[0], int)]
    in_json = [row for agency in as_json["agencies"] for row in agency["rows"]]
    assert len(in_book) == len(lines) - 1 == len(in_json) == len(one.rows) == 3
    assert (
        [r[7] for r in in_book] == [int(line[7]) for line in lines[1:]] == [r["days_late"] for r in in_json]
    )
    total = book["Số liệu"][-1]
    assert total[:3] == (None, "Tổng cộng", 2403)
    assert total[6] == as_json["totals"]["open_overdue"] == 3


def test_dates_are_dates_and_figures_are_figures() -> None:
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(listing(), "vi")))
    sheet = book["Theo cơ quan"]
    row = next(r for r in sheet.iter_rows() if r[0].value == 1)

    assert isinstance(row[4].value, date)
    assert row[4].number_format == "dd/mm/yyyy"
    assert row[7].data_type == "n"
    assert sheet.freeze_panes == "C4"
    assert sheet.print_title_rows == "$3:$3"


def test_nothing_in_a_workbook_is_a_formula_or_a_link() -> None:
    data = to_xlsx(
        listing(overdue(1, "G18", full_text="=1+1", cause="+cmd", last_report="http://x.example")), "vi"
    )

    book = openpyxl.load_workbook(io.BytesIO(data))
    assert all(cell.data_type != "f" for s in book.worksheets for r in s.iter_rows() for cell in r)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not any(
            b"<f>" in archive.read(n) or b"hyperlink" in archive.read(n) for n in archive.namelist()
        )


def test_the_same_list_gives_the_same_bytes() -> None:
    assert to_xlsx(listing(), "vi") == to_xlsx(listing(), "vi")


def test_an_empty_list_says_so() -> None:
    assert "Không có nhiệm vụ quá hạn." in [
        r[0] for r in sheets(to_xlsx(build((), DAY, ()), "vi"))["Phụ lục"]
    ]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", "\x00=", "＝", "＋", "－", "＠", " ="])
def test_text_that_begins_like_a_formula_is_guarded(begin: str) -> None:
    assert guarded(f"{begin}1+1").startswith("'")


def test_numbers_and_dates_are_never_guarded() -> None:
    one = listing(overdue(1, "G18", days_late=-3))

    (_, line) = csv.reader(io.StringIO(to_csv(one, overdue_sheet(one, "vi"), "vi").decode()))

    assert (line[4], line[7]) == ("30/09/2025", "-3")


def test_csv_is_rfc_4180_and_its_mark_is_a_choice() -> None:
    one = listing(overdue(1, "G18", cause='nói "chậm", dòng\nhai'))
    sheet = overdue_sheet(one, "vi")

    plain, marked = to_csv(one, sheet, "vi"), to_csv(one, sheet, "vi", with_bom=True)

    assert marked == b"\xef\xbb\xbf" + plain
    assert plain.count(b"\r\n") == 2
    assert list(csv.reader(io.StringIO(plain.decode(), newline="")))[1][10] == 'nói "chậm", dòng\nhai'


@given(st.text(max_size=60))
def test_any_text_can_be_stored_in_a_workbook(text: str) -> None:
    stored = storable(text)

    assert stored == storable(stored)
    openpyxl.Workbook().active["A1"] = stored  # type: ignore[index]  # the active sheet is one


def test_rates_name_what_of_what_and_how_it_was_rounded() -> None:
    words = rate_words(Rate("done", 16051, "fallen_due", 16274), "vi")

    assert words == (
        "Tỷ lệ hoàn thành: 98,63% = 16.051 đã hoàn thành / 16.274 đến hạn (đã hoàn thành và quá hạn chưa hoàn thành)"
        " (làm tròn đến 2 chữ số)"
    )
    assert grouped(1_234_567, "en") == "1,234,567"


def test_the_figures_of_each_agency_keep_the_official_sum() -> None:
    for row in (*agency_sheet(listing(), "vi").rows, agency_sheet(listing(), "vi").total or ()):
        _, _, total, on_time, late, in_term, overdue_now, *_ = row
        assert total == on_time + late + in_term + overdue_now  # type: ignore[operator]  # they are figures
