"""What text may be stored: composed, trimmed, visible, and of a length its field can hold."""

from __future__ import annotations

import re
import unicodedata

from tracker.domain.errors import Invalid

_SHOWN = 60
# Marks that reverse or isolate the direction of what follows: text would not read as it is stored.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Seen by nobody: zero-width characters, fillers, the soft hyphen, the byte-order mark.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2064\u3164\ufeff\uffa0]"
)
_BLANKS = re.compile(r"[^\S\n]+")


# Stream-safe text (UAX #15) has at most thirty marks on one letter; Vietnamese has two.
MOST_MARKS = 30


class TextInvalid(Invalid):
    """A text cannot be stored; each problem names the field, the value shortened, and what is expected."""

    code = "text_invalid"


def endless_marks(text: str) -> int | None:
    """Where more marks than any script needs stand on one letter; None in text that people write.

    Ask before composing: the time of `unicodedata.normalize` grows with the square of such a run.

    >>> endless_marks("Bo\u0323\u0302"), endless_marks("e" + "\u0301" * 31)
    (None, 31)
    """
    if text.isascii():
        return None
    run = 0
    for position, order in enumerate(map(unicodedata.combining, text)):
        run = run + 1 if order else 0
        if run > MOST_MARKS:
            return position
    return None


def clean_text(value: object, field: str, max_length: int, *, allow_newlines: bool = False) -> str:
    """`value` composed (NFC) and trimmed, tabs and odd blanks as plain blanks.

    `field` is a JSON pointer, `max_length` counts characters after composing.
    Raises TextInvalid with the code text_expected, text_character, text_required or text_too_long.

    >>> clean_text("  Bo\u0323\u0302 Y te\u0302\u0301 ", "/name", 40)
    'Bộ Y tế'
    """
    if not isinstance(value, str):
        raise TextInvalid.one(field, "text_expected", shortened(str(value)), max_length=max_length)
    text = value.replace("\r\n", "\n").replace("\r", "\n") if allow_newlines else value
    for position, mark in enumerate(text):
        if _is_refused(mark, allow_newlines):
            raise TextInvalid.one(
                field,
                "text_character",
                shortened(value),
                character=f"U+{ord(mark):04X}",
                position=position + 1,
            )
    endless = endless_marks(text)
    if endless is not None:
        mark = f"U+{ord(text[endless]):04X}"
        raise TextInvalid.one(field, "text_character", shortened(value), character=mark, position=endless + 1)
    text = _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if not _INVISIBLE.sub("", text).strip():
        raise TextInvalid.one(field, "text_required", shortened(value), max_length=max_length)
    if len(text) > max_length:
        raise TextInvalid.one(
            field, "text_too_long", shortened(text), max_length=max_length, length=len(text)
        )
    return text


def shortened(value: str) -> str:
    """The value as an error may show it: at most sixty characters, nothing that cannot be printed or encoded.

    >>> shortened("x" * 100)[-3:], len(shortened("x" * 100))
    ('xx…', 60)
    """
    cut = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape").decode("ascii") for mark in cut
    )


def _is_refused(mark: str, allow_newlines: bool) -> bool:
    if mark == "\n":
        return not allow_newlines
    if mark == "\t":
        return False
    # Cc: controls, NUL included. Cs: lone surrogates. Zl, Zp: U+2028 and U+2029. Last: what is no character.
    return (
        mark in _DIRECTION
        or unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp")
        or (ord(mark) & 0xFFFE) == 0xFFFE
        or 0xFDD0 <= ord(mark) <= 0xFDEF
    )
