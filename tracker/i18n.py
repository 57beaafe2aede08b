"""The message catalogues: every sentence a user reads, in Vietnamese and English.

One flat JSON file per area in `locale/<language>/`; a key is unique over all areas.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = ("vi", "en")
DEFAULT_LANGUAGE: Language = "vi"


@cache
def catalogue(language: Language) -> dict[str, str]:
    """All sentences of one language; a key that two areas define is an error at start."""
    merged: dict[str, str] = {}
    for entry in sorted(files("tracker").joinpath("locale", language).iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".json"):
            continue
        area: dict[str, str] = json.loads(entry.read_text("utf-8"))
        doubled = merged.keys() & area.keys()
        if doubled:
            raise ValueError(f"catalogue {language}/{entry.name} repeats {sorted(doubled)}")
        merged.update(area)
    return merged


def text(language: Language, key: str, **params: object) -> str:
    """The sentence for `key`, its `{parameters}` filled in. Raises KeyError for an unknown key."""
    return catalogue(language)[key].format_map(params)


def has(key: str) -> bool:
    """Whether the catalogues know `key`."""
    return key in catalogue(DEFAULT_LANGUAGE)
