"""Closed H1 bars from stored ticks: what correlations are computed from.

An hour of the server's clock is closed when a tick of a later hour is stored, of any symbol of the account; no clock of
ours is asked, so a replay of old ticks makes bars like a live feed. The last hours are made again each time, because a
backfill may have completed them.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

HOUR_MSC = 3_600_000
DAY_MSC = 24 * HOUR_MSC
DAYS_BACK = 14  # 101 common closed hours are wanted; weekends and holidays are in between
REMADE_HOURS = 3

SPAN = """
SELECT (SELECT max(time_msc) FROM tick_cursors WHERE account_id = %(account)s) AS newest,
       (SELECT max(time_msc) FROM candles WHERE account_id = %(account)s AND timeframe = 'H1') AS made
"""

MAKE = """
INSERT INTO candles (account_id, symbol, timeframe, time_msc, open, high, low, close, tick_volume, closed)
SELECT account_id, symbol, 'H1', time_msc / %(hour)s * %(hour)s,
       (array_agg(bid ORDER BY time_msc, id))[1], max(bid), min(bid),
       (array_agg(bid ORDER BY time_msc DESC, id DESC))[1], count(*), true
FROM ticks
WHERE account_id = %(account)s AND time_msc >= %(from_msc)s AND time_msc < %(to_msc)s AND bid > 0
GROUP BY account_id, symbol, time_msc / %(hour)s
ON CONFLICT (account_id, symbol, timeframe, time_msc) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    tick_volume = excluded.tick_volume, closed = true
"""

REMAKE = """
INSERT INTO candles (account_id, symbol, timeframe, time_msc, open, high, low, close, tick_volume, closed)
SELECT ticks.account_id, ticks.symbol, 'H1', made.time_msc,
       (array_agg(bid ORDER BY ticks.time_msc, id))[1], max(bid), min(bid),
       (array_agg(bid ORDER BY ticks.time_msc DESC, id DESC))[1], count(*), true
FROM candles AS made JOIN ticks ON ticks.account_id = made.account_id AND ticks.symbol = made.symbol
    AND ticks.time_msc >= made.time_msc AND ticks.time_msc < made.time_msc + %(hour)s
WHERE made.account_id = %(account)s AND made.symbol = %(symbol)s AND made.timeframe = 'H1'
    AND made.time_msc BETWEEN %(from_msc)s - %(hour)s + 1 AND %(to_msc)s AND bid > 0
GROUP BY ticks.account_id, ticks.symbol, made.time_msc
ON CONFLICT (account_id, symbol, timeframe, time_msc) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    tick_volume = excluded.tick_volume
"""

CLOSES = """
SELECT symbol, time_msc, close FROM candles
WHERE account_id = %(account)s AND timeframe = 'H1' AND closed AND time_msc >= %(from_msc)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The last bid of a closed hour."""

    symbol: str
    time_msc: int  # the bar's opening, server clock
    close: float


def unmade(connection: Connection, account_id: int) -> list[tuple[int, int]]:
    """The spans of bars still to make, oldest first, each [from, to) and at most a day: a transaction each."""
    span = connection.exec_driver_sql(SPAN, {"account": account_id}).one()
    if span.newest is None:
        return []
    end = span.newest // HOUR_MSC * HOUR_MSC  # the newest tick's own hour is not over
    start = end - DAYS_BACK * DAY_MSC
    if span.made is not None:
        start = max(start, span.made - (REMADE_HOURS - 1) * HOUR_MSC)
    return [(first, min(first + DAY_MSC, end)) for first in range(start, end, DAY_MSC)]


def make(connection: Connection, account_id: int, from_msc: int, to_msc: int) -> None:
    """Make the bars of a span of whole hours, or make them again."""
    values = {"account": account_id, "hour": HOUR_MSC, "from_msc": from_msc, "to_msc": to_msc}
    connection.exec_driver_sql(MAKE, values)


def remake(connection: Connection, account_id: int, symbol: str, from_msc: int, to_msc: int) -> None:
    """Make the bars that there are of a range anew, whose ticks have changed."""
    values = {"account": account_id, "symbol": symbol, "hour": HOUR_MSC, "from_msc": from_msc, "to_msc": to_msc}
    connection.exec_driver_sql(REMAKE, values)


def closes(connection: Connection, account_id: int) -> list[Close]:
    """The closes of the last `DAYS_BACK` days before the newest tick."""
    newest = connection.exec_driver_sql(SPAN, {"account": account_id}).one().newest
    if newest is None:
        return []
    values = {"account": account_id, "from_msc": newest - DAYS_BACK * DAY_MSC}
    return [Close(**row._mapping) for row in connection.exec_driver_sql(CLOSES, values)]
