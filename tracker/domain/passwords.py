"""Which passwords are taken: long enough, not among the well-known ones, without the words of this place.

No rule asks for kinds of characters, and none makes a password run out: both make worse passwords.
Source: OWASP ASVS 5.0 6.2.1 to 6.2.12; docs/sign-in.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product

from tracker.domain.errors import Problem
from tracker.domain.search import search_key
from tracker.domain.text import endless_marks

SHORTEST = 12
LONGEST = 1024
PLACE_WORDS = ("dondoc", "chinhphu", "thutuong", "vanphongchinhphu", "vpcp")
"""Words that everybody who attacks this service tries first, with and without anything around them."""

SHORTEST_STRETCH = 6
SHORTEST_CODE = 3
SHORTEST_NAME = 4
# Digits and signs that stand for letters.
_DISGUISE = str.maketrans("@4031!57$8", "aaoeiistsb")
_LETTERS = re.compile(r"[^a-z]+")
_BEFORE = re.compile(r"^[^a-z]+")
_AROUND = re.compile(r"^[^a-z]+|[^a-z]+$")


@dataclass(frozen=True, slots=True)
class CommonPasswords:
    """The shipped list, without case and tones: words, and what is common as it stands.

    Digits and signs around a word never save it, so only endings of letters are spelt out.
    """

    words: frozenset[str]
    whole: frozenset[str]

    @classmethod
    def of(
        cls,
        words: Iterable[str] = (),
        endings: Iterable[str] = (),
        whole: Iterable[str] = (),
        rows: Iterable[str] = (),
    ) -> CommonPasswords:
        """The list that these make; every stretch of a row, such as those of the keyboard, counts both ways.

        >>> sorted(CommonPasswords.of(["Hà Nội"], ["vn"], rows=["asdfghj"]).whole)[:4]
        ['asdfgh', 'asdfghj', 'hanoi', 'hanoivn']
        """
        stems = frozenset(_bare(word) for word in words)
        made = {stem + ending.lower() for stem, ending in product(stems, ["", *endings])}
        made |= {_bare(entry) for entry in whole}
        for row in rows:
            for way in (row, row[::-1]):
                ends = combinations(range(len(way) + 1), 2)
                made |= {way[start:end] for start, end in ends if end - start >= SHORTEST_STRETCH}
        return cls(stems, frozenset(made))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose password it is: their name, address and agency are what others try."""

    name: str = ""
    email: str = ""
    agency_code: str = ""


def composed(password: str) -> str:
    """The password as it is counted and hashed: some keyboards send Vietnamese letters in parts.

    Nothing is trimmed and nothing is cut off.

    >>> len(composed("e\\u0302\\u0301"))
    1
    """
    return password if endless_marks(password) is not None else unicodedata.normalize("NFC", password)


def check_password(
    password: str, common: CommonPasswords, owner: Owner, field: str = "/password"
) -> Problem | None:
    """What is wrong with a new password, without the password itself; None when it is taken.

    The length counts characters after composing, both ends inclusive.

    >>> check_password("ngày mai trời nắng", CommonPasswords.of(), Owner()) is None
    True
    """
    password = composed(password)
    if len(password) < SHORTEST:
        return Problem(field, "password_short", None, {"least": SHORTEST, "length": len(password)})
    if len(password) > LONGEST:
        return Problem(field, "password_long", None, {"most": LONGEST, "length": len(password)})
    if is_common(password, common):
        return Problem(field, "password_common")
    word = _context_word(password, owner)
    if word is not None:
        return Problem(field, "password_context", None, {"word": word})
    return None


def is_common(password: str, common: CommonPasswords) -> bool:
    """Whether somebody who tries the well-known ones would come to it soon.

    >>> known = CommonPasswords.of(["password"], rows=["qwertyuiop[]"])
    >>> [is_common(p, known) for p in ("PassWord2026!!", "p@ssw0rd!!!!", "abcabcabcabc", "qwertyuiop[]")]
    [True, True, True, True]
    """
    bare = _bare(password)
    core = _AROUND.sub("", bare)
    forms = {bare, bare.translate(_DISGUISE), core, core.translate(_DISGUISE)}
    return (
        not common.whole.isdisjoint(forms)
        or any(_is_word_with_ending(form, common.words) for form in forms | {_BEFORE.sub("", bare)})
        or _is_repeated(bare, common)
    )


def _is_word_with_ending(form: str, words: frozenset[str]) -> bool:
    """A listed word with signs and digits behind it, of which there may be any number."""
    for end in range(len(form), 0, -1):
        if form[:end] in words:
            return True
        if form[end - 1].isalpha():
            return False
    return False


def _bare(text: str) -> str:
    """Without case, tones and blanks: what is left of the ways to write a word."""
    return search_key(text).replace(" ", "")


def _is_repeated(bare: str, common: CommonPasswords) -> bool:
    """One unit again and again: up to four characters, or a well-known word."""
    unit = bare[: (bare + bare).find(bare, 1)] if bare else ""
    return len(unit) <= 4 or (len(unit) < len(bare) and unit in common.whole)


def _context_word(password: str, owner: Owner) -> str | None:
    """The first word of this place or of the person that stands in the password."""
    plain = _LETTERS.sub("", _bare(password))
    disguised = _LETTERS.sub("", _bare(password).translate(_DISGUISE))
    return next((w for w in context_words(owner) if w in plain or w in disguised), None)


def context_words(owner: Owner) -> tuple[str, ...]:
    """The words that may not stand in this person's password, longest first.

    Short parts of names are left out: they are syllables of many a good sentence.

    >>> context_words(Owner("Nguyễn Thị Minh Hà", "minhha@moh.gov.vn", "BYT"))[:3]
    ('vanphongchinhphu', 'nguyenthiminhha', 'chinhphu')
    """
    local, _, domain = owner.email.lower().partition("@")
    names = [*owner.name.split(), owner.name, *re.split(r"[^\w]+", local), local, *domain.split(".")[:-1]]
    parts = {_LETTERS.sub("", _bare(part)) for part in names}
    code = _LETTERS.sub("", _bare(owner.agency_code))
    words = {part for part in parts if len(part) >= SHORTEST_NAME} | set(PLACE_WORDS)
    if len(code) >= SHORTEST_CODE:
        words.add(code)
    return tuple(sorted(words, key=lambda word: (-len(word), word)))
