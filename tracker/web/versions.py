"""Two versions side by side: what was typed here, what somebody else saved meanwhile, and a choice for each field.

A form that uses this carries, beside its fields, what each field held when it was opened (`goc-<field>`). When
somebody else was first, `compare` tells the fields apart: those that only one of the two changed need no choice,
for the others `chon-<field>` says whose words stay. Nothing is saved until the choice is sent with the new version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from tracker.web.forms import Form
from tracker.web.page import Page

MINE, THEIRS = "cua-toi", "cua-ho"


@dataclass(frozen=True)
class Difference:
    """A field in both versions. `needs_choice` when both changed it; else `kept` says whose words stay."""

    name: str
    label: str
    mine: str
    theirs: str
    needs_choice: bool
    kept: str = ""


@dataclass(frozen=True)
class Versions:
    """What two people made of one thing: who was first, when, and where they differ."""

    said: Markup
    differences: list[Difference]

    @property
    def has_choice(self) -> bool:
        """Whether somebody has to choose."""
        return any(difference.needs_choice for difference in self.differences)


def compare(
    page: Page,
    form: Form,
    labels: Mapping[str, str],
    theirs: Mapping[str, str],
    who: str,
    at: datetime,
    shown: Mapping[str, Mapping[str, str]] | None = None,
) -> Versions:
    """The fields of `form` that differ from what stands now; `shown` words the values of fields that are choices."""
    found = []
    for name, label in labels.items():
        mine, stands, base = form.text(name), theirs[name].strip(), form.text(f"goc-{name}")
        if mine == stands:
            continue
        words = (shown or {}).get(name, {})
        kept = THEIRS if mine == base else MINE if stands == base else ""
        found.append(
            Difference(name, label, words.get(mine, mine), words.get(stands, stands), not kept, kept)
        )
    return Versions(page.t("versions.said", who=who, moment=page.moment(at)), found)


def settle(form: Form, names: Sequence[str], stands: Mapping[str, str]) -> None:
    """Carry out what was chosen: a field for which the other version was taken holds what stands now."""
    for name in names:
        if form.text(f"chon-{name}") == THEIRS:
            form.values[name] = stands[name]


def prepare(form: Form, names: Sequence[str], stands: Mapping[str, str], versions: Versions) -> None:
    """Make the form ready to be sent over what stands now: what only the others changed is taken over."""
    kept = {difference.name: difference.kept for difference in versions.differences}
    for name in names:
        if kept.get(name) == THEIRS:
            form.values[name] = stands[name]
        form.values[f"goc-{name}"] = stands[name]
