"""Transactions on their way into Postgres: `append` is the only one; `history` reads them back.

The caller holds the account's lock (`locks`), so the head of the chain read here is still the head when the row goes
in; a trigger refuses it otherwise. Balances and lots follow by triggers. Nothing here is ever updated.
"""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from ledger.errors import ImpossibleHistory
from ledger.journal import GENESIS, LotChange, Transaction, chain_hash
from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.engine import dump_json

PLACE = Prepared(
    "ledger_place",
    {"account": "bigint", "cause": "text"},
    """
SELECT (SELECT hash FROM ledger_heads WHERE account_id = %(account)s) AS head,
       (SELECT id FROM ledger_transactions WHERE account_id = %(account)s AND cause = %(cause)s) AS known
""",
)
"""What the next transaction is chained to, and whether its cause has happened already."""

INSERT = Prepared(
    "ledger_append",
    {
        "account": "bigint", "cause": "text", "kind": "text", "at": "timestamptz", "detail": "jsonb",
        "reverses": "text", "prev_hash": "text", "hash": "text", "kinds": "text[]", "members": "bigint[]",
        "currencies": "text[]", "amounts": "numeric[]",
    },
    """
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(%(kinds)s, %(members)s, %(currencies)s, %(amounts)s)
        AS entry (kind, user_id, currency, amount)
), known AS MATERIALIZED (
    SELECT had.id, name.kind, name.user_id, name.currency
    FROM (SELECT DISTINCT kind, user_id, currency FROM wanted) AS name
    CROSS JOIN LATERAL (
        SELECT id FROM ledger_accounts
        WHERE account_id = %(account)s AND kind = name.kind AND currency = name.currency
          AND coalesce(user_id, 0) = coalesce(name.user_id, 0)
        LIMIT 1
    ) AS had
), opened AS (
    INSERT INTO ledger_accounts (account_id, kind, user_id, currency)
    SELECT DISTINCT %(account)s, wanted.kind, wanted.user_id, wanted.currency FROM wanted
    WHERE NOT EXISTS (SELECT FROM known AS had WHERE had.kind = wanted.kind AND had.currency = wanted.currency
        AND had.user_id IS NOT DISTINCT FROM wanted.user_id)
    RETURNING id, kind, user_id, currency
), made AS (
    INSERT INTO ledger_transactions (account_id, cause, kind, at, detail, reverses, prev_hash, hash)
    VALUES (%(account)s, %(cause)s, %(kind)s, %(at)s, %(detail)s, %(reverses)s, %(prev_hash)s, %(hash)s)
    RETURNING id
), added AS (
    INSERT INTO ledger_entries (transaction_id, ledger_account_id, currency, amount)
    SELECT made.id, accounts.id, wanted.currency, wanted.amount
    FROM made CROSS JOIN wanted
    JOIN (SELECT * FROM known UNION ALL SELECT * FROM opened) AS accounts
      ON accounts.kind = wanted.kind AND accounts.currency = wanted.currency
     AND accounts.user_id IS NOT DISTINCT FROM wanted.user_id
)
SELECT id FROM made
""",
)  # fmt: skip
"""A transaction with its entries, and the accounts that it is the first to touch."""

INSERT_LOT_CHANGES = """
INSERT INTO ledger_lot_changes (transaction_id, account_id, lot, user_id, units, cash, fee, mark_nav, mark_units)
SELECT %(transaction)s, %(account)s, wanted.*
FROM unnest(%(lots)s::text[], %(members)s::bigint[], %(units)s::numeric[], %(cash)s::numeric[], %(fees)s::numeric[],
    %(mark_navs)s::numeric[], %(mark_units)s::numeric[]) AS wanted
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the next transaction of an account goes."""

    head: str | None  # hash of the newest transaction; None: there is none yet
    known: int | None  # id of the transaction with the same cause; None: it has not happened


def place_of(connection: Connection, account_id: int, cause: str) -> Place:
    """Find out where a transaction goes; the caller holds the account's lock."""
    row = PLACE.run(connection, {"account": account_id, "cause": cause}).one()
    return Place(head=row.head, known=row.known)


def append(
    connection: Connection, account_id: int, transaction: Transaction, *, place: Place | None = None
) -> int | None:
    """Add a transaction to an account's books; None when its cause was booked before.

    The caller holds the account's lock, and has held it since it asked for the `place`, if it did.
    """
    place = place or place_of(connection, account_id, transaction.cause)
    if place.known is not None:
        return None
    previous = place.head or GENESIS
    row = {
        "account": account_id,
        "cause": transaction.cause,
        "kind": str(transaction.kind),
        "at": transaction.at,
        "detail": dump_json(dict(transaction.detail)),
        "reverses": transaction.reverses,
        "prev_hash": previous,
        "hash": chain_hash(account_id, previous, transaction),
        "kinds": [str(entry.kind) for entry in transaction.entries],
        "members": [entry.member for entry in transaction.entries],
        "currencies": [entry.currency for entry in transaction.entries],
        "amounts": [entry.amount for entry in transaction.entries],
    }
    transaction_id: int = INSERT.run(connection, row).scalar_one()
    if transaction.lots:
        _insert_lot_changes(connection, account_id, transaction_id, transaction.lots)
    return transaction_id


def append_new(connection: Connection, account_id: int, transaction: Transaction) -> int:
    """Add a transaction whose cause can't have been booked before, or the caller's own state is wrong.

    Raises:
        ImpossibleHistory: it was booked before.
    """
    transaction_id = append(connection, account_id, transaction)
    if transaction_id is None:
        raise ImpossibleHistory(f"account {account_id}: expected {transaction.cause} to be new, found it booked")
    return transaction_id


def cause_of(connection: Connection, account_id: int, transaction_id: int) -> str | None:
    """Return the cause of a transaction; None: the account has no such transaction."""
    query = "SELECT cause FROM ledger_transactions WHERE account_id = %(account)s AND id = %(id)s"
    found: str | None = connection.exec_driver_sql(query, {"account": account_id, "id": transaction_id}).scalar()
    return found


def _insert_lot_changes(
    connection: Connection, account_id: int, transaction_id: int, changes: tuple[LotChange, ...]
) -> None:
    marks = [change.high_water_mark for change in changes]
    values = {
        "account": account_id,
        "transaction": transaction_id,
        "lots": [change.lot for change in changes],
        "members": [change.member for change in changes],
        "units": [change.units for change in changes],
        "cash": [change.cash for change in changes],
        "fees": [change.fee for change in changes],
        "mark_navs": [None if mark is None else mark.nav for mark in marks],
        "mark_units": [None if mark is None else mark.units for mark in marks],
    }
    connection.exec_driver_sql(INSERT_LOT_CHANGES, values)


def text_detail(**figures: Decimal | int | str) -> dict[str, str]:
    """Write figures that stand beside a transaction as the text that is hashed."""
    return {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in figures.items()}
