"""Evidence files: an agency sends them ahead of its report, the report names them, whoever sees it fetches them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.actions.assignments import remember
from tracker.actions.virus_scan import scan
from tracker.db import assignments as assignments_db
from tracker.db import attachments as db
from tracker.db.attachments import Attachment
from tracker.db.engine import transaction
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import Event, transition
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid, NotPermitted, Problem
from tracker.domain.files import MOST_FILES, check_size, clean_name
from tracker.intake.evidence import check_evidence


class TooManyFiles(Conflict):
    """So many files wait for a report already; params: most."""

    code = "too_many_files"


class FileOfReport(Conflict):
    """A file that a report names stays; params: name."""

    code = "file_of_report"


@dataclass(frozen=True)
class NewFile:
    """A file as it was sent."""

    name: str
    content: bytes


async def add(
    actor: Actor, assignment_id: int, new: NewFile, now: datetime, *, again: bool = False
) -> Attachment:
    """Keep a file for the report to come; with `again`, one that the actor has already sent stays the one there is.

    Raises NotFound, NotPermitted, Invalid (codes file_…), TooManyFiles; ScannerAway when nobody can say whether
    it is clean.
    """
    row = await assignments_db.get_assignment(actor, assignment_id)
    require(actor, Verb.REPORT, Subject.of_agency(row.agency_id, id=assignment_id))
    transition(row.state, Event.REPORT_PROGRESS)
    if actor.official_id is None:
        raise NotPermitted(verb=Verb.REPORT.value, role=actor.role.value, allowed=("agency_officer",))
    check_size(len(new.content))
    name = clean_name(new.name)
    # Megabytes unpacked and read: in a thread, the service goes on meanwhile.
    kind = await asyncio.to_thread(check_evidence, name, new.content)
    was_scanned = await scan(new.content, name)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(new.content).digest())
    async with transaction():
        row = await assignments_db.lock_assignment(actor, assignment_id)
        if again and (known := await db.find_loose(actor, assignment_id, actor.official_id, name, digest)):
            return known
        if await db.count_loose(assignment_id) >= MOST_FILES:
            raise TooManyFiles(most=MOST_FILES)
        file_id = await db.insert_attachment(
            assignment_id,
            actor.official_id,
            name,
            kind.media_type,
            digest,
            new.content,
            now,
            was_scanned=was_scanned,
        )
        await remember(actor, row, "add_file", now, file=file_id, name=name, sha256=digest.hex())
        return await db.get_attachment(actor, file_id)


async def remove(actor: Actor, attachment_id: int, now: datetime) -> None:
    """Take back a file that no report names yet. Raises NotFound, NotPermitted, FileOfReport."""
    async with transaction():
        file = await db.get_attachment(actor, attachment_id)
        require(actor, Verb.REPORT, Subject.of_agency(file.agency_id, noun="attachment", id=attachment_id))
        row = await assignments_db.lock_assignment(actor, file.assignment_id)
        if not await db.delete_loose(attachment_id):
            raise FileOfReport(name=file.name)
        await remember(actor, row, "remove_file", now, file=attachment_id, name=file.name)


async def list_files(viewer: Actor, assignment_id: int) -> list[Attachment]:
    """The files of an assignment that the viewer may see. Raises NotFound."""
    row = await assignments_db.get_assignment(viewer, assignment_id)
    require(viewer, Verb.READ, Subject.of_agency(row.agency_id, id=assignment_id))
    return await db.list_attachments(viewer, assignment_id)


async def fetch(viewer: Actor, attachment_id: int) -> tuple[Attachment, bytes]:
    """A file with its content. Raises NotFound."""
    file = await db.get_attachment(viewer, attachment_id)
    require(viewer, Verb.READ, Subject.of_agency(file.agency_id, noun="attachment", id=attachment_id))
    return file, await db.read_content(viewer, attachment_id)


async def attach(assignment_id: int, report_id: int, ids: Sequence[int]) -> None:
    """Inside the report's transaction: the files become its own. Raises Invalid naming each that cannot."""
    if len(ids) > MOST_FILES:
        raise Invalid.one("/attachment_ids", "out_of_range", len(ids), least=0, most=MOST_FILES)
    if not ids:
        return
    attached = await db.attach(assignment_id, report_id, ids)
    problems = [
        Problem(f"/attachment_ids/{place}", "attachment_unknown", str(given))
        for place, given in enumerate(ids)
        if given not in attached or given in ids[:place]
    ]
    if problems:
        raise Invalid(problems)
