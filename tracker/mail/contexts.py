"""What each kind of mail needs to know: frozen values, made by actions and jobs, rendered by compose.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from tracker.domain.assignments import Fine, Part
from tracker.domain.directory import Duty
from tracker.domain.inspection_letters import Facts, Seat
from tracker.mail.invitation import Invitation
from tracker.mail.message import Attachment, Mailbox
from tracker.mail.session_invitation import SessionInvitation

Urgency = Literal["normal", "urgent", "very_urgent", "express"]


@dataclass(frozen=True, slots=True)
class Office:
    """Who sends: the same in every mail.

    `sender` is the From identity, and the organizer of invitations; `domain` the right side of Message-IDs
    and of calendar UIDs; `url` the address of the pages, without a final slash.
    """

    name: str
    sender: Mailbox
    reply_to: Mailbox | None
    domain: str
    url: str


@dataclass(frozen=True, slots=True)
class Addressing:
    """One mail's way: to whom, as what, when.

    `key` is unique per outbox row: it becomes the Message-ID and X-Notify-Key, the same on every retry.
    `sent_at` is the instant of the decision, printed as Date and as "as of".
    """

    office: Office
    recipient: Mailbox
    key: str
    sent_at: datetime
    duty: Duty | None = None


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One assignment as a mail shows it.

    `days` belongs to `fine`: civil days late (0: the hour of today has passed), working days left or waiting.
    `wording` is that of the ladder's step: a key under `mail.step.`, or a sentence as it is to be read.
    Only reminders say it.
    `next_on`, `next_to`: the reminder that follows if nothing happens.
    `late_since`: the day on which this should have been sent, when it comes late.
    A `restricted` task is shown by number, deadline and link only.
    """

    assignment_id: int
    task_uid: UUID
    url: str
    directive_number: str
    short_name: str
    agency_name: str
    due_on: date | None
    fine: Fine
    days: int = 0
    due_time: time | None = None
    original_due_on: date | None = None
    part: Part = Part.LEAD
    urgency: Urgency = "normal"
    wording: str = ""
    extension_pending: bool = False
    extension_to: date | None = None
    committed_on: date | None = None
    late_since: date | None = None
    next_on: date | None = None
    next_to: tuple[Duty, ...] = ()
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task just assigned: the line and what the six clear things ask for."""

    line: TaskLine
    full_text: str = ""
    product: str = ""
    report_to: str = ""
    deadline_words: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Step 0: the new tasks of one directive for one agency; the invitation belongs to a single task."""

    agency_name: str
    directive_number: str
    directive_abstract: str
    issued_on: date
    issuer: str
    signer: str
    url: str
    tasks: tuple[NewTask, ...]
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class DeadlineMoved:
    """The deadline in force is another one now; `line` carries the new date."""

    line: TaskLine
    previous_on: date | None
    previous_time: time | None = None
    document: str = ""
    reason: str = ""
    decided_by: str = ""
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """The reminders of one recipient for one day; `agency_name` is empty when several agencies owe them.

    `targets` are those of the agency that are behind or lack readings as they stand; their own letter came before.
    """

    lines: tuple[TaskLine, ...]
    agency_name: str
    url: str
    targets: tuple[TargetLine, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """A report that waits; `line.days` are the working days since it came."""

    line: TaskLine
    reported_on: date
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """Reports that wait for the secretariat."""

    lines: tuple[ReviewLine, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Reported:
    """The receipt of a report."""

    line: TaskLine
    kind: Literal["progress", "obstacle", "completion"]
    receipt: str
    reported_by: str
    reported_at: datetime
    summary: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A result was not accepted: the clock runs again."""

    line: TaskLine
    receipt: str
    reported_on: date
    returned_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A result was accepted, and counts from `completed_on`; `line.fine` is done on time or done late."""

    line: TaskLine
    receipt: str
    completed_on: date
    confirmed_by: str
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class ExtensionRequested:
    """An agency asks for more time; to those who decide."""

    line: TaskLine
    proposed_on: date
    requested_by: str
    requested_at: datetime
    reason: str
    asked_late: bool = False
    granted_before: int = 0


@dataclass(frozen=True, slots=True)
class ExtensionDecided:
    """The answer to a request; `line` carries the deadline that holds from now on."""

    line: TaskLine
    granted: bool
    proposed_on: date
    decided_by: str
    document: str = ""
    reason: str = ""
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The assignment no longer stands for this agency; `line.fine` says which of the three it is."""

    line: TaskLine
    decided_by: str
    reason: str = ""
    document: str = ""
    successor: str = ""
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """What was decided of one task among many; `what` names it, `reason` is why."""

    line: TaskLine
    what: Literal["confirmed", "returned", "withdrawn", "superseded", "deadline_moved"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """What one person is told of many decisions taken at once; `had_invitations` when calendars are out of date."""

    lines: tuple[ChangeLine, ...]
    decided_by: str
    url: str
    had_invitations: bool = False


@dataclass(frozen=True, slots=True)
class Urge:
    """A person urges, beside the ladder; `reason` is their sentence.

    With `answer_by` it asks for an explanation until that day.
    """

    lines: tuple[TaskLine, ...]
    agency_name: str
    urged_by: str
    url: str
    reason: str = ""
    answer_by: date | None = None


@dataclass(frozen=True, slots=True)
class SessionInvited:
    """An invitation to an inspection session, or what has changed of it since `previous`.

    `items` counts the agency's own items on the agenda; None for the working group, and where nobody has counted.
    """

    session: Facts
    seat: Seat
    url: str
    agency_name: str = ""
    items: int | None = None
    previous: Facts | None = None
    invitation: SessionInvitation | None = None


@dataclass(frozen=True, slots=True)
class SessionCancelled:
    """A session was called off for its `reason`, or goes on without this person."""

    session: Facts
    what: Literal["called_off", "taken_out"]
    url: str
    reason: str = ""
    agency_name: str = ""
    invitation: SessionInvitation | None = None


@dataclass(frozen=True, slots=True)
class ExplanationDue:
    """Explanations that a session asked for and that have not come; `previous_on` is the day that was moved."""

    lines: tuple[TaskLine, ...]
    agency_name: str
    session: str
    held_on: date
    answer_by: date
    step: Literal["before", "on", "after", "moved"]
    url: str
    previous_on: date | None = None


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A mail that did not arrive; to the secretariat."""

    agency_name: str
    person: str
    address: str
    subject: str
    reply: str
    failed_at: datetime
    url: str
    rerouted_to: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A test mail that somebody sent to themselves."""

    requested_by: str
    relay: str
    url: str


@dataclass(frozen=True, slots=True)
class TargetLine:
    """A target as a mail shows it; `figures` tell in words where it stands. A `restricted` one is a link only."""

    name: str
    task: str
    directive_number: str
    figures: str
    what: Literal["missing", "behind"]
    url: str
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class TargetsDue:
    """Targets of one agency that lack readings or are behind their plan; `rest` counts those not shown."""

    agency_name: str
    targets: tuple[TargetLine, ...]
    url: str
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Inside:
    """Something an agency arranged among its own people: how many tasks, and no more, for others read the outbox."""

    what: Literal["passed", "due"]
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """An agency is asked to confirm the list of its tasks, or is reminded: how many, and no task by name.

    `month` is the first day of the round's month, `as_of` the day that the list tells, `days_over` the working days
    that the answer is late (0: in time).
    """

    agency_name: str
    month: date
    as_of: date
    answer_by: date
    open_count: int
    closed_count: int
    url: str
    is_reminder: bool = False
    days_over: int = 0


@dataclass(frozen=True, slots=True)
class WebhookOff:
    """A webhook that was switched off because its receiver is gone (410) or failed for days; to its owner."""

    address: str
    is_gone: bool
    disabled_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class ScheduledReport:
    """A table sent on its day, told as of the end of the day before; `attachment` is None where the file is too large.

    `is_late` where it goes on a later day than it should have; `missed` are days for which none will come any more.
    """

    name: str
    what: str
    day: date
    rows: int
    url: str
    file_name: str
    size: int
    attachment: Attachment | None
    is_late: bool = False
    missed: tuple[date, ...] = ()
    next_on: date | None = None
    weeks: int = 2

    @property
    def as_of(self) -> date:
        """The last day that the figures tell of."""
        return self.day - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountInvitation:
    """A link with which a person sets their first password."""

    email: str
    invited_by: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """A link with which a person who forgot their password sets another."""

    email: str
    url: str
    expires_at: datetime


AccountChange = Literal[
    "password_changed",
    "password_reset",
    "second_factor_set_up",
    "second_factor_reset",
    "recovery_codes_renewed",
    "recovery_code_used",
    "identity_linked",
    "identity_unlinked",
    "token_made",
    "new_device",
]


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Something about how a person signs in has changed; to that person, who may not have done it.

    `ip` is where the request came from, `changed_by` whoever did it for them, `about` what it concerns by name;
    each is empty where there is none. The operator at the command line has no name.
    """

    what: AccountChange
    changed_at: datetime
    url: str
    ip: str = ""
    changed_by: str = ""
    about: str = ""
    is_by_operator: bool = False


Context = (
    Assigned
    | DeadlineMoved
    | Digest
    | Review
    | Reported
    | Returned
    | Confirmed
    | ExtensionRequested
    | ExtensionDecided
    | Cancelled
    | Changed
    | Urge
    | SessionInvited
    | SessionCancelled
    | ExplanationDue
    | Undeliverable
    | Trial
    | TargetsDue
    | Inside
    | Reconciliation
    | WebhookOff
    | ScheduledReport
    | AccountInvitation
    | PasswordReset
    | AccountChanged
)

KINDS: dict[str, type[Context]] = {
    "assigned": Assigned,
    "deadline_moved": DeadlineMoved,
    "digest": Digest,
    "review": Review,
    "reported": Reported,
    "returned": Returned,
    "confirmed": Confirmed,
    "extension_requested": ExtensionRequested,
    "extension_decided": ExtensionDecided,
    "cancelled": Cancelled,
    "changed": Changed,
    "urge": Urge,
    "session_invited": SessionInvited,
    "session_cancelled": SessionCancelled,
    "explanation_due": ExplanationDue,
    "undeliverable": Undeliverable,
    "test": Trial,
    "targets_due": TargetsDue,
    "inside": Inside,
    "reconciliation": Reconciliation,
    "webhook_off": WebhookOff,
    "scheduled_report": ScheduledReport,
    "account_invitation": AccountInvitation,
    "password_reset": PasswordReset,
    "account_changed": AccountChanged,
}
"""The kinds of mail, by the name under which outbox and log know them, and the context each one takes."""
