"""Keys to search and order Vietnamese text by, computed here so that every database can serve them."""

from __future__ import annotations

import re
import unicodedata

_BLANKS = re.compile(r"\s+")
_STROKED = str.maketrans({"đ": "d", "Đ": "d", "ð": "d", "Ð": "d"})
_MODIFIERS = {"\u0306": "1", "\u0302": "2", "\u031b": "3"}
_TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}


def search_key(text: str) -> str:
    """The text without case, diacritics or doubled blanks; composed and decomposed input give the same.

    >>> search_key("Bộ  Y tế"), search_key("ĐÔN ĐỐC")
    ('bo y te', 'don doc')
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_STROKED).lower())
    plain = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    return _BLANKS.sub(" ", plain).strip()


def word_key(text: str) -> str:
    """The words of the search key alone, as full text is kept: a parser would take "12/ct-ttg" for one path.

    >>> word_key("12/CT-TTg, Bộ Y tế")
    '12 ct ttg bo y te'
    """
    return " ".join("".join(c if c.isalnum() else " " for c in search_key(text)).split())


def sort_key(text: str) -> str:
    """A key whose byte order is the Vietnamese order: letters (a ă â … d đ …), tones only to break ties.

    Tones go level, falling, asking, tumbling, rising, heavy (ngang, huyền, hỏi, ngã, sắc, nặng).

    >>> sorted(["Đà Nẵng", "Dương", "An", "Ân", "Ăn", "má", "mà", "ma"], key=sort_key)
    ['An', 'Ăn', 'Ân', 'Dương', 'Đà Nẵng', 'ma', 'mà', 'má']
    """
    letters: list[str] = []
    tones: list[str] = []
    for mark in unicodedata.normalize("NFKD", text.casefold()):
        if mark in _TONES and tones:
            tones[-1] = _TONES[mark]
        elif mark in _MODIFIERS and letters:
            letters[-1] = letters[-1][0] + _MODIFIERS[mark]
        elif unicodedata.combining(mark):
            continue
        elif mark == "đ":
            letters.append("d1")
            tones.append("0")
        elif mark.isalnum():
            letters.append(mark + "0")
            tones.append("0")
        elif letters and letters[-1] != "!":
            # A gap orders before every letter and digit; the blank that ends the letters orders before a gap.
            letters.append("!")
            tones.append("0")
    while letters and letters[-1] == "!":
        letters.pop()
        tones.pop()
    return "".join(letters) + " " + "".join(tones)
