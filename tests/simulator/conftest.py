"""A broker, a little bridge and a terminal between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.little_bridge import LittleBridge
from tests.simulator.world import running_broker
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.terminal import Terminal, TerminalSettings


@pytest.fixture
def broker() -> Iterator[tuple[BrokerClient, int]]:
    """A broker server without feed: a client of it, and its port."""
    with running_broker() as running:
        yield running


@pytest.fixture
def bridge() -> Iterator[LittleBridge]:
    """A little bridge, running and subscribed."""
    bridge = LittleBridge().start()
    yield bridge
    bridge.stop()


StartTerminal = Callable[..., Callable[[], None]]


@pytest.fixture
def start_terminal(tmp_path: Path) -> Iterator[StartTerminal]:
    """Start a terminal in a thread; what is returned stops it and passes its error on."""
    stops: list[Callable[[], None]] = []

    def start(bridge: LittleBridge, broker_port: int, **more: Any) -> Callable[[], None]:
        more.setdefault("memory_dir", tmp_path / "terminal")
        terminal = Terminal(
            TerminalSettings(
                publish_endpoint=bridge.publish_endpoint,
                request_endpoint=bridge.request_endpoint,
                broker_port=broker_port,
                **more,
            )
        )
        errors: list[Exception] = []

        def run() -> None:
            try:
                terminal.run()
            except Exception as error:  # noqa: BLE001  # handed on by `stop`, in the test's own thread
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def stop() -> None:
            terminal.stop()
            thread.join(30)
            assert not thread.is_alive(), "the terminal did not stop"
            if errors:
                raise errors.pop()

        stops.append(stop)
        return stop

    yield start
    for stop in stops:
        stop()
