"""Every exception that the simulator raises.

    SimulatorError
    ├── TickFileError        a tick file cannot be used at all
    │   └── MalformedLine    one line of it is wrong: file, line, expected, found
    ├── JournalError         the broker's or the terminal's journal cannot be read or written
    ├── BrokerRefused        the broker server answered a request with an error
    └── BrokerUnreachable    no answer from the broker server: the outcome of the request is unknown

A trade request that the broker declines is not an exception: it is a `TradeResult` with its retcode.
"""

from pathlib import Path


class SimulatorError(Exception):
    """Base of all simulator errors."""


class TickFileError(SimulatorError):
    """A tick file cannot be opened, recognised or named."""


class MalformedLine(TickFileError):
    """One line of a tick file is not what its format promises."""

    def __init__(self, path: Path, line: int, expected: str, found: str) -> None:
        super().__init__(f"{path}, line {line}: expected {expected}, found {found[:120]!r}")
        self.path = path
        self.line = line
        self.expected = expected
        self.found = found


class JournalError(SimulatorError):
    """A journal is damaged, locked by another process, or cannot be written."""


class BrokerRefused(SimulatorError):
    """The broker server understood the request and said no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class BrokerUnreachable(SimulatorError):
    """The broker server gave no answer in time; what was asked may or may not have happened."""
