"""What a change of the API's document would break for those who use the last released one (bar A12). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
Document = dict[str, Any]


def breaking_changes(released: Document, present: Document) -> list[str]:
    """Each promise of `released` that `present` does not keep; an operation that was deprecated may end."""
    return sorted(set(_paths(released, present)) | set(_schemas(released, present)))


def _paths(released: Document, present: Document) -> Iterator[str]:
    for path, item in released["paths"].items():
        for method in METHODS:
            if (before := item.get(method)) is None:
                continue
            name = f"{method.upper()} {path}"
            after = present["paths"].get(path, {}).get(method)
            if after is None:
                if not before.get("deprecated"):
                    yield f"{name}: removed"
                continue
            if before.get("operationId") != after.get("operationId"):
                yield f"{name}: another operationId"
            yield from _parameters(name, before, after)
            yield from _answers(name, before, after)
            if after.get("requestBody", {}).get("required") and not before.get("requestBody", {}).get(
                "required"
            ):
                yield f"{name}: a body is required now"


def _parameters(name: str, before: Document, after: Document) -> Iterator[str]:
    def of(operation: Document) -> dict[tuple[str, str], Document]:
        return {(p["in"], p["name"]): p for p in operation.get("parameters", [])}

    old, new = of(before), of(after)
    for place, parameter in old.items():
        if place not in new:
            yield f"{name}: parameter {place[1]} removed"
            continue
        gone = _enum(parameter.get("schema", {})) - _enum(new[place].get("schema", {}))
        if gone and _enum(new[place].get("schema", {})):
            yield f"{name}: parameter {place[1]} no longer takes {', '.join(sorted(gone))}"
    for place, parameter in new.items():
        if parameter.get("required") and not old.get(place, {}).get("required"):
            yield f"{name}: parameter {place[1]} is required now"


def _answers(name: str, before: Document, after: Document) -> Iterator[str]:
    for status, answer in before.get("responses", {}).items():
        if not status.startswith("2"):
            continue
        if status not in after.get("responses", {}):
            yield f"{name}: no longer answers {status}"
            continue
        for media_type in answer.get("content", {}):
            if media_type not in after["responses"][status].get("content", {}):
                yield f"{name}: no longer gives {media_type}"


def _schemas(released: Document, present: Document) -> Iterator[str]:
    taken = _taken(present)
    after = present["components"]["schemas"]
    for name, schema in released["components"]["schemas"].items():
        if name not in after:
            yield f"schema {name}: removed"
            continue
        old, new = schema.get("properties", {}), after[name].get("properties", {})
        for field, shape in old.items():
            if field not in new:
                yield f"schema {name}: field {field} removed"
            elif _types(shape) and _types(new[field]) and not _types(shape) <= _types(new[field]):
                yield f"schema {name}: field {field} is of another type"
            elif name in taken and _enum(new[field]) and (gone := _enum(shape) - _enum(new[field])):
                yield f"schema {name}: field {field} no longer takes {', '.join(sorted(gone))}"
        if name in taken:
            for field in set(after[name].get("required", [])) - set(schema.get("required", [])):
                yield f"schema {name}: field {field} is required now"
        else:
            for field in set(schema.get("required", [])) - set(after[name].get("required", [])):
                if field in new:
                    yield f"schema {name}: field {field} may be absent now"


def _taken(document: Document) -> set[str]:
    """The schemas that clients send, with what they refer to."""
    queue = [
        operation["requestBody"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in METHODS and "requestBody" in operation
    ]
    found: set[str] = set()
    while queue:
        for name in _references(queue.pop()) - found:
            found.add(name)
            queue.append(document["components"]["schemas"].get(name, {}))
    return found


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        own = {reference.rpartition("/")[2]} if isinstance(reference, str) else set()
        return own.union(*(_references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(inner) for inner in value))
    return set()


def _enum(schema: Document) -> set[str]:
    own = {str(choice) for choice in schema.get("enum", [])}
    return own.union(*(_enum(inner) for inner in schema.get("anyOf", [])))


def _types(schema: Document) -> set[str]:
    given = schema.get("type", [])
    own = {given} if isinstance(given, str) else set(given)
    return own.union(*(_types(inner) for inner in schema.get("anyOf", [])))
