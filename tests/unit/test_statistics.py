"""Buckets and rates, and the published tables reproduced under their conventions."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.assignments import Bucket, Fine, Status
from tracker.domain.statistics import (
    Buckets,
    Denominator,
    PercentageUnexplained,
    Rate,
    Rounding,
    check_table,
    explain_percentage,
    identities,
    official_rate,
    parse_percentage,
    percentage,
    require_explained,
    total_of,
)

ROOT = Path(__file__).parents[2]
OURS: list[dict[str, Any]] = json.loads((ROOT / "tests/data/printed_statistics.json").read_text("utf-8"))
SHARED = ROOT.parent / "shared/data/published_statistics.json"
PRINTED = [(table, row) for table in OURS for row in table["printed"]]


@pytest.mark.parametrize(("table", "row"), PRINTED, ids=[f"{t['id']} {r[0]}" for t, r in PRINTED])
def test_a_printed_percentage_is_explained(table: dict[str, Any], row: list[Any]) -> None:
    printed, numerator_name, numerator, denominator_name, denominator, rounding = row
    beside = [other[0] for other in table["printed"] if other is not row]

    rate = explain_percentage(table["cells"], printed, beside, numerator_name)

    if rounding is None:
        assert rate is None
        return
    assert rate is not None
    assert (rate.numerator, rate.denominator_name, rate.denominator, rate.rounding) == (
        numerator,
        denominator_name,
        denominator,
        rounding,
    )
    assert rate.value == parse_percentage(printed)


@pytest.mark.parametrize("table", OURS, ids=[t["id"] for t in OURS])
def test_the_sums_of_a_printed_table_hold_or_name_the_line(table: dict[str, Any]) -> None:
    assert sorted(i.text for i in identities(table["cells"])) == sorted(table["sums"])
    assert all(i.holds == ("≠" not in i.text) for i in identities(table["cells"]))


def test_the_figure_that_no_convention_gives_is_refused() -> None:
    cells = next(t["cells"] for t in OURS if t["id"] == "2016-10-26")

    assert explain_percentage(cells, "3,56%") is None
    with pytest.raises(PercentageUnexplained):
        require_explained(cells, "3,56%")


def published() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if not SHARED.exists():
        return []
    tables = json.loads(SHARED.read_text("utf-8"))
    return [(t, p) for t in tables for p in t["printed_percentages"]]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not on this machine")
def test_every_published_percentage_is_reproduced_or_refused() -> None:
    reproduced = refused = inexact = 0
    for table, row in published():
        cells, numerator, denominator = table["cells"], row["numerator"], row["denominator"]
        figure = parse_percentage(row["printed"])
        if figure is None:
            inexact += 1
            continue
        if not cells:  # only the two figures are known: the rounding is what is to be found
            decimals = -int(figure.as_tuple().exponent)
            assert percentage(numerator, denominator, Rounding.HALF_UP, decimals) == figure
            reproduced += 1
            continue
        name = next(k for k, v in cells.items() if v == numerator)
        beside = [p["printed"] for p in table["printed_percentages"] if p is not row]
        rate = explain_percentage(cells, row["printed"], beside, name)
        if row["how"].startswith("KHÔNG"):
            assert rate is None
            refused += 1
        else:
            assert rate is not None, row
            assert (rate.numerator, rate.denominator, rate.value) == (numerator, denominator, figure)
            reproduced += 1
    assert (reproduced, refused, inexact) == (18, 3, 1)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not on this machine")
def test_every_published_identity_is_checked_alike() -> None:
    for table in json.loads(SHARED.read_text("utf-8")):
        ours = {i.text.partition("=")[0]: i for i in identities(table["cells"])}
        for said in table["identities"]:
            left = said.split("=")[0].strip()
            if left in ours:
                assert ours[left].holds == ("≠" not in said), said


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not on this machine")
def test_a_wrong_row_carried_into_the_national_total_is_named() -> None:
    table = next(t for t in json.loads(SHARED.read_text("utf-8")) if t["id"] == "CD220-2025-PL1")["cells"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    across = [((n, n + 4), n + 8) for n in range(4)]

    faults = check_table(rows, table["total"], across)

    assert [(f.row, f.columns, f.identity.text) for f in faults] == [
        ("Bộ Giáo dục và Đào tạo", (0, 4, 8), "113+101=214≠115"),
        ("total", (0, 4, 8), "759+1806=2565≠2466"),
    ]


def test_a_column_that_does_not_add_up_is_named() -> None:
    faults = check_table({"A": [22, 13], "B": [21, 14]}, [43, 28])

    assert [(f.row, f.columns, f.identity.text) for f in faults] == [("total", (1,), "13+14=27≠28")]


# --- buckets and rates ---


def test_what_is_beside_the_total_is_counted_apart() -> None:
    statuses = [
        Status(Bucket.DONE_ON_TIME, Fine.DONE_ON_TIME),
        Status(Bucket.OPEN_IN_TERM, Fine.DUE_SOON),
        Status(Bucket.OPEN_OVERDUE, Fine.AWAITING_CONFIRMATION),
        Status(Bucket.STANDING, Fine.STANDING),
        Status(Bucket.OUTSIDE, Fine.WITHDRAWN),
        Status(Bucket.OUTSIDE, Fine.TRANSFERRED),
        Status(Bucket.OUTSIDE, Fine.SUPERSEDED),
        Status(Bucket.OUTSIDE, Fine.NOT_YET_ASSIGNED),
    ]

    counted = Buckets.count(statuses)

    assert (counted.total, counted.done, counted.open, counted.beside, counted.recorded) == (3, 1, 2, 4, 7)


def test_the_official_rate_names_what_it_is_of() -> None:
    year = Buckets(done_on_time=14068, done_late=1983, open_in_term=5640, open_overdue=223)

    assert official_rate(year) == Rate("done", 16051, "fallen_due", 16274, Rounding.HALF_UP, 2)
    assert str(official_rate(year).value) == "98.63"
    assert str(official_rate(year, rounding=Rounding.TRUNCATED).value) == "98.62"
    assert str(official_rate(year, "open_overdue", Denominator.UNFINISHED, decimals=1).value) == "3.8"
    assert official_rate(Buckets(open_in_term=5)).value is None
    with pytest.raises(ValueError, match="submitted"):
        official_rate(year, denominator=Denominator.SUBMITTED)


def test_words_are_not_figures() -> None:
    assert parse_percentage(" “gần 50%”") is None
    assert explain_percentage({"total": 2, "done": 1}, "gần 50%") is None


COUNTS = st.integers(0, 10**6)
BUCKETS = st.builds(Buckets, *[COUNTS] * 8)


@given(BUCKETS)
def test_every_bucket_table_keeps_its_identities(buckets: Buckets) -> None:
    found = identities(buckets.cells())

    assert len(found) == 3
    assert all(i.holds for i in found)
    assert buckets.fallen_due + buckets.open_in_term == buckets.total


@given(st.lists(BUCKETS, max_size=6))
def test_totals_are_sums(parts: list[Buckets]) -> None:
    whole = total_of(parts)

    assert whole.total == sum(p.total for p in parts)
    assert whole.cells() == {k: sum(p.cells()[k] for p in parts) for k in Buckets().cells()}


@given(COUNTS, st.integers(1, 10**6), st.integers(0, 6))
def test_rounding_is_exact(numerator: int, denominator: int, decimals: int) -> None:
    exact = Fraction(numerator * 100, denominator)
    unit = Fraction(1, 10**decimals)

    half_up = percentage(numerator, denominator, Rounding.HALF_UP, decimals)
    truncated = percentage(numerator, denominator, Rounding.TRUNCATED, decimals)

    assert 0 <= exact - Fraction(truncated) < unit
    assert -unit / 2 <= exact - Fraction(half_up) < unit / 2
    assert half_up - truncated in (Decimal(0), Decimal(1).scaleb(-decimals))
    assert half_up.as_tuple().exponent == -decimals


@given(BUCKETS, st.sampled_from(["done", "open_overdue"]), st.integers(1, 2))
def test_a_rate_of_our_own_is_explained_by_itself(buckets: Buckets, numerator: str, decimals: int) -> None:
    rate = official_rate(buckets, numerator, decimals=decimals)
    if rate.value is None:
        return

    found = explain_percentage(buckets.cells(), rate.value, numerator=numerator)

    assert found is not None
    assert found.value == rate.value
    assert found.numerator == rate.numerator
