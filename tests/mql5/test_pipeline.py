"""The whole product with the Expert Advisor itself, run by the host, over each of its two transports.

Both sorts of account too, one of them each; deaths, of every part and with each transport and account, are in
test_restarts.py.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from decimal import Decimal

import pytest
import zmq

from tests.mql5.desk_rig import log_of, with_expert
from tests.mql5_host.run import Machine
from tests.pipeline.conftest import make_rig as make_rig  # the fixture
from tests.pipeline.oracle import assert_no_tick_is_missing, wait_for_history
from tests.pipeline.rig import Rig
from tests.pipeline.storm import LOOSE, NO_ANSWER
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.protocol.codec import split_frame, unpack

LATE_MS_MAX = 5_000  # of the market's time: at the start, what came late stands before what was there already
EACH = (("TRANSPORT_NATIVE", False), ("TRANSPORT_DLL", True))  # transport, netting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def name_of(case: tuple[str, bool]) -> str:
    return f"{case[0].rpartition('_')[2].lower()}-{'netting' if case[1] else 'hedging'}"


@pytest.fixture(params=EACH, ids=name_of)
def case(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """Transport, and whether the account is a netting one."""
    transport, netting = request.param
    return transport, netting


@pytest.fixture
def rig(machine: Machine, make_rig: Callable[[Simulation], Rig], case: tuple[str, bool]) -> Rig:
    transport, netting = case
    simulated = make_rig(Simulation(seed=11, speed=10.0, symbols=("EURUSD", "USDJPY"), netting=netting))
    started = with_expert(simulated, transport, machine=machine)
    started.start()
    started.set_limits(LOOSE)
    started.wait_for_terminal()
    return started


def test_ticks_reach_a_subscriber_and_postgres(rig: Rig) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.subscribe(b"tick.EURUSD.")
        subscriber.connect(f"tcp://127.0.0.1:{rig.settings.subscribe_port}")
        assert subscriber.poll(10_000), log_of(rig)
        topic, payload = split_frame(subscriber.recv())
    version, _session, seq, rows = unpack(payload)
    assert topic == "tick.EURUSD.123456"
    assert (version, len(rows[0])) == (1, 6)
    assert seq >= 1
    wait_until(lambda: rig.value("SELECT min(n) FROM (SELECT count(*) AS n FROM ticks GROUP BY symbol) AS t") > 100, 60)
    assert_no_tick_is_missing(rig)


def test_an_order_is_filled_and_booked(rig: Rig) -> None:
    price = wait_until(lambda: asked_price(rig, "EURUSD"), 60, "no price of EURUSD")
    stop, target = (str(round(price * Decimal(factor), 5)) for factor in ("0.997", "1.008"))
    answer = rig.signal(symbol="EURUSD", action="BUY", volume="0.01", sl=stop, tp=target)
    assert answer.status == 202, answer.body
    command = rig.wait_for_command(rig.rows("SELECT id FROM commands")[0].id)
    assert command.status == "done", log_of(rig)
    books = rig.settle()
    bought = [deal["comment"] for deal in books["deals"] if (deal["entry"], deal["type"]) == ("in", "buy")]
    assert bought == [command.id]
    assert Decimal(books["positions"][0]["sl"]) == Decimal(stop)


def test_the_chart_may_change_its_timeframe(rig: Rig) -> None:
    """OnDeinit and OnInit with globals kept: the same program goes on, and nothing is left behind at the end."""
    terminal = rig.services["terminal"]
    os.kill(rig._pid("terminal"), signal.SIGUSR1)
    wait_until(lambda: log_of(rig).count("welcomed by the bridge") >= 2, 60, "no second welcome")
    test_an_order_is_filled_and_booked(rig)
    terminal.stop()
    assert "undeleted objects" not in log_of(rig)
    assert "sockets left open" not in log_of(rig)
    assert "critical error" not in log_of(rig)
    assert log_of(rig).rstrip().endswith("program ended")


def test_reordered_repeated_and_late_ticks_are_neither_lost_nor_doubled(
    needs_host: None, make_rig: Callable[[Simulation], Rig], case: tuple[str, bool]
) -> None:
    rig = with_expert(make_rig(Simulation(speed=10.0, symbols=("EURUSD",))), case[0], tick_traps=True)
    rig.start()
    rig.wait_for_terminal()
    first_msc = LATE_MS_MAX + wait_until(lambda: rig.value("SELECT min(time_msc) FROM ticks"), 60, "no tick came")
    count = "SELECT count(*) FROM ticks WHERE time_msc >= %s"
    wait_until(lambda: rig.value(count, first_msc) > 200, 60, "fewer than 200 ticks came")
    rig.call("feed_pause")
    wait_for_history(rig, "EURUSD", first_msc, in_order=False)


def asked_price(rig: Rig, symbol: str) -> Decimal | None:
    try:
        found = rig.http("GET", f"/api/market/prices?symbols={symbol}")
    except NO_ANSWER:
        return None
    prices = found.body.get("prices") if found.status == 200 else None
    return Decimal(prices[0]["ask"]) if prices else None
