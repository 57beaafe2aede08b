"""Scheduled reports: what goes to whom on which days, and what became of each letter."""

from __future__ import annotations

from typing import Any

from piccolo.columns import (
    Array,
    BigSerial,
    Boolean,
    Date,
    ForeignKey,
    Integer,
    SmallInt,
    Text,
    Time,
    Timestamptz,
)
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Directive, Official, Outbox


class ScheduledReport(Table, db=DB):
    """A table that is sent by itself: which one, about what, as which file, when."""

    id = BigSerial(primary_key=True)
    name = Text(default=None)
    what = Text(default=None)
    rhythm = Text(default=None)
    day = SmallInt(default=None)
    hour = Time(default=None)
    form = Text(default=None)
    language = Text(default=None, null=True)
    agency_codes = Array(Text(), default=list)
    directive_id: ForeignKey[Any] = ForeignKey(Directive, default=None, null=True)
    field = Text(default="")
    weeks = SmallInt(default=2)
    leave_out_empty = Boolean(default=False)
    state = Text(default="active")
    active_since = Timestamptz(default=None)
    made_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    made_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)
    row_version = Integer(default=1)

    scheduled_report_pk = Rule("PRIMARY KEY (id)")
    scheduled_report_name = Check("char_length(name) BETWEEN 1 AND 120")
    scheduled_report_what = Check("what IN ('overdue', 'rates', 'block_rates', 'ageing', 'due')")
    scheduled_report_rhythm = Check("rhythm IN ('weekly', 'monthly')")
    scheduled_report_form = Check("form IN ('docx', 'pdf', 'xlsx')")
    scheduled_report_language = Check("language IN ('vi', 'en')")
    scheduled_report_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    scheduled_report_weeks = Check("weeks BETWEEN 1 AND 12")
    scheduled_report_state = Check("state IN ('active', 'paused', 'ended')")
    scheduled_report_maker_fk = Rule("FOREIGN KEY (made_by) REFERENCES official (id)")
    scheduled_report_day = Check("day BETWEEN 1 AND CASE rhythm WHEN 'weekly' THEN 7 ELSE 31 END")


class ScheduledReportReader(Table, db=DB):
    """Somebody who gets a report, since when."""

    report_id: ForeignKey[Any] = ForeignKey(ScheduledReport, default=None, null=False, primary_key=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    since = Timestamptz(default=None)

    scheduled_report_reader_report_fk = Rule("FOREIGN KEY (report_id) REFERENCES scheduled_report (id)")
    scheduled_report_reader_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    scheduled_report_reader_pk = Rule("PRIMARY KEY (report_id, official_id)")

    scheduled_report_reader_official = Index("(official_id)", serves="what one person gets")


class ScheduledReportLetter(Table, db=DB):
    """What became of one report on one day for one person."""

    id = BigSerial(primary_key=True)
    report_id: ForeignKey[Any] = ForeignKey(ScheduledReport, default=None, null=False)
    day = Date(default=None)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    outcome = Text(default=None)
    rows = Integer(default=None, null=True)
    is_late = Boolean(default=False)
    file_name = Text(default="")
    reach = Text(default="")
    outbox_id: ForeignKey[Any] = ForeignKey(Outbox, default=None, null=True)
    made_at = Timestamptz(default=None)

    scheduled_report_letter_pk = Rule("PRIMARY KEY (id)")
    scheduled_report_letter_report_fk = Rule("FOREIGN KEY (report_id) REFERENCES scheduled_report (id)")
    scheduled_report_letter_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    scheduled_report_letter_outcome = Check(
        "outcome IN ('queued', 'linked', 'empty', 'inactive', 'closed', 'dead', 'failed', 'missed')"
    )
    scheduled_report_letter_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    scheduled_report_letter_once = Unique(["report_id", "day", "official_id"])

    scheduled_report_letter_outbox = Index(
        "(outbox_id) WHERE outbox_id IS NOT NULL", serves="looked at again when its message leaves"
    )


TABLES: tuple[type[Table], ...] = (ScheduledReport, ScheduledReportReader, ScheduledReportLetter)
