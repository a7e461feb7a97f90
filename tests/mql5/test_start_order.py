"""PUB drops what it sends before its subscription arrives: the Expert Advisor takes no tick before somebody wants it.

What it held back for too long, and so left out, shows as a number that never comes. Both transports run side by side,
each with a bridge of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from tests.mql5.desk_rig import EXPERT
from tests.mql5.test_duties import inputs_for
from tests.mql5_host.run import HostProcess
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import free_of_costs, rows, running_broker
from tests.support import wait_until
from zmq_bridge.protocol.commands import PlaceOrder
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient

TRANSPORTS = ("TRANSPORT_NATIVE", "TRANSPORT_DLL")
CATCH_UP_MS = 600_000  # of mql5_include/Include/ZmqBridge/Bounds.mqh
StartHost = Callable[..., HostProcess]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A broker with a price, and for each transport a bridge that welcomed its terminal."""

    client: BrokerClient
    bridges: list[LittleBridge]
    chart: Path  # what the programs show on it
    first_msc: int  # of the price


@pytest.fixture
def world(start_host: StartHost) -> Iterator[World]:
    """A broker with a price, and for each transport a bridge without a subscription that welcomed its terminal."""
    bridges = [LittleBridge().start(subscribes=False) for _ in TRANSPORTS]
    with running_broker(account=BrokerConfig(symbols=free_of_costs())) as (client, port):
        first_msc = now_ms()
        client.call("inject", ticks={"EURUSD": quotes(first_msc, 1)})
        for bridge, transport in zip(bridges, TRANSPORTS, strict=True):
            inputs = inputs_for(bridge, TransportKind=transport, JournalSuffix=transport.rpartition("_")[2])
            host = start_host(EXPERT, broker_port=port, inputs=inputs)
            bridge.wait_for_hello()
        yield World(client=client, bridges=bridges, chart=host.options.files / "comment.txt", first_msc=first_msc)
    for bridge in bridges:
        bridge.stop()


def quotes(first_msc: int, count: int) -> list[Tick]:
    """Three to a millisecond, all different."""
    return rows(*((first_msc + n // 3, 1.1 + n * 1e-5, 1.1001 + n * 1e-5) for n in range(count)))


def an_order_is_done(bridge: LittleBridge) -> None:
    """So the program has had a turn, and whatever the broker pushed before is known to its terminal."""
    order = {"symbol": "EURUSD", "side": "buy", "order_type": "market", "volume": Decimal("0.01")}
    assert bridge.final(bridge.command(PlaceOrder, **order)).status == "done"


def numbered(bridge: LittleBridge) -> list[tuple[int, Tick]]:
    """The ticks that came, each with its number."""
    return [(batch.seq + at, tick) for batch in bridge.batches("EURUSD") for at, tick in enumerate(batch.ticks)]


def has_ticks(bridge: LittleBridge, last: Tick) -> bool:
    return last in bridge.ticks("EURUSD")


def test_ticks_from_before_the_subscription_are_all_sent_and_numbered_from_one(world: World) -> None:
    sent = quotes(world.first_msc + 1, 300)
    world.client.call("inject", ticks={"EURUSD": sent})
    for bridge in world.bridges:
        an_order_is_done(bridge)
        an_order_is_done(bridge)
        assert bridge.ticks("EURUSD") == []
        bridge.subscribe()
    for bridge in world.bridges:
        wait_until(partial(has_ticks, bridge, sent[-1]))
        found = numbered(bridge)
        assert [tick for _, tick in found][-len(sent) :] == sent
        assert [number for number, _ in found] == list(range(1, len(found) + 1))
    for shown in ("ZmqBridge both 123456", "bridge: connected", "publishing: connected", "trading: active"):
        wait_until(partial(shows, world.chart, shown), message=f"the chart never showed {shown!r}")


def shows(chart: Path, text: str) -> bool:
    return chart.exists() and text in chart.read_text()


def test_ticks_that_were_held_back_for_too_long_are_a_hole_in_the_numbers(world: World) -> None:
    old = quotes(world.first_msc + 1, 300)
    world.client.call("inject", ticks={"EURUSD": old})
    world.client.call("inject", ticks={"EURUSD": quotes(world.first_msc + CATCH_UP_MS + 1000, 1)})
    for bridge in world.bridges:
        an_order_is_done(bridge)
        an_order_is_done(bridge)
        bridge.subscribe()
    late = quotes(world.first_msc + CATCH_UP_MS + 2000, 300)
    world.client.call("inject", ticks={"EURUSD": late})
    for bridge in world.bridges:
        wait_until(partial(has_ticks, bridge, late[-1]))
        found = numbered(bridge)
        assert found[0][0] > 1, "a number was left out"
        assert not set(old) & {tick for _, tick in found}
        assert [tick for _, tick in found][-len(late) :] == late
