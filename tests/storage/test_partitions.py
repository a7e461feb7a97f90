"""Day partitions: there before they are needed, made once, whoever asks and however many at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from zmq_bridge.storage.ticks.partitions import DAY_MSC, PartitionSpanError, ensure_days_ahead, ensure_partitions

NEW_YEAR_MSC = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
WORKERS = 6
INSERT = """
    INSERT INTO ticks (account_id, symbol, time_msc, bid, ask, last, volume_real, flags, session, seq, received_at)
    VALUES (1, 'EURUSD', %s, 1, 2, 0, 0, 6, 1, 1, now())
"""


def insert(engine, time_msc: int) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(INSERT, (time_msc,))


def test_partitions_hold_both_ends_of_the_span_and_no_more(engine):
    first, last = NEW_YEAR_MSC, NEW_YEAR_MSC + 2 * DAY_MSC
    with engine.begin() as connection:
        made = ensure_partitions(connection, first, last)
    assert made == ["ticks_20200101", "ticks_20200102", "ticks_20200103"]
    insert(engine, first)
    insert(engine, last + DAY_MSC - 1)
    for outside in (first - 1, last + DAY_MSC):
        with pytest.raises(IntegrityError, match="no partition"):
            insert(engine, outside)


def test_asking_twice_makes_nothing_new(engine):
    for expected in (1, 0):
        with engine.begin() as connection:
            assert len(ensure_partitions(connection, NEW_YEAR_MSC, NEW_YEAR_MSC)) == expected


def test_tomorrow_has_a_partition_today(engine):
    now = datetime.now(UTC)
    with engine.begin() as connection:
        ensure_days_ahead(connection, now)
    insert(engine, int(now.timestamp() * 1000) + DAY_MSC)
    insert(engine, int(now.timestamp() * 1000) - DAY_MSC)


def test_many_makers_at_once_make_each_partition_once(engine):
    def make(_: int) -> list[str]:
        with engine.begin() as connection:
            return ensure_partitions(connection, NEW_YEAR_MSC, NEW_YEAR_MSC + 9 * DAY_MSC)

    with ThreadPoolExecutor(WORKERS) as pool:
        made = [name for names in pool.map(make, range(WORKERS)) for name in names]
    assert len(made) == len(set(made)) == 10


def test_a_new_partition_is_not_held_up_by_a_reader_or_a_writer(engine):
    with engine.begin() as connection:
        ensure_partitions(connection, NEW_YEAR_MSC, NEW_YEAR_MSC)
    with engine.connect() as busy:
        busy.exec_driver_sql(INSERT, (NEW_YEAR_MSC,))
        busy.exec_driver_sql("SELECT count(*) FROM ticks")
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")
            assert ensure_partitions(connection, NEW_YEAR_MSC + DAY_MSC, NEW_YEAR_MSC + DAY_MSC)


def test_a_new_partition_has_the_index(engine):
    with engine.begin() as connection:
        ensure_partitions(connection, NEW_YEAR_MSC, NEW_YEAR_MSC)
        query = "SELECT indexdef FROM pg_indexes WHERE tablename = 'ticks_20200101'"
        assert ["USING brin" in text for text in connection.exec_driver_sql(query).scalars()] == [True]


@pytest.mark.parametrize("span", [(-1, 5), (5, 4 - DAY_MSC), (0, 5000 * DAY_MSC)])
def test_an_absurd_span_is_refused(engine, span):
    with pytest.raises(PartitionSpanError, match=f"to_msc={span[1]}"), engine.begin() as connection:
        ensure_partitions(connection, *span)
