"""A phrase made ready for reading: one form for its many spellings, with what was understood crossed out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_LENGTH = 2000
CROSSED = "~"
_LOOKALIKES = str.maketrans(
    "аАвВеЕкКмМнНоОрРсСтТуУхХіІјЈѕЅԁѵΑΒΕΗΙΚΜΝΟΡΤΥΧοι",
    "aABBeEkKMMHHoOpPcCTTyYxXiIjJsSdvABEHIKMNOPTYXoi",
)
_SEPARATORS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
        **dict.fromkeys("⁄∕／", "/"),
        **dict.fromkeys("⏎\u2028\u2029\t\r\n|", " "),
        **dict.fromkeys("“”„\"«»'‘’`", " "),
        "：": ":",
        "…": " ",
    }
)
_INVISIBLE = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ZERO_FOR_O = re.compile(r"(?<=\d)[oO](?=[\d/.\-]|\s|$)|(?<![a-zA-Z])[oO](?=\d[/\s])")
_ONE_FOR_L = re.compile(r"(?<=\d)[lI](?=[\d/])|(?<![\w])[lI](?=\d[/\s.-])")

_ONES = "một|mốt|hai|ba|bốn|tư|năm|lăm|sáu|bảy|bẩy|tám|chín"
_COUNT = rf"(?:(?:{_ONES})\s+mươi(?:\s+(?:{_ONES}))?|mười(?:\s+(?:{_ONES}))?|{_ONES})"
_VALUES = {"một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "tư": 4, "năm": 5, "lăm": 5, "sáu": 6, "bảy": 7}
_VALUES |= {"bẩy": 7, "tám": 8, "chín": 9}
# "sáu tháng", "mười lăm ngày làm việc"; a lone "năm" before "tháng" may be the year, so it is left alone.
_SPELT_AMOUNT = re.compile(
    rf"\b({_COUNT})(?=\s+(?:ngày|tuần|tháng|quý|giờ)\b|\s+năm\s+(?!\d|nay|sau|tới))", re.I
)
_SPELT_MONTH = re.compile(
    r"\btháng\s+(mười\s+(?:một|hai)|mười|một|hai|ba|tư|bốn|sáu|bảy|tám|chín|năm(?=\s+năm\b))(?!\s+(?:mươi|năm\s+một))\b",
    re.I,
)
_OTHER_QUARTER = re.compile(r"\b([qQ])[uU][íÍìÌỉĩị](?!\w)")
_SPELT_QUARTER = re.compile(r"\b(quý|quí)\s+(một|nhất|hai|ba|tư|bốn)\b", re.I)
_REPEATED_AMOUNT = re.compile(rf"(\d)\s*\(\s*(?:{_COUNT})\s*\)", re.I)
_REPEATED_DIGITS = re.compile(rf"\b(?:{_COUNT})\s*\(\s*(\d+)\s*\)", re.I)
_HALVES = (
    (re.compile(r"\bnửa\s+(đầu|cuối)(\s+của)?\s+năm", re.I), r"6 tháng \1 năm"),
    (re.compile(r"\bnửa\s+năm\s+(đầu|cuối)\s+(?:của\s+)?(?=năm|20)", re.I), r"6 tháng \1 "),
    (re.compile(r"\bnửa\s+năm\b", re.I), "6 tháng"),
    (re.compile(r"\bnửa\s+tháng\b(?!\s+(?:đầu|cuối))", re.I), "15 ngày"),
)


@dataclass
class Reading:
    """A phrase in three aligned forms: as cased, in lower case, and plain (no diacritics).

    What has been understood is crossed out in `plain`, so that nothing is read twice.
    """

    cased: str
    shown: str = field(init=False)
    plain: str = field(init=False)
    is_accented: bool = field(init=False)

    def __post_init__(self) -> None:
        self.shown = "".join(mark.lower() if len(mark.lower()) == 1 else mark for mark in self.cased)
        self.plain = "".join(_base(mark) for mark in self.shown)
        self.is_accented = self.plain != self.shown

    def find(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """The places where `pattern` fits what is left, in order; crossing out while looking is allowed."""
        start = 0
        while match := pattern.search(self.plain, start):
            yield match
            start = max(match.end(), start + 1)

    def cross_out(self, start: int, end: int) -> None:
        """Mark a stretch as understood."""
        self.plain = self.plain[:start] + CROSSED * (end - start) + self.plain[end:]

    def take(self, match: re.Match[str]) -> None:
        """Cross out the whole match."""
        self.cross_out(match.start(), match.end())

    def is_word(self, start: int, end: int, *accepted: str) -> bool:
        """Whether the stretch is one of these words; always so in a phrase typed without diacritics."""
        return not self.is_accented or self.shown[start:end] in accepted

    def before(self, start: int, length: int = 48) -> str:
        """What is left just before a place."""
        return self.plain[max(0, start - length) : start]


def read(phrase: str) -> Reading:
    """The phrase, composed and in one spelling: blanks, dashes, look-alikes, spelt-out numbers.

    >>> read("Trước  ngày 30–11").plain
    'truoc ngay 30-11'
    """
    text = unicodedata.normalize("NFKC", phrase[:MAX_LENGTH].translate(_SEPARATORS))
    text = _INVISIBLE.sub("", text.translate(_LOOKALIKES).translate(_SEPARATORS))
    text = unicodedata.normalize("NFC", text)
    text = "".join(mark for mark in text if not unicodedata.combining(mark))
    text = _ONE_FOR_L.sub("1", _ZERO_FOR_O.sub("0", " ".join(text.split())))
    return Reading(_in_digits(text))


def _in_digits(text: str) -> str:
    for pattern, form in _HALVES:
        text = pattern.sub(form, text)
    text = _REPEATED_DIGITS.sub(r"\1", _REPEATED_AMOUNT.sub(r"\1", text))
    text = _OTHER_QUARTER.sub(r"\1uý", text)
    text = _SPELT_MONTH.sub(lambda match: f"tháng {_value(match[1])}", text)
    text = _SPELT_QUARTER.sub(
        lambda match: f"quý {1 if match[2].lower() == 'nhất' else _value(match[2])}", text
    )
    return _SPELT_AMOUNT.sub(_amount_in_digits, text)


def _amount_in_digits(match: re.Match[str]) -> str:
    # "tháng ba ngày", "thứ ba tuần", "năm tháng": the word belongs to what stands before it, or is the year.
    before = match.string[: match.start()].rstrip().lower()
    if before.endswith(("tháng", "thứ", "quý", "quí", "ngày")) or match[1].lower() in ("tư", "mốt", "lăm"):
        return match[0]
    if match[1].lower() == "năm" and not before.endswith(("trong", "vòng", "kỳ", "quá", "hạn", "nhất")):
        return match[0]
    return str(_value(match[1]))


def _value(words: str) -> int:
    """A number below one hundred in words.

    >>> _value("hai mươi lăm"), _value("mười"), _value("bảy")
    (25, 10, 7)
    """
    parts = words.lower().split()
    if parts[0] == "mười":
        return 10 + (_VALUES[parts[1]] if len(parts) > 1 else 0)
    if len(parts) > 1 and parts[1] == "mươi":
        return _VALUES[parts[0]] * 10 + (_VALUES[parts[2]] if len(parts) > 2 else 0)
    return _VALUES[parts[0]]


def _base(mark: str) -> str:
    if mark == "đ":
        return "d"
    return unicodedata.normalize("NFD", mark)[0]
