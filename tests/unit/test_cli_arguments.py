"""Arguments of the command line that nobody can mean: one line that names them, never a traceback."""

from __future__ import annotations

import shlex

import pytest

from tracker.cli import build_parser, main
from tracker.cli_succession import _plan_words
from tracker.terminal import Exit


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "99999999999999999999"),
        ("explain", "0"),
        ("explain", "1_000"),
        ("explain", "abc"),
        ("token", "revoke", "9" * 400),
        ("remind", "--dry-run", "--as-of", "0001-01-01"),
        ("remind", "--dry-run", "--as-of", "9999-12-31T23:59"),
        ("remind", "--dry-run", "--as-of", "2026-02-30"),
        ("up", "--demo", "--at", "9999-12-31"),
        ("up", "--demo", "--at", "0001-01-01T00:00"),
        ("overdue", "--as-of", "9999-12-31"),
        ("overdue", "--agency", "G\udcff"),
        ("token", "create", "--official", "a@b", "--scope", "read,all", "--name", "x"),
        ("token", "create", "--official", "a@b", "--scope", ",", "--name", "x"),
        ("token", "create", "--official", "a\udcff@b", "--scope", "read", "--name", "x"),
    ],
)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_impossible_argument_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], language: str
) -> None:
    try:
        code = main(["--language", language, *arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)

    err = capsys.readouterr().err
    assert code == Exit.USAGE
    assert err.isprintable() or err.replace("\n", "").isprintable()
    assert 0 < len(err) < 600


def test_scopes_may_come_several_times_and_with_commas() -> None:
    parser = build_parser()

    given = parser.parse_args(
        ["token", "create", "--official", "a@b", "--name", "x", "--scope", "read, assign", "--scope", "judge"]
    )

    assert given.scope == ["read", "assign", "judge"]


def test_a_preview_names_the_command_that_carries_it_out() -> None:
    typed = [
        "--from",
        "G1",
        "--to",
        "G2",
        "--on",
        "01/03/2025",
        "--document",
        "Nghị quyết 176",
        "--person",
        "7=G2",
    ]
    given = build_parser().parse_args(["succession", "preview", *typed])

    again = build_parser().parse_args(["succession", "apply", *shlex.split(_plan_words(given))])

    assert {**vars(again), "verb": "", "run": None, "digest": ""} == {
        **vars(given), "verb": "", "run": None, "digest": "",
    }  # fmt: skip
