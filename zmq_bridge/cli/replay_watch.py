"""Tells a person how a replay ends: finished with so many ticks, or stopped at a line of the file that is no tick."""

from __future__ import annotations

import time

from zmq_bridge.cli.console import report_line
from zmq_bridge.settings import Settings
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.errors import SimulatorError

ASK_EVERY_S = 1.0


class ReplayWatch:
    """Called again and again; asks the simulated broker until its feed has ended, and tells that once."""

    def __init__(self, settings: Settings) -> None:
        self._port = settings.broker_port
        self._ask_at = 0.0
        self._is_told = False

    def __call__(self) -> None:
        """Ask, when it is time."""
        if self._is_told or time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + ASK_EVERY_S
        try:
            with BrokerClient("127.0.0.1", self._port) as broker:
                feed = broker.call("status")["feed"] or {}
        except SimulatorError:
            return
        if feed.get("state") == "finished":
            self._tell(f"the {feed['name']} is finished: {feed['ticks']} ticks")
        elif feed.get("state") == "failed":
            self._tell(f"the {feed['name']} stopped after {feed['ticks']} ticks: {feed['error']}")

    def _tell(self, text: str) -> None:
        report_line(text)
        self._is_told = True
