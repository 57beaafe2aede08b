"""Every code of a refusal, wherever it is raised, has a sentence in both languages that fits its parameters."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import tracker
from tests.sources import MODULES, PACKAGE, calls_in, name_of
from tracker.api.errors import EDGE_STATUS, all_kinds, title
from tracker.domain.errors import TrackerError
from tracker.i18n import LANGUAGES, Language, catalogue
from tracker.refusals import sentence

# Calls whose argument at this place is the code of a problem.
_PROBLEM_CALLS = {"Problem": 1, "one": 1, "add": 1, "Refusal": 0, "refuse": 0}
_CODE = re.compile(r"[a-z][a-z0-9_]+")
# Receivers of `.add(...)` that collect problems; sets have an `add` too.
_COLLECTORS = {"collect", "self", "problems"}


def _name(function: ast.expr) -> str | None:
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute):
        if function.attr == "add" and not (
            isinstance(function.value, ast.Name) and function.value.id in _COLLECTORS
        ):
            return None
        return function.attr
    return None


@cache
def problem_codes() -> dict[str, str]:
    """Every code of a problem that is written out where the problem is made, and one place where it is."""
    return {code: f"{name_of(path)}:{line}" for path in MODULES for code, line in _codes_in(path)}


def _codes_in(path: Path) -> Iterator[tuple[str, int]]:
    for call in calls_in(path):
        place = _PROBLEM_CALLS.get(_name(call.func) or "")
        if place == 0 and isinstance(call.func, ast.Attribute):
            place = 1  # a form's refusal names the field first
        if place is None or len(call.args) <= place:
            continue
        argument = call.args[place]
        code = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            yield code, call.lineno


def kinds() -> list[type[TrackerError]]:
    """Every named refusal of the whole package."""
    for module in pkgutil.walk_packages(tracker.__path__, "tracker."):
        if module.name != "tracker.__main__":
            importlib.import_module(module.name)
    return sorted(set(all_kinds()), key=lambda kind: kind.code)


def test_the_inventory_finds_the_known_codes() -> None:
    known = {"agency_abolished", "lead_missing", "extension_not_later", "unknown_field", "bad_cursor"}
    assert known <= problem_codes().keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_code_has_a_sentence(language: Language) -> None:
    found = problem_codes().items()
    assert [(code, where) for code, where in found if sentence(language, code, {}) == code] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_refusal_has_a_sentence_and_a_title(language: Language) -> None:
    missing = [
        f"{kind.__module__}.{kind.__name__} ({kind.code})"
        for kind in kinds()
        if sentence(language, kind.code, {}) == kind.code or title(language, kind.code) == kind.code
    ]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_edge_code_has_a_sentence_and_a_title(language: Language) -> None:
    without = [code for code in EDGE_STATUS if code in (sentence(language, code, {}), title(language, code))]
    assert without == []


def test_codes_of_kinds_are_unique() -> None:
    codes = [kind.code for kind in kinds()]
    assert sorted({code for code in codes if codes.count(code) > 1}) == []


def test_both_languages_take_the_same_parameters() -> None:
    def parameters(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    vietnamese = json.loads((PACKAGE / "locale/vi/errors.json").read_text("utf-8"))
    english = json.loads((PACKAGE / "locale/en/errors.json").read_text("utf-8"))

    assert vietnamese.keys() == english.keys()
    assert [key for key in vietnamese if parameters(vietnamese[key]) != parameters(english[key])] == []


def test_a_missing_parameter_leaves_a_dash() -> None:
    assert "–" in sentence("vi", "agency_abolished", {"agency": "Bộ A"})
    assert "{" not in sentence("en", "out_of_range", {"value": 5, "low": 0, "high": 3})
    assert catalogue("vi")["out_of_range"] != catalogue("en")["out_of_range"]
