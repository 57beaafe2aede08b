"""Judging what is to be recorded."""

from __future__ import annotations

from datetime import date

import pytest

from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.errors import Invalid
from tracker.domain.recording import deadline_too_far, judge
from tracker.i18n import LANGUAGES
from tracker.refusals import sentence
from tracker.shipped import shipped_calendar

ISSUED = date(2025, 11, 20)


@pytest.mark.parametrize(
    ("due_on", "issued_on", "is_slip"),
    [
        (date(2055, 11, 20), ISSUED, False),
        (date(2055, 11, 21), ISSUED, True),
        (date(2056, 1, 1), ISSUED, True),
        (date(2206, 3, 31), date(2026, 3, 1), True),
        (date(2054, 2, 28), date(2024, 2, 29), False),
        (date(2054, 3, 1), date(2024, 2, 29), True),
        (date(1999, 1, 1), ISSUED, False),
    ],
)
def test_a_deadline_more_than_thirty_years_after_its_directive_is_a_slip(
    due_on: date, issued_on: date, is_slip: bool
) -> None:
    problem = deadline_too_far("/due_on", due_on, issued_on)

    assert (problem is not None) == is_slip
    if problem is not None:
        params = {"value": problem.value, **problem.params}
        assert problem.params["issued_on"] == issued_on
        for language in LANGUAGES:
            told = sentence(language, problem.code, params)
            assert str(issued_on.year + 30) in told
            assert f"{due_on:%d/%m/%Y}" in told


@pytest.mark.parametrize(
    ("deadline", "due_on", "field"),
    [
        ("trước ngày 31/3/2106", None, "/tasks/0/deadline"),
        ("", date(2106, 3, 31), "/tasks/0/due_on"),
        ("trước ngày 31/3/2026", date(2106, 3, 31), "/tasks/0/due_on"),
    ],
)
def test_a_slip_of_the_year_is_named_at_the_field_it_stands_in(
    deadline: str, due_on: date | None, field: str
) -> None:
    task = NewTask("Kế hoạch", "Kế hoạch", leads=("BYT",), deadline=deadline, due_on=due_on)
    new = NewDirective("17/NQ-CP", "resolution", ISSUED, "Chính phủ", "Nhiệm vụ", (task,))

    with pytest.raises(Invalid) as refused:
        judge(new, [], shipped_calendar(), date(2025, 11, 24))

    found = [(p.field, p.value) for p in refused.value.problems if p.code == "deadline_too_far"]
    assert found == [(field, date(2106, 3, 31))]
