"""One look at an account's books for a person: do they agree with the broker, and what waits for a decision?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.ledger.breaks import Break, open_breaks
from zmq_bridge.storage.ledger.matching import REDEMPTION, SUBSCRIPTION, SuspenseItem, suspense
from zmq_bridge.storage.ledger.reconciliation import deals_since
from zmq_bridge.storage.ledger.request_list import Request, list_requests
from zmq_bridge.storage.ledger.shares import Shares, shares

BOOKS = """
SELECT kind, sum(balance) AS balance FROM ledger_accounts
WHERE account_id = %(account)s AND currency <> 'UNIT' GROUP BY kind HAVING sum(balance) <> 0 ORDER BY kind
"""

STATE = """
SELECT held.trading_state, held.trading_state_reason, state.agreed_at,
    coalesce(state.agreed_transaction_id, 0) AS since
FROM trading_states AS held LEFT JOIN ledger_reconciliations AS state ON state.account_id = held.account_id
WHERE held.account_id = %(account)s
"""

SNAPSHOT = """
SELECT balance, equity, credit, received_at FROM account_snapshots
WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """The books of one account beside what the broker said last."""

    shares: Shares
    trading_state: str
    trading_state_reason: str
    agreed_at: datetime | None  # when ledger and broker last agreed
    ledger_balance: Decimal
    broker_balance: Decimal | None  # of the newest snapshot; None: there is none
    broker_at: datetime | None
    breaks: tuple[Break, ...]  # open
    deals_since: tuple[dict[str, Any], ...]  # posted since the last agreement
    suspense: tuple[SuspenseItem, ...]
    waiting: tuple[Request, ...]  # requests that are pending, matched or owed
    books: tuple[tuple[str, Decimal], ...]  # balance of each kind of account, debit plus


def ledger_report(connection: Connection, account_id: int) -> LedgerReport:
    """Return everything a person needs to judge an account's books."""
    found = shares(connection, account_id)
    state = connection.exec_driver_sql(STATE, {"account": account_id}).one()
    books = tuple((row.kind, row.balance) for row in connection.exec_driver_sql(BOOKS, {"account": account_id}))
    snapshot = connection.exec_driver_sql(SNAPSHOT, {"account": account_id}).one_or_none()
    return LedgerReport(
        shares=found,
        trading_state=state.trading_state,
        trading_state_reason=state.trading_state_reason,
        agreed_at=state.agreed_at,
        ledger_balance=dict(books).get("broker", Decimal(0)),
        broker_balance=None if snapshot is None else snapshot.balance,
        broker_at=None if snapshot is None else snapshot.received_at,
        breaks=tuple(open_breaks(connection, account_id)),
        deals_since=deals_since(connection, account_id, state.since),
        suspense=tuple(suspense(connection, account_id)),
        waiting=_waiting(connection, account_id),
        books=books,
    )


def _waiting(connection: Connection, account_id: int) -> tuple[Request, ...]:
    kinds = ((SUBSCRIPTION, ("pending", "matched")), (REDEMPTION, ("pending", "matched", "owed")))
    return tuple(
        request
        for kind, statuses in kinds
        for status in statuses
        for request in list_requests(connection, kind, account_id=account_id, status=status)
    )
