"""The one connection to Postgres that only listens, in a thread of its own; the event loop is handed every notice."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
from collections.abc import Callable

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.storage import notices
from zmq_bridge.storage.notices import NoticesLost

log = logging.getLogger(__name__)

CHANNELS = ("signals", "gaps", "risk", "access")
AGAIN_S = 1.0
ASK_EVERY_S = 20.0  # a silent connection is asked whether it lives
STOP_WAIT_S = 5.0

OnNotice = Callable[[str, str], None]


class Notices(threading.Thread):
    """Listens until stopped, over reconnects.

    Args:
        on_notice: called in the event loop with channel and payload.
        on_connected: called in the event loop whenever it begins to listen: what came before may have been missed.
    """

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        on_notice: OnNotice,
        on_connected: Callable[[], None],
    ) -> None:
        super().__init__(name="stream-notices", daemon=True)
        self._engine, self._loop = engine, loop
        self._on_notice, self._on_connected = on_notice, on_connected
        self._stop_read, self._stop_write = os.pipe()

    def stop(self) -> None:
        """End the thread."""
        os.write(self._stop_write, b".")
        self.join(timeout=STOP_WAIT_S)

    def run(self) -> None:
        """Listen until stopped."""
        while not self._told_to_stop(0.0):
            try:
                with self._engine.connect() as connection:
                    self._listen(notices.listen(connection, CHANNELS))
            except (SQLAlchemyError, NoticesLost) as error:
                log.warning("stream: Postgres is away: %s", str(error).splitlines()[0])
                self._told_to_stop(AGAIN_S)

    def _listen(self, connection: Connection) -> None:
        self._tell(self._on_connected)
        while not notices.wait(connection, self._stop_read, ASK_EVERY_S):
            heard = notices.take(connection)
            if not heard:
                connection.exec_driver_sql("SELECT 1")  # silent: does it live?
                heard = notices.take(connection)
            for channel, payload in heard:
                self._tell(self._on_notice, channel, payload)

    def _tell(self, what: Callable[..., None], *arguments: str) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the loop has ended, and so shall we
            log.info("stream: a notice came after the end")

    def _told_to_stop(self, wait_s: float) -> bool:
        return bool(select.select([self._stop_read], [], [], wait_s)[0])
