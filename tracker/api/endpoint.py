"""One operation of the API, declared once: who may call it, what it takes and gives, how it is documented.

`@endpoint(...)` makes a Litestar route handler of a function from `Call` to `Reply`. The order of the checks
is the same for all: token, sight, right, Accept, path, query, If-Match, body, idempotency key, then the action.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import Method
from msgspec import Struct

from tracker import clock
from tracker.api.auth import authenticate
from tracker.api.conditional import EntityTag, http_date, is_fresh, version_tag, wanted_versions, weak_tag
from tracker.api.errors import Refusal
from tracker.api.limits import admit, limits_of
from tracker.api.negotiation import language_of, media_type_of
from tracker.api.pagination import Cursors, listing_name, next_link
from tracker.api.strict import PATH_TEXTS, NoBody, NoQuery, id_of, path_text, read_body, read_query
from tracker.db.deprecations import note_deprecated_use
from tracker.db.engine import Isolation, enclosing_transaction, run_with_retries
from tracker.db.idempotency import find_answer, insert_answer, try_lock_key
from tracker.db.sight import ROWS_OF_AGENCIES, is_in_sight
from tracker.db.tokens import Bearer
from tracker.domain.access import Verb, require, require_one
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotFound, StaleVersion
from tracker.i18n import DEFAULT_LANGUAGE, Language

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
MAX_BODY_BYTES = 4_000_000
MAX_FILE_BYTES = 10_000_000
"""A file sent as the whole body (QUALITY 4.1, uploads)."""
ANY_TYPE = "*/*"
"""For `media_types`: the answer is a stored file of whatever type, given as it is whatever Accept says."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Q = TypeVar("Q", bound=Struct)
B = TypeVar("B", bound=Struct)


@dataclass(frozen=True)
class Reply:
    """What a function answers: a value, and what the headers are made from.

    `row_version` makes the strong ETag of a resource; a list goes without and gets a weak one.
    `kept` is what stays under an idempotency key instead of a value that holds a secret.
    """

    value: Struct | bytes | None
    row_version: int | None = None
    status: int | None = None
    location: str | None = None
    next_position: tuple[str, ...] | None = None
    media_type: str = JSON
    file_name: str | None = None
    kept: Struct | None = None


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """A request that has passed every check of the edge.

    `file` is the body of an operation that takes one as it is, `file_type` its media type without parameters,
    `disposition` the client's Content-Disposition, which may name it.
    """

    actor: Actor
    bearer: Bearer
    now: datetime
    language: Language
    ids: Mapping[str, int]
    query: Q
    body: B
    media_type: str
    version: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    file: bytes = field(default=b"", repr=False)
    file_type: str = ""
    disposition: str = ""
    _operation: str = ""
    _cursors: Cursors = field(default=Cursors(b""), repr=False)

    @property
    def limit(self) -> int:
        """How many rows the caller wants at most."""
        return int(getattr(self.query, "limit", "50"))

    def position(self) -> tuple[str, ...] | None:
        """Where the list goes on, from the caller's cursor. Raises Refusal bad_cursor."""
        cursor = getattr(self.query, "cursor", None)
        return None if cursor is None else self._cursors.read(self._listing(), cursor)

    def next_cursor(self, position: tuple[str, ...] | None) -> str | None:
        """The cursor for the row at `position`."""
        return None if position is None else self._cursors.make(self._listing(), position)

    def filters(self) -> dict[str, str]:
        """The parameters that choose rows, as given."""
        given = {name: getattr(self.query, name) for name in self.query.__struct_fields__}
        return {
            name: value if isinstance(value, str) else str(value)
            for name, value in given.items()
            if value is not None and name not in ("cursor", "limit", "count")
        }

    def _listing(self) -> str:
        return listing_name(self._operation, self.actor.official_id, self.filters())


@dataclass(frozen=True)
class Deprecation:
    """An operation that is to end: since when it is known, when it ends, and the page that tells what replaces it."""

    since: datetime
    sunset: datetime
    page: str

    def headers(self) -> dict[str, str]:
        """`Deprecation` (RFC 9745), `Sunset` (RFC 8594) and the link to the page."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.sunset),
            "Link": f'<{self.page}>; rel="deprecation"; type="text/html"',
        }


@dataclass(frozen=True)
class Operation:
    """How an endpoint is called and documented."""

    id: str
    method: Method
    path: str
    summary: str
    tag: str
    verb: Verb
    query: type[Struct]
    body: type[Struct] | None
    answer: type[Struct] | None
    status: int
    description: str
    is_change: bool
    has_tag: bool
    is_paged: bool
    media_types: tuple[str, ...]
    refusals: tuple[str, ...]
    example: Mapping[str, object] | None
    links: Mapping[str, Mapping[str, object]]
    deprecated: Deprecation | None = None
    file_types: tuple[str, ...] = ()
    needs_key: bool = False
    one_of: tuple[Verb, ...] = ()
    isolation: Isolation = "read_committed"

    @property
    def takes_key(self) -> bool:
        """Whether the client may send an Idempotency-Key."""
        return self.method == "POST"


def endpoint(
    method: Method,
    path: str,
    *,
    id: str,
    summary: str,
    tag: str,
    verb: Verb,
    query: type[Struct] = NoQuery,
    body: type[Struct] | None = None,
    answer: type[Struct] | None = None,
    status: int = 200,
    description: str = "",
    is_change: bool = False,
    has_tag: bool = True,
    is_paged: bool = False,
    media_types: tuple[str, ...] = (JSON,),
    refusals: tuple[str, ...] = (),
    example: Mapping[str, object] | None = None,
    links: Mapping[str, Mapping[str, object]] | None = None,
    deprecated: Deprecation | None = None,
    file_types: tuple[str, ...] = (),
    needs_key: bool = False,
    one_of: tuple[Verb, ...] = (),
    isolation: Isolation = "read_committed",
) -> Callable[[Callable[[Call[Any, Any]], Awaitable[Reply]]], HTTPRouteHandler]:
    """A route handler from a function; `is_change` demands If-Match, `refusals` are codes to document.

    `file_types` are the media types of a body that is taken as it is; `needs_key` demands an Idempotency-Key;
    `one_of` are the rights of which each item asks one; `isolation` is what the action's own transaction asks for.
    """
    operation = Operation(
        id=id,
        method=method,
        path=path,
        summary=summary,
        tag=tag,
        verb=verb,
        query=query,
        body=body,
        answer=answer,
        status=status,
        description=description,
        is_change=is_change,
        has_tag=has_tag,
        is_paged=is_paged,
        media_types=media_types,
        refusals=refusals,
        example=example,
        links=links or {},
        deprecated=deprecated,
        file_types=file_types,
        needs_key=needs_key,
        one_of=one_of,
        isolation=isolation,
    )

    def decorate(function: Callable[[Call[Any, Any]], Awaitable[Reply]]) -> HTTPRouteHandler:
        async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
            return await _serve(operation, function, request)

        return HTTPRouteHandler(
            re.sub(r"\{(\w+)\}", r"{\1:str}", path),
            http_method=method,
            name=id,
            # The Response carries its own; Litestar would not let a handler that may answer 204 return one.
            status_code=200,
            opt={"operation": operation},
            include_in_schema=False,
            request_max_body_size=MAX_FILE_BYTES if file_types else MAX_BODY_BYTES,
        )(handle)

    return decorate


@dataclass(frozen=True)
class _Answer:
    """An answer as it goes out, and as it is kept under an idempotency key."""

    status: int
    headers: dict[str, str]
    body: bytes
    kept: bytes | None = None


async def _serve(
    operation: Operation,
    function: Callable[[Call[Any, Any]], Awaitable[Reply]],
    request: Request[Any, Any, Any],
) -> Response[bytes]:
    now = clock.utc_now()
    bearer = await authenticate(request, now)
    await admit(request, limits_of(request).api, bearer.token_id)
    if operation.deprecated is not None:
        request.scope["state"]["headers"] |= operation.deprecated.headers()
        await note_deprecated_use(operation.id, bearer.token_id)
    await _require_sight(operation, request, bearer.actor)
    require(bearer.actor, operation.verb)
    if operation.one_of:
        require_one(bearer.actor, operation.one_of)
    raw, call = await _call(operation, request, bearer, now)

    async def work() -> _Answer:
        return _render(operation, call, await function(call), request)

    key = _idempotency_key(operation, request)
    if key is None:
        answer = await run_with_retries(work)
    else:
        fingerprint = _fingerprint(operation, request, bearer.actor, raw)
        answer = await run_with_retries(
            lambda: _once(bearer.actor, key, fingerprint, work, operation.isolation)
        )
    headers = dict(answer.headers)
    media_type = headers.pop("Content-Type", JSON)
    return Response(content=answer.body, status_code=answer.status, headers=headers, media_type=media_type)


async def _require_sight(operation: Operation, request: Request[Any, Any, Any], actor: Actor) -> None:
    """Raise NotFound for a change of a row that an agency's person may not know of.

    Before the right and the body are looked at, so that no refusal tells a foreign row from one that is not there
    (decision 0015). What is read, its query finds or does not.
    """
    if operation.method == "GET" or actor.role not in AGENCY_ROLES:
        return
    for name, given in request.path_params.items():
        noun = name.removesuffix("_id")
        if noun in ROWS_OF_AGENCIES and not await is_in_sight(noun, id_of(given)):
            raise NotFound(noun=noun, id=id_of(given))


async def _call(
    operation: Operation, request: Request[Any, Any, Any], bearer: Bearer, now: datetime
) -> tuple[bytes, Call[Any, Any]]:
    """The request as a Call; refuses it where it is not what the operation takes."""
    is_file = ANY_TYPE in operation.media_types
    accept = None if is_file else request.headers.get("accept")
    media_type = media_type_of(accept, operation.media_types)
    if media_type is None:
        raise Refusal("not_acceptable", offered=", ".join(operation.media_types))
    given = request.path_params.items()
    names = {name: path_text(name, value) for name, value in given if name in PATH_TEXTS}
    ids = {name: id_of(value) for name, value in given if name not in PATH_TEXTS}
    query = read_query(request.scope["query_string"], operation.query)
    wanted = wanted_versions(request.headers.get("if-match")) if operation.is_change else None
    raw = await _raw_body(operation, request)
    body = read_body(raw, operation.body) if operation.body is not None else NoBody()
    if wanted is not None and len(wanted) != 1:
        # No tag of ours, or a choice of several: none of them is the version that stands.
        raise StaleVersion()
    secret = request.app.state.get("secret_key", b"")
    call = Call(
        actor=bearer.actor,
        bearer=bearer,
        now=now,
        language=_language(request, bearer.actor),
        ids=ids,
        query=query,
        body=body,
        media_type=media_type,
        version=next(iter(wanted)) if wanted else None,
        names=names,
        file=raw if operation.file_types else b"",
        file_type=_given_type(request) if operation.file_types else "",
        disposition=request.headers.get("content-disposition", "") if operation.file_types else "",
        _operation=operation.id,
        _cursors=Cursors(hashlib.sha256(b"cursor" + secret).digest()),
    )
    return raw, call


def _language(request: Request[Any, Any, Any], actor: Actor) -> Language:
    return language_of(request.headers.get("accept-language"), actor.language or DEFAULT_LANGUAGE)


async def _raw_body(operation: Operation, request: Request[Any, Any, Any]) -> bytes:
    raw = await request.body()
    given = _given_type(request)
    if operation.file_types:
        if given not in operation.file_types:
            raise Refusal("unsupported_media_type", given=given, taken=", ".join(operation.file_types))
        return raw
    if operation.body is None:
        if raw:
            raise Refusal("bad_request")
        return raw
    taken = (MERGE_PATCH, JSON) if operation.method == "PATCH" else (JSON,)
    may_be_empty = not any(f.required for f in msgspec.structs.fields(operation.body))
    if given not in taken and not (may_be_empty and not raw and not given):
        raise Refusal("unsupported_media_type", given=given, taken=", ".join(taken))
    if not raw and not may_be_empty:
        raise Refusal("bad_json", line=1, column=1)
    return raw


def _given_type(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _idempotency_key(operation: Operation, request: Request[Any, Any, Any]) -> str | None:
    """The client's key; the draft writes it as a quoted string, many clients without quotes."""
    given = request.headers.get("idempotency-key")
    if given is None:
        if operation.needs_key:
            raise Refusal("idempotency_key_missing")
        return None
    bare = given.strip()
    if len(bare) > 2 and bare.startswith('"') and bare.endswith('"'):
        bare = bare[1:-1]
    if not operation.takes_key or not _KEY.fullmatch(bare):
        raise Refusal("bad_idempotency_key")
    return bare


def _fingerprint(operation: Operation, request: Request[Any, Any, Any], actor: Actor, raw: bytes) -> bytes:
    """What makes a request the same as an earlier one: what it asks, and who asks with which reach.

    An answer that was kept before the caller was moved tells what they may no longer know of, so it does not come
    again.
    """
    reach = f"{actor.role} {sorted(actor.agency_ids)} {sorted(actor.visible_agency_ids)}"
    path, query = request.scope["path"], request.scope["query_string"]
    return hashlib.sha256(
        b"\0".join((operation.method.encode(), path.encode(), query, reach.encode(), raw))
    ).digest()


async def _once(
    actor: Actor, key: str, fingerprint: bytes, work: Callable[[], Awaitable[_Answer]], isolation: Isolation
) -> _Answer:
    """The answer to a request with a key: carried out and kept in one transaction, or the answer kept before.

    A kill between the commit and the answer loses nothing: the retry finds the answer beside the effect.
    """
    assert actor.official_id is not None
    async with enclosing_transaction(isolation):
        if not await try_lock_key(actor.official_id, key):
            raise Refusal("idempotency_in_flight", headers={"Retry-After": "1"})
        kept = await find_answer(actor.official_id, key)
        if kept is not None:
            if kept.request_hash != fingerprint:
                raise Refusal("idempotency_mismatch")
            return _Answer(kept.status, kept.headers | {"Idempotency-Replayed": "true"}, kept.body)
        answer = await work()
        stays = answer.body if answer.kept is None else answer.kept
        await insert_answer(actor.official_id, key, fingerprint, answer.status, answer.headers, stays)
        return answer


def attachment_header(name: str) -> str:
    r"""A Content-Disposition that is never shown inline and that no name can break out of (RFC 6266 §4.3).

    >>> attachment_header("qua-han.csv")
    'attachment; filename="qua-han.csv"'
    >>> attachment_header("Kế hoạch.pdf")
    'attachment; filename="K_ ho_ch.pdf"; filename*=UTF-8\'\'K%E1%BA%BF%20ho%E1%BA%A1ch.pdf'
    """
    plain = re.sub(r"[^ !#-\[\]-~]|[%;]", "_", name)
    shown = f'attachment; filename="{plain}"'
    return shown if plain == name else f"{shown}; filename*=UTF-8''{quote(name, safe='')}"


def _holds(if_none_match: str | None, tag: EntityTag) -> bool:
    """Whether the client has this representation; a condition that cannot be read is none."""
    try:
        return is_fresh(if_none_match, tag)
    except Refusal:
        return False


def _render(
    operation: Operation, call: Call[Any, Any], reply: Reply, request: Request[Any, Any, Any]
) -> _Answer:
    status = reply.status or operation.status
    headers: dict[str, str] = {
        "Content-Language": call.language,
        "Vary": "Accept, Accept-Language, Authorization",
    }
    if reply.location is not None:
        headers["Location"] = reply.location
    if reply.value is None:
        return _Answer(status, headers, b"")
    body = reply.value if isinstance(reply.value, bytes) else msgspec.json.encode(reply.value)
    headers["Content-Type"] = reply.media_type
    if reply.file_name is not None:
        headers["Content-Disposition"] = attachment_header(reply.file_name)
    cursor = call.next_cursor(reply.next_position)
    if cursor is not None:
        headers["Link"] = next_link(request.scope["path"], call.filters(), call.limit, cursor)
    tag: EntityTag | None = None
    if operation.has_tag:
        tag = weak_tag(body) if reply.row_version is None else version_tag(reply.row_version, body)
        headers["ETag"] = str(tag)
    if tag is not None and operation.method == "GET" and _holds(request.headers.get("if-none-match"), tag):
        return _Answer(
            304, {k: v for k, v in headers.items() if k not in ("Content-Type", "Content-Disposition")}, b""
        )
    kept = None if reply.kept is None else msgspec.json.encode(reply.kept)
    return _Answer(status, headers, body, kept)
