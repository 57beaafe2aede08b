"""What the pages' forms say, read without a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.web.forms import Form, parse_date
from tracker.web.session import Session, Signer, form_token, is_form_token, masked


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


SIGNER = Signer(b"k" * 32)
SESSION = Session("binding")


@given(st.text(max_size=200))
def test_only_the_token_itself_masked_or_not_is_the_token(given_text: str) -> None:
    token = form_token(SIGNER, SESSION)

    assert is_form_token(SIGNER, SESSION, given_text) == (given_text == token)


def test_a_masked_token_differs_each_time_and_serves_its_own_session_only() -> None:
    token = form_token(SIGNER, SESSION)
    seen = {masked(token) for _ in range(20)}

    assert len(seen) == 20
    assert all(is_form_token(SIGNER, SESSION, one) for one in seen)
    assert not any(token[n : n + 4] in one for one in seen for n in range(len(token) - 4))
    assert not any(is_form_token(SIGNER, Session("another"), one) for one in seen)
    assert not is_form_token(SIGNER, SESSION, masked(token)[:-2])
