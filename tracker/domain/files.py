"""Files of strangers by their looks: what kinds are taken as evidence, and under which name one is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from tracker.domain.errors import Invalid
from tracker.domain.text import endless_marks

MAX_FILE_BYTES = 10_000_000
MOST_FILES = 20
"""Files of one report; as many may lie loose at an assignment until the report is made."""
LONGEST_NAME = 150
"""Characters of a name; also at most LONGEST_NAME_OCTETS in UTF-8, which every file system holds."""
LONGEST_NAME_OCTETS = 240


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of evidence: the extension it goes by, its media type, the bytes it begins with (none for text)."""

    extension: str
    media_type: str
    magic: bytes = b""

    @property
    def is_text(self) -> bool:
        """Whether it is told by its content alone."""
        return not self.magic


_OFFICE = "application/vnd.openxmlformats-officedocument."
KINDS: Mapping[str, FileKind] = {
    kind.extension: kind
    for kind in (
        FileKind("pdf", "application/pdf", b"%PDF-"),
        FileKind("docx", f"{_OFFICE}wordprocessingml.document", b"PK\x03\x04"),
        FileKind("xlsx", f"{_OFFICE}spreadsheetml.sheet", b"PK\x03\x04"),
        FileKind("png", "image/png", b"\x89PNG\r\n\x1a\n"),
        FileKind("jpg", "image/jpeg", b"\xff\xd8\xff"),
        FileKind("jpeg", "image/jpeg", b"\xff\xd8\xff"),
        FileKind("csv", "text/csv"),
        FileKind("txt", "text/plain"),
        FileKind("xml", "application/xml"),
        FileKind("edxml", "application/xml"),
    )
}
"""What is taken, by extension: documents, pictures, tables and the exchange format of state offices (edXML)."""

# CON.pdf opens a device on Windows, whatever follows the point.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)
_FOR_SYSTEMS = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_BLANKS = re.compile(r"\s+")


def clean_name(given: str) -> str:
    """A name that means the same everywhere: composed (NFC), no path, no device, nothing that hides or reverses.

    What is dropped is what deceives (marks of direction, zero-width characters, NTFS streams, folders);
    the extension is judged on what is left. Raises Invalid with the code file_name_missing.

    >>> clean_name("..\\\\CON.pdf"), clean_name("hoa\\u202efdp.exe"), clean_name("a.pdf:b.exe")
    ('_CON.pdf', 'hoafdp.exe', 'a.pdf_b.exe')
    """
    if endless_marks(given) is not None:
        raise Invalid.one("/name", "file_name_missing", given[:60])
    text = unicodedata.normalize("NFC", given)
    text = re.split(r"[/\\]", text)[-1]
    text = "".join(_shown(mark) for mark in text)
    text = _FOR_SYSTEMS.sub("_", _BLANKS.sub(" ", text)).strip(" .")
    stem, point, extension = text.rpartition(".")
    if not re.search(r"[^\W_]", text) or (point and not stem):
        raise Invalid.one("/name", "file_name_missing", given[:60])
    if text.partition(".")[0].strip().casefold() in _DEVICES:
        stem, text = f"_{stem}", f"_{text}"
    return text if not point else _fitted(stem, extension)


def _shown(mark: str) -> str:
    """The character where it can be seen, else nothing (format characters, surrogates, private ones, controls)."""
    category = unicodedata.category(mark)
    if mark == "\u200d":  # joins the parts of one emoji; hides nothing by itself
        return mark
    return " " if category in ("Zl", "Zp") else "" if category in ("Cf", "Cs", "Co", "Cn", "Cc") else mark


def _fitted(stem: str, extension: str) -> str:
    extension = extension[:20]
    room = LONGEST_NAME - len(extension) - 1
    stem = stem[:room]
    while len(f"{stem}.{extension}".encode()) > LONGEST_NAME_OCTETS:
        stem = stem[:-1]
    return f"{stem.rstrip(' .')}.{extension}"


def kind_of(name: str) -> FileKind:
    """The kind by the extension of a cleaned name. Raises Invalid with the code file_kind_unknown."""
    extension = name.rpartition(".")[2].casefold() if "." in name else ""
    kind = KINDS.get(extension)
    if kind is None:
        allowed = ", ".join(dict.fromkeys(k.extension for k in KINDS.values()))
        raise Invalid.one("/name", "file_kind_unknown", name, allowed=allowed)
    return kind


def check_size(size: int) -> None:
    """Raise Invalid for a file that is empty or too large."""
    if size == 0:
        raise Invalid.one("/file", "file_empty")
    if size > MAX_FILE_BYTES:
        raise Invalid.one("/file", "file_too_large", size, most=MAX_FILE_BYTES // 1_000_000)
