"""A replay that was cut off goes on where it stood: which files it plays, and how far it moved their times.

How far it came is not written down a second time: the broker's kept ticks say it, to the tick. So a broker that is
killed and started again plays what is left of its files, and only a replay that had come to its end begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker.history import TickHistory
from zmq_bridge.simulator.server.sources import ReplayFile

TICKS_MAX = 1_000_000
"""More in one millisecond is nonsense."""


class Unfinished:
    """The note beside the books; None as path: nothing is kept over a restart."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def begin(self, files: Sequence[ReplayFile], shift_ms: int) -> None:
        """Note a replay that begins or goes on; a disk that refuses costs the note, not the replay."""
        if self._path is not None:
            with suppress(OSError):
                self._path.write_text(json.dumps({"files": _named(files), "shift_ms": shift_ms}))

    def end(self) -> None:
        """Forget it: it has played everything, or another feed took its place."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def shift_ms(self, files: Sequence[ReplayFile]) -> int | None:
        """Say by how much the times of these files were moved when they were cut off; None: they were not."""
        if self._path is None:
            return None
        try:
            noted = json.loads(self._path.read_text())
            return int(noted["shift_ms"]) if noted["files"] == _named(files) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None


def what_is_left(
    source: Iterator[tuple[str, Tick]], histories: Mapping[str, TickHistory]
) -> Iterator[tuple[str, Tick]]:
    """Leave out what histories show to have been played: of each symbol all before its last time, and as many at it."""
    ends = {symbol: kept.slice(kept.end - 1, kept.end)[0].time_msc for symbol, kept in histories.items() if kept.end}
    played = {symbol: len(histories[symbol].from_time(end, TICKS_MAX)) for symbol, end in ends.items()}
    for symbol, tick in source:
        if tick.time_msc < ends.get(symbol, 0):
            continue
        if tick.time_msc == ends.get(symbol, -1) and played[symbol] > 0:
            played[symbol] -= 1
            continue
        yield symbol, tick


def _named(files: Sequence[ReplayFile]) -> list[list[str | int | None]]:
    return [[str(file.path.absolute()), file.path.stat().st_size, file.symbol, file.format] for file in files]
