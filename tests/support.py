"""Helpers that every test area shares. Import them: `from tests.support import wait_until`."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

POLL_S = 0.005
PORTS = range(20_000, 30_000)  # below the kernel's range for outgoing connections
PORTS_EACH = 2_500  # of them for each of up to four processes that share the tests
_handed_out: set[int] = set()


def wait_until(condition: Callable[[], Found | None], timeout_s: float = 30.0, message: str = "") -> Found:
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


def _own_ports() -> range:
    """The part of PORTS that no other process of this run hands out (pytest-xdist names its workers gw0, gw1, ...)."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = worker % (len(PORTS) // PORTS_EACH) * PORTS_EACH
    return PORTS[first : first + PORTS_EACH]


def free_port() -> int:
    """A TCP port that nobody listens on and that this run has not handed out before."""
    while True:
        port = random.SystemRandom().choice(_own_ports())
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
