"""The OpenAPI 3.1 document, made from the operations as they are declared; docs/openapi.json is its copy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, inspect

from tracker.api.endpoint import JSON, MERGE_PATCH, Operation
from tracker.api.errors import EDGE_STATUS, PROBLEM_MEDIA_TYPE, ProblemDetails, status_of_code
from tracker.api.samples import sample
from tracker.api.strict import ID_PATTERN, PATH_TEXTS

API_VERSION = "1.0.0"
PREFIX = "/api/v1"
_REF = "#/components/schemas/{name}"
_ALWAYS = (
    "bad_request",
    "unauthenticated",
    "not_permitted",
    "not_acceptable",
    "uri_too_long",
    "rate_limited",
    "headers_too_large",
    "internal",
    "unavailable",
)

_INTRODUCTION = """\
Directives, the tasks they set, and the assignments by which agencies carry them out.

- Authentication: `Authorization: Bearer ddt_…`; a token has the rights of its official, narrowed by its scopes.
- Every error is `application/problem+json` (RFC 9457); `code` is stable, sentences follow `Accept-Language`.
- Every resource has an `ETag`. A change needs `If-Match` with it: 428 without, 412 when somebody was first.
- `Idempotency-Key` on a POST makes a retry safe for 24 hours: the first answer is given again.
- Lists go on at `next`, also given as a `Link` header; a cursor belongs to its filter and its reader.
- Deadlines are civil dates in `Asia/Ho_Chi_Minh`, inclusive; instants are RFC 3339 in UTC; ids are opaque text.
- Too many requests of one token are a 429 with `Retry-After`; every answer tells what is left in `RateLimit`.
- New values may join an enumeration of answers: treat an unknown one as you would "other".
"""

_TAGS = {
    "Directory": "Agencies and officials.",
    "Directives": "Signed documents that set tasks.",
    "Tasks": "What a directive asks for.",
    "Assignments": "One task at one agency: deadline, life, status.",
    "Reports": "What an agency says, and what is answered.",
    "Extensions": "Requests for more time.",
    "Reminders": "What was sent, why, why not, and what comes next.",
    "Files": "What proves a report.",
    "Jobs": "Long work: imports, exports, their progress and results.",
    "Overdue": "The overdue list of any day.",
    "Deadlines": "What an official phrase comes to.",
    "Ladders": "Escalation policies: versions, rehearsals over the past, re-planning.",
    "Working days": "Days off, swapped days, and what a change of them moves.",
    "Outbox": "Every message with its way, and sending as a whole.",
    "Statistics": "The official buckets and rates, each with its list.",
    "Scheduled reports": "Tables that go by mail on working days, each made with the rights of its reader.",
    "Inspections": "Sessions that inspect agencies: planned, frozen, concluded, carried out.",
    "Targets": "What an agency has to reach, and the readings on the way.",
    "Reconciliation": "Each month an agency confirms the list of its tasks; what differs is settled.",
    "Urging": "Urging by a person, beside the ladder.",
    "Inside an agency": "Who works on an assignment inside the agency, until when, and notes among colleagues.",
    "History": "Who changed what, and the chain that seals it.",
    "Feeds": "Calendar links.",
    "Webhooks": "Addresses of other systems that are told of events, and what became of each message.",
    "Succession": "Agencies that merge, split or end, and where their work goes.",
    "Sessions": "Your own web sessions.",
    "Tokens": "API tokens.",
}


def build(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    listed = list(operations)
    kinds = [kind for op in listed for kind in (op.body, op.answer) if kind is not None]
    unique: list[type[Struct]] = list(dict.fromkeys([*kinds, ProblemDetails]))
    components = _components(unique)
    paths: dict[str, dict[str, Any]] = {}
    for op in listed:
        paths.setdefault(PREFIX + op.path, {})[op.method.lower()] = _operation(op, components)
    for path, item in paths.items():
        names = re.findall(r"\{(\w+)\}", path)
        if names:
            item["parameters"] = [_path_parameter(name) for name in names]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Đôn Đốc API",
            "version": API_VERSION,
            "summary": "Following up government directives: tasks, deadlines, reports, overdue lists.",
            "description": _INTRODUCTION,
            "contact": {"name": "Đôn Đốc", "url": "/api/docs"},
            "license": {"name": "See the repository", "url": "/api/docs"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "ddt_",
                    "description": "An API token: `ddt_` and 32 letters and digits.",
                }
            },
            "responses": {name: _problem(name) for name in _problem_names(listed)},
        },
    }


def _components(kinds: Iterable[type[Struct]]) -> dict[str, Any]:
    """The schema of each kind and of all they hold, by name."""
    listed = list(kinds)
    _, found = msgspec.json.schema_components(listed, ref_template=_REF)
    components = {name: _tidied(schema) for name, schema in sorted(found.items())}
    for known in _structs(inspect.multi_type_info(listed)):
        for field in known.fields:
            if any(isinstance(kind, inspect.DateTimeType) for kind in _members(field.type)):
                # The library leaves the format out, as a naive datetime has none; ours are all in UTC.
                shown = components[known.cls.__name__]["properties"][field.encode_name]
                next(s for s in shown.get("anyOf", [shown]) if s["type"] == "string")["format"] = "date-time"
    return components


def _structs(kinds: Iterable[inspect.Type]) -> Iterator[inspect.StructType]:
    """Every Struct among `kinds` and in their fields, each once."""
    seen: set[type] = set()
    waiting = list(kinds)
    while waiting:
        for kind in _members(waiting.pop()):
            if isinstance(kind, inspect.CollectionType):
                waiting.append(kind.item_type)
            elif isinstance(kind, inspect.StructType) and kind.cls not in seen:
                seen.add(kind.cls)
                yield kind
                waiting += [field.type for field in kind.fields]


def _members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The members of a union, else the one; without what is said about it."""
    if isinstance(kind, inspect.Metadata):
        return _members(kind.type)
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _path_parameter(name: str) -> dict[str, Any]:
    pattern, example = PATH_TEXTS.get(name, (ID_PATTERN, "17"))
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": pattern},
        "example": example,
    }


def _operation(op: Operation, components: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": op.id,
        "summary": op.summary,
        "tags": [op.tag],
        "parameters": [*_query_parameters(op.query), *_header_parameters(op)],
        "responses": _responses(op, components),
    }
    if op.description:
        described["description"] = op.description
    if op.deprecated is not None:
        described["deprecated"] = True
    if op.file_types:
        file = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": dict.fromkeys(op.file_types, file)}
    if op.body is not None:
        schema = {"$ref": _REF.format(name=op.body.__name__)}
        media_type: dict[str, Any] = {"schema": schema}
        if op.example is not None:
            media_type["example"] = op.example
        types = (MERGE_PATCH, JSON) if op.method == "PATCH" else (JSON,)
        is_needed = any(field.required for field in msgspec.structs.fields(op.body))
        described["requestBody"] = {
            "required": is_needed or op.method == "PATCH",
            "content": dict.fromkeys(types, media_type),
        }
    return described


def _query_parameters(kind: type[Struct]) -> list[dict[str, Any]]:
    described = _components([kind]).get(kind.__name__, {})
    properties: Mapping[str, Any] = described.get("properties", {})
    required = described.get("required", [])
    found = []
    for name, schema in properties.items():
        shown = _without_null(schema)
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in required}
        if "description" in shown:
            parameter["description"] = shown.pop("description")
        parameter["schema"] = shown
        found.append(parameter)
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: a parameter that is not there is absent."""
    schema = dict(schema)
    if schema.get("default", 0) is None:
        del schema["default"]
    alternatives = [s for s in schema.get("anyOf", []) if s.get("type") != "null"]
    if len(alternatives) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = {**alternatives[0], **rest}
    if None in schema.get("enum", []):
        schema["enum"] = [choice for choice in schema["enum"] if choice is not None]
    return schema


def _header_parameters(op: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if op.is_change:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The ETag of the resource as you read it, or `*`.",
                "schema": {"type": "string", "pattern": r'^(\*|"[1-9][0-9]{0,8}-[0-9a-f]{12}")$'},
                "example": '"3-2d711642b726"',
            }
        )
    if op.method == "GET" and op.has_tag:
        found.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "An ETag you hold: 304 while it is still the same.",
                "schema": {"type": "string"},
                "example": '"3-2d711642b726"',
            }
        )
    if op.takes_key:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": op.needs_key,
                "description": "A text of your own for this one request; a retry with it is answered once.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
                "example": "3f0c9a1e-6d5b-4a0e-9a55-1f7a4d3b2c10",
            }
        )
    found.append(
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "description": "`vi` or `en`; without it the official's own language.",
            "schema": {"type": "string"},
            "example": "en",
        }
    )
    return found


def _responses(op: Operation, components: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {str(op.status): _success(op, components)}
    if op.id == "recordDirective":
        responses["200"] = _success(op, components) | {
            "description": "The same submission had recorded it before."
        }
    if op.method == "GET" and op.has_tag:
        responses["304"] = {"description": "You hold this representation already."}
    for status in {status_of_code(code) for code in _codes(op)}:
        responses[str(status)] = {"$ref": f"#/components/responses/{_NAMES[status]}"}
    return dict(sorted(responses.items()))


def _codes(op: Operation) -> list[str]:
    codes = [*_ALWAYS, *op.refusals]
    if re.search(r"\{", op.path):
        codes.append("not_found")
    if op.is_paged:
        codes += ["bad_cursor"]
    if op.query.__struct_fields__ or op.body is not None or op.file_types:
        codes += ["invalid"]
    if op.is_change:
        codes += ["precondition_required", "stale_version"]
    if op.body is not None or op.file_types:
        codes += ["unsupported_media_type", "too_large"]
    if op.needs_key:
        codes += ["idempotency_key_missing"]
    if op.takes_key:
        codes += ["idempotency_in_flight", "idempotency_mismatch"]
    return list(dict.fromkeys(codes))


_NAMES = {
    400: "BadRequest",
    401: "Unauthenticated",
    403: "NotPermitted",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    412: "StaleVersion",
    413: "TooLarge",
    414: "UriTooLong",
    415: "UnsupportedMediaType",
    422: "Invalid",
    428: "PreconditionRequired",
    429: "TooManyRequests",
    431: "HeadersTooLarge",
    500: "Internal",
    503: "Unavailable",
}


def _problem_names(operations: Iterable[Operation]) -> list[str]:
    statuses = {status_of_code(code) for op in operations for code in _codes(op)}
    return sorted(_NAMES[status] for status in statuses)


def _problem(name: str) -> dict[str, Any]:
    status = next(number for number, known in _NAMES.items() if known == name)
    code = next((code for code, number in EDGE_STATUS.items() if number == status), "conflict")
    headers: dict[str, Any] = {}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": {"type": "string"}, "description": "How to authenticate."}
    if status in (409, 429, 503):
        headers["Retry-After"] = {"schema": {"type": "string"}, "description": "Seconds to wait."}
    described: dict[str, Any] = {
        "description": _DESCRIPTIONS[status],
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": _REF.format(name="ProblemDetails")},
                "example": {
                    "type": f"/api/problems/{code}",
                    "title": _DESCRIPTIONS[status],
                    "status": status,
                    "detail": _DESCRIPTIONS[status],
                    "instance": "urn:uuid:7b1f1c0a-53c1-4a9e-8f55-1f0d0a6f2f11",
                    "code": code,
                },
            }
        },
    }
    if headers:
        described["headers"] = headers
    return described


_DESCRIPTIONS = {
    400: "The request is not well formed; `errors` names every field.",
    401: "No token, or one that is not in force.",
    403: "Your role, or your token's scopes, do not allow it.",
    404: "There is no such thing, or you may not know of it.",
    405: "This address does not take this method.",
    406: "It cannot be given in a form you accept.",
    409: "The state does not allow it now, or the same request is under way.",
    412: "Somebody changed it since you read it.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is not of a type that is taken.",
    422: "A rule is broken; `errors` names every field.",
    428: "A change needs If-Match.",
    429: "Too much at once; `Retry-After` says when to try again.",
    431: "The headers are too large.",
    500: "Our fault; the request id finds it in the logs.",
    503: "Not serving right now; try again.",
}


def _success(op: Operation, components: Mapping[str, Any]) -> dict[str, Any]:
    if op.answer is None and op.status == 204:
        return {"description": "Done."}
    headers: dict[str, Any] = {
        "RateLimit": {
            "schema": {"type": "string"},
            "description": "What is left to this token: `r` requests, all of them again in `t` seconds.",
        }
    }
    if op.has_tag:
        headers["ETag"] = {"schema": {"type": "string"}, "description": "The tag of this representation."}
    if op.is_paged:
        headers["Link"] = {"schema": {"type": "string"}, "description": 'The next page, rel="next".'}
    if op.status in (201, 202):
        headers["Location"] = {"schema": {"type": "string"}, "description": "Where it is found."}
    content: dict[str, Any] = {}
    for media_type in op.media_types:
        if media_type == JSON and op.answer is not None:
            schema = {"$ref": _REF.format(name=op.answer.__name__)}
            content[media_type] = {"schema": schema, "example": sample(schema, components)}
        else:
            content[media_type] = {"schema": {"type": "string", "format": "binary"}}
    success: dict[str, Any] = {"description": op.summary, "content": content}
    if headers:
        success["headers"] = headers
    if op.links:
        success["links"] = dict(op.links)
    return success


def _tidied(schema: Any) -> Any:
    """The library's schema without its titles; a limit, which a query carries as text, shown as the integer."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-integer" in schema:
        low, high = schema["x-integer"]
        shown = {"type": "integer", "minimum": low, "maximum": high}
        if "default" in schema:
            shown["default"] = int(schema["default"])
        return shown | ({"description": schema["description"]} if "description" in schema else {})
    return {
        key: _tidied(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
    }
