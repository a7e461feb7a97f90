"""A backend that dies in the middle of a transaction, at a statement of the test's choice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

GONE_WITHIN_MS = 60_000  # a backend that is still there afterwards would die at another statement than it was told to


class Crash:
    """Kills the backend of a connection just before its n-th statement."""

    def __init__(self, engine: Engine, killer: Engine) -> None:
        self.engine, self.killer = engine, killer
        self.seen, self.at = 0, -1

    def before(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self.seen == self.at:
            pid = connection.connection.dbapi_connection.info.backend_pid
            with self.killer.connect() as other:
                killing = "SELECT pg_terminate_backend(%s, %s)"
                assert other.exec_driver_sql(killing, (pid, GONE_WITHIN_MS)).scalar_one()
        self.seen += 1

    @contextmanager
    def in_statement(self, number: int) -> Iterator[None]:
        """Die before statement `number` of this thread's work."""
        self.seen, self.at = 0, number
        event.listen(self.engine, "before_cursor_execute", self.before)
        try:
            yield
        finally:
            event.remove(self.engine, "before_cursor_execute", self.before)
