"""What every terminal owes the bridge beside its work, whichever language it is written in: asserted on a LittleBridge.

The simulated terminal and the Expert Advisor are put through the same functions; how each is started is its test's.
"""

from __future__ import annotations

import time
from decimal import Decimal as D
from functools import partial
from itertools import pairwise

from tests.simulator.little_bridge import LittleBridge
from tests.simulator.world import MONDAY_MSC, rows
from tests.support import wait_until
from zmq_bridge.protocol.commands import PlaceOrder
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.published import Beat, Snapshot
from zmq_bridge.protocol.values import Probe, Spec
from zmq_bridge.simulator.broker_client import BrokerClient

PASSWORD = "known to one"
MOVED_S = 10_800
_ORDER = {"symbol": "EURUSD", "side": "buy", "order_type": "market", "volume": D("0.10")}
REPETITIONS = 3  # of the specifications: the first may be seen late


def quote(client: BrokerClient, symbol: str = "EURUSD", bid: float = 1.1, ask: float = 1.1001) -> None:
    """The market's first price."""
    client.call("inject", ticks={symbol: rows((MONDAY_MSC, bid, ask))})


def assert_books_come_with_pulls(client: BrokerClient, bridge: LittleBridge) -> None:
    """On change and every second, the very books that were published; each once."""
    wait_until(lambda: sum(each is not None for each in bridge.books) >= 3)
    bridge.command(PlaceOrder, symbol="EURUSD", side="buy", order_type="market", volume=D("0.10"))
    wait_until(lambda: any(each is not None and each.positions for each in bridge.books))
    brought = [each for each in bridge.books if each is not None]
    assert all(older.seq < newer.seq for older, newer in pairwise(brought))
    published = {each.seq: each for each in bridge.messages(Snapshot)}
    for books in brought[1:-1]:
        if books.seq in published:
            same = published[books.seq]
            assert (books.event_seq, books.account, books.positions) == (same.event_seq, same.account, same.positions)
    wait_until(lambda: brought[-1].event_seq <= max((seq for _, seq in bridge.events), default=0))
    assert any(each is None for each in bridge.books), "books that were brought are not brought again"


def assert_books_are_only_published(bridge: LittleBridge) -> None:
    """Nobody proves anything here: what is published counts, and is not said twice."""
    wait_until(lambda: len(bridge.messages(Snapshot)) >= 3 and len(bridge.books) >= 10)
    assert all(each is None for each in bridge.books)


def assert_specifications_come_again(bridge: LittleBridge, every_s: float) -> None:
    """All of them, unchanged, by `symbols`, again and again."""
    hello = bridge.wait_for_hello()
    known = {spec.symbol for spec in hello.symbols}
    began = time.monotonic()
    wait_until(lambda: len(bridge.symbols) >= REPETITIONS)
    assert time.monotonic() - began > every_s * 0.9
    for told in bridge.symbols[:2]:
        assert {spec.symbol for spec in told.symbols} == known
    assert not bridge.of_kind(Spec), "what did not change is no event"


def assert_refused_specifications_hold_nothing_up(client: BrokerClient, bridge: LittleBridge) -> None:
    """The bridge may not take them now; pulls and orders go on."""
    bridge.takes_symbols = False
    wait_until(lambda: bridge.symbols)
    assert bridge.final(
        bridge.command(PlaceOrder, symbol="EURUSD", side="buy", order_type="market", volume=D("0.10"))
    ).status == "done"


def assert_probes_come_once_they_can(client: BrokerClient, bridge: LittleBridge) -> None:
    """Without a price nothing can be said; with the first one it is, as an event or by `symbols`."""
    told = {spec.symbol: spec for spec in bridge.wait_for_hello().symbols}
    assert told["USDJPY"].probe is None
    wait_until(lambda: bridge.books)  # pulls go on, so `symbols` brought what had to follow the hello
    quote(client, "USDJPY", 151.19, 151.2)

    def told_again() -> list[Spec]:
        specs = [*bridge.of_kind(Spec), *(spec for told in bridge.symbols for spec in told.symbols)]
        return [spec for spec in specs if spec.symbol == "USDJPY" and spec.probe is not None]

    probe = wait_until(told_again)[0].probe
    assert isinstance(probe, Probe)
    assert (probe.volume, probe.price_open) == (D(1), D("151.2"))
    assert probe.price_open * D("1.0099") < probe.price_close < probe.price_open * D("1.0101")
    assert probe.margin_buy == client.call("calc_margin", symbol="USDJPY", type="buy", volume=1, price=151.2)
    prices = {"price_open": 151.2, "price_close": float(probe.price_close)}
    assert probe.profit_buy == D(str(client.call("calc_profit", symbol="USDJPY", type="buy", volume=1, **prices)))
    assert probe.profit_sell == D(str(client.call("calc_profit", symbol="USDJPY", type="sell", volume=1, **prices)))
    assert probe.profit_buy > 0 > probe.profit_sell


def assert_a_moved_clock_is_told(client: BrokerClient, *bridges: LittleBridge) -> None:
    """Summer time: a hello of the same session says it, every number goes on, and so do orders."""
    quote(client)
    first = [bridge.wait_for_hello() for bridge in bridges]
    for bridge in bridges:
        assert bridge.final(bridge.command(PlaceOrder, **_ORDER)).status == "done"
    client.call("clock", server_offset_s=MOVED_S)
    for hello, bridge in zip(first, bridges, strict=True):
        moved = wait_until(partial(_hello_of, bridge, MOVED_S), message=f"never told; {len(bridge.hellos)} hellos")
        assert hello.server_offset_s == 0
        assert (moved.session, moved.journal, moved.role) == (hello.session, hello.journal, hello.role)
        assert {spec.symbol for spec in moved.symbols} == {spec.symbol for spec in hello.symbols}
        command_id = bridge.command(PlaceOrder, **_ORDER)
        assert bridge.final(command_id).status == "done"
        assert [deal["comment"] for deal in client.call("books")["deals"]].count(command_id) == 1
        beats = [beat.seq for beat in bridge.messages(Beat)]
        assert beats == list(range(beats[0], beats[0] + len(beats)))
        assert {session for session, _ in bridge.events} == {hello.session}


def _hello_of(bridge: LittleBridge, offset_s: int) -> Hello | None:
    return next((hello for hello in bridge.hellos if hello.server_offset_s == offset_s), None)


def assert_the_journal_outlived_a_restart(bridge: LittleBridge) -> None:
    """The file says who it is, and which session it knew last."""
    first = bridge.wait_for_hello()
    second = wait_until(lambda: next((each for each in bridge.hellos if each.session != first.session), None))
    assert first.journal == second.journal != ""
    assert (first.journal_session, second.journal_session) == (0, first.session)
