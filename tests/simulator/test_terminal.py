"""The terminal on the wire: real sockets, a real broker process, and a bridge that answers as docs/wire.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.simulator.conftest import StartTerminal
from tests.simulator.little_bridge import LittleBridge
from tests.simulator.world import MONDAY_MSC, rows
from tests.support import wait_until
from zmq_bridge.protocol.commands import PlaceOrder
from zmq_bridge.protocol.published import Beat, Snapshot
from zmq_bridge.protocol.values import Deal
from zmq_bridge.simulator.broker_client import BrokerClient

Running = tuple[BrokerClient, int]


def quote(client: BrokerClient, *quotes: tuple[int, float, float], symbol: str = "EURUSD") -> None:
    client.call("inject", ticks={symbol: rows(*quotes)})


def test_the_first_words_are_hello_with_the_books_and_every_specification(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    start_terminal(bridge, broker[1])
    hello = bridge.wait_for_hello()
    assert (hello.login, hello.server, hello.role) == (123456, "Simulated-Demo", "both")
    assert hello.snapshot is not None
    assert float(hello.snapshot.account.balance) == 10000.0
    assert {spec.symbol for spec in hello.symbols} == {"EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "EURUSD.z"}


def test_beats_and_snapshots_come_by_themselves(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    start_terminal(bridge, broker[1])
    wait_until(lambda: len(bridge.messages(Beat)) >= 3 and len(bridge.messages(Snapshot)) >= 2)


def test_ticks_are_numbered_from_one_without_a_hole(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    start_terminal(bridge, port)
    wait_until(lambda: bridge.messages(Beat))
    sent = rows(*((MONDAY_MSC + n // 3, 1.1 + n * 1e-5, 1.1001 + n * 1e-5) for n in range(2500)))
    client.call("inject", ticks={"EURUSD": sent})
    wait_until(lambda: len(bridge.ticks("EURUSD")) == 2500)
    assert bridge.ticks("EURUSD") == sent
    following = 1
    for batch in bridge.batches("EURUSD"):
        assert batch.seq == following
        following += len(batch.ticks)


def test_a_market_order_is_done_and_its_deal_told_before_the_result(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    quote(client, (MONDAY_MSC, 1.08490, 1.08500))
    start_terminal(bridge, port)
    bridge.wait_for_hello()
    command_id = bridge.command(PlaceOrder, **market_order())
    result = bridge.final(command_id)
    assert (result.status, result.retcode, float(result.price)) == ("done", 10009, 1.085)
    deals = [deal for deal in bridge.of_kind(Deal) if deal.comment == command_id]
    assert [deal.ticket for deal in deals] == list(result.deals)
    assert deals[0].position == result.position
    assert len(client.call("books")["positions"]) == 1


def market_order(**more: Any) -> dict[str, Any]:
    from decimal import Decimal

    return {"symbol": "EURUSD", "side": "buy", "order_type": "market", "volume": Decimal("0.10"), **more}


def test_leaving_says_bye(broker: Running, bridge: LittleBridge, start_terminal: StartTerminal, tmp_path: Path) -> None:
    stop = start_terminal(bridge, broker[1])
    wait_until(lambda: bridge.messages(Beat))
    stop()
    wait_until(lambda: bridge.byes)
