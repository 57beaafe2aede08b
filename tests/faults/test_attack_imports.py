"""The attack cases with tables to import: bombs, lies, disguises, encodings, repetition. Nothing half is written."""

from __future__ import annotations

import csv
import io
import struct
import unicodedata
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from time import monotonic
from typing import Any

import httpx
import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.api import Api, running_api
from tracker import clock
from tracker.actions import imports
from tracker.db.engine import fetch, fetchrow, fetchval
from tracker.intake import apart
from tracker.intake.tables import Unreadable
from tracker.jobs.long_work import LongWork
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

HEADERS = ["STT", "Nhiệm vụ", "Cơ quan chủ trì", "Thời hạn"]
FIXED = {"directive": "99/NQ-CP", "issued_on": "2025-11-20", "issuer": "Chính phủ"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'
)


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.fixture
async def office(api: Api) -> httpx.AsyncClient:
    return await api.client(api.world.secretariat)


def line(n: int, due: object = "30/11/2026", task: str = "") -> list[Any]:
    return [n, task or f"Nhiệm vụ số {n}", "Bộ Y tế", due]


def table(*lines: list[Any], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([HEADERS, *lines])
    return out.getvalue()


def workbook(*lines: list[Any], epoch: datetime | None = None, merge: str = "") -> bytes:
    book = openpyxl.Workbook()
    if epoch is not None:
        book.epoch = epoch
    sheet = book.active
    assert sheet is not None
    for row in [HEADERS, *lines]:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """A workbook with `old` replaced in one part; the part is made where it is not."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.namelist():
            content = source.read(entry)
            target.writestr(entry, content.replace(old, new) if entry == name else content)
        if name not in source.namelist():
            target.writestr(name, new)
    return out.getvalue()


async def sent(
    client: httpx.AsyncClient,
    data: bytes,
    name: str,
    media_type: str = "application/octet-stream",
    **more: str,
) -> dict[str, Any]:
    """The import after its job has run."""
    answer = await client.post(
        "/api/v1/imports",
        params={**FIXED, "name": name, **more},
        content=data,
        headers={"Content-Type": media_type},
    )
    assert answer.status_code == 202, answer.text
    await LongWork(clock.utc_now).run()
    found: dict[str, Any] = (await client.get(f"/api/v1/imports/{answer.json()['id']}")).json()
    return found


def refusal(found: dict[str, Any]) -> str:
    """The code for which the whole file was refused."""
    assert (found["state"], found["can_be_confirmed"], found["preview"]) == ("failed", False, None), found
    (fault,) = found["job"]["problem"]["errors"]
    assert "{" not in fault["detail"]
    assert fault["detail"] != fault["code"]
    code: str = fault["code"]
    return code


async def confirmed(client: httpx.AsyncClient, found: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/imports/{found['id']}/confirmation")
    assert answer.status_code == 202, answer.text
    await LongWork(clock.utc_now).run()
    job: dict[str, Any] = (await client.get(answer.headers["location"])).json()
    return job


async def tasks() -> int:
    count: int = await fetchval("SELECT count(*) FROM task")
    return count


# -- the straight way ----------------------------------------------------------------------------------


async def test_a_table_is_previewed_and_then_written(office: httpx.AsyncClient) -> None:
    found = await sent(office, table(line(1), line(2)).encode(), "bang.csv", "text/csv")
    assert (found["can_be_confirmed"], found["preview"]["tasks"], found["preview"]["problems"]) == (
        True,
        2,
        [],
    )
    assert await tasks() == 0

    job = await confirmed(office, found)
    again = await office.post(f"/api/v1/imports/{found['id']}/confirmation")

    assert (job["state"], job["import_id"]) == ("done", found["id"])
    assert again.json()["id"] == job["id"]
    assert await tasks() == 2


async def test_problems_are_told_by_cell_in_the_readers_language(office: httpx.AsyncClient) -> None:
    data = table(line(1), line(2, due="31/02/2026")).encode()
    found = await sent(office, data, "bang.csv")
    (problem,) = found["preview"]["problems"]
    assert (problem["row"], problem["column"], problem["value"]) == (3, "Thời hạn", "31/02/2026")
    vietnamese = await office.get(f"/api/v1/imports/{found['id']}", headers={"Accept-Language": "vi"})
    assert vietnamese.json()["preview"]["problems"][0]["detail"] != problem["detail"]
    assert "{" not in problem["detail"] + problem["expected"]

    refused = await office.post(f"/api/v1/imports/{found['id']}/confirmation")
    assert (refused.status_code, refused.json()["code"]) == (409, "import_not_ready")


async def test_who_may_not_record_may_not_import(api: Api) -> None:
    agency = await api.client(api.world.agency)
    answer = await agency.post(
        "/api/v1/imports", params={"name": "a.csv"}, content=b"x", headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 403


async def test_case_47_an_import_is_its_owners(api: Api, office: httpx.AsyncClient) -> None:
    found = await sent(office, table(line(1)).encode(), "bang.csv")
    head = await api.client(api.world.head)
    assert (await head.get(f"/api/v1/imports/{found['id']}")).status_code == 404
    assert (await head.post(f"/api/v1/imports/{found['id']}/confirmation")).status_code == 404


@pytest.mark.parametrize(
    "media_type", ["text/plain", "multipart/form-data; boundary=x", "application/zip", ""]
)
async def test_case_07_wrong_types_are_refused(office: httpx.AsyncClient, media_type: str) -> None:
    answer = await office.post(
        "/api/v1/imports", params={"name": "a.csv"}, content=b"x", headers={"Content-Type": media_type}
    )
    assert answer.status_code == 415


# -- 73: bombs -----------------------------------------------------------------------------------------


def bomb(size: int, entries: int = 1) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for n in range(entries):
            archive.writestr(f"xl/sheet{n}.xml", bytes(size))
    return out.getvalue()


def lying(data: bytes, size: int) -> bytes:
    return data.replace(struct.pack("<I", size), struct.pack("<I", 900))


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (bomb(100_000_000), {"import_bomb"}),
        (bomb(30_000_000), {"import_bomb"}),
        (bomb(10, entries=1_200), {"import_bomb"}),
        (lying(bomb(100_000_000), 100_000_000), {"import_bomb", "import_xlsx_broken"}),
    ],
    ids=["size", "ratio", "entries", "lying"],
)
async def test_case_73_a_bomb_is_refused_before_it_is_opened(
    office: httpx.AsyncClient, data: bytes, codes: set[str]
) -> None:
    started = monotonic()
    assert refusal(await sent(office, data, "a.xlsx")) in codes
    assert monotonic() - started < 20


async def test_case_73_the_reader_dies_alone(
    monkeypatch: pytest.MonkeyPatch, office: httpx.AsyncClient
) -> None:
    """What eats all memory or all time ends the reader's process; the worker lives and says what happened."""
    original = apart.request

    def hungry(data: bytes, name: str, sheet: str) -> bytes:
        return original(data, name, sheet)[: -len(data)] + table(*(line(n) for n in range(15_000))).encode()

    monkeypatch.setattr(apart, "WALL_SECONDS", 0.01)
    monkeypatch.setattr(apart, "request", hungry)
    assert refusal(await sent(office, table(line(1)).encode(), "a.csv")) == "import_too_costly"


async def test_case_73_the_readers_memory_is_limited(tmp_path: Any) -> None:
    """The limit is really set: a reader that asks for more than it may have is told so by the kernel."""
    import asyncio
    import sys

    program = (
        "import tracker.intake.apart as a, resource;"
        "a.answer_to = lambda raw: str(resource.getrlimit(resource.RLIMIT_AS)).encode() + bytes(2_000_000_000);"
        "a.main()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, complaint = await process.communicate()
    assert process.returncode != 0
    assert b"MemoryError" in complaint


async def test_the_reader_is_given_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKER_SECRET_KEY", "canary")
    seen: dict[str, Any] = {}
    import asyncio

    real = asyncio.create_subprocess_exec

    async def spying(*arguments: Any, **more: Any) -> Any:
        seen.update(more["env"])
        return await real(*arguments, **more)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spying)
    assert (await imports.read_apart(table(line(1)).encode(), "a.csv")).rows[0].cells == tuple(HEADERS)
    assert set(seen) == {"PYTHONPATH", "PYTHONHASHSEED", "LANG"}


# -- 74 and 75: entities, lies, disguises ----------------------------------------------------------------


async def test_case_74_entities(office: httpx.AsyncClient) -> None:
    sheet = "xl/worksheets/sheet1.xml"
    for text in (LAUGHS, LAUGHS.replace('"ha"', 'SYSTEM "file:///etc/passwd"')):
        data = changed(workbook(line(1)), "xl/extra.xml", b"", text.encode())
        assert refusal(await sent(office, data, "a.xlsx")) == "import_entities"
    data = changed(workbook(line(1)), sheet, b"<worksheet", b"<!DOCTYPE x><worksheet")
    assert refusal(await sent(office, data, "a.xlsx")) == "import_entities"


async def test_case_74_entities_in_another_encoding(office: httpx.AsyncClient) -> None:
    data = changed(workbook(line(1)), "xl/extra.xml", b"", LAUGHS.encode("utf-16"))
    assert refusal(await sent(office, data, "a.xlsx")) == "import_entities"


async def test_case_75_a_dimension_that_lies(office: httpx.AsyncClient) -> None:
    for claim in (b"A1:XFD1048576", b"A1:A1"):
        data = changed(workbook(line(1), line(2)), "xl/worksheets/sheet1.xml", b"A1:D3", claim)
        found = await sent(office, data, "a.xlsx")
        assert found["preview"]["tasks"] == 2


async def test_case_75_formulas_are_neither_run_nor_believed(office: httpx.AsyncClient) -> None:
    data = workbook(line(1, task='=HYPERLINK("http://evil","x")'), line(2))
    found = await sent(office, data, "a.xlsx")
    assert [(p["row"], p["code"]) for p in found["preview"]["problems"]] == [(2, "import_formula")]
    assert not found["can_be_confirmed"]


async def test_case_75_text_that_looks_like_a_formula_is_text(office: httpx.AsyncClient) -> None:
    found = await sent(office, table(line(1, task="=1+1 là hai")).encode(), "a.csv")
    await confirmed(office, found)
    assert await fetchval("SELECT full_text FROM task") == "=1+1 là hai"


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
async def test_case_75_days_of_1900_and_of_1904(office: httpx.AsyncClient, epoch: datetime | None) -> None:
    day = datetime.fromisoformat("2026-11-30")
    found = await sent(office, workbook(line(1, due=day), epoch=epoch), "a.xlsx")
    job = await confirmed(office, found)
    assert job["state"] == "done"
    assert str(await fetchval("SELECT due_on FROM assignment")) == "2026-11-30"


async def test_case_75_a_leading_apostrophe_is_not_part_of_the_text(office: httpx.AsyncClient) -> None:
    data = changed(
        workbook(line(1, task="Báo cáo")),
        "xl/styles.xml",
        b'quotePrefix="0"',
        b'quotePrefix="1"',
    )
    await confirmed(office, await sent(office, data, "a.xlsx"))
    assert await fetchval("SELECT full_text FROM task") == "Báo cáo"


async def test_case_75_merged_cells(office: httpx.AsyncClient) -> None:
    rows = [line(1), [2, "Nhiệm vụ số 2", None, "30/11/2026"]]
    found = await sent(office, workbook(*rows, merge="C2:C3"), "a.xlsx")
    assert found["preview"]["tasks"] == 2


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xlsx", "import_encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xls", "import_old_format"),
        (workbook(line(1)), "a.xlsm", "import_macros"),
        (changed(workbook(line(1)), "xl/vbaProject.bin", b"", b"x"), "a.xlsx", "import_macros"),
        (workbook(line(1)), "a.csv", "import_wrong_extension"),
        (table(line(1)).encode(), "a.xlsx", "import_wrong_extension"),
        (b"%PDF-1.7", "a.csv", "import_wrong_extension"),
        (b"PK\x03\x04 nothing", "a.xlsx", "import_xlsx_broken"),
        (workbook(line(1))[:2000], "a.xlsx", "import_xlsx_broken"),
        (table(line(1)).encode(), "a.ods", "import_kind_unknown"),
        (b"   \n ", "a.csv", "import_empty"),
    ],
)
async def test_case_75_disguises(office: httpx.AsyncClient, data: bytes, name: str, code: str) -> None:
    assert refusal(await sent(office, data, name)) == code
    assert await tasks() == 0


# -- 76: CSV ---------------------------------------------------------------------------------------------


def cp1258(text: str) -> bytes:
    """As old programs saved Vietnamese: tones as marks of their own."""
    out = ""
    for mark in text:
        if mark.isascii() or mark in "ăâđêôơưĂÂĐÊÔƠƯ":
            out += mark
            continue
        parts = unicodedata.normalize("NFD", mark)
        tones = [m for m in parts[1:] if m in "\u0300\u0301\u0303\u0309\u0323"]
        base = unicodedata.normalize("NFC", parts[0] + "".join(m for m in parts[1:] if m not in tones))
        out += base + "".join(tones)
    return out.encode("cp1258")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1258"])
async def test_case_76_encodings_and_delimiters(
    office: httpx.AsyncClient, encoding: str, delimiter: str
) -> None:
    text = table(line(1), line(2), delimiter=delimiter)
    data = cp1258(text) if encoding == "cp1258" else text.encode(encoding)
    found = await sent(office, data, "a.csv")
    assert found["preview"]["problems"] == []
    assert found["preview"]["tasks"] == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ((table(line(1)) + '2,"never closed,Bộ Y tế,30/11/2026\n').encode(), "import_csv_unclosed_quote"),
        (table(line(1, task="x" * 1_000_000)).encode(), "import_cell_too_long"),
        (("x," * 1_000_000).encode() + b"\n", "import_too_many_columns"),
        (("," * 1_000_000).encode() + b"\n", "import_no_header"),
        (table(*(line(n) for n in range(20_001))).encode(), "import_too_many_rows"),
        (bytes([0x4E, 0x68, 0x69, 0xD6, 0x6D, 0x20, 0x76, 0xF4, 0x2C, 0xB5, 0xB6, 0xB7, 0xB8]), "import_csv_encoding"),
    ],
    ids=["quote", "cell", "columns", "commas", "rows", "tcvn3"],
)  # fmt: skip
async def test_case_76_tables_that_nobody_wrote(office: httpx.AsyncClient, data: bytes, code: str) -> None:
    assert refusal(await sent(office, data, "a.csv")) == code


async def test_case_01_nul_in_a_table(office: httpx.AsyncClient) -> None:
    found = await sent(office, table(line(1, task="a\0b")).encode(), "a.csv")
    assert found["state"] in ("failed", "done")
    assert not found["can_be_confirmed"]


# -- 78: twice, and one bad row --------------------------------------------------------------------------


async def test_case_78_the_same_file_twice(office: httpx.AsyncClient) -> None:
    data = workbook(line(1), line(2), line(3))
    await confirmed(office, await sent(office, data, "a.xlsx"))
    second = await sent(office, data, "ban-sao.xlsx")

    assert (second["preview"]["tasks"], second["preview"]["double_count"]) == (0, 3)
    assert second["can_be_confirmed"] is False
    job = await confirmed(office, second)
    assert (job["state"], job["problem"]["code"]) == ("failed", "import_nothing_new")
    assert await tasks() == 3


async def test_case_78_two_previews_of_one_file_write_it_once(office: httpx.AsyncClient) -> None:
    data = table(line(1), line(2)).encode()
    first, second = await sent(office, data, "a.csv"), await sent(office, data, "b.csv")
    assert (await confirmed(office, first))["state"] == "done"
    assert (await confirmed(office, second))["state"] == "failed"
    assert await tasks() == 2


async def test_case_78_one_bad_row_in_ten_thousand(office: httpx.AsyncClient) -> None:
    lines = [line(n) for n in range(1, 10_001)]
    lines[7_000][3] = "31/02/2026"
    found = await sent(office, table(*lines).encode(), "a.csv")

    preview = found["preview"]
    assert (preview["problem_count"], preview["problems"][0]["row"]) == (1, 7_002)
    refused = await office.post(f"/api/v1/imports/{found['id']}/confirmation")
    assert refused.status_code == 409
    assert await tasks() == 0


async def test_all_rows_or_none_when_the_writing_breaks(
    office: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third document fails while it is written: the first two are not there either."""
    from tracker.actions import directives
    from tracker.domain.errors import Conflict

    real, calls = directives.record, []

    async def third_time_unlucky(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise Conflict()
        return await real(*arguments, **more)

    monkeypatch.setattr(directives, "record", third_time_unlucky)
    headers = [
        "STT",
        "Ký hiệu VB",
        "Ngày ký",
        "Nơi gửi",
        "Nội dung/Trích yếu",
        "Hạn xử lý",
        "Đơn vị thực hiện",
    ]
    out = io.StringIO()
    rows = [
        [n, f"90{n}/QĐ-TTg", "05/11/2025", "Thủ tướng Chính phủ", "Báo cáo", "28/11/2026", "Bộ Y tế"]
        for n in (1, 2, 3)
    ]
    csv.writer(out).writerows([headers, *rows])
    answer = await office.post(
        "/api/v1/imports",
        params={"name": "a.csv"},
        content=out.getvalue().encode(),
        headers={"Content-Type": "text/csv"},
    )
    await LongWork(clock.utc_now).run()
    found = (await office.get(f"/api/v1/imports/{answer.json()['id']}")).json()
    assert found["preview"]["problems"] == []
    job = await confirmed(office, found)

    assert (len(calls), job["state"]) == (3, "failed")
    row = await fetchrow(
        "SELECT (SELECT count(*) FROM directive) AS d, (SELECT count(*) FROM outbox WHERE kind = 'assigned') AS o"
    )
    assert row is not None
    assert (row["d"], row["o"]) == (0, 0)
    # And the import may be confirmed anew once the trouble is over.
    assert (await confirmed(office, found))["state"] == "done"
    assert len(await fetch("SELECT id FROM directive")) == 3


async def test_the_table_comes_back_from_its_reader_as_it_is() -> None:
    rows: list[list[Any]] = [[1, "a", datetime.fromisoformat("2026-11-30T08:30"), 1.5, True]]
    from tracker.intake.files import read_file

    data = workbook(*rows, merge="A2:B2")
    assert await imports.read_apart(data, "a.xlsx") == read_file(data, "a.xlsx")
    with pytest.raises(Unreadable):
        await imports.read_apart(b"", "a.xlsx")
