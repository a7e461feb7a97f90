"""The bounded queue between the recorder's socket and one sink.

Sized in ticks, because that is what a stall costs. Full means full: what comes is refused and counted by the caller,
and, once full, the queue takes nothing until half of it is free again, so that an overload leaves a few long gaps
instead of thousands of short ones. Handing over is one lock per drain of the socket, not per tick, and the sink is
woken once per batch that is worth writing, not per message.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from zmq_bridge.live.tick_writer import LiveBatch

BEATS_MAX = 10_000
"""Heartbeats that find room in a queue that is full of ticks."""


class Beaten(NamedTuple):
    """A terminal's heartbeat, decoded."""

    login: int
    session: int
    role: str
    time_msc: int  # server clock
    streams: Sequence[tuple[str, int]]  # symbol and number of the last tick sent
    received_ms: int  # our clock


Item = LiveBatch | Beaten


class TickQueue:
    """Items from one receiver to one sink, each in its own thread."""

    def __init__(self, *, ticks_max: int) -> None:
        self.ticks_max = ticks_max
        self._items: deque[Item] = deque()
        self._ticks = 0
        self._wanted = 1
        self._refusing = False
        self._closed = False
        self._changed = threading.Condition()

    def put(self, items: Sequence[Item]) -> int:
        """Append what fits, in order; return how many *ticks* were refused. A heartbeat counts as one."""
        refused = 0
        with self._changed:
            for item in items:
                size = weight(item)
                if self._has_room(size) if isinstance(item, LiveBatch) else self._has_room_for_beat():
                    self._items.append(item)
                    self._ticks += size
                else:
                    refused += size
            if self._ticks >= self._wanted:
                self._changed.notify()
        return refused

    def take(self, *, ticks_wanted: int, ticks_max: int, linger_s: float, timeout_s: float) -> list[Item]:
        """Wait for the oldest items.

        Args:
            ticks_wanted: Worth a batch: return as soon as so many wait.
            ticks_max: Return about so many at most.
            linger_s: After the first item, wait so long for a full batch.
            timeout_s: Without any item, return an empty list after so long.
        """
        with self._changed:
            if self._wait_for(1, timeout_s):
                self._wait_for(ticks_wanted, linger_s)
            return self._take(ticks_max)

    def close(self) -> None:
        """Refuse nothing yet, but let the sink wait no longer: what is queued can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def drained(self) -> bool:
        """True when nothing is left and nothing will come."""
        return self._closed and not self._items

    def __len__(self) -> int:
        """How many ticks wait."""
        return self._ticks

    def _wait_for(self, ticks: int, timeout_s: float) -> bool:
        self._wanted = ticks
        self._changed.wait_for(lambda: self._ticks >= ticks or self._closed, timeout_s)
        return self._ticks > 0

    def _take(self, ticks_max: int) -> list[Item]:
        taken: list[Item] = []
        weighed = 0
        while self._items and weighed < ticks_max:
            item = self._items.popleft()
            weighed += weight(item)
            taken.append(item)
        self._ticks -= weighed
        return taken

    def _has_room_for_beat(self) -> bool:
        """Beats go in beyond the ticks' limit: they are what shows that ticks were refused."""
        return self._ticks < self.ticks_max + BEATS_MAX

    def _has_room(self, size: int) -> bool:
        if self._refusing and self._ticks > self.ticks_max // 2:
            return False
        self._refusing = self._ticks + size > self.ticks_max
        return not self._refusing


def weight(item: Item) -> int:
    """What an item counts in a queue."""
    return len(item.ticks) if isinstance(item, LiveBatch) else 1
