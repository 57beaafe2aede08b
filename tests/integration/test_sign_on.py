"""Single sign-on from the person's side: linking, invitations, people entered from claims, roles that follow."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, oidc_provider
from tests.world import World, build_world
from tracker.actions import sign_on
from tracker.actions.accounts import ReauthenticationNeeded
from tracker.actions.hashing import new_token, token_hash
from tracker.actions.sign_on import LastWayIn, NewlyLinked, Refused, SignedOn, SingleSignOn, Started
from tracker.db import accounts as accounts_db
from tracker.db import sessions as sessions_db
from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.claims import Cause
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import NotFound
from tracker.settings import Secret, Settings

pytestmark = pytest.mark.anyio


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Case:
    """The provider, the service's side of it, and the people."""

    provider: OidcProvider
    settings: Settings
    sso: SingleSignOn
    world: World

    def with_(self, **settings: object) -> SingleSignOn:
        """The same provider under other settings."""
        made = sign_on.single_sign_on(replace(self.settings, **settings))  # type: ignore[arg-type]  # by name
        assert made is not None
        return made

    async def sign_in(
        self, sso: SingleSignOn | None = None, **claims: Any
    ) -> SignedOn | NewlyLinked | Refused:
        """Sign on as the provider's person with these claims."""
        sso = sso or self.sso
        started = await sign_on.start_sign_in(sso, "/viec", "127.0.0.1", "vi", now())
        return await self.come_back(started, None, sso, **claims)

    async def come_back(
        self,
        started: Started | Refused,
        viewer: Actor | None = None,
        sso: SingleSignOn | None = None,
        **claims: Any,
    ) -> SignedOn | NewlyLinked | Refused:
        """Sign in at the provider and return."""
        assert isinstance(started, Started)
        answer = self.provider.authorize(started.address, **claims)
        viewer_id = None if viewer is None else viewer.official_id
        return await sign_on.finish(sso or self.sso, answer, started.browser, viewer_id, now())

    async def link(self, actor: Actor, **claims: Any) -> SignedOn | NewlyLinked | Refused:
        """Link the provider's person to somebody signed in here."""
        started = await sign_on.start_link(actor, await session_of(actor), self.sso, "127.0.0.1", "vi", now())
        return await self.come_back(started, actor, **claims)


@pytest.fixture
async def case(database: Settings) -> AsyncIterator[Case]:
    async with oidc_provider() as provider:
        settings = replace(
            database,
            oidc_issuer=provider.base,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=Secret(CLIENT_SECRET),
        )
        sso = sign_on.single_sign_on(settings)
        assert sso is not None
        yield Case(provider, settings, sso, await build_world())


async def session_of(actor: Actor) -> int:
    """A session of somebody who has just signed in."""
    assert actor.official_id is not None
    return await sessions_db.insert_session(
        actor.official_id,
        "password",
        secrets.token_bytes(32),
        has_second_factor=True,
        ip="127.0.0.1",
        user_agent="x",
    )


async def verbs() -> list[str]:
    return [row["verb"] for row in await fetch("SELECT verb FROM history ORDER BY id")]


# -- linking -------------------------------------------------------------------------------------------


async def test_linked_person_signs_in_and_unlinked_no_more(case: Case) -> None:
    """Link, sign in, unlink, refused."""
    agency = case.world.agency
    assert await case.link(agency) == NewlyLinked("man.tt")
    signed_on = await case.sign_in()
    assert signed_on == SignedOn(case.world.officials["byt.focal"], "/viec", is_second_factor_proved=False)
    await accounts_db.put_account(case.world.officials["byt.focal"], now())
    await accounts_db.mark_password(case.world.officials["byt.focal"], "hash", now())

    [own] = await sign_on.list_own(agency)
    assert own.last_used_at is not None
    await sign_on.unlink(agency, await session_of(agency), case.sso, own.id, now())

    assert await case.sign_in() == Refused(Cause.NOT_LINKED)
    assert await verbs() == ["link_identity", "sign_on", "unlink_identity", "refuse_sign_on"]


async def test_identity_opens_one_account_only(case: Case) -> None:
    await case.link(case.world.agency)

    assert await case.link(case.world.other_agency) == Refused(Cause.LINKED_TO_ANOTHER)
    assert await case.link(case.world.agency, sub="another") == Refused(Cause.HAS_ANOTHER_LINK)
    assert await fetchval("SELECT count(*) FROM external_identity") == 1


async def test_link_ends_in_the_session_that_began_it(case: Case) -> None:
    """Somebody else signed in meanwhile, or nobody is: nothing is linked."""
    for viewer in (case.world.other_agency, None):
        started = await sign_on.start_link(
            case.world.agency, await session_of(case.world.agency), case.sso, "127.0.0.1", "vi", now()
        )

        assert await case.come_back(started, viewer) == Refused(Cause.SESSION_CHANGED)
    assert await fetchval("SELECT count(*) FROM external_identity") == 0


async def test_only_way_in_is_not_unlinked(case: Case) -> None:
    agency = case.world.agency
    await case.link(agency)
    [own] = await sign_on.list_own(agency)

    with pytest.raises(LastWayIn):
        await sign_on.unlink(agency, await session_of(agency), case.sso, own.id, now())

    assert await sign_on.list_own(agency) == [own]


async def test_session_that_is_not_fresh_changes_no_link(case: Case) -> None:
    """A session left open for an hour, one that ended, one of another person."""
    agency = case.world.agency
    await case.link(agency)
    [own] = await sign_on.list_own(agency)
    old, ended = await session_of(agency), await session_of(agency)
    await execute("UPDATE web_session SET authenticated_at = now() - interval '1 hour' WHERE id = $1", old)
    await sessions_db.end_session(ended, case.world.officials["byt.focal"], "revoked")

    for session_id in (old, ended, await session_of(case.world.other_agency), 0):
        with pytest.raises(ReauthenticationNeeded):
            await sign_on.start_link(agency, session_id, case.sso, "127.0.0.1", "vi", now())
        with pytest.raises(ReauthenticationNeeded):
            await sign_on.unlink(agency, session_id, case.sso, own.id, now())


async def test_nobody_unlinks_for_another(case: Case) -> None:
    await case.link(case.world.agency)
    [own] = await sign_on.list_own(case.world.agency)

    for other in (case.world.other_agency, case.world.administrator):
        assert await sign_on.list_own(other) == []
        with pytest.raises(NotFound):
            await sign_on.unlink(other, await session_of(other), case.sso, own.id, now())
    assert await sign_on.list_own(case.world.agency) == [own]


async def test_disabled_person_links_nothing(case: Case) -> None:
    started = await sign_on.start_link(
        case.world.agency, await session_of(case.world.agency), case.sso, "127.0.0.1", "vi", now()
    )
    await execute("UPDATE official SET is_active = false WHERE id = $1", case.world.officials["byt.focal"])

    assert await case.come_back(started, case.world.agency) == Refused(Cause.OFFICIAL_INACTIVE)
    assert await fetchval("SELECT count(*) FROM external_identity") == 0


# -- invitations ---------------------------------------------------------------------------------------


async def invited(case: Case, purpose: accounts_db.Purpose = "invitation") -> bytes:
    """An invitation of the ministry's focal officer; the hash of its token."""
    secret = token_hash(new_token("x"))
    await accounts_db.insert_link(
        case.world.officials["byt.focal"], purpose, secret, timedelta(days=1), None, now()
    )
    return secret


async def accept(case: Case, secret: bytes, **claims: Any) -> SignedOn | NewlyLinked | Refused:
    started = await sign_on.start_invited(case.sso, secret, "127.0.0.1", "vi", now())
    return await case.come_back(started, **claims)


async def test_invited_person_links_with_the_invitation_once(case: Case) -> None:
    """The link is made, the invitation used up, and the person signs in without a password."""
    secret = await invited(case)

    first = await accept(case, secret)
    again = await accept(case, secret, sub="thief")

    assert isinstance(first, SignedOn)
    assert first.official_id == case.world.officials["byt.focal"]
    assert again == Refused(Cause.INVITATION_VOID)
    assert isinstance(await case.sign_in(), SignedOn)
    account = await accounts_db.find_account(first.official_id)
    assert account is not None
    assert (account.has_account, account.password_hash) == (True, None)


async def test_link_that_resets_a_password_invites_nobody(case: Case) -> None:
    secret = await invited(case, "reset")

    assert await accept(case, secret) == Refused(Cause.INVITATION_VOID)
    assert await accounts_db.find_link(secret, now()) is not None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE account_link SET expires_at = now() - interval '1 second'",
        "UPDATE account_link SET ended_at = now()",
        "DELETE FROM account_link",
    ],
)
async def test_invitation_that_ended_meanwhile(case: Case, change: str) -> None:
    secret = await invited(case)
    started = await sign_on.start_invited(case.sso, secret, "127.0.0.1", "vi", now())
    await execute(change)

    assert await case.come_back(started) == Refused(Cause.INVITATION_VOID)
    assert await fetchval("SELECT count(*) FROM external_identity") == 0


async def test_invitation_is_not_used_up_by_an_identity_of_another(case: Case) -> None:
    """The wrong account at the provider: nothing happens, and the invitation still serves."""
    await case.link(case.world.other_agency, sub="taken")
    secret = await invited(case)

    assert await accept(case, secret, sub="taken") == Refused(Cause.LINKED_TO_ANOTHER)
    assert isinstance(await accept(case, secret, sub="own"), SignedOn)


# -- people from their claims --------------------------------------------------------------------------

NEWCOMER = {
    "sub": "new-1",
    "name": "Lê Văn Tám",
    "email": "tam.lv@byt.example.vn",
    "email_verified": True,
    "groups": ["everybody", "canbo"],
    "org": "BYT",
}


def creating(case: Case, **more: object) -> SingleSignOn:
    return case.with_(
        oidc_create_people=True,
        oidc_role_map=("canbo=agency_officer", "lanhdao=agency_leader@BTC", "quantri=administrator"),
        oidc_agency_claim="org",
        **more,
    )


async def test_unknown_person_is_entered_where_the_operator_allows_it(case: Case) -> None:
    assert await case.sign_in(None, **NEWCOMER) == Refused(Cause.NOT_LINKED)

    first = await case.sign_in(creating(case), **NEWCOMER)
    second = await case.sign_in(creating(case), **NEWCOMER)

    assert isinstance(first, SignedOn)
    assert first == second
    row = await fetchrow(
        "SELECT o.full_name, o.email, o.role, a.code FROM official o JOIN agency a ON a.id = o.agency_id"
        " WHERE o.id = $1",
        first.official_id,
    )
    assert row is not None
    assert tuple(row.values()) == ("Lê Văn Tám", "tam.lv@byt.example.vn", "agency_officer", "BYT")
    assert await verbs() == ["refuse_sign_on", "create_official", "link_identity", "sign_on", "sign_on"]


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"email_verified": False}, Cause.EMAIL_UNVERIFIED),
        ({"email_verified": "true"}, Cause.EMAIL_UNVERIFIED),
        ({"email": "ADMIN@vpcp.example.vn"}, Cause.EMAIL_TAKEN),
        ({"email": "x"}, Cause.EMAIL_MISSING),
        ({"groups": ["x"]}, Cause.ROLE_MISSING),
        ({"groups": ["canbo", "quantri"]}, Cause.ROLE_AMBIGUOUS),
        ({"org": None}, Cause.AGENCY_MISSING),
        ({"org": "XYZ"}, Cause.CLAIMS_REFUSED),
        ({"org": "BKH"}, Cause.CLAIMS_REFUSED),
        ({"name": "\u202e"}, Cause.NAME_MISSING),
    ],
)
async def test_person_whose_claims_are_not_enough_is_not_entered(
    case: Case, claims: dict[str, object], cause: Cause
) -> None:
    before = await fetchval("SELECT count(*) FROM official")

    assert await case.sign_in(creating(case), **{**NEWCOMER, **claims}) == Refused(cause)
    assert await fetchval("SELECT count(*) FROM official") == before
    assert await fetchval("SELECT count(*) FROM external_identity") == 0


async def test_role_follows_the_claims_where_the_operator_wants_it(case: Case) -> None:
    """A change at the provider is one here, at the next sign-on; without a role there is no way in."""
    sso = creating(case, oidc_follow_roles=True)
    made = await case.sign_in(sso, **NEWCOMER)
    assert isinstance(made, SignedOn)

    moved = await case.sign_in(sso, **{**NEWCOMER, "groups": ["lanhdao"]})
    gone = await case.sign_in(sso, **{**NEWCOMER, "groups": []})

    assert moved == made
    assert gone == Refused(Cause.ROLE_MISSING)
    row = await fetchrow(
        "SELECT o.role, a.code FROM official o JOIN agency a ON a.id = o.agency_id WHERE o.id = $1",
        made.official_id,
    )
    assert row is not None
    assert tuple(row.values()) == ("agency_leader", "BTC")


async def test_claims_do_not_change_a_role_otherwise(case: Case) -> None:
    made = await case.sign_in(creating(case), **NEWCOMER)
    assert isinstance(made, SignedOn)

    await case.sign_in(creating(case), **{**NEWCOMER, "groups": ["quantri"]})

    assert await fetchval("SELECT role FROM official WHERE id = $1", made.official_id) == "agency_officer"


async def test_role_of_a_disabled_person_does_not_follow(case: Case) -> None:
    sso = creating(case, oidc_follow_roles=True)
    made = await case.sign_in(sso, **NEWCOMER)
    assert isinstance(made, SignedOn)
    await execute("UPDATE official SET is_active = false WHERE id = $1", made.official_id)

    refused = await case.sign_in(sso, **{**NEWCOMER, "groups": ["quantri"]})

    assert refused == Refused(Cause.OFFICIAL_INACTIVE)
    assert await fetchval("SELECT role FROM official WHERE id = $1", made.official_id) == "agency_officer"


async def test_last_administrator_stays(case: Case) -> None:
    """Claims that would leave nobody to manage the service are refused."""
    sso = creating(case, oidc_follow_roles=True)
    await case.link(case.world.administrator, sub="admin")

    assert await case.sign_in(sso, **{**NEWCOMER, "sub": "admin"}) == Refused(Cause.CLAIMS_REFUSED)
    role = await fetchval("SELECT role FROM official WHERE id = $1", case.world.administrator.official_id)
    assert role == Role.ADMINISTRATOR


# -- the second factor ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "is_proved"),
    [
        ({"acr": "gold"}, True),
        ({"amr": ["pwd", "otp"]}, True),
        ({"amr": ["pwd"]}, False),
        ({"acr": "silver"}, False),
        ({}, False),
    ],
)
async def test_second_factor_of_the_provider_counts_by_its_named_values(
    case: Case, claims: dict[str, object], is_proved: bool
) -> None:
    await case.link(case.world.head)
    sso = case.with_(oidc_mfa_acr=("gold",), oidc_mfa_amr=("otp",))

    done = await case.sign_in(sso, **claims)

    assert isinstance(done, SignedOn)
    assert done.is_second_factor_proved is is_proved


async def test_values_of_acr_are_asked_for(case: Case) -> None:
    started = await sign_on.start_sign_in(case.with_(oidc_mfa_acr=("gold", "silver")), "", "::1", "en", now())

    assert isinstance(started, Started)
    assert "acr_values=gold+silver" in started.address
    assert "ui_locales=en" in started.address


# -- the allowance -------------------------------------------------------------------------------------


async def test_starts_from_one_address_are_limited(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger cannot fill the table; another address is not touched."""
    monkeypatch.setattr(sign_on, "START_COMES_BACK_SECONDS", 3600.0)
    outcomes = [
        await sign_on.start_sign_in(case.sso, "", "203.0.113.9", "vi", now())
        for _ in range(sign_on.STARTS_AT_ONCE + 1)
    ]

    assert [o for o in outcomes if isinstance(o, Refused)] == [Refused(Cause.TOO_OFTEN)]
    assert isinstance(await sign_on.start_sign_in(case.sso, "", "203.0.113.10", "vi", now()), Started)


async def test_sign_ons_that_ran_out_are_forgotten(case: Case) -> None:
    await sign_on.start_sign_in(case.sso, "", "::1", "vi", now() - timedelta(hours=1))
    await sign_on.start_sign_in(case.sso, "", "::1", "vi", now())

    assert await fetchval("SELECT count(*) FROM sign_on_flow") == 1
