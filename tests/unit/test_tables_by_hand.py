"""A table pasted and corrected by hand: what is read is what was meant, and nothing else changes."""

from __future__ import annotations

from datetime import date

import pytest

from tracker.domain.directory import Agency, AgencyKind
from tracker.domain.nearest import nearest_agency
from tracker.domain.phrases import parse
from tracker.intake.corrections import Corrections, corrections_of
from tracker.intake.delimited import read_csv
from tracker.intake.pasted import as_csv
from tracker.intake.tables import Formula, Row, Table

TABLE = Table(
    (Row(1, ("Nhiệm vụ", "Chủ trì")), Row(3, ("a", 5)), Row(4, ("b",))), formulas=(Formula(4, 2, "=A1"),)
)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("a\tb\nc\td", [("a", "b"), ("c", "d")]),
        ("a; b, c\td|e", [("a; b, c", "d|e")]),
        ('"hai\ndòng"\tb', [("hai\ndòng", "b")]),
        ('"Đề án ""06"""\tb', [('Đề án "06"', "b")]),
        ('Đề án "06\tb', [('Đề án "06', "b")]),
        ('"không đóng\tb\nc\td', [('"không đóng', "b"), ("c", "d")]),
        ("=1+1\t'x", [("=1+1", "'x")]),
        ("a;b\nc;d", [("a", "b"), ("c", "d")]),
    ],
)
def test_pasted_cells_come_as_they_were_copied(text: str, cells: list[tuple[str, ...]]) -> None:
    assert [row.cells for row in read_csv(as_csv(text)).rows] == cells


def test_corrections_touch_their_cells_alone() -> None:
    fixed = Corrections({(4, 1): "Bộ Y tế", (9, 0): "không có dòng này"}, frozenset({1})).apply(TABLE)

    assert fixed.rows == (Row(3, ("a", 5)), Row(4, ("b", "Bộ Y tế")))
    assert fixed.formulas == ()  # the cell is text now
    assert Corrections({(3, 0): "x"}).apply(TABLE).formulas == TABLE.formulas
    assert Corrections().apply(TABLE) is TABLE


def test_later_corrections_go_before_earlier_ones_and_survive_being_kept() -> None:
    first = Corrections({(3, 0): "một", (3, 1): "hai"}, frozenset({4}), ("Nhiệm vụ", "Chủ trì"))

    both = first.with_more(Corrections({(3, 0): "ba"}, frozenset({7})))

    assert dict(both.cells) == {(3, 0): "ba", (3, 1): "hai"}
    assert both.dropped == {4, 7}
    assert both.titles == first.titles
    assert corrections_of(both.to_json()) == both
    assert corrections_of(None).is_empty
    assert both.apply(TABLE).rows[0] == Row(0, ("Nhiệm vụ", "Chủ trì"))


def test_kept_corrections_outside_any_table_are_left_out() -> None:
    kept = {"cells": [[-1, 0, "x"], [1, 999, "x"], [1, 0, "y"]], "dropped": [], "titles": []}

    assert dict(corrections_of(kept).cells) == {(1, 0): "y"}


AGENCIES = [
    Agency(1, "BYT", "Bộ Y tế", AgencyKind.MINISTRY),
    Agency(2, "BTC", "Bộ Tài chính", AgencyKind.MINISTRY),
    Agency(3, "BKH", "Bộ Kế hoạch và Đầu tư", AgencyKind.MINISTRY, None, date(2025, 2, 28)),
    Agency(4, "CMU", "UBND tỉnh Cà Mau", AgencyKind.PROVINCE),
]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("bo y tee", "Bộ Y tế"),
        ("Bộ Tài chínhh", "Bộ Tài chính"),
        ("UBND tinh Ca Mauu", "UBND tỉnh Cà Mau"),
        ("Bộ Kế hoạch và Đầu tu", None),  # gone since March
        ("Hội Nhà văn", None),
        ("", None),
        ("x" * 5000, None),
    ],
)
def test_the_nearest_agency_is_one_that_exists_and_is_near(words: str, name: str | None) -> None:
    found = nearest_agency(words, AGENCIES, date(2025, 11, 24))

    assert (found and found.name) == name


@pytest.mark.parametrize("phrase", ["15 ngày làm việc", " 15 ngày  làm việc.", "30 ngày", "30 NGÀY"])
def test_a_bare_number_of_days_counts_as_with_its_preposition(phrase: str) -> None:
    issued = date(2025, 11, 20)

    assert parse(phrase, issued).term == parse(f"trong {phrase.strip(' .').lower()}", issued).term
    assert parse(phrase, issued).term is not None
