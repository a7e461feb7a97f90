"""Gaps from Postgres to subscribers: whoever opens or closes one, this thread hears of it and has it announced.

The recorder's sink opens gaps, the desk closes them; both notify the channel `gaps` in their transaction. Listening to
the table instead of to either means that nothing is announced that is not committed, and that a restart announces
anew what is still open. A sweep behind the notifications catches what a broken connection missed.
"""

import logging
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg2
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from zmq_bridge.storage.ticks.gaps import GAPS_PER_LIST_MAX, TickGap, gap_news, last_gap_id, listen

log = logging.getLogger(__name__)

SWEEP_S = 5.0
STOP_CHECK_S = 0.5
RETRY_S = 2.0


class GapWatch(threading.Thread):
    """Calls `announce` with every gap that opens or closes, until `stop` is set."""

    def __init__(self, engine: Engine, announce: Callable[[TickGap], None]) -> None:
        super().__init__(name="gap-watch", daemon=True)
        self.stop = threading.Event()
        self._engine = engine
        self._announce = announce
        self._open: set[int] = set()
        self._last_id: int | None = None

    def run(self) -> None:
        """Listen; connect anew when the connection breaks."""
        while not self.stop.is_set():
            try:
                with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.detach()  # a listening connection does not go back to the pool
                    self._listen(connection)
            except (DBAPIError, psycopg2.Error) as error:
                log.warning("gaps are not announced for now: %s", str(getattr(error, "orig", error)).strip())
                self.stop.wait(RETRY_S)

    def _listen(self, connection: Connection) -> None:
        listen(connection)
        if self._last_id is None:
            self._tell_what_is_open(connection)
        while not self.stop.is_set():
            self._tell_news(connection)
            self._sleep(connection)

    def _tell_what_is_open(self, connection: Connection) -> None:
        """Announce anew, at a start, the gaps that outlived the last recorder."""
        self._last_id = max(0, last_gap_id(connection) - GAPS_PER_LIST_MAX)
        for gap in gap_news(connection, self._last_id, ()):
            self._last_id = gap.id
            if gap.state == "open":
                self._tell(gap)

    def _tell_news(self, connection: Connection) -> None:
        for gap in gap_news(connection, self._last_id or 0, self._open):
            self._last_id = max(self._last_id or 0, gap.id)
            self._tell(gap)

    def _tell(self, gap: TickGap) -> None:
        if gap.state == "open":
            self._open.add(gap.id)
        else:
            self._open.discard(gap.id)
        self._announce(gap)

    def _sleep(self, connection: Connection) -> None:
        """Until a notification or the sweep is due."""
        raw: Any = connection.connection.dbapi_connection  # psycopg2's, beyond what DB-API promises
        waited_s = 0.0
        while not self.stop.is_set() and waited_s < SWEEP_S:
            readable, _, _ = select.select([raw], [], [], STOP_CHECK_S)
            if readable:
                raw.poll()
                raw.notifies.clear()
                return
            waited_s += STOP_CHECK_S
