"""What text may be stored."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.text import TextInvalid, clean_text, shortened


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("  Bộ Y tế ", "Bộ Y tế"),
        (unicodedata.normalize("NFD", "Ủy ban nhân dân tỉnh Đắk Lắk"), "Ủy ban nhân dân tỉnh Đắk Lắk"),
        ("hai\u00a0 chỗ\ttrống", "hai chỗ trống"),
        ("=1+1", "=1+1"),
        ("<script>", "<script>"),
        ("😀 ok", "😀 ok"),
    ],
)
def test_text_is_composed_and_trimmed(value: str, clean: str) -> None:
    """What is stored is one form of the text."""
    assert clean_text(value, "/name", 60) == clean


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\x00b", "text_character"),
        ("a\ud800b", "text_character"),
        ("a\x07b", "text_character"),
        ("a\x7fb", "text_character"),
        ("a\u2028b", "text_character"),
        ("a\u2029b", "text_character"),
        ("a\u202eb", "text_character"),
        ("a\u2066b", "text_character"),
        ("a\ufffeb", "text_character"),
        ("a\nb", "text_character"),
        ("", "text_required"),
        ("   ", "text_required"),
        ("\u200b\u200d\ufeff", "text_required"),
        ("x" * 61, "text_too_long"),
        (None, "text_expected"),
        (5, "text_expected"),
        (["a"], "text_expected"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(value: object, code: str) -> None:
    """With field, value and what is expected."""
    with pytest.raises(TextInvalid) as refused:
        clean_text(value, "/name", 60)

    (problem,) = refused.value.problems
    assert (problem.field, problem.code) == ("/name", code)
    assert len(str(problem.value)) <= 70
    str(problem.value).encode("utf-8")


def test_lines_are_kept_only_where_allowed() -> None:
    """A description has lines, a name has none."""
    assert clean_text("a\r\nb\rc", "/text", 60, allow_newlines=True) == "a\nb\nc"


def test_length_counts_composed_characters() -> None:
    """Sixty Vietnamese letters are sixty, typed either way."""
    assert clean_text(unicodedata.normalize("NFD", "ệ" * 60), "/name", 60) == "ệ" * 60


def test_megabyte_is_shown_shortened() -> None:
    """The error does not repeat it."""
    with pytest.raises(TextInvalid) as refused:
        clean_text("x" * 1_000_000, "/name", 60)

    assert len(str(refused.value.problems[0].value)) == 60
    assert refused.value.problems[0].params == {"max_length": 60, "length": 1_000_000}


@given(st.text(max_size=100))
def test_clean_text_is_stable_and_storable(value: str) -> None:
    """What passes once passes again unchanged, and PostgreSQL takes it."""
    try:
        clean = clean_text(value, "/name", 80, allow_newlines=True)
    except TextInvalid:
        return

    assert clean_text(clean, "/name", 80, allow_newlines=True) == clean
    assert "\x00" not in clean
    assert clean == unicodedata.normalize("NFC", clean) == clean.strip()
    clean.encode("utf-8")


@given(st.text(max_size=200))
def test_shortened_can_always_be_printed(value: str) -> None:
    """In a log, on a page, in JSON."""
    assert shortened(value).isprintable()
