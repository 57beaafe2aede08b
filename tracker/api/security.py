"""What every answer carries and every request must be, whatever route it meets: an ASGI wrapper.

It stands outside the application because 404, 405 and 500 skip middleware and response hooks (trap 5).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import unquote_to_bytes

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

from tracker.api.errors import Refusal, encoded_problem
from tracker.db.engine import as_stranger

logger = logging.getLogger("tracker.api")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""On every answer, unless the route has set that header itself."""

LONGEST_QUERY = 8_000
LONGEST_PATH = 2_000
MOST_HEADERS = 100
LONGEST_HEADERS = 32_000
BODY_SECONDS = 20.0
SLOWEST_OCTETS_PER_SECOND = 20_000
# A path that carries a secret must not travel in a Referer.
_TOKEN_PATHS = ("/calendars/", "/loi-moi/", "/dat-lai-mat-khau/")
# Unreserved characters are never escaped (RFC 3986 §2.3): an escaped one is somebody going round a rule.
_NEEDLESS_ESCAPE = re.compile(rb"%(?:2[dDeE]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

RefusalAnswer = Callable[[Scope, Refusal | Exception, str], tuple[int, Mapping[str, str], bytes]]


def _header(scope: HTTPScope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def refusal_as_problem(
    scope: Scope, refusal: Refusal | Exception, request_id: str
) -> tuple[int, Mapping[str, str], bytes]:
    """The answer to a refused request as problem details."""
    languages = [value for key, value in scope["headers"] if key.lower() == b"accept-language"]
    accept_language = languages[0].decode("latin-1") if languages else None
    return encoded_problem(refusal, accept_language, request_id)


def guard(
    app: ASGIApp,
    *,
    hosts: frozenset[str],
    max_body_bytes: int = 12_000_000,
    refuse: RefusalAnswer = refusal_as_problem,
    repeatable: frozenset[str] = frozenset(),
) -> ASGIApp:
    """`app` behind the checks and with the headers of this module.

    `hosts` are the names (without port, lower case) that are answered; "*" answers every name.
    `repeatable` are the query keys of forms that may come several times outside `/api/` (attack case 11).
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        outgoing = _Outgoing(scope, request_id, send)
        try:
            redirect = check_request(scope, hosts, max_body_bytes, repeatable)
            if redirect is not None:
                await outgoing.answer(308, {"Location": redirect}, b"")
                return
            # A HEAD is a GET without the body (bar A14); Litestar's routes know only GET (trap 6).
            inner = dict(scope) | {"method": "GET"} if scope["method"] == "HEAD" else scope
            with as_stranger():
                await app(cast(Scope, inner), _bounded(receive, max_body_bytes), outgoing.send)
        except Refusal as refusal:
            await outgoing.answer(*refuse(scope, refusal, request_id))
        except Exception as error:
            logger.error(
                "request failed outside every handler", exc_info=error, extra={"request_id": request_id}
            )
            if outgoing.started:
                raise
            await outgoing.answer(*refuse(scope, error, request_id))

    return guarded


class _Outgoing:
    """The way out of one request: adds what is missing to the headers, drops the body of a HEAD."""

    def __init__(self, scope: HTTPScope, request_id: str, send: Send) -> None:
        self._path = scope["path"]
        self._is_head = scope["method"] == "HEAD"
        self._state = scope["state"]
        self._request_id = request_id
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = self._completed(list(message.get("headers", [])))
        elif message["type"] == "http.response.body" and self._is_head:
            if message.get("more_body", False):
                return
            message["body"] = b""
        await self._send(message)

    def _completed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        for name, value in SECURITY_HEADERS.items():
            key = name.lower().encode()
            if key not in present:
                if name == "Referrer-Policy" and self._path.startswith(_TOKEN_PATHS):
                    value = "no-referrer"
                headers.append((key, value.encode()))
        headers.append((b"x-request-id", self._request_id.encode()))
        # What a check of the request has to say whatever becomes of it, such as the rate limit.
        for name, value in self._state.get("headers", {}).items():
            # A page of a list has a Link of its own; several are one list (RFC 8288 §3).
            if name.lower().encode() not in present or name == "Link":
                headers.append((name.lower().encode(), value.encode()))
        return [(name, _with_head(value) if name.lower() == b"allow" else value) for name, value in headers]

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A complete answer of the guard's own."""
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _with_head(allow: bytes) -> bytes:
    """Allow as it is true behind the guard: HEAD wherever GET is, OPTIONS everywhere."""
    methods = {part.strip() for part in allow.decode("latin-1").split(",") if part.strip()} | {"OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods)).encode()


def _bounded(receive: Receive, limit: int) -> Receive:
    """`receive` that refuses a body growing past `limit`, also when no length was announced, and one that drips."""
    seen = 0
    is_whole = False
    began = time.monotonic()

    async def bounded() -> HTTPReceiveMessage:
        nonlocal seen, is_whole
        if is_whole:
            # What follows the body is the client's going away, which may take its time.
            return cast(HTTPReceiveMessage, await receive())
        allowed = BODY_SECONDS + seen / SLOWEST_OCTETS_PER_SECOND
        try:
            async with asyncio.timeout(began + allowed - time.monotonic()):
                message = cast(HTTPReceiveMessage, await receive())
        except TimeoutError:
            raise Refusal(
                "request_timeout", seconds=round(allowed), headers={"Connection": "close"}
            ) from None
        if message["type"] == "http.request":
            is_whole = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > limit:
                raise Refusal("too_large", limit=limit)
        return message

    return cast(Receive, bounded)


def check_request(
    scope: HTTPScope, hosts: frozenset[str], max_body_bytes: int, repeatable: frozenset[str]
) -> str | None:
    """Refuse what no route may see; a path with a final slash gives the path to go to instead."""
    _check_headers(scope)
    _check_host(scope, hosts)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    path = check_path(raw_path)
    check_query(scope.get("query_string", b""), frozenset() if path.startswith("/api/") else repeatable)
    _check_body_headers(scope, max_body_bytes)
    if len(path) > 1 and path.endswith("/"):
        if scope["method"] not in ("GET", "HEAD"):
            raise Refusal("not_found")
        query = scope.get("query_string", b"")
        return raw_path.decode("ascii").rstrip("/") + ("?" + query.decode("ascii") if query else "")
    return None


def _check_headers(scope: HTTPScope) -> None:
    headers = list(scope["headers"])
    if len(headers) > MOST_HEADERS or sum(len(k) + len(v) for k, v in headers) > LONGEST_HEADERS:
        raise Refusal("headers_too_large", most=MOST_HEADERS, longest=LONGEST_HEADERS)
    for name, value in headers:
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise Refusal("bad_header", header=name.decode("latin-1"))


def _check_host(scope: HTTPScope, hosts: frozenset[str]) -> None:
    given = _header(scope, b"host")
    if len(given) != 1:
        raise Refusal("bad_host", host="")
    host = given[0].decode("latin-1").lower()
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", host)
    if match is None or ("*" not in hosts and match.group(1).strip("[]").rstrip(".") not in hosts):
        raise Refusal("bad_host", host=host)


def check_path(raw_path: bytes) -> str:
    """The decoded path, when it is written in its one canonical way; otherwise Refusal.

    >>> check_path(b"/api/v1/tasks/5")
    '/api/v1/tasks/5'
    """
    if len(raw_path) > LONGEST_PATH:
        raise Refusal("uri_too_long", longest=LONGEST_PATH)
    if not raw_path.startswith(b"/") or _BROKEN_ESCAPE.search(raw_path):
        raise Refusal("bad_path")
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("bad_path") from None
    if _CONTROL.search(path):
        raise Refusal("bad_path")
    # Attack case 56: `//x`, `/%61`, `/a%2f`, `/./a`, `/a\b` are nobody's address.
    escaped_slash = re.search(rb"%(?:2[fF]|5[cC])", raw_path)
    dotted = any(part in (".", "..") for part in path.split("/"))
    if escaped_slash or dotted or "//" in path or "\\" in path or _NEEDLESS_ESCAPE.search(raw_path):
        raise Refusal("not_found")
    return path


def check_query(query: bytes, repeatable: frozenset[str]) -> None:
    """Refuse a query that is too long, not UTF-8, holds control characters, or says a key twice."""
    if len(query) > LONGEST_QUERY:
        raise Refusal("uri_too_long", longest=LONGEST_QUERY)
    if _BROKEN_ESCAPE.search(query):
        raise Refusal("bad_query")
    seen: set[str] = set()
    for pair in query.split(b"&"):
        if not pair:
            continue
        try:
            decoded = unquote_to_bytes(pair.replace(b"+", b" ")).decode("utf-8")
            key = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal("bad_query") from None
        if _CONTROL.search(decoded):
            raise Refusal("bad_query")
        if key in seen and key not in repeatable:
            raise Refusal("repeated_parameter", name=key)
        seen.add(key)


# Where one request ends and the next begins is not certain any more (RFC 9112 §6.3).
_LAST = {"Connection": "close"}


def _check_body_headers(scope: HTTPScope, max_body_bytes: int) -> None:
    lengths = _header(scope, b"content-length")
    if len(lengths) > 1 or any(not re.fullmatch(rb"[0-9]{1,18}", length) for length in lengths):
        raise Refusal("bad_header", header="Content-Length", headers=_LAST)
    if lengths and _header(scope, b"transfer-encoding"):
        raise Refusal("bad_header", header="Transfer-Encoding", headers=_LAST)
    if lengths and int(lengths[0]) > max_body_bytes:
        raise Refusal("too_large", limit=max_body_bytes)
    encodings = _header(scope, b"content-encoding")
    if any(encoding.strip().lower() not in (b"", b"identity") for encoding in encodings):
        raise Refusal("unsupported_encoding")
