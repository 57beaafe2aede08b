"""The service as a process: its database server, its key, its log, its orderly end."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tracker.db.embedded import APP_USER, PR_SET_PDEATHSIG, EmbeddedPostgres
from tracker.settings import Secret, Settings

T = TypeVar("T")


@asynccontextmanager
async def database_server(
    settings: Settings, on_end: Callable[[int], None] | None = None
) -> AsyncIterator[Settings]:
    """The settings with a database address: as given, else of the embedded server, started or attached to.

    A server started here ends here; `on_end` hears (in the keeper's thread) when it died and stayed dead.
    """
    if settings.database_url is not None:
        yield settings
        return
    server = EmbeddedPostgres(settings.data_dir / "postgres", bin_folder=settings.postgres_bin, on_end=on_end)
    await asyncio.to_thread(server.start)
    try:
        yield settings.with_database(server.dsn(user=APP_USER), server.dsn())
    finally:
        await asyncio.to_thread(server.stop)


def with_secret_key(settings: Settings) -> Settings:
    """The settings with a key: as given, else one made once and kept in the data folder."""
    if settings.secret_key is not None:
        return settings
    path = settings.data_dir / "secret_key"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Written aside and linked: two starters agree, and a killed one leaves no half key.
        aside = Path(f"{path}.{os.getpid()}")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(aside, path)
        finally:
            aside.unlink()
    return replace(settings, secret_key=Secret(path.read_text().strip()))


class JsonLines(logging.Formatter):
    """One JSON object per line: UTC with milliseconds, level, logger, message, and what `extra` brought."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in self._OWN}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(settings: Settings) -> None:
    """Log to standard error in the form and from the level that the settings say."""
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # It tells every tick at "info".
    logging.getLogger("apscheduler").setLevel(logging.WARNING)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


class Stop:
    """The wish to end, from a signal or from within: the first is orderly, a second one is at once."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.exit_code = 0

    def watch_signals(self) -> None:
        """Take SIGTERM and SIGINT: the first asks, the second ends the process immediately."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._asked.is_set():
            # The embedded server hears of our death from the kernel and shuts down by itself.
            os._exit(128 + number)
        self._asked.set()

    def ask(self, exit_code: int = 0) -> None:
        """Ask for an orderly end; safe from another thread."""
        self.exit_code = max(self.exit_code, exit_code)
        self._loop.call_soon_threadsafe(self._asked.set)

    async def wait(self) -> None:
        """Until somebody asks."""
        await self._asked.wait()

    @property
    def is_asked(self) -> bool:
        """Whether the end has been asked for."""
        return self._asked.is_set()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a loop of this process's own: uvloop, which halves the cost of every message and answer.

    Where it is not to be had, asyncio's own loop does the same more slowly.
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
