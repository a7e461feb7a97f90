"""Ticks into Postgres by binary COPY: the one hot loop of storage.

Rows are packed here, byte by byte as COPY BINARY wants them, because that is twice as fast as text and the sink must
hold 100,000 ticks a second beside everything else. Partitions are made before the rows that need them. The caller owns
the transaction: the rows, the cursor and the gaps of one batch commit together or not at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from struct import Struct

import psycopg2
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.storage.ticks.partitions import DAY_MSC, ensure_partitions

COPY = """
COPY ticks (account_id, symbol, time_msc, bid, ask, last, volume_real, flags, session, seq, received_at, backfilled)
FROM STDIN WITH (FORMAT binary)
"""

TIME_MSC_MAX = 4_102_444_800_000
"""2100-01-01: a tick past it is a broken clock, and must not make partitions for centuries."""

INT8_MAX = 2**63 - 1

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
_TRAILER = b"\xff\xff"
_COLUMNS = 12
_POSTGRES_EPOCH_MS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
_COPY_CHUNK_BYTES = 1 << 18
_STRUCTS: dict[int, Struct] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRun:
    """Consecutive ticks of one stream, ready to be stored."""

    account_id: int

    symbol: str
    """The broker's exact spelling."""

    session: int
    """Of the terminal that sent them; 0 = the terminal's history, not a live stream."""

    seq: int
    """Of the first; the others follow. 0 = unnumbered: a backfilled run."""

    ticks: Sequence[Tick]

    received_ms: int
    """Our clock, Unix UTC ms."""

    backfilled: bool = False

    @property
    def seq_last(self) -> int:
        """The number of the last tick."""
        return self.seq + len(self.ticks) - 1


def commit_without_waiting(engine: Engine) -> None:
    """Let commits of this engine's connections return before they are on disk. For ticks only.

    A crash of the server takes back the last fraction of a second, the cursors of those ticks with them.
    """

    @event.listens_for(engine, "connect")
    def _relax(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET synchronous_commit = off")
        cursor.close()


def storable(session: int, seq: int, ticks: Sequence[Tick]) -> bool:
    """Tell whether Postgres can hold a batch: the wire's unsigned 64 bits are wider than its columns."""
    return (
        0 < session <= INT8_MAX
        and seq + len(ticks) <= INT8_MAX
        and all(0 < tick.time_msc < TIME_MSC_MAX for tick in ticks)
    )


def copy_ticks(connection: Connection, runs: Sequence[TickRun], known_days: set[int] | None = None) -> int:
    """Append runs in the order given; return how many ticks went in. Commits nothing.

    Args:
        known_days: Days whose partition is known to be there; grows. Must be emptied when a transaction fails.
    """
    count = sum(len(run.ticks) for run in runs)
    if count:
        _make_room(connection, runs, set() if known_days is None else known_days)
        _send(connection, pack_rows(runs))
    return count


def pack_rows(runs: Sequence[TickRun]) -> bytes:
    """What COPY is sent for these runs."""
    return b"".join((_SIGNATURE, *(row for run in runs for row in _rows(run)), _TRAILER))


def _make_room(connection: Connection, runs: Sequence[TickRun], known_days: set[int]) -> None:
    """Make the day partitions these ticks need, and no others: replayed days may lie years apart."""
    for day in sorted({tick.time_msc // DAY_MSC for run in runs for tick in run.ticks} - known_days):
        ensure_partitions(connection, day * DAY_MSC, day * DAY_MSC)
        known_days.add(day)


def _rows(run: TickRun) -> Iterator[bytes]:
    symbol = run.symbol.encode()
    size = len(symbol)
    pack = _row_struct(size).pack
    received_us = (run.received_ms - _POSTGRES_EPOCH_MS) * 1000
    account_id, session, backfilled = run.account_id, run.session, run.backfilled
    step = 0 if run.backfilled and run.seq == 0 else 1
    seq = run.seq - step
    for time_msc, bid, ask, last, volume_real, flags in run.ticks:
        seq += step
        yield pack(
            _COLUMNS, 8, account_id, size, symbol, 8, time_msc, 8, bid, 8, ask, 8, last, 8, volume_real,
            4, flags, 8, session, 8, seq, 8, received_us, 1, backfilled,
        )  # fmt: skip


def _row_struct(symbol_bytes: int) -> Struct:
    """The row's layout for a symbol of so many bytes: each value after its length, in column order."""
    found = _STRUCTS.get(symbol_bytes)
    if found is None:
        found = _STRUCTS[symbol_bytes] = Struct(f">hiqi{symbol_bytes}siqidididid" + "iIiqiqiqi?")
    return found


def _send(connection: Connection, rows: bytes) -> None:
    cursor = connection.connection.cursor()
    try:
        cursor.copy_expert(COPY, BytesIO(rows), _COPY_CHUNK_BYTES)
    except psycopg2.Error as error:  # as SQLAlchemy would have raised it
        raise DBAPIError.instance(COPY, None, error, psycopg2.Error) from error
    finally:
        cursor.close()
