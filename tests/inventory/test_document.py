"""The OpenAPI document as one whole: examples fit, refusals have one form, values keep the rules (A5, A7)."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import jsonschema_rs
import pytest

from tracker.api.endpoint import JSON, MERGE_PATCH, Operation
from tracker.api.errors import PROBLEM_MEDIA_TYPE
from tracker.api.openapi import build
from tracker.api.v1 import v1_handlers

OPERATIONS: list[Operation] = [handler.opt["operation"] for handler in v1_handlers]
DOCUMENT = build(OPERATIONS)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
DESCRIBED: dict[str, dict[str, Any]] = {
    item[method]["operationId"]: item[method]
    for item in DOCUMENT["paths"].values()
    for method in ("get", "post", "put", "patch", "delete")
    if method in item
}
IDS = sorted(DESCRIBED)
NAMES = sorted(SCHEMAS)
# Names of messages, groups and submissions: texts that others chose, or that join rows of several tables.
FOREIGN_IDS = {"message_id", "group_id", "submission_id"}
FORMATS = {"_at": "date-time", "_on": "date"}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the components beside it, so that its references lead somewhere."""
    return {**schema, "components": DOCUMENT["components"]}


def complaints(value: object, schema: dict[str, Any]) -> list[str]:
    """What is wrong with a value, by the schema."""
    validator = jsonschema_rs.Draft202012Validator(resolved(schema), validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The one alternative that is not null."""
    others = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
    return others[0] if len(others) == 1 else schema


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(schema, field, its schema) of the whole document."""
    for name, schema in SCHEMAS.items():
        for field, inner in schema.get("properties", {}).items():
            yield name, field, plain(inner)


@pytest.mark.parametrize("operation", IDS)
def test_every_answer_has_an_example_that_fits(operation: str) -> None:
    for status, answer in DESCRIBED[operation]["responses"].items():
        content = answer.get("content", {})
        if status.startswith("2") and JSON in content:
            assert complaints(content[JSON]["example"], content[JSON]["schema"]) == [], status


@pytest.mark.parametrize("operation", IDS)
def test_every_body_has_an_example_that_fits(operation: str) -> None:
    content = DESCRIBED[operation].get("requestBody", {}).get("content", {})
    for media_type in (JSON, MERGE_PATCH):
        # A file that happens to be JSON is taken as bytes.
        if media_type in content and content[media_type]["schema"].get("format") != "binary":
            assert complaints(content[media_type]["example"], content[media_type]["schema"]) == []


@pytest.mark.parametrize("operation", IDS)
def test_every_parameter_has_a_form_and_its_example_fits(operation: str) -> None:
    for parameter in DESCRIBED[operation]["parameters"]:
        assert parameter["schema"].get("type") or "enum" in parameter["schema"], parameter["name"]
        if "example" in parameter:
            assert complaints(parameter["example"], parameter["schema"]) == [], parameter["name"]
        if "default" in parameter["schema"]:
            assert complaints(parameter["schema"]["default"], parameter["schema"]) == [], parameter["name"]


@pytest.mark.parametrize("operation", IDS)
def test_every_refusal_is_problem_details(operation: str) -> None:
    refusals = {s: r for s, r in DESCRIBED[operation]["responses"].items() if s[0] in "45"}
    assert {"400", "401", "403", "406", "429", "500", "503"} <= refusals.keys()
    for status, refusal in refusals.items():
        told = DOCUMENT["components"]["responses"][refusal["$ref"].rpartition("/")[2]]
        assert list(told["content"]) == [PROBLEM_MEDIA_TYPE]
        assert told["content"][PROBLEM_MEDIA_TYPE]["example"]["status"] == int(status)


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["responses"]))
def test_the_example_of_a_refusal_fits(name: str) -> None:
    content = DOCUMENT["components"]["responses"][name]["content"][PROBLEM_MEDIA_TYPE]

    assert complaints(content["example"], content["schema"]) == []


def test_every_tag_is_described_and_used() -> None:
    assert {tag for op in DESCRIBED.values() for tag in op["tags"]} == {t["name"] for t in DOCUMENT["tags"]}


def test_every_operation_has_a_summary_that_is_a_phrase() -> None:
    for name, operation in DESCRIBED.items():
        assert re.fullmatch(r"[A-Z][^.\n]{4,80}", operation["summary"]), name


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_schema_and_is_described(name: str) -> None:
    jsonschema_rs.Draft202012Validator(resolved(SCHEMAS[name]))
    assert SCHEMAS[name].get("description"), "an object says what it is"


def test_instants_and_days_have_their_formats() -> None:
    wrong = [
        f"{name}.{field}"
        for name, field, schema in fields()
        for suffix, form in FORMATS.items()
        # `completes_on` names the milestone that completes a task, not a day.
        if field.endswith(suffix) and schema.get("format") != form and "enum" not in schema
    ]
    assert wrong == []


def test_nothing_is_a_float() -> None:
    assert [f"{name}.{field}" for name, field, schema in fields() if schema.get("type") == "number"] == []


def test_identifiers_are_opaque_text_of_one_form() -> None:
    wrong = [
        f"{name}.{field}"
        for name, field, schema in fields()
        if (field == "id" or field.endswith("_id")) and field not in FOREIGN_IDS
        if (schema.get("type"), schema.get("pattern")) != ("string", "^[1-9][0-9]{0,17}$")
    ]
    assert wrong == []


def test_enumerations_are_text() -> None:
    for name, field, schema in fields():
        for choice in schema.get("enum", ()):
            assert choice is None or isinstance(choice, str), f"{name}.{field}"


def test_what_is_taken_is_bounded_and_closed() -> None:
    """No text or list that a client sends is without an end, and no object takes a field it does not know."""
    taken = {
        content["schema"]["$ref"].rpartition("/")[2]
        for operation in DESCRIBED.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in content["schema"]
    }
    waiting, seen = list(taken), set[str]()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        schema = SCHEMAS[name]
        waiting += re.findall(r"'#/components/schemas/(\w+)'", str(schema))
        assert schema.get("additionalProperties") is False, name
        for field, inner in schema["properties"].items():
            kind = plain(inner)
            if kind.get("type") == "array":
                assert "maxItems" in kind, f"{name}.{field}"
            if kind.get("type") == "string" and not kind.keys() & {"enum", "format", "pattern"}:
                assert "maxLength" in kind, f"{name}.{field}"


def test_lists_go_on_in_one_way() -> None:
    for operation in OPERATIONS:
        if operation.is_paged and operation.answer is not None:
            assert {"items", "next"} <= SCHEMAS[operation.answer.__name__]["properties"].keys(), operation.id
            assert {"limit", "cursor"} <= {p["name"] for p in DESCRIBED[operation.id]["parameters"]}


def test_links_use_what_their_operations_take() -> None:
    paths = {
        item[method]["operationId"]: {p["name"] for p in item.get("parameters", [])}
        for item in DOCUMENT["paths"].values()
        for method in item
        if method != "parameters"
    }
    for name, operation in DESCRIBED.items():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                target = link["operationId"]
                taken = paths[target] | {p["name"] for p in DESCRIBED[target]["parameters"]}
                assert link.get("parameters", {}).keys() <= taken, f"{name} to {target}"
                assert paths[target] <= link.get("parameters", {}).keys(), f"{name} to {target}"


def test_names_serve_those_who_generate_clients() -> None:
    """Methods, classes and fields of a generated client are words of its language, each its own."""
    reserved = {*keyword.kwlist, "function", "typeof", "void", "var", "interface", "switch", "case", "delete"}
    for name in IDS:
        assert re.fullmatch(r"[a-z][A-Za-z]+", name), name
        assert name not in reserved
    assert len({name.lower() for name in IDS}) == len(IDS)
    assert len({name.lower() for name in NAMES}) == len(NAMES)
    for name in NAMES:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name
    for name, field, schema in fields():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field), f"{name}.{field}"
        assert field not in reserved, f"{name}.{field}"
        choices = [re.sub(r"\W", "_", choice).upper() for choice in schema.get("enum", ()) if choice]
        assert len(set(choices)) == len(choices), f"{name}.{field}"
    for operation in DESCRIBED.values():
        for parameter in operation["parameters"]:
            assert parameter["name"] not in reserved, operation["operationId"]


def test_a_client_in_python_can_be_written_from_it() -> None:
    """The schemas as classes whose annotations all resolve: every name that is used is there."""

    def kind(schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            name: str = schema["$ref"].rpartition("/")[2]
            return name
        if "anyOf" in schema:
            return " | ".join(kind(choice) for choice in schema["anyOf"])
        if "enum" in schema:
            return f"Literal[{', '.join(repr(choice) for choice in schema['enum'])}]"
        match schema.get("type"):
            case "array":
                return f"list[{kind(schema.get('items', {}))}]"
            case "object":
                return "dict[str, Any]"
            case other:
                return {"string": "str", "integer": "int", "boolean": "bool", "null": "None"}.get(
                    str(other), "Any"
                )

    lines = ["from typing import Any, Literal, NotRequired, TypedDict", ""]
    for name, schema in SCHEMAS.items():
        lines.append(f"class {name}(TypedDict):")
        for field, inner in schema.get("properties", {}).items():
            told = kind(inner)
            lines.append(
                f"    {field}: {told if field in schema.get('required', ()) else f'NotRequired[{told}]'}"
            )
        lines.append("    pass")
    written: dict[str, Any] = {"__name__": "a_client"}
    exec(compile("\n".join(["from __future__ import annotations", *lines]), "client.py", "exec"), written)

    for name, schema in SCHEMAS.items():
        assert get_type_hints(written[name], written).keys() == schema.get("properties", {}).keys()
