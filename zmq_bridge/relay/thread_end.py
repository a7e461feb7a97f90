"""A thread that ended by an error nobody foresaw ends its process, and the supervisor starts another.

Every thread of the recorder and of the desk is needed: without its claims thread a desk would still answer every pull,
and never hand out an order again.
"""

from __future__ import annotations

import logging
import os
import threading

log = logging.getLogger(__name__)


class ThreadEnded(RuntimeError):
    """A thread of this process ended by an error; the process must be started anew."""


class ThreadEnds:
    """Wakes the main thread when another one ends by an error."""

    def __init__(self, wake: int) -> None:
        """`wake` is a descriptor that the main thread waits for; it must not block."""
        self._wake = wake
        self._broken = ""

    def watch(self) -> None:
        """Hear of every thread of this process from now on."""
        threading.excepthook = self._ended

    def check(self) -> None:
        """Return if no thread has ended so.

        Raises:
            ThreadEnded: one has.
        """
        if self._broken:
            raise ThreadEnded(f"the thread {self._broken} ended by an error, see the log")

    def _ended(self, failure: threading.ExceptHookArgs) -> None:
        self._broken = failure.thread.name if failure.thread else "unknown"
        error = failure.exc_value or failure.exc_type()
        log.critical("the thread %s ended by an error", self._broken, exc_info=error)
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            pass  # full of wake bytes: the main thread is awake already
