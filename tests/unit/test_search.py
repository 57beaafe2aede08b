"""Search and order keys of Vietnamese text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.search import excerpt, found_spans, query_words, search_key, sort_key, word_query

VIETNAMESE = st.text(
    "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ AĐƯƠ1",
    max_size=20,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Bộ Y tế", "bo y te"),
        ("ĐÔN ĐỐC", "don doc"),
        ("Thừa Thiên Huế", "thua thien hue"),
        ("hoà", "hoa"),
        ("hòa", "hoa"),
        ("  nhiều \u00a0 chỗ trống ", "nhieu cho trong"),
        ("12/CT-TTg", "12/ct-ttg"),
        ("", ""),
    ],
)
def test_search_key(text: str, key: str) -> None:
    """Without case and diacritics, composed or not."""
    assert search_key(text) == key
    assert search_key(unicodedata.normalize("NFD", text)) == key


@given(st.text(max_size=40))
def test_search_key_is_stable(text: str) -> None:
    """The key of a key is itself; forms of the same text agree."""
    key = search_key(text)

    assert search_key(key) == key
    assert search_key(unicodedata.normalize("NFC", text)) == search_key(unicodedata.normalize("NFD", text))


def test_letters_order_before_tones() -> None:
    """The order of the alphabet, then of the tones."""
    words = ["a", "ă", "â", "b", "c", "d", "đ", "e", "ê", "g", "o", "ô", "ơ", "p", "u", "ư", "v", "x", "y"]
    tones = ["ma", "mà", "mả", "mã", "má", "mạ", "mã lực"]

    assert sorted([*words[9:], *words[:9]], key=sort_key) == words
    assert sorted([*tones[3:], *tones[:3]], key=sort_key) == tones


def test_provinces_in_their_order() -> None:
    """As an annex lists them."""
    names = [
        "An Giang",
        "Bà Rịa - Vũng Tàu",
        "Bạc Liêu",
        "Bắc Giang",
        "Bắc Ninh",
        "Cà Mau",
        "Cao Bằng",
        "Cần Thơ",
    ]
    names += ["Đà Nẵng", "Đắk Lắk", "Điện Biên", "Đồng Nai", "Hà Nội", "Hải Phòng", "Hòa Bình", "Huế"]

    assert sorted([*names[8:], *names[:8]], key=sort_key) == names


def test_shorter_name_comes_first() -> None:
    """ "Bộ Y tế" before "Bộ Y tế dự phòng"."""
    assert sort_key("Bộ Y tế") < sort_key("Bộ Y tế dự phòng")
    assert sort_key("an") < sort_key("an bình") < sort_key("anh")


@given(VIETNAMESE, VIETNAMESE)
def test_order_does_not_depend_on_form_or_case(first: str, second: str) -> None:
    """Composed, decomposed, capitals: the same keys."""
    assert sort_key(unicodedata.normalize("NFD", first)) == sort_key(first)
    assert sort_key(first.upper()) == sort_key(first)
    if search_key(first) != search_key(second):
        assert sort_key(first) != sort_key(second) or not (
            search_key(first).strip() and search_key(second).strip()
        )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("12/CT-TTg", ["12", "ct", "ttg"]),
        ("71nq", ["71nq"]),
        ("Bộ Y tế, bộ", ["bo", "y", "te"]),
        ("%_*&|!():'\\", []),
        ("", []),
        ("a " * 50 + "b", ["a", "b"]),
    ],
)
def test_the_words_of_a_question(question: str, words: list[str]) -> None:
    """Signs part words and mean nothing themselves; a word counts once."""
    assert query_words(question) == words


@given(st.text(max_size=60))
def test_no_question_writes_a_query_of_its_own(question: str) -> None:
    """What reaches PostgreSQL is made of letters and figures, whatever was typed (attack cases 22, 38)."""
    for word in query_words(question):
        query = word_query(word)
        assert all(c.isalnum() or c in ":*&| " for c in query)
        assert query.startswith(f"{word}:*")


@pytest.mark.parametrize(
    ("text", "asked", "marked"),
    [
        ("Bộ Y tế và bộ máy", "bo y te", ["Bộ Y tế", "bộ"]),
        ("Số 71/NQ-CP", "71nq", ["71/NQ"]),
        ("không có gì", "bo", []),
        ("rộng, bộ", "ong bo", ["bộ"]),
        ("Đôn đốc", "DON", ["Đôn"]),
        ("ẾỄ <b>", "ee", ["ẾỄ"]),
    ],
)
def test_the_words_found_are_where_words_begin(text: str, asked: str, marked: list[str]) -> None:
    """Whole words and beginnings of words, side by side as one; also where the text is decomposed."""
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, text)
        found = [
            unicodedata.normalize("NFC", written[start:end])
            for start, end in found_spans(written, query_words(asked))
        ]
        assert found == marked or (asked == "71nq" and found == ["71", "NQ"])


@given(st.text(max_size=80), st.text(max_size=20))
def test_spans_are_in_order_within_the_text(text: str, asked: str) -> None:
    """None empty, none overlapping, none beyond the end; and what is cut out of a text is not much longer."""
    words = query_words(asked)
    ends = 0
    for start, end in found_spans(text, words):
        assert ends <= start < end <= len(text)
        ends = end
    assert len(excerpt(text * 9, words, 60)) <= 65
