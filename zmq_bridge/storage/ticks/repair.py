"""Putting a stream right after a gap: the terminal's history replaces a range, live ticks claim what a history brought.

Both lock the stream's cursor first, as the recorder's COPY does, so that nobody sees half a repair. A range is whole
milliseconds, both ends included. Only milliseconds that differ are rewritten: a repair that finds nothing missing
writes nothing, and doing one twice is the same as once.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.storage.ticks.copy import TickRun, copy_ticks
from zmq_bridge.storage.ticks.cursors import lock_cursors, mark_filled
from zmq_bridge.storage.ticks.hourly_bars import remake
from zmq_bridge.storage.ticks.merge import StoredTick, claim, merge

HISTORY_TICKS_MAX = 500_000
"""Ticks in one replacement; a longer range is repaired in several. About 150 MB while it is worked on."""

FLAGS_MASK = 2**32 - 1
"""MT5's unsigned flags are kept in a signed column."""

SELECT_RANGE = """
SELECT time_msc, bid, ask, last, volume_real, flags, session, seq, received_at, backfilled, id
FROM ticks
WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s
ORDER BY time_msc, id
"""

DELETE_MILLISECONDS = """
DELETE FROM ticks
WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s
    AND time_msc = ANY(%(times)s)
"""

CLAIM_ROWS = """
UPDATE ticks SET session = %(session)s, seq = claimed.seq
FROM unnest(%(ids)s::bigint[], %(seqs)s::bigint[]) AS claimed(id, seq)
WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s
    AND ticks.id = claimed.id
"""


class HistoryOutOfRange(ValueError):
    """A history that does not belong to the range it is said to fill."""


def replace_range(
    connection: Connection, account_id: int, symbol: str, from_msc: int, to_msc: int, history: Sequence[Tick],
    *, now: datetime,
) -> int:  # fmt: skip
    """Make a range the union, with multiplicity, of what is stored and the terminal's history. Commits nothing.

    Args:
        from_msc, to_msc: Server clock, both ends included, whole milliseconds.
        history: Every tick the terminal has in the range, in its order.
        now: Stored as `received_at` of the rows that are new.

    Returns:
        How many ticks were missing and are now there, marked backfilled.

    Raises:
        HistoryOutOfRange: A tick outside the range, out of order, or too many.
    """
    _check(from_msc, to_msc, history)
    lock_cursors(connection, [(account_id, symbol)])
    stored = stored_ticks(connection, account_id, symbol, from_msc, to_msc)
    changed = merge(stored, history, int(now.timestamp() * 1000))
    _delete(connection, account_id, symbol, changed.keys())
    _insert(connection, account_id, symbol, (row for rows in changed.values() for row in rows))
    if changed:
        remake(connection, account_id, symbol, min(changed), max(changed))
    if history:
        mark_filled(connection, account_id, symbol, history[-1].time_msc)
    return sum(row.id == 0 for rows in changed.values() for row in rows)


def claim_or_copy(connection: Connection, run: TickRun) -> int:
    """Store a live run of a time that a history or an earlier session may have stored; the cursor must be locked.

    A tick that is there already becomes this stream's (it takes the run's session and seq); the others are appended.

    Returns:
        How many were there already.
    """
    from_msc, to_msc = _span(run.ticks)
    stored = stored_ticks(connection, run.account_id, run.symbol, from_msc, to_msc)
    claimed = claim(stored, run.ticks, run.session)
    pairs = [(row.id, run.seq + number) for number, row in enumerate(claimed) if row is not None]
    if pairs:
        values = {
            "account": run.account_id, "symbol": run.symbol, "session": run.session, "from": from_msc, "to": to_msc,
            "ids": [pair[0] for pair in pairs], "seqs": [pair[1] for pair in pairs],
        }  # fmt: skip
        connection.exec_driver_sql(CLAIM_ROWS, values)
    copy_ticks(connection, [_one(run, number) for number, row in enumerate(claimed) if row is None])
    return len(pairs)


def stored_ticks(
    connection: Connection, account_id: int, symbol: str, from_msc: int, to_msc: int
) -> list[StoredTick]:
    """Every stored tick of a range, in order."""
    values = {"account": account_id, "symbol": symbol, "from": from_msc, "to": to_msc}
    return [
        StoredTick(
            tick=Tick(row.time_msc, row.bid, row.ask, row.last, row.volume_real, row.flags & FLAGS_MASK),
            session=row.session,
            seq=row.seq,
            received_ms=int(row.received_at.timestamp() * 1000),
            backfilled=row.backfilled,
            id=row.id,
        )
        for row in connection.exec_driver_sql(SELECT_RANGE, values)
    ]


def _check(from_msc: int, to_msc: int, history: Sequence[Tick]) -> None:
    times = [tick.time_msc for tick in history]
    if len(times) > HISTORY_TICKS_MAX:
        raise HistoryOutOfRange(f"expected at most {HISTORY_TICKS_MAX} ticks, found {len(times)}")
    if times != sorted(times):
        raise HistoryOutOfRange("expected ticks in the order of time_msc, found one that goes back")
    if times and not from_msc <= times[0] <= times[-1] <= to_msc:
        raise HistoryOutOfRange(f"expected ticks within {from_msc}..{to_msc}, found {times[0]}..{times[-1]}")


def _delete(connection: Connection, account_id: int, symbol: str, times_msc: Collection[int]) -> None:
    if times_msc:
        values = {
            "account": account_id, "symbol": symbol, "from": min(times_msc), "to": max(times_msc),
            "times": list(times_msc),
        }  # fmt: skip
        connection.exec_driver_sql(DELETE_MILLISECONDS, values)


def _insert(connection: Connection, account_id: int, symbol: str, rows: Iterable[StoredTick]) -> None:
    runs = [
        TickRun(
            account_id=account_id, symbol=symbol, session=row.session, seq=row.seq, ticks=(row.tick,),
            received_ms=row.received_ms, backfilled=row.backfilled,
        )
        for row in rows
    ]  # fmt: skip
    copy_ticks(connection, runs)


def _one(run: TickRun, number: int) -> TickRun:
    return TickRun(
        account_id=run.account_id, symbol=run.symbol, session=run.session, seq=run.seq + number,
        ticks=run.ticks[number : number + 1], received_ms=run.received_ms,
    )  # fmt: skip


def _span(ticks: Sequence[Tick]) -> tuple[int, int]:
    times = [tick.time_msc for tick in ticks]
    return min(times), max(times)
