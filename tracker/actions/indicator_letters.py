"""Telling agencies of readings that are missing and of targets behind their plan: as part of the sweep.

1. On working days in mailing hours, ask which running targets lack a reading whose days of grace are over, or have a
   last reading behind the plan.
2. Agency by agency, what the ledger does not know yet is written into it and told in one letter, in one transaction:
   two sweeps at once wait for each other at the ledger's unique key, and a crash in between undoes both.
3. A period that was told is told no more; when its reading comes there is nothing to tell.

After an outage the first sweep tells of all that came meanwhile, in the same one letter.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from tracker.actions.indicators import Told, due_of, list_told
from tracker.actions.inspection_targets import figures_of
from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.actions.people import book_for
from tracker.db import assignments as assignments_db
from tracker.db import indicators as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import Failure, as_service, classify_failure, transaction
from tracker.db.indicators import Due
from tracker.db.outbox import Entry
from tracker.domain.directory import SYSTEM, Duty, Official
from tracker.domain.moments import DEFAULT_HOURS, Hours
from tracker.domain.recipients import Recipient, Route, audience
from tracker.domain.unwanted_mail import OptionalMail
from tracker.domain.zone import civil_day, civil_now
from tracker.i18n import LANGUAGES, Language
from tracker.mail.contexts import TargetLine, TargetsDue

log = logging.getLogger(__name__)

MOST = 100_000
"""Targets that one sweep looks at."""
SHOWN = 60
"""Targets that one letter names; the rest is a number and a link."""


async def remind(now: datetime, hours: Hours = DEFAULT_HOURS) -> int:
    """Tell every agency of what is due; running it twice, late, or in many processes changes nothing. How many letters.

    An agency that cannot be told is passed over and tried again with the next sweep.
    """
    local = civil_now(now)
    calendar = await load_calendar()
    if not hours.digest <= local.time() < hours.quiet_from or calendar.is_off(local.date()) is True:
        return 0
    letters = 0
    async with as_service():
        for agency_id in await _agencies(local.date()):
            try:
                letters += await _tell(agency_id, now)
            except Exception as error:
                if classify_failure(error) is not Failure.REFUSED:
                    raise
                log.exception("targets not told of", extra={"agency": agency_id})
    return letters


async def settle_past(now: datetime) -> int:
    """Note what would be told by now as known, without a letter: after a demonstration is loaded."""
    async with as_service(), transaction():
        due = [one for told in await list_told(SYSTEM, civil_day(now), limit=MOST) for one in due_of(told)]
        return len(await db.claim_told(due, "settled", now))


async def _agencies(today: date) -> list[int]:
    """The agencies that have something new to be told."""
    due: dict[int, list[Due]] = {}
    for told in await list_told(SYSTEM, today, limit=MOST):
        due.setdefault(told.defined.agency_id, []).extend(due_of(told))
    known = await db.list_told([one.indicator_id for own in due.values() for one in own])
    return sorted(agency_id for agency_id, own in due.items() if not known.issuperset(own))


async def _tell(agency_id: int, now: datetime) -> int:
    async with transaction():
        listed = await list_told(SYSTEM, civil_day(now), agency_ids=[agency_id])
        by_due = {one: told for told in listed for one in due_of(told)}
        known = await db.list_told([one.indicator_id for one in by_due])
        new = [one for one in by_due if one not in known]
        ids = sorted({one.defined.assignment_id for one in by_due.values()})
        rows = {row.id: row for row in await assignments_db.list_by_ids(ids)}
        if not new or not rows:
            return 0
        first = rows[by_due[new[0]].defined.assignment_id]
        book = await book_for([first])
        people = audience(
            (Duty.FOCAL,), (Duty.HEAD_OF_OFFICE,), book.contacts_of(first), civil_day(now)
        ).recipients
        claimed = await db.claim_told(new, "sent" if people else "no_recipient", now)
        told = [(one, by_due[one]) for one in new if one in claimed]
        if not told or not people:
            return 0
        drafts = [_draft(person, told, rows, now) for person in people]
        return len(await queue(drafts, now))


def _draft(
    person: Recipient, told: Sequence[tuple[Due, Told]], rows: dict[int, Assignment], now: datetime
) -> Draft:
    marks = "|".join(sorted(f"{one.indicator_id} {one.kind} {one.period}" for one, _ in told))
    key = f"targets-{person.official.id}-{hashlib.sha256(marks.encode()).hexdigest()[:24]}"
    optional = OptionalMail.COPY if person.is_copy and person.route is Route.HOLDER else None
    return replace(_letter(person.official, told, rows, key), duty=person.duty, optional=optional)


def _letter(
    official: Official, told: Sequence[tuple[Due, Told]], rows: dict[int, Assignment], key: str
) -> Draft:
    lines = _lines(told, rows, official.language)
    ids = sorted({target.defined.assignment_id for _, target in told})
    first = told[0][1].defined
    return Draft(
        kind="targets_due",
        context=TargetsDue(
            first.agency_name,
            tuple(lines[:SHOWN]),
            f"{office().url}/chi-tieu?co-quan={first.agency_code}",
            max(len(lines) - SHOWN, 0),
        ),
        recipient=official,
        key=key,
        entries=tuple(Entry(i, rows[i].deadline_version, "any") for i in ids),
    )


async def still_due(rows: Sequence[Assignment], now: datetime) -> list[Assignment]:
    """Of the rows that a letter speaks of, those of which it would still speak now."""
    return [row for row in rows if await _due_of_row(row, now)]


async def again(recipient: Official, rows: Sequence[Assignment], key: str, now: datetime) -> Draft:
    """The letter about these rows as they stand now, for somebody who is told instead or a second time."""
    told = [pair for row in rows for pair in await _due_of_row(row, now)]
    draft = _letter(recipient, told, {row.id: row for row in rows}, key)
    return replace(draft, duty=next(iter(sorted(recipient.duties)), None))


async def _due_of_row(row: Assignment, now: datetime) -> list[tuple[Due, Told]]:
    told = await list_told(SYSTEM, civil_day(now), assignment_id=row.id)
    return [(due, one) for one in told for due in due_of(one)]


def _lines(
    told: Iterable[tuple[Due, Told]], rows: dict[int, Assignment], language: Language
) -> list[TargetLine]:
    """One line a target, those behind first: its figures name every missing period."""
    found: dict[int, TargetLine] = {}
    for one, target in sorted(told, key=lambda pair: (pair[0].kind, pair[0].indicator_id)):
        if one.indicator_id in found:
            continue
        defined = target.defined
        row = rows[defined.assignment_id]
        found[one.indicator_id] = TargetLine(
            defined.indicator.name,
            defined.task,
            row.directive_number,
            "" if defined.restricted else figures_of(target, language),
            "behind" if one.kind == "behind" else "missing",
            f"{office().url}/viec/{defined.task_id}/{defined.agency_code}/chi-tieu/{defined.id}",
            defined.restricted,
        )
    return list(found.values())


IN_DIGEST = 10
"""Targets that a digest names below its tasks."""


async def lines_of(
    agency_ids: Collection[int], now: datetime
) -> dict[tuple[int, Language], tuple[TargetLine, ...]]:
    """The targets of some agencies that are behind or lack readings, for their digests in each language."""
    listed = await list_told(SYSTEM, civil_day(now), agency_ids=sorted(agency_ids), limit=MOST)
    told = [(due[-1], one) for one in listed if (due := due_of(one))]
    if not told:
        return {}
    ids = sorted({one.defined.assignment_id for _, one in told})
    rows = {row.id: row for row in await assignments_db.list_by_ids(ids)}
    found: dict[tuple[int, Language], tuple[TargetLine, ...]] = {}
    for agency_id in sorted({one.defined.agency_id for _, one in told}):
        own = [(due, one) for due, one in told if one.defined.agency_id == agency_id]
        for language in LANGUAGES:
            found[agency_id, language] = tuple(_lines(own, rows, language)[:IN_DIGEST])
    return found
