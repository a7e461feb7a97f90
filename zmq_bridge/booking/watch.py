"""The watch between signals: every snapshot is looked at, and what it shows becomes a hold or ends one.

Law: `watch` runs in the transaction that stored the snapshot, under the account's lock, so that what it found and what
it did about it are one. Risk's own figures (the day's loss, drawdown) are judged only on a snapshot on which ledger and
broker agree. `WatchThread` looks at accounts whose terminal does not report any more, which no snapshot would tell of,
and carries out what a stop could not do on an account that was busy.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from risk import Limits
from risk.monitor import Review, review
from risk.states import Cause, Hold, Lift, impose
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.admission.limits import LimitBook
from zmq_bridge.admission.live_view import LiveState, LiveView, look
from zmq_bridge.admission.snapshot import Unreadable, build, to_holds
from zmq_bridge.booking.exposure import weigh
from zmq_bridge.booking.rounds import guarded
from zmq_bridge.storage.accounts import accounts_at_risk
from zmq_bridge.storage.commands.gate import read_for_watch
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk import holding
from zmq_bridge.storage.risk.enforcement import enforce
from zmq_bridge.storage.risk.stopping import carry_out, carry_out_rest

log = logging.getLogger(__name__)

ACTOR = "risk monitor"
EVERY_S = 2.0
WEIGH_EVERY = 3
"""Rounds from one weighing of what accounts carry to the next."""
LISTEN_S = 10.0
"""Who begins to listen calls nobody silent for so long: terminals greet a new bridge within BACKOFF_MAX_MS."""
HEARD_JUST_NOW = timedelta(seconds=1)
"""A terminal heard so short ago is not looked for."""
STOP_WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is known besides the books when an account is looked at."""

    now: datetime
    heard_at: datetime | None  # the last sign of life of its terminal; None: none of late
    agreed: bool  # ledger and broker agree on the stored snapshot
    is_resting: bool = False  # pending orders rest at the broker


_LIMITS = LimitBook()


def watch(connection: Connection, account_id: int, seen: Look) -> bool:
    """Look at an account; the caller holds its lock. True: what it may do has changed."""
    row = read_for_watch(connection, account_id, now=seen.now)
    try:
        found = _review(account_id, row, seen)
    except Unreadable as error:
        log.error("account can't be watched: account_id=%d: %s", account_id, error)
        return False  # the gate can't read it either, and denies
    own = to_holds([each for each in row.holds or () if not each["everywhere"]])
    seen = replace(seen, is_resting=bool(row.orders))
    changed = [*_impose(connection, account_id, own, found), *_lift(connection, account_id, own, found, seen)]
    if any(changed) or row.holds:
        carry_out(connection, account_id, seen.now)
        enforce(connection, account_id, holding.plain_holds(holding.standing(connection, account_id)), seen.now)
    return any(changed)


def _review(account_id: int, row: Row[Any], seen: Look) -> Review:
    snapshot = build(account_id, row, {}, LiveView(quotes={}, heartbeat_at=seen.heard_at), seen.now)
    if not seen.agreed:
        snapshot = replace(snapshot, day=None, nav_index=None)
    rejected = tuple(datetime.fromisoformat(at) for at in row.rejected or ())
    return review(snapshot, _limits(account_id, row.limits or ()), seen.now, rejected)


def _limits(account_id: int, rows: Any) -> Limits:
    """The account's own limits; where they can't be read the gate denies everything, and the defaults watch."""
    try:
        return _LIMITS.get(rows, source="", symbol="", magic=None)
    except Unreadable as error:
        log.error("stored limits are not usable: account_id=%d: %s", account_id, error)
        return Limits()


def _impose(connection: Connection, account_id: int, own: tuple[Hold, ...], found: Review) -> list[bool]:
    """Begin what was found, and bring the words of what goes on up to date."""
    by_cause = {held.cause: held for held in own}
    return [
        holding.impose(connection, account_id, each)
        for each in found.impose
        if impose(own, each) != own or (each.cause in holding.REWORDED and by_cause[each.cause].reason != each.reason)
    ]


def _lift(connection: Connection, account_id: int, own: tuple[Hold, ...], found: Review, seen: Look) -> list[bool]:
    """End what is over, mended or reconciled."""
    return [
        holding.lift(connection, account_id, held.cause, by, actor=ACTOR, now=seen.now)
        for held in own
        if (by := _ends_by(held, found, seen)) is not None
    ]


def _ends_by(held: Hold, found: Review, seen: Look) -> Lift | None:
    if held.until is not None and held.until <= seen.now:
        return Lift.NEXT_SERVER_DAY
    if held.cause in found.mended:
        return Lift.MENDED
    if held.cause is not Cause.TERMINAL_LOST or any(each.cause is Cause.TERMINAL_LOST for each in found.impose):
        return None
    return Lift.RECONCILED if seen.agreed and not seen.is_resting else None


class WatchThread(threading.Thread):
    """Looks for terminals that fell silent while something is at risk, until stopped."""

    def __init__(
        self,
        engine: Engine,
        live: LiveState,
        *,
        every_s: float = EVERY_S,
        listen_s: float = LISTEN_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(name="desk-watch", daemon=True)
        self._engine, self._live, self._clock = engine, live, clock
        self._every_s, self._listen_s = every_s, listen_s
        self._inspector = Inspector(engine, live, clock=clock)
        self._stopped, self._rounds = threading.Event(), 0

    def stop(self) -> None:
        """End the thread; a round that is under way may be cut short, and does no harm."""
        self._stopped.set()
        self.join(timeout=STOP_WAIT_S)

    def run(self) -> None:
        """Serve until stopped."""
        listening_until = time.monotonic() + self._listen_s
        while not self._stopped.wait(self._every_s):
            with guarded(log, "watch: stops"):
                self.carry_out()
            if time.monotonic() >= listening_until:
                with guarded(log, "watch"):
                    self.round()

    def carry_out(self) -> None:
        """Do what a stop has still to do; whoever began it may be dead."""
        for account_id in carry_out_rest(self._engine, self._clock()):
            log.warning("a stop has come to an account that was busy: account_id=%d", account_id)

    def round(self) -> None:
        """Look at every account with something at risk, and now and then weigh what it carries."""
        with self._engine.connect() as connection:
            accounts = accounts_at_risk(connection)
        for account in accounts:
            with guarded(log, f"watch: login={account.login}"):  # one that is busy keeps nobody from the others
                self._look(account.id, account.login)
                if self._rounds % WEIGH_EVERY == 0 and weigh(self._engine, self._inspector, account):
                    log.warning("what an account carries has come past a limit, or back: login=%d", account.login)
        self._rounds += 1

    def _look(self, account_id: int, login: int) -> None:
        seen, now = look(self._live, login), self._clock()
        if seen.problem is not None or (seen.heartbeat_at is not None and now - seen.heartbeat_at <= HEARD_JUST_NOW):
            return  # with Redis away nothing is opened, and nobody knows who is silent
        with self._engine.begin() as connection:
            hold(connection, Lock.ADMISSION, account_id)
            if watch(connection, account_id, Look(now=now, heard_at=seen.heartbeat_at, agreed=False)):
                log.warning("what an account may do has changed: login=%d", login)
