"""Webhooks of an official: made, changed, tried out, replayed; and what an event becomes on its way to them."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.actions.sealing import seal, sealed_anew, unseal, use_key
from tracker.db import webhooks as db
from tracker.db.actors import find_actor
from tracker.db.directory import get_officials
from tracker.db.engine import as_service, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.webhooks import AssignmentFacts, Claimed, Delivery, Event, NewDelivery, Signing, Webhook
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.errors import Conflict, Invalid, Problem, StaleVersion
from tracker.domain.net import UnsafeAddress
from tracker.domain.text import clean_text
from tracker.domain.webhooks import LONGEST_PAYLOAD, MOST_WEBHOOKS, PING, ROTATION, Kind, kinds_of
from tracker.domain.zone import OFFICIAL_ZONE
from tracker.mail import contexts
from tracker.settings import Settings
from tracker.webhooks.sender import Sender
from tracker.webhooks.signing import new_secret

PURPOSE = "webhook"
"""What the secrets are sealed for."""


class TooManyWebhooks(Conflict):
    """An official has only so many webhooks; params: limit."""

    code = "too_many_webhooks"


class WebhookDisabled(Conflict):
    """A webhook that is switched off takes nothing; params: reason."""

    code = "webhook_disabled"


class DeliveryUnderWay(Conflict):
    """A delivery is replayed once it has ended; params: state."""

    code = "delivery_under_way"


_sender = Sender()


def use_sender(settings: Settings) -> None:
    """From now on this process calls receivers as these settings say, and opens their secrets with its key."""
    global _sender
    use_key(settings)
    _sender = Sender(
        hosts=settings.webhook_hosts,
        networks=settings.webhook_networks,
        ca_file=settings.webhook_ca_file,
        plain_http=settings.webhook_plain_http,
    )


def sender() -> Sender:
    """The way out in use; without settings nothing may be called."""
    return _sender


# -- the owner's side ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class WebhookChoices:
    """What the owner says of a webhook."""

    url: str
    kinds: Sequence[str]
    description: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Made:
    """A webhook with a fresh secret: `secret` is shown now and never again; None where a public key serves."""

    webhook: Webhook
    secret: str | None


async def create(actor: Actor, choices: WebhookChoices, signing: Signing, now: datetime) -> Made:
    """A webhook of the actor. Raises Invalid with every problem, TooManyWebhooks."""
    if actor.official_id is None:
        raise Invalid.one("/owner", "webhook_needs_person")
    require(actor, Verb.MANAGE_WEBHOOKS, Subject.owned_by(actor.official_id, noun="webhook"))
    checked = _checked(choices)
    secret = new_secret(signing)
    async with transaction():
        if await db.count_webhooks(actor.official_id) >= MOST_WEBHOOKS:
            raise TooManyWebhooks(limit=MOST_WEBHOOKS)
        webhook_id = await db.insert_webhook(
            actor.official_id,
            url=checked.url,
            description=checked.description,
            kinds=checked.kinds,
            signing=signing,
            public_key=secret.public_key,
            secret=seal(secret.key, PURPOSE),
            now=now,
        )
        await _remember(actor, "create_webhook", webhook_id, checked.url, now)
        return Made(await db.get_webhook(actor, webhook_id), secret.shown)


def _checked(choices: WebhookChoices) -> WebhookChoices:
    problems: list[Problem] = []
    try:
        _sender.target(choices.url)
    except UnsafeAddress as unsafe:
        problems.append(Problem("/url", unsafe.code, choices.url))
    known = set(Kind)
    problems += [
        Problem(f"/kinds/{index}", "not_a_choice", kind, {"allowed": ", ".join(Kind)})
        for index, kind in enumerate(choices.kinds)
        if kind not in known
    ]
    if not choices.kinds:
        problems.append(Problem("/kinds", "webhook_kind_missing", None, {"allowed": ", ".join(Kind)}))
    description = ""
    try:
        if choices.description:
            description = clean_text(choices.description, "/description", lengths.NOTE)
    except Invalid as invalid:
        problems.extend(invalid.problems)
    if problems:
        raise Invalid(problems)
    return WebhookChoices(choices.url, sorted(set(choices.kinds)), description, choices.is_active)


async def list_own(actor: Actor) -> list[Webhook]:
    """The actor's webhooks, newest first."""
    require(actor, Verb.READ)
    return await db.list_webhooks(actor)


async def get(actor: Actor, webhook_id: int) -> Webhook:
    """One webhook of the actor. Raises NotFound."""
    require(actor, Verb.READ)
    return await db.get_webhook(actor, webhook_id)


async def _own(actor: Actor, webhook_id: int, version: int | None) -> Webhook:
    """The webhook, once the actor may change it. Raises NotFound, StaleVersion."""
    webhook = await db.get_webhook(actor, webhook_id)
    require(actor, Verb.MANAGE_WEBHOOKS, Subject.owned_by(webhook.owner_id, noun="webhook", id=webhook_id))
    if version is not None and version != webhook.row_version:
        raise StaleVersion(current=webhook.row_version)
    return webhook


async def change(
    actor: Actor, webhook_id: int, version: int | None, choices: WebhookChoices, now: datetime
) -> Webhook:
    """Set address, kinds and description; switch off, or on again. Raises NotFound, Invalid, StaleVersion."""
    checked = _checked(choices)
    async with transaction():
        webhook = await _own(actor, webhook_id, version)
        changed = await db.update_webhook(
            webhook_id,
            webhook.row_version,
            url=checked.url,
            description=checked.description,
            kinds=checked.kinds,
            state="active" if checked.is_active else "disabled",
            now=now,
        )
        if not changed:
            raise StaleVersion(current=webhook.row_version + 1)
        if not checked.is_active:
            await db.give_up_pending(webhook_id, now)
        await _remember(actor, "change_webhook", webhook_id, checked.url, now)
        return await db.get_webhook(actor, webhook_id)


async def delete(actor: Actor, webhook_id: int, version: int | None, now: datetime) -> None:
    """Remove a webhook and what was kept of its deliveries. Raises NotFound, StaleVersion."""
    async with transaction():
        webhook = await _own(actor, webhook_id, version)
        if not await db.delete_webhook(webhook_id, webhook.row_version):
            raise StaleVersion(current=webhook.row_version + 1)
        await _remember(actor, "delete_webhook", webhook_id, webhook.url, now)


async def rotate_secret(actor: Actor, webhook_id: int, version: int | None, now: datetime) -> Made:
    """A new secret; for a day both sign, so that the receiver can change over. Raises NotFound, StaleVersion."""
    async with transaction():
        webhook = await _own(actor, webhook_id, version)
        secret = new_secret(webhook.signing)
        sealed = seal(secret.key, PURPOSE)
        if not await db.rotate_secret(
            webhook_id, webhook.row_version, sealed, secret.public_key, now + ROTATION, now
        ):
            raise StaleVersion(current=webhook.row_version + 1)
        await _remember(actor, "rotate_webhook_secret", webhook_id, webhook.url, now)
        return Made(await db.get_webhook(actor, webhook_id), secret.shown)


async def ping(actor: Actor, webhook_id: int, version: int | None, now: datetime) -> Delivery:
    """Send a trial, whatever kinds the webhook takes. Raises NotFound, WebhookDisabled."""
    async with transaction():
        webhook = await _own(actor, webhook_id, version)
        if webhook.state != "active":
            raise WebhookDisabled(reason=webhook.reason)
        message_id = _message_id()
        payload = _payload(PING, now, {"webhook_id": str(webhook_id)})
        ids = await db.insert_deliveries(
            [NewDelivery(webhook_id, message_id, PING, message_id, None, None, payload)], now
        )
        return await db.get_delivery(actor, ids[0])


async def list_deliveries(
    actor: Actor, webhook_id: int, state: str | None, before_id: int | None, limit: int
) -> list[Delivery]:
    """What became of the events of one webhook, newest first. Raises NotFound."""
    webhook = await get(actor, webhook_id)
    return await db.list_deliveries(actor, webhook.id, state, before_id, limit)


async def get_delivery(actor: Actor, delivery_id: int) -> Delivery:
    """One delivery to a webhook of the actor. Raises NotFound."""
    require(actor, Verb.READ)
    return await db.get_delivery(actor, delivery_id)


async def replay(actor: Actor, delivery_id: int, version: int | None) -> Delivery:
    """Send a finished delivery again, as the same message. Raises NotFound, WebhookDisabled, DeliveryUnderWay."""
    async with transaction():
        delivery = await db.get_delivery(actor, delivery_id)
        webhook = await _own(actor, delivery.webhook_id, None)
        if version is not None and version != delivery.row_version:
            raise StaleVersion(current=delivery.row_version)
        if webhook.state != "active":
            raise WebhookDisabled(reason=webhook.reason)
        if not await db.mark_to_replay(delivery_id):
            raise DeliveryUnderWay(state=delivery.state)
        return await db.get_delivery(actor, delivery_id)


async def _remember(actor: Actor, verb: str, webhook_id: int, url: str, now: datetime) -> None:
    await insert_history(actor, [HistoryEntry(verb, detail={"webhook": webhook_id, "url": url})], now)


# -- from events to deliveries -------------------------------------------------------------------------


async def share_out(limit: int, now: datetime) -> int:
    """Turn waiting events into deliveries for the webhooks that want them and may know of them; how many events."""
    async with transaction():
        events = await db.take_events(limit)
        if events:
            webhooks = await db.list_listeners()
            by_owner: dict[int, list[Webhook]] = defaultdict(list)
            for webhook in webhooks:
                by_owner[webhook.owner_id].append(webhook)
            for owner_id, own in by_owner.items():
                owner = await find_actor(owner_id)
                if owner is not None:
                    await db.insert_deliveries(await _deliveries(owner, own, events), now)
        return len(events)


async def _deliveries(
    owner: Actor, webhooks: Sequence[Webhook], events: Sequence[Event]
) -> list[NewDelivery]:
    """What the owner's webhooks are told: only of rows that the owner may see now."""
    facts = await db.list_facts(owner, [e.assignment_id for e in events if e.assignment_id is not None])
    shared = [e.directive_id for e in events if e.assignment_id is None and e.directive_id is not None]
    numbers = await db.list_directive_numbers(owner, shared) if shared else {}
    made = []
    for event in events:
        data = _data(event, facts, numbers)
        if data is None:
            continue
        for kind in kinds_of(event.verb, event.detail):
            told = data | _particulars(kind, event)
            made += [
                NewDelivery(
                    webhook_id=webhook.id,
                    message_id=_message_id(),
                    kind=kind.value,
                    event=f"{event.source}-{kind.value}",
                    assignment_id=event.assignment_id,
                    directive_id=event.directive_id,
                    payload=_payload(kind.value, event.at, told),
                )
                for webhook in webhooks
                if kind.value in webhook.kinds
            ]
    return made


def _data(
    event: Event, facts: dict[int, AssignmentFacts], numbers: dict[int, str]
) -> dict[str, object] | None:
    """The ids and the least that is worth knowing; None where the owner may not know of it."""
    if event.assignment_id is None:
        number = None if event.directive_id is None else numbers.get(event.directive_id)
        return (
            None if number is None else {"directive_id": str(event.directive_id), "directive_number": number}
        )
    found = facts.get(event.assignment_id)
    if found is None:
        return None
    return {
        "assignment_id": str(found.id),
        "task_id": str(found.task_id),
        "directive_id": str(found.directive_id),
        "directive_number": found.directive_number,
        "agency_code": found.agency_code,
        "part": found.part,
        "state": found.state,
        "due_on": None if found.due_on is None else found.due_on.isoformat(),
        "due_time": None if found.due_time is None else found.due_time.isoformat("minutes"),
        "timezone": str(OFFICIAL_ZONE),
        "row_version": found.row_version,
    }


def _particulars(kind: Kind, event: Event) -> dict[str, object]:
    """What only this kind of event tells."""
    match kind:
        case Kind.ASSIGNMENT_REPORTED:
            return {"report": event.verb.removeprefix("report_")}
        case Kind.EXTENSION_DECIDED:
            return {"granted": event.verb != "refuse_extension"}
        case Kind.REMINDER_SENT:
            return {"step": event.detail.get("step"), "occurrence": event.detail.get("occurrence")}
        case _:
            return {}


def _payload(kind: str, at: datetime, data: dict[str, object]) -> str:
    """The body, the same at every attempt."""
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = json.dumps(
        {"type": kind, "timestamp": timestamp, "data": data}, ensure_ascii=False, separators=(",", ":")
    )
    assert len(body.encode()) < LONGEST_PAYLOAD
    return body


def _message_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


# -- the worker's side ---------------------------------------------------------------------------------


async def why_not(claimed: Claimed) -> str | None:
    """Why a delivery may not go any more: its owner has left, or no longer sees what it is about."""
    owner = await find_actor(claimed.owner_id)
    if owner is None:
        return "owner_inactive"
    if claimed.assignment_id is not None:
        seen = claimed.assignment_id in await db.list_facts(owner, [claimed.assignment_id])
    elif claimed.directive_id is not None:
        seen = claimed.directive_id in await db.list_directive_numbers(owner, [claimed.directive_id])
    else:
        seen = True
    return None if seen else "no_longer_seen"


def keys_of(claimed: Claimed) -> list[bytes] | None:
    """The keys that sign: the present one, and the former one while it is being replaced; None if none opens."""
    sealed = [claimed.secret, *([claimed.former_secret] if claimed.former_secret is not None else [])]
    keys = [key for value in sealed if (key := unseal(value, PURPOSE)) is not None]
    return keys or None


async def seal_anew(claimed: Claimed) -> None:
    """Seal the secret with the present key of the service where a former one did."""
    anew = sealed_anew(claimed.secret, PURPOSE)
    if anew is not None:
        await db.replace_secret(claimed.webhook_id, claimed.secret, anew)


async def switch_off(webhook_id: int, reason: str, now: datetime) -> None:
    """Inside a transaction: end a webhook that can no longer be reached, and tell its owner once."""
    webhook = await db.get_webhook(SYSTEM, webhook_id)
    if not await db.mark_disabled(webhook_id, reason, now):
        return
    detail = {"webhook": webhook_id, "url": webhook.url, "reason": reason}
    await insert_history(SYSTEM, [HistoryEntry("disable_webhook", detail=detail)], now)
    owner = (await get_officials([webhook.owner_id])).get(webhook.owner_id)
    if owner is None or not owner.is_active:
        return
    context = contexts.WebhookOff(
        address=webhook.url, is_gone=reason == "gone", disabled_at=now, url=office().url
    )
    key = f"webhook-off-{webhook_id}-{webhook.row_version}"
    async with as_service():
        await queue([Draft("webhook_off", context, owner, key, ())], now)


async def end_those_of_departed(now: datetime) -> int:
    """Switch off the webhooks of officials who have left; how many."""
    ended = await db.list_of_departed()
    for webhook_id in ended:
        async with transaction():
            await switch_off(webhook_id, "owner_inactive", now)
    return len(ended)
