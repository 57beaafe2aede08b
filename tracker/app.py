"""The composition root: settings in, one application out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar, Response

from tracker import clock
from tracker.actions.audit import use_audit_key
from tracker.actions.office import use_office
from tracker.actions.sealing import use_key
from tracker.actions.virus_scan import use_scanner
from tracker.actions.webhooks import use_sender
from tracker.api import calendars, docs, health
from tracker.api.errors import problem_response
from tracker.api.limits import Limits, Policy
from tracker.api.security import guard
from tracker.api.v1 import routers as api_routers
from tracker.db.engine import close_pool, open_pool
from tracker.jobs import reminders
from tracker.jobs.worker import delivery_of, hours_of, transport_of
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Settings, is_loopback
from tracker.web import routers as web_routers
from tracker.web.errors import ErrorPage, refused_page
from tracker.web.state import WebRequest, make_state

_MACHINE_PATHS = ("/api/", "/calendars/", "/live", "/ready", "/health", "/metrics")
# Fields of forms that come several times: ticked boxes.
_REPEATABLE = frozenset({"co-quan", "viec", "cot"})


class Service(Litestar):
    """The application behind the guard that every request passes; of no use before it is furnished."""

    def furnish(
        self, settings: Settings, *, is_demonstration: bool = False, mailbox: LocalMailbox | None = None
    ) -> None:
        """Give it, and the process, the settings to work with; those of before are forgotten.

        The settings must carry a key. The routes, which take most of the time of making one, are left alone.
        """
        assert settings.secret_key is not None
        use_office(settings)
        use_key(settings)
        use_sender(settings)
        use_audit_key(settings)
        use_scanner(settings)
        self.state.clear()
        self.state["settings"] = settings
        self.state["secret_key"] = settings.secret_key.reveal().encode()
        self.state["limits"] = Limits(
            Policy("api", settings.api_per_minute), Policy("feed", settings.feed_per_minute)
        )
        self.state["web"] = make_state(
            settings,
            is_demonstration=is_demonstration,
            mailbox=mailbox,
            after_step=_sweep_and_deliver(settings),
        )
        self._guarded = guard(
            super().__call__, hosts=_hosts(settings), refuse=refused_page, repeatable=_REPEATABLE
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, or the lifespan."""
        await self._guarded(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    is_demonstration: bool = False,
    mailbox: LocalMailbox | None = None,
) -> Service:
    """The service: API, pages, feeds and health, with the pool open while it lives.

    `is_demonstration` opens the sign-in that believes everybody, and the clock that can be moved;
    `mailbox` is the local mailbox whose letters can be read at `/thu`.
    """
    app = Service(
        [*web_routers, *api_routers, *calendars.routers, *health.routers, *docs.routers],
        lifespan=[_with_pool],
        exception_handlers={Exception: _answer_error},
        openapi_config=None,
        logging_config=None,
    )
    app.furnish(with_secret_key(settings), is_demonstration=is_demonstration, mailbox=mailbox)
    return app


@asynccontextmanager
async def _with_pool(app: Litestar) -> AsyncIterator[None]:
    await open_pool(app.state["settings"])
    try:
        yield
    finally:
        await close_pool()


def _sweep_and_deliver(settings: Settings) -> Callable[[], Awaitable[None]]:
    """What follows a step of the demonstration's clock: nobody waits for the next tick of the worker."""

    async def run() -> None:
        await reminders.run(clock.utc_now(), hours_of(settings))
        transport = transport_of(settings)
        if transport is not None:
            await delivery_of(settings, transport).run()

    return run


def _hosts(settings: Settings) -> frozenset[str]:
    """The host names that are answered; a service of this machine only also answers to its usual names."""
    public = urlsplit(settings.address).hostname or ""
    names = {public, *settings.allowed_hosts}
    if is_loopback(settings.host) or is_loopback(public):
        names |= {"127.0.0.1", "localhost", "::1"}
    return frozenset(name.lower() for name in names)


def _answer_error(request: WebRequest, exception: Exception) -> Response[bytes]:
    """Problem details to machines, a page to people."""
    if request.scope["path"].startswith(_MACHINE_PATHS):
        return problem_response(request, exception)
    return ErrorPage(request, exception)
