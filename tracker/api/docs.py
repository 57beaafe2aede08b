"""What a newcomer reads: the OpenAPI document, Swagger UI from local files, and the page of each error code."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from litestar import Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tracker.api.conditional import EntityTag, digest, is_fresh
from tracker.api.endpoint import Operation
from tracker.api.errors import EDGE_STATUS, Refusal, all_kinds, exception_handlers, status_of_code, title
from tracker.api.negotiation import language_of
from tracker.api.openapi import build
from tracker.api.v1 import v1_handlers
from tracker.i18n import Language, catalogue, text
from tracker.refusals import sentence

_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
}
_START = """\
window.addEventListener("load", function () {
  SwaggerUIBundle({
    url: "/api/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "list",
    persistAuthorization: false,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis]
  });
});
"""
_CACHE = "public, max-age=3600"


def operations_of(handlers: Sequence[HTTPRouteHandler]) -> list[Operation]:
    """The operations behind route handlers."""
    return [handler.opt["operation"] for handler in handlers]


def document(handlers: Sequence[HTTPRouteHandler]) -> bytes:
    """The OpenAPI document as it is served and as docs/openapi.json holds it."""
    return (json.dumps(build(operations_of(handlers)), ensure_ascii=False, indent=1) + "\n").encode()


def openapi_handler(handlers: Sequence[HTTPRouteHandler]) -> HTTPRouteHandler:
    """The route that serves the document."""
    body = document(handlers)
    tag = EntityTag(digest(body))

    @get("/api/openapi.json", include_in_schema=False, name="openapi")
    async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        headers = {"ETag": str(tag), "Cache-Control": _CACHE}
        if is_fresh(request.headers.get("if-none-match"), tag):
            return Response(b"", status_code=304, headers=headers, media_type="application/json")
        return Response(body, headers=headers, media_type="application/json")

    return openapi


def _asset(name: str) -> Traversable | None:
    """A file of Swagger UI; None where the build has not fetched it."""
    found = files("tracker").joinpath("web", "static", "vendor", "swagger-ui", name)
    return found if found.is_file() else None


@cache
def _content(name: str) -> bytes:
    """The bytes of a file that is there, read once."""
    found = _asset(name)
    assert found is not None
    return found.read_bytes()


def _page(language: Language, heading: str, body: str, head: str = "") -> Response[bytes]:
    html = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(heading)}</title>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    return Response(html.encode(), media_type="text/html", headers={"Content-Language": language})


@get("/api/docs", include_in_schema=False, name="api-docs")
async def docs_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Swagger UI from this server's own files; where they are absent the page says so."""
    language = language_of(request.headers.get("accept-language"))
    heading = text(language, "api.docs.title")
    if any(_asset(name) is None for name in ("swagger-ui.css", "swagger-ui-bundle.js")):
        body = (
            f"<h1>{escape(heading)}</h1>\n<p>{escape(text(language, 'api.docs.absent'))}</p>\n"
            '<p><a href="/api/openapi.json">openapi.json</a></p>'
        )
        return _page(language, heading, body)
    head = (
        '<link rel="stylesheet" href="/api/docs/swagger-ui.css">\n'
        '<script src="/api/docs/swagger-ui-bundle.js" defer></script>\n'
        '<script src="/api/docs/start.js" defer></script>\n'
    )
    return _page(language, heading, '<div id="swagger-ui"></div>', head)


@get("/api/docs/{name:str}", include_in_schema=False, name="api-docs-file")
async def docs_file(name: FromPath[str]) -> Response[bytes]:
    """One file of the page."""
    if name == "start.js":
        return Response(_START.encode(), media_type=_ASSETS["swagger-ui-bundle.js"])
    if name not in _ASSETS or _asset(name) is None:
        raise Refusal("not_found")
    return Response(_content(name), media_type=_ASSETS[name], headers={"Cache-Control": _CACHE})


def known_codes() -> frozenset[str]:
    """Every code that may stand as the `code` of a problem document."""
    return frozenset(EDGE_STATUS) | {kind.code for kind in all_kinds()}


@get("/api/problems", include_in_schema=False, name="problems")
async def problems_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Every code with its meaning."""
    language = language_of(request.headers.get("accept-language"))
    rows = "\n".join(
        f'<li><a href="/api/problems/{code}">{code}</a> ({status_of_code(code)}): {escape(title(language, code))}</li>'
        for code in sorted(known_codes())
    )
    heading = text(language, "api.docs.problems")
    return _page(language, heading, f"<main>\n<h1>{escape(heading)}</h1>\n<ul>\n{rows}\n</ul>\n</main>")


@get("/api/problems/{code:str}", include_in_schema=False, name="problem")
async def problem_page(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[bytes]:
    """What a code means: the page that the `type` of a problem leads to."""
    language = language_of(request.headers.get("accept-language"))
    if code not in known_codes() and f"{code}.title" not in catalogue(language):
        raise Refusal("not_found")
    heading = title(language, code)
    body = (
        f"<main>\n<h1>{escape(heading)}</h1>\n<p><code>{escape(code)}</code> · {status_of_code(code)}</p>\n"
        f"<p>{escape(sentence(language, code, {}))}</p>\n"
        f'<p><a href="/api/problems">{escape(text(language, "api.docs.problems"))}</a></p>\n</main>'
    )
    return _page(language, heading, body)


routers = [
    Router(
        "/",
        route_handlers=[openapi_handler(v1_handlers), docs_page, docs_file, problems_page, problem_page],
        exception_handlers=exception_handlers,
    )
]


if __name__ == "__main__":
    sys.stdout.buffer.write(document(v1_handlers))
