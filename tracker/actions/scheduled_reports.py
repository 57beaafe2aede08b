"""Scheduled reports: set up, looked at beforehand, paused, ended, and sent on their days.

A letter is one row for a report, a day and a person: whoever writes it first sends it, in the same transaction.
What somebody gets is made with their own rights at that moment, never with those of who set the report up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time

from tracker.actions import scheduled_tables
from tracker.actions.jobs import reach_of
from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.actions.scheduled_tables import Made, require_reader
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import scheduled_reports as db
from tracker.db.actors import find_actor
from tracker.db.calendar import load_calendar
from tracker.db.engine import Failure, as_stranger, classify_failure, look_as, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.outbox import Claimed
from tracker.db.scheduled_reports import Choices, Kept, Letter, NewLetter, Reader, ScheduledReport
from tracker.domain import lengths
from tracker.domain.access import Verb, may, require
from tracker.domain.directory import Actor, Official
from tracker.domain.errors import Conflict, Invalid, NotFound, NotPermitted, Problem, StaleVersion
from tracker.domain.moments import DEFAULT_HOURS, Hours
from tracker.domain.recording import Collector
from tracker.domain.scheduled_reports import (
    EARLIEST,
    LATEST,
    FileFormat,
    Foreseen,
    Owed,
    Rhythm,
    foresee,
    owed,
)
from tracker.domain.workdays import CalendarUnknown, WorkCalendar
from tracker.domain.zone import civil_day
from tracker.i18n import LANGUAGES, Language
from tracker.mail.contexts import ScheduledReport as Context
from tracker.mail.message import Attachment

log = logging.getLogger(__name__)

KIND = "scheduled_report"
NAME = 120
MOST_READERS = 50
MOST_REPORTS = 50
MOST_AGENCIES = 100
MOST_WEEKS = 12
LARGEST_ATTACHMENT = 5_000_000
"""Octets of a file that goes with the letter; a larger one is fetched by a link, with the reader's own rights."""
MISSED_TOLD = 5
PATH = "/bao-cao/lich-gui"


class TooManyScheduledReports(Conflict):
    """So many reports go already; params: most."""

    code = "too_many_scheduled_reports"


class ScheduledReportEnded(Conflict):
    """What has ended goes no more and is not changed; a new one is made instead."""

    code = "scheduled_report_ended"


# -- setting up ------------------------------------------------------------------------------------------


async def _check(choices: Choices) -> Choices:
    """The choices as they are kept. Raises Invalid, naming every field."""
    problems: list[Problem] = []
    collect = Collector(problems)
    timing = choices.timing
    most = 7 if timing.rhythm is Rhythm.WEEKLY else 31
    if not 1 <= timing.day <= most:
        collect.add("/day", "out_of_range", timing.day, least=1, most=most)
    if not EARLIEST <= timing.at <= LATEST:
        collect.add("/hour", "scheduled_hour", f"{timing.at:%H:%M}", **_hours())
    if not 1 <= choices.weeks <= MOST_WEEKS:
        collect.add("/weeks", "out_of_range", choices.weeks, least=1, most=MOST_WEEKS)
    if choices.language is not None:
        collect.choice(choices.language, "/language", LANGUAGES)
    if len(choices.agency_codes) > MOST_AGENCIES:
        collect.add("/agencies", "too_many", len(choices.agency_codes), limit=MOST_AGENCIES)
    known = await directory_db.find_agency_ids(choices.agency_codes) if choices.agency_codes else {}
    for place, code in enumerate(choices.agency_codes):
        if code not in known:
            collect.add(f"/agencies/{place}", "agency_unknown", code)
    kept = replace(
        choices,
        name=collect.text(choices.name, "/name", NAME),
        field=collect.text(choices.field, "/field", lengths.FIELD, required=False),
        agency_codes=tuple(dict.fromkeys(choices.agency_codes)),
        reader_ids=tuple(dict.fromkeys(choices.reader_ids)),
        timing=replace(timing, at=timing.at.replace(second=0, microsecond=0, tzinfo=None)),
    )
    if not problems:
        problems += await _reader_problems(kept)
    if problems:
        raise Invalid(problems)
    return kept


def _hours() -> dict[str, object]:
    return {"least": f"{EARLIEST:%H:%M}", "most": f"{LATEST:%H:%M}"}


async def _reader_problems(choices: Choices) -> list[Problem]:
    """Who cannot get this report; the same is looked at again at each sending."""
    if not choices.reader_ids:
        return [Problem("/readers", "scheduled_no_reader", None, {})]
    if len(choices.reader_ids) > MOST_READERS:
        return [Problem("/readers", "too_many", len(choices.reader_ids), {"limit": MOST_READERS})]
    problems = []
    names = await directory_db.get_officials(choices.reader_ids)
    for place, official_id in enumerate(choices.reader_ids):
        person = names.get(official_id)
        if person is None or not person.is_active or not person.email:
            problems.append(Problem(f"/readers/{place}", "scheduled_reader_unknown", str(official_id), {}))
        elif await _refused(official_id, choices):
            params = {"name": person.name}
            problems.append(Problem(f"/readers/{place}", "scheduled_reader_may_not", person.email, params))
    return problems


async def _refused(official_id: int, choices: Choices) -> bool:
    """Whether somebody may not have this report as they stand now."""
    actor = await find_actor(official_id)
    if actor is None:
        return True
    try:
        await require_reader(actor, choices)
    except (NotFound, NotPermitted):
        return True
    return False


async def _require_directive(actor: Actor, choices: Choices) -> None:
    """Raises Invalid for a directive that is not there."""
    if choices.directive_id is None:
        return
    try:
        await directives_db.get_directive(actor, choices.directive_id)
    except NotFound:
        raise Invalid.one("/directive_id", "unknown_directive", choices.directive_id) from None


async def make(actor: Actor, choices: Choices, now: datetime) -> int:
    """Let a report go from now on; its id. Raises Invalid, TooManyScheduledReports."""
    require(actor, Verb.SCHEDULE_REPORTS)
    await _require_directive(actor, choices)
    async with transaction():
        kept = await _check(choices)
        if await db.count_open() >= MOST_REPORTS:
            raise TooManyScheduledReports(most=MOST_REPORTS)
        report_id = await db.insert_report(kept, actor.official_id, now)
        entry = HistoryEntry("schedule_report", detail=_detail(report_id, kept))
        await insert_history(actor, [entry], now)
    return report_id


async def change(
    actor: Actor, report_id: int, version: int | None, choices: Choices, now: datetime
) -> ScheduledReport:
    """Other choices for a report. Raises NotFound, StaleVersion, Invalid, ScheduledReportEnded."""
    require(actor, Verb.SCHEDULE_REPORTS)
    await _require_directive(actor, choices)
    async with transaction():
        before = await _locked(report_id, version)
        kept = await _check(choices)
        if kept != before.choices:
            # Another rhythm owes nothing for days that were never announced.
            is_other_time = kept.timing != before.choices.timing
            since = now if is_other_time else before.active_since
            await db.update_report(report_id, kept, since, now)
            await db.put_readers(report_id, kept.reader_ids, now)
            entry = HistoryEntry("change_scheduled_report", detail=_detail(report_id, kept))
            await insert_history(actor, [entry], now)
        return await db.get_report(report_id)


async def pause(actor: Actor, report_id: int, version: int | None, now: datetime) -> ScheduledReport:
    """Send nothing until it goes on. Raises NotFound, StaleVersion, ScheduledReportEnded."""
    return await _set_state(actor, report_id, version, "paused", "pause_scheduled_report", now)


async def resume(actor: Actor, report_id: int, version: int | None, now: datetime) -> ScheduledReport:
    """Let it go on; what would have gone meanwhile is not sent. Raises NotFound, StaleVersion, ScheduledReportEnded."""
    return await _set_state(actor, report_id, version, "active", "resume_scheduled_report", now)


async def end(actor: Actor, report_id: int, version: int | None, now: datetime) -> ScheduledReport:
    """Send nothing any more; what was sent can be looked up. Raises NotFound, StaleVersion, ScheduledReportEnded."""
    return await _set_state(actor, report_id, version, "ended", "end_scheduled_report", now)


async def _set_state(
    actor: Actor, report_id: int, version: int | None, state: str, verb: str, now: datetime
) -> ScheduledReport:
    require(actor, Verb.SCHEDULE_REPORTS)
    async with transaction():
        before = await _locked(report_id, version)
        if before.state != state:
            await db.set_state(report_id, state, now if state == "active" else before.active_since, now)
            entry = HistoryEntry(verb, detail=_detail(report_id, before.choices))
            await insert_history(actor, [entry], now)
        return await db.get_report(report_id)


async def _locked(report_id: int, version: int | None) -> ScheduledReport:
    before = await db.get_report(report_id, lock=True)
    if version is not None and version != before.row_version:
        raise StaleVersion(current=before.row_version)
    if before.state == "ended":
        raise ScheduledReportEnded()
    return before


def _detail(report_id: int, choices: Choices) -> dict[str, object]:
    timing = choices.timing
    return {
        "scheduled_report": report_id,
        "name": choices.name,
        "what": choices.what.value,
        "rhythm": timing.rhythm.value,
        "day": timing.day,
        "hour": f"{timing.at:%H:%M}",
        "form": choices.form.value,
        "readers": list(choices.reader_ids),
    }


# -- looking at them -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A report with its next days; of one that does not go there are none."""

    report: ScheduledReport
    coming: Foreseen


async def list_all(actor: Actor, now: datetime) -> list[Shown]:
    """Every report with its next day."""
    require(actor, Verb.SCHEDULE_REPORTS)
    calendar = await load_calendar()
    return [_shown(report, now, calendar, 1) for report in await db.list_reports()]


async def get(actor: Actor, report_id: int, now: datetime, count: int = 3) -> Shown:
    """One report with its next days. Raises NotFound."""
    require(actor, Verb.SCHEDULE_REPORTS)
    return _shown(await db.get_report(report_id), now, await load_calendar(), count)


def _shown(report: ScheduledReport, now: datetime, calendar: WorkCalendar, count: int) -> Shown:
    if report.state != "active":
        return Shown(report, Foreseen(()))
    return Shown(report, foresee(report.choices.timing, now, calendar, count))


async def list_readers(actor: Actor, report: ScheduledReport) -> list[tuple[Reader, bool]]:
    """Who gets it, and whether each may have it today."""
    require(actor, Verb.SCHEDULE_REPORTS)
    readers = await db.list_readers(report.id)
    return [(r, r.is_active and not await _refused(r.official_id, report.choices)) for r in readers]


async def list_letters(
    actor: Actor, report_id: int, limit: int, before_id: int | None = None
) -> list[Letter]:
    """What became of its letters, newest first. Raises NotFound."""
    require(actor, Verb.SCHEDULE_REPORTS)
    await db.get_report(report_id)
    return await db.list_letters(report_id, limit, before_id)


async def preview(
    actor: Actor, report_id: int, now: datetime, language: Language, form: FileFormat | None = None
) -> Made:
    """The file as it would go today, with the looker's own rights, in another `form` if asked. Raises NotFound."""
    require(actor, Verb.SCHEDULE_REPORTS)
    choices = (await db.get_report(report_id)).choices
    shown = choices if form is None else replace(choices, form=form)
    return await scheduled_tables.make(actor, shown, civil_day(now), _language(choices, language))


async def own_file(actor: Actor, report_id: int, day: date, now: datetime, language: Language) -> Made:
    """The file of a day once more, made with the rights that its reader has now.

    Raises NotFound for a report that is not the actor's to read, and for a day that has not come.
    """
    require(actor, Verb.EXPORT)
    report = await db.get_report(report_id)
    is_own = actor.official_id is not None and await db.is_reader(report_id, actor.official_id)
    if not (is_own or may(actor, Verb.SCHEDULE_REPORTS)) or day > civil_day(now):
        raise NotFound(noun="scheduled_report", id=report_id)
    return await scheduled_tables.make(actor, report.choices, day, _language(report.choices, language))


def _language(choices: Choices, otherwise: Language) -> Language:
    match choices.language:
        case "vi" | "en":
            return choices.language
    return otherwise


# -- sending ---------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """What one run did."""

    looked_at: int = 0
    queued: int = 0
    left_out: int = 0
    failed: int = 0
    without_calendar: int = 0

    def as_json(self) -> dict[str, object]:
        """For the heartbeat."""
        return dict(vars(self))


@dataclass
class _Round:
    """One report's turn: its files by reach and language, so that equal ones are made once."""

    report: ScheduledReport
    due: Owed
    now: datetime
    coming: Foreseen
    files: dict[tuple[str, Language], Made] = field(default_factory=dict)


async def send_due(now: datetime, hours: Hours = DEFAULT_HOURS) -> Sent:
    """Queue the letters of every report whose day has come; late, twice or on several machines changes nothing."""
    sent = Sent()
    reports = await db.list_active()
    if not reports:
        return sent
    calendar = await load_calendar()
    for report in reports:
        sent.looked_at += 1
        try:
            await _send_report(report, now, calendar, (hours.digest, hours.quiet_from), sent)
        except CalendarUnknown:
            # The page of the report says so; it goes when the year is loaded.
            sent.without_calendar += 1
    return sent


async def _send_report(
    report: ScheduledReport, now: datetime, calendar: WorkCalendar, hours: tuple[time, time], sent: Sent
) -> None:
    timing = report.choices.timing
    readers = await db.list_readers(report.id)
    due = owed(timing, report.active_since, now, calendar, hours)
    if due is None:
        return
    kept = await db.list_kept(report.id, min((*due.missed, due.day)))
    turn = _Round(report, due, now, foresee(timing, now, calendar, 1))
    for reader in readers:
        if reader.since >= timing.moment(due.day) or Kept(due.day, reader.official_id) in kept:
            continue
        missed = [
            day
            for day in due.missed
            if timing.moment(day) > reader.since and Kept(day, reader.official_id) not in kept
        ]
        await _send_to(turn, reader, missed, sent)


async def _send_to(turn: _Round, reader: Reader, missed: Sequence[date], sent: Sent) -> None:
    """One person's letter: made apart from any transaction, written down and queued in one."""
    report, due = turn.report, turn.due
    person = (await directory_db.get_officials([reader.official_id])).get(reader.official_id)
    actor = await find_actor(reader.official_id)
    blank = NewLetter(report.id, due.day, reader.official_id, "inactive", is_late=due.is_late(turn.now))
    made: Made | None = None
    if actor is None or person is None:
        outcome = "inactive"
    elif person.is_mailbox_dead:
        outcome = "dead"
    else:
        language = _language(report.choices, person.language)
        outcome, made = await _made_for(turn, actor, language)
    letter = replace(blank, outcome=outcome, reach="" if actor is None else reach_of(actor))
    if made is not None:
        letter = replace(letter, rows=made.rows, file_name=made.document.name)
    async with transaction():
        letter_id = await db.insert_letter(letter, turn.now)
        if letter_id is None:
            return
        for day in missed:
            await db.insert_letter(replace(blank, day=day, outcome="missed", is_late=False), turn.now)
        if made is not None and person is not None and outcome in ("queued", "linked"):
            draft = _draft(turn, person, made, outcome == "linked", missed)
            queued = await queue([draft], turn.now)
            if draft.key in queued:
                await db.set_message(letter_id, queued[draft.key])
            sent.queued += 1
        elif outcome == "failed":
            sent.failed += 1
        else:
            sent.left_out += 1


async def _made_for(turn: _Round, actor: Actor, language: Language) -> tuple[str, Made | None]:
    """What becomes of the letter, and its file, seen through the reader's eyes."""
    choices = turn.report.choices
    key = (reach_of(actor), language)
    try:
        if key not in turn.files:
            with as_stranger():
                look_as(actor)
                turn.files[key] = await scheduled_tables.make(actor, choices, turn.due.day, language)
    except (NotFound, NotPermitted):
        return "closed", None
    except CalendarUnknown:
        raise
    except Exception as error:
        if classify_failure(error) is not Failure.REFUSED:
            raise
        log.exception("scheduled report failed", extra={"report": turn.report.id, "day": str(turn.due.day)})
        return "failed", None
    made = turn.files[key]
    if made.rows == 0 and choices.leave_out_empty:
        return "empty", made
    return ("linked" if len(made.document.content) > LARGEST_ATTACHMENT else "queued"), made


def _draft(turn: _Round, person: Official, made: Made, is_linked: bool, missed: Sequence[date]) -> Draft:
    report, due = turn.report, turn.due
    document = made.document
    attachment = Attachment(document.name, document.media_type, document.content)
    context = Context(
        name=report.choices.name,
        what=report.choices.what.value,
        day=due.day,
        rows=made.rows,
        url=f"{office().url}{PATH}/{report.id}/ky/{due.day:%Y-%m-%d}",
        file_name=document.name,
        size=len(document.content),
        attachment=None if is_linked else attachment,
        is_late=due.is_late(turn.now),
        missed=tuple(missed[-MISSED_TOLD:]),
        next_on=next(iter(turn.coming.days), None),
        weeks=report.choices.weeks,
    )
    reader = replace(person, language=_language(report.choices, person.language))
    return Draft(KIND, context, reader, f"report-{report.id}-{due.day:%Y%m%d}-{person.id}", ())


async def no_longer_for(messages: Sequence[Claimed]) -> frozenset[int]:
    """Of messages about to leave, those whose reader left, moved or lost a right, or whose report goes no more.

    Looked at again here because sending may have been paused for days.
    """
    ids = [message.id for message in messages if message.kind == KIND]
    if not ids:
        return frozenset()
    gone = set()
    for carried in await db.list_carried(ids):
        actor = await find_actor(carried.official_id)
        if carried.state != "active" or actor is None or reach_of(actor) != carried.reach:
            gone.add(carried.outbox_id)
    return frozenset(gone)
