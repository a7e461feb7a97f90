"""The rows that statements are folded from. The figures are those of `ledger.statement` and `ledger.pool_statement`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from ledger.fees import FeePerUnit
from ledger.history import DayClose
from ledger.journal import GENESIS, TransactionKind
from ledger.money import floor_to, scaled
from ledger.pool_statement import PoolStatement, pool_statement
from ledger.statement import Holding, MemberStatement, Movement, member_statement
from ledger.units import Pool, Price
from zmq_bridge.storage.ledger.pool import PoolNow, load_pool, steady
from zmq_bridge.storage.ledger.prices import closing_prices, every_price
from zmq_bridge.storage.ledger.shares import accrued_fees, held_units, member_values

MOVEMENTS = """
SELECT changes.transaction_id, transactions.cause, transactions.kind, transactions.at, transactions.detail,
    changes.user_id, changes.lot, changes.units, changes.cash, changes.fee
FROM ledger_lot_changes AS changes
JOIN ledger_transactions AS transactions ON transactions.id = changes.transaction_id
WHERE changes.account_id = %(account)s AND (%(member)s::bigint IS NULL OR changes.user_id = %(member)s)
ORDER BY changes.id
"""

FLOWS = """
SELECT transactions.at, -entries.amount AS amount FROM ledger_accounts AS accounts
JOIN ledger_entries AS entries ON entries.ledger_account_id = accounts.id
JOIN ledger_transactions AS transactions ON transactions.id = entries.transaction_id
WHERE accounts.account_id = %(account)s AND accounts.kind IN ('contributions', 'redemptions')
  AND transactions.reverses IS NULL
  AND NOT EXISTS (SELECT FROM ledger_transactions AS undone
                  WHERE undone.account_id = accounts.account_id AND undone.cause = 'reversal:' || transactions.cause)
ORDER BY entries.id
"""
"""Money in and out, without what was taken back."""

HEAD = "SELECT hash FROM ledger_heads WHERE account_id = %(account)s"

OWED = """
SELECT user_id, -balance AS owed FROM ledger_accounts
WHERE account_id = %(account)s AND kind = 'payable' AND balance <> 0
"""


ACCRUALS = """
SELECT transactions.at, entries.amount, (transactions.detail ->> 'units')::numeric AS units
FROM ledger_accounts AS accounts
JOIN ledger_entries AS entries ON entries.ledger_account_id = accounts.id
JOIN ledger_transactions AS transactions ON transactions.id = entries.transaction_id
WHERE accounts.account_id = %(account)s AND accounts.kind = 'management_fees'
ORDER BY entries.id
"""
"""What the pool was charged for management, and on how many units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementNow:
    """A member's statement, and the state of the books that it was read from."""

    statement: MemberStatement
    head: str  # hash of the newest transaction
    server_offset_s: int  # trade server's clock minus UTC


def statement_now(connection: Connection, account_id: int, user_id: int) -> StatementNow:
    """Return a member's statement with what proves it, all of one moment."""

    def read() -> StatementNow:
        moment = _Moment(connection, account_id, member=user_id)
        return StatementNow(
            statement=moment.statement(user_id, movements(connection, account_id, user_id)),
            head=connection.exec_driver_sql(HEAD, {"account": account_id}).scalar() or GENESIS,
            server_offset_s=moment.state.server_offset_s,
        )

    return steady(connection, account_id, read)


def statements_of(connection: Connection, account_id: int, members: Collection[int]) -> list[MemberStatement]:
    """Return the statements of some members without their history by day, all of one moment, as they are asked for."""

    def read() -> list[MemberStatement]:
        moment = _Moment(connection, account_id, days=False)
        return [moment.statement(user_id, movements(connection, account_id, user_id)) for user_id in members]

    return steady(connection, account_id, read)


def all_statements(connection: Connection, account_id: int, *, days: bool = False) -> Iterator[MemberStatement]:
    """Return the statements of every member that holds units, by user id; with or without their history by day.

    Everything is read at once, in a REPEATABLE READ transaction if all of it is to be of one moment; the statements are
    folded as they are asked for, which takes a large pool a while, and needs no transaction any more.
    """
    moment, everything = _Moment(connection, account_id, days=days), _all_movements(connection, account_id)
    return (moment.statement(user_id, everything.get(user_id, [])) for user_id in moment.held)


def pool_history(connection: Connection, account_id: int) -> PoolStatement:
    """Return the pool's history: NAV by day, flows, drawdown, monthly returns."""

    def read() -> PoolStatement:
        state = load_pool(connection, account_id)
        rows = connection.exec_driver_sql(FLOWS, {"account": account_id})
        flows = [(row.at, row.amount) for row in rows]
        prices = [*every_price(connection, account_id), *_now(state)]
        return pool_statement(prices, flows, floor_to(state.pool.nav, state.pool.digits))

    return steady(connection, account_id, read)


def movements(connection: Connection, account_id: int, user_id: int) -> list[Movement]:
    """Return every change of a member's lots, oldest first."""
    rows = connection.exec_driver_sql(MOVEMENTS, {"account": account_id, "member": user_id})
    return [_movement(row) for row in rows]


def _all_movements(connection: Connection, account_id: int) -> dict[int, list[Movement]]:
    """Return every member's movements, oldest first."""
    found: dict[int, list[Movement]] = {}
    for row in connection.exec_driver_sql(MOVEMENTS, {"account": account_id, "member": None}):
        found.setdefault(row.user_id, []).append(_movement(row))
    return found


class _Moment:
    """What all statements of one moment share, read once."""

    def __init__(
        self, connection: Connection, account_id: int, *, member: int | None = None, days: bool = True
    ) -> None:
        """Read it: for all members, or for one; with or without what the history by day needs."""
        values = {"account": account_id}
        self.state = load_pool(connection, account_id)
        self.held = held_units(connection, account_id)
        self._values = member_values(self.state.pool, self.held)
        self._fees = accrued_fees(connection, self.state, member)
        self._owed = {row.user_id: row.owed for row in connection.exec_driver_sql(OWED, values)}
        self._closes = [*closing_prices(connection, account_id), *_now(self.state)] if days else []
        rows = connection.exec_driver_sql(ACCRUALS, values)
        self._management = FeePerUnit((row.at, row.amount, row.units) for row in rows)

    def statement(self, user_id: int, moved: list[Movement]) -> MemberStatement:
        """Fold one member's movements into a statement."""
        pool = self.state.pool
        nothing = scaled(0, pool.digits)
        holding = Holding(
            at=self.state.now,
            units=self.held.get(user_id, Decimal(0)),
            value=self._values.get(user_id, nothing),
            price=_price(pool),
            pool_units=pool.units,
            owed=self._owed.get(user_id, nothing),
            fee_accrued=self._fees.get(user_id, nothing),
            digits=pool.digits,
        )
        return member_statement(user_id, moved, holding, self._closes, self._management)


def _price(pool: Pool) -> Price | None:
    return Price(nav=pool.nav, units=pool.units) if pool.units else None


def _now(state: PoolNow) -> list[DayClose]:
    """Return the price of this moment as today's last; none while there are no units."""
    price = _price(state.pool)
    if price is None:
        return []
    return [DayClose(day=state.server_day, at=state.now, price=price)]


def _movement(row: Row[Any]) -> Movement:
    detail = row.detail
    price = None
    if "price_nav" in detail:
        price = Price(nav=Decimal(detail["price_nav"]), units=Decimal(detail["price_units"]))
    return Movement(
        transaction_id=row.transaction_id,
        cause=row.cause,
        kind=TransactionKind(row.kind),
        at=row.at,
        lot=row.lot,
        units=row.units,
        cash=row.cash,
        fee=row.fee,
        price=price,
    )
