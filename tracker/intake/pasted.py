"""A table pasted from a spreadsheet or a word processor: lines of cells with tabs between them."""

from __future__ import annotations

import csv
import io


def as_csv(text: str) -> bytes:
    """Pasted cells as a CSV file that reads the same however their text looks; without a tab, the text itself.

    A spreadsheet puts quotes around a cell that holds a line break; other programs leave quotes as they are.

    >>> as_csv('Nhiệm vụ\\tHạn\\n"hai\\ndòng"\\t5; 6').decode()
    '"Nhiệm vụ";"Hạn"\\r\\n"hai\\ndòng";"5; 6"\\r\\n'
    """
    if "\t" not in text:
        return text.encode()
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        lines = [line.split("\t") for line in text.splitlines()]
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=";", quoting=csv.QUOTE_ALL).writerows(lines)
    return written.getvalue().encode()
