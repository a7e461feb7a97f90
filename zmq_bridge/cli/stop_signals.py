"""Ctrl-C, SIGTERM and SIGHUP, as one thing: a request to stop.

The first one raises `StopRequested` wherever the main thread is, so that neither a slow start nor a wait delays it.
While stopping, a further one asks to hurry: everything that is left is killed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked this process to stop. Not an error, so not an `Exception`."""


class StopSignals:
    """Installs the handlers for the time of a `with` block; main thread only."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        self._hurry = hurry
        self._stopping = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in STOP_SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def now_stopping(self) -> None:
        """From here on a signal asks to hurry instead of to stop."""
        self._stopping = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._hurry()
            return
        self._stopping = True
        raise StopRequested
