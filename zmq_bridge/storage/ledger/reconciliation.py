"""Reconciliation as people look at it: the ledger beside the broker's newest word, and every break there was."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from ledger.money import scaled
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.ledger.breaks import Break, open_breaks, read_break
from zmq_bridge.storage.ledger.pool import UnknownAccountError, steady

DEALS_MAX = 200  # deals since the last agreement that are listed, newest last

STATE = """
SELECT accounts.currency_digits AS digits, state.agreed_at, coalesce(state.agreed_transaction_id, 0) AS since,
    coalesce(sums.broker, 0) AS broker, coalesce(sums.credit, 0) AS credit, coalesce(sums.suspense, 0) AS suspense,
    snapshot.balance, snapshot.credit AS broker_credit, snapshot.received_at
FROM accounts
LEFT JOIN ledger_reconciliations AS state ON state.account_id = accounts.id
LEFT JOIN LATERAL (
    SELECT sum(balance) FILTER (WHERE kind = 'broker') AS broker,
           sum(balance) FILTER (WHERE kind = 'credit') AS credit,
           -sum(balance) FILTER (WHERE kind = 'suspense') AS suspense
    FROM ledger_accounts WHERE account_id = accounts.id AND kind IN ('broker', 'credit', 'suspense')
) AS sums ON true
LEFT JOIN LATERAL (
    SELECT balance, credit, received_at FROM account_snapshots
    WHERE account_id = accounts.id ORDER BY id DESC LIMIT 1
) AS snapshot ON true
WHERE accounts.id = %(account)s
"""

DEALS_SINCE = f"""
SELECT id AS transaction_id, cause, at, detail ->> 'type' AS type, detail ->> 'symbol' AS symbol,
    (detail ->> 'amount')::numeric AS amount
FROM (SELECT * FROM ledger_transactions
      WHERE account_id = %(account)s AND kind = 'deal' AND id > %(since)s ORDER BY id DESC LIMIT {DEALS_MAX}) AS newest
ORDER BY id
"""

BREAKS = """
SELECT * FROM ledger_breaks
WHERE account_id = %(account)s AND (%(after_0)s::bigint IS NULL OR id < %(after_0)s) ORDER BY id DESC LIMIT %(rows)s
"""
"""All breaks, newest first; the cursor is the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationReport:
    """Do ledger and broker agree?"""

    agrees: bool  # no break is open, and the newest snapshot has the ledger's figures
    agreed_at: datetime | None  # when they last agreed; None: never
    ledger_balance: Decimal
    broker_balance: Decimal | None  # of the newest snapshot, like the next; None: there is none
    ledger_credit: Decimal
    broker_credit: Decimal | None
    broker_at: datetime | None
    difference: Decimal | None  # broker's balance less the ledger's; deals that are under way differ for a moment
    in_suspense: Decimal  # balance deals that nobody has claimed
    breaks: tuple[Break, ...]  # open
    deals_since: tuple[dict[str, Any], ...]  # posted since the last agreement


def reconciliation_report(connection: Connection, account_id: int) -> ReconciliationReport:
    """Return the report of an account, all of one moment.

    Raises:
        UnknownAccountError: there is no such account.
    """
    return steady(connection, account_id, lambda: _report(connection, account_id))


def page_breaks(connection: Connection, account_id: int, wanted: Filter) -> list[Break]:
    """Return breaks, newest first, open and closed, one more than the page holds."""
    rows = connection.exec_driver_sql(BREAKS, wanted.values() | {"account": account_id})
    return [read_break(row._mapping) for row in rows]


def deals_since(connection: Connection, account_id: int, transaction_id: int) -> tuple[dict[str, Any], ...]:
    """Return the newest deals posted after a transaction, oldest first."""
    found = connection.exec_driver_sql(DEALS_SINCE, {"account": account_id, "since": transaction_id})
    return tuple(dict(deal._mapping) for deal in found)


def _report(connection: Connection, account_id: int) -> ReconciliationReport:
    row = connection.exec_driver_sql(STATE, {"account": account_id}).one_or_none()
    if row is None:
        raise UnknownAccountError(f"expected the id of an account, found {account_id}")
    breaks = tuple(open_breaks(connection, account_id))
    cent = scaled(1, row.digits)
    same = row.balance is not None and max(abs(row.balance - row.broker), abs(row.broker_credit - row.credit)) < cent
    return ReconciliationReport(
        agrees=not breaks and same,
        agreed_at=row.agreed_at,
        ledger_balance=row.broker,
        broker_balance=row.balance,
        ledger_credit=row.credit,
        broker_credit=row.broker_credit,
        broker_at=row.received_at,
        difference=None if row.balance is None else row.balance - row.broker,
        in_suspense=row.suspense,
        breaks=breaks,
        deals_since=deals_since(connection, account_id, row.since),
    )
