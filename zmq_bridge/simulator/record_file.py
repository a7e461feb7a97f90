"""A journal file: one line per step, a step is one JSON value, written and fsynced as a whole. Owned by one process.

Line: 8 hex digits of CRC-32, a space, JSON. A last line without its newline was never committed (the process died
while writing) and is cut off; any other damage is an error, not a shorter history. The lock is on a file beside it, so
that the journal itself can be replaced by a shorter one (`rewrite`).
"""

import fcntl
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from zmq_bridge.simulator.errors import JournalError


class RecordFile:
    """An append-only file of steps."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the file and lock it.

        Raises:
            JournalError: in use by another process, or not writable.
        """
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(f"{self.path}: expected a writable journal, found {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise JournalError(f"{self.path}: expected to be its only user, found another process using it") from error
        self.size = 0  # bytes of the committed part

    def read(self) -> Iterator[Any]:
        """Yield each step in order, and leave the file ready for appending.

        Raises:
            JournalError: a line that was committed is damaged.
        """
        self.size = 0
        with open(self.path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    break
                yield self._step(number, line)
                self.size += len(line)
        os.ftruncate(self._fd, self.size)

    def append(self, step: Any, *, sync: bool = True) -> None:
        """Write one step and wait for the disk.

        Args:
            sync: false for what may be lost in a power cut (not in a crash of ours).

        Raises:
            JournalError: the disk refused; the step is not in the file and must be taken as not done.
        """
        line = _line(step)
        try:
            written = os.pwrite(self._fd, line, self.size)
            if written != len(line):
                raise OSError(f"wrote {written} of {len(line)} bytes")
            if sync:
                os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self.size)
            raise JournalError(f"{self.path}: expected to append {len(line)} bytes, found {error}") from error
        self.size += len(line)

    def rewrite(self, steps: Iterable[Any]) -> None:
        """Replace the whole file, atomically, by these steps."""
        beside = self.path.with_name(self.path.name + ".new")
        content = b"".join(_line(step) for step in steps)
        try:
            fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(os.dup(fd), "wb") as stream:
                stream.write(content)
            os.fsync(fd)
            os.replace(beside, self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise JournalError(f"{self.path}: expected to be rewritten, found {error}") from error
        os.close(self._fd)
        self._fd, self.size = fd, len(content)

    def close(self) -> None:
        """Give the file up."""
        os.close(self._fd)
        os.close(self._lock)

    def _step(self, number: int, line: bytes) -> Any:
        crc, _, body = line.rstrip(b"\n").partition(b" ")
        try:
            if int(crc, 16) == zlib.crc32(body):
                return json.loads(body)
        except ValueError:
            pass
        raise JournalError(f"{self.path}, line {number}: expected an intact line, found a wrong checksum")


def _line(step: Any) -> bytes:
    body = json.dumps(step, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
