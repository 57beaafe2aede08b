"""The service as a process: it starts on nothing, ends in order, and comes back after being killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Stands for make: it starts the service and waits.
PARENT = """
import os, subprocess, sys
folder, port, root = sys.argv[1:]
environment = {**os.environ, "TRACKER_DATA_DIR": folder, "TRACKER_PORT": port}
subprocess.run([sys.executable, "-m", "tracker", "up", "--demo", "--with-parent"], cwd=root, env=environment)
"""


@pytest.fixture(scope="module")
def data_folder() -> Iterator[Path]:
    """One data folder for all tests here: each begins where the one before has left it."""
    folder = Path(tempfile.mkdtemp(prefix="tracker-test-up-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that must not outlive the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def start(folder: Path, port: int, *command: str) -> subprocess.Popen[str]:
    """`tracker COMMAND` on a data folder and a port."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
    environment |= {"TRACKER_DATA_DIR": str(folder), "TRACKER_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tracker", "--language", "en", *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment,
    )  # fmt: skip


def answer(port: int, path: str) -> int:
    """The status of a GET; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            status: int = response.status
            return status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def wait_until(is_so: Callable[[], bool], seconds: float = 90) -> bool:
    """Whether it became so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return is_so()


def output_of(process: subprocess.Popen[str]) -> str:
    """What it printed until its end."""
    return process.communicate(timeout=60)[0]


def servers_on(folder: Path) -> list[int]:
    """The PostgreSQL processes that run on a data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"postgres" in line and os.fsencode(folder) in line:
                found.append(int(entry.name))
    return found


def test_up_serves_everything_and_ends_in_order(
    data_folder: Path, started: list[subprocess.Popen[str]]
) -> None:
    """From nothing to ready; a second one is refused; SIGTERM ends it with 0 and leaves nothing running."""
    port = free_port()
    up = start(data_folder, port, "up", "--demo")
    started.append(up)

    assert wait_until(lambda: answer(port, "/ready") == 200 or up.poll() is not None), output_of(up)
    assert answer(port, "/live") == 200
    assert answer(port, "/") == 200

    second = start(data_folder, port, "up", "--demo")
    started.append(second)
    assert f"already runs on the folder {data_folder}: http://127.0.0.1:{port}" in output_of(second)
    assert second.returncode == 69

    up.send_signal(signal.SIGTERM)
    printed = output_of(up)
    assert up.returncode == 0, printed
    assert f"http://127.0.0.1:{port}/thu" in printed
    assert "Traceback" not in printed
    assert wait_until(lambda: servers_on(data_folder) == [], 10)


def test_up_after_kill_9(data_folder: Path, started: list[subprocess.Popen[str]]) -> None:
    """Killed without warning it leaves no server, and the next start is as good as ever."""
    port = free_port()
    for _ in range(2):
        up = start(data_folder, port, "up", "--demo")
        started.append(up)
        assert wait_until(lambda up=up: answer(port, "/live") == 200 or up.poll() is not None)  # type: ignore[misc]
        assert up.poll() is None, output_of(up)
        up.kill()
        up.wait()

    assert wait_until(lambda: servers_on(data_folder) == [], 20)


def test_killed_make_takes_the_service_along(data_folder: Path, started: list[subprocess.Popen[str]]) -> None:
    """kill -9 of the parent that `make run` is ends the service in order; the next one waits for that."""
    port = free_port()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_folder), str(port), str(ROOT)], text=True, cwd=ROOT
    )
    started.append(parent)
    assert wait_until(lambda: answer(port, "/live") == 200)
    parent.kill()
    parent.wait()

    following = start(data_folder, port, "up", "--demo")
    started.append(following)

    assert wait_until(lambda: answer(port, "/ready") == 200 or following.poll() is not None)
    assert following.poll() is None, output_of(following)


def test_database_killed_under_the_service(data_folder: Path, started: list[subprocess.Popen[str]]) -> None:
    """kill -9 of PostgreSQL under a running service: it answers again within bounds, without a restart."""
    port = free_port()
    up = start(data_folder, port, "up", "--demo")
    started.append(up)
    assert wait_until(lambda: answer(port, "/ready") == 200)

    os.kill(min(servers_on(data_folder)), signal.SIGKILL)

    assert wait_until(lambda: answer(port, "/ready") != 200 or answer(port, "/live") == 200, 10)
    assert wait_until(lambda: answer(port, "/ready") == 200, 30)
    assert up.poll() is None


def test_second_signal_ends_at_once(data_folder: Path, started: list[subprocess.Popen[str]]) -> None:
    """Who cannot wait says it twice."""
    port = free_port()
    up = start(data_folder, port, "up", "--demo")
    started.append(up)
    assert wait_until(lambda: answer(port, "/ready") == 200)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        # A request that never ends keeps an orderly stop waiting.
        slow.sendall(b"POST /api/v1/directives HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nx")
        time.sleep(0.5)
        up.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        up.send_signal(signal.SIGTERM)
        up.wait(timeout=5)

    assert up.returncode in (0, 128 + signal.SIGTERM)
    assert wait_until(lambda: servers_on(data_folder) == [], 20)


def test_taken_port_is_told(data_folder: Path, started: list[subprocess.Popen[str]]) -> None:
    """A port in use ends the start with one line that says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        up = start(data_folder, other.getsockname()[1], "up", "--demo")
        started.append(up)
        printed = output_of(up)

    assert up.returncode == 69
    assert "TRACKER_PORT" in printed
    assert len(printed.strip().splitlines()) == 1


def test_serve_and_worker_apart(data_folder: Path, started: list[subprocess.Popen[str]]) -> None:
    """Two processes share the embedded database; each ends in order with 0."""
    port = free_port()
    serve = start(data_folder, port, "serve")
    started.append(serve)
    assert wait_until(lambda: answer(port, "/live") == 200 or serve.poll() is not None)
    worker = start(data_folder, port, "worker")
    started.append(worker)

    assert worker.stdout is not None
    assert "running" in worker.stdout.readline()
    worker.send_signal(signal.SIGTERM)
    assert output_of(worker) == ""
    assert worker.returncode == 0
    serve.send_signal(signal.SIGINT)
    assert "Traceback" not in output_of(serve)
    assert serve.returncode == 0


def test_serve_needs_the_schema(started: list[subprocess.Popen[str]]) -> None:
    """Apart from `up` nothing migrates in passing."""
    folder = Path(tempfile.mkdtemp(prefix="tracker-test-up-"))
    folder.chmod(0o755)
    try:
        serve = start(folder, free_port(), "serve")
        started.append(serve)
        assert "tracker migrate" in output_of(serve)
        assert serve.returncode == 69
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_log_lines_are_json() -> None:
    """Each line of the log is one object with the instant in UTC, the level and what was brought along."""
    code = (
        "import logging; from tracker.process import configure_logging; from tracker.settings import load\n"
        "configure_logging(load({}))\n"
        "logging.getLogger('a').info('một dòng\\nhai dòng', extra={'request_id': 'r1'})\n"
        "try: 1/0\n"
        "except ZeroDivisionError: logging.getLogger('a').exception('lỗi')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    lines = [json.loads(line) for line in said.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["info", "error"]
    assert lines[0]["request_id"] == "r1"
    assert lines[0]["at"].endswith("Z")
    assert "ZeroDivisionError" in lines[1]["error"]
