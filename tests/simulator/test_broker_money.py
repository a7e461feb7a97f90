"""Money by hand: margins, profits, commission, swap, balances. Every expected number was worked out on paper."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from tests.simulator.world import MONDAY_MSC, Desk, free_of_costs
from zmq_bridge.simulator.broker.enums import DealEntry, DealType, Side
from zmq_bridge.simulator.broker.formulas import MARGIN
from zmq_bridge.simulator.broker.model import Deal, SymbolSpec
from zmq_bridge.simulator.broker.rollover import DAY_MS
from zmq_bridge.simulator.broker.symbols import spec_for
from zmq_bridge.simulator.errors import SimulatorError

DAY_TO_MS = {name: number * DAY_MS for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat"))}


def test_margin_of_vector_v7() -> None:
    desk = Desk()
    desk.quote("EURUSD", "1.08490", "1.08500")
    desk.market("buy", "0.96", sl="1.08300")
    assert desk.broker.account().margin == D("1041.60")


def test_loss_of_vector_v7_at_its_stop() -> None:
    """0.96 lots from 1.08500 to 1.08300, 7.00 a lot round trip: 192.00 + 6.72 = the vector's risk of 198.72."""
    desk = Desk(symbols=(spec_for("EURUSD"),))
    desk.quote("EURUSD", "1.08490", "1.08500")
    desk.market("buy", "0.96", sl="1.08300")
    desk.quote("EURUSD", "1.08300", "1.08310")
    assert desk.broker.account().balance == D("10000.00") - D("198.72")


def test_margin_of_vector_v8_gold() -> None:
    desk = Desk(leverage=20)
    desk.quote("XAUUSD", "2350.30", "2350.50")
    desk.market("buy", "0.23", "XAUUSD")
    assert desk.broker.account().margin == D("2703.08")


def test_margin_of_vector_v8_cross_currency() -> None:
    """GBPJPY: pounds are margined, at GBPUSD's ask; yen are the profit, at USDJPY's ask when they come in."""
    desk = Desk(symbols=free_of_costs("GBPJPY", "GBPUSD", "USDJPY"))
    desk.quote("GBPUSD", "1.26540", "1.26550")
    desk.quote("USDJPY", "151.190", "151.200")
    desk.quote("GBPJPY", "191.330", "191.350")
    desk.market("buy", "0.49", "GBPJPY")
    assert desk.broker.account().margin == D("620.10")
    assert desk.broker.account().profit == D("-6.48")  # -0.020 * 49000 = -980 yen, bought at 151.190


def test_loss_of_vector_v8_usdjpy_at_its_stop() -> None:
    """0.97 lots, 0.300 against it: 29100 yen at 151.500 are 192.08; the vector's own conversion is at the entry."""
    desk = Desk(symbols=(spec_for("USDJPY"),))
    desk.quote("USDJPY", "151.200", "151.210")
    desk.market("sell", "0.97", "USDJPY", sl="151.500")
    desk.quote("USDJPY", "151.490", "151.500")
    deal = list(desk.broker.core.books.deals.values())[-1]
    assert deal.profit == D("-192.09")  # the yen that are owed are bought at the bid: 29100 / 151.490
    assert deal.commission == D("-3.40")  # 3.395, half away from zero


def test_balance_of_vector_v6_is_the_sum_of_its_deals() -> None:
    """The vector's deals, put into the books as they stand; ticket 3 arrives twice and counts once."""
    desk = Desk(deposit=D(0))
    columns = [
        (1, "balance", "in", "10000.00", "0", "0", "0"),
        (2, "buy", "in", "0", "-3.50", "0", "0"),
        (3, "sell", "out", "120.40", "-3.50", "-1.25", "0"),
        (4, "buy", "in", "0", "-1.75", "0", "-0.10"),
        (5, "sell", "inout", "-42.15", "-3.50", "0", "-0.20"),
        (6, "charge", "in", "-5.00", "0", "0", "0"),
        (7, "balance", "out", "-500.00", "0", "0", "0"),
        (8, "credit", "in", "200.00", "0", "0", "0"),
    ]
    for ticket, type, entry, profit, commission, swap, fee in columns:
        desk.broker.core.books.put(
            Deal(
                ticket=ticket, order=0, position=0, symbol="", type=DealType(type), entry=DealEntry(entry), volume=D(0),
                price=D(0), profit=D(profit), commission=D(commission), swap=D(swap), fee=D(fee), time_msc=MONDAY_MSC,
            )
        )  # fmt: skip
    now = desk.broker.account()
    assert (now.balance, now.credit, now.equity) == (D("9559.45"), D("200.00"), D("9759.45"))


def test_a_round_trip_to_the_cent() -> None:
    """Buy 0.37 at 1.10010, sell at 1.10123: 41.81; commission 1.295 -> 1.30 on each side."""
    desk = Desk(symbols=(spec_for("EURUSD"),))
    desk.quote("EURUSD", "1.10000", "1.10010")
    ticket = desk.market("buy", "0.37").order
    assert desk.broker.account().balance == D("9998.70")
    desk.quote("EURUSD", "1.10123", "1.10130")
    desk.close(ticket)
    deals = list(desk.broker.core.books.deals.values())
    assert [deal.profit for deal in deals] == [D("10000.00"), D(0), D("41.81")]
    assert [deal.commission for deal in deals] == [D(0), D("-1.30"), D("-1.30")]
    assert desk.broker.account().balance == D("10039.21")
    assert desk.broker.account().equity == D("10039.21")
    assert desk.broker.account().margin == 0


def test_money_is_exact_in_an_account_without_decimals() -> None:
    desk = Desk(currency="JPY", currency_digits=0, deposit=D(1_000_000), symbols=free_of_costs("USDJPY"))
    desk.quote("USDJPY", "151.200", "151.210")
    ticket = desk.market("buy", "0.01", "USDJPY").order
    desk.quote("USDJPY", "151.2135", "151.220")
    desk.close(ticket)
    assert desk.broker.account().balance == D(1_000_004)  # 3.5 yen, half away from zero


def test_equity_follows_the_closing_side_and_both_conversion_sides() -> None:
    desk = Desk()
    desk.quote("USDJPY", "150.000", "150.020")
    desk.market("buy", "1.00", "USDJPY")
    assert desk.broker.account().profit == D("-13.33")  # -2000 yen bought at the bid: / 150.000
    desk.quote("USDJPY", "150.120", "150.140")
    assert desk.broker.account().profit == D("66.60")  # 10000 yen sold at the ask: / 150.140


def test_an_account_in_euro_converts_by_the_inverse_pair() -> None:
    desk = Desk(currency="EUR", symbols=free_of_costs("EURUSD", "GBPUSD"))
    desk.quote("EURUSD", "1.10000", "1.10010")
    desk.quote("GBPUSD", "1.25000", "1.25020")
    desk.market("buy", "1.00", "GBPUSD")
    now = desk.broker.account()
    assert now.margin == D("1136.55")  # 1000 pounds * 1.25020 USD / 1.10000: the euros that would buy them
    assert now.profit == D("-18.18")  # -20 USD / 1.10000


def test_opposite_positions_of_a_symbol_are_margined_by_the_larger_leg() -> None:
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10000")
    desk.market("buy", "1.00")
    desk.market("sell", "0.60")
    assert desk.broker.account().margin == D("1100.00")


@pytest.mark.parametrize(
    ("mode", "changes", "margin", "profit"),
    [
        ("forex", {}, "2.00", "60.00"),  # 2 lots * 100 / 100; 0.3 * 2 * 100
        ("forex_no_leverage", {}, "200.00", "60.00"),
        ("cfd", {}, "3000.00", "60.00"),  # 2 * 100 * 15.0
        ("exch_stocks", {}, "3000.00", "60.00"),
        ("cfd_leverage", {}, "30.00", "60.00"),
        ("cfd_index", {"tick_size": D("0.5"), "tick_value_fixed": D("12.5")}, "75000.00", "15.00"),
        ("futures", {"tick_size": D("0.1"), "tick_value_fixed": D("5"), "margin_initial": D(700)}, "1400.00", "30.00"),
        ("exch_futures", {"tick_size": D("0.1"), "tick_value_fixed": D("5"), "margin_initial": D(700)}, "1400.00",
         "30.00"),
        ("forex", {"margin_initial": D(500)}, "1000.00", "60.00"),
    ],
)  # fmt: skip
def test_every_calculation_mode_by_hand(mode: str, changes: dict[str, Any], margin: str, profit: str) -> None:
    """Two lots at 15.0, contract 100, everything in USD, then 0.3 up."""
    spec = SymbolSpec(
        symbol="THING", digits=1, contract_size=D(100), currency_base="USD", currency_profit="USD",
        currency_margin="USD", calc_mode=mode, commission_per_lot=D(0), **changes,
    )  # fmt: skip
    desk = Desk(symbols=(spec,), deposit=D(100_000))
    desk.quote("THING", "15.0", "15.0")
    desk.market("buy", "2.00", "THING")
    assert desk.broker.account().margin == D(margin)
    desk.quote("THING", "15.3", "15.3")
    assert desk.broker.account().profit == D(profit)


def test_every_calculation_mode_of_the_wire_is_there() -> None:
    assert set(MARGIN) == {
        "forex", "forex_no_leverage", "futures", "cfd", "cfd_index", "cfd_leverage", "exch_stocks", "exch_futures"
    }  # fmt: skip


def desk_with_swap(**changes: object) -> Desk:
    spec = replace(spec_for("EURUSD"), commission_per_lot=D(0), **{"swap_long": D("-6.5"), **changes})  # type: ignore[arg-type]
    desk = Desk(symbols=(spec,))
    desk.quote("EURUSD", "1.10000", "1.10000")
    return desk


def test_swap_is_booked_at_the_servers_midnight_and_leaves_with_the_close() -> None:
    """Monday to Tuesday, 1 lot, -6.5 points: -6.50. It is floating until the close."""
    desk = desk_with_swap()
    ticket = desk.market("buy", "1.00").order
    desk.quote("EURUSD", "1.10000", "1.10000", after_ms=DAY_TO_MS["tue"])
    assert desk.position(ticket).swap == D("-6.50")
    assert (desk.broker.account().balance, desk.broker.account().equity) == (D("10000.00"), D("9993.50"))
    desk.close(ticket)
    deal = list(desk.broker.core.books.deals.values())[-1]
    assert (deal.swap, deal.profit) == (D("-6.50"), D("0.00"))
    assert desk.broker.account().balance == D("9993.50")


def test_the_week_has_seven_swaps_in_five_nights_wednesday_three() -> None:
    desk = desk_with_swap()
    ticket = desk.market("buy", "1.00").order
    swaps = []
    for _ in range(7):
        desk.quote("EURUSD", "1.10000", "1.10000", after_ms=DAY_MS)
        swaps.append(desk.position(ticket).swap)
    nights = [after - before for before, after in zip([D(0), *swaps], swaps, strict=False)]
    assert nights == [D("-6.50"), D("-6.50"), D("-19.50"), D("-6.50"), D("-6.50"), 0, 0]


def test_nights_without_ticks_are_made_up_for_but_a_pause_of_the_world_is_not() -> None:
    desk = desk_with_swap()
    ticket = desk.market("buy", "1.00").order
    desk.quote("EURUSD", "1.10000", "1.10000", after_ms=2 * DAY_MS)
    assert desk.position(ticket).swap == D("-13.00")
    desk.quote("EURUSD", "1.10000", "1.10000", after_ms=400 * DAY_MS)
    assert desk.position(ticket).swap == D("-13.00")


def test_swap_in_money_and_in_a_foreign_profit_currency() -> None:
    money = desk_with_swap(swap_mode="currency_deposit", swap_short=D("2.25"))
    ticket = money.market("sell", "0.30").order
    money.quote("EURUSD", "1.10000", "1.10000", after_ms=DAY_MS)
    assert money.position(ticket).swap == D("0.68")  # 0.675
    yen = Desk(symbols=(replace(spec_for("USDJPY"), commission_per_lot=D(0)),))
    yen.quote("USDJPY", "150.000", "150.000")
    ticket = yen.market("sell", "1.00", "USDJPY").order
    yen.quote("USDJPY", "150.000", "150.000", after_ms=DAY_MS)
    assert yen.position(ticket).swap == D("-12.27")  # -18.4 * 0.001 * 100000 = -1840 yen / 150


def test_a_partial_close_takes_its_share_of_the_swap_and_leaves_the_rest() -> None:
    desk = desk_with_swap(swap_long=D("-3.335"))
    ticket = desk.market("buy", "1.00").order
    desk.quote("EURUSD", "1.10000", "1.10000", after_ms=DAY_MS)
    assert desk.position(ticket).swap == D("-3.34")
    for _ in range(3):
        desk.close(ticket, "0.33")
    desk.close(ticket, "0.01")
    swaps = [deal.swap for deal in desk.broker.core.books.deals.values()][2:]
    assert swaps == [D("-1.10"), D("-1.10"), D("-1.11"), D("-0.03")]
    assert sum(swaps) == D("-3.34")


def test_stop_out_closes_the_largest_loss_first_and_no_more_than_needed() -> None:
    """5 lots + 3 lots at 1.10 with 1:100: margin 8800. Equity meets 50 % of it at 4400: a fall of 70 points in all."""
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10000")
    large, small = desk.market("buy", "5.00").order, desk.market("buy", "3.00").order
    desk.quote("EURUSD", "1.09301", "1.09301")
    assert desk.broker.account().margin_level == D("50.09")
    assert len(desk.broker.core.books.positions) == 2
    desk.quote("EURUSD", "1.09300", "1.09300")
    assert list(desk.broker.core.books.positions) == [small]
    deal = list(desk.broker.core.books.deals.values())[-1]
    assert (deal.position, deal.reason.value, deal.comment, deal.profit) == (large, "so", "[so 50.00%]", D("-3500.00"))
    assert desk.broker.account().margin == D("3300.00")


def test_an_account_can_fall_below_zero_in_a_gap_and_its_books_say_so() -> None:
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10000")
    desk.market("buy", "8.00")
    desk.quote("EURUSD", "1.05000", "1.05000")
    assert not desk.broker.core.books.positions
    assert desk.broker.account().balance == D("-30000.00")


@pytest.mark.parametrize(
    ("type", "amount", "balance", "credit", "entry"),
    [
        ("balance", "250.55", "10250.55", "0", "in"),
        ("balance", "-9999.99", "0.01", "0", "out"),
        ("credit", "200.00", "10000.00", "200.00", "in"),
        ("charge", "-5.00", "9995.00", "0", "out"),
        ("dividend", "1.23", "10001.23", "0", "in"),
    ],
)
def test_cash_goes_where_it_belongs(type: str, amount: str, balance: str, credit: str, entry: str) -> None:
    desk = Desk()
    deal = desk.broker.cash(DealType(type), D(amount), "note")
    now = desk.broker.account()
    assert (now.balance, now.credit, now.equity) == (D(balance), D(credit), D(balance) + D(credit))
    assert (deal.entry.value, deal.symbol, deal.order, deal.position) == (entry, "", 0, 0)


@pytest.mark.parametrize(
    ("type", "amount", "needed"),
    [
        ("balance", "0", "other than 0"),
        ("balance", "0.001", "at most 2 decimals"),
        ("balance", "NaN", "other than 0"),
        ("balance", "-10000.01", "at most 10000.00 free"),
        ("credit", "-0.01", "at most the credit of 0"),
        ("buy", "1", "type: expected one of"),
    ],
)
def test_cash_that_cannot_be_booked_is_refused_and_changes_nothing(type: str, amount: str, needed: str) -> None:
    desk = Desk()
    before = desk.broker.books()
    with pytest.raises(SimulatorError, match=needed):
        desk.broker.cash(DealType(type), D(amount))
    assert desk.broker.books() == before


def test_money_that_secures_positions_cannot_be_withdrawn() -> None:
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10000")
    desk.market("buy", "1.00")
    with pytest.raises(SimulatorError, match=r"at most 8900\.00"):
        desk.broker.cash(DealType.BALANCE, D("-8900.01"))
    desk.broker.cash(DealType.BALANCE, D("-8900.00"))
    assert desk.broker.account().margin_free == 0


def test_margin_does_not_float_with_the_rate() -> None:
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10000")
    desk.market("buy", "1.00")
    desk.quote("EURUSD", "1.20000", "1.20000")
    assert desk.broker.account().margin == D("1100.00")


def test_a_side_knows_its_sign() -> None:
    assert (Side.BUY.sign, Side.SELL.sign, Side.BUY.opposite) == (1, -1, Side.SELL)
