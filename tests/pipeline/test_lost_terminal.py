"""kill -9 of a terminal between taking an order and beginning it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.lost_terminal import assert_an_order_lost_with_its_terminal_is_executed_once_and_soon
from tests.pipeline.rig import Rig, rig_settings
from zmq_bridge.cli.simulation import Simulation


@pytest.fixture
def rig(tmp_path: Path, database: str, redis_url: str) -> Iterator[Rig]:
    """Everything, with a market that moves."""
    rig = Rig(rig_settings(tmp_path, database, redis_url), Simulation(seed=12, speed=10.0, symbols=("EURUSD",)))
    try:
        rig.start()
        rig.wait_for_terminal()
        yield rig
    finally:
        rig.stop()


def test_an_order_lost_with_its_terminal_is_executed_once_and_soon(rig: Rig) -> None:
    for _ in range(2):
        assert_an_order_lost_with_its_terminal_is_executed_once_and_soon(rig)
