"""Exposure by currency, leverage and margin with a book that is not empty, and figures that must not be mixed up."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risk import Approved, Code, Intent, Kind, assess
from risk.intent import OrderType, Side
from risk.report import report
from risk.snapshot import Compared, Snapshot
from tests.risk.world import NOW, D, account, intent, limits, pending, position, quote, reservation, snapshot, spec

RULES = limits(slippage_points=0, max_currency_exposure_percent="10000", max_leverage="1000",
               max_daily_loss_percent="90", max_total_exposure_percent="90", max_correlated_exposure_percent="90",
               min_margin_level_percent="0")  # fmt: skip
FLAT = {"EURUSD": quote("1.00000", "1.00000"), "USDJPY": quote("100.000", "100.000"), "GBPJPY": quote("200", "200"),
        "GBPUSD": quote("2.00000", "2.00000")}  # fmt: skip
JPY = {"tick_value": D(1)}
SPECS = {"EURUSD": spec("EURUSD"), "GBPUSD": spec("GBPUSD"), "USDJPY": spec("USDJPY", **JPY),
         "GBPJPY": spec("GBPJPY", **JPY)}  # fmt: skip
BUY = intent(sl=D("0.99800"), tp=D("1.01000"))  # 0.10 lots: 10 000 EUR against 10 000 USD
SELL = intent(side=Side.SELL, sl=D("1.00200"), tp=D("0.99000"))


def world(**changes: Any) -> Snapshot:
    return snapshot(**{"quotes": FLAT, "specs": SPECS, **changes})


def measured(wish: Intent, code: Code, **changes: Any) -> Decimal:
    """Return what a check of an approval measured."""
    verdict = assess(wish, world(**changes), RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    value = next(check.value for check in verdict.checks if check.code is code)
    assert isinstance(value, Decimal)
    return value


LONG = position(1, price_open=D(1), sl=D("0.99900"), tp=None)  # 10 000 EUR
SHORT = replace(LONG, ticket=2, side=Side.SELL, sl=D("1.00100"))
CABLE = position(3, symbol="GBPUSD", price_open=D(2), sl=D("1.99900"), tp=None)  # 10 000 GBP, 20 000 USD
YEN = position(4, symbol="USDJPY", price_open=D(100), sl=D("99.900"), tp=None)  # 10 000 USD bought
LIMIT = pending(5, price=D("0.99000"), sl=D("0.98800"), tp=None)  # 9 900 USD when it fills
SELL_LIMIT = replace(LIMIT, side=Side.SELL, price=D("1.01000"), sl=D("1.01200"))  # 10 100 USD
RESERVED = reservation(notional=D(10_000), margin=D(100))


@pytest.mark.parametrize(
    ("wish", "changes", "exposure"),
    [
        (BUY, {}, 10_000),
        (SELL, {}, 10_000),
        (BUY, {"positions": (LONG,)}, 20_000),
        (SELL, {"positions": (LONG,)}, 10_000),  # nets to nothing, but the sell may not fill first
        (BUY, {"positions": (SHORT,)}, 10_000),
        (SELL, {"positions": (SHORT,)}, 20_000),
        (BUY, {"positions": (CABLE,)}, 30_000),  # dollars sold twice
        (SELL, {"positions": (CABLE,)}, 20_000),
        (BUY, {"positions": (YEN,)}, 10_000),  # dollars bought and sold
        (SELL, {"positions": (YEN,)}, 20_000),
        (BUY, {"orders": (LIMIT,)}, 19_900),
        (SELL, {"orders": (LIMIT,)}, 10_000),  # what may fill never offsets
        (SELL, {"orders": (SELL_LIMIT,)}, 20_100),
        (BUY, {"orders": (SELL_LIMIT,)}, 10_100),
        (BUY, {"reservations": (RESERVED,)}, 20_000),
        (SELL, {"reservations": (RESERVED,)}, 10_000),
        (BUY, {"positions": (LONG, CABLE), "orders": (LIMIT,), "reservations": (RESERVED,)}, 59_900),
    ],
)
def test_the_largest_net_exposure_to_a_currency_whatever_fills(
    wish: Intent, changes: dict[str, Any], exposure: int
) -> None:
    assert measured(wish, Code.CURRENCY_EXPOSURE, **changes) == exposure


def test_a_net_short_book_is_as_exposed_as_a_long_one() -> None:
    for held, wish in (((SHORT, replace(SHORT, ticket=9)), BUY), ((LONG, replace(LONG, ticket=9)), SELL)):
        assert measured(wish, Code.CURRENCY_EXPOSURE, positions=held) == 20_000


def test_a_symbol_of_one_currency_exposes_none() -> None:
    specs = {**SPECS, "EURUSD": spec("EURUSD", currency_base="USD", currency_margin="USD")}
    assert measured(BUY, Code.CURRENCY_EXPOSURE, specs=specs) == 0
    assert measured(BUY, Code.CURRENCY_EXPOSURE, specs=specs, positions=(LONG,), orders=(LIMIT,)) == 0


def test_the_report_sees_the_same_largest_exposure() -> None:
    found = report(world(positions=(SHORT, CABLE), orders=(LIMIT, SELL_LIMIT)), RULES, NOW)
    used = next(u.used for u in found.usages if u.limit == "max_currency_exposure_percent")
    assert (
        used == 20_100
    )  # EUR: 10 000 short, and 10 100 more when the sell limit fills; GBP 20 000; USD net 10 000 short
    empty = report(world(), RULES, NOW)
    assert next(u.used for u in empty.usages if u.limit == "max_currency_exposure_percent") == 0
    assert next(u.used for u in empty.usages if u.limit == "max_correlated_exposure_percent") == 0


def test_leverage_adds_up_everything_whatever_the_side() -> None:
    book = {"positions": (LONG, SHORT, CABLE), "orders": (LIMIT, SELL_LIMIT), "reservations": (RESERVED,)}
    assert measured(BUY, Code.LEVERAGE_TOO_HIGH, **book) == 10_000 + 10_000 + 10_000 + 20_000 + 9_900 + 10_100 + 10_000


def test_margin_adds_up_what_is_pending_and_reserved() -> None:
    """100.00 each for 0.10 lots at 1:100: new, two pending, one reserved; what is open is in the account's figure."""
    book = {"positions": (LONG,), "orders": (LIMIT, SELL_LIMIT), "reservations": (RESERVED,)}
    assert measured(BUY, Code.MARGIN_INSUFFICIENT, **book) == 400
    verdict = assess(
        BUY, world(account=account(margin=D(100)), **book), replace(RULES, min_margin_level_percent=D(100)), NOW
    )
    assert isinstance(verdict, Approved)
    row = next(c for c in verdict.checks if c.code is Code.MARGIN_LEVEL_TOO_LOW)
    assert (row.value, row.limit) == (D(10_000), D(500))


def test_a_decision_shows_the_terminals_margin_beside_ours() -> None:
    gold = spec("XAUUSD", terminal_margin=Compared(given=D("2350.40"), low=D("2350.30"), high=D("2350.50")))
    wish = intent(symbol="XAUUSD", sl=D("2342.00"), tp=D("2370.00"), volume=D("0.01"), deviation_points=100)
    verdict = assess(wish, snapshot(specs={**snapshot().specs, "XAUUSD": gold}), limits(), NOW)
    assert isinstance(verdict, Approved), verdict
    row = next(c for c in verdict.checks if c.code is Code.MARGIN_DISAGREES)
    assert (row.value, row.limit) == (D("2350.40"), D("2350.50"))


def test_an_opening_takes_one_slot_and_the_rest_none() -> None:
    opened = assess(BUY, world(), RULES, NOW)
    assert isinstance(opened, Approved)
    assert opened.slots == 1
    closed = assess(Intent(account=7, kind=Kind.REDUCE, ticket=1), world(positions=(LONG,)), RULES, NOW)
    assert isinstance(closed, Approved)
    assert (closed.risk, closed.margin, closed.notional, closed.slots, closed.checks) == (D(0), D(0), D(0), 0, ())


def test_real_tickets_are_larger_than_any_count() -> None:
    big = 2**63 + 5
    held, order = replace(LONG, ticket=big), replace(LIMIT, ticket=big + 1)
    assert held.usable
    assert order.usable
    for wish in (
        Intent(account=7, kind=Kind.REDUCE, ticket=big, volume=D("0.05")),
        Intent(account=7, kind=Kind.CANCEL, ticket=big + 1),
        Intent(account=7, kind=Kind.MODIFY, ticket=big, sl=D("0.99950")),
    ):
        assert assess(wish, world(positions=(held,), orders=(order,)), RULES, NOW).approved


def test_cancelling_names_no_volume() -> None:
    verdict = assess(Intent(account=7, kind=Kind.CANCEL, ticket=5, volume=D(3)), world(orders=(LIMIT,)), RULES, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.volume is None


@pytest.mark.parametrize("volume", [D("NaN"), D(-1), None, "1"])
def test_a_position_of_unknown_volume_does_not_cut_a_close(volume: Any) -> None:
    odd = replace(LONG, volume=volume)
    verdict = assess(Intent(account=7, kind=Kind.REDUCE, ticket=1, volume=D(3)), world(positions=(odd,)), RULES, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.volume == 3


def test_the_right_position_cuts_a_close() -> None:
    other = replace(LONG, ticket=8, volume=D("0.01"))
    verdict = assess(
        Intent(account=7, kind=Kind.REDUCE, ticket=1, volume=D(3)), world(positions=(other, LONG)), RULES, NOW
    )
    assert isinstance(verdict, Approved)
    assert verdict.volume == D("0.10")


@pytest.mark.parametrize(("side", "price", "near"), [(Side.SELL, "1.00050", 50), (Side.BUY, "0.99950", 50)])
def test_a_pending_price_is_measured_from_its_side_of_the_market(side: Side, price: str, near: int) -> None:
    spread = {**FLAT, "EURUSD": quote("1.00000", "1.00020")}
    stop, target = ("1.00250", "0.99000") if side is Side.SELL else ("0.99750", "1.01000")
    wish = intent(side=side, order_type=OrderType.LIMIT, price=D(price), sl=D(stop), tp=D(target))
    distance = near if side is Side.SELL else near + 20
    for level, passes in ((distance, True), (distance + 1, False)):
        specs = {**SPECS, "EURUSD": spec("EURUSD", stops_level=level)}
        assert assess(wish, world(quotes=spread, specs=specs), RULES, NOW).approved is passes


def test_the_report_of_credit_and_positions_in_profit() -> None:
    held = replace(LONG, sl=D("0.99900"))
    found = report(
        world(account=account(credit=D(500)), positions=(held,)), limits(slippage_points=0, commission="10"), NOW
    )
    assert found.base == 9_500
    assert found.symbols[0].risk == D("10.50")  # 10 pips of 0.10 lots and half of 1.00 commission
    assert found.worst_case is not None
    assert found.worst_case.equity == D("9489.50")
    assert next(u.allowed for u in found.usages if u.limit == "max_total_exposure_percent") == 950


def test_currencies_of_the_report_go_on_after_one_that_cannot_be_valued() -> None:
    unknown, one, two = position(1, symbol="AAABBB"), replace(LONG, volume=D("NaN")), replace(SHORT, ticket=7)
    found = report(world(positions=(unknown, one, two)), RULES, NOW)
    assert {row.currency: row.net for row in found.currencies} == {"EUR": D(-10_000), "USD": D(10_000)}
    spread = {**FLAT, "EURUSD": quote("1.00000", "1.00020")}
    paid = {row.currency: row.net for row in report(world(quotes=spread, positions=(SHORT,)), RULES, NOW).currencies}
    assert paid == {"EUR": D(-10_000), "USD": D("10002.00")}


def test_waiting_orders_of_other_symbols_do_not_move_this_one() -> None:
    found = report(
        world(positions=(LONG,), orders=(replace(LIMIT, symbol="GBPUSD", price=D("1.9"), sl=D("1.8")),)), RULES, NOW
    )
    rows = {row.symbol: row for row in found.symbols}
    assert rows["EURUSD"].worst_long_lots == D("0.10")
    assert rows["GBPUSD"].worst_long_lots == D("0.10")
    assert (rows["GBPUSD"].net_lots, rows["GBPUSD"].risk) == (D(0), D(0))
    odd = replace(LIMIT, volume=D("NaN"))
    assert report(world(orders=(odd,)), RULES, NOW).symbols[0].worst_long_lots == 0
