"""Reading ticks back: a range, the last so many, the latest; and the door to everything else about stored ticks.

The order of ticks is (time_msc, id). There is no btree on `ticks`, so a query must bound `time_msc`: the days'
partitions and BRIN do the rest. "The last N" therefore walks back from the stream's cursor in growing windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Row

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.storage.ticks.copy import TickRun, copy_ticks
from zmq_bridge.storage.ticks.gaps import TickGap, close_gap, open_gap, open_gaps
from zmq_bridge.storage.ticks.repair import FLAGS_MASK, HistoryOutOfRange, replace_range

__all__ = [
    "HistoryOutOfRange", "HistoryTick", "TickGap", "TickRun", "close_gap", "copy_ticks", "history", "last_ticks",
    "latest", "open_gap", "open_gaps", "replace_range",
]  # fmt: skip

HISTORY_TICKS_MAX = 100_000
"""Ticks that one query returns at most."""

WINDOW_FIRST_MSC = 60_000
WINDOW_GROWTH = 8
WINDOW_MSC_MAX = 400 * 86_400_000
"""How "the last N" walks back: a minute, eight, an hour, ... up to four hundred days."""

RANGE = """
SELECT time_msc, bid, ask, last, volume_real, flags, session, seq, received_at, backfilled
FROM ticks
WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s
ORDER BY time_msc, id
LIMIT %(limit)s
"""

LAST = """
SELECT * FROM (
    SELECT time_msc, bid, ask, last, volume_real, flags, session, seq, received_at, backfilled, id
    FROM ticks
    WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s
    ORDER BY time_msc DESC, id DESC
    LIMIT %(limit)s
) AS newest ORDER BY time_msc, id
"""

CURSOR_TIME = """
SELECT greatest(time_msc, filled_msc) FROM tick_cursors WHERE account_id = %(account)s AND symbol = %(symbol)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTick:
    """A tick as it was stored."""

    tick: Tick

    session: int
    """Of the terminal that sent it; 0 = from its history."""

    seq: int
    """Its number in that session's stream; 0 = from the history."""

    received_at: datetime
    """Our clock, aware UTC."""

    backfilled: bool
    """True: it came later than live, from the terminal's history."""


def history(
    connection: Connection, account_id: int, symbol: str, from_msc: int, to_msc: int, limit: int = HISTORY_TICKS_MAX
) -> list[HistoryTick]:
    """The ticks of a range of the server clock, both ends included, oldest first, at most `limit`."""
    return _ticks(connection, RANGE, account_id, symbol, from_msc, to_msc, limit)


def last_ticks(connection: Connection, account_id: int, symbol: str, count: int) -> list[HistoryTick]:
    """The last `count` ticks, oldest first."""
    newest_msc = connection.exec_driver_sql(CURSOR_TIME, {"account": account_id, "symbol": symbol}).scalar()
    found: list[HistoryTick] = []
    window_msc = WINDOW_FIRST_MSC
    while newest_msc is not None and len(found) < count and window_msc <= WINDOW_MSC_MAX * WINDOW_GROWTH:
        from_msc = newest_msc - min(window_msc, WINDOW_MSC_MAX)
        found = _ticks(connection, LAST, account_id, symbol, from_msc, newest_msc, count)
        window_msc *= WINDOW_GROWTH
    return found


def latest(connection: Connection, account_id: int, symbol: str) -> HistoryTick | None:
    """The newest tick of the stream."""
    found = last_ticks(connection, account_id, symbol, 1)
    return found[0] if found else None


def _ticks(
    connection: Connection, query: str, account_id: int, symbol: str, from_msc: int, to_msc: int, limit: int
) -> list[HistoryTick]:
    if not 0 < limit <= HISTORY_TICKS_MAX:
        raise ValueError(f"limit: expected 1 to {HISTORY_TICKS_MAX}, found {limit}")
    values = {"account": account_id, "symbol": symbol, "from": from_msc, "to": to_msc, "limit": limit}
    rows: Sequence[Row[tuple[object, ...]]] = connection.exec_driver_sql(query, values).all()
    return [_tick(row) for row in rows]


def _tick(row: Row[tuple[object, ...]]) -> HistoryTick:
    return HistoryTick(
        tick=Tick(row.time_msc, row.bid, row.ask, row.last, row.volume_real, row.flags & FLAGS_MASK),
        session=row.session,
        seq=row.seq,
        received_at=row.received_at.astimezone(UTC),
        backfilled=row.backfilled,
    )
