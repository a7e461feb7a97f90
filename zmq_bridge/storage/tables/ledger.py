"""The books of a pooled account. `ledger/` says what they mean; here is only where they are kept.

Append-only: `ledger_transactions`, `ledger_entries`, `ledger_lot_changes`, `ledger_terms`, `ledger_prices`. What
follows from them (`ledger_heads`, `ledger_price_heads`, balances in `ledger_accounts`, `ledger_lots`) is kept by
triggers, so it can't drift.
Written by the application: `ledger_suspense`, `ledger_reconciliations`, `ledger_breaks`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from zmq_bridge.storage.tables.metadata import account_column, at, document, metadata, money, word


def amount(name: str, default: str | None = None, *, nullable: bool = False) -> Column[Any]:
    """Money or units of the books: eight decimals, always."""
    return Column(
        name, Numeric(28, 8), nullable=nullable, server_default=None if default is None else text(f"'{default}'")
    )


def member_column(*, nullable: bool = False) -> Column[int]:
    """Whose it is; None where it belongs to the pool."""
    return Column("user_id", BigInteger, ForeignKey("users.id"), nullable=nullable)


ledger_heads = Table(
    "ledger_heads",
    metadata,
    account_column(primary_key=True),
    word("hash"),  # of the newest transaction: what the next one must name
    Column("transactions", BigInteger, nullable=False),  # how many there are
)

ledger_transactions = Table(
    "ledger_transactions",
    metadata,
    Column("id", BigInteger, primary_key=True),  # the order of an account's chain
    account_column(),
    word("cause"),  # what happened, once: `deal:71`, `subscription:01J...`
    word("kind"),
    at("at"),
    document("detail"),
    word("reverses", nullable=True),  # cause of the transaction that this one takes back
    word("prev_hash"),
    word("hash"),
    UniqueConstraint("account_id", "cause"),
    UniqueConstraint("account_id", "prev_hash"),
    Index("ix_ledger_transactions_account_id_id", "account_id", "id"),
)

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(),
    word("kind"),  # of the chart of accounts, `ledger.journal.AccountKind`
    member_column(nullable=True),
    word("currency"),
    amount("balance", "0"),  # debit plus; the sum of its entries, kept by a trigger
    UniqueConstraint("id", "currency"),
    Index("uq_ledger_accounts_name", "account_id", "kind", text("coalesce(user_id, 0)"), "currency", unique=True),
    Index("ix_ledger_accounts_user_id", "user_id"),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("transaction_id", BigInteger, ForeignKey("ledger_transactions.id"), nullable=False),
    Column("ledger_account_id", BigInteger, nullable=False),
    word("currency"),
    amount("amount"),  # debit plus, credit minus, never zero
    ForeignKeyConstraint(["ledger_account_id", "currency"], ["ledger_accounts.id", "ledger_accounts.currency"]),
    Index("ix_ledger_entries_transaction_id", "transaction_id"),
    Index("ix_ledger_entries_ledger_account_id", "ledger_account_id", "id"),
)

ledger_lot_changes = Table(
    "ledger_lot_changes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("transaction_id", BigInteger, ForeignKey("ledger_transactions.id"), nullable=False),
    account_column(),
    word("lot"),  # cause of the transaction that opened it
    member_column(),
    amount("units"),  # plus bought or minted, minus burned
    amount("cash"),  # plus what they cost, minus what they fetched, fee included
    amount("fee"),
    amount("mark_nav", nullable=True),  # new high-water mark as NAV and units; None = unchanged
    amount("mark_units", nullable=True),
    Index("ix_ledger_lot_changes_transaction_id", "transaction_id"),
    Index("ix_ledger_lot_changes_user_id", "account_id", "user_id", "id"),
)

ledger_lots = Table(
    "ledger_lots",
    metadata,
    account_column(primary_key=True),
    Column("lot", Text, primary_key=True),
    member_column(),
    Column("opened", BigInteger, nullable=False),  # id of its first change: the oldest lot is redeemed first
    amount("units"),
    amount("units_bought"),
    amount("cost"),
    amount("mark_nav"),
    amount("mark_units"),
    Index("ix_ledger_lots_held", "account_id", "user_id", postgresql_where=text("units > 0")),
)

ledger_suspense = Table(
    "ledger_suspense",
    metadata,
    account_column(primary_key=True),
    Column("ticket", BigInteger, primary_key=True),  # of the broker's balance deal
    Column("correction", Integer, primary_key=True, server_default=text("0")),  # its n-th amount
    amount("amount"),  # plus a deposit, minus a withdrawal
    word("comment", ""),
    Column("time_msc", BigInteger, nullable=False),
    at("booked_at"),
    word("request", nullable=True),  # what it was matched with, as `subscription:01J...`; None = nobody's yet
    word("settled_by", nullable=True),  # cause of the transaction that took it out; None = still in suspense
    Column("reversals", Integer, nullable=False, server_default=text("0")),  # after one, only a person matches it
    Index("ix_ledger_suspense_open", "account_id", postgresql_where=text("settled_by IS NULL")),
)

ledger_terms = Table(
    "ledger_terms",
    metadata,
    Column("id", BigInteger, primary_key=True),  # the newest of an account counts
    account_column(),
    money("management_rate", "0"),  # fraction of NAV a year
    money("performance_rate", "0"),  # fraction of the gain above a lot's high-water mark
    Column("manager_id", BigInteger, ForeignKey("users.id"), nullable=True),
    word("period", "month"),  # fees are crystallised at its end: month, quarter or year
    money("price_min"),  # nobody deals outside these prices
    money("price_max"),
    word("actor"),
    at("at"),
    Index("ix_ledger_terms_account_id", "account_id", "id"),
)

ledger_prices = Table(
    "ledger_prices",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(),
    at("at"),
    Column("server_day", Date, nullable=False),  # the trade server's calendar day at that moment
    amount("nav"),
    amount("units"),
    word("cause"),  # `snapshot`, or the transaction just before which this was the price
    word("hash"),  # SHA-256 of this row and the hash of the price before
    Index("ix_ledger_prices_account_id_id", "account_id", "id"),
    Index("ix_ledger_prices_account_id_server_day", "account_id", "server_day", "id"),
)

ledger_price_heads = Table(
    "ledger_price_heads",
    metadata,
    account_column(primary_key=True),
    word("hash"),  # of the newest price: without it the newest ones could be cut off unseen
    Column("prices", BigInteger, nullable=False),  # how many there are
)

ledger_reconciliations = Table(
    "ledger_reconciliations",
    metadata,
    account_column(primary_key=True),
    Column("session", BigInteger, nullable=False, server_default=text("0")),  # of the newest snapshot seen
    at("session_at", nullable=True),  # when that session was first seen
    Column("stored_seq", BigInteger, nullable=False, server_default=text("0")),  # its events are all stored up to here
    at("agreed_at", nullable=True),  # when the newest snapshot that agreed was received; None = never
    Column("agreed_session", BigInteger, nullable=True),
    Column("agreed_transaction_id", BigInteger, nullable=True),  # newest transaction at that moment
    amount("balance", nullable=True),  # of that snapshot, like the next two
    amount("equity", nullable=True),
    amount("credit", nullable=True),
    at("accrued_at", nullable=True),  # up to when the management fee is booked
    at("crystallised_at", nullable=True),  # in the fee period that is running; the one before it is crystallised
)

ledger_breaks = Table(
    "ledger_breaks",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(),
    word("reason"),  # BALANCE, CREDIT or DEAL_CHANGED
    amount("expected"),  # by the ledger
    amount("found"),  # at the broker
    Column("session", BigInteger, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("since_transaction_id", BigInteger, nullable=True),  # newest transaction at the last agreement
    document("deals", "[]"),  # posted since then, oldest first, at most `BREAK_DEALS_MAX`
    at("opened_at"),
    at("closed_at", nullable=True),
    word("closed_by", nullable=True),  # `agreement`, or the person who accepted it
    Index("uq_ledger_breaks_open", "account_id", "reason", unique=True, postgresql_where=text("closed_at IS NULL")),
)
