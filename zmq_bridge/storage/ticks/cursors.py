"""Where each tick stream stands: what the last committed tick was, so that a killed recorder loses nothing.

A cursor is locked, moved and committed in the transaction that stores its ticks. Whoever repairs a stream (backfill)
takes the same lock first, so repair and recording never interleave. Locks are taken in key order: no deadlocks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

Stream = tuple[int, str]
"""(account_id, symbol)"""

LOCK = """
SELECT account_id, symbol, session, seq, time_msc, received_at, filled_msc
FROM tick_cursors
WHERE (account_id, symbol) IN (SELECT * FROM unnest(%(accounts)s::bigint[], %(symbols)s::text[]))
ORDER BY account_id, symbol
FOR UPDATE
"""

SAVE = """
INSERT INTO tick_cursors (account_id, symbol, session, seq, time_msc, received_at, filled_msc)
SELECT * FROM unnest(%(accounts)s::bigint[], %(symbols)s::text[], %(sessions)s::bigint[], %(seqs)s::bigint[],
    %(times)s::bigint[], %(received)s::timestamptz[], %(filled)s::bigint[])
ON CONFLICT (account_id, symbol) DO UPDATE SET
    session = excluded.session, seq = excluded.seq, time_msc = excluded.time_msc, received_at = excluded.received_at,
    filled_msc = greatest(tick_cursors.filled_msc, excluded.filled_msc)
"""

MARK_FILLED = """
UPDATE tick_cursors SET filled_msc = greatest(filled_msc, %(filled)s)
WHERE account_id = %(account)s AND symbol = %(symbol)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickCursor:
    """The last tick of a stream that is safe."""

    session: int

    seq: int
    """Last number stored or declared missing."""

    time_msc: int
    """Server clock of the last one stored."""

    received_ms: int
    """Our clock when it came in."""

    filled_msc: int = 0
    """Ticks up to here may have been stored by a backfill or an earlier session; 0 = none."""


def lock_cursors(connection: Connection, streams: Collection[Stream]) -> dict[Stream, TickCursor]:
    """Lock and return the cursors of these streams until the transaction ends; a new stream has none."""
    ordered = sorted(streams)
    values = {"accounts": [stream[0] for stream in ordered], "symbols": [stream[1] for stream in ordered]}
    return {
        (row.account_id, row.symbol): TickCursor(
            session=row.session,
            seq=row.seq,
            time_msc=row.time_msc,
            received_ms=int(row.received_at.timestamp() * 1000),
            filled_msc=row.filled_msc,
        )
        for row in connection.exec_driver_sql(LOCK, values)
    }


def save_cursors(connection: Connection, cursors: Mapping[Stream, TickCursor]) -> None:
    """Move cursors; make those that are new."""
    if not cursors:
        return
    ordered = sorted(cursors.items())
    connection.exec_driver_sql(
        SAVE,
        {
            "accounts": [account for (account, _), _ in ordered],
            "symbols": [symbol for (_, symbol), _ in ordered],
            "sessions": [cursor.session for _, cursor in ordered],
            "seqs": [cursor.seq for _, cursor in ordered],
            "times": [cursor.time_msc for _, cursor in ordered],
            "received": [datetime.fromtimestamp(cursor.received_ms / 1000, UTC) for _, cursor in ordered],
            "filled": [cursor.filled_msc for _, cursor in ordered],
        },
    )


def mark_filled(connection: Connection, account_id: int, symbol: str, filled_msc: int) -> None:
    """Note that the terminal's history was stored up to `filled_msc`."""
    connection.exec_driver_sql(MARK_FILLED, {"account": account_id, "symbol": symbol, "filled": filled_msc})
