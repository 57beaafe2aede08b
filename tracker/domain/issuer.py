"""The office that issues the papers of this installation: what stands in their heads, symbols and signatures.

A sentence of a paper can be one of the office's own, with fields in braces: a field that no paper has, or that this
session leaves empty, is refused by its name before anything is written.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from tracker.domain.errors import Invalid, Problem
from tracker.domain.text import TextInvalid, clean_text, shortened

LONGEST = 120
LONGEST_SENTENCE = 1_000
OPENING_FIELDS = ("day", "place", "chair", "title", "agencies")
CLOSING_FIELDS = ("chair", "title", "agencies")
_SENTENCES = {"notice_opening": (OPENING_FIELDS, ("title",)), "notice_closing": (CLOSING_FIELDS, ())}
_SIGNS = "/\\"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues papers; an empty sentence is the usual one.

    `code` and `parent_code` are the ends of symbols: "TB-TCT" is a notice of the body, "BC-VPCP" a table of its parent.
    """

    parent: str
    body: str
    parent_code: str
    code: str
    city: str
    notice_signer: str
    dossier_signer: str
    notice_opening: str = ""
    notice_closing: str = ""


NEEDED = tuple(f.name for f in fields(Issuer) if f.name not in _SENTENCES)


def check_issuer(given: Issuer) -> Issuer:
    """The office with its texts cleaned. Raises Invalid, naming every field."""
    problems: list[Problem] = []
    cleaned: dict[str, str] = {}
    for name, value in asdict(given).items():
        pointer = f"/{name}"
        if not value.strip():
            cleaned[name] = ""
            if name in NEEDED:
                problems.append(Problem(pointer, "required", value, {}))
            continue
        try:
            most = LONGEST if name in NEEDED else LONGEST_SENTENCE
            cleaned[name] = clean_text(value, pointer, most)
        except TextInvalid as refused:
            problems += refused.problems
            continue
        if name in ("code", "parent_code") and any(c in _SIGNS or c.isspace() for c in cleaned[name]):
            problems.append(Problem(pointer, "issuer_code", value, {}))
        if name in _SENTENCES:
            known, needed = _SENTENCES[name]
            problems += check_sentence(cleaned[name], pointer, known, needed)
    if problems:
        raise Invalid(problems)
    return Issuer(**cleaned)


def fields_of(sentence: str) -> list[str] | None:
    """The names of the fields in braces, in order; None where a brace is not closed or holds more than a name.

    >>> fields_of("Ngày {day}, {chair} kết luận"), fields_of("{day"), fields_of("{day.year}")
    (['day', 'chair'], None, None)
    """
    names = []
    try:
        for _, name, form, conversion in string.Formatter().parse(sentence):
            if name is None:
                continue
            if form or conversion or not name.isidentifier():
                return None
            names.append(name)
    except ValueError:
        return None
    return names


def check_sentence(
    sentence: str, pointer: str, known: tuple[str, ...], needed: tuple[str, ...] = ()
) -> list[Problem]:
    """What is wrong with a sentence of the office's own; each field is named."""
    names = fields_of(sentence)
    if names is None:
        return [Problem(pointer, "issuer_braces", shortened(sentence), {"known": _braced(known)})]
    strange = [name for name in names if name not in known]
    problems = [
        Problem(pointer, "issuer_field_unknown", f"{{{n}}}", {"known": _braced(known)}) for n in strange
    ]
    problems += [Problem(pointer, "issuer_field_missing", f"{{{n}}}", {}) for n in needed if n not in names]
    return problems


def fill(sentence: str, pointer: str, values: Mapping[str, str]) -> str:
    """The sentence with its fields filled in. Raises Invalid, naming each field that is unknown or empty.

    >>> fill("Do {chair} chủ trì.", "/notice_opening", {"chair": "Mai Tiến Dũng"})
    'Do Mai Tiến Dũng chủ trì.'
    """
    problems = check_sentence(sentence, pointer, tuple(values))
    problems += [
        Problem(pointer, "issuer_field_empty", f"{{{name}}}", {})
        for name in dict.fromkeys(fields_of(sentence) or ())
        if name in values and not values[name].strip()
    ]
    if problems:
        raise Invalid(problems)
    return sentence.format_map(values)


def _braced(names: tuple[str, ...]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
