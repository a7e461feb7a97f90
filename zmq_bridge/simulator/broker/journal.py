"""The broker's journal: one line per committed step, a JSON array of facts, on disk before anybody is told.

Append-only and never compacted: it is the books. It grows by some hundred bytes a deal.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from zmq_bridge.simulator.broker.facts import Fact, fact_from_row, fact_to_row
from zmq_bridge.simulator.errors import JournalError
from zmq_bridge.simulator.record_file import RecordFile


class FactJournal:
    """The facts of one account in a file, owned by one process at a time."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the file; JournalError when another broker uses it."""
        self._file = RecordFile(path)

    def replay(self) -> Iterator[list[Fact]]:
        """Yield each committed step in order, and leave the file ready for appending."""
        for step in self._file.read():
            if not isinstance(step, list):
                raise JournalError(f"{self._file.path}: expected a list of facts, found {step!r}")
            yield [fact_from_row(row) for row in step]

    def append(self, facts: Sequence[Fact]) -> None:
        """Write one step and wait for the disk; JournalError when it refuses."""
        self._file.append([fact_to_row(fact) for fact in facts])

    def close(self) -> None:
        """Give the file up."""
        self._file.close()
