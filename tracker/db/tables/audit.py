"""The heads of the history's chain, and where it begins."""

from __future__ import annotations

from piccolo.columns import BigInt, Bytea, Integer, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Rule


class AuditLane(Table, db=DB):
    """The last link of one lane of the history's chain."""

    lane = Integer(default=None, primary_key=True)
    seq = BigInt(default=None)
    mac = Bytea(default=None)

    audit_lane_pk = Rule("PRIMARY KEY (lane)")
    audit_lane_known = Check("lane BETWEEN 0 AND 63")
    audit_lane_seq = Check("seq >= 0")
    audit_lane_mac = Check("octet_length(mac) = 32")


class AuditStart(Table, db=DB):
    """How many rows of the history are older than its chain, and the last of them."""

    id = Integer(default=None, primary_key=True)
    at = Timestamptz(default=None)
    unchained = BigInt(default=None)
    last_unchained_id = BigInt(default=None)

    audit_start_pk = Rule("PRIMARY KEY (id)")
    audit_start_single = Check("id = 1")


TABLES = (AuditLane, AuditStart)
