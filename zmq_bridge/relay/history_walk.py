"""How a gap is walked through the terminal's history, a chunk at a time. Pure.

A chunk that does not complete the range is good up to the millisecond before its last tick: the last millisecond may go
on in the next chunk, so it is read again as a whole from its beginning. Only a millisecond that alone fills a chunk is
continued with `skip`. So every piece handed out is whole milliseconds, as `replace_range` wants it.
"""

from __future__ import annotations

from dataclasses import dataclass

from zmq_bridge.protocol.dialogue import History
from zmq_bridge.protocol.ticks import Tick

CHUNK_TICKS = 2_000
"""Ticks asked for at once: about 100 kB on the wire and a few milliseconds of the terminal's time."""

MILLISECOND_TICKS_MAX = 100_000
"""More ticks than this in one millisecond is nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to ask for next."""

    from_msc: int
    to_msc: int
    skip: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of whole milliseconds, with every tick that the terminal has of it."""

    from_msc: int
    to_msc: int
    ticks: tuple[Tick, ...]


class BadHistory(Exception):
    """A history that does not answer what was asked."""


class HistoryWalk:
    """The way through one gap."""

    def __init__(self, from_msc: int, to_msc: int) -> None:
        self.is_done = False
        self.oldest_msc = 0
        """Oldest tick the terminal has, as of its last answer; 0 = none."""
        self._from_msc = from_msc
        self._to_msc = to_msc
        self._held: tuple[Tick, ...] = ()

    def wanted(self) -> Wanted:
        """Say what to ask for next."""
        return Wanted(from_msc=self._from_msc, to_msc=self._to_msc, skip=len(self._held), limit=CHUNK_TICKS)

    def take(self, history: History) -> Piece | None:
        """Take an answer in.

        Returns:
            What can be stored now; None when more of the same millisecond must be asked for.

        Raises:
            BadHistory: it does not answer `wanted`, or leads nowhere.
        """
        self._check(history)
        self.oldest_msc = history.oldest_msc
        ticks = self._held + history.ticks
        if history.complete:
            self.is_done = True
            return Piece(from_msc=self._from_msc, to_msc=self._to_msc, ticks=ticks)
        last_msc = ticks[-1].time_msc
        if last_msc == self._from_msc:
            self._hold(ticks)
            return None
        piece = Piece(
            from_msc=self._from_msc,
            to_msc=last_msc - 1,
            ticks=tuple(tick for tick in ticks if tick.time_msc < last_msc),
        )
        self._from_msc, self._held = last_msc, ()
        return piece

    def _hold(self, ticks: tuple[Tick, ...]) -> None:
        if len(ticks) > MILLISECOND_TICKS_MAX:
            raise BadHistory(f"expected at most {MILLISECOND_TICKS_MAX} ticks in a millisecond, found {len(ticks)}")
        self._held = ticks

    def _check(self, history: History) -> None:
        asked = (self._from_msc, self._to_msc, len(self._held))
        if (history.from_msc, history.to_msc, history.skip) != asked:
            found = (history.from_msc, history.to_msc, history.skip)
            raise BadHistory(f"expected an answer to from_msc, to_msc, skip = {asked}, found {found}")
        times = [tick.time_msc for tick in history.ticks]
        if times != sorted(times) or (times and not asked[0] <= times[0] <= times[-1] <= asked[1]):
            raise BadHistory(f"expected ticks in order within {asked[0]}..{asked[1]}")
        if not history.complete and not times:
            raise BadHistory("expected ticks, or complete; found neither")
