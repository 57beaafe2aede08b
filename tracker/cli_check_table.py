"""`tracker check-table`: cells against totals, and what gives each printed percentage; needs no database."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import terminal
from tracker.domain.errors import Invalid
from tracker.domain.printed_tables import CheckedPercentage, CheckedTable, check_printed_table
from tracker.intake.printed_tables import as_json, read_printed_tables
from tracker.intake.tables import MAX_BYTES
from tracker.terminal import Exit, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "check-table",
        help=words("cli_check_table_help"),
        description=words("cli_check_table_about"),
        epilog=words("cli_check_table_epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=words("cli_check_table_file"))
    parser.add_argument("--sheet", default="", metavar="NAME", help=words("cli_check_table_sheet"))
    parser.add_argument("--json", action="store_true", help=words("cli_resolve_json"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check every table of the file; FAILED where a line does not add up or a percentage has no explanation."""
    path = Path(arguments.file)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid.one("FILE", "check_table_file_unread", arguments.file, reason=error.strerror) from None
    if len(data) > MAX_BYTES:
        raise Invalid.one("FILE", "import_too_large", len(data), limit=MAX_BYTES)
    checked = [check_printed_table(table) for table in read_printed_tables(data, path.name, arguments.sheet)]
    if arguments.json:
        terminal.print_json([as_json(table) for table in checked])
    else:
        for table in checked:
            _print_words(table)
    return Exit.DONE if all(table.is_sound for table in checked) else Exit.FAILED


def _print_words(table: CheckedTable) -> None:
    broken = [identity for identity in table.identities if not identity.holds]
    counts = {"held": len(table.identities) - len(broken), "all": len(table.identities)}
    terminal.say("check_table_heading", id=table.id, **counts)
    for identity in broken:
        print("  " + words("check_table_broken", text=identity.text))
    for percentage in table.percentages:
        print("  " + _in_words(percentage))


def _in_words(percentage: CheckedPercentage) -> str:
    rate = percentage.explained_by
    told = {"label": percentage.label, "printed": percentage.printed.strip()}
    if rate is None:
        return words("check_table_unexplained", **told)
    figures = {"numerator": rate.numerator, "denominator": rate.denominator}
    point = "," if terminal.language() == "vi" else "."
    others = " − ".join(str(other).replace(".", point) for other in rate.others)
    return words(f"check_table_{rate.rounding.value}", **told, **figures, others=others)
