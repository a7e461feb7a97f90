"""The broker's journal: one line per committed step, fsynced before anybody is told. Append-only, never compacted.

Line: 8 hex digits of CRC-32, a space, a JSON array of facts. A last line without its newline was never committed (the
process died while writing) and is cut off on opening; any other damage is an error, not a shorter history.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from zmq_bridge.simulator.broker.facts import Fact, fact_from_row, fact_to_row
from zmq_bridge.simulator.errors import JournalError


class FactJournal:
    """The facts of one account in a file, owned by one process at a time."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the file and lock it.

        Raises:
            JournalError: locked by another broker, or not writable.
        """
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(f"{self.path}: expected a writable journal, found {error}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise JournalError(f"{self.path}: expected to be its only user, found another broker running") from error
        self._size = 0  # of the committed part

    def replay(self) -> Iterator[list[Fact]]:
        """Yield each committed step in order, and leave the file ready for appending."""
        with open(self.path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    break
                yield self._step(number, line)
                self._size += len(line)
        os.ftruncate(self._fd, self._size)

    def append(self, facts: Sequence[Fact]) -> None:
        """Write one step and wait for the disk.

        Raises:
            JournalError: the disk refused; the step is not in the file and must be taken as not done.
        """
        body = json.dumps([fact_to_row(fact) for fact in facts], separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        try:
            written = os.pwrite(self._fd, line, self._size)
            if written != len(line):
                raise OSError(f"wrote {written} of {len(line)} bytes")
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            raise JournalError(f"{self.path}: expected to append {len(line)} bytes, found {error}") from error
        self._size += len(line)

    def close(self) -> None:
        """Give the file up."""
        os.close(self._fd)

    def _step(self, number: int, line: bytes) -> list[Fact]:
        crc, _, body = line.rstrip(b"\n").partition(b" ")
        try:
            intact = int(crc, 16) == zlib.crc32(body)
        except ValueError:
            intact = False
        if not intact:
            raise JournalError(f"{self.path}, line {number}: expected an intact line, found a wrong checksum")
        return [fact_from_row(row) for row in json.loads(body)]
