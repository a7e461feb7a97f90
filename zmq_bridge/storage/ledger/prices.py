"""Prices of a unit that were kept: at every dealing, and every few minutes. Track records are made of them.

Each names the trade server's day that it belongs to, because the server's clock changes with the seasons and a day
that is over stays what it was. Rows are added and never changed, and each carries the hash of itself and the one
before, so an embellished past shows; a trigger keeps the newest hash and the number of prices, so a past that was cut
short shows, too. The caller holds the account's lock.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from ledger.history import DayClose
from ledger.journal import GENESIS
from ledger.money import MONEY_DIGITS_MAX
from ledger.units import Price

SNAPSHOT = "snapshot"  # cause of a price that no dealing asked for

LAST = (
    "SELECT hash, server_day, at, nav, units FROM ledger_prices WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1"
)

INSERT = """
INSERT INTO ledger_prices (account_id, at, server_day, nav, units, cause, hash)
VALUES (%(account)s, %(at)s, %(server_day)s, %(nav)s, %(units)s, %(cause)s, %(hash)s)
"""

ALL = """
SELECT id, at, server_day, nav, units, cause, hash FROM ledger_prices WHERE account_id = %(account)s ORDER BY id
"""

HEAD = "SELECT hash, prices FROM ledger_price_heads WHERE account_id = %(account)s"

CLOSES = """
WITH RECURSIVE days AS (
    (SELECT min(server_day) AS day FROM ledger_prices WHERE account_id = %(account)s)
    UNION ALL
    SELECT (SELECT min(server_day) FROM ledger_prices WHERE account_id = %(account)s AND server_day > days.day)
    FROM days WHERE days.day IS NOT NULL
)
SELECT closing.* FROM days CROSS JOIN LATERAL (
    SELECT server_day, at, nav, units FROM ledger_prices
    WHERE account_id = %(account)s AND server_day = days.day AND units > 0 ORDER BY id DESC LIMIT 1
) AS closing
WHERE days.day IS NOT NULL ORDER BY closing.server_day
"""
"""The last price of each day that has one; jumps from day to day by the index, past the prices within."""


def store_price(
    connection: Connection, account_id: int, *, at: datetime, server_day: date, price: Price, cause: str
) -> None:
    """Remember what a unit was worth, and what asked for it; no units means that the pool begins here."""
    last = connection.exec_driver_sql(LAST, {"account": account_id}).one_or_none()
    values = {"account": account_id, "at": at, "server_day": server_day, "nav": price.nav, "units": price.units}
    digest = price_hash(last.hash if last else GENESIS, account_id, at, server_day, price, cause)
    connection.exec_driver_sql(INSERT, {**values, "cause": cause, "hash": digest})


def last_kept(connection: Connection, account_id: int) -> DayClose | None:
    """Return the newest price that was kept; None: there is none."""
    last = connection.exec_driver_sql(LAST, {"account": account_id}).one_or_none()
    return None if last is None else _close(last)


def every_price(connection: Connection, account_id: int) -> list[DayClose]:
    """Return all prices, oldest first."""
    return [_close(row) for row in connection.exec_driver_sql(ALL, {"account": account_id})]


def closing_prices(connection: Connection, account_id: int) -> list[DayClose]:
    """Return the last price of each day that has one, oldest first."""
    return [_close(row) for row in connection.exec_driver_sql(CLOSES, {"account": account_id})]


def price_hash(previous: str, account_id: int, at: datetime, server_day: date, price: Price, cause: str) -> str:
    """Return the SHA-256, in hex, of the hash before and everything that a price says."""
    nav, units = (f"{amount:.{MONEY_DIGITS_MAX}f}" for amount in (price.nav, price.units))
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = "|".join((previous, str(account_id), moment, server_day.isoformat(), nav, units, cause))
    return hashlib.sha256(said.encode()).hexdigest()


def price_head(connection: Connection, account_id: int) -> tuple[str, int]:
    """Return the hash of the newest price, and how many prices there are, as they were when it was kept."""
    row = connection.exec_driver_sql(HEAD, {"account": account_id}).one_or_none()
    return (GENESIS, 0) if row is None else (row.hash, row.prices)


def price_problems(connection: Connection, account_id: int) -> Iterator[str]:
    """Compute every hash again, and compare the prices of dealings with what their transactions say."""
    head, count = GENESIS, 0
    dealt = _dealt(connection, account_id)
    for row in connection.exec_driver_sql(ALL, {"account": account_id}):
        price = Price(nav=row.nav, units=row.units)
        if price_hash(head, account_id, row.at, row.server_day, price, row.cause) != row.hash:
            yield f"price {row.id}: expected the hash of what it says and of the price before, found {row.hash}"
        told = dealt.pop(row.cause, None)
        if told is not None and price.units and told != (price.nav, price.units):
            yield f"price {row.id}: expected {told[0]}/{told[1]} as in {row.cause}, found {row.nav}/{row.units}"
        head, count = row.hash, count + 1
    for cause in dealt:
        yield f"price of {cause}: expected one, found none"
    kept = price_head(connection, account_id)
    if kept != (head, count):
        yield f"prices: expected {kept[1]}, the newest with hash {kept[0]}, found {count}, and {head}"


DEALT = """
SELECT cause, (detail ->> 'price_nav')::numeric AS nav, (detail ->> 'price_units')::numeric AS units
FROM ledger_transactions WHERE account_id = %(account)s AND detail ? 'price_nav'
"""


def _dealt(connection: Connection, account_id: int) -> dict[str, tuple[Decimal, Decimal]]:
    """Return the prices that transactions name, by cause."""
    return {row.cause: (row.nav, row.units) for row in connection.exec_driver_sql(DEALT, {"account": account_id})}


def _close(row: Row[Any]) -> DayClose:
    return DayClose(day=row.server_day, at=row.at, price=Price(nav=row.nav, units=row.units))
