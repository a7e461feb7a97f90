"""The other side of the wire, by plain libzmq: a PUB that says what a test wants, a ROUTER that answers as scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import zmq

from tests.support import free_port, wait_until
from zmq_bridge.protocol.messages import StrategyReply, StrategyRequest, decode_strategy_request, encode
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic

LOGIN, SESSION = 123456, 1_700_000_000_000
POLL_MS = 20


def binds(socket: zmq.Socket[Any], port: int) -> bool:
    """Bind, if the port's last user has let it go already."""
    try:
        socket.bind(f"tcp://127.0.0.1:{port}")
    except zmq.ZMQError:
        return False
    return True


class Publisher:
    """An XPUB like the bridge's, so that a test can wait for a subscription to arrive."""

    def __init__(self, context: zmq.Context[Any], messages_max: int = 100_000, port: int | None = None) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.SNDHWM, messages_max)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.port = free_port() if port is None else port
        wait_until(lambda: binds(self.socket, self.port))
        self._subscriptions: set[bytes] = set()
        self._seq: dict[str, int] = {}

    def await_subscription(self, prefix: bytes) -> None:
        """Wait until somebody subscribed to exactly `prefix`."""
        wait_until(lambda: self.has_subscription(prefix), message=f"nobody subscribed to {prefix!r}")

    def has_subscription(self, prefix: bytes) -> bool:
        """Say whether somebody subscribed to exactly `prefix`."""
        return prefix in self._read_subscriptions()

    def await_nobody(self) -> None:
        """Wait until every subscription is gone."""
        wait_until(lambda: not self._read_subscriptions(), message="somebody is still subscribed")

    def _read_subscriptions(self) -> set[bytes]:
        while self.socket.poll(0):
            message: bytes = self.socket.recv()
            (self._subscriptions.add if message[0] else self._subscriptions.discard)(message[1:])
        return self._subscriptions

    def ticks(self, count: int, symbol: str = "EURUSD", login: int = LOGIN, skip: int = 0, batch: int = 1) -> None:
        """Publish ticks whose time_msc is their number; `skip` numbers are lost before them."""
        topic = tick_topic(symbol, login)
        first = self._seq.get(topic, 0) + 1 + skip
        for seq in range(first, first + count, batch):
            ticks = [Tick(seq + index, 1.1, 1.2, 0.0, 0.0, 6) for index in range(batch)]
            self.socket.send(tick_frame(topic, SESSION, seq, ticks))
        self._seq[topic] = first + count - 1


Script = Callable[[StrategyRequest], StrategyReply | bytes | None]


@dataclass
class Desk:
    """What a scripted ROUTER saw."""

    port: int
    requests: list[StrategyRequest] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)


@contextmanager
def scripted_desk(context: zmq.Context[Any], script: Script, port: int | None = None) -> Iterator[Desk]:
    """Answer requests as `script` says; None = not at all."""
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    port = free_port() if port is None else port
    wait_until(lambda: binds(socket, port))
    desk, stop = Desk(port), threading.Event()
    thread = threading.Thread(target=_serve, args=(socket, script, desk, stop))
    thread.start()
    try:
        yield desk
    finally:
        stop.set()
        thread.join()


def _serve(socket: zmq.Socket[Any], script: Script, desk: Desk, stop: threading.Event) -> None:
    while not stop.is_set():
        if not socket.poll(POLL_MS):
            continue
        *envelope, payload = socket.recv_multipart()
        request = decode_strategy_request(payload)
        desk.requests.append(request)
        desk.payloads.append(payload)
        reply = script(request)
        if reply is not None:
            socket.send_multipart([*envelope, reply if isinstance(reply, bytes) else encode(reply)])
    socket.close()
