"""Letters about inspection sessions: invitations, requests to explain, reminders of explanations."""

from __future__ import annotations

from typing import Any

from piccolo.columns import JSONB, UUID, BigSerial, ForeignKey, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Agency, Assignment, Official, Outbox
from tracker.db.tables.inspections import Inspection
from tracker.db.tables.urging import Urging


class InspectionLetter(Table, db=DB):
    """A REQUEST or CANCEL that was queued, with what it said; never changed."""

    id = BigSerial(primary_key=True)
    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=True)
    method = Text(default=None)
    sequence = Integer(default=None)
    facts = JSONB(default=None)
    batch = UUID(default=None)
    outbox_id: ForeignKey[Any] = ForeignKey(Outbox, default=None, null=False)
    queued_at = Timestamptz(default=None)

    inspection_letter_pk = Rule("PRIMARY KEY (id)")
    inspection_letter_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_letter_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    inspection_letter_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    inspection_letter_method = Check("method IN ('REQUEST', 'CANCEL')")
    inspection_letter_sequence = Check("sequence >= 0")
    inspection_letter_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    inspection_letter_once = Unique(["inspection_id", "official_id", "sequence"])

    inspection_letter_outbox = Index("(outbox_id)", serves="which session a message is about")


class InspectionAsking(Table, db=DB):
    """A request to explain that a session made of its agencies."""

    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False, primary_key=True)
    urging_id: ForeignKey[Any] = ForeignKey(Urging, default=None, null=False)

    inspection_asking_pk = Rule("PRIMARY KEY (inspection_id, urging_id)")
    inspection_asking_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_asking_urging_fk = Rule("FOREIGN KEY (urging_id) REFERENCES urging (id)")

    inspection_asking_of = Index("(urging_id)", serves="which session asked")


class ExplanationReminder(Table, db=DB):
    """What was decided about one reminder of one explanation, once for each day that was set."""

    id = BigSerial(primary_key=True)
    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    explain_version = Integer(default=None)
    step = Text(default=None)
    verdict = Text(default=None)
    recipient_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    outbox_id: ForeignKey[Any] = ForeignKey(Outbox, default=None, null=True)
    moment = Timestamptz(default=None)
    decided_at = Timestamptz(default=None)

    explanation_reminder_pk = Rule("PRIMARY KEY (id)")
    explanation_reminder_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    explanation_reminder_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    explanation_reminder_step = Check("step IN ('before', 'on', 'after', 'moved')")
    explanation_reminder_verdict = Check("verdict IN ('sent', 'superseded')")
    explanation_reminder_recipient_fk = Rule("FOREIGN KEY (recipient_id) REFERENCES official (id)")
    explanation_reminder_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    explanation_reminder_told = Check("(verdict = 'sent') = (outbox_id IS NOT NULL)")
    explanation_reminder_once = Unique(["inspection_id", "assignment_id", "explain_version", "step"])

    explanation_reminder_outbox = Index("(outbox_id)", serves="what a message reminds of")


TABLES = (InspectionLetter, InspectionAsking, ExplanationReminder)
