"""Are the books what they were? Every hash is computed again, every balance and lot is folded again from the entries.

A row that was edited, added or taken away anywhere in an account's history shows: as a hash that is not that of its
transaction, a link that does not fit, a balance that is not the sum of its entries, or a head that is not the last.
Terms, suspense and requests are compared with the chain that tells them; prices have a chain of their own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import Connection

from ledger.book import Book
from ledger.errors import LedgerError
from ledger.journal import GENESIS, UNIT, AccountKind, terms_cause
from ledger.lots import Lot
from ledger.units import Price
from zmq_bridge.storage.ledger.history import Record, read, records
from zmq_bridge.storage.ledger.pool import read_terms
from zmq_bridge.storage.ledger.prices import price_head, price_problems
from zmq_bridge.storage.ledger.terms import terms_detail
from zmq_bridge.storage.ledger.verify_claims import claim_problems

Key = TypeVar("Key")

PROBLEMS_MAX = 100  # problems listed for an account; the first one is what matters

ACCOUNTS = """
SELECT accounts.id, accounts.currency, accounts.currency_digits AS digits FROM accounts
WHERE (%(account)s::bigint IS NULL OR accounts.id = %(account)s) ORDER BY accounts.id
"""
HEAD = "SELECT hash, transactions FROM ledger_heads WHERE account_id = %(account)s"
BALANCES = "SELECT kind, user_id, currency, balance FROM ledger_accounts WHERE account_id = %(account)s"
LOTS = "SELECT * FROM ledger_lots WHERE account_id = %(account)s"
TERMS = "SELECT * FROM ledger_terms WHERE account_id = %(account)s ORDER BY id"
AGREED = "SELECT cause, at, detail FROM ledger_transactions WHERE account_id = %(account)s AND kind = 'terms'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a look at one account's books found."""

    account_id: int
    transactions: int
    entries: int
    head: str  # hash of the newest transaction: write it down somewhere else to prove a whole history
    prices: int
    price_head: str  # hash of the newest price: the same for track records
    problems: tuple[str, ...]  # empty: the books are sound

    @property
    def sound(self) -> bool:
        """Say whether nothing was wrong."""
        return not self.problems


def verify_chain(connection: Connection, account_id: int | None = None) -> list[Verification]:
    """Verify the books of one account, or of all. Run it in a REPEATABLE READ transaction on a busy database."""
    rows = connection.exec_driver_sql(ACCOUNTS, {"account": account_id}).all()
    return [_verify(connection, row.id, row.currency, row.digits) for row in rows]


def _verify(connection: Connection, account_id: int, currency: str, digits: int) -> Verification:
    book = Book(account_id=account_id, currency=currency, digits=digits)
    problems: list[str] = []
    count = entries = 0
    for record in records(connection, account_id):
        count, entries = count + 1, entries + len(record.entries)
        problems.extend(_replayed(book, record))
    problems.extend(_head_problems(connection, book, count))
    problems.extend(_balance_problems(connection, book))
    problems.extend(_lot_problems(connection, book))
    problems.extend(claim_problems(connection, account_id))
    problems.extend(_terms_problems(connection, account_id))
    problems.extend(price_problems(connection, account_id))
    newest, prices = price_head(connection, account_id)
    return Verification(
        account_id=account_id,
        transactions=count,
        entries=entries,
        head=book.head,
        prices=prices,
        price_head=newest,
        problems=tuple(problems[:PROBLEMS_MAX]),
    )


def _replayed(book: Book, record: Record) -> Iterator[str]:
    """Fold one transaction in, and go on from its stored hash so that one edit is one problem."""
    row, expected_link = record.row, book.head
    if row.prev_hash != expected_link:
        yield f"transaction {row.id}: expected prev_hash {expected_link}, found {row.prev_hash}"
        book.head = row.prev_hash
    try:
        if not book.post(read(record).transaction):
            yield f"transaction {row.id}: expected a new cause, found {row.cause} again"
    except (LedgerError, ValueError) as error:
        yield f"transaction {row.id}: {error}"
    else:
        if book.head != row.hash:
            yield f"transaction {row.id}: expected hash {book.head}, found {row.hash}"
    book.head = row.hash


def _head_problems(connection: Connection, book: Book, count: int) -> Iterator[str]:
    head = connection.exec_driver_sql(HEAD, {"account": book.account_id}).one_or_none()
    expected_hash, expected_count = (GENESIS, 0) if head is None else head
    if expected_hash != book.head:
        yield f"head: expected the newest transaction to have hash {expected_hash}, found {book.head}"
    if expected_count != count:
        yield f"head: expected {expected_count} transactions, found {count}"


def _balance_problems(connection: Connection, book: Book) -> Iterator[str]:
    stored = {
        (AccountKind(row.kind), row.user_id, row.currency): row.balance
        for row in connection.exec_driver_sql(BALANCES, {"account": book.account_id})
    }
    for kind, member, currency in _keys(book.balances, stored):
        key = (kind, member, currency)
        expected, found = book.balances.get(key, Decimal(0)), stored.get(key, Decimal(0))
        if expected != found:
            yield f"balance of {kind} {member or ''} {currency}: expected {expected}, found {found}"
    held, issued = (book.sum_of(kind) for kind in (AccountKind.UNITS, AccountKind.UNITS_ISSUED))
    if held + issued:
        yield f"units: expected {-issued} {UNIT} held by members, found {held}"


def _keys(ours: Iterable[Key], theirs: Iterable[Key]) -> list[Key]:
    return sorted({*ours, *theirs}, key=str)


def _lot_problems(connection: Connection, book: Book) -> Iterator[str]:
    stored = {
        row.lot: Lot(
            lot=row.lot,
            member=row.user_id,
            opened=row.opened,
            units=row.units,
            units_bought=row.units_bought,
            cost=row.cost,
            high_water_mark=Price(nav=row.mark_nav, units=row.mark_units),
        )
        for row in connection.exec_driver_sql(LOTS, {"account": book.account_id})
    }
    for name in _keys(book.lots, stored):
        expected, found = book.lots.get(name), stored.get(name)
        if expected is None or found is None or _figures(expected) != _figures(found):
            yield f"lot {name}: expected {expected}, found {found}"
    if _by_age(book.lots.values()) != _by_age(stored.values()):
        yield "lots: expected them in the order in which they were opened, found another"


def _by_age(lots: Iterable[Lot]) -> list[str]:
    """Return the lots in the order in which redemptions take them."""
    return [lot.lot for lot in sorted(lots, key=lambda lot: lot.opened)]


def _figures(lot: Lot) -> tuple[object, ...]:
    mark = lot.high_water_mark
    return lot.member, lot.units, lot.units_bought, lot.cost, mark.nav, mark.units


def _terms_problems(connection: Connection, account_id: int) -> Iterator[str]:
    """Compare the terms with what the chain says was agreed on."""
    values = {"account": account_id}
    agreed = {row.cause: (row.at, row.detail) for row in connection.exec_driver_sql(AGREED, values)}
    for row in connection.exec_driver_sql(TERMS, values):
        said, found = agreed.pop(terms_cause(row.id), None), (row.at, terms_detail(read_terms(row), row.actor))
        if said != found:
            yield f"terms {row.id}: expected {said}, found {found}"
    for cause in agreed:
        yield f"{cause}: expected its terms, found none"
