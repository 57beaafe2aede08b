"""Checking a published table: cells against totals, and what gives each printed percentage; nothing is kept."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tracker.actions import table_check as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, NoBody
from tracker.api.v1.attachments import FileName, name_of
from tracker.api.v1.imports import EXTENSIONS
from tracker.domain.access import Verb
from tracker.domain.files import clean_name


class TableCheckQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file's name, and the sheet to look at where it is not all of them."""

    name: FileName | None = None
    sheet: Annotated[str, Meta(max_length=100, pattern=PRINTABLE, extra={FORM: "form.printable"})] | None = (
        None
    )


class CheckedSum(Struct):
    """A sum that the table must keep, in figures: "1310+429=1739", or "5361+1111=6472≠6932"."""

    text: str
    holds: bool


class PercentageOrigin(Struct):
    """What gives a percentage; names are those of cells or headings, null where the table has none."""

    numerator: int
    denominator: int
    rounding: Literal["half_up", "truncated", "remainder"]
    numerator_name: str | None
    denominator_name: str | None
    others: list[str] | None


class CheckedPercentage(Struct):
    """A percentage as printed; `explained_by` is null where no convention gives it."""

    label: str
    printed: str
    explained_by: PercentageOrigin | None


class CheckedTable(Struct):
    """What was found in one table; of a very long one the wrong lines first, the counts are of all."""

    table: str
    identities: list[CheckedSum]
    percentages: list[CheckedPercentage]
    sums: int
    held: int
    rates: int
    explained: int


class TableCheck(Struct):
    """What was found in each table of the file."""

    tables: list[CheckedTable]


@endpoint(
    "POST",
    "/table-checks",
    id="checkTable",
    summary="Check a published table",
    tag="Statistics",
    verb=Verb.READ,
    query=TableCheckQuery,
    answer=TableCheck,
    has_tag=False,
    file_types=tuple(EXTENSIONS),
    refusals=("invalid", "unsupported_media_type", "bad_parameter"),
    description="The body is the file itself: xlsx, csv or json as `tracker check-table` reads it, at most 2 MB.",
)
async def check_table(call: Call[TableCheckQuery, NoBody]) -> Reply:
    """The lines that do not add up; for each percentage its numerator, denominator and rounding, or null."""
    is_named = call.query.name is not None or "filename" in call.disposition
    name = clean_name(name_of(call.query.name, call.disposition)) if is_named else "bieu"
    extension = EXTENSIONS[call.file_type]
    if PurePath(name).suffix.lower() != extension:
        name += extension
    found = await actions.check(call.actor, call.file, name, call.query.sheet or "")
    return Reply(
        TableCheck(
            [msgspec.convert({"table": found_in["id"], **found_in}, CheckedTable) for found_in in found]
        )
    )


handlers = [check_table]
