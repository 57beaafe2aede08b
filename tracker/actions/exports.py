"""Exports: everything its reader may see that fits the filters, as a file; at once where it is short, else as a job."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tracker.actions import jobs
from tracker.actions.dossiers import DOSSIER_FORMATS, dossier
from tracker.actions.jobs import Desk, Outcome
from tracker.actions.overdue import overdue_list
from tracker.actions.tables import FILE_NAMES, Reader, Wanted, table_of
from tracker.db import directory as directory_db
from tracker.db.engine import transaction
from tracker.documents import overdue_paper
from tracker.documents.overdue_csv import to_csv
from tracker.documents.overdue_json import to_object
from tracker.documents.overdue_xlsx import to_xlsx
from tracker.documents.paper import Document
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import to_pdf
from tracker.documents.tables import overdue_sheet
from tracker.documents.tables_model import MEDIA_TYPES, Table, TableFormat, check_size
from tracker.documents.tables_write import open_file, read_into, write_table
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid
from tracker.domain.overdue import OverdueList
from tracker.domain.zone import civil_day
from tracker.i18n import Language

MAX_BYTES = 100_000_000
"""The file is kept in one field of the database until it is forgotten."""
AT_ONCE: Mapping[TableFormat, int] = {"xlsx": 5_000, "csv": 5_000, "json": 5_000, "docx": 500, "pdf": 200}
"""Rows that are written while one waits, about a second; more become a job."""


DOSSIER = "dossier"
"""What a job makes when a dossier is too long to wait for."""


class ExportTooLarge(Conflict):
    """More than one file may hold; params: size, most."""

    code = "export_too_large"


@dataclass(frozen=True)
class NewExport:
    """What is to be exported; days are inclusive, a filter that does not belong to `what` stays empty."""

    what: str
    form: TableFormat
    status: str | None = None
    state: str | None = None
    agency: tuple[str, ...] = ()
    directive_id: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    as_of: date | None = None
    words: str = ""
    with_bom: bool = True


async def ask(actor: Actor, new: NewExport, language: Language) -> int:
    """A job that makes the file. Raises Invalid for an unknown agency, TooManyJobs."""
    require(actor, Verb.EXPORT)
    known = await directory_db.find_agency_ids(new.agency) if new.agency else {}
    for place, code in enumerate(new.agency):
        if code not in known:
            raise Invalid.one(f"/agency/{place}", "agency_unknown", code)
    query = {name: value for name, value in asdict(new).items() if name not in ("what", "form", "with_bom")}
    wanted = Wanted(new.what, query, for_programs=new.form == "json")
    return await ask_table(actor, wanted, new.form, language, with_bom=new.with_bom)


async def ask_table(
    actor: Actor, wanted: Wanted, form: TableFormat, language: Language, *, with_bom: bool = True
) -> int:
    """A job that makes the file of a table. Raises TooManyJobs."""
    require(actor, Verb.EXPORT)
    kept = {**asdict(wanted), "form": form, "with_bom": with_bom}
    return await jobs.ask(actor, jobs.EXPORT, kept, language)


async def at_once(
    actor: Actor,
    wanted: Wanted,
    form: TableFormat,
    now: datetime,
    language: Language,
    *,
    with_bom: bool = True,
) -> Document:
    """The file of a table that is short. Raises what the table's source and its size raise."""
    require(actor, Verb.EXPORT)

    async def made() -> Table:
        return await table_of(Reader(actor, now, language), wanted)

    with tempfile.TemporaryDirectory(prefix="tracker-export-") as folder:
        path = Path(folder) / f"bang.{form}"
        table, _ = await _write(made, form, path, with_bom)
        content = await asyncio.to_thread(path.read_bytes)
    return Document(f"{table.name}.{form}", MEDIA_TYPES[form], content)


async def document_of(table: Table, form: TableFormat, *, with_bom: bool = True) -> Document:
    """The file of a table that is at hand: its rows are read from no database."""
    with tempfile.TemporaryDirectory(prefix="tracker-export-") as folder:
        path = Path(folder) / f"bang.{form}"
        await write_table(table, form, path, with_bom=with_bom)
        content = await asyncio.to_thread(path.read_bytes)
    return Document(f"{table.name}.{form}", MEDIA_TYPES[form], content)


Told = Callable[[int, int | None], None]


async def _write(
    make_table: Callable[[], Any],
    form: TableFormat,
    path: Path,
    with_bom: bool,
    told: Told = lambda done, total: None,
    packing: Callable[[], None] = lambda: None,
) -> tuple[Table, int]:
    """Write the table at `path`: all rows from one snapshot, which is let go before the file is finished."""
    with ExitStack() as stack:
        async with transaction("repeatable_read", readonly=True):
            table: Table = await make_table()
            check_size(form, table.total)
            file = stack.enter_context(open_file(path, form, table, with_bom=with_bom))
            count = await read_into(file, table, lambda done: told(done, table.total))
        packing()
        await asyncio.to_thread(file.finish)
    return table, count


# -- as a job --------------------------------------------------------------------------------------------


async def make(desk: Desk) -> None:
    """The work of an export job. Cancelled or killed it leaves nothing: the folder goes, the result was not written."""
    kept = desk.job.parameters
    form: TableFormat = kept["form"]
    wanted = Wanted(kept["what"], kept["query"], tuple(kept["scope"]), kept["title"], kept["for_programs"])
    reader = Reader(desk.actor, desk.now(), desk.language)
    day = civil_day(reader.now)
    count: int | None
    with tempfile.TemporaryDirectory(prefix="tracker-export-") as folder:
        path = Path(folder) / f"bang.{form}"
        if wanted.what == DOSSIER:
            made_paper = await _dossier(desk, wanted, form)
            name, count = made_paper.name.removesuffix(f".{form}"), None
            await asyncio.to_thread(path.write_bytes, made_paper.content)
        elif wanted.what == "overdue":
            name, count = f"{FILE_NAMES['overdue']}-{day:%Y-%m-%d}", await _overdue(desk, wanted, form, path)
        else:

            async def made() -> Table:
                return await table_of(reader, wanted)

            table, count = await _write(
                made, form, path, kept["with_bom"], _teller(desk), lambda: desk.progress.step("pack", 0, 1)
            )
            name = table.name
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ExportTooLarge(size=size, most=MAX_BYTES)
        desk.progress.step("pack", 1, 2)
        content = await asyncio.to_thread(path.read_bytes)
    await desk.finish(
        Outcome({"what": wanted.what, "rows": count}, content, MEDIA_TYPES[form], f"{name}.{form}")
    )


def _teller(desk: Desk) -> Told:
    def told(done: int, total: int | None) -> None:
        # Where they are not counted beforehand, the bar nears its end without reaching it.
        desk.progress.step("collect", done, total or done * 2)

    return told


async def _dossier(desk: Desk, wanted: Wanted, form: TableFormat) -> Document:
    """The dossier of a session, which is long where the session has many items."""
    asked = wanted.query
    desk.progress.step("collect", 0, 1)
    paper_form = next(one for one in DOSSIER_FORMATS if one == form)
    made = await dossier(desk.actor, asked["inspection_id"], paper_form, asked["agency_code"], desk.language)
    desk.progress.step("collect", 1, 1)
    return made


async def _overdue(desk: Desk, wanted: Wanted, form: TableFormat, path: Path) -> int:
    """The overdue list of a day, the very file that the page gives."""
    asked = wanted.query
    as_of = date.fromisoformat(asked["as_of"]) if asked["as_of"] else civil_day(desk.now())
    desk.progress.step("collect", 0, 1)
    listing = await overdue_list(desk.actor, as_of, asked["agency"], asked["directive_id"])
    desk.progress.step("collect", 1, 1)
    with_bom = desk.job.parameters["with_bom"]
    content = await asyncio.to_thread(overdue_bytes, listing, form, desk.language, with_bom=with_bom)
    await asyncio.to_thread(path.write_bytes, content)
    return overdue_rows(listing)


def overdue_rows(listing: OverdueList) -> int:
    """How many rows the list has."""
    return sum(len(line.rows) for line in listing.agencies)


def overdue_bytes(
    listing: OverdueList, form: TableFormat, language: Language, *, with_bom: bool = True
) -> bytes:
    """The official files of the overdue list. Raises TableTooLongForPaper."""
    check_size(form, overdue_rows(listing))
    match form:
        case "xlsx":
            return to_xlsx(listing, language)
        case "csv":
            return to_csv(listing, overdue_sheet(listing, language), language, with_bom=with_bom)
        case "json":
            return json.dumps(to_object(listing, language), ensure_ascii=False, default=str).encode()
        case "docx":
            return to_docx(overdue_paper.to_paper(listing, language))
        case "pdf":
            return to_pdf(overdue_paper.to_paper(listing, language))
