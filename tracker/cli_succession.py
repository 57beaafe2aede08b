"""`tracker succession`: preview and carry out what becomes of agencies that merge, split, are renamed or abolished."""

from __future__ import annotations

import argparse
import shlex
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import clock, terminal
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.actions.succession import Line, Preview
    from tracker.cli import Subparsers
    from tracker.domain.succession import Plan

SHOWN = 40
"""Assignments printed at most of each outcome; with --json all of them."""


def register(subparsers: Subparsers) -> None:
    """Add the command and what it can do."""
    parser = subparsers.add_parser(
        "succession",
        help=words("cli_succession_help"),
        description=words("cli_succession_about"),
        epilog=words("cli_succession_epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=words("cli_command"))
    preview = verbs.add_parser(
        "preview", help=words("cli_succession_preview_help"), description=words("cli_succession_preview_help")
    )
    _take_plan(preview)
    preview.set_defaults(run=run_preview)
    apply = verbs.add_parser(
        "apply", help=words("cli_succession_apply_help"), description=words("cli_succession_apply_about")
    )
    _take_plan(apply)
    apply.add_argument("--digest", default="", metavar="SHA256", help=words("cli_succession_digest"))
    apply.set_defaults(run=run_apply)
    listed = verbs.add_parser(
        "list", help=words("cli_succession_list_help"), description=words("cli_succession_list_help")
    )
    listed.add_argument("--json", action="store_true", help=words("cli_json"))
    listed.set_defaults(run=run_list)


def _take_plan(parser: argparse.ArgumentParser) -> None:
    code = words("cli_succession_code_form")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar=words("cli_succession_file_form"),
        help=words("cli_succession_file"),
    )
    source.add_argument(
        "--from", dest="predecessors", action="append", metavar=code, help=words("cli_succession_from")
    )
    source.add_argument("--recorded", action="store_true", help=words("cli_succession_recorded"))
    parser.add_argument(
        "--to", dest="heirs", action="append", default=[], metavar=code, help=words("cli_succession_to")
    )
    parser.add_argument(
        "--on", type=_day, metavar=words("cli_succession_day_form"), help=words("cli_succession_on")
    )
    parser.add_argument("--document", default="", help=words("cli_succession_document"))
    parser.add_argument(
        "--default", action="append", default=[], type=_pair, metavar=words("cli_succession_pair_form"),
        help=words("cli_succession_default"),
    )  # fmt: skip
    parser.add_argument(
        "--choose", action="append", default=[], type=_choice, metavar=words("cli_succession_choice_form"),
        help=words("cli_succession_choose"),
    )  # fmt: skip
    parser.add_argument(
        "--person", action="append", default=[], type=_choice, metavar=words("cli_succession_choice_form"),
        help=words("cli_succession_person"),
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help=words("cli_json"))


def _day(given: str) -> date:
    from tracker.cli_import import sentence
    from tracker.domain.errors import Problem
    from tracker.intake.days import read_date

    read = read_date(given, "--on")
    if isinstance(read, Problem):
        raise argparse.ArgumentTypeError(sentence(read.code, read.value, read.params))
    return read


def _pair(given: str) -> tuple[str, str]:
    left, sign, right = given.partition("=")
    if not (left and sign and right):
        raise argparse.ArgumentTypeError(words("cli_succession_bad_pair", given=given))
    return left.strip(), right.strip()


def _choice(given: str) -> tuple[int, str]:
    left, right = _pair(given)
    return terminal.identifier(left), right


async def _plan(arguments: argparse.Namespace) -> Plan:
    """The plan that the arguments ask for. Raises Invalid, Unreadable."""
    from dataclasses import replace

    from tracker.actions.succession import recorded_plan
    from tracker.cli_import import _bytes
    from tracker.domain.directory import SYSTEM
    from tracker.domain.errors import Invalid
    from tracker.domain.succession import Change, Heir, Plan
    from tracker.domain.zone import civil_day
    from tracker.intake.files import read_file
    from tracker.intake.succession import read_plan

    defaults = dict(arguments.default)
    if arguments.recorded:
        until = arguments.on or civil_day(clock.utc_now())
        plan = await recorded_plan(SYSTEM, arguments.document, until, defaults)
    elif arguments.file is not None:
        table = read_file(_bytes(arguments.file), arguments.file.name)
        plan = read_plan(table, arguments.document, arguments.on)
    else:
        if arguments.on is None:
            raise Invalid.one("--on", "succession_day_needed")
        heirs = tuple(Heir(code) for code in arguments.heirs)
        plan = Plan(
            arguments.document, tuple(Change(code, arguments.on, heirs) for code in arguments.predecessors)
        )
    changes = tuple(
        replace(
            change,
            heirs=tuple(
                replace(heir, is_default=heir.is_default or defaults.get(change.predecessor) == heir.code)
                for heir in change.heirs
            ),
        )
        for change in plan.changes
    )
    return replace(plan, changes=changes, choices=dict(arguments.choose), people=dict(arguments.person))


def _plan_words(arguments: argparse.Namespace) -> str:
    """The plan as it was typed, for the command that carries it out."""
    typed: list[str] = []
    if arguments.file is not None:
        typed.append(str(arguments.file))
    if arguments.recorded:
        typed.append("--recorded")
    for name, codes in (("--from", arguments.predecessors or ()), ("--to", arguments.heirs)):
        for code in codes:
            typed += [name, code]
    if arguments.on is not None:
        typed += ["--on", arguments.on.strftime("%d/%m/%Y")]
    if arguments.document:
        typed += ["--document", arguments.document]
    pairs = (("--default", arguments.default), ("--choose", arguments.choose), ("--person", arguments.person))
    for name, chosen in pairs:
        for left, right in chosen:
            typed += [name, f"{left}={right}"]
    return shlex.join(typed)


async def run_preview(arguments: argparse.Namespace) -> int:
    """Print what would move where; nothing is written."""
    from tracker.actions.succession import preview
    from tracker.domain.directory import SYSTEM

    async with terminal.connected():
        shown = await preview(SYSTEM, await _plan(arguments), clock.utc_now())
    if arguments.json:
        terminal.print_json(to_json(shown))
    else:
        _print(shown)
        if shown.is_ready:
            say("cli_succession_next", plan=_plan_words(arguments), digest=shown.digest)
    return Exit.DONE


async def run_apply(arguments: argparse.Namespace) -> int:
    """Carry it out. With --digest only as that preview showed it; without, as it stands now."""
    from tracker.actions.succession import carry_out, preview
    from tracker.domain.directory import SYSTEM

    async with terminal.connected():
        now = clock.utc_now()
        plan = await _plan(arguments)
        shown = await preview(SYSTEM, plan, now)
        if not shown.is_ready:
            _print(shown)
            return Exit.DATA
        done = await carry_out(SYSTEM, plan, arguments.digest or shown.digest, now)
    if arguments.json:
        terminal.print_json(
            {"id": str(done.succession_id), "digest": shown.digest, "counts": dict(done.counts)}
        )
        return Exit.DONE
    say("cli_succession_done", id=done.succession_id, **_figures(done.counts))
    return Exit.DONE


async def run_list(arguments: argparse.Namespace) -> int:
    """Print the successions that were carried out, newest first."""
    from tracker.actions.succession import list_carried_out
    from tracker.domain.directory import SYSTEM
    from tracker.refusals import shown

    async with terminal.connected():
        found = await list_carried_out(SYSTEM, 500)
    if arguments.json:
        terminal.print_json(
            [
                {
                    "id": str(s.id),
                    "document": s.document,
                    "carried_out_at": s.carried_out_at,
                    "carried_out_by": s.actor_name,
                    "counts": dict(s.counts),
                    "items": [
                        {
                            "predecessor": i.predecessor_code,
                            "successor": i.successor_code,
                            "effective_on": i.effective_on,
                            "kind": i.kind,
                        }
                        for i in s.items
                    ],
                }
                for s in found
            ]
        )
        return Exit.DONE
    rows = [
        [
            s.id,
            shown(s.carried_out_at),
            s.actor_name,
            s.document,
            len({i.predecessor_code for i in s.items}),
            s.counts["moved"],
        ]
        for s in found
    ]
    names = ("id", "at", "by", "document", "agencies", "moved")
    headings = [words(f"cli_succession_column_{name}") for name in names]
    print(terminal.table(headings, rows) if rows else words("cli_succession_none"))
    return Exit.DONE


def to_json(shown: Preview) -> dict[str, object]:
    """The whole preview."""
    return {
        "digest": shown.digest,
        "is_ready": shown.is_ready,
        "not_before": shown.not_before,
        "asked": shown.asked,
        "counts": dict(shown.counts),
        "changes": [
            {
                "predecessor": step.predecessor.code,
                "kind": step.kind.value,
                "effective_on": step.effective_on,
                "successors": [heir.code for heir in step.heirs],
                "default": step.default.code if step.default else None,
                "counts": dict(step.counts),
            }
            for step in shown.steps
        ],
        "assignments": [
            {
                "id": str(line.assignment_id),
                "task": line.short_name,
                "directive": line.directive_number,
                "part": line.part.value,
                "due_on": line.due_on,
                "outcome": line.outcome.value,
                "predecessor": line.predecessor.code,
                "successor": line.successor.code if line.successor else None,
                "basis": line.basis.value if line.basis else None,
                "into": None if line.into is None else str(line.into),
                "choices": [heir.code for heir in line.heirs],
            }
            for line in shown.lines
        ],
        "people": [
            {
                "id": str(person.official_id),
                "name": person.name,
                "predecessor": person.predecessor.code,
                "successor": person.successor.code if person.successor else None,
                "is_switched_off": person.is_switched_off,
                "choices": [heir.code for heir in person.heirs],
            }
            for person in shown.people
        ],
        "agencies_below": [
            {
                "agency": child.agency.code,
                "predecessor": child.predecessor.code,
                "parent": child.parent.code if child.parent else None,
                "is_asked": child.is_asked,
            }
            for child in shown.children
        ],
    }


def _figures(counts: object) -> dict[str, object]:
    assert isinstance(counts, dict)
    figures: dict[str, object] = dict(counts)
    figures["absorbed_all"] = counts["absorbed"] + counts["absorbed_own"]
    return figures


def _print(shown: Preview) -> None:
    from tracker.actions.succession import Outcome

    say("cli_succession_heading", document=shown.plan.document)
    rows = [
        [
            step.predecessor.code,
            _cut(step.predecessor.name, 34),
            words(f"succession.kind.{step.kind.value}"),
            _cut(", ".join(heir.name for heir in step.heirs) or "–", 50),
            step.effective_on.strftime("%d/%m/%Y"),
            step.counts["moved"],
            step.counts["absorbed"] + step.counts["ended"],
            step.counts["asked"],
            step.counts["people"],
        ]
        for step in shown.steps
    ]
    names = ("predecessor", "kind", "successors", "day", "moved", "closed", "asked", "people")
    print(terminal.table(["", *(words(f"cli_succession_column_{n}") for n in names)], rows))
    print()
    say("cli_succession_figures", **_figures(dict(shown.counts)))
    for outcome in (Outcome.ASKED, Outcome.ABSORBED, Outcome.ENDED, Outcome.MOVED):
        _print_lines(shown, outcome)
    unplaced = [p for p in shown.people if p.heirs]
    for person in unplaced[:SHOWN]:
        choices = ", ".join(heir.code for heir in person.heirs)
        say("cli_succession_person_asked", id=person.official_id, name=person.name, choices=choices)
    print()
    if shown.not_before is not None:
        say("cli_succession_not_before", day=shown.not_before.strftime("%d/%m/%Y"))
    if shown.asked:
        say("cli_succession_asked", count=shown.asked)
    say("cli_succession_digest_is", digest=shown.digest)


def _print_lines(shown: Preview, outcome: str) -> None:
    lines = [line for line in shown.lines if line.outcome == outcome]
    if not lines:
        return
    print()
    print(words(f"succession.outcome.{outcome}") + f" ({len(lines)})")
    rows = [
        [
            line.assignment_id,
            line.directive_number,
            _cut(_title(line), 56),
            line.predecessor.code,
            _goal(line),
        ]
        for line in lines[:SHOWN]
    ]
    print(terminal.table(["", "", "", "", ""], rows))
    if len(lines) > SHOWN:
        say("cli_succession_more", count=len(lines) - SHOWN)


def _title(line: Line) -> str:
    return words("succession.restricted") if line.restricted else line.short_name


def _goal(line: Line) -> str:
    if line.heirs:
        return "? " + " / ".join(heir.code for heir in line.heirs)
    if line.into is not None:
        return f"→ {line.successor.code if line.successor else ''} (= {line.into})"
    return f"→ {line.successor.code}" if line.successor else "–"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
