"""What can go wrong by rule: four kinds, each with a stable code and its parameters.

The HTTP edge alone knows status codes; the catalogues alone know sentences (`errors.json`, key = code).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from typing import ClassVar


class TrackerError(Exception):
    """Base of every refusal by rule; `code` is stable, never translated."""

    code: ClassVar[str] = "error"

    def __init__(self, **params: object) -> None:
        super().__init__(self.code, params)
        self.params: dict[str, object] = params

    def __str__(self) -> str:
        details = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{self.code}({details})"


class NotFound(TrackerError):
    """There is no such thing, or the viewer may not know that there is."""

    code = "not_found"


class NotPermitted(TrackerError):
    """The actor sees the thing but may not do this to it; params: verb, allowed (roles)."""

    code = "not_permitted"


class Conflict(TrackerError):
    """The state of the thing does not allow it now, or somebody was first."""

    code = "conflict"


@dataclass(frozen=True)
class Problem:
    """One bad field: a JSON pointer, a stable code, the value as given, and what the sentence needs."""

    field: str
    code: str
    value: object = None
    params: Mapping[str, object] = with_default(default_factory=dict)


class Invalid(TrackerError):
    """Bad input; `problems` names every field with its value and what was expected."""

    code = "invalid"

    def __init__(self, problems: Iterable[Problem] = (), **params: object) -> None:
        super().__init__(**params)
        self.problems: tuple[Problem, ...] = tuple(problems)

    @classmethod
    def one(cls, field: str, code: str, value: object = None, **params: object) -> Invalid:
        """A refusal for a single field."""
        return cls([Problem(field, code, value, params)])

    def __str__(self) -> str:
        return "; ".join(f"{p.field}: {p.code} ({p.value!r})" for p in self.problems) or super().__str__()


class StaleVersion(Conflict):
    """The row changed since the caller read it; params: current (row_version)."""

    code = "stale_version"
