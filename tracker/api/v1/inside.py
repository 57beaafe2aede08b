"""Inside an agency: who works on an assignment, until when, and notes among colleagues."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from tracker.actions import passing_on as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, id_of
from tracker.api.v1.shapes import Day
from tracker.db import assignments as assignments_db
from tracker.db import inside as db
from tracker.domain.access import Verb
from tracker.domain.inside import NOTE

_ADDRESS = "/assignments/{assignment_id}/inside"
_LATEST = "If-Match is the tag of `getInside`: nobody passes on what somebody else has just passed on."


class Passed(Struct):
    """Somebody works on it until `due_on`, a day of the agency's own; `ended_at` once somebody else does."""

    official_id: Id
    name: str
    due_on: date | None
    given_by: str
    given_at: datetime
    ended_at: datetime | None


class Note(Struct):
    """A note among colleagues; the assigning side reads it once it is shared."""

    id: Id
    author: str
    note: str
    written_at: datetime
    shared_at: datetime | None


class Colleague(Struct):
    """Somebody the assignment can be passed on to; `unit` where they belong to another body than the one charged."""

    official_id: Id
    name: str
    position: str
    unit: str


class Inside(Struct):
    """What is arranged inside: who works on it now, who did before (the latest first), notes, colleagues."""

    now: Passed | None
    story: list[Passed]
    notes: list[Note]
    colleagues: list[Colleague]


class NoteList(Struct):
    """Notes, the newest first."""

    items: list[Note]


class PassOnIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """To whom, until which day of the agency's own (none: none), with which note."""

    official_id: Id
    due_on: Day | None = None
    note: Annotated[str, Meta(max_length=NOTE)] = ""


class InsideNoteIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A note for colleagues."""

    note: Annotated[str, Meta(min_length=1, max_length=NOTE)]


def _passed(row: db.InternalAssignment) -> Passed:
    return Passed(str(row.official_id), row.name, row.due_on, row.giver, row.assigned_at, row.ended_at)


def _note(row: db.InternalNote) -> Note:
    return Note(str(row.id), row.author, row.body, row.created_at, row.shared_at)


def _seen(version: int | None) -> int | None:
    """The handing over that the caller knows of; a tag's version starts at 1, where there is none yet."""
    return None if version is None else version - 1


async def _look(call: Call[NoQuery, NoBody] | Call[NoQuery, PassOnIn], status: int | None = None) -> Reply:
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    found = await actions.look(call.actor, row, call.now)
    shown = Inside(
        now=None if found.live is None else _passed(found.live),
        story=[_passed(told) for told in found.story],
        notes=[_note(note) for note in found.notes],
        colleagues=[Colleague(str(c.id), c.name, c.position, c.unit) for c in found.colleagues],
    )
    return Reply(shown, row_version=1 + (0 if found.live is None else found.live.id), status=status)


@endpoint(
    "GET",
    _ADDRESS,
    id="getInside",
    summary="Read what the agency arranges inside",
    tag="Inside an agency",
    verb=Verb.REPORT,
    answer=Inside,
    refusals=("not_found",),
)
async def get_inside(call: Call[NoQuery, NoBody]) -> Reply:
    """For the agency's own people alone; the assigning side sees shared notes only."""
    return await _look(call)


@endpoint(
    "POST",
    _ADDRESS,
    id="passOn",
    summary="Pass an assignment on inside the agency",
    tag="Inside an agency",
    verb=Verb.REPORT,
    body=PassOnIn,
    answer=Inside,
    is_change=True,
    refusals=("not_found", "assignment_closed", "invalid"),
    description=_LATEST,
    example={"official_id": "41", "due_on": "2025-11-28", "note": "Làm trước phần báo cáo."},
)
async def pass_on(call: Call[NoQuery, PassOnIn]) -> Reply:
    """A colleague works on it from now on; the official deadline stays what it is."""
    body = call.body
    new = actions.PassOn(id_of(body.official_id), body.due_on, body.note, _seen(call.version))
    await actions.pass_on(call.actor, call.ids["assignment_id"], new, call.now)
    return await _look(call)


@endpoint(
    "DELETE",
    _ADDRESS,
    id="takeBack",
    summary="Take an assignment back from a colleague",
    tag="Inside an agency",
    verb=Verb.REPORT,
    status=204,
    is_change=True,
    refusals=("not_found",),
    description=_LATEST,
)
async def take_back(call: Call[NoQuery, NoBody]) -> Reply:
    """Nobody in particular works on it any more."""
    await actions.take_back(call.actor, call.ids["assignment_id"], _seen(call.version), call.now)
    return Reply(None)


@endpoint(
    "POST",
    f"{_ADDRESS}/notes",
    id="addNote",
    summary="Leave a note for colleagues",
    tag="Inside an agency",
    verb=Verb.REPORT,
    body=InsideNoteIn,
    answer=NoteList,
    status=201,
    has_tag=False,
    refusals=("not_found", "invalid"),
    example={"note": "Đã gọi Vụ Kế hoạch, hẹn chiều thứ Năm."},
)
async def add_note(call: Call[NoQuery, InsideNoteIn]) -> Reply:
    """Every note of the assignment, with the new one."""
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    await actions.add_note(call.actor, row.id, call.body.note, call.now)
    return Reply(NoteList([_note(note) for note in (await actions.look(call.actor, row, call.now)).notes]))


@endpoint(
    "POST",
    f"{_ADDRESS}/notes/{{note_id}}/share",
    id="shareNote",
    summary="Let the assigning side read a note",
    tag="Inside an agency",
    verb=Verb.REPORT,
    status=204,
    has_tag=False,
    refusals=("not_found",),
)
async def share_note(call: Call[NoQuery, NoBody]) -> Reply:
    """There is no way back, for it may have been read."""
    await actions.share_note(call.actor, call.ids["assignment_id"], call.ids["note_id"], call.now)
    return Reply(None)


@endpoint(
    "GET",
    "/assignments/{assignment_id}/shared-notes",
    id="listSharedNotes",
    summary="List the notes that an agency shares",
    tag="Inside an agency",
    verb=Verb.READ,
    answer=NoteList,
    refusals=("not_found",),
)
async def list_shared_notes(call: Call[NoQuery, NoBody]) -> Reply:
    """What the agency lets the assigning side read."""
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    return Reply(NoteList([_note(note) for note in await actions.list_shared(call.actor, row)]))


handlers = [get_inside, pass_on, take_back, add_note, share_note, list_shared_notes]
