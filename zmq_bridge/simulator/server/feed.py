"""Pace a tick source into the broker. One feed at a time; it can be paused, and says how it ended.

Speed N: a tick comes when N times the real time has passed since the first. Speed None: as fast as subscribers take
them. With `waits` the world stands still while no subscriber is there or one is behind; without, it goes on.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import Broker
from zmq_bridge.simulator.errors import SimulatorError

SLICE_TICKS_MAX = 512  # ticks put into the broker before requests get their turn

log = logging.getLogger(__name__)


class Feed:
    """A running source of ticks."""

    def __init__(
        self,
        broker: Broker,
        source: Iterator[tuple[str, Tick]],
        *,
        name: str,
        speed: float | None,
        waits: bool,
        may_go_on: Callable[[], bool],
        after_slice: Callable[[], None],
    ) -> None:
        """Prepare a feed.

        Args:
            name: for people.
            speed: times real time; None: as fast as possible.
            waits: stand still unless `may_go_on()`.
            after_slice: called when ticks have come.
        """
        self.name = name
        self.waits = waits
        self.state = "paused"  # running, waiting, paused, finished, failed
        self.error = ""
        self.count = 0
        self._broker = broker
        self._source = source
        self._speed = speed
        self._may_go_on = may_go_on
        self._after_slice = after_slice
        self._wake = asyncio.Event()
        self._paused = True
        self._ahead: tuple[str, Tick] | None = None
        self._broken: SimulatorError | None = None  # the source's error, raised once all before it is delivered
        self._anchor: tuple[float, int] | None = None  # monotonic seconds and tick time that belong together

    def pause(self) -> None:
        """Stop after the slice at hand."""
        self._paused = True
        self.nudge()

    def resume(self) -> None:
        """Go on; the time of the pause is not made up for."""
        self._paused = False
        self._anchor = None
        self.nudge()

    def nudge(self) -> None:
        """Look again whether to go on."""
        self._wake.set()

    async def run(self) -> None:
        """Feed until the source ends."""
        try:
            while await self._turn():
                pass
            self.state = "finished"
        except SimulatorError as error:
            self.state, self.error = "failed", str(error)
            log.error("feed %s stopped: %s", self.name, error)

    async def _turn(self) -> bool:
        """Do one slice or one wait; False when the source has ended."""
        self._wake.clear()
        if self._paused or (self.waits and not self._may_go_on()):
            self.state = "paused" if self._paused else "waiting"
            self._anchor = None
            await self._wake.wait()
            return True
        self.state = "running"
        ended = self._slice()
        self._after_slice()
        if self._broken:
            raise self._broken
        if not ended:
            await self._sleep(self._due_in_s())
        return not ended

    def _slice(self) -> bool:
        batch: list[tuple[str, Tick]] = []
        now_s = time.monotonic()
        ended = False
        while len(batch) < SLICE_TICKS_MAX:
            if self._ahead is None:
                self._ahead = self._next()
            if self._ahead is None:
                ended = True
                break
            if not self._is_due(self._ahead[1].time_msc, now_s):
                break
            batch.append(self._ahead)
            self._ahead = None
        for symbol, run in groupby(batch, key=itemgetter(0)):
            self._broker.on_ticks(symbol, [tick for _, tick in run])
        self.count += len(batch)
        return ended

    def _next(self) -> tuple[str, Tick] | None:
        try:
            return next(self._source, None)
        except SimulatorError as error:
            self._broken = error
            return None

    def _is_due(self, time_msc: int, now_s: float) -> bool:
        if self._speed is None:
            return True
        if self._anchor is None:
            self._anchor = (now_s, time_msc)
        return now_s >= self._due_s(time_msc)

    def _due_s(self, time_msc: int) -> float:
        if self._anchor is None or self._speed is None:
            return 0.0
        began_s, began_msc = self._anchor
        return began_s + (time_msc - began_msc) / 1000 / self._speed

    def _due_in_s(self) -> float:
        return max(0.0, self._due_s(self._ahead[1].time_msc) - time.monotonic()) if self._ahead else 0.0

    async def _sleep(self, pause_s: float) -> None:
        if pause_s <= 0:
            await asyncio.sleep(0)
            return
        alarm = asyncio.get_running_loop().call_later(pause_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()
