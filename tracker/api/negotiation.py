"""What a client asks to be given: a language by Accept-Language, a media type by Accept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracker.i18n import DEFAULT_LANGUAGE, LANGUAGES, Language

_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def _wanted(header: str) -> list[tuple[str, float]]:
    """The values of a header with their quality, best first; a malformed quality counts as 1."""
    found: list[tuple[str, float]] = []
    for part in header[:1000].split(","):
        value, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not value:
            continue
        quality = 1.0
        for parameter in parameters:
            if match := _QUALITY.fullmatch(parameter):
                quality = float(match.group(1))
        found.append((value, quality))
    return sorted(found, key=lambda pair: -pair[1])


def language_of(accept_language: str | None, default: Language = DEFAULT_LANGUAGE) -> Language:
    """The best language we speak; anything else, or nonsense, gives `default`.

    >>> language_of("fr, en-GB;q=0.8, vi;q=0.5"), language_of("../../"), language_of(None)
    ('en', 'vi', 'vi')
    """
    for value, quality in _wanted(accept_language or ""):
        for language in LANGUAGES:
            if quality > 0 and value.partition("-")[0] == language:
                return language
    return default


def media_type_of(accept: str | None, offered: Sequence[str]) -> str | None:
    """The first offered type that the client likes best; None when it refuses them all (406).

    >>> media_type_of("text/html, application/json;q=0.9", ["application/json"])
    'application/json'
    >>> media_type_of("text/csv", ["application/json"]) is None
    True
    >>> media_type_of("*/*;q=abc", ["application/json", "text/csv"])
    'application/json'
    """
    wanted = _wanted(accept or "") or [("*/*", 1.0)]
    refused = {value for value, quality in wanted if quality == 0}
    for value, quality in wanted:
        if quality == 0:
            continue
        for media_type in offered:
            family = media_type.partition("/")[0] + "/*"
            if media_type not in refused and value in (media_type, family, "*/*"):
                return media_type
    return None
