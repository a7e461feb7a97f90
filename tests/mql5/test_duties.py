"""The Expert Advisor's duties beside its work: the same as the simulated terminal's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.mql5.desk_rig import EXPERT, with_expert
from tests.mql5_host.run import HostProcess
from tests.pipeline.conftest import make_rig as make_rig  # the fixture
from tests.pipeline.lost_terminal import assert_an_order_lost_with_its_terminal_is_executed_once_and_soon
from tests.pipeline.rig import Rig
from tests.simulator import duties
from tests.simulator.little_bridge import LittleBridge
from tests.simulator.world import running_broker
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.simulator.broker_client import BrokerClient

StartHost = Callable[..., HostProcess]
Running = tuple[BrokerClient, int]


@pytest.fixture
def broker() -> Iterator[Running]:
    """A broker server without feed."""
    with running_broker() as running:
        yield running


@pytest.fixture
def bridge() -> Iterator[LittleBridge]:
    """A little bridge."""
    bridge = LittleBridge().start()
    yield bridge
    bridge.stop()


def inputs_for(bridge: LittleBridge, **more: Any) -> dict[str, object]:
    """Where the bridge is, and further inputs."""
    ports = [int(each.rpartition(":")[2]) for each in (bridge.publish_endpoint, bridge.request_endpoint)]
    return {"PublishPort": ports[0], "RequestPort": ports[1], "Symbols": "*", **more}


@pytest.mark.parametrize("transport", ["TRANSPORT_NATIVE", "TRANSPORT_DLL"])
def test_books_come_with_pulls_where_peers_prove_who_they_are(
    broker: Running, start_host: StartHost, transport: str
) -> None:
    guarded = LittleBridge(password=duties.PASSWORD).start()
    duties.quote(broker[0])
    proof = {"Username": "vm-1", "Password": duties.PASSWORD, "TransportKind": transport}
    start_host(EXPERT, broker_port=broker[1], inputs=inputs_for(guarded, **proof))
    duties.assert_books_come_with_pulls(broker[0], guarded)
    guarded.stop()


def test_books_are_only_published_where_nobody_does(
    broker: Running, bridge: LittleBridge, start_host: StartHost
) -> None:
    start_host(EXPERT, broker_port=broker[1], inputs=inputs_for(bridge))
    duties.assert_books_are_only_published(bridge)


def test_every_specification_is_told_again_in_time(
    broker: Running, bridge: LittleBridge, start_host: StartHost
) -> None:
    start_host(EXPERT, broker_port=broker[1], inputs=inputs_for(bridge, SpecsEveryS=1))
    duties.assert_specifications_come_again(bridge, 1.0)


def test_specifications_that_are_refused_hold_nothing_up(
    broker: Running, bridge: LittleBridge, start_host: StartHost
) -> None:
    duties.quote(broker[0])
    start_host(EXPERT, broker_port=broker[1], inputs=inputs_for(bridge, SpecsEveryS=1))
    duties.assert_refused_specifications_hold_nothing_up(broker[0], bridge)


def test_a_specification_is_probed_as_soon_as_it_can_be(
    broker: Running, bridge: LittleBridge, start_host: StartHost
) -> None:
    start_host(EXPERT, broker_port=broker[1], inputs=inputs_for(bridge))
    duties.assert_probes_come_once_they_can(broker[0], bridge)


def test_the_journal_says_which_file_it_is(broker: Running, bridge: LittleBridge, start_host: StartHost) -> None:
    host = start_host(EXPERT, broker_port=broker[1], inputs=inputs_for(bridge))
    bridge.wait_for_hello()
    host.kill()
    host.start()
    duties.assert_the_journal_outlived_a_restart(bridge)


def test_an_order_lost_with_its_terminal_is_executed_once_and_soon(
    needs_host: None, make_rig: Callable[[Simulation], Rig]
) -> None:
    rig = with_expert(make_rig(Simulation(seed=12, speed=10.0, symbols=("EURUSD",))), "TRANSPORT_NATIVE")
    rig.start()
    rig.wait_for_terminal()
    assert_an_order_lost_with_its_terminal_is_executed_once_and_soon(rig)
