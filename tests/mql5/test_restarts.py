"""kill -9 of every part of the product while the Expert Advisor trades: both transports, hedging and netting.

One product runs for each of the four. Its parts die one after another, each with orders in flight, and after each death
the simulated broker's own books say what really happened: no fill lost, no order doubled, the ledger to the cent. What
is asserted stands in tests/pipeline/test_crashes.py.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.mql5.desk_rig import log_of, with_expert
from tests.mql5.test_pipeline import name_of
from tests.mql5_host.run import Machine
from tests.pipeline.rig import Rig, rig_settings
from tests.pipeline.test_crashes import (
    LOOSE,
    ORDERS_BETWEEN,
    VICTIMS,
    Sender,
    assert_no_tick_is_missing,
    assert_what_really_happened,
)
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.storage.risk.limits import Scope, set_limits

CASES = [(transport, netting) for transport in ("TRANSPORT_NATIVE", "TRANSPORT_DLL") for netting in (False, True)]
DEATHS = {"terminal": 3}  # of the others one
IN_FLIGHT_S = 0.05  # from an answer to the kill, at most: the next order is anywhere between web and broker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=CASES, ids=name_of)
def rig(request: pytest.FixtureRequest, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything, on servers of its own that may be killed, with limits that leave room for many small orders."""
    transport, netting = request.param
    simulation = Simulation(seed=11, speed=10.0, symbols=("EURUSD", "USDJPY"), netting=netting)
    rig = Rig(rig_settings(tmp_path_factory.mktemp("rig") / "var"), simulation)
    try:
        with_expert(rig, transport, machine=machine).start()
        with rig.engine.begin() as connection:
            set_limits(connection, Scope(), LOOSE, actor="test", now=datetime.now(UTC))
        rig.wait_for_terminal()
        yield rig
    finally:
        rig.stop()


@pytest.mark.parametrize("victim", [victim for victim in VICTIMS if victim != "broker"])
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, victim: str) -> None:
    kill_with_orders_in_flight(rig, victim)


def test_no_tick_was_lost_with_them(rig: Rig) -> None:
    assert_no_tick_is_missing(rig)
    rig.call("feed_resume")


def test_kill_9_of_the_broker_costs_no_fill_and_doubles_no_order(rig: Rig) -> None:
    """The last to die: its memory of ticks dies with it, as a market that was closed meanwhile."""
    kill_with_orders_in_flight(rig, "broker")
    assert "critical error" not in log_of(rig)


def kill_with_orders_in_flight(rig: Rig, victim: str) -> None:
    dice = random.Random(f"crash {victim}")
    sender = Sender(rig, victim)
    sender.start()
    for _ in range(DEATHS.get(victim, 1)):
        sender.wait_for_more(ORDERS_BETWEEN + dice.randrange(3))
        time.sleep(dice.uniform(0, IN_FLIGHT_S))
        rig.kill(victim)
        rig.start(victim)
    sender.wait_for_more(ORDERS_BETWEEN)
    sender.finish()
    assert_what_really_happened(rig, sender)
