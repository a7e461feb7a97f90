"""A transaction whose BEGIN and COMMIT travel with its first and its last statement: two round trips instead of four.

The connection commits nothing by itself: the statements say when (`gate.READ_SIGNAL`, `gate.WRITE_ALL`). Whatever is
still open at the end is rolled back, so leaving early leaves nothing behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import Connection, Engine


@contextmanager
def gate_transaction(engine: Engine) -> Iterator[Connection]:
    """Lend a connection that begins and commits where its statements say so."""
    with engine.connect() as pooled:
        connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield connection
        finally:
            _end(connection)


def _end(connection: Connection) -> None:
    """Roll back what is open; a connection that cannot is not given back to the pool."""
    if connection.invalidated or connection.closed:
        return
    link = cast(Any, connection.connection.driver_connection)
    if link.closed:
        connection.invalidate()
    elif link.info.transaction_status != TRANSACTION_STATUS_IDLE:
        connection.exec_driver_sql("ROLLBACK")
