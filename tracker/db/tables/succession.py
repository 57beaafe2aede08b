"""Successions that were carried out: who, when, on which document, and what moved."""

from __future__ import annotations

from piccolo.columns import JSONB, BigSerial, Boolean, Date, ForeignKey, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Agency, Official


class Succession(Table, db=DB):
    """One run: several agencies at once, on one document; `digest` is that of the preview that was agreed to."""

    id = BigSerial(primary_key=True)
    document = Text(default=None)
    digest = Text(default=None)
    counts = JSONB(default=None)
    carried_out_at = Timestamptz(default=None)
    carried_out_by = ForeignKey(Official, default=None, null=True)
    actor_name = Text(default=None)

    succession_pk = Rule("PRIMARY KEY (id)")
    succession_document = Check("document <> ''")
    succession_actor_fk = Rule("FOREIGN KEY (carried_out_by) REFERENCES official (id)")


class SuccessionItem(Table, db=DB):
    """One predecessor and one successor, with the names as they were then."""

    id = BigSerial(primary_key=True)
    succession_id = ForeignKey(Succession, default=None, null=False)
    predecessor_id = ForeignKey(Agency, default=None, null=False)
    successor_id = ForeignKey(Agency, default=None, null=True)
    effective_on = Date(default=None)
    kind = Text(default=None)
    is_default = Boolean(default=False)
    predecessor_name = Text(default=None)
    successor_name = Text(default="")
    counts = JSONB(default="{}")

    succession_item_pk = Rule("PRIMARY KEY (id)")
    succession_item_succession_fk = Rule("FOREIGN KEY (succession_id) REFERENCES succession (id)")
    succession_item_predecessor_fk = Rule("FOREIGN KEY (predecessor_id) REFERENCES agency (id)")
    succession_item_successor_fk = Rule("FOREIGN KEY (successor_id) REFERENCES agency (id)")
    succession_item_kind = Check("kind IN ('rename', 'merge', 'split', 'abolition')")
    succession_item_abolition = Check("(kind = 'abolition') = (successor_id IS NULL)")

    succession_item_succession = Index("(succession_id, id)", serves="the lines of one succession")
    succession_item_predecessor = Index("(predecessor_id, id)", serves="was it carried out, and when")


TABLES = (Succession, SuccessionItem)
