"""Arguments of the command line that nobody can mean: one line that names them, never a traceback."""

from __future__ import annotations

import pytest

from tracker.cli import main
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
