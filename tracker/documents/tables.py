"""The overdue list as tables of cells: the same columns and the same numbers for every kind of file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tracker.domain.assignments import Part
from tracker.domain.overdue import AgencyLine, OverdueList, OverdueRow
from tracker.domain.statistics import Rate
from tracker.domain.zone import civil_now
from tracker.i18n import Language, text

Value = str | int | date | Decimal | None
"""A cell: text, a whole number, a civil date, a percentage, or nothing."""

LIST_COLUMNS = (
    "number",
    "task",
    "directive",
    "lead",
    "due_on",
    "cooperating",
    "original_due_on",
    "days_late",
    "extensions",
    "last_report",
    "cause",
    "commitment",
)
"""The official five (overdue annex), then ours (PRODUCT, real tables)."""

ANNEX_COLUMNS = ("number", "task", "directive", "lead", "due_on", "days_late", "agencies")
AGENCY_COLUMNS = (
    "number",
    "agency",
    "total",
    "done_on_time",
    "done_late",
    "open_in_term",
    "open_overdue",
    "fallen_due",
    "rate",
    "standing",
    "withdrawn",
    "transferred",
    "superseded",
)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading; the heading is "" where the table is not divided."""

    heading: str
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: its name, its columns by key, its rows in groups, and the sum row where there is one."""

    key: str
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    total: tuple[Value, ...] | None = None

    @property
    def rows(self) -> Iterable[tuple[Value, ...]]:
        """All rows, without headings."""
        return (row for group in self.groups for row in group.rows)


@dataclass(frozen=True, slots=True)
class AnnexRow:
    """One task of the annex: all agencies that still owe it, under the words that charged them."""

    programme: str
    task: str
    directive: str
    lead: str
    due_on: date | None
    days_late: int
    agencies: int


def cut_off_words(as_of: date | datetime, language: Language) -> str:
    """The line that says to when the figures are true."""
    if isinstance(as_of, datetime):
        local = civil_now(as_of)
        return text(language, "overdue_as_of_hour", day=_day(local.date()), hour=local.strftime("%H:%M"))
    return text(language, "overdue_as_of", day=_day(as_of))


def directive_words(row: OverdueRow, language: Language) -> str:
    """The directive as an annex cites it: number and date."""
    if row.directive_issued_on is None:
        return row.directive_number
    day = _day(row.directive_issued_on)
    return text(language, "overdue_directive", number=row.directive_number, day=day)


def rate_words(rate: Rate, language: Language) -> str:
    """A rate that says what of what and how it was rounded: "71,27% = 1.441 / 2.022 (…)"."""
    value = "–" if rate.value is None else percent(rate.value, language)
    return text(
        language,
        "overdue_rate",
        value=value,
        numerator=grouped(rate.numerator, language),
        numerator_name=text(language, f"overdue_name_{rate.numerator_name}"),
        denominator=grouped(rate.denominator, language),
        denominator_name=text(language, f"overdue_name_{rate.denominator_name}"),
        rounding=text(language, f"overdue_rounding_{rate.rounding.value}", decimals=rate.decimals),
    )


def grouped(number: int, language: Language) -> str:
    """A whole number with its thousands apart: "1.441" in Vietnamese, "1,441" in English."""
    written = f"{number:,}"
    return written.replace(",", ".") if language == "vi" else written


def percent(value: Decimal, language: Language) -> str:
    """A percentage as it is printed: "71,27%" in Vietnamese, "71.27%" in English."""
    written = f"{value}%"
    return written.replace(".", ",") if language == "vi" else written


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


# --- the three tables ---


def overdue_sheet(listing: OverdueList, language: Language) -> Sheet:
    """Every overdue assignment under its agency, numbered through."""
    groups = []
    number = 0
    for line in listing.agencies:
        rows = []
        for row in line.rows:
            number += 1
            rows.append(_list_row(number, row, language))
        if rows:
            groups.append(Group(line.name, tuple(rows)))
    return Sheet("list", LIST_COLUMNS, tuple(groups))


def _list_row(number: int, row: OverdueRow, language: Language) -> tuple[Value, ...]:
    report = ""
    if row.last_report_on is not None:
        report = text(
            language, "overdue_report", day=_day(row.last_report_on), summary=row.last_report
        ).strip(" :")
    if row.is_awaiting:
        waits = text(language, "overdue_waits_in_time" if row.waits_in_time else "overdue_waits")
        report = f"{report} ({waits})".strip()
    return (
        number,
        row.full_text or row.task,
        directive_words(row, language),
        row.lead,
        row.due_on,
        "; ".join(row.cooperating),
        row.original_due_on,
        row.days_late,
        row.extensions,
        report,
        row.cause,
        row.committed_on,
    )


def annex_rows(listing: OverdueList, language: Language) -> list[AnnexRow]:
    """One row for each overdue task, as official annexes have it: the lead in the words that charged it.

    By programme, then the oldest deadline first. Co-operating agencies are not charged here.
    """
    tasks: dict[tuple[int, str, str], list[tuple[AgencyLine, OverdueRow]]] = {}
    for line in listing.agencies:
        for row in line.rows:
            if row.part is not Part.COOPERATING:
                tasks.setdefault((row.task_id, row.directive_number, row.task), []).append((line, row))
    rows = [_annex_row(charged, language) for charged in tasks.values()]
    return sorted(rows, key=lambda r: (r.programme, r.due_on or date.max, r.directive, r.task))


def _annex_row(charged: Sequence[tuple[AgencyLine, OverdueRow]], language: Language) -> AnnexRow:
    _, first = charged[0]
    words = list(dict.fromkeys(row.via_class or line.name for line, row in charged))
    named = [w for w in words if not any(w != other and w.casefold() in other.casefold() for other in words)]
    # Members whose deadline was moved stand in the same row; it shows the oldest, which is the one overdue longest.
    latest = max((row for _, row in charged), key=lambda row: row.days_late)
    return AnnexRow(
        programme=first.programme,
        task=first.full_text or first.task,
        directive=directive_words(first, language),
        lead="; ".join(named),
        due_on=latest.due_on,
        days_late=latest.days_late,
        agencies=len(charged),
    )


def annex_sheet(listing: OverdueList, language: Language) -> Sheet:
    """The annex by programme, each programme numbered from 1."""
    programmes: dict[str, list[tuple[Value, ...]]] = {}
    for row in annex_rows(listing, language):
        rows = programmes.setdefault(row.programme, [])
        rows.append(
            (len(rows) + 1, row.task, row.directive, row.lead, row.due_on, row.days_late, row.agencies)
        )
    groups = tuple(Group(name, tuple(rows)) for name, rows in programmes.items())
    return Sheet("annex", ANNEX_COLUMNS, groups)


def agency_sheet(listing: OverdueList, language: Language) -> Sheet:
    """The buckets and the rate of every agency, and their sum."""
    rows = tuple(
        _agency_row(number, line.name, line) for number, line in enumerate(listing.agencies, start=1)
    )
    total = _agency_row(None, text(language, "overdue_total"), listing)
    return Sheet("agencies", AGENCY_COLUMNS, (Group("", rows),), total)


def _agency_row(number: int | None, name: str, of: AgencyLine | OverdueList) -> tuple[Value, ...]:
    cells = (of.totals if isinstance(of, OverdueList) else of.buckets).cells()
    known: dict[str, Value] = {"number": number, "agency": name, "rate": of.rate.value, **cells}
    return tuple(known[column] for column in AGENCY_COLUMNS)


def scope_words(listing: OverdueList, language: Language) -> list[str]:
    """The lines that say what the list was limited to; none where it holds everything."""
    return [text(language, f"overdue_scope_{name}", value=value) for name, value in listing.scope.items()]
