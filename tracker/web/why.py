"""Why an agency got a reminder, or did not: what was sent, what failed, what was left out and why, what comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import Response, get
from markupsafe import Markup

from tracker.actions.explain import Explanation, explain
from tracker.db import reads_web
from tracker.db.agencies import Contact, list_people_of
from tracker.db.assignments import Assignment, get_assignment, list_for_task
from tracker.db.calendar import load_calendar
from tracker.domain.access import Verb, may, require
from tracker.domain.assignments import OPEN_STATES, State
from tracker.domain.errors import NotFound
from tracker.domain.moments import Hours
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.timeline import Item, Story, story_of
from tracker.web.wording import Chip

_GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("failed", "nomail", ("failed",)),
    ("pending", "wait", ("pending", "held")),
    ("next", "next", ("next",)),
    ("left_out", "nomail", ("suppressed", "superseded")),
    ("sent", "mail", ("sent",)),
)
"""What waits for somebody first: what did not arrive, what may, what will, what need not, and what has."""


@dataclass(frozen=True)
class Group:
    """Letters and steps of one fate, newest first; what comes, nearest first."""

    code: str
    icon: str
    title: str
    items: list[Item]


@dataclass(frozen=True)
class Other:
    """Another agency's part in the same task: the same question there."""

    href: str
    agency: str
    chip: Chip


async def _asked(page: Page) -> Assignment:
    """Which assignment is asked about: `viec` is its id, with `co-quan` the task's; `nhiem-vu` is a task's alone."""
    if task := page.query.get("nhiem-vu"):
        rows = await list_for_task(page.actor, parse_id(task))
        if not rows:
            raise NotFound(noun="task", id=task[:40])
        return next((row for row in rows if row.state in OPEN_STATES), rows[0])
    wanted = parse_id(page.query.get("viec", ""))
    code = page.query.get("co-quan")
    if code is None:
        return await get_assignment(page.actor, wanted)
    given = page.query.get("lan")
    occurrence = parse_id(given) if given else None
    if occurrence is not None and occurrence > 100_000:
        raise NotFound(noun="assignment")
    return await reads_web.find_assignment_at(page.actor, wanted, code[:40], occurrence)


@get("/vi-sao", include_in_schema=False)
async def why(request: WebRequest) -> Response[bytes]:
    """Why did the agency get a reminder, or none?"""
    page = await open_page(request)
    require(page.actor, Verb.READ_HISTORY)
    row = await _asked(page)
    calendar = await load_calendar()
    told = await explain(page.actor, row.id, page.now, Hours(digest=page.state.settings.digest_time))
    story = story_of(page, told)
    groups = _groups(page, story)
    people = (await list_people_of(page.actor, [row.agency_id])).get(row.agency_id, ())
    others = [o for o in await list_for_task(page.actor, row.task_id) if o.id != row.id]
    contacts = [person for person in people if person.duty is not None]
    return page.render(
        "why.html",
        a=row,
        href=path_of(row),
        chip=chip_of(page, row, calendar),
        verdict=_verdict(page, told, groups, contacts),
        groups=groups,
        contacts=contacts,
        others=[Other(f"/vi-sao?viec={o.id}", o.agency_name, chip_of(page, o, calendar)) for o in others],
        is_desk=may(page.actor, Verb.READ_OPERATIONS),
    )


def _groups(page: Page, story: Story) -> list[Group]:
    items = [item for item in story.past if item.fate]
    found = []
    for code, icon, fates in _GROUPS:
        among = story.coming if code == "next" else [item for item in items if item.fate in fates]
        if among:
            found.append(Group(code, icon, page.s(f"why.{code}", count=page.number(len(among))), list(among)))
    return found


def _verdict(
    page: Page, told: Explanation, groups: Sequence[Group], contacts: Sequence[Contact]
) -> list[str | Markup]:
    """The answer in a few sentences, the weightiest first."""
    by_code = {group.code: group.items for group in groups}
    said: list[str | Markup] = []
    if told.is_paused:
        said.append(page.s("why.says.paused"))
    if told.assignment.state not in OPEN_STATES:
        said.append(page.s("why.says.closed"))
    elif told.assignment.state is State.REPORTED:
        said.append(page.reason("no", "awaiting_confirmation"))
    if not contacts:
        said.append(page.s("why.says.nobody"))
    elif all(person.is_dead for person in contacts):
        said.append(page.s("why.says.all_dead"))
    elif dead := [person.name for person in contacts if person.is_dead]:
        said.append(page.s("why.says.dead", names=", ".join(dead)))
    if failed := by_code.get("failed"):
        said.append(page.t("why.says.failed", when=failed[0].when))
    if pending := by_code.get("pending"):
        said.append(page.t("why.says.pending", when=pending[0].when))
    if sent := by_code.get("sent"):
        said.append(page.t("why.says.sent", count=page.number(len(sent)), when=sent[0].when))
    else:
        said.append(page.s("why.says.none_sent"))
    if (coming := by_code.get("next")) and told.assignment.state is not State.REPORTED:
        said.append(page.t("why.says.next", when=coming[0].when, what=coming[0].what))
    return said


routes = [why]
