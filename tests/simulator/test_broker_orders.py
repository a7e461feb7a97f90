"""Every order type, every trigger, at the quiet price and behind a gap; hedging and netting."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.simulator.world import MONDAY_MSC, Desk, free_of_costs
from zmq_bridge.simulator.broker.enums import Action, Filling, OrderState, OrderType
from zmq_bridge.simulator.broker.model import Deal


@pytest.fixture
def desk() -> Desk:
    """A hedging account; EURUSD at 1.10000 / 1.10010."""
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10010")
    return desk


@pytest.fixture
def netting() -> Desk:
    """A netting account; EURUSD at 1.10000 / 1.10010."""
    desk = Desk(margin_mode="netting")
    desk.quote("EURUSD", "1.10000", "1.10010")
    return desk


def deals(desk: Desk) -> list[Deal]:
    """Deals of trades, oldest first."""
    return [deal for deal in desk.broker.core.books.deals.values() if deal.symbol]


def test_market_orders_fill_at_their_side_of_the_quote(desk: Desk) -> None:
    assert desk.market("buy", "0.10").price == D("1.1001")
    assert desk.market("sell", "0.10").price == D("1.1")


def test_an_order_a_deal_and_a_position_belong_together(desk: Desk) -> None:
    result = desk.market("buy", "0.10", sl="1.09", tp="1.12", magic=7, comment="01ARZ3NDEKTSV4RRFFQ69G5FAV and more")
    deal = deals(desk)[0]
    position = desk.position(result.order)
    order = desk.broker.core.books.orders_done[result.order]
    assert (deal.order, deal.position, deal.ticket) == (result.order, position.ticket, result.deal)
    assert (order.state, order.volume_current) == (OrderState.FILLED, D(0))
    assert deal.comment == position.comment == "01ARZ3NDEKTSV4RRFFQ69G5FAV and "  # 31 characters, as MT5 cuts it
    assert (position.sl, position.tp, position.magic) == (D("1.09"), D("1.12"), 7)
    assert result.order > 2**32


PENDING = [
    # type, its price, a quote that does not reach it, one that does, the price that it then gets
    ("buy_limit", "1.09500", ("1.09491", "1.09501"), ("1.09490", "1.09500"), "1.095"),
    ("buy_limit", "1.09500", ("1.09491", "1.09501"), ("1.09300", "1.09310"), "1.0931"),  # a gap in its favour
    ("sell_limit", "1.10500", ("1.10499", "1.10509"), ("1.10500", "1.10510"), "1.105"),
    ("sell_limit", "1.10500", ("1.10499", "1.10509"), ("1.10700", "1.10710"), "1.107"),
    ("buy_stop", "1.10500", ("1.10489", "1.10499"), ("1.10490", "1.10500"), "1.105"),
    ("buy_stop", "1.10500", ("1.10489", "1.10499"), ("1.10700", "1.10710"), "1.1071"),  # a gap against it
    ("sell_stop", "1.09500", ("1.09501", "1.09511"), ("1.09500", "1.09510"), "1.095"),
    ("sell_stop", "1.09500", ("1.09501", "1.09511"), ("1.09300", "1.09310"), "1.093"),
]


@pytest.mark.parametrize(("kind", "price", "near", "reached", "filled_at"), PENDING)
def test_pending_orders_wait_for_their_price_and_fill_at_what_the_market_gives(
    desk: Desk, kind: str, price: str, near: tuple[str, str], reached: tuple[str, str], filled_at: str
) -> None:
    placed = desk.pending(kind, "0.20", price)
    desk.quote("EURUSD", *near)
    assert desk.broker.core.books.orders[placed.order].state is OrderState.PLACED
    assert not deals(desk)
    desk.quote("EURUSD", *reached)
    deal = deals(desk)[0]
    assert (deal.order, deal.price, deal.volume) == (placed.order, D(filled_at), D("0.20"))
    assert deal.type.value == kind.partition("_")[0]
    assert not desk.broker.core.books.orders
    assert desk.position(placed.order).price_open == D(filled_at)


def test_a_buy_stop_limit_becomes_a_limit_at_its_second_price(desk: Desk) -> None:
    ticket = desk.pending("buy_stop_limit", "0.20", "1.10500", stoplimit="1.10300").order
    desk.quote("EURUSD", "1.10290", "1.10300")
    assert desk.broker.core.books.orders[ticket].type is OrderType.BUY_STOP_LIMIT
    desk.quote("EURUSD", "1.10490", "1.10500")
    order = desk.broker.core.books.orders[ticket]
    assert (order.type, order.price_open) == (OrderType.BUY_LIMIT, D("1.10300"))
    desk.quote("EURUSD", "1.10291", "1.10301")
    assert not deals(desk)
    desk.quote("EURUSD", "1.10285", "1.10295")
    assert deals(desk)[0].price == D("1.10295")


def test_a_sell_stop_limit_whose_limit_is_there_already_fills_at_once(desk: Desk) -> None:
    desk.pending("sell_stop_limit", "0.20", "1.09500", stoplimit="1.09500")
    desk.quote("EURUSD", "1.09500", "1.09510")
    assert deals(desk)[0].price == D("1.095")


@pytest.mark.parametrize(
    ("side", "sl", "tp", "near", "hit", "price", "reason"),
    [
        ("buy", "1.09500", "1.10500", ("1.09501", "1.09511"), ("1.09500", "1.09510"), "1.095", "sl"),
        ("buy", "1.09500", "1.10500", ("1.09501", "1.09511"), ("1.09200", "1.09210"), "1.092", "sl"),
        ("buy", "1.09500", "1.10500", ("1.10499", "1.10509"), ("1.10500", "1.10510"), "1.105", "tp"),
        ("buy", "1.09500", "1.10500", ("1.10499", "1.10509"), ("1.10800", "1.10810"), "1.108", "tp"),
        ("sell", "1.10500", "1.09500", ("1.10489", "1.10499"), ("1.10490", "1.10500"), "1.105", "sl"),
        ("sell", "1.10500", "1.09500", ("1.10489", "1.10499"), ("1.10800", "1.10810"), "1.1081", "sl"),
        ("sell", "1.10500", "1.09500", ("1.09491", "1.09501"), ("1.09490", "1.09500"), "1.095", "tp"),
        ("sell", "1.10500", "1.09500", ("1.09491", "1.09501"), ("1.09000", "1.09010"), "1.0901", "tp"),
    ],
)
def test_stops_trigger_on_the_closing_side_and_fill_behind_a_gap(
    desk: Desk, side: str, sl: str, tp: str, near: tuple[str, str], hit: tuple[str, str], price: str, reason: str
) -> None:
    ticket = desk.market(side, "0.10", sl=sl, tp=tp, magic=9, comment="mine").order
    desk.quote("EURUSD", *near)
    assert ticket in desk.broker.core.books.positions
    desk.quote("EURUSD", *hit)
    deal = deals(desk)[-1]
    assert not desk.broker.core.books.positions
    level = sl if reason == "sl" else tp
    assert (deal.entry.value, deal.price, deal.reason.value) == ("out", D(price), reason)
    assert (deal.position, deal.magic, deal.comment) == (ticket, 9, f"[{reason} {level}]")


def test_a_position_opened_by_a_tick_is_not_stopped_by_the_same_tick(desk: Desk) -> None:
    desk.pending("buy_stop", "0.10", "1.10500", sl="1.10480")
    desk.quote("EURUSD", "1.10470", "1.10500")
    assert len(desk.broker.core.books.positions) == 1
    desk.quote("EURUSD", "1.10470", "1.10500")
    assert not desk.broker.core.books.positions


def test_pending_orders_expire_by_the_servers_clock_before_they_could_fill(desk: Desk) -> None:
    ticket = desk.pending("buy_limit", "0.10", "1.09500", expiration_msc=MONDAY_MSC + 5000).order
    desk.quote("EURUSD", "1.10000", "1.10010", after_ms=3999)
    assert ticket in desk.broker.core.books.orders
    desk.quote("EURUSD", "1.09000", "1.09010", after_ms=1)
    assert desk.broker.core.books.orders_done[ticket].state is OrderState.EXPIRED
    assert not deals(desk)


def test_a_tick_of_another_symbol_expires_orders_but_fills_none(desk: Desk) -> None:
    expiring = desk.pending("buy_limit", "0.10", "1.09500", expiration_msc=MONDAY_MSC + 5000).order
    resting = desk.pending("buy_limit", "0.10", "1.09500").order
    desk.quote("GBPUSD", "1.00000", "1.00010", after_ms=60_000)
    assert expiring not in desk.broker.core.books.orders
    assert resting in desk.broker.core.books.orders


def test_a_pending_order_without_money_is_rejected_when_its_price_comes(desk: Desk) -> None:
    ticket = desk.pending("buy_limit", "50.00", "1.09500").order
    desk.quote("EURUSD", "1.09490", "1.09500")
    assert desk.broker.core.books.orders_done[ticket].state is OrderState.REJECTED
    assert not deals(desk)


def test_partial_close_keeps_the_ticket_and_the_opening_price(desk: Desk) -> None:
    ticket = desk.market("buy", "0.30").order
    desk.quote("EURUSD", "1.10110", "1.10120")
    result = desk.close(ticket, "0.10")
    assert (result.volume, desk.position(ticket).volume, desk.position(ticket).price_open) == (
        D("0.10"), D("0.20"), D("1.1001")
    )  # fmt: skip
    assert (deals(desk)[-1].entry.value, deals(desk)[-1].profit) == ("out", D("10.00"))


def test_close_by_pays_the_difference_of_the_opening_prices_once(desk: Desk) -> None:
    long = desk.market("buy", "0.30").order
    desk.quote("EURUSD", "1.10510", "1.10520")
    short = desk.market("sell", "0.20").order
    desk.quote("EURUSD", "1.05000", "1.15000")  # where the market is by now does not matter
    result = desk.send(Action.CLOSE_BY, position=long, position_by=short)
    first, second = deals(desk)[-2:]
    assert {first.entry.value, second.entry.value} == {"out_by"}
    assert (first.position, first.profit, first.type.value) == (long, D("100.00"), "sell")  # 0.00500 * 20000
    assert (second.position, second.profit, second.type.value) == (short, D("0.00"), "buy")
    assert result.deals == (first.ticket, second.ticket)
    assert desk.position(long).volume == D("0.10")
    assert short not in desk.broker.core.books.positions
    assert desk.broker.account().balance == D("10100.00")


def test_stops_of_a_position_can_be_set_moved_and_removed(desk: Desk) -> None:
    ticket = desk.market("buy", "0.10").order
    for sl, tp in (("1.09", "1.12"), ("1.095", "1.12"), ("0", "0")):
        assert desk.send(Action.SLTP, position=ticket, sl=sl, tp=tp).retcode == 10009
        assert (desk.position(ticket).sl, desk.position(ticket).tp) == (D(sl), D(tp))


def test_a_pending_order_can_be_changed_and_removed(desk: Desk) -> None:
    ticket = desk.pending("buy_limit", "0.10", "1.09500").order
    result = desk.send(Action.MODIFY, order=ticket, price="1.09000", sl="1.08000", tp="1.10000")
    order = desk.broker.core.books.orders[ticket]
    assert (result.retcode, order.price_open, order.sl, order.tp) == (10009, D("1.09"), D("1.08"), D("1.1"))
    assert desk.send(Action.REMOVE, order=ticket).retcode == 10009
    assert desk.broker.core.books.orders_done[ticket].state is OrderState.CANCELED


def test_hedging_keeps_opposite_positions_apart(desk: Desk) -> None:
    desk.market("buy", "0.30")
    desk.market("sell", "0.30")
    assert len(desk.broker.core.books.positions) == 2


def test_netting_adds_at_the_average_price(netting: Desk) -> None:
    ticket = netting.market("buy", "0.10", sl="1.09").order
    netting.quote("EURUSD", "1.10300", "1.10310")
    netting.market("buy", "0.20", tp="1.12")
    position = netting.position(ticket)
    assert (position.volume, position.price_open) == (D("0.30"), D("1.1021"))  # (1.1001 + 2 * 1.1031) / 3
    assert (position.sl, position.tp) == (D("1.09"), D("1.12"))
    assert [deal.entry.value for deal in deals(netting)] == ["in", "in"]


def test_netting_reduces_and_closes_with_the_opposite_side(netting: Desk) -> None:
    ticket = netting.market("buy", "0.30").order
    netting.quote("EURUSD", "1.10110", "1.10120")
    netting.market("sell", "0.10")
    assert netting.position(ticket).volume == D("0.20")
    netting.market("sell", "0.20")
    assert not netting.broker.core.books.positions
    assert [(deal.entry.value, deal.profit) for deal in deals(netting)] == [
        ("in", D("0")), ("out", D("10.00")), ("out", D("20.00"))
    ]  # fmt: skip


def test_netting_turns_a_position_with_one_deal(netting: Desk) -> None:
    ticket = netting.market("buy", "0.10", sl="1.09").order
    netting.quote("EURUSD", "1.10110", "1.10120")
    netting.market("sell", "0.30", tp="1.09")
    deal = deals(netting)[-1]
    position = netting.position(ticket)
    assert (deal.entry.value, deal.volume, deal.profit, deal.position) == ("inout", D("0.30"), D("10.00"), ticket)
    assert (position.side.value, position.volume, position.price_open) == ("sell", D("0.20"), D("1.1011"))
    assert (position.sl, position.tp) == (D(0), D("1.09"))
    assert netting.broker.account().margin == D("220.22")  # 200 EUR at the bid of the turn


def test_the_same_trades_leave_the_same_balance_hedged_and_netted(desk: Desk, netting: Desk) -> None:
    for each in (desk, netting):
        first = each.market("buy", "0.30").order
        each.quote("EURUSD", "1.10333", "1.10345")
        each.close(first, "0.10")
        each.quote("EURUSD", "1.09777", "1.09789")
        each.close(first)
    assert desk.broker.account().balance == netting.broker.account().balance == D("9985.70")  # + 32.30 - 46.60


def test_a_comment_of_another_position_is_not_inherited_by_a_netted_close(netting: Desk) -> None:
    netting.market("buy", "0.10", comment="first")
    netting.market("sell", "0.10", comment="second")
    assert [deal.comment for deal in deals(netting)] == ["first", "second"]


def test_ioc_and_fok_fill_whole_when_nothing_goes_wrong(desk: Desk) -> None:
    for filling in (Filling.IOC, Filling.FOK):
        assert desk.market("buy", "0.10", filling=filling).volume == D("0.10")


def test_symbols_keep_the_brokers_spelling() -> None:
    desk = Desk(symbols=free_of_costs("EURUSD", "EURUSD.z"))
    desk.quote("EURUSD", "1.10000", "1.10010")
    assert desk.market("buy", "0.10", "EURUSD.z").retcode == 10021  # no quote of its own yet
    desk.quote("EURUSD.z", "1.20000", "1.20010")
    assert desk.market("buy", "0.10", "EURUSD.z").price == D("1.2001")
    assert desk.market("buy", "0.10", "eurusd").retcode == 10013
