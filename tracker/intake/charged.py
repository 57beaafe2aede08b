"""From the agencies a cell names to codes: names, codes, heads, lists, and classes with their members."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tracker.domain.addressees import Addressees, name_key, read_addressees
from tracker.domain.directory import Agency, check_exists
from tracker.domain.errors import Problem

_LIST = re.compile(r"[;,\n]+")


@dataclass(frozen=True, slots=True)
class Group:
    """Members of a class that its words alone do not tell ("địa phương có đảo"), between two days."""

    words: str
    codes: tuple[str, ...]
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether these were the members on `day`."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """Who is charged: `codes` of agencies; `words` when they are the members of a class the text names.

    `by_class` is the text itself where the class must be expanded on another day than today.
    """

    codes: tuple[str, ...] = ()
    words: str = ""
    by_class: str = ""
    problems: tuple[Problem, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is charged."""
        return not self.codes and not self.by_class


class Names:
    """The agencies as one import knows them, on the day of the import."""

    def __init__(self, agencies: Sequence[Agency], groups: Sequence[Group], today: date) -> None:
        self.agencies = agencies
        self.groups = groups
        self.today = today
        self.by_code: Mapping[str, Agency] = {a.code.casefold(): a for a in agencies}
        self._read: dict[str, Addressees] = {}

    def codes_in(self, text: str) -> tuple[str, ...] | None:
        """The agencies of a text that is nothing but codes; else None."""
        parts = [p.strip().casefold() for p in _LIST.split(text) if p.strip()]
        if not parts or not all(p in self.by_code for p in parts):
            return None
        return tuple(dict.fromkeys(self.by_code[p].code for p in parts))

    def read(self, text: str) -> Addressees:
        """What the words of `text` name today; the same words are read once."""
        if text not in self._read:
            self._read[text] = read_addressees(text, self.agencies, self.today)
        return self._read[text]


def charge_leads(text: str, members: str, issued_on: date | None, names: Names, field: str) -> Charge:
    """Who leads. `members` (codes or names) says who belongs to a class that only a person can tell."""
    if members:
        named = charge_leads(members, "", issued_on, names, field)
        return Charge(named.codes, "" if names.codes_in(text) else text, named.by_class, named.problems)
    codes = names.codes_in(text)
    if codes is not None:
        return Charge(codes, problems=_gone(codes, names, field))
    read = names.read(text)
    by_group, still_narrow = _grouped(read, names)
    problems = [*_former(read, names, field)]
    problems += [Problem(field, "import_agency_unknown", text, {"words": words}) for words in read.unknown]
    problems += [Problem(field, "import_class_narrowed", text, {"words": words}) for words in still_narrow]
    found = dict.fromkeys([*(a.code for a in read.members), *by_group])
    if not (read.is_class or by_group):
        return Charge(tuple(found), problems=tuple(problems))
    if read.is_class and not by_group and not _existed(found, issued_on, names):
        return Charge(by_class=text, problems=tuple(problems))
    return Charge(tuple(found), text, problems=tuple(problems))


def charge_helpers(text: str, leads: Charge, issued_on: date | None, names: Names, field: str) -> Charge:
    """Who co-operates. Bodies that no list can name ("các cơ quan liên quan") are left out and told."""
    codes = names.codes_in(text)
    read = names.read(text) if codes is None else Addressees()
    found = codes if codes is not None else tuple(a.code for a in read.members)
    problems = [*_former(read, names, field)]
    if codes is not None:
        problems += _gone(codes, names, field)
    plural = f" {name_key(text)}"
    vague = [words for words in read.unknown if f" cac {words}" in plural or f" nhung {words}" in plural]
    problems += [
        Problem(field, "import_agency_unknown", text, {"words": words})
        for words in read.unknown
        if words not in vague
    ]
    if not read.is_class:
        both = [code for code in found if code in leads.codes and not leads.words]
        by_code = {a.code: a.name for a in names.agencies}
        problems += [
            Problem(field, "lead_also_cooperating", by_code[code], {"agency": by_code[code]}) for code in both
        ]
    kept = tuple(code for code in found if code not in leads.codes and _existed((code,), issued_on, names))
    return Charge(kept, problems=tuple(problems), left_out=(*read.narrowed, *vague))


def _existed(codes: Sequence[str] | Mapping[str, None], on: date | None, names: Names) -> bool:
    """Whether all of them existed when the directive was issued."""
    return on is None or all(names.by_code[code.casefold()].is_valid_on(on) for code in codes)


def _as_written(agency: Agency, names: Names, field: str) -> Problem | None:
    """Why an agency cannot be charged today; people write names into tables, so the name is the value."""
    problem = check_exists(agency, names.agencies, names.today, field)
    return problem and replace(problem, value=agency.name)


def _former(read: Addressees, names: Names, field: str) -> list[Problem]:
    found = (_as_written(agency, names, field) for agency in read.former)
    return [problem for problem in found if problem is not None]


def _gone(codes: Sequence[str], names: Names, field: str) -> tuple[Problem, ...]:
    listed = (names.by_code[code.casefold()] for code in codes)
    found = (_as_written(agency, names, field) for agency in listed)
    return tuple(problem for problem in found if problem is not None)


def _grouped(read: Addressees, names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The members of the narrowed classes that a group tells, and the classes that none does."""
    codes: dict[str, None] = {}
    rest = []
    for words in read.narrowed:
        group = next(
            (g for g in names.groups if name_key(g.words) == words and g.holds_on(names.today)), None
        )
        if group is None:
            rest.append(words)
        else:
            codes.update(dict.fromkeys(group.codes))
    return tuple(codes), tuple(rest)
