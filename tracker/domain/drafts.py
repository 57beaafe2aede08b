"""What somebody asks to be recorded: values parsed at an edge, judged by an action, not yet true.

An edge never guesses: it fills these in from what was typed, and the action answers with every problem at once.
Agencies are named by code; a phrase that names a class of agencies stands in `classes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True)
class NewTask:
    """One task of a directive, with the agencies that are to do it.

    `deadline` is the official phrase ("trong quý III", "trước ngày 30/11/2025"); `due_on` (inclusive civil date)
    and `due_time` (official zone) overrule its resolution where an officer has decided.
    `lead_words` is how the directive words a class whose members somebody named in `leads`
    ("các địa phương có đảo").
    """

    short_name: str
    full_text: str
    leads: tuple[str, ...] = ()
    cooperating: tuple[str, ...] = ()
    lead_classes: tuple[str, ...] = ()
    cooperating_classes: tuple[str, ...] = ()
    deadline: str = ""
    due_on: date | None = None
    due_time: time | None = None
    product: str = ""
    place: str = ""
    report_to: str = ""
    field: str = ""
    completes_on: str = "issued"
    officer_email: str = ""
    restricted: bool = False
    early_due_confirmed: bool = False
    lead_words: str = ""
    import_key: str | None = None


@dataclass(frozen=True)
class NewDirective:
    """A signed directive and its tasks; `submission_id` makes a double click one directive."""

    number: str
    kind: str
    issued_on: date
    issuer: str
    abstract: str
    tasks: tuple[NewTask, ...] = ()
    signer: str = ""
    urgency: str = "normal"
    received_on: date | None = None
    submission_id: str | None = None


@dataclass(frozen=True)
class NewReport:
    """What an agency says: progress, an obstacle, or completion with its evidence.

    `attachment_ids` are files of the assignment that wait for a report.
    """

    kind: str
    summary: str
    percent: int | None = None
    addressed_to: str = ""
    evidence_number: str = ""
    evidence_on: date | None = None
    milestone: str = "issued"
    attachment_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class NewExtension:
    """A request for more time: always with a reason and a date."""

    reason: str
    proposed_on: date


@dataclass(frozen=True)
class ExtensionDecision:
    """The answer to a request; `granted_on` may differ from what was asked; a grant names its document."""

    grant: bool
    granted_on: date | None = None
    document: str = ""
    reason: str = ""
