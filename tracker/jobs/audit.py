"""The day's anchor: the heads of the history's chain, appended to a file beside the database and mailed to auditors.

A database's administrator can cut off the end of the chain together with its heads; only what was noted elsewhere
tells of that.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tracker.actions.audit import mail_anchor, make_anchor
from tracker.db.switches import beat
from tracker.domain.audit import Anchor, read_anchor
from tracker.domain.errors import TrackerError
from tracker.domain.zone import civil_day
from tracker.settings import Settings

NAME = "audit"


class BadAnchorFile(TrackerError):
    """A line of an anchor file is not an anchor; params: path, line."""

    code = "audit_bad_anchor_file"


@dataclass(frozen=True)
class Anchored:
    """What one run did; `anchor` is None when the day has one already."""

    anchor: Anchor | None
    mailed: int = 0


def anchors_in(data_dir: Path) -> Path:
    """Where this machine keeps its anchors."""
    return data_dir / "audit" / "anchors.jsonl"


async def run(now: datetime, settings: Settings, *, at_once: bool = False) -> Anchored:
    """Anchor the chain once a civil day, or `at_once`.

    Each machine keeps a file of its own; processes of one machine share it, and the second one of a day leaves it.
    """
    path = anchors_in(settings.data_dir)
    await asyncio.to_thread(_prepare, path)
    made = None
    with _locked(path) as is_ours:
        last = await asyncio.to_thread(last_anchor, path)
        is_owed = last is None or civil_day(last.at) < civil_day(now)
        if is_ours and (is_owed or at_once):
            made = await make_anchor(now, "" if last is None else last.seal)
            await asyncio.to_thread(_append, path, made)
    mailed = 0 if made is None else await mail_anchor(made, settings, now)
    detail: dict[str, object] = {"at": now.isoformat(), "mailed": mailed}
    await beat(NAME, detail | ({} if made is None else {"total": made.total, "seal": made.seal}))
    return Anchored(made, mailed)


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors of a file in its order. Raises BadAnchorFile naming the line."""
    found = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found.append(read_anchor(line))
            except ValueError:
                raise BadAnchorFile(path=str(path), line=number) from None
    return found


def _prepare(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether this process writes the file now; another one that does has made, or is making, the day's anchor."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def last_anchor(path: Path) -> Anchor | None:
    """The newest anchor of the file; a line that a crash left unfinished is passed over."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            return read_anchor(line)
        except ValueError:
            continue
    return None


def _append(path: Path, anchor: Anchor) -> None:
    """The line, on the disk when this returns; after an unfinished line it begins a new one."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        is_clean = size == 0 or os.pread(handle, 1, size - 1) == b"\n"
        os.write(handle, (b"" if is_clean else b"\n") + anchor.line().encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
