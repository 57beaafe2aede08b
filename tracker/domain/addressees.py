"""From the words of a directive to the agencies they charge.

Real directives charge whole classes ("các bộ, ngành, địa phương"), lists that share a first word
("các Bộ: Tài chính, Nội vụ"), or name the person for the body ("Bộ trưởng Bộ Y tế").
Names are compared without case, diacritics and spelling variants (hoà/hòa, UBND/Ủy ban nhân dân).
Source: docs/decisions/0010-classes-of-agencies.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from tracker.domain.directory import Agency, AgencyKind

_SPELLED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\buy ban nhan dan\b"), "ubnd"),
    (re.compile(r"\bt\.?\s?p\b\.?(?=\s*\w)"), "thanh pho "),
    (re.compile(r"\btp\b"), "thanh pho"),
    (re.compile(r"\btw\b"), "trung uong"),
    (re.compile(r"\bthuoc cp\b"), "thuoc chinh phu"),
    (re.compile(r"\btct\b"), "tong cong ty"),
    (re.compile(r"[–—−]"), "-"),
    (re.compile(r"\s*-\s*"), " - "),
    (re.compile(r"\s+"), " "),
)


def _fold(text: str) -> str:
    """Lower case without diacritics, đ as d; length and order of words kept."""
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def name_key(text: str) -> str:
    """What two spellings of one agency's name have in common.

    >>> name_key("Uỷ ban nhân dân TP. Hồ Chí  Minh")
    'ubnd thanh pho ho chi minh'
    """
    folded = _fold(text)
    for pattern, plain in _SPELLED:
        folded = pattern.sub(plain, folded)
    return folded.strip(" \t\n.,;:")


_PROVINCE_PREFIX = re.compile(r"^(?:ubnd )?(?:tinh |thanh pho )?")
_MINISTRIES = frozenset({AgencyKind.MINISTRY})
_MINISTERIAL = frozenset({AgencyKind.MINISTERIAL})
_GOVERNMENT = frozenset({AgencyKind.GOVERNMENT_AGENCY})
_CENTRAL = frozenset({AgencyKind.MINISTRY, AgencyKind.MINISTERIAL, AgencyKind.GOVERNMENT_AGENCY})
_BRANCHES = frozenset({AgencyKind.MINISTERIAL, AgencyKind.GOVERNMENT_AGENCY})
_PROVINCES = frozenset({AgencyKind.PROVINCE})
_CORPORATIONS = frozenset({AgencyKind.CORPORATION})
_PARTY = frozenset({AgencyKind.PARTY})

_Narrowing = Literal["cities", "not_cities"]

# A word that is a class only when nothing narrower follows it: "bộ" in "các bộ, ngành", not in "Bộ Y tế".
_ALONE = r"(?= ?(?:[,;:/]|va |$|co lien quan|lien quan|khac))"
_TWS = r"(?: truc thuoc trung uong)?"

# Words that stand for a class, longest first, on folded text; "các" and titles are already taken off.
# "cơ quan" alone is read like "ngành", as in "các bộ, cơ quan".
_CLASS_WORDS: tuple[tuple[str, frozenset[AgencyKind], _Narrowing | None], ...] = (
    (r"(?:\d+ )?(?:ubnd )?(?:cac |\d+ )?tinh(?: ?[,/] ?| va | )(?:cac )?thanh pho" + _TWS, _PROVINCES, None),
    (r"(?:ubnd )?(?:cac )?thanh pho(?: ?[,/] ?| va )(?:cac )?tinh" + _TWS, _PROVINCES, None),
    (r"(?:ubnd )?(?:cac |\d+ )?thanh pho truc thuoc trung uong", _PROVINCES, "cities"),
    (r"(?:ubnd )?(?:cac )?thanh pho(?= ?(?:[,;:]|$))", _PROVINCES, "cities"),
    (r"(?:ubnd )?(?:cac )?tinh(?= ?(?:[,;:]|va |$))", _PROVINCES, "not_cities"),
    (r"(?:ubnd )?(?:cac )?dia phuong", _PROVINCES, None),
    (r"ubnd cap tinh", _PROVINCES, None),
    (r"co quan ngang bo", _MINISTERIAL, None),
    (r"co quan(?: truc)? thuoc chinh phu", _GOVERNMENT, None),
    (r"(?:bo )?ban nganh", _BRANCHES, None),
    (r"bo nganh(?: trung uong)?", _CENTRAL, None),
    (r"bo,? co quan(?: o)? trung uong", _CENTRAL, None),
    (r"co quan(?: khac)?(?: o)? trung uong", _CENTRAL, None),
    (r"co quan dang", _PARTY, None),
    (r"bo(?: truong)?" + _ALONE, _MINISTRIES, None),
    (r"nganh(?: trung uong)?" + _ALONE, _BRANCHES, None),
    (r"co quan" + _ALONE, _BRANCHES, None),
    (r"tap doan(?: kinh te)?(?: nha nuoc)?(?= tong cong ty)", _CORPORATIONS, None),
    (r"tap doan(?: kinh te)?(?: nha nuoc)?" + _ALONE, _CORPORATIONS, None),
    (r"tong cong ty(?: nha nuoc)?" + _ALONE, _CORPORATIONS, None),
    (r"doanh nghiep nha nuoc", _CORPORATIONS, None),
)
_CLASSES = tuple(
    (re.compile(words + r"(?!\w)"), kinds, narrowing) for words, kinds, narrowing in _CLASS_WORDS
)
_PROVINCES_OF = re.compile(r"(?:ubnd )?(?:cac )?(?:tinh|thanh pho)(?= )")
_SEPARATOR = re.compile(r"[\s,;:/.\n]+|-(?=\s)|(?:va|cung voi|dong thoi|hoac)\b")
_TITLES = re.compile(
    r"(?:chu tich kiem tong giam doc|chu tich (?:hoi dong thanh vien|hdtv|hoi dong quan tri)|chu tich|"
    r"(?:cac )?dong chi|lanh dao|nguoi dung dau|thu truong|tong giam doc|tong bien tap|giam doc|thong doc|"
    r"tong(?= thanh tra)|bo truong(?=,? (?:bo|cac bo|chu nhiem)\b),?|chu nhiem|vien truong|chanh an|chanh)"
    r"(?=[\s,:])\s*"
)
_PLURAL = re.compile(r"(?:tat ca )?(?:cac|nhung|moi)\s+")
_CHUNK_END = re.compile(r"[,;:\n]|\bva\b")
_VAGUE = re.compile(
    r"co quan, (?:don vi|to chuc|doanh nghiep)|(?:don vi|to chuc|doanh nghiep)(?= co lien| lien)"
)
_HARMLESS_TAIL = re.compile(r"(?: khac| chu tri| phoi hop| con lai| thuc hien)+$")


@dataclass(frozen=True, slots=True)
class Addressees:
    """What the words of a directive name on a day.

    `narrowed` holds class words with a limit only a person can apply ("các địa phương có đảo", "liên quan"):
    they are not expanded. `former` agencies no longer (or not yet) exist that day. `unknown` is the rest.
    """

    members: tuple[Agency, ...] = ()
    classes: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    former: tuple[Agency, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def is_class(self) -> bool:
        """Whether at least one class word was expanded."""
        return bool(self.classes)


class _Names:
    """The names of all agencies by key, for one day; a former agency never hides one that exists."""

    def __init__(self, agencies: Sequence[Agency], on: date) -> None:
        self.by_key: dict[str, Agency] = {}
        self.bare_provinces: dict[str, Agency] = {}
        ordered = [a for a in agencies if not a.is_valid_on(on)] + [a for a in agencies if a.is_valid_on(on)]
        for agency in ordered:
            for name in (*agency.aliases, agency.name):
                key = name_key(name)
                if not key:
                    continue
                self.by_key[key] = agency
                if agency.kind is AgencyKind.PROVINCE:
                    bare = _PROVINCE_PREFIX.sub("", key)
                    self.bare_provinces[bare] = agency
                    for form in ("ubnd tinh ", "ubnd thanh pho ", "tinh ", "thanh pho "):
                        self.by_key.setdefault(form + bare, agency)
                        if agency.is_valid_on(on):
                            self.by_key[form + bare] = agency
        self.keys = _Beginnings((key, key) for key in self.by_key)
        self.bare_keys = _Beginnings((key, key) for key in self.bare_provinces)
        self.ministries = _Beginnings(
            (key.removeprefix("bo "), key) for key in self.by_key if key.startswith("bo ")
        )

    def at(self, text: str, start: int, inherited: str) -> tuple[Agency, int] | None:
        """The longest name beginning at `start`, and its end; `inherited` is a prefix said once before."""
        for key, end in self.keys.at(text, start):
            return self.by_key[key], end
        for key, end in self.bare_keys.at(text, start):
            alone = text[end : _chunk_end(text, end)].strip() == ""
            if alone or inherited == "ubnd ":
                return self.bare_provinces[key], end
        if inherited == "bo ":
            for key, end in self.ministries.at(text, start):
                return self.by_key[key], end
        return None


class _Beginnings:
    """Names found by where they begin, so that a long text of no names is read as fast as one of names."""

    _LETTERS = 2

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._by_letters: dict[str, list[tuple[str, str]]] = {}
        for said, key in sorted(names, key=lambda name: len(name[1]), reverse=True):
            self._by_letters.setdefault(said[: self._LETTERS], []).append((said, key))

    def at(self, text: str, start: int) -> Iterator[tuple[str, int]]:
        """The keys of the names that stand at `start` as whole words, with their ends, the longest first."""
        for letters in range(self._LETTERS, -1, -1):
            for said, key in self._by_letters.get(text[start : start + letters], ()):
                end = start + len(said)
                if text.startswith(said, start) and _ends_word(text, end):
                    yield key, end


@lru_cache(maxsize=16)
def _names(agencies: tuple[Agency, ...], on: date) -> _Names:
    return _Names(agencies, on)


def _ends_word(text: str, position: int) -> bool:
    return position >= len(text) or not text[position].isalnum()


def read_addressees(phrase: str, agencies: Sequence[Agency], on: date) -> Addressees:
    """The agencies that `phrase` charges on the day `on`: names, lists of names, titles, and whole classes.

    Nothing is guessed: what is not understood comes back in `unknown`, in the folded spelling.
    Members come in the order of `agencies`, each once.
    """
    names = _names(tuple(agencies), on)
    text = name_key(phrase.replace("\n", " ; "))
    named: set[int] = set()
    former: dict[int, Agency] = {}
    classes: list[tuple[str, frozenset[int]]] = []
    chain = 0  # where the run of classes under one "các" began: "liên quan" at its end narrows all of it
    narrowed: list[str] = []
    unknown: list[str] = []
    position, inherited = 0, ""
    while position < len(text):
        if gap := _SEPARATOR.match(text, position):
            position = gap.end()
            continue
        if found := names.at(text, position, inherited):
            agency, position = found
            chain = len(classes)
            if agency.is_valid_on(on):
                named.add(agency.id)
            else:
                former[agency.id] = agency
            continue
        if plural := _PLURAL.match(text, position):
            position, chain = plural.end(), len(classes)
            if text.startswith("bo ", position) and names.at(text, position, ""):
                inherited = "bo "  # "các Bộ Tài chính, Nội vụ"
            continue
        provinces = _PROVINCES_OF.match(text, position)
        if provinces and (listed := _begins_list(text, provinces.end(), names, "ubnd ")):
            inherited, position = "ubnd ", listed  # "UBND các tỉnh Đắk Lắk, Khánh Hòa"
            continue
        if title := _TITLES.match(text, position):
            position = title.end()
            continue
        end = _chunk_end(text, position)
        if vague := _VAGUE.match(text, position):
            end = _chunk_end(text, vague.end())
            narrowed.append(text[position:end].strip())
            position = end
            continue
        hit = next(((m, k, n) for p, k, n in _CLASSES if (m := p.match(text, position))), None)
        if hit is None:
            unknown.append(text[position:end].strip())
            position = end
            continue
        match, kinds, narrowing = hit
        prefix = "ubnd " if kinds == _PROVINCES else "bo "
        if listed := _begins_list(text, match.end(), names, prefix):
            inherited, position = prefix, listed
            continue
        position = _chunk_end(text, match.end())
        tail = _HARMLESS_TAIL.sub("", text[match.end() : position].rstrip()).strip()
        if tail:
            if tail.endswith("lien quan"):
                narrowed.extend(word for word, _ in classes[chain:])
                del classes[chain:]
            narrowed.append(text[match.start() : position].strip())
            continue
        members = frozenset(
            a.id
            for a in agencies
            if a.kind in kinds
            and a.is_valid_on(on)
            and (narrowing is None or _is_central_city(a) == (narrowing == "cities"))
        )
        classes.append((match.group().strip(), members))
    named.update(*(ids for _, ids in classes))
    return Addressees(
        members=tuple(a for a in agencies if a.id in named),
        classes=tuple(word for word, _ in classes),
        narrowed=tuple(narrowed),
        former=tuple(former.values()),
        unknown=tuple(unknown),
    )


def _is_central_city(province: Agency) -> bool:
    """Whether it is a city directly under the central government; its name says so ("UBND thành phố …")."""
    return name_key(province.name).startswith(("ubnd thanh pho", "thanh pho"))


def _chunk_end(text: str, position: int) -> int:
    end = _CHUNK_END.search(text, position)
    return end.start() if end else len(text)


def _begins_list(text: str, position: int, names: _Names, prefix: str) -> int | None:
    """Where a list starts that the class words only introduce ("các Bộ: Tài chính, Nội vụ"), else None."""
    after = re.compile(r"\s*:?\s*").match(text, position)
    start = after.end() if after else position
    if start > position and start < len(text) and names.at(text, start, prefix):
        return start
    return None


def expand_class(phrase: str, agencies: Sequence[Agency], on: date) -> tuple[Agency, ...]:
    """The members, existing on `on`, of the class that `phrase` names; empty when it names none.

    >>> health = Agency(1, "G18", "Bộ Y tế", AgencyKind.MINISTRY)
    >>> bank = Agency(2, "G19", "Ngân hàng Nhà nước Việt Nam", AgencyKind.MINISTERIAL)
    >>> [a.code for a in expand_class("các bộ, cơ quan ngang bộ", (health, bank), date(2025, 11, 24))]
    ['G18', 'G19']
    >>> expand_class("Bộ Y tế", (health, bank), date(2025, 11, 24))
    ()
    """
    read = read_addressees(phrase, agencies, on)
    return read.members if read.is_class else ()


def find_agency(name: str, agencies: Sequence[Agency], on: date) -> Agency | None:
    """The one agency that `name` (or the title of its head) means on `on`; None when unknown or several.

    >>> health = Agency(1, "G18", "Bộ Y tế", AgencyKind.MINISTRY)
    >>> find_agency("Bộ trưởng Bộ Y tế", (health,), date(2025, 11, 24)).code
    'G18'
    """
    read = read_addressees(name, agencies, on)
    if read.is_class or read.unknown or read.narrowed:
        return None
    candidates = (*read.members, *read.former)
    return candidates[0] if len(candidates) == 1 else None
