"""`tracker audit verify | anchor | export`: the history checked, anchored and told."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tracker import clock, terminal
from tracker.domain.errors import Invalid, Problem
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers
    from tracker.db.history import HistoryFilter, HistoryRow
    from tracker.domain.audit import Anchor, Finding

BOM = "\ufeff"
COLUMNS = (
    "id", "at", "recorded_at", "sentence", "actor", "actor_id", "verb", "directive_id", "task_id", "assignment_id",
    "reason", "detail", "lane", "lane_seq", "mac",
)  # fmt: skip
_MOST_SHOWN = 20


def register(subparsers: Subparsers) -> None:
    """Add the commands."""
    parser = subparsers.add_parser(
        "audit", help=words("cli_audit_help"), description=words("cli_audit_about")
    )
    commands = parser.add_subparsers(dest="verb", required=True, metavar=words("cli_command"))
    file_form = words("cli_audit_file_form")

    verify = commands.add_parser(
        "verify", help=words("cli_audit_verify_help"), description=words("cli_audit_verify_about")
    )
    verify.add_argument("--anchors", type=Path, metavar=file_form, help=words("cli_audit_anchors"))
    verify.add_argument("--json", action="store_true", help=words("cli_audit_json_lines"))
    verify.set_defaults(run=run_verify)

    anchor = commands.add_parser(
        "anchor", help=words("cli_audit_anchor_help"), description=words("cli_audit_anchor_about")
    )
    anchor.add_argument("--json", action="store_true", help=words("cli_json"))
    anchor.set_defaults(run=run_anchor)

    export = commands.add_parser(
        "export", help=words("cli_audit_export_help"), description=words("cli_audit_export_about")
    )
    which = export.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--task", type=terminal.identifier, metavar=words("cli_audit_id_form"), help=words("cli_audit_task")
    )
    which.add_argument("--person", metavar=words("cli_audit_email_form"), help=words("cli_audit_person"))
    which.add_argument("--day", type=_day, metavar=words("cli_audit_day_form"), help=words("cli_audit_day"))
    export.add_argument("--format", choices=("json", "csv"), default="json", help=words("cli_audit_format"))
    export.add_argument("--output", type=Path, metavar=file_form, help=words("cli_audit_output"))
    export.add_argument("--bom", action="store_true", help=words("cli_audit_bom"))
    export.set_defaults(run=run_export)


def _day(given: str) -> date:
    from tracker.cli_import import sentence
    from tracker.intake.days import read_date

    read = read_date(given, "/day")
    if isinstance(read, Problem):
        raise argparse.ArgumentTypeError(sentence(read.code, read.value, read.params))
    return read


# -- verify --------------------------------------------------------------------------------------------


async def run_verify(arguments: argparse.Namespace) -> int:
    """Tell every finding as it is made, and the verdict."""
    from tracker.actions.audit import verify
    from tracker.domain.directory import SYSTEM
    from tracker.domain.zone import civil_now

    async with terminal.connected() as settings:
        anchors = _anchors(arguments.anchors, settings.data_dir)
        began = clock.utc_now()
        verdict = await verify(SYSTEM, anchors, _tell_json if arguments.json else _tell)
        seconds = (clock.utc_now() - began).total_seconds()
    figures = {"rows": verdict.rows, "unchained": verdict.unchained, "anchors": verdict.anchors}
    last = verdict.last_anchor
    if arguments.json:
        terminal.print_json_line(
            {
                "is_intact": verdict.is_intact,
                **figures,
                "findings": dict(verdict.findings),
                "notices": dict(verdict.notices),
                "last_anchor": None if last is None else {"at": last.at, "seal": last.seal},
                "seconds": round(seconds, 3),
            }
        )
    else:
        key = "cli_audit_intact" if verdict.is_intact else "cli_audit_broken"
        say(key, **figures, findings=verdict.findings.total(), seconds=f"{seconds:.1f}")
        if last is not None:
            say("cli_audit_last_anchor", at=f"{civil_now(last.at):%H:%M %d/%m/%Y}", seal=last.seal)
    return Exit.DONE if verdict.is_intact else Exit.FAILED


def _anchors(given: Path | None, data_dir: Path) -> list[Anchor]:
    from tracker.jobs.audit import anchors_in, read_anchors

    path = given or anchors_in(data_dir)
    if given is None and not path.exists():
        return []
    return read_anchors(path)


def _tell(finding: Finding) -> None:
    places = "" if finding.first is None else f"{finding.first}"
    if finding.last not in (None, finding.first):
        places += f"–{finding.last}"
    ids = ", ".join(map(str, finding.ids[:_MOST_SHOWN])) + (", …" if len(finding.ids) > _MOST_SHOWN else "")
    none = words("audit_none")
    kind = "notice" if finding.is_notice else "finding"
    say(
        f"audit_{kind}_{finding.kind.value}",
        lane=none if finding.lane is None else finding.lane,
        places=places or none,
        ids=ids or none,
        count=finding.count,
        about=finding.about,
    )


def _tell_json(finding: Finding) -> None:
    terminal.print_json_line(
        {
            "notice" if finding.is_notice else "finding": finding.kind.value,
            "lane": finding.lane,
            "first": finding.first,
            "last": finding.last,
            "ids": [str(id_) for id_ in finding.ids],
            "count": finding.count,
            "about": finding.about,
        }
    )


# -- anchor --------------------------------------------------------------------------------------------


async def run_anchor(arguments: argparse.Namespace) -> int:
    """Write an anchor whatever the day has already."""
    from tracker.jobs import audit

    async with terminal.connected() as settings:
        anchored = await audit.run(clock.utc_now(), settings, at_once=True)
        path = audit.anchors_in(settings.data_dir)
    if anchored.anchor is None:
        terminal.complain(words("cli_audit_busy"))
        return Exit.FAILED
    if arguments.json:
        terminal.print_json(
            {
                "path": path,
                "at": anchored.anchor.at,
                "total": anchored.anchor.total,
                "seal": anchored.anchor.seal,
                "mailed": anchored.mailed,
            }
        )
    else:
        say(
            "cli_audit_anchored",
            path=path,
            total=anchored.anchor.total,
            seal=anchored.anchor.seal,
            mailed=anchored.mailed,
        )
    return Exit.DONE


# -- export --------------------------------------------------------------------------------------------


async def run_export(arguments: argparse.Namespace) -> int:
    """Print the story, or write it to a file."""
    from tracker.actions.audit import exported
    from tracker.domain.directory import SYSTEM

    async with terminal.connected():
        wanted = await _wanted(arguments)
        with _opened(arguments) as out:
            write = _json_rows if arguments.format == "json" else _csv_rows
            async with exported(SYSTEM, wanted) as rows:
                count = await write(rows, out)
    if arguments.output is not None:
        say("cli_audit_exported", rows=count, path=arguments.output)
    return Exit.DONE


async def _wanted(arguments: argparse.Namespace) -> HistoryFilter:
    from tracker.db.directory import find_official_by_email
    from tracker.db.history import HistoryFilter
    from tracker.domain.zone import at_official

    if arguments.task is not None:
        return HistoryFilter(task_id=arguments.task)
    if arguments.day is not None:
        following = arguments.day + timedelta(days=1)
        return HistoryFilter(
            at_from=at_official(arguments.day, time(0)), at_before=at_official(following, time(0))
        )
    official = await find_official_by_email(arguments.person)
    if official is None:
        raise Invalid.one("--person", "official_unknown", arguments.person)
    return HistoryFilter(official_id=official.id)


@contextlib.contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[TextIO]:
    if arguments.output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with arguments.output.open("w", encoding="utf-8", newline="") as file:
        if arguments.bom and arguments.format == "csv":
            file.write(BOM)
        yield file


async def _json_rows(rows: AsyncIterator[HistoryRow], out: TextIO) -> int:
    """One JSON array, written row by row."""
    count = 0
    async for row in rows:
        out.write(("[\n" if count == 0 else ",\n") + json.dumps(_fields(row), ensure_ascii=False))
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


async def _csv_rows(rows: AsyncIterator[HistoryRow], out: TextIO) -> int:
    """CSV by RFC 4180; text that begins like a formula is guarded."""
    from tracker.documents.text import guarded

    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([words(f"audit_column_{column}") for column in COLUMNS])
    count = 0
    async for row in rows:
        fields = _fields(row)
        fields["detail"] = json.dumps(fields["detail"], ensure_ascii=False, sort_keys=True)
        cells = [fields[column] for column in COLUMNS]
        writer.writerow(["" if c is None else guarded(c) if isinstance(c, str) else c for c in cells])
        count += 1
    return count


def _fields(row: HistoryRow) -> dict[str, object]:
    return {
        "id": row.id,
        "at": _utc(row.at),
        "recorded_at": _utc(row.recorded_at),
        "sentence": sentence_of(row, words),
        "actor": row.actor_name,
        "actor_id": row.actor_id,
        "verb": row.verb,
        "directive_id": row.directive_id,
        "task_id": row.task_id,
        "assignment_id": row.assignment_id,
        "reason": row.reason,
        "detail": row.detail,
        "lane": row.lane,
        "lane_seq": row.lane_seq,
        "mac": row.mac,
    }


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def sentence_of(row: HistoryRow, say_words: Callable[..., str]) -> str:
    """A change in words: when, who, what, what about, and what was written down beside it."""
    from tracker.domain.zone import civil_now
    from tracker.i18n import has

    at = civil_now(row.at)
    key = f"audit_verb.{row.verb}"
    did = say_words(key) if has(key) else say_words("audit_verb_unknown", verb=row.verb)
    who = say_words("audit_system") if row.actor_id is None else row.actor_name
    parts = [say_words("audit_sentence", moment=f"{at:%H:%M:%S}", day=f"{at:%d/%m/%Y}", who=who, did=did)]
    places = {"assignment": row.assignment_id, "task": row.task_id, "directive": row.directive_id}
    where = [say_words(f"audit_where_{noun}", id=id_) for noun, id_ in places.items() if id_ is not None]
    if where:
        parts.append(say_words("audit_sentence_where", where=", ".join(where)))
    if row.reason:
        parts.append(say_words("audit_sentence_reason", reason=" ".join(row.reason.split()).rstrip(".")))
    if row.detail:
        told = "; ".join(f"{name}: {_shown(value)}" for name, value in sorted(row.detail.items()))
        parts.append(say_words("audit_sentence_detail", detail=told))
    return " ".join(parts)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
