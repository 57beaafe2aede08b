"""The drawings: what is written on them, and that nothing written becomes markup."""

from __future__ import annotations

import re
from datetime import date
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree

import pytest

from tests.web_scene import NASTY
from tracker.web import charts
from tracker.web.charts import Chart, Point, Series, Share
from tracker.web.page import Page

HEADS = ("Tuần", "Quá hạn")
PAGE = cast("Page", SimpleNamespace(today=date(2025, 11, 24)))


def drawn(kind: str, label: str, value: int = 3) -> Chart:
    """A chart of one kind in which `label` is said wherever something can be said."""
    points = [Point(label, value, label, "/viec", is_marked=True), Point("B", 1)]
    match kind:
        case "bars":
            return charts.bars("k", label, label, points, HEADS)
        case "compare":
            return charts.compare("k", label, label, points, HEADS)
        case "lines":
            series = [Series(label, [1, None, 3], [label] * 3), Series("khác", [2, 2, 2], ["2"] * 3)]
            return charts.lines("k", label, label, [label, "b", "c"], series, label)
        case "shares":
            parts = [Share("done_late", label, value, label, "/viec"), Share("open_overdue", "x", 9, "9")]
            return charts.shares("k", label, label, parts, HEADS)
        case _:
            totals = [Point(label, value, label)] * 12
            counts = {date(2024, 2, 29): 4, date(2024, 12, 31): 1}
            return charts.heat(
                PAGE, "k", label, label, 2024, counts, frozenset({date(2024, 1, 1)}), totals, HEADS
            )


KINDS = ("bars", "compare", "lines", "shares", "heat")


def texts(chart: Chart) -> list[str]:
    """Everything written on a drawing, in order."""
    root = ElementTree.fromstring(f"<div>{chart.svg}</div>")  # our own drawing
    return ["".join(e.itertext()) for e in root.iter() if e.tag in ("text", "title", "desc")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nasty", [*NASTY, "a\u202eb\u0000c\x1b\u200b", "&amp;&#60;", "Ế" * 400])
def test_what_people_typed_is_never_markup(kind: str, nasty: str) -> None:
    chart = drawn(kind, nasty)

    root = ElementTree.fromstring(f"<div>{chart.svg}</div>")  # our own drawing
    known = {"div", "svg", "title", "desc", "text", "rect", "path", "line", "circle", "defs", "pattern"}
    assert {element.tag for element in root.iter()} <= known
    names = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if name.startswith("on") or name in ("style", "href")}
    assert not re.search("[\u0000-\u001f\u202a-\u202e\u200b]", str(chart.svg))
    whole = [cell.text for row in chart.rows for cell in row] + list(chart.heads)
    assert nasty in whole


@pytest.mark.parametrize("kind", KINDS)
def test_a_screen_reader_gets_a_name_and_a_description(kind: str) -> None:
    chart = drawn(kind, "Xu hướng")

    for svg in re.findall(r"<svg class[^>]*>", str(chart.svg)):
        ids = re.findall(r'aria-labelledby="([^"]+)"', svg)[0].split()
        assert 'role="img"' in svg
        assert all(f'id="{name}"' in chart.svg for name in ids)
    assert len(re.findall(r' id="([^"]+)"', str(chart.svg))) == len(
        set(re.findall(r' id="([^"]+)"', str(chart.svg)))
    )


def test_every_value_that_fits_stands_on_its_bar_and_all_stand_in_the_table() -> None:
    few = charts.bars("k", "t", "d", [Point(f"{n}/11", n, str(n)) for n in range(1, 13)], HEADS)
    long = charts.bars("k", "t", "d", [Point(f"{n}/11", n, f"1.00{n}.000") for n in range(12)], HEADS)

    assert [t for t in texts(few) if t.isdigit()] == [str(n) for n in range(1, 13)]
    written = [t for t in texts(long) if t.endswith(".000")]
    assert 2 <= len(written) < 12
    assert written[-1] == "1.0011.000"
    assert [row[1].text for row in long.rows] == [f"1.00{n}.000" for n in range(12)]


def test_bars_of_nothing_and_of_one_are_drawn() -> None:
    assert texts(charts.bars("k", "t", "d", [], HEADS)) == ["t", "d"]
    assert "0" in texts(charts.bars("k", "t", "d", [Point("nay", 0)], HEADS))
    assert "none" in charts.shares("k", "t", "d", [Share("done_late", "x", 0, "0")], HEADS).svg
    assert "none" not in drawn("shares", "3").svg


def test_parts_of_a_whole_fill_it_and_differ_by_pattern() -> None:
    tones = ("done_on_time", "done_late", "open_in_term", "open_overdue")
    chart = charts.shares("k", "t", "d", [Share(tone, tone, 25, "25") for tone in tones], HEADS)

    found = re.findall(r'class="part (\w+)" x="([\d.]+)%"[^>]* width="([\d.]+)%"', str(chart.svg))
    assert [tone for tone, _, _ in found] == list(tones)
    assert [float(x) for _, x, _ in found] == [0, 25, 50, 75]
    patterns = {tone: re.findall(rf'id="k-{tone}"[^>]*>(<.*?/>)<', str(chart.svg)) for tone in tones}
    shapes = ["".join(shape) for shape in patterns.values()]
    assert len(set(shapes)) == 4


def test_bodies_stand_in_the_given_order_on_one_scale() -> None:
    points = [Point(f"Bộ {n}", n, f"{n} %", is_weak=n < 3) for n in range(1, 26)]
    chart = charts.compare("k", "Tỷ lệ", "d", points, HEADS, most=100)

    assert [t for t in texts(chart) if t.startswith("Bộ")] == [f"Bộ {n}" for n in range(1, 26)]
    assert str(chart.svg).count("<svg") == 2
    assert "Tỷ lệ (21–25)" in chart.svg
    assert str(chart.svg).count('class="bar weak"') == 2
    widths = [float(w) for w in re.findall(r'class="bar(?: weak)?"[^>]* width="([\d.]+)%"', str(chart.svg))]
    assert widths == sorted(widths)
    assert widths[-1] < 26


def test_a_gap_in_a_line_is_no_zero() -> None:
    chart = drawn("lines", "Tỷ lệ")

    assert 'class="line l0"' not in chart.svg
    assert str(chart.svg).count('class="line l1"') == 2
    # Two known points and the mark beside the name.
    assert str(chart.svg).count('<circle class="spot l0"') == 3
    assert str(chart.svg).count('<rect class="spot l1"') == 4
    assert "khác: 2" in texts(chart)


def test_a_leap_year_has_its_days_and_their_numbers() -> None:
    chart = drawn("heat", "4")

    assert str(chart.svg).count('class="day') == 366
    assert str(chart.svg).count(" off") == 1
    assert "day h4" in chart.svg
    assert "day h1" in chart.svg
