"""Helpers that every test area shares. Import them: `from tests.support import wait_until`."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Found = TypeVar("Found")

POLL_S = 0.005
PORTS = range(20_000, 30_000)  # below the kernel's range for outgoing connections
BLOCK_PORTS = 100  # a process takes so many at once for itself
_claims: list[socket.socket] = []  # of blocks, held until this process ends
_fresh: list[int] = []  # ports of our blocks that were not handed out yet


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


def free_port() -> int:
    """A TCP port that nobody listens on, and that no test of this machine was given before, in this run or another."""
    while True:
        if not _fresh:
            _fresh.extend(_next_block())
        port = _fresh.pop()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _next_block() -> list[int]:
    """Ports of a block that is ours from here on, in random order."""
    firsts = list(range(PORTS.start, PORTS.stop, BLOCK_PORTS))
    random.SystemRandom().shuffle(firsts)
    claim = next((claim for first in firsts if (claim := _claimed(first))), None)
    assert claim is not None, f"expected {BLOCK_PORTS} ports in {PORTS} that no test run has, found none"
    first = int(claim.getsockname().rpartition(b".")[2])
    ports = list(range(first, first + BLOCK_PORTS))
    random.SystemRandom().shuffle(ports)
    _claims.append(claim)
    return ports


def _claimed(first: int) -> socket.socket | None:
    """A name in the kernel that one process can have, and that is free again when it ends, however it ends."""
    claim = socket.socket(socket.AF_UNIX)
    with suppress(OSError):
        claim.bind(f"\0zmq-bridge.test-ports.{first}")
        return claim
    claim.close()
    return None
