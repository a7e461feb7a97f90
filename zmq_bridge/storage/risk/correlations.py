"""Which symbols of an account move together: worked out from its own H1 bars, outside the path of orders, and stored.

What can't be worked out is not stored, and what is not stored counts against the order: risk takes symbols that share a
currency for related (and, with nothing stored at all, every symbol).
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, Engine

from risk.correlation import Bar, correlate
from risk.snapshot import Correlations
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.locks import Lock, try_hold
from zmq_bridge.storage.ticks.hourly_bars import HOUR_MSC, closes, make, unmade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEHIND_MAX = timedelta(days=4)  # a symbol whose bars end so long before another's is judged by its currencies
STATEMENT_TIMEOUT_MS = 60_000  # a day of ticks may take a while to read; nobody waits for it

CURRENCIES = """
SELECT symbol, spec->>'currency_base' AS base, spec->>'currency_profit' AS profit FROM symbols
WHERE account_id = %(account)s
"""

OFFSET = """
SELECT server_offset_s FROM terminals WHERE account_id = %(account)s ORDER BY session DESC LIMIT 1
"""

STORE = """
INSERT INTO correlations (account_id, as_of, symbols, links)
VALUES (%(account)s, %(as_of)s, %(symbols)s::jsonb, %(links)s::jsonb)
ON CONFLICT (account_id) DO UPDATE SET as_of = excluded.as_of, symbols = excluded.symbols, links = excluded.links
"""


def refresh(engine: Engine, account_id: int) -> Correlations | None:
    """Bring an account's bars and correlations up to date. None: nothing to work with, or another process is at it."""
    with engine.connect() as connection:
        spans = unmade(connection, account_id)
    for from_msc, to_msc in spans:
        with engine.begin() as connection:
            if not _begin(connection, account_id):
                return None
            make(connection, account_id, from_msc, to_msc)
    with engine.begin() as connection:
        return _work_out(connection, account_id) if _begin(connection, account_id) else None


def _begin(connection: Connection, account_id: int) -> bool:
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
    return try_hold(connection, Lock.CORRELATIONS, account_id)


def _work_out(connection: Connection, account_id: int) -> Correlations | None:
    offset_s = connection.exec_driver_sql(OFFSET, {"account": account_id}).scalar()
    bars = _bars(connection, account_id, offset_s or 0)
    if offset_s is None or not bars:
        return None
    found = correlate(bars, _currencies(connection, account_id))
    links = {symbol: dict(row) for symbol, row in found.links.items()}
    values = {"symbols": dump_json(sorted(found.symbols)), "links": dump_json(links), "as_of": found.as_of}
    connection.exec_driver_sql(STORE, values | {"account": account_id})
    return found


def _bars(connection: Connection, account_id: int, offset_s: int) -> dict[str, list[Bar]]:
    bars: dict[str, list[Bar]] = defaultdict(list)
    for found in closes(connection, account_id):
        closed_msc = found.time_msc + HOUR_MSC
        closed_at = EPOCH + timedelta(milliseconds=closed_msc, seconds=-offset_s)
        bars[found.symbol].append(Bar(closed_at=closed_at, close=Decimal(repr(found.close))))
    newest = {symbol: max(bar.closed_at for bar in series) for symbol, series in bars.items()}
    oldest = max(newest.values(), default=EPOCH) - BEHIND_MAX
    return {symbol: series for symbol, series in bars.items() if newest[symbol] >= oldest}


def _currencies(connection: Connection, account_id: int) -> dict[str, frozenset[str]]:
    rows = connection.exec_driver_sql(CURRENCIES, {"account": account_id})
    return {row.symbol: frozenset((row.base, row.profit)) for row in rows}
