"""Helpers that every test area shares. Import them: `from tests.support import wait_until`."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

POLL_S = 0.005
PORTS = range(20_000, 30_000)  # below the kernel's range for outgoing connections
_handed_out: set[int] = set()


def wait_until(condition: Callable[[], Found | None], timeout_s: float = 10.0, message: str = "") -> Found:
    """Poll `condition` until it is true, and return what it returned. The only place of the tests that sleeps.

    Raises:
        AssertionError: it was still false after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(message or f"still {found!r} after {timeout_s} s: {condition}")
        time.sleep(POLL_S)


def free_port() -> int:
    """A TCP port that nobody listens on and that this run has not handed out before."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
