"""What the visibility migration made: who acts for whom, and the rate limits."""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigSerial, Date, DoublePrecision, ForeignKey, Integer, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Agency, Official


class Mandate(Table, db=DB):
    """A further agency somebody acts for, in their own right or deputising for somebody between two days."""

    id = BigSerial(primary_key=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=False)
    on_behalf_of: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    valid_from = Date(default=None)
    valid_to = Date(default=None, null=True)
    document = Text(default="")
    granted_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    granted_at = Timestamptz(default=None)
    revoked_at = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)

    mandate_pk = Rule("PRIMARY KEY (id)")
    mandate_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    mandate_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    mandate_principal_fk = Rule("FOREIGN KEY (on_behalf_of) REFERENCES official (id)")
    mandate_granter_fk = Rule("FOREIGN KEY (granted_by) REFERENCES official (id)")
    mandate_valid_order = Check("valid_to IS NULL OR valid_to >= valid_from")
    mandate_other = Check("on_behalf_of <> official_id")
    mandate_deputy_ends = Check("on_behalf_of IS NULL OR valid_to IS NOT NULL")

    mandate_official = Index("(official_id) WHERE revoked_at IS NULL", serves="whom somebody acts for")
    mandate_agency = Index("(agency_id, id)", serves="who acts for an agency")


class RateBucket(Table, db=DB):
    """How much of an allowance is used up, and as of when; unlogged, for it may be lost."""

    key = Text(default=None, primary_key=True)
    used = DoublePrecision(default=None)
    at = Timestamptz(default=None)

    rate_bucket_pk = Rule("PRIMARY KEY (key)")

    rate_bucket_age = Index("(at)", serves="pruning")


TABLES = (Mandate, RateBucket)
