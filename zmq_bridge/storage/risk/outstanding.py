"""What a stop has still to do on an account: a row for each account that it has not come to yet.

A stop must not wait for anybody: its hold is committed first, without the lock of any account, and from then on nothing
new is approved. What was approved before is ended account by account, each in a transaction of its own, as soon as the
account is free (`stopping`). The row says so until it is done, whoever dies in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

NOTE = """
INSERT INTO stops_outstanding (account_id, reason, actor, tells, noted_at)
SELECT id, %(reason)s, %(actor)s, %(tells)s, %(now)s FROM accounts
WHERE %(account)s::bigint IS NULL OR id = %(account)s::bigint ORDER BY id
ON CONFLICT (account_id) DO UPDATE SET reason = excluded.reason, actor = excluded.actor,
    tells = excluded.tells OR stops_outstanding.tells
RETURNING account_id
"""

TAKE = """
DELETE FROM stops_outstanding WHERE account_id = %(account)s RETURNING account_id, reason, actor, tells, noted_at
"""

FIND = "SELECT account_id FROM stops_outstanding ORDER BY random()"
"""In no order: accounts that stay busy must not stand before the rest every time."""

FIND_LOGINS = """
SELECT login FROM stops_outstanding JOIN accounts ON accounts.id = stops_outstanding.account_id ORDER BY accounts.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """A stop that an account has still to hear of."""

    account_id: int
    reason: str
    actor: str
    tells: bool  # the terminal is sent a command to halt, so that somebody sees it acknowledged
    noted_at: datetime


def note(
    connection: Connection, account_id: int | None, *, reason: str, actor: str, tells: bool, now: datetime
) -> list[int]:
    """Note what is to be done, for an account or (None) for each that there is; return them.

    An account that is just being made has nothing on its way, and sees the hold when it is there.
    """
    values = {"account": account_id, "reason": reason, "actor": actor, "tells": tells, "now": now}
    return sorted(connection.exec_driver_sql(NOTE, values).scalars())


def take(connection: Connection, account_id: int) -> Outstanding | None:
    """Take what is to be done out of the list, when this commits. The caller holds the account's lock."""
    row = connection.exec_driver_sql(TAKE, {"account": account_id}).one_or_none()
    return None if row is None else Outstanding(**row._mapping)


def outstanding(connection: Connection) -> list[int]:
    """Return the accounts that a stop has not come to yet, in no order."""
    return list(connection.exec_driver_sql(FIND).scalars())


def outstanding_logins(connection: Connection) -> list[int]:
    """Return their logins, for people."""
    return list(connection.exec_driver_sql(FIND_LOGINS).scalars())
