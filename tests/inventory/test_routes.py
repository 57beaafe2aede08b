"""Every route of the JSON edge is listed, documented, refused to strangers, and docs/openapi.json is what is served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api, application, running_api
from tracker.api.docs import document
from tracker.api.endpoint import Operation
from tracker.api.openapi import PREFIX, build
from tracker.api.v1 import v1_handlers
from tracker.settings import Settings

OPERATIONS: list[Operation] = [handler.opt["operation"] for handler in v1_handlers]
OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"
IDS = [operation.id for operation in OPERATIONS]

ROUTES = (Path(__file__).parent / "api_routes.txt").read_text("utf-8").split("\n")[:-1]


def test_routes_are_the_listed_ones() -> None:
    assert sorted(f"{op.method} {op.path}" for op in OPERATIONS) == sorted(ROUTES)


def test_operation_ids_are_unique() -> None:
    assert len(set(IDS)) == len(IDS)


def test_application_registers_every_operation() -> None:
    registered = {
        handler.opt["operation"].id
        for route in application().routes
        for handler in getattr(route, "route_handlers", [])
        if "operation" in handler.opt
    }
    assert registered == set(IDS)


def test_openapi_file_is_the_served_document() -> None:
    assert OPENAPI.read_bytes() == document(v1_handlers), (
        "run: python -m tracker.api.docs > docs/openapi.json"
    )


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(inner) for inner in value))
    return set()


def test_document_is_whole() -> None:
    described = build(OPERATIONS)
    for reference in _references(described):
        place = described
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for path, item in described["paths"].items():
        for method in ("get", "post", "patch", "delete"):
            if (operation := item.get(method)) is None:
                continue
            assert operation["summary"], path
            assert {"401", "403", "500", "503"} <= operation["responses"].keys(), path
            for link in _links(operation):
                assert link["operationId"] in IDS, path
    json.dumps(described)


def _links(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [link for answer in operation["responses"].values() for link in answer.get("links", {}).values()]


UNCONDITIONAL = {
    # In force, or ended: there are no versions.
    "revokeCurrentToken",
    "revokeSession",
    # Something is added; what stands there is not overwritten.
    "addTasks",
    "addAttachment",
    "defineTarget",
    "enterReading",
    "answerReconciliation",
    # Settled once, by the answer that was read; closed once.
    "settleDifference",
    "closeReconciliation",
    # What is added stands beside the rest, and what is shared or explained once is done.
    "explain",
    "addNote",
    "shareNote",
    "addAddendum",
    "concludeWhole",
    # Every line of the table says what it corrects.
    "confirmReadings",
    # A job is a wish, harmless to repeat; its version moves with each step of its work.
    "confirmImport",
    "cancelJob",
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_change_of_a_row_needs_a_condition(operation: Operation) -> None:
    changes_row = operation.method in ("PATCH", "PUT", "DELETE") or (
        operation.method == "POST" and "{" in operation.path
    )
    assert operation.is_change == (changes_row and operation.id not in UNCONDITIONAL)


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.mark.anyio
async def test_every_operation_is_refused_to_strangers(api: Api) -> None:
    nobody = await api.client(None)
    for operation in OPERATIONS:
        path = PREFIX + operation.path.replace("{", "").replace("}", "")
        answer = await nobody.request(operation.method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), operation.id


OPEN_TO_READERS = {
    "checkTable",
    # They read, they export, and they may end what they began.
    "resolveDeadline",
    "createExport",
    "cancelJob",
    "revokeCurrentToken",
    # Their own absence, sessions and mail; feeds and webhooks are their own by their tags.
    "changeOfficial",
    "revokeSession",
    "chooseMail",
}


@pytest.mark.anyio
async def test_reader_of_the_inspector_changes_nothing(api: Api) -> None:
    inspector = await api.client(api.world.inspector)
    refused = {}
    for operation in OPERATIONS:
        # Sessions of inspection are the inspector's own work; their feeds and webhooks are by their tags.
        if operation.method == "GET" or operation.tag in ("Feeds", "Webhooks", "Inspections"):
            continue
        path = PREFIX + operation.path.replace("{", "").replace("}", "")
        # Neither the body nor the address fits, nor is there a key: the right comes first.
        answer = await inspector.request(operation.method, path, json={}, headers={"If-Match": "*"})
        refused[operation.id] = (answer.status_code, answer.json()["code"])

    allowed = {name for name, answer in refused.items() if answer != (403, "not_permitted")}
    assert allowed == OPEN_TO_READERS, {name: refused[name] for name in allowed}
