"""`tracker …` as from a shell, in a process of its own that does not import the whole program anew.

A server is started once for each worker; for each command it forks, and the child runs the command.
That `python -m tracker` itself starts is shown by tests/faults/test_process.py and test_unsafe_start.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NoReturn

import anyio.to_thread

from tracker.settings import Settings

ROOT = Path(__file__).parents[1]
LONGEST_SECONDS = 120

_servers: list[subprocess.Popen[str]] = []
_one_at_a_time = threading.Lock()


async def tracker(
    settings: Settings, *arguments: str, secret: str | None = None
) -> subprocess.CompletedProcess[str]:
    """`tracker --language en …` on the test's database; the service's key where one is told."""
    environment = {
        **os.environ,
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "TRACKER_DATA_DIR": str(settings.data_dir),
        "LANG": "en_US.UTF-8",
    }
    if secret is not None:
        environment["TRACKER_SECRET_KEY"] = secret
    given = ["--language", "en", *arguments]
    return await anyio.to_thread.run_sync(lambda: _run(given, environment))


def _run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="tracker-shell-") as folder, _one_at_a_time:
        if not _servers or _servers[0].poll() is not None:
            command = [sys.executable, "-m", "tests.shell"]
            _servers[:] = [
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    cwd=ROOT,
                )
            ]
        asked, told = _servers[0].stdin, _servers[0].stdout
        assert asked is not None
        assert told is not None
        json.dump({"arguments": arguments, "environment": environment, "folder": folder}, asked)
        asked.write("\n")
        asked.flush()
        code = int(told.readline())
        said, complained = ((Path(folder) / name).read_text("utf-8") for name in ("out", "err"))
    return subprocess.CompletedProcess(["tracker", *arguments], code, said, complained)


def _serve() -> None:
    """Fork for each line of standard input; tell the exit code on standard output."""
    import tracker.actions.accounts
    import tracker.actions.audit
    import tracker.actions.outbox
    import tracker.actions.succession
    import tracker.actions.tokens
    import tracker.process  # noqa: F401  # what the commands import when they run
    from tracker.cli import build_parser

    build_parser()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(arguments: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    """Be the command."""
    from tracker.cli import main

    code = 1
    try:
        signal.alarm(LONGEST_SECONDS)
        os.environ.clear()
        os.environ.update(environment)
        for name, number in (("out", 1), ("err", 2)):
            os.dup2(os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
