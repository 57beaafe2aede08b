"""Lateness as SQL: what domain/assignments.classify says of an open row, for lists and counts.

The one such condition; `$1` is the civil day, `$2` the hour of it in the official zone, `a` the assignment.
tests/integration/test_overdue_rule.py holds it to the rule.
"""

from tracker.domain.assignments import SILENT_DAYS

LATE = f"""
(CASE a.due_kind
   WHEN 'dated' THEN a.due_on < $1::date OR (a.due_on = $1::date AND a.due_time < $2::time)
   WHEN 'event' THEN false
   ELSE a.state <> 'reported' AND greatest(a.assigned_on,
        (a.last_report_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) < $1::date - {SILENT_DAYS} END)
"""
"""The deadline, or its hour, has passed; without a date nothing was heard for thirty days."""
