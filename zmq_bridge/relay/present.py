"""The present of every account: the newest snapshot into Postgres, and what follows from it.

Law: only the newest snapshot matters, so one waits per account and a newer one replaces it. What must be seen at once
(an event was included, a position or order came or went) is kept at once; a mere change of profit once in KEEP_S. The
ledger is compared with a snapshot in the transaction that keeps it; an agreement brings risk's memory up to date, and
an account's first one lifts its first halt. Then the watch looks at what there is now.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, Engine

from zmq_bridge.protocol.published import Snapshot
from zmq_bridge.relay.registration import keep
from zmq_bridge.relay.watch import Look, watch
from zmq_bridge.storage.ledger.reconcile import Agreed, Broken, reconcile
from zmq_bridge.storage.risk.memory import follow
from zmq_bridge.storage.risk.trading_state import activate_reconciled
from zmq_bridge.storage.trading import state

log = logging.getLogger(__name__)

KEEP_S = 0.9
"""Below SNAPSHOT_MS: of a quiet account every regular snapshot is kept, of a busy one about one a second."""

Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A snapshot not yet kept."""

    snapshot: Snapshot
    received_at: datetime


class Presents:
    """Snapshots on their way into Postgres. `lay` and `drop` may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._waiting: dict[int, Waiting] = {}
        self._kept: dict[int, tuple[Shape, datetime]] = {}
        self._outcomes: dict[int, type] = {}

    def lay(self, account_id: int, snapshot: Snapshot, received_at: datetime) -> bool:
        """Leave a snapshot to be kept; True when the books thread must be told."""
        with self._lock:
            if not self._is_due(account_id, snapshot, received_at):
                return False
            is_first = account_id not in self._waiting
            self._waiting[account_id] = Waiting(snapshot=snapshot, received_at=received_at)
            return is_first

    def drop(self, account_id: int) -> None:
        """Take back a snapshot that nobody was told of."""
        with self._lock:
            self._waiting.pop(account_id, None)

    def keep(self, account_id: int) -> None:
        """Keep the waiting snapshot."""
        with self._lock:
            waiting = self._waiting.pop(account_id, None)
        if waiting is None:
            return
        snapshot = waiting.snapshot
        place = state.Place(session=snapshot.session, event_seq=snapshot.event_seq, seq=snapshot.seq)
        with self._engine.begin() as connection:
            if keep(connection, account_id, place, snapshot, waiting.received_at).applied:
                self._follow(connection, account_id, waiting)
        with self._lock:
            self._kept[account_id] = (shape(snapshot), waiting.received_at)

    def _follow(self, connection: Connection, account_id: int, waiting: Waiting) -> None:
        outcome = reconcile(connection, account_id, waiting.snapshot, received_at=waiting.received_at)
        if isinstance(outcome, Agreed):
            follow(connection, account_id, waiting.received_at)
            if activate_reconciled(connection, account_id, waiting.received_at):
                log.info("account is reconciled and active: account_id=%d", account_id)
        now = waiting.received_at
        watch(connection, account_id, Look(now=now, heard_at=now, agreed=isinstance(outcome, Agreed)))
        if isinstance(outcome, Broken) and self._outcomes.get(account_id) is not Broken:
            log.error("ledger and broker disagree: account_id=%d %s", account_id, outcome.breaks)
        self._outcomes[account_id] = type(outcome)

    def _is_due(self, account_id: int, snapshot: Snapshot, received_at: datetime) -> bool:
        if account_id in self._waiting or account_id not in self._kept:
            return True
        kept_shape, kept_at = self._kept[account_id]
        return shape(snapshot) != kept_shape or (received_at - kept_at).total_seconds() >= KEEP_S


def shape(snapshot: Snapshot) -> Shape:
    """Return what of a snapshot must be seen at once: all but prices and floating money."""
    account = snapshot.account
    return (
        snapshot.session, snapshot.event_seq,
        account.balance, account.credit, account.trade_allowed, account.trade_expert,
        tuple((held.ticket, held.volume, held.sl, held.tp) for held in snapshot.positions),
        tuple(
            (order.ticket, order.state, order.volume_current, order.price_open, order.sl, order.tp)
            for order in snapshot.orders
        ),
    )  # fmt: skip
