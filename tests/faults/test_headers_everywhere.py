"""Bars A1, A2 and A14 on every operation, and the security headers on every answer of every route (table 4.1)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from tests.api import Api, application, running_api
from tracker.api.endpoint import Operation
from tracker.api.openapi import PREFIX
from tracker.api.security import SECURITY_HEADERS
from tracker.api.strict import PATH_TEXTS
from tracker.api.v1 import v1_handlers
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

OPERATIONS: list[Operation] = [handler.opt["operation"] for handler in v1_handlers]
BY_PATH: dict[str, set[str]] = {}
for _operation in OPERATIONS:
    BY_PATH.setdefault(_operation.path, set()).add(_operation.method)
FILLED = {name: example for name, (_, example) in PATH_TEXTS.items()}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


def filled(path: str) -> str:
    """The path with an example in each place."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda named: str(FILLED.get(named[1], "987654321")), path)


def paths() -> list[str]:
    """One address for each route of the whole application: API, pages, feeds, files, health, documentation."""
    found = {filled(route.path) for route in application().routes}
    return sorted(path for path in found if path)


def missing(answer: httpx.Response) -> list[str]:
    """What an answer lacks of the headers that every answer carries."""
    lacking = [name for name in SECURITY_HEADERS if name not in answer.headers]
    for name, value in SECURITY_HEADERS.items():
        # A page may allow more of itself, a file or a feed may be kept; the rest is the same everywhere.
        if name in ("Content-Security-Policy", "Referrer-Policy", "Cache-Control"):
            continue
        if answer.headers.get(name) != value:
            lacking.append(f"{name}={answer.headers.get(name)}")
    policy = answer.headers.get("content-security-policy", "")
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "object-src 'none'"):
        if part not in policy:
            lacking.append(f"CSP {part}")
    if "unsafe" in policy or "http:" in policy:
        lacking.append("CSP unsafe")
    if "x-request-id" not in answer.headers:
        lacking.append("X-Request-Id")
    return lacking


def is_problem(answer: httpx.Response) -> bool:
    """Whether a refusal is a problem document (A1)."""
    is_document = answer.headers.get("content-type") == "application/problem+json"
    return is_document and bool(answer.json()["status"] == answer.status_code)


async def test_headers_stand_on_every_answer_of_every_route(api: Api) -> None:
    lacking = {}
    listed = paths()
    assert len(listed) > 80
    async with await api.client(None) as nobody, await api.client(api.world.secretariat) as office:
        for path in listed:
            for client, method in (
                (nobody, "GET"),
                (office, "GET"),
                (nobody, "HEAD"),
                (nobody, "OPTIONS"),
                (nobody, "POST"),
                (nobody, "PUT"),
                (nobody, "TRACE"),
            ):
                answer = await client.request(method, path)
                if found := missing(answer):
                    lacking[f"{method} {path} {answer.status_code}"] = found
                assert answer.status_code < 500 or path == "/ready", (method, path, answer.text[:300])
    assert lacking == {}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/khong-co", {}, 404),
        ("GET", "/api/v1/khong-co", {}, 404),
        ("GET", "/static/khong-co.css", {}, 404),
        ("GET", "/calendars/khong-co.ics", {}, 404),
        ("DELETE", "/api/v1/me", {}, 405),
        ("TRACE", "/", {}, 405),
        ("POST", "/api/v1/directives", {"Content-Length": "99999999"}, 413),
        ("GET", "/" + "a" * 3000, {}, 414),
        ("GET", "/", {"X-Long": "a" * 40_000}, 431),
        ("GET", "/", {f"X-{n}": "a" for n in range(150)}, 431),
        ("GET", "/", {"Host": "evil.example"}, 400),
        ("GET", "/%zz", {}, 400),
        ("GET", "//evil.example/", {}, 404),
    ],
)
async def test_headers_stand_on_refusals_before_any_route(
    api: Api, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    nobody = await api.client(None)

    answer = await nobody.request(method, f"http://127.0.0.1:8080{path}", headers=headers)

    assert answer.status_code == status
    assert missing(answer) == []


@pytest.mark.parametrize("path", ["/api/v1/me", "/live", "/"])
async def test_headers_stand_on_a_500(api: Api, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("hidden words")

    # What every request passes first, outside every handler of the application.
    monkeypatch.setattr("litestar.app.Litestar.asgi_handler", broken, raising=False)
    monkeypatch.setattr(application(), "asgi_handler", broken)
    office = await api.client(api.world.secretariat)

    answer = await office.get(path)

    assert answer.status_code == 500
    assert missing(answer) == []
    assert "hidden words" not in answer.text


# -- A14: methods and types ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(BY_PATH))
async def test_a14_every_path_tells_its_methods(api: Api, path: str) -> None:
    office = await api.client(api.world.secretariat)
    taken = BY_PATH[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in BY_PATH[path] else set())
    address = PREFIX + filled(path)

    options = await office.options(address)

    assert options.status_code in (200, 204)
    assert {m.strip() for m in options.headers["allow"].split(",")} == taken
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - taken:
        refused = await office.request(method, address)
        assert refused.status_code == 405, (method, path)
        assert {m.strip() for m in refused.headers["allow"].split(",")} == taken
        assert method == "HEAD" or is_problem(refused)


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op.method == "GET"], ids=lambda op: op.id)
async def test_a14_head_is_a_get_without_its_body(api: Api, operation: Operation) -> None:
    office = await api.client(api.world.secretariat)
    address = PREFIX + filled(operation.path)

    got, head = await office.get(address), await office.head(address)

    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers.get("content-type") == got.headers.get("content-type")
    assert head.headers.get("etag") == got.headers.get("etag")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.id)
async def test_a14_what_is_not_offered_is_a_406_and_what_is_not_taken_a_415(
    api: Api, operation: Operation
) -> None:
    admin = await api.client(api.world.administrator)
    address = PREFIX + filled(operation.path)
    matching = {"If-Match": "*"} if operation.is_change else {}

    odd = await admin.request(operation.method, address, headers={"Accept": "image/x-none", **matching})
    assert odd.status_code in ({406, 403} if "*/*" not in operation.media_types else {400, 403, 404, 406})
    assert is_problem(odd)
    if operation.body is not None:
        typed = await admin.request(
            operation.method, address, content=b"<x/>", headers={"Content-Type": "text/xml", **matching}
        )
        assert typed.status_code in {415, 403}
        assert is_problem(typed)


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op.is_change], ids=lambda op: op.id)
async def test_a2_a_change_without_a_condition_is_a_428(api: Api, operation: Operation) -> None:
    # A foreign row is a 404 whatever is sent, so the agency is asked about an assignment of its own.
    own = (await api.lead_of(await api.recorded())).rpartition("/")[2]
    address = PREFIX + filled(operation.path.replace("{assignment_id}", own))
    statuses = set()
    for persona in (api.world.administrator, api.world.secretariat, api.world.agency, api.world.leader):
        client = await api.client(persona)
        refused = await client.request(operation.method, address)
        assert is_problem(refused)
        statuses.add(refused.status_code)

    if any(field.required for field in msgspec.structs.fields(operation.query)):
        assert 400 in statuses, "a parameter that must be there is asked for first"
        return
    # Nobody but the one who sent it has a file that could be removed, and here there is none.
    assert 428 in statuses or operation.id == "removeAttachment"
    assert statuses <= {428, 403, 404}


@pytest.mark.parametrize(
    "operation",
    [op for op in OPERATIONS if op.method == "GET" and op.has_tag and "{" not in op.path],
    ids=lambda op: op.id,
)
async def test_a2_what_the_client_has_is_a_304(api: Api, operation: Operation) -> None:
    admin = await api.client(api.world.administrator)
    got = await admin.get(PREFIX + operation.path)
    if got.status_code != 200:
        assert is_problem(got), "a list that needs a filter"
        return

    again = await admin.get(PREFIX + operation.path, headers={"If-None-Match": got.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == got.headers["etag"]
    assert missing(again) == []
