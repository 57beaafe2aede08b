"""Inspection sessions: who is proposed, what is frozen, what may be concluded."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, time
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.db.inspections import read_item
from tracker.domain.errors import Invalid
from tracker.domain.inspections import (
    AgendaItem,
    Conclusion,
    Evidence,
    ItemKind,
    Plan,
    Standing,
    Topic,
    Verdict,
    check_conclusion,
    check_plan,
    freeze,
    propose,
)

TODAY = date(2025, 11, 25)
HEADER = {"title": "Buổi kiểm tra", "as_of": date(2025, 11, 24)}
AGENCIES = ("BYT", "BTC", "HN")
PLAN = Plan(
    title="Kiểm tra chuyển đổi số",
    held_on=date(2025, 12, 2),
    as_of=date(2025, 11, 24),
    due_until=date(2025, 12, 31),
    agency_codes=("BYT", "BTC"),
    explain_by=date(2025, 11, 28),
)

FILE = Evidence("bao-cao.pdf", 12, "ab" * 32, date(2025, 11, 20), "Trần Văn Sơn")

words = st.text(alphabet="aăâđêôơư BYT-1", max_size=12)
days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
items = st.builds(
    AgendaItem,
    kind=st.sampled_from(ItemKind),
    agency_code=st.sampled_from(AGENCIES),
    agency_name=words,
    title=words,
    days=st.integers(0, 400),
    assignment_id=st.none() | st.integers(1, 50),
    due_on=st.none() | days,
    due_time=st.none() | st.just(time(17)),
    explanation=words,
    cooperating=st.lists(words, max_size=2).map(tuple),
    files=st.lists(st.sampled_from([FILE, replace(FILE, size=13)]), max_size=2).map(tuple),
)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(items, max_size=20), st.integers())
def test_a_freeze_does_not_depend_on_the_order_of_its_input(rows: list[AgendaItem], seed: int) -> None:
    shuffled = list(rows)
    Random(seed).shuffle(shuffled)

    assert freeze(rows, HEADER, AGENCIES) == freeze(shuffled, HEADER, AGENCIES)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(items, max_size=20))
def test_totals_equal_the_rows(rows: list[AgendaItem]) -> None:
    frozen = freeze(rows, HEADER, AGENCIES)

    assert sorted(frozen.items, key=lambda i: i.canonical()) == sorted(rows, key=lambda i: i.canonical())
    assert frozen.totals.all == len(rows)
    assert sum(t.all for t in frozen.by_agency.values()) == len(rows)
    for kind in ItemKind:
        counted = sum(1 for row in rows if row.kind is kind)
        assert getattr(frozen.totals, kind.value) == counted
        assert sum(getattr(t, kind.value) for t in frozen.by_agency.values()) == counted


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(items, min_size=1, max_size=8), st.data())
def test_the_digest_changes_exactly_when_a_row_does(rows: list[AgendaItem], data: st.DataObject) -> None:
    before = freeze(rows, HEADER, AGENCIES)
    position = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(items)
    changed = [*rows[:position], other, *rows[position + 1 :]]

    after = freeze(changed, HEADER, AGENCIES)

    same = sorted(r.canonical() for r in rows) == sorted(r.canonical() for r in changed)
    assert (before.digest == after.digest) == same
    assert freeze(rows, {**HEADER, "title": "khác"}, AGENCIES).digest != before.digest


def test_every_field_of_a_row_is_part_of_its_digest() -> None:
    row = AgendaItem(ItemKind.OVERDUE, "BYT", "Bộ Y tế", "Việc", 25)
    others: dict[str, Any] = {
        "kind": ItemKind.REQUEST,
        "days": 26,
        "part": "",
        "cooperating": ("Bộ Công an",),
        "files": (FILE,),
    }
    for field in fields(AgendaItem):
        value: Any = others.get(field.name)
        if value is None:
            value = (
                date(2025, 1, 1) if "date" in str(field.type) else time(1) if "time" in str(field.type) else 7
            )
            value = value if "str" not in str(field.type) else "khác"

        assert replace(row, **{field.name: value}).digest != row.digest, field.name


@settings(deadline=None)  # a busy machine is no fault
@given(items)
def test_a_row_is_read_back_as_it_was_written(row: AgendaItem) -> None:
    assert read_item(row.canonical().decode()) == row


def test_every_field_of_a_file_is_part_of_the_digest_and_none_changes_no_older_row() -> None:
    row = AgendaItem(ItemKind.OVERDUE, "BYT", "Bộ Y tế", "Việc", 25)
    listed = replace(row, files=(FILE,))
    others: dict[str, Any] = {"name": "x", "size": 13, "sha256": "cd" * 32, "on": TODAY, "by": "y"}

    digests = {replace(row, files=(replace(FILE, **{name: value}),)).digest for name, value in others.items()}

    assert b"files" not in row.canonical()
    assert len(digests | {row.digest, listed.digest}) == len(others) + 2


def test_the_agenda_goes_by_agency_then_kind_then_urgency() -> None:
    rows = [
        AgendaItem(ItemKind.STANDING, "BYT", "", "thường xuyên", 90),
        AgendaItem(ItemKind.DUE_SOON, "BYT", "", "mai", 1, due_on=date(2025, 11, 25)),
        AgendaItem(ItemKind.OVERDUE, "BYT", "", "trễ ít", 3),
        AgendaItem(ItemKind.DUE_SOON, "BYT", "", "tuần sau", 7, due_on=date(2025, 12, 1)),
        AgendaItem(ItemKind.OVERDUE, "BYT", "", "trễ nhiều", 90),
        AgendaItem(ItemKind.OVERDUE, "BTC", "", "bộ khác", 400),
    ]

    frozen = freeze(rows, HEADER, ("BYT", "BTC"))

    assert [i.title for i in frozen.items] == [
        "trễ nhiều", "trễ ít", "mai", "tuần sau", "thường xuyên", "bộ khác",
    ]  # fmt: skip
    assert len(frozen.check_code) == 19
    with pytest.raises(ValueError, match="BTC"):
        freeze(rows, HEADER, ("BYT",))


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"title": " "}, "/title", "required"),
        ({"agency_codes": ()}, "/agencies", "inspection_no_agency"),
        ({"agency_codes": ("BYT", "BYT")}, "/agencies", "inspection_agency_twice"),
        ({"agency_codes": tuple(map(str, range(101)))}, "/agencies", "inspection_many_agencies"),
        ({"as_of": date(2025, 11, 26)}, "/as_of", "inspection_future_cut_off"),
        ({"held_on": date(2025, 11, 20), "explain_by": None}, "/as_of", "inspection_cut_off_after"),
        ({"due_until": date(2025, 11, 23)}, "/due_until", "inspection_span"),
        ({"due_until": date(2027, 11, 23)}, "/due_until", "inspection_span"),
        ({"explain_by": date(2025, 12, 3)}, "/explain_by", "inspection_explain_late"),
        ({"ends_at": time(9)}, "/to_time", "inspection_ends_before"),
        ({"held_at": time(9), "ends_at": time(9)}, "/to_time", "inspection_ends_before"),
        ({"topic": Topic.DIRECTIVE}, "/directive_id", "inspection_topic_directive"),
        ({"directive_id": 3}, "/directive_id", "inspection_topic_directive"),
        ({"topic": Topic.FIELD}, "/field", "inspection_topic_field"),
        ({"field": "y tế"}, "/field", "inspection_topic_field"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_by_its_field(
    changes: dict[str, object], field: str, code: str
) -> None:
    check_plan(PLAN, TODAY)

    with pytest.raises(Invalid) as refused:
        check_plan(replace(PLAN, **changes), TODAY)  # type: ignore[arg-type]

    assert (field, code) in [(p.field, p.code) for p in refused.value.problems]


def test_who_is_most_overdue_is_proposed_first_and_who_is_at_no_fault_not_at_all() -> None:
    standings = [
        Standing("A", overdue=2, days_late=10, days_since_session=30),
        Standing("B", overdue=2, days_late=10, days_since_session=300),
        Standing("C", overdue=2, days_late=10),
        Standing("D", overdue=2, days_late=90, days_since_session=1),
        Standing("E", returned=4),
        Standing("F", days_since_session=900),
        Standing("G", targets_behind=1),
    ]

    found = propose(standings)

    assert [c.agency_code for c in found] == ["D", "C", "B", "A", "E", "G"]
    assert found[0].reasons == (("overdue", 2), ("days_late", 90), ("days_since_session", 1))
    assert found[1].reasons[-1] == ("never_inspected", 0)


ITEM = AgendaItem(ItemKind.OVERDUE, "BYT", "Bộ Y tế", "Việc", 25, assignment_id=3)
HELD = date(2025, 12, 2)


@pytest.mark.parametrize(
    ("conclusion", "item", "codes"),
    [
        (Conclusion(Verdict.NEW_DATE, "Gia hạn", date(2025, 12, 20)), ITEM, []),
        (Conclusion(Verdict.CLOSED, "Đã xong"), ITEM, []),
        (Conclusion(Verdict.REFERRED, "Báo cáo Thủ tướng"), None, []),
        (Conclusion(Verdict.NEW_TASK, "Rà soát", date(2025, 12, 20), "BYT"), None, []),
        (Conclusion(Verdict.NEW_TASK, "Rà soát", date(2025, 12, 20)), ITEM, []),
        (Conclusion(Verdict.NOTED, " "), None, ["required"]),
        (Conclusion(Verdict.NEW_DATE, "Gia hạn"), ITEM, ["conclusion_needs_day"]),
        (Conclusion(Verdict.NEW_DATE, "x", date(2025, 12, 1)), ITEM, ["conclusion_day_past"]),
        (Conclusion(Verdict.CLOSED, "x", date(2025, 12, 20)), ITEM, ["conclusion_sets_no_day"]),
        (Conclusion(Verdict.CLOSED, "x"), None, ["conclusion_needs_task"]),
        (
            Conclusion(Verdict.EXPLANATION, "x", HELD),
            replace(ITEM, assignment_id=None),
            ["conclusion_needs_task"],
        ),
        (Conclusion(Verdict.NEW_TASK, "x", HELD), None, ["inspection_no_agency"]),
    ],
)
def test_a_conclusion_has_words_and_what_it_decides(
    conclusion: Conclusion, item: AgendaItem | None, codes: list[str]
) -> None:
    if not codes:
        check_conclusion(conclusion, item, HELD)
        return
    with pytest.raises(Invalid) as refused:
        check_conclusion(conclusion, item, HELD)

    assert [p.code for p in refused.value.problems] == codes
