"""What the migration of saved views made: lists kept under a name."""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigSerial, Boolean, ForeignKey, Integer, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from tracker.db.engine import DB
from tracker.db.tables.base import Index, Rule
from tracker.db.tables.foundation import Official


class SavedView(Table, db=DB):
    """The address of a list under a name; a deleted one can be brought back until it is pruned."""

    id = BigSerial(primary_key=True)
    owner_id: ForeignKey[Any] = ForeignKey(Official, default=None, null=False)
    name = Text(default=None)
    path = Text(default=None)
    query = Text(default="")
    is_shared = Boolean(default=False)
    position = Integer(default=0)
    created_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)
    deleted_at = Timestamptz(default=None, null=True)
    row_version = Integer(default=1)

    saved_view_pk = Rule("PRIMARY KEY (id)")
    saved_view_owner_fk = Rule("FOREIGN KEY (owner_id) REFERENCES official (id)")
    saved_view_name_length = Check("char_length(name) BETWEEN 1 AND 60")
    saved_view_path = Check("path IN ('/viec')")
    saved_view_query_length = Check("char_length(query) <= 2000")

    saved_view_owner = Index("(owner_id, position, id)", serves="a person's views")
    saved_view_shared = Index(
        "(position, id) WHERE is_shared AND deleted_at IS NULL", serves="the views of the desk"
    )
    saved_view_deleted = Index("(deleted_at) WHERE deleted_at IS NOT NULL", serves="pruning")


TABLES = (SavedView,)
