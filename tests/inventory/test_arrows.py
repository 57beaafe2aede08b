"""The arrows of the architecture: who may import whom, who may read the clock, who may speak SQL."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import MODULES, PACKAGE, name_of, tree_of

# What a layer may import of the package besides itself.
ARROWS: dict[str, set[str]] = {
    "clock": set(),
    "connections": set(),
    "settings": set(),
    "i18n": set(),
    "domain": set(),
    "words": {"domain", "i18n"},
    "refusals": {"domain", "i18n"},
    "shipped": {"domain"},
    "safety": {"settings"},
    "mailbox": {"domain", "clock"},
    "feeds": {"domain", "i18n", "words"},
    "db": {"domain", "settings", "i18n", "safety"},  # the type of a language
    # An invitation is a feed's entry sent by mail.
    "mail": {"domain", "i18n", "words", "feeds"},
    "webhooks": {"domain"},
    "documents": {"domain", "i18n", "words"},
    "intake": {"domain", "i18n", "shipped"},
    # It asks the identity provider, as mail speaks to the relay.
    "sign_on": {"domain", "settings"},
    "actions": {"domain", "db", "mail", "feeds", "documents", "intake", "i18n", "settings", "shipped", "words",
                "sign_on", "webhooks"},
    "api": {"domain", "db", "actions", "feeds", "documents", "intake", "i18n", "words", "refusals", "settings",
            "clock"},
    "web": {"domain", "db", "actions", "feeds", "documents", "intake", "i18n", "words", "refusals", "settings",
            "clock", "api", "mailbox"},
    "jobs": {"domain", "db", "actions", "mail", "settings", "clock", "i18n", "webhooks"},
}  # fmt: skip

# Single modules that may import more than their layer, and why.
EXCEPTIONS: dict[str, set[str]] = {
    # It moves this process's clock: that is all it does.
    "actions/demo_clock.py": {"clock"},
}

# The edges of the process may import everything.
FREE = {"app", "cli", "process", "terminal", "__main__", "__init__"}

# Which layers a library belongs to; one that is not here is the layer's own business.
LIBRARIES: dict[str, set[str]] = {
    "piccolo": {"db"},
    "asyncpg": {"db"},
    "aiosmtplib": {"mail"},
    "h11": {"webhooks"},
    "dkim": {"mail"},
    "icalendar": {"feeds"},
    "apscheduler": {"jobs"},
    "authlib": {"sign_on"},
    "joserfc": {"sign_on"},
    "httpx": {"sign_on"},
    "litestar": {"api", "web"},
    "msgspec": {"api", "web"},
    "uvicorn": {"connections"},
    "aiosmtpd": {"mailbox"},
    "openpyxl": {"intake", "documents"},
    "docx": {"documents"},
    "typst": {"documents"},
    "xlsxwriter": {"documents"},
    "jinja2": {"mail", "web"},
    "segno": {"web", "api"},
    "structlog": {"jobs", "api", "web"},
}

# The short list of the domain: nothing that waits, opens, asks the machine, or throws dice.
DOMAIN_STDLIB = {
    "__future__", "bisect", "calendar", "collections", "csv", "dataclasses", "datetime", "decimal", "difflib",
    "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "ipaddress", "itertools", "json", "math", "operator",
    "re", "string", "types", "typing", "unicodedata", "uuid", "zoneinfo",
}  # fmt: skip


def layer_of(path: Path) -> str:
    """The folder under the package, or the module's own name at the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_free(layer: str) -> bool:
    """Whether the layer is an edge of the process."""
    return layer in FREE or layer.startswith("cli_")


def imports_of(tree: ast.Module) -> Iterator[str]:
    """Every module named in an import, wherever it stands; `from tracker import x` counts as tracker.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide arrows"
            assert node.module is not None
            if node.module == "tracker":
                yield from (f"tracker.{alias.name}" for alias in node.names)
            else:
                yield node.module


def wrong_arrows(layer: str, tree: ast.Module, more: frozenset[str] = frozenset()) -> list[str]:
    """The imports of a module that its layer may not have."""
    wrong = []
    for name in imports_of(tree):
        first, _, rest = name.partition(".")
        if first == "tracker":
            target = rest.partition(".")[0]
            if target not in {layer, ""} and target not in ARROWS.get(layer, set()) | more:
                wrong.append(name)
        elif (first in LIBRARIES and layer not in LIBRARIES[first]) or (
            layer == "domain" and first not in DOMAIN_STDLIB
        ):
            wrong.append(name)
    return wrong


def test_modules_import_only_what_their_layer_may() -> None:
    """Dependencies point one way."""
    wrong = {}
    for path in MODULES:
        layer = layer_of(path)
        if is_free(layer):
            continue
        assert layer in ARROWS, f"a new layer {layer}: say in ARROWS what it may import"
        if found := wrong_arrows(layer, tree_of(path), frozenset(EXCEPTIONS.get(name_of(path), ()))):
            wrong[name_of(path)] = found

    assert wrong == {}


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("domain", "import asyncio"),
        ("domain", "import os"),
        ("domain", "from tracker.db import engine"),
        ("domain", "from tracker import clock"),
        ("db", "from tracker.actions import tokens"),
        ("api", "import asyncpg"),
        ("web", "from piccolo.table import Table"),
        ("jobs", "import aiosmtplib"),
        ("actions", "from tracker.api import auth"),
        ("settings", "from tracker.domain import errors"),
    ],
)
def test_wrong_arrow_is_seen(layer: str, line: str) -> None:
    """The test above would notice."""
    assert wrong_arrows(layer, ast.parse(line)) != []


def clock_readings(tree: ast.Module) -> list[str]:
    """Calls that ask the machine for the date or the time of day."""
    asking = {"now", "utcnow", "today", "fromtimestamp"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            without_argument = node.func.attr != "fromtimestamp"
            if node.func.attr in asking and re.search(r"\b(date|datetime|dt)\b", owner) and without_argument:
                found.append(ast.unparse(node))
            if owner == "time" and node.func.attr in {"time", "time_ns", "localtime", "gmtime"}:
                found.append(ast.unparse(node))
    return found


def test_only_the_clock_reads_the_clock() -> None:
    """`now` and `today` are parameters everywhere else."""
    reading = {name_of(path): found for path in MODULES if (found := clock_readings(tree_of(path)))}

    assert reading.keys() == {"clock.py"}, reading


def test_only_the_database_layer_speaks_sql() -> None:
    """A statement outside tracker/db is a rule in the wrong place."""
    statement = re.compile(r"^\s*(SELECT\s.+\sFROM\s|INSERT INTO\s|UPDATE\s\w+\sSET\s|DELETE FROM\s)", re.S)

    found = {
        name_of(path): node.value
        for path in MODULES
        if layer_of(path) != "db" and not is_free(layer_of(path))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value)
    }

    assert found == {}


def test_every_module_says_what_lives_here() -> None:
    """A module opens with a sentence."""
    assert [name_of(path) for path in MODULES if not ast.get_docstring(tree_of(path))] == []


def test_domain_does_not_wait() -> None:
    """No await, no coroutine, no file, no global state in the rules."""
    waiting = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Global)

    found = [
        (name_of(path), ast.unparse(node))
        for path in MODULES
        if layer_of(path) == "domain"
        for node in ast.walk(tree_of(path))
        if isinstance(node, waiting)
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in {"open", "print"})
    ]

    assert found == []


def test_standard_library_list_is_true() -> None:
    """What the domain may import is in the standard library."""
    assert set(sys.stdlib_module_names) | {"__future__"} >= DOMAIN_STDLIB
