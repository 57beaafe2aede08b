"""The package's modules as syntax trees, each parsed once for all tests that read the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tracker

PACKAGE = Path(tracker.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stat().st_size)


@cache
def tree_of(path: Path) -> ast.Module:
    """A parsed module."""
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    """The module's place in the package, such as `db/engine.py`."""
    return path.relative_to(PACKAGE).as_posix()


def calls_in(path: Path) -> Iterator[ast.Call]:
    """Every call in a module."""
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))
