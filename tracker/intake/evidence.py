"""Evidence of strangers: a file is taken when its name, its first bytes and its whole structure say the same.

Nothing is rendered or run; what could be two things at once, unpacks to a flood or carries a program is refused.
"""

from __future__ import annotations

import codecs
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from tracker.domain.errors import Invalid
from tracker.domain.files import FileKind, check_size, kind_of

# Written in two parts, so that a scanner does not take this module for the test file it looks for.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
MAX_UNPACKED = 50 * 1024 * 1024
MAX_RATIO = 100
MAX_ENTRIES = 1000
_SMALL = 1024 * 1024
_CHUNK = 256 * 1024
_PROGRAMS = re.compile(
    r"(?:vbaproject\.bin|\.(?:exe|dll|js|vbs|hta|scr|bat|cmd|ps1|jar|lnk|ocx))$", re.IGNORECASE
)
_MAIN_PARTS = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml"}
_TEXT_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_MAGIC = (b"%PDF-", b"PK\x03\x04", b"MZ", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"Rar!",
                b"7z\xbc\xaf", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"\xca\xfe\xba\xbe", b"#!")  # fmt: skip
_PAGE = re.compile(rb"<\s*(?:!doctype|html|script|svg|iframe|object|embed|\?php)", re.IGNORECASE)
_ACTIVE_SPACES = (
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/1999/xsl/transform",
)


def check_evidence(name: str, data: bytes) -> FileKind:
    """The kind of a file under its cleaned name. Raises Invalid with a code that begins with `file_`."""
    check_size(len(data))
    kind = kind_of(name)
    if EICAR in data:
        _refuse("file_infected", name, found="EICAR")
    if kind.magic and not data.startswith(kind.magic):
        _refuse("file_content_differs", name, expected=kind.extension)
    match kind.extension:
        case "pdf":
            _check_pdf(name, data)
        case "docx" | "xlsx":
            _check_office(name, data, kind.extension)
        case "png":
            _check_png(name, data)
        case "jpg" | "jpeg":
            _check_jpeg(name, data)
        case "xml" | "edxml":
            _check_xml(name, data)
        case _:
            _check_text(name, data, kind.extension)
    return kind


def _refuse(code: str, name: str, **params: object) -> NoReturn:
    raise Invalid.one("/file", code, name, **params)


def _check_only_one_thing(name: str, data: bytes, kind: str) -> None:
    """Refuse what a second program would read as something else (attack case 77)."""
    if kind != "pdf" and b"%PDF-" in data[:1024]:
        _refuse("file_two_in_one", name, other="PDF")
    if b"PK\x05\x06" in data[-65_557:] and zipfile.is_zipfile(io.BytesIO(data)):
        _refuse("file_two_in_one", name, other="ZIP")
    if _PAGE.search(data[:1024]):
        _refuse("file_two_in_one", name, other="HTML")


def _check_pdf(name: str, data: bytes) -> None:
    _check_only_one_thing(name, data, "pdf")
    if b"%%EOF" not in data[-2048:] or b"startxref" not in data[-4096:]:
        _refuse("file_broken", name, expected="pdf")


def _check_png(name: str, data: bytes) -> None:
    position, first = 8, True
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + 12 + length
        if end > len(data) or (first and kind != b"IHDR"):
            break
        if zlib.crc32(data[position + 4 : end - 4]) != struct.unpack(">I", data[end - 4 : end])[0]:
            break
        if kind == b"IEND":
            _check_only_one_thing(name, data, "png")
            return
        position, first = end, False
    _refuse("file_broken", name, expected="png")


def _check_jpeg(name: str, data: bytes) -> None:
    """Segment by segment to the picture itself; phones write more behind its end, which is no fault."""
    position, framed = 2, False
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if length < 2:
            break
        framed = framed or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC))
        position += 2 + length
        if marker == 0xDA:
            if framed and data.find(b"\xff\xd9", position) >= 0:
                _check_only_one_thing(name, data, "jpg")
                return
            break
    _refuse("file_broken", name, expected="jpg")


def _check_office(name: str, data: bytes, extension: str) -> None:
    """A package of its kind, bounded before it is unpacked, without programs and without entities (73, 74, 75)."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError):
        _refuse("file_broken", name, expected=extension)
    with archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            _refuse("file_bomb", name, entries=len(entries), most=MAX_ENTRIES)
        if sum(e.file_size for e in entries) > MAX_UNPACKED:
            _refuse("file_bomb", name)
        for entry in entries:
            if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
                _refuse("file_bomb", name)
            if entry.flag_bits & 1:
                _refuse("file_broken", name, expected=extension)
            if _PROGRAMS.search(entry.filename):
                _refuse("file_program", name, part=entry.filename[-60:])
        names = {e.filename for e in entries}
        if "[Content_Types].xml" not in names or _MAIN_PARTS[extension] not in names:
            _refuse("file_content_differs", name, expected=extension)
        _check_parts(name, archive, entries, extension)


def _check_parts(name: str, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], extension: str) -> None:
    read = 0
    for entry in entries:
        is_markup = entry.filename.lower().endswith((".xml", ".rels", ".vml"))
        tail = b""
        try:
            for chunk in _unpacked(archive, entry):
                read += len(chunk)
                if read > MAX_UNPACKED:
                    _refuse("file_bomb", name)
                seen = tail + chunk
                if EICAR in seen:
                    _refuse("file_infected", name, found="EICAR")
                if is_markup and re.search(rb"<!DOCTYPE|<!ENTITY", seen.replace(b"\x00", b""), re.IGNORECASE):
                    _refuse("file_entities", name)
                if entry.filename == "[Content_Types].xml" and b"macroEnabled" in seen:
                    _refuse("file_program", name, part="macroEnabled")
                tail = seen[-128:]
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            _refuse("file_broken", name, expected=extension)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as part:
        while chunk := part.read(_CHUNK):
            yield chunk


class _Markup(Exception):
    """What a document holds that it may not; `code` is that of the refusal."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _check_xml(name: str, data: bytes) -> None:
    """Well formed, without a document type, and neither a page nor a picture with programs (36, 74)."""
    parser = expat.ParserCreate(namespace_separator="\n")

    def doctype(*_: object) -> None:
        raise _Markup("file_entities")

    def instruction(target: str, _: str) -> None:
        if target.lower() in ("xml-stylesheet", "php"):
            raise _Markup("file_active")

    def element(tag: str, _: object) -> None:
        space, _, local = tag.rpartition("\n")
        if space.lower() in _ACTIVE_SPACES or local.lower() in ("script", "svg", "html"):
            raise _Markup("file_active")

    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.ProcessingInstructionHandler = instruction
    parser.StartElementHandler = element
    try:
        parser.Parse(data, True)
    except _Markup as found:
        _refuse(found.code, name)
    except (expat.ExpatError, ValueError, LookupError):
        _refuse("file_broken", name, expected="xml")


def _check_text(name: str, data: bytes, extension: str) -> None:
    """Text in a form that an editor shows: no control characters, and not something else under this name."""
    if data.startswith(_OTHER_MAGIC):
        _refuse("file_content_differs", name, expected=extension)
    encoding = next((e for mark, e in _TEXT_MARKS if data.startswith(mark)), None)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding is not None:
            _refuse("file_broken", name, expected=extension)
        text = data.decode("latin-1")  # an older code page: its letters are not ours to judge
    if re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text):
        _refuse("file_broken", name, expected=extension)
    if _PAGE.search(data[:1024].replace(b"\x00", b"")):
        _refuse("file_active", name)
