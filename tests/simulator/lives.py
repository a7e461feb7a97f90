"""What a terminal must make of commands that an earlier life began, whichever language it is written in.

The simulated terminal and the Expert Advisor are put through the same functions; how each is killed and started is its
test's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.support import wait_until
from zmq_bridge.protocol.commands import CancelOrder, CloseBy, Command, ModifyPosition, PlaceOrder, SetTradingState
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.published import TradingState
from zmq_bridge.simulator.broker_client import BrokerClient

LONG_OVER_MS = 1
BINARY_HEAD_BYTES = 8  # before each step of the Expert Advisor's file

Do = Callable[[], None]


def order() -> PlaceOrder:
    """A market order of one hundredth of a lot."""
    times = {"command_id": new_id(now_ms()), "expires_at_ms": now_ms() + 600_000}
    return PlaceOrder(symbol="EURUSD", side="buy", order_type="market", volume=D("0.01"), **times)


def _done(bridge: LittleBridge, command: Command) -> int:
    bridge.hand_out(command)
    return bridge.final(command.command_id).position


def assert_a_recalled_change_is_not_asked_again(
    client: BrokerClient, bridge: LittleBridge, kill: Do, start: Do
) -> None:
    """The broker never got it, its time is long, trading is active: only the recall forbids it, over one more death."""
    held = _done(bridge, order())
    client.call("fault", kind="lose_request")
    change = ModifyPosition(
        command_id=new_id(now_ms()), expires_at_ms=now_ms() + 600_000, position=held, symbol="EURUSD", sl=D("1.05")
    )
    bridge.hand_out(change)
    wait_until(lambda: client.call("status")["faults"] == 0)
    kill()
    bridge.hand_out(replace(change, attempt=2, expires_at_ms=LONG_OVER_MS))
    behind = CancelOrder(command_id=new_id(now_ms()), expires_at_ms=now_ms() + 600_000, order=1)
    bridge.hand_out(behind)
    start()
    bridge.final(behind.command_id)  # so it has read the recall
    kill()
    start()
    final = bridge.final(change.command_id)
    assert (final.status, "NOT_IN_EFFECT" in final.message) == ("rejected", True)
    assert client.call("snapshot")["positions"][0]["sl"] == 0


def assert_a_close_by_is_looked_up_and_never_asked_again(
    client: BrokerClient, bridge: LittleBridge, kill: Do, start: Do
) -> None:
    """It closed both, and its answer was lost: done. It never came to the broker: not in effect, and both are held."""
    for fault, status, held in (("lose_answer", "done", 0), ("lose_request", "rejected", 2)):
        pair = [_done(bridge, order()), _done(bridge, replace(order(), side="sell"))]
        client.call("fault", kind=fault)
        closing = bridge.command(CloseBy, expires_in_ms=600_000, position=pair[0], position_by=pair[1])
        wait_until(lambda: client.call("status")["faults"] == 0)
        kill()
        start()
        assert bridge.final(closing).status == status
        assert len(client.call("snapshot")["positions"]) == held


def assert_a_change_waits_for_the_bridge(client: BrokerClient, bridge: LittleBridge, kill: Do, start: Do) -> None:
    """A recall may be on its way: while the bridge is not heard nothing is asked again, and afterwards it is."""
    held = _done(bridge, order())
    client.call("fault", kind="lose_request")
    change = bridge.command(ModifyPosition, expires_in_ms=600_000, position=held, symbol="EURUSD", sl=D("1.05"))
    wait_until(lambda: client.call("status")["faults"] == 0)
    kill()
    bridge.gives_work = False
    start()
    have = len(bridge.books)
    wait_until(lambda: len(bridge.books) >= have + 2)  # pulls without an answer: welcomed, and each was given up
    assert client.call("snapshot")["positions"][0]["sl"] == 0
    bridge.gives_work = True
    assert bridge.final(change).status == "done"
    assert client.call("snapshot")["positions"][0]["sl"] == 1.05


def assert_a_kill_switch_of_an_earlier_life_is_not_set(
    bridge: LittleBridge, kill: Do, start: Do, cut: Callable[[str], None]
) -> None:
    """Its intent is on disk, it dies: what holds now is what the bridge says, and for no moment what it was told then.

    Args:
        cut: takes off the terminal's file all that it wrote after the intent of a command.
    """
    bridge.trading_state = "halted"
    switch = SetTradingState(command_id=new_id(now_ms()), expires_at_ms=now_ms() + 600_000, state="active")
    bridge.hand_out(switch)
    bridge.final(switch.command_id)
    kill()
    cut(switch.command_id)
    bridge.events.clear()
    start()
    final = bridge.final(switch.command_id)
    assert (final.status, final.message) == ("done", "trading is halted, as the bridge has it")
    assert [state.state for state in bridge.of_kind(TradingState) if state.state == "active"] == []


def assert_what_is_late_and_nowhere_is_unknown_first(client: BrokerClient, bridge: LittleBridge) -> None:
    """Another journal may have begun it a moment ago: it has the time to show that every unknown outcome has."""
    late = replace(order(), attempt=2, expires_at_ms=LONG_OVER_MS)
    bridge.hand_out(late)
    assert bridge.final(late.command_id).status == "expired"
    assert [result.status for result in bridge.results(late.command_id)] == ["unknown", "expired"]
    assert client.call("snapshot")["positions"] == []


def assert_what_is_late_but_shows_is_told(client: BrokerClient, bridge: LittleBridge) -> None:
    """The order that the other journal had sent arrives while it is being looked for."""
    late = replace(order(), attempt=2, expires_at_ms=LONG_OVER_MS)
    bridge.hand_out(late)
    wait_until(lambda: bridge.results(late.command_id))
    request = {"action": "deal", "type": "buy", "symbol": "EURUSD", "volume": 0.01, "comment": late.command_id}
    client.call("send", request={**request, "price": 1.1001, "filling": "fok"})
    final = bridge.final(late.command_id)
    assert (final.status, len(final.deals)) == ("done", 1)


def cut_lines(path: Path, command_id: str) -> None:
    """Leave of the simulated terminal's file what stood there when a command's intent was written."""
    lines = path.read_bytes().splitlines(keepends=True)
    steps = [json.loads(line.partition(b" ")[2]) for line in lines]
    begun = [any(row[0] == "intent" and row[1][0] == command_id for row in step) for step in steps]
    last = begun.index(True)
    path.write_bytes(b"".join(lines[: last + 1]))


def cut_steps(path: Path, command_id: str) -> None:
    """The same of the Expert Advisor's file."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        end = at + BINARY_HEAD_BYTES + int.from_bytes(content[at : at + 4], "little")
        step, at = content[at:end], end
        if b"\xa6intent" in step and command_id.encode() in step:
            break
    path.write_bytes(content[:at])
