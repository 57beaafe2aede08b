"""What the address of a list says: its conditions, its order, its columns, how many rows a page holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self
from urllib.parse import parse_qsl, urlencode

from tracker.db.assignments import Assignment
from tracker.db.reads_web import After, WorkFilter
from tracker.web.forms import Form
from tracker.web.standing import STATUS_WORDS

CONDITIONS = (
    "tu",
    "co-quan",
    "tinh-trang",
    "van-ban",
    "nguon",
    "vai-tro",
    "nguoi-theo-doi",
    "cua",
    "tu-ngay",
    "den-ngay",
    "tre-tu",
)
"""The keys of an address that narrow a list, in the order in which pages name them."""
LOOKS = ("xep", "cot", "so-dong")
"""The keys that only change how a list looks."""
MINE = "toi"
MOST_TICKED = 500
PAGE_SIZES = (25, 50, 100, 200)

_FILTER_OF = {word: name for name, word in STATUS_WORDS.items()}
_PART_OF = {"chu-tri": "lead", "phoi-hop": "cooperating"}
PART_WORDS = {name: word for word, name in _PART_OF.items()}
_ID = re.compile(r"[1-9][0-9]{0,17}")
_DAYS = re.compile(r"[0-9]{1,4}")


def status_of(word: str) -> str | None:
    """The status filter behind the word in an address.

    >>> status_of("qua-han"), status_of("x")
    ('overdue', None)
    """
    return _FILTER_OF.get(word)


def read_filter(query: Mapping[str, str], known_agencies: Collection[str]) -> tuple[Form, WorkFilter]:
    """The conditions of an address; what cannot be meant is noted in the form, which holds them as typed."""
    form = Form(
        {"tinh-trang": STATUS_WORDS["open"], **{key: query[key] for key in CONDITIONS if key in query}}
    )
    status = _FILTER_OF.get(form.text("tinh-trang"))
    if status is None:
        form.refuse("tinh-trang", "form_bad_choice")
    part = _PART_OF.get(form.text("vai-tro"), "")
    if form.text("vai-tro") and not part:
        form.refuse("vai-tro", "form_bad_choice")
    officer = form.text("nguoi-theo-doi")
    if officer and not _ID.fullmatch(officer):
        form.refuse("nguoi-theo-doi", "form_bad_choice")
    if form.text("cua") not in ("", MINE):
        form.refuse("cua", "form_bad_choice")
    late_by = form.text("tre-tu")
    if late_by and not (late_by.isascii() and _DAYS.fullmatch(late_by)):
        form.refuse("tre-tu", "list_bad_days", value=late_by[:40])
    due_from, due_to = form.date("tu-ngay"), form.date("den-ngay")
    if due_from is not None and due_to is not None and due_from > due_to:
        form.refuse("tu-ngay", "span_reversed", **{"from": due_from, "to": due_to})
    agency_code = form.text("co-quan")
    if agency_code and agency_code not in known_agencies:
        form.refuse("co-quan", "agency_unknown")
    if form.problems:
        return form, WorkFilter()
    return form, WorkFilter(
        status=status or "open",
        agency_code=agency_code,
        directive=form.text("van-ban")[:60],
        words=form.text("tu")[:200],
        due_from=due_from,
        due_to=due_to,
        issuer=form.text("nguon")[:300],
        part=part,
        late_by=int(late_by or 0),
        officer_id=int(officer) if officer else None,
        is_mine=form.text("cua") == MINE,
    )


def read_ticked(given: Sequence[str]) -> tuple[int, ...]:
    """The ids of ticked rows, each once; what is no id is left out.

    >>> read_ticked(["12", "x", "12", "7"])
    (12, 7)
    """
    return tuple(dict.fromkeys(int(one) for one in given if one.isascii() and _ID.fullmatch(one)))[
        :MOST_TICKED
    ]


# -- how a list looks ------------------------------------------------------------------------------------------

ORDER_OF = {"han": "due", "tre": "late", "co-quan": "agency", "bao-cao": "report"}
"""How an address names an order; "-" before it turns it round."""
_FIRST_DIRECTION = {"tre": "-tre", "bao-cao": "-bao-cao"}

COLUMNS = ("co-quan", "van-ban", "theo-doi", "han", "han-goc", "tre", "bao-cao", "san-pham")
"""The columns one may choose, in their order; the name, the status and the action are always there."""
USUAL = ("co-quan", "van-ban", "han", "bao-cao")


@dataclass(frozen=True)
class Look:
    """Order, columns and size of a page. `order` is one of reads_web.ORDERS."""

    word: str = "han"
    columns: tuple[str, ...] = USUAL
    size: int = 50

    @classmethod
    def read(cls, query: Mapping[str, str], chosen: Sequence[str], usual: tuple[str, ...], size: int) -> Self:
        """From an address; what is unknown is as usual. `chosen` are the values of `cot`, one or many."""
        word = query.get("xep", "")
        named = {name for value in chosen for name in value.split(".")}
        columns = tuple(name for name in COLUMNS if name in named)
        asked = query.get("so-dong", "")
        known = word.removeprefix("-") in ORDER_OF and len(word) - len(word.removeprefix("-")) < 2
        return cls(
            word if known else "han",
            columns if named and (columns or "khong" in named) else usual,
            int(asked) if asked in map(str, PAGE_SIZES) else size,
        )

    @property
    def order(self) -> str:
        """The order as reads_web knows it."""
        return ORDER_OF[self.word.removeprefix("-")]

    @property
    def descending(self) -> bool:
        """Whether the order is turned round."""
        return self.word.startswith("-")

    def toggled(self, word: str) -> str:
        """What a click on a column's head asks for: this order, or the same turned round.

        >>> Look("han").toggled("han"), Look("-han").toggled("han"), Look("han").toggled("tre")
        ('-han', 'han', '-tre')
        """
        if self.word.removeprefix("-") != word:
            return _FIRST_DIRECTION.get(word, word)
        return word if self.descending else "-" + word

    def sort_state(self, word: str) -> str:
        """The value of `aria-sort` of a column.

        >>> Look("-tre").sort_state("tre"), Look("-tre").sort_state("han")
        ('descending', 'none')
        """
        if self.word.removeprefix("-") != word:
            return "none"
        return "descending" if self.descending else "ascending"


_AFTER = re.compile(
    r"(?:(?P<due>[0-9]{4}-[0-9]{2}-[0-9]{2}|0)\.)?(?:(?P<number>-?[0-9]{1,16})n\.)?(?P<id>[1-9][0-9]{0,17})"
    r"(?:\.(?P<code>.{1,60}))?"
)


def read_after(given: str | None) -> After | None:
    """Where a page begins, from its address; what cannot be read begins at the top.

    >>> read_after("2025-11-28.42")
    After(id=42, due_on=datetime.date(2025, 11, 28), number=0, agency_code='')
    >>> read_after("0.7n.42.BYT").number, read_after("2025-13-41.1")
    (7, None)
    """
    match = _AFTER.fullmatch(given or "")
    if match is None or not match[0].isascii():
        return None
    try:
        due_on = None if match["due"] in (None, "0") else date.fromisoformat(match["due"])
    except ValueError:
        return None
    return After(int(match["id"]), due_on, int(match["number"] or 0), match["code"] or "")


def write_after(look: Look, row: Assignment, days_late: int) -> str:
    """The mark of the last row of a page, for the address of the next."""
    due = row.due_on.isoformat() if row.due_on else "0"
    if look.order == "late":
        return f"{due}.{days_late}n.{row.id}"
    if look.order == "agency":
        return f"{due}.{row.id}.{row.agency_code}"
    if look.order == "report":
        at = row.last_report_at
        number = round(at.timestamp() * 1_000_000) if at else 0
        return f"{due}.{number}n.{row.id}"
    return f"{due}.{row.id}"


# -- addresses -------------------------------------------------------------------------------------------------


def list_query(query: Mapping[str, str], look: Look | None = None, usual: tuple[str, ...] = USUAL) -> str:
    """The query that a list is kept and shared under: its conditions and its look, in one order, nothing empty."""
    kept = [(key, query[key]) for key in CONDITIONS if query.get(key)]
    if look is not None:
        if look.word != "han":
            kept.append(("xep", look.word))
        if look.columns != usual:
            kept.append(("cot", ".".join(look.columns) or "khong"))
        if "so-dong" in query:
            kept.append(("so-dong", str(look.size)))
    return urlencode(kept)


def parse_query(query: str) -> dict[str, str]:
    """The keys of a kept query; of a key that stands there twice the last, and none that no text can hold.

    >>> parse_query("tinh-trang=qua-han&cot=han.tre")
    {'tinh-trang': 'qua-han', 'cot': 'han.tre'}
    """
    return {key: value for key, value in parse_qsl(query) if len(value) <= 500 and "\0" not in value}
