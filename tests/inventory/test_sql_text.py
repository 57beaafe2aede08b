"""No statement is put together from a value: what stands between braces in SQL is a constant of the module.

bandit's B608 asks the same and cannot tell a constant from a request; this test can, so B608 is left out.
"""

from __future__ import annotations

import ast
import re

from tests.sources import MODULES, PACKAGE, tree_of

PLACES = [path for path in MODULES if path.is_relative_to(PACKAGE / "db")]
_SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|ORDER BY|JOIN|AND|EXISTS|SET|CREATE|LIMIT)\b"
    r"|[a-z]\.[a-z_]+ (=|<|IN)"
)

# Parameters of type str that become part of a statement, each with who gives it.
GIVEN_BY_OURSELVES = {
    ("directives.py", "_seen", "column"): "a constant of its callers",
    ("directives.py", "update_row", "table"): "one of two names, checked before",
    ("outbox.py", "_fall_short", "changes"): "the constant assignments of its callers",
    ("outbox.py", "_leave", "changes"): "the constant assignments of its callers",
    ("reads_api.py", "_assignments", "order"): "one of two constants",
    ("reads_api.py", "_past", "at"): "the number of a parameter",
    ("reads_api.py", "_past", "day"): "the number of a parameter",
    ("webhooks.py", "_leave", "changes"): "the constant assignments of its callers",
}


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Parameters that hold text, or of which nobody says what they hold."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {
        a.arg for a in arguments if a.annotation is None or re.search(r"\bstr\b", ast.unparse(a.annotation))
    } - {"self", "cls"}


def _text_of(string: ast.JoinedStr) -> str:
    return "".join(str(part.value) for part in string.values if isinstance(part, ast.Constant))


def found_in(tree: ast.Module, file: str) -> list[tuple[str, str, str]]:
    """File, function and parameter for each text that is put between the words of a statement."""
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        texts = _parameters(function)
        for string in ast.walk(function):
            if not isinstance(string, ast.JoinedStr) or not _SQL.search(_text_of(string)):
                continue
            for part in string.values:
                if isinstance(part, ast.FormattedValue):
                    names = {n.id for n in ast.walk(part.value) if isinstance(n, ast.Name)}
                    found += [(file, function.name, name) for name in sorted(names & texts)]
    return found


def test_no_value_is_written_into_a_statement() -> None:
    found = {entry for path in PLACES for entry in found_in(tree_of(path), path.name)}

    assert found - GIVEN_BY_OURSELVES.keys() == set()
    assert GIVEN_BY_OURSELVES.keys() - found == set(), "these exceptions are needed no longer"


def test_check_finds_a_value_in_a_statement() -> None:
    bad = "async def find(name: str):\n    return await fetch(f\"SELECT 1 FROM t WHERE name = '{name}'\")\n"

    assert found_in(ast.parse(bad), "x.py") == [("x.py", "find", "name")]
