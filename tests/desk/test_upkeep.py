"""The upkeep thread does its rounds, survives what fails, and ends when told."""

import threading

from tests.support import wait_until
from zmq_bridge.relay.upkeep import UpkeepThread
from zmq_bridge.storage.engine import create_engine

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ticks'::regclass"


def count(engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def test_a_round_makes_the_partitions_ahead(database):
    engine = create_engine(database)
    upkeep = UpkeepThread(engine, first_after_s=0)
    upkeep.start()
    wait_until(lambda: count(engine, PARTITIONS) >= 4)
    upkeep.stop()
    assert not upkeep.is_alive()
    engine.dispose()


def test_a_round_that_fails_is_followed_by_another(database):
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE accounts RENAME TO hidden")
    upkeep = UpkeepThread(engine, first_after_s=0, every_s=0.05)
    upkeep.start()
    wait_until(
        lambda: count(engine, "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()") > 2
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO accounts")
    wait_until(lambda: count(engine, PARTITIONS) >= 4)
    upkeep.stop()
    engine.dispose()


def test_it_ends_at_once_while_it_waits(database):
    engine = create_engine(database)
    upkeep = UpkeepThread(engine, first_after_s=3600)
    upkeep.start()
    upkeep.stop()
    assert not upkeep.is_alive()
    assert upkeep not in threading.enumerate()
    engine.dispose()
