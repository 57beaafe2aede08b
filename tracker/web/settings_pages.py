"""What can be set, and where: one page of plain sentences with how each stands."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Response, get
from markupsafe import Markup

from tracker.actions import working_days
from tracker.actions.issuer import issuer_of
from tracker.db import ladders as ladders_db
from tracker.db import reads_settings
from tracker.domain.access import Verb, may, require
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest


@dataclass(frozen=True)
class Line:
    """One place to go: its name, how it stands, and what there needs somebody."""

    href: str
    name: str
    stands: Markup
    needs: tuple[Markup, ...] = ()


@dataclass(frozen=True)
class Group:
    """Some places under one heading."""

    key: str
    name: str
    lines: tuple[Line, ...]


@get("/thiet-lap", include_in_schema=False)
async def settings(request: WebRequest) -> Response[bytes]:
    """What can be set here, and does anything need me?"""
    page = await open_page(request)
    require(page.actor, Verb.READ_OPERATIONS)
    groups = [
        Group("quy-tac", page.s("settings.rules"), (*await _ladders(page), await _days(page))),
        Group("nguoi", page.s("settings.people"), await _people(page)),
        Group("van-ban", page.s("issuer.h.head"), await _issuer(page)),
        Group("ket-noi", page.s("settings.links"), _links(page)),
    ]
    return page.render("settings.html", groups=groups)


async def _ladders(page: Page) -> list[Line]:
    heads = await ladders_db.list_version_heads()
    lines = []
    for ladder in await ladders_db.list_ladders():
        own = [head for head in heads if head.code == ladder.code]
        newest, older = own[0], sum(head.open_assignments for head in own[1:])
        if ladder.version != newest.version:
            continue
        stands = page.t(
            "settings.ladder_now",
            version=newest.version,
            steps=len(ladder.steps),
            count=page.number(newest.open_assignments),
        )
        needs = (page.t("settings.ladder_older", count=page.number(older)),) if older else ()
        name = page.s("settings.ladder") if len(heads) == len(own) else newest.name
        lines.append(Line(f"/thiet-lap/thang/{ladder.code}", name, stands, needs))
    return lines


async def _days(page: Page) -> Line:
    year = page.today.year
    _, marks, years = await working_days.list_days(page.actor, year)
    known = {each.year: each for each in years}
    off = sum(mark.kind == "off" and day.weekday() < 5 for day, mark in marks)
    made = sum(mark.kind == "work" and day.weekday() >= 5 for day, mark in marks)
    needs = []
    for each in (year, year + 1):
        if each not in known:
            needs.append(page.t("settings.days_missing", year=each))
        elif not known[each].confirmed:
            needs.append(page.t("settings.days_projected", year=each))
    stands = page.t("settings.days_now", year=year, off=off, made=made)
    return Line("/thiet-lap/lich-lam-viec", page.s("settings.days"), stands, tuple(needs))


async def _people(page: Page) -> tuple[Line, ...]:
    reach = await reads_settings.count_reach(page.today)
    needs: tuple[Markup, ...] = ()
    if reach.lacking:
        needs = (page.t("settings.agencies_lacking", count=page.number(reach.lacking)),)
    stands = page.t("settings.agencies_now", count=page.number(reach.existing))
    lines = [Line("/co-quan", page.s("settings.agencies"), stands, needs)]
    if may(page.actor, Verb.MANAGE_PEOPLE):
        lines.append(Line("/nguoi", page.s("settings.person"), page.t("settings.person_now")))
    if may(page.actor, Verb.MANAGE_AGENCIES):
        lines.append(
            Line("/co-quan/ke-thua", page.s("settings.succession"), page.t("settings.succession_now"))
        )
    return tuple(lines)


async def _issuer(page: Page) -> tuple[Line, ...]:
    stands = await issuer_of()
    told = page.t("settings.issuer_now", body=stands.body, code=stands.code, city=stands.city)
    return (Line("/thiet-lap/noi-ban-hanh", page.s("settings.issuer"), told),)


def _links(page: Page) -> tuple[Line, ...]:
    return (Line("/toi/ma-truy-cap", page.s("settings.tokens"), page.t("settings.tokens_now")),)


routes = [settings]
