"""The operator's edge: `tracker COMMAND`.

Each module `tracker/cli_<noun>.py` brings its commands.
Its `register(subparsers)` adds parsers and sets `run=function` as a default; the function takes the parsed
arguments and returns an exit code, or a coroutine of one.  What all commands share is in terminal.py.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import tracker
from tracker import terminal
from tracker.domain.errors import Invalid, TrackerError
from tracker.domain.text import shortened
from tracker.i18n import LANGUAGES, has
from tracker.settings import SettingsError
from tracker.terminal import Exit, words

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


class Parser(argparse.ArgumentParser):
    """argparse with its own few sentences out of the catalogues."""

    def error(self, message: str) -> NoReturn:
        """One line, where to look, and the usual exit code."""
        terminal.complain(words("cli_usage_error", command=self.prog, message=message))
        sys.exit(Exit.USAGE)


def _translate(sentence: str | None) -> str | None:
    """argparse's own sentences, where the catalogues have them."""
    if sentence is None:
        return None
    key = "argparse_" + re.sub(r"[^a-z]+", "_", sentence.lower()).strip("_")
    return words(key) if has(key) else sentence


# argparse asks gettext for its sentences; ours are in the catalogues, like all others.
vars(argparse)["_"] = _translate


def command_modules() -> tuple[str, ...]:
    """The names of all modules that bring commands, in order.

    >>> "tracker.cli_migrate" in command_modules()
    True
    """
    found = [m.name for m in pkgutil.iter_modules(tracker.__path__) if m.name.startswith("cli_")]
    return tuple(f"tracker.{name}" for name in sorted(found))


def build_parser() -> argparse.ArgumentParser:
    """The whole command line in the terminal's language."""
    parser = Parser(
        prog="tracker",
        description=words("cli_about"),
        epilog=words("cli_epilog"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="help", help=words("cli_help"))
    parser.add_argument("--language", choices=LANGUAGES, help=words("cli_language"))
    subparsers = parser.add_subparsers(
        title=words("cli_commands"), metavar=words("cli_command"), required=True, parser_class=Parser
    )
    for name in command_modules():
        importlib.import_module(name).register(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every expected failure is one line on standard error and an exit code of its own."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    terminal.write_utf8()
    terminal.speak(terminal.choose_language(given, os.environ))
    unreadable = next((a for a in given if not _is_utf8(a)), None)
    if unreadable is not None:
        terminal.complain(words("cli_not_utf8", value=shortened(unreadable)))
        return Exit.USAGE
    try:
        parsed = build_parser().parse_args(given)
        outcome = parsed.run(parsed)
        if inspect.iscoroutine(outcome):
            from tracker.process import run

            outcome = run(outcome)
        return int(outcome or 0)
    except SettingsError as wrong:
        for setting in wrong.problems:
            terminal.complain(terminal.bad_setting_words(setting))
        return Exit.CONFIG
    except Invalid as refused:
        for problem in refused.problems:
            sentence = terminal.error_words(
                problem.code, {"field": problem.field, "value": problem.value, **problem.params}
            )
            terminal.complain(f"{problem.field}: {sentence}")
        if not refused.problems:
            terminal.complain(terminal.error_words(refused.code, refused.params))
        return Exit.DATA
    except TrackerError as refused:
        terminal.complain(terminal.error_words(refused.code, refused.params))
        return _exit_code(refused)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`tracker overdue | head`): that is no error, and Python must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except OSError as failed:
        terminal.complain(words("cli_system_error", reason=str(failed)))
        return Exit.UNAVAILABLE


def _is_utf8(argument: str) -> bool:
    """Whether an argument is text: bytes that are not UTF-8 reach Python as lone surrogates."""
    return not any("\ud800" <= mark <= "\udfff" for mark in argument)


def _exit_code(refused: TrackerError) -> Exit:
    """Which kind of failure a refusal is, seen from a script."""
    if refused.code == "unsafe_settings":
        return Exit.CONFIG
    unavailable = ("server", "database", "migration_another")
    return Exit.UNAVAILABLE if refused.code.startswith(unavailable) else Exit.DATA
