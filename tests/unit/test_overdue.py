"""The overdue list: order, totals, one value behind every output."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.assignments import Bucket, Fine, Status
from tracker.domain.overdue import (
    AgencyCount,
    OverdueList,
    OverdueRow,
    build,
    canonical_json,
    count_by_agency,
    is_listed,
)
from tracker.domain.statistics import Buckets

AS_OF = date(2025, 11, 7)


def row(
    id: int, code: str, days_late: int, due_on: date | None = date(2025, 9, 30), number: str = "71/NQ-CP"
) -> OverdueRow:
    return OverdueRow(id, code, f"Nhiệm vụ {id}", number, date(2025, 4, 1), code, due_on, days_late)


ROWS = (
    row(1, "G12", 38),
    row(2, "G12", 160, date(2025, 5, 31)),
    row(3, "G01", 7, date(2025, 10, 31)),
    row(4, "G12", 38, number="44-TB/TGV"),
)
COUNTS = (
    AgencyCount("G12", "Bộ Tài chính", Buckets(10, 2, 5, 3), "tai chinh"),
    AgencyCount("G01", "Bộ Công an", Buckets(4, 0, 1, 1), "cong an"),
    AgencyCount("G18", "Bộ Y tế", Buckets(3, 0, 0, 0, standing=2), "y te"),
)


def test_agencies_by_name_and_the_latest_first_in_each() -> None:
    listing = build(ROWS, AS_OF, COUNTS)

    assert [line.code for line in listing.agencies] == ["G01", "G12", "G18"]
    assert [r.assignment_id for r in listing.rows] == [3, 2, 4, 1]


def test_totals_are_of_all_agencies_with_or_without_overdue() -> None:
    listing = build(ROWS, AS_OF, COUNTS)

    assert listing.totals == Buckets(17, 2, 6, 4, standing=2)
    assert (listing.rate.numerator, listing.rate.denominator, str(listing.rate.value)) == (19, 23, "82.61")
    assert [str(line.rate.value) for line in listing.agencies] == ["80.00", "80.00", "100.00"]


def test_a_list_whose_numbers_disagree_with_its_lines_is_not_made() -> None:
    with pytest.raises(ValueError, match="G12: 2 rows, 3 counted"):
        build(ROWS[:3], AS_OF, COUNTS)
    with pytest.raises(ValueError, match="not counted"):
        build((*ROWS, row(9, "H01", 1)), AS_OF, COUNTS)


def test_awaiting_rows_are_counted() -> None:
    waiting = replace(ROWS[2], is_awaiting=True, waits_in_time=True)

    assert build((*ROWS[:2], waiting, ROWS[3]), AS_OF, COUNTS).awaiting == 1


def test_classified_assignments_are_counted_by_agency() -> None:
    late = Status(Bucket.OPEN_OVERDUE, Fine.OVERDUE, is_late=True, days_late=3)
    done = Status(Bucket.DONE_ON_TIME, Fine.DONE_ON_TIME)

    counts = count_by_agency([("G12", "Bộ Tài chính", "t", late), ("G12", "Bộ Tài chính", "t", done)])

    assert counts == (AgencyCount("G12", "Bộ Tài chính", Buckets(done_on_time=1, open_overdue=1), "t"),)
    assert (is_listed(late), is_listed(done)) == (True, False)


def test_canonical_json_is_one_line_of_utf8_with_sorted_keys() -> None:
    raw = canonical_json(build(ROWS, AS_OF, COUNTS, {"agency": "Bộ Tài chính"}))

    decoded = json.loads(raw)
    assert raw.decode() == json.dumps(decoded, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert decoded["as_of"] == "2025-11-07"
    assert decoded["agencies"][1]["rows"][0]["due_on"] == "2025-05-31"
    assert decoded["agencies"][1]["rows"][0]["assignment_id"] == "2"
    assert "Bộ Tài chính" in raw.decode()


def test_the_digest_is_stable() -> None:
    empty = build((), AS_OF, ())

    assert len(empty.digest) == 64
    assert empty.digest == build([], AS_OF, []).digest
    assert empty.rate.value is None


ANY_ROWS = st.lists(
    st.builds(
        row,
        st.integers(1, 10**6),
        st.sampled_from(["G12", "G01", "G18"]),
        st.integers(0, 400),
        st.none() | st.dates(date(2019, 1, 1), date(2025, 11, 6)),
        st.sampled_from(["17/NQ-CP", "71/NQ-CP", "1819/QĐ-TTg"]),
    ),
    max_size=20,
    unique_by=lambda r: r.assignment_id,
)


def listing_of(rows: list[OverdueRow]) -> OverdueList:
    codes = {"G12": "Bộ Tài chính", "G01": "Bộ Công an", "G18": "Bộ Y tế"}
    counts = [
        AgencyCount(code, name, Buckets(5, 1, 2, sum(r.agency_code == code for r in rows)))
        for code, name in codes.items()
    ]
    return build(rows, AS_OF, counts)


@given(ANY_ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(rows: list[OverdueRow], shuffler: random.Random) -> None:
    shuffled = [*rows]
    shuffler.shuffle(shuffled)

    assert canonical_json(listing_of(shuffled)) == canonical_json(listing_of(rows))


@given(ANY_ROWS)
def test_every_row_stands_once_and_the_totals_count_them(rows: list[OverdueRow]) -> None:
    listing = listing_of(rows)

    assert sorted(r.assignment_id for r in listing.rows) == sorted(r.assignment_id for r in rows)
    assert listing.totals.open_overdue == len(rows)
    for line in listing.agencies:
        assert [r.days_late for r in line.rows] == sorted((r.days_late for r in line.rows), reverse=True)


@given(ANY_ROWS, st.data())
def test_any_change_of_a_figure_changes_the_digest(rows: list[OverdueRow], data: st.DataObject) -> None:
    if not rows:
        return
    place = data.draw(st.integers(0, len(rows) - 1))
    changed = [*rows]
    changed[place] = replace(rows[place], days_late=rows[place].days_late + 1)

    assert listing_of(changed).digest != listing_of(rows).digest


def test_an_instant_is_a_different_cut_off_than_its_day() -> None:
    noon = build(ROWS, datetime(2025, 11, 7, 5, tzinfo=UTC), COUNTS)

    assert noon.digest != build(ROWS, AS_OF, COUNTS).digest
