"""What must not wait: the kill switch passes every order that is held up, however many there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import zmq

from zmq_bridge.protocol.messages import encode
from zmq_bridge.protocol.strategy import Kill, Query, Submit
from zmq_bridge.relay.strategy_desk import is_kill
from zmq_bridge.sockets.strategy_server import WORKERS, StrategyServer, open_strategy_socket
from zmq_bridge.sockets.zap import AllowList

PATIENCE_MS = 30_000
KEY = "a key"
KILL = encode(Kill(api_key=KEY, reason="storm", login=1))
ORDER = encode(Submit(api_key=KEY, signal={"symbol": "EURUSD", "action": "BUY"}))


class Books:
    """Answers at once, but for orders: those wait until they are let go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def answer(self, payload: bytes) -> bytes:
        """Say what was asked, when it may be said."""
        if not is_kill(payload):
            self.go_on.wait()
        return payload


@pytest.fixture
def books() -> Iterator[Books]:
    """Books that are held up until the test is over."""
    held_up = Books()
    yield held_up
    held_up.go_on.set()


@pytest.fixture
def endpoint(books: Books) -> Iterator[str]:
    """A server of strategies that asks these books."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket, endpoint = open_strategy_socket(context, "tcp://127.0.0.1:*", AllowList())
    server = StrategyServer(context, socket, books.answer, is_urgent=is_kill)
    server.start()
    yield endpoint
    books.go_on.set()
    server.stop()
    context.term()


def test_a_kill_is_answered_while_more_orders_than_workers_are_held_up(endpoint: str, books: Books) -> None:
    with zmq.Context() as context:
        asking = [asked(context, endpoint, ORDER) for _ in range(3 * WORKERS)]
        with asked(context, endpoint, KILL) as killer:
            assert killer.poll(PATIENCE_MS), "the switch waits behind orders"
            assert killer.recv() == KILL
        assert not any(socket.poll(0) for socket in asking)
        books.go_on.set()
        for socket in asking:
            assert socket.poll(PATIENCE_MS), "an order was never answered"
            socket.close()


def asked(context: zmq.Context[zmq.Socket[bytes]], endpoint: str, payload: bytes) -> zmq.Socket[bytes]:
    """A socket that has asked."""
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    socket.send(payload)
    return socket


@pytest.mark.parametrize(
    ("payload", "is_one"),
    [
        (KILL, True),
        (ORDER, False),
        (encode(Query(api_key=KEY, what="status")), False),
        (encode(Submit(api_key=KEY, signal={"comment": "\x01", "nested": {"type": "kill"}})), False),
        (b"\xa4type\xa4kill", False),
        (b"", False),
    ],
)
def test_only_a_kill_takes_its_lane(payload: bytes, is_one: bool) -> None:
    assert is_kill(payload) is is_one
