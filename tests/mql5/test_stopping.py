"""Stopping for real with the Expert Advisor: the kill switch by HTTP, ZeroMQ and the command line, down to the broker.

What is asserted stands in tests/pipeline/test_stopping.py: pending orders cancelled, positions closed, acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mql5.desk_rig import with_expert
from tests.mql5.working import name_of
from tests.mql5_host.run import Machine
from tests.pipeline import test_stopping as here
from tests.pipeline.conftest import make_rig as make_rig  # the fixture
from tests.pipeline.rig import Rig
from zmq_bridge.cli.simulation import Simulation

EACH = (("TRANSPORT_NATIVE", False), ("TRANSPORT_DLL", True))  # transport, netting


@pytest.fixture(params=EACH, ids=name_of)
def rig(request: pytest.FixtureRequest, machine: Machine, make_rig: Callable[[Simulation], Rig]) -> Rig:
    """Everything, trading."""
    transport, netting = request.param
    simulated = make_rig(Simulation(seed=5, speed=1.0, symbols=("EURUSD",), netting=netting))
    rig = with_expert(simulated, transport, machine=machine)
    rig.start()
    rig.wait_for_terminal()
    return rig


def test_the_kill_switch_reaches_the_broker_and_outlives_desk_and_terminal(rig: Rig) -> None:
    here.a_position_and_a_pending_order(rig)
    here.stopped_and_acknowledged(rig)
    here.nothing_is_opened_and_the_switch_may_be_used_again(rig)
    here.a_stop_survives_the_death_of_desk_and_terminal(rig)
    here.a_named_person_lifts_it_by_hand(rig)
    here.a_stop_without_a_terminal_is_carried_out_when_it_is_back(rig)
