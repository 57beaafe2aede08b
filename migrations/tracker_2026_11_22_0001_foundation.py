"""The foundation: directory, directives, assignments, reports, reminders, outbox, feeds, tokens."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T03:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Foundation: who, what is asked of whom by when, what was said about it, and what was sent."

SQL = """
SET LOCAL lock_timeout = '3s';

-- Working days ---------------------------------------------------------------------------------------

CREATE TABLE working_year (
    year integer CONSTRAINT working_year_pk PRIMARY KEY,
    source text NOT NULL,
    confirmed boolean NOT NULL DEFAULT false
);

CREATE TABLE working_day (
    day date CONSTRAINT working_day_pk PRIMARY KEY,
    kind text NOT NULL CONSTRAINT working_day_kind CHECK (kind IN ('off', 'work')),
    name text NOT NULL,
    source text NOT NULL,
    projected boolean NOT NULL DEFAULT false
);

-- Agencies and people --------------------------------------------------------------------------------

CREATE TABLE agency (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT agency_pk PRIMARY KEY,
    code text NOT NULL CONSTRAINT agency_code_unique UNIQUE,
    name text NOT NULL,
    name_en text NOT NULL DEFAULT '',
    short_name text NOT NULL,
    kind text NOT NULL CONSTRAINT agency_kind CHECK (kind IN
        ('ministry', 'ministerial', 'government_agency', 'province', 'corporation', 'party', 'court', 'other')),
    parent_id bigint CONSTRAINT agency_parent_fk REFERENCES agency (id),
    valid_from date NOT NULL DEFAULT '1945-09-02',
    valid_to date,
    source text NOT NULL DEFAULT '',
    search_key text NOT NULL,
    sort_key text NOT NULL,
    row_version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agency_valid_order CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE INDEX agency_sort ON agency (sort_key, id);  -- the agency lists

CREATE TABLE agency_succession (
    predecessor_id bigint NOT NULL CONSTRAINT agency_succession_predecessor_fk REFERENCES agency (id),
    successor_id bigint NOT NULL CONSTRAINT agency_succession_successor_fk REFERENCES agency (id),
    effective_on date NOT NULL,
    source text NOT NULL DEFAULT '',
    CONSTRAINT agency_succession_pk PRIMARY KEY (predecessor_id, successor_id),
    CONSTRAINT agency_succession_other CHECK (predecessor_id <> successor_id)
);

CREATE TABLE official (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT official_pk PRIMARY KEY,
    agency_id bigint CONSTRAINT official_agency_fk REFERENCES agency (id),
    full_name text NOT NULL,
    position text NOT NULL DEFAULT '',
    email text NOT NULL,
    role text NOT NULL CONSTRAINT official_role CHECK (role IN
        ('administrator', 'secretariat', 'member', 'agency_officer', 'agency_leader', 'inspector')),
    duty text CONSTRAINT official_duty CHECK (duty IN
        ('focal', 'head_of_office', 'leader', 'secretariat_officer', 'secretariat_head', 'member')),
    contact_order integer NOT NULL DEFAULT 1,
    language text NOT NULL DEFAULT 'vi' CONSTRAINT official_language CHECK (language IN ('vi', 'en')),
    is_active boolean NOT NULL DEFAULT true,
    mailbox text NOT NULL DEFAULT 'ok' CONSTRAINT official_mailbox CHECK (mailbox IN ('ok', 'dead')),
    mailbox_reason text NOT NULL DEFAULT '',
    absent_from date,
    absent_to date,
    deputy_id bigint CONSTRAINT official_deputy_fk REFERENCES official (id),
    search_key text NOT NULL,
    sort_key text NOT NULL,
    row_version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT official_email_unique UNIQUE (email),
    CONSTRAINT official_absence CHECK ((absent_from IS NULL) = (absent_to IS NULL) AND absent_to >= absent_from),
    CONSTRAINT official_deputy_other CHECK (deputy_id <> id),
    CONSTRAINT official_agency_role CHECK (agency_id IS NOT NULL OR role NOT IN ('agency_officer', 'agency_leader'))
);
CREATE INDEX official_contacts ON official (agency_id, duty, contact_order) WHERE is_active;  -- audiences

-- A working-group member follows some agencies; without a row the first member follows all of them.
CREATE TABLE agency_member (
    agency_id bigint NOT NULL CONSTRAINT agency_member_agency_fk REFERENCES agency (id),
    official_id bigint NOT NULL CONSTRAINT agency_member_official_fk REFERENCES official (id),
    CONSTRAINT agency_member_pk PRIMARY KEY (agency_id, official_id)
);

-- Ladders --------------------------------------------------------------------------------------------

CREATE TABLE ladder (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ladder_pk PRIMARY KEY,
    code text NOT NULL CONSTRAINT ladder_code_unique UNIQUE,
    name text NOT NULL,
    row_version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ladder_version (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ladder_version_pk PRIMARY KEY,
    ladder_id bigint NOT NULL CONSTRAINT ladder_version_ladder_fk REFERENCES ladder (id),
    version integer NOT NULL CONSTRAINT ladder_version_positive CHECK (version > 0),
    in_force tstzrange NOT NULL,
    note text NOT NULL DEFAULT '',
    created_by bigint CONSTRAINT ladder_version_creator_fk REFERENCES official (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ladder_version_unique UNIQUE (ladder_id, version),
    -- Two versions of one ladder never hold at the same time (the ladder as a one-point range needs no extension).
    CONSTRAINT ladder_version_no_overlap EXCLUDE USING gist
        (int8range(ladder_id, ladder_id, '[]') WITH &&, in_force WITH &&)
);

CREATE TABLE ladder_step (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ladder_step_pk PRIMARY KEY,
    ladder_version_id bigint NOT NULL CONSTRAINT ladder_step_version_fk REFERENCES ladder_version (id),
    code text NOT NULL,
    anchor text NOT NULL CONSTRAINT ladder_step_anchor CHECK (anchor IN
        ('assigned', 'before', 'on', 'after', 'review')),
    "offset" integer NOT NULL CONSTRAINT ladder_step_offset CHECK ("offset" BETWEEN 0 AND 400),
    unit text NOT NULL CONSTRAINT ladder_step_unit CHECK (unit IN ('working', 'calendar', 'hours')),
    repeat_every integer CONSTRAINT ladder_step_repeat CHECK (repeat_every BETWEEN 1 AND 400),
    repeat_limit integer NOT NULL DEFAULT 1 CONSTRAINT ladder_step_limit CHECK (repeat_limit BETWEEN 1 AND 50),
    send_to text[] NOT NULL CONSTRAINT ladder_step_somebody CHECK (cardinality(send_to) > 0),
    send_copy text[] NOT NULL DEFAULT '{}',
    wording text NOT NULL,
    CONSTRAINT ladder_step_code_unique UNIQUE (ladder_version_id, code),
    CONSTRAINT ladder_step_moment_unique UNIQUE (ladder_version_id, anchor, "offset", unit)
);

-- What is asked --------------------------------------------------------------------------------------

CREATE TABLE directive (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT directive_pk PRIMARY KEY,
    uid uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT directive_uid_unique UNIQUE,
    number text NOT NULL,
    kind text NOT NULL CONSTRAINT directive_kind CHECK (kind IN
        ('resolution', 'decision', 'directive', 'dispatch', 'conclusion', 'letter', 'other')),
    issued_on date NOT NULL,
    received_on date,
    issuer text NOT NULL,
    signer text NOT NULL DEFAULT '',
    abstract text NOT NULL,
    urgency text NOT NULL DEFAULT 'normal' CONSTRAINT directive_urgency CHECK (urgency IN
        ('normal', 'urgent', 'very_urgent', 'express')),
    submission_id text CONSTRAINT directive_submission_unique UNIQUE,
    search_key text NOT NULL,
    created_by bigint CONSTRAINT directive_creator_fk REFERENCES official (id),
    created_at timestamptz NOT NULL,
    row_version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    CONSTRAINT directive_identity_unique UNIQUE (number, issuer, issued_on)
);
CREATE INDEX directive_recent ON directive (issued_on DESC, id DESC);  -- the list of directives
CREATE INDEX directive_search ON directive USING gin (to_tsvector('simple', search_key));  -- search

CREATE TABLE task (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT task_pk PRIMARY KEY,
    uid uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT task_uid_unique UNIQUE,
    directive_id bigint NOT NULL CONSTRAINT task_directive_fk REFERENCES directive (id),
    ordinal integer NOT NULL CONSTRAINT task_ordinal_positive CHECK (ordinal > 0),
    short_name text NOT NULL CONSTRAINT task_short_name_length CHECK (char_length(short_name) <= 90),
    full_text text NOT NULL,
    product text NOT NULL DEFAULT '',
    place text NOT NULL DEFAULT '',
    report_to text NOT NULL DEFAULT '',
    field text NOT NULL DEFAULT '',
    deadline_phrase text NOT NULL DEFAULT '',
    deadline_rule jsonb NOT NULL DEFAULT '{}',
    completes_on text NOT NULL DEFAULT 'issued' CONSTRAINT task_completes_on CHECK (completes_on IN
        ('submitted', 'issued')),
    secretariat_officer_id bigint CONSTRAINT task_officer_fk REFERENCES official (id),
    restricted boolean NOT NULL DEFAULT false,
    import_key text CONSTRAINT task_import_unique UNIQUE,
    search_key text NOT NULL,
    row_version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    CONSTRAINT task_ordinal_unique UNIQUE (directive_id, ordinal)
);
CREATE INDEX task_search ON task USING gin (to_tsvector('simple', search_key));  -- search
CREATE INDEX task_officer ON task (secretariat_officer_id);  -- an officer's own tasks

CREATE TABLE assignment (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT assignment_pk PRIMARY KEY,
    uid uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT assignment_uid_unique UNIQUE,
    task_id bigint NOT NULL CONSTRAINT assignment_task_fk REFERENCES task (id),
    directive_id bigint NOT NULL CONSTRAINT assignment_directive_fk REFERENCES directive (id),
    agency_id bigint NOT NULL CONSTRAINT assignment_agency_fk REFERENCES agency (id),
    part text NOT NULL CONSTRAINT assignment_part CHECK (part IN ('lead', 'joint_lead', 'cooperating')),
    via_class text NOT NULL DEFAULT '',
    occurrence integer NOT NULL DEFAULT 1 CONSTRAINT assignment_occurrence CHECK (occurrence > 0),
    state text NOT NULL DEFAULT 'assigned' CONSTRAINT assignment_state CHECK (state IN
        ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned', 'confirmed',
         'withdrawn', 'transferred', 'superseded')),
    due_kind text NOT NULL CONSTRAINT assignment_due_kind CHECK (due_kind IN ('dated', 'event', 'standing', 'none')),
    due_on date,
    due_time time,
    starts_on date,
    recurrence text,
    recurred boolean NOT NULL DEFAULT false,
    original_due_on date,
    original_due_time time,
    due_words jsonb NOT NULL DEFAULT '[]',
    due_document text NOT NULL DEFAULT '',
    due_event text NOT NULL DEFAULT '',
    early_due_confirmed boolean NOT NULL DEFAULT false,
    deadline_version integer NOT NULL DEFAULT 1,
    deadline_set_at timestamptz NOT NULL,
    extension_count integer NOT NULL DEFAULT 0,
    committed_on date,
    committed_document text NOT NULL DEFAULT '',
    cause text NOT NULL DEFAULT '',
    ladder_version_id bigint NOT NULL CONSTRAINT assignment_ladder_fk REFERENCES ladder_version (id),
    settled_rank integer NOT NULL DEFAULT 0,
    review_rank integer NOT NULL DEFAULT 0,
    assigned_on date NOT NULL,
    assigned_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    reported_at timestamptz,
    confirmed_at timestamptz,
    closed_at timestamptz,
    close_reason text NOT NULL DEFAULT '',
    transferred_to bigint CONSTRAINT assignment_transfer_fk REFERENCES assignment (id),
    confirmed_report_id bigint,
    confirmed_acceptance text GENERATED ALWAYS AS
        (CASE WHEN confirmed_report_id IS NULL THEN NULL ELSE 'approved' END) STORED,
    completed_on date,
    completed_time time,
    last_report_at timestamptz,
    last_report_summary text NOT NULL DEFAULT '',
    sequence integer NOT NULL DEFAULT 0,
    row_version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    CONSTRAINT assignment_due_dated CHECK ((due_kind = 'dated') = (due_on IS NOT NULL)),
    CONSTRAINT assignment_due_time_dated CHECK (due_time IS NULL OR due_on IS NOT NULL),
    CONSTRAINT assignment_confirmed_has_report CHECK
        ((state = 'confirmed') = (confirmed_report_id IS NOT NULL)
         AND (state = 'confirmed') = (completed_on IS NOT NULL)
         AND (state = 'confirmed') = (confirmed_at IS NOT NULL)),
    CONSTRAINT assignment_reported_has_date CHECK (state <> 'reported' OR reported_at IS NOT NULL),
    CONSTRAINT assignment_closed_has_date CHECK
        ((state IN ('confirmed', 'withdrawn', 'transferred', 'superseded')) = (closed_at IS NOT NULL))
);
-- One agency leads or co-operates in a task, not both.
CREATE UNIQUE INDEX assignment_one_part ON assignment (task_id, agency_id, occurrence)
    WHERE state NOT IN ('withdrawn', 'transferred', 'superseded');
-- The sweep: for each ladder version and settled rank, the running clocks whose next moment has come.
CREATE INDEX assignment_sweep ON assignment (ladder_version_id, settled_rank, due_on)
    WHERE due_kind = 'dated' AND state IN ('assigned', 'acknowledged', 'in_progress', 'returned');
CREATE INDEX assignment_review ON assignment (review_rank, reported_at) WHERE state = 'reported';  -- review sweep
-- Open rows of an agency by date: overdue pages, feeds, worklists.
CREATE INDEX assignment_agency_open ON assignment (agency_id, due_on, id)
    WHERE state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned');
CREATE INDEX assignment_open_due ON assignment (due_on, id)
    WHERE state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned');
CREATE INDEX assignment_due ON assignment (due_on, id);  -- lists of all agencies, open and closed
CREATE INDEX assignment_agency_all ON assignment (agency_id, due_on, id);  -- lists of one agency, open and closed
-- Recurrent series whose next occurrence is still to be made.
CREATE INDEX assignment_recurrent ON assignment (due_on, id) WHERE recurrence IS NOT NULL AND NOT recurred;
-- Feeds show what was closed in the last 90 days, of one agency or of all.
CREATE INDEX assignment_agency_closed ON assignment (agency_id, closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX assignment_changed ON assignment (changed_at);  -- lists of past days: what has changed since
CREATE INDEX assignment_closed ON assignment (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX assignment_task ON assignment (task_id, part, id);  -- the task page
CREATE INDEX assignment_directive ON assignment (directive_id);  -- lists of one directive

-- The deadlines an assignment had, so that any past day can be told as it was.
CREATE TABLE deadline_change (
    assignment_id bigint NOT NULL CONSTRAINT deadline_change_assignment_fk REFERENCES assignment (id),
    deadline_version integer NOT NULL,
    due_on date,
    due_time time,
    set_at timestamptz NOT NULL,
    set_by bigint CONSTRAINT deadline_change_actor_fk REFERENCES official (id),
    kind text NOT NULL CONSTRAINT deadline_change_kind CHECK (kind IN
        ('original', 'extension', 'correction', 'event', 'transfer')),
    document text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    CONSTRAINT deadline_change_pk PRIMARY KEY (assignment_id, deadline_version)
);

CREATE TABLE report (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT report_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT report_assignment_fk REFERENCES assignment (id),
    kind text NOT NULL CONSTRAINT report_kind CHECK (kind IN ('progress', 'obstacle', 'completion')),
    receipt text NOT NULL CONSTRAINT report_receipt_unique UNIQUE,
    summary text NOT NULL,
    percent integer CONSTRAINT report_percent CHECK (percent BETWEEN 0 AND 100),
    addressed_to text NOT NULL DEFAULT '',
    evidence_number text NOT NULL DEFAULT '',
    evidence_on date,
    milestone text NOT NULL DEFAULT 'issued' CONSTRAINT report_milestone CHECK (milestone IN ('submitted', 'issued')),
    submitted_by bigint NOT NULL CONSTRAINT report_submitter_fk REFERENCES official (id),
    submitted_at timestamptz NOT NULL,
    acceptance text NOT NULL CONSTRAINT report_acceptance CHECK (acceptance IN
        ('none', 'pending', 'approved', 'returned')),
    decided_by bigint CONSTRAINT report_decider_fk REFERENCES official (id),
    decided_at timestamptz,
    decision_reason text NOT NULL DEFAULT '',
    CONSTRAINT report_completion_is_decided CHECK ((kind = 'completion') = (acceptance <> 'none')),
    CONSTRAINT report_decision_complete CHECK
        ((acceptance IN ('approved', 'returned')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL)),
    CONSTRAINT report_return_has_reason CHECK (acceptance <> 'returned' OR decision_reason <> ''),
    CONSTRAINT report_not_own_judge CHECK (decided_by <> submitted_by),
    CONSTRAINT report_acceptance_key UNIQUE (id, assignment_id, acceptance)
);
CREATE UNIQUE INDEX report_one_pending ON report (assignment_id) WHERE acceptance = 'pending';
CREATE UNIQUE INDEX report_one_approved ON report (assignment_id) WHERE acceptance = 'approved';
CREATE INDEX report_assignment ON report (assignment_id, submitted_at);  -- the timeline

-- A confirmed assignment points at a report of its own that was approved; the database will not have it otherwise.
ALTER TABLE assignment ADD CONSTRAINT assignment_confirmed_report_fk
    FOREIGN KEY (confirmed_report_id, id, confirmed_acceptance) REFERENCES report (id, assignment_id, acceptance);

CREATE TABLE extension (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT extension_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT extension_assignment_fk REFERENCES assignment (id),
    requested_by bigint NOT NULL CONSTRAINT extension_requester_fk REFERENCES official (id),
    requested_at timestamptz NOT NULL,
    reason text NOT NULL CONSTRAINT extension_reason CHECK (reason <> ''),
    due_before date NOT NULL,
    proposed_on date NOT NULL,
    asked_late boolean NOT NULL,
    state text NOT NULL DEFAULT 'pending' CONSTRAINT extension_state CHECK (state IN ('pending', 'granted', 'refused')),
    granted_on date,
    decided_by bigint CONSTRAINT extension_decider_fk REFERENCES official (id),
    decided_at timestamptz,
    document text NOT NULL DEFAULT '',
    decision_reason text NOT NULL DEFAULT '',
    CONSTRAINT extension_forward CHECK (proposed_on > due_before AND (granted_on IS NULL OR granted_on > due_before)),
    CONSTRAINT extension_decided CHECK
        ((state = 'pending') = (decided_by IS NULL) AND (state = 'pending') = (decided_at IS NULL)
         AND (state = 'granted') = (granted_on IS NOT NULL))
);
CREATE UNIQUE INDEX extension_one_pending ON extension (assignment_id) WHERE state = 'pending';
CREATE INDEX extension_assignment ON extension (assignment_id, requested_at);  -- the timeline

-- History: every change, written in the transaction that made it.
CREATE TABLE history (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT history_pk PRIMARY KEY,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    actor_id bigint CONSTRAINT history_actor_fk REFERENCES official (id),
    actor_name text NOT NULL,
    verb text NOT NULL,
    directive_id bigint CONSTRAINT history_directive_fk REFERENCES directive (id),
    task_id bigint CONSTRAINT history_task_fk REFERENCES task (id),
    assignment_id bigint CONSTRAINT history_assignment_fk REFERENCES assignment (id),
    reason text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX history_assignment ON history (assignment_id, at);  -- an agency's story
CREATE INDEX history_task ON history (task_id, at);  -- a task's story

-- What is sent ---------------------------------------------------------------------------------------

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pk PRIMARY KEY,
    kind text NOT NULL,
    notify_key text NOT NULL CONSTRAINT outbox_key_unique UNIQUE,
    recipient_id bigint CONSTRAINT outbox_recipient_fk REFERENCES official (id),
    address text NOT NULL,
    language text NOT NULL,
    message_id text NOT NULL CONSTRAINT outbox_message_unique UNIQUE,
    subject text NOT NULL,
    raw bytea NOT NULL,
    urgent boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'pending' CONSTRAINT outbox_state CHECK (state IN
        ('pending', 'sending', 'sent', 'failed', 'superseded', 'held')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    first_attempt_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    maybe_duplicate boolean NOT NULL DEFAULT false,
    reply_code integer,
    reply_text text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    decided_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    CONSTRAINT outbox_lease CHECK ((state = 'sending') = (lease_token IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT outbox_sent CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX outbox_due ON outbox (urgent DESC, next_attempt_at, id) WHERE state = 'pending';  -- claim
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE state = 'sending';  -- reclaim
CREATE INDEX outbox_recipient ON outbox (recipient_id, id);  -- what was sent to one person
CREATE INDEX outbox_failed ON outbox (id) WHERE state IN ('failed', 'held');  -- dead letters

-- Which assignments a message speaks of, and the deadline version it was true for.
CREATE TABLE outbox_entry (
    outbox_id bigint NOT NULL CONSTRAINT outbox_entry_outbox_fk REFERENCES outbox (id),
    assignment_id bigint NOT NULL CONSTRAINT outbox_entry_assignment_fk REFERENCES assignment (id),
    deadline_version integer NOT NULL,
    wants text NOT NULL DEFAULT 'open' CONSTRAINT outbox_entry_wants CHECK (wants IN ('open', 'reported', 'any')),
    CONSTRAINT outbox_entry_pk PRIMARY KEY (outbox_id, assignment_id)
);
CREATE INDEX outbox_entry_assignment ON outbox_entry (assignment_id);  -- supersede what a change makes stale

-- The ledger: one row for each reminder that was decided, whatever became of it.
CREATE TABLE reminder (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reminder_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT reminder_assignment_fk REFERENCES assignment (id),
    step_code text NOT NULL,
    occurrence integer NOT NULL DEFAULT 1,
    deadline_version integer NOT NULL,
    recipient_id bigint CONSTRAINT reminder_recipient_fk REFERENCES official (id),
    channel text NOT NULL CONSTRAINT reminder_channel CHECK (channel IN ('mail', 'none')),
    is_copy boolean NOT NULL DEFAULT false,
    verdict text NOT NULL CONSTRAINT reminder_verdict CHECK (verdict IN ('sent', 'superseded', 'suppressed')),
    reason text NOT NULL,
    moment timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    outbox_id bigint CONSTRAINT reminder_outbox_fk REFERENCES outbox (id),
    CONSTRAINT reminder_once UNIQUE NULLS NOT DISTINCT
        (assignment_id, step_code, occurrence, deadline_version, recipient_id, channel),
    CONSTRAINT reminder_sent_has_message CHECK (verdict <> 'sent' OR (outbox_id IS NOT NULL AND channel = 'mail'))
);
CREATE INDEX reminder_outbox ON reminder (outbox_id);  -- from a message to what it reminded of

-- Who holds an invitation for which deadline, so that a change or a cancellation reaches exactly them.
CREATE TABLE invitation (
    assignment_id bigint NOT NULL CONSTRAINT invitation_assignment_fk REFERENCES assignment (id),
    official_id bigint NOT NULL CONSTRAINT invitation_official_fk REFERENCES official (id),
    sequence integer NOT NULL,
    state text NOT NULL CONSTRAINT invitation_state CHECK (state IN ('requested', 'cancelled')),
    outbox_id bigint NOT NULL CONSTRAINT invitation_outbox_fk REFERENCES outbox (id),
    CONSTRAINT invitation_pk PRIMARY KEY (assignment_id, official_id)
);

-- Feeds, tokens, keys, switches ----------------------------------------------------------------------

CREATE TABLE feed (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT feed_pk PRIMARY KEY,
    owner_id bigint NOT NULL CONSTRAINT feed_owner_fk REFERENCES official (id),
    name text NOT NULL,
    token_hash bytea NOT NULL CONSTRAINT feed_token_unique UNIQUE,
    token_hint text NOT NULL,
    scope text NOT NULL CONSTRAINT feed_scope CHECK (scope IN
        ('own_agency', 'agencies', 'all', 'directive', 'sessions')),
    agency_ids bigint[] NOT NULL DEFAULT '{}',
    directive_id bigint CONSTRAINT feed_directive_fk REFERENCES directive (id),
    language text NOT NULL DEFAULT 'vi' CONSTRAINT feed_language CHECK (language IN ('vi', 'en')),
    alarm_days integer[] NOT NULL DEFAULT '{}',
    with_cancelled boolean NOT NULL DEFAULT true,
    consolidated boolean NOT NULL DEFAULT false,
    row_version integer NOT NULL DEFAULT 1,
    fingerprint text NOT NULL DEFAULT '',
    fingerprint_at timestamptz,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_at timestamptz,
    last_user_agent text NOT NULL DEFAULT '',
    CONSTRAINT feed_scope_complete CHECK
        ((scope = 'directive') = (directive_id IS NOT NULL) AND (scope = 'agencies') = (cardinality(agency_ids) > 0))
);
CREATE INDEX feed_owner ON feed (owner_id, id);  -- a person's links

CREATE TABLE api_token (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT api_token_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT api_token_official_fk REFERENCES official (id),
    name text NOT NULL,
    token_hash bytea NOT NULL CONSTRAINT api_token_hash_unique UNIQUE,
    token_hint text NOT NULL,
    scopes text[] NOT NULL CONSTRAINT api_token_scopes CHECK (cardinality(scopes) > 0),
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_token_official ON api_token (official_id, id);  -- a person's tokens

CREATE TABLE idempotency_key (
    official_id bigint NOT NULL CONSTRAINT idempotency_key_official_fk REFERENCES official (id),
    key text NOT NULL CONSTRAINT idempotency_key_length CHECK (char_length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,
    status integer,
    headers jsonb NOT NULL DEFAULT '{}',
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_key_pk PRIMARY KEY (official_id, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);  -- pruning

CREATE TABLE setting (
    key text CONSTRAINT setting_pk PRIMARY KEY,
    value jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE heartbeat (
    name text CONSTRAINT heartbeat_pk PRIMARY KEY,
    at timestamptz NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
"""


async def forwards() -> MigrationManager:
    """Run the statements above; there is no way back."""
    manager = MigrationManager(migration_id=ID, app_name="tracker", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        assert engine is not None
        transaction = engine.current_transaction.get()
        assert transaction is not None
        await transaction.connection.execute(SQL)

    manager.add_raw(run)
    return manager
