"""Advisory locks: every name space in one place, so that two uses can never collide by accident.

A lock is (name space, key). `hold` keeps it until the transaction ends, `own` until the connection does.
"""

from datetime import datetime
from enum import IntEnum, unique

from sqlalchemy import Connection


@unique
class Lock(IntEnum):
    """The name spaces, as the first of Postgres' two integer keys."""

    MIGRATION = 21_001  # one migration at a time; key 0
    PARTITIONS = 21_002  # one maker of partitions at a time; key 0
    ADMISSION = 21_003  # key: account id; a decision, a posting, a dealing: one at a time. 0: who sets limits of all
    OWNER = 21_004  # key: account id; the one desk that serves it
    EXECUTION = 21_005  # key: a stored signal's id; one execution of it at a time
    POLLED = 21_006  # key: account id; one request of a polling terminal at a time
    READY = 21_007  # key: account id; its desk hands a command out the moment it is committed, so it is born sent
    HOLDS = 21_008  # key: account id; who begins or ends a hold of it. 0: of all accounts. Taken behind ADMISSION
    CORRELATIONS = 21_010  # key: account id; one process works them out


EVERYWHERE = 0
"""The key of what is in force for all accounts; no account has this id."""


def hold(connection: Connection, lock: Lock, key: int = 0) -> None:
    """Wait for a lock and keep it until this transaction ends."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (int(lock), key))


def hold_named(connection: Connection, lock: Lock, name: str) -> None:
    """Wait for the lock of something that has a name instead of a number. Two names may share one; that only waits."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (int(lock), name))


def try_hold(connection: Connection, lock: Lock, key: int = 0) -> bool:
    """Take a lock until this transaction ends, if nobody has it. True: it is ours."""
    return bool(connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s, %s)", (int(lock), key)).scalar_one())


def hold_shared(connection: Connection, lock: Lock, key: int = 0) -> None:
    """Wait until nobody holds a lock alone, and keep those away who want to until this transaction ends."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock_shared(%s, %s)", (int(lock), key))


def try_hold_shared(connection: Connection, lock: Lock, key: int = 0) -> bool:
    """Keep those away who want a lock alone until this transaction ends, if nobody has it alone. True: it is ours."""
    query = "SELECT pg_try_advisory_xact_lock_shared(%s, %s)"
    return bool(connection.exec_driver_sql(query, (int(lock), key)).scalar_one())


def own(connection: Connection, lock: Lock, key: int = 0) -> bool:
    """Try to take a lock for as long as this connection lives. True: it is ours."""
    return bool(connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s, %s)", (int(lock), key)).scalar_one())


def own_since(connection: Connection, lock: Lock, key: int = 0) -> datetime | None:
    """Do the same; return a moment of the database's clock from which on it is ours, None: it is somebody else's."""
    query = "SELECT CASE WHEN pg_try_advisory_lock(%s, %s) THEN clock_timestamp() END"
    since: datetime | None = connection.exec_driver_sql(query, (int(lock), key)).scalar_one()
    return since


def disown(connection: Connection, lock: Lock, key: int = 0) -> bool:
    """Give back a lock taken with `own`. False: we did not have it."""
    return bool(connection.exec_driver_sql("SELECT pg_advisory_unlock(%s, %s)", (int(lock), key)).scalar_one())
