"""Indicators: what agencies have to reach, and the readings on the way."""

from __future__ import annotations

from typing import Any

from piccolo.columns import JSONB, BigSerial, Date, ForeignKey, Integer, Numeric, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Assignment, Official


class Indicator(Table, db=DB):
    """A figure that an agency has to reach with a task: in which unit, until when, read how often."""

    id = BigSerial(primary_key=True)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    name = Text(default=None)
    unit = Text(default="")
    counts = Text(default="")
    direction = Text(default=None)
    baseline = Numeric(default=None, null=True)
    target = Numeric(default=None, null=True)
    least = Numeric(default=None, null=True)
    most = Numeric(default=None, null=True)
    starts_on = Date(default=None)
    due_on = Date(default=None)
    frequency = Text(default=None)
    steps = JSONB(default="[]")
    note = Text(default="")
    row_version = Integer(default=1)
    defined_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    defined_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)
    ended_at = Timestamptz(default=None, null=True)
    ended_reason = Text(default="")

    indicator_pk = Rule("PRIMARY KEY (id)")
    indicator_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    indicator_direction = Check("direction IN ('at_least', 'at_most')")
    indicator_frequency = Check("frequency IN ('once', 'monthly', 'quarterly', 'yearly')")
    indicator_official_fk = Rule("FOREIGN KEY (defined_by) REFERENCES official (id)")
    indicator_dates = Check("due_on > starts_on")
    indicator_unit = Check("unit <> '' OR target IS NULL")
    indicator_ended = Check("(ended_at IS NULL) = (ended_reason = '')")

    indicator_name = Index(
        "(assignment_id, name)", serves="one of a name; an assignment's indicators", unique=True
    )
    indicator_running = Index("(due_on) WHERE ended_at IS NULL", serves="what the sweep looks at")


class IndicatorReading(Table, db=DB):
    """What was read in a period; a correction is a further row, and none is changed."""

    id = BigSerial(primary_key=True)
    indicator_id: ForeignKey[Any] = ForeignKey(Indicator, default=None, null=False)
    period = Text(default=None)
    sequence = Integer(default=None)
    as_of = Date(default=None)
    words = Text(default=None)
    exactness = Text(default=None)
    number = Numeric(default=None, null=True)
    evidence = Text(default="")
    note = Text(default="")
    reason = Text(default="")
    source = Text(default=None)
    entered_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    entered_by_name = Text(default=None)
    entered_at = Timestamptz(default=None)

    indicator_reading_pk = Rule("PRIMARY KEY (id)")
    indicator_reading_indicator_fk = Rule("FOREIGN KEY (indicator_id) REFERENCES indicator (id)")
    indicator_reading_sequence = Check("sequence > 0")
    indicator_reading_words = Check("char_length(words) BETWEEN 1 AND 200")
    indicator_reading_exactness = Check("exactness IN ('exact', 'about', 'below', 'above', 'words')")
    indicator_reading_source = Check("source IN ('page', 'api', 'file')")
    indicator_reading_official_fk = Rule("FOREIGN KEY (entered_by) REFERENCES official (id)")
    indicator_reading_number = Check("(number IS NULL) = (exactness = 'words')")
    indicator_reading_reason = Check("(sequence > 1) = (reason <> '')")
    indicator_reading_once = Unique(["indicator_id", "period", "sequence"])


class IndicatorSheet(Table, db=DB):
    """A table of readings as it was read, shown to its sender before it is written, once."""

    id = BigSerial(primary_key=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    name = Text(default=None)
    lines = JSONB(default=None)
    sent_at = Timestamptz(default=None)
    written_at = Timestamptz(default=None, null=True)
    written = Integer(default=0)

    indicator_sheet_pk = Rule("PRIMARY KEY (id)")
    indicator_sheet_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    indicator_sheet_written = Check("written >= 0 AND (written_at IS NOT NULL OR written = 0)")

    indicator_sheet_sender = Index("(official_id, sent_at)", serves="whose, and which are old")


class IndicatorReminder(Table, db=DB):
    """Who was told of what, once for ever: a period without its reading, or a reading behind its plan."""

    id = BigSerial(primary_key=True)
    indicator_id: ForeignKey[Any] = ForeignKey(Indicator, default=None, null=False)
    kind = Text(default=None)
    period = Text(default=None)
    verdict = Text(default=None)
    decided_at = Timestamptz(default=None)

    indicator_reminder_pk = Rule("PRIMARY KEY (id)")
    indicator_reminder_indicator_fk = Rule("FOREIGN KEY (indicator_id) REFERENCES indicator (id)")
    indicator_reminder_kind = Check("kind IN ('missing', 'behind')")
    indicator_reminder_verdict = Check("verdict IN ('sent', 'no_recipient', 'settled')")
    indicator_reminder_once = Unique(["indicator_id", "kind", "period"])


TABLES: tuple[type[Table], ...] = (Indicator, IndicatorReading, IndicatorSheet, IndicatorReminder)
