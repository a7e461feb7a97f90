"""Ticks from a SUB socket, as an iterator: drain what is there without blocking, then sleep in the poller.

No thread and no timer of our own: libzmq's I/O thread fills the socket's buffer while the strategy thinks. The buffer
is bounded; when a strategy is slower than the market for long, libzmq drops the newest, and the numbers show it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

import zmq

from zmq_bridge.client.tick_flow import TickFlow
from zmq_bridge.client.values import LiveTick

DRAIN_FRAMES: Final = 256
"""Frames read in one go before ticks are handed out again."""
CONFLATE_DRAIN_FRAMES: Final = 100_000
"""Conflating reads on until the buffer is empty, but not for ever."""


class Drain:
    """Reads what waits in a socket, and knows since when it can have waited there."""

    def __init__(self, socket: zmq.Socket[Any], flow: TickFlow) -> None:
        self._socket = socket
        self._flow = flow
        self._frames_max = CONFLATE_DRAIN_FRAMES if flow.options.conflate else DRAIN_FRAMES
        self._empty_s = time.monotonic()

    def read(self) -> bool:
        """Read without blocking; True when something came."""
        now_s = time.monotonic()
        for count in range(self._frames_max):
            try:
                frame: bytes = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                self._empty_s = now_s
                return count > 0
            self._flow.take(frame, self._empty_s, now_s)
        return True

    def woken(self) -> None:
        """Take note that the poller slept on an empty socket until now."""
        self._empty_s = time.monotonic()


class TickFeed(Iterator[LiveTick]):
    """One subscription. Use it in the thread that made it; close it, or leave its `with`, when done."""

    def __init__(self, socket: zmq.Socket[Any], flow: TickFlow) -> None:
        self._socket = socket
        self._flow = flow
        self._drain = Drain(socket, flow)

    def __next__(self) -> LiveTick:
        tick = self.take(None)
        if tick is None:
            raise StopIteration
        return tick

    def take(self, timeout_s: float | None = 0.0) -> LiveTick | None:
        """Wait for the next tick.

        Args:
            timeout_s: None = as long as it takes.

        Returns:
            None when the time is over, or the feed is closed.

        Raises:
            StaleData: the data is older than `max_age_s` allows.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._socket.closed:
            now_s = time.monotonic()
            tick = self._flow.next(now_s)
            if tick is None and not self._drain.read():
                tick = self._flow.check_silence(now_s)
                if tick is None and not self._sleep(now_s, deadline_s):
                    return None
            if tick is not None:
                return tick
        return None

    @property
    def lost(self) -> int:
        """Count of ticks known to be missing; each was announced to `on_gap`."""
        return self._flow.lost

    @property
    def malformed(self) -> int:
        """Count of frames that could not be decoded."""
        return self._flow.malformed

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _sleep(self, now_s: float, deadline_s: float | None) -> bool:
        """Sleep until a frame comes or something is due; False when the time is over."""
        wait_s = sleep_s(self._flow, now_s, deadline_s)
        if wait_s is not None and wait_s <= 0:
            return False
        self._socket.poll(None if wait_s is None else max(1, int(wait_s * 1000)))
        self._drain.woken()
        return True


def sleep_s(flow: TickFlow, now_s: float, deadline_s: float | None) -> float | None:
    """Say how long nothing needs to be done; None = until a frame comes, 0 or less = the time is over."""
    if deadline_s is not None and now_s >= deadline_s:
        return 0.0
    moments = [flow.silence_in_s(now_s), None if deadline_s is None else deadline_s - now_s]
    return min((max(0.001, moment) for moment in moments if moment is not None), default=None)
