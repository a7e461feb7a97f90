"""SIGKILL at the worst moments: no order doubled, no fill lost, every command ends as the broker's books say."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import lives
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import MONDAY_MSC, rows
from tests.support import wait_until
from zmq_bridge.protocol.commands import CloseAll, ModifyPosition, PlaceOrder
from zmq_bridge.protocol.ids import id_ms, new_id
from zmq_bridge.protocol.values import Deal
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.terminal.memory import Memory

Running = tuple[BrokerClient, int]


class KillableTerminal:
    """A terminal in a process of its own, with the memory of the one before."""

    def __init__(self, bridge: LittleBridge, broker_port: int, memory_dir: Path, timeout_s: float) -> None:
        self._code = (
            "from pathlib import Path\nfrom zmq_bridge.simulator.terminal import *\n"
            f"run_terminal(TerminalSettings(memory_dir=Path({str(memory_dir)!r}), broker_port={broker_port}, "
            f"publish_endpoint={bridge.publish_endpoint!r}, request_endpoint={bridge.request_endpoint!r}, "
            f"broker_timeout_s={timeout_s}, unknown_settles_s=1.0))"
        )
        self._bridge = bridge
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        hellos = len(self._bridge.hellos)
        self._process = subprocess.Popen([sys.executable, "-c", self._code])
        self._bridge.wait_for_hello(hellos + 1)

    def kill(self) -> None:
        if self._process:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(60)
        self._process = None
        return code


@pytest.fixture
def terminal(broker: Running, bridge: LittleBridge, tmp_path: Path) -> Iterator[KillableTerminal]:
    broker[0].call("inject", ticks={"EURUSD": rows((MONDAY_MSC, 1.1, 1.1001))})
    terminal = KillableTerminal(bridge, broker[1], tmp_path / "memory", 60.0)
    terminal.start()
    yield terminal
    terminal.kill()


def market(**more: Any) -> PlaceOrder:
    values = {"symbol": "EURUSD", "side": "buy", "order_type": "market", "volume": D("0.01"), **more}
    return PlaceOrder(command_id=new_id(now_ms()), expires_at_ms=now_ms() + 600_000, **values)


def test_sigterm_ends_it_in_order(terminal: KillableTerminal, bridge: LittleBridge) -> None:
    assert terminal.stop() == 0
    wait_until(lambda: bridge.byes)


@pytest.mark.parametrize(("fault", "status", "held"), [("lose_answer", "done", 1), ("lose_request", "rejected", 0)])
def test_killed_between_intent_and_result(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal, fault: str, status: str, held: int
) -> None:
    """The broker keeps the terminal waiting for an answer that never comes; there it dies. The bridge asks again."""
    client, _ = broker
    client.call("fault", kind=fault)
    command = market()
    bridge.hand_out(command)
    wait_until(lambda: client.call("status")["faults"] == 0)
    terminal.kill()
    assert bridge.results(command.command_id) == []
    terminal.start()
    bridge.hand_out(replace(command, attempt=2))
    final = bridge.final(command.command_id)
    assert final.status == status
    assert len(client.call("snapshot")["positions"]) == held
    deals = [deal.ticket for deal in bridge.of_kind(Deal) if deal.comment == command.command_id]
    assert sorted(set(deals)) == sorted(final.deals)


@pytest.mark.parametrize(("fault", "expires_in_ms", "status"), [
    ("lose_answer", 60_000, "done"),
    ("lose_answer", 4000, "done"),  # in effect, however late it is
    ("lose_request", 60_000, "done"),  # asked once more
    ("lose_request", 4000, "rejected"),  # too late for that
])  # fmt: skip
def test_killed_in_the_middle_of_a_change(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal, fault: str, expires_in_ms: int, status: str
) -> None:
    client, _ = broker
    held = bridge.final(_handed(bridge, market())).position
    client.call("fault", kind=fault)
    command_id = bridge.command(
        ModifyPosition, expires_in_ms=expires_in_ms, position=held, symbol="EURUSD", sl=D("1.05")
    )
    wait_until(lambda: client.call("status")["faults"] == 0)
    terminal.kill()
    wait_until(lambda: expires_in_ms > 10_000 or now_ms() > id_ms(command_id) + expires_in_ms)
    terminal.start()
    assert bridge.final(command_id).status == status
    assert client.call("snapshot")["positions"][0]["sl"] == (1.05 if status == "done" else 0)


def test_killed_after_the_result_but_before_it_was_told(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal
) -> None:
    """The bridge takes nothing in: results live only in the terminal's file when it dies."""
    client, _ = broker
    bridge.acknowledges = False
    commands = [market() for _ in range(5)]
    for command in commands:
        bridge.hand_out(command)
    wait_until(lambda: len(client.call("snapshot")["positions"]) == 5)
    wait_until(lambda: bridge.results(commands[-1].command_id))
    terminal.kill()
    bridge.events.clear()
    bridge.acknowledges = True
    terminal.start()
    for command in commands:
        assert bridge.final(command.command_id).status == "done"
    wait_until(lambda: len({deal.ticket for deal in bridge.of_kind(Deal)}) == 6)


def test_a_memory_lost_with_its_disk_searches_the_broker_before_executing_again(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal, tmp_path: Path
) -> None:
    client, _ = broker
    command = market()
    bridge.hand_out(command)
    first = bridge.final(command.command_id)
    terminal.kill()
    for path in (tmp_path / "memory").iterdir():
        path.unlink()
    terminal.start()
    have = len(bridge.results(command.command_id))
    bridge.hand_out(replace(command, attempt=2))
    wait_until(lambda: len(bridge.results(command.command_id)) > have)
    last = bridge.results(command.command_id)[-1]
    assert (last.status, last.deals, last.position) == ("done", first.deals, first.position)
    assert len(client.call("snapshot")["positions"]) == 1


def test_a_close_all_cut_off_in_the_middle_says_that_positions_are_left(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal
) -> None:
    client, _ = broker
    for _ in range(3):
        bridge.final(_handed(bridge, market()))
    client.call("fault", kind="lose_answer")
    command = CloseAll(command_id=new_id(now_ms()), expires_at_ms=now_ms() + 60_000)
    bridge.hand_out(command)
    wait_until(lambda: len(client.call("snapshot")["positions"]) == 2)
    terminal.kill()
    terminal.start()
    final = bridge.final(command.command_id)
    assert (final.status, len(final.deals)) == ("rejected", 1)
    assert "INTERRUPTED" in final.message


def _handed(bridge: LittleBridge, command: PlaceOrder) -> str:
    bridge.hand_out(command)
    return command.command_id


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_while_orders_pour_in(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal, seed: int
) -> None:
    """Four deaths in a stream of 40 orders, each handed out again until it has a result, as the real bridge does."""
    client, _ = broker
    chance = random.Random(seed)
    commands = [market() for _ in range(40)]
    deaths = sorted(chance.sample(range(2, 38), 4))
    for number, command in enumerate(commands):
        bridge.hand_out(command)
        if number in deaths:
            time.sleep(chance.uniform(0, 0.03))
            terminal.kill()
            terminal.start()
        elif chance.random() < 0.5:
            time.sleep(chance.uniform(0, 0.01))
    _hand_out_until_all_end(bridge, commands)
    results = {command.command_id: bridge.final(command.command_id) for command in commands}
    books = client.call("books")
    made = Counter(deal["comment"] for deal in books["deals"])
    for command_id, result in results.items():
        assert made[command_id] == (1 if result.status == "done" else 0)
    assert len(books["positions"]) == sum(result.status == "done" for result in results.values())
    wait_until(lambda: {d.ticket for d in bridge.of_kind(Deal)} == {deal["ticket"] for deal in books["deals"]})


def _hand_out_until_all_end(bridge: LittleBridge, commands: list[PlaceOrder]) -> None:
    deadline = time.monotonic() + 180
    while left := [c for c in commands if not any(r.is_final for r in bridge.results(c.command_id))]:
        assert time.monotonic() < deadline, f"{len(left)} commands without an end"
        for command in left:
            bridge.hand_out(replace(command, attempt=2))
        time.sleep(0.5)


def test_a_recalled_change_is_not_asked_again(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal
) -> None:
    lives.assert_a_recalled_change_is_not_asked_again(broker[0], bridge, terminal.kill, terminal.start)


def test_a_close_by_is_looked_up_and_never_asked_again(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal
) -> None:
    lives.assert_a_close_by_is_looked_up_and_never_asked_again(broker[0], bridge, terminal.kill, terminal.start)


def test_a_change_is_not_asked_again_while_the_bridge_is_not_heard(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal
) -> None:
    lives.assert_a_change_waits_for_the_bridge(broker[0], bridge, terminal.kill, terminal.start)


def test_a_kill_switch_that_an_earlier_life_had_begun_is_not_set(
    bridge: LittleBridge, terminal: KillableTerminal, tmp_path: Path
) -> None:
    def cut(command_id: str) -> None:
        (path,) = (tmp_path / "memory").glob("*.jsonl")
        lives.cut_lines(path, command_id)

    lives.assert_a_kill_switch_of_an_earlier_life_is_not_set(bridge, terminal.kill, terminal.start, cut)


def test_what_is_late_and_nowhere_is_unknown_first(
    broker: Running, bridge: LittleBridge, terminal: KillableTerminal
) -> None:
    lives.assert_what_is_late_and_nowhere_is_unknown_first(broker[0], bridge)


def test_what_is_late_but_shows_is_told(broker: Running, bridge: LittleBridge, terminal: KillableTerminal) -> None:
    lives.assert_what_is_late_but_shows_is_told(broker[0], bridge)


def test_the_session_number_grows_even_when_the_clock_goes_back(tmp_path: Path) -> None:
    first = Memory(tmp_path / "m", login=1, now_ms=1000)
    first.close()
    second = Memory(tmp_path / "m", login=1, now_ms=5)
    assert (first.session, second.session) == (1000, 1001)
    second.close()
