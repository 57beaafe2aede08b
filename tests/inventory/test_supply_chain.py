"""What we depend on: pinned with hashes, not older than the fixes we need, and told in a bill of materials."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The least versions that carry fixes of weaknesses which would touch us.
LEAST = {
    "aiosmtplib": (5, 1, 3),
    "apscheduler": (3, 11, 3),
    "litestar": (2, 22, 0),
    "jinja2": (3, 1, 6),
    "cryptography": (45, 0, 0),
}


@cache
def locked(name: str) -> dict[str, str]:
    """Package and version of each line of a lock."""
    text = (ROOT / name).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", text, re.M))


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_is_pinned_with_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text("utf-8").strip())

    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(entries) == len(locked(name))


@pytest.mark.parametrize("package", sorted(LEAST))
def test_package_carries_the_fixes_we_need(package: str) -> None:
    version = tuple(int(part) for part in re.findall(r"\d+", locked("requirements.lock")[package])[:3])

    assert version >= LEAST[package]


def test_tests_run_with_the_versions_that_are_shipped() -> None:
    developing = locked("requirements-dev.lock")

    assert {p: v for p, v in locked("requirements.lock").items() if developing.get(p) != v} == {}


def test_bill_of_materials_names_every_package(tmp_path: Path) -> None:
    """The command of `make sbom` gives each package with its version, and the same bytes each time."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "requirements.lock", "--of", "JSON"]
    command += ["--output-reproducible", "-o", str(tmp_path / "sbom.json")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    bill = json.loads((tmp_path / "sbom.json").read_text())

    named = {component["name"]: component["version"] for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert named == locked("requirements.lock")


def test_every_exception_for_bandit_gives_its_reason() -> None:
    lines = [
        (path.name, line)
        for path in (ROOT / "tracker").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if "nosec" in line
    ]

    assert [entry for entry in lines if not re.search(r"# nosec B\d{3}  # .{12,}", entry[1])] == []
