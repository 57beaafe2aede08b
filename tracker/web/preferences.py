"""What reaches me, how, in which language; and the switch for keys of single letters."""

from __future__ import annotations

from dataclasses import dataclass, replace

from litestar import Response, get, post

from tracker.actions import officials as officials_actions
from tracker.actions import unwanted_mail as actions
from tracker.db import reads_api
from tracker.domain.directory import Role
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.unwanted_mail import OptionalMail, offered_to
from tracker.i18n import LANGUAGES
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import KEYS_COOKIE, LANGUAGE_COOKIE, Page, open_page
from tracker.web.state import WebRequest
from tracker.web.wording import clock

PATH = "/toi/thong-bao"
YEAR_SECONDS = 365 * 24 * 3600
_DUTY_MAIL: dict[Role, tuple[str, ...]] = {
    Role.AGENCY_OFFICER: ("assigned", "digest", "moved", "answers", "explanations", "sessions"),
    Role.AGENCY_LEADER: ("escalated", "moved", "answers", "sessions"),
    Role.SECRETARIAT: ("review", "requests", "undeliverable", "sessions"),
    Role.ADMINISTRATOR: ("undeliverable", "account"),
    Role.MEMBER: ("escalated", "sessions"),
    Role.INSPECTOR: ("account", "sessions"),
}


@dataclass(frozen=True)
class Wish:
    """A kind of mail that can be switched."""

    kind: str
    name: str
    hint: str
    is_wanted: bool


@get(PATH, include_in_schema=False)
async def preferences(request: WebRequest) -> Response[bytes]:
    """What reaches me, and how?"""
    page = await open_page(request)
    return await _show(page, None)


async def _show(page: Page, form: Form | None, status: int = 200) -> Response[bytes]:
    page.shown_path = PATH
    actor = page.actor
    assert actor.official_id is not None
    view = await reads_api.get_official_view(actor, actor.official_id)
    unwanted = await actions.list_own(actor)
    hour = clock(page.state.settings.digest_time)
    return page.render(
        "preferences.html",
        status=status,
        person=view,
        form=form or Form({"ngon-ngu": view.language}),
        hour=hour,
        duty=[
            (page.s(f"prefs.duty.{name}"), page.s(f"prefs.duty.{name}.when", hour=hour))
            for name in _DUTY_MAIL[actor.role]
        ],
        wishes=[
            Wish(
                kind.value,
                page.s(f"prefs.mail.{kind.value}"),
                page.s(f"prefs.mail.{kind.value}.hint"),
                kind not in unwanted if form is None else kind.value in form.many("thu"),
            )
            for kind in offered_to(actor.role)
        ],
        languages=[(code, page.s(f"people.language.{code}")) for code in LANGUAGES],
        has_keys=page.has_keys if form is None else form.has("phim-tat"),
        is_away=view.absent_from is not None and view.absent_to is not None and view.absent_to >= page.today,
        submission=new_submission(),
    )


@post(PATH, include_in_schema=False)
async def change(request: WebRequest) -> Response[bytes]:
    """Save all of it at once."""
    page = await open_page(request)
    actor = page.actor
    assert actor.official_id is not None
    form = await read_form(page, repeatable=frozenset({"thu"}))
    view = await reads_api.get_official_view(actor, actor.official_id)
    language = form.text("ngon-ngu")
    wanted = set(form.many("thu"))
    unwanted = [kind.value for kind in OptionalMail if kind in offered_to(actor.role) and kind not in wanted]
    try:
        if language != view.language:
            draft = replace(officials_actions.draft_of(view), language=language)
            await officials_actions.change(actor, view.id, draft, form.version(), page.now)
        await actions.choose(actor, unwanted, page.now)
    except Invalid as error:
        form.take(error, {"/language": "ngon-ngu"})
        return await _show(page, form, 422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show(page, form, 409)
    # A browser that was told otherwise by ?lang= follows the choice from now on.
    page.set_cookie(LANGUAGE_COOKIE, language, YEAR_SECONDS)
    page.set_cookie(KEYS_COOKIE, "1" if form.has("phim-tat") else "0", YEAR_SECONDS)
    return page.see(PATH, "notice.preferences_saved")


routes = [preferences, change]
