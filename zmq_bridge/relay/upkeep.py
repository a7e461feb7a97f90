"""The upkeep thread: what must be done now and then, and nobody waits for.

Partitions for the days ahead; of each account what trading costs, and which symbols move together. Every part may be
done by any number of desks; the database lets one of them do it. Whatever fails is logged and comes round again.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from sqlalchemy import Engine

from zmq_bridge.booking.rounds import guarded
from zmq_bridge.storage.accounts import list_accounts
from zmq_bridge.storage.risk.commissions import learn_commissions
from zmq_bridge.storage.risk.correlations import refresh
from zmq_bridge.storage.ticks.partitions import ensure_days_ahead

log = logging.getLogger(__name__)

FIRST_AFTER_S = 20.0
"""Let a starting desk greet its terminals first."""
EVERY_S = 300.0
STOP_WAIT_S = 5.0


class UpkeepThread(threading.Thread):
    """Does its rounds until stopped."""

    def __init__(self, engine: Engine, *, first_after_s: float = FIRST_AFTER_S, every_s: float = EVERY_S) -> None:
        super().__init__(name="desk-upkeep", daemon=True)
        self._engine, self._first_after_s, self._every_s = engine, first_after_s, every_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the thread; a round that is under way may be cut short, and does no harm."""
        self._stopped.set()
        self.join(timeout=STOP_WAIT_S)

    def run(self) -> None:
        """Serve until stopped."""
        wait_s = self._first_after_s
        while not self._stopped.wait(wait_s):
            with guarded(log, "upkeep"):
                self._round()
            wait_s = self._every_s

    def _attend(self, account_id: int) -> None:
        with self._engine.begin() as connection:
            learn_commissions(connection, account_id)
        refresh(self._engine, account_id)

    def _round(self) -> None:
        with self._engine.begin() as connection:
            ensure_days_ahead(connection, datetime.now(UTC))
            accounts = list_accounts(connection)
        for account in accounts:
            if not self._stopped.is_set():
                self._attend(account.id)
