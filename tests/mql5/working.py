"""What the whole product does with the Expert Advisor while nothing dies: ticks, an order, a chart that changes.

The host on this machine and the one under Wine are put through the same functions; how each is started is its test's.
"""

from __future__ import annotations

import os
import signal
from decimal import Decimal

import zmq

from tests.mql5.desk_rig import log_of
from tests.pipeline.oracle import assert_no_tick_is_missing
from tests.pipeline.rig import Rig
from tests.pipeline.storm import NO_ANSWER
from tests.support import wait_until
from zmq_bridge.protocol.codec import split_frame, unpack


def name_of(case: tuple[str, bool]) -> str:
    """A pair of transport and account kind, as the name of a test's case."""
    return f"{case[0].rpartition('_')[2].lower()}-{'netting' if case[1] else 'hedging'}"


def assert_ticks_reach_a_subscriber_and_postgres(rig: Rig) -> None:
    """Numbered, on the wire's form, and none missing. The feed stands still afterwards."""
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.subscribe(b"tick.EURUSD.")
        subscriber.connect(f"tcp://127.0.0.1:{rig.settings.subscribe_port}")
        assert subscriber.poll(30_000), log_of(rig)
        topic, payload = split_frame(subscriber.recv())
    version, _session, seq, rows = unpack(payload)
    assert topic == "tick.EURUSD.123456"
    assert (version, len(rows[0])) == (1, 6)
    assert seq >= 1
    assert_no_tick_is_missing(rig)


def assert_an_order_is_filled_and_booked(rig: Rig) -> None:
    """From HTTP to the broker and back into the books, once, with the stop that was asked for."""
    price = wait_until(lambda: asked_price(rig, "EURUSD"), 60, "no price of EURUSD")
    stop, target = (str(round(price * Decimal(factor), 5)) for factor in ("0.997", "1.008"))
    order = {"symbol": "EURUSD", "action": "BUY", "volume": "0.01", "sl": stop, "tp": target}
    command = rig.wait_for_command(rig.accepted(lambda: order))
    assert command.status == "done", log_of(rig)
    books = rig.settle()
    bought = [deal["comment"] for deal in books["deals"] if (deal["entry"], deal["type"]) == ("in", "buy")]
    assert bought.count(command.id) == 1
    assert Decimal(stop) in [Decimal(held["sl"]) for held in books["positions"]]


def assert_the_chart_may_change_its_timeframe(rig: Rig) -> None:
    """OnDeinit and OnInit with globals kept: the same program goes on, and nothing is left behind at the end."""
    os.kill(rig._pid("terminal"), signal.SIGUSR1)
    wait_until(lambda: log_of(rig).count("welcomed by the bridge") >= 2, 60, "no second welcome")
    assert_an_order_is_filled_and_booked(rig)
    rig.services["terminal"].stop()
    assert "undeleted objects" not in log_of(rig)
    assert "sockets left open" not in log_of(rig)
    assert "critical error" not in log_of(rig)
    assert log_of(rig).rstrip().endswith("program ended")


def asked_price(rig: Rig, symbol: str) -> Decimal | None:
    """The price to buy at; None while there is none."""
    try:
        found = rig.http("GET", f"/api/market/prices?symbols={symbol}")
    except NO_ANSWER:
        return None
    prices = found.body.get("prices") if found.status == 200 else None
    return Decimal(prices[0]["ask"]) if prices else None
