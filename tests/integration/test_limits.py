"""Rate limits: shared by processes, told in the fields of every answer, cheap for those who stay far below."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.api import Api, application, running_api
from tracker.api.limits import Limits, Policy, address_of
from tracker.db.engine import execute, fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


class Clock:
    """A monotonic clock that stands until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.fixture
def limits() -> Iterator[Limits]:
    """Small allowances for the application of this test."""
    usual = application().state["limits"]
    small = Limits(Policy("api", 12), Policy("feed", 8), Policy("unknown", 5))
    application().state["limits"] = small
    yield small
    application().state["limits"] = usual


async def test_a_token_has_its_allowance_and_every_answer_tells_what_is_left(
    api: Api, limits: Limits
) -> None:
    client = await api.client(api.world.secretariat)
    other = await api.client(api.world.agency)

    answers = [await client.get("/api/v1/me") for _ in range(14)]

    assert [a.status_code for a in answers] == [200] * 12 + [429] * 2
    assert answers[0].headers["ratelimit-policy"] == '"api";q=12;w=60'
    assert [a.headers["ratelimit"].split(";")[1] for a in answers[:12]] == [
        f"r={n}" for n in range(11, -1, -1)
    ]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert refused.headers["ratelimit"].startswith('"api";r=0;')
    assert (await other.get("/api/v1/me")).status_code == 200, "another token is not concerned"


async def test_refusals_of_other_kinds_tell_the_limit_too(api: Api, limits: Limits) -> None:
    client = await api.client(api.world.secretariat)

    missing = await client.get("/api/v1/tasks/999")
    wrong = await client.post("/api/v1/directives", json={})

    assert (missing.status_code, missing.headers["ratelimit"]) == (404, '"api";r=11;t=5')
    assert (wrong.status_code, wrong.headers["ratelimit"]) == (400, '"api";r=10;t=10')


async def test_the_allowance_comes_back(api: Api) -> None:
    policy, clock = Policy("api", 60), Clock()
    limits = Limits(policy, policy, clock=clock)
    for _ in range(60):
        assert (await limits.spend(policy, "1")).allowed
    assert not (await limits.spend(policy, "1")).allowed
    await execute("UPDATE rate_bucket SET at = at - interval '10 seconds'")

    assert not (await limits.spend(policy, "1")).allowed, "the process remembers for the second it was told"
    clock.now += 2
    assert (await limits.spend(policy, "1")).allowed


async def test_several_processes_share_one_allowance(api: Api) -> None:
    policy = Policy("api", 200)
    processes = [Limits(policy, policy) for _ in range(4)]

    spent = [await process.spend(policy, "1") for _ in range(100) for process in processes]

    allowed = sum(s.allowed for s in spent)
    # Never more than the bucket gives (and one comes back each 0.3 s); at most what the processes hold is lost.
    assert 200 - 4 * policy.share <= allowed <= 210


async def test_parallel_requests_get_no_more_than_the_allowance(api: Api) -> None:
    policy = Policy("api", 60)
    limits = Limits(policy, policy)

    spent = await asyncio.gather(*(limits.spend(policy, "1") for _ in range(200)))

    assert 50 <= sum(s.allowed for s in spent) <= 62


async def test_who_stays_below_costs_a_write_for_every_tenth_request(api: Api) -> None:
    policy = Policy("api", 600)
    limits = Limits(policy, policy)
    for _ in range(30):
        await limits.spend(policy, "1")

    assert 29 <= await fetchval("SELECT used FROM rate_bucket WHERE key = 'api:1'") <= 30


async def test_a_flood_costs_no_query_once_it_is_refused(api: Api) -> None:
    policy, clock = Policy("api", 5), Clock()
    limits = Limits(policy, policy, clock=clock)
    for _ in range(6):
        last = await limits.spend(policy, "1")
    before = await fetchval("SELECT at FROM rate_bucket")

    flood = [await limits.spend(policy, "1") for _ in range(1000)]

    assert not last.allowed
    assert not any(s.allowed for s in flood)
    assert await fetchval("SELECT at FROM rate_bucket") == before


async def test_a_process_remembers_only_so_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.api.limits.MOST_KEYS", 5)
    policy = Policy("api", 600)
    limits = Limits(policy, policy)
    for key in range(20):
        await limits.spend(policy, str(key))

    assert len(limits._held) == 5


# -- attack case 82 ------------------------------------------------------------------------------------


async def test_case_82_a_scan_for_tokens_is_slowed_and_shuts_out_nobody(api: Api, limits: Limits) -> None:
    good = await api.client(api.world.secretariat)
    scanner = await api.client(None)

    tried = [
        await scanner.get("/api/v1/me", headers={"Authorization": f"Bearer ddt_{number:032d}"})
        for number in range(8)
    ]

    assert [t.status_code for t in tried] == [401] * 5 + [429] * 3
    assert int(tried[-1].headers["retry-after"]) >= 1
    assert (await good.get("/api/v1/me")).status_code == 200, "whoever shares the address is not kept out"
    assert await fetchval("SELECT count(*) FROM rate_bucket WHERE key LIKE 'unknown:%'") == 1


async def test_case_82_a_scan_for_feeds_is_slowed(api: Api, limits: Limits) -> None:
    scanner = await api.client(None)

    tried = [await scanner.get(f"/calendars/ddf_{'a' * 31}{letter}.ics") for letter in "abcdefgh"]

    assert [t.status_code for t in tried] == [404] * 5 + [429] * 3


async def feed_of(api: Api) -> tuple[httpx.AsyncClient, str]:
    client = await api.client(api.world.agency)
    made = await client.post("/api/v1/feeds", json={"name": "Lịch", "scope": "own_agency"})
    return await api.client(None), made.json()["url"].partition(":8080")[2]


async def test_case_82_ten_thousand_fetches_of_a_valid_feed(api: Api, limits: Limits) -> None:
    reader, path = await feed_of(api)
    _, other = await feed_of(api)

    answers = [await reader.get(path) for _ in range(300)]

    served = [a for a in answers if a.status_code == 200]
    assert 8 <= len(served) <= 12, "one comes back every 7.5 seconds"
    refused = answers[-1]
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-policy"] == '"feed";q=8;w=60'
    assert (await reader.get(other)).status_code == 200, "another feed is not concerned"
    # A client that has it already is counted as well, and is told the same.
    conditional = await reader.get(path, headers={"If-None-Match": served[0].headers["etag"]})
    assert conditional.status_code == 429


def test_an_ipv6_network_counts_as_one() -> None:
    class Client:
        def __init__(self, host: str) -> None:
            self.host = host

    class Request:
        def __init__(self, host: str) -> None:
            self.client = Client(host)

    def of(host: str) -> str:
        return address_of(Request(host))  # type: ignore[arg-type]  # only the client is read

    assert of("2001:db8::1") == of("2001:db8::ffff:1") == "2001:db8::/64"
    assert of("192.0.2.1") == "192.0.2.1"
    assert of("testclient") == "testclient"
