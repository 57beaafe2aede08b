"""Accounts: password and second factor of a person, the links that set a password, recovery codes.

Whether a link is in time is asked of the later of two clocks, the database's and the caller's: one that was set
back lengthens nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from asyncpg import Record

from tracker.db.engine import as_service, execute, fetch, fetchrow, fetchval
from tracker.domain.directory import Role
from tracker.i18n import Language

Purpose = Literal["invitation", "reset", "first_admin"]

SECRET_MAILS = ("account_invitation", "password_reset")
"""The kinds of mail that carry a link with which a password is set."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person with what proves who they are; without an account row `has_account` is false.

    `totp_pending` is a secret that waits for its first code, for ten minutes.
    """

    official_id: int
    name: str
    email: str
    role: Role
    language: Language
    agency_code: str
    is_active: bool
    has_account: bool
    password_hash: str | None
    password_changed_at: datetime | None
    totp_secret: bytes | None
    totp_pending: bytes | None
    totp_confirmed_at: datetime | None
    totp_last_step: int
    last_signed_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is in force, and whose it is."""

    id: int
    official_id: int
    purpose: Purpose
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as an operator's list shows it."""

    official_id: int
    name: str
    email: str
    role: Role
    is_active: bool
    has_password: bool
    has_second_factor: bool
    last_signed_in_at: datetime | None
    invited_until: datetime | None


_SELECT = """
SELECT o.id, o.full_name, o.email, o.role, o.language, o.is_active, coalesce(g.code, '') AS agency_code,
       a.official_id IS NOT NULL AS has_account, a.password_hash, a.password_changed_at, a.totp_secret,
       CASE WHEN a.totp_pending_at > now() - interval '10 minutes' THEN a.totp_pending END AS totp_pending,
       a.totp_confirmed_at, coalesce(a.totp_last_step, 0) AS totp_last_step, a.last_signed_in_at
FROM official o LEFT JOIN account a ON a.official_id = o.id LEFT JOIN agency g ON g.id = o.agency_id
"""
_IN_FORCE = "used_at IS NULL AND ended_at IS NULL AND expires_at > greatest(now(), $2)"


def _account(row: Record) -> Account:
    return Account(
        official_id=row["id"],
        name=row["full_name"],
        email=row["email"],
        role=Role(row["role"]),
        language=row["language"],
        agency_code=row["agency_code"],
        is_active=row["is_active"],
        has_account=row["has_account"],
        password_hash=row["password_hash"],
        password_changed_at=row["password_changed_at"],
        totp_secret=row["totp_secret"],
        totp_pending=row["totp_pending"],
        totp_confirmed_at=row["totp_confirmed_at"],
        totp_last_step=row["totp_last_step"],
        last_signed_in_at=row["last_signed_in_at"],
    )


async def find_account(official_id: int) -> Account | None:
    """The account of an official, active or not, whether they ever signed in or not."""
    row = await fetchrow(f"{_SELECT} WHERE o.id = $1", official_id)
    return None if row is None else _account(row)


async def is_known_to_sign_in(official_id: int) -> bool:
    """Whether the official has an account, or an identity of the organisation's sign-on."""
    known: bool = await fetchval(
        "SELECT EXISTS (SELECT FROM account WHERE official_id = $1)"
        " OR EXISTS (SELECT FROM external_identity WHERE official_id = $1)",
        official_id,
    )
    return known


async def find_account_by_email(email: str) -> tuple[Account | None, str]:
    """The account of the official with this address, compared without case, and the address as it was compared.

    Two addresses that are one to the comparison are one in what is returned, whether somebody has them or not.
    """
    folded: str = await fetchval("SELECT lower($1::text)", email)
    row = await fetchrow(f"{_SELECT} WHERE lower(o.email) = $1 ORDER BY o.id LIMIT 1", folded)
    return None if row is None else _account(row), folded


async def lock_account(official_id: int) -> Account | None:
    """As `find_account`; until the transaction ends nobody else changes it, or switches the person off."""
    await fetchval("SELECT id FROM official WHERE id = $1 FOR SHARE", official_id)
    await fetchval("SELECT official_id FROM account WHERE official_id = $1 FOR UPDATE", official_id)
    return await find_account(official_id)


async def list_accounts() -> list[AccountRow]:
    """Everybody who has an account or an invitation in force, in Vietnamese order."""
    rows = await fetch(
        """
        SELECT o.id, o.full_name, o.email, o.role, o.is_active, a.password_hash IS NOT NULL AS has_password,
               a.totp_confirmed_at IS NOT NULL AS has_second_factor, a.last_signed_in_at,
               (SELECT max(l.expires_at) FROM account_link l
                WHERE l.official_id = o.id AND l.purpose <> 'reset' AND l.used_at IS NULL AND l.ended_at IS NULL
                  AND l.expires_at > now()) AS invited_until
        FROM account a JOIN official o ON o.id = a.official_id ORDER BY o.sort_key, o.id
        """
    )
    return [
        AccountRow(
            official_id=r["id"],
            name=r["full_name"],
            email=r["email"],
            role=Role(r["role"]),
            is_active=r["is_active"],
            has_password=r["has_password"],
            has_second_factor=r["has_second_factor"],
            last_signed_in_at=r["last_signed_in_at"],
            invited_until=r["invited_until"],
        )
        for r in rows
    ]


async def put_account(official_id: int, now: datetime) -> bool:
    """Make the account where there is none; whether it is new."""
    return (
        await execute(
            "INSERT INTO account (official_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            official_id,
            now,
        )
        == 1
    )


async def has_administrator() -> bool:
    """Whether an active administrator can sign in; nobody becomes the first one until the transaction ends."""
    await fetchval("SELECT pg_advisory_xact_lock(hashtextextended('first administrator', 712))")
    found: bool = await fetchval(
        """
        SELECT EXISTS (SELECT FROM official o JOIN account a ON a.official_id = o.id
                       WHERE o.role = 'administrator' AND o.is_active
                         AND (a.password_hash IS NOT NULL OR a.last_signed_in_at IS NOT NULL))
        """
    )
    return found


async def mark_active(official_id: int, *, is_active: bool) -> bool:
    """Switch a person off or on; False when it was so already."""
    touched = await execute(
        "UPDATE official SET is_active = $2, row_version = row_version + 1, changed_at = now()"
        " WHERE id = $1 AND is_active <> $2",
        official_id,
        is_active,
    )
    return touched == 1


async def end_tokens_and_feeds(official_id: int, now: datetime) -> tuple[int, int]:
    """No API token and no calendar link of a person serves any more; how many of each."""
    tokens = await end_tokens(official_id, now)
    feeds = await execute(
        "UPDATE feed SET revoked_at = $2 WHERE owner_id = $1 AND revoked_at IS NULL", official_id, now
    )
    return tokens, feeds


async def end_tokens(official_id: int, now: datetime) -> int:
    """No API token of a person serves any more; how many there were."""
    return await execute(
        "UPDATE api_token SET revoked_at = $2 WHERE official_id = $1 AND revoked_at IS NULL", official_id, now
    )


async def has_way_in(official_id: int) -> bool:
    """Whether somebody can sign in as this person, or once did: by a password or at a provider."""
    found: bool = await fetchval(
        """
        SELECT EXISTS (SELECT FROM account WHERE official_id = $1
                       AND (password_hash IS NOT NULL OR last_signed_in_at IS NOT NULL))
            OR EXISTS (SELECT FROM external_identity WHERE official_id = $1)
        """,
        official_id,
    )
    return found


# -- password ------------------------------------------------------------------------------------------


async def mark_password(official_id: int, password_hash: str, now: datetime) -> None:
    """Give the account a new password."""
    await execute(
        "UPDATE account SET password_hash = $2, password_changed_at = $3 WHERE official_id = $1",
        official_id,
        password_hash,
        now,
    )


async def mark_rehashed(official_id: int, old_hash: str, new_hash: str) -> bool:
    """The same password under today's parameters, unless it was changed meanwhile."""
    touched = await execute(
        "UPDATE account SET password_hash = $3 WHERE official_id = $1 AND password_hash = $2",
        official_id,
        old_hash,
        new_hash,
    )
    return touched == 1


async def mark_signed_in(official_id: int, now: datetime) -> None:
    """Remember the last time somebody signed in as this person."""
    await execute("UPDATE account SET last_signed_in_at = $2 WHERE official_id = $1", official_id, now)


# -- links ---------------------------------------------------------------------------------------------


async def insert_link(
    official_id: int,
    purpose: Purpose,
    token_hash: bytes,
    life: timedelta,
    created_by: int | None,
    now: datetime,
) -> datetime:
    """A new link, in place of those of the same kind; until when it serves."""
    await end_links(official_id, ("reset",) if purpose == "reset" else ("invitation", "first_admin"))
    expires_at: datetime = await fetchval(
        "INSERT INTO account_link (official_id, purpose, token_hash, created_by, expires_at)"
        " VALUES ($1, $2, $3, $4, greatest(now(), $6) + $5) RETURNING expires_at",
        official_id,
        purpose,
        token_hash,
        created_by,
        life,
        now,
    )
    return expires_at


def _link(row: Record | None) -> Link | None:
    return None if row is None else Link(row["id"], row["official_id"], row["purpose"], row["expires_at"])


async def find_link(token_hash: bytes, now: datetime) -> Link | None:
    """The link of a token while it is in force."""
    return _link(
        await fetchrow(f"SELECT * FROM account_link WHERE token_hash = $1 AND {_IN_FORCE}", token_hash, now)
    )


async def claim_link(token_hash: bytes, now: datetime) -> Link | None:
    """Use a link up; None when it was used, ended or ran out, however many try at once."""
    return _link(
        await fetchrow(
            f"UPDATE account_link SET used_at = now() WHERE token_hash = $1 AND {_IN_FORCE} RETURNING *",
            token_hash,
            now,
        )
    )


async def end_links(
    official_id: int, purposes: Sequence[Purpose] = ("invitation", "reset", "first_admin")
) -> int:
    """The person's unused links of these kinds serve no more; how many there were."""
    return await execute(
        "UPDATE account_link SET ended_at = now() WHERE official_id = $1 AND purpose = ANY($2::text[])"
        " AND used_at IS NULL AND ended_at IS NULL",
        official_id,
        list(purposes),
    )


@as_service()
async def supersede_secret_mails(official_id: int, *, with_notices: bool = False) -> int:
    """Take back letters with links that nobody may use any more; how many had not left.

    `with_notices` takes back what was to tell the person of their account, too: they have left.
    """
    return await execute(
        "UPDATE outbox SET state = 'superseded', reason = 'no_longer_holds', raw = ''"
        " WHERE recipient_id = $1 AND kind = ANY($2::text[]) AND state = 'pending'",
        official_id,
        [*SECRET_MAILS, *(("account_changed",) if with_notices else ())],
    )


@as_service()
async def is_link_of_mail_in_force(outbox_id: int) -> bool:
    """Whether the link in this letter still serves, and its reader is the person at the address it goes to."""
    serves: bool = await fetchval(
        """
        SELECT EXISTS (
            SELECT FROM outbox m JOIN official o ON o.id = m.recipient_id JOIN account_link l ON l.official_id = o.id
            WHERE m.id = $1 AND m.kind = ANY($2::text[]) AND o.is_active AND lower(o.email) = lower(m.address)
              AND m.notify_key = concat(m.kind, '-', o.id, '-', left(encode(l.token_hash, 'hex'), 16))
              AND l.used_at IS NULL AND l.ended_at IS NULL AND l.expires_at > now())
        """,
        outbox_id,
        list(SECRET_MAILS),
    )
    return serves


# -- second factor -------------------------------------------------------------------------------------


async def mark_totp_pending(official_id: int, sealed: bytes) -> None:
    """Keep a secret that was shown and waits for its first code."""
    await execute(
        "UPDATE account SET totp_pending = $2, totp_pending_at = now() WHERE official_id = $1",
        official_id,
        sealed,
    )


async def mark_totp_confirmed(official_id: int, pending: bytes, step: int, now: datetime) -> bool:
    """The pending secret holds from now on; False when another one took its place meanwhile."""
    touched = await execute(
        "UPDATE account SET totp_secret = totp_pending, totp_pending = NULL, totp_pending_at = NULL,"
        " totp_confirmed_at = $3,"
        " totp_last_step = $4 WHERE official_id = $1 AND totp_pending = $2",
        official_id,
        pending,
        now,
        step,
    )
    return touched == 1


async def claim_totp_step(official_id: int, step: int) -> bool:
    """Use up the code of one step; False when it or a later one was used before (attack case 64)."""
    touched = await execute(
        "UPDATE account SET totp_last_step = $2 WHERE official_id = $1 AND totp_last_step < $2"
        " AND totp_secret IS NOT NULL",
        official_id,
        step,
    )
    return touched == 1


async def list_totp_secrets() -> list[tuple[int, bytes]]:
    """Every sealed secret in use, with whose it is."""
    rows = await fetch("SELECT official_id, totp_secret FROM account WHERE totp_secret IS NOT NULL")
    return [(row["official_id"], row["totp_secret"]) for row in rows]


async def replace_totp_secret(official_id: int, before: bytes, after: bytes) -> bool:
    """The same secret under another key; False when another secret took its place meanwhile."""
    touched = await execute(
        "UPDATE account SET totp_secret = $3 WHERE official_id = $1 AND totp_secret = $2",
        official_id,
        before,
        after,
    )
    return touched == 1


async def clear_second_factor(official_id: int) -> bool:
    """Take the second factor away; whether there was one."""
    await execute("DELETE FROM recovery_code WHERE official_id = $1", official_id)
    touched = await execute(
        "UPDATE account SET totp_secret = NULL, totp_pending = NULL, totp_pending_at = NULL,"
        " totp_confirmed_at = NULL"
        " WHERE official_id = $1 AND (totp_secret IS NOT NULL OR totp_pending IS NOT NULL)",
        official_id,
    )
    return touched == 1


async def put_recovery_codes(official_id: int, hashes: Sequence[bytes], now: datetime) -> None:
    """Exactly these codes from now on."""
    await execute("DELETE FROM recovery_code WHERE official_id = $1", official_id)
    await execute(
        "INSERT INTO recovery_code (official_id, code_hash, created_at)"
        " SELECT $1, h, $3 FROM unnest($2::bytea[]) AS h",
        official_id,
        list(hashes),
        now,
    )


async def claim_recovery_code(official_id: int, code_hash: bytes, now: datetime) -> bool:
    """Use a recovery code up; False when it is none of this person's, or was used."""
    touched = await execute(
        "UPDATE recovery_code SET used_at = $3 WHERE official_id = $1 AND code_hash = $2 AND used_at IS NULL",
        official_id,
        code_hash,
        now,
    )
    return touched == 1


async def count_recovery_codes(official_id: int) -> int:
    """How many codes are left."""
    left: int = await fetchval(
        "SELECT count(*) FROM recovery_code WHERE official_id = $1 AND used_at IS NULL", official_id
    )
    return left


# -- pruning -------------------------------------------------------------------------------------------


async def delete_old_links(limit: int) -> int:
    """Forget links that ran out thirty days ago; how many, at most `limit`."""
    return await execute(
        "DELETE FROM account_link WHERE id IN (SELECT id FROM account_link"
        " WHERE expires_at < now() - interval '30 days' ORDER BY expires_at LIMIT $1)",
        limit,
    )


async def empty_secret_mails(limit: int) -> int:
    """Forget the text of letters with links once they have left, or will not; how many, at most `limit`."""
    return await execute(
        "UPDATE outbox SET raw = '' WHERE id IN (SELECT id FROM outbox WHERE kind = ANY($2::text[])"
        " AND state IN ('sent', 'failed', 'superseded') AND raw <> '' AND created_at < now() - interval '1 day'"
        " ORDER BY id LIMIT $1)",
        limit,
        list(SECRET_MAILS),
    )
