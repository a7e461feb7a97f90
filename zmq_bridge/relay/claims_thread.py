"""The claims thread: one connection that owns accounts, hears of their commands, and sweeps behind.

Law: the connection that holds an account's locks is the connection that hears and claims for it, so whoever lost the
one has lost the other. A claim is on disk before its command is handed out (see `storage.commands.outbox`). It sleeps
on the connection (LISTEN) and its mailbox; the sweep every SWEEP_S is there for a NOTIFY that got lost and for what
only time brings about. Postgres being away stops claims and nothing else. Its mailbox is bounded; whether a terminal is
there is never lost for want of room: the last word on each place waits beside it, counted and logged, for the next
sweep.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.relay.claims import Adopt, Attend, Claims, Order, Stop
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.messages import Report
from zmq_bridge.storage import notices
from zmq_bridge.storage.commands.notice import COMMANDS_CHANNEL
from zmq_bridge.storage.notices import NoticesLost

log = logging.getLogger(__name__)

SWEEP_S = 1.0
ORDERS_MAX = 1024
RECONNECT_S = 0.5


class ClaimsThread(threading.Thread):
    """Serves the accounts it owns."""

    def __init__(self, engine: Engine, report: Callable[[Report], bool]) -> None:
        super().__init__(name="desk-claims", daemon=True)
        self._engine = engine
        self._orders: Mailbox[Order] = Mailbox(items_max=ORDERS_MAX)
        self._claims = Claims(report)
        self._overflow: dict[tuple[int, bool], Attend] = {}
        """The last word on each (account, trades) for which the mailbox had no room; two an account at most."""
        self._overflow_lock = threading.Lock()
        self.overflows = 0
        """How often the mailbox had no room."""

    def adopt(self, account_id: int, timeout_s: float) -> bool:
        """Take the ownership of an account; False when another desk has it or the database does not answer in time."""
        order = Adopt(account_id=account_id)
        if not self._orders.put(order):
            return False
        with suppress(TimeoutError):
            return order.owned.result(timeout_s)
        return False

    def owns(self, account_id: int) -> bool:
        """Say whether the account is ours now."""
        return account_id in self._claims.accounts.owned

    def attend(self, account_id: int, *, trades: bool, present: bool, gone: bool = False) -> None:
        """Say whether a terminal of an account is there now, or gone for good."""
        order = Attend(account_id=account_id, trades=trades, present=present, gone=gone)
        with self._overflow_lock:  # the last word on a place is the last that is obeyed
            self._overflow.pop((account_id, trades), None)
            if self._orders.put(order):
                return
            self._overflow[account_id, trades] = order
            self.overflows += 1
        log.warning("claims: overrun, a terminal waits for the sweep: account_id=%d x%d", account_id, self.overflows)

    def stop(self) -> None:
        """End the thread and give up every account."""
        if not self._orders.put(Stop()):
            self._claims.stopped = True  # its locks go with the connection
        self.join(timeout=10.0)

    def run(self) -> None:
        """Serve until stopped, over reconnects."""
        while not self._claims.stopped:
            try:
                # it listens before it has any lock, so that what is told to us is heard; both end together
                with notices.listening(self._engine, [COMMANDS_CHANNEL]) as connection:
                    self._serve(connection)
            except (SQLAlchemyError, NoticesLost) as error:
                log.warning("claims: the database is away: %s", str(error).splitlines()[0])
                self._answer_while_away()

    def _serve(self, connection: Connection) -> None:
        self._claims.begin(connection)
        sweep_at = time.monotonic()
        while True:
            while orders := self._orders.drain(1):  # one by one: a connection that breaks must not take others along
                self._claims.obey(connection, orders[0])
            if self._claims.stopped:
                return
            if texts := [text for _, text in notices.take(connection)]:
                self._claims.hear(connection, texts)
            if time.monotonic() >= sweep_at:
                while (order := self._next_overflow()) is not None:
                    self._claims.obey(connection, order)
                self._claims.sweep(connection)
                sweep_at = time.monotonic() + SWEEP_S
            elif not texts:
                notices.wait(connection, self._orders.fileno(), max(0.0, sweep_at - time.monotonic()))

    def _answer_while_away(self) -> None:
        self._orders.wait(RECONNECT_S)
        for order in self._orders.drain():
            self._claims.obey(None, order)

    def _next_overflow(self) -> Attend | None:
        """Take a word there was no room for, once everything that was said before it has been obeyed."""
        with self._overflow_lock:
            if not self._overflow or len(self._orders):
                return None  # said behind what waits there
            return self._overflow.pop(next(iter(self._overflow)))
