"""Inspection sessions: whom to invite and why, what is frozen, and what a conclusion may be.

What a session judges is frozen once: copies in one order, with totals and a digest, whatever happens to the tasks
afterwards. Source: docs/decisions/0030-inspections.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from enum import StrEnum

from tracker.domain.errors import Invalid, Problem

# --- what a session is about -----------------------------------------------------------------------------


class Topic(StrEnum):
    """Which tasks a session looks at."""

    ALL = "all"
    DIRECTIVE = "directive"
    FIELD = "field"


class State(StrEnum):
    """Where a session stands: nothing is copied before `frozen`, nothing is decided after `concluded`."""

    PLANNED = "planned"
    FROZEN = "frozen"
    CONCLUDED = "concluded"
    CANCELLED = "cancelled"


MOST_AGENCIES = 100
LONGEST_SPAN_DAYS = 366
"""How far ahead of its cut-off a session may look for tasks that fall due."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A session to be held; days are civil days.

    `as_of` is the cut-off of the figures, `due_until` the last deadline of the tasks that are due soon,
    `explain_by` the day by which the agencies explain themselves.
    """

    title: str
    held_on: date
    as_of: date
    due_until: date
    agency_codes: tuple[str, ...]
    topic: Topic = Topic.ALL
    directive_id: int | None = None
    field: str = ""
    held_at: time | None = None
    ends_at: time | None = None
    place: str = ""
    chair_id: int | None = None
    secretary_id: int | None = None
    member_ids: tuple[int, ...] = ()
    explain_by: date | None = None


def check_plan(plan: Plan, today: date) -> None:
    """Raises Invalid, naming every field that does not fit with the others."""
    problems: list[Problem] = []

    def refuse(field: str, code: str, value: object = None, **params: object) -> None:
        problems.append(Problem(field, code, value, params))

    if not plan.title.strip():
        refuse("/title", "required")
    if not plan.agency_codes:
        refuse("/agencies", "inspection_no_agency")
    elif len(plan.agency_codes) > MOST_AGENCIES:
        refuse("/agencies", "inspection_many_agencies", len(plan.agency_codes), most=MOST_AGENCIES)
    elif len(set(plan.agency_codes)) < len(plan.agency_codes):
        twice = next(code for code in plan.agency_codes if plan.agency_codes.count(code) > 1)
        refuse("/agencies", "inspection_agency_twice", twice)
    if plan.as_of > today:
        refuse("/as_of", "inspection_future_cut_off", plan.as_of, today=today)
    if plan.as_of > plan.held_on:
        refuse("/as_of", "inspection_cut_off_after", plan.as_of, held_on=plan.held_on)
    if not 0 <= (plan.due_until - plan.as_of).days <= LONGEST_SPAN_DAYS:
        refuse("/due_until", "inspection_span", plan.due_until, as_of=plan.as_of, most=LONGEST_SPAN_DAYS)
    if plan.explain_by is not None and plan.explain_by > plan.held_on:
        refuse("/explain_by", "inspection_explain_late", plan.explain_by, held_on=plan.held_on)
    if plan.ends_at is not None and (plan.held_at is None or plan.ends_at <= plan.held_at):
        refuse("/to_time", "inspection_ends_before", plan.ends_at)
    if (plan.topic is Topic.DIRECTIVE) != (plan.directive_id is not None):
        refuse("/directive_id", "inspection_topic_directive")
    if (plan.topic is Topic.FIELD) != bool(plan.field.strip()):
        refuse("/field", "inspection_topic_field")
    if problems:
        raise Invalid(problems)


# --- whom to invite --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """What speaks for inspecting an agency, as of a day; counts are of assignments, days of calendar days."""

    agency_code: str
    overdue: int = 0
    days_late: int = 0
    extended_again: int = 0
    returned: int = 0
    targets_behind: int = 0
    days_since_session: int | None = None


class Reason(StrEnum):
    """Why an agency is proposed, the weightiest first."""

    OVERDUE = "overdue"
    DAYS_LATE = "days_late"
    EXTENDED_AGAIN = "extended_again"
    RETURNED = "returned"
    TARGETS_BEHIND = "targets_behind"
    DAYS_SINCE_SESSION = "days_since_session"
    NEVER_INSPECTED = "never_inspected"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agency with the reasons to invite it, each with its figure."""

    agency_code: str
    reasons: tuple[tuple[Reason, int], ...]


def propose(standings: Iterable[Standing]) -> list[Candidate]:
    """The agencies with anything open against them: most overdue first, then longest late, then the rest in turn.

    How long ago an agency was inspected only decides between equals: it is no fault of its own.

    >>> [c.agency_code for c in propose([Standing("A", overdue=1), Standing("B", overdue=3), Standing("C")])]
    ['B', 'A']
    """
    at_fault = [s for s in standings if any(figure for reason, figure in _figures(s))]
    return [
        Candidate(s.agency_code, tuple((r, n) for r, n in _figures(s) if n) + _last_session(s))
        for s in sorted(at_fault, key=_weight)
    ]


def _figures(standing: Standing) -> tuple[tuple[Reason, int], ...]:
    return (
        (Reason.OVERDUE, standing.overdue),
        (Reason.DAYS_LATE, standing.days_late),
        (Reason.EXTENDED_AGAIN, standing.extended_again),
        (Reason.RETURNED, standing.returned),
        (Reason.TARGETS_BEHIND, standing.targets_behind),
    )


def _last_session(standing: Standing) -> tuple[tuple[Reason, int], ...]:
    if standing.days_since_session is None:
        return ((Reason.NEVER_INSPECTED, 0),)
    return ((Reason.DAYS_SINCE_SESSION, standing.days_since_session),)


def _weight(standing: Standing) -> tuple[int | float | str, ...]:
    since = standing.days_since_session
    return (
        *(-figure for _, figure in _figures(standing)),
        -(float("inf") if since is None else since),
        standing.agency_code,
    )


# --- what is frozen --------------------------------------------------------------------------------------


class ItemKind(StrEnum):
    """Why an item is on the agenda, in the order of the agenda."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    TARGET = "target"
    REQUEST = "request"
    STANDING = "standing"


_KINDS = tuple(ItemKind)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that a report of the item came with: size in bytes, SHA-256 in hex, the day and who gave it."""

    name: str
    size: int
    sha256: str
    on: date
    by: str


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """One copied row: everything a dossier says about it, so that it needs nothing else later.

    `days` is how late it is (overdue), how many days are left (due soon), how old it is (standing) or how long a
    request has waited. `explanation` is the agency's own, `last_concluded` what its last session said of the task.
    """

    kind: ItemKind
    agency_code: str
    agency_name: str
    title: str
    days: int
    assignment_id: int | None = None
    task_id: int | None = None
    indicator_id: int | None = None
    full_text: str = ""
    product: str = ""
    directive_number: str = ""
    directive_issued_on: date | None = None
    part: str = "lead"
    cooperating: tuple[str, ...] = ()
    due_on: date | None = None
    due_time: time | None = None
    original_due_on: date | None = None
    extensions: int = 0
    returned: int = 0
    status: str = ""
    last_report_on: date | None = None
    last_report: str = ""
    cause: str = ""
    committed_on: date | None = None
    explanation: str = ""
    explained_on: date | None = None
    explained_by: str = ""
    figures: str = ""
    last_concluded: str = ""
    last_concluded_on: date | None = None
    files: tuple[Evidence, ...] = ()

    def canonical(self) -> bytes:
        """The row as bytes that are the same wherever and whenever it is written down."""
        told = asdict(self)
        if not self.files:
            # Rows were frozen before files were listed: without one they keep their digest.
            del told["files"]
        return _canonical(told)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        return hashlib.sha256(self.canonical()).hexdigest()


@dataclass(frozen=True, slots=True)
class Totals:
    """How many items of each kind."""

    overdue: int = 0
    due_soon: int = 0
    target: int = 0
    request: int = 0
    standing: int = 0

    @property
    def all(self) -> int:
        """All items."""
        return self.overdue + self.due_soon + self.target + self.request + self.standing


@dataclass(frozen=True, slots=True)
class Frozen:
    """The agenda in its order, its totals by agency and altogether, and its digest in hex."""

    items: tuple[AgendaItem, ...]
    totals: Totals
    by_agency: Mapping[str, Totals]
    digest: str

    @property
    def check_code(self) -> str:
        """The first sixteen signs of the digest in groups of four, as every page prints them."""
        return check_code_of(self.digest)


def check_code_of(digest: str) -> str:
    """The check code of a digest in hex.

    >>> check_code_of("0123456789abcdef" * 4)
    '0123-4567-89AB-CDEF'
    """
    return "-".join(digest[n : n + 4] for n in range(0, 16, 4)).upper()


def freeze(items: Iterable[AgendaItem], header: Mapping[str, object], agency_order: Sequence[str]) -> Frozen:
    """The agenda of a session, the same whatever order the rows came in.

    `header` is what the session says of itself (title, days, agencies): it is part of the digest.
    Raises ValueError for an item of an agency that `agency_order` does not have.
    """
    place = {code: position for position, code in enumerate(agency_order)}
    items = tuple(items)
    missing = {item.agency_code for item in items} - place.keys()
    if missing:
        raise ValueError(f"items of agencies that are not inspected: {sorted(missing)}")
    ordered = tuple(
        sorted(items, key=lambda item: (place[item.agency_code], *_order(item), item.canonical()))
    )
    by_agency = {code: _count(i for i in ordered if i.agency_code == code) for code in agency_order}
    return Frozen(ordered, _count(ordered), by_agency, digest_of(header, [item.digest for item in ordered]))


def digest_of(header: Mapping[str, object], digests: Sequence[str]) -> str:
    """The digest of a whole agenda from those of its rows, in hex."""
    return hashlib.sha256(_canonical({"header": dict(header), "items": list(digests)})).hexdigest()


def _order(item: AgendaItem) -> tuple[int, int, date]:
    # Late and old ones first by their days; what is coming by its date.
    urgency = item.days if item.kind is ItemKind.DUE_SOON else -item.days
    return _KINDS.index(item.kind), urgency, item.due_on or date.max


def _count(items: Iterable[AgendaItem]) -> Totals:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.kind.value] = counts.get(item.kind.value, 0) + 1
    return Totals(**counts)


def _canonical(value: Mapping[str, object]) -> bytes:
    """JSON with sorted keys, no blanks, dates in ISO form, in UTF-8."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False
    ).encode()


def _plain(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"no canonical form for {type(value).__name__}")


# --- what is concluded -----------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What a session concludes on an item."""

    NEW_DATE = "new_date"
    CLOSED = "closed"
    EXPLANATION = "explanation"
    NEW_TASK = "new_task"
    REFERRED = "referred"
    NOTED = "noted"


_NEEDS_ASSIGNMENT = frozenset({Verdict.NEW_DATE, Verdict.CLOSED, Verdict.EXPLANATION})
_NEEDS_DAY = frozenset({Verdict.NEW_DATE, Verdict.EXPLANATION, Verdict.NEW_TASK})


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One conclusion as typed: its words, and the day it sets where it sets one."""

    verdict: Verdict
    text: str
    due_on: date | None = None
    agency_code: str = ""


def check_conclusion(conclusion: Conclusion, item: AgendaItem | None, held_on: date) -> None:
    """Raises Invalid for a conclusion without words, without the day it needs, or on what it cannot be about.

    An item of None is a conclusion of the session as a whole.
    """
    problems: list[Problem] = []
    if not conclusion.text.strip():
        problems.append(Problem("/text", "required", conclusion.text, {}))
    if conclusion.verdict in _NEEDS_ASSIGNMENT and (item is None or item.assignment_id is None):
        problems.append(Problem("/verdict", "conclusion_needs_task", conclusion.verdict.value, {}))
    if conclusion.verdict in _NEEDS_DAY and conclusion.due_on is None:
        problems.append(
            Problem("/due_on", "conclusion_needs_day", None, {"verdict": conclusion.verdict.value})
        )
    if conclusion.verdict not in _NEEDS_DAY and conclusion.due_on is not None:
        problems.append(Problem("/due_on", "conclusion_sets_no_day", conclusion.due_on, {}))
    if conclusion.due_on is not None and conclusion.due_on < held_on:
        problems.append(Problem("/due_on", "conclusion_day_past", conclusion.due_on, {"held_on": held_on}))
    if conclusion.verdict is Verdict.NEW_TASK and item is None and not conclusion.agency_code:
        problems.append(Problem("/agency", "inspection_no_agency", None, {}))
    if problems:
        raise Invalid(problems)
