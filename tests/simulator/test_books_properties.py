"""Whatever is done to the broker: its books add up, survive a restart, and are the same when it is done again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import ROUND_HALF_UP
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.world import Desk, free_of_costs
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker.enums import Action, DealType, Filling, OrderType
from zmq_bridge.simulator.broker.faults import Fault
from zmq_bridge.simulator.broker.rollover import DAY_MS
from zmq_bridge.simulator.broker.symbols import spec_for
from zmq_bridge.simulator.errors import SimulatorError

CENT = D("0.01")
SYMBOLS = ("EURUSD", "USDJPY")
BASE = {"EURUSD": (110_000, 5), "USDJPY": (150_000, 3)}

Step = Callable[[Desk], None]


def price(symbol: str, points: int) -> str:
    base, digits = BASE[symbol]
    return str(D(base + points).scaleb(-digits))


def quote(symbol: str, points: int, spread: int, after_ms: int) -> Step:
    return lambda desk: desk.quote(symbol, price(symbol, points), price(symbol, points + spread), after_ms=after_ms)


def market(symbol: str, side: str, lots: int, stop: int) -> Step:
    def step(desk: Desk) -> None:
        sl = price(symbol, -stop if side == "buy" else stop) if stop else "0"
        desk.market(side, str(D(lots) * CENT), symbol, sl=sl, filling=Filling.IOC)

    return step


def pending(symbol: str, kind: str, lots: int, points: int) -> Step:
    second = {"stoplimit": price(symbol, points)} if kind.endswith("stop_limit") else {}
    return lambda desk: ignore(desk.pending(kind, str(D(lots) * CENT), price(symbol, points), symbol, **second))


def close(which: int, hundredths: int) -> Step:
    def step(desk: Desk) -> None:
        held = list(desk.broker.core.books.positions.values())
        if held:
            chosen = held[which % len(held)]
            part = max(CENT, (chosen.volume * hundredths / 100).quantize(CENT))
            desk.close(chosen.ticket, str(min(part, chosen.volume)))

    return step


def close_by(which: int, other: int) -> Step:
    def step(desk: Desk) -> None:
        held = list(desk.broker.core.books.positions)
        if held:
            desk.send(Action.CLOSE_BY, position=held[which % len(held)], position_by=held[other % len(held)])

    return step


def cash(type: DealType, cents: int) -> Step:
    def step(desk: Desk) -> None:
        try:
            desk.broker.cash(type, D(cents) * CENT)
        except SimulatorError:
            pass

    return step


def fault(kind: str, lots: int) -> Step:
    return lambda desk: desk.broker.plan(
        Fault(kind=kind, volume=D(lots) * CENT, retcode=10009 if kind == "execute_answer" else 10006, points=lots)
    )


def ignore(_: Any) -> None:
    """Refusals are as good as executions here."""


symbols = st.sampled_from(SYMBOLS)
points = st.integers(-2000, 2000)
pending_kinds = st.sampled_from([kind.value for kind in OrderType if kind.is_pending])
steps = st.one_of(
    st.builds(quote, symbols, points, st.integers(0, 30), st.sampled_from([0, 1, 1000, DAY_MS // 2])),
    st.builds(market, symbols, st.sampled_from(["buy", "sell"]), st.integers(1, 300), st.integers(0, 3000)),
    st.builds(pending, symbols, pending_kinds, st.integers(1, 100), points),
    st.builds(close, st.integers(0, 9), st.integers(1, 100)),
    st.builds(close_by, st.integers(0, 9), st.integers(0, 9)),
    st.builds(cash, st.sampled_from([DealType.BALANCE, DealType.CREDIT, DealType.CHARGE]), st.integers(-10**6, 10**6)),
    st.builds(fault, st.sampled_from(["partial", "delay", "slip", "execute_answer"]), st.integers(1, 50)),
)
lives = st.lists(steps, min_size=12, max_size=50)
modes = st.sampled_from(["hedging", "netting"])


def live(life: list[Step], mode: str, journal: Path | None = None) -> Desk:
    desk = Desk(journal, margin_mode=mode, symbols=tuple(spec_for(symbol) for symbol in SYMBOLS), shuffle_seed=3)
    for symbol in SYMBOLS:
        desk.quote(symbol, price(symbol, 0), price(symbol, 10))
    for step in life:
        step(desk)
        check(desk)
    return desk


def check(desk: Desk) -> None:
    """Recompute everything from the deals and positions, without the broker's own arithmetic."""
    books, now = desk.broker.books(), desk.broker.account()
    deals = books["deals"]
    money = [deal.profit + deal.commission + deal.swap + deal.fee for deal in deals]
    is_credit = [deal.type is DealType.CREDIT for deal in deals]
    assert now.balance == sum((m for m, credit in zip(money, is_credit, strict=True) if not credit), D(0))
    assert now.credit == sum((m for m, credit in zip(money, is_credit, strict=True) if credit), D(0))
    assert all(m == m.quantize(CENT) for m in money)
    floating = sum((worth(desk, position) + position.swap for position in books["positions"]), D(0))
    assert now.equity == now.balance + now.credit + floating
    assert now.margin == margin(desk, books["positions"])
    assert now.margin_free == now.equity - now.margin
    for position in books["positions"]:
        assert position.volume > 0
        assert position.volume == open_volume(deals, position.ticket)
    tickets = [deal.ticket for deal in deals]
    assert tickets == sorted(set(tickets))
    assert not set(desk.broker.core.books.orders) & set(desk.broker.core.books.orders_done)


def worth(desk: Desk, position: Any) -> D:
    tick = desk.broker.core.market.last[position.symbol]
    closing = D(str(tick.bid if position.side.value == "buy" else tick.ask))
    move = (closing - position.price_open) * (1 if position.side.value == "buy" else -1)
    gain = move * position.volume * 100_000
    if position.symbol == "USDJPY":
        gain /= D(str(tick.ask if gain > 0 else tick.bid))
    return D(gain.quantize(CENT, rounding=ROUND_HALF_UP))


def margin(desk: Desk, positions: list[Any]) -> D:
    total = D(0)
    for symbol in SYMBOLS:
        legs = {side: D(0) for side in ("buy", "sell")}
        for position in positions:
            if position.symbol == symbol:
                legs[position.side.value] += position.volume * 1000 * position.margin_rate
        total += max(legs.values()).quantize(CENT, rounding=ROUND_HALF_UP)
    return total


def open_volume(deals: list[Any], ticket: int) -> D:
    """What the deals of a position leave open: ins minus outs, a turn leaves its own rest."""
    left = D(0)
    for deal in deals:
        if deal.position == ticket and deal.symbol:
            left = {"in": left + deal.volume, "inout": deal.volume - left}.get(deal.entry.value, left - deal.volume)
    return left


@given(lives, modes)
@settings(max_examples=150, deadline=None)
def test_balance_equity_margin_and_volumes_follow_from_the_deals(life: list[Step], mode: str) -> None:
    live(life, mode)


@given(lives, modes)
@settings(max_examples=40, deadline=None)
def test_a_broker_read_back_from_its_journal_has_the_same_books(life: list[Step], mode: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        journal = Path(directory) / "broker.journal"
        desk = live(life, mode, journal)
        before = desk.broker.books()
        quotes = {symbol: [tick] for symbol, tick in desk.broker.core.market.last.items()}
        desk.end()
        again = Desk(journal, margin_mode=mode, symbols=desk.broker.core.config.symbols)
        again.broker.core.market.restore(quotes)
        assert again.broker.books() == before
        again.now_msc = desk.now_msc
        again.quote("EURUSD", "1.10000", "1.10010")
        assert again.market("buy", "0.01").order not in {order.ticket for order in before["orders_done"]}
        again.end()


@given(lives, modes)
@settings(max_examples=30, deadline=None)
def test_the_same_inputs_give_the_same_books(life: list[Step], mode: str) -> None:
    assert live(life, mode).broker.books() == live(life, mode).broker.books()


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 50), points), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_hedged_and_netted_trades_end_in_the_same_money_but_for_rounding(
    trades: list[tuple[str, int, int]],
) -> None:
    """Without costs and with all closed at the end, netting changes when money is booked, not how much."""
    balances = []
    for mode in ("hedging", "netting"):
        desk = Desk(margin_mode=mode, symbols=free_of_costs("EURUSD"), deposit=D(10**9), stop_out_level=D(0))
        for side, lots, where in trades:
            desk.quote("EURUSD", price("EURUSD", where), price("EURUSD", where + 5))
            desk.market(side, str(D(lots) * CENT))
        desk.quote("EURUSD", price("EURUSD", 0), price("EURUSD", 0))
        for ticket in list(desk.broker.core.books.positions):
            desk.close(ticket)
        balances.append(desk.broker.account().balance)
    assert abs(balances[0] - balances[1]) <= CENT * len(trades)


def test_the_default_account_is_the_demo_that_the_docs_promise() -> None:
    config = BrokerConfig()
    assert (config.login, config.server, config.currency, config.leverage) == (123456, "Simulated-Demo", "USD", 100)
    assert [spec.symbol for spec in config.symbols] == ["EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "EURUSD.z"]
    assert (config.margin_mode, config.deposit) == ("hedging", D("10000.00"))
