"""The present of every account: the newest snapshot into Postgres, and what follows from it.

Law: only the newest snapshot matters, so one waits per account and a newer one replaces it. What must be seen at once
(an event was included, a position or order came or went) is kept at once; a mere change of profit once in KEEP_S; books
that are the same as those kept are only noted as seen, and looked through again once in FOLLOW_S. Books that came with
events are kept in the transaction of those, so that a reservation ends no later than its result is told. The ledger is
compared with a snapshot in the transaction that keeps it; an agreement brings risk's memory up to date, and the first
one of an account lifts its first halt. Then the watch looks at what there is now.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from zmq_bridge.booking.entering import keep
from zmq_bridge.booking.following import follow_snapshot
from zmq_bridge.protocol.published import Snapshot
from zmq_bridge.storage.ledger.reconcile import Agreed, Broken
from zmq_bridge.storage.trading import state

log = logging.getLogger(__name__)

KEEP_S = 0.9
"""Below SNAPSHOT_MS: of a quiet account every regular snapshot is kept, of a busy one about one a second."""
FOLLOW_S = 3.0
"""How long the ledger, risk's memory and the watch may go without a look while an account's books stay the same."""

Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A snapshot not yet kept."""

    snapshot: Snapshot
    received_at: datetime

    @property
    def place(self) -> state.Place:
        """Where it stands among others."""
        return state.Place(session=self.snapshot.session, event_seq=self.snapshot.event_seq, seq=self.snapshot.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was done about a snapshot, in a transaction that may still fail."""

    waiting: Waiting
    agreed: bool | None
    """Whether ledger and broker agree on it; None = it was the same as before, or older."""


class Presents:
    """Snapshots on their way into Postgres. `lay` and `drop` may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._waiting: dict[int, Waiting] = {}
        self._kept: dict[int, tuple[Shape, datetime]] = {}
        self._followed: dict[int, Waiting] = {}  # newest that everything that follows from books was made of
        self._outcomes: dict[int, type] = {}

    def lay(self, account_id: int, snapshot: Snapshot, received_at: datetime) -> bool:
        """Leave a snapshot to be kept; True when the books thread must be told."""
        new = Waiting(snapshot=snapshot, received_at=received_at)
        with self._lock:
            if not self._is_due(account_id, snapshot, received_at):
                return False
            waiting = self._waiting.get(account_id)
            if waiting is None or waiting.place.key <= new.place.key:
                self._waiting[account_id] = new
            return waiting is None

    def drop(self, account_id: int) -> None:
        """Take back a snapshot that nobody was told of."""
        with self._lock:
            self._waiting.pop(account_id, None)

    def keep(self, account_id: int) -> None:
        """Keep the waiting snapshot."""
        waiting = self._take(account_id)
        if waiting is None:
            return
        with self._engine.begin() as connection:
            kept = self._keep(connection, account_id, waiting)
        self.note(account_id, kept)

    def take_along(self, connection: Connection, account_id: int) -> Kept | None:
        """Keep the waiting snapshot in the transaction of its events; once that has committed, `note` what comes back.

        Raises:
            OperationalError: the database is away; nothing of the transaction counts.
        """
        waiting = self._take(account_id)
        if waiting is None:
            return None
        try:
            with connection.begin_nested():
                return self._keep(connection, account_id, waiting)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # books that can't be kept must not keep events from being booked
            log.exception("books not kept: account_id=%d", account_id)
            return None

    def note(self, account_id: int, kept: Kept | None) -> None:
        """Take note that what was done about a snapshot is committed."""
        if kept is None:
            return
        waiting = kept.waiting
        with self._lock:
            self._kept[account_id] = (shape(waiting.snapshot), waiting.received_at)
        if kept.agreed:
            self._followed[account_id] = waiting
        elif kept.agreed is False:
            self._followed.pop(account_id, None)

    def forget(self, account_id: int) -> None:
        """Others wrote the account's books: look at the next ones in full."""
        self._followed.pop(account_id, None)

    def _take(self, account_id: int) -> Waiting | None:
        with self._lock:
            return self._waiting.pop(account_id, None)

    def _keep(self, connection: Connection, account_id: int, waiting: Waiting) -> Kept:
        if self._is_same(account_id, waiting) and state.see_again(
            connection, account_id, waiting.place, waiting.snapshot.time_msc, waiting.received_at
        ):
            return Kept(waiting=waiting, agreed=None)
        if keep(connection, account_id, waiting.place, waiting.snapshot, waiting.received_at).applied:
            return Kept(waiting=waiting, agreed=self._follow(connection, account_id, waiting))
        return Kept(waiting=waiting, agreed=None)

    def _is_same(self, account_id: int, waiting: Waiting) -> bool:
        """Say whether nothing follows from a snapshot that did not follow from an earlier one a moment ago."""
        followed = self._followed.get(account_id)
        if followed is None or is_over(FOLLOW_S, followed.received_at, waiting.received_at):
            return False
        return same_books(followed.snapshot, waiting.snapshot)

    def _follow(self, connection: Connection, account_id: int, waiting: Waiting) -> bool:
        """Compare with the ledger, bring what follows from the books up to date; say whether the two agree."""
        outcome = follow_snapshot(connection, account_id, waiting.snapshot, waiting.received_at)
        if isinstance(outcome, Broken) and self._outcomes.get(account_id) is not Broken:
            log.error("ledger and broker disagree: account_id=%d %s", account_id, outcome.breaks)
        self._outcomes[account_id] = type(outcome)
        return isinstance(outcome, Agreed)

    def _is_due(self, account_id: int, snapshot: Snapshot, received_at: datetime) -> bool:
        if account_id in self._waiting or account_id not in self._kept:
            return True
        kept_shape, kept_at = self._kept[account_id]
        return shape(snapshot) != kept_shape or is_over(KEEP_S, kept_at, received_at)


def is_over(span_s: float, since: datetime, now: datetime) -> bool:
    """Say whether a span has passed; it has when our clock was set back, for nobody knows how long it was."""
    return not 0 <= (now - since).total_seconds() < span_s


def same_books(old: Snapshot, new: Snapshot) -> bool:
    """Say whether two snapshots of one account tell the same, but for when they were read."""
    return (old.session, old.event_seq) == (new.session, new.event_seq) and (
        (old.account, old.positions, old.orders) == (new.account, new.positions, new.orders)
    )


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
