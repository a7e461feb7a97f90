"""Bars from stored ticks, M1 to D1, on the trade server's clock.

A bar's opening is a whole multiple of its width on the server's clock, as in MT5: a day of bars is the server's day,
and when the server's clock is put forward or back no bar moves. (An hour that the clock goes through twice is one bar,
of both hours' ticks.) Nothing is invented: a time without ticks has no bar, and a bar that a gap touches says so.

Bars of an hour and more are made of the closed H1 bars in `candles` where there are some, and of ticks where not; a
backfill makes the H1 bars anew that it changes. Shorter ones are made of ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.ticks.history import CURSOR_TIME

MINUTE_MSC = 60_000
HOUR_MSC = 60 * MINUTE_MSC
DAY_MSC = 24 * HOUR_MSC

WIDTHS_MSC = {
    **{f"M{minutes}": minutes * MINUTE_MSC for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{f"H{hours}": hours * HOUR_MSC for hours in (1, 2, 3, 4, 6, 8, 12)},
    "D1": DAY_MSC,
}
"""The timeframes; every width divides a day, so bars never straddle one."""

BARS_MAX = 5000
"""Bars of one answer."""

SPAN_MSC_MAX = 2000 * DAY_MSC
"""How far back "the last N" looks at most."""

GAPS_MAX = 1000

FROM_TICKS = """
SELECT time_msc / %(width)s * %(width)s AS time_msc,
       (array_agg(bid ORDER BY time_msc, id))[1] AS open, max(bid) AS high, min(bid) AS low,
       (array_agg(bid ORDER BY time_msc DESC, id DESC))[1] AS close, count(*) AS tick_volume
FROM unnest(%(from)s::bigint[], %(to)s::bigint[]) AS span (from_msc, to_msc)
JOIN ticks ON time_msc >= span.from_msc AND time_msc < span.to_msc
WHERE account_id = %(account)s AND symbol = %(symbol)s AND bid > 0
GROUP BY 1 ORDER BY 1
"""

STORED_HOURS = """
SELECT time_msc, open, high, low, close, tick_volume FROM candles
WHERE account_id = %(account)s AND symbol = %(symbol)s AND timeframe = 'H1' AND closed
  AND time_msc >= %(from)s AND time_msc < %(to)s
ORDER BY time_msc
"""

GAPS = """
SELECT from_msc, to_msc, lost, found, state, reason FROM tick_gaps
WHERE account_id = %(account)s AND symbol = %(symbol)s AND state <> 'filled'
  AND to_msc >= %(from)s AND from_msc < %(to)s
ORDER BY from_msc LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What the bid did in one span of time."""

    time_msc: int  # opening, server clock
    open: float
    high: float
    low: float
    close: float
    tick_volume: int
    closed: bool  # a later tick of the symbol is stored
    complete: bool  # closed, and no known gap touches it


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A range in which ticks are missing, as far as is known."""

    from_msc: int  # both ends included
    to_msc: int
    lost: int | None  # ticks; None = not known
    found: int | None  # of them; None = still open, or not counted
    state: str  # open: may still be filled; lost: the terminal has no more
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """An answer."""

    bars: tuple[Bar, ...]  # oldest first
    gaps: tuple[Gap, ...]  # that touch the span of the bars


def bars_between(connection: Connection, account_id: int, symbol: str, timeframe: str, span: tuple[int, int]) -> Bars:
    """The bars that open within [from, to) of the server's clock, the newest `BARS_MAX` of them."""
    width = WIDTHS_MSC[timeframe]
    first, end = -(-span[0] // width) * width, -(-span[1] // width) * width
    rows = list(_rows(connection, account_id, symbol, width, max(first, end - SPAN_MSC_MAX), end))
    return _finished(connection, account_id, symbol, width, rows[-BARS_MAX:], (first, end))


def last_bars(connection: Connection, account_id: int, symbol: str, timeframe: str, count: int) -> Bars:
    """The last `count` bars, the one that is still forming among them."""
    width = WIDTHS_MSC[timeframe]
    newest = _newest(connection, account_id, symbol)
    if newest is None:
        return Bars(bars=(), gaps=())
    end = newest // width * width + width
    rows: list[Any] = []
    start = end
    while len(rows) < count and end - start < SPAN_MSC_MAX:
        earlier = max(end - SPAN_MSC_MAX, start - max(count * width, end - start))
        rows = [*_rows(connection, account_id, symbol, width, earlier, start), *rows]
        start = earlier
    kept = rows[-count:]
    return _finished(connection, account_id, symbol, width, kept, (kept[0].time_msc if kept else end, end))


def _rows(connection: Connection, account_id: int, symbol: str, width: int, start: int, end: int) -> Iterator[Any]:
    """Bars of a span as rows, oldest first."""
    if start >= end:
        return
    if width < HOUR_MSC:
        yield from _of_ticks(connection, account_id, symbol, width, [(start, end)])
        return
    values = {"account": account_id, "symbol": symbol, "from": start, "to": end}
    hours = {row.time_msc: row for row in connection.exec_driver_sql(STORED_HOURS, values)}
    missing = list(_missing(sorted(hours), start, end))
    hours.update((row.time_msc, row) for row in _of_ticks(connection, account_id, symbol, HOUR_MSC, missing))
    yield from _joined([hours[time] for time in sorted(hours)], width)


def _of_ticks(
    connection: Connection, account_id: int, symbol: str, width: int, spans: Sequence[tuple[int, int]]
) -> Iterator[Any]:
    if not spans:
        return
    values = {"account": account_id, "symbol": symbol, "width": width}
    ranges = {"from": [span[0] for span in spans], "to": [span[1] for span in spans]}
    yield from connection.exec_driver_sql(FROM_TICKS, values | ranges)


def _missing(stored: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of whole hours that no stored bar is of."""
    at = start
    for hour in stored:
        if hour > at:
            yield at, hour
        at = hour + HOUR_MSC
    if at < end:
        yield at, end


@dataclass(slots=True)
class _Joined:
    """A bar of several hours in the making."""

    time_msc: int
    open: float
    high: float
    low: float
    close: float
    tick_volume: int


def _joined(hours: Sequence[Any], width: int) -> Iterator[_Joined]:
    bar: _Joined | None = None
    for hour in hours:
        time = hour.time_msc // width * width
        if bar is None or bar.time_msc != time:
            if bar is not None:
                yield bar
            bar = _Joined(time, hour.open, hour.high, hour.low, hour.close, hour.tick_volume)
            continue
        bar.high, bar.low, bar.close = max(bar.high, hour.high), min(bar.low, hour.low), hour.close
        bar.tick_volume += hour.tick_volume
    if bar is not None:
        yield bar


def _finished(
    connection: Connection, account_id: int, symbol: str, width: int, rows: Sequence[Any], span: tuple[int, int]
) -> Bars:
    values = {"account": account_id, "symbol": symbol, "from": span[0], "to": span[1], "limit": GAPS_MAX}
    gaps = tuple(Gap(**row._mapping) for row in connection.exec_driver_sql(GAPS, values))
    newest = _newest(connection, account_id, symbol) or 0
    return Bars(bars=tuple(_bar(row, width, newest, gaps) for row in rows), gaps=gaps)


def _bar(row: Any, width: int, newest: int, gaps: Sequence[Gap]) -> Bar:
    end = row.time_msc + width
    closed = newest >= end
    touched = any(gap.from_msc < end and gap.to_msc >= row.time_msc for gap in gaps)
    return Bar(
        time_msc=row.time_msc, open=row.open, high=row.high, low=row.low, close=row.close,
        tick_volume=row.tick_volume, closed=closed, complete=closed and not touched,
    )  # fmt: skip


def _newest(connection: Connection, account_id: int, symbol: str) -> int | None:
    found: int | None = connection.exec_driver_sql(CURSOR_TIME, {"account": account_id, "symbol": symbol}).scalar()
    return found
