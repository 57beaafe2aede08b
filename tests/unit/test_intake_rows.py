"""Rows as tasks: every problem with its row, its column, its value; nothing guessed, nothing swapped."""

from __future__ import annotations

from datetime import date, time

import pytest

from tracker.domain.directory import Agency, AgencyKind
from tracker.intake.charged import Group, Names
from tracker.intake.citations import KnownDocument, read_citation, register
from tracker.intake.days import read_date
from tracker.intake.rows import Defaults, Reading, read_rows, row_key, shorten
from tracker.intake.tables import Cell, Formula, Row, Table

M, P = AgencyKind.MINISTRY, AgencyKind.PROVINCE
TODAY = date(2025, 11, 24)
AGENCIES = (
    Agency(1, "G18", "Bộ Y tế", M),
    Agency(2, "G12", "Bộ Tài chính", M),
    Agency(3, "G16", "Bộ Văn hóa, Thể thao và Du lịch", M),
    Agency(4, "G05", "Bộ Kế hoạch và Đầu tư", M, None, date(2025, 2, 28), successors=(2,)),
    Agency(5, "H26", "UBND thành phố Hà Nội", P),
    Agency(6, "H44", "UBND tỉnh Phú Thọ", P),
)
NAMES = Names(AGENCIES, (Group("địa phương có đảo", ("H26",)),), TODAY)
KNOWN = register(
    [KnownDocument("17/NQ-CP", "resolution", date(2019, 3, 7), "Chính phủ", "Chính phủ điện tử")]
)
HEADERS: tuple[Cell, ...] = (
    "STT",
    "Nhiệm vụ",
    "Văn bản giao",
    "Cơ quan chủ trì",
    "Cơ quan phối hợp",
    "Thời hạn",
)


def read(*rows: tuple[Cell, ...], defaults: Defaults | None = None, **kwargs: object) -> Reading:
    lines = (HEADERS, *rows)
    table = Table(tuple(Row(n, line) for n, line in enumerate(lines, start=1)), **kwargs)  # type: ignore[arg-type]
    return read_rows(table, NAMES, KNOWN, defaults or Defaults())


def row(
    task: Cell = "Lập kế hoạch",
    document: Cell = "17/NQ-CP",
    lead: Cell = "Bộ Y tế",
    helpers: Cell = "",
    due: Cell = "30/11/2025",
) -> tuple[Cell, ...]:
    return (None, task, document, lead, helpers, due)


def codes(reading: Reading) -> list[tuple[int, str, str]]:
    return [(p.row, p.column, p.code) for p in reading.problems]


@pytest.mark.parametrize(
    "written", ["05/08/2025", "5-8-2025", "2025-08-05", "ngày 05 tháng 8 năm 2025", 45874]
)
def test_a_date_in_any_unmistakable_form_is_one_date(written: Cell) -> None:
    reading = read(row(due=written))

    assert reading.problems == ()
    assert reading.drafts[0].task.due_on == date(2025, 8, 5)


def test_serial_numbers_follow_the_system_of_the_workbook() -> None:
    assert read_date(45874, "/due") == date(2025, 8, 5)
    assert read_date(45874 - 1462, "/due", is_1904=True) == date(2025, 8, 5)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("31/02/2019", "import_date_impossible"),
        ("12/31/2019", "import_date_month_and_day_swapped"),
        ("05/08/25", "import_date_short_year"),
        ("05/08/0025", "import_date_year_out_of_range"),
    ],
)
def test_a_date_that_is_none_is_refused_with_its_cell(written: str, code: str) -> None:
    reading = read(row(due=written))

    assert codes(reading) == [(2, "Thời hạn", code)]
    assert reading.problems[0].value == written


def test_a_swapped_date_names_both_readings() -> None:
    (problem,) = read(row(due="12/31/2019")).problems

    assert problem.params is not None
    assert (problem.params["day_first"], problem.params["month_first"]) == ("12/31/2019", "31/12/2019")


def test_deadlines_in_words_stay_words() -> None:
    drafts = read(row(due="trong quý III/2025"), row("Khác", due="6/2025"), row("Nữa", due=2026)).drafts

    assert [(d.task.deadline, d.task.due_on) for d in drafts] == [
        ("trong quý III/2025", None),
        ("6/2025", None),
        ("2026", None),
    ]


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ("G18; H44", ("G18", "H44")),
        ("Bộ trưởng Bộ Y tế", ("G18",)),
        ("UBND tỉnh Phú Thọ", ("H44",)),
        ("Bộ Văn hóa, Thể thao và Du lịch, Bộ Y tế", ("G18", "G16")),
        ("Các Bộ: Y tế, Tài chính", ("G18", "G12")),
    ],
)
def test_agencies_are_found_by_code_name_head_and_list(lead: str, expected: tuple[str, ...]) -> None:
    (draft,) = read(row(lead=lead)).drafts

    assert set(draft.task.leads) == set(expected)
    assert draft.task.lead_words == ""


def test_a_class_becomes_its_members_under_its_words() -> None:
    (draft,) = read(row(lead="Các địa phương")).drafts

    assert (set(draft.task.leads), draft.task.lead_words) == ({"H26", "H44"}, "Các địa phương")


def test_a_class_that_only_a_person_can_tell_is_told_by_a_group_or_refused() -> None:
    reading = read(row(lead="Các địa phương có đảo"), row("Khác", lead="Các địa phương có biển"))

    assert reading.drafts[0].task.leads == ("H26",)
    assert codes(reading) == [(3, "Cơ quan chủ trì", "import_class_narrowed")]


def test_an_abolished_agency_names_its_successor() -> None:
    (problem,) = read(row(lead="Bộ Kế hoạch và Đầu tư")).problems

    assert problem.code == "agency_abolished"
    assert problem.params is not None
    assert problem.value == "Bộ Kế hoạch và Đầu tư"
    assert problem.params["successors"] == "Bộ Tài chính (G12)"


@pytest.mark.parametrize("due", [True, -5, 6.2026, 1e12, date(9999, 12, 31), date(1, 1, 1), time(9, 30)])
def test_a_due_cell_that_is_neither_date_nor_words_is_refused(due: Cell) -> None:
    ((line, column, code),) = codes(read(row(due=due)))

    assert (line, column) == (2, "Thời hạn")
    assert code in ("import_date_expected", "import_date_year_out_of_range")


@pytest.mark.parametrize("due", ["x", "0", "khẩn trương"])
def test_words_without_a_time_are_remarked(due: str) -> None:
    reading = read(row(due=due))

    assert [(r.row, r.column, r.code, r.value) for r in reading.remarks] == [
        (2, "Thời hạn", "import_no_deadline", due)
    ]


@pytest.mark.parametrize("due", [2026, "sớm nhất trong quý I/2026", "thường xuyên", ""])
def test_words_with_a_time_are_not_remarked(due: Cell) -> None:
    reading = read(row(due=due))

    assert (reading.problems, reading.remarks) == ((), ())


def test_all_errors_of_all_rows_are_told_at_once() -> None:
    reading = read(
        row(task=""),
        row(lead=""),
        row("Một việc", lead="Bộ Y học", due="31/02/2019"),
        row("Việc nữa", helpers="Bộ Y tế"),
        row("Việc khác", document=""),
        row("Việc sau", document="99/QĐ-TTg"),
    )

    assert codes(reading) == [
        (2, "Nhiệm vụ", "import_required"),
        (3, "Cơ quan chủ trì", "lead_missing"),
        (4, "Cơ quan chủ trì", "import_agency_unknown"),
        (4, "Thời hạn", "import_date_impossible"),
        (5, "Cơ quan phối hợp", "lead_also_cooperating"),
        (6, "Văn bản giao", "import_document_missing"),
        (7, "Văn bản giao", "import_document_date"),
    ]


def test_a_formula_is_refused_with_the_name_of_its_cell() -> None:
    reading = read(row(lead=None), formulas=(Formula(2, 4, "=A1"),))

    assert [(p.code, p.params) for p in reading.problems] == [("import_formula", {"cell": "D2"})]


def test_co_operating_bodies_that_nobody_can_name_are_left_out_and_told() -> None:
    reading = read(row(helpers="Bộ Tài chính; các cơ quan liên quan"))

    assert reading.drafts[0].task.cooperating == ("G12",)
    assert [r.code for r in reading.remarks] == ["import_left_out"]


def test_section_lines_and_column_numbers_are_no_tasks() -> None:
    reading = read(
        ("1", "2", "3", "4", "5", "6"),
        ("I", "Về thể chế", None, None, None, None),
        row(),
        ("II. Về dữ liệu", None, None, None, None, None),
        row("Việc hai"),
    )

    assert [(d.row, d.task.field) for d in reading.drafts] == [(4, "Về thể chế"), (6, "II. Về dữ liệu")]


def test_a_cell_merged_downwards_holds_for_every_row_it_covers() -> None:
    reading = read(row(), row("Việc hai", lead=None), merged=((2, 4, 3, 4),))

    assert [d.task.leads for d in reading.drafts] == [("G18",), ("G18",)]


def test_the_same_row_twice_is_one_task() -> None:
    reading = read(row(), row())

    assert len(reading.drafts) == 1
    assert [(r.row, r.code, r.params) for r in reading.remarks] == [(3, "import_row_twice", {"first": 2})]


def test_the_key_of_a_row_does_not_depend_on_spelling() -> None:
    assert row_key("17/NQ-CP", "Lập kế  hoạch", "Bộ Y tế", "") == row_key(
        "17/nq-cp", "lập kế hoạch", "BỘ Y TẾ", ""
    )


@pytest.mark.parametrize(
    ("text", "number", "kind", "day"),
    [
        ("Thông báo số 44-TB/TGV ngày 12/9/2025", "44-TB/TGV", "conclusion", date(2025, 9, 12)),
        ("Nghị quyết số 17/NQ-CP", "17/NQ-CP", "resolution", date(2019, 3, 7)),
        ("17/NQ-СР", "17/NQ-CP", "resolution", date(2019, 3, 7)),  # Cyrillic С and Р
        ("Quyết định 2618/QĐ-BKHCN ngày 11 tháng 9 năm 2025", "2618/QĐ-BKHCN", "decision", date(2025, 9, 11)),
        ("11299/VPCP-KGVX ngày 2025-11-18", "11299/VPCP-KGVX", "letter", date(2025, 11, 18)),
        ("66.7/2025/NQ-CP ngày 15/11/2025", "66.7/2025/NQ-CP", "resolution", date(2025, 11, 15)),
    ],
)
def test_a_citation_is_taken_apart(text: str, number: str, kind: str, day: date) -> None:
    cited = read_citation(text, KNOWN, "/document")

    assert (
        getattr(cited, "number", None),
        getattr(cited, "kind", None),
        getattr(cited, "issued_on", None),
    ) == (
        number,
        kind,
        day,
    )


def test_a_short_name_is_the_first_clause_within_ninety_characters() -> None:
    long = "Rà soát việc bố trí trụ sở, trang cấp thiết bị, bố trí nhân lực và bảo đảm hệ thống hạ tầng mạng thông suốt"

    assert len(shorten(long)) <= 90
    assert shorten(long).endswith("…")
    assert shorten("Báo cáo.") == "Báo cáo"
