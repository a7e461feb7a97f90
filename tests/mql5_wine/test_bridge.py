"""The real bridge on Linux and the Expert Advisor on Windows' side, over both transports.

The first tests are those of the host on Linux, run with another machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.mql5 import test_pipeline as here
from tests.mql5.desk_rig import EXPERT, log_of
from tests.mql5.test_crashes import inputs_for, market
from tests.mql5.test_restarts import CASES
from tests.mql5_host.run import HostProcess
from tests.pipeline.oracle import assert_no_tick_is_missing
from tests.pipeline.rig import Rig
from tests.pipeline.storm import ORDERS_BETWEEN, Sender, assert_nothing_was_lost_or_doubled
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import free_of_costs, rows, running_broker
from tests.support import wait_until
from zmq_bridge.simulator.broker import BrokerConfig

DEATHS = 3

pytestmark = pytest.mark.timeout(300)

case, rig = here.case, here.rig  # the fixtures

test_ticks_reach_a_subscriber_and_postgres = here.test_ticks_reach_a_subscriber_and_postgres
test_an_order_is_filled_and_booked = here.test_an_order_is_filled_and_booked


@pytest.mark.parametrize("case", CASES, ids=here.name_of, indirect=True)
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, case: tuple[str, bool]) -> None:
    """As on Linux, but each life gets as far as its greeting: Wine may hang when it is killed while it starts."""
    dice = random.Random(f"crash {case}")
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
