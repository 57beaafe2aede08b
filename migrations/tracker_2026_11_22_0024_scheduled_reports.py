"""Reports that are sent by themselves."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000024"
VERSION = "1.38.0"
DESCRIPTION = "Scheduled reports: what goes to whom on which days, and what became of each letter."

SQL = """
SET LOCAL lock_timeout = '3s';

CREATE TABLE scheduled_report (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT scheduled_report_pk PRIMARY KEY,
    name text NOT NULL CONSTRAINT scheduled_report_name CHECK (char_length(name) BETWEEN 1 AND 120),
    what text NOT NULL
        CONSTRAINT scheduled_report_what CHECK (what IN ('overdue', 'rates', 'block_rates', 'ageing', 'due')),
    rhythm text NOT NULL CONSTRAINT scheduled_report_rhythm CHECK (rhythm IN ('weekly', 'monthly')),
    day smallint NOT NULL,
    hour time NOT NULL,
    form text NOT NULL CONSTRAINT scheduled_report_form CHECK (form IN ('docx', 'pdf', 'xlsx')),
    language text CONSTRAINT scheduled_report_language CHECK (language IN ('vi', 'en')),
    agency_codes text[] NOT NULL DEFAULT '{}',
    directive_id bigint CONSTRAINT scheduled_report_directive_fk REFERENCES directive (id),
    field text NOT NULL DEFAULT '',
    weeks smallint NOT NULL DEFAULT 2 CONSTRAINT scheduled_report_weeks CHECK (weeks BETWEEN 1 AND 12),
    leave_out_empty boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'active'
        CONSTRAINT scheduled_report_state CHECK (state IN ('active', 'paused', 'ended')),
    active_since timestamptz NOT NULL,
    made_by bigint CONSTRAINT scheduled_report_maker_fk REFERENCES official (id),
    made_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    row_version integer NOT NULL DEFAULT 1,
    CONSTRAINT scheduled_report_day CHECK (day BETWEEN 1 AND CASE rhythm WHEN 'weekly' THEN 7 ELSE 31 END)
);

CREATE TABLE scheduled_report_reader (
    report_id bigint NOT NULL CONSTRAINT scheduled_report_reader_report_fk REFERENCES scheduled_report (id),
    official_id bigint NOT NULL CONSTRAINT scheduled_report_reader_official_fk REFERENCES official (id),
    since timestamptz NOT NULL,
    CONSTRAINT scheduled_report_reader_pk PRIMARY KEY (report_id, official_id)
);
CREATE INDEX scheduled_report_reader_official ON scheduled_report_reader (official_id);  -- what one person gets

-- One letter for a report, a day and a person: whoever writes the row first sends it.
CREATE TABLE scheduled_report_letter (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT scheduled_report_letter_pk PRIMARY KEY,
    report_id bigint NOT NULL CONSTRAINT scheduled_report_letter_report_fk REFERENCES scheduled_report (id),
    day date NOT NULL,
    official_id bigint NOT NULL CONSTRAINT scheduled_report_letter_official_fk REFERENCES official (id),
    outcome text NOT NULL CONSTRAINT scheduled_report_letter_outcome
        CHECK (outcome IN ('queued', 'linked', 'empty', 'inactive', 'closed', 'dead', 'failed', 'missed')),
    rows integer,
    is_late boolean NOT NULL DEFAULT false,
    file_name text NOT NULL DEFAULT '',
    reach text NOT NULL DEFAULT '',
    outbox_id bigint CONSTRAINT scheduled_report_letter_outbox_fk REFERENCES outbox (id),
    made_at timestamptz NOT NULL,
    CONSTRAINT scheduled_report_letter_once UNIQUE (report_id, day, official_id)
);
CREATE INDEX scheduled_report_letter_outbox ON scheduled_report_letter (outbox_id)
    WHERE outbox_id IS NOT NULL;  -- looked at again when its message leaves
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
