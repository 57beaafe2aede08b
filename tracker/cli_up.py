"""`tracker up`, `serve` and `worker`: the service in one process, or its parts apart."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import date, datetime, time
from time import monotonic as time_now
from time import sleep
from typing import TYPE_CHECKING, Any

import uvicorn

from tracker import clock, safety, terminal
from tracker.connections import PatientProtocol
from tracker.domain.errors import TrackerError
from tracker.domain.rules import FIRST_YEAR, LAST_YEAR
from tracker.domain.zone import at_official, civil_day
from tracker.process import Stop, configure_logging, database_server, end_with_parent, with_secret_key
from tracker.settings import Settings
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.actions.demo import Tick
    from tracker.cli import Subparsers
    from tracker.mailbox import LocalMailbox

# The demonstration begins on a day on which its directives are alive, at the hour of the digest.
DEMONSTRATION_DAY = date(2025, 11, 24)
DEMONSTRATION_TIME = time(8)
PORTS_TRIED = 20
READY_SECONDS = 30.0
STOPPING = "stopping"


class PortTaken(TrackerError):
    """Something else listens there; params: host, port, reason."""

    code = "server_port_taken"


class AlreadyUp(TrackerError):
    """The service runs on this data folder; params: folder, address."""

    code = "server_already_up"


class UnsafeSettings(TrackerError):
    """Others can reach the service, and something about it is not safe."""

    code = "unsafe_settings"


class NotMigrated(TrackerError):
    """The schema is older than the program; params: pending."""

    code = "database_not_migrated"


def register(subparsers: Subparsers) -> None:
    """Add the three commands."""
    up = subparsers.add_parser("up", help=words("cli_up_help"), description=words("cli_up_about"))
    up.add_argument("--demo", action="store_true", help=words("cli_up_demo"))
    up.add_argument("--at", type=_instant, metavar=words("cli_up_at_form"), help=words("cli_up_at"))
    # For `make run`: a killed make must not leave the service behind.
    up.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    up.set_defaults(run=run_up)
    serve = subparsers.add_parser("serve", help=words("cli_serve_help"), description=words("cli_serve_about"))
    serve.set_defaults(run=run_serve)
    worker = subparsers.add_parser(
        "worker", help=words("cli_worker_help"), description=words("cli_worker_about")
    )
    worker.set_defaults(run=run_worker)


def _instant(given: str) -> datetime:
    """A day, or a day and a time in the official zone: 2025-11-24 or 2025-11-24T14:00."""
    try:
        if "T" not in given:
            given += f"T{DEMONSTRATION_TIME:%H:%M}"
        moment = datetime.fromisoformat(given)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError
        if moment.tzinfo is not None:
            return moment
        return at_official(moment.date(), moment.time())
    except ValueError:
        raise argparse.ArgumentTypeError(
            words("cli_up_at_wrong", value=given, first=FIRST_YEAR, last=LAST_YEAR)
        ) from None


# -- the commands --------------------------------------------------------------------------------------


async def run_up(arguments: argparse.Namespace) -> int:
    """Everything in one process: database, schema, first data, pages, API, feeds, worker, local mailbox."""
    settings = terminal.settings()
    if arguments.demo:
        settings = _quieter(settings)
        if arguments.at is not None and settings.database_url is None:
            # What stood on another day is another set of data: it gets a folder of its own.
            folder = settings.data_dir / f"demo-{civil_day(arguments.at).isoformat()}"
            settings = replace(settings, data_dir=folder)
    _refuse(safety.risks(settings, is_demonstration=arguments.demo), settings)
    settings = with_secret_key(settings)
    configure_logging(settings)
    stop = Stop()
    stop.watch_signals()
    if arguments.with_parent:
        end_with_parent()
    with _only_one(settings) as tell_others:
        listening, settings = _listen(settings, may_move=arguments.demo and "TRACKER_PORT" not in os.environ)
        # The program is read from the disk while the database starts.
        loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, "tracker.app"))
        async with contextlib.AsyncExitStack() as parts:
            parts.callback(listening.close)
            settings = await parts.enter_async_context(database_server(settings, on_end=_fatal(stop)))
            await loading
            mailbox = await parts.enter_async_context(_mailbox(settings)) if arguments.demo else None
            if mailbox is not None and settings.smtp_host is None:
                settings = replace(
                    settings, smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none"
                )
            await _prepare(settings, arguments)
            await _require_modest_account(settings)
            await parts.enter_async_context(
                _pages(settings, listening, stop, is_demonstration=arguments.demo, mailbox=mailbox)
            )
            await parts.enter_async_context(_jobs(settings))
            tell_others(settings.address)
            _tell(settings, mailbox)
            await stop.wait()
            tell_others(STOPPING)
            say("cli_up_stopping")
    return stop.exit_code


async def run_serve(arguments: argparse.Namespace) -> int:
    """Pages, API and feeds; the worker runs elsewhere."""
    settings = terminal.settings()
    _refuse(safety.risks(settings), settings)
    settings = with_secret_key(settings)
    configure_logging(settings)
    stop = Stop()
    stop.watch_signals()
    listening, settings = _listen(settings, may_move=False)
    async with contextlib.AsyncExitStack() as parts:
        parts.callback(listening.close)
        settings = await parts.enter_async_context(database_server(settings, on_end=_fatal(stop)))
        await _require_schema(settings)
        await _require_modest_account(settings)
        await parts.enter_async_context(_pages(settings, listening, stop))
        say("cli_serve_running", address=settings.address)
        await stop.wait()
    return stop.exit_code


async def run_worker(arguments: argparse.Namespace) -> int:
    """Reminders and delivery; any number of these may run."""
    from tracker.actions.audit import use_audit_key
    from tracker.actions.office import use_office
    from tracker.db import engine

    settings = terminal.settings()
    _refuse(safety.risks(settings), settings)
    settings = with_secret_key(settings)
    configure_logging(settings)
    stop = Stop()
    stop.watch_signals()
    async with database_server(settings, on_end=_fatal(stop)) as settings:
        await _require_schema(settings)
        await _require_modest_account(settings)
        use_office(settings)
        use_audit_key(settings)
        await engine.open_pool(settings)
        try:
            async with _jobs(settings):
                say("cli_worker_running")
                await stop.wait()
        finally:
            await engine.close_pool()
    return stop.exit_code


# -- the parts -----------------------------------------------------------------------------------------


@asynccontextmanager
async def _pages(
    settings: Settings,
    listening: socket.socket,
    stop: Stop,
    *,
    is_demonstration: bool = False,
    mailbox: LocalMailbox | None = None,
) -> AsyncIterator[None]:
    """The HTTP server, with the pool open while it lives; at the end requests in flight are finished."""
    from tracker.app import create_app

    app = create_app(settings, is_demonstration=is_demonstration, mailbox=mailbox)
    server = _Server(
        uvicorn.Config(
            _Draining(app, stop),
            http=PatientProtocol,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            limit_concurrency=500,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
        if serving.done():
            # The application's own start failed; its error is the one to tell.
            await serving
            raise RuntimeError("the application did not start; see the log")
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """uvicorn without its own idea of signals: they are ours (see process.Stop)."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


class _Draining:
    """Once the end is asked for, `/ready` says so, and no new work is sent here."""

    def __init__(self, app: Any, stop: Stop) -> None:
        self._app = app
        self._stop = stop

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One ASGI connection."""
        if scope["type"] == "http" and scope["path"] == "/ready" and self._stop.is_asked:
            body = b'{"status":"stopping"}'
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send)


@asynccontextmanager
async def _jobs(settings: Settings) -> AsyncIterator[None]:
    """The worker; at the end it claims nothing more, finishes what is in flight and gives the rest back."""
    from tracker.jobs.worker import Worker, transport_of

    worker = Worker(settings, transport_of(settings))
    worker.start()
    try:
        yield
    finally:
        await worker.stop()


@asynccontextmanager
async def _mailbox(settings: Settings) -> AsyncIterator[LocalMailbox]:
    """The local mailbox of the demonstration."""
    from tracker.mailbox import LocalMailbox

    mailbox = LocalMailbox(settings.data_dir)
    await mailbox.start()
    try:
        yield mailbox
    finally:
        await mailbox.stop()


async def _prepare(settings: Settings, arguments: argparse.Namespace) -> None:
    """Schema, first data, and for the demonstration its tasks and its clock."""
    from tracker.actions import demo, demo_clock
    from tracker.actions.audit import use_audit_key
    from tracker.actions.office import use_office
    from tracker.actions.seed import ensure_seed, seed
    from tracker.db import engine
    from tracker.db.migrate import migrate

    use_office(settings)
    use_audit_key(settings)
    migrated = await migrate(settings)
    await engine.open_pool(settings)
    try:
        if migrated.applied:
            await seed()
        await ensure_seed()
        if arguments.demo:
            if arguments.at is not None or not await demo_clock.is_on():
                await demo_clock.start(arguments.at or at_official(DEMONSTRATION_DAY, DEMONSTRATION_TIME))
            await demo_clock.follow()
            if not await engine.fetchval("SELECT EXISTS (SELECT FROM directive)"):
                say("cli_up_loading")
                start = clock.utc_now()
                await demo.load(start, _ticking(settings))
                await demo_clock.start(start)
    finally:
        await engine.close_pool()


def _ticking(settings: Settings) -> Tick | None:
    """How the demonstration lives through a morning of its past; not at all where mail would leave this machine."""
    from tracker.actions import demo_clock
    from tracker.jobs import reminders
    from tracker.jobs.worker import delivery_of, hours_of, transport_of

    transport = transport_of(settings)
    if transport is None or settings.smtp_host != "127.0.0.1":
        return None
    delivery = delivery_of(settings, transport)

    async def tick(at: datetime) -> None:
        await demo_clock.start(at)
        await reminders.run(at, hours_of(settings))
        await delivery.run()

    return tick


async def _require_schema(settings: Settings) -> None:
    """Apart from `up` nothing migrates in passing: an operator decides when."""
    from tracker.db.migrate import pending

    missing = await pending(settings)
    if missing:
        raise NotMigrated(pending=", ".join(missing))


def _refuse(found: tuple[safety.Risk, ...], settings: Settings) -> None:
    """Name every risk that nobody has accepted, then raise UnsafeSettings."""
    refused = safety.refused(found, settings)
    for risk in refused:
        terminal.complain(f"{risk.code}: {words(f'risk_{risk.code}', **risk.params)}")
    if refused:
        codes = ",".join([*settings.accepted_risks, *(risk.code for risk in refused)])
        terminal.complain(words("unsafe_accept", codes=codes))
        raise UnsafeSettings()


async def _require_modest_account(settings: Settings) -> None:
    """In production the application's account of the database can do no more than it needs."""
    from tracker.db.account_used import read_account

    if safety.is_production(settings):
        _refuse(safety.risks(settings, await read_account(settings)), settings)


# -- small things --------------------------------------------------------------------------------------


def _quieter(settings: Settings) -> Settings:
    """In the demonstration the terminal shows addresses and faults, unless told otherwise."""
    level = settings.log_level if "TRACKER_LOG_LEVEL" in os.environ else "warning"
    form = settings.log_format if "TRACKER_LOG_FORMAT" in os.environ else "text"
    return replace(settings, log_level=level, log_format=form)


def _fatal(stop: Stop) -> Any:
    """What to do when the embedded server died and stayed dead."""

    def on_end(code: int) -> None:
        terminal.complain(words("server_gone"))
        stop.ask(Exit.UNAVAILABLE)

    return on_end


def _listen(settings: Settings, *, may_move: bool) -> tuple[socket.socket, Settings]:
    """A listening socket; where the port is only a default, the next free one will do."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    last: OSError | None = None
    for port in range(settings.port, min(settings.port + (PORTS_TRIED if may_move else 1), 65536)):
        try:
            listening = socket.create_server((settings.host, port), family=family, backlog=512)
        except OSError as taken:
            last = taken
            continue
        listening.set_inheritable(False)
        # asyncio sets this only on sockets that name TCP; without it every answer on a kept connection waits 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening, replace(settings, port=port)
    raise PortTaken(host=settings.host, port=settings.port, reason=last.strerror if last else "")


@contextmanager
def _only_one(settings: Settings) -> Iterator[Callable[[str], None]]:
    """One `up` per data folder; one that is stopping is waited for, and the kernel unlocks for a killed one.

    Yields a function to tell others the address, or that this one is stopping.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / "up.lock"
    with path.open("a") as handle:
        deadline = time_now() + settings.shutdown_seconds + 5
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                said = path.read_text().strip()
                if said != STOPPING or time_now() > deadline:
                    raise AlreadyUp(folder=str(settings.data_dir), address=said) from None
            sleep(0.05)

        def tell(what: str) -> None:
            handle.truncate(0)
            handle.write(what)
            handle.flush()

        tell("")
        yield tell


def _tell(settings: Settings, mailbox: LocalMailbox | None) -> None:
    """The few addresses to open."""
    say("cli_up_running")
    rows = [("", "cli_up_pages"), ("/api/docs", "cli_up_api")]
    if mailbox is not None:
        rows.insert(1, ("/thu", "cli_up_mailbox"))
    width = max(len(path) for path, _ in rows) + len(settings.address) + 3
    for path, key in rows:
        print(f"  {(settings.address + path).ljust(width)}{words(key)}", flush=True)
    if settings.data_dir != terminal.settings().data_dir:
        say("cli_up_folder", folder=settings.data_dir)
    say("cli_up_stop")
