"""Ticks of one symbol, kept for CopyTicks and CopyTicksRange: bounded, the oldest go first, and that is told.

Columns instead of objects: 44 bytes a tick. Positions count all ticks ever appended, so a cursor stays valid while
older ticks are dropped.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from zmq_bridge.protocol.ticks import Tick

HISTORY_TICKS_MAX = 500_000  # a symbol; 22 MB; when a quarter more has come, the oldest are dropped down to this


class TickHistory:
    """Append-only, in order of time; a range is whole milliseconds with both ends included."""

    def __init__(self, ticks_max: int = HISTORY_TICKS_MAX) -> None:
        self._max = ticks_max
        self._dropped = 0
        self._time = array("q")
        self._prices = (array("d"), array("d"), array("d"), array("d"))  # bid, ask, last, volume_real
        self._flags = array("l")

    @property
    def end(self) -> int:
        """The position after the newest tick: how many were ever appended."""
        return self._dropped + len(self._time)

    @property
    def start(self) -> int:
        """The position of the oldest tick that is still here."""
        return self._dropped

    @property
    def oldest_msc(self) -> int:
        """The time of the oldest tick that is still here; 0 when there is none."""
        return self._time[0] if self._time else 0

    def append(self, ticks: Iterable[Tick]) -> None:
        """Add ticks; their times must not run backwards."""
        bids, asks, lasts, volumes = self._prices
        for time_msc, bid, ask, last, volume_real, flags in ticks:
            self._time.append(time_msc)
            bids.append(bid)
            asks.append(ask)
            lasts.append(last)
            volumes.append(volume_real)
            self._flags.append(flags)
        if len(self._time) > self._max + self._max // 4:
            self._drop(len(self._time) - self._max)

    def slice(self, start: int, end: int) -> list[Tick]:
        """Return the ticks at positions `start` to `end`, the end excluded; dropped ones are left out."""
        a, b = max(start - self._dropped, 0), max(end - self._dropped, 0)
        columns = (self._time[a:b], *(column[a:b] for column in self._prices), self._flags[a:b])
        return list(map(Tick._make, zip(*columns, strict=True)))

    def from_time(self, from_msc: int, count: int) -> list[Tick]:
        """Return up to `count` ticks from a time on, oldest first; from 0: the newest `count` (as CopyTicks does)."""
        if from_msc == 0:
            return self.slice(max(self.end - count, 0), self.end)
        start = self._dropped + bisect_left(self._time, from_msc)
        return self.slice(start, start + count)

    def between(self, from_msc: int, to_msc: int, skip: int, limit: int) -> tuple[list[Tick], bool]:
        """Return up to `limit` ticks of a range after the first `skip`, and whether the range ends with them."""
        start = self._dropped + bisect_left(self._time, from_msc) + skip
        end = self._dropped + bisect_right(self._time, to_msc)
        stop = min(start + limit, end)
        return self.slice(start, max(stop, start)), stop >= end

    def _drop(self, count: int) -> None:
        for column in (self._time, *self._prices, self._flags):
            del column[:count]
        self._dropped += count
