"""One search over tasks, directives, agencies and people: what fits best first, and only what the viewer may see.

Every word of the question has to stand in what is found, as the beginning of a word, without case and diacritics.
A person of an agency looks through row-level security, under which PostgreSQL may not ask the index of words first;
their own rows are few, so these are read and compared with LIKE, which asks the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tracker.db.assignments import OPEN, SELECT, Assignment, from_row
from tracker.db.engine import fetch
from tracker.db.visibility import visible_to
from tracker.db.words import like_words
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.search import query_words, word_query

MOST_RANKED = 2_000
"""A question that fits more tasks than these is answered from the newest of them: nobody reads that far."""


@dataclass(frozen=True, slots=True)
class FoundTask:
    """A task that fits, with the foremost of its assignments that the viewer may see, and how many these are."""

    id: int
    short_name: str
    full_text: str
    restricted: bool
    foremost: Assignment
    agencies: int


@dataclass(frozen=True, slots=True)
class FoundDirective:
    """A directive that fits."""

    id: int
    number: str
    kind: str
    issued_on: date
    issuer: str
    abstract: str


@dataclass(frozen=True, slots=True)
class FoundAgency:
    """An agency that fits, with the open assignments that the viewer may see there."""

    id: int
    code: str
    name: str
    short_name: str
    valid_to: date | None
    open: int


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person who fits."""

    id: int
    full_name: str
    position: str
    agency_id: int | None
    agency: str


# The phrase as it was typed, early in the text, where the name stands; then the newest.
_PLACE = "coalesce(nullif(strpos(' ' || search_key, ' ' || $1), 0), 100000)"


async def search_tasks(
    viewer: Actor, question: str, *, limit: int = 10, across: bool = True
) -> list[FoundTask]:
    """Tasks whose words fit, best first; where none does, those whose directive or agency has the other words.

    Without `across` only what the task itself says counts, for one's own tasks too.
    """
    words = query_words(question)
    if not words:
        return []
    if viewer.role in AGENCY_ROLES:
        ids = await _own_tasks(viewer, words, limit, across)
    else:
        ids = await _all_tasks(words, limit)
        if across and not ids and len(words) > 1:
            ids = await _across(words, limit)
    return await _with_foremost(viewer, ids[:limit])


async def _all_tasks(words: Sequence[str], limit: int) -> list[int]:
    rows = await fetch(
        f"""
        SELECT id FROM (
            SELECT id, search_key FROM task WHERE to_tsvector('simple', search_key) @@ to_tsquery('simple', $2)
            ORDER BY id DESC LIMIT {MOST_RANKED}
        ) found ORDER BY {_PLACE}, id DESC LIMIT $3
        """,
        " ".join(words),
        " & ".join(f"({word_query(word)})" for word in words),
        limit,
    )
    return [row["id"] for row in rows]


async def _across(words: Sequence[str], limit: int) -> list[int]:
    """Tasks by some of the words, at the agency or from the directive that the others name: "y te chung thu".

    The longer the part that names one, the better.
    """
    for cut in range(len(words) - 1, 0, -1):
        for part, rest in ((words[:cut], words[cut:]), (words[-cut:], words[:-cut])):
            agencies, directives = await _named(part)
            if agencies or directives:
                rows = await fetch(
                    """
                    SELECT t.id FROM task t
                    WHERE to_tsvector('simple', t.search_key) @@ to_tsquery('simple', $1)
                      AND (t.directive_id = ANY($2::bigint[]) OR EXISTS (
                          SELECT 1 FROM assignment a WHERE a.task_id = t.id AND a.agency_id = ANY($3::bigint[])))
                    ORDER BY t.id DESC LIMIT $4
                    """,
                    " & ".join(f"({word_query(word)})" for word in rest),
                    directives,
                    agencies,
                    limit,
                )
                if rows:
                    return [row["id"] for row in rows]
    return []


async def _named(part: Sequence[str]) -> tuple[list[int], list[int]]:
    """The agencies that have these words in their names, and the directives whose number begins so."""
    likes, patterns = like_words(part, 1)
    agencies = await fetch(
        f"SELECT id FROM (SELECT g.id, ' ' || g.search_key AS key FROM agency g) found WHERE {likes} LIMIT 50",
        *patterns,
    )
    directives = []
    if part[0].isdigit():
        directives = await fetch(
            "SELECT d.id FROM directive d WHERE starts_with(replace(d.search_key, ' ', ''), $1) LIMIT 200",
            "".join(part),
        )
    return [row["id"] for row in agencies], [row["id"] for row in directives]


_AROUND = "|| ' ' || d.search_key || ' ' || o.names"


async def _own_tasks(viewer: Actor, words: Sequence[str], limit: int, across: bool) -> list[int]:
    likes, patterns = like_words(words, 3)
    around = _AROUND if across else ""
    visible, more = visible_to(viewer, "a", first=3 + len(patterns))
    rows = await fetch(
        f"""
        SELECT id FROM (
            SELECT t.id, t.search_key, ' ' || t.search_key {around} AS key
            FROM (SELECT a.task_id, string_agg(g.search_key, ' ') AS names
                  FROM assignment a JOIN agency g ON g.id = a.agency_id WHERE {visible} GROUP BY 1) o
            JOIN task t ON t.id = o.task_id JOIN directive d ON d.id = t.directive_id
        ) own WHERE {likes} ORDER BY {_PLACE}, id DESC LIMIT $2
        """,
        " ".join(words),
        limit,
        *patterns,
        *more,
    )
    return [row["id"] for row in rows]


async def _with_foremost(viewer: Actor, ids: Sequence[int]) -> list[FoundTask]:
    """Each task with its foremost assignment: an open one that leads, the one due first. In the order of `ids`."""
    visible, more = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT DISTINCT ON (r.task_id) r.* FROM (
            SELECT s.*, count(*) OVER (PARTITION BY s.task_id) AS agencies
            FROM ({SELECT} WHERE a.task_id = ANY($1::bigint[]) AND {visible}) s
        ) r
        ORDER BY r.task_id, (r.state IN {OPEN}) DESC, (r.part <> 'cooperating') DESC, r.due_on, r.id
        """,
        list(ids),
        *more,
    )
    found = {row["task_id"]: (from_row(row), row["agencies"]) for row in rows}
    return [
        FoundTask(task_id, first.short_name, first.full_text, first.restricted, first, count)
        for task_id in ids
        if task_id in found
        for first, count in (found[task_id],)
    ]


async def search_directives(viewer: Actor, question: str, *, limit: int = 6) -> list[FoundDirective]:
    """Directives whose number or words fit: the number as it was typed first, then the newest."""
    words = query_words(question)
    if not words:
        return []
    likes, patterns = like_words(words, 3)
    seen, more = "true", list[object]()
    if viewer.role in AGENCY_ROLES:
        visible, more = visible_to(viewer, "a", first=3 + len(patterns))
        seen = f"id IN (SELECT a.directive_id FROM assignment a WHERE {visible})"
    rows = await fetch(
        f"""
        SELECT id, number, kind, issued_on, issuer, abstract FROM (
            SELECT d.*, ' ' || d.search_key AS key, replace(d.search_key, ' ', '') AS compact FROM directive d
        ) found
        WHERE {seen} AND (({likes}) OR starts_with(compact, $1))
        ORDER BY starts_with(compact, $1) DESC, issued_on DESC, id DESC LIMIT $2
        """,
        "".join(words),
        limit,
        *patterns,
        *more,
    )
    return [FoundDirective(*row.values()) for row in rows]


async def search_agencies(viewer: Actor, question: str, *, limit: int = 5) -> list[FoundAgency]:
    """Agencies whose name, short name or code fits: those in force first. Everybody may know them all."""
    words = query_words(question)
    if not words:
        return []
    likes, patterns = like_words(words, 3)
    visible, more = visible_to(viewer, "a", first=3 + len(patterns))
    rows = await fetch(
        f"""
        SELECT id, code, name, short_name, valid_to,
               (SELECT count(*) FROM assignment a WHERE a.agency_id = found.id AND a.state IN {OPEN} AND {visible})
        FROM (SELECT g.*, ' ' || g.search_key AS key FROM agency g) found WHERE {likes}
        ORDER BY (valid_to IS NULL) DESC, strpos(key, ' ' || $1) <> 1, length(search_key), sort_key, id LIMIT $2
        """,
        " ".join(words),
        limit,
        *patterns,
        *more,
    )
    return [FoundAgency(*row.values()) for row in rows]


async def search_people(viewer: Actor, question: str, *, limit: int = 5) -> list[FoundPerson]:
    """People in office whose name, position or address fits, as far as the viewer may know of them."""
    words = query_words(question)
    if not words:
        return []
    likes, patterns = like_words(words, 3)
    known = "true"
    more: list[object] = []
    if viewer.role in AGENCY_ROLES:
        more = [sorted(viewer.visible_agency_ids)]
        known = f"agency_id = ANY(${3 + len(patterns)}::bigint[])"
    rows = await fetch(
        f"""
        SELECT id, full_name, position, agency_id, agency FROM (
            SELECT o.*, ' ' || translate(o.search_key, '.@-_', '    ') AS key, coalesce(g.name, '') AS agency
            FROM official o LEFT JOIN agency g ON g.id = o.agency_id WHERE o.is_active
        ) found WHERE {likes} AND {known} ORDER BY strpos(key, ' ' || $1) = 0, sort_key, id LIMIT $2
        """,
        " ".join(words),
        limit,
        *patterns,
        *more,
    )
    return [FoundPerson(*row.values()) for row in rows]
