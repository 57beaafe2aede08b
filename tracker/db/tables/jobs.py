"""What the migration of jobs made: long work that a person asks for, and the files of reports."""

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
    ForeignKey,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule, in_database
from tracker.db.tables.foundation import Assignment, Official, Report


class Job(Table, db=DB):
    """Long work: who asked for it, how far it is, what came of it; kept for a day after its end."""

    id = BigSerial(primary_key=True)
    kind = Text(default=None)
    owner_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    reach = Text(default=None)
    scopes = Array(Text(), default=None, null=True)
    language = Text(default=None)
    state = Text(default="waiting")
    cancel_wanted = Boolean(default=False)
    parameters = JSONB(default="{}")
    import_id: ForeignKey[Any] = ForeignKey("self", default=None, null=True)
    input = Bytea(default=None, null=True)
    input_name = Text(default="")
    progress = Integer(default=0)
    stage = Text(default="")
    steps_done = BigInt(default=0)
    steps_total = BigInt(default=0)
    summary = JSONB(default="{}")
    problem = JSONB(default=None, null=True)
    result = Bytea(default=None, null=True)
    result_size = BigInt(default=None, null=True)
    result_type = Text(default="")
    result_name = Text(default="")
    attempts = Integer(default=0)
    lease_token = UUID(default=None, null=True)
    lease_until = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)
    created_at = in_database(Timestamptz(default=None), "now()")
    started_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)
    expires_at = Timestamptz(default=None, null=True)

    job_pk = Rule("PRIMARY KEY (id)")
    job_kind = Check("kind IN ('import', 'import_confirmation', 'export')")
    job_owner_fk = Rule("FOREIGN KEY (owner_id) REFERENCES official (id)")
    job_language = Check("language IN ('vi', 'en')")
    job_state = Check("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')")
    job_import_fk = Rule("FOREIGN KEY (import_id) REFERENCES job (id)")
    job_progress = Check("progress BETWEEN 0 AND 100")
    job_lease = Check("(state = 'running') = (lease_token IS NOT NULL)")
    job_end = Check("(state IN ('done', 'failed', 'cancelled')) = (expires_at IS NOT NULL)")
    job_failure = Check("(state = 'failed') = (problem IS NOT NULL)")
    job_confirmation = Check("(kind = 'import_confirmation') = (import_id IS NOT NULL)")

    job_owner = Index("(owner_id, id)", serves="a person's jobs")
    job_live = Index("(id) WHERE state IN ('waiting', 'running')", serves="what the worker takes up")
    job_age = Index("(expires_at) WHERE expires_at IS NOT NULL", serves="pruning")
    job_confirmed_once = Index(
        "(import_id) WHERE state IN ('waiting', 'running', 'done')",
        serves="an import is written once; also the foreign key",
        unique=True,
    )


class Attachment(Table, db=DB):
    """A file that proves what a report says; loose until the report is made."""

    id = BigSerial(primary_key=True)
    assignment_id: ForeignKey[Any] = ForeignKey(Assignment, default=None, null=False)
    report_id: ForeignKey[Any] = ForeignKey(Report, default=None, null=True)
    official_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    state = Text(default="loose")
    name = Text(default=None)
    media_type = Text(default=None)
    size = Integer(default=None)
    sha256 = Bytea(default=None)
    content = Bytea(default=None)
    was_scanned = Boolean(default=None)
    created_at = Timestamptz(default=None)

    attachment_pk = Rule("PRIMARY KEY (id)")
    attachment_assignment_fk = Rule("FOREIGN KEY (assignment_id) REFERENCES assignment (id)")
    attachment_report_fk = Rule("FOREIGN KEY (report_id) REFERENCES report (id)")
    attachment_official_fk = Rule("FOREIGN KEY (official_id) REFERENCES official (id)")
    attachment_state = Check("state IN ('loose', 'attached')")
    attachment_name = Check("char_length(name) BETWEEN 1 AND 150")
    attachment_size = Check("size BETWEEN 1 AND 10000000")
    attachment_of_report = Check("(state = 'attached') = (report_id IS NOT NULL)")

    attachment_assignment = Index("(assignment_id, id)", serves="the files of an assignment")
    attachment_report = Index("(report_id) WHERE report_id IS NOT NULL", serves="the files of a report")
    attachment_loose = Index("(created_at) WHERE state = 'loose'", serves="pruning")


TABLES = (Job, Attachment)
