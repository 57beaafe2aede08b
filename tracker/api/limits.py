"""How often somebody may ask: shared by all processes, at the cost of a write for every tenth request.

A process takes several permits at once and spends them one by one.  Nobody ever gets more than the bucket
gives; a process may lose the few it holds, so with N processes up to ten times N permits of a minute are lost.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from litestar import Request

from tracker.api.errors import Refusal
from tracker.db.rates import Taken, take

WINDOW_SECONDS = 60
AT_ONCE = 10
HELD_SECONDS = 5.0
MOST_KEYS = 10_000
UNKNOWN_PER_MINUTE = 60
"""Requests with a token that nobody holds, from one address: a scan, or a machine with an old token."""


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in a minute; all of them may come at once."""

    name: str
    per_minute: int

    @property
    def refill_seconds(self) -> float:
        """How long until one more may come."""
        return WINDOW_SECONDS / self.per_minute

    @property
    def share(self) -> int:
        """How many permits a process takes at once: few of a small allowance."""
        return max(1, min(AT_ONCE, self.per_minute // 20))


@dataclass(slots=True)
class _Held:
    """What this process has of one bucket."""

    permits: int = 0
    remaining: int = 0
    until: float = 0.0
    shut_until: float = 0.0
    taking: asyncio.Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Whether one more request may come, and what the fields of the answer tell."""

    allowed: bool
    policy: Policy
    remaining: int
    retry_after_seconds: int = 0

    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), `Retry-After` when refused."""
        name, quota = self.policy.name, self.policy.per_minute
        full_in = math.ceil((quota - self.remaining) * self.policy.refill_seconds)
        told = {
            "RateLimit-Policy": f'"{name}";q={quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{name}";r={self.remaining};t={full_in}',
        }
        return told if self.allowed else told | {"Retry-After": str(self.retry_after_seconds)}


@dataclass
class Limits:
    """The allowances of this process."""

    api: Policy
    feed: Policy
    unknown: Policy = Policy("unknown", UNKNOWN_PER_MINUTE)
    clock: Callable[[], float] = time.monotonic
    _held: OrderedDict[str, _Held] = field(default_factory=OrderedDict)

    async def spend(self, policy: Policy, key: str) -> Spent:
        """One request of `key`."""
        held = self._of(f"{policy.name}:{key}")
        while True:
            now = self.clock()
            if held.shut_until > now:
                return Spent(False, policy, 0, math.ceil(held.shut_until - now))
            if held.permits > 0 and held.until > now:
                held.permits -= 1
                return Spent(True, policy, held.remaining + held.permits)
            if held.taking is not None:
                # Requests that come together share what one of them fetches.
                await held.taking
                continue
            held.taking = asyncio.get_running_loop().create_future()
            try:
                taken, count = await self._take(policy, f"{policy.name}:{key}")
                if taken.allowed:
                    held.permits, held.remaining = count, taken.remaining
                    held.until = now + HELD_SECONDS
                else:
                    # Until then the answer is known, and a flood costs no query.
                    held.shut_until = now + taken.retry_after_seconds
            finally:
                held.taking.set_result(None)
                held.taking = None

    async def _take(self, policy: Policy, key: str) -> tuple[Taken, int]:
        """A share of the bucket, or the little that is left in it."""
        for count in dict.fromkeys((policy.share, 1)):
            taken = await take(
                key, capacity=policy.per_minute, refill_seconds=policy.refill_seconds, cost=count
            )
            if taken.allowed:
                return taken, count
        return taken, 0

    def _of(self, key: str) -> _Held:
        held = self._held.pop(key, None) or _Held()
        self._held[key] = held
        while len(self._held) > MOST_KEYS:
            self._held.popitem(last=False)
        return held


def limits_of(request: Request[Any, Any, Any]) -> Limits:
    """The allowances that the application was made with, else the usual ones."""
    limits: Limits | None = request.app.state.get("limits")
    if limits is None:
        limits = request.app.state["limits"] = Limits(Policy("api", 600), Policy("feed", 60))
    return limits


async def admit(request: Request[Any, Any, Any], policy: Policy, key: object) -> None:
    """Count one request of `key`; every answer to it tells what is left. Raises Refusal rate_limited."""
    spent = await limits_of(request).spend(policy, str(key))
    headers = spent.headers()
    request.scope.setdefault("state", {})["headers"] = headers
    if not spent.allowed:
        raise Refusal("rate_limited", seconds=spent.retry_after_seconds, headers=headers)


async def admit_unknown(request: Request[Any, Any, Any]) -> None:
    """Count a request with a token that nobody holds, by its address. Raises Refusal rate_limited.

    Only such requests: whoever shares the address and holds a right token is not kept out.
    """
    await admit(request, limits_of(request).unknown, address_of(request))


def address_of(request: Request[Any, Any, Any]) -> str:
    """Whom a request counts for: its address, or the network of an IPv6 one, of which anybody has 2^64.

    Behind a proxy it is the client's own only where the proxy is trusted (TRACKER_TRUSTED_PROXIES).
    """
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
