"""What the pages' forms say, read without a page."""

from __future__ import annotations

import pytest

from tracker.web.forms import Form, parse_date


@pytest.mark.parametrize(
    "given",
    [
        "",
        "01/01/0001",
        "31/12/9999",
        "1/9/1945",
        "2200-01-01",
        "31/02/2026",
        "1/2/26",
        "٣١/٠١/٢٠٢٦",
        "2026-13-01",
    ],
)
def test_what_is_no_day_of_the_records_is_no_date(given: str) -> None:
    assert parse_date(given) is None


@pytest.mark.parametrize("values", [{}, {"phien-ban": ""}, {"phien-ban": "9" * 30}, {"phien-ban": "-1"}])
def test_a_form_without_its_version_matches_no_row(values: dict[str, str]) -> None:
    assert Form(values).version() == 0
