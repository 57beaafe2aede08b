"""Which passwords are taken: the length, the shipped list, the words of this place and of the person."""

from __future__ import annotations

import unicodedata
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tracker.actions.accounts import common_passwords
from tracker.domain.passwords import (
    LONGEST,
    SHORTEST,
    CommonPasswords,
    Owner,
    check_password,
    composed,
    context_words,
    is_common,
)
from tracker.domain.search import search_key

OWNER = Owner("Nguyễn Thị Minh Hà", "minhha.byt@moh.gov.vn", "BYT")
USUAL = [
    "",
    "1",
    "123",
    "1234",
    "12345",
    "123456",
    "2024",
    "2025",
    "2026",
    "!",
    "@123",
    "@2026",
    "#1",
    "888",
    "!!",
]


def code_of(password: str) -> str | None:
    """What is wrong with a password of OWNER."""
    problem = check_password(password, common_passwords(), OWNER)
    return None if problem is None else problem.code


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("trời nắng ấm", None),  # twelve with its blanks
        ("trời nắng m", "password_short"),
        ("x7$Kq2!mZp", "password_short"),
        ("x7$Kq2!mZpR4", None),
        ("  x7$Kq2!mZ ", None),  # blanks count and stay
        ("\N{GRINNING FACE}\N{ROCKET}" * 3 + "trăng rằm tháng tám", None),
        ("Password1234", "password_common"),
        ("P@ssw0rd1234", "password_common"),
        ("123456789012", "password_common"),
        ("210987654321", "password_common"),
        ("qwertyuiopas", "password_common"),
        ("1q2w3e4r5t6y", "password_common"),
        ("aaaaaaaaaaaaaaaaaaaa", "password_common"),
        ("            ", "password_common"),
        ("abc1abc1abc1abc1", "password_common"),
        ("Mật khẩu 2026!", "password_common"),
        ("Việt Nam vô địch 2026", "password_common"),
        ("correct horse battery staple", "password_common"),
        ("của Thủ tướng nhé!", "password_context"),
        ("xin gửi ChinhPhu ạ", "password_context"),
        ("D0nD0c-hay-qua-di", "password_context"),
        ("tôi là Minh, chào!", "password_context"),
        ("quà của bộ BYT đây", "password_context"),
        ("xanh.nguyễn.đỏ.tím", "password_context"),
    ],
)
def test_password_is_judged(password: str, code: str | None) -> None:
    assert code_of(password) == code


@pytest.mark.parametrize(
    ("length", "code"), [(11, "password_short"), (12, None), (1024, None), (1025, "password_long")]
)
def test_both_ends_of_the_length_are_inclusive(length: int, code: str | None) -> None:
    assert code_of(("ợ7kQ!zr£pw2vếM" * 80)[:length]) == code


def test_length_is_counted_after_composing() -> None:
    decomposed = unicodedata.normalize("NFD", "ễ ặ ữ ẵ")

    assert len(decomposed) > SHORTEST
    assert code_of(decomposed) == "password_short"


def test_the_list_refuses_tens_of_thousands_of_well_known_passwords() -> None:
    words = common_passwords().words
    guesses = {word + ending for word, ending in product(words, USUAL) if len(word + ending) >= SHORTEST}

    assert len(guesses) > 3_000
    assert [guess for guess in guesses if not is_common(guess, common_passwords())] == []
    assert [guess.title() for guess in guesses if not is_common(guess.title(), common_passwords())] == []


@given(
    st.text(st.characters(min_codepoint=0x300, max_codepoint=0x1FFFF), min_size=SHORTEST, max_size=LONGEST)
)
def test_whatever_is_long_and_not_guessable_is_taken(password: str) -> None:
    """Any character counts: emoji, signs, letters of every script."""
    assume(SHORTEST <= len(composed(password)) <= LONGEST)
    assume(not is_common(password, common_passwords()))
    assume(not any(mark.isascii() and mark.isalnum() for mark in search_key(password)))

    assert check_password(password, common_passwords(), OWNER) is None


@pytest.mark.parametrize(
    "mark", ["\x00", "\t", "\n", "\x7f", "\u200b", "\ufeff", "\u202e", "'", '"', "<", "%", "\\"]
)
def test_no_character_is_forbidden(mark: str) -> None:
    assert code_of(f"gió{mark}mùa đông bắc về") is None


@given(st.sampled_from(context_words(OWNER)), st.text(alphabet="!?.-_ 26", max_size=6), st.booleans())
def test_a_context_word_is_found_however_it_is_written(word: str, between: str, is_upper: bool) -> None:
    password = f"lúa chín {between.join(word.upper() if is_upper else word)} đầy đồng"

    assert code_of(password) in ("password_context", "password_common")


@given(st.text(max_size=30))
def test_the_problem_never_holds_the_password(password: str) -> None:
    problem = check_password(password, CommonPasswords.of(), OWNER)

    assert (
        problem is None
        or (problem.value is None and password not in map(str, problem.params.values()))
        or (problem.params.get("word") in context_words(OWNER) or password.isdigit())
    )


@given(st.text(max_size=40))
def test_composing_twice_changes_nothing(password: str) -> None:
    assert composed(composed(password)) == composed(password)


def test_short_syllables_of_a_name_are_no_context() -> None:
    own = set(context_words(Owner("Lê Thị Hà", "ha@a.vn", "HN"))) - set(context_words(Owner()))

    assert own == {"lethiha"}
