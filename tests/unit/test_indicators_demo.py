"""Every figure of the source articles is in the demonstration, told as it was told."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tracker.actions.indicators_demo import indicator_of
from tracker.actions.seed import shipped
from tracker.domain import lengths
from tracker.domain.indicators import Exactness, check_day, check_indicator, parse_figure, parse_number

SOURCE = Path(__file__).parents[3] / "shared/data/article_figures.json"
needs_source = pytest.mark.skipif(
    not SOURCE.exists(), reason="the published figures are not beside the project"
)

HELD: dict[str, Any] = shipped("demo/indicators.json")
BY_KEY = {one["key"]: one for one in HELD["indicators"]}
FIGURES = {one["id"]: one for one in HELD["figures"]}
DIRECTIVES = {d["number"]: d for d in shipped("demo/directives.json")["directives"]}
NAMES = {a["code"]: a["name"] for a in shipped("agencies.json")["agencies"]}


def published() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(SOURCE.read_text("utf-8")) if SOURCE.exists() else []
    return found


def core(name: str) -> str:
    """An agency's name without the kind of place."""
    return re.sub(r"^UBND (tỉnh|TP|thành phố) ", "", name)


@needs_source
def test_all_figures_are_there_and_no_other() -> None:
    assert {one["id"] for one in published()} == FIGURES.keys()
    assert len(FIGURES) == 76


@pytest.mark.parametrize("figure", published(), ids=lambda figure: str(figure["id"]))
def test_each_figure_is_held_as_it_was_told(figure: dict[str, Any]) -> None:
    held = FIGURES[figure["id"]]
    assert (held["source"], held["value"], held["unit"]) == (figure["seed"], figure["value"], figure["unit"])
    assert (held["target"], held["due"], held["as_of"]) == (figure["target"], figure["due"], figure["as_of"])
    place = held["at"]
    match held["held_as"]:
        case "reading":
            (found,) = [
                (code, reading)
                for code, readings in BY_KEY[place]["agencies"].items()
                for reading in readings
                if reading.get("figure") == figure["id"]
            ]
            code, reading = found
            assert code == held["agency"]
            if figure["agency"] != "Trục liên thông VBQG":  # kept by the Government Office
                assert core(NAMES[code]) == core(figure["agency"])
            assert reading["as_of"] == figure["as_of"]
            one = indicator_of(BY_KEY[place])
            read = parse_figure(reading["words"], one)
            if isinstance(figure["value"], str):
                # A figure that is not exact never becomes the number beside which it stands.
                assert reading["words"] == figure["value"]
                assert read.exactness is not Exactness.EXACT
            else:
                assert (read.exactness, read.number) == (Exactness.EXACT, Decimal(str(figure["value"])))
                assert one.unit == figure["unit"]
        case "target":
            one = indicator_of(BY_KEY[place])
            assert (one.target, one.unit) == (Decimal(figure["target"]), figure["unit"])
            assert one.due_on == date.fromisoformat(figure["due"])
            assert len(BY_KEY[place]["agencies"]) == 7
        case "task":
            number, ordinal = place
            task = DIRECTIVES[number]["tasks"][ordinal]
            assert held["agency"] in task["leads"]
            assert core(NAMES[held["agency"]]) == core(figure["agency"])
            due = date.fromisoformat(figure["due"])
            assert f"tháng {due.month}-{due.year}" in task["deadline"]
        case "fact":
            (words,) = [f["words"] for f in BY_KEY[place]["facts"] if f["figure"] == figure["id"]]
            number = figure["value"] if figure["value"] is not None else figure["target"]
            if isinstance(number, int | float):
                shown = {parse_number(n.rstrip(".,")) for n in re.findall(r"\d[\d.,]*", words)}
                assert Decimal(str(number)) in shown
            if figure["due"]:
                assert f"{date.fromisoformat(figure['due']):%d/%m/%Y}" in words
        case _:
            pytest.fail(f"held as {held['held_as']}")


@pytest.mark.parametrize("key", sorted(BY_KEY))
def test_each_target_can_be_set_and_read(key: str) -> None:
    given = BY_KEY[key]
    one = indicator_of(given)
    check_indicator(one)
    assert len(one.note) <= lengths.NOTE
    number, ordinal = given["task"]
    task = DIRECTIVES[number]["tasks"][ordinal]
    for code, readings in given["agencies"].items():
        assert code in (*task.get("leads", ()), *task.get("cooperating", ()))
        for reading in readings:
            parse_figure(reading["words"], one)
            check_day(one, date.fromisoformat(reading["as_of"]), date(2025, 11, 24))
            # What no article told is marked as made up.
            assert given.get("is_assumed", False) is ("figure" not in reading)
