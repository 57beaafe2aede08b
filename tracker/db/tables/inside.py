"""What an agency arranges among its own people, and which mail a person does without."""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigSerial, Date, ForeignKey, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Assignment, Official


class InternalAssignment(Table, db=DB):
    """Who in the agency works on an assignment, and until when; the assigning side does not see it."""

    id = BigSerial(primary_key=True)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    due_on = Date(default=None, null=True)
    remind_on = Date(default=None, null=True)
    assigned_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    assigned_at = Timestamptz(default=None)
    reminded_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)

    internal_assignment_pk = Rule("PRIMARY KEY (id)")
    internal_assignment_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    internal_assignment_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    internal_assignment_giver_fk = Rule("FOREIGN KEY (assigned_by) REFERENCES official (id)")
    internal_assignment_reminder = Check("(due_on IS NULL) = (remind_on IS NULL)")
    internal_assignment_end = Check("ended_at >= assigned_at")

    internal_assignment_live = Index(
        "(assignment_id) WHERE ended_at IS NULL", serves="one person at a time", unique=True
    )
    internal_assignment_story = Index("(assignment_id, id)", serves="who had it before")
    internal_assignment_mine = Index("(official_id, assignment_id) WHERE ended_at IS NULL", serves="my tasks")
    internal_assignment_due = Index(
        "(remind_on) WHERE ended_at IS NULL AND reminded_at IS NULL", serves="reminders"
    )


class InternalNote(Table, db=DB):
    """What an agency's people tell each other about an assignment, until they share it."""

    id = BigSerial(primary_key=True)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    body = Text(default=None)
    created_at = Timestamptz(default=None)
    shared_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    shared_at = Timestamptz(default=None, null=True)

    internal_note_pk = Rule("PRIMARY KEY (id)")
    internal_note_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    internal_note_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    internal_note_body = Check("char_length(body) BETWEEN 1 AND 2000")
    internal_note_sharer_fk = Rule("FOREIGN KEY (shared_by) REFERENCES official (id)")
    internal_note_shared = Check("(shared_by IS NULL) = (shared_at IS NULL)")

    internal_note_assignment = Index("(assignment_id, id)", serves="the notes of an assignment")


class UnwantedMail(Table, db=DB):
    """A kind of mail that a person does without; duty mail has no kind here."""

    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    kind = Text(default=None, primary_key=True)
    since = Timestamptz(default=None)

    unwanted_mail_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    unwanted_mail_kind = Check("kind IN ('receipt', 'confirmation', 'copy')")
    unwanted_mail_pk = Rule("PRIMARY KEY (official_id, kind)")


TABLES = (InternalAssignment, InternalNote, UnwantedMail)
