"""Version 1 of the JSON API: a module for each noun, one router for all."""

from __future__ import annotations

import importlib
import pkgutil

from litestar import Response, Router, route
from litestar.handlers import HTTPRouteHandler

from tracker.api.errors import exception_handlers
from tracker.api.openapi import PREFIX

v1_handlers: list[HTTPRouteHandler] = [
    handler
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for handler in getattr(importlib.import_module(f"{__name__}.{module}"), "handlers", ())
]
"""Every operation: each module brings a list `handlers`; a new module is found by itself."""


def _options(path: str, methods: frozenset[str]) -> HTTPRouteHandler:
    """OPTIONS of a path: Litestar's own tells only the methods of the handler that came first."""

    @route(path, http_method="OPTIONS", include_in_schema=False, status_code=204)
    async def options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(methods))})

    return options


_METHODS: dict[str, frozenset[str]] = {}
for _handler in v1_handlers:
    for _path in _handler.paths:
        _METHODS[_path] = _METHODS.get(_path, frozenset()) | frozenset(_handler.http_methods)

routers = [
    Router(
        PREFIX,
        # OPTIONS first: where a path has none yet Litestar makes its own, which then stays.
        route_handlers=[*(_options(path, methods) for path, methods in _METHODS.items()), *v1_handlers],
        exception_handlers=exception_handlers,
    )
]
