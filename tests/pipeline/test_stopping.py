"""Stopping for real: the kill switch through web, desk and terminal to the broker, and a terminal that is lost.

The simulated broker's own books say what came of it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.pipeline.rig import LOGIN, Reply, Rig
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.client import Client
from zmq_bridge.settings import settings_environment


@pytest.fixture
def rig(make_rig: Callable[[Simulation], Rig]) -> Rig:
    """Everything, trading, with a position and a pending order."""
    rig = make_rig(Simulation(seed=5, speed=1.0, symbols=("EURUSD",)))
    rig.start()
    rig.wait_for_terminal()
    return rig


def test_the_kill_switch_reaches_the_broker_and_a_lost_terminal_halts(rig: Rig) -> None:
    a_position_and_a_pending_order(rig)
    stopped_and_acknowledged(rig)
    nothing_is_opened_and_the_switch_may_be_used_again(rig)
    a_stop_survives_the_death_of_desk_and_terminal(rig)
    a_named_person_lifts_it_by_hand(rig)
    a_lost_terminal_with_open_risk_halts_until_it_is_back(rig)
    a_stop_without_a_terminal_is_carried_out_when_it_is_back(rig)


def a_position_and_a_pending_order(rig: Rig) -> None:
    wait_until(lambda: opened(rig).status == 202, 30, "no order was accepted")
    ask = price(rig)
    pending = {
        "symbol": "EURUSD", "action": "BUY", "type": "limit", "volume": "0.01", "price": shown(ask - Decimal("0.0100")),
        "sl": shown(ask - Decimal("0.0150")), "tp": shown(ask + Decimal("0.0050")),
    }  # fmt: skip
    rig.accepted(lambda: pending)
    wait_until(lambda: at_broker(rig) == (1, 1), message="never one of each")
    wait_until(lambda: seen(rig) == (1, 1), message="the bridge never saw them")


def stopped_and_acknowledged(rig: Rig) -> None:
    reply = rig.http("POST", "/api/risk/kill", {"reason": "a drill", "close_positions": True})
    assert reply.status == 202, reply.body
    [done] = reply.body["accounts"]
    assert (done["account"], done["new"]) == (LOGIN, True)
    for command_id in done["command_ids"]:
        assert rig.wait_for_command(command_id).status == "done"
    wait_until(lambda: at_broker(rig) == (0, 0), 30, "something was left at the broker")
    stopping = wait_until(lambda: finished(rig), 30, "the stop was never acknowledged")
    assert {each["status"] for each in stopping["commands"]} == {"done"}
    assert stopping["terminal"]["state"] == "halted"


def nothing_is_opened_and_the_switch_may_be_used_again(rig: Rig) -> None:
    assert opened(rig).body["code"] == "TRADING_HALTED"
    with Client(api_key=rig.key, login=LOGIN, strategy_port=rig.settings.strategy_port) as client:
        again = client.kill("a drill", close_positions=True, timeout_s=30.0)
    assert (again.login, again.new, again.command_ids) == (LOGIN, False, ())
    shown_by_cli = trading(rig)
    assert "kill_switch" not in shown_by_cli
    assert "halted: a drill" in shown_by_cli
    assert "has acknowledged" in shown_by_cli


def a_stop_survives_the_death_of_desk_and_terminal(rig: Rig) -> None:
    for name in ("desk", "terminal"):
        rig.kill(name)
        rig.start(name)
    wait_until(lambda: state(rig)["stopping"]["terminal"]["connected"], 30, "the terminal never came back")
    assert state(rig)["trading_state"] == "halted"
    assert rig.call("books")["positions"] == []


def a_named_person_lifts_it_by_hand(rig: Rig) -> None:
    assert "active now" in trading(rig, "active", "--account", str(LOGIN), "--reason", "drill is over")
    wait_until(lambda: opened(rig).status == 202, 30, "no order was accepted after the stop was lifted")
    wait_until(lambda: seen(rig) == (1, 0), 30, "the bridge never saw the position")


def a_lost_terminal_with_open_risk_halts_until_it_is_back(rig: Rig) -> None:
    rig.kill("terminal")
    wait_until(lambda: "terminal_lost" in held(rig), 30, "nobody missed the terminal")
    assert state(rig)["trading_state"] == "halted"
    rig.start("terminal")
    wait_until(lambda: held(rig) == set(), 60, "never active again")


def a_stop_without_a_terminal_is_carried_out_when_it_is_back(rig: Rig) -> None:
    rig.kill("terminal")
    told = trading(rig, "kill", "--account", str(LOGIN), "--close", "--reason", "second drill")
    assert "halted; 2 commands on their way" in told
    assert at_broker(rig) == (1, 0)
    rig.start("terminal")
    wait_until(lambda: at_broker(rig) == (0, 0), 60, "the position was never closed")


# Looking


def opened(rig: Rig) -> Reply:
    ask = price(rig)
    return rig.signal(symbol="EURUSD", action="BUY", volume="0.01", sl=shown(ask - Decimal("0.0050")),
                      tp=shown(ask + Decimal("0.0150")))  # fmt: skip


def price(rig: Rig) -> Decimal:
    found = wait_until(lambda: rig.http("GET", "/api/market/prices?symbols=EURUSD").body.get("prices"), 30)
    return Decimal(found[0]["ask"])


def shown(number: Decimal) -> str:
    return f"{number:.5f}"


def at_broker(rig: Rig) -> tuple[int, int]:
    books = rig.books()
    return len(books["positions"]), len(books["orders"])


def seen(rig: Rig) -> tuple[int, int]:
    return rig.value("SELECT count(*) FROM positions"), rig.value("SELECT count(*) FROM orders WHERE working")


def state(rig: Rig) -> dict[str, Any]:
    found: dict[str, Any] = rig.http("GET", "/api/risk/state").body
    return found


def held(rig: Rig) -> set[str]:
    return {each["cause"] for each in state(rig)["holds"]}


def finished(rig: Rig) -> dict[str, Any] | None:
    """How a stop stands, once the terminal has acknowledged it and nothing is left."""
    found: dict[str, Any] = state(rig)["stopping"]
    done = found["acknowledged"] and not found["orders_left"] and not found["positions_left"]
    return found if done else None


def trading(rig: Rig, *arguments: str) -> str:
    """`zmq-bridge trading`, as a person types it."""
    done = subprocess.run(
        [sys.executable, "-m", "zmq_bridge.cli", "trading", *arguments],
        env=settings_environment(rig.settings), capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
