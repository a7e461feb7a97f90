"""Netting accounts: the last order to fill sets the stop of the whole position, so a stop can cost more than itself."""

from dataclasses import replace
from typing import Any

import pytest

from risk import Approved, Code, Denied, assess
from risk.intent import Intent, Kind, Side
from risk.report import report
from risk.snapshot import MarginMode, Snapshot
from tests.risk.world import NOW, D, account, intent, limits, pending, position, snapshot

RULES = limits(slippage_points=0)
HELD = position(1, volume=D("0.50"), sl=D("1.08390"))  # 10 pips under the bid: R = 50.00
SHORT = position(2, side=Side.SELL, volume=D("0.50"), sl=D("1.08600"), tp=None)  # 10 pips over the ask: R = 50.00
LOWER = pending(100, volume=D("0.10"), sl=D("1.07800"))  # R = 20.00; its stop is 69 pips under the bid


def netting(mode: MarginMode = MarginMode.NETTING, **changes: Any) -> Snapshot:
    return snapshot(account=account(margin_mode=mode), **changes)


@pytest.mark.parametrize("mode", list(MarginMode))
def test_a_looser_stop_is_charged_for_the_position_it_joins(mode: MarginMode) -> None:
    verdict = assess(intent(), netting(mode, positions=(HELD,)), RULES, NOW)  # own risk 20.00, stop 9 pips lower
    assert isinstance(verdict, Approved)
    assert verdict.risk == (D("20.00") if mode is MarginMode.HEDGING else D("65.00"))


def test_a_tighter_stop_costs_only_itself() -> None:
    tight = intent(sl=D("1.08400"), tp=D("1.08900"))
    verdict = assess(tight, netting(positions=(HELD,)), RULES, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("10.00")


def test_a_short_position_is_charged_the_same_way() -> None:
    wish = intent(side=Side.SELL, sl=D("1.08690"), tp=D("1.08000"))  # own risk 20.00, stop 9 pips higher
    verdict = assess(wish, netting(positions=(SHORT,)), RULES, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("65.00")


@pytest.mark.parametrize("other", [SHORT, replace(HELD, symbol="GBPUSD", sl=D("1.26440"), price_open=D("1.2"))])
def test_positions_it_does_not_join_are_left_alone(other: Any) -> None:
    verdict = assess(intent(), netting(positions=(other,)), RULES, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("20.00")


def test_the_position_limit_holds_for_what_the_order_moves() -> None:
    rules = limits(slippage_points=0, max_currency_exposure_percent="10000", max_leverage="100")
    for volume, passes in (("2.00", True), ("2.01", False)):  # moved by 9 pips: 180.00 and 180.90; 20.00 of its own
        verdict = assess(intent(), netting(positions=(replace(HELD, volume=D(volume)),)), rules, NOW)
        assert verdict.approved is passes, verdict
        if isinstance(verdict, Denied):
            assert verdict.code is Code.POSITION_RISK
            assert verdict.context == {"risk": "200.9", "risk_max": "200"}


def test_sizing_leaves_room_for_what_the_order_moves() -> None:
    sized = intent(volume=None, risk_percent=D(2))
    verdict = assess(sized, netting(positions=(HELD,)), RULES, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.volume == D("0.77")  # (200 - 45) / 200
    assert verdict.risk == D("199.00")


def test_sizing_finds_no_room_when_the_moved_stop_spends_it_all() -> None:
    sized = intent(volume=None, risk_percent=D("0.45"))
    verdict = assess(sized, netting(positions=(HELD,)), RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.VOLUME_BELOW_MINIMUM


@pytest.mark.parametrize(("mode", "total"), [(MarginMode.NETTING, "385"), (MarginMode.HEDGING, "90")])
def test_a_pending_order_in_the_book_may_move_the_stop_too(mode: MarginMode, total: str) -> None:
    verdict = assess(intent(), netting(mode, positions=(HELD,), orders=(LOWER,)), RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    assert next(c.value for c in verdict.checks if c.code is Code.TOTAL_EXPOSURE) == D(total)  # 50 or 345, 20, 20
    assert verdict.risk == D("20.00")  # already as low as it gets
    found = report(netting(mode, positions=(HELD,), orders=(LOWER,)), RULES, NOW)
    assert found.worst_case is not None
    assert found.worst_case.loss == D(total) - 20


@pytest.mark.parametrize("order", [replace(LOWER, symbol="GBPUSD", price=D("1.26"), sl=D("1.2")),
                                   replace(LOWER, side=Side.SELL, price=D("1.09"), sl=D("1.093"))])  # fmt: skip
def test_pending_orders_elsewhere_do_not(order: Any) -> None:
    found = report(netting(positions=(HELD,), orders=(order,)), RULES, NOW)
    assert found.symbols[0].risk == D(50)
    own = next(u.used for u in found.usages if u.limit == "max_total_exposure_percent")
    alone = report(netting(orders=(order,)), RULES, NOW)
    assert own is not None
    assert alone.worst_case is not None
    assert own - alone.worst_case.loss == D(50)


def test_the_loosest_of_several_pending_stops_counts() -> None:
    lower, higher = LOWER, pending(101, volume=D("0.10"), sl=D("1.07900"))
    for orders in ((lower, higher), (higher, lower)):
        found = report(netting(positions=(HELD,), orders=orders), RULES, NOW)
        assert found.worst_case is not None
        assert found.worst_case.loss == D(345) + D(20) + D(10)


def test_replacing_a_pending_order_takes_its_own_stop_out_first() -> None:
    """LOWER moves the stop by 59 pips of 0.50 lots, 295.00. Its successor's stop does so by 58.9 pips."""
    wish = Intent(account=7, kind=Kind.MODIFY, ticket=100, created_at=intent().created_at, price=D("1.08010"),
                  sl=D("1.07810"), tp=D("1.08600"))  # fmt: skip
    rules = limits(slippage_points=0, max_position_size_percent="5", max_daily_loss_percent="20")
    verdict = assess(wish, netting(positions=(HELD,), orders=(LOWER,)), rules, NOW)
    assert isinstance(verdict, Approved), verdict
    risk = next(c.value for c in verdict.checks if c.code is Code.POSITION_RISK)
    assert risk == D(20) + D("290")
