"""`tracker token` from a shell: made once, listed without its secret, ended at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.shell import tracker
from tests.world import build_world
from tracker import clock
from tracker.actions.tokens import TOKEN, hash_of
from tracker.db.engine import fetchval
from tracker.db.tokens import find_bearer
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
EMAIL = "officer@vpcp.example.vn"


async def test_token_is_made_listed_and_revoked(database: Settings) -> None:
    await build_world()

    made = await tracker(
        database,
        "token",
        "create",
        "--official",
        EMAIL,
        "--scope",
        "read",
        "--name",
        "Báo cáo",
        "--days",
        "30",
        "--json",
    )
    token = json.loads(made.stdout)
    listed = await tracker(database, "token", "list", "--json")
    spoken = await find_bearer(hash_of(token["token"]), clock.utc_now())
    ended = await tracker(database, "token", "revoke", token["id"])
    again = await tracker(database, "token", "revoke", token["id"])

    assert TOKEN.fullmatch(token["token"])
    assert token["scopes"] == ["read"]
    assert spoken is not None
    assert spoken.actor.scopes == frozenset({"read"})
    assert json.loads(listed.stdout)[0]["name"] == "Báo cáo"
    assert token["token"] not in listed.stdout
    assert (made.returncode, listed.returncode, ended.returncode, again.returncode) == (0, 0, 0, 65)
    assert "revoked" in again.stderr
    assert await find_bearer(hash_of(token["token"]), clock.utc_now()) is None
    assert await fetchval("SELECT count(*) FROM history WHERE verb LIKE '%token'") == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--official", "nobody@example.vn", "--scope", "read", "--name", "x"), "nobody@example.vn"),
        (("--official", EMAIL, "--scope", "read", "--name", " "), "/name"),
        (("--official", EMAIL, "--scope", "read", "--name", "x", "--days", "0"), "--days"),
    ],
)
async def test_bad_request_is_refused_by_name(
    database: Settings, arguments: tuple[str, ...], named: str
) -> None:
    await build_world()

    done = await tracker(database, "token", "create", *arguments)

    assert done.returncode == 65
    assert named in done.stderr
    assert await fetchval("SELECT count(*) FROM api_token") == 0
