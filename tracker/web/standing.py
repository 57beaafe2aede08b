"""How an assignment stands, in the words, icons and colours of the pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from urllib.parse import quote, urlencode

from tracker.actions.standing import list_moment, shown_days, status_now, workdays_between
from tracker.db.assignments import Assignment
from tracker.db.reads_web import AsOf
from tracker.domain.access import Subject, Verb, may
from tracker.domain.assignments import Fine, Part, State, Status
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.web import wording
from tracker.web.page import Page
from tracker.web.wording import Chip

_TONES: dict[Fine, tuple[str, str]] = {
    Fine.OVERDUE: ("late", "late"),
    Fine.DUE_TODAY: ("soon", "today"),
    Fine.DUE_SOON: ("soon", "soon"),
    Fine.ON_SCHEDULE: ("", "open"),
    Fine.AWAITING_CONFIRMATION: ("wait", "wait"),
    Fine.RETURNED: ("", "back"),
    Fine.DONE_ON_TIME: ("done", "done"),
    Fine.DONE_LATE: ("", "done"),
    Fine.STANDING: ("", "standing"),
    Fine.WITHDRAWN: ("out", "out"),
    Fine.TRANSFERRED: ("out", "moved"),
    Fine.SUPERSEDED: ("out", "out"),
    Fine.NOT_YET_ASSIGNED: ("out", "out"),
}


@dataclass(frozen=True)
class Row:
    """One line of a list of assignments."""

    href: str
    title: str
    note: str
    agency: str
    part_word: str
    is_lead: bool
    directive_number: str
    directive_href: str
    directive_on: date
    due_on: date | None
    due_time: time | None
    due_note: str
    chip: Chip
    report_on: date | None
    report_note: str
    action: str = ""
    action_href: str = ""
    id: int = 0
    days_late: int = 0
    original_on: date | None = None
    product: str = ""
    follower: str = ""


@dataclass(frozen=True)
class Tile:
    """A count that leads to exactly the rows it counts."""

    count: int
    tone: str
    icon: str
    name: str
    href: str
    note: str = ""
    is_current: bool = False


def as_of(page: Page, calendar: WorkCalendar) -> AsOf:
    """The present moment for lists."""
    return list_moment(page.now, calendar, page.state.settings.due_soon_days)


def path_of(row: Assignment) -> str:
    """The address of one assignment; a recurrent task names the occurrence."""
    path = f"/viec/{row.task_id}/{quote(row.agency_code, safe='')}"
    return (
        path
        if row.occurrence == 1 and not row.recurrence
        else path + "?" + urlencode({"lan": row.occurrence})
    )


def chip_of(page: Page, row: Assignment, calendar: WorkCalendar) -> Chip:
    """The one chip of an assignment: its timeliness now."""
    status = status_now(row, page.now, calendar)
    return chip(page, status, shown_days(row, status, page.now, calendar), calendar)


def chip(page: Page, status: Status, days: int, calendar: WorkCalendar) -> Chip:
    """The chip of a status; `days` is the number that belongs to it."""
    fine = _shown(status, page.today, calendar, page.state.settings.due_soon_days)
    tone, icon = _TONES[fine]
    return Chip(tone, icon, _words(page, status, fine, days))


def _shown(status: Status, today: date, calendar: WorkCalendar, soon_days: int) -> Fine:
    """A returned task that falls due soon says so: the date burns, the return is history."""
    if status.fine is not Fine.RETURNED or status.due_on is None or status.is_late:
        return status.fine
    if status.due_on == today:
        return Fine.DUE_TODAY
    soon = workdays_between(today, status.due_on, calendar) <= soon_days
    return Fine.DUE_SOON if soon else Fine.RETURNED


def _words(page: Page, status: Status, fine: Fine, days: int) -> str:
    if fine is Fine.OVERDUE:
        if status.is_by_age:
            return page.days("status.silent", status.days_late)
        if status.days_late == 0 and status.due_time is not None:
            return page.s("status.overdue_hour", time=page.clock(status.due_time))
        return page.days("status.overdue", status.days_late)
    if fine is Fine.DUE_TODAY:
        if status.due_time is not None:
            return page.s("status.due_today_hour", time=page.clock(status.due_time))
        return page.s("status.due_today")
    if fine is Fine.DUE_SOON:
        return page.days("status.due_soon", days) if days else page.s("status.due_before_work")
    if fine is Fine.AWAITING_CONFIRMATION:
        return page.days("status.awaiting_days", days) if days else page.s("status.awaiting")
    if fine is Fine.DONE_LATE:
        return page.days("status.done_late", days) if days else page.s("status.done_late_hour")
    return page.s(f"status.{fine.value}")


def due_note(page: Page, row: Assignment, calendar: WorkCalendar) -> str:
    """What stands under a date: the weekday and whether it is a day off; or why there is no date."""
    if row.due_on is None:
        key = "due.event" if row.due_kind == "event" else f"due.{row.due_kind}"
        return page.s(key, event=row.due_event)
    if calendar.is_off(row.due_on):
        return page.s("due.day_off", weekday=page.weekday(row.due_on))
    return page.weekday(row.due_on)


def note_of(page: Page, row: Assignment) -> str:
    """The quiet facts beside an assignment, no chips: asked for more time, promised a date, extended."""
    notes: list[str] = []
    if row.state not in _CLOSED and row.extension_pending:
        notes.append(page.s("note.extension_pending"))
    if row.state not in _CLOSED and row.committed_on is not None:
        notes.append(page.s("note.committed", day=wording.short_day(row.committed_on)))
    if row.extension_count:
        notes.append(wording.counted(page.language, "note.extended", row.extension_count))
    if row.state is State.RETURNED:
        notes.append(page.s("note.returned"))
    return " · ".join(notes)


_CLOSED = frozenset({State.CONFIRMED, State.WITHDRAWN, State.TRANSFERRED, State.SUPERSEDED})


def work_row(
    page: Page, row: Assignment, calendar: WorkCalendar, followers: Mapping[int, str] | None = None
) -> Row:
    """A line of a list; `followers` are the names of those who follow the tasks at the secretariat."""
    status = status_now(row, page.now, calendar)
    shown = chip(page, status, shown_days(row, status, page.now, calendar), calendar)
    action, href = _action(page, row, shown)
    return Row(
        href=path_of(row),
        title=row.short_name,
        note=note_of(page, row),
        agency=row.agency_name,
        part_word=page.word("part", row.part.value),
        is_lead=row.part is Part.LEAD,
        directive_number=row.directive_number,
        directive_href=f"/van-ban/{row.directive_id}",
        directive_on=row.directive_issued_on,
        due_on=row.due_on,
        due_time=row.due_time,
        due_note=due_note(page, row, calendar),
        chip=shown,
        report_on=civil_day(row.last_report_at) if row.last_report_at else None,
        report_note=short(row.last_report_summary, 60),
        action=action,
        action_href=href,
        id=row.id,
        days_late=status.days_late,
        original_on=row.original_due_on,
        product=row.product,
        follower=(followers or {}).get(row.secretariat_officer_id or 0, ""),
    )


def _action(page: Page, row: Assignment, shown: Chip) -> tuple[str, str]:
    """The one thing that this reader would do to this row from a list."""
    path = path_of(row)
    subject = Subject.of_agency(row.agency_id)
    if not page.is_agency and row.state not in _CLOSED:
        if row.state is State.REPORTED:
            if page.is_secretariat or may(page.actor, Verb.CONFIRM, subject):
                return page.s("act.read_report"), f"/cho-xac-nhan/{row.id}"
        elif row.extension_pending and page.is_secretariat:
            return page.s("act.decide_extension"), f"/gia-han/{row.id}"
        elif shown.tone in ("late", "soon") and may(page.actor, Verb.URGE, subject):
            key = "list.urge" if shown.tone == "late" else "list.remind"
            return page.s(key), f"/don-doc/xem-truoc?viec={row.id}"
    if page.is_agency and row.state not in _CLOSED and row.state is not State.REPORTED:
        if row.state is State.ASSIGNED:
            return page.s("act.open"), path
        base, _, query = path.partition("?")
        return page.s("act.report"), f"{base}/bao-cao" + (f"?{query}" if query else "")
    return "", ""


def short(words: str, length: int = 90) -> str:
    """The first words of a report, for a table; the whole stands on the page behind the row."""
    line = " ".join(words.split())
    if len(line) <= length:
        return line
    return line[:length].rsplit(" ", 1)[0] + "…"


def summary_chips(page: Page, rows: Iterable[Assignment], calendar: WorkCalendar) -> list[Chip]:
    """How many agencies stand how, the burning ones first."""
    counted: Counter[Fine] = Counter()
    for row in rows:
        status = status_now(row, page.now, calendar)
        counted[_shown(status, page.today, calendar, page.state.settings.due_soon_days)] += 1
    return [
        Chip(*_TONES[fine], page.s(f"count.{fine.value}", count=counted[fine]))
        for fine in _TONES
        if counted[fine]
    ]


def burning_first(page: Page, rows: Iterable[Assignment], calendar: WorkCalendar) -> list[Assignment]:
    """The rows by status, what is late on top; within one status their order stays."""
    order = {fine: place for place, fine in enumerate(_TONES)}
    soon = page.state.settings.due_soon_days
    return sorted(
        rows,
        key=lambda row: order[_shown(status_now(row, page.now, calendar), page.today, calendar, soon)],
    )


def tiles_of(
    page: Page,
    counts: dict[str, int],
    names: Sequence[str],
    base: str,
    notes: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> list[Tile]:
    """Tiles for these filters; each leads to the list with the same filter."""
    looks = {
        "overdue": ("late", "late"),
        "due_soon": ("soon", "soon"),
        "awaiting": ("wait", "wait"),
        "extension": ("", "extend"),
        "returned": ("", "back"),
        "on_schedule": ("", "open"),
        "done": ("done", "done"),
        "outside": ("", "out"),
    }
    return [
        Tile(
            counts[name],
            *looks[name],
            page.s(f"filter.status.{name}"),
            base + "?" + urlencode({**(query or {}), "tinh-trang": STATUS_WORDS[name]}),
            (notes or {}).get(name, ""),
        )
        for name in names
    ]


STATUS_WORDS: dict[str, str] = {
    "open": "dang-mo",
    "overdue": "qua-han",
    "due_soon": "sap-den-han",
    "on_schedule": "trong-han",
    "awaiting": "cho-xac-nhan",
    "returned": "bi-tra-lai",
    "extension": "xin-gia-han",
    "done": "da-xong",
    "outside": "da-rut",
    "all": "tat-ca",
}
"""How an address names a status filter."""
