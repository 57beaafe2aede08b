"""The document that gave a task, as a table cites it: number, kind, date, and where the rest is known from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from tracker.domain.errors import Problem
from tracker.domain.search import search_key
from tracker.intake.days import read_date

# Cyrillic letters that look Latin slip into numbers typed on foreign keyboards.
_LOOKALIKES = str.maketrans("АВЕКМНОРСТХасеорх", "ABEKMHOPCTXaceopx")
_NUMBER = re.compile(r"\d[\d.]*(?:-[^\W\d_]+)?(?:/[\w.\-]+)+")
_DATE = re.compile(
    r"ngày\s+(\d{1,2}\s+tháng\s+\d{1,2}\s+năm\s+\d{4}|\d{1,2}\s*[/.\-]\s*\d{1,2}\s*[/.\-]\s*\d{2,4}|\d{4}-\d{1,2}-\d{1,2})",
    re.IGNORECASE,
)
_KIND_WORDS = (
    ("nghi quyet", "resolution"),
    ("quyet dinh", "decision"),
    ("chi thi", "directive"),
    ("cong dien", "dispatch"),
    ("thong bao", "conclusion"),
    ("ket luan", "conclusion"),
    ("cong van", "letter"),
)
_KIND_SYMBOLS = {
    "NQ": "resolution",
    "QĐ": "decision",
    "CT": "directive",
    "CĐ": "dispatch",
    "TB": "conclusion",
    "KL": "conclusion",
    "KH": "other",
    "NĐ": "other",
}
_ISSUERS = (("-TTg", "Thủ tướng Chính phủ"), ("-CP", "Chính phủ"), ("VPCP", "Văn phòng Chính phủ"))


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document whose date and issuer are on record, so that a table need not repeat them."""

    number: str
    kind: str
    issued_on: date
    issuer: str
    abstract: str
    aliases: tuple[str, ...] = ()
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation as understood; what the text does not say is None or empty."""

    number: str
    kind: str = "other"
    issued_on: date | None = None
    issuer: str = ""
    abstract: str = ""


def number_key(number: str) -> str:
    """What two spellings of one number have in common.

    >>> number_key(" 17 / NQ-СР ") == number_key("17/NQ-CP")
    True
    """
    return re.sub(r"\s+", "", number.translate(_LOOKALIKES)).casefold()


def register(documents: Iterable[KnownDocument]) -> dict[str, KnownDocument]:
    """Documents by number and by every name they go by; a recorded one goes before one only known of."""
    found: dict[str, KnownDocument] = {}
    for document in sorted(documents, key=lambda d: d.is_recorded):
        for name in (document.number, *document.aliases):
            found[number_key(name)] = document
    return found


def read_citation(text: str, known: Mapping[str, KnownDocument], field: str) -> Cited | Problem:
    """The document that `text` cites: "Thông báo số 44-TB/TGV ngày 12/9/2025", "17/NQ-CP", "Kế hoạch 02".

    >>> read_citation("Nghị quyết số 17/NQ-CP ngày 07/3/2019", {}, "/document").issued_on
    datetime.date(2019, 3, 7)
    """
    text = " ".join(text.split())
    issued: date | None = None
    if dated := _DATE.search(text):
        read = read_date(_in_words(dated.group(1)), field)
        if isinstance(read, Problem):
            return read
        issued = read
    found = _NUMBER.search(text.translate(_LOOKALIKES))
    document = known.get(number_key(found.group() if found else text))
    if found is None and document is None:
        return Problem(field, "import_document_number", text[:80], {})
    if document is not None and (issued is None or issued == document.issued_on):
        return Cited(document.number, document.kind, document.issued_on, document.issuer, document.abstract)
    number = found.group().rstrip(".-") if found else document.number if document else text
    issuer = next((name for symbol, name in _ISSUERS if symbol in number), "")
    return Cited(number, _kind(text, number), issued, issuer)


def _in_words(dated: str) -> str:
    return dated if "tháng" not in dated.lower() else f"ngày {dated}"


def _kind(text: str, number: str) -> str:
    folded = search_key(text)
    for words, kind in _KIND_WORDS:
        if folded.startswith(words):
            return kind
    parts = re.split(r"[/\-.]", number)
    named = next((_KIND_SYMBOLS[p] for p in parts if p in _KIND_SYMBOLS), None)
    return named or ("letter" if "VPCP" in number else "other")
