"""`tracker import FILE`: tasks from a spreadsheet, a CSV or a JSON file; a preview unless told to write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import clock, i18n, terminal
from tracker.intake.tables import MAX_BYTES, Unreadable, refuse
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.actions.imports import Imported, Plan, PlannedDirective
    from tracker.cli import Subparsers
    from tracker.intake.rows import RowProblem

SHOWN = 200
"""Problems printed at most; with --json all of them."""


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "import",
        help=words("cli_import_help"),
        description=words("cli_import_about"),
        epilog=words("cli_import_epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", type=Path, metavar=words("cli_import_file_form"), help=words("cli_import_file")
    )
    parser.add_argument("--apply", action="store_true", help=words("cli_import_apply"))
    parser.add_argument(
        "--sheet", default="", metavar=words("cli_import_sheet_form"), help=words("cli_import_sheet")
    )
    parser.add_argument(
        "--directive", default="", metavar=words("cli_import_number_form"), help=words("cli_import_directive")
    )
    parser.add_argument(
        "--issued", type=_day, metavar=words("cli_import_day_form"), help=words("cli_import_issued")
    )
    parser.add_argument(
        "--issuer", default="", metavar=words("cli_import_name_form"), help=words("cli_import_issuer")
    )
    parser.add_argument("--confirm-early", action="store_true", help=words("cli_import_confirm_early"))
    parser.add_argument("--json", action="store_true", help=words("cli_json"))
    parser.set_defaults(run=run)


def _day(given: str) -> date:
    from tracker.domain.errors import Problem
    from tracker.intake.days import read_date

    read = read_date(given, "/issued")
    if isinstance(read, Problem):
        raise argparse.ArgumentTypeError(sentence(read.code, read.value, read.params))
    return read


async def run(arguments: argparse.Namespace) -> int:
    """Preview or import; Exit.DATA when the file or a row is refused, and then nothing was written."""
    from tracker.actions import imports
    from tracker.domain.directory import SYSTEM
    from tracker.intake.files import read_file
    from tracker.intake.rows import Defaults

    try:
        table = read_file(_bytes(arguments.file), arguments.file.name, arguments.sheet)
        defaults = Defaults(
            document=arguments.directive,
            issued_on=arguments.issued,
            issuer=arguments.issuer,
            confirm_early=arguments.confirm_early,
        )
        progress = _Progress()
        async with terminal.connected():
            now = clock.utc_now()
            planned = await imports.plan(SYSTEM, table, defaults, now, progress)
            done = None
            if arguments.apply and not planned.problems:
                done = await imports.apply(SYSTEM, planned, now, progress)
        progress.end()
    except Unreadable as refused:
        _refuse(refused, as_json=arguments.json)
        return Exit.DATA
    if arguments.json:
        terminal.print_json(to_json(planned, done, terminal.language()))
    else:
        _show(planned, done, wanted=arguments.apply)
    return Exit.DATA if planned.problems else Exit.DONE


def _bytes(path: Path) -> bytes:
    """The file, unless it cannot be read or its size alone is too much."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise refuse("import_too_large", size, limit=MAX_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise refuse("import_unreadable", str(path), reason=error.strerror or type(error).__name__) from error


class _Progress:
    """How far it is, on standard error: a line that rewrites itself on a terminal, else now and then."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self.last = (-1, "")

    def __call__(self, stage: str, done: int, total: int) -> None:
        step = 10 * done // max(total, 1)
        if total < 500 or (step, stage) == self.last:
            return
        self.last = (step, stage)
        line = words(f"cli_import_stage_{stage}", done=done, total=total)
        sys.stderr.write(f"\r{line}" if self.is_terminal else f"{line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self.is_terminal and self.last[0] >= 0:
            sys.stderr.write("\n")


# --- in words ---


def sentence(
    code: str, value: object, params: Mapping[str, object] | None, language: i18n.Language | None = None
) -> str:
    """What is wrong, in the user's language."""
    from tracker.intake import wording

    return wording.sentence(language or terminal.language(), code, value, params)


def expected(problem: RowProblem, language: i18n.Language) -> str:
    """The form that the column wants; empty for columns of free text."""
    from tracker.intake import wording

    return wording.expected(language, problem.column)


def problem_line(problem: RowProblem) -> str:
    """One line: the row, the column, the value as given, what is wrong, what is expected."""
    from tracker.intake.wording import plain

    told = sentence(problem.code, problem.value, problem.params)
    form = expected(problem, terminal.language())
    value = "" if problem.value is None else str(plain(problem.value))
    shown = words("import_at_value", row=problem.row, column=problem.column, value=value)
    at = shown if value else words("import_at", row=problem.row, column=problem.column)
    return f"{at} {told}" + (f" {words('import_expected', form=form)}" if form else "")


def _refuse(refused: Unreadable, *, as_json: bool) -> None:
    for problem in refused.problems:
        told = sentence(problem.code, problem.value, problem.params)
        if as_json:
            terminal.print_json(
                {"applied": False, "refused": {"code": problem.code, "value": problem.value, "message": told}}
            )
        terminal.complain(told)


def to_json(planned: Plan, done: Imported | None, language: i18n.Language) -> dict[str, object]:
    """The preview or the result for scripts."""
    return {
        "applied": done is not None,
        "directives": [_directive_json(d) for d in planned.directives],
        "tasks": planned.tasks,
        "assignments": planned.assignments,
        "doubles": list(planned.doubles),
        "problems": [_problem_json(p, language) for p in planned.problems],
        "remarks": [_problem_json(p, language) for p in planned.remarks],
        "unknown_columns": list(planned.heading.unknown),
    }


def _directive_json(one: PlannedDirective) -> dict[str, object]:
    return {
        "number": one.new.number,
        "issued_on": one.new.issued_on,
        "issuer": one.new.issuer,
        "is_new": one.directive_id is None,
        "tasks": len(one.new.tasks),
        "assignments": one.assignments,
        "rows": list(one.rows),
        "early_rows": list(one.is_early),
    }


def _problem_json(problem: RowProblem, language: i18n.Language) -> dict[str, object]:
    return {
        "row": problem.row,
        "column": problem.column,
        "value": problem.value,
        "code": problem.code,
        "message": sentence(problem.code, problem.value, problem.params, language),
        "expected": expected(problem, language),
    }


def _show(planned: Plan, done: Imported | None, *, wanted: bool) -> None:
    rows: Sequence[Sequence[object]] = [
        [
            d.new.number,
            d.new.issued_on.strftime("%d/%m/%Y"),
            d.new.issuer,
            words("import_new") if d.directive_id is None else words("import_stands"),
            len(d.new.tasks),
            d.assignments,
        ]
        for d in planned.directives
    ]
    if rows:
        print(terminal.table([words(f"import_column_{c}") for c in _COLUMNS], rows))
    if planned.doubles:
        say("import_doubles", count=len(planned.doubles), rows=_some(planned.doubles))
    early = [row for d in planned.directives for row in d.is_early]
    if early:
        say("import_early_confirmed", rows=_some(early))
    if planned.heading.unknown:
        say("import_unknown_columns", columns=", ".join(planned.heading.unknown))
    for remark in planned.remarks[:SHOWN]:
        print(f"· {problem_line(remark)}")
    for problem in planned.problems[:SHOWN]:
        terminal.complain(problem_line(problem))
    if len(planned.problems) > SHOWN:
        terminal.complain(words("import_more_problems", count=len(planned.problems) - SHOWN))
    if planned.problems:
        terminal.complain(
            words(
                "import_refused_count",
                count=len(planned.problems),
                rows=len({p.row for p in planned.problems}),
            )
        )
    elif done is not None:
        say("import_done", tasks=done.tasks, assignments=done.assignments, directives=done.directives)
    elif not planned.tasks:
        say("import_nothing")
    elif not wanted:
        say("import_preview", tasks=planned.tasks, assignments=planned.assignments)


_COLUMNS = ("number", "issued_on", "issuer", "state", "tasks", "assignments")


def _some(rows: Sequence[int]) -> str:
    """Row numbers, the first few of many."""
    shown = ", ".join(str(row) for row in rows[:12])
    return shown if len(rows) <= 12 else f"{shown}, …"
