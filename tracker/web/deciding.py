"""What the pages of decisions share: trying once, what somebody else did meanwhile, evidence as a page shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tracker.actions.deadline_preview import Preview
from tracker.db.assignments import Assignment
from tracker.db.attachments import Attachment
from tracker.db.reads_deciding import Waiting, find_last_act
from tracker.db.reports import Report
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.web.forms import Form
from tracker.web.page import Page
from tracker.web.standing import path_of
from tracker.web.submissions import once
from tracker.web.wording import counted, number, short_day

INLINE_IMAGES = frozenset({"image/png", "image/jpeg"})
INLINE = INLINE_IMAGES | {"application/pdf"}
"""What a browser shows in place: pictures without a script in them, and what its own reader opens."""


async def attempt(
    page: Page, form: Form, work: Callable[[], Awaitable[str]], fields: dict[str, str]
) -> str | int:
    """What the action says; or the status of the page that shows the form again with its problems."""
    if form.problems:
        return 422
    try:
        return await once(page, form, work)
    except Invalid as error:
        form.take(error, fields)
        return 422
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return 409


def sub(row: Assignment, part: str) -> str:
    """The address of a page or form below an assignment."""
    base, _, query = path_of(row).partition("?")
    return f"{base}/{part}" + (f"?{query}" if query else "")


async def last_act(page: Page, row: Assignment) -> Markup | None:
    """Who did the last thing to the assignment, what, and when: "Trần Thị Bình xác nhận kết quả lúc …"."""
    found = await find_last_act(page.actor, row.id)
    if found is None:
        return None
    who, at, verb = found
    return page.t(
        "decide.last_act", who=who, what=page.word("audit_verb", verb).lower(), moment=page.moment(at)
    )


# Evidence ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileView:
    """A file as a page shows it: pictures in place, the rest as a link that says what it is."""

    href: str
    name: str
    kind: str
    size: str
    check: str
    is_image: bool
    opens: bool


def file_view(page: Page, file: Attachment) -> FileView:
    """The view of a file."""
    kind = file.name.rpartition(".")[2].upper()
    key = "evidence.scanned" if file.was_scanned else "evidence.checked"
    return FileView(
        href=f"/minh-chung/{file.id}",
        name=file.name,
        kind=kind,
        size=file_size(page, file.size),
        check=page.s(key, digest=file.sha256.hex()[:12]),
        is_image=file.media_type in INLINE_IMAGES,
        opens=file.media_type in INLINE,
    )


def file_size(page: Page, octets: int) -> str:
    """A size as people say it: 412 KB, 3,1 MB."""
    if octets < 1000:
        return f"{octets} B"
    if octets < 1_000_000:
        return f"{number(page.language, round(octets / 1000))} KB"
    return f"{octets / 1_000_000:.1f} MB".replace(".", "," if page.language == "vi" else ".")


def evidence_words(page: Page, report: Report) -> str:
    """The number and day of the document that proves a report."""
    if report.evidence_on is None:
        return report.evidence_number or page.s("report.no_evidence")
    return page.s("report.evidence_of", number=report.evidence_number, day=short_day(report.evidence_on))


# Place in a queue --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where in a queue one stands: 3 of 17, with the neighbours' addresses."""

    number: int
    total: int
    before: str
    after: str


def place_of(base: str, waiting: Sequence[Waiting], assignment_id: int) -> Place | None:
    """The place of an assignment; None when it does not wait."""
    ids = [w.assignment_id for w in waiting]
    if assignment_id not in ids:
        return None
    at = ids.index(assignment_id)
    before = f"{base}/{ids[at - 1]}" if at else ""
    after = f"{base}/{ids[at + 1]}" if at + 1 < len(ids) else ""
    return Place(at + 1, len(ids), before, after)


def next_of(base: str, before: Sequence[Waiting], waiting: Sequence[Waiting], assignment_id: int) -> str:
    """Where to go after a decision: to the one that came after it, else to the oldest; the list when all is done.

    `before` is the queue as it was, `waiting` as it is.
    """
    left = [w.assignment_id for w in waiting if w.assignment_id != assignment_id]
    ids = [w.assignment_id for w in before]
    at = ids.index(assignment_id) if assignment_id in ids else -1
    following = next((i for i in ids[at + 1 :] if i in left), left[0] if left else None)
    return base if following is None else f"{base}/{following}"


# What a decision would change --------------------------------------------------------------------------------


def consequences(page: Page, preview: Preview, extensions: int = 0) -> list[str]:
    """What moving a deadline does, in short sentences."""
    language = page.language
    found = []
    if preview.before:
        found.append(counted(language, "redate.cancels", len(preview.before)))
    if preview.after:
        found.append(counted(language, "redate.plans", len(preview.after)))
    if preview.invited:
        found.append(counted(language, "redate.calendars", preview.invited))
    if preview.told:
        found.append(page.s("redate.tells", names=", ".join(r.official.name for r in preview.told)))
    if extensions:
        found.append(page.s("redate.times", count=extensions))
    return found
