"""Who a balance deal of the broker belongs to: it waits in suspense until a request claims it.

A deal and a request find each other by themselves only when the amount is equal, the deal's comment holds the request's
reference, and there is just one such pair. Everything else is an admin's decision (`match_by_hand`). A match moves
nothing: units come from `settlement`, at a price. All functions hold the account's lock.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from ledger.refusals import RefusalCode, Refused, refuse
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.locks import Lock, hold

SUBSCRIPTION, REDEMPTION = "subscription", "redemption"
TABLES = {SUBSCRIPTION: "subscriptions", REDEMPTION: "redemptions"}

ADD = """
INSERT INTO ledger_suspense (account_id, ticket, correction, amount, comment, time_msc, booked_at, reversals)
VALUES (%(account)s, %(ticket)s, %(correction)s, %(amount)s, %(comment)s, %(time_msc)s, %(now)s, %(reversals)s)
"""

OPEN = """
SELECT ticket, amount, comment, time_msc, booked_at, request, reversals FROM ledger_suspense
WHERE account_id = %(account)s AND settled_by IS NULL ORDER BY booked_at, ticket
"""

PAIRS = """
WITH requests AS (
    SELECT 'subscription' AS kind, id, reference, amount, amount AS amount_max, status FROM subscriptions
    WHERE account_id = %(account)s AND status = 'pending' AND reference <> ''
    UNION ALL
    SELECT 'redemption', id, reference, -amount,
        CASE WHEN full_exit OR status = 'owed' THEN NULL ELSE -amount END, status FROM redemptions
    WHERE account_id = %(account)s AND status IN ('pending', 'owed') AND reference <> ''
), pairs AS (
    SELECT suspense.ticket, requests.kind, requests.id, requests.status,
        count(*) OVER (PARTITION BY suspense.ticket) AS of_deal,
        count(*) OVER (PARTITION BY requests.kind, requests.id) AS of_request
    FROM ledger_suspense AS suspense
    JOIN requests ON position(upper(requests.reference) IN upper(suspense.comment)) > 0
        AND (suspense.amount = requests.amount_max
             OR (requests.amount_max IS NULL AND requests.kind = 'redemption' AND suspense.amount < 0))
    WHERE suspense.account_id = %(account)s AND suspense.settled_by IS NULL AND suspense.request IS NULL
      AND suspense.reversals = 0
)
SELECT ticket, kind, id, status FROM pairs WHERE of_deal = 1 AND of_request = 1 ORDER BY ticket
"""
"""Deals and requests that name each other and nobody else."""

CLAIM = """
UPDATE ledger_suspense SET request = %(request)s
WHERE account_id = %(account)s AND ticket = %(ticket)s AND settled_by IS NULL AND request IS NULL
RETURNING amount
"""

RELEASE = """
UPDATE ledger_suspense SET request = NULL
WHERE account_id = %(account)s AND request = %(request)s AND settled_by IS NULL
"""

UNMATCH = """
UPDATE ledger_suspense SET request = NULL, reversals = reversals + 1
WHERE account_id = %(account)s AND ticket = %(ticket)s AND settled_by IS NULL
"""

TAKEN_BACK = """
UPDATE ledger_suspense SET request = NULL, settled_by = %(cause)s
WHERE account_id = %(account)s AND ticket = %(ticket)s AND settled_by IS NULL
"""

WAITS_AGAIN = """
UPDATE {table} SET deal_ticket = NULL, refusal = NULL,
    status = CASE status WHEN 'matched' THEN 'pending' ELSE status END
WHERE id = %(id)s AND account_id = %(account)s AND status IN ('matched', 'owed')
"""

STATUS = "SELECT status FROM {table} WHERE id = %(id)s AND account_id = %(account)s FOR UPDATE"

MATCHED = """
UPDATE {table} SET status = CASE status WHEN 'pending' THEN 'matched' ELSE status END, deal_ticket = %(ticket)s
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspenseItem:
    """A balance deal that is not yet part of anybody's share."""

    ticket: int
    amount: Decimal  # plus a deposit, minus a withdrawal
    comment: str
    time_msc: int  # trade server's clock
    booked_at: datetime
    request: str | None  # `subscription:ID` or `redemption:ID` that it was matched with; None = nobody's yet
    reversals: int  # how often a person took its match or settlement back; from then on only a person matches it


def add_to_suspense(
    connection: Connection,
    account_id: int,
    deal: Deal,
    amount: Decimal,
    now: datetime,
    *,
    correction: int = 0,
    reversals: int = 0,
) -> None:
    """Note a balance deal whose money was just booked to suspense.

    Args:
        correction: how often the deal was corrected, this time included.
        reversals: see `SuspenseItem`.
    """
    values = {"ticket": deal.ticket, "amount": amount, "comment": deal.comment, "time_msc": deal.time_msc}
    more = {"account": account_id, "now": now, "correction": correction, "reversals": reversals}
    connection.exec_driver_sql(ADD, values | more)


def take_back(connection: Connection, account_id: int, ticket: int, request: str | None, cause: str) -> None:
    """Note that a reversal took a deal's money out of suspense; a request that had claimed it waits again."""
    values = {"account": account_id, "ticket": ticket, "cause": cause}
    connection.exec_driver_sql(TAKEN_BACK, values)
    if request is not None:
        kind, _, request_id = request.partition(":")
        connection.exec_driver_sql(WAITS_AGAIN.format(table=TABLES[kind]), {**values, "id": request_id})


def suspense(connection: Connection, account_id: int) -> list[SuspenseItem]:
    """Return what waits in suspense, oldest first."""
    return [SuspenseItem(**row._mapping) for row in connection.exec_driver_sql(OPEN, {"account": account_id})]


def match_waiting(connection: Connection, account_id: int) -> list[tuple[int, str]]:
    """Match every deal and request that name each other and nobody else; return (ticket, request) pairs."""
    pairs = connection.exec_driver_sql(PAIRS, {"account": account_id}).all()
    return [(row.ticket, _claim(connection, account_id, row.ticket, row.kind, row.id)[0]) for row in pairs]


def match_by_hand(
    connection: Connection, account_id: int, *, ticket: int, kind: str, request_id: str, actor: str
) -> SuspenseItem | Refused:
    """Match a balance deal with a request on a person's word; the deal's amount is what counts afterwards.

    Args:
        kind: `subscription` or `redemption`.
    """
    hold(connection, Lock.ADMISSION, account_id)
    item = next((item for item in suspense(connection, account_id) if item.ticket == ticket), None)
    if item is None or item.request is not None:
        return refuse(RefusalCode.DEAL_NOT_IN_SUSPENSE, ticket=ticket, request=item.request if item else None)
    values = {"account": account_id, "id": request_id}
    status = connection.exec_driver_sql(STATUS.format(table=TABLES[kind]), values).scalar()
    if status is None:
        return refuse(RefusalCode.REQUEST_NOT_FOUND, request=request_id, account=account_id)
    if status not in ("pending", "owed"):
        return refuse(RefusalCode.REQUEST_NOT_PENDING, request=request_id, status=status)
    if (item.amount > 0) != (kind == SUBSCRIPTION):
        return refuse(RefusalCode.AMOUNT_MISMATCH, kind=kind, amount=item.amount)
    name, _ = _claim(connection, account_id, ticket, kind, request_id)
    record(
        connection, actor=actor, action="ledger.match", subject=name, account_id=account_id,
        before={"status": status}, after={"ticket": ticket, "amount": item.amount},
    )  # fmt: skip
    return next(found for found in suspense(connection, account_id) if found.ticket == ticket)


def unmatch_by_hand(
    connection: Connection, account_id: int, *, ticket: int, actor: str, reason: str
) -> SuspenseItem | Refused:
    """Take a match back that is not settled, on a person's word; from then on only a person matches that deal.

    The way out for a withdrawal that is more than what is owed, or a deposit that went to the wrong request.
    """
    hold(connection, Lock.ADMISSION, account_id)
    item = next((item for item in suspense(connection, account_id) if item.ticket == ticket), None)
    if item is None or item.request is None:
        return refuse(RefusalCode.DEAL_NOT_IN_SUSPENSE, ticket=ticket, request=None)
    kind, _, request_id = item.request.partition(":")
    values = {"account": account_id, "ticket": ticket, "id": request_id}
    connection.exec_driver_sql(UNMATCH, values)
    connection.exec_driver_sql(WAITS_AGAIN.format(table=TABLES[kind]), values)
    record(
        connection, actor=actor, action="ledger.unmatch", subject=item.request, account_id=account_id,
        before={"ticket": ticket, "amount": item.amount}, after={"reason": reason},
    )  # fmt: skip
    return next(found for found in suspense(connection, account_id) if found.ticket == ticket)


def unmatch(connection: Connection, account_id: int, request: str) -> None:
    """Let go of a deal that a request claimed and that is still in suspense."""
    connection.exec_driver_sql(RELEASE, {"account": account_id, "request": request})


def _claim(connection: Connection, account_id: int, ticket: int, kind: str, request_id: str) -> tuple[str, Decimal]:
    name = f"{kind}:{request_id}"
    values = {"account": account_id, "ticket": ticket, "request": name, "id": request_id}
    amount: Decimal = connection.exec_driver_sql(CLAIM, values).scalar_one()
    connection.exec_driver_sql(MATCHED.format(table=TABLES[kind]), values)
    return name, amount
