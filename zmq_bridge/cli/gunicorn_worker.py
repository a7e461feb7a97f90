"""A gunicorn thread worker with a deadline: a client that sends or reads slowly loses its connection, not us a thread.

gunicorn's own gthread worker reads a request for as long as the client takes; sixteen clients that send a byte a minute
would hold all our threads. Here a request, headers and body, must be in within `REQUEST_S`, and within `HURRIED_S` when
others wait for a thread: hundreds of slow clients hold everybody up for seconds, not for minutes.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]  # it has no types

REQUEST_S = 10.0
"""From the first byte of a request to its last."""

HURRIED_S = 0.5
"""The same, while another connection waits for a thread. What came at once, as almost all does, is not hurried."""

STEP_S = 0.1
"""How often who reads looks whether others wait."""

FIRST_BYTE_S = 0.05
"""How long a thread waits for a new connection's first byte; then the connection waits without a thread."""

ANSWER_S = 10.0
"""How long a client may take none of our answer."""


class DeadlineSocket:
    """The part of a socket that a request is read with, until a deadline."""

    def __init__(self, inner: socket.socket, is_hurried: Callable[[], bool]) -> None:
        """`is_hurried` says whether others wait for the thread that reads."""
        self._inner, self._is_hurried, self._began_s = inner, is_hurried, time.monotonic()

    def recv(self, size: int) -> bytes:
        """Read what has come; past the deadline the client counts as gone."""
        try:
            while (left_s := self._left_s()) > 0:
                self._inner.settimeout(min(left_s, STEP_S))
                try:
                    return self._inner.recv(size)
                except TimeoutError:
                    continue
            raise ConnectionResetError(errno.ECONNRESET, "the request took too long to come in")
        finally:
            self._inner.settimeout(ANSWER_S)

    def _left_s(self) -> float:
        passed_s = time.monotonic() - self._began_s
        return (HURRIED_S if passed_s >= HURRIED_S and self._is_hurried() else REQUEST_S) - passed_s


class TimedWorker(ThreadWorker):  # type: ignore[misc]  # the same
    """gthread, with deadlines."""

    def handle(self, conn: TConn) -> Any:
        """Serve one request of a connection; runs in a thread of the pool."""
        conn.wait_for_data = partial(_wait_for_data, conn)
        conn.init = partial(_init, conn, self._is_hurried)
        return super().handle(conn)

    def _is_hurried(self) -> bool:
        """Whether a connection waits because all threads are busy."""
        return bool(self.tpool._work_queue.qsize())


def _wait_for_data(conn: TConn, timeout: float) -> bool:
    """Whether the first byte came within the little time that a thread has for that."""
    return bool(TConn.wait_for_data(conn, min(timeout, FIRST_BYTE_S)))


def _init(conn: TConn, is_hurried: Callable[[], bool]) -> None:
    """Make the connection ready to be read, and start the request's clock."""
    TConn.init(conn)
    unreader = getattr(conn.parser, "unreader", None)
    if unreader is not None and not conn.is_http2:
        unreader.sock = DeadlineSocket(conn.sock, is_hurried)
