"""The attack cases with files: evidence, imports, exports. Each refused, nothing leaked, nothing kept."""

from __future__ import annotations

import asyncio
import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.api import COMPLETION, Api, running_api
from tracker.actions.virus_scan import use_scanner
from tracker.db.engine import execute, fetchval
from tracker.intake.evidence import EICAR
from tracker.settings import Settings, load

pytestmark = pytest.mark.anyio

OCTETS = {"Content-Type": "application/octet-stream"}
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\0"))
    + chunk(b"IEND", b"")
)
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    + b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00"
    + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x7f\xff\xd9"
)
TYPES = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"></Types>'


def package(main: str = "word/document.xml", body: bytes = b"<a/>", **more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr(main, body)
        for name, data in more.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return out.getvalue()


DOCX = package()
XLSX = package("xl/workbook.xml")
EDXML = '<?xml version="1.0" encoding="UTF-8"?><edXML xmlns="urn:x"><edXMLHeader>Bộ Y tế</edXMLHeader></edXML>'.encode()


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.fixture
async def agency(api: Api) -> httpx.AsyncClient:
    return await api.client(api.world.agency)


@pytest.fixture
async def address(api: Api) -> str:
    """The address of an assignment of the agency."""
    return await api.lead_of(await api.recorded())


def refused(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    problem: dict[str, Any] = answer.json()
    assert "Traceback" not in answer.text
    return problem


def code_of(answer: httpx.Response) -> str:
    problem = refused(answer, 422, 409)
    errors = problem.get("errors") or [problem]
    return str(errors[0]["code"])


async def send(
    client: httpx.AsyncClient, address: str, name: str, data: bytes, **headers: str
) -> httpx.Response:
    return await client.post(
        f"{address}/attachments", params={"name": name}, content=data, headers={**OCTETS, **headers}
    )


async def nothing_kept() -> None:
    assert await fetchval("SELECT count(*) FROM attachment") == 0


# -- evidence that is taken ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.pdf", PDF, "application/pdf"),
        ("a.PNG", PNG, "image/png"),
        ("a.jpg", JPEG, "image/jpeg"),
        ("a.jpeg", JPEG + b"SEFT what a phone writes behind", "image/jpeg"),
        ("a.docx", DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.xlsx", XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.csv", "Bộ;Hạn\r\nY tế;1\r\n".encode("utf-16"), "text/csv"),
        ("a.txt", "Đã ban hành".encode(), "text/plain"),
        ("a.xml", EDXML, "application/xml"),
        ("a.edxml", EDXML, "application/xml"),
    ],
)
async def test_evidence_is_kept_and_given_back_as_a_download(
    agency: httpx.AsyncClient, address: str, name: str, data: bytes, media_type: str
) -> None:
    sent = await send(agency, address, name, data)
    assert sent.status_code == 201, sent.text
    file = sent.json()
    fetched = await agency.get(file["url"])

    assert (file["media_type"], file["size"], file["state"]) == (media_type, len(data), "loose")
    assert fetched.content == data
    assert fetched.headers["content-type"].startswith(media_type)
    assert fetched.headers["content-disposition"].startswith("attachment; ")
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in fetched.headers["content-security-policy"]
    again = await agency.get(file["url"], headers={"If-None-Match": fetched.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_report_takes_its_files_with_it(api: Api, agency: httpx.AsyncClient, address: str) -> None:
    files = [(await send(agency, address, f"{n}.pdf", PDF)).json()["id"] for n in (1, 2)]

    reported = await agency.post(
        f"{address}/reports", json={**COMPLETION, "attachment_ids": files}, headers={"If-Match": "*"}
    )

    assert reported.status_code == 201, reported.text
    listed = (await agency.get(f"{address}/attachments")).json()["items"]
    assert [(f["report_id"], f["state"]) for f in listed] == [(reported.json()["report_id"], "attached")] * 2
    kept = await agency.delete(listed[0]["url"], headers={"If-Match": "*"})
    assert refused(kept, 409)["code"] == "file_of_report"
    office = await api.client(api.world.secretariat)
    assert (await office.post(f"{address}/confirm", json={}, headers={"If-Match": "*"})).status_code == 200
    assert code_of(await send(agency, address, "late.pdf", PDF)) == "already_confirmed"


async def test_a_report_does_not_take_files_of_others(
    api: Api, agency: httpx.AsyncClient, address: str
) -> None:
    elsewhere = await api.lead_of(await api.recorded(number="18/NQ-CP"))
    foreign = (await send(agency, elsewhere, "a.pdf", PDF)).json()["id"]
    for ids in ([foreign], ["999"], [foreign, foreign]):
        answer = await agency.post(
            f"{address}/reports", json={**COMPLETION, "attachment_ids": ids}, headers={"If-Match": "*"}
        )
        assert code_of(answer) == "attachment_unknown"
    assert await fetchval("SELECT count(*) FROM report") == 0


async def test_a_loose_file_is_taken_back(agency: httpx.AsyncClient, address: str) -> None:
    file = (await send(agency, address, "a.pdf", PDF)).json()
    assert (await agency.delete(file["url"])).status_code == 428
    assert (await agency.delete(file["url"], headers={"If-Match": "*"})).status_code == 204
    assert (await agency.get(file["url"])).status_code == 404


async def test_case_18_no_more_files_than_a_report_may_have(agency: httpx.AsyncClient, address: str) -> None:
    for n in range(20):
        assert (await send(agency, address, f"{n}.txt", b"x")).status_code == 201
    assert code_of(await send(agency, address, "21.txt", b"x")) == "too_many_files"
    report = {**COMPLETION, "attachment_ids": [str(n) for n in range(1, 10_001)]}
    refused(await agency.post(f"{address}/reports", json=report, headers={"If-Match": "*"}), 400, 422)


async def test_case_19_multipart_is_not_taken(agency: httpx.AsyncClient, address: str) -> None:
    answer = await agency.post(
        f"{address}/attachments", params={"name": "a.pdf"}, files={"file": ("a.pdf", PDF)}
    )
    refused(answer, 415)
    await nothing_kept()


async def test_case_05_a_file_over_ten_megabytes(agency: httpx.AsyncClient, address: str) -> None:
    refused(await send(agency, address, "a.txt", b"x" * 10_000_001), 413)
    await nothing_kept()


async def test_case_28_a_file_sent_again_with_its_key_is_kept_once(
    agency: httpx.AsyncClient, address: str
) -> None:
    first = await send(agency, address, "a.pdf", PDF, **{"Idempotency-Key": "k1"})
    again = await send(agency, address, "a.pdf", PDF, **{"Idempotency-Key": "k1"})
    other = await send(agency, address, "a.pdf", PDF + b"\n", **{"Idempotency-Key": "k1"})

    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert refused(other, 422)["code"] == "idempotency_mismatch"
    refused(await send(agency, address, "a.pdf", PDF, **{"Idempotency-Key": "k" * 10_000}), 400)
    assert await fetchval("SELECT count(*) FROM attachment") == 1


# -- 29, 36, 74, 77: what is in the file ----------------------------------------------------------------

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.svg", SVG, "file_kind_unknown"),
        ("a.html", HTML, "file_kind_unknown"),
        ("a.xml", SVG, "file_active"),
        ("a.xml", b'<html xmlns="http://www.w3.org/1999/xhtml"/>', "file_active"),
        ("a.xml", b'<?xml-stylesheet href="x.xsl"?><a/>', "file_active"),
        ("a.txt", SVG, "file_active"),
        ("a.csv", HTML, "file_active"),
        ("a.txt", HTML.decode().encode("utf-16"), "file_active"),
        ("a.png", SVG, "file_content_differs"),
        ("a.pdf", HTML, "file_content_differs"),
    ],
)
async def test_case_36_pages_and_pictures_with_scripts(
    agency: httpx.AsyncClient, address: str, name: str, data: bytes, code: str
) -> None:
    assert code_of(await send(agency, address, name, data)) == code
    await nothing_kept()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xml", LAUGHS),
        ("a.xml", LAUGHS.decode().replace("1.0", "1.0").encode("utf-16")),
        ("a.xml", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
        ("a.docx", package(body=LAUGHS)),
        ("a.docx", package(body=LAUGHS.decode().encode("utf-16"))),
        ("a.xlsx", package("xl/workbook.xml", xl__worksheets__sheet1_dot_xml=LAUGHS)),
    ],
)
async def test_case_74_entities(agency: httpx.AsyncClient, address: str, name: str, data: bytes) -> None:
    assert code_of(await send(agency, address, name, data)) == "file_entities"
    await nothing_kept()


def lying(data: bytes) -> bytes:
    """A package whose directory claims that a part unpacks to next to nothing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = max(e.file_size for e in archive.infolist())
    return data.replace(struct.pack("<I", size), struct.pack("<I", 1000))


@pytest.mark.parametrize("extension", ["docx", "xlsx"])
@pytest.mark.parametrize(
    "bomb",
    [
        lambda main: package(main, bytes(60_000_000)),
        lambda main: package(main, bytes(20_000_000)),
        lambda main: lying(package(main, bytes(60_000_000))),
        lambda main: package(main, **{f"p{n}": b"" for n in range(1_001)}),
    ],
    ids=["size", "ratio", "lying", "entries"],
)
async def test_case_73_a_package_that_unpacks_to_a_flood(
    agency: httpx.AsyncClient, address: str, extension: str, bomb: Callable[[str], bytes]
) -> None:
    main = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml"}[extension]
    assert code_of(await send(agency, address, f"a.{extension}", bomb(main))) in ("file_bomb", "file_broken")
    await nothing_kept()


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.docx", package(word__vbaProject_dot_bin=b"x"), "file_program"),
        ("a.docx", package(word__embeddings__x_dot_exe=b"MZ"), "file_program"),
        ("a.docx", XLSX, "file_content_differs"),
        ("a.xlsx", b"PK\x03\x04 not a package", "file_broken"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "file_content_differs"),
        ("a.xlsm", XLSX, "file_kind_unknown"),
    ],
)
async def test_case_75_programs_and_disguises_in_packages(
    agency: httpx.AsyncClient, address: str, name: str, data: bytes, code: str
) -> None:
    assert code_of(await send(agency, address, name, data)) == code


POLYGLOT = JPEG[:2] + b"\xff\xfe" + struct.pack(">H", len(PDF) + 2) + PDF + JPEG[2:]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.jpg", POLYGLOT, "file_two_in_one"),
        ("a.pdf", POLYGLOT, "file_content_differs"),
        ("a.pdf", PDF + DOCX, "file_two_in_one"),
        ("a.pdf", PDF[:-7] + DOCX + b"\nstartxref\n9\n%%EOF\n", "file_two_in_one"),
        ("a.png", PNG + DOCX, "file_two_in_one"),
        ("a.jpg", JPEG + DOCX, "file_two_in_one"),
        ("a.png", PNG[:-4] + b"\0\0\0\0", "file_broken"),
        ("a.jpg", JPEG[:30], "file_broken"),
        ("a.pdf", PDF[:-20], "file_broken"),
        ("a.txt", b"MZ\x90\x00", "file_content_differs"),
        ("a.txt", b"a\0b", "file_broken"),
        ("a.csv", PDF, "file_content_differs"),
        ("a.txt", b"", "file_empty"),
    ],
)
async def test_case_77_two_in_one_and_broken(
    agency: httpx.AsyncClient, address: str, name: str, data: bytes, code: str
) -> None:
    assert code_of(await send(agency, address, name, data)) == code
    await nothing_kept()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", EICAR),
        ("a.txt", b"xx" + EICAR + b"xx"),
        ("a.pdf", PDF[:-30] + EICAR + PDF[-30:]),
        ("a.docx", package(body=b"<a>" + EICAR + b"</a>")),
    ],
)
async def test_case_77_eicar_is_refused_without_any_scanner(
    agency: httpx.AsyncClient, address: str, name: str, data: bytes
) -> None:
    assert code_of(await send(agency, address, name, data)) == "file_infected"
    await nothing_kept()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("CON.pdf", "_CON.pdf"),
        ("nul.tar.pdf", "_nul.tar.pdf"),
        ("com1 .pdf", "_com1.pdf"),
        (unicodedata.normalize("NFD", "Kế hoạch.pdf"), "Kế hoạch.pdf"),
        ("hợp\u202efdp.pdf", "hợpfdp.pdf"),
        ("báo\u200b cáo\ufeff.pdf", "báo cáo.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("..\\..\\windows\\a.pdf", "a.pdf"),
        ("/etc/passwd.pdf", "passwd.pdf"),
        ("a:b|c<d>.pdf", "a_b_c_d_.pdf"),
        ('a"; filename="b.pdf', "a_; filename=_b.pdf"),
        ("🇻🇳 kết quả 👨‍👩‍👧.pdf", "🇻🇳 kết quả 👨‍👩‍👧.pdf"),
        ("a.pdf...", "a.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("ệ" * 300 + ".pdf", "ệ" * 78 + ".pdf"),
    ],
)
async def test_case_77_and_57_and_45_names_are_cleaned(
    agency: httpx.AsyncClient, address: str, given: str, kept: str
) -> None:
    sent = await send(agency, address, given, PDF)

    assert sent.status_code == 201, sent.text
    assert sent.json()["name"] == kept
    fetched = await agency.get(sent.json()["url"])
    disposition = fetched.headers["content-disposition"]
    assert disposition.isascii()
    assert disposition.count('"') == 2
    assert disposition.startswith("attachment; ")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a.pdf.exe", "file_kind_unknown"),
        ("hoa\u202efdp.exe", "file_kind_unknown"),
        ("a.pdf:b.exe", "file_kind_unknown"),
        ("a.pdf::$DATA", "file_kind_unknown"),
        ("pdf", "file_kind_unknown"),
        (".pdf", "file_kind_unknown"),
        ("....", "file_name_missing"),
        ("\u200b\u202e", "file_name_missing"),
    ],
)
async def test_case_77_and_57_names_that_are_refused(
    agency: httpx.AsyncClient, address: str, name: str, code: str
) -> None:
    assert code_of(await send(agency, address, name, PDF)) == code
    await nothing_kept()


async def test_case_45_and_01_control_characters_in_a_name(agency: httpx.AsyncClient, address: str) -> None:
    for name in ("a\r\nX-Evil: 1.pdf", "a\0.pdf", "a\x1b[31m.pdf"):
        refused(await send(agency, address, name, PDF), 400)
    evil = "attachment; filename*=UTF-8''a%0D%0AX-Evil%3A%201.pdf"
    sent = await agency.post(
        f"{address}/attachments", content=PDF, headers={**OCTETS, "Content-Disposition": evil}
    )
    assert sent.status_code == 201
    fetched = await agency.get(sent.json()["url"])
    assert "x-evil" not in fetched.headers
    assert sent.json()["name"] == "aX-Evil_ 1.pdf"


async def test_a_name_may_come_in_a_header(agency: httpx.AsyncClient, address: str) -> None:
    header = "attachment; filename*=UTF-8''K%E1%BA%BF%20ho%E1%BA%A1ch.pdf"
    sent = await agency.post(
        f"{address}/attachments", content=PDF, headers={**OCTETS, "Content-Disposition": header}
    )
    assert sent.json()["name"] == "Kế hoạch.pdf"
    without = await agency.post(f"{address}/attachments", content=PDF, headers=OCTETS)
    assert code_of(without) == "file_name_missing"


# -- 47: other agencies ---------------------------------------------------------------------------------


async def test_case_47_files_of_another_agency_do_not_exist(
    api: Api, agency: httpx.AsyncClient, address: str
) -> None:
    file = (await send(agency, address, "a.pdf", PDF)).json()
    stranger = await api.client(api.world.other_agency)
    for answer in (
        await stranger.get(file["url"]),
        await stranger.get(file["url"], headers={"If-None-Match": "*"}),
        await stranger.get(f"{address}/attachments"),
        await stranger.delete(file["url"], headers={"If-Match": "*"}),
        await send(stranger, address, "a.pdf", PDF),
        await stranger.get("/api/v1/attachments/99999"),
    ):
        assert refused(answer, 404)["code"] == "not_found"
    assert await fetchval("SELECT count(*) FROM attachment") == 1


async def test_case_47_the_database_itself_hides_foreign_files(
    api: Api, agency: httpx.AsyncClient, address: str
) -> None:
    """Row-level security holds where a query forgets the condition."""
    from tracker.db.engine import as_stranger, fetch, look_as

    file = (await send(agency, address, "a.pdf", PDF)).json()
    seen = {}
    for who, actor in (
        ("own", api.world.agency),
        ("other", api.world.other_agency),
        ("desk", api.world.secretariat),
    ):
        with as_stranger():
            look_as(actor)
            seen[who] = [str(r["id"]) for r in await fetch("SELECT id FROM attachment")]
    with as_stranger():
        seen["nobody"] = [str(r["id"]) for r in await fetch("SELECT id FROM attachment")]

    assert seen == {"own": [file["id"]], "other": [], "desk": [file["id"]], "nobody": []}


async def test_the_desk_reads_files_and_sends_none(api: Api, agency: httpx.AsyncClient, address: str) -> None:
    file = (await send(agency, address, "a.pdf", PDF)).json()
    office = await api.client(api.world.secretariat)
    assert (await office.get(file["url"])).content == PDF
    refused(await send(office, address, "b.pdf", PDF), 403)


@pytest.mark.parametrize("path", ["..%2f..%2fetc%2fpasswd", "....//1", "1%00.pdf", "/etc/passwd", "1::$DATA"])
async def test_case_57_paths_instead_of_ids(agency: httpx.AsyncClient, path: str) -> None:
    refused(await agency.get(f"/api/v1/attachments/{path}"), 400, 404)


# -- the scanner ------------------------------------------------------------------------------------------


@asynccontextmanager
async def clamd(answer: bytes, delay: float = 0.0) -> AsyncIterator[list[bytes]]:
    """A scanner that speaks INSTREAM and answers `answer`; what it was sent."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        data = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            data += await reader.readexactly(length)
        heard.append(data)
        await asyncio.sleep(delay)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    use_scanner(replace(load({}), clamd_host="127.0.0.1", clamd_port=port))
    try:
        yield heard
    finally:
        use_scanner(load({}))
        server.close()


async def test_the_scanner_sees_the_whole_file(agency: httpx.AsyncClient, address: str) -> None:
    big = b"x" * 300_000
    async with clamd(b"stream: OK\0") as heard:
        sent = await send(agency, address, "a.txt", big)

    assert (sent.status_code, sent.json()["virus_scanned"]) == (201, True)
    assert heard == [big]


async def test_what_the_scanner_finds_is_refused(agency: httpx.AsyncClient, address: str) -> None:
    async with clamd(b"stream: Win.Test.Virus-1 FOUND\0"):
        answer = await send(agency, address, "a.txt", b"virus")

    assert code_of(answer) == "file_infected"
    assert "Win.Test.Virus-1" in answer.text
    await nothing_kept()


@pytest.mark.parametrize("answer", [b"INSTREAM size limit exceeded. ERROR\0", b"", b"no end", b"stream: O\0"])
async def test_a_scanner_that_cannot_say_keeps_the_file_out(
    agency: httpx.AsyncClient, address: str, answer: bytes
) -> None:
    async with clamd(answer):
        told = await send(agency, address, "a.txt", b"x")

    assert refused(told, 503)["code"] == "unavailable"
    assert "retry-after" in told.headers
    await nothing_kept()


async def test_a_scanner_that_is_away_keeps_the_file_out(agency: httpx.AsyncClient, address: str) -> None:
    use_scanner(replace(load({}), clamd_host="127.0.0.1", clamd_port=1))
    try:
        refused(await send(agency, address, "a.txt", b"x"), 503)
    finally:
        use_scanner(load({}))
    await nothing_kept()


async def test_files_whose_report_never_came_are_forgotten(agency: httpx.AsyncClient, address: str) -> None:
    from tracker.db.attachments import delete_forgotten

    await send(agency, address, "a.txt", b"x")
    assert await delete_forgotten() == 0
    await execute("UPDATE attachment SET created_at = now() - interval '8 days'")
    assert await delete_forgotten() == 1
