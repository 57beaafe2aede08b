"""What the pages of figures share: the question of an address, the rows of a table, and the lists behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote, urlencode

from markupsafe import Markup

from tracker.actions.statistics import Figures, OfficialRow, OfficialTable, Question
from tracker.db import reads_web
from tracker.db.statistics import HEADS, Span, list_fields, list_numbered
from tracker.domain.access import Verb, require
from tracker.domain.directory import Role
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.domain.measures import FEW
from tracker.domain.statistics import Denominator, Rate
from tracker.domain.tallies import NO_KEY, Age, Block, Change, Period
from tracker.web import charts
from tracker.web.charts import Chart, Share
from tracker.web.forms import Form, parse_date
from tracker.web.overview import Extent, extent_of
from tracker.web.page import Page, parse_id
from tracker.web.wording import decimal, short_day

INDEX, LIST = "/bao-cao", "/bao-cao/danh-sach"
LIST_HERE = "danh-sach"
"""The same from a page below the index: short, because a table says it in every cell."""

GROUPS: Mapping[str, str] = {
    "tong-so": "total",
    "xong-dung-han": "done_on_time",
    "xong-tre-han": "done_late",
    "da-xong": "done",
    "trong-han": "open_in_term",
    "qua-han": "open_overdue",
    "chua-xong": "open",
    "den-han": "fallen_due",
    "thuong-xuyen": "standing",
    "dong-khac": "outside",
    "ngoai-bon-nhom": "beside",
    "cho-xac-nhan": "awaiting",
    "gia-han": "extended",
    "gia-han-nhieu": "extended_again",
    "qua-han-7": Age.WEEK.value,
    "qua-han-30": Age.MONTH.value,
    "qua-han-90": Age.QUARTER.value,
    "qua-han-tren-90": Age.MORE.value,
}
"""How an address names the figures of a table, and the cell that each is."""
_GROUP_OF = {cell: group for group, cell in GROUPS.items()} | {"unfinished": "chua-xong"}
COLUMNS = (
    "total",
    "done_on_time",
    "done_late",
    "open_in_term",
    "open_overdue",
    "awaiting",
    "extended",
    "standing",
    "outside",
)
AGES = tuple(age.value for age in Age)
FOUR = COLUMNS[1:5]
DENOMINATORS = {
    "den-han": Denominator.FALLEN_DUE,
    "tong-so": Denominator.TOTAL,
    "chua-xong": Denominator.UNFINISHED,
}
HEAD_OF = {
    "co-quan": "agency",
    "khoi": "block",
    "van-ban": "directive",
    "loai": "kind",
    "linh-vuc": "field",
    "thang": "month",
    "quy": "quarter",
    "nam": "year",
}
_WORD_OF = {head: word for word, head in HEAD_OF.items()}
assert set(_WORD_OF) == set(HEADS)  # nosec B101  # at import, of two constants
BLOCK_OF = {"bo": "ministries", "tinh": "provinces", "tap-doan": "corporations", "khac": "others"}
PERIOD_OF = {"tuan": Period.WEEK, "thang": Period.MONTH, "quy": Period.QUARTER, "nam": Period.YEAR}
_SPANS = (("giao-tu", "giao-den"), ("han-tu", "han-den"), ("xac-nhan-tu", "xac-nhan-den"))
_WITH_DAY = re.compile(r"(.{1,200}?)\s*\(([0-9/]{8,10})\)")


def require_reports(page: Page) -> None:
    """Pass for whom the reports are made: everybody but the people of agencies, who have their own list."""
    require(page.actor, Verb.EXPORT)
    if page.is_agency:
        allowed = tuple(role.value for role in Role if role not in (Role.AGENCY_OFFICER, Role.AGENCY_LEADER))
        raise NotPermitted(verb=Verb.EXPORT.value, role=page.actor.role.value, allowed=allowed)


# What is asked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """The question of an address, the agencies it is about, and the keys that lead to the lists behind."""

    form: Form
    question: Question
    extent: Extent
    against: Period | None

    @property
    def query(self) -> dict[str, str]:
        """What another page must know to ask the same."""
        question = self.question
        found = {"ngay": question.day.isoformat(), **self.extent.query}
        if question.block is not None:
            found["khoi"] = next(word for word, block in BLOCK_OF.items() if block == question.block)
        if question.directive_id is not None:
            found["van-ban"] = str(question.directive_id)
        if question.field is not None:
            found["linh-vuc"] = question.field
        for (begins, ends), span in zip(
            _SPANS, (question.span, question.due, question.confirmed), strict=True
        ):
            for name, day in ((begins, span.first), (ends, span.last)):
                if day is not None:
                    found[name] = day.isoformat()
        return found

    def behind(self, group: str, key: str | None = None, /, path: str = LIST, **more: str) -> str:
        """The address of the list behind a figure."""
        query = {"nhom": group, **self.query, **{name.replace("_", "-"): day for name, day in more.items()}}
        return f"{path}?{urlencode(query, safe=',')}{self.of_key(key)}"

    def of_key(self, key: str | None) -> str:
        """What an address adds for one row of the table; nothing for the totals."""
        if key is None:
            return ""
        word = _WORD_OF[self.question.by]
        return ("" if word == "co-quan" else f"&theo={word}") + f"&khoa={quote(key)}"


def spread(query: Mapping[str, str]) -> dict[str, str]:
    """A query with the parts of its short `o` under their own names.

    >>> spread({"o": "2025-11-24.qua-han.BYT", "theo": "co-quan"})
    {'theo': 'co-quan', 'ngay': '2025-11-24', 'nhom': 'qua-han', 'khoa': 'BYT'}
    """
    rest = {name: value for name, value in query.items() if name != "o"}
    if "o" not in query:
        return rest
    return rest | dict(zip(("ngay", "nhom", "khoa"), query["o"].split(".", 2), strict=False))


async def read_asked(page: Page, by: str | None = None) -> Asked:
    """The question that the address asks; what cannot be read is noted in the form."""
    usual = {
        "ngay": short_day(page.today),
        "theo": "co-quan",
        "mau-so": "den-han",
        "so-voi": "tuan",
        "buoc": "tuan",
    }
    form = Form({**usual, **spread(page.query)})
    day = form.date("ngay")
    if day is not None:
        form.values["ngay"] = short_day(day)
    spans = [_span(form, begins, ends) for begins, ends in _SPANS]
    theo, mau_so = (
        _choice(page, form, name, known, prefix)
        for name, known, prefix in (
            ("theo", HEAD_OF, "report.by."),
            ("mau-so", DENOMINATORS, "report.rate."),
        )
    )
    khoi = _choice(page, form, "khoi", BLOCK_OF, "report.block.") if form.text("khoi") else None
    so_voi = _choice(page, form, "so-voi", PERIOD_OF, "report.ago.") if form.text("so-voi") else None
    extent = await extent_of(page)
    question = Question(
        day or page.today,
        by=by or HEAD_OF[theo],
        agency_codes=extent.codes,
        directive_id=await _directive(page, form),
        span=spans[0],
        due=spans[1],
        confirmed=spans[2],
        denominator=DENOMINATORS[mau_so],
        block=None if khoi is None else Block(BLOCK_OF[khoi]),
        field=form.text("linh-vuc") or None,
    )
    return Asked(form, question, extent, None if so_voi is None else PERIOD_OF[so_voi])


def _span(form: Form, begins: str, ends: str) -> Span:
    first, last = form.date(begins), form.date(ends)
    if first is not None and last is not None and first > last:
        form.refuse(begins, "span_reversed", **{"from": first, "to": last})
        return Span()
    for name, day in ((begins, first), (ends, last)):
        if day is not None:
            form.values[name] = short_day(day)
    return Span(first, last)


def _choice(page: Page, form: Form, name: str, known: Mapping[str, object], prefix: str) -> str:
    """A field with few values; another one is refused with the values there are, and the first is taken."""
    given = form.text(name)
    if given in known:
        return given
    heads = HEAD_OF if prefix == "report.by." else None
    words = [page.s(prefix + (heads[word] if heads else word)) for word in known]
    form.refuse(name, "not_a_choice", allowed=", ".join(words))
    form.values[name] = next(iter(known))
    return form.values[name]


async def _directive(page: Page, form: Form) -> int | None:
    """The directive named by its id, its number, or its number and date: "17/NQ-CP (20/11/2025)"."""
    given = form.text("van-ban")
    if not given:
        return None
    if given.isdigit():
        try:
            found = await list_numbered(page.actor, id=parse_id(given))
        except NotFound:
            found = []
    else:
        with_day = _WITH_DAY.fullmatch(given)
        issued_on = parse_date(with_day[2]) if with_day else None
        number = with_day[1] if with_day and issued_on else given
        found = await list_numbered(page.actor, number=number, issued_on=issued_on)
    if len(found) != 1:
        form.refuse("van-ban", "directive_ambiguous" if found else "directive_unknown", count=len(found))
        return None
    form.values["van-ban"] = f"{found[0].number} ({short_day(found[0].issued_on)})"
    return found[0].id


_FIELDS = {
    "/as_of": "ngay",
    "/assigned_from": "giao-tu",
    "/due_from": "han-tu",
    "/field": "linh-vuc",
    "": "co-quan",
}


def refuse(asked: Asked, error: Invalid) -> None:
    """Note what the action refused beside the fields of the form."""
    asked.form.take(error, _FIELDS)


async def choices_of(page: Page) -> dict[str, list[tuple[str, str]]]:
    """What the selects of the filters offer."""
    fields = await list_fields()
    return {
        "agencies": [("", page.s("filter.any_agency")), *await reads_web.list_agency_choices(page.actor)],
        "blocks": [("", page.s("report.any_block"))] + [(w, page.s(f"report.block.{w}")) for w in BLOCK_OF],
        "fields": [("", page.s("report.any_field")), (NO_KEY, page.s("report.none.field"))]
        + [(name, name) for name in fields],
        "heads": [(word, page.s(f"report.by.{head}")) for word, head in HEAD_OF.items()],
        "denominators": [(word, page.s(f"report.rate.{word}")) for word in DENOMINATORS],
        "periods": [("", page.s("report.no_change"))]
        + [(word, page.s(f"report.ago.{word}")) for word in PERIOD_OF],
        "steps": [(word, page.s(f"report.step.{word}")) for word in PERIOD_OF],
    }


# Rows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One figure: how it is written and the list behind it; a zero leads nowhere."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Line:
    """One row of a table of figures."""

    label: str
    cells: list[Cell]
    rate: str
    numerator: Cell
    denominator: Cell
    change: str = ""
    before: str = ""
    is_few: bool = False


class Lines:
    """Makes the rows of one table: what all their addresses share is put together once.

    A table says an address in every cell, so there it is short: `o` is the day, the group and the key of the row.
    """

    def __init__(self, page: Page, asked: Asked, columns: Sequence[str], *, path: str = LIST_HERE) -> None:
        self._page, self._columns = page, columns
        self._by = asked.question.by
        query = asked.query
        day = query.pop("ngay")
        word = _WORD_OF[self._by]
        shared = urlencode(query, safe=",")
        self._tail = f"&{shared}" if shared else ""
        self._head = "" if word == "co-quan" else f"&theo={word}"
        self._starts = {cell: f"{path}?o={day}.{group}" for cell, group in _GROUP_OF.items()}

    def cell(self, name: str, value: int, key: str | None) -> Cell:
        """A figure of the row with this key; of the totals without one."""
        if not value:
            return Cell("0")
        of_row = "" if key is None else f".{quote(key)}{self._head}"
        return Cell(self._page.number(value), self._starts[name] + of_row + self._tail)

    def line(self, row: Figures, key: str | None, change: Change | None = None, label: str = "") -> Line:
        """A row; the totals have no key."""
        figures, rate = row.count.tally.cells(), row.rate
        named = label or (
            self._page.s("report.total") if key is None else label_of(self._page, self._by, row)
        )
        return Line(
            label=named,
            cells=[self.cell(name, figures[name], key) for name in self._columns],
            rate=percent(self._page, rate),
            numerator=self.cell(rate.numerator_name, rate.numerator, key),
            denominator=self.cell(rate.denominator_name, rate.denominator, key),
            change=change_words(self._page, change),
            before=_fraction(self._page, change),
            is_few=0 < rate.denominator < FEW,
        )

    def of(self, row: OfficialRow, key: str | None) -> Line:
        """A row of the official table."""
        return self.line(row.figures, key, row.change)


def percent(page: Page, rate: Rate) -> str:
    """A percentage; a dash where there is nothing to take it of."""
    return "–" if rate.value is None else f"{decimal(page.language, str(rate.value))} %"


def change_words(page: Page, change: Change | None) -> str:
    """By how many points a rate moved; nothing where one of the two is of nothing."""
    points = None if change is None else change.points
    if points is None:
        return ""
    if not points:
        return page.s("report.same")
    shown = decimal(page.language, str(abs(points)))
    return page.s("report.up" if points > 0 else "report.down", points=shown)


def _fraction(page: Page, change: Change | None) -> str:
    """The fraction that a change is reckoned from, beside that of the row itself."""
    if change is None or change.points is None:
        return ""
    return f"{page.number(change.before.numerator)}/{page.number(change.before.denominator)}"


def label_of(page: Page, by: str, row: Figures) -> str:
    """The words for a row."""
    key = row.count.key
    if key == NO_KEY:
        return page.s("report.none.month" if by in ("quarter", "year") else f"report.none.{by}")
    match by:
        case "kind":
            return page.word("directive_kind", key)
        case "block":
            return page.s(f"report.block.{next(w for w, b in BLOCK_OF.items() if b == key)}")
        case "month":
            return page.s("report.month", month=key[5:7], year=key[:4])
        case "quarter":
            return page.s("report.quarter", quarter=key[6:], year=key[:4])
        case "year":
            return page.s("report.year", year=key)
    return row.count.label or key


def basis(page: Page, rate: Rate, day: date) -> str:
    """What a percentage is made of: no figure without its denominator, its rounding and its cut-off."""
    return page.s(
        "report.basis",
        numerator=page.s(f"report.of.{rate.numerator_name}"),
        denominator=page.s(f"report.of.{rate.denominator_name}"),
        decimals=rate.decimals,
        day=short_day(day),
    )


# The whole ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A part of the chart in words, beside its pattern."""

    swatch: Markup
    label: str
    count: str
    href: str


@dataclass(frozen=True)
class Whole:
    """All rows together: the four buckets as a bar, the rate with its basis, closings that crowd."""

    shares: Chart
    keys: list[Key]
    line: Line
    basis: str
    rush: str
    rushed: str
    rush_href: str


def whole(page: Page, asked: Asked, table: OfficialTable) -> Whole:
    """What stands above a table."""
    total = table.total.figures
    cells = total.count.tally.cells()
    parts = [
        Share(
            name,
            page.s(f"report.col.{name}"),
            cells[name],
            page.number(cells[name]),
            asked.behind(_GROUP_OF[name]),
        )
        for name in FOUR
    ]
    desc = ", ".join(f"{part.label}: {part.words}" for part in parts)
    heads = (page.s("report.bucket"), page.s("report.col.total"))
    return Whole(
        charts.shares("bon-nhom", page.s("report.shares"), desc, parts, heads),
        [Key(charts.swatch(p.tone), p.label, p.words, p.href if p.value else "") for p in parts],
        Lines(page, asked, COLUMNS, path=LIST).of(table.total, None),
        basis(page, total.rate, table.question.day),
        *_rush(page, asked, table),
    )


def _rush(page: Page, asked: Asked, table: OfficialTable) -> tuple[str, str, str]:
    """What was closed shortly before the cut-off, in words, where it crowds: of all together, and of whom alone."""
    found, without = table.rush, table.without_rush()
    if found is None or without is None:
        return "", "", ""
    href = asked.behind(
        "da-xong", xac_nhan_tu=found.first_day.isoformat(), xac_nhan_den=found.last_day.isoformat()
    )
    words = ""
    if found.is_mass:
        words = page.s(
            "report.rush",
            first=short_day(found.first_day),
            last=short_day(found.last_day),
            count=page.number(found.last),
            month=page.number(found.month),
            share=decimal(page.language, str(found.share)),
            usual=decimal(page.language, str(found.usual)),
            rate=percent(page, table.total.figures.rate),
            without=percent(page, without),
            numerator=page.number(without.numerator),
            denominator=page.number(without.denominator),
        )
    names = [f"{name} ({page.number(one.last)}/{page.number(one.month)})" for name, one in table.rushed[:5]]
    if len(table.rushed) > 5:
        names.append(page.s("report.rushed_more", count=page.number(len(table.rushed) - 5)))
    return words, page.s("report.rushed", names=", ".join(names)) if names else "", href


def with_day(asked: Asked, day: date) -> Asked:
    """The same question of another day."""
    return replace(asked, question=replace(asked.question, as_of=day))
