"""What is sealed in the database, and whether a key of this process still opens it."""

from __future__ import annotations

from dataclasses import dataclass

from tracker.actions.sealing import unseal
from tracker.actions.second_factor import is_readable
from tracker.actions.webhooks import PURPOSE
from tracker.db import accounts as accounts_db
from tracker.db import webhooks as webhooks_db
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many secrets are sealed, and how many of which kind no key opens."""

    total: int
    closed_second_factors: int
    closed_webhooks: int

    @property
    def closed(self) -> int:
        """All that no key opens."""
        return self.closed_second_factors + self.closed_webhooks


async def count_sealed(actor: Actor, *, has_key: bool = True) -> Sealed:
    """Look at everything that is sealed; without a key nothing opens."""
    require(actor, Verb.MANAGE_PEOPLE)
    factors = await accounts_db.list_totp_secrets()
    secrets = await webhooks_db.list_secrets()
    return Sealed(
        total=len(factors) + len(secrets),
        closed_second_factors=sum(not (has_key and is_readable(sealed, id_)) for id_, sealed in factors),
        closed_webhooks=sum(not has_key or unseal(sealed, PURPOSE) is None for sealed in secrets),
    )
