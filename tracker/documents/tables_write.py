"""The five writers behind one door: a table becomes a file while its rows are read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tracker.documents.tables_model import (
    MOST_ROWS,
    Row,
    Table,
    TableFormat,
    TableTooLong,
    check_size,
)
from tracker.documents.tables_paper import PaperRows
from tracker.documents.tables_plain import CsvRows, JsonRows
from tracker.documents.tables_xlsx import XlsxRows


class RowFile(Protocol):
    """A file that takes rows until it is finished; left before, it is closed and worth nothing."""

    cut: int

    def write(self, rows: Iterable[Row]) -> None: ...
    def finish(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_file(path: Path, form: TableFormat, table: Table, *, with_bom: bool = True) -> RowFile:
    """A new file at `path`."""
    match form:
        case "xlsx":
            return XlsxRows(path, table)
        case "csv":
            return CsvRows(path, table, with_bom=with_bom)
        case "json":
            return JsonRows(path, table)
        case "docx" | "pdf":
            return PaperRows(path, table, form)


async def read_into(file: RowFile, table: Table, told: Callable[[int], None] = lambda rows: None) -> int:
    """Read all rows into the file, which is then to be finished; how many there were.

    The writing is done in threads, so that others are served meanwhile; `told` hears how many rows are written, and
    may end the work by raising. Raises TableTooLongForPaper, TableTooLong.
    """
    count = 0
    # One after the other: to read on while a thread writes was measured to cost twice the memory and gain nothing.
    async for rows in table.rows:
        count += len(rows)
        if count > MOST_ROWS:
            raise TableTooLong(size=count, most=MOST_ROWS)
        await asyncio.to_thread(file.write, rows)
        told(count)
    return count


async def write_table(table: Table, form: TableFormat, path: Path, *, with_bom: bool = True) -> int:
    """Write a table whose rows wait for no transaction; how many there were."""
    check_size(form, table.total)
    with open_file(path, form, table, with_bom=with_bom) as file:
        count = await read_into(file, table)
        await asyncio.to_thread(file.finish)
    return count
