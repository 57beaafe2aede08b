"""`tracker overdue`: what was overdue on any day, as table, csv, json or xlsx."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import clock, terminal
from tracker.domain.errors import Invalid, Problem
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers
    from tracker.documents.tables import Sheet
    from tracker.domain.overdue import OverdueList

FORMATS = ("table", "csv", "json", "xlsx")


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "overdue",
        help=words("cli_overdue_help"),
        description=words("cli_overdue_about"),
        epilog=words("cli_overdue_epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--as-of", type=_day, metavar=words("cli_overdue_day_form"), help=words("cli_overdue_as_of")
    )
    parser.add_argument(
        "--agency",
        action="append",
        default=[],
        metavar=words("cli_overdue_code_form"),
        help=words("cli_overdue_agency"),
    )
    parser.add_argument(
        "--directive",
        default="",
        metavar=words("cli_overdue_number_form"),
        help=words("cli_overdue_directive"),
    )
    parser.add_argument(
        "--lineage", choices=("as_was", "successors"), default="as_was", help=words("cli_overdue_lineage")
    )
    parser.add_argument("--by", choices=("agency", "task"), default="agency", help=words("cli_overdue_by"))
    parser.add_argument("--format", choices=FORMATS, default="table", help=words("cli_overdue_format"))
    parser.add_argument(
        "--output", type=Path, metavar=words("cli_overdue_file_form"), help=words("cli_overdue_output")
    )
    parser.add_argument("--bom", action="store_true", help=words("cli_overdue_bom"))
    parser.add_argument("--json", action="store_true", help=words("cli_json"))
    parser.set_defaults(run=run)


def _day(given: str) -> date:
    from tracker.cli_import import sentence
    from tracker.intake.days import read_date

    read = read_date(given, "/as_of")
    if isinstance(read, Problem):
        raise argparse.ArgumentTypeError(sentence(read.code, read.value, read.params))
    return read


async def run(arguments: argparse.Namespace) -> int:
    """Print the list or write it to a file."""
    from tracker.actions.overdue import overdue_list
    from tracker.actions.succession import read_under
    from tracker.domain.directory import SYSTEM
    from tracker.domain.zone import civil_day

    form = "json" if arguments.json else arguments.format
    if form == "xlsx" and arguments.output is None:
        terminal.complain(words("cli_overdue_needs_output"))
        return Exit.USAGE
    async with terminal.connected():
        directive_id = await _directive(arguments.directive) if arguments.directive else None
        as_of = arguments.as_of or clock.utc_now()
        under = await read_under(civil_day(clock.utc_now())) if arguments.lineage == "successors" else None
        listing = await overdue_list(SYSTEM, as_of, arguments.agency, directive_id, under=under)
    if form == "table":
        _print(listing, by_task=arguments.by == "task")
        return Exit.DONE
    data = _bytes(listing, form, arguments)
    if arguments.output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return Exit.DONE
    arguments.output.write_bytes(data)
    say("cli_overdue_written", path=arguments.output, bytes=len(data), rows=len(listing.rows))
    return Exit.DONE


async def _directive(cited: str) -> int:
    """The directive with this number (and date, where it is said). Raises Invalid for none or several."""
    from tracker.db.directives import list_directives
    from tracker.domain.directory import SYSTEM
    from tracker.intake.citations import number_key, read_citation

    read = read_citation(cited, {}, "/directive")
    number, issued_on = (cited, None) if isinstance(read, Problem) else (read.number, read.issued_on)
    found = []
    after: tuple[date, int] | None = None
    while page := await list_directives(SYSTEM, limit=500, after=after):
        found += [
            d for d in page if number_key(d.number) == number_key(number) and issued_on in (None, d.issued_on)
        ]
        after = (page[-1].issued_on, page[-1].id)
    if not found:
        raise Invalid.one("/directive", "cli_overdue_unknown_directive", cited)
    if len(found) > 1:
        days = [d.issued_on.strftime("%d/%m/%Y") for d in found]
        raise Invalid.one("/directive", "cli_overdue_ambiguous", number, days=", ".join(days), first=days[0])
    return found[0].id


def _bytes(listing: OverdueList, form: str, arguments: argparse.Namespace) -> bytes:
    import json

    from tracker.documents.overdue_csv import to_csv
    from tracker.documents.overdue_json import to_object
    from tracker.documents.overdue_xlsx import to_xlsx

    language = terminal.language()
    if form == "xlsx":
        return to_xlsx(listing, language)
    if form == "csv":
        return to_csv(
            listing, _sheet(listing, by_task=arguments.by == "task"), language, with_bom=arguments.bom
        )
    return (json.dumps(to_object(listing, language), ensure_ascii=False, indent=2) + "\n").encode()


def _sheet(listing: OverdueList, *, by_task: bool) -> Sheet:
    from tracker.documents.tables import annex_sheet, overdue_sheet

    language = terminal.language()
    return annex_sheet(listing, language) if by_task else overdue_sheet(listing, language)


def _print(listing: OverdueList, *, by_task: bool) -> None:
    from tracker.documents.tables import annex_rows, cut_off_words, percent, rate_words, scope_words

    language = terminal.language()
    print(cut_off_words(listing.as_of, language))
    for line in scope_words(listing, language):
        print(line)
    print(rate_words(listing.rate, language), end="\n\n")
    if by_task:
        headings = [
            words(f"overdue_column_{c}")
            for c in ("number", "task", "directive", "lead", "due_on", "days_late")
        ]
        rows = [
            [n, _cut(r.task, 70), r.directive, _cut(r.lead, 40), _date(r.due_on), r.days_late]
            for n, r in enumerate(annex_rows(listing, language), start=1)
        ]
        print(terminal.table(headings, rows))
        return
    figures = [
        [
            line.code,
            _cut(line.name, 40),
            line.buckets.done,
            line.buckets.open_in_term,
            line.buckets.open_overdue,
            "–" if line.rate.value is None else percent(line.rate.value, language),
        ]
        for line in listing.agencies
    ]
    names = ("overdue_column_agency", "overdue_short_done", "overdue_short_in_term", "overdue_short_overdue")
    print(terminal.table(["", *(words(n) for n in names), words("overdue_short_rate")], figures))
    print()
    rows = [
        [
            line.code,
            _cut(row.task, 70),
            row.directive_number,
            _date(row.due_on),
            row.days_late,
            row.extensions,
        ]
        for line in listing.agencies
        for row in line.rows
    ]
    headings = [
        "",
        words("overdue_short_task"),
        words("overdue_column_directive"),
        words("overdue_short_due"),
        words("overdue_short_late"),
        words("overdue_column_extensions"),
    ]
    print(terminal.table(headings, rows) if rows else words("overdue_none"))
    owing = sum(1 for line in listing.agencies if line.rows)
    print()
    say("cli_overdue_summary", rows=len(rows), agencies=owing, awaiting=listing.awaiting)


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _date(day: date | None) -> str:
    return "" if day is None else day.strftime("%d/%m/%Y")
