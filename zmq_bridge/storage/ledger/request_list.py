"""Requests of members as they stand, read back: one, the newest, a page of them. `requests` is the way in."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.ledger.matching import TABLES

BY_KEY = "SELECT * FROM {table} WHERE source = %(source)s AND idempotency_key = %(key)s"
BY_ID = "SELECT * FROM {table} WHERE id = %(id)s"

LIST = """
SELECT * FROM {table}
WHERE (%(account)s::bigint IS NULL OR account_id = %(account)s)
  AND (%(user)s::bigint IS NULL OR user_id = %(user)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(before)s::text IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
"""

PAGE = """
SELECT * FROM (
    SELECT 'subscription' AS kind, id, user_id, account_id, amount, false AS full_exit, currency, reference, status,
        deal_ticket, settled_amount, units, refusal, created_at, settled_at FROM subscriptions
    UNION ALL
    SELECT 'redemption', id, user_id, account_id, amount, full_exit, currency, reference, status,
        deal_ticket, settled_amount, units, refusal, created_at, settled_at FROM redemptions
) AS requests
WHERE (%(account_ids)s::bigint[] IS NULL OR account_id = ANY(%(account_ids)s))
  AND (%(user)s::bigint IS NULL OR user_id = %(user)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(from_at)s::timestamptz IS NULL OR created_at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR created_at < %(to_at)s)
  AND (%(after_0)s::text IS NULL OR id < %(after_0)s)
ORDER BY id DESC LIMIT %(rows)s
"""
"""Requests of both kinds, newest first; the cursor is the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A member's request as it stands."""

    kind: str  # subscription or redemption
    id: str  # ULID
    user_id: int
    account_id: int
    amount: Decimal | None  # asked for; None for a full exit
    full_exit: bool  # False for every subscription
    currency: str
    reference: str  # to be written into the comment of the transfer
    status: str  # pending, matched, owed, settled or cancelled
    deal_ticket: int | None  # of the broker's balance deal
    settled_amount: Decimal | None  # money that really moved
    units: Decimal | None  # bought or burned
    refusal: str | None  # why it could not be settled when that was last tried
    created_at: datetime
    settled_at: datetime | None


def get_request(connection: Connection, kind: str, request_id: str) -> Request | None:
    """Return a request; None when there is none with this id."""
    row = connection.exec_driver_sql(BY_ID.format(table=TABLES[kind]), {"id": request_id}).one_or_none()
    return None if row is None else _read(kind, row)


def request_of_key(connection: Connection, kind: str, source: str, key: str | None) -> Request:
    """Return the request that was made with an idempotency key."""
    values = {"source": source, "key": key}
    return _read(kind, connection.exec_driver_sql(BY_KEY.format(table=TABLES[kind]), values).one())


def list_requests(
    connection: Connection,
    kind: str,
    *,
    account_id: int | None = None,
    user_id: int | None = None,
    status: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Request]:
    """Return requests, newest first; `before` is the id that the last page ended with."""
    values = {"account": account_id, "user": user_id, "status": status, "before": before, "limit": limit}
    return [_read(kind, row) for row in connection.exec_driver_sql(LIST.format(table=TABLES[kind]), values)]


def page_requests(
    connection: Connection, wanted: Filter, *, kind: str | None = None, user_id: int | None = None
) -> list[Request]:
    """Return requests of one kind or of both, newest first, one more than the page holds."""
    values = wanted.values() | {"kind": kind, "user": user_id}
    return [Request(**row._mapping) for row in connection.exec_driver_sql(PAGE, values)]


def _read(kind: str, row: Row[Any]) -> Request:
    columns = row._mapping
    fields = {name: columns[name] for name in Request.__slots__ if name in columns}
    return Request(**{"kind": kind, "full_exit": False, **fields})
