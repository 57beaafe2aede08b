"""The attack cases of the bars against the JSON API: each refused with a 4xx, nothing leaked, nothing changed."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import pytest
import uvicorn

from tests.api import COMPLETION, DIRECTIVE, Api, running_api
from tracker import clock
from tracker.actions import tokens
from tracker.app import create_app
from tracker.db.engine import execute, fetchval
from tracker.domain.directory import SYSTEM
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.fixture
async def office(api: Api) -> httpx.AsyncClient:
    """The secretariat, who may record."""
    return await api.client(api.world.secretariat)


def refused(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """A refusal in the form of A1, with one of these statuses and the headers every answer carries."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in answer.headers
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "code"} <= set(problem)
    assert problem["status"] == answer.status_code
    assert "Traceback" not in answer.text
    return problem


async def nothing_recorded() -> None:
    assert await fetchval("SELECT count(*) FROM directive") == 0


def with_(**changes: Any) -> dict[str, Any]:
    return {**DIRECTIVE, **changes}


def with_task(**changes: Any) -> dict[str, Any]:
    return {**DIRECTIVE, "tasks": [{**DIRECTIVE["tasks"][0], **changes}]}


async def send(office: httpx.AsyncClient, body: bytes | str, **headers: str) -> httpx.Response:
    return await office.post(
        "/api/v1/directives", content=body, headers={"Content-Type": "application/json", **headers}
    )


# -- 1 to 3: bytes that are no text --------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/directives?q=a%00b", "/api/v1/tasks/1%00", "/api/v1/tasks/%00"])
async def test_case_01_nul_in_query_and_path(office: httpx.AsyncClient, path: str) -> None:
    refused(await office.get(path), 400)


async def test_case_01_nul_in_json(office: httpx.AsyncClient) -> None:
    problem = refused(await office.post("/api/v1/directives", json=with_(abstract="a\0b")), 400, 422)
    assert problem["errors"][0]["pointer"] == "/abstract"
    await nothing_recorded()


async def test_case_01_nul_in_header(api: Api) -> None:
    scope_headers = [(b"host", b"127.0.0.1:8080"), (b"x-a", b"a\0b")]
    status, _ = await raw(api, b"/api/v1/me", headers=scope_headers)
    assert status == 400


async def raw(
    api: Api,
    raw_path: bytes,
    *,
    method: str = "GET",
    query: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> tuple[int, dict[str, str]]:
    """A request as a server would hand it on, with what no client library would send."""
    transport = api.transport
    assert isinstance(transport, httpx.ASGITransport)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send_message(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers if headers is not None else [(b"host", b"127.0.0.1:8080")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
    await transport.app(scope, receive, send_message)
    start = sent[0]
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%c3%28", "q=%zz", "q=%0d%0aX: y"])
async def test_case_02_invalid_utf8_and_controls_in_query(office: httpx.AsyncClient, query: str) -> None:
    refused(await office.get(f"/api/v1/directives?{query}"), 400)


async def test_case_02_invalid_utf8_in_path(office: httpx.AsyncClient) -> None:
    refused(await office.get("/api/v1/tasks/%ff%fe"), 400)


async def test_case_02_invalid_utf8_in_json(office: httpx.AsyncClient) -> None:
    refused(await send(office, b'{"number": "\xff\xfe"}'), 400)


async def test_case_03_lone_surrogate(office: httpx.AsyncClient) -> None:
    body = json.dumps(DIRECTIVE).replace('"number": "17', '"number": "\\ud80017')
    problem = refused(await send(office, body), 400)
    assert problem["errors"][0]["code"] == "unwritable_text"
    await nothing_recorded()


# -- 4 to 8: bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [100, 3_000, 100_000])
async def test_case_04_deep_nesting(office: httpx.AsyncClient, depth: int) -> None:
    refused(await send(office, '{"number":' + "[" * depth + "]" * depth + "}"), 400)
    refused(await send(office, '{"a":' * depth + "1" + "}" * depth), 400)


async def test_case_05_too_large(office: httpx.AsyncClient) -> None:
    refused(await send(office, b" " * 10_000_001), 413)


async def test_case_05_chunked_without_length(office: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 100_000

    answer = await office.post(
        "/api/v1/directives", content=chunks(), headers={"Content-Type": "application/json"}
    )
    refused(answer, 413)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", ""],
)
async def test_case_07_wrong_content_type(office: httpx.AsyncClient, content_type: str) -> None:
    answer = await send(office, json.dumps(DIRECTIVE), **{"Content-Type": content_type})
    refused(answer, 415)
    await nothing_recorded()


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "1.5", "2147483648", "9" * 400, "9" * 5000]
)
async def test_case_08_and_09_numbers_out_of_this_world(api: Api, number: str) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    body = '{"kind":"progress","summary":"x","percent":' + number + "}"
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    refused(await agency.post(f"{address}/reports", content=body, headers=headers), 400)
    assert await fetchval("SELECT count(*) FROM report") == 0


# -- 9 and 10: identifiers -----------------------------------------------------------------------------


STRANGE_IDS = (
    "0", "-1", "+5", "%205%20", "1_000", "%D9%A1%D9%A2%D9%A3", "1.0", "1e3", "0x10", "2147483648",
    "9223372036854775808", "9" * 400, "null", "a", "5%0A", "5;x", "%EF%BC%95",
)  # fmt: skip


@pytest.mark.parametrize(
    "noun", ["tasks", "assignments", "directives", "extensions", "agencies", "officials", "feeds", "ladders"]
)
async def test_case_09_and_10_strange_ids(office: httpx.AsyncClient, noun: str) -> None:
    for identifier in STRANGE_IDS:
        refused(await office.get(f"/api/v1/{noun}/{identifier}"), 404, 400)


@pytest.mark.parametrize("value", ["5", 5.0, True, None, [], {}])
async def test_case_10_ids_in_bodies_are_text_of_digits(office: httpx.AsyncClient, value: object) -> None:
    body = {"name": "x", "scope": "directive", "directive_id": value if value != "5" else " 5"}
    refused(await office.post("/api/v1/feeds", json=body), 400, 422)


# -- 11 to 13: fields ----------------------------------------------------------------------------------


async def test_case_11_repeated_query_key(office: httpx.AsyncClient) -> None:
    assert refused(await office.get("/api/v1/directives?q=a&q=b"), 400)["code"] == "repeated_parameter"


async def test_case_11_repeated_json_key(office: httpx.AsyncClient) -> None:
    body = json.dumps(DIRECTIVE)[:-1] + ',"number":"18/NQ-CP"}'
    assert refused(await send(office, body), 400)["code"] == "repeated_key"
    await nothing_recorded()


@pytest.mark.parametrize("name", ["role", "agency_id", "created_at", "id", "row_version", "__class__"])
async def test_case_12_unknown_fields(office: httpx.AsyncClient, name: str) -> None:
    problem = refused(await office.post("/api/v1/directives", json=with_(**{name: "admin"})), 400)
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (f"/{name}", "unknown_field")
    nested = refused(await office.post("/api/v1/directives", json=with_task(**{name: 1})), 400)
    assert nested["errors"][0]["pointer"] == f"/tasks/0/{name}"
    await nothing_recorded()


async def test_case_12_unknown_parameter(office: httpx.AsyncClient) -> None:
    problem = refused(await office.get("/api/v1/directives?role=admin"), 400)
    assert problem["errors"][0]["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("field", "value"),
    [("restricted", 1), ("restricted", "true"), ("due_on", 20261215), ("leads", "BYT"), ("short_name", 5),
     ("leads", {"0": "BYT"}), ("early_due_confirmed", None), ("due_time", 17)],
)  # fmt: skip
async def test_case_13_types_are_not_coerced(office: httpx.AsyncClient, field: str, value: object) -> None:
    problem = refused(await office.post("/api/v1/directives", json=with_task(**{field: value})), 400)
    assert problem["errors"][0]["pointer"].startswith(f"/tasks/0/{field}")
    await nothing_recorded()


@pytest.mark.parametrize("percent", [True, "3", 3.7])
async def test_case_13_integers_are_integers(api: Api, percent: object) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    body = {"kind": "progress", "summary": "x", "percent": percent}
    refused(await agency.post(f"{address}/reports", json=body, headers={"If-Match": "*"}), 400)


# -- 14 and 15: dates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "day",
    ["0001-01-01", "9999-12-31", "2026-02-30", "2025-02-29", "10000-01-01", "-0044-03-15", "2026-1-5", "20260105",
     "05/01/2026", "2026-01-05T00:00:00", "2026-01-05T24:00:00Z", "2026-01-05+25:00", "", "hôm nay"],
)  # fmt: skip
async def test_case_14_dates_that_are_none(office: httpx.AsyncClient, day: str) -> None:
    for body in (with_(issued_on=day), with_task(due_on=day)):
        refused(await office.post("/api/v1/directives", json=body), 400, 422)
    refused(await office.get("/api/v1/overdue", params={"as_of": day}), 400, 422)
    await nothing_recorded()


@pytest.mark.parametrize("at", ["24:00", "7:00", "17:60", "17:00:00", "17h00", "17:00+25:00", "17:00\n"])
async def test_case_14_times_that_are_none(office: httpx.AsyncClient, at: str) -> None:
    refused(await office.post("/api/v1/directives", json=with_task(due_on="2026-12-15", due_time=at)), 400)


async def test_case_15_deadline_before_the_issue(office: httpx.AsyncClient) -> None:
    problem = refused(await office.post("/api/v1/directives", json=with_task(due_on="2025-11-01")), 422)
    assert problem["errors"][0]["code"] == "deadline_before_issue"
    await nothing_recorded()


async def test_case_15_change_of_a_closed_assignment(api: Api, office: httpx.AsyncClient) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    anything = {"If-Match": "*"}
    done = await office.post(f"{address}/withdraw", json={"reason": "Thay thế"}, headers=anything)
    assert done.status_code == 200, done.text

    answers = [
        await agency.post(f"{address}/reports", json=COMPLETION, headers=anything),
        await agency.post(
            f"{address}/extensions", json={"proposed_on": "2027-01-01", "reason": "x"}, headers=anything
        ),
        await office.post(
            f"{address}/deadline", json={"due_on": "2027-01-01", "reason": "x"}, headers=anything
        ),
    ]

    assert {refused(answer, 409)["code"] for answer in answers} == {"assignment_closed"}


# -- 16 and 17: text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    ["x" * 1_000_000, "a" + "\u0301" * 100_000, "a\u202eb", "a\u2028b", "a\u2029b", "a\x0bb", "a\x0cb", "a\x85b",
     "a\x1bb", "   ", "\u200b\u200b", "\u3164", "\ufeff", ""],
    ids=["1MB", "zalgo", "rtl", "2028", "2029", "vt", "ff", "nel", "esc", "blank", "zwsp", "filler", "bom", "empty"],
)  # fmt: skip
async def test_case_16_and_17_titles_nobody_can_read(office: httpx.AsyncClient, title: str) -> None:
    refused(await office.post("/api/v1/directives", json=with_task(short_name=title)), 400, 422)
    await nothing_recorded()


async def test_case_16_decomposed_vietnamese_is_stored_composed(api: Api, office: httpx.AsyncClient) -> None:
    recorded = await api.recorded(abstract="Bo\u0323\u0302 Y te\u0302\u0301 👩‍⚕️")
    answer = await office.get(f"/api/v1/directives/{recorded['directive_id']}")
    assert answer.json()["abstract"] == "Bộ Y tế 👩‍⚕️"


async def test_case_18_too_many_tasks_and_agencies(office: httpx.AsyncClient) -> None:
    refused(await office.post("/api/v1/directives", json=with_(tasks=DIRECTIVE["tasks"] * 501)), 400)
    refused(await office.post("/api/v1/directives", json=with_task(leads=["BYT"] * 10_000)), 400)
    await nothing_recorded()


# -- 20 and 21: transport ------------------------------------------------------------------------------


async def test_case_20_compressed_body(office: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    refused(await send(office, bomb, **{"Content-Encoding": "gzip"}), 415)


async def test_case_21_many_and_large_headers(api: Api) -> None:
    host = (b"host", b"127.0.0.1:8080")
    assert (await raw(api, b"/api/v1/me", headers=[host, (b"x-a", b"a" * 65_536)]))[0] == 431
    assert (await raw(api, b"/api/v1/me", headers=[host] + [(b"x-a", b"a")] * 1_000))[0] == 431


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1.evil.example", b"127.0.0.1:8080@evil", b"", b"a b", b"[::1"]
)
async def test_case_21_bad_host(api: Api, host: bytes) -> None:
    assert (await raw(api, b"/api/v1/me", headers=[(b"host", host)]))[0] == 400
    two = [(b"host", b"127.0.0.1:8080"), (b"host", host)]
    assert (await raw(api, b"/api/v1/me", headers=two))[0] == 400


async def test_case_21_absolute_request_line(api: Api) -> None:
    assert (await raw(api, b"http://evil.example/api/v1/me"))[0] == 400


async def test_case_06_and_21_smuggling_on_a_real_server(database: Settings, api: Api) -> None:
    config = uvicorn.Config(
        create_app(database), host="127.0.0.1", port=0, log_level="critical", lifespan="off"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    lines = {
        "both": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /live HTTP/1.1\r\nHost: x\r\n\r\n",
        "two lengths": "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "signed": "Content-Length: +4\r\n\r\nabcd",
        "negative": "Content-Length: -1\r\n\r\n",
        "short": "Content-Length: 2\r\n\r\n{}GARBAGE\r\n\r\n",
    }
    try:
        for name, rest in lines.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /api/v1/directives HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{rest}"
            writer.write(head.encode())
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401")), (name, answer[:200])
            assert b'"status":"ok"' not in answer, name
    finally:
        server.should_exit = True
        await task


# -- 22 to 26: lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["%", "_", "\\", "%%", "100%", "*", "&", "| !", "':*", "<->", "(", "a'b", "\u0111"]
)
async def test_case_22_wildcards_are_characters(api: Api, office: httpx.AsyncClient, words: str) -> None:
    await api.recorded()
    for noun in ("directives", "assignments", "agencies", "officials"):
        answer = await office.get(f"/api/v1/{noun}", params={"q": words})
        assert answer.status_code == 200, answer.text
        if words in ("%", "_", "\\", "%%", "100%") and noun != "officials":
            assert answer.json()["items"] == []


async def test_case_23_enormous_searches(office: httpx.AsyncClient) -> None:
    refused(await office.get("/api/v1/directives", params={"q": "a" * 10_000}), 400, 414)
    refused(await office.get("/api/v1/directives", params={"q": "a* " * 1_000}), 400, 414)
    assert (await office.get("/api/v1/directives", params={"q": "và của các " * 15})).status_code == 200


@pytest.mark.parametrize("limit", ["-1", "0", "201", "1000000000", "1_0", "%D9%A1", "1.0", "abc", "", "1%0a"])
async def test_case_24_page_sizes(office: httpx.AsyncClient, limit: str) -> None:
    refused(await office.get(f"/api/v1/directives?limit={limit}"), 400)


async def test_case_24_forged_and_foreign_cursors(api: Api, office: httpx.AsyncClient) -> None:
    await api.recorded()
    await api.recorded(number="18/NQ-CP")
    cursor = (await office.get("/api/v1/directives?limit=1")).json()["next"]
    agency = await api.client(api.world.agency)
    forged = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")

    assert (await office.get("/api/v1/directives", params={"limit": 1, "cursor": cursor})).status_code == 200
    for client, params in (
        (office, {"cursor": forged}),
        (office, {"cursor": "x"}),
        (office, {"cursor": "!!!"}),
        (office, {"cursor": cursor, "q": "other filter"}),
        (agency, {"cursor": cursor}),
    ):
        assert refused(await client.get("/api/v1/directives", params=params), 400, 422)["code"] in (
            "bad_cursor",
            "invalid_request",
        )
    assert (
        refused(await office.get("/api/v1/assignments", params={"cursor": cursor}), 422)["code"]
        == "bad_cursor"
    )


@pytest.mark.parametrize("sort", ["password", "token_hash", "id;DROP TABLE task", "-due_on"])
async def test_case_25_sort_by_what_is_not_offered(office: httpx.AsyncClient, sort: str) -> None:
    refused(await office.get("/api/v1/assignments", params={"sort": sort}), 400)


@pytest.mark.parametrize(
    "accept", ["*/*;q=abc", "", "application/json;q=9", ";;;", "*/*", "text/html, */*;q=0.1"]
)
async def test_case_26_nonsense_in_accept(office: httpx.AsyncClient, accept: str) -> None:
    assert (await office.get("/api/v1/me", headers={"Accept": accept})).status_code == 200


async def test_case_26_refused_types_are_406(office: httpx.AsyncClient) -> None:
    refused(await office.get("/api/v1/me", headers={"Accept": "text/html"}), 406)
    refused(await office.get("/api/v1/me", headers={"Accept": "application/json;q=0"}), 406)


@pytest.mark.parametrize("language", ["../../", "xx", "en'--", "vi;q=x", "*", "<script>", "e" * 5_000])
async def test_case_26_nonsense_in_accept_language(office: httpx.AsyncClient, language: str) -> None:
    answer = await office.get("/api/v1/tasks/1", headers={"Accept-Language": language})
    assert refused(answer, 404)["code"] == "not_found"
    assert answer.headers["content-language"] in ("vi", "en")


# -- 27 and 28: conditions and keys --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "status"),
    [("garbage", 400), ('"unclosed', 400), ('""', 412), ('"1"', 412), ('W/"1-000000000000"', 412),
     ('"9-000000000000"', 412), ('"-1-000000000000"', 412), ('"1-000000000000", garbage', 400), ("x" * 5_000, 400)],
)  # fmt: skip
async def test_case_27_conditions(api: Api, tag: str, status: int) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    refused(await agency.post(f"{address}/acknowledge", headers={"If-Match": tag}), status)
    refused(await agency.post(f"{address}/acknowledge"), 428)
    assert (await agency.get(address)).json()["state"] == "assigned"


async def test_case_27_weak_tag_of_the_very_resource_is_stale(api: Api) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    tag = (await agency.get(address)).headers["etag"]
    refused(await agency.post(f"{address}/acknowledge", headers={"If-Match": f"W/{tag}"}), 412)
    assert (await agency.post(f"{address}/acknowledge", headers={"If-Match": "*"})).status_code == 200


async def test_case_28_keys(api: Api, office: httpx.AsyncClient) -> None:
    first = await office.post("/api/v1/directives", json=DIRECTIVE, headers={"Idempotency-Key": "k"})
    other_body = await office.post(
        "/api/v1/directives", json=with_(number="18/NQ-CP"), headers={"Idempotency-Key": "k"}
    )
    too_long = await office.post(
        "/api/v1/directives", json=DIRECTIVE, headers={"Idempotency-Key": "k" * 10_000}
    )
    empty = await office.post("/api/v1/directives", json=DIRECTIVE, headers={"Idempotency-Key": ""})
    spaced = await office.post("/api/v1/directives", json=DIRECTIVE, headers={"Idempotency-Key": "a b"})
    on_get = await office.get("/api/v1/directives", headers={"Idempotency-Key": "k"})
    head = await api.client(api.world.head)
    another_user = await head.post(
        "/api/v1/directives", json=with_(number="19/NQ-CP"), headers={"Idempotency-Key": "k"}
    )

    assert first.status_code == 201
    assert refused(other_body, 422)["code"] == "idempotency_mismatch"
    assert {refused(answer, 400)["code"] for answer in (too_long, empty, spaced, on_get)} == {
        "bad_idempotency_key"
    }
    assert another_user.status_code == 201
    assert "idempotency-replayed" not in another_user.headers


async def test_case_28_key_in_flight(api: Api, office: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "same"}
    answers = await asyncio.gather(
        *(office.post("/api/v1/directives", json=DIRECTIVE, headers=headers) for _ in range(8))
    )
    statuses = sorted({answer.status_code for answer in answers})
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
    assert await fetchval("SELECT count(*) FROM directive") == 1


# -- 33, 38, 43, 45: injection -------------------------------------------------------------------------

INJECTIONS = [
    "' OR 1=1--",
    "'; DROP TABLE task;--",
    "{{7*7}}",
    "${7*7}",
    "<script>alert(1)</script>",
    "a')) OR ((1=1",
]


@pytest.mark.parametrize("text", INJECTIONS)
async def test_case_33_and_38_injection_stays_text(api: Api, office: httpx.AsyncClient, text: str) -> None:
    recorded = await api.recorded(abstract=text)
    assert (await office.get(f"/api/v1/directives/{recorded['directive_id']}")).json()["abstract"] == text
    for query in ({"q": text}, {"agency": text}):
        answer = await office.get("/api/v1/assignments", params=query)
        assert answer.status_code in (200, 400)
    answer = await office.get("/api/v1/assignments", params={"status": text})
    refused(answer, 400)
    assert await fetchval("SELECT count(*) FROM task") == 1


async def test_case_43_and_45_line_breaks_reach_no_header_and_no_log(
    office: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await office.get("/api/v1/tasks/1%0d%0aSet-Cookie:%20a=b")
    refused(answer, 400)
    assert "set-cookie" not in answer.headers
    assert "\r" not in caplog.text


# -- 47 to 50: access ----------------------------------------------------------------------------------


async def test_case_47_foreign_rows_cannot_be_told_from_missing_ones(api: Api) -> None:
    recorded = await api.recorded(tasks=[{**DIRECTIVE["tasks"][0], "cooperating": []}])
    address = await api.lead_of(recorded)
    assignment_id = address.rpartition("/")[2]
    other = await api.client(api.world.other_agency)
    anything = {"If-Match": "*"}
    missing = "/api/v1/assignments/999999"

    def plain(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
        body = {k: v for k, v in answer.json().items() if k != "instance"}
        return answer.status_code, body

    for rest in ("", "/history", "/reports", "/extensions", "/reminders"):
        assert plain(await other.get(address + rest)) == plain(await other.get(missing + rest)), rest
    for rest, body in (
        ("/acknowledge", None),
        ("/reports", COMPLETION),
        ("/extensions", {"proposed_on": "2027-01-01", "reason": "x"}),
        ("/commitment", {"committed_on": "2027-01-01", "cause": "x"}),
    ):
        foreign = await other.post(address + rest, json=body, headers=anything)
        absent = await other.post(missing + rest, json=body, headers=anything)
        assert plain(foreign) == plain(absent), rest
        assert foreign.status_code == 404, rest
    lists = [
        await other.get("/api/v1/assignments"),
        await other.get("/api/v1/assignments", params={"agency": "BYT"}),
        await other.get("/api/v1/assignments", params={"q": "Kế hoạch"}),
        await other.get("/api/v1/assignments", params={"directive_id": recorded["directive_id"]}),
        await other.get("/api/v1/directives"),
    ]
    assert [answer.json()["items"] for answer in lists] == [[]] * len(lists)
    assert (await other.get(f"/api/v1/directives/{recorded['directive_id']}")).status_code == 404
    assert (await other.get(f"/api/v1/tasks/{recorded['task_ids'][0]}")).status_code == 404
    foreign_tag = await other.get(address, headers={"If-None-Match": "*"})
    assert foreign_tag.status_code == 404
    assert (await other.get("/api/v1/overdue?as_of=2027-01-31")).json()["agencies"] == []
    feed = {"name": "x", "scope": "directive", "directive_id": recorded["directive_id"]}
    assert (await other.post("/api/v1/feeds", json=feed)).status_code == 422
    assert assignment_id not in (await other.get("/api/v1/assignments")).text


async def test_case_47_foreign_feeds_and_tokens(api: Api) -> None:
    own = await api.client(api.world.agency)
    other = await api.client(api.world.other_agency)
    made = await own.post("/api/v1/feeds", json={"name": "x", "scope": "own_agency"})
    address = made.headers["location"]
    assert (await other.get(address)).status_code == 404
    assert (await other.delete(address, headers={"If-Match": "*"})).status_code == 404
    assert (await other.get("/api/v1/feeds")).json()["items"] == []
    assert "ddt_" not in (await own.get("/api/v1/tokens")).text


async def test_case_48_agency_does_not_confirm_its_own_report(api: Api) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    reported = await agency.post(f"{address}/reports", json=COMPLETION, headers={"If-Match": "*"})
    assert reported.status_code == 201
    for actor in (api.world.agency, api.world.leader, api.world.inspector):
        client = await api.client(actor)
        refused(await client.post(f"{address}/confirm", json={}, headers={"If-Match": "*"}), 403)
    assert (await agency.get(address)).json()["state"] == "reported"


async def test_case_50_token_dies_with_its_official(api: Api) -> None:
    agency = await api.client(api.world.agency)
    assert (await agency.get("/api/v1/me")).status_code == 200
    await execute("UPDATE official SET is_active = false WHERE id = $1", api.world.agency.official_id)
    refused(await agency.get("/api/v1/me"), 401)


async def test_case_50_token_dies_when_revoked(api: Api) -> None:
    agency = await api.client(api.world.agency)
    token_id = int((await agency.get("/api/v1/me")).json()["token_id"])
    await tokens.revoke(SYSTEM, token_id, clock.utc_now())
    refused(await agency.get("/api/v1/me"), 401)


async def test_case_50_token_revokes_itself(api: Api) -> None:
    agency = await api.client(api.world.agency)
    assert (await agency.delete("/api/v1/tokens/current")).status_code == 204
    refused(await agency.get("/api/v1/me"), 401)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer ddt_",
        "Bearer ddt_" + "a" * 32,
        "Basic YTpi",
        "bearer x",
        "Bearer ddt_'--",
    ],
)
async def test_wrong_credentials_are_all_told_the_same(api: Api, header: str) -> None:
    nobody = await api.client(None)
    answer = await nobody.get("/api/v1/me", headers={"Authorization": header})
    assert refused(answer, 401)["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_scope_narrows_the_role(api: Api) -> None:
    reader = await api.client(api.world.secretariat, ("read",))
    answer = await reader.post("/api/v1/directives", json=DIRECTIVE)
    assert refused(answer, 403)["code"] == "scope_missing"
    assert (await reader.get("/api/v1/directives")).status_code == 200
    writer = await api.client(api.world.secretariat, ("assign",))
    assert refused(await writer.get("/api/v1/directives"), 403)["code"] == "scope_missing"


async def test_case_53_one_foreign_agency_among_many_records_nothing(office: httpx.AsyncClient) -> None:
    tasks = [DIRECTIVE["tasks"][0]] * 20 + [{**DIRECTIVE["tasks"][0], "leads": ["NOBODY"]}]
    problem = refused(await office.post("/api/v1/directives", json=with_(tasks=tasks)), 422)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/tasks/20/leads/0", "agency_unknown")]
    await nothing_recorded()


# -- 55 and 56: verbs and paths ------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "FOO", "get"])
async def test_case_55_strange_methods(api: Api, method: str) -> None:
    status, headers = await raw(api, b"/api/v1/me", method=method)
    assert status == 405
    assert headers["allow"] == "GET, HEAD, OPTIONS"  # of this address, not of all (RFC 9110 §15.5.6)


async def test_case_55_method_override_is_ignored(api: Api, office: httpx.AsyncClient) -> None:
    address = f"/api/v1/directives/{(await api.recorded())['directive_id']}"
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "PATCH"}
    assert (await office.get(address, headers=override)).status_code == 200
    refused(await office.delete(address), 405)


@pytest.mark.parametrize(
    "path",
    ["//api/v1/me", "/api//v1/me", "/%61pi/v1/me", "/api/v1/%6de", "/api%2fv1/me", "/api/v1/me%2f", "/api/v1/me/;x",
     "/api/v1/./me", "/api/v1/x/../me", "/api/v1/%2e%2e/v1/me", "/api\\v1\\me", "/api/v1/me%5c", "/api/v1/me%20",
     "/API/v1/me", "/api/v1/me.json", "/api/v1/me;a=b"],
)  # fmt: skip
async def test_case_56_path_tricks(api: Api, path: str) -> None:
    token = (await api.token(api.world.secretariat)).encode()
    headers = [(b"host", b"127.0.0.1:8080"), (b"authorization", b"Bearer " + token)]
    status, _ = await raw(api, path.encode(), headers=headers)
    assert status in (400, 404), path


async def test_case_56_final_slash_leads_to_the_one_address(api: Api) -> None:
    status, headers = await raw(api, b"/api/v1/me/", query=b"a=b")
    assert (status, headers["location"]) == (308, "/api/v1/me?a=b")
    assert (await raw(api, b"/api/v1/directives/", method="POST"))[0] == 404
