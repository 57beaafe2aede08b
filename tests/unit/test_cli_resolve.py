"""`tracker resolve`: one phrase, a file of phrases, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracker.cli import main
from tracker.terminal import Exit

KEYS = ("kind", "due_on", "due_time", "recurrence", "words", "undecided")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of one call, in Vietnamese."""
    code = main(["--language", "vi", "resolve", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_phrase_is_answered_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The example of the documentation."""
    code, out, _ = run(capsys, "trong quý III", "--issued", "2019-03-07", "--json")

    answer = json.loads(out)
    assert code == Exit.DONE
    assert tuple(answer)[:6] == KEYS
    assert (answer["kind"], answer["due_on"], answer["recurrence"]) == ("quarter", "2019-09-30", None)
    assert "quý III/2019" in answer["words"]
    assert answer["undecided"] is None


def test_phrase_is_answered_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """For people."""
    _, out, _ = run(capsys, "trước 17 giờ ngày 27/11/2025", "--issued", "27/11/2025")

    assert "2025-11-27" in out
    assert "17:00" in out


def test_receipt_event_and_shift_are_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    """What the phrase alone leaves open."""
    received = run(
        capsys, "sau 10 ngày làm việc kể từ ngày nhận được văn bản",
        "--issued", "2025-11-24", "--received", "2025-11-26", "--json",
    )  # fmt: skip
    event = run(
        capsys, "07 ngày sau khi về nước", "--issued", "2025-11-24", "--event", "VE_NUOC=2025-12-01", "--json"
    )
    shifted = run(capsys, "trước ngày 30/11/2025", "--issued", "2025-11-24", "--shift", "next", "--json")

    assert [json.loads(out)["due_on"] for _, out, _ in (received, event, shifted)] == [
        "2025-12-10",
        "2025-12-08",
        "2025-12-01",
    ]


def test_unknown_calendar_year_is_undecided(capsys: pytest.CaptureFixture[str]) -> None:
    """Not guessed, and not an error of the line."""
    _, out, _ = run(capsys, "trong 10 ngày làm việc", "--issued", "2031-01-05", "--json")

    answer = json.loads(out)
    assert answer["due_on"] is None
    assert "2031" in answer["undecided"]


@pytest.mark.parametrize(
    ("phrase", "due_on"), [("trước ngày 10/12/2026", "2026-12-10"), ("trong 10 ngày", None)]
)
def test_year_of_issue_serves_where_the_day_does_not_matter(
    capsys: pytest.CaptureFixture[str], phrase: str, due_on: str | None
) -> None:
    """Published tables sometimes know only the year."""
    _, out, _ = run(capsys, phrase, "--issued", "2026", "--json")

    answer = json.loads(out)
    assert answer["due_on"] == due_on
    assert (answer["undecided"] is None) == (due_on is not None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("trong quý III",),
        ("trong quý III", "--issued", "2019-13-07"),
        ("trong quý III", "--issued", "07.03.2019"),
        ("", "--issued", "2019-03-07"),
        ("a\x07b", "--issued", "2019-03-07"),
        ("trong quý III", "--issued", "2019-03-07", "--received", "hôm qua"),
    ],
)
def test_bad_arguments_are_refused_by_name(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """One line that names the field; nothing on standard output."""
    code, out, err = run(capsys, *arguments)

    assert code == Exit.DATA
    assert out == ""
    assert err.startswith("/")


def test_phrase_or_file_but_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither is not enough, both is too much."""
    assert run(capsys)[0] == Exit.USAGE
    assert run(capsys, "x", "--file", "y")[0] == Exit.USAGE


def test_file_is_answered_line_by_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In order; a bad line gets its error and the rest goes on."""
    lines: list[bytes] = [
        b'\xef\xbb\xbf{"phrase": "trong qu\xc3\xbd III", "issued": "2019-03-07"}',
        b"not json",
        b'{"phrase": "", "issued": "2019-03-07"}',
        b'{"phrase": "x", "issued": "2019-02-30"}',
        b'{"phrase": "x", "issued": "2019-02-03", "surprise": 1}',
        b'["x"]',
        b"",
        b"\xff\xfe",
        b'{"phrase": "\\ud800", "issued": "2019-03-07"}',
        b"[" * 5000,
        '{"phrase": "hằng tháng", "issued": "2019-03-07"}'.encode(),
    ]
    file = tmp_path / "phrases.jsonl"
    file.write_bytes(b"\n".join(lines))

    code, out, err = run(capsys, "--file", str(file))

    answers: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert code == Exit.FAILED
    assert err == ""
    assert len(answers) == len(lines)
    assert all(set(KEYS) <= set(answer) for answer in answers)
    assert answers[0]["due_on"] == "2019-09-30"
    assert answers[-1]["recurrence"] == "FREQ=MONTHLY"
    assert [answer.get("error", {}).get("field") for answer in answers[1:7]] == [
        "", "/phrase", "/issued", "/surprise", "", "",
    ]  # fmt: skip
    assert all(answer["error"]["message"] for answer in answers[1:-1])


def test_missing_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No traceback."""
    code, _, err = run(capsys, "--file", str(tmp_path / "none"))

    assert code == Exit.DATA
    assert err.count("\n") == 1
    assert str(tmp_path / "none") in err


@pytest.mark.parametrize("value", ["2019-02-30", "0001-01-01", "9999-12-31", "hôm qua"])
def test_refused_date_is_named_with_its_value_and_form(
    capsys: pytest.CaptureFixture[str], value: str
) -> None:
    code, _, err = run(capsys, "trong quý III", "--issued", value)

    assert code == Exit.DATA
    assert err.startswith(f"/issued: “{value}”")
    assert "2025-11-24" in err


def test_argument_that_is_not_utf8_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A file name of an old encoding, a paste out of a wrong terminal."""
    code, _, err = run(capsys, "trong qu\udcfd III", "--issued", "2019-03-07")

    assert code == Exit.USAGE
    assert "trong qu\\udcfd III" in err


@pytest.mark.parametrize("shift", [["next"], {}, 1, "later"])
def test_shift_of_another_kind_is_a_bad_line_and_the_rest_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shift: object
) -> None:
    """Every JSON value may stand there; `{}` says nothing and is none."""
    good = {"phrase": "trong quý III", "issued": "2019-03-07"}
    (tmp_path / "lines").write_text(f"{json.dumps(good | {'shift': shift})}\n{json.dumps(good)}\n", "utf-8")

    code, out, _ = run(capsys, "--file", str(tmp_path / "lines"))

    first, second = (json.loads(line) for line in out.splitlines())
    assert (code == Exit.DONE) is (shift == {})
    assert first.get("error", {}).get("code") == (None if shift == {} else "resolve_shift")
    assert second["due_on"] == "2019-09-30"


def test_output_is_utf8_in_any_locale() -> None:
    """Cron and old terminals give an ASCII locale."""
    command = (sys.executable, "-m", "tracker", "resolve", "trong quý III", "--issued", "2019-03-07")

    done = subprocess.run(
        command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, timeout=60
    )

    assert "quý III/2019" in done.stdout.decode("utf-8")
