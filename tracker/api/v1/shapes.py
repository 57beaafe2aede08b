"""Shapes that several nouns share. Ids are text; dates are ISO; instants are RFC 3339 in UTC."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.api.strict import FORM, PRINTABLE, Cursor, Id, Limit
from tracker.domain.errors import StaleVersion
from tracker.domain.zone import OFFICIAL_ZONE

TIMEZONE = str(OFFICIAL_ZONE)

AgencyCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=PRINTABLE,
        description="Code of an agency.",
        examples=["G10"],
        extra={FORM: "form.agency_code"},
    ),
]
Day = Annotated[date, Meta(description="Civil date in the official zone.", examples=["2025-11-30"])]

DirectiveKind = Literal["resolution", "decision", "directive", "dispatch", "conclusion", "letter", "other"]
Urgency = Literal["normal", "urgent", "very_urgent", "express"]
Milestone = Literal["submitted", "issued"]
PartName = Literal["lead", "joint_lead", "cooperating"]
StateName = Literal[
    "assigned",
    "acknowledged",
    "in_progress",
    "reported",
    "returned",
    "confirmed",
    "withdrawn",
    "transferred",
    "superseded",
]
BucketName = Literal["done_on_time", "done_late", "open_in_term", "open_overdue", "standing", "outside"]
FineName = Literal[
    "on_schedule",
    "due_soon",
    "due_today",
    "overdue",
    "awaiting_confirmation",
    "returned",
    "done_on_time",
    "done_late",
    "standing",
    "withdrawn",
    "transferred",
    "superseded",
    "not_yet_assigned",
]


def check_version(stands: int, wanted: int | None) -> None:
    """Raise StaleVersion when a change was meant for another version than the one that stands."""
    if wanted is not None and wanted != stands:
        raise StaleVersion(current=stands)


class PageQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which page of a list."""

    limit: Limit = "50"
    cursor: Cursor | None = None


class AgencyRef(Struct):
    """An agency, as another resource names it."""

    id: Id
    code: str
    name: str


class Deadline(Struct):
    """When something is due; `due_on` itself is in time, and so is `due_time` on that day."""

    due_on: date | None
    due_time: str | None
    timezone: str = TIMEZONE


class DirectiveRef(Struct):
    """A directive, as another resource names it."""

    id: Id
    number: str
    issued_on: date


class StatusNow(Struct):
    """Where an assignment stands on the day `as_of`: computed, never stored."""

    as_of: date
    bucket: BucketName
    fine: FineName
    is_late: bool
    days_late: int
    days_late_original: int
    days_left: int | None
