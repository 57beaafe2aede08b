"""Indicators that end, readings by spreadsheet, and letters about readings that are missing."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000025"
VERSION = "1.38.0"
DESCRIPTION = "Indicators that end, sheets of readings, and the ledger of letters about them."

SQL = """
SET LOCAL lock_timeout = '3s';

-- An indicator that has ended keeps its readings, owes none, and is behind nothing.
ALTER TABLE indicator ADD COLUMN ended_at timestamptz;
ALTER TABLE indicator ADD COLUMN ended_reason text NOT NULL DEFAULT '';
ALTER TABLE indicator ADD CONSTRAINT indicator_ended CHECK ((ended_at IS NULL) = (ended_reason = ''));
CREATE INDEX indicator_running ON indicator (due_on) WHERE ended_at IS NULL;  -- what the sweep looks at

-- A table of readings as it was read, shown to whoever sent it before it is written, once.

CREATE TABLE indicator_sheet (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT indicator_sheet_pk PRIMARY KEY,
    official_id bigint NOT NULL CONSTRAINT indicator_sheet_official_fk REFERENCES official (id),
    name text NOT NULL,
    lines jsonb NOT NULL,
    sent_at timestamptz NOT NULL,
    written_at timestamptz,
    written integer NOT NULL DEFAULT 0,
    CONSTRAINT indicator_sheet_written CHECK (written >= 0 AND (written_at IS NOT NULL OR written = 0))
);
CREATE INDEX indicator_sheet_sender ON indicator_sheet (official_id, sent_at);  -- whose, and which are old

-- Who was told of what, once for ever: a period without its reading, or a reading behind its plan.

CREATE TABLE indicator_reminder (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT indicator_reminder_pk PRIMARY KEY,
    indicator_id bigint NOT NULL CONSTRAINT indicator_reminder_indicator_fk REFERENCES indicator (id),
    kind text NOT NULL CONSTRAINT indicator_reminder_kind CHECK (kind IN ('missing', 'behind')),
    period text NOT NULL,
    verdict text NOT NULL CONSTRAINT indicator_reminder_verdict CHECK (verdict IN ('sent', 'no_recipient', 'settled')),
    decided_at timestamptz NOT NULL,
    CONSTRAINT indicator_reminder_once UNIQUE (indicator_id, kind, period)
);

ALTER TABLE indicator_reminder ENABLE ROW LEVEL SECURITY;
CREATE POLICY indicator_reminder_desk ON indicator_reminder TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY indicator_reminder_agency ON indicator_reminder FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM indicator i WHERE i.id = indicator_reminder.indicator_id));
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
