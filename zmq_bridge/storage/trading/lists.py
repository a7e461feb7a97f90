"""Positions, orders, deals and trades as people page through them. Read-only.

Times of the broker are on the trade server's clock; a list that is cut by time compares them with `from` and `to` moved
by the terminal's present offset from UTC.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.filters import Filter

Record = dict[str, Any]

ORDER_STATUSES = ("working", "started", "placed", "canceled", "partial", "filled", "rejected", "expired")
DEAL_STATUSES = ("in", "out", "inout", "out_by")
TRADE_STATUSES = ("open", "closed")

POSITION_COLUMNS = """
a.login AS account, a.currency_digits, p.ticket, p.symbol, p.side, p.volume, p.price_open, p.price_current, p.sl, p.tp,
p.profit, p.swap, p.time_msc, p.magic, p.comment, p.updated_at
"""

POSITIONS = f"""
SELECT p.account_id, {POSITION_COLUMNS}
FROM positions p JOIN accounts a ON a.id = p.account_id
WHERE (%(account_ids)s::bigint[] IS NULL OR p.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(symbols)s::text[] IS NULL OR p.symbol = ANY(%(symbols)s::text[]))
  AND (%(status)s::text IS NULL OR p.side = %(status)s)
  AND (%(after_0)s::bigint IS NULL OR (p.account_id, p.ticket) > (%(after_0)s, %(after_1)s))
ORDER BY p.account_id, p.ticket LIMIT %(rows)s
"""

POSITION = f"""
SELECT p.account_id, {POSITION_COLUMNS}
FROM positions p JOIN accounts a ON a.id = p.account_id
WHERE p.account_id = ANY(%(account_ids)s::bigint[]) AND p.ticket = %(ticket)s
"""

_CLOCK = """
JOIN accounts a ON a.id = x.account_id
LEFT JOIN LATERAL (
    SELECT server_offset_s FROM terminals t WHERE t.account_id = x.account_id ORDER BY session DESC LIMIT 1
) clock ON true
"""
"""The account of a row, and how far its server's clock is from UTC."""


def _cut(time: str, ticket: str, place: str = "") -> str:
    """The conditions that every list of the broker's words shares.

    Args:
        time: the column that `from` and `to` are about.
        ticket: the column that tells apart what has the same time.
        place: the column that the list is sorted by; empty: by `time`.
    """
    offset = "COALESCE(clock.server_offset_s, 0)"
    return f"""
(%(account_ids)s::bigint[] IS NULL OR x.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(symbols)s::text[] IS NULL OR x.symbol = ANY(%(symbols)s::text[]))
  AND (%(from_at)s::timestamptz IS NULL
       OR {time} >= (extract(epoch FROM %(from_at)s::timestamptz) + {offset}) * 1000)
  AND (%(to_at)s::timestamptz IS NULL OR {time} < (extract(epoch FROM %(to_at)s::timestamptz) + {offset}) * 1000)
  AND (%(after_0)s::bigint IS NULL
       OR ({place or time}, {ticket}, x.account_id) < (%(after_0)s, %(after_1)s, %(after_2)s))
"""


ORDERS = f"""
SELECT a.login AS account, x.account_id, x.ticket, x.symbol, x.order_type, x.state, x.working, x.volume_initial,
       x.volume_current, x.price_open, x.price_stoplimit, x.sl, x.tp, x.time_setup_msc, x.expiration_msc, x.magic,
       x.comment, x.command_id, c.signal_id, x.updated_at
FROM orders x {_CLOCK} LEFT JOIN commands c ON c.id = x.command_id
WHERE {_cut("x.time_setup_msc", "x.ticket")}
  AND (%(status)s::text IS NULL OR CASE WHEN %(status)s = 'working' THEN x.working ELSE x.state = %(status)s END)
ORDER BY x.time_setup_msc DESC, x.ticket DESC, x.account_id DESC LIMIT %(rows)s
"""

DEALS = f"""
SELECT a.login AS account, a.currency_digits, x.account_id, x.ticket, x.order_ticket AS order,
       x.position_ticket AS position, x.symbol, x.type, x.entry, x.volume, x.price, x.profit, x.commission, x.swap,
       x.fee, x.time_msc, x.magic, x.comment, x.reason, x.sl, x.tp, x.command_id, x.signal_id, x.received_at
FROM deals x {_CLOCK}
WHERE {_cut("x.time_msc", "x.ticket")}
  AND (%(status)s::text IS NULL OR x.entry = %(status)s AND x.type IN ('buy', 'sell'))
ORDER BY x.time_msc DESC, x.ticket DESC, x.account_id DESC LIMIT %(rows)s
"""

PLACE = "CASE WHEN %(status)s = 'closed' THEN x.last_msc ELSE x.opened_msc END"
"""What trades are sorted by. It never changes while somebody pages: a position that is dealt meanwhile keeps its first
deal, and one that is closed has had its last."""

TRADES = f"""
WITH trips AS (
    SELECT account_id, position_ticket AS position, min(symbol) AS symbol,
           (array_agg(CASE type WHEN 'buy' THEN 'buy' ELSE 'sell' END ORDER BY time_msc, ticket)
               FILTER (WHERE entry IN ('in', 'inout')))[1] AS side,
           sum(volume) FILTER (WHERE entry = 'in') AS volume_opened,
           sum(volume) FILTER (WHERE entry IN ('out', 'out_by')) AS volume_closed,
           sum(volume * price) FILTER (WHERE entry = 'in')
               / nullif(sum(volume) FILTER (WHERE entry = 'in'), 0) AS price_open,
           sum(volume * price) FILTER (WHERE entry IN ('out', 'out_by'))
               / nullif(sum(volume) FILTER (WHERE entry IN ('out', 'out_by')), 0) AS price_close,
           bool_or(entry = 'inout') AS reversed, count(*) AS deals, sum(profit) AS profit,
           sum(commission) AS commission, sum(swap) AS swap, sum(fee) AS fee,
           sum(profit + commission + swap + fee) AS net_profit, min(time_msc) AS opened_msc,
           max(time_msc) AS last_msc, min(signal_id) AS signal_id, min(magic) AS magic
    FROM deals
    WHERE type IN ('buy', 'sell') AND position_ticket > 0
      AND (%(account_ids)s::bigint[] IS NULL OR account_id = ANY(%(account_ids)s::bigint[]))
    GROUP BY account_id, position_ticket
), x AS (
    SELECT trips.*, CASE WHEN EXISTS (
        SELECT FROM positions p WHERE p.account_id = trips.account_id AND p.ticket = trips.position
    ) OR COALESCE(volume_closed, 0) < COALESCE(volume_opened, 0) AND NOT reversed
    THEN 'open' ELSE 'closed' END AS status FROM trips
)
SELECT a.login AS account, a.currency_digits, x.*, {PLACE} AS place_msc
FROM x {_CLOCK}
WHERE {_cut("x.last_msc", "x.position", PLACE)}
  AND (%(status)s::text IS NULL OR x.status = %(status)s)
ORDER BY {PLACE} DESC, x.position DESC, x.account_id DESC LIMIT %(rows)s
"""
"""A trade is a position from its first deal to its last; prices are averages weighted by volume. A reversal (netting)
keeps the position's ticket: such a trade is marked, and its volumes tell of the deals that only opened or closed."""


def list_positions_page(connection: Connection, wanted: Filter) -> list[Record]:
    """A page of open positions, by account and ticket; `status` is a side."""
    return _records(connection, POSITIONS, wanted.values())


def find_positions(connection: Connection, account_ids: list[int], ticket: int) -> list[Record]:
    """The open positions with a ticket: one, unless two accounts have the same."""
    return _records(connection, POSITION, {"account_ids": account_ids, "ticket": ticket})


def list_orders(connection: Connection, wanted: Filter) -> list[Record]:
    """A page of orders, newest first; `status` is `working` or a state."""
    return _records(connection, ORDERS, wanted.values())


def list_deals(connection: Connection, wanted: Filter) -> list[Record]:
    """A page of deals, newest first; `status` is an entry of a trade's deal."""
    return _records(connection, DEALS, wanted.values())


def list_trades(connection: Connection, wanted: Filter) -> list[Record]:
    """A page of round trips, newest first: closed ones by their last deal, else by their first."""
    return _records(connection, TRADES, wanted.values())


def _records(connection: Connection, query: str, values: Record) -> list[Record]:
    return [dict(row._mapping) for row in connection.exec_driver_sql(query, values)]
