"""The values a feed is made of: one entry per deadline, and what the holder of a link chose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal

from tracker.domain.assignments import OUTSIDE_STATES, State, is_past
from tracker.domain.inspections import State as SessionState
from tracker.domain.inspections import Topic
from tracker.domain.zone import at_official, civil_now
from tracker.i18n import Language

Component = Literal["event", "todo"]


class EntryStatus(StrEnum):
    """What a feed says of a deadline.

    Coarser than the status on the pages: no "due soon", no number of days. A calendar shows the day, and
    the words of an entry may change only with its facts, or once, when it becomes overdue.
    Why: docs/decisions/0020-what-a-feed-says.md.
    """

    IN_TERM = "in_term"
    OVERDUE = "overdue"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    RETURNED = "returned"
    DONE_ON_TIME = "done_on_time"
    DONE_LATE = "done_late"
    WITHDRAWN = "withdrawn"
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"


CANCELLED = frozenset({EntryStatus.WITHDRAWN, EntryStatus.TRANSFERRED, EntryStatus.SUPERSEDED})
DONE = frozenset({EntryStatus.DONE_ON_TIME, EntryStatus.DONE_LATE})


def entry_status(
    state: State,
    due_on: date,
    due_time: time | None,
    completed_on: date | None,
    completed_time: time | None,
    now: datetime,
) -> EntryStatus:
    """What a feed says at `now` of a dated assignment, from its row as stored.

    The same as domain classify() at that instant says from the whole history; a test holds the two together.
    """
    if state in OUTSIDE_STATES:
        return EntryStatus(state.value)
    if state is State.CONFIRMED and completed_on is not None:
        completed = datetime.combine(completed_on, completed_time or time.min)
        return EntryStatus.DONE_LATE if is_past(due_on, due_time, completed) else EntryStatus.DONE_ON_TIME
    if state is State.REPORTED:
        return EntryStatus.AWAITING_CONFIRMATION
    if is_past(due_on, due_time, civil_now(now).replace(tzinfo=None)):
        return EntryStatus.OVERDUE
    return EntryStatus.RETURNED if state is State.RETURNED else EntryStatus.IN_TERM


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One assignment's deadline as calendars see it.

    `version` grows with every change of a fact; `changed_at` is the instant of the last one.
    `done_at` is set for what is done; `urgency` is one of normal, urgent, very_urgent, express.
    A `restricted` entry names its directive and its agency, never the task.
    """

    uid: str
    parent_uid: str
    directive_number: str
    short_name: str
    agency: str
    status: EntryStatus
    due_on: date
    due_time: time | None
    version: int
    created_at: datetime
    changed_at: datetime
    url: str
    off_day: bool = False
    started: bool = False
    restricted: bool = False
    urgency: str = "normal"
    done_at: datetime | None = None
    categories: tuple[str, ...] = ()

    def __hash__(self) -> int:
        """Of what tells two entries apart in practice: rendering looks each one up, hundreds at a time."""
        return hash((self.uid, self.version, self.status))

    @property
    def cancelled(self) -> bool:
        """Whether the assignment no longer stands."""
        return self.status in CANCELLED

    @property
    def done(self) -> bool:
        """Whether the result was confirmed."""
        return self.status in DONE

    @property
    def open(self) -> bool:
        """Whether something is still expected."""
        return not self.cancelled and not self.done

    @property
    def sequence(self) -> int:
        """SEQUENCE: grows with each version, and once more when the day passes and the title says so."""
        return 2 * self.version + (self.status is EntryStatus.OVERDUE)

    @property
    def stamped_at(self) -> datetime:
        """DTSTAMP and LAST-MODIFIED: the last change, or the moment it became overdue if that was later."""
        if self.status is not EntryStatus.OVERDUE:
            return self.changed_at
        if self.due_time is not None:
            return max(self.changed_at, at_official(self.due_on, self.due_time))
        return max(self.changed_at, at_official(self.due_on + timedelta(days=1), time(0)))


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One inspection session as calendars see it; days and hours of the official zone.

    `version` grows with every change of the session. `agencies` are those that the reader may know of.
    """

    uid: str
    title: str
    state: SessionState
    held_on: date
    held_at: time | None
    ends_at: time | None
    place: str
    chair: str
    topic: Topic
    topic_of: str
    agencies: tuple[str, ...]
    explain_by: date | None
    version: int
    created_at: datetime
    changed_at: datetime
    concluded_at: datetime | None
    url: str

    @property
    def due_on(self) -> date:
        """The day under which it stands among other entries."""
        return self.held_on

    @property
    def due_time(self) -> time | None:
        """When it begins, where that is stated."""
        return self.held_at

    @property
    def cancelled(self) -> bool:
        """Whether it was called off."""
        return self.state is SessionState.CANCELLED

    @property
    def open(self) -> bool:
        """Whether it is still to be held or concluded."""
        return self.state in (SessionState.PLANNED, SessionState.FROZEN)

    @property
    def stamped_at(self) -> datetime:
        """DTSTAMP and LAST-MODIFIED: the last change."""
        return self.changed_at


AnyEntry = FeedEntry | SessionEntry


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What the holder of a link chose; `alarms` are days before the deadline, 0 the day itself."""

    name: str
    language: Language = "vi"
    component: Component = "event"
    alarms: tuple[int, ...] = ()
    with_cancelled: bool = True
    consolidated: bool = False
    color: str = "steelblue"
