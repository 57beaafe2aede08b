"""What the urging migration made: what was urged, which explanations are owed, which attempts at a message failed."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, Boolean, Date, ForeignKey, Integer, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule, in_database
from tracker.db.tables.foundation import Assignment, Official, Outbox


class Urging(Table, db=DB):
    """What somebody asked of several agencies at once; `undone_at` says that it was taken back before it left."""

    id = UUID(default=None, primary_key=True)
    kind = Text(default=None)
    urged_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    urged_by_name = Text(default=None)
    sentence = Text(default="")
    answer_by = Date(default=None, null=True)
    urged_at = Timestamptz(default=None)
    undone_at = Timestamptz(default=None, null=True)

    urging_pk = Rule("PRIMARY KEY (id)")
    urging_kind = Check("kind IN ('urge', 'explanation')")
    urging_official_fk = Rule("FOREIGN KEY (urged_by) REFERENCES official (id)")
    urging_answer = Check("(kind = 'explanation') = (answer_by IS NOT NULL)")


class Urged(Table, db=DB):
    """One assignment of an urging: the message that carries it, and the explanation that is owed or was given."""

    urging_id: ForeignKey[Any] = ForeignKey(Urging, default=None, null=False, primary_key=True)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    outbox_id: ForeignKey[Any] = ForeignKey(Outbox, default=None, null=True)
    is_owed = Boolean(default=False)
    answer = Text(default="")
    answered_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    answered_by_name = Text(default="")
    answered_at = Timestamptz(default=None, null=True)

    urged_pk = Rule("PRIMARY KEY (urging_id, assignment_id)")
    urged_urging_fk = Rule("FOREIGN KEY (urging_id) REFERENCES urging (id)")
    urged_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    urged_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    urged_official_fk = Rule("FOREIGN KEY (answered_by) REFERENCES official (id)")
    urged_answered = Check(
        "(answered_at IS NULL) = (answer = '') AND NOT (is_owed AND answered_at IS NOT NULL)"
    )

    urged_assignment = Index("(assignment_id)", serves="how an assignment was urged")
    urged_outbox = Index("(outbox_id)", serves="from a message to what it urged for")
    urged_owed = Index("(assignment_id) WHERE is_owed", serves="explanations that are still owed")


class OutboxAttempt(Table, db=DB):
    """An attempt at a message that did not succeed, with the mail server's words."""

    outbox_id: ForeignKey[Any] = ForeignKey(Outbox, default=None, null=False, primary_key=True)
    at = in_database(Timestamptz(default=None), "clock_timestamp()")
    address = Text(default=None)
    outcome = Text(default=None)
    reply_code = Integer(default=None, null=True)
    reply_text = Text(default="")

    outbox_attempt_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    outbox_attempt_outcome = Check("outcome IN ('retry', 'failed')")
    outbox_attempt_pk = Rule("PRIMARY KEY (outbox_id, at)")

    outbox_attempt_latest = Index("(at DESC)", serves="what the mail server last refused")


TABLES = (Urging, Urged, OutboxAttempt)
