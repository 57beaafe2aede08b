"""Indicators: figures that agencies have to reach, and the readings on the way."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T07:00:00:000021"
VERSION = "1.38.0"
DESCRIPTION = "Indicators: what is to be reached, and readings with their corrections."

SQL = """
SET LOCAL lock_timeout = '3s';

CREATE TABLE indicator (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT indicator_pk PRIMARY KEY,
    assignment_id bigint NOT NULL CONSTRAINT indicator_assignment_fk REFERENCES assignment (id),
    name text NOT NULL,
    unit text NOT NULL DEFAULT '',
    counts text NOT NULL DEFAULT '',
    direction text NOT NULL CONSTRAINT indicator_direction CHECK (direction IN ('at_least', 'at_most')),
    baseline numeric,
    target numeric,
    least numeric,
    most numeric,
    starts_on date NOT NULL,
    due_on date NOT NULL,
    frequency text NOT NULL
        CONSTRAINT indicator_frequency CHECK (frequency IN ('once', 'monthly', 'quarterly', 'yearly')),
    steps jsonb NOT NULL DEFAULT '[]',
    note text NOT NULL DEFAULT '',
    row_version integer NOT NULL DEFAULT 1,
    defined_by bigint CONSTRAINT indicator_official_fk REFERENCES official (id),
    defined_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT indicator_dates CHECK (due_on > starts_on),
    CONSTRAINT indicator_unit CHECK (unit <> '' OR target IS NULL)
);
CREATE UNIQUE INDEX indicator_name ON indicator (assignment_id, name);  -- one of a name; an assignment's indicators

-- A correction is a further row of the same period: the one with the highest sequence counts.
-- number is the figure itself only where exactness is 'exact'; else the bound that its words name.

CREATE TABLE indicator_reading (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT indicator_reading_pk PRIMARY KEY,
    indicator_id bigint NOT NULL CONSTRAINT indicator_reading_indicator_fk REFERENCES indicator (id),
    period text NOT NULL,
    sequence integer NOT NULL CONSTRAINT indicator_reading_sequence CHECK (sequence > 0),
    as_of date NOT NULL,
    words text NOT NULL CONSTRAINT indicator_reading_words CHECK (char_length(words) BETWEEN 1 AND 200),
    exactness text NOT NULL CONSTRAINT indicator_reading_exactness
        CHECK (exactness IN ('exact', 'about', 'below', 'above', 'words')),
    number numeric,
    evidence text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    source text NOT NULL CONSTRAINT indicator_reading_source CHECK (source IN ('page', 'api', 'file')),
    entered_by bigint CONSTRAINT indicator_reading_official_fk REFERENCES official (id),
    entered_by_name text NOT NULL,
    entered_at timestamptz NOT NULL,
    CONSTRAINT indicator_reading_number CHECK ((number IS NULL) = (exactness = 'words')),
    CONSTRAINT indicator_reading_reason CHECK ((sequence > 1) = (reason <> '')),
    CONSTRAINT indicator_reading_once UNIQUE (indicator_id, period, sequence)
);

CREATE FUNCTION refuse_change_of_reading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a reading is corrected by another one, never changed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER indicator_reading_kept BEFORE UPDATE OR DELETE ON indicator_reading
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_reading();

ALTER TABLE indicator ENABLE ROW LEVEL SECURITY;
CREATE POLICY indicator_desk ON indicator TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY indicator_agency ON indicator FOR SELECT TO tracker_agency
    USING (EXISTS (SELECT 1 FROM assignment a WHERE a.id = indicator.assignment_id));
ALTER TABLE indicator_reading ENABLE ROW LEVEL SECURITY;
CREATE POLICY indicator_reading_desk ON indicator_reading TO tracker_desk USING (true) WITH CHECK (true);
CREATE POLICY indicator_reading_agency ON indicator_reading TO tracker_agency
    USING (EXISTS (SELECT 1 FROM indicator i WHERE i.id = indicator_reading.indicator_id))
    WITH CHECK (EXISTS (SELECT 1 FROM indicator i WHERE i.id = indicator_reading.indicator_id));
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
