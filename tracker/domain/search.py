"""Keys to search and order Vietnamese text by, computed here so that every database can serve them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

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


MOST_WORDS = 12
_RUN = re.compile(r"[0-9]+|[^0-9]+")


def query_words(text: str) -> list[str]:
    """The words that somebody looks for, each once, in the form that texts are kept in.

    >>> query_words("12/CT-TTg  Bộ Y tế Y")
    ['12', 'ct', 'ttg', 'bo', 'y', 'te']
    """
    return list(dict.fromkeys(word_key(text[:500]).split()))[:MOST_WORDS]


def word_runs(word: str) -> list[str]:
    """The figures and the letters of a word apart, as a number is often typed without its stroke.

    >>> word_runs("71nq"), word_runs("y")
    (['71', 'nq'], ['y'])
    """
    return _RUN.findall(word)


def word_query(word: str) -> str:
    """A tsquery for text with a word that begins so, or with its figures and its letters as words of their own.

    >>> word_query("te"), word_query("71nq")
    ('te:*', '71nq:* | 71:* & nq:*')
    """
    runs = word_runs(word)
    if len(runs) < 2:
        return f"{word}:*"
    return f"{word}:* | " + " & ".join(f"{run}:*" for run in runs)


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    """One character in the form of `word_key`: nothing for a mark on the letter before, a blank between words."""
    if unicodedata.combining(character):
        return ""
    return "".join(mark if mark.isalnum() else " " for mark in search_key(character) or " ")


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as words in the form of `word_key`, and of each of its characters the place in `text`."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for mark in _fold(character):
            folded.append(mark)
            places.append(place)
    return "".join(folded), places


def found_spans(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Where words of `text` begin with one of `words`: half-open spans in order; words side by side are one.

    >>> found_spans("Bộ Y tế báo cáo", ["bo", "te"]), found_spans("Bộ Y tế", ["bo", "y", "te"])
    ([(0, 2), (5, 7)], [(0, 7)])
    """
    folded, places = _folded(text)
    parts = {run for word in words for run in (word, *word_runs(word)) if run}
    if not parts:
        return []
    # The longest first, so that it is marked whole.
    pattern = "|".join(re.escape(part) for part in sorted(parts, key=len, reverse=True))
    spans: list[tuple[int, int]] = []
    for match in re.finditer(rf"(?<![^ ])(?:{pattern})", folded):
        start, end = places[match.start()], places[match.end() - 1] + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        if spans and start <= spans[-1][1] + 1 and not text[spans[-1][1] : start].strip():
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def excerpt(text: str, words: Iterable[str], length: int = 200) -> str:
    """About `length` characters of `text` around the first of `words`; "…" stands for what is left out.

    >>> excerpt("Một hai ba bốn năm sáu bảy tám", ["sau"], 16)
    '… năm sáu bảy tám'
    """
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    spans = found_spans(line, words)
    start = max(0, (spans[0][0] if spans else 0) - length // 2)
    if start:
        start = line.find(" ", start) + 1
    end = start + length
    if end >= len(line):
        return f"… {line[start:]}"
    end = line.rfind(" ", start, end) if " " in line[start:end] else end
    return ("… " if start else "") + line[start:end] + "…"


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
