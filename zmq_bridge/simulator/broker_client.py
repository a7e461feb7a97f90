"""Talk to the broker's process: blocking requests for people and tests, sockets and buffers for the terminal's loop.

    with BrokerClient("127.0.0.1", 5559) as broker:
        broker.call("cash", amount="500.00", comment="Deposit")

Pushes that arrive while a reply is awaited are kept in order and handed out by `pushes`.
"""

import socket
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from zmq_bridge.simulator.errors import BrokerRefused, BrokerUnreachable
from zmq_bridge.simulator.server.lines import decode_line, encode_line

TIMEOUT_S = 2.0  # a broker that answers, answers at once; below the bridge's patience with a silent terminal
WAIT_SLICE_S = 0.2  # how often `while_waiting` is called
RECEIVE_BYTES = 1 << 20


class BrokerClient:
    """A connection to the broker."""

    def __init__(
        self, host: str, port: int, *, timeout_s: float = TIMEOUT_S, while_waiting: Callable[[], None] | None = None
    ) -> None:
        """Connect.

        Args:
            while_waiting: called every WAIT_SLICE_S while a reply is awaited; must not use this client.

        Raises:
            BrokerUnreachable: nobody listens there.
        """
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise BrokerUnreachable(f"broker: expected one at {host}:{port}, found {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout_s = timeout_s
        self._while_waiting = while_waiting
        self._buffer = bytearray()
        self._pushes: deque[dict[str, Any]] = deque()
        self._last_id = 0

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._socket.fileno()

    def call(self, op: str, **arguments: Any) -> Any:
        """Ask, wait for the reply, return its result.

        Raises:
            BrokerRefused: the broker said no.
            BrokerUnreachable: no reply in time, or the connection is gone; the request may have been carried out.
        """
        self._last_id += 1
        self.tell({"id": self._last_id, "op": op, **arguments})
        deadline = time.monotonic() + self.timeout_s
        reply: dict[str, Any] | None = None
        while reply is None:
            for message in self._receive(deadline):
                if "push" in message:
                    self._pushes.append(message)
                elif message.get("id") == self._last_id:
                    reply = message
        return _result(reply)

    def tell(self, message: dict[str, Any]) -> None:
        """Send without waiting for an answer."""
        try:
            self._socket.settimeout(self.timeout_s)
            self._socket.sendall(encode_line(message))
        except OSError as error:
            raise BrokerUnreachable(f"broker: expected to take a request, found {error}") from error

    def pushes(self) -> list[dict[str, Any]]:
        """Return what was pushed and is here already, without waiting.

        Raises:
            BrokerUnreachable: the connection is gone and nothing is left to return.
        """
        try:
            self._pushes.extend(message for message in self._receive(None) if "push" in message)
        except BrokerUnreachable:
            if not self._pushes:
                raise
        taken = list(self._pushes)
        self._pushes.clear()
        return taken

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _receive(self, deadline: float | None) -> list[dict[str, Any]]:
        """Read what is there; with a deadline, wait for at least one message."""
        while True:
            arrived = self._read(deadline)
            if arrived or deadline is None:
                return arrived

    def _read(self, deadline: float | None) -> list[dict[str, Any]]:
        left_s = 0.0 if deadline is None else deadline - time.monotonic()
        if deadline is not None and left_s <= 0:
            raise BrokerUnreachable(f"broker: expected a reply within {self.timeout_s} s, found none")
        try:
            self._socket.settimeout(min(left_s, WAIT_SLICE_S))
            data = self._socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, TimeoutError):
            if deadline is not None and self._while_waiting:
                self._while_waiting()
            return []
        except OSError as error:
            raise BrokerUnreachable(f"broker: expected a reply, found {error}") from error
        if not data:
            raise BrokerUnreachable("broker: expected a reply, found the connection closed")
        return self._lines(data)

    def _lines(self, data: bytes) -> list[dict[str, Any]]:
        self._buffer += data
        whole, newline, rest = self._buffer.rpartition(b"\n")
        if not newline:
            return []
        self._buffer = bytearray(rest)
        return [decode_line(line) for line in bytes(whole).split(b"\n")]


def _result(message: dict[str, Any]) -> Any:
    if message.get("ok"):
        return message.get("result")
    error = message.get("error") or {}
    raise BrokerRefused(str(error.get("code")), str(error.get("message")))
