"""What is shipped: every file of the package and every migration is in the wheel; the locks name no address."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tracker.db.migrate import load_migrations, migrations_folder

ROOT = Path(__file__).parents[2]


def test_every_kind_of_file_is_in_the_wheel() -> None:
    """setup.py knows a pattern for each data file of the package."""
    patterns = re.findall(r'"([^"]*)"', (ROOT / "setup.py").read_text().partition("package_data=")[2])

    data = [p for p in (ROOT / "tracker").rglob("*") if p.is_file() and p.suffix not in {".py", ".pyc"}]
    left_out = [str(p.relative_to(ROOT)) for p in data if not any(fnmatch(p.name, one) for one in patterns)]

    assert left_out == []


def test_styles_scripts_templates_and_catalogues_are_in_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """What setuptools would copy, asked of itself: folders without Python are packages too."""
    core = pytest.importorskip("setuptools._distutils.core")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["setup.py"])
    command = core.run_setup("setup.py", stop_after="init").get_command_obj("build_py")
    command.ensure_finalized()

    copied = {Path(source) / name for _, source, _, names in command.data_files for name in names}

    for kind in ("web/styles/*.css", "web/scripts/*.js", "web/templates/*.html", "locale/*/*.json"):
        wanted = {path.relative_to(ROOT) for path in (ROOT / "tracker").glob(kind)}
        assert wanted, kind
        assert wanted <= copied, kind


def test_migrations_are_found_and_nothing_else_is_there() -> None:
    """Each file of the folder is a migration, with a name of its own and a sentence."""
    files = [p for p in migrations_folder().iterdir() if p.name != "__pycache__"]
    migrations = load_migrations()

    assert len(files) == len(migrations)
    assert all(re.fullmatch(r"tracker_\d{4}_\d\d_\d\d_\d{4}_\w+", m.name) for m in migrations)
    assert all(m.description.endswith(".") for m in migrations)
    assert all("lock_timeout" in m.sql for m in migrations)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "package-lock.json"])
def test_lock_names_no_address(lock: str) -> None:
    """Any mirror or a folder of wheels will do."""
    addresses = [
        line
        for line in (ROOT / lock).read_text().splitlines()
        if re.search(r"\bhttps?://|--(extra-)?index-url|--find-links|\"resolved\"", line)
        # Some packages of npm say where money may be sent.
        and '"url":' not in line
        and '"funding"' not in line
    ]

    assert addresses == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_requirement_has_hashes(lock: str) -> None:
    """Nothing is installed that was not seen when the lock was made."""
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())
    bare = [block.partition(" ")[0] for block in blocks if block.strip() and "--hash=sha256:" not in block]

    assert bare == []


def test_runtime_is_part_of_development() -> None:
    """Both locks name the same version of each package of the service."""

    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9][\w.-]*==[^\s;]+)", (ROOT / lock).read_text(), re.M))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_scripts_are_good_shell() -> None:
    """Both scripts can be read by any POSIX shell, and are executable."""
    for name in ("tools/prepare.sh", ".ci/run"):
        path = ROOT / name
        assert path.stat().st_mode & 0o111
        subprocess.run(["sh", "-n", str(path)], check=True)
