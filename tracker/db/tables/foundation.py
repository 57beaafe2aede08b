"""What the foundation migration made: who, what is asked of whom by when, what was said about it, what was sent."""

from __future__ import annotations

from typing import Any

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Bytea,
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
from tracker.db.tables.base import Index, Rule, TimestamptzRange, generated, in_database


class WorkingYear(Table, db=DB):
    """A year whose calendar is loaded: deadlines in other years are refused, never guessed."""

    year = Integer(default=None, primary_key=True)
    source = Text(default=None)
    confirmed = Boolean(default=False)

    working_year_pk = Rule("PRIMARY KEY (year)")


class WorkingDay(Table, db=DB):
    """A day that differs from the week: a holiday, or a day worked in exchange."""

    day = Date(default=None, primary_key=True)
    kind = Text(default=None)
    name = Text(default=None)
    source = Text(default=None)
    projected = Boolean(default=False)

    working_day_pk = Rule("PRIMARY KEY (day)")
    working_day_kind = Check("kind IN ('off', 'work')")


class Agency(Table, db=DB):
    """An agency as directives name it, valid in a period; successors take over its open tasks."""

    id = BigSerial(primary_key=True)
    code = Text(default=None)
    name = Text(default=None)
    name_en = Text(default="")
    short_name = Text(default=None)
    kind = Text(default=None)
    parent_id: ForeignKey[Any] = ForeignKey("self", default=None, null=True)
    # Piccolo 1.38 turns Date(default=date(1945, 9, 2)) into 1945-09-09.
    valid_from = in_database(Date(default=None), "'1945-09-02'")
    valid_to = Date(default=None, null=True)
    source = Text(default="")
    search_key = Text(default=None)
    sort_key = Text(default=None)
    row_version = Integer(default=1)
    changed_at = in_database(Timestamptz(default=None), "now()")

    agency_pk = Rule("PRIMARY KEY (id)")
    agency_code_unique = Unique(["code"])
    agency_kind = Check(
        "kind IN ('ministry', 'ministerial', 'government_agency', 'province', 'corporation', "
        "'party', 'court', 'other')"
    )
    agency_parent_fk = Rule("FOREIGN KEY (parent_id) REFERENCES agency (id)")
    agency_valid_order = Check("valid_to IS NULL OR valid_to >= valid_from")

    agency_sort = Index("(sort_key, id)", serves="the agency lists")
    agency_parent = Index("(parent_id) WHERE parent_id IS NOT NULL", serves="the agencies below one")


class AgencySuccession(Table, db=DB):
    """Who took over from whom when agencies merge, split or are renamed."""

    predecessor_id = ForeignKey(Agency, default=None, null=False, primary_key=True)
    successor_id = ForeignKey(Agency, default=None, null=False)
    effective_on = Date(default=None)
    source = Text(default="")

    agency_succession_predecessor_fk = Rule("FOREIGN KEY (predecessor_id) REFERENCES agency (id)")
    agency_succession_successor_fk = Rule("FOREIGN KEY (successor_id) REFERENCES agency (id)")
    agency_succession_pk = Rule("PRIMARY KEY (predecessor_id, successor_id)")
    agency_succession_other = Check("predecessor_id <> successor_id")


class Official(Table, db=DB):
    """A person with a role in the system and, for reminders, a duty in the agency."""

    id = BigSerial(primary_key=True)
    agency_id = ForeignKey(Agency, default=None, null=True)
    full_name = Text(default=None)
    position = Text(default="")
    email = Text(default=None)
    role = Text(default=None)
    duty = Text(default=None, null=True)
    contact_order = Integer(default=1)
    language = Text(default="vi")
    is_active = Boolean(default=True)
    mailbox = Text(default="ok")
    mailbox_reason = Text(default="")
    absent_from = Date(default=None, null=True)
    absent_to = Date(default=None, null=True)
    deputy_id: ForeignKey[Any] = ForeignKey("self", default=None, null=True)
    search_key = Text(default=None)
    sort_key = Text(default=None)
    row_version = Integer(default=1)
    changed_at = in_database(Timestamptz(default=None), "now()")

    official_pk = Rule("PRIMARY KEY (id)")
    official_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    official_role = Check(
        "role IN ('administrator', 'secretariat', 'member', 'agency_officer', 'agency_leader', 'inspector')"
    )
    official_duty = Check(
        "duty IN ('focal', 'head_of_office', 'leader', 'secretariat_officer', 'secretariat_head', 'member')"
    )
    official_language = Check("language IN ('vi', 'en')")
    official_mailbox = Check("mailbox IN ('ok', 'dead')")
    official_deputy_fk = Rule("FOREIGN KEY (deputy_id) REFERENCES official (id)")
    official_email_unique = Unique(["email"])
    official_absence = Check("(absent_from IS NULL) = (absent_to IS NULL) AND absent_to >= absent_from")
    official_deputy_other = Check("deputy_id <> id")
    official_agency_role = Check("agency_id IS NOT NULL OR role NOT IN ('agency_officer', 'agency_leader')")

    official_contacts = Index("(agency_id, duty, contact_order) WHERE is_active", serves="audiences")


class AgencyMember(Table, db=DB):
    """A working-group member follows some agencies; without a row the first member follows all of them."""

    agency_id = ForeignKey(Agency, default=None, null=False, primary_key=True)
    official_id = ForeignKey(Official, default=None, null=False)

    agency_member_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    agency_member_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    agency_member_pk = Rule("PRIMARY KEY (agency_id, official_id)")


class Ladder(Table, db=DB):
    """A reminder ladder by name; what it says is in its versions."""

    id = BigSerial(primary_key=True)
    code = Text(default=None)
    name = Text(default=None)
    row_version = Integer(default=1)
    changed_at = in_database(Timestamptz(default=None), "now()")

    ladder_pk = Rule("PRIMARY KEY (id)")
    ladder_code_unique = Unique(["code"])


class LadderVersion(Table, db=DB):
    """What a ladder says in a period; an assignment keeps the version it began with."""

    id = BigSerial(primary_key=True)
    ladder_id = ForeignKey(Ladder, default=None, null=False)
    version = Integer(default=None)
    in_force = TimestamptzRange(default=None)
    note = Text(default="")
    created_by = ForeignKey(Official, default=None, null=True)
    created_at = in_database(Timestamptz(default=None), "now()")

    ladder_version_pk = Rule("PRIMARY KEY (id)")
    ladder_version_ladder_fk = Rule("FOREIGN KEY (ladder_id) REFERENCES ladder (id)")
    ladder_version_positive = Check("version > 0")
    ladder_version_creator_fk = Rule("FOREIGN KEY (created_by) REFERENCES official (id)")
    ladder_version_unique = Unique(["ladder_id", "version"])
    # Two versions of one ladder never hold at once (a one-point range of the ladder needs no extension).
    ladder_version_no_overlap = Rule(
        "EXCLUDE USING gist (int8range(ladder_id, ladder_id, '[]') WITH &&, in_force WITH &&)"
    )


class LadderStep(Table, db=DB):
    """One step of a ladder: when, to whom, in which wording, how often."""

    id = BigSerial(primary_key=True)
    ladder_version_id = ForeignKey(LadderVersion, default=None, null=False)
    code = Text(default=None)
    anchor = Text(default=None)
    offset = Integer(default=None)
    unit = Text(default=None)
    repeat_every = Integer(default=None, null=True)
    repeat_limit = Integer(default=1)
    send_to = Array(Text(), default=None)
    send_copy = Array(Text(), default=list)
    wording = Text(default=None)

    ladder_step_pk = Rule("PRIMARY KEY (id)")
    ladder_step_version_fk = Rule("FOREIGN KEY (ladder_version_id) REFERENCES ladder_version (id)")
    ladder_step_anchor = Check("anchor IN ('assigned', 'before', 'on', 'after', 'review')")
    ladder_step_offset = Check('"offset" BETWEEN 0 AND 400')
    ladder_step_unit = Check("unit IN ('working', 'calendar', 'hours')")
    ladder_step_repeat = Check("repeat_every BETWEEN 1 AND 400")
    ladder_step_limit = Check("repeat_limit BETWEEN 1 AND 50")
    ladder_step_somebody = Check("cardinality(send_to) > 0")
    ladder_step_code_unique = Unique(["ladder_version_id", "code"])
    ladder_step_moment_unique = Unique(["ladder_version_id", "anchor", "offset", "unit"])


class Directive(Table, db=DB):
    """A directive as issued: number, issuer, date, abstract."""

    id = BigSerial(primary_key=True)
    uid = in_database(UUID(default=None), "gen_random_uuid()")
    number = Text(default=None)
    kind = Text(default=None)
    issued_on = Date(default=None)
    received_on = Date(default=None, null=True)
    issuer = Text(default=None)
    signer = Text(default="")
    abstract = Text(default=None)
    urgency = Text(default="normal")
    submission_id = Text(default=None, null=True)
    search_key = Text(default=None)
    created_by = ForeignKey(Official, default=None, null=True)
    created_at = Timestamptz(default=None)
    row_version = Integer(default=1)
    changed_at = Timestamptz(default=None)
    inspection_id = BigInt(default=None, null=True)

    directive_pk = Rule("PRIMARY KEY (id)")
    directive_uid_unique = Unique(["uid"])
    directive_kind = Check(
        "kind IN ('resolution', 'decision', 'directive', 'dispatch', 'conclusion', 'letter', 'other')"
    )
    directive_urgency = Check("urgency IN ('normal', 'urgent', 'very_urgent', 'express')")
    directive_submission_unique = Unique(["submission_id"])
    directive_creator_fk = Rule("FOREIGN KEY (created_by) REFERENCES official (id)")
    directive_identity_unique = Unique(["number", "issuer", "issued_on"])
    directive_inspection_fk = Rule("FOREIGN KEY (inspection_id) REFERENCES inspection (id)")

    directive_recent = Index("(issued_on DESC, id DESC)", serves="the list of directives")
    directive_inspection = Index(
        "(inspection_id) WHERE inspection_id IS NOT NULL", serves="one notice of each session", unique=True
    )
    directive_search = Index("USING gin (to_tsvector('simple', search_key))", serves="search")


class Task(Table, db=DB):
    """One thing a directive asks for, with its deadline rule as it was written."""

    id = BigSerial(primary_key=True)
    uid = in_database(UUID(default=None), "gen_random_uuid()")
    directive_id = ForeignKey(Directive, default=None, null=False)
    ordinal = Integer(default=None)
    short_name = Text(default=None)
    full_text = Text(default=None)
    product = Text(default="")
    place = Text(default="")
    report_to = Text(default="")
    field = Text(default="")
    deadline_phrase = Text(default="")
    deadline_rule = JSONB(default="{}")
    completes_on = Text(default="issued")
    secretariat_officer_id = ForeignKey(Official, default=None, null=True)
    restricted = Boolean(default=False)
    import_key = Text(default=None, null=True)
    search_key = Text(default=None)
    row_version = Integer(default=1)
    changed_at = Timestamptz(default=None)

    task_pk = Rule("PRIMARY KEY (id)")
    task_uid_unique = Unique(["uid"])
    task_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    task_ordinal_positive = Check("ordinal > 0")
    task_short_name_length = Check("char_length(short_name) <= 90")
    task_completes_on = Check("completes_on IN ('submitted', 'issued')")
    task_officer_fk = Rule("FOREIGN KEY (secretariat_officer_id) REFERENCES official (id)")
    task_import_unique = Unique(["import_key"])
    task_ordinal_unique = Unique(["directive_id", "ordinal"])

    task_search = Index("USING gin (to_tsvector('simple', search_key))", serves="search")
    task_officer = Index("(secretariat_officer_id)", serves="an officer's own tasks")


class Assignment(Table, db=DB):
    """A task as one agency owes it: part, state, deadline in force, and when it ended."""

    id = BigSerial(primary_key=True)
    uid = in_database(UUID(default=None), "gen_random_uuid()")
    task_id = ForeignKey(Task, default=None, null=False)
    directive_id = ForeignKey(Directive, default=None, null=False)
    agency_id = ForeignKey(Agency, default=None, null=False)
    part = Text(default=None)
    via_class = Text(default="")
    occurrence = Integer(default=1)
    state = Text(default="assigned")
    due_kind = Text(default=None)
    due_on = Date(default=None, null=True)
    due_time = Time(default=None, null=True)
    starts_on = Date(default=None, null=True)
    recurrence = Text(default=None, null=True)
    recurred = Boolean(default=False)
    original_due_on = Date(default=None, null=True)
    original_due_time = Time(default=None, null=True)
    due_words = JSONB(default="[]")
    due_document = Text(default="")
    due_event = Text(default="")
    early_due_confirmed = Boolean(default=False)
    deadline_version = Integer(default=1)
    deadline_set_at = Timestamptz(default=None)
    extension_count = Integer(default=0)
    committed_on = Date(default=None, null=True)
    committed_document = Text(default="")
    cause = Text(default="")
    ladder_version_id = ForeignKey(LadderVersion, default=None, null=False)
    settled_rank = Integer(default=0)
    review_rank = Integer(default=0)
    assigned_on = Date(default=None)
    assigned_at = Timestamptz(default=None)
    acknowledged_at = Timestamptz(default=None, null=True)
    reported_at = Timestamptz(default=None, null=True)
    confirmed_at = Timestamptz(default=None, null=True)
    closed_at = Timestamptz(default=None, null=True)
    close_reason = Text(default="")
    transferred_to: ForeignKey[Any] = ForeignKey("self", default=None, null=True)
    confirmed_report_id = BigInt(default=None, null=True)
    confirmed_acceptance = generated(
        Text(null=True), "CASE WHEN confirmed_report_id IS NULL THEN NULL ELSE 'approved' END"
    )
    completed_on = Date(default=None, null=True)
    completed_time = Time(default=None, null=True)
    last_report_at = Timestamptz(default=None, null=True)
    last_report_summary = Text(default="")
    sequence = Integer(default=0)
    row_version = Integer(default=1)
    changed_at = Timestamptz(default=None)

    assignment_pk = Rule("PRIMARY KEY (id)")
    assignment_uid_unique = Unique(["uid"])
    assignment_task_fk = Rule("FOREIGN KEY (task_id) REFERENCES task (id)")
    assignment_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    assignment_agency_fk = Rule("FOREIGN KEY (agency_id) REFERENCES agency (id)")
    assignment_part = Check("part IN ('lead', 'joint_lead', 'cooperating')")
    assignment_occurrence = Check("occurrence > 0")
    assignment_state = Check(
        "state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned', "
        "'confirmed', 'withdrawn', 'transferred', 'superseded')"
    )
    assignment_due_kind = Check("due_kind IN ('dated', 'event', 'standing', 'none')")
    assignment_ladder_fk = Rule("FOREIGN KEY (ladder_version_id) REFERENCES ladder_version (id)")
    assignment_transfer_fk = Rule("FOREIGN KEY (transferred_to) REFERENCES assignment (id)")
    assignment_due_dated = Check("(due_kind = 'dated') = (due_on IS NOT NULL)")
    assignment_due_time_dated = Check("due_time IS NULL OR due_on IS NOT NULL")
    assignment_confirmed_has_report = Check(
        "(state = 'confirmed') = (confirmed_report_id IS NOT NULL) AND (state = 'confirmed') = "
        "(completed_on IS NOT NULL) AND (state = 'confirmed') = (confirmed_at IS NOT NULL)"
    )
    assignment_reported_has_date = Check("state <> 'reported' OR reported_at IS NOT NULL")
    assignment_closed_has_date = Check(
        "(state IN ('confirmed', 'withdrawn', 'transferred', 'superseded')) = (closed_at IS NOT NULL)"
    )
    # A confirmed assignment points at a report of its own that was approved.
    assignment_confirmed_report_fk = Rule(
        "FOREIGN KEY (confirmed_report_id, id, confirmed_acceptance) REFERENCES report (id, "
        "assignment_id, acceptance)"
    )

    assignment_one_part = Index(
        "(task_id, agency_id, occurrence) WHERE state NOT IN ('confirmed', 'withdrawn', 'transferred', "
        "'superseded')",
        serves="one agency leads or co-operates in a task, not both",
        unique=True,
    )
    assignment_sweep = Index(
        "(ladder_version_id, settled_rank, due_on) WHERE due_kind = 'dated' AND state IN "
        "('assigned', 'acknowledged', 'in_progress', 'returned')",
        serves="the sweep: by ladder version and rank, the clocks whose next moment has come",
    )
    assignment_review = Index("(review_rank, reported_at) WHERE state = 'reported'", serves="review sweep")
    assignment_agency_open = Index(
        "(agency_id, due_on, id) WHERE state IN ('assigned', 'acknowledged', 'in_progress', "
        "'reported', 'returned')",
        serves="open rows of an agency by date: overdue pages, feeds, worklists",
    )
    assignment_open_due = Index(
        "(due_on, id) WHERE state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')",
        serves="overdue lists of all agencies",
    )
    assignment_due = Index("(due_on, id)", serves="lists of all agencies, open and closed")
    assignment_agency_all = Index("(agency_id, due_on, id)", serves="lists of one agency, open and closed")
    assignment_recurrent = Index(
        "(due_on, id) WHERE recurrence IS NOT NULL AND NOT recurred",
        serves="recurrent series whose next occurrence is still to be made",
    )
    assignment_agency_closed = Index(
        "(agency_id, closed_at) WHERE closed_at IS NOT NULL", serves="feeds: lately closed rows of an agency"
    )
    assignment_changed = Index("(changed_at)", serves="lists of past days: what has changed since")
    assignment_closed = Index(
        "(closed_at) WHERE closed_at IS NOT NULL", serves="feeds: lately closed rows of all agencies"
    )
    assignment_task = Index("(task_id, part, id)", serves="the task page")
    assignment_directive = Index("(directive_id)", serves="lists of one directive")

    taken_over_from: ForeignKey[Any] = ForeignKey("self", default=None, null=True)
    taken_over_at = Timestamptz(default=None, null=True)
    handed_on = Boolean(default=False)

    assignment_taken_over_fk = Rule("FOREIGN KEY (taken_over_from) REFERENCES assignment (id)")
    assignment_taken_over = Check("(taken_over_from IS NULL) = (taken_over_at IS NULL)")
    assignment_handed_on = Check("NOT handed_on OR state = 'transferred'")


class DeadlineChange(Table, db=DB):
    """The deadlines an assignment had, so that any past day can be told as it was."""

    assignment_id = ForeignKey(Assignment, default=None, null=False, primary_key=True)
    deadline_version = Integer(default=None)
    due_on = Date(default=None, null=True)
    due_time = Time(default=None, null=True)
    set_at = Timestamptz(default=None)
    set_by = ForeignKey(Official, default=None, null=True)
    kind = Text(default=None)
    document = Text(default="")
    reason = Text(default="")

    deadline_change_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    deadline_change_actor_fk = Rule("FOREIGN KEY (set_by) REFERENCES official (id)")
    deadline_change_kind = Check("kind IN ('original', 'extension', 'correction', 'event', 'transfer')")
    deadline_change_pk = Rule("PRIMARY KEY (assignment_id, deadline_version)")


class Report(Table, db=DB):
    """What an agency reported, and what the secretariat decided about it."""

    id = BigSerial(primary_key=True)
    assignment_id = ForeignKey(Assignment, default=None, null=False)
    kind = Text(default=None)
    receipt = Text(default=None)
    summary = Text(default=None)
    percent = Integer(default=None, null=True)
    addressed_to = Text(default="")
    evidence_number = Text(default="")
    evidence_on = Date(default=None, null=True)
    milestone = Text(default="issued")
    submitted_by = ForeignKey(Official, default=None, null=False)
    submitted_at = Timestamptz(default=None)
    acceptance = Text(default=None)
    decided_by = ForeignKey(Official, default=None, null=True)
    decided_at = Timestamptz(default=None, null=True)
    decision_reason = Text(default="")

    report_pk = Rule("PRIMARY KEY (id)")
    report_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    report_kind = Check("kind IN ('progress', 'obstacle', 'completion')")
    report_receipt_unique = Unique(["receipt"])
    report_percent = Check("percent BETWEEN 0 AND 100")
    report_milestone = Check("milestone IN ('submitted', 'issued')")
    report_submitter_fk = Rule("FOREIGN KEY (submitted_by) REFERENCES official (id)")
    report_acceptance = Check("acceptance IN ('none', 'pending', 'approved', 'returned')")
    report_decider_fk = Rule("FOREIGN KEY (decided_by) REFERENCES official (id)")
    report_completion_is_decided = Check("(kind = 'completion') = (acceptance <> 'none')")
    report_decision_complete = Check(
        "(acceptance IN ('approved', 'returned')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL)"
    )
    report_return_has_reason = Check("acceptance <> 'returned' OR decision_reason <> ''")
    report_not_own_judge = Check("decided_by <> submitted_by")
    report_acceptance_key = Unique(["id", "assignment_id", "acceptance"])

    report_one_pending = Index(
        "(assignment_id) WHERE acceptance = 'pending'",
        serves="one report waits for a decision at a time",
        unique=True,
    )
    report_one_approved = Index(
        "(assignment_id) WHERE acceptance = 'approved'",
        serves="an assignment is confirmed by one report",
        unique=True,
    )
    report_assignment = Index("(assignment_id, submitted_at)", serves="the timeline")


class Extension(Table, db=DB):
    """A request for a later date, and its decision."""

    id = BigSerial(primary_key=True)
    assignment_id = ForeignKey(Assignment, default=None, null=False)
    requested_by = ForeignKey(Official, default=None, null=False)
    requested_at = Timestamptz(default=None)
    reason = Text(default=None)
    due_before = Date(default=None)
    proposed_on = Date(default=None)
    asked_late = Boolean(default=None)
    state = Text(default="pending")
    granted_on = Date(default=None, null=True)
    decided_by = ForeignKey(Official, default=None, null=True)
    decided_at = Timestamptz(default=None, null=True)
    document = Text(default="")
    decision_reason = Text(default="")

    extension_pk = Rule("PRIMARY KEY (id)")
    extension_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    extension_requester_fk = Rule("FOREIGN KEY (requested_by) REFERENCES official (id)")
    extension_reason = Check("reason <> ''")
    extension_state = Check("state IN ('pending', 'granted', 'refused')")
    extension_decider_fk = Rule("FOREIGN KEY (decided_by) REFERENCES official (id)")
    extension_forward = Check("proposed_on > due_before AND (granted_on IS NULL OR granted_on > due_before)")
    extension_decided = Check(
        "(state = 'pending') = (decided_by IS NULL) AND (state = 'pending') = (decided_at IS "
        "NULL) AND (state = 'granted') = (granted_on IS NOT NULL)"
    )

    extension_one_pending = Index(
        "(assignment_id) WHERE state = 'pending'",
        serves="one request waits for a decision at a time",
        unique=True,
    )
    extension_assignment = Index("(assignment_id, requested_at)", serves="the timeline")


class History(Table, db=DB):
    """History: every change, written in the transaction that made it."""

    id = BigSerial(primary_key=True)
    at = Timestamptz(default=None)
    recorded_at = in_database(Timestamptz(default=None), "now()")
    actor_id = ForeignKey(Official, default=None, null=True)
    actor_name = Text(default=None)
    verb = Text(default=None)
    directive_id = ForeignKey(Directive, default=None, null=True)
    task_id = ForeignKey(Task, default=None, null=True)
    assignment_id = ForeignKey(Assignment, default=None, null=True)
    reason = Text(default="")
    detail = JSONB(default="{}")
    lane = Integer(default=None, null=True)
    lane_seq = BigInt(default=None, null=True)
    key_id = Text(default=None, null=True)
    mac = Bytea(default=None, null=True)

    history_pk = Rule("PRIMARY KEY (id)")
    history_actor_fk = Rule("FOREIGN KEY (actor_id) REFERENCES official (id)")
    history_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    history_task_fk = Rule("FOREIGN KEY (task_id) REFERENCES task (id)")
    history_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")

    history_lane_known = Check("lane BETWEEN 0 AND 63")
    history_chained = Check(
        "(lane IS NULL) = (lane_seq IS NULL) AND (lane IS NULL) = (key_id IS NULL) "
        "AND (lane IS NULL) = (mac IS NULL)"
    )
    history_lane_unique = Unique(["lane", "lane_seq"])

    history_assignment = Index("(assignment_id, at)", serves="an agency's story")
    history_task = Index("(task_id, at)", serves="a task's story")
    history_directive = Index(
        "(directive_id, id) WHERE directive_id IS NOT NULL", serves="a directive's story"
    )
    history_actor = Index("(actor_id, id) WHERE actor_id IS NOT NULL", serves="what a person did")
    history_at = Index("USING brin (at)", serves="what was done on a day")


class Outbox(Table, db=DB):
    """A rendered message to one recipient on its way to the mail server."""

    id = BigSerial(primary_key=True)
    kind = Text(default=None)
    notify_key = Text(default=None)
    recipient_id = ForeignKey(Official, default=None, null=True)
    address = Text(default=None)
    language = Text(default=None)
    message_id = Text(default=None)
    subject = Text(default=None)
    raw_bytes = Bytea(default=None, db_column_name="raw")
    urgent = Boolean(default=False)
    state = Text(default="pending")
    attempts = Integer(default=0)
    next_attempt_at = in_database(Timestamptz(default=None), "now()")
    first_attempt_at = Timestamptz(default=None, null=True)
    lease_token = UUID(default=None, null=True)
    lease_until = Timestamptz(default=None, null=True)
    maybe_duplicate = Boolean(default=False)
    reply_code = Integer(default=None, null=True)
    reply_text = Text(default="")
    reason = Text(default="")
    decided_at = Timestamptz(default=None)
    created_at = in_database(Timestamptz(default=None), "now()")
    sent_at = Timestamptz(default=None, null=True)

    outbox_pk = Rule("PRIMARY KEY (id)")
    outbox_key_unique = Unique(["notify_key"])
    outbox_recipient_fk = Rule("FOREIGN KEY (recipient_id) REFERENCES official (id)")
    outbox_message_unique = Unique(["message_id"])
    outbox_state = Check("state IN ('pending', 'sending', 'sent', 'failed', 'superseded', 'held')")
    outbox_lease = Check("(state = 'sending') = (lease_token IS NOT NULL AND lease_until IS NOT NULL)")
    outbox_sent = Check("(state = 'sent') = (sent_at IS NOT NULL)")

    outbox_due = Index("(urgent DESC, next_attempt_at, id) WHERE state = 'pending'", serves="claim")
    outbox_leased = Index("(lease_until) WHERE state = 'sending'", serves="reclaim")
    outbox_recipient = Index("(recipient_id, id)", serves="what was sent to one person")
    outbox_failed = Index("(id) WHERE state IN ('failed', 'held')", serves="dead letters")
    outbox_answered = Index(
        "(sent_at DESC) WHERE sent_at IS NOT NULL", serves="what the mail server last took"
    )


class OutboxEntry(Table, db=DB):
    """Which assignments a message speaks of, and the deadline version it was true for."""

    outbox_id = ForeignKey(Outbox, default=None, null=False, primary_key=True)
    assignment_id = ForeignKey(Assignment, default=None, null=False)
    deadline_version = Integer(default=None)
    wants = Text(default="open")

    outbox_entry_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    outbox_entry_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    outbox_entry_wants = Check("wants IN ('open', 'reported', 'any')")
    outbox_entry_pk = Rule("PRIMARY KEY (outbox_id, assignment_id)")

    outbox_entry_assignment = Index("(assignment_id)", serves="supersede what a change makes stale")


class Reminder(Table, db=DB):
    """The ledger: one row for each reminder that was decided, whatever became of it."""

    id = BigSerial(primary_key=True)
    assignment_id = ForeignKey(Assignment, default=None, null=False)
    step_code = Text(default=None)
    occurrence = Integer(default=1)
    deadline_version = Integer(default=None)
    recipient_id = ForeignKey(Official, default=None, null=True)
    channel = Text(default=None)
    is_copy = Boolean(default=False)
    verdict = Text(default=None)
    reason = Text(default=None)
    moment = Timestamptz(default=None)
    decided_at = Timestamptz(default=None)
    outbox_id = ForeignKey(Outbox, default=None, null=True)

    reminder_pk = Rule("PRIMARY KEY (id)")
    reminder_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    reminder_recipient_fk = Rule("FOREIGN KEY (recipient_id) REFERENCES official (id)")
    reminder_channel = Check("channel IN ('mail', 'none')")
    reminder_verdict = Check("verdict IN ('sent', 'superseded', 'suppressed')")
    reminder_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    reminder_once = Unique(
        ["assignment_id", "step_code", "occurrence", "deadline_version", "recipient_id", "channel"],
        nulls_distinct=False,
    )
    reminder_sent_has_message = Check("verdict <> 'sent' OR (outbox_id IS NOT NULL AND channel = 'mail')")

    reminder_outbox = Index("(outbox_id)", serves="from a message to what it reminded of")


class Invitation(Table, db=DB):
    """Who holds an invitation for which deadline, so that a change or a cancellation reaches exactly them."""

    assignment_id = ForeignKey(Assignment, default=None, null=False, primary_key=True)
    official_id = ForeignKey(Official, default=None, null=False)
    sequence = Integer(default=None)
    state = Text(default=None)
    outbox_id = ForeignKey(Outbox, default=None, null=False)

    invitation_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    invitation_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    invitation_state = Check("state IN ('requested', 'cancelled')")
    invitation_outbox_fk = Rule("FOREIGN KEY (outbox_id) REFERENCES outbox (id)")
    invitation_pk = Rule("PRIMARY KEY (assignment_id, official_id)")


class Feed(Table, db=DB):
    """A named calendar link of one official; only the hash of its token is kept."""

    id = BigSerial(primary_key=True)
    owner_id = ForeignKey(Official, default=None, null=False)
    name = Text(default=None)
    token_hash = Bytea(default=None)
    token_hint = Text(default=None)
    scope = Text(default=None)
    agency_ids = Array(BigInt(), default=list)
    directive_id = ForeignKey(Directive, default=None, null=True)
    language = Text(default="vi")
    alarm_days = Array(Integer(), default=list)
    with_cancelled = Boolean(default=True)
    consolidated = Boolean(default=False)
    row_version = Integer(default=1)
    fingerprint = Text(default="")
    fingerprint_at = Timestamptz(default=None, null=True)
    created_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)
    revoked_at = Timestamptz(default=None, null=True)
    last_used_at = Timestamptz(default=None, null=True)
    last_user_agent = Text(default="")

    feed_pk = Rule("PRIMARY KEY (id)")
    feed_owner_fk = Rule("FOREIGN KEY (owner_id) REFERENCES official (id)")
    feed_token_unique = Unique(["token_hash"])
    feed_scope = Check("scope IN ('own_agency', 'agencies', 'all', 'directive', 'sessions')")
    feed_directive_fk = Rule("FOREIGN KEY (directive_id) REFERENCES directive (id)")
    feed_language = Check("language IN ('vi', 'en')")
    feed_scope_complete = Check(
        "(scope = 'directive') = (directive_id IS NOT NULL) AND (scope = 'agencies') = "
        "(cardinality(agency_ids) > 0)"
    )

    feed_owner = Index("(owner_id, id)", serves="a person's links")


class ApiToken(Table, db=DB):
    """A token of the JSON API; only its hash is kept."""

    id = BigSerial(primary_key=True)
    official_id = ForeignKey(Official, default=None, null=False)
    name = Text(default=None)
    token_hash = Bytea(default=None)
    token_hint = Text(default=None)
    scopes = Array(Text(), default=None)
    expires_at = Timestamptz(default=None, null=True)
    created_at = Timestamptz(default=None)
    revoked_at = Timestamptz(default=None, null=True)
    last_used_at = Timestamptz(default=None, null=True)

    api_token_pk = Rule("PRIMARY KEY (id)")
    api_token_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    api_token_hash_unique = Unique(["token_hash"])
    api_token_scopes = Check("cardinality(scopes) > 0")

    api_token_official = Index("(official_id, id)", serves="a person's tokens")

    # Migration 9: where it may be used from, and where it was used last.
    allowed_networks = Array(Text(), default=list)
    last_used_ip = Text(default="")
    api_token_networks = Check("cardinality(allowed_networks) <= 20")


class IdempotencyKey(Table, db=DB):
    """An answer kept so that a repeated request gets the same one."""

    official_id = ForeignKey(Official, default=None, null=False, primary_key=True)
    key = Text(default=None)
    request_hash = Bytea(default=None)
    status = Integer(default=None, null=True)
    headers = JSONB(default="{}")
    body = Bytea(default=None, null=True)
    created_at = in_database(Timestamptz(default=None), "now()")

    idempotency_key_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    idempotency_key_length = Check("char_length(key) BETWEEN 1 AND 255")
    idempotency_key_pk = Rule("PRIMARY KEY (official_id, key)")

    idempotency_key_age = Index("(created_at)", serves="pruning")


class Setting(Table, db=DB):
    """A switch of the service that is changed while it runs."""

    key = Text(default=None, primary_key=True)
    value = JSONB(default=None)
    changed_at = in_database(Timestamptz(default=None), "now()")

    setting_pk = Rule("PRIMARY KEY (key)")


class Heartbeat(Table, db=DB):
    """When each job last ran through, for the dead-man's switch."""

    name = Text(default=None, primary_key=True)
    at = Timestamptz(default=None)
    detail = JSONB(default="{}")

    heartbeat_pk = Rule("PRIMARY KEY (name)")


TABLES: tuple[type[Table], ...] = (
    WorkingYear,
    WorkingDay,
    Agency,
    AgencySuccession,
    Official,
    AgencyMember,
    Ladder,
    LadderVersion,
    LadderStep,
    Directive,
    Task,
    Assignment,
    DeadlineChange,
    Report,
    Extension,
    History,
    Outbox,
    OutboxEntry,
    Reminder,
    Invitation,
    Feed,
    ApiToken,
    IdempotencyKey,
    Setting,
    Heartbeat,
)
