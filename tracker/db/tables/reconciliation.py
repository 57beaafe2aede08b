"""Reconciliation: rounds, the frozen lists of agencies, drafts, answers with what became of them, letters."""

from __future__ import annotations

from typing import Any

from piccolo.columns import JSONB, BigSerial, Date, ForeignKey, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Agency, Assignment, Official


class Reconciliation(Table, db=DB):
    """A round: the month it belongs to, the day its lists tell, the day by which agencies answer."""

    id = BigSerial(primary_key=True)
    month = Date(default=None)
    as_of = Date(default=None)
    closed_since = Date(default=None)
    answer_by = Date(default=None)
    state = Text(default="open")
    opened_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    opened_by_name = Text(default=None)
    opened_at = Timestamptz(default=None)
    closed_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    closed_by_name = Text(default="")
    closed_at = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)

    reconciliation_pk = Rule("PRIMARY KEY (id)")
    reconciliation_month = Check("extract(day FROM month) = 1")
    reconciliation_state = Check("state IN ('open', 'closed')")
    reconciliation_opener_fk = Rule("FOREIGN KEY (opened_by) REFERENCES official (id)")
    reconciliation_closer_fk = Rule("FOREIGN KEY (closed_by) REFERENCES official (id)")
    reconciliation_month_unique = Unique(["month"])
    reconciliation_days = Check("closed_since < as_of AND answer_by > as_of")
    reconciliation_closed = Check("(state = 'closed') = (closed_at IS NOT NULL)")


class ReconciliationAgency(Table, db=DB):
    """An agency that is asked: how many items, the digest of its list, and when it answered."""

    reconciliation_id: ForeignKey[Any] = ForeignKey(
        Reconciliation, default=None, null=False, primary_key=True
    )
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=False)
    items = Integer(default=None)
    digest = Text(default=None)
    answered_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    answered_by_name = Text(default="")
    answered_at = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)

    reconciliation_agency_pk = Rule("PRIMARY KEY (reconciliation_id, agency_id)")
    reconciliation_agency_reconciliation_fk = Rule(
        "FOREIGN KEY (reconciliation_id) REFERENCES reconciliation (id)"
    )
    reconciliation_agency_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    reconciliation_agency_items = Check("items > 0")
    reconciliation_agency_official_fk = Rule("FOREIGN KEY (answered_by) REFERENCES official (id)")

    reconciliation_agency_of = Index("(agency_id, reconciliation_id)", serves="an agency's rounds")


class ReconciliationItem(Table, db=DB):
    """A copied row of an agency's list: canonical JSON and its digest; never changed."""

    id = BigSerial(primary_key=True)
    reconciliation_id: ForeignKey[Any] = ForeignKey(Reconciliation, default=None, null=False)
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=False)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    position = Integer(default=None)
    content = Text(default=None)
    digest = Text(default=None)

    reconciliation_item_pk = Rule("PRIMARY KEY (id)")
    reconciliation_item_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    reconciliation_item_list_fk = Rule(
        "FOREIGN KEY (reconciliation_id, agency_id)"
        " REFERENCES reconciliation_agency (reconciliation_id, agency_id)"
    )
    reconciliation_item_position_unique = Unique(["reconciliation_id", "agency_id", "position"])
    reconciliation_item_once = Unique(["reconciliation_id", "assignment_id"])

    reconciliation_item_assignment = Index("(assignment_id)", serves="rounds of an assignment")


class ReconciliationDraft(Table, db=DB):
    """What an agency has typed about an item and not sent, as typed."""

    item_id: ForeignKey[Any] = ForeignKey(ReconciliationItem, default=None, null=False, primary_key=True)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    typed = JSONB(default=None)
    saved_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    saved_at = Timestamptz(default=None)

    reconciliation_draft_pk = Rule("PRIMARY KEY (item_id)")
    reconciliation_draft_item_fk = Rule("FOREIGN KEY (item_id) REFERENCES reconciliation_item (id)")
    reconciliation_draft_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    reconciliation_draft_official_fk = Rule("FOREIGN KEY (saved_by) REFERENCES official (id)")

    reconciliation_draft_assignment = Index("(assignment_id)", serves="its policy")


class ReconciliationAnswer(Table, db=DB):
    """What an agency sent about an item, and how the secretariat settled it; a correction is a further row."""

    id = BigSerial(primary_key=True)
    item_id: ForeignKey[Any] = ForeignKey(ReconciliationItem, default=None, null=False)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    sequence = Integer(default=None)
    answer = Text(default=None)
    number = Text(default="")
    day = Date(default=None, null=True)
    word = Text(default="")
    answered_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    answered_by_name = Text(default=None)
    answered_at = Timestamptz(default=None)
    settled = Text(default=None, null=True)
    settled_word = Text(default="")
    settled_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    settled_by_name = Text(default="")
    settled_at = Timestamptz(default=None, null=True)

    reconciliation_answer_pk = Rule("PRIMARY KEY (id)")
    reconciliation_answer_item_fk = Rule("FOREIGN KEY (item_id) REFERENCES reconciliation_item (id)")
    reconciliation_answer_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    reconciliation_answer_kind = Check("answer IN ('agrees', 'done', 'other_deadline', 'not_ours', 'other')")
    reconciliation_answer_official_fk = Rule("FOREIGN KEY (answered_by) REFERENCES official (id)")
    reconciliation_answer_settled = Check("settled IN ('accepted', 'kept')")
    reconciliation_answer_settler_fk = Rule("FOREIGN KEY (settled_by) REFERENCES official (id)")
    reconciliation_answer_sequence = Unique(["item_id", "sequence"])
    reconciliation_answer_day = Check("(answer IN ('done', 'other_deadline')) = (day IS NOT NULL)")
    reconciliation_answer_settling = Check(
        "(settled IS NULL) = (settled_at IS NULL) AND (settled IS NULL OR answer <> 'agrees')"
    )

    reconciliation_answer_assignment = Index("(assignment_id)", serves="its policy")
    reconciliation_answer_difference = Index("(item_id) WHERE answer <> 'agrees'", serves="what differs")


class ReconciliationLetter(Table, db=DB):
    """A step of a round that was told to an agency, or passed over, and with how many letters."""

    reconciliation_id: ForeignKey[Any] = ForeignKey(
        Reconciliation, default=None, null=False, primary_key=True
    )
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=False)
    step = Text(default=None)
    verdict = Text(default=None)
    letters = Integer(default=None)
    told_at = Timestamptz(default=None)

    reconciliation_letter_step = Check("step IN ('cover', 'reminder_1', 'reminder_2', 'reminder_3')")
    reconciliation_letter_verdict = Check("verdict IN ('sent', 'superseded', 'nobody')")
    reconciliation_letter_pk = Rule("PRIMARY KEY (reconciliation_id, agency_id, step)")
    reconciliation_letter_list_fk = Rule(
        "FOREIGN KEY (reconciliation_id, agency_id)"
        " REFERENCES reconciliation_agency (reconciliation_id, agency_id)"
    )


TABLES = (
    Reconciliation,
    ReconciliationAgency,
    ReconciliationItem,
    ReconciliationDraft,
    ReconciliationAnswer,
    ReconciliationLetter,
)
