"""Statistics: the official buckets and rates of any day, each figure with its check and the list behind it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta, Struct

from tracker.actions import statistics as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, Id, NoBody, id_of
from tracker.api.v1.overdue import Counts, Rate
from tracker.api.v1.shapes import AgencyRef, BucketName, Day, FineName, PageQuery
from tracker.db.statistics import HeadCount, Span
from tracker.domain.access import Verb
from tracker.domain.assignments import Bucket, Knowledge
from tracker.domain.statistics import Denominator, Rounding
from tracker.domain.statistics import Rate as RateValue
from tracker.domain.zone import civil_day

Head = Literal["agency", "kind", "directive", "field", "month"]
AgencyCodes = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        pattern=r"^[^,\u0000-\u001f\u007f]{1,40}(,[^,\u0000-\u001f\u007f]{1,40})*$",
        description="One code of an agency, or several with commas.",
        extra={FORM: "form.codes"},
    ),
]
Numerator = Literal["done", "done_on_time", "done_late", "open", "open_in_term", "open_overdue"]


class _Asked(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """What all three questions share."""

    as_of: Day | None = None
    agency: AgencyCodes | None = None
    directive_id: Id | None = None
    assigned_from: Day | None = None
    assigned_to: Day | None = None
    knowledge: Literal["as_known_then", "as_known_now"] = "as_known_then"


class _Reckoned(_Asked, forbid_unknown_fields=True, kw_only=True):
    """How the rate is reckoned."""

    numerator: Numerator | None = None
    denominator: Literal["fallen_due", "total", "unfinished"] = "fallen_due"
    rounding: Literal["half_up", "truncated", "remainder"] = "half_up"
    decimals: Annotated[
        str,
        Meta(
            pattern=r"^[0-4]$",
            description="Decimals of the percentage, 0 to 4.",
            extra_json_schema={"x-integer": [0, 4]},
            extra={FORM: "form.decimals"},
        ),
    ] = "2"


class StatisticsQuery(_Reckoned, forbid_unknown_fields=True, kw_only=True):
    """Which figures: of today without `as_of`; assignments given from `assigned_from` to `assigned_to`, inclusive."""

    by: Head = "agency"


class TrendQuery(_Reckoned, forbid_unknown_fields=True, kw_only=True):
    """The same, week by week up to `as_of`."""

    weeks: Annotated[
        str,
        Meta(
            pattern=r"^([1-9]|[1-4][0-9]|5[0-3])$",
            description="How many weeks, 1 to 53.",
            extra_json_schema={"x-integer": [1, 53]},
            extra={FORM: "form.weeks"},
        ),
    ] = "12"


class BehindQuery(_Asked, forbid_unknown_fields=True, kw_only=True):
    """Which figure: the row by its head and key (all without), the column by its bucket (all without)."""

    by: Head | None = None
    key: Annotated[
        str, Meta(min_length=1, max_length=300, pattern=PRINTABLE, extra={FORM: "form.printable"})
    ] = "-"
    bucket: BucketName | None = None


class Sum(Struct):
    """A sum that the figures must keep, such as `1310+429=1739`."""

    text: str
    holds: bool


class StatisticsFigures(Struct):
    """The figures of a row or a day. `awaiting` of the open ones have a report that waits."""

    counts: Counts
    awaiting: int
    rate: Rate
    checks: list[Sum]


class StatisticsRow(Struct):
    """One row. `list` is the address of the assignments behind it (add `&bucket=…` for one figure).

    `overdue` is the address of its overdue list, where there is one for such a row.
    """

    key: str
    label: str
    figures: StatisticsFigures
    list: str
    overdue: str | None


class StatisticsPage(Struct):
    """The figures as of the end of a day; `sound` says that every sum holds and that all rows add up to the total."""

    as_of: date
    by: Head
    knowledge: str
    scope: dict[str, str]
    total: StatisticsFigures
    rows: int
    sound: bool
    items: list[StatisticsRow]
    next: str | None


class TrendPoint(Struct):
    """The totals at the end of one day."""

    as_of: date
    figures: StatisticsFigures


class Trend(Struct):
    """The totals at the end of each of the last weeks, the oldest first."""

    as_of: date
    weeks: int
    knowledge: str
    scope: dict[str, str]
    items: list[TrendPoint]


class CountedAssignment(Struct):
    """One assignment behind a figure, as it stood that day."""

    assignment_id: Id
    directive_id: Id
    directive_number: str
    short_name: str
    agency: AgencyRef
    bucket: BucketName
    fine: FineName
    due_on: date | None
    days_late: int


class CountedPage(Struct):
    """The assignments that a figure counts, in order of id."""

    items: list[CountedAssignment]
    next: str | None


def _question(call: Call[Any, NoBody]) -> actions.Question:
    query = call.query
    question = actions.Question(
        as_of=query.as_of or civil_day(call.now),
        agency_codes=query.agency.split(",") if query.agency else (),
        directive_id=None if query.directive_id is None else id_of(query.directive_id),
        span=Span(query.assigned_from, query.assigned_to),
        knowledge=Knowledge(query.knowledge),
    )
    if not isinstance(query, _Reckoned):
        return question
    return actions.Question(
        as_of=question.as_of,
        by=query.by if isinstance(query, StatisticsQuery) else "agency",
        agency_codes=question.agency_codes,
        directive_id=question.directive_id,
        span=question.span,
        denominator=Denominator(query.denominator),
        numerator=query.numerator,
        rounding=Rounding(query.rounding),
        decimals=int(query.decimals),
        knowledge=question.knowledge,
    )


def _figures(figures: actions.Figures) -> StatisticsFigures:
    return StatisticsFigures(
        counts=Counts(**figures.count.buckets.cells()),
        awaiting=figures.count.awaiting,
        rate=_rate(figures.rate),
        checks=[Sum(i.text, i.holds) for i in figures.identities],
    )


def _rate(rate: RateValue) -> Rate:
    return Rate(
        numerator_name=rate.numerator_name,
        numerator=rate.numerator,
        denominator_name=rate.denominator_name,
        denominator=rate.denominator,
        rounding=rate.rounding.value,
        decimals=rate.decimals,
        percent=None if rate.value is None else str(rate.value),
    )


def _scope(call: Call[Any, NoBody]) -> dict[str, str]:
    """What the figures are limited to, as it was asked for."""
    names = ("agency", "directive_id", "assigned_from", "assigned_to")
    return {name: value for name, value in call.filters().items() if name in names}


def _addresses(
    call: Call[Any, NoBody], question: actions.Question, count: HeadCount
) -> tuple[str, str | None]:
    """Where the assignments of a row are, and its overdue list."""
    asked = {"as_of": question.as_of.isoformat(), **_scope(call), "knowledge": question.knowledge.value}
    behind = f"/api/v1/statistics/assignments?{urlencode({**asked, 'by': question.by, 'key': count.key})}"
    span, is_now = question.span, question.knowledge is Knowledge.AS_KNOWN_NOW
    if is_now or span.first is not None or span.last is not None:
        return behind, None  # the overdue list knows neither
    limits = {k: v for k, v in asked.items() if k in ("as_of", "agency", "directive_id")}
    match question.by:
        case "agency":
            return behind, f"/api/v1/overdue?{urlencode({**limits, 'agency': count.key})}"
        case "directive":
            return behind, f"/api/v1/overdue?{urlencode({**limits, 'directive_id': count.key})}"
        case _:
            return behind, None


@endpoint(
    "GET",
    "/statistics",
    id="getStatistics",
    summary="Read the figures of a day",
    tag="Statistics",
    verb=Verb.EXPORT,
    query=StatisticsQuery,
    answer=StatisticsPage,
    is_paged=True,
    refusals=("not_found", "invalid"),
    description="The official four buckets and what stands beside them, by agency, kind of document, directive, "
    "field or month of the deadline; every rate names its numerator, denominator and rounding.",
)
async def get_statistics(call: Call[StatisticsQuery, NoBody]) -> Reply:
    """Figures of any past or future day. Agencies see their own."""
    question = _question(call)
    position = call.position()
    told = await actions.statistics(call.actor, question)
    ordered = [row for row in told.rows if position is None or _place(row) > position]
    shown = ordered[: call.limit]
    following = _place(shown[-1]) if len(ordered) > call.limit else None
    items = []
    for row in shown:
        behind, overdue = _addresses(call, question, row.count)
        items.append(StatisticsRow(row.count.key, row.count.label, _figures(row), behind, overdue))
    return Reply(
        StatisticsPage(
            as_of=question.as_of,
            by=call.query.by,
            knowledge=question.knowledge.value,
            scope=_scope(call),
            total=_figures(told.total),
            rows=len(told.rows),
            sound=told.is_sound,
            items=items,
            next=call.next_cursor(following),
        ),
        next_position=following,
    )


def _place(row: actions.Figures) -> tuple[str, ...]:
    return row.count.order, row.count.key


@endpoint(
    "GET",
    "/statistics/trend",
    id="getTrend",
    summary="Read the totals week by week",
    tag="Statistics",
    verb=Verb.EXPORT,
    query=TrendQuery,
    answer=Trend,
    refusals=("not_found", "invalid"),
)
async def get_trend(call: Call[TrendQuery, NoBody]) -> Reply:
    """The totals at the end of `as_of` and of the same weekday of the weeks before."""
    question = _question(call)
    weeks = int(call.query.weeks)
    points = await actions.trend(call.actor, question, weeks)
    return Reply(
        Trend(
            as_of=question.as_of,
            weeks=weeks,
            knowledge=question.knowledge.value,
            scope=_scope(call),
            items=[TrendPoint(day, _figures(figures)) for day, figures in points],
        )
    )


@endpoint(
    "GET",
    "/statistics/assignments",
    id="listCountedAssignments",
    summary="List the assignments behind a figure",
    tag="Statistics",
    verb=Verb.EXPORT,
    query=BehindQuery,
    answer=CountedPage,
    is_paged=True,
    refusals=("not_found", "invalid"),
)
async def list_counted(call: Call[BehindQuery, NoBody]) -> Reply:
    """What a figure counts: as many rows as the figure says."""
    query = call.query
    position = call.position()
    found = await actions.list_behind(
        call.actor,
        _question(call),
        query.by,
        query.key,
        None if query.bucket is None else Bucket(query.bucket),
        0 if position is None else int(position[0]),
        call.limit + 1,
    )
    shown = found[: call.limit]
    following = (str(shown[-1][0].id),) if len(found) > call.limit else None
    items = [
        CountedAssignment(
            assignment_id=str(row.id),
            directive_id=str(row.directive_id),
            directive_number=row.directive_number,
            short_name=row.short_name,
            agency=AgencyRef(str(row.agency_id), row.agency_code, row.agency_name),
            bucket=status.bucket.value,
            fine=status.fine.value,
            due_on=status.due_on,
            days_late=status.days_late,
        )
        for row, status in shown
    ]
    return Reply(CountedPage(items, call.next_cursor(following)), next_position=following)


handlers = [get_statistics, get_trend, list_counted]
