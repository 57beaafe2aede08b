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

    indicator_pk = Rule("PRIMARY KEY (id)")
    indicator_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    indicator_direction = Check("direction IN ('at_least', 'at_most')")
    indicator_frequency = Check("frequency IN ('once', 'monthly', 'quarterly', 'yearly')")
    indicator_official_fk = Rule("FOREIGN KEY (defined_by) REFERENCES official (id)")
    indicator_dates = Check("due_on > starts_on")
    indicator_unit = Check("unit <> '' OR target IS NULL")

    indicator_name = Index(
        "(assignment_id, name)", serves="one of a name; an assignment's indicators", unique=True
    )


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


TABLES: tuple[type[Table], ...] = (Indicator, IndicatorReading)
