"""`tracker resolve`: what a deadline phrase says, with the computation in words; needs no database."""

from __future__ import annotations

import argparse
import json
import re
import sys
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tracker import terminal
from tracker.domain.deadlines import DeadlineRule, Resolution, Shift, resolve
from tracker.domain.errors import Invalid
from tracker.domain.phrases import parse
from tracker.domain.text import clean_text, shortened
from tracker.domain.wording import Words, say
from tracker.domain.workdays import CalendarUnknown
from tracker.shipped import shipped_calendar
from tracker.terminal import Exit, words
from tracker.words import render_words

if TYPE_CHECKING:
    from tracker.cli import Subparsers

LONGEST_PHRASE = 2000
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_LOCAL_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FIELDS = frozenset({"phrase", "issued", "received", "shift", "events"})


@dataclass(frozen=True)
class Question:
    """A phrase with what is known about its directive; `issued` may be a whole year or month."""

    phrase: str
    issued: tuple[date, date]
    received: date | None = None
    shift: Shift = Shift.NONE
    events: dict[str, date] = field(default_factory=dict)


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "resolve",
        help=words("cli_resolve_help"),
        description=words("cli_resolve_about"),
        epilog=words("cli_resolve_epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phrase", nargs="?", help=words("cli_resolve_phrase"))
    parser.add_argument("--issued", metavar="YYYY-MM-DD", help=words("cli_resolve_issued"))
    parser.add_argument("--received", metavar="YYYY-MM-DD", help=words("cli_resolve_received"))
    parser.add_argument(
        "--event", action="append", default=[], metavar="NAME=YYYY-MM-DD", help=words("cli_resolve_event")
    )
    parser.add_argument(
        "--shift", choices=[s.value for s in Shift], default="none", help=words("cli_resolve_shift")
    )
    parser.add_argument("--file", metavar="FILE", help=words("cli_resolve_file"))
    parser.add_argument("--json", action="store_true", help=words("cli_resolve_json"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Resolve one phrase, or every line of a file."""
    if (arguments.phrase is None) == (arguments.file is None):
        terminal.complain(words("cli_resolve_one_of"))
        return Exit.USAGE
    if arguments.file is not None:
        return _run_file(arguments.file)
    asked = {
        "phrase": arguments.phrase,
        "issued": arguments.issued,
        "received": arguments.received,
        "shift": arguments.shift,
        "events": dict(pair.partition("=")[::2] for pair in arguments.event),
    }
    answer = _answer(_question(asked))
    if arguments.json:
        terminal.print_json(answer)
    else:
        _print_words(answer)
    return Exit.DONE


def _run_file(name: str) -> int:
    """One answer per line, in order; a bad line is answered with its error and the rest goes on."""
    failed = 0
    if name == "-":
        failed = _answer_lines(sys.stdin.buffer)
    else:
        try:
            with Path(name).open("rb") as stream:
                failed = _answer_lines(stream)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Invalid.one("--file", "resolve_file", name, reason=error.strerror) from None
    return Exit.FAILED if failed else Exit.DONE


def _answer_lines(stream: BinaryIO) -> int:
    failed = 0
    for number, answer in enumerate(_answers(stream), 1):
        if "error" in answer:
            failed += 1
            answer["line"] = number
        terminal.print_json_line(answer)
    return failed


def _answers(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    for line in stream:
        try:
            asked = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
            if not isinstance(asked, dict):
                raise Invalid.one("", "resolve_line", type(asked).__name__)
            yield _answer(_question(asked))
        except Invalid as refused:
            yield _refusal(refused)
        except (ValueError, RecursionError):
            shown = line[:60].decode("utf-8", "backslashreplace").strip()
            yield _refusal(Invalid.one("", "resolve_line", shown))


def _question(asked: dict[str, Any]) -> Question:
    """The question read and checked. Raises Invalid, naming the field."""
    unknown = asked.keys() - _FIELDS
    if unknown:
        name = shortened(min(unknown))
        raise Invalid.one(f"/{name}", "resolve_unknown_field", name)
    phrase = clean_text(asked.get("phrase"), "/phrase", LONGEST_PHRASE, allow_newlines=True)
    received = asked.get("received")
    events = asked.get("events") or {}
    if not isinstance(events, dict):
        raise Invalid.one("/events", "resolve_events", str(events))
    shift = asked.get("shift") or "none"
    if shift not in [s.value for s in Shift]:
        raise Invalid.one("/shift", "resolve_shift", shortened(str(shift)))
    return Question(
        phrase,
        _days(asked.get("issued"), "/issued"),
        _days(received, "/received")[0] if received else None,
        Shift(shift),
        {str(name).removeprefix("EVENT:"): _days(day, f"/events/{name}")[0] for name, day in events.items()},
    )


def _days(value: object, pointer: str) -> tuple[date, date]:
    """First and last day a date may mean: itself, or those of a whole month or year."""
    given = str(value).strip() if value is not None else ""
    local = _LOCAL_DATE.fullmatch(given)
    if local:
        given = f"{local[3]}-{int(local[2]):02d}-{int(local[1]):02d}"
    match = _DATE.fullmatch(given)
    try:
        if match and 1990 <= int(match[1]) <= 2189:
            year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
            last_month = month if match[2] else 12
            last_day = day if match[3] else monthrange(year, last_month)[1]
            return date(year, month, day), date(year, last_month, last_day)
    except ValueError:
        pass
    raise Invalid.one(pointer, "resolve_date", shortened(given))


def _answer(question: Question) -> dict[str, Any]:
    """The answer as JSON; a whole year or month of issue serves where every day of it gives the same."""
    first, rule = _resolved(question, question.issued[0])
    last, _ = _resolved(question, question.issued[1])
    if (first.due_on, first.undecided) != (last.due_on, last.undecided):
        first = Resolution(first.kind, undecided=(say("deadline_issue_day"),))
    return _shown(first, rule)


def _resolved(question: Question, issued_on: date) -> tuple[Resolution, DeadlineRule]:
    rule = parse(question.phrase, issued_on)
    try:
        found = resolve(
            rule,
            issued_on,
            shipped_calendar(),
            received_on=question.received,
            shift=question.shift,
            events=question.events,
        )
    except CalendarUnknown as unknown:
        reason: Words = (say(unknown.code, year=unknown.year),)
        found = Resolution(rule.kind, due_time=rule.at, undecided=reason)
    return found, rule


def _shown(found: Resolution, rule: DeadlineRule) -> dict[str, Any]:
    language = terminal.language()
    due_on = found.due_on
    return {
        "kind": found.kind.value,
        "due_on": due_on.isoformat() if due_on else None,
        "due_time": found.due_time.strftime("%H:%M") if found.due_time else None,
        "recurrence": found.recurrence,
        "words": render_words(found.words, language),
        "undecided": render_words(found.undecided, language) if found.undecided else None,
        "recurrences": list(found.recurrences),
        "starts_on": found.starts_on.isoformat() if found.starts_on else None,
        "weekday": _WEEKDAYS[due_on.weekday()] if due_on else None,
        "off_day": found.off_day,
        "before_issue": found.before_issue,
        "written_on": found.written_on.isoformat() if found.written_on else None,
        "rule": rule.to_json(),
    }


def _refusal(refused: Invalid) -> dict[str, Any]:
    """What a bad line gets: the same keys, empty, and the error."""
    problem = refused.problems[0]
    sentence = terminal.error_words(problem.code, {"value": problem.value, **problem.params})
    return {
        **dict.fromkeys(("kind", "due_on", "due_time", "recurrence", "words", "undecided")),
        "error": {
            "code": problem.code,
            "field": problem.field,
            "value": problem.value,
            "message": sentence,
        },
    }


def _print_words(answer: dict[str, Any]) -> None:
    for key in ("due_on", "due_time", "recurrence", "undecided", "words"):
        if answer[key]:
            print(words(f"cli_resolve_shows_{key}", value=answer[key]))
