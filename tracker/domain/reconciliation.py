"""Reconciliation: which month is owed a round, what an answer may be, when the silent are reminded.

Once a month every agency is sent the list of its tasks as of a day and says of each whether it agrees. What was
listed are copies; a difference changes nothing by itself. Source: docs/decisions/0031-reconciliation.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

from tracker.domain import lengths
from tracker.domain.assignments import State as TaskState
from tracker.domain.errors import Invalid, Problem
from tracker.domain.statistics import Rate
from tracker.domain.text import clean_text
from tracker.domain.workdays import CalendarUnknown, WorkCalendar, add_workdays, count_workdays

ANSWER_DAYS = 5
"""Working days that an agency has to answer, counted after the day on which the round opens."""
LONGEST_ANSWER_DAYS = 60
"""How many days ahead the last day for an answer may lie."""


class RoundState(StrEnum):
    """Answers are taken while a round is open; differences are settled before and after it is closed."""

    OPEN = "open"
    CLOSED = "closed"


class Answer(StrEnum):
    """What an agency says of an item: it agrees, or what is different."""

    AGREES = "agrees"
    DONE = "done"
    OTHER_DEADLINE = "other_deadline"
    NOT_OURS = "not_ours"
    OTHER = "other"


DIFFERENCES = tuple(answer for answer in Answer if answer is not Answer.AGREES)


class Settlement(StrEnum):
    """How the secretariat settles a difference: the agency is right, or the record stays as it is."""

    ACCEPTED = "accepted"
    KEPT = "kept"


class Standing(StrEnum):
    """Where an agency stands in a round, those to be looked after first."""

    DIFFERS = "differs"
    SILENT = "silent"
    WAITING = "waiting"
    AGREED = "agreed"


# --- months and days -------------------------------------------------------------------------------------


def month_of(day: date) -> date:
    """The first day of the month of `day`."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after that of `day`.

    >>> next_month(date(2025, 12, 31))
    datetime.date(2026, 1, 1)
    """
    return month_of(month_of(day) + timedelta(days=31))


def parse_month(words: str) -> date | None:
    """A month written YYYY-MM; None for what is none.

    >>> parse_month("2025-12"), parse_month("2025-13")
    (datetime.date(2025, 12, 1), None)
    """
    try:
        return date.fromisoformat(f"{words}-01") if len(words) == 7 else None
    except ValueError:
        return None


def workdays_after(start: date, days: int, calendar: WorkCalendar) -> date:
    """The `days`-th working day after `start`; years the calendar does not hold work from Monday to Friday.

    >>> from tracker.domain.workdays import WorkCalendar
    >>> workdays_after(date(2030, 1, 4), 1, WorkCalendar({}, frozenset()))
    datetime.date(2030, 1, 7)
    """
    try:
        return add_workdays(start, days, calendar)
    except CalendarUnknown:
        pass
    day = start
    while days:
        day += timedelta(days=1)
        days -= _works(day, calendar)
    return day


def _works(day: date, calendar: WorkCalendar) -> bool:
    try:
        return calendar.is_working(day)
    except CalendarUnknown:
        return day.isoweekday() <= 5


def month_owed(today: date, begins: date | None, calendar: WorkCalendar) -> date | None:
    """The month that is owed a round on `today`: from its first working day on, also after an outage.

    `begins` is the first month of rounds that open by themselves; None where none do. A month that has passed
    without a round is not made up for: its list would ask about yesterday's news.
    """
    month = month_of(today)
    if begins is None or month < begins:
        return None
    return month if today >= workdays_after(month - timedelta(days=1), 1, calendar) else None


# --- a round ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewRound:
    """A round to be opened: its lists tell the end of the civil day `as_of`."""

    month: date
    as_of: date
    closed_since: date
    answer_by: date


def monthly(month: date, today: date, last_as_of: date | None, calendar: WorkCalendar) -> NewRound:
    """The round that opens by itself: as of the end of the month before, whenever it comes to be opened."""
    as_of = month - timedelta(days=1)
    return NewRound(month, as_of, since(as_of, last_as_of), workdays_after(today, ANSWER_DAYS, calendar))


def since(as_of: date, last_as_of: date | None) -> date:
    """After which day closings are listed: the cut-off of the round before, else a month back.

    >>> since(date(2025, 10, 31), None), since(date(2025, 10, 31), date(2025, 9, 30))
    (datetime.date(2025, 9, 30), datetime.date(2025, 9, 30))
    """
    if last_as_of is not None and last_as_of < as_of:
        return last_as_of
    return month_of(as_of) - timedelta(days=1)


def check_round(new: NewRound, today: date) -> None:
    """Raises Invalid, naming every day that does not fit with the others."""
    problems: list[Problem] = []
    if new.as_of > today:
        problems.append(Problem("/as_of", "reconciliation_future_cut_off", new.as_of, {"today": today}))
    if new.answer_by <= today:
        problems.append(Problem("/answer_by", "reconciliation_answer_past", new.answer_by, {"today": today}))
    elif (new.answer_by - today).days > LONGEST_ANSWER_DAYS:
        problems.append(
            Problem("/answer_by", "reconciliation_answer_far", new.answer_by, {"most": LONGEST_ANSWER_DAYS})
        )
    if problems:
        raise Invalid(problems)


# --- what is listed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One copied row of an agency's list: how the record stood at the cut-off.

    `days_late` are civil days after the deadline in force, of silence where `is_by_age`; `completed_on` and `closed_on`
    are there where it was done, or closed, by then.
    """

    assignment_id: int
    task_id: int
    title: str
    directive_number: str
    directive_issued_on: date
    part: str
    fine: str
    is_open: bool
    product: str = ""
    due_on: date | None = None
    due_time: time | None = None
    original_due_on: date | None = None
    extensions: int = 0
    days_late: int = 0
    is_by_age: bool = False
    last_report_on: date | None = None
    completed_on: date | None = None
    closed_on: date | None = None

    def canonical(self) -> str:
        """The row as text that is the same wherever and whenever it is written down."""
        # Not asdict: it copies what it meets, and a round has tens of thousands of rows.
        return _canonical({name: getattr(self, name) for name in self.__slots__})

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        return _sha256(self.canonical())


def item_of(content: str) -> Item:
    """The row that was written down by `Item.canonical`."""
    told = json.loads(content)
    for name in (
        "directive_issued_on",
        "due_on",
        "original_due_on",
        "last_report_on",
        "completed_on",
        "closed_on",
    ):
        told[name] = None if told[name] is None else date.fromisoformat(told[name])
    told["due_time"] = None if told["due_time"] is None else time.fromisoformat(told["due_time"])
    return Item(**told)


def ordered(items: Iterable[Item]) -> list[Item]:
    """An agency's list in its order: what is open by its deadline, the undated after it, then what was closed."""
    return sorted(
        items,
        key=lambda i: (not i.is_open, i.due_on or date.max, i.directive_number, i.title, i.assignment_id),
    )


def digest_of(items: Sequence[Item]) -> str:
    """What stands for a whole list in its order: whoever names it has seen this list, in hex."""
    return written(items).digest


@dataclass(frozen=True, slots=True)
class Written:
    """A list as it is kept: the assignment, the text and the digest of each row in order, and that of the whole."""

    rows: tuple[tuple[int, str, str], ...]
    digest: str


def written(items: Sequence[Item]) -> Written:
    """A list in its order, each row written down once."""
    contents = [item.canonical() for item in items]
    digests = [_sha256(content) for content in contents]
    ids = [item.assignment_id for item in items]
    return Written(tuple(zip(ids, contents, digests, strict=True)), _sha256("\n".join(digests)))


def _sha256(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def _canonical(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"no canonical form for {type(value).__name__}")


# --- what is answered ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """What an agency says of one item.

    `number` and `day` are those of the report where it is done; `day` is the deadline where another one holds.
    """

    item_id: int
    answer: Answer
    number: str = ""
    day: date | None = None
    word: str = ""

    @property
    def said(self) -> tuple[Answer, str, date | None, str]:
        """All but the item: two answers that say the same are one."""
        return self.answer, self.number, self.day, self.word


def tidied(given: Given, at: str) -> Given:
    """The answer without what does not belong to its kind, as when a choice was changed after typing.

    Raises Invalid for texts that cannot be kept; `at` points to the answer.
    """
    is_done = given.answer is Answer.DONE
    has_day = is_done or given.answer is Answer.OTHER_DEADLINE
    number, word = given.number.strip() if is_done else "", given.word.strip()
    if given.answer is Answer.AGREES:
        word = ""
    return Given(
        given.item_id,
        given.answer,
        clean_text(number, f"{at}/number", lengths.EVIDENCE_NUMBER) if number else "",
        given.day if has_day else None,
        clean_text(word, f"{at}/word", lengths.NOTE, allow_newlines=True) if word else "",
    )


def check_answer(given: Given, due_on: date | None, today: date, at: str) -> list[Problem]:
    """What is wrong with a tidied answer to an item whose listed deadline is `due_on`; `at` points to it."""
    problems: list[Problem] = []
    if given.answer is Answer.DONE:
        if not given.number:
            problems.append(Problem(f"{at}/number", "reconciliation_number_needed", given.number))
        if given.day is None:
            problems.append(Problem(f"{at}/day", "reconciliation_report_day_needed"))
        elif given.day > today:
            problems.append(Problem(f"{at}/day", "reconciliation_report_ahead", given.day, {"today": today}))
    if given.answer is Answer.OTHER_DEADLINE:
        if given.day is None:
            problems.append(Problem(f"{at}/day", "reconciliation_deadline_needed"))
        elif given.day == due_on:
            problems.append(Problem(f"{at}/day", "reconciliation_same_deadline", given.day))
    if given.answer in (Answer.NOT_OURS, Answer.OTHER) and not given.word:
        problems.append(Problem(f"{at}/word", "reconciliation_word_needed", given.word))
    return problems


def is_so_by_now(given: Given, state: TaskState, due_on: date | None) -> bool:
    """Whether the live task has meanwhile become what the agency said: then the difference is only to be settled."""
    match given.answer:
        case Answer.DONE:
            return state is TaskState.CONFIRMED
        case Answer.OTHER_DEADLINE:
            return given.day == due_on
        case Answer.NOT_OURS:
            return state in (TaskState.WITHDRAWN, TaskState.TRANSFERRED, TaskState.SUPERSEDED)
        case _:
            return False


def standing_of(answered: bool, differences: int, answer_by: date, today: date) -> Standing:
    """Where an agency stands on `today`; the last day for an answer is in time.

    >>> standing_of(False, 0, date(2025, 11, 7), date(2025, 11, 7)).value
    'waiting'
    """
    if answered:
        return Standing.DIFFERS if differences else Standing.AGREED
    return Standing.SILENT if today > answer_by else Standing.WAITING


# --- letters ---------------------------------------------------------------------------------------------


class Step(StrEnum):
    """A letter of a round: the cover, and three reminders to who is silent."""

    COVER = "cover"
    FIRST = "reminder_1"
    SECOND = "reminder_2"
    THIRD = "reminder_3"


def reminder_days(opened_on: date, answer_by: date, calendar: WorkCalendar) -> dict[Step, date]:
    """When the silent are reminded, on working days: the day before the last, the day after it, three days on.

    The first is left out where the round leaves no day for it between the cover and the last day.
    """
    before = answer_by - timedelta(days=1)
    while not _works(before, calendar):
        before -= timedelta(days=1)
    days = {Step.FIRST: before} if before > opened_on else {}
    return days | {
        Step.SECOND: workdays_after(answer_by, 1, calendar),
        Step.THIRD: workdays_after(answer_by, 4, calendar),
    }


def steps_owed(
    days: Mapping[Step, date], told: Collection[Step], today: date
) -> tuple[Step | None, tuple[Step, ...]]:
    """The latest reminder that has come and was not told, and the older ones that it makes needless."""
    come = [step for step, day in days.items() if day <= today]
    if not come or come[-1] in told:
        return None, ()
    return come[-1], tuple(step for step in come[:-1] if step not in told)


def days_over(answer_by: date, today: date, calendar: WorkCalendar) -> int:
    """Working days that an answer is late on `today`; 0 in time."""
    if today <= answer_by:
        return 0
    try:
        return count_workdays(answer_by, today, calendar)
    except CalendarUnknown:
        return (today - answer_by).days


def is_working_day(day: date, calendar: WorkCalendar) -> bool:
    """Whether letters may go on `day`; years the calendar does not hold work from Monday to Friday."""
    return _works(day, calendar)


# --- figures ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """What a round has come to, in agencies and in items; `settled` are differences that were settled."""

    agencies: int = 0
    answered: int = 0
    agreed: int = 0
    silent: int = 0
    items: int = 0
    answered_items: int = 0
    agreeing_items: int = 0
    differences: int = 0
    settled: int = 0

    @property
    def waiting(self) -> int:
        """Agencies that have not answered and still have time."""
        return self.agencies - self.answered - self.silent

    @property
    def unsettled(self) -> int:
        """Differences that wait for the secretariat."""
        return self.differences - self.settled

    @property
    def rates(self) -> tuple[Rate, Rate, Rate]:
        """Answered of the agencies asked, agreeing of the items answered, settled of the differences."""
        return (
            Rate("answered", self.answered, "agencies", self.agencies, decimals=1),
            Rate("agreeing_items", self.agreeing_items, "answered_items", self.answered_items, decimals=1),
            Rate("settled", self.settled, "differences", self.differences, decimals=1),
        )
