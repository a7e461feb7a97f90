"""What the Expert Advisor makes of commands that an earlier life began: the same as the simulated terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.mql5.desk_rig import EXPERT
from tests.mql5.test_crashes import inputs_for, restart
from tests.mql5_host.run import HostProcess
from tests.simulator import lives
from tests.simulator.conftest import bridge as bridge  # the fixture
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import free_of_costs, rows, running_broker
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient

TRADE_TIMEOUT_MS = 60_000  # it dies while it waits for an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A broker with a price, and the Expert Advisor welcomed."""

    client: BrokerClient
    host: HostProcess
    bridge: LittleBridge

    def kill(self) -> None:
        self.host.kill()

    def start(self) -> None:
        restart(self.host, self.bridge)

    def cut(self, command_id: str) -> None:
        (path,) = self.host.options.files.rglob("journal-*.bin")
        lives.cut_steps(path, command_id)


@pytest.fixture
def world(bridge: LittleBridge, start_host: Callable[..., HostProcess]) -> Iterator[World]:
    with running_broker(account=BrokerConfig(symbols=free_of_costs())) as (client, port):
        client.call("inject", ticks={"EURUSD": rows((now_ms(), 1.1, 1.1001))})
        inputs = inputs_for(bridge, "TRANSPORT_NATIVE")
        host = start_host(EXPERT, broker_port=port, inputs=inputs, trade_timeout_ms=TRADE_TIMEOUT_MS)
        bridge.wait_for_hello()
        yield World(client=client, host=host, bridge=bridge)


def test_a_recalled_change_is_not_asked_again(world: World) -> None:
    lives.assert_a_recalled_change_is_not_asked_again(world.client, world.bridge, world.kill, world.start)


def test_a_close_by_is_looked_up_and_never_asked_again(world: World) -> None:
    lives.assert_a_close_by_is_looked_up_and_never_asked_again(world.client, world.bridge, world.kill, world.start)


def test_a_change_is_not_asked_again_while_the_bridge_is_not_heard(world: World) -> None:
    lives.assert_a_change_waits_for_the_bridge(world.client, world.bridge, world.kill, world.start)


def test_a_kill_switch_that_an_earlier_life_had_begun_is_not_set(world: World) -> None:
    lives.assert_a_kill_switch_of_an_earlier_life_is_not_set(world.bridge, world.kill, world.start, world.cut)


def test_what_is_late_and_nowhere_is_unknown_first(world: World) -> None:
    lives.assert_what_is_late_and_nowhere_is_unknown_first(world.client, world.bridge)


def test_what_is_late_but_shows_is_told(world: World) -> None:
    lives.assert_what_is_late_but_shows_is_told(world.client, world.bridge)
