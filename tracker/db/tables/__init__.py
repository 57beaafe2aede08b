"""Every table, constraint and index as Piccolo sees them; each index says which query needs it.

The migrations make the schema, the modules of this package mirror it, and a test compares both directions.
An attribute that is a constraint or an index gives it its name.
Where a key has several columns the first one carries `primary_key`, which Piccolo wants on one column.
Each module brings a tuple `TABLES`; a new module is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from piccolo.table import Table

from tracker.db.tables.base import Index, statements
from tracker.db.tables.foundation import Agency, Ladder

__all__ = ["TABLES", "Agency", "Index", "Ladder", "create_statements"]

TABLES: tuple[type[Table], ...] = tuple(
    table
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for table in getattr(importlib.import_module(f"{__name__}.{module}"), "TABLES", ())
)


def create_statements() -> Iterator[str]:
    """The schema these classes describe, to be compared with what the migrations made."""
    return statements(TABLES)
