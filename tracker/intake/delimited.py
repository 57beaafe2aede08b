"""CSV in the encodings and with the delimiters that Vietnamese offices save it in."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata

from tracker.intake.tables import MAX_BYTES, Table, numbered, refuse

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 30


def read_csv(data: bytes) -> Table:
    """The table of a CSV file. Raises Unreadable for an unknown encoding or a quote that is never closed."""
    text = decode(data)
    delimiter = find_delimiter(text)
    line = _open_quote(text, delimiter)
    if line is not None:
        raise refuse("import_csv_unclosed_quote", line, line=line)
    previous = csv.field_size_limit(MAX_BYTES)
    try:
        return Table(numbered(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
    except csv.Error as error:
        raise refuse("import_csv_broken", str(error)) from error
    finally:
        csv.field_size_limit(previous)


def decode(data: bytes) -> str:
    """The text of `data`, composed: UTF-8, UTF-16 or UTF-32 by their marks, else UTF-8, else Windows-1258.

    Windows-1258 writes tones as combining marks, so what it yields is composed.
    Legacy fonts (TCVN3, VNI) are not encodings of Vietnamese and are refused where they can be told.

    >>> decode("Bộ Y tế".encode("utf-16")), decode(b"\\xff\\xfeB\\x00")
    ('Bộ Y tế', 'B')
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding)
    if data[:400].count(0) > len(data[:400]) // 4:
        return _decoded(data, "utf-16-le" if data[1:2] == b"\0" else "utf-16-be")
    try:
        return unicodedata.normalize("NFC", data.decode("utf-8"))
    except UnicodeDecodeError:
        text = _decoded(data, "cp1258")
    if not _reads_as_vietnamese(text):
        raise refuse("import_csv_encoding")
    return text


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return unicodedata.normalize("NFC", data.decode(encoding)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise refuse("import_csv_encoding") from error


_LETTERS = frozenset("ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ")


def _reads_as_vietnamese(text: str) -> bool:
    """Whether the letters beyond ASCII are Vietnamese: in TCVN3 or VNI most of them are not."""
    foreign = [c for c in text.lower() if ord(c) > 127 and not c.isspace() and c not in "“”‘’–—…•·«»"]
    return sum(c in _LETTERS for c in foreign) >= 0.9 * len(foreign)


def find_delimiter(text: str) -> str:
    """The delimiter that cuts the most lines into the same number of cells; a comma when nothing cuts.

    >>> find_delimiter("STT;Nhiệm vụ, sản phẩm;Hạn\\n1;Báo cáo, tờ trình;2025")
    ';'
    """
    lines = [line for line in _sample(text) if line.strip()]

    def score(delimiter: str) -> tuple[int, int]:
        counts = [_outside_quotes(line, delimiter) for line in lines]
        usual = max(set(counts), key=lambda n: (counts.count(n) if n else 0, n)) if counts else 0
        return (counts.count(usual) if usual else 0, usual)

    return max(_DELIMITERS, key=score) if any(score(d)[0] for d in _DELIMITERS) else ","


def _sample(text: str) -> list[str]:
    """The first lines, each with the breaks that its quotes enclose; as they stand where a quote is never closed."""
    whole: list[str] = []
    begun = ""
    for line in text.splitlines()[: 10 * _SAMPLE_LINES]:
        begun += line
        if begun.count('"') % 2:
            continue
        whole.append(begun)
        begun = ""
        if len(whole) == _SAMPLE_LINES:
            break
    return text.splitlines()[:_SAMPLE_LINES] if begun else whole


def _outside_quotes(line: str, delimiter: str) -> int:
    inside, count = False, 0
    for mark in line:
        if mark == '"':
            inside = not inside
        elif mark == delimiter and not inside:
            count += 1
    return count


def _open_quote(text: str, delimiter: str) -> int | None:
    """The line of a quote that opens a cell and is never closed; the reader would swallow the rest of the file."""
    opened: int | None = None
    line, at_start, position = 1, True, 0
    while position < len(text):
        mark = text[position]
        if opened is not None:
            if mark == '"':
                if text[position + 1 : position + 2] == '"':
                    position += 1
                else:
                    opened = None
        elif mark == '"' and at_start:
            opened = line
        at_start = opened is None and (mark == delimiter or mark in "\r\n")
        line += mark == "\n"
        position += 1
    return opened
