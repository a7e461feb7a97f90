"""The whole product where peers prove who they are: it works as elsewhere, and one of them cannot speak for another."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import zmq

from tests.pipeline.lost_terminal import small_buy
from tests.pipeline.rig import LOGIN, Rig, rig_settings
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.protocol.messages import Snapshot, encode_frame
from zmq_bridge.protocol.values import Account
from zmq_bridge.simulator.terminal import Terminal, TerminalSettings
from zmq_bridge.simulator.terminal.settings import Credentials

PASSWORD = "known to its owner"
OWNER, NEIGHBOUR = "vm-1", "vm-2"
PEERS = "".join(
    f"""
[[peers]]
name = "{name}"
password_sha256 = "{hashlib.sha256(PASSWORD.encode()).hexdigest()}"
logins = [{login}]
doors = ["feed", "terminal"]
"""
    for name, login in ((OWNER, LOGIN), (NEIGHBOUR, LOGIN + 1))
)


@pytest.fixture
def rig(tmp_path: Path, database: str, redis_url: str) -> Iterator[Rig]:
    """Everything but a terminal, behind an allow-list."""
    peers = tmp_path / "peers.toml"
    peers.write_text(f'mechanism = "plain"\nsecret_key = "{"s" * 40}"\n{PEERS}')
    settings = replace(rig_settings(tmp_path, database, redis_url), peers_file=peers)
    rig = Rig(settings, Simulation(seed=13, speed=10.0, symbols=("EURUSD",)))
    try:
        rig.start("proxy", "recorder", "desk", "web", "broker")
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def terminal(rig: Rig, tmp_path: Path) -> Iterator[Terminal]:
    """The simulated terminal with the owner's password."""
    terminal = Terminal(
        TerminalSettings(
            memory_dir=tmp_path / "terminal",
            publish_endpoint=f"tcp://127.0.0.1:{rig.settings.feed_port}",
            request_endpoint=f"tcp://127.0.0.1:{rig.settings.terminal_port}",
            broker_port=rig.settings.broker_port,
            credentials=Credentials(username=OWNER, password=PASSWORD),
        )
    )
    thread = threading.Thread(target=terminal.run, daemon=True)
    thread.start()
    yield terminal
    terminal.stop()
    thread.join(60)


def test_a_neighbour_that_publishes_for_another_login_changes_nothing(rig: Rig, terminal: Terminal) -> None:
    rig.wait_for_terminal()
    done = rig.wait_for_command(rig.accepted(partial(small_buy, rig)))
    assert done.status == "done"
    books = rig.settle()
    tickets = "SELECT ticket FROM positions"
    held = wait_until(lambda: rig.rows(tickets), message="the bridge never saw the position")
    with neighbour(rig) as publisher:
        session = int(rig.value("SELECT max(session) FROM terminals"))
        seen = rig.value("SELECT max(seq) FROM account_snapshots")
        for number in range(50):
            publisher.send(encode_frame(forged(session, 1_000_000 + number)))
        wait_until(lambda: rig.value("SELECT max(seq) FROM account_snapshots") > seen + 2)
    assert rig.value("SELECT max(seq) FROM account_snapshots") < 1_000_000
    assert rig.rows(tickets) == held
    assert rig.settle()["balance"] == books["balance"]
    assert rig.rows("SELECT balance FROM account_snapshots WHERE balance > 900000") == []


class neighbour:  # a context manager, used like a function
    """A PUB socket at the proxy with the neighbour's own, good credentials."""

    def __init__(self, rig: Rig) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt_string(zmq.PLAIN_USERNAME, NEIGHBOUR)
        self._socket.setsockopt_string(zmq.PLAIN_PASSWORD, PASSWORD)
        self._socket.connect(f"tcp://127.0.0.1:{rig.settings.feed_port}")

    def __enter__(self) -> zmq.Socket[bytes]:
        while True:
            assert self._socket.poll(60_000), "the proxy never subscribed"
            if self._socket.recv().startswith(b"\x01account."):
                return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._context.term()


def forged(session: int, seq: int) -> Snapshot:
    """A fortune, and nothing open."""
    million = Decimal(1_000_000)
    account = Account(
        login=LOGIN, server="Simulated-Demo", currency="USD", currency_digits=2, leverage=100, margin_mode="hedging",
        balance=million, equity=million, credit=Decimal(0), profit=Decimal(0), margin=Decimal(0), margin_free=million,
        trade_allowed=True, trade_expert=True,
    )  # fmt: skip
    return Snapshot(login=LOGIN, session=session, seq=seq, event_seq=1_000_000, time_msc=1, account=account)
