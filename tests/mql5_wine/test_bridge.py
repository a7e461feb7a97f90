"""The real bridge on Linux and the Expert Advisor on Windows' side, over both transports.

The first tests are those of the host on Linux, run with another machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.mql5 import working
from tests.mql5.desk_rig import EXPERT, log_of, with_expert
from tests.mql5.test_crashes import inputs_for, market
from tests.mql5.test_restarts import EVERY_PAIR
from tests.mql5_host.run import HostProcess, Machine
from tests.pipeline.oracle import assert_ledger_is_the_brokers, assert_no_tick_is_missing
from tests.pipeline.rig import Rig
from tests.pipeline.storm import LOOSE, ORDERS_BETWEEN, Sender, assert_nothing_was_lost_or_doubled
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import free_of_costs, rows, running_broker
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.simulator.broker import BrokerConfig

DEATHS = 3

pytestmark = pytest.mark.timeout(900)  # the first one builds with mingw-w64


@pytest.fixture(params=EVERY_PAIR, ids=working.name_of)
def rig(request: pytest.FixtureRequest, machine: Machine, make_rig: Callable[[Simulation], Rig]) -> Rig:
    """Everything, with the Expert Advisor under Wine."""
    transport, netting = request.param
    simulated = make_rig(Simulation(seed=11, speed=10.0, symbols=("EURUSD", "USDJPY"), netting=netting))
    started = with_expert(simulated, transport, machine=machine)
    started.start()
    started.set_limits(LOOSE)
    started.wait_for_terminal()
    return started


def test_it_works_and_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig) -> None:
    """As on Linux, but each life gets as far as its greeting: Wine may hang when it is killed while it starts."""
    working.assert_ticks_reach_a_subscriber_and_postgres(rig)
    rig.call("feed_resume")
    working.assert_an_order_is_filled_and_booked(rig)
    dice = random.Random("crash")
    sender = Sender(rig, "storm")
    sender.start()
    for life in range(1, DEATHS + 1):
        sender.wait_for_more(1 + dice.randrange(3))
        rig.kill("terminal")
        rig.start("terminal")
        wait_until(partial(has_been_welcomed, rig, life + 1), 60, f"life {life + 1} was never welcomed")
    sender.wait_for_more(ORDERS_BETWEEN)
    sender.finish()
    assert_nothing_was_lost_or_doubled(rig, sender)
    assert_ledger_is_the_brokers(rig)
    assert_no_tick_is_missing(rig)


def has_been_welcomed(rig: Rig, times: int) -> bool:
    return log_of(rig).count("welcomed by the bridge") >= times


@pytest.mark.parametrize("transport", ["TRANSPORT_NATIVE", "TRANSPORT_DLL"])
def test_a_chart_change_and_a_clean_end_leave_nothing_behind(
    start_host: Callable[..., HostProcess], bridge: LittleBridge, transport: str
) -> None:
    with running_broker(account=BrokerConfig(symbols=free_of_costs())) as (client, port):
        client.call("inject", ticks={"EURUSD": rows((now_ms(), 1.1, 1.1001))})
        host = start_host(EXPERT, broker_port=port, inputs=inputs_for(bridge, transport))
        bridge.wait_for_hello()
        host.change_chart()
        bridge.wait_for_hello(2)
        command = market(random.Random(1))
        bridge.hand_out(command)
        assert bridge.final(command.command_id).status == "done"
        assert host.stop() == 0
    for sign in ("undeleted objects", "sockets left open", "critical error"):
        assert sign not in host.output
    assert host.output.rstrip().endswith("program ended")
