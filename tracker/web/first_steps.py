"""The first steps of a new installation: what is done, what is missing, and where to do it."""

from __future__ import annotations

from dataclasses import dataclass

from tracker.db.reads_first_steps import Installation, read_installation
from tracker.web.page import Page


@dataclass(frozen=True)
class Step:
    """One step: whether it is done, what it is, and the page where it is done."""

    is_done: bool
    name: str
    note: str
    href: str


async def steps_of(page: Page) -> list[Step]:
    """The steps that this reader sees, in their order; empty once a directive is recorded and all is done."""
    if not page.is_secretariat:
        return []
    found = await read_installation(page.today.year)
    steps = _steps(page, found)
    return [] if all(step.is_done for step in steps) else steps


def _steps(page: Page, found: Installation) -> list[Step]:
    has_mail = page.state.settings.smtp_host is not None
    silent = found.agencies_without_contact
    unconfirmed = ", ".join(str(year) for year in found.unconfirmed_years)
    return [
        Step(has_mail, page.s("first.mail"), page.s("first.mail.note"), "/he-thong"),
        Step(
            found.years == 2 and not unconfirmed,
            page.s("first.calendar"),
            page.s("first.calendar.unconfirmed", years=unconfirmed)
            if unconfirmed
            else page.s("first.calendar.note"),
            "/thiet-lap/lich-lam-viec",
        ),
        Step(
            found.agencies > 0 and silent == 0,
            page.s("first.agencies"),
            page.s("first.agencies.silent", count=page.number(silent))
            if silent
            else page.s("first.agencies.note"),
            "/co-quan",
        ),
        Step(found.secretariat > 0, page.s("first.people"), page.s("first.people.note"), "/nguoi"),
        Step(found.directives, page.s("first.directive"), page.s("first.directive.note"), "/van-ban/moi"),
    ]
