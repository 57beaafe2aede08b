"""One's own webhooks: made, paused, tried out, given a new secret; and what became of every delivery.

A secret is in the answer that makes it and nowhere else, so there is no redirect after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import webhooks as actions
from tracker.db.webhooks import Delivery, Webhook
from tracker.domain.access import Subject, Verb, require
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.webhooks import Kind
from tracker.web.forms import Form, read_form
from tracker.web.page import Page, open_page, parse_id, real_now
from tracker.web.state import WebRequest

HERE = "/thiet-lap/webhook"
SHOWN = 50
_FIELDS = {"/url": "dia-chi", "/description": "ghi-chu", "/kinds": "su-kien"}


@dataclass(frozen=True)
class DeliveryRow:
    """What became of one event on its way; `version` where it can be sent again, None while it is under way."""

    id: int
    at: datetime
    kind: str
    state: str
    icon: str
    attempts: int
    answer: str
    next_at: datetime | None
    version: int | None


async def _open(request: WebRequest) -> Page:
    page = await open_page(request)
    actor = page.actor
    require(actor, Verb.MANAGE_WEBHOOKS, Subject.owned_by(actor.official_id or 0, noun="webhook"))
    return page


@get(HERE, include_in_schema=False)
async def webhooks(request: WebRequest) -> Response[bytes]:
    """Whom do my webhooks tell, and are they well?"""
    page = await _open(request)
    return await _show_list(page, Form({}))


@dataclass(frozen=True)
class Fresh:
    """A webhook with the secret that is shown once; None where a public key serves."""

    webhook: Webhook
    secret: str | None


async def _show_list(
    page: Page, form: Form, fresh: Fresh | None = None, status: int = 200
) -> Response[bytes]:
    page.shown_path = HERE
    return page.render(
        "webhooks.html",
        status=status,
        form=form,
        fresh=fresh,
        rows=await actions.list_own(page.actor),
        kinds=[(kind.value, page.word("webhook.kind", kind)) for kind in Kind],
        chosen=form.many("su-kien"),
    )


@post(HERE, include_in_schema=False)
async def create(request: WebRequest) -> Response[bytes]:
    """Make a webhook; its secret is in this answer and nowhere else."""
    page = await _open(request)
    form = await read_form(page, repeatable=frozenset({"su-kien"}))
    choices = actions.WebhookChoices(form.text("dia-chi"), form.many("su-kien"), form.text("ghi-chu"))
    try:
        made = await actions.create(page.actor, choices, "v1", real_now())
    except Invalid as error:
        form.take(error, _FIELDS | {f"/kinds/{n}": "su-kien" for n in range(len(choices.kinds))})
        return await _show_list(page, form, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show_list(page, form, status=409)
    return await _show_list(page, Form({}), Fresh(made.webhook, made.secret), status=201)


# -- one webhook -----------------------------------------------------------------------------------------


@get(f"{HERE}/{{webhook_id:str}}", include_in_schema=False)
async def webhook(request: WebRequest, webhook_id: FromPath[str]) -> Response[bytes]:
    """What became of what it was told?"""
    page = await _open(request)
    return await _show(page, parse_id(webhook_id))


async def _show(
    page: Page,
    webhook_id: int,
    problems: list[Problem] | None = None,
    fresh: Fresh | None = None,
    status: int = 200,
) -> Response[bytes]:
    found = await actions.get(page.actor, webhook_id)
    page.shown_path = f"{HERE}/{webhook_id}"
    deliveries = await actions.list_deliveries(page.actor, webhook_id, None, None, SHOWN)
    return page.render(
        "webhook.html",
        status=status,
        form=Form({}, problems=problems or []),
        webhook=found,
        fresh=fresh,
        kinds=[page.word("webhook.kind", kind) for kind in found.kinds],
        deliveries=[_row(page, delivery) for delivery in deliveries],
        shown=SHOWN,
    )


_ICONS = {"sent": "done", "failed": "close"}


def _row(page: Page, delivery: Delivery) -> DeliveryRow:
    answer = " ".join(str(part) for part in (delivery.status, delivery.answer[:300], delivery.reason) if part)
    is_over = delivery.finished_at is not None
    return DeliveryRow(
        id=delivery.id,
        at=delivery.created_at,
        kind=page.word("webhook.kind", delivery.kind),
        state=page.word("webhook.delivery", delivery.state),
        icon=_ICONS.get(delivery.state, "wait"),
        attempts=delivery.attempts,
        answer=answer,
        next_at=None if is_over or not delivery.attempts else delivery.next_attempt_at,
        version=delivery.row_version if is_over else None,
    )


@post(f"{HERE}/{{webhook_id:str}}/khoa-moi", include_in_schema=False)
async def rotate(request: WebRequest, webhook_id: FromPath[str]) -> Response[bytes]:
    """A new secret, shown once; the former one signs for a day beside it."""
    page = await _open(request)
    form = await read_form(page)
    number = parse_id(webhook_id)
    try:
        made = await actions.rotate_secret(page.actor, number, form.version(), real_now())
    except Conflict as error:
        return await _show(page, number, [Problem("", error.code, None, error.params)], status=409)
    return await _show(page, number, fresh=Fresh(made.webhook, made.secret), status=201)


@post(f"{HERE}/{{webhook_id:str}}/trang-thai", include_in_schema=False)
async def switch(request: WebRequest, webhook_id: FromPath[str]) -> Response[bytes]:
    """Pause it, or go on."""
    page = await _open(request)
    form = await read_form(page)
    number = parse_id(webhook_id)
    found = await actions.get(page.actor, number)
    goes_on = form.text("chay") == "1"
    choices = actions.WebhookChoices(found.url, found.kinds, found.description, goes_on)
    try:
        await actions.change(page.actor, number, form.version(), choices, real_now())
    except Invalid as error:
        return await _show(
            page, number, [Problem("", p.code, p.value, p.params) for p in error.problems], status=422
        )
    except Conflict as error:
        return await _show(page, number, [Problem("", error.code, None, error.params)], status=409)
    return page.see(f"{HERE}/{number}", "notice.webhook_resumed" if goes_on else "notice.webhook_paused")


@post(f"{HERE}/{{webhook_id:str}}/thu", include_in_schema=False)
async def ping(request: WebRequest, webhook_id: FromPath[str]) -> Response[bytes]:
    """Send a trial."""
    page = await _open(request)
    await read_form(page)
    number = parse_id(webhook_id)
    try:
        await actions.ping(page.actor, number, None, real_now())
    except Conflict as error:
        return await _show(page, number, [Problem("", error.code, None, error.params)], status=409)
    return page.see(f"{HERE}/{number}", "notice.webhook_pinged")


@post(f"{HERE}/{{webhook_id:str}}/gui-lai/{{delivery_id:str}}", include_in_schema=False)
async def replay(
    request: WebRequest, webhook_id: FromPath[str], delivery_id: FromPath[str]
) -> Response[bytes]:
    """Send what has ended once more, as the same message."""
    page = await _open(request)
    form = await read_form(page)
    number = parse_id(webhook_id)
    delivery = await actions.get_delivery(page.actor, parse_id(delivery_id))
    if delivery.webhook_id != number:
        raise NotFound(noun="delivery", id=delivery.id)
    try:
        await actions.replay(page.actor, delivery.id, form.version())
    except Conflict as error:
        return await _show(page, number, [Problem("", error.code, None, error.params)], status=409)
    return page.see(f"{HERE}/{number}", "notice.webhook_replayed")


@post(f"{HERE}/{{webhook_id:str}}/xoa", include_in_schema=False)
async def delete(request: WebRequest, webhook_id: FromPath[str]) -> Response[bytes]:
    """Remove it with all that was kept of its deliveries."""
    page = await _open(request)
    form = await read_form(page)
    number = parse_id(webhook_id)
    try:
        await actions.delete(page.actor, number, form.version(), real_now())
    except Conflict as error:
        return await _show(page, number, [Problem("", error.code, None, error.params)], status=409)
    return page.see(HERE, "notice.webhook_deleted")


routes = [webhooks, create, webhook, rotate, switch, ping, replay, delete]
