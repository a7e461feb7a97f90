"""The backfill thread: what a gap cost is asked back from the terminal's own history.

Law: a gap is a row (`tick_gaps`), so it survives every process; the walk through it is memory only, and doing it twice
changes nothing. One fetch is under way per terminal, and its answer is `received` only once it is stored. A gap that
cannot be filled whole is closed as lost, with the reason and what was found, so that nobody waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.protocol.commands import FetchTicks
from zmq_bridge.protocol.dialogue import History
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.relay.history_walk import BadHistory, HistoryWalk, Piece
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.messages import Fetch, HistoryKept, Report
from zmq_bridge.storage import notices
from zmq_bridge.storage.notices import NoticesLost
from zmq_bridge.storage.ticks.found import ticks_found
from zmq_bridge.storage.ticks.gaps import GAPS_CHANNEL, TickGap, close_gap, note_gap, open_gaps
from zmq_bridge.storage.ticks.repair import HistoryOutOfRange, replace_range

log = logging.getLogger(__name__)

SWEEP_S = 5.0
ANSWER_S = 30.0
"""A fetch without an answer by then is asked again."""
FETCH_TTL_S = 30.0
ORDERS_MAX = 256
BAD_ANSWERS_MAX = 3
"""Answers of no use after which a gap is given up."""
RECONNECT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """A terminal that feeds the account is there, or not."""

    account_id: int
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepHistory:
    """A terminal answered a fetch."""

    account_id: int
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRefused:
    """A terminal will not answer a fetch."""

    account_id: int
    command_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the thread."""


Order = Attend | KeepHistory | FetchRefused | Stop


@dataclass(slots=True, kw_only=True)
class _Repair:
    """The gap of an account that is being filled."""

    gap: TickGap
    walk: HistoryWalk
    command_id: str
    asked_at_s: float
    bad_answers: int = 0


class BackfillThread(threading.Thread):
    """Fills gaps of the accounts whose terminal is there."""

    def __init__(self, engine: Engine, report: Callable[[Report], bool]) -> None:
        super().__init__(name="desk-backfill", daemon=True)
        self._engine = engine
        self._report = report
        self._orders: Mailbox[Order] = Mailbox(items_max=ORDERS_MAX)
        self._attended: set[int] = set()
        self._repairs: dict[int, _Repair] = {}
        self._stopped = False

    def put(self, order: Order) -> bool:
        """Hand an order over; False when there are too many."""
        return self._orders.put(order)

    def stop(self) -> None:
        """End the thread; what was under way starts again with the next desk."""
        self._orders.put(Stop())
        self.join(timeout=10.0)

    def run(self) -> None:
        """Serve until stopped, over reconnects."""
        while not self._stopped:
            try:
                with notices.listening(self._engine, [GAPS_CHANNEL]) as connection:
                    self._serve(connection)
            except (SQLAlchemyError, NoticesLost) as error:
                log.warning("backfill: the database is away: %s", str(error).splitlines()[0])
                self._orders.wait(RECONNECT_S)
                for order in self._orders.drain():
                    with suppress(SQLAlchemyError):
                        self._obey(order)

    def _serve(self, connection: Connection) -> None:
        sweep_at = time.monotonic()
        while True:
            while orders := self._orders.drain(1):  # one by one: a connection that breaks must not take others along
                self._obey(orders[0])
            if self._stopped:
                return
            if notices.take(connection) or time.monotonic() >= sweep_at:
                self._sweep(connection)
                sweep_at = time.monotonic() + SWEEP_S
            else:
                notices.wait(connection, self._orders.fileno(), max(0.0, sweep_at - time.monotonic()))

    def _sweep(self, connection: Connection) -> None:
        """Begin with the next gap wherever nothing is under way; ask again where no answer came."""
        now_s = time.monotonic()
        for account_id in sorted(self._attended):
            repair = self._repairs.get(account_id)
            if repair is None:
                self._begin(connection, account_id)
            elif now_s - repair.asked_at_s >= ANSWER_S:
                self._ask(repair)

    def _begin(self, connection: Connection, account_id: int) -> None:
        for gap in open_gaps(connection, account_id, limit=1):
            repair = _Repair(gap=gap, walk=HistoryWalk(gap.from_msc, gap.to_msc), command_id="", asked_at_s=0.0)
            self._repairs[account_id] = repair
            self._ask(repair)

    def _ask(self, repair: _Repair) -> None:
        wanted = repair.walk.wanted()
        now_ms = time.time_ns() // 1_000_000
        repair.command_id = new_id(now_ms)
        repair.asked_at_s = time.monotonic()
        command = FetchTicks(
            command_id=repair.command_id, expires_at_ms=now_ms + int(FETCH_TTL_S * 1000), symbol=repair.gap.symbol,
            from_msc=wanted.from_msc, to_msc=wanted.to_msc, skip=wanted.skip, limit=wanted.limit,
        )  # fmt: skip
        self._report(Fetch(account_id=repair.gap.account_id, command=command))

    def _obey(self, order: Order) -> None:
        match order:
            case Attend(account_id=account_id, present=present):
                self._attend(account_id, present)
            case KeepHistory():
                self._keep(order)
            case FetchRefused():
                self._refused(order)
            case Stop():
                self._stopped = True

    def _attend(self, account_id: int, present: bool) -> None:
        self._repairs.pop(account_id, None)  # a new session never saw the fetch under way
        if not present:
            self._attended.discard(account_id)
            return
        self._attended.add(account_id)
        with self._engine.connect() as connection:
            self._begin(connection, account_id)

    def _keep(self, order: KeepHistory) -> None:
        history = order.history
        repair = self._repairs.get(order.account_id)
        committed = True
        if repair is not None and repair.command_id == history.command_id:
            try:
                self._take(repair, history)
            except SQLAlchemyError as error:
                log.warning("backfill: history not stored: %s", str(error).splitlines()[0])
                self._repairs.pop(order.account_id, None)  # begins anew with the next sweep
                committed = False
        self._report(
            HistoryKept(
                login=history.login, session=history.session, command_id=history.command_id, committed=committed
            )
        )

    def _take(self, repair: _Repair, history: History) -> None:
        try:
            piece = repair.walk.take(history)
            if piece is not None:
                self._store(repair, piece)
        except (BadHistory, HistoryOutOfRange) as error:
            self._disappointed(repair, str(error))
            return
        if repair.walk.is_done:
            self._next(repair.gap.account_id)
        else:
            self._ask(repair)

    def _store(self, repair: _Repair, piece: Piece) -> None:
        gap = repair.gap
        with self._engine.begin() as connection:
            replace_range(
                connection, gap.account_id, gap.symbol, piece.from_msc, piece.to_msc, piece.ticks, now=datetime.now(UTC)
            )
            if repair.walk.is_done:
                _close(connection, repair)

    def _refused(self, order: FetchRefused) -> None:
        repair = self._repairs.get(order.account_id)
        if repair is not None and repair.command_id == order.command_id:
            self._disappointed(repair, f"the terminal refused: {order.message}")

    def _disappointed(self, repair: _Repair, reason: str) -> None:
        """Begin the gap again, or give it up."""
        repair.bad_answers += 1
        log.warning("backfill: gap_id=%d: %s", repair.gap.id, reason)
        if repair.bad_answers < BAD_ANSWERS_MAX:
            repair.walk = HistoryWalk(repair.gap.from_msc, repair.gap.to_msc)
            self._ask(repair)
            return
        with self._engine.begin() as connection:
            note_gap(connection, repair.gap.id, reason)
            close_gap(connection, repair.gap.id, "lost", ticks_found(connection, repair.gap))
        self._next(repair.gap.account_id)

    def _next(self, account_id: int) -> None:
        self._repairs.pop(account_id, None)
        with self._engine.connect() as connection:
            self._begin(connection, account_id)


def _close(connection: Connection, repair: _Repair) -> None:
    """Say filled when all that was lost was found; where nobody knows how much it was, when history covers the gap."""
    gap, oldest_msc = repair.gap, repair.walk.oldest_msc
    found = ticks_found(connection, gap)
    is_whole = found >= gap.lost if gap.lost is not None else 0 < oldest_msc <= gap.from_msc
    if is_whole:
        close_gap(connection, gap.id, "filled", found)
        return
    begins = f"at {oldest_msc}" if oldest_msc else "nowhere"
    of = "" if gap.lost is None else f" of {gap.lost}"
    note_gap(connection, gap.id, f"{found}{of} ticks were found; the terminal's history begins {begins}")
    close_gap(connection, gap.id, "lost", found)
