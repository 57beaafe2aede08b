"""What somebody typed into a form whose session had ended."""

from __future__ import annotations

from typing import Any

from piccolo.columns import JSONB, BigSerial, ForeignKey, Text, Timestamptz
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule, in_database
from tracker.db.tables.foundation import Official


class KeptForm(Table, db=DB):
    """The fields of one form that came too late; kept for a day, for the person who typed them."""

    id = BigSerial(primary_key=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    path = Text(default=None)
    fields = JSONB(default=None)
    kept_at = in_database(Timestamptz(default=None), "now()")

    kept_form_pk = Rule("PRIMARY KEY (id)")
    kept_form_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")

    kept_form_of_official = Index("(official_id, id)", serves="at most some for each person")
    kept_form_old = Index("(kept_at)", serves="housekeeping")


TABLES = (KeptForm,)
