"""`tracker account` from a shell: the first administrator's link, invitations, a lost second factor, the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.identity_scene import PASSWORD, enrol, history, stage
from tests.shell import tracker
from tests.world import add_official
from tracker import clock
from tracker.actions import accounts
from tracker.db.engine import fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
EMAIL = "quantri@vpcp.example.vn"


async def test_first_administrator_gets_a_link_once(database: Settings) -> None:
    nobody = await tracker(database, "account", "list")
    made = await tracker(database, "account", "first-admin", "--email", EMAIL, "--name", "Lê Văn Quản")
    url = next(line for line in made.stdout.splitlines() if "/loi-moi/ddl_" in line)

    await accounts.accept_invitation(url.rpartition("/")[2], PASSWORD, clock.utc_now())
    again = await tracker(
        database, "account", "first-admin", "--email", "khac@vpcp.example.vn", "--name", "Người Khác"
    )
    listed = await tracker(database, "account", "list", "--json")

    assert "first-admin" in nobody.stdout
    assert made.returncode == 0, made.stderr
    assert again.returncode == 65
    assert "administrator" in again.stderr
    (row,) = json.loads(listed.stdout)
    assert (row["email"], row["role"], row["has_password"]) == (EMAIL, "administrator", True)
    assert PASSWORD not in listed.stdout


async def test_operator_invites_and_takes_a_lost_second_factor_away(database: Settings) -> None:
    async with stage(database) as made:
        await enrol(made, made.world.agency)
    await add_official("Người Mới", "moi@byt.example.vn", "inspector")

    invited = await tracker(database, "account", "invite", "moi@byt.example.vn", "--json")
    unknown = await tracker(database, "account", "invite", "khong@co.example.vn")
    reset = await tracker(database, "account", "reset-second-factor", "focal@byt.example.vn")
    listed = await tracker(database, "account", "list")

    assert json.loads(invited.stdout)["invited"] == "moi@byt.example.vn"
    assert "ddl_" not in invited.stdout  # the link goes to the person
    assert await fetchval("SELECT count(*) FROM outbox WHERE kind = 'account_invitation'") == 1
    assert unknown.returncode == 65
    assert reset.returncode == 0
    assert await fetchval("SELECT count(*) FROM account WHERE totp_secret IS NOT NULL") == 0
    assert [row["actor_name"] for row in await history("reset_second_factor")] == ["system"]
    assert "invited until" in listed.stdout
