"""Search and order keys of Vietnamese text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.search import search_key, sort_key

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
