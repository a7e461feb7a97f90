"""Moving stops and pending prices: nearer always passes, further away is judged like new risk."""

from dataclasses import replace
from typing import Any

import pytest

from risk import Approved, Code, Denied, Intent, Kind, assess
from risk.intent import OrderType, Side
from risk.snapshot import NavIndex, OpenPosition, PendingOrder, State, TradingState
from tests.risk.world import NOW, D, account, intent, limits, pending, position, quote, reservation, snapshot, spec

RULES = limits(slippage_points=0)
LONG = position(1, volume=D("1.00"), sl=D("1.08390"), tp=D("1.09000"))  # bid 1.08490: R = 100.00
SHORT = position(2, volume=D("1.00"), side=Side.SELL, sl=D("1.08600"), tp=D("1.08000"))  # ask 1.08500: R = 100.00
ORDER = pending(100, volume=D("1.00"))  # buy limit 1.08000, stop 1.07800: R = 200.00
HALTED = TradingState(state=State.HALTED, reason="test", actor="anna", at=NOW)


def modify(target: OpenPosition | PendingOrder, **changes: Any) -> Intent:
    """Return a modification that keeps every price not named."""
    keep: dict[str, Any] = {"sl": target.sl, "tp": target.tp}
    fields = {**keep, **changes}
    return Intent(
        account=7, kind=Kind.MODIFY, ticket=target.ticket, created_at=intent().created_at, source="key-1", **fields
    )


@pytest.mark.parametrize(("held", "sl"), [(LONG, "1.08400"), (LONG, "1.08390"), (SHORT, "1.08590"), (SHORT, "1.08600")])
@pytest.mark.parametrize("state", [None, HALTED])
def test_a_stop_that_moves_nearer_passes_in_every_state_and_without_data(
    held: OpenPosition, sl: str, state: TradingState | None
) -> None:
    bare = snapshot(positions=(held,), trading_state=state, quotes={}, specs={}, day=None, nav_index=None, account=None)
    verdict = assess(modify(held, sl=D(sl)), bare, None, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.risk == 0


def test_any_stop_is_better_than_none() -> None:
    naked = replace(LONG, sl=None)
    assert assess(modify(naked, sl=D("1.0")), snapshot(positions=(naked,), trading_state=HALTED), None, NOW).approved


def test_a_new_target_alone_adds_no_risk() -> None:
    world = snapshot(positions=(LONG,), trading_state=HALTED)
    assert assess(modify(LONG, tp=D("1.08600")), world, None, NOW).approved
    assert assess(modify(LONG, tp=None), world, None, NOW).approved


def test_removing_the_stop_is_denied() -> None:
    verdict = assess(modify(LONG, sl=None), snapshot(positions=(LONG,)), RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.STOP_LOSS_MISSING


@pytest.mark.parametrize(("held", "sl"), [(LONG, "1.08380"), (SHORT, "1.08610")])
def test_a_stop_that_moves_away_reserves_the_difference(held: OpenPosition, sl: str) -> None:
    verdict = assess(modify(held, sl=D(sl)), snapshot(positions=(held,)), RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    assert verdict.risk == D("10.00")
    assert (verdict.margin, verdict.notional, verdict.slots) == (D(0), D(0), 0)
    assert verdict.volume is None


@pytest.mark.parametrize(("sl", "passes"), [("1.08291", True), ("1.08290", True), ("1.08289", False)])
def test_the_position_limit_holds_for_moved_stops(sl: str, passes: bool) -> None:
    verdict = assess(modify(LONG, sl=D(sl)), snapshot(positions=(LONG,)), RULES, NOW)
    assert verdict.approved is passes
    if isinstance(verdict, Denied):
        assert verdict.code is Code.POSITION_RISK


@pytest.mark.parametrize(("risk", "code"), [("880", None), ("880.01", Code.TOTAL_EXPOSURE)])
def test_the_old_risk_of_the_ticket_is_taken_out_first(risk: str, code: Code | None) -> None:
    """120 after the move, 880 elsewhere: 1000 is 10 % of B. The old 100 must not count on top."""
    elsewhere = (reservation(symbol="XAUUSD", risk=D(risk), margin=D(0), notional=D(0)),)
    world = snapshot(positions=(LONG,), reservations=elsewhere)
    verdict = assess(modify(LONG, sl=D("1.08370")), world, limits(slippage_points=0, max_daily_loss_percent="50"), NOW)
    assert (verdict.code if isinstance(verdict, Denied) else None) is code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"trading_state": HALTED}, Code.TRADING_HALTED),
        ({"quotes": {}}, Code.QUOTE_MISSING),
        ({"account": account(equity=D(9600))}, Code.DAILY_LOSS),
        ({"nav_index": NavIndex(price=D("0.8"), peak=D(1), units=D(10_000))}, Code.DRAWDOWN),
        ({"positions": (LONG, position(9, sl=None))}, Code.POSITION_UNPROTECTED),
    ],
)
def test_a_stop_that_moves_away_meets_gates_and_limits(changes: dict[str, Any], code: Code) -> None:
    verdict = assess(modify(LONG, sl=D("1.08380")), snapshot(**{"positions": (LONG,), **changes}), RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is code


@pytest.mark.parametrize(("level", "passes"), [(99, True), (100, False), (101, False)])
def test_nothing_moves_away_inside_the_freeze_level(level: int, passes: bool) -> None:
    """The old stop is 100 points from the bid; the market must be further than the level."""
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", freeze_level=level)}
    verdict = assess(modify(LONG, sl=D("1.08380")), snapshot(positions=(LONG,), specs=specs), RULES, NOW)
    assert verdict.approved is passes
    if isinstance(verdict, Denied):
        assert verdict.code is Code.FREEZE_LEVEL


def test_an_unknown_ticket_is_denied() -> None:
    verdict = assess(modify(position(77)), snapshot(positions=(LONG,)), RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.TICKET_UNKNOWN


@pytest.mark.parametrize("ticket", [None, -1, "1", 1.0, 2**64])
def test_a_modification_needs_a_ticket(ticket: Any) -> None:
    verdict = assess(replace(modify(LONG), ticket=ticket), snapshot(positions=(LONG,)), RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.INTENT_MALFORMED


@pytest.mark.parametrize("world", [None, "x", snapshot(account_id=8, positions=(LONG,)), snapshot(positions=None)])
def test_a_modification_that_cannot_be_placed_is_denied(world: Any) -> None:
    assert not assess(modify(LONG), world, RULES, NOW).approved


def test_the_stop_of_a_pending_order_moves_nearer_in_every_state() -> None:
    world = snapshot(orders=(ORDER,), trading_state=HALTED, quotes={})
    assert assess(modify(ORDER, sl=D("1.07900")), world, None, NOW).approved


@pytest.mark.parametrize("changes", [{"price": D("1.08010")}, {"tp": D("1.08700")}, {"sl": D("1.07790")}])
def test_any_other_change_of_a_pending_order_needs_an_active_account(changes: dict[str, Any]) -> None:
    world = snapshot(orders=(ORDER,), trading_state=HALTED)
    verdict = assess(modify(ORDER, **changes), world, RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.TRADING_HALTED


def test_a_pending_order_is_judged_in_its_own_stead() -> None:
    """Its old risk (200) and slot are taken out; the new ones (190) put in. Nothing is added, so nothing reserved."""
    rules = limits(slippage_points=0, max_positions=1, max_total_exposure_percent="2")
    verdict = assess(modify(ORDER, price=D("1.07990")), snapshot(orders=(ORDER,)), rules, NOW)
    assert isinstance(verdict, Approved), verdict
    assert (verdict.risk, verdict.slots) == (D(0), 0)
    assert verdict.volume is None


def test_a_pending_order_that_gets_riskier_reserves_the_difference() -> None:
    order = replace(ORDER, volume=D("0.50"))
    verdict = assess(modify(order, price=D("1.08020")), snapshot(orders=(order,)), RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    assert verdict.risk == D("10.00")
    assert verdict.margin == D("0.00")  # forex margin is by contract, not by price
    assert verdict.notional == D("10.00")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sl": D("1.07799")}, Code.POSITION_RISK),
        ({"tp": D("1.08200")}, Code.RISK_REWARD_TOO_LOW),
        ({"price": D("1.08600")}, Code.PRICE_WRONG_SIDE),
        ({"sl": None, "price": D("1.07950")}, Code.STOP_LOSS_MISSING),
        ({"tp": None}, Code.TAKE_PROFIT_MISSING),
    ],
)
def test_new_prices_of_a_pending_order_meet_every_check(changes: dict[str, Any], code: Code) -> None:
    verdict = assess(modify(ORDER, **changes), snapshot(orders=(ORDER,)), RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is code


@pytest.mark.parametrize(("level", "passes"), [(499, True), (500, False)])
def test_a_pending_order_near_the_market_is_frozen(level: int, passes: bool) -> None:
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", freeze_level=level)}  # ask 1.08500, price 1.08000
    verdict = assess(modify(ORDER, price=D("1.07990")), snapshot(orders=(ORDER,), specs=specs), RULES, NOW)
    assert verdict.approved is passes
    if isinstance(verdict, Denied):
        assert verdict.code is Code.FREEZE_LEVEL


def test_a_stop_limit_order_keeps_its_limit_price_when_none_is_named() -> None:
    order = pending(5, order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D("1.08900"), sl=D("1.08700"),
                    tp=D("1.09400"), volume=D("0.10"))  # fmt: skip
    verdict = assess(modify(order, price=D("1.08950")), snapshot(orders=(order,)), RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    assert verdict.risk == 0


def test_a_pending_order_without_a_stop_can_be_given_one() -> None:
    naked = replace(ORDER, sl=None)
    world = snapshot(orders=(naked,), trading_state=HALTED)
    assert assess(modify(naked, sl=D("1.07800")), world, None, NOW).approved


def test_a_naked_pending_order_moved_and_given_a_stop_reserves_all_of_its_risk() -> None:
    naked = replace(ORDER, sl=None, volume=D("0.50"))
    wish = modify(naked, sl=D("1.07790"), price=D("1.07990"))
    verdict = assess(wish, snapshot(orders=(naked,)), RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    assert verdict.risk == D("100.00")
    assert (verdict.slots, verdict.volume) == (0, None)


def test_a_sell_order_is_frozen_by_the_bid() -> None:
    order = pending(6, side=Side.SELL, price=D("1.09000"), sl=D("1.09200"), tp=D("1.08600"), volume=D("0.10"))
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", freeze_level=510)}
    world = snapshot(orders=(order,), specs=specs, quotes={"EURUSD": quote("1.08490", "1.08500")})
    verdict = assess(modify(order, price=D("1.09010")), world, RULES, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.FREEZE_LEVEL
