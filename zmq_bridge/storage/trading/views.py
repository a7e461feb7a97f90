"""What people read of an account's present: positions, money, its trading record. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.trading.lists import POSITION_COLUMNS

Record = dict[str, Any]


POSITIONS = f"""
SELECT {POSITION_COLUMNS}
FROM positions p JOIN accounts a ON a.id = p.account_id
WHERE (%(account_ids)s::bigint[] IS NULL OR p.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(symbol)s::text IS NULL OR p.symbol = %(symbol)s)
ORDER BY a.login, p.ticket
"""

LATEST_SNAPSHOT = """
SELECT time_msc, received_at, balance, equity, credit, profit, margin, margin_free, margin_level, trade_allowed,
       trade_expert
FROM account_snapshots WHERE account_id = %(account_id)s ORDER BY id DESC LIMIT 1
"""

SYMBOL_DIGITS = "SELECT symbol, digits FROM symbols WHERE account_id = %(account_id)s"

SYMBOLS = """
SELECT symbol, spec->>'description' AS description, digits, point, tick_size, tick_value, contract_size, volume_min,
       volume_max, volume_step, commission, tradable, spec->>'trade_mode' AS trade_mode,
       spec->>'currency_base' AS currency_base, spec->>'currency_profit' AS currency_profit,
       spec->>'currency_margin' AS currency_margin, (spec->>'stops_level')::int AS stops_level,
       (spec->>'freeze_level')::int AS freeze_level, spec->'sessions' AS sessions, updated_at
FROM symbols
WHERE account_id = %(account_id)s AND (%(symbols)s::text[] IS NULL OR symbol = ANY(%(symbols)s::text[]))
ORDER BY symbol
"""

TRADING_RECORD = """
SELECT count(*) FILTER (WHERE entry <> 'in') AS closing_deals,
       count(*) FILTER (WHERE entry <> 'in' AND profit + commission + swap + fee > 0) AS winning_deals,
       COALESCE(sum(profit) FILTER (WHERE profit > 0), 0) AS gross_profit,
       COALESCE(sum(profit) FILTER (WHERE profit < 0), 0) AS gross_loss,
       COALESCE(sum(commission), 0) AS commission,
       COALESCE(sum(swap), 0) AS swap,
       COALESCE(sum(fee), 0) AS fee,
       COALESCE(sum(profit + commission + swap + fee), 0) AS net_profit,
       COALESCE(sum(volume) FILTER (WHERE entry = 'in'), 0) AS volume_opened
FROM deals WHERE account_id = %(account_id)s AND type IN ('buy', 'sell')
"""


def list_positions(
    connection: Connection, *, account_ids: Sequence[int] | None = None, symbol: str | None = None
) -> list[Record]:
    """Open positions as of each account's last snapshot, by account and ticket."""
    values = {"account_ids": None if account_ids is None else list(account_ids), "symbol": symbol}
    return _records(connection.exec_driver_sql(POSITIONS, values))


def latest_snapshot(connection: Connection, account_id: int) -> Record | None:
    """The account's money as of its last snapshot; None before the first."""
    row = connection.exec_driver_sql(LATEST_SNAPSHOT, {"account_id": account_id}).one_or_none()
    return None if row is None else dict(row._mapping)


def trading_record(connection: Connection, account_id: int) -> Record:
    """Sums over the account's buy and sell deals, in account currency; `net_profit` has all costs in it."""
    return dict(connection.exec_driver_sql(TRADING_RECORD, {"account_id": account_id}).one()._mapping)


def symbol_digits(connection: Connection, account_id: int) -> dict[str, int]:
    """How many decimals the prices of each of the account's symbols have."""
    found = connection.exec_driver_sql(SYMBOL_DIGITS, {"account_id": account_id})
    return {row.symbol: row.digits for row in found}


def list_symbols(connection: Connection, account_id: int, symbols: Sequence[str] | None) -> list[Record]:
    """What can be traded at an account, by name; of these symbols where they are given."""
    values = {"account_id": account_id, "symbols": None if symbols is None else list(symbols)}
    return _records(connection.exec_driver_sql(SYMBOLS, values))


def _records(rows: Any) -> list[Record]:
    found: Sequence[Row[Any]] = rows.all()
    return [dict(row._mapping) for row in found]
