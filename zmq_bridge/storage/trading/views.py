"""What people read: signals with what became of them, positions, the account's present, its trading record.

Read-only. Lists are paged by id (ULIDs and ids grow with time): `before` is the last id of the page before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """Which signals to list; None: all."""

    account_ids: Sequence[int] | None = None
    symbol: str | None = None  # exact spelling
    status: str | None = None  # admitted or denied
    before: str | None = None  # id; only older ones
    limit: int = 50  # 1-500


_SIGNAL = """
SELECT s.id, s.account_id, a.login AS account, s.source, s.symbol, s.action, s.side, s.order_type, s.volume,
       s.risk_percent, s.price, s.stoplimit, s.sl, s.tp, s.magic, s.comment, s.confidence, s.timeframe, s.reasons,
       s.status, s.created_at, s.expires_at,
       d.id AS decision_id, d.verdict, d.code, d.context,
       COALESCE((
           SELECT jsonb_agg(jsonb_build_object(
               'id', c.id, 'kind', c.kind, 'status', c.status, 'created_at', c.created_at, 'sent_at', c.sent_at,
               'finished_at', c.finished_at, 'retcode', c.retcode, 'retcode_name', c.retcode_name,
               'order', c.order_ticket, 'deal', c.deal_ticket, 'position', c.position_ticket,
               'filled_volume', c.filled_volume::text, 'fill_price', c.fill_price::text, 'message', c.message
           ) ORDER BY c.id) FROM commands c WHERE c.signal_id = s.id), '[]'::jsonb) AS commands
FROM signals s
LEFT JOIN accounts a ON a.id = s.account_id
LEFT JOIN LATERAL (
    SELECT id, verdict, code, context FROM risk_decisions WHERE signal_id = s.id ORDER BY id DESC LIMIT 1
) d ON true
"""

LIST_SIGNALS = (
    _SIGNAL
    + """
WHERE (%(account_ids)s::bigint[] IS NULL OR s.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(symbol)s::text IS NULL OR s.symbol = %(symbol)s)
  AND (%(status)s::text IS NULL OR s.status = %(status)s)
  AND (%(before)s::text IS NULL OR s.id < %(before)s)
ORDER BY s.id DESC LIMIT %(limit)s
"""
)

GET_SIGNAL = _SIGNAL + "WHERE s.id = %(id)s"

SIGNALS_NAMED = (
    _SIGNAL
    + """
WHERE s.id = ANY(%(ids)s::text[])
   OR s.id IN (SELECT signal_id FROM commands WHERE id = ANY(%(command_ids)s::text[]))
ORDER BY s.id
"""
)

SIGNAL_DEALS = """
SELECT ticket, position_ticket AS position, order_ticket AS order, symbol, type, entry, volume, price, profit,
       commission, swap, fee, time_msc
FROM deals WHERE signal_id = %(id)s ORDER BY time_msc, ticket
"""

POSITIONS = """
SELECT a.login AS account, a.currency_digits, p.ticket, p.symbol, p.side, p.volume, p.price_open, p.price_current,
       p.sl, p.tp, p.profit, p.swap, p.time_msc, p.magic, p.comment, p.updated_at
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


def list_signals(connection: Connection, wanted: SignalFilter) -> list[Record]:
    """Signals, newest first, each with its decision and its commands."""
    values = {
        "account_ids": None if wanted.account_ids is None else list(wanted.account_ids),
        "symbol": wanted.symbol,
        "status": wanted.status,
        "before": wanted.before,
        "limit": wanted.limit,
    }
    return _records(connection.exec_driver_sql(LIST_SIGNALS, values))


def signals_named(
    connection: Connection, ids: Sequence[str] = (), *, command_ids: Sequence[str] = ()
) -> list[Record]:
    """These signals and those that these commands came of, oldest first, each with its decision and its commands."""
    return _records(connection.exec_driver_sql(SIGNALS_NAMED, {"ids": list(ids), "command_ids": list(command_ids)}))


def get_signal(connection: Connection, signal_id: str) -> Record | None:
    """One signal with decision, commands and the deals that came of it."""
    row = connection.exec_driver_sql(GET_SIGNAL, {"id": signal_id}).one_or_none()
    if row is None:
        return None
    deals = _records(connection.exec_driver_sql(SIGNAL_DEALS, {"id": signal_id}))
    return {**row._mapping, "deals": deals}


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


def _records(rows: Any) -> list[Record]:
    found: Sequence[Row[Any]] = rows.all()
    return [dict(row._mapping) for row in found]
