"""The overdue list as JSON: the canonical values, with the annex beside them."""

from __future__ import annotations

from tracker.documents.tables import annex_rows
from tracker.domain.overdue import OverdueList, to_json
from tracker.i18n import Language


def to_object(listing: OverdueList, language: Language) -> dict[str, object]:
    """Everything the list says; `digest` is the SHA-256 of its canonical form without `annex`."""
    annex = [
        {
            "programme": row.programme,
            "task": row.task,
            "directive": row.directive,
            "lead": row.lead,
            "due_on": None if row.due_on is None else row.due_on.isoformat(),
            "days_late": row.days_late,
            "agencies": row.agencies,
        }
        for row in annex_rows(listing, language)
    ]
    return {**to_json(listing), "annex": annex, "digest": listing.digest}
