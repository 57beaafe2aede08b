"""Every verb that the history can hold is a sentence in both languages, wherever histories are read as sentences."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.sources import MODULES, PACKAGE, tree_of
from tracker.domain.assignments import DeadlineCause, State
from tracker.i18n import LANGUAGES, Language, catalogue
from tracker.web import timeline

# Where the verb is a value of the model, and which values those are.
FROM_THE_MODEL = {
    "row.state.value": {State.WITHDRAWN.value, State.TRANSFERRED.value, State.SUPERSEDED.value},
    "f'report_{new.kind}'": {"report_progress", "report_obstacle", "report_completion"},
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: tree_of(path) for path in MODULES}


def words(node: ast.expr) -> set[str]:
    """The strings that an expression can be: a literal, a choice between some, a value of the model."""
    if (model := FROM_THE_MODEL.get(ast.unparse(node))) is not None:
        return model
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return words(node.body) | words(node.orelse)
    return set()


@cache
def _calls(tree: ast.AST) -> dict[str, list[ast.Call]]:
    found: dict[str, list[ast.Call]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            found.setdefault(name, []).append(node)
    return found


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return _calls(tree).get(name, [])


def given(call: ast.Call, function: Function, parameter: str) -> set[str]:
    """What a call hands to a function under one of its parameters."""
    positions = [argument.arg for argument in function.args.args]
    by_name = [keyword.value for keyword in call.keywords if keyword.arg == parameter]
    at = positions.index(parameter) if parameter in positions else len(call.args)
    found = by_name or call.args[at : at + 1]
    return set().union(*map(words, found))


def verbs_of(call: ast.Call, tree: ast.Module, around: Function | None) -> set[str]:
    """Which verbs one entry can be written under; none where this test does not understand the code."""
    verb = call.args[0] if call.args else next(k.value for k in call.keywords if k.arg == "verb")
    if literal := words(verb):
        return literal
    if not isinstance(verb, ast.Name) or around is None:
        return set()
    if verb.id in [a.arg for a in (*around.args.args, *around.args.kwonlyargs)]:
        callers = [tree] if around.name.startswith("_") else list(trees().values())
        made = [call for caller in callers for call in calls(caller, around.name)]
        return set().union(*(given(call, around, verb.id) for call in made))
    return set().union(
        *(
            words(node.value)
            for node in ast.walk(around)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == verb.id
        )
    )


@cache
def entries() -> tuple[tuple[str, set[str]], ...]:
    """Each place that writes the history, with the verbs it can write."""
    found = []
    for path, tree in trees().items():
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        for call in calls(tree, "HistoryEntry"):
            inside = [f for f in functions if f.lineno <= call.lineno <= (f.end_lineno or f.lineno)]
            innermost = max(inside, key=lambda f: f.lineno, default=None)
            found.append((f"{path.relative_to(PACKAGE)}:{call.lineno}", verbs_of(call, tree, innermost)))
    return tuple(found)


def verbs() -> set[str]:
    return set().union(*(found for _, found in entries()))


def test_every_place_that_writes_the_history_is_understood() -> None:
    assert [where for where, found in entries() if not found] == []
    assert len(verbs()) >= 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verb_is_a_sentence_of_the_audit(language: Language) -> None:
    assert [verb for verb in sorted(verbs()) if not catalogue(language).get(f"audit_verb.{verb}")] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verb_that_a_timeline_shows_is_a_sentence_there(language: Language) -> None:
    shown = [f"history.{verb}" for verb in timeline.VERBS if verb != "move_deadline"]
    # Each kind of move has a sentence of its own.
    shown += [f"history.move_deadline.{cause}" for cause in DeadlineCause]

    assert [key for key in shown if not catalogue(language).get(key)] == []


def test_a_timeline_shows_only_verbs_that_exist() -> None:
    assert sorted(set(timeline.VERBS) - verbs()) == []


def test_no_sentence_is_kept_for_a_verb_that_is_gone() -> None:
    kept = {key.removeprefix("audit_verb.") for key in catalogue("en") if key.startswith("audit_verb.")}

    assert sorted(kept - verbs()) == []
