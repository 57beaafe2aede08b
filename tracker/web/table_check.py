"""Checking a published table: a file or pasted cells, the lines that do not add up, what gives each percentage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post

from tracker.actions import table_check as actions
from tracker.actions.exports import document_of
from tracker.documents.tables_model import FORMATS, Column, Row, Table
from tracker.domain.access import Verb, require
from tracker.domain.errors import Invalid
from tracker.domain.files import clean_name
from tracker.intake.pasted import as_csv
from tracker.intake.tables import Unreadable
from tracker.web.downloads import send, table_at_hand
from tracker.web.forms import Form
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest
from tracker.web.uploads import LARGEST_BODY, UploadedFile, read_upload_form
from tracker.web.wording import decimal

PATH = "/bao-cao/kiem-bieu"
PASTED_NAME = "bang-dan.csv"
SHOWN = 200
_MOST_TEXT = 400_000

# Two published tables in our own retelling: Da Nang, 23/7/2022, and the whole country, 20/10/2025.
EXAMPLES: Mapping[str, str] = {
    "da-nang": "Nội dung\tSố lượng\tTỷ lệ\nTổng số nhiệm vụ\t8.282\t\nĐã hoàn thành\t6.932\t83,70%\n"
    "- Đúng hạn\t5.361\t64,73%\n- Quá hạn\t1.111\t13,41%\nChưa hoàn thành\t1.350\t16,30%\n"
    "- Quá hạn\t208\t2,51%",
    "ca-nuoc": "Nội dung\tSố lượng\tTỷ lệ\nTổng số nhiệm vụ\t9.831\t\nĐã hoàn thành\t7.892\t80,3%\n"
    "Trong hạn\t1.620\t16,47%\nQuá hạn\t319\t3,23%",
}


@dataclass(frozen=True)
class RateRow:
    """A printed percentage with what gives it."""

    label: str
    printed: str
    numerator: str
    denominator: str
    rounding: str
    is_explained: bool


@dataclass(frozen=True)
class Found:
    """What was found in one table."""

    id: str
    broken: list[str]
    held: list[str]
    rates: list[RateRow]
    sums: int
    held_count: int
    rate_count: int
    explained: int

    @property
    def is_sound(self) -> bool:
        """Whether every sum holds and every percentage is explained."""
        return self.held_count == self.sums and self.explained == self.rate_count


def found_of(page: Page, table: Mapping[str, Any]) -> Found:
    """One table as the page tells it."""
    rates = [_rate(page, one) for one in table["percentages"]]
    return Found(
        id=page.s("tablecheck.pasted") if table["id"] == "1" else table["id"],
        broken=[_spaced(one["text"]) for one in table["identities"] if not one["holds"]][:SHOWN],
        held=[_spaced(one["text"]) for one in table["identities"] if one["holds"]][:SHOWN],
        rates=sorted(rates, key=lambda row: row.is_explained)[:SHOWN] if len(rates) > SHOWN else rates,
        sums=table["sums"],
        held_count=table["held"],
        rate_count=table["rates"],
        explained=table["explained"],
    )


def _spaced(text: str) -> str:
    """A sum with room around its signs.

    >>> _spaced("Bộ A+B: 5361+1111=6472≠6932")
    'Bộ A+B: 5361 + 1111 = 6472 ≠ 6932'
    """
    return re.sub(r"(?<=\d)([+=≠])(?=\d)", r" \1 ", text)


def _rate(page: Page, given: Mapping[str, Any]) -> RateRow:
    told = given["explained_by"]
    label, printed = given["label"], given["printed"].strip()
    if told is None:
        return RateRow(label, printed, "", "", "", False)
    others = " − ".join(decimal(page.language, other) for other in told["others"] or ())
    return RateRow(
        label,
        printed,
        _figure(page, told["numerator"], told["numerator_name"]),
        _figure(page, told["denominator"], told["denominator_name"]),
        page.s(f"tablecheck.rounding.{told['rounding']}", others=others),
        True,
    )


def _figure(page: Page, value: int, name: str | None) -> str:
    words = page.word("tablecheck.name", name) if name else ""
    return f"{page.number(value)} ({words})" if words else page.number(value)


@get(PATH, include_in_schema=False)
async def table_check(request: WebRequest) -> Response[bytes]:
    """Does a published table add up?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    example = EXAMPLES.get(page.query.get("vi-du", ""), "")
    return _show(page, Form({"bang": example} if example else {}), None)


@post(PATH, include_in_schema=False, request_max_body_size=LARGEST_BODY)
async def check(request: WebRequest) -> Response[bytes]:
    """Check it; nothing is kept."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    form, files = await read_upload_form(
        page, most_files=1, most_bytes=actions.MOST_BYTES, most_text=_MOST_TEXT
    )
    given = _given(form, files)
    if given is None or form.problems:
        return _show(page, form, None)
    try:
        found = await actions.check(page.actor, *given)
    except Unreadable as refused:
        form.take(refused, {"": "tep" if files else "bang"})
        return _show(page, form, None)
    wanted = next((one for one in FORMATS if one == form.text("dang")), None)
    if wanted is not None:
        require(page.actor, Verb.EXPORT)
        return send(await document_of(_result_table(page, found), wanted))
    return _show(page, form, [found_of(page, table) for table in found])


def _result_table(page: Page, found: Sequence[Mapping[str, Any]]) -> Table:
    """Every sum and every percentage of the tables, with what was found of it."""
    rows: list[Row] = []
    for table in found:
        name = found_of(page, table).id
        for one in table["identities"]:
            held = page.s("export.check.holds" if one["holds"] else "export.check.fails")
            rows.append((name, page.s("export.check.sum"), _spaced(one["text"]), "", "", "", "", held))
        for given in table["percentages"]:
            one = _rate(page, given)
            told = page.s("export.check.explained" if one.is_explained else "export.check.unexplained")
            rate = (one.label, one.printed, one.numerator, one.denominator, one.rounding)
            rows.append((name, page.s("export.check.percentage"), *rate, told))
    keys = ("check_table", "check_kind", "check_text", "check_printed", "check_numerator", "check_denominator",
            "check_rounding", "check_found")  # fmt: skip
    return table_at_hand(
        page,
        "kiem-bieu",
        page.s("tablecheck.title"),
        [Column(k, page.s(f"export.column.{k}"), "long" if k == "check_text" else "text") for k in keys],
        rows,
    )


def _given(form: Form, files: Sequence[UploadedFile]) -> tuple[bytes, str] | None:
    pasted = form.values.get("bang", "")
    if files and pasted.strip():
        form.refuse("tep", "form_table_twice")
    elif files:
        try:
            return files[0].content, clean_name(files[0].name)
        except Invalid as refused:
            form.take(refused, {"": "tep"})
    elif pasted.strip():
        return as_csv(pasted.strip("\n")), PASTED_NAME
    elif not form.problems:
        form.refuse("bang", "form_table_missing")
    return None


def _show(page: Page, form: Form, found: list[Found] | None) -> Response[bytes]:
    page.shown_path = PATH
    return page.render(
        "table-check.html",
        status=422 if form.problems else 200,
        form=form,
        found=found,
        is_sound=found is not None and all(one.is_sound for one in found),
        examples=[(name, page.s(f"tablecheck.example.{name}")) for name in EXAMPLES],
        most_megabytes=actions.MOST_BYTES // 1_000_000,
    )


routes = [table_check, check]
