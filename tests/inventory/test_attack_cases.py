"""Every attack case has a test of its own, named after it: `test_case_67_…`; one test may stand for several."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]
CASES = range(1, 91)
_NAME = re.compile(r"test_case_(\d{1,2}(?:_(?:and|to)_\d{1,2}|_\d{1,2})*)_")


def cases_of(name: str) -> set[int]:
    """The cases that a test's name says it is about.

    >>> sorted(cases_of("test_case_08_and_09_numbers")), sorted(cases_of("test_case_29_to_31_scripts"))
    ([8, 9], [29, 30, 31])
    """
    match = _NAME.match(name)
    if match is None:
        return set()
    parts = match[1].split("_")
    found = {int(parts[0])}
    for before, part in itertools.pairwise(parts):
        if before == "to":
            found |= set(range(max(found), int(part) + 1))
        elif part.isdigit():
            found.add(int(part))
    return found


def count_by_case() -> Counter[int]:
    """How many tests there are about each case."""
    counted: Counter[int] = Counter()
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                counted.update(cases_of(node.name))
    return counted


def test_every_attack_case_has_a_named_test() -> None:
    counted = count_by_case()
    print(f"{sum(1 for case in CASES if counted[case])} of {len(CASES)} cases, {counted.total()} tests")

    assert [case for case in CASES if not counted[case]] == []
