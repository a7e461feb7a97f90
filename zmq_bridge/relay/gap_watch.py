"""Gaps from Postgres to subscribers: whoever opens or closes one, this thread hears of it and has it announced.

The recorder's sink opens gaps, the desk closes them; both notify the channel `gaps` in their transaction. Listening to
the table instead of to either means that nothing is announced that is not committed, and that a restart announces
anew what is still open. A sweep behind the notifications catches what a broken connection missed.
"""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.storage import notices
from zmq_bridge.storage.notices import NoticesLost
from zmq_bridge.storage.ticks.gaps import GAPS_CHANNEL, GAPS_PER_LIST_MAX, TickGap, gap_news, last_gap_id

log = logging.getLogger(__name__)

SWEEP_S = 5.0
RETRY_S = 2.0


class GapWatch(threading.Thread):
    """Calls `announce` with every gap that opens or closes, until it is told to stop."""

    def __init__(self, engine: Engine, announce: Callable[[TickGap], None]) -> None:
        super().__init__(name="gap-watch", daemon=True)
        self._stopping: Mailbox[None] = Mailbox(items_max=1)
        self._engine = engine
        self._announce = announce
        self._open: set[int] = set()
        self._last_id: int | None = None

    def stop(self) -> None:
        """Have the thread end."""
        self._stopping.put(None)

    def run(self) -> None:
        """Listen; connect anew when the connection breaks."""
        while not len(self._stopping):
            try:
                with notices.listening(self._engine, [GAPS_CHANNEL]) as connection:
                    self._listen(connection)
            except (SQLAlchemyError, NoticesLost) as error:
                log.warning("gaps are not announced for now: %s", str(error).splitlines()[0])
                self._stopping.wait(RETRY_S)

    def _listen(self, connection: Connection) -> None:
        if self._last_id is None:
            self._tell_what_is_open(connection)
        while not len(self._stopping):
            self._tell_news(connection)
            if not notices.take(connection):
                notices.wait(connection, self._stopping.fileno(), SWEEP_S)

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
