"""A real official overdue list, imported, comes out again as of its own day with the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest

from tracker.actions import imports
from tracker.actions.overdue import overdue_list
from tracker.actions.seed import seed
from tracker.documents.overdue_csv import to_csv
from tracker.documents.overdue_json import to_object
from tracker.documents.overdue_xlsx import to_xlsx
from tracker.documents.tables import annex_rows, annex_sheet
from tracker.domain.directory import SYSTEM
from tracker.domain.search import search_key
from tracker.intake.files import read_file
from tracker.intake.rows import Defaults, check_numbering
from tracker.intake.tables import Row, Table
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

ANNEX = Path(__file__).parents[3] / "shared" / "data" / "overdue_annex_624.json"
CUT_OFF = date(2025, 11, 7)
LATER = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)

needs_annex = pytest.mark.skipif(not ANNEX.exists(), reason="the official annex is not beside the project")


def official_rows() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(ANNEX.read_text("utf-8"))["annex_I_overdue"]
    return rows


def annex_table() -> Table:
    return read_file(ANNEX.read_bytes(), ANNEX.name)


async def import_annex() -> imports.Plan:
    await seed()
    planned = await imports.plan(SYSTEM, annex_table(), Defaults(confirm_early=True), LATER)
    await imports.apply(SYSTEM, planned, LATER)
    return planned


Columns = tuple[str, str, tuple[str, ...], str]


def official(programme: str, task: str, lead: str, due: str) -> Columns:
    """The official columns of a row; several leads in no order, for ours is the order of the directory."""
    leads = tuple(sorted(search_key(lead.replace("; ", ", ")).split(", ")))
    return programme, search_key(task), leads, due


def printed(row: dict[str, str]) -> Columns:
    """The official columns as they were printed."""
    return official(row["section"], row["task"], row["lead"], row["due_printed"])


@needs_annex
async def test_the_official_list_comes_out_again_as_of_its_day(database: Settings) -> None:
    await import_annex()

    listing = await overdue_list(SYSTEM, CUT_OFF)
    rows = annex_rows(listing, "vi")

    ours = Counter(official(r.programme, r.task, r.lead, f"{r.due_on:%d/%m/%Y}") for r in rows)
    assert len(rows) == 74
    assert ours == Counter(printed(r) for r in official_rows())
    assert listing.totals.open_overdue == len(listing.rows) == listing.totals.total
    for row, original in zip(
        sorted(rows, key=lambda r: search_key(r.task)),
        sorted(official_rows(), key=lambda r: search_key(r["task"])),
        strict=True,
    ):
        number = row.directive.split(" ngày ")[0]
        cited = original["assigning_document"]
        assert number in cited or (number, cited) == ("02-KH/BCĐTW", "Kế hoạch 02")


@needs_annex
async def test_every_file_has_the_same_rows_and_numbers(database: Settings) -> None:
    await import_annex()
    listing = await overdue_list(SYSTEM, CUT_OFF)

    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(listing, "vi")))
    by_csv = list(csv.reader(io.StringIO(to_csv(listing, annex_sheet(listing, "vi"), "vi").decode())))
    by_json = to_object(listing, "vi")

    sheet = book["Phụ lục"]
    in_xlsx = [r for r in sheet.iter_rows(values_only=True) if isinstance(r[0], int) and r[4] is not None]
    assert len(in_xlsx) == len(by_csv) - 1 == 74
    assert isinstance(by_json["annex"], list)
    assert len(by_json["annex"]) == 74
    assert [r[1] for r in in_xlsx] == [r[1] for r in by_csv[1:]] == [r["task"] for r in by_json["annex"]]
    assert {r[-1] for r in by_csv[1:]} == {"Dữ liệu tính đến ngày 07/11/2025"}
    assert sheet["A2"].value == "Dữ liệu tính đến ngày 07/11/2025"
    assert all(isinstance(r[4], datetime) for r in in_xlsx)


@needs_annex
async def test_a_second_import_makes_no_doubles(database: Settings) -> None:
    await import_annex()

    again = await imports.plan(SYSTEM, annex_table(), Defaults(confirm_early=True), LATER)

    assert again.tasks == 0
    assert len(again.doubles) == 74
    assert again.problems == ()


@needs_annex
async def test_a_deadline_before_the_resolution_itself_must_be_confirmed(database: Settings) -> None:
    await seed()

    planned = await imports.plan(SYSTEM, annex_table(), Defaults(), LATER)

    assert [(p.row, p.column, p.code) for p in planned.problems] == [
        (50, "Thời hạn hoàn thành", "deadline_before_issue")
    ]


@needs_annex
def test_the_numbering_errors_of_the_original_are_named() -> None:
    results = json.loads(ANNEX.read_text("utf-8"))["annex_II_results"]
    rows = [Row(n, (r["stt"],)) for n, r in enumerate(results, start=1)]

    remarks = check_numbering([(r.number, str(r.cells[0])) for r in rows], "STT")

    assert [(r.code, r.value) for r in remarks] == [
        ("import_number_order", 20),
        ("import_number_order", 21),
        ("import_number_twice", 22),
        ("import_number_twice", 37),
        ("import_number_missing", 38),
    ]
