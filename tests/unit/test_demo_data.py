"""The packaged data of directory and demonstration: complete, consistent, and in our own words."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tracker.actions.demo import new_task
from tracker.actions.seed import shipped
from tracker.domain.directory import Agency, AgencyKind
from tracker.domain.drafts import NewDirective
from tracker.domain.recording import judge
from tracker.domain.search import search_key
from tracker.shipped import shipped_calendar

SOURCES = Path(__file__).parents[3] / "shared" / "data"
needs_sources = pytest.mark.skipif(
    not SOURCES.exists(), reason="the published texts are not beside the project"
)

DIRECTIVES: list[dict[str, Any]] = shipped("demo/directives.json")["directives"]
TASKS = [(d, t) for d in DIRECTIVES for t in d["tasks"]]


def directory() -> tuple[Agency, ...]:
    data = shipped("agencies.json")
    ids = {a["code"]: n for n, a in enumerate(data["agencies"], start=1)}

    def day(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    return tuple(
        Agency(
            ids[a["code"]],
            a["code"],
            a["name"],
            AgencyKind(a["kind"]),
            day(a.get("valid_from")),
            day(a.get("valid_to")),
            (a["short_name"], *a.get("aliases", ())),
            tuple(ids[s["successor"]] for s in data["successions"] if s["predecessor"] == a["code"]),
        )
        for a in data["agencies"]
    )


AGENCIES = directory()


def kinds_on(day: date) -> Counter[str]:
    return Counter(a.kind.value for a in AGENCIES if a.is_valid_on(day))


def test_the_state_of_2019_and_of_2025() -> None:
    before, after = kinds_on(date(2019, 8, 29)), kinds_on(date(2025, 11, 24))

    assert (before["ministry"], before["ministerial"], before["government_agency"], before["province"]) == (
        18,
        4,
        8,
        63,
    )
    assert (after["ministry"], after["ministerial"], after["government_agency"], after["province"]) == (
        14,
        3,
        5,
        34,
    )


def test_who_ended_has_a_successor_and_only_those() -> None:
    for agency in AGENCIES:
        assert bool(agency.successors) is (agency.valid_until is not None), agency.code


def test_every_row_of_the_directory_names_its_source_and_its_english_name() -> None:
    for row in shipped("agencies.json")["agencies"]:
        assert row["source"], row["code"]
        assert row["name_en"], row["code"]


def test_the_demonstration_is_large_enough() -> None:
    alive = [d for d in DIRECTIVES if d["issued_on"] <= "2025-11-24"]

    assert len(alive) >= 12
    assert sum(len(d["tasks"]) for d in alive) >= 150


@pytest.mark.parametrize("directive", DIRECTIVES, ids=lambda d: d["number"])
def test_every_directive_passes_the_rules_and_resolves_to_its_printed_dates(
    directive: dict[str, Any],
) -> None:
    new = NewDirective(
        directive["number"],
        directive["kind"],
        date.fromisoformat(directive["issued_on"]),
        directive["issuer"],
        directive["abstract"],
        tuple(new_task(directive, task, "") for task in directive["tasks"]),
    )

    judged = judge(new, AGENCIES, shipped_calendar(), date(2025, 12, 1))

    for task, found in zip(directive["tasks"], judged.tasks, strict=True):
        assert len(task["short_name"]) <= 90
        if "due_on" in task:
            assert found.due.due_on == date.fromisoformat(task["due_on"]), task["short_name"]


def test_what_happens_happens_after_the_task_was_given_and_to_those_charged() -> None:
    for directive, task in TASKS:
        for event in task.get("events", ()):
            assert event["on"] >= directive["issued_on"]
            assert event["agency"] in {a.code for a in AGENCIES}


def test_every_mail_address_leads_nowhere() -> None:
    people = shipped("demo/people.json")["officials"]

    assert all(p["email"].endswith(".example") for p in people)
    assert len({p["email"] for p in people}) == len(people)
    charged = {(p.get("agency"), p.get("duty")) for p in people}
    for agency in AGENCIES:
        assert {(agency.code, d) for d in ("focal", "head_of_office", "leader")} <= charged


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).lower()


LONGEST = 60


@needs_sources
def test_no_sentence_is_copied_from_the_directives() -> None:
    annex = json.loads((SOURCES / "overdue_annex_624.json").read_text("utf-8"))
    printed = [r["task"] for r in (*annex["annex_I_overdue"], *annex["annex_II_results"])]
    texts = [p.read_text("utf-8") for p in sorted((SOURCES / "directives").glob("*.txt"))]
    source = _plain("\n".join([*texts, *printed]))
    grams = {source[i : i + LONGEST] for i in range(len(source) - LONGEST + 1)}

    copied = [
        task["short_name"]
        for _, task in TASKS
        for words in (_plain(task["full_text"]), _plain(task["short_name"]))
        if any(words[i : i + LONGEST] in grams for i in range(len(words) - LONGEST + 1))
    ]

    assert copied == []


@needs_sources
def test_the_official_annex_is_carried_row_by_row() -> None:
    annex = json.loads((SOURCES / "overdue_annex_624.json").read_text("utf-8"))["annex_I_overdue"]
    names = {a.code: a.name for a in AGENCIES}
    ours = {t["annex_row"]: (d, t) for d, t in TASKS if "annex_row" in t}

    assert sorted(ours) == list(range(1, 75))
    for number, row in enumerate(annex, start=1):
        directive, task = ours[number]
        assert task["due_on"] == row["due_iso"]
        cited = row["assigning_document"]
        assert directive["number"] in cited or (directive["number"], cited) == ("02-KH/BCĐTW", "Kế hoạch 02")
        printed = search_key(row["lead"])
        for code in [] if "lead_words" in task else task.get("leads", []):
            assert search_key(names[code]) in printed, number
        for words in (*task.get("lead_classes", ()), *filter(None, [task.get("lead_words")])):
            assert search_key(words).removesuffix(" chu tri") in printed, number
