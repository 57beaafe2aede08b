"""The overdue list of any day: JSON, and the same numbers as a table to hand on."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tracker.actions.overdue import overdue_list
from tracker.actions.succession import read_under
from tracker.api.endpoint import JSON, Call, Reply, endpoint
from tracker.api.strict import FORM, Id, NoBody, id_of
from tracker.api.v1.shapes import Day, PartName
from tracker.documents.overdue_csv import to_csv
from tracker.documents.overdue_json import to_object
from tracker.documents.overdue_xlsx import to_xlsx
from tracker.documents.tables import overdue_sheet
from tracker.domain.access import Verb
from tracker.domain.zone import civil_day

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"


class Counts(Struct):
    """How many assignments stand where; `total` is the sum of the official four."""

    total: int
    done: int
    done_on_time: int
    done_late: int
    open: int
    open_in_term: int
    open_overdue: int
    fallen_due: int
    standing: int
    withdrawn: int
    transferred: int
    superseded: int


class Rate(Struct):
    """A percentage that says what of what, and how it was rounded; null when there is nothing to divide by."""

    numerator_name: str
    numerator: int
    denominator_name: str
    denominator: int
    rounding: Literal["half_up", "truncated", "remainder"]
    decimals: int
    percent: str | None


class OverdueItem(Struct):
    """One overdue assignment."""

    assignment_id: Id
    task_id: Id
    task: str
    full_text: str
    directive_number: str
    directive_issued_on: date | None
    lead: str
    part: PartName
    via_class: str
    cooperating: list[str]
    due_on: date | None
    due_time: str | None
    original_due_on: date | None
    original_due_time: str | None
    days_late: int
    days_late_original: int
    extensions: int
    last_report_on: date | None
    last_report: str
    cause: str
    committed_on: date | None
    programme: str
    is_awaiting: bool
    waits_in_time: bool
    is_by_age: bool


class OverdueAgency(Struct):
    """One agency: its counts, its rate, its overdue assignments."""

    code: str
    name: str
    buckets: Counts
    rate: Rate
    rows: list[OverdueItem]


class AnnexItem(Struct):
    """One task as an official annex has it: all agencies that still owe it in one row."""

    programme: str
    task: str
    directive: str
    lead: str
    due_on: date | None
    days_late: int
    agencies: int


class OverdueList(Struct):
    """The list as of the end of a day, with what it was limited to; equal lists have equal digests."""

    as_of: date
    scope: dict[str, str]
    totals: Counts
    rate: Rate
    agencies: list[OverdueAgency]
    annex: list[AnnexItem]
    digest: str


class OverdueQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which list: `as_of` is today without it; `agency` is one code or several with commas."""

    as_of: Day | None = None
    agency: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=2000,
                pattern=r"^[^,\u0000-\u001f\u007f]{1,40}(,[^,\u0000-\u001f\u007f]{1,40})*$",
                extra={FORM: "form.codes"},
            ),
        ]
        | None
    ) = None
    directive_id: Id | None = None
    lineage: Annotated[
        Literal["as_was", "successors"],
        Meta(description="Agencies that have ended: under their own names, or under their successors'."),
    ] = "as_was"


@endpoint(
    "GET",
    "/overdue",
    id="getOverdueList",
    summary="Read the overdue list of a day",
    tag="Overdue",
    verb=Verb.EXPORT,
    query=OverdueQuery,
    answer=OverdueList,
    media_types=(JSON, XLSX, CSV),
    refusals=("not_found", "invalid"),
)
async def get_overdue(call: Call[OverdueQuery, NoBody]) -> Reply:
    """Per agency the four buckets and the rate, then its overdue assignments; any past or future day."""
    query = call.query
    listing = await overdue_list(
        call.actor,
        query.as_of or civil_day(call.now),
        query.agency.split(",") if query.agency else (),
        None if query.directive_id is None else id_of(query.directive_id),
        under=await read_under(civil_day(call.now)) if query.lineage == "successors" else None,
    )
    name = f"qua-han-{listing.as_of:%Y-%m-%d}"
    if call.media_type == XLSX:
        workbook = await asyncio.to_thread(to_xlsx, listing, call.language)
        return Reply(workbook, media_type=XLSX, file_name=f"{name}.xlsx")
    if call.media_type == CSV:
        table = to_csv(listing, overdue_sheet(listing, call.language), call.language)
        return Reply(table, media_type=CSV, file_name=f"{name}.csv")
    return Reply(msgspec.convert(to_object(listing, call.language), OverdueList))


handlers = [get_overdue]
