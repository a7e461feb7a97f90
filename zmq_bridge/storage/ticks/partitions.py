"""Day partitions of `ticks`, made ahead of need.

A partition covers one day of the *server's* clock: [day, day + 1) in `time_msc`. Making one is idempotent, safe from
any number of processes, and never blocks readers or writers of the others (ATTACH takes a weak lock, CREATE ...
PARTITION OF would take the strongest). There is no default partition: a tick outside every partition must be given
one first, by `ensure_partitions` with the span of its batch.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from zmq_bridge.storage.locks import Lock, hold

DAY_MSC = 86_400_000
DAYS_AHEAD = 3
PARTITIONS_PER_CALL_MAX = 4000  # about eleven years; more is a broken clock, not a request


class PartitionSpanError(ValueError):
    """The span asked for is backwards, before 1970, or absurdly long."""


def ensure_days_ahead(connection: Connection, now: datetime, days: int = DAYS_AHEAD) -> list[str]:
    """Make the partitions from yesterday to `days` from now. Returns the names of the new ones."""
    now_msc = int(now.timestamp() * 1000)
    return ensure_partitions(connection, max(now_msc - DAY_MSC, 0), now_msc + days * DAY_MSC)


def ensure_partitions(connection: Connection, from_msc: int, to_msc: int) -> list[str]:
    """Make every missing partition that a tick in [from_msc, to_msc] could need.

    Commit soon after: other makers wait until then. Returns the names of the new ones.
    """
    missing = _missing(connection, _days(from_msc, to_msc))
    if not missing:
        return []
    hold(connection, Lock.PARTITIONS)
    made = _missing(connection, missing)
    for day in made:
        _make(connection, day)
    return [partition_name(day) for day in made]


def partition_name(day: int) -> str:
    """The name of the partition of a day, counted from 1970-01-01: `ticks_20200102`."""
    return f"ticks_{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y%m%d}"


def _days(from_msc: int, to_msc: int) -> range:
    days = range(from_msc // DAY_MSC, to_msc // DAY_MSC + 1)
    if from_msc < 0 or not 1 <= len(days) <= PARTITIONS_PER_CALL_MAX:
        raise PartitionSpanError(
            f"Expected 0 <= from_msc <= to_msc, at most {PARTITIONS_PER_CALL_MAX} days apart;"
            f" found from_msc={from_msc}, to_msc={to_msc}."
        )
    return days


def _missing(connection: Connection, days: Sequence[int]) -> list[int]:
    """Which of these days have no partition."""
    query = """
        SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'ticks'::regclass AND child.relname = ANY(%s)
    """
    names = [partition_name(day) for day in days]
    there = set(connection.exec_driver_sql(query, (names,)).scalars())
    return [day for day, name in zip(days, names, strict=True) if name not in there]


def _make(connection: Connection, day: int) -> None:
    """Make one partition as a table of its own, then attach it."""
    name, low, high = partition_name(day), day * DAY_MSC, (day + 1) * DAY_MSC
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE ticks INCLUDING DEFAULTS INCLUDING INDEXES)")
    connection.exec_driver_sql(f"ALTER TABLE ticks ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")
