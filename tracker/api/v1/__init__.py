"""Version 1 of the JSON API: a module for each noun, one router for all."""

from __future__ import annotations

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from tracker.api.errors import exception_handlers
from tracker.api.openapi import PREFIX
from tracker.api.v1 import (
    agencies,
    assignments,
    deadlines,
    directives,
    extensions,
    feeds,
    ladders,
    officials,
    overdue,
    reminders,
    reports,
    tasks,
    tokens,
)

v1_handlers: list[HTTPRouteHandler] = [
    *officials.handlers,
    *agencies.handlers,
    *directives.handlers,
    *tasks.handlers,
    *assignments.handlers,
    *reports.handlers,
    *extensions.handlers,
    *reminders.handlers,
    *overdue.handlers,
    *deadlines.handlers,
    *ladders.handlers,
    *feeds.handlers,
    *tokens.handlers,
]

routers = [Router(PREFIX, route_handlers=[*v1_handlers], exception_handlers=exception_handlers)]
