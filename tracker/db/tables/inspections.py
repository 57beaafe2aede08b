"""Inspection sessions: plans, who is inspected, what was frozen, what was concluded."""

from __future__ import annotations

from typing import Any

from piccolo.columns import (
    JSONB,
    UUID,
    BigSerial,
    Date,
    ForeignKey,
    Integer,
    Text,
    Time,
    Timestamptz,
)
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule, in_database
from tracker.db.tables.foundation import Agency, Assignment, Directive, Official, Task


class Inspection(Table, db=DB):
    """A session to be held, or held: what it looks at as of which day, and how far it has come."""

    id = BigSerial(primary_key=True)
    title = Text(default=None)
    topic = Text(default=None)
    directive_id: ForeignKey[Any] = ForeignKey(Directive, default=None, null=True)
    field = Text(default="")
    held_on = Date(default=None)
    held_at = Time(default=None, null=True)
    ends_at = Time(default=None, null=True)
    place = Text(default="")
    chair_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    secretary_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    as_of = Date(default=None)
    due_until = Date(default=None)
    explain_by = Date(default=None, null=True)
    urging_id = UUID(default=None, null=True)
    state = Text(default="planned")
    sequence = Integer(default=0)
    frozen_at = Timestamptz(default=None, null=True)
    frozen_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    totals = JSONB(default=None, null=True)
    digest = Text(default="")
    notice_number = Text(default="")
    concluded_at = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)
    created_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    created_at = in_database(Timestamptz(default=None), "now()")
    changed_at = in_database(Timestamptz(default=None), "now()")
    uid = in_database(UUID(default=None), "gen_random_uuid()")
    explain_version = Integer(default=0)
    explain_set_at = Timestamptz(default=None, null=True)

    inspection_pk = Rule("PRIMARY KEY (id)")
    inspection_topic = Check("topic IN ('all', 'directive', 'field')")
    inspection_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    inspection_chair_fk = Rule("FOREIGN KEY (chair_id) REFERENCES official (id)")
    inspection_secretary_fk = Rule("FOREIGN KEY (secretary_id) REFERENCES official (id)")
    inspection_urging_fk = Rule("FOREIGN KEY (urging_id) REFERENCES urging (id)")
    inspection_state = Check("state IN ('planned', 'frozen', 'concluded', 'cancelled')")
    inspection_freezer_fk = Rule("FOREIGN KEY (frozen_by) REFERENCES official (id)")
    inspection_creator_fk = Rule("FOREIGN KEY (created_by) REFERENCES official (id)")
    inspection_topic_directive = Check("(topic = 'directive') = (directive_id IS NOT NULL)")
    inspection_topic_field = Check("(topic = 'field') = (field <> '')")
    inspection_cut_off = Check("as_of <= held_on AND due_until >= as_of")
    inspection_frozen = Check(
        "(frozen_at IS NULL) = (digest = '') AND (frozen_at IS NULL) = (totals IS NULL)"
    )
    inspection_hours = Check("ends_at IS NULL OR (held_at IS NOT NULL AND ends_at > held_at)")

    inspection_held = Index("(held_on DESC, id DESC)", serves="the list of sessions")


class InspectionAgency(Table, db=DB):
    """An agency that a session inspects, in its place on the agenda, with the reasons it was proposed for."""

    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False, primary_key=True)
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=False)
    position = Integer(default=None)
    reasons = JSONB(default="[]")

    inspection_agency_pk = Rule("PRIMARY KEY (inspection_id, agency_id)")
    inspection_agency_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_agency_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")

    inspection_agency_of = Index("(agency_id, inspection_id)", serves="when an agency was inspected")


class InspectionMember(Table, db=DB):
    """A person of the working group who takes part."""

    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False, primary_key=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)

    inspection_member_pk = Rule("PRIMARY KEY (inspection_id, official_id)")
    inspection_member_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_member_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")

    inspection_member_of = Index("(official_id, inspection_id)", serves="a person's sessions")


class InspectionItem(Table, db=DB):
    """A copied row of the agenda: canonical JSON and its digest; never changed."""

    id = BigSerial(primary_key=True)
    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False)
    position = Integer(default=None)
    kind = Text(default=None)
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=False)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=True)
    content = Text(default=None)
    digest = Text(default=None)

    inspection_item_pk = Rule("PRIMARY KEY (id)")
    inspection_item_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_item_kind = Check("kind IN ('overdue', 'due_soon', 'target', 'request', 'standing')")
    inspection_item_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    inspection_item_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    inspection_item_position_unique = Unique(["inspection_id", "position"])

    inspection_item_assignment = Index("(assignment_id)", serves="what sessions said of an assignment")


class InspectionAddendum(Table, db=DB):
    """A dated correction beside what was frozen; never changed."""

    id = BigSerial(primary_key=True)
    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False)
    item_id: ForeignKey[Any] = ForeignKey(InspectionItem, default=None, null=True)
    text = Text(default=None)
    added_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    added_by_name = Text(default=None)
    added_at = Timestamptz(default=None)

    inspection_addendum_pk = Rule("PRIMARY KEY (id)")
    inspection_addendum_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_addendum_item_fk = Rule("FOREIGN KEY (item_id) REFERENCES inspection_item (id)")
    inspection_addendum_official_fk = Rule("FOREIGN KEY (added_by) REFERENCES official (id)")

    inspection_addendum_of = Index("(inspection_id, id)", serves="a session's corrections")


class InspectionConclusion(Table, db=DB):
    """What a session concluded, on one item or as a whole, and what became of it."""

    id = BigSerial(primary_key=True)
    inspection_id: ForeignKey[Any] = ForeignKey(Inspection, default=None, null=False)
    item_id: ForeignKey[Any] = ForeignKey(InspectionItem, default=None, null=True)
    agency_id: ForeignKey[Any] = ForeignKey(Agency, default=None, null=True)
    verdict = Text(default=None)
    text = Text(default=None)
    due_on = Date(default=None, null=True)
    made_by: ForeignKey[Any] = ForeignKey(Official, default=None, null=True)
    made_by_name = Text(default=None)
    made_at = Timestamptz(default=None)
    applied_at = Timestamptz(default=None, null=True)
    task_id: ForeignKey[Any] = ForeignKey(Task, default=None, null=True)
    outcome = Text(default="")
    row_version = Integer(default=1)

    inspection_conclusion_pk = Rule("PRIMARY KEY (id)")
    inspection_conclusion_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")
    inspection_conclusion_item_fk = Rule("FOREIGN KEY (item_id) REFERENCES inspection_item (id)")
    inspection_conclusion_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    inspection_conclusion_verdict = Check(
        "verdict IN ('new_date', 'closed', 'explanation', 'new_task', 'referred', 'noted')"
    )
    inspection_conclusion_official_fk = Rule("FOREIGN KEY (made_by) REFERENCES official (id)")
    inspection_conclusion_task_fk = Rule("FOREIGN KEY (task_id) REFERENCES task (id)")

    inspection_conclusion_item = Index(
        "(item_id) WHERE item_id IS NOT NULL AND struck_at IS NULL", serves="one each", unique=True
    )
    inspection_conclusion_of = Index("(inspection_id, id)", serves="a session's conclusions")
    inspection_conclusion_before = Index("(item_id)", serves="versions that go on after one was struck")

    struck_at = Timestamptz(default=None, null=True)
    struck_by_name = Text(default="")
    inspection_conclusion_struck = Check("struck_at IS NULL OR applied_at IS NULL")


TABLES = (
    Inspection,
    InspectionAgency,
    InspectionMember,
    InspectionItem,
    InspectionAddendum,
    InspectionConclusion,
)
