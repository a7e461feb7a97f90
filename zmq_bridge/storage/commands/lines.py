"""Lines: connections that the gate keeps for itself, so that an order pays for its statements and for nothing else.

What a pool does around a transaction (check out, set options, reset, check in, make result objects) costs a process
that was asleep just now more than half a millisecond an order. So a line is taken out of the engine's pool for good and
lent to one transaction after another; prepared statements run on the driver's own cursor (`Line.run`), all else on
`Line.connection`.

BEGIN and COMMIT travel with the first and the last statement (`gate.READ_SIGNAL`, `outcome.WRITE_ALL`): a transaction
is two round trips. Whatever is still open when a line comes back is rolled back. Failures are SQLAlchemy's, as
everywhere; one line that is found dead ends all that wait, because what killed it (a restart) killed them too.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extras import NamedTupleCursor
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zmq_bridge.storage.commands.prepared import STALE_STATES, Prepared
from zmq_bridge.storage.engine import POOL_RECYCLE_S


class Line:
    """One connection, of one transaction at a time."""

    def __init__(self, connection: Connection) -> None:
        """`connection` is the line's from now on."""
        connection.detach()
        self.connection = connection
        """For statements that are rare, in the same transaction."""
        self.opened_s = time.monotonic()
        self._link = cast(Any, connection.connection.dbapi_connection)
        self._link.autocommit = True  # the statements say when
        connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")  # else the first five runs are planned
        self._cursor = self._link.cursor(cursor_factory=NamedTupleCursor)
        self._known: set[str] = self.connection.info.setdefault("prepared", set())

    def run(self, statement: Prepared, values: Mapping[str, Any]) -> list[Any]:
        """Run a prepared statement, preparing it first where this connection has not seen it; return its rows.

        Raises:
            DBAPIError: as SQLAlchemy raises it.
        """
        try:
            if statement.name not in self._known:
                self._cursor.execute(statement.prepare)
                self._known.add(statement.name)
            self._cursor.execute(statement.execute, values)
            return self._cursor.fetchall() if self._cursor.description else []
        except psycopg2.Error as error:
            raise self._translated(statement, error) from error

    def end_transaction(self) -> bool:
        """Roll back what is open; False: the line is of no use any more."""
        try:
            if self._link.closed or self.connection.invalidated:
                return False
            if self._link.info.transaction_status != TRANSACTION_STATUS_IDLE:
                self.connection.exec_driver_sql("ROLLBACK")
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def _translated(self, statement: Prepared, error: psycopg2.Error) -> DBAPIError:
        if self._link.closed:
            try:
                self.connection.exec_driver_sql("SELECT 1")  # so that the engine hears of it and empties its pool
            except DBAPIError as told:
                return told
        if error.pgcode in STALE_STATES:
            self.connection.invalidate(error)
        found = DBAPIError.instance(statement.name, None, error, psycopg2.Error, dialect=self.connection.dialect)
        return cast(DBAPIError, found)


class Lines:
    """The lines of one gate: as many as were ever needed at once, so at most one for each thread that asks it."""

    def __init__(self, engine: Engine) -> None:
        """Connects with the first one lent."""
        self._engine = engine
        self._idle: deque[Line] = deque()

    @contextmanager
    def lend(self) -> Iterator[Line]:
        """Lend a line for a transaction."""
        line = self._take()
        try:
            yield line
        finally:
            if line.end_transaction():
                self._idle.append(line)
            else:
                line.close()
                self.close()

    def close(self) -> None:
        """Close every line that waits."""
        while (line := self._pop()) is not None:
            line.close()

    def _take(self) -> Line:
        line = self._pop()
        if line is not None and time.monotonic() - line.opened_s < POOL_RECYCLE_S:
            return line
        if line is not None:
            line.close()
        return Line(self._engine.connect())

    def _pop(self) -> Line | None:
        try:
            return self._idle.pop()  # the one that came last is the warmest
        except IndexError:
            return None
