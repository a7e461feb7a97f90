"""The news thread: every decided signal, whoever took it in (HTTP or ZeroMQ), into the `signals` stream of Redis.

Law: live state only, so orders go first: from the first notice on it waits for GATHER_S, and tells of all that came
meanwhile. It sleeps on LISTEN; what is notified while the database is away is in Postgres and nowhere else.
With several desks on one database, the one that owns the account tells; a signal that meant no account is told by each.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.relay.live_thread import LiveThread
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.storage import notices
from zmq_bridge.storage.commands.signal_news import SIGNALS_CHANNEL, decided_signals
from zmq_bridge.storage.notices import NoticesLost

log = logging.getLogger(__name__)

RECONNECT_S = 1.0
GATHER_S = 0.02

Owns = Callable[[int], bool]
"""Whether this desk owns an account."""


class SignalNewsThread(threading.Thread):
    """Tells Redis of signals."""

    def __init__(self, engine: Engine, live: LiveThread, owns: Owns) -> None:
        super().__init__(name="desk-signals", daemon=True)
        self._engine = engine
        self._live = live
        self._owns = owns
        self._stopping: Mailbox[None] = Mailbox(items_max=1)

    def stop(self) -> None:
        """End the thread."""
        self._stopping.put(None)
        self.join(timeout=5.0)

    def run(self) -> None:
        """Listen until stopped, over reconnects."""
        while not len(self._stopping):
            try:
                with notices.listening(self._engine, [SIGNALS_CHANNEL]) as connection:
                    self._listen(connection)
            except (SQLAlchemyError, NoticesLost) as error:
                log.warning("signal news: the database is away: %s", str(error).splitlines()[0])
                self._stopping.wait(RECONNECT_S)

    def _listen(self, connection: Connection) -> None:
        while not len(self._stopping):
            ids = [payload for _, payload in notices.take(connection)]
            if not ids:
                notices.wait(connection, self._stopping.fileno())
                self._stopping.wait(GATHER_S)
                continue
            for signal in decided_signals(connection, ids):
                self._tell(signal)

    def _tell(self, signal: dict[str, Any]) -> None:
        account_id = signal.pop("account_id")
        if account_id is None or self._owns(account_id):
            fields = {name: value for name, value in signal.items() if value is not None}
            self._live.signal({**fields, "created_at": signal["created_at"].isoformat()})
