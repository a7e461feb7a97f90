"""The pool of an account as it stands: what it is made of, what a unit costs, and whether anybody may deal now.

    NAV = equity - credit - unmatched deposits - accrued fees
    equity = ledger balance + credit + floating
    floating = equity - balance - credit of the newest snapshot that agreed with the ledger
    unmatched deposits = suspense + redemptions that are owed and not yet withdrawn

A snapshot agrees when every event it includes is stored and its balance is the ledger's. A trading deal posted since
then has moved profit from floating into the balance: until the next agreement NAV is shown as it was, and nobody
deals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Row

from ledger.book import pool_from
from ledger.fees import NO_FEES, FeeTerms
from ledger.lots import Lot
from ledger.money import total
from ledger.parts import Dealing
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import DEFAULT_BAND, Pool, Price, PriceBand
from zmq_bridge.storage.ledger.prices import store_price
from zmq_bridge.storage.locks import Lock, hold_shared

Found = TypeVar("Found")

READ_TRIES = 3  # then postings are kept away for the length of one read
PRICE_AGE_MAX_S = 10  # an older snapshot prices nothing; one comes every second

POOL = """
SELECT accounts.currency, accounts.currency_digits AS digits, clock_timestamp() AS now,
    coalesce(sums.broker, 0) AS broker, coalesce(sums.credit, 0) AS credit, coalesce(sums.owed, 0) AS owed,
    coalesce(sums.accrued, 0) AS accrued, coalesce(sums.issued, 0) AS issued,
    state.agreed_at, state.balance AS agreed_balance, state.equity AS agreed_equity, state.credit AS agreed_credit,
    since.deals AS deals_since, since.amount AS amount_since, state.accrued_at,
    state.crystallised_at,
    coalesce((SELECT server_offset_s FROM terminals WHERE account_id = accounts.id AND role IN ('both', 'desk')
              ORDER BY session DESC LIMIT 1), 0) AS server_offset_s,
    EXISTS (SELECT FROM ledger_breaks WHERE account_id = accounts.id AND closed_at IS NULL) AS frozen,
    EXISTS (SELECT FROM ledger_suspense WHERE account_id = accounts.id AND settled_by IS NULL AND request IS NULL
            AND amount < 0) AS unmatched_withdrawal
FROM accounts
LEFT JOIN ledger_reconciliations AS state ON state.account_id = accounts.id
LEFT JOIN LATERAL (
    SELECT sum(balance) FILTER (WHERE kind = 'broker') AS broker,
           sum(balance) FILTER (WHERE kind = 'credit') AS credit,
           -sum(balance) FILTER (WHERE kind IN ('suspense', 'payable')) AS owed,
           -sum(balance) FILTER (WHERE kind = 'fees_accrued') AS accrued,
           -sum(balance) FILTER (WHERE kind = 'units_issued') AS issued
    FROM ledger_accounts
    WHERE account_id = accounts.id
      AND kind IN ('broker', 'credit', 'suspense', 'payable', 'fees_accrued', 'units_issued')
) AS sums ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS deals, coalesce(sum((detail ->> 'realised')::numeric), 0) AS amount FROM ledger_transactions
    WHERE account_id = accounts.id AND id > state.agreed_transaction_id AND detail ? 'realised'
) AS since
WHERE accounts.id = %(account)s
"""
"""Everything a price is made of, in one consistent look."""

TERMS = """
SELECT management_rate, performance_rate, manager_id, period, price_min, price_max FROM ledger_terms
WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1
"""

LOTS = """
SELECT lot, user_id, opened, units, units_bought, cost, mark_nav, mark_units FROM ledger_lots
WHERE account_id = %(account)s AND units > 0 AND (%(member)s::bigint IS NULL OR user_id = %(member)s) ORDER BY opened
"""

VERSION = """
SELECT heads.hash, state.agreed_at FROM accounts
LEFT JOIN ledger_heads AS heads ON heads.account_id = accounts.id
LEFT JOIN ledger_reconciliations AS state ON state.account_id = accounts.id
WHERE accounts.id = %(account)s
"""
"""Changes whenever anything that a share is made of does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the members of an account agreed to."""

    fees: FeeTerms = NO_FEES
    period: str = "month"  # fees are crystallised at the end of it: month, quarter or year
    band: PriceBand = DEFAULT_BAND


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolNow:
    """A pool at the moment it was looked at."""

    account_id: int
    currency: str
    pool: Pool
    balance: Decimal  # of the broker, by the ledger
    accrued: Decimal  # management fee owed to the manager
    now: datetime  # the database's clock
    server_offset_s: int  # trade server's clock minus UTC; 0 while no terminal has told it
    as_of: datetime | None  # when the snapshot behind `pool` was received; None: no snapshot has agreed yet
    accrued_at: datetime | None  # up to when the management fee is booked; None: from now on
    crystallised_at: datetime | None  # in the fee period that is running; None: it begins now
    current: bool  # no trading deal was posted since that snapshot
    frozen: bool  # a break between ledger and broker is open
    unmatched_withdrawal: bool  # money left the broker and nobody said for whom

    def server_time(self, moment: datetime) -> datetime:
        """Return what the trade server's clock shows at a moment: days and fee periods are its days."""
        return moment + timedelta(seconds=self.server_offset_s)

    @property
    def server_day(self) -> date:
        """Return the trade server's calendar day of now."""
        return self.server_time(self.now).date()


class UnknownAccountError(LookupError):
    """There is no account with this id."""


def load_pool(connection: Connection, account_id: int) -> PoolNow:
    """Look at an account's pool.

    Raises:
        UnknownAccountError: there is no such account.
    """
    row = connection.exec_driver_sql(POOL, {"account": account_id}).one_or_none()
    if row is None:
        raise UnknownAccountError(f"expected the id of an account, found {account_id}")
    return PoolNow(
        account_id=account_id,
        currency=row.currency,
        pool=_pool(row),
        balance=row.broker,
        accrued=row.accrued,
        now=row.now,
        server_offset_s=row.server_offset_s,
        as_of=row.agreed_at,
        accrued_at=row.accrued_at,
        crystallised_at=row.crystallised_at,
        current=row.agreed_at is not None and row.deals_since == 0,
        frozen=row.frozen,
        unmatched_withdrawal=row.unmatched_withdrawal,
    )


def load_terms(connection: Connection, account_id: int) -> Terms:
    """Return the newest terms of an account; without any there are no fees."""
    row = connection.exec_driver_sql(TERMS, {"account": account_id}).one_or_none()
    return Terms() if row is None else read_terms(row)


def read_terms(row: Row[Any]) -> Terms:
    """Make terms of their row."""
    fees = FeeTerms(management_rate=row.management_rate, performance_rate=row.performance_rate, manager=row.manager_id)
    return Terms(fees=fees, period=row.period, band=PriceBand(minimum=row.price_min, maximum=row.price_max))


def load_lots(connection: Connection, account_id: int, member: int | None = None) -> list[Lot]:
    """Return the lots that hold units, oldest first: of one member, or of all."""
    rows = connection.exec_driver_sql(LOTS, {"account": account_id, "member": member})
    return [_lot(row) for row in rows]


def dealing_now(state: PoolNow, terms: Terms) -> Dealing | Refused:
    """Open the pool for dealing at its price of now, or say why nobody may deal."""
    if state.frozen:
        return refuse(RefusalCode.FROZEN, account=state.account_id)
    if state.as_of is None or not state.current:
        return refuse(RefusalCode.NOT_RECONCILED, agreed_at=state.as_of, current=state.current)
    age_s = (state.now - state.as_of).total_seconds()
    if age_s > PRICE_AGE_MAX_S:
        return refuse(RefusalCode.NOT_RECONCILED, age_s=f"{age_s:.1f}", age_s_max=PRICE_AGE_MAX_S)
    if state.unmatched_withdrawal:
        return refuse(RefusalCode.UNMATCHED_WITHDRAWAL, account=state.account_id)
    return Dealing(at=state.now, currency=state.currency, pool=state.pool, terms=terms.fees, band=terms.band)


def keep_price(connection: Connection, state: PoolNow, cause: str) -> None:
    """Remember what a unit is worth now, and what asked for it."""
    price = Price(nav=state.pool.nav, units=state.pool.units)
    store_price(connection, state.account_id, at=state.now, server_day=state.server_day, price=price, cause=cause)


def steady(connection: Connection, account_id: int, read: Callable[[], Found]) -> Found:
    """Read with several queries what must be of one moment: again when the books moved meanwhile, at last in peace.

    In a REPEATABLE READ transaction the books never move, and the first try is good.
    """
    for _ in range(READ_TRIES):
        before = connection.exec_driver_sql(VERSION, {"account": account_id}).one_or_none()
        found, problem = _attempt(read)
        if connection.exec_driver_sql(VERSION, {"account": account_id}).one_or_none() == before:
            if problem is not None:
                raise problem
            return cast(Found, found)
    hold_shared(connection, Lock.ADMISSION, account_id)
    return read()


def _attempt(read: Callable[[], Found]) -> tuple[Found | None, Exception | None]:
    """Read; figures of two moments may contradict each other, which is no error until they are of one."""
    try:
        return read(), None
    except (ArithmeticError, ValueError) as error:
        return None, error


def _pool(row: Row[Any]) -> Pool:
    """Put the pool together as of the newest agreement: profit that was realised since counts as still floating."""
    floating = Decimal(0)
    if row.agreed_at is not None:
        floating = total((row.agreed_equity, -row.agreed_balance, -row.agreed_credit, -row.amount_since))
    return pool_from(
        balance=row.broker,
        floating=floating,
        credit=row.credit,
        unmatched=row.owed,
        accrued=row.accrued,
        units=row.issued,
        digits=row.digits,
    )


def _lot(row: Row[Any]) -> Lot:
    return Lot(
        lot=row.lot,
        member=row.user_id,
        opened=row.opened,
        units=row.units,
        units_bought=row.units_bought,
        cost=row.cost,
        high_water_mark=Price(nav=row.mark_nav, units=row.mark_units),
    )
