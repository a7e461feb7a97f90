"""An account's history read back: as rows, before anybody says that they make sense, or as transactions.

Only reading: `journal` is the way in. A million entries are read a few thousand at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row

from ledger.errors import ImpossibleHistory
from ledger.journal import AccountKind, Entry, LotChange, Transaction, TransactionKind, deal_cause
from ledger.units import Price
from zmq_bridge.storage.ledger.journal import place_of

FETCH_ROWS = 5_000  # rows that a history is read by
ADJUSTS = "adjusts"  # in the detail of a posting that adds a difference: the cause of the posting that it adds it to

TRANSACTIONS = """
SELECT id, cause, kind, at, detail, reverses, prev_hash, hash FROM ledger_transactions
WHERE account_id = %(account)s AND id > %(after)s ORDER BY id
"""

ENTRIES = """
SELECT entries.transaction_id, accounts.kind, accounts.user_id, entries.currency, entries.amount
FROM ledger_entries AS entries
JOIN ledger_accounts AS accounts ON accounts.id = entries.ledger_account_id
WHERE accounts.account_id = %(account)s AND entries.transaction_id > %(after)s
ORDER BY entries.transaction_id, entries.id
"""

LOT_CHANGES = """
SELECT transaction_id, lot, user_id, units, cash, fee, mark_nav, mark_units FROM ledger_lot_changes
WHERE account_id = %(account)s AND transaction_id > %(after)s ORDER BY transaction_id, id
"""

ONE = "SELECT id FROM ledger_transactions WHERE account_id = %(account)s AND cause = %(cause)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The rows of one transaction, as they are stored."""

    row: Row[Any]
    entries: list[Row[Any]]
    lots: list[Row[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTransaction:
    """A transaction as it was read back, with the hashes beside it."""

    id: int
    transaction: Transaction
    prev_hash: str
    hash: str


def find(connection: Connection, account_id: int, cause: str) -> StoredTransaction | None:
    """Return the transaction of a cause; None when it has not happened."""
    found = connection.exec_driver_sql(ONE, {"account": account_id, "cause": cause}).scalar()
    return None if found is None else next(transactions(connection, account_id, after=found - 1))


def corrections_of(connection: Connection, account_id: int, ticket: int) -> int:
    """Return how often a deal was corrected."""
    done = 0
    while place_of(connection, account_id, deal_cause(ticket, done + 1)).known is not None:
        done += 1
    return done


def standing_postings(connection: Connection, account_id: int, ticket: int) -> list[StoredTransaction]:
    """Return the transactions that a deal's amounts are the sum of now, oldest first; none: it was never posted.

    One, as a rule: a correction takes the one before it back. Where it could not, it adds the difference.
    """
    cause: str | None = deal_cause(ticket, corrections_of(connection, account_id, ticket))
    found: list[StoredTransaction] = []
    while cause is not None and (posting := find(connection, account_id, cause)) is not None:
        found.insert(0, posting)
        cause = posting.transaction.detail.get(ADJUSTS)
    return found


def transactions(connection: Connection, account_id: int, *, after: int = 0) -> Iterator[StoredTransaction]:
    """Read an account's history in its order, a few thousand rows at a time."""
    for record in records(connection, account_id, after=after):
        yield read(record)


def records(connection: Connection, account_id: int, *, after: int = 0) -> Iterator[Record]:
    """Read an account's history as rows, before anybody says that they make sense."""
    values = {"account": account_id, "after": after}
    entries, changes = (_Groups(_stream(connection, query, values)) for query in (ENTRIES, LOT_CHANGES))
    for row in _stream(connection, TRANSACTIONS, values):
        yield Record(row=row, entries=entries.take(row.id), lots=changes.take(row.id))


def read(record: Record) -> StoredTransaction:
    """Make a transaction of its rows.

    Raises:
        LedgerError: they are none: unbalanced, or an amount of zero.
        ValueError: a word in them is not known.
    """
    row = record.row
    transaction = Transaction(
        cause=row.cause,
        kind=TransactionKind(row.kind),
        at=row.at,
        entries=tuple(_entry(entry) for entry in record.entries),
        lots=tuple(_lot_change(change) for change in record.lots),
        detail=row.detail,
        reverses=row.reverses,
    )
    return StoredTransaction(id=row.id, transaction=transaction, prev_hash=row.prev_hash, hash=row.hash)


class _Groups:
    """Rows ordered by transaction, handed out one transaction at a time."""

    def __init__(self, rows: Iterator[Row[Any]]) -> None:
        self._groups = groupby(rows, key=attrgetter("transaction_id"))
        self._next: tuple[int, list[Row[Any]]] | None = None

    def take(self, transaction_id: int) -> list[Row[Any]]:
        """Return the rows of a transaction; transactions are asked for in rising order."""
        while self._next is None or self._next[0] < transaction_id:
            group = next(self._groups, None)
            if group is None:
                return []
            self._next = (group[0], list(group[1]))
        return self._next[1] if self._next[0] == transaction_id else []


def _stream(connection: Connection, query: str, values: dict[str, Any]) -> Iterator[Row[Any]]:
    options = {"stream_results": True, "max_row_buffer": FETCH_ROWS}
    return iter(connection.exec_driver_sql(query, values, execution_options=options))


def _entry(row: Row[Any]) -> Entry:
    return Entry(kind=AccountKind(row.kind), member=row.user_id, currency=row.currency, amount=row.amount)


def _lot_change(row: Row[Any]) -> LotChange:
    if (row.mark_nav is None) != (row.mark_units is None):
        raise ImpossibleHistory(f"lot {row.lot}: expected a whole mark or none, found {row.mark_nav}/{row.mark_units}")
    mark = None if row.mark_nav is None else Price(nav=row.mark_nav, units=row.mark_units)
    return LotChange(lot=row.lot, member=row.user_id, units=row.units, cash=row.cash, fee=row.fee, high_water_mark=mark)
