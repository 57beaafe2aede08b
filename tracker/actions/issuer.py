"""The office that issues papers, as this installation has set it; before that the catalogue's, of the demonstration."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.switches import get_switch, lock_switch, set_switch
from tracker.documents.paper import usual_issuer
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import StaleVersion
from tracker.domain.issuer import Issuer, check_issuer
from tracker.i18n import DEFAULT_LANGUAGE, Language

_KEY = "issuer"


async def issuer_of(language: Language = DEFAULT_LANGUAGE) -> Issuer:
    """Who issues papers here."""
    return (await read_issuer(language))[0]


async def read_issuer(language: Language = DEFAULT_LANGUAGE) -> tuple[Issuer, int]:
    """Who issues papers here, and its version: 0 while nobody has set it."""
    return _told(await get_switch(_KEY), language)


def _told(stands: object, language: Language) -> tuple[Issuer, int]:
    if not isinstance(stands, dict) or not stands.get("version"):
        return usual_issuer(language), 0
    known = {**asdict(usual_issuer(language)), **stands["issuer"]}
    return Issuer(**known), int(stands["version"])


async def set_issuer(actor: Actor, version: int, new: Issuer, now: datetime) -> None:
    """Say who issues papers from now on. Raises Invalid, naming every field; StaleVersion."""
    require(actor, Verb.MANAGE_ISSUER)
    new = check_issuer(new)
    async with transaction():
        before, stands = _told(await lock_switch(_KEY, {}), DEFAULT_LANGUAGE)
        if stands != version:
            raise StaleVersion(current=stands)
        changed = {
            name: [asdict(before)[name], value]
            for name, value in asdict(new).items()
            if asdict(before)[name] != value
        }
        if not changed and stands:
            return
        await set_switch(_KEY, {"version": stands + 1, "issuer": asdict(new)})
        await insert_history(actor, [HistoryEntry("set_issuer", detail={"changed": changed})], now)
