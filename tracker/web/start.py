"""The door: to everybody's first page, the demonstration's people and clock, the help page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

from litestar import Response, get, post

from tracker import clock
from tracker.actions import demo_clock, sessions
from tracker.db import reads_web
from tracker.domain.errors import NotFound
from tracker.domain.zone import at_official, civil_day
from tracker.web import wording
from tracker.web.forms import Form, read_form
from tracker.web.page import Page, local_path, open_page, parse_id, real_now
from tracker.web.state import WebRequest, state_of
from tracker.web.wording import Chip

MOST_DAYS_AT_ONCE = 30


@dataclass(frozen=True)
class PersonaGroup:
    """People of one role whom a visitor may play."""

    role: str
    does: str
    people: list[reads_web.Visitor]


@get("/", include_in_schema=False)
async def home(request: WebRequest) -> Response[bytes]:
    """To the reader's first page; a visitor of the demonstration chooses who to be."""
    page = await open_page(request)
    if page.visitor is not None:
        return page.see(page.home)
    if page.is_demonstration:
        return await choose(page, Form({}))
    return page.see("/dang-nhap" if page.enrolling is None else "/toi/bao-mat/hai-buoc")


async def choose(page: Page, form: Form) -> Response[bytes]:
    """The sign-in of the demonstration: choose who to be."""
    personas = await reads_web.list_personas()
    groups = [
        PersonaGroup(page.word("role", role), page.s(f"role.{role}.does"), list(people))
        for role, people in groupby(personas, key=lambda v: v.actor.role)
    ]
    return page.render(
        "start.html",
        status=422 if form.problems else 200,
        form=form,
        groups=groups,
        next=local_path(page.query.get("tiep"), ""),
    )


async def play(page: Page, form: Form) -> Response[bytes]:
    """Be somebody: only in the demonstration, for it proves nothing about the visitor."""
    visitor = await reads_web.find_visitor(parse_id(form.text("nguoi")))
    if visitor is None or visitor.actor.official_id is None:
        raise NotFound(noun="official")
    signed = await sessions.begin(
        visitor.actor.official_id,
        "demonstration",
        ip=page.ip,
        user_agent=page.user_agent,
        now=real_now(),
    )
    assert isinstance(signed, sessions.SignedIn)
    await page.adopt(signed)
    page.visitor = visitor
    return page.see(local_path(form.text("tiep"), page.home))


def _demonstration_only(request: WebRequest) -> None:
    if not state_of(request).is_demonstration:
        raise NotFound()


@post("/dong-ho/tien", include_in_schema=False)
async def step_clock(request: WebRequest) -> Response[bytes]:
    """Move the demonstration's clock; the sweep and the delivery run at once."""
    _demonstration_only(request)
    page = await open_page(request)
    form = await read_form(page)
    days = _days_forward(form)
    if form.problems:
        page.shown_path = "/dang-nhap"
        return await choose(page, form)
    for _ in range(days):
        # One day after the other: each has reminders of its own, and they go at the hour of the digest.
        await demo_clock.step(1)
        morning = at_official(civil_day(clock.utc_now()), page.state.settings.digest_time)
        if clock.utc_now() < morning:
            await demo_clock.start(morning)
        if page.state.after_step is not None:
            await page.state.after_step()
    today = wording.long_day(page.language, civil_day(clock.utc_now()))
    return page.see(local_path(form.text("ve"), "/"), "notice.stepped", day=today)


def _days_forward(form: Form) -> int:
    """How many days to go forward: one unless the form says; a number that cannot be gone is noted."""
    given = form.text("so-ngay") if form.has("so-ngay") else "1"
    if re.fullmatch(r"[0-9]{1,2}", given) and 1 <= int(given) <= MOST_DAYS_AT_ONCE:
        return int(given)
    form.refuse("so-ngay", "form_bad_days", most=MOST_DAYS_AT_ONCE)
    return 0


@get("/tro-giup", include_in_schema=False)
async def help_page(request: WebRequest) -> Response[bytes]:
    """What the words and signs mean."""
    page = await open_page(request)
    samples = (
        ("late", "late", page.days("status.overdue", 25), "overdue"),
        ("soon", "today", page.s("status.due_today_hour", time="17:00"), "due_today"),
        ("soon", "soon", page.days("status.due_soon", 3), "due_soon"),
        ("", "open", page.s("status.on_schedule"), "on_schedule"),
        ("wait", "wait", page.days("status.awaiting_days", 4), "awaiting_confirmation"),
        ("", "back", page.s("status.returned"), "returned"),
        ("done", "done", page.s("status.done_on_time"), "done_on_time"),
        ("", "done", page.days("status.done_late", 12), "done_late"),
        ("out", "out", page.s("status.withdrawn"), "withdrawn"),
    )
    legend = [(Chip(tone, icon, words), page.s(f"legend.{key}")) for tone, icon, words, key in samples]
    return page.render("help.html", legend=legend)


routes = [home, step_clock, help_page]
