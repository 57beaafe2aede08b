"""Bar A12: docs/openapi.json keeps every promise of the last released document."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract import breaking_changes

ROOT = Path(__file__).parents[2]
RELEASED = json.loads((ROOT / "tests/data/openapi_released.json").read_text("utf-8"))


def test_the_document_breaks_nothing_that_was_released() -> None:
    """After a release: copy docs/openapi.json to tests/data/openapi_released.json."""
    assert breaking_changes(RELEASED, json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))) == []


def change(document: Any, what: str) -> None:
    """One change to a document."""
    schemas, paths = document["components"]["schemas"], document["paths"]
    match what:
        case "path":
            del paths["/api/v1/feeds"]
        case "field":
            del schemas["Feed"]["properties"]["hint"]
        case "required":
            schemas["FeedIn"]["required"].append("language")
        case "enum":
            schemas["FeedIn"]["properties"]["scope"]["enum"].pop()
        case "type":
            schemas["Feed"]["properties"]["name"] = {"type": "integer"}
        case "parameter":
            paths["/api/v1/assignments"]["get"]["parameters"].pop(0)
        case "status":
            del paths["/api/v1/feeds"]["post"]["responses"]["201"]
        case "new field":
            schemas["Feed"]["properties"]["colour"] = {"type": "string"}
        case "new choice":
            schemas["FeedIn"]["properties"]["scope"]["enum"].append("more")
        case "new path":
            paths["/api/v1/news"] = {"get": {"operationId": "news", "responses": {}}}


@pytest.mark.parametrize("what", ["path", "field", "required", "enum", "type", "parameter", "status"])
def test_a_breaking_change_is_seen(what: str) -> None:
    changed = copy.deepcopy(RELEASED)
    change(changed, what)

    assert breaking_changes(RELEASED, changed) != []


@pytest.mark.parametrize("what", ["new field", "new choice", "new path"])
def test_an_addition_breaks_nothing(what: str) -> None:
    changed = copy.deepcopy(RELEASED)
    change(changed, what)

    assert breaking_changes(RELEASED, changed) == []
    assert breaking_changes(RELEASED, RELEASED) == []


def test_what_was_deprecated_may_end() -> None:
    released, changed = copy.deepcopy(RELEASED), copy.deepcopy(RELEASED)
    released["paths"]["/api/v1/feeds"]["get"]["deprecated"] = True
    del changed["paths"]["/api/v1/feeds"]["get"]

    assert breaking_changes(released, changed) == []
