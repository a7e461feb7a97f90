"""A gunicorn thread worker with a deadline: a client that sends or reads slowly loses its connection, not us a thread.

gunicorn's own gthread worker reads a request for as long as the client takes; sixteen clients that send a byte a minute
would hold all our threads. Here a request, headers and body, must be in within `REQUEST_S`.
"""

from __future__ import annotations

import errno
import socket
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]  # it has no types

REQUEST_S = 10.0
"""From the first byte of a request to its last."""

ANSWER_S = 10.0
"""How long a client may take none of our answer."""


class DeadlineSocket:
    """The part of a socket that a request is read with, until a deadline."""

    def __init__(self, inner: socket.socket, until_s: float) -> None:
        """`until_s` is of the monotonic clock."""
        self._inner, self._until_s = inner, until_s

    def recv(self, size: int) -> bytes:
        """Read what has come; past the deadline the client counts as gone."""
        self._inner.settimeout(max(0.001, self._until_s - time.monotonic()))
        try:
            return self._inner.recv(size)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the request took too long to come in") from None
        finally:
            self._inner.settimeout(ANSWER_S)


class TimedWorker(ThreadWorker):  # type: ignore[misc]  # the same
    """gthread, with deadlines."""

    def handle(self, conn: TConn) -> Any:
        """Serve one request of a connection; runs in a thread of the pool."""
        conn.init = partial(_init, conn)
        return super().handle(conn)


def _init(conn: TConn) -> None:
    """Make the connection ready to be read, and start the request's clock."""
    TConn.init(conn)
    unreader = getattr(conn.parser, "unreader", None)
    if unreader is not None and not conn.is_http2:
        unreader.sock = DeadlineSocket(conn.sock, time.monotonic() + REQUEST_S)
