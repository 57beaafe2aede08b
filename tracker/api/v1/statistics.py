"""Statistics: the official buckets and rates of any day, each figure with its check and the list behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta, Struct

from tracker.actions import statistics as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, Id, NoBody, id_of
from tracker.api.v1.overdue import Counts, Rate
from tracker.api.v1.shapes import AgencyRef, BucketName, Day, FineName, PageQuery
from tracker.db.statistics import Figure, HeadCount, Span
from tracker.domain.access import Verb
from tracker.domain.assignments import Knowledge
from tracker.domain.statistics import Denominator, Rounding
from tracker.domain.statistics import Rate as RateValue
from tracker.domain.tallies import Block, Change, Period
from tracker.domain.zone import civil_day

Head = Literal["agency", "block", "kind", "directive", "field", "month", "quarter", "year"]
CellName = Literal[
    "total",
    "done",
    "done_on_time",
    "done_late",
    "open",
    "open_in_term",
    "open_overdue",
    "fallen_due",
    "standing",
    "outside",
    "beside",
    "withdrawn",
    "transferred",
    "superseded",
    "awaiting",
    "extended",
    "extended_again",
    "late_7",
    "late_30",
    "late_90",
    "late_more",
]
FieldName = Annotated[
    str, Meta(min_length=1, max_length=300, pattern=PRINTABLE, extra={FORM: "form.printable"})
]
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
    """What all questions share: days of assignment and of the deadline are inclusive, `field` "-" is none."""

    as_of: Day | None = None
    agency: AgencyCodes | None = None
    directive_id: Id | None = None
    assigned_from: Day | None = None
    assigned_to: Day | None = None
    due_from: Day | None = None
    due_to: Day | None = None
    block: Literal["ministries", "provinces", "corporations", "others"] | None = None
    field: FieldName | None = None
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
    """Which figures: of today without `as_of`; assignments given from `assigned_from` to `assigned_to`, inclusive.

    `compare` adds to every rate its change against the same day one such period earlier.
    """

    by: Head = "agency"
    compare: Literal["week", "month", "quarter", "year"] | None = None


class TrendQuery(_Reckoned, forbid_unknown_fields=True, kw_only=True):
    """The same, week by week up to `as_of`, or in other steps; `weeks` says how many."""

    step: Literal["week", "month", "quarter", "year"] = "week"

    weeks: Annotated[
        str,
        Meta(
            pattern=r"^([1-9]|[1-4][0-9]|5[0-3])$",
            description="How many weeks, 1 to 53.",
            extra_json_schema={"x-integer": [1, 53]},
            extra={FORM: "form.weeks"},
        ),
    ] = "12"


class PaceQuery(_Asked, forbid_unknown_fields=True, kw_only=True):
    """Of what, and how many weeks ahead."""

    ahead: Annotated[
        str,
        Meta(
            pattern=r"^([1-9]|1[0-2])$",
            description="How many weeks ahead, 1 to 12.",
            extra_json_schema={"x-integer": [1, 12]},
            extra={FORM: "form.weeks"},
        ),
    ] = "4"


class BehindQuery(_Asked, forbid_unknown_fields=True, kw_only=True):
    """Which figure: the row by its head and key (all without), the column by its cell or bucket (all without).

    `confirmed_from` and `confirmed_to` keep what is done and was confirmed on those days.
    """

    by: Head | None = None
    key: Annotated[
        str, Meta(min_length=1, max_length=300, pattern=PRINTABLE, extra={FORM: "form.printable"})
    ] = "-"
    bucket: BucketName | None = None
    cell: CellName | None = None
    confirmed_from: Day | None = None
    confirmed_to: Day | None = None


class Sum(Struct):
    """A sum that the figures must keep, such as `1310+429=1739`."""

    text: str
    holds: bool


class Ageing(Struct):
    """The overdue by days late: up to 7, 8 to 30, 31 to 90, more than 90."""

    late_7: int
    late_30: int
    late_90: int
    late_more: int


class RateChange(Struct):
    """By how many percentage points the rate moved since `before`; null where one of the two is of nothing."""

    points: str | None
    before: Rate


class StatisticsFigures(Struct):
    """The figures of a row or a day. `awaiting` of the open ones have a report that waits.

    Of the official total `extended` had their deadline extended, `extended_again` more than once.
    """

    counts: Counts
    awaiting: int
    extended: int
    extended_again: int
    ageing: Ageing
    rate: Rate
    checks: list[Sum]
    change: RateChange | None = None


class StatisticsRow(Struct):
    """One row. `list` is the address of the assignments behind it (add `&bucket=…` for one figure).

    `overdue` is the address of its overdue list, where there is one for such a row.
    """

    key: str
    label: str
    figures: StatisticsFigures
    list: str
    overdue: str | None


class LastDays(Struct):
    """What was confirmed in the last days before the cut-off: `last` of the `month` up to it, against the usual share.

    `mass` says that they crowd; `without` is the rate as if they were still open.
    """

    first_day: date
    last_day: date
    last: int
    month: int
    share: str
    usual_share: str
    mass: bool
    without: Rate


class StatisticsPage(Struct):
    """The figures as of the end of a day; `sound` says that every sum holds and that all rows add up to the total."""

    as_of: date
    by: Head
    knowledge: str
    scope: dict[str, str]
    total: StatisticsFigures
    compared_with: date | None
    last_days: LastDays | None
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


class ComingRow(Struct):
    """How many open assignments of an agency fall due in each of the next weeks."""

    key: str
    label: str
    weeks: list[int]
    total: int


class Week(Struct):
    """Seven days, both ends included."""

    first_day: date
    last_day: date


class Pace(Struct):
    """How long confirmation takes, in working days after the report, and what falls due.

    `confirmed` assignments were confirmed from `confirmed_from` to `confirmed_to`; the 90th percentile is by rank.
    """

    as_of: date
    scope: dict[str, str]
    confirmed_from: date
    confirmed_to: date
    confirmed: int
    median: str | None
    ninetieth: int | None
    weeks: list[Week]
    total: list[int]
    items: list[ComingRow]


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
        due=Span(query.due_from, query.due_to),
        block=None if query.block is None else Block(query.block),
        field=query.field,
        knowledge=Knowledge(query.knowledge),
    )
    if isinstance(query, BehindQuery):
        return replace(question, confirmed=Span(query.confirmed_from, query.confirmed_to))
    if not isinstance(query, _Reckoned):
        return question
    return replace(
        question,
        by=query.by if isinstance(query, StatisticsQuery) else "agency",
        denominator=Denominator(query.denominator),
        numerator=query.numerator,
        rounding=Rounding(query.rounding),
        decimals=int(query.decimals),
    )


def _figures(figures: actions.Figures, change: Change | None = None) -> StatisticsFigures:
    tally = figures.count.tally
    return StatisticsFigures(
        counts=Counts(**tally.buckets.cells()),
        awaiting=tally.awaiting,
        extended=tally.extended,
        extended_again=tally.extended_again,
        ageing=Ageing(**{age.value: count for age, count in tally.ageing.items()}),
        rate=_rate(figures.rate),
        checks=[Sum(i.text, i.holds) for i in figures.identities],
        change=None if change is None else _change(change),
    )


def _change(change: Change) -> RateChange:
    return RateChange(None if change.points is None else f"{change.points:+f}", _rate(change.before))


def _last_days(table: actions.OfficialTable) -> LastDays | None:
    found, without = table.rush, table.without_rush()
    if found is None or without is None:
        return None
    return LastDays(
        first_day=found.first_day,
        last_day=found.last_day,
        last=found.last,
        month=found.month,
        share=str(found.share),
        usual_share=str(found.usual),
        mass=found.is_mass,
        without=_rate(without),
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
    names = (
        "agency",
        "block",
        "directive_id",
        "field",
        "assigned_from",
        "assigned_to",
        "due_from",
        "due_to",
    )
    return {name: value for name, value in call.filters().items() if name in names}


def _addresses(
    call: Call[Any, NoBody], question: actions.Question, count: HeadCount
) -> tuple[str, str | None]:
    """Where the assignments of a row are, and its overdue list."""
    asked = {"as_of": question.as_of.isoformat(), **_scope(call), "knowledge": question.knowledge.value}
    behind = f"/api/v1/statistics/assignments?{urlencode({**asked, 'by': question.by, 'key': count.key})}"
    is_now = question.knowledge is Knowledge.AS_KNOWN_NOW
    is_limited = not (question.span.is_whole and question.due.is_whole) or question.field or question.block
    if is_now or is_limited:
        return behind, None  # the overdue list knows none of these
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
    description="The official four buckets and what stands beside them, by agency, block of agencies, kind of "
    "document, directive, field, or month, quarter or year of the deadline; every rate names its numerator, "
    "denominator and rounding, and closings that crowd before the cut-off are shown with the rate without them.",
)
async def get_statistics(call: Call[StatisticsQuery, NoBody]) -> Reply:
    """Figures of today or any past day. Agencies see their own."""
    question = _question(call)
    position = call.position()
    against = None if call.query.compare is None else Period(call.query.compare)
    told = await actions.official_table(call.actor, question, against, today=civil_day(call.now))
    ordered = [row for row in told.rows if position is None or _place(row) > position]
    shown = ordered[: call.limit]
    following = _place(shown[-1]) if len(ordered) > call.limit else None
    items = []
    for row in shown:
        count = row.figures.count
        behind, overdue = _addresses(call, question, count)
        figures = _figures(row.figures, row.change)
        items.append(StatisticsRow(count.key, count.label, figures, behind, overdue))
    return Reply(
        StatisticsPage(
            as_of=question.as_of,
            by=call.query.by,
            knowledge=question.knowledge.value,
            scope=_scope(call),
            total=_figures(told.total.figures, told.total.change),
            compared_with=None if told.before is None else told.before.day,
            last_days=_last_days(told),
            rows=len(told.rows),
            sound=told.is_sound,
            items=items,
            next=call.next_cursor(following),
        ),
        next_position=following,
    )


def _place(row: actions.OfficialRow) -> tuple[str, ...]:
    return row.figures.count.order, row.key


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
    points = await actions.trend(
        call.actor, question, weeks, Period(call.query.step), today=civil_day(call.now)
    )
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
    "/statistics/pace",
    id="getPace",
    summary="Read how long confirmation takes and what falls due",
    tag="Statistics",
    verb=Verb.EXPORT,
    query=PaceQuery,
    answer=Pace,
    refusals=("not_found", "invalid"),
    description="Median and 90th percentile of the working days from a report to its confirmation over the last "
    "twelve weeks, and per agency the open assignments that fall due in each of the next weeks.",
)
async def get_pace(call: Call[PaceQuery, NoBody]) -> Reply:
    """How confirmation goes and what is coming, as of a day."""
    told = await actions.pace(call.actor, _question(call), int(call.query.ahead), today=civil_day(call.now))
    begin, end = told.confirmed.first, told.confirmed.last
    assert begin is not None  # nosec B101  # a pace names both of its days
    assert end is not None  # nosec B101  # both ends of a week are known
    return Reply(
        Pace(
            as_of=told.question.day,
            scope=_scope(call),
            confirmed_from=begin,
            confirmed_to=end,
            confirmed=told.waits.count,
            median=None if told.waits.median is None else str(told.waits.median),
            ninetieth=told.waits.ninth_decile,
            weeks=[Week(w.first, w.last) for w in told.weeks if w.first and w.last],
            total=list(told.total.weeks),
            items=[ComingRow(row.key, row.label, list(row.weeks), row.total) for row in told.coming],
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
        Figure(query.cell or query.bucket, query.by, query.key),
        0 if position is None else int(position[0]),
        call.limit + 1,
        today=civil_day(call.now),
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


handlers = [get_statistics, get_trend, get_pace, list_counted]
