"""kill -9 of the Expert Advisor at random moments between the intent and the acknowledgement: 200 seeded trials.

The simulated broker's books say what happened: no order doubled, no fill lost, every command ends as they say. Both
transports, hedging and netting; some requests lose their answer, some never arrive, so that it dies while it waits.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from tests.mql5.desk_rig import EXPERT
from tests.mql5_host.run import HostProcess
from tests.simulator.conftest import bridge as bridge  # the fixture
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import free_of_costs, rows, running_broker
from tests.support import wait_until
from zmq_bridge.protocol.commands import PlaceOrder
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.limits import COMMAND_RESEND_MS
from zmq_bridge.protocol.values import Deal
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient

TRIALS = 50  # of each of the four combinations
KILLED_WITHIN_S = 0.06  # after the command was handed out: before, during and after its execution
TRADE_TIMEOUT_MS = 300
FAULT_PERCENT = 30
END_TIMEOUT_S = 60.0
SIDES: tuple[Literal["buy", "sell"], ...] = ("buy", "sell")
StartHost = Callable[..., HostProcess]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["hedging", "netting"])
def broker(request: pytest.FixtureRequest) -> Iterator[tuple[BrokerClient, int]]:
    with running_broker(account=BrokerConfig(symbols=free_of_costs(), margin_mode=request.param)) as running:
        running[0].call("inject", ticks={"EURUSD": rows((now_ms(), 1.1, 1.1001))})
        yield running


@pytest.mark.parametrize("transport", ["TRANSPORT_NATIVE", "TRANSPORT_DLL"])
def test_killed_between_intent_and_acknowledgement(
    broker: tuple[BrokerClient, int], bridge: LittleBridge, start_host: StartHost, transport: str
) -> None:
    client, port = broker
    dice = random.Random(f"{transport} {client.call('account')['margin_mode']}")
    host = start_host(EXPERT, broker_port=port, inputs=inputs_for(bridge, transport), trade_timeout_ms=TRADE_TIMEOUT_MS)
    bridge.wait_for_hello()
    commands = []
    for _ in range(TRIALS):
        if dice.randrange(100) < FAULT_PERCENT:
            client.call("fault", kind=dice.choice(["lose_answer", "lose_request", "execute_answer"]), retcode=10012)
        commands.append(market(dice))
        bridge.hand_out(commands[-1])
        time.sleep(dice.uniform(0, KILLED_WITHIN_S))
        restart(host, bridge)
    hand_out_until_all_end(bridge, commands)
    assert_books_agree(client, bridge, commands)
    assert host.stop() == 0
    assert "critical error" not in host.output


def inputs_for(bridge: LittleBridge, transport: str) -> dict[str, object]:
    return {
        "TransportKind": transport,
        "PublishPort": bridge.publish_endpoint.rpartition(":")[2],
        "RequestPort": bridge.request_endpoint.rpartition(":")[2],
        "UnknownSettlesS": 1,
    }


def market(dice: random.Random) -> PlaceOrder:
    return PlaceOrder(
        command_id=new_id(now_ms()),
        expires_at_ms=now_ms() + 600_000,
        symbol="EURUSD",
        side=dice.choice(SIDES),
        order_type="market",
        volume=Decimal("0.01"),
    )


def restart(host: HostProcess, bridge: LittleBridge) -> None:
    host.kill()
    hellos = len(bridge.hellos)
    host.start()
    bridge.wait_for_hello(hellos + 1)


def hand_out_until_all_end(bridge: LittleBridge, commands: list[PlaceOrder]) -> None:
    hand_out_again(bridge, commands, lambda c: any(result.is_final for result in bridge.results(c.command_id)))


def hand_out_again(bridge: LittleBridge, commands: list[PlaceOrder], is_answered: Callable[[PlaceOrder], bool]) -> None:
    """As the real bridge does: what has no answer is handed out again every second; one may go to the dead."""

    def all_answered() -> bool:
        left = [command for command in commands if not is_answered(command)]
        if left and now_ms() - handed_out_ms[0] > COMMAND_RESEND_MS:
            handed_out_ms[0] = now_ms()
            for command in left:
                bridge.hand_out(replace(command, attempt=2))
        return not left

    handed_out_ms = [0]
    wait_until(all_answered, END_TIMEOUT_S, "a command was never answered")


def assert_books_agree(client: BrokerClient, bridge: LittleBridge, commands: list[PlaceOrder]) -> None:
    books = client.call("books")
    made = Counter(deal["comment"] for deal in books["deals"])
    results = {command.command_id: bridge.final(command.command_id) for command in commands}
    assert {result.status for result in results.values()} <= {"done", "rejected"}
    for command_id, result in results.items():
        assert made[command_id] == (1 if result.status == "done" else 0), result
    assert sum(made[command_id] for command_id in results) > TRIALS // 2
    assert {deal["ticket"] for deal in books["deals"]} == {
        deal.ticket for deal in told_deals(bridge, len(books["deals"]))
    }


def told_deals(bridge: LittleBridge, count: int) -> list[Deal]:
    """Every deal that was told, once there are enough of them or no more come."""
    with suppress(AssertionError):
        wait_until(lambda: len({deal.ticket for deal in bridge.of_kind(Deal)}) >= count, END_TIMEOUT_S)
    return bridge.of_kind(Deal)


def test_a_lost_file_searches_the_broker_before_executing_again(
    broker: tuple[BrokerClient, int], bridge: LittleBridge, start_host: StartHost
) -> None:
    client, port = broker
    host = start_host(EXPERT, broker_port=port, inputs=inputs_for(bridge, "TRANSPORT_NATIVE"))
    bridge.wait_for_hello()
    command = market(random.Random(1))
    bridge.hand_out(command)
    first = bridge.final(command.command_id)
    host.kill()
    forget(host.options.files)
    host.start()
    bridge.wait_for_hello(2)
    have = len(bridge.results(command.command_id))
    hand_out_again(bridge, [command], lambda c: len(bridge.results(c.command_id)) > have)
    last = bridge.results(command.command_id)[-1]
    assert (last.status, last.deals) == ("done", first.deals)
    assert [deal["comment"] for deal in client.call("books")["deals"]].count(command.command_id) == 1


def forget(files: Path) -> None:
    for path in files.rglob("*"):
        if path.is_file():
            path.unlink()
