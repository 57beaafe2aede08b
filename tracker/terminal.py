"""What every command of the terminal shares: its language, its way to print, its exit codes, its database."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from enum import Enum, IntEnum
from pathlib import Path

from tracker.i18n import DEFAULT_LANGUAGE, LANGUAGES, Language, text
from tracker.refusals import sentence, shown
from tracker.settings import BadSetting, Settings, load


class Exit(IntEnum):
    """The exit codes, as sysexits.h names them; `tracker --help` lists them."""

    DONE = 0
    FAILED = 1  # something did not succeed, or a check found a fault
    USAGE = 2  # the command line is wrong
    DATA = 65  # the input was refused and nothing was changed
    UNAVAILABLE = 69  # the database or the mail server does not answer; try again later
    CONFIG = 78  # a setting is wrong; nothing was started
    INTERRUPTED = 130


_language: Language = DEFAULT_LANGUAGE


def choose_language(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """The language to speak: `--language`, TRACKER_LANGUAGE, an English locale, else Vietnamese.

    >>> choose_language(["--language", "en"], {}), choose_language([], {"LANG": "en_GB.UTF-8"})
    ('en', 'en')
    >>> choose_language([], {"LANG": "C.UTF-8"})
    'vi'
    """
    wanted = [environment.get("TRACKER_LANGUAGE", "")]
    for position, argument in enumerate(arguments):
        if argument.startswith("--language="):
            wanted.insert(0, argument.partition("=")[2])
        elif argument == "--language" and position + 1 < len(arguments):
            wanted.insert(0, arguments[position + 1])
    for name in wanted:
        if name in LANGUAGES:
            return name
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "en" if locale.startswith("en") else DEFAULT_LANGUAGE


def write_utf8() -> None:
    """Let output be UTF-8 whatever the locale says: Vietnamese fits into no smaller set, and JSON is UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def speak(language: Language) -> None:
    """Set the language of this process's terminal output."""
    global _language
    _language = language


def language() -> Language:
    """The language of this process's terminal output."""
    return _language


def words(key: str, **params: object) -> str:
    """A sentence of the catalogues in the terminal's language."""
    return text(_language, key, **params)


def say(key: str, **params: object) -> None:
    """Print a sentence of the catalogues."""
    print(words(key, **params), flush=True)


def complain(line: str) -> None:
    """Print a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def error_words(code: str, params: Mapping[str, object]) -> str:
    """The sentence of an error, or its code and parameters when the catalogues do not know it."""
    known = sentence(_language, code, params)
    return f"{code} {dict(params)}" if known == code and params else known


def bad_setting_words(problem: BadSetting) -> str:
    """One line: the variable, the value as given, what is expected."""
    expected = words(f"setting_expects_{problem.expected}", **problem.params)
    return words("setting_wrong", variable=problem.variable, value=problem.value, expected=expected)


def print_json(value: object) -> None:
    """One JSON document on standard output; dates in ISO form."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_jsonable), flush=True)


def print_json_line(value: object) -> None:
    """One JSON object on a line of its own, for streams."""
    print(json.dumps(value, ensure_ascii=False, default=_jsonable), flush=True)


def _jsonable(value: object) -> object:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Enum():
            return value.value
        case Path():
            return str(value)
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def width(text_shown: str) -> int:
    """How many columns of a terminal a text takes; combining marks take none.

    >>> width("Đôn đốc"), width("e\\u0301")
    (7, 1)
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text_shown
    )


def identifier(given: str) -> int:
    """The number of a row, for argparse.

    >>> identifier("17")
    17
    """
    if re.fullmatch(r"[1-9][0-9]{0,17}", given):
        return int(given)
    raise argparse.ArgumentTypeError(words("cli_bad_identifier", value=shown(given)))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under headings in aligned columns; numbers to the right.

    >>> print(table(["a", "n"], [["x", 1], ["yy", 20]]))
    a    n
    ──  ──
    x    1
    yy  20
    """
    body = [["" if cell is None else str(cell) for cell in row] for row in (list(r) for r in rows)]
    widths = [max(width(h), *(width(row[i]) for row in body), 0) for i, h in enumerate(headings)]
    right = [bool(body) and all(row[i].replace(".", "").isdigit() or not row[i] for row in body)
             for i in range(len(headings))]  # fmt: skip

    def line(cells: Sequence[str]) -> str:
        padded = []
        for cell, full, is_number in zip(cells, widths, right, strict=True):
            gap = " " * (full - width(cell))
            padded.append(gap + cell if is_number else cell + gap)
        return "  ".join(padded).rstrip()

    return "\n".join([line(list(headings)), "  ".join("─" * w for w in widths), *map(line, body)])


def settings() -> Settings:
    """The settings of the environment. Raises SettingsError, which ends the command with Exit.CONFIG."""
    return load(os.environ)


@asynccontextmanager
async def connected(chosen: Settings | None = None) -> AsyncIterator[Settings]:
    """The database for one command: attach to the embedded server or start it, migrate, open the pool.

    A new database gets what every installation starts with; beside a demonstration the clock shows its day.
    Yields the settings with the database's address in them.
    """
    from tracker.actions import demo_clock
    from tracker.actions.audit import use_audit_key
    from tracker.actions.office import use_office
    from tracker.actions.seed import ensure_seed, seed
    from tracker.db import engine
    from tracker.db.migrate import migrate
    from tracker.process import database_server, with_secret_key

    async with database_server(chosen or settings()) as with_database:
        migrated = await migrate(with_database)
        use_office(with_database)
        use_audit_key(with_secret_key(with_database))
        await engine.open_pool(with_database)
        try:
            if migrated.applied:
                await seed()
            await ensure_seed()
            await demo_clock.follow()
            yield with_database
        finally:
            await engine.close_pool()
