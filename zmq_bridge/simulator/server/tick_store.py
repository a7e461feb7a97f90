"""The broker's tick history on disk, so that a terminal may ask for what was quoted before a restart.

Not part of the books, and not waited for: what was handed to the system survives the death of this process, and that
is what it is for. Two segments take turns, so the file is bounded; a torn or damaged end is where reading stops.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgpack  # type: ignore[import-untyped]  # ships no annotations

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker.history import TickHistory

SEGMENT_BYTES_MAX = 32_000_000  # about 700,000 ticks; the segment before it is kept too

log = logging.getLogger(__name__)


class TickStore:
    """Appends what came to the histories since it last looked; one process at a time."""

    def __init__(self, path: Path, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
        self._path, self._max = path, segment_bytes_max
        self._older = path.with_name(path.name + ".older")
        self._written: dict[str, int] = {}
        self._file: BinaryIO | None = None

    def read(self) -> dict[str, list[Tick]]:
        """Read every tick that is kept, by symbol, in order; cut off what a crash left half written."""
        found: dict[str, list[Tick]] = {}
        for path in (self._older, self._path):
            sound_bytes = 0
            for symbol, ticks, end in _records(path):
                found.setdefault(symbol, []).extend(ticks)
                sound_bytes = end
            _cut(path, sound_bytes)
        return found

    def seen(self, histories: Mapping[str, TickHistory]) -> None:
        """Take what the histories hold now as written already."""
        self._written = {symbol: history.end for symbol, history in histories.items()}

    def append(self, histories: Mapping[str, TickHistory]) -> None:
        """Write what is new; a disk that refuses costs the history of this moment, not the broker."""
        try:
            for symbol, history in histories.items():
                start = self._written.get(symbol, 0)
                if history.end > start:
                    self._write(symbol, history.slice(start, history.end))
                    self._written[symbol] = history.end
        except OSError as error:
            log.warning("%s: ticks not kept: %s", self._path, error)

    def close(self) -> None:
        """Give the file up."""
        if self._file:
            self._file.close()
            self._file = None

    def _write(self, symbol: str, ticks: list[Tick]) -> None:
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        self._file.write(msgpack.packb([symbol, ticks]))
        if self._file.tell() > self._max:
            self.close()
            os.replace(self._path, self._older)


def _cut(path: Path, sound_bytes: int) -> None:
    left_over = path.stat().st_size - sound_bytes if path.exists() else 0
    if left_over:
        log.warning("%s: %d bytes at the end are no ticks and are cut off", path, left_over)
        os.truncate(path, sound_bytes)


def _records(path: Path) -> Iterator[tuple[str, list[Tick], int]]:
    """Yield (symbol, ticks, offset of the end) of every sound record."""
    if not path.exists():
        return
    with path.open("rb") as file:
        unpacker = msgpack.Unpacker(file, max_buffer_size=0)
        while True:
            try:
                record = unpacker.unpack()
                symbol, ticks = _record(record)
            except (msgpack.OutOfData, msgpack.UnpackException, ValueError, TypeError):
                return
            yield symbol, ticks, unpacker.tell()


def _record(record: Any) -> tuple[str, list[Tick]]:
    symbol, rows = record
    ticks = [
        Tick(int(time_msc), float(bid), float(ask), float(last), float(volume), int(flags))
        for time_msc, bid, ask, last, volume, flags in rows
    ]
    return str(symbol), ticks
