"""The probes thread: sets the terminals' own figures beside ours while the quotes of that moment are there.

Law: comparing needs Postgres and Redis and nobody waits for it, so it has a thread of its own that sleeps until the
books thread says that specifications came. A probe whose symbol has no fresh quote (a market that is closed) waits for
the next one, until the terminal has told a newer probe. Once it is late, rates may have moved: figures that differ then
may do so for no other reason, but nobody can tell, so they count, and nothing is opened until the terminal's next word
(within SPECS_MS_MAX). The arithmetic is `risk.probe`'s.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine

from risk import Limits, Snapshot
from risk.numbers import ONE_PERCENT
from risk.probe import Figures, Probe, compare
from zmq_bridge.admission.live_view import LiveState, look
from zmq_bridge.admission.snapshot import Unreadable, build
from zmq_bridge.admission.specs import SpecCache
from zmq_bridge.booking.rounds import guarded
from zmq_bridge.protocol.limits import SPECS_MS_MAX
from zmq_bridge.storage.commands.gate import read_for_watch
from zmq_bridge.storage.trading.probes import (
    Pending,
    drop_old_probes,
    judge_figures,
    keep_figures,
    pending_probes,
)

log = logging.getLogger(__name__)

PROBE_AGE_S = 120.0
"""How long after it came a probe counts as of now: rates move less than what is tolerated."""
PROBE_KEPT_S = SPECS_MS_MAX / 1000
"""How long it waits at most; by then its terminal has told a newer one, or is gone."""
TRY_AGAIN_S = 2.0
TRY_LATE_AGAIN_S = 15.0
"""While all that is left are late ones: over a weekend nobody hurries."""
PAUSE_S = 5.0
"""Before the next round after one that failed."""
STOP_WAIT_S = 5.0


class ProbesThread(threading.Thread):
    """Compares probes when told that some came, until stopped."""

    def __init__(
        self, engine: Engine, live: LiveState, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(name="desk-probes", daemon=True)
        self._engine, self._live, self._clock = engine, live, clock
        self._specs = SpecCache()
        self._woken = threading.Event()
        self._woken.set()  # an earlier life may have left some
        self._stopped = False

    def wake(self) -> None:
        """Say that specifications came. May be called from any thread."""
        self._woken.set()

    def stop(self) -> None:
        """End the thread; a round under way may be cut short, and does no harm."""
        self._stopped = True
        self._woken.set()
        self.join(timeout=STOP_WAIT_S)

    def run(self) -> None:
        """Serve until stopped."""
        wait_s: float | None = None
        while True:
            self._woken.wait(wait_s)
            self._woken.clear()
            if self._stopped:
                return
            wait_s = self._try_round()

    def round(self) -> list[Pending]:
        """Compare what can be compared; return what is left for another time."""
        with self._engine.begin() as connection:
            for symbol in drop_old_probes(connection, PROBE_KEPT_S):
                log.info("the terminal's figures could not be compared in time: symbol=%s", symbol)
            waiting = pending_probes(connection, PROBE_AGE_S)
        left: list[Pending] = []
        for (account_id, login), of_account in groupby(waiting, lambda each: (each.account_id, each.login)):
            left += self._compare(account_id, login, list(of_account))
        return left

    def _try_round(self) -> float | None:
        with guarded(log, "probes"):
            return pause_s(self.round())
        return PAUSE_S

    def _compare(self, account_id: int, login: int, waiting: Sequence[Pending]) -> list[Pending]:
        """Compare one account's probes; return those that are left."""
        with self._engine.begin() as connection:
            snapshot = self._snapshot(connection, account_id, login)
            if snapshot is None:
                return list(waiting)
            tried = [(each, compare(_probe(each.probe), each.symbol, snapshot, Limits(), self._clock()))
                     for each in waiting]  # fmt: skip
            found = [(each, asdict(figures)) for each, figures in tried if isinstance(figures, Figures)]
            symbols = {each.symbol for each, _ in found}
            if found:
                keep_figures(connection, account_id, found)
                self._tell(connection, account_id, login, symbols)
        return [each for each in waiting if each.symbol not in symbols]

    def _snapshot(self, connection: Connection, account_id: int, login: int) -> Snapshot | None:
        now = self._clock()
        live = look(self._live, login)
        if live.problem is not None:
            return None
        row = read_for_watch(connection, account_id, now=now)
        specs = self._specs.get(connection, account_id, row.specs_version)
        try:
            return build(account_id, row, specs.symbols, live, now)
        except Unreadable as error:
            log.error("probes: account can't be read: account_id=%d: %s", account_id, error)
            return None

    @staticmethod
    def _tell(connection: Connection, account_id: int, login: int, symbols: set[str]) -> None:
        share = float(Limits().max_disagreement_percent * ONE_PERCENT)
        judged = judge_figures(connection, [account_id], share)[account_id]
        for symbol in symbols & set(judged.disagree):
            log.error(
                "the terminal's figures disagree with ours, nothing is opened: login=%d symbol=%s %s",
                login, symbol, judged.disagree[symbol],
            )  # fmt: skip


def pause_s(left: Sequence[Pending]) -> float | None:
    """Say when to try again what is left; None: when something new comes."""
    if not left:
        return None
    return TRY_LATE_AGAIN_S if all(each.is_late for each in left) else TRY_AGAIN_S


def _probe(found: Mapping[str, Any]) -> Probe:
    return Probe(**{name: Decimal(found[name]) for name in Probe.__slots__})
