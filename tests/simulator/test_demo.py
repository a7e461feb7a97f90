"""Short words for demos, against a running broker; and the parts of the terminal that need no bridge."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path

import pytest
import zmq
from zmq.auth.thread import ThreadAuthenticator

from tests.support import free_port, wait_until
from zmq_bridge.protocol.commands import CloseAll
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.published import CommandResult
from zmq_bridge.simulator import demo
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.errors import BrokerRefused, BrokerUnreachable
from zmq_bridge.simulator.terminal.executor import status_of, together
from zmq_bridge.simulator.terminal.publisher import Publisher
from zmq_bridge.simulator.terminal.settings import Credentials, TerminalSettings

Running = tuple[BrokerClient, int]
PATIENCE_TURNS = 1500  # a minute


def test_deposits_and_withdrawals_are_balance_deals(broker: Running) -> None:
    _, port = broker
    first = demo.deposit("127.0.0.1", port, D("500.25"))
    second = demo.withdraw("127.0.0.1", port, D("0.25"))
    books = demo.books("127.0.0.1", port)
    assert books["balance"] == "10500.00"
    assert [(deal["ticket"], deal["profit"], deal["entry"]) for deal in books["deals"][1:]] == [
        (first, "500.25", "in"), (second, "-0.25", "out")
    ]  # fmt: skip
    assert demo.status("127.0.0.1", port)["deals"] == 3


def test_what_cannot_be_withdrawn_or_reached_says_so(broker: Running) -> None:
    with pytest.raises(BrokerRefused, match=r"at most 10000\.00 free"):
        demo.withdraw("127.0.0.1", broker[1], D(10001))
    with pytest.raises(BrokerUnreachable, match="expected one at"):
        demo.deposit("127.0.0.1", free_port(), D(1))


@pytest.mark.parametrize(
    ("retcode", "status"),
    [(10009, "done"), (10010, "done"), (10008, "accepted"), (10012, "unknown"), (10031, "unknown"), (10011, "unknown"),
     (10004, "rejected"), (10006, "rejected"), (10019, "rejected"), (99999, "rejected")],
)  # fmt: skip
def test_the_retcode_decides(retcode: int, status: str) -> None:
    assert status_of(retcode) == status


def test_several_requests_are_done_only_together() -> None:
    command = CloseAll(command_id=new_id(1), expires_at_ms=1)
    done = CommandResult(command_id=command.command_id, status="done", retcode=10009, deals=(1, 2), volume=D("0.2"))
    failed = CommandResult(command_id=command.command_id, status="rejected", retcode=10018, message="closed")
    unsure = CommandResult(command_id=command.command_id, status="unknown")
    assert together(command, []).status == "done"
    assert together(command, [done, done]).deals == (1, 2, 1, 2)
    assert (together(command, [done, failed]).status, together(command, [done, failed]).retcode) == ("rejected", 10018)
    assert together(command, [done, failed]).message == "1 of 2 done. closed"
    assert together(command, [failed, unsure, done]).status == "unknown"


@pytest.fixture
def guarded() -> Iterator[tuple[str, zmq.Socket[bytes], zmq.Context[zmq.Socket[bytes]]]]:
    """A SUB that lets in only `desk` with its password."""
    context = zmq.Context()
    guard = ThreadAuthenticator(context)
    guard.start()
    guard.configure_plain(domain="*", passwords={"desk": "right"})
    socket = context.socket(zmq.SUB)
    socket.plain_server = True
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    socket.bind(endpoint)
    socket.subscribe(b"tick.")
    yield endpoint, socket, context
    socket.close(0)
    guard.stop()
    context.term()


def _meet(reader: zmq.Socket[bytes], publisher: Publisher, turns: int) -> bool:
    """Let both sides work (libzmq sends a subscription only from calls of its socket) until ticks are wanted."""
    for _ in range(turns):
        reader.poll(20)
        if publisher.socket.poll(20):
            publisher.read_subscriptions()
            return publisher.ticks_wanted
    return False


@pytest.mark.parametrize(("password", "let_in"), [("right", True), ("wrong", False)])
def test_plain_credentials_open_the_door(
    guarded: tuple[str, zmq.Socket[bytes], zmq.Context[zmq.Socket[bytes]]], password: str, let_in: bool
) -> None:
    endpoint, socket, context = guarded
    publisher = Publisher(context, endpoint, Credentials(username="desk", password=password))
    try:
        assert _meet(socket, publisher, PATIENCE_TURNS if let_in else 10) == let_in
        if let_in:
            publisher.send(b"tick.X.1\0payload")
            assert wait_until(lambda: socket.poll(100) and socket.recv()) == b"tick.X.1\0payload"
    finally:
        publisher.socket.close(0)


def test_a_full_peer_refuses_frames_instead_of_losing_them() -> None:
    """Nobody reads: once the pipes are full `send` says so, and everything that was taken arrives later, in order."""
    context = zmq.Context()
    reader = context.socket(zmq.SUB)
    reader.setsockopt(zmq.RCVHWM, 10)
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    reader.bind(endpoint)
    reader.subscribe(b"")
    publisher = Publisher(context, endpoint, Credentials())
    assert _meet(reader, publisher, PATIENCE_TURNS)
    sent = 0
    while publisher.send(b"%08d" % sent + b"x" * 50_000):
        sent += 1
        assert sent < 100_000
    received = [int(reader.recv()[:8]) for _ in range(sent)]
    assert received == list(range(sent))
    assert wait_until(lambda: publisher.send(b"more"))
    publisher.socket.close(0)
    reader.close(0)
    context.term()


def test_secrets_do_not_show_in_the_settings_text() -> None:
    settings = TerminalSettings(memory_dir=Path("m"), credentials=Credentials(username="u", password="hush"))
    assert "hush" not in repr(settings)
