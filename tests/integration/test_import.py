"""Importing from the command line and as an action: preview, refusal, writing, repeating, size."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tracker import cli_import, terminal
from tracker.actions import imports
from tracker.actions.seed import seed
from tracker.db.engine import fetchrow, fetchval
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.domain.errors import NotPermitted
from tracker.i18n import LANGUAGES
from tracker.intake.files import read_file
from tracker.intake.rows import Defaults
from tracker.intake.tables import Table, Unreadable, refuse
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

NOW = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)
HEADERS = ["TT", "Tên nhiệm vụ", "Cơ quan chủ trì", "Cơ quan phối hợp", "Kết quả", "Thời gian hoàn thành"]
ANNEX = Defaults(document="999/NQ-CP", issued_on=date(2025, 11, 20), issuer="Chính phủ")


def table(*lines: list[str], headers: list[str] = HEADERS) -> Table:
    out = io.StringIO()
    csv.writer(out).writerows([headers, *lines])
    return read_file(out.getvalue().encode(), "bang.csv")


async def counts() -> tuple[int, int, int]:
    row = await fetchrow(
        "SELECT (SELECT count(*) FROM directive) AS d, (SELECT count(*) FROM task) AS t,"
        " (SELECT count(*) FROM assignment) AS a"
    )
    assert row is not None
    return row["d"], row["t"], row["a"]


async def test_the_annex_of_a_resolution_becomes_tasks(database: Settings) -> None:
    await seed()
    source = table(
        ["I", "Về thể chế", "", "", "", ""],
        ["1", "Trình Nghị định về dữ liệu", "Bộ Công an", "Bộ Tư pháp, Bộ Tài chính", "Nghị định", "12/2025"],
        ["2", "Lập kế hoạch", "Các bộ, cơ quan ngang bộ", "", "Kế hoạch", "trong quý I năm 2026"],
    )

    planned = await imports.plan(SYSTEM, source, ANNEX, NOW)
    done = await imports.apply(SYSTEM, planned, NOW)

    assert (done.directives, done.tasks) == (1, 2)
    first = await fetchrow("SELECT * FROM task WHERE ordinal = 1")
    assert first is not None
    assert (first["product"], first["field"], first["deadline_phrase"]) == (
        "Nghị định",
        "Về thể chế",
        "12/2025",
    )
    due = await fetchval("SELECT DISTINCT due_on FROM assignment WHERE task_id = $1", first["id"])
    assert due == date(2025, 12, 31)
    via = await fetchval("SELECT count(*) FROM assignment WHERE via_class = 'Các bộ, cơ quan ngang bộ'")
    assert via == 17


async def test_the_weekly_table_names_its_own_documents(database: Settings) -> None:
    await seed()
    weekly = [
        "STT",
        "Ký hiệu VB",
        "Ngày ký",
        "Nơi gửi",
        "Nội dung/Trích yếu",
        "Hạn xử lý",
        "Đơn vị thực hiện",
        "Ghi chú",
    ]
    source = table(
        [
            "1",
            "901/VPCP-KTTH",
            "05/11/2025",
            "Văn phòng Chính phủ",
            "Báo cáo giải ngân",
            "28/11/2025",
            "Bộ Tài chính",
            "",
        ],
        ["2", "902/QĐ-TTg", "06/11/2025", "Thủ tướng Chính phủ", "Lập tổ công tác", "", "Bộ Nội vụ", "khẩn"],
        headers=weekly,
    )

    planned = await imports.plan(SYSTEM, source, Defaults(), NOW)
    await imports.apply(SYSTEM, planned, NOW)

    assert [(d.new.number, d.new.kind, d.new.issuer) for d in planned.directives] == [
        ("901/VPCP-KTTH", "letter", "Văn phòng Chính phủ"),
        ("902/QĐ-TTg", "decision", "Thủ tướng Chính phủ"),
    ]
    assert await counts() == (2, 2, 2)


async def test_nothing_is_written_while_one_of_ten_thousand_rows_is_wrong(database: Settings) -> None:
    await seed()
    lines = [[str(n), f"Nhiệm vụ số {n}", "Bộ Y tế", "", "", "30/11/2025"] for n in range(1, 10_001)]
    lines[7_000][5] = "31/02/2026"
    stages: list[tuple[str, int, int]] = []

    planned = await imports.plan(SYSTEM, table(*lines), ANNEX, NOW, lambda *at: stages.append(at))

    assert [(p.row, p.column, p.value, p.code) for p in planned.problems] == [
        (7_002, "Thời gian hoàn thành", "31/02/2026", "import_date_impossible")
    ]
    assert ("read", 10_000, 10_000) in stages
    with pytest.raises(imports.ImportRefused):
        await imports.apply(SYSTEM, planned, NOW)
    assert await counts() == (0, 0, 0)


async def test_a_long_table_is_written_in_portions_and_once(database: Settings) -> None:
    await seed()
    lines = [[str(n), f"Nhiệm vụ số {n}", "Bộ Y tế", "", "", "30/11/2025"] for n in range(1, 1_201)]

    planned = await imports.plan(SYSTEM, table(*lines), ANNEX, NOW)
    await imports.apply(SYSTEM, planned, NOW)
    again = await imports.plan(SYSTEM, table(*lines), ANNEX, NOW)

    assert await counts() == (1, 1_200, 1_200)
    assert (again.tasks, len(again.doubles)) == (0, 1_200)


async def test_an_interrupted_import_goes_on_where_it_stopped(database: Settings) -> None:
    await seed()
    lines = [[str(n), f"Nhiệm vụ số {n}", "Bộ Y tế", "", "", "30/11/2025"] for n in range(1, 4)]
    await imports.apply(SYSTEM, await imports.plan(SYSTEM, table(*lines[:1]), ANNEX, NOW), NOW)

    rest = await imports.plan(SYSTEM, table(*lines), ANNEX, NOW)
    await imports.apply(SYSTEM, rest, NOW)

    assert [d.directive_id is None for d in rest.directives] == [False]
    assert await counts() == (1, 3, 3)


async def test_what_the_rules_of_recording_refuse_names_its_row(database: Settings) -> None:
    await seed()
    source = table(
        ["1", "Việc sớm", "Bộ Y tế", "", "", "01/11/2025"],
        ["2", "Việc năm xa", "Bộ Y tế", "", "", "10 ngày làm việc kể từ ngày ký"],
        ["3", "Bộ đã kết thúc", "Bộ Kế hoạch và Đầu tư", "", "", ""],
    )

    planned = await imports.plan(SYSTEM, source, ANNEX, NOW)

    assert [(p.row, p.column, p.code) for p in planned.problems] == [
        (2, "Thời gian hoàn thành", "deadline_before_issue"),
        (4, "Cơ quan chủ trì", "agency_abolished"),
    ]
    line = cli_import.problem_line(planned.problems[1])
    assert "Bộ Tài chính" in line
    assert line.startswith("Dòng 4, cột “Cơ quan chủ trì”, giá trị “Bộ Kế hoạch và Đầu tư”:")


async def test_every_code_has_a_sentence_in_both_languages(database: Settings) -> None:
    await seed()
    source = table(
        ["1", "", "", "", "", "5/13/2025"],
        ["2", "Việc", "Bộ Không Có", "Bộ Không Có", "", "1/1/25"],
        ["3", "Việc khác", "Các địa phương có biển", "", "", "2025-02-30"],
        ["4", "Việc sớm", "Bộ Y tế", "", "", "01/11/2025"],
    )

    planned = await imports.plan(SYSTEM, source, ANNEX, NOW)

    for problem in planned.problems:
        for language in LANGUAGES:
            told = cli_import.sentence(problem.code, problem.value, problem.params, language)
            assert problem.code not in told
            assert cli_import.expected(problem, language)


async def test_an_agency_may_not_import(database: Settings) -> None:
    await seed()
    officer = Actor(1, "x", Role.AGENCY_OFFICER, agency_id=1)

    with pytest.raises(NotPermitted):
        await imports.plan(officer, table(), ANNEX, NOW)


async def test_the_preview_as_json_tells_everything(database: Settings) -> None:
    await seed()
    source = table(["1", "Việc", "Bộ Y tế", "các cơ quan liên quan", "", "31/02/2026"])

    planned = await imports.plan(SYSTEM, source, ANNEX, NOW)
    told = json.loads(json.dumps(cli_import.to_json(planned, None, "en"), default=str))

    assert told["applied"] is False
    assert told["problems"] == [
        {
            "row": 2,
            "column": "Thời gian hoàn thành",
            "value": "31/02/2026",
            "code": "import_date_impossible",
            "message": "there is no such day in the calendar.",
            "expected": told["problems"][0]["expected"],
        }
    ]
    assert told["remarks"][0]["code"] == "import_left_out"


def test_a_file_that_is_too_large_is_not_even_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.speak("vi")
    path = tmp_path / "to.csv"
    with path.open("wb") as file:
        file.truncate(11 * 1024 * 1024)

    with pytest.raises(Unreadable):
        cli_import._bytes(path)
    cli_import._refuse(refuse("import_too_large", 11, limit=10), as_json=False)

    assert "lớn hơn mức cho phép" in capsys.readouterr().err
