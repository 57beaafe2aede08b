"""Sentences as values: a catalogue key with its parameters, so the domain explains without a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, TypeAlias

Param: TypeAlias = "str | int | date | time | Sentence"


@dataclass(frozen=True)
class Sentence:
    """One sentence or part of one: the key in the catalogues and what fills it, other sentences included."""

    key: str
    params: Mapping[str, Param] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; dates, times and parts are tagged."""
        return {"key": self.key, "params": {name: _pack(value) for name, value in self.params.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sentence:
        """Back from `to_json`."""
        return cls(data["key"], {name: _unpack(value) for name, value in data["params"].items()})


Words: TypeAlias = tuple[Sentence, ...]


def say(key: str, **params: Param) -> Sentence:
    """A sentence, its parameters by name."""
    return Sentence(key, params)


def words_to_json(words: Words) -> list[dict[str, Any]]:
    """Sentences as plain JSON."""
    return [sentence.to_json() for sentence in words]


def words_from_json(data: list[dict[str, Any]]) -> Words:
    """Back from `words_to_json`."""
    return tuple(Sentence.from_json(item) for item in data)


def _pack(value: Param) -> object:
    if isinstance(value, Sentence):
        return {"sentence": value.to_json()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, time):
        return {"time": value.strftime("%H:%M")}
    return value


def _unpack(value: Any) -> Param:
    if isinstance(value, dict):
        if "sentence" in value:
            return Sentence.from_json(value["sentence"])
        if "date" in value:
            return date.fromisoformat(value["date"])
        return time.fromisoformat(value["time"])
    return value if isinstance(value, int) else str(value)
