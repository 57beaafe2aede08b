"""Targets in an inspection session: what is behind or lacks readings, as items and as a reason to come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date

from tracker.actions.indicators import Told, behind_items, list_told
from tracker.db import assignments as assignments_db
from tracker.db.assignments import Assignment
from tracker.db.indicators import Defined
from tracker.db.inspections import Inspection
from tracker.domain.directory import Actor
from tracker.domain.indicators import Standing, days_behind, figure_words, period_words, with_unit
from tracker.domain.inspections import AgendaItem, ItemKind, Topic
from tracker.domain.zone import civil_day
from tracker.i18n import Language, text


async def count_behind(actor: Actor, as_of: date) -> Mapping[str, int]:
    """How many targets of each agency are behind or lack a reading, by its code."""
    told = await list_told(actor, as_of, limit=20_000)
    return Counter(one.defined.agency_code for one in told if one.is_behind or one.standing.missing)


async def target_items(actor: Actor, found: Inspection, agency_ids: Collection[int]) -> list[AgendaItem]:
    """The targets that a session judges, each with its figures in words; those of restricted tasks without."""
    told = await behind_items(actor, agency_ids, found.as_of)
    rows = {
        row.id: row for row in await assignments_db.list_by_ids([one.defined.assignment_id for one in told])
    }
    return [
        _item(one, rows[one.defined.assignment_id], found.as_of)
        for one in told
        if _belongs(one.defined, found)
    ]


def _belongs(one: Defined, found: Inspection) -> bool:
    match found.topic:
        case Topic.DIRECTIVE:
            return one.directive_id == found.directive_id
        case Topic.FIELD:
            return one.field == found.field
    return True


def _item(told: Told, row: Assignment, as_of: date) -> AgendaItem:
    one = told.defined.indicator
    return AgendaItem(
        ItemKind.TARGET,
        row.agency_code,
        row.agency_name,
        one.name,
        days_behind(one, told.standing, as_of),
        assignment_id=row.id,
        task_id=row.task_id,
        indicator_id=told.defined.id,
        full_text=row.short_name,
        product=row.product,
        directive_number=row.directive_number,
        directive_issued_on=row.directive_issued_on,
        part=row.part.value,
        due_on=one.due_on,
        status="target_behind" if told.is_behind else "target_missing",
        last_report_on=civil_day(row.last_report_at) if row.last_report_at else None,
        last_report=row.last_report_summary,
        cause=row.cause,
        figures="" if row.restricted else figures_of(told),
    )


def figures_of(told: Told, language: Language = "vi") -> str:
    """Where a target stands, in one sentence, as an agenda and a letter have it."""
    one, standing = told.defined.indicator, told.standing
    unit = one.whole_unit
    parts = [_last_words(standing, unit, language)]
    if standing.planned is not None and standing.last is not None:
        parts.append(text(language, "target.words.planned", figure=with_unit(standing.planned, unit)))
    if one.target is not None:
        figure, day = with_unit(one.target, unit), f"{one.due_on:%d/%m/%Y}"
        wanted = text(language, f"target.wanted.{one.direction.value}", figure=figure, day=day)
        parts.append(text(language, "target.words.wanted", wanted=wanted))
    if standing.missing:
        periods = ", ".join(
            f"{period.last:%d/%m/%Y}" if period.key == "once" else period_words(period.key)
            for period in standing.missing[-6:]
        )
        parts.append(text(language, "target.words.missing", count=len(standing.missing), periods=periods))
    return "; ".join(parts)


def _last_words(standing: Standing, unit: str, language: Language) -> str:
    if standing.last is None:
        return text(language, "target.progress.unread")
    day = f"{standing.last.as_of:%d/%m/%Y}"
    return text(language, "target.words.last", figure=figure_words(standing.last.figure, unit), day=day)
