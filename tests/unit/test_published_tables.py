"""Published tables reproduced from generated tasks, by the very counting that makes the product's own tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.table_worlds import AS_OF, canonical, kinds_of, statuses_of
from tracker.actions.statistics import Question, Statistics, statistics_of
from tracker.db.statistics import HeadCount
from tracker.domain.statistics import (
    check_table,
    explain_percentage,
    identities,
    parse_percentage,
)
from tracker.domain.tallies import Tally, block_of

ROOT = Path(__file__).parents[2]
OURS: list[dict[str, Any]] = json.loads((ROOT / "tests/data/printed_statistics.json").read_text("utf-8"))
_SHARED = ROOT.parent / "shared/data/published_statistics.json"
PUBLISHED: list[dict[str, Any]] = json.loads(_SHARED.read_text("utf-8")) if _SHARED.is_file() else []
_BY_ID = {table["id"]: table for table in PUBLISHED}
_FOUR = {"total", "done", "done_on_time", "done_late", "open", "open_in_term", "open_overdue"}
_OWN_SHAPE = {"CTCT-2019", "TB627-2025", "TB624-2025", "CD220-2025", "CD220-2025-PL1", "CP-2020-end"}


def counted(worlds: Mapping[str, Mapping[str, int]]) -> Statistics:
    """The product's table over worlds by their names."""
    rows = [HeadCount(name, name, name, Tally.count(statuses_of(kinds))) for name, kinds in worlds.items()]
    told = statistics_of(Question(AS_OF), rows)
    assert told.is_sound
    return told


def cells_of(kinds: Mapping[str, int]) -> dict[str, int]:
    """The figures that the product counts in one world."""
    return counted({"": kinds}).total.count.tally.cells()


def published(id: str) -> dict[str, Any]:
    """A table of the shared data."""
    if not _BY_ID:
        pytest.skip(f"{_SHARED} is not here")
    return _BY_ID[id]


def reproduce(cells: Mapping[str, Any]) -> dict[str, int]:
    """What the product counts in the world of these cells.

    Of a sum that the table itself breaks, the parts are those of the tasks with a deadline alone.
    """
    kinds = kinds_of(cells)
    undated = {kind: count for kind, count in kinds.items() if kind.endswith("undated")}
    dated = {kind: count for kind, count in kinds.items() if kind not in undated}
    told = counted({"dated": dated, "undated": undated})
    found = told.total.count.tally.cells()
    parts = {row.count.key: row.count.tally.cells() for row in told.rows}["dated"]
    for broken in (i for i in identities(canonical(cells)) if not i.holds):
        found |= {name: parts[name] for name in broken.parts}
    return found


_OWN_NAMES = {"due": "fallen_due", "done_of_due": "done", "submitted": "done", "not_submitted": "open"}


def check(cells: Mapping[str, Any], figures: list[tuple[str, int, int | None]]) -> None:
    """Every cell, and every printed percentage as (printed, numerator, denominator), from the counted world."""
    found = reproduce(cells)
    for name, printed in canonical(cells).items():
        own = _OWN_NAMES.get(name, name)
        if own in found:
            assert found[own] == printed, name
    beside = [printed for printed, _, _ in figures]
    for words, numerator, denominator in figures:
        rate = explain_percentage(found, words, beside)
        if denominator is None:
            assert rate is None, words
        else:
            assert rate is not None, words
            assert (rate.numerator, rate.denominator) == (numerator, denominator), words


# The tables of the four buckets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [t for t in OURS if _FOUR & t["cells"].keys() and not {"issued", "in_progress"} & t["cells"].keys()],
    ids=lambda t: t["id"],
)
def test_tables_of_our_own_data(table: dict[str, Any]) -> None:
    check(table["cells"], [(p[0], p[2], p[4]) for p in table["printed"]])


@pytest.mark.skipif(not PUBLISHED, reason=f"{_SHARED} is not here")
@pytest.mark.parametrize("table", [t for t in PUBLISHED if t["id"] not in _OWN_SHAPE], ids=lambda t: t["id"])
def test_published_tables_of_the_four_buckets(table: dict[str, Any]) -> None:
    figures = [
        (p["printed"], p["numerator"], None if "KHÔNG" in p["how"] else p["denominator"])
        for p in table["printed_percentages"]
        if parse_percentage(p["printed"]) is not None
    ]
    check(table["cells"], figures)


def test_a_table_that_contradicts_itself_is_counted_and_its_broken_sum_is_named() -> None:
    table = {"total": 15533, "done": 13119, "open": 2414, "open_in_term": 2065, "open_overdue": 348}
    told = counted({"": kinds_of(table)}).total

    assert told.count.tally.cells()["open_in_term"] == 2066
    assert all(i.holds for i in told.identities)
    assert [i.text for i in identities(table) if not i.holds] == ["2065+348=2413≠2414"]


# Tables of another shape ------------------------------------------------------------------------------------------


def test_submitted_and_issued_are_two_milestones_of_the_same_tasks() -> None:
    table = published("CTCT-2019")
    cells = table["cells"]
    submitted = counted(
        {
            "nine": {
                "done_on_time": cells["nine_ministries_total"] - cells["nine_ministries_owed"],
                "open_overdue": cells["nine_ministries_overdue"],
                "open_in_term": cells["nine_ministries_owed"] - cells["nine_ministries_overdue"],
            },
            "others": {
                "done_on_time": cells["submitted"]
                - (cells["nine_ministries_total"] - cells["nine_ministries_owed"]),
                "open_overdue": cells["overdue"] - cells["nine_ministries_overdue"],
                "open_in_term": cells["in_time"]
                - (cells["nine_ministries_owed"] - cells["nine_ministries_overdue"]),
            },
        }
    )
    whole = submitted.total.count.tally.cells()
    nine = submitted.rows[0].count.tally.cells()
    issued = cells_of({"done_on_time": cells["issued"], "open_in_term": cells["total"] - cells["issued"]})

    assert (whole["total"], whole["done"], whole["open"]) == (
        cells["total"],
        cells["submitted"],
        cells["not_submitted"],
    )
    assert (whole["open_overdue"], whole["open_in_term"]) == (cells["overdue"], cells["in_time"])
    assert (nine["total"], nine["open"], nine["open_overdue"]) == (
        cells["nine_ministries_total"],
        cells["nine_ministries_owed"],
        cells["nine_ministries_overdue"],
    )
    rate = explain_percentage({"submitted": whole["done"], "issued": issued["done"]}, "50,5%")
    assert rate is not None
    assert (rate.numerator, rate.denominator) == (cells["issued"], cells["submitted"])


def test_regular_work_stands_beside_the_four() -> None:
    cells = published("TB627-2025")["cells"]
    unstated = cells["total"] - cells["done_on_time"] - cells["in_progress"]
    found = cells_of(
        {
            "done_on_time": cells["done_on_time"],
            "open_in_term": cells["of_which_not_due"],
            "standing": cells["of_which_regular"],
            "withdrawn": unstated,
        }
    )

    assert unstated == 1
    assert found["done_on_time"] == cells["done_on_time"]
    assert found["open_in_term"] + found["standing"] == cells["in_progress"]
    assert found["total"] + found["beside"] == cells["total"]


def test_an_overdue_list_by_its_sections_and_a_table_of_five_words_for_three_states() -> None:
    cells = published("TB624-2025")["cells"]
    sections = {str(n): {"open_overdue": rows} for n, rows in enumerate(cells["sections"])}
    told = counted(sections)
    said = cells["status_printed"]
    states = {
        "Đã hoàn thành": "done_on_time",
        "Đã hoàn thành quá hạn": "done_late",
        "Chưa hoàn thành": "open_in_term",
        "Đang thực hiện": "open_in_term",
        "Đang hoàn thành": "open_in_term",
        "": "open_in_term",
    }
    results = counted({words: {states[words]: count} for words, count in said.items()})

    assert [r.count.buckets.open_overdue for r in told.rows] == cells["sections"]
    assert told.total.count.buckets.open_overdue == cells["overdue_rows"]
    assert results.total.count.buckets.total == cells["results_rows"]
    assert results.total.count.buckets.done_late == said["Đã hoàn thành quá hạn"]
    assert {r.count.key: r.count.buckets.total for r in results.rows} == said


def test_targets_printed_as_percentages_of_what_was_to_be_done() -> None:
    for figure in published("CD220-2025")["printed_percentages"]:
        done, total = figure["numerator"], figure["denominator"]
        found = cells_of({"done_on_time": done, "open_in_term": total - done})
        rate = explain_percentage(found, figure["printed"], numerator="done")

        assert rate is not None
        assert (rate.numerator, rate.denominator, rate.denominator_name) == (done, total, "total")


def test_a_row_added_wrongly_is_found_by_counting_its_tasks() -> None:
    cells = published("CD220-2025-PL1")["cells"]
    rows = {row[0]: row[1:] for row in cells["rows"]}
    for place in range(4):
        worlds = {
            name: {"done_on_time": row[place], "open_in_term": row[place + 4]} for name, row in rows.items()
        }
        told = counted(worlds)
        totals = told.total.count.buckets
        assert (totals.done, totals.open) == (cells["total"][place], cells["total"][place + 4])
        wrong = {r.count.key for r in told.rows if r.count.buckets.total != rows[r.count.key][place + 8]}
        assert wrong == ({"Bộ Giáo dục và Đào tạo"} if place == 0 else set())
        assert (totals.total == cells["total"][place + 8]) == (place != 0)
    faults = check_table(rows, cells["total"], [((n, n + 4), n + 8) for n in range(4)])
    assert {(f.row, f.identity.text) for f in faults} == {
        ("Bộ Giáo dục và Đào tạo", "113+101=214≠115"),
        ("total", "759+1806=2565≠2466"),
    }


def test_agencies_of_a_period_stand_in_their_blocks_and_a_share_without_cells_is_met() -> None:
    table = published("CP-2020-end")
    blocks = {"ministry": 22, "ministerial": 2, "province": 44, "corporation": 12}
    by_block: dict[str, Tally] = {}
    for kind, count in blocks.items():
        block = block_of(kind).value
        by_block[block] = by_block.get(block, Tally()) + Tally.count(statuses_of({"open_in_term": count}))
    share = table["cells"]["overdue_pct"]
    found = cells_of({"done_on_time": 982, "open_overdue": 18})
    rate = explain_percentage(found, f"{share}%", numerator="open_overdue")

    assert {block: tally.buckets.total for block, tally in by_block.items()} == {
        "ministries": 24,
        "provinces": 44,
        "corporations": 12,
    }
    assert rate is not None
    assert rate.denominator_name == "fallen_due"


def test_every_published_table_is_reproduced_by_a_test_of_this_file() -> None:
    if not PUBLISHED:
        pytest.skip(f"{_SHARED} is not here")
    own = (Path(__file__)).read_text("utf-8")
    assert _BY_ID.keys() >= _OWN_SHAPE
    assert all(f'published("{id}")' in own for id in _OWN_SHAPE)
