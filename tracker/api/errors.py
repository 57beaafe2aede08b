"""Refusals as problem details (RFC 9457): the one place where status codes meet the codes of the domain.

`type` names a documented page, `title` is the same for every occurrence, `detail` speaks of this one,
`instance` is the request; `code` is never translated, the sentences follow Accept-Language.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from tracker.api.negotiation import language_of
from tracker.db.engine import Failure, classify_failure
from tracker.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    NotPermitted,
    Problem,
    StaleVersion,
    TrackerError,
)
from tracker.i18n import Language, catalogue
from tracker.refusals import sentence, shown

logger = logging.getLogger("tracker.api")

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

EDGE_STATUS: Mapping[str, int] = {
    "bad_host": 400,
    "bad_path": 400,
    "bad_query": 400,
    "bad_header": 400,
    "bad_etag": 400,
    "bad_idempotency_key": 400,
    "idempotency_key_missing": 400,
    "bad_json": 400,
    "bad_request": 400,
    "repeated_parameter": 400,
    "repeated_key": 400,
    "too_deep": 400,
    "invalid_request": 400,
    "unauthenticated": 401,
    "not_permitted": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "request_timeout": 408,
    "conflict": 409,
    "idempotency_in_flight": 409,
    "stale_version": 412,
    "too_large": 413,
    "uri_too_long": 414,
    "unsupported_media_type": 415,
    "unsupported_encoding": 415,
    "invalid": 422,
    "bad_cursor": 422,
    "idempotency_mismatch": 422,
    "precondition_required": 428,
    "rate_limited": 429,
    "too_many_jobs": 429,
    "too_many_tries": 429,
    "headers_too_large": 431,
    "internal": 500,
    "unavailable": 503,
}
"""The codes that HTTP answers in a way of its own; the domain's other codes take the status of their kind."""

_LITESTAR_CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthenticated",
    403: "not_permitted",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
}


class Refusal(Exception):
    """The edge refuses the request before any action sees it; `code` stands in EDGE_STATUS."""

    def __init__(
        self,
        code: str,
        *,
        problems: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
        **params: object,
    ) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params
        self.problems = tuple(problems)
        self.headers = dict(headers or {})


class FieldProblem(msgspec.Struct, omit_defaults=True):
    """One bad field: where it is, a stable code, and a sentence naming what was expected."""

    pointer: str
    code: str
    detail: str
    value: str = ""


class ProblemDetails(msgspec.Struct, omit_defaults=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] = []


@dataclass(frozen=True)
class _Told:
    """A refusal reduced to what its document needs."""

    code: str
    status: int
    params: Mapping[str, object]
    problems: tuple[Problem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def _told(exception: BaseException) -> _Told:
    """What to say about an exception; anything unforeseen is `internal` and says nothing of itself."""
    if classify_failure(exception) is not Failure.REFUSED:
        return _Told("unavailable", 503, {}, (), {"Retry-After": str(RETRY_AFTER_SECONDS)})
    match exception:
        case Refusal():
            return _Told(
                exception.code,
                EDGE_STATUS[exception.code],
                exception.params,
                exception.problems,
                exception.headers,
            )
        case Invalid():
            return _Told(exception.code, 422, exception.params, exception.problems)
        case TrackerError():
            status = EDGE_STATUS.get(exception.code) or status_of(type(exception))
            return _Told(exception.code, status, exception.params, (), waiting(exception))
        case HTTPException() if exception.status_code in _LITESTAR_CODES:
            allow = next((v for k, v in (exception.headers or {}).items() if k.lower() == "allow"), None)
            kept = {} if allow is None else {"Allow": allow}
            return _Told(_LITESTAR_CODES[exception.status_code], exception.status_code, {}, (), kept)
        case _:
            return _Told("internal", 500, {})


def waiting(exception: TrackerError) -> dict[str, str]:
    """`Retry-After`, where the refusal says when to try again."""
    seconds = exception.params.get("retry_after_seconds")
    return {} if seconds is None else {"Retry-After": str(seconds)}


def status_of(kind: type[TrackerError]) -> int:
    """The status of a kind of refusal by rule.

    >>> status_of(NotFound), status_of(StaleVersion)
    (404, 412)
    """
    by_kind: tuple[tuple[type[TrackerError], int], ...] = (
        (StaleVersion, 412),
        (NotFound, 404),
        (NotPermitted, 403),
        (Conflict, 409),
        (Invalid, 422),
    )
    return next((status for base, status in by_kind if issubclass(kind, base)), 500)


def title(language: Language, code: str) -> str:
    """The constant title of a code's type: the same for every occurrence."""
    known = catalogue(language)
    return known.get(f"{code}.title") or known.get(f"status.{status_of_code(code)}", code)


def status_of_code(code: str) -> int:
    """The status a code is answered with; a code of a single field stands in a 422."""
    return EDGE_STATUS.get(code) or next((status_of(kind) for kind in all_kinds() if kind.code == code), 422)


def all_kinds() -> tuple[type[TrackerError], ...]:
    """Every named child of TrackerError that is loaded."""
    found: list[type[TrackerError]] = []
    queue: list[type[TrackerError]] = [TrackerError]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue.extend(kind.__subclasses__())
    return tuple(found)


def problem_details(
    exception: BaseException, language: Language, instance: str
) -> tuple[ProblemDetails, dict[str, str]]:
    """The document for an exception, and the headers that go with it."""
    told = _told(exception)
    document = ProblemDetails(
        type=f"/api/problems/{told.code}",
        title=title(language, told.code),
        status=told.status,
        detail=sentence(language, told.code, told.params),
        instance=instance,
        code=told.code,
        errors=[
            FieldProblem(
                pointer=p.field,
                code=p.code,
                detail=sentence(language, p.code, {"value": p.value, "field": p.field, **p.params}),
                value=shown(p.value),
            )
            for p in told.problems
        ],
    )
    return document, dict(told.headers)


def encoded_problem(
    exception: BaseException, accept_language: str | None, request_id: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a refusal, for an edge that speaks plain ASGI."""
    language = language_of(accept_language)
    document, headers = problem_details(exception, language, f"urn:uuid:{request_id}")
    headers |= {"Content-Type": PROBLEM_MEDIA_TYPE, "Content-Language": language, "Vary": "Accept-Language"}
    return document.status, headers, msgspec.json.encode(document)


def problem_response(request: Request[Any, Any, Any], exception: Exception) -> Response[bytes]:
    """The answer to a request that raised `exception`; our own faults are logged with the request id."""
    request_id = str(request.scope.get("state", {}).get("request_id", "00000000-0000-0000-0000-000000000000"))
    status, headers, body = encoded_problem(exception, request.headers.get("accept-language"), request_id)
    if status >= 500:
        logger.error(
            "request failed: %s",
            status,
            exc_info=exception,
            extra={"request_id": request_id, "status": status},
        )
    return Response(content=body, status_code=status, headers=headers, media_type=headers.pop("Content-Type"))


exception_handlers: dict[type[Exception] | int, Any] = {Exception: problem_response}
"""For a Litestar app or router whose errors are all problem details."""
