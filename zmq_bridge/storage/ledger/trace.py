"""From a figure to the entries that it is the sum of, and back: what a person asks who does not believe a number.

A figure is either the balance of accounts of the books, so its entries sum to it, or it is worked out of others, and
then its formula names them. `FIGURES` and `POOL_FIGURES` are all the figures of a member's statement and of the pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from ledger.journal import AccountKind
from zmq_bridge.storage.filters import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A figure that is a balance: the sum of entries on accounts of these kinds, times a sign."""

    kinds: tuple[AccountKind, ...]
    sign: int  # entries are debit plus; a figure that grows with credits turns them round


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedOut:
    """A figure that follows from others."""

    formula: str
    parts: tuple[str, ...] = ()  # figures of the same table
    pool_parts: tuple[str, ...] = ()  # figures of the pool


Figure = Booked | WorkedOut


def _booked(*kinds: AccountKind, sign: int = 1) -> Booked:
    return Booked(kinds=kinds, sign=sign)


FIGURES: Mapping[str, Figure] = {
    "units": _booked(AccountKind.UNITS),
    "contributed": _booked(AccountKind.CONTRIBUTIONS, sign=-1),
    "redeemed": _booked(AccountKind.REDEMPTIONS),
    "owed": _booked(AccountKind.PAYABLE, sign=-1),
    "fees_paid": _booked(AccountKind.FEES_PAID),
    "fees_earned": _booked(AccountKind.FEES_EARNED, sign=-1),
    "value": WorkedOut(
        formula="NAV of the pool x units / units of the pool, to the cent by largest remainder over all members",
        parts=("units",),
        pool_parts=("nav", "units"),
    ),
    "share_percent": WorkedOut(formula="100 x units / units of the pool", parts=("units",), pool_parts=("units",)),
    "nav_per_unit": WorkedOut(formula="NAV of the pool / units of the pool", pool_parts=("nav", "units")),
    "profit": WorkedOut(formula="value + redeemed - contributed", parts=("value", "redeemed", "contributed")),
    "realised": WorkedOut(
        formula="for every movement that burned units: what they fetched - what they had cost in their lot"
    ),
    "unrealised": WorkedOut(
        formula="profit - realised + fees_paid - fees_earned", parts=("profit", "realised", "fees_paid", "fees_earned")
    ),
    "fee_accrued": WorkedOut(
        formula="for every lot: performance rate x (nav_per_unit - the lot's high-water mark) x its units, if positive",
        parts=("units", "nav_per_unit"),
    ),
    "management_fees": WorkedOut(
        formula="for every accrual: its amount x units held / units of the pool at that moment",
        parts=("units",),
        pool_parts=("management_fees",),
    ),
    "time_weighted_return": WorkedOut(
        formula="growth of nav_per_unit chained between the movements, less performance fees", parts=("nav_per_unit",)
    ),
    "money_weighted_return": WorkedOut(
        formula="the yearly rate at which all contributions, redemptions and the value of now discount to zero",
        parts=("contributed", "redeemed", "value"),
    ),
}

POOL_FIGURES: Mapping[str, Figure] = {
    "nav": WorkedOut(
        formula="balance + floating profit of the newest snapshot that agreed - owed - fees_accrued",
        parts=("balance", "owed", "fees_accrued"),
    ),
    "balance": _booked(AccountKind.BROKER),
    "credit": _booked(AccountKind.CREDIT),
    "units": _booked(AccountKind.UNITS_ISSUED, sign=-1),
    "owed": _booked(AccountKind.SUSPENSE, AccountKind.PAYABLE, sign=-1),
    "fees_accrued": _booked(AccountKind.FEES_ACCRUED, sign=-1),
    "contributed": _booked(AccountKind.CONTRIBUTIONS, sign=-1),
    "redeemed": _booked(AccountKind.REDEMPTIONS),
    "trading": _booked(AccountKind.TRADING, sign=-1),
    "commissions": _booked(AccountKind.COMMISSIONS, sign=-1),
    "agent_commissions": _booked(AccountKind.AGENT_COMMISSIONS, sign=-1),
    "swaps": _booked(AccountKind.SWAPS, sign=-1),
    "deal_fees": _booked(AccountKind.DEAL_FEES, sign=-1),
    "charges": _booked(AccountKind.CHARGES, sign=-1),
    "corrections": _booked(AccountKind.CORRECTIONS, sign=-1),
    "bonuses": _booked(AccountKind.BONUSES, sign=-1),
    "interest": _booked(AccountKind.INTEREST, sign=-1),
    "dividends": _booked(AccountKind.DIVIDENDS, sign=-1),
    "taxes": _booked(AccountKind.TAXES, sign=-1),
    "management_fees": _booked(AccountKind.MANAGEMENT_FEES),
}

BALANCE = """
SELECT coalesce(sum(balance), 0) FROM ledger_accounts
WHERE account_id = %(account)s AND kind = ANY(%(kinds)s) AND (%(user)s::bigint IS NULL OR user_id = %(user)s)
"""

LINES = """
SELECT entries.id, entries.transaction_id, transactions.cause, transactions.kind, transactions.at,
    accounts.kind AS book, accounts.user_id, entries.currency, %(sign)s * entries.amount AS amount
FROM ledger_accounts AS accounts
JOIN ledger_entries AS entries ON entries.ledger_account_id = accounts.id
JOIN ledger_transactions AS transactions ON transactions.id = entries.transaction_id
WHERE accounts.account_id = %(account)s AND accounts.kind = ANY(%(kinds)s)
  AND (%(user)s::bigint IS NULL OR accounts.user_id = %(user)s)
  AND (%(from_at)s::timestamptz IS NULL OR transactions.at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR transactions.at < %(to_at)s)
  AND (%(after_0)s::bigint IS NULL OR entries.id > %(after_0)s)
ORDER BY entries.id LIMIT %(rows)s
"""
"""Entries on some kinds of account, oldest first; the cursor is the entry's id."""

ENTRIES = """
SELECT accounts.kind AS book, accounts.user_id, entries.currency, entries.amount
FROM ledger_entries AS entries JOIN ledger_accounts AS accounts ON accounts.id = entries.ledger_account_id
WHERE entries.transaction_id = %(id)s ORDER BY entries.id
"""

LOT_CHANGES = """
SELECT lot, user_id, units, cash, fee, mark_nav, mark_units FROM ledger_lot_changes
WHERE transaction_id = %(id)s ORDER BY id
"""

TRANSACTION = """
SELECT id, cause, kind, at, detail, reverses, prev_hash, hash FROM ledger_transactions
WHERE account_id = %(account)s AND id = %(id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry on the way to a figure."""

    id: int  # of the entry
    transaction_id: int
    cause: str
    kind: str  # of the transaction
    at: datetime
    book: str  # kind of account
    user_id: int | None
    currency: str
    amount: Decimal  # signed as the figure is


def balance_of(connection: Connection, account_id: int, figure: Booked, user_id: int | None = None) -> Decimal:
    """Return a booked figure: the sum of all its entries, which the database keeps."""
    values = {"account": account_id, "kinds": [str(kind) for kind in figure.kinds], "user": user_id}
    return figure.sign * Decimal(connection.exec_driver_sql(BALANCE, values).scalar_one())


def lines_of(
    connection: Connection, account_id: int, figure: Booked, wanted: Filter, user_id: int | None = None
) -> list[Line]:
    """Return entries that a figure is the sum of, oldest first, one more than the page holds."""
    values = wanted.values() | {"account": account_id, "user": user_id, "sign": figure.sign}
    values |= {"kinds": [str(kind) for kind in figure.kinds]}
    return [Line(**row._mapping) for row in connection.exec_driver_sql(LINES, values)]


def transaction_of(connection: Connection, account_id: int, transaction_id: int) -> dict[str, Any] | None:
    """Return a transaction with its entries and lots, and its place in the chain; None: there is none."""
    row = connection.exec_driver_sql(TRANSACTION, {"account": account_id, "id": transaction_id}).one_or_none()
    if row is None:
        return None
    entries, lots = (
        [dict(part._mapping) for part in connection.exec_driver_sql(query, {"id": transaction_id})]
        for query in (ENTRIES, LOT_CHANGES)
    )
    return {**row._mapping, "entries": entries, "lots": lots}
