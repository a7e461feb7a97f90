"""For every limit: just inside, exactly at, just past. The rest of the world is healthy."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from risk import Approved, Code, Denied, Intent, Limits, assess
from risk.codes import MEASURES
from risk.intent import OrderType, Side
from risk.limits import Limits as AllLimits
from risk.snapshot import CalcMode, Compared, DayReference, Link, NavIndex, RecentOrder, Reservation, Snapshot
from risk.verdict import Verdict
from tests.risk.world import (
    NOW,
    SERVER_DAY,
    D,
    account,
    intent,
    limits,
    pending,
    position,
    quote,
    reservation,
    snapshot,
    spec,
)  # fmt: skip

World = tuple[Intent, Snapshot, Limits]
FREE: Limits = limits(slippage_points=0)


@dataclass(frozen=True)
class Edge:
    """One limit with a world built around a single value."""

    code: Code
    build: Callable[[Any], World]
    inside: Any
    at: Any
    past: Any
    at_passes: bool = True


def world(**changes: Any) -> World:
    """Return a healthy world with some parts replaced: intent_, snap_ and limits_ prefixes say which."""
    parts: dict[str, dict[str, Any]] = {"intent": {}, "snap": {}, "limits": {}}
    for key, value in changes.items():
        part, name = key.split("_", 1)
        parts[part][name] = value
    return (intent(**parts["intent"]), snapshot(**parts["snap"]), limits(**{"slippage_points": 0, **parts["limits"]}))


def beside(given: str, low: str, high: str) -> Compared:
    """A figure of the terminal beside ours."""
    return Compared(given=D(given), low=D(low), high=D(high))


def with_spec(**changes: Any) -> dict[str, Any]:
    """Return specifications with EURUSD changed."""
    return {**snapshot().specs, "EURUSD": spec("EURUSD", **changes)}


def with_quote(bid: str, ask: str, age_s: float = 0.5) -> dict[str, Any]:
    """Return quotes with EURUSD changed."""
    return {**snapshot().quotes, "EURUSD": quote(bid, ask, age_s)}


def reserved(risk: str) -> tuple[Reservation, ...]:
    """Return a reservation of gold, unrelated to EURUSD, that holds nothing but risk."""
    return (reservation(symbol="XAUUSD", risk=D(risk), margin=D(0), notional=D(0), volume=D("0.01")),)


def recent(count: int, age_s: float = 30, **changes: Any) -> tuple[RecentOrder, ...]:
    """Return orders approved `age_s` seconds ago, each of another strategy unless said otherwise."""
    base = {"source": "other", "symbol": "EURUSD", "side": Side.BUY}
    return tuple(
        RecentOrder(**{"at": NOW - timedelta(seconds=age_s), "strategy": f"s{n}", **base, **changes})
        for n in range(count)
    )


def ago(seconds: float) -> Any:
    """Return a moment before NOW."""
    return NOW - timedelta(seconds=seconds)


EDGES = {
    # 1.00 lot with a stop 20 pips away loses 200.00 = 2 % of 10 000.
    "position risk": Edge(
        Code.POSITION_RISK, lambda v: world(intent_volume=D(v)), "0.99", "1.00", "1.01"),
    "position risk on the smaller of balance and equity": Edge(
        Code.POSITION_RISK,
        lambda v: world(intent_volume=D("1.00"), snap_account=account(balance=D(12_000), equity=D(v))),
        "10000.01", "10000", "9999.99"),
    "position risk without credit": Edge(
        Code.POSITION_RISK,
        lambda v: world(intent_volume=D(1), snap_account=account(balance=D(12_000), equity=D(12_000), credit=D(v))),
        "1999.99", "2000", "2000.01"),
    # 0.10 lots lose 20.00.
    "total exposure": Edge(
        Code.TOTAL_EXPOSURE,
        lambda v: world(snap_reservations=reserved(v), limits_max_daily_loss_percent="50"),
        "979.99", "980", "980.01"),
    "daily loss": Edge(
        Code.DAILY_LOSS, lambda v: world(snap_reservations=reserved(v)), "479.99", "480", "480.01"),
    "daily loss from equity": Edge(
        Code.DAILY_LOSS, lambda v: world(snap_account=account(equity=D(v))), "9520.01", "9520", "9519.99"),
    "daily loss after a deposit": Edge(
        Code.DAILY_LOSS,
        lambda v: world(snap_account=account(balance=D(11_000), equity=D(v)),
                        snap_day=DayReference(server_day=SERVER_DAY, reference=D(10_000), net_flows=D(1_000))),
        "10520.01", "10520", "10519.99"),
    "daily loss after a withdrawal": Edge(
        Code.DAILY_LOSS,
        lambda v: world(snap_account=account(balance=D(9_000), equity=D(v)),
                        snap_day=DayReference(server_day=SERVER_DAY, reference=D(10_000), net_flows=D(-1_000))),
        "8520.01", "8520", "8519.99"),
    "drawdown": Edge(
        Code.DRAWDOWN,
        lambda v: world(snap_nav_index=NavIndex(price=D(v), peak=D(1), units=D(10_000))),
        "0.8001", "0.8", "0.7999", at_passes=False),
    "risk/reward": Edge(  # 20 pips down
        Code.RISK_REWARD_TOO_LOW, lambda v: world(intent_tp=D(v)), "1.08801", "1.08800", "1.08799"),
    "risk/reward with costs": Edge(  # (gain - 7) / (200 + 7) = 1.5: gain 317.5 a lot = 31.75 pips
        Code.RISK_REWARD_TOO_LOW,
        lambda v: world(intent_tp=D(v), limits_commission="7", snap_specs=with_spec(digits=6, tick_size=D("0.000005"),
                                                                                   tick_value=D("0.5"))),
        "1.088180", "1.088175", "1.088170"),
    "positions": Edge(
        Code.MAX_POSITIONS,
        lambda v: world(limits_max_positions=v, snap_positions=(position(1, volume=D("0.01")),),
                        snap_orders=(pending(2, volume=D("0.01")),),
                        snap_reservations=(*reserved("1"), reservation("C2", slots=0))),
        5, 4, 3),
    "correlated exposure, same symbol and side": Edge(
        Code.CORRELATED_EXPOSURE,
        lambda v: world(snap_reservations=(reservation(risk=D(v)),)),
        "379.99", "380", "380.01"),
    "currency exposure": Edge(  # 0.10 lots of EURUSD are worth 10 850 USD
        Code.CURRENCY_EXPOSURE,
        lambda v: world(limits_max_currency_exposure_percent=v), "108.51", "108.5", "108.49"),
    "leverage": Edge(
        Code.LEVERAGE_TOO_HIGH, lambda v: world(limits_max_leverage=v), "1.0851", "1.085", "1.0849"),
    "free margin": Edge(  # 0.10 lots need 108.50
        Code.MARGIN_INSUFFICIENT,
        lambda v: world(snap_account=account(margin_free=D(v))), "108.51", "108.5", "108.49"),
    "free margin with a reservation": Edge(
        Code.MARGIN_INSUFFICIENT,
        lambda v: world(snap_account=account(margin_free=D(v)), snap_reservations=(reservation(),)),
        "217.01", "217", "216.99"),
    "margin level": Edge(  # 10 000 / (x + 108.50) = 200 %
        Code.MARGIN_LEVEL_TOO_LOW,
        lambda v: world(snap_account=account(margin=D(v))), "4891.49", "4891.5", "4891.51"),
    "largest order": Edge(
        Code.VOLUME_EXCEEDS_MAXIMUM, lambda v: world(limits_max_lots=v), "0.11", "0.1", "0.09"),
    "largest order of the symbol": Edge(
        Code.VOLUME_EXCEEDS_MAXIMUM,
        lambda v: world(snap_specs=with_spec(volume_max=D(v))), "0.11", "0.1", "0.09"),
    "smallest order of the symbol": Edge(
        Code.VOLUME_BELOW_MINIMUM,
        lambda v: world(snap_specs=with_spec(volume_min=D(v))), "0.09", "0.1", "0.11"),
    "volume step": Edge(
        Code.VOLUME_OFF_STEP,
        lambda v: world(snap_specs=with_spec(volume_step=D(v))), "0.05", "0.1", "0.07"),
    "volume limit of the symbol": Edge(
        Code.VOLUME_LIMIT,
        lambda v: world(snap_specs=with_spec(volume_limit=D(v)), snap_positions=(position(1, volume=D("0.20")),),
                        snap_orders=(pending(2, volume=D("0.10")), pending(3, volume=D("0.05"), side=Side.SELL,
                                     order_type=OrderType.LIMIT, price=D("1.09"), sl=D("1.092"), tp=D("1.08")))),
        "0.41", "0.4", "0.39"),
    "stop distance": Edge(  # 0.2 pips of 1.085 are 0.0184 %; 20 pips are 0.00200
        Code.STOP_TOO_CLOSE,
        lambda v: world(snap_quotes=with_quote("1.00000", "1.00000"), intent_sl=D("0.99800"), intent_tp=D("1.01000"),
                        limits_min_stop_distance_percent=v),
        "0.1999", "0.2", "0.2001"),
    "price collar of a market order": Edge(
        Code.PRICE_COLLAR,
        lambda v: world(intent_price=D(v), limits_price_collar_percent="1", snap_quotes=with_quote("1.085", "1.085")),
        "1.09584", "1.09585", "1.09586"),
    "price collar of a pending order": Edge(
        Code.PRICE_COLLAR,
        lambda v: world(intent_order_type=OrderType.LIMIT, intent_price=D(v), intent_sl=D("1.07000"),
                        intent_tp=D("1.12000"), limits_price_collar_percent="1",
                        snap_quotes=with_quote("1.08500", "1.08500")),
        "1.07416", "1.07415", "1.07414"),
    "spread": Edge(
        Code.SPREAD_TOO_WIDE,
        lambda v: world(snap_quotes=with_quote("1.00000", v), intent_sl=D("0.99"), intent_tp=D("1.05")),
        "1.00099", "1.00100", "1.00101"),
    "deviation": Edge(
        Code.DEVIATION_TOO_LARGE, lambda v: world(intent_deviation_points=v), 99, 100, 101),
    "stops level of the stop": Edge(  # market buy: measured from the bid, 190 points
        Code.STOPS_LEVEL, lambda v: world(snap_specs=with_spec(stops_level=v)), 189, 190, 191),
    "stops level of a pending price": Edge(
        Code.STOPS_LEVEL,
        lambda v: world(snap_specs=with_spec(stops_level=v), intent_order_type=OrderType.LIMIT,
                        intent_price=D("1.08350"), intent_sl=D("1.08100"), intent_tp=D("1.09000")),
        149, 150, 151),
    "tick value above ours": Edge(
        Code.TICK_VALUE_DISAGREES,
        lambda v: world(snap_specs=with_spec(tick_value=D(v))), "1.0099", "1.01", "1.0101"),
    "tick value below ours": Edge(
        Code.TICK_VALUE_DISAGREES,
        lambda v: world(snap_specs=with_spec(tick_value=D(v))), "0.9901", "0.99", "0.9899"),
    "terminal profit above ours": Edge(
        Code.PROFIT_DISAGREES,
        lambda v: world(snap_specs=with_spec(terminal_profit=beside(v, "99", "100"))), "100.99", "101", "101.01"),
    "terminal profit below ours": Edge(
        Code.PROFIT_DISAGREES,
        lambda v: world(snap_specs=with_spec(terminal_profit=beside(v, "100", "101"))), "99.01", "99", "98.99"),
    "terminal margin above ours": Edge(
        Code.MARGIN_DISAGREES,
        lambda v: world(snap_specs=with_spec(terminal_margin=beside(v, "1080", "1085"))),
        "1095.84", "1095.85", "1095.86"),
    "terminal margin below ours": Edge(
        Code.MARGIN_DISAGREES,
        lambda v: world(snap_specs=with_spec(terminal_margin=beside(v, "1000", "1085"))), "990.01", "990", "989.99"),
    "signal age": Edge(
        Code.SIGNAL_TOO_OLD, lambda v: world(intent_created_at=ago(v)), 29.999, 30, 30.001),
    "signal from the future": Edge(
        Code.SIGNAL_FROM_FUTURE, lambda v: world(intent_created_at=ago(v)), -4.999, -5, -5.001),
    "quote age": Edge(
        Code.QUOTE_STALE, lambda v: world(snap_quotes=with_quote("1.08490", "1.08500", v)), 9.999, 10, 10.001),
    "quote from the future": Edge(
        Code.QUOTE_STALE, lambda v: world(snap_quotes=with_quote("1.08490", "1.08500", v)), -4.999, -5, -5.001),
    "account age": Edge(
        Code.ACCOUNT_STALE, lambda v: world(snap_account=account(as_of=ago(v))), 4.999, 5, 5.001),
    "account from the future": Edge(
        Code.ACCOUNT_STALE, lambda v: world(snap_account=account(as_of=ago(v))), -4.999, -5, -5.001),
    "heartbeat age": Edge(
        Code.TERMINAL_SILENT, lambda v: world(snap_heartbeat_at=ago(v)), 2.999, 3, 3.001),
    "specification age": Edge(
        Code.SPEC_STALE, lambda v: world(snap_specs=with_spec(as_of=ago(v))), 172_799, 172_800, 172_801),
    "specification from the future": Edge(
        Code.SPEC_STALE, lambda v: world(snap_specs=with_spec(as_of=ago(v))), -4.999, -5, -5.001),
    "clock ahead": Edge(Code.CLOCK_SKEWED, lambda v: world(snap_clock_skew_s=D(v)), "4.999", "5", "5.001"),
    "clock behind": Edge(Code.CLOCK_SKEWED, lambda v: world(snap_clock_skew_s=D(v)), "-4.999", "-5", "-5.001"),
    "conversion age": Edge(
        Code.CONVERSION_STALE,
        lambda v: world(intent_symbol="GBPJPY", intent_sl=D("190.750"), intent_tp=D("193.000"),
                        snap_quotes={**snapshot().quotes, "USDJPY": quote("151.200", "151.210", v)}),
        59.999, 60, 60.001),
    "orders of the account": Edge(
        Code.ORDER_RATE_ACCOUNT, lambda v: world(snap_recent_orders=recent(v)), 28, 29, 30),
    "orders of the source": Edge(
        Code.ORDER_RATE_SOURCE, lambda v: world(snap_recent_orders=recent(v, source="key-1")), 18, 19, 20),
    "repeats of the strategy": Edge(
        Code.REPEATED_EXECUTION, lambda v: world(snap_recent_orders=recent(v, strategy="trend")), 3, 4, 5),
    "a minute of orders": Edge(
        Code.ORDER_RATE_ACCOUNT, lambda v: world(snap_recent_orders=recent(30, age_s=v)), 60.001, 60, 59.999),
    "a minute of orders of the source": Edge(
        Code.ORDER_RATE_SOURCE,
        lambda v: world(snap_recent_orders=recent(20, age_s=v, source="key-1")), 60.001, 60, 59.999),
    "the window of repeats": Edge(
        Code.REPEATED_EXECUTION,
        lambda v: world(snap_recent_orders=recent(5, age_s=v, strategy="trend"), limits_repeat_window_s="300"),
        300.001, 300, 299.999),
}  # fmt: skip


# Ages of quotes and specifications are judged symbol by symbol, and say which symbol it was.
JUDGED_WHERE_READ = {Code.QUOTE_STALE, Code.SPEC_STALE, Code.CONVERSION_STALE}


def judge(parts: World) -> Verdict:
    return assess(*parts, NOW)


@pytest.mark.parametrize("name", EDGES)
def test_just_inside_the_limit_is_approved(name: str) -> None:
    edge = EDGES[name]
    verdict = judge(edge.build(edge.inside))
    assert isinstance(verdict, Approved), verdict


@pytest.mark.parametrize("name", EDGES)
def test_at_the_limit_is_decided_as_documented(name: str) -> None:
    edge = EDGES[name]
    verdict = judge(edge.build(edge.at))
    assert verdict.approved is edge.at_passes, verdict


@pytest.mark.parametrize("name", EDGES)
def test_just_past_the_limit_is_denied_with_its_code(name: str) -> None:
    edge = EDGES[name]
    verdict = judge(edge.build(edge.past))
    assert isinstance(verdict, Denied)
    assert verdict.code is edge.code
    if edge.code not in JUDGED_WHERE_READ:
        assert set(verdict.context) == set(MEASURES[edge.code])
        assert "None" not in verdict.context.values()


def test_a_cluster_counts_what_moves_together_in_the_same_direction() -> None:
    links = {"EURUSD": {"GBPUSD": Link.SAME, "USDCHF": Link.OPPOSITE}, "GBPUSD": {"EURUSD": Link.SAME}}
    base = snapshot()
    assert base.correlations is not None
    correlations = replace(base.correlations, links=links)

    def other(symbol: str, side: Side) -> Verdict:
        held = (reservation(symbol=symbol, side=side, risk=D(390)),)
        return judge((intent(), snapshot(correlations=correlations, reservations=held), FREE))

    for symbol, side, together in (
        ("GBPUSD", Side.BUY, True), ("GBPUSD", Side.SELL, False), ("USDCHF", Side.SELL, True),
        ("USDCHF", Side.BUY, False), ("EURUSD", Side.SELL, False), ("USDJPY", Side.BUY, False),
    ):  # fmt: skip
        verdict = other(symbol, side)
        assert verdict.approved is not together, (symbol, side, verdict)
        assert together is (isinstance(verdict, Denied) and verdict.code is Code.CORRELATED_EXPOSURE)


@pytest.mark.parametrize(("third", "approved"), [("9.99", True), ("10", True), ("10.01", False)])
def test_a_cluster_adds_up_every_one_of_its_members(third: str, approved: bool) -> None:
    """185 + 185 + the third + 20 of the new order, of 400: each alone, and all but one, would fit."""
    base = snapshot()
    assert base.correlations is not None
    links = {"EURUSD": {"GBPUSD": Link.SAME, "USDCHF": Link.OPPOSITE, "XAUUSD": Link.SAME}}
    held = (
        reservation("C1", symbol="GBPUSD", side=Side.BUY, risk=D(185)),
        reservation("C2", symbol="USDCHF", side=Side.SELL, risk=D(185)),
        reservation("C3", symbol="XAUUSD", side=Side.BUY, risk=D(third)),
    )
    world = snapshot(correlations=replace(base.correlations, links=links), reservations=held)
    verdict = judge((intent(), world, FREE))
    assert verdict.approved is approved, verdict
    assert approved or (isinstance(verdict, Denied) and verdict.code is Code.CORRELATED_EXPOSURE)


def test_a_held_stop_loss_in_profit_still_risks_what_would_be_given_back() -> None:
    winner = position(1, volume=D("1.00"), price_open=D("1.07"), sl=D("1.08000"))  # bid 1.08490: 490.00 to give back
    verdict = judge((intent(), snapshot(positions=(winner,)), FREE))
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.DAILY_LOSS


def test_a_stop_that_the_market_has_passed_costs_no_less_than_nothing() -> None:
    passed = position(1, volume=D("1.00"), sl=D("1.09000"))  # above the bid: the broker is closing it
    verdict = judge((intent(), snapshot(positions=(passed,)), FREE))
    assert isinstance(verdict, Approved)
    total = next(c.value for c in verdict.checks if c.code is Code.TOTAL_EXPOSURE)
    assert total == D(20)


def test_the_slippage_buffer_and_commission_are_part_of_the_risk() -> None:
    verdict = judge((intent(volume=D("0.10")), snapshot(), replace(FREE, slippage_points=10, commission=D(7))))
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("20.00") + D("1.00") + D("0.70")


def test_exit_costs_of_an_open_position_are_half_the_commission_and_the_buffer() -> None:
    held = position(1, volume=D("1.00"), sl=D("1.08390"))  # 10 pips under the bid: 100.00
    verdict = judge((intent(), snapshot(positions=(held,)), replace(FREE, slippage_points=10, commission=D(7))))
    assert isinstance(verdict, Approved)
    total = next(c.value for c in verdict.checks if c.code is Code.TOTAL_EXPOSURE)
    assert total == D(100) + D("3.5") + D(10) + D("21.7")


def test_a_market_order_is_charged_for_the_deviation_it_permits() -> None:
    verdict = judge((intent(volume=D("1.00"), deviation_points=10, sl=D("1.08500") - D("0.00190")), snapshot(), FREE))
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("200.00")


def test_a_stop_order_is_charged_for_slippage_at_both_ends() -> None:
    wish = intent(order_type=OrderType.STOP, price=D("1.09000"), sl=D("1.08800"), tp=D("1.09400"), volume=D("0.10"))
    verdict = judge((wish, snapshot(), replace(FREE, slippage_points=10)))
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("22.00")


def test_a_stop_limit_order_enters_at_its_limit_price() -> None:
    wish = intent(order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D("1.08900"), sl=D("1.08700"),
                  tp=D("1.09300"), volume=D("0.10"))  # fmt: skip
    verdict = judge((wish, snapshot(), FREE))
    assert isinstance(verdict, Approved)
    assert verdict.risk == D("20.00")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sl": None}, Code.STOP_LOSS_MISSING),
        ({"tp": None}, Code.TAKE_PROFIT_MISSING),
        ({"sl": D("1.08490")}, Code.STOP_LOSS_WRONG_SIDE),
        ({"sl": D("1.08600")}, Code.STOP_LOSS_WRONG_SIDE),
        ({"tp": D("1.08500")}, Code.TAKE_PROFIT_WRONG_SIDE),
        ({"side": Side.SELL, "sl": D("1.08500"), "tp": D("1.08")}, Code.STOP_LOSS_WRONG_SIDE),
        ({"side": Side.SELL, "sl": D("1.087"), "tp": D("1.08490")}, Code.TAKE_PROFIT_WRONG_SIDE),
        ({"order_type": OrderType.LIMIT}, Code.PRICE_MISSING),
        ({"order_type": OrderType.STOP_LIMIT, "price": D("1.09")}, Code.PRICE_MISSING),
        ({"order_type": OrderType.LIMIT, "price": D("1.08500")}, Code.PRICE_WRONG_SIDE),
        ({"order_type": OrderType.STOP, "price": D("1.08500")}, Code.PRICE_WRONG_SIDE),
        ({"order_type": OrderType.STOP_LIMIT, "price": D("1.086"), "stoplimit": D("1.08601")}, Code.PRICE_WRONG_SIDE),
        ({"side": Side.SELL, "order_type": OrderType.LIMIT, "price": D("1.08490")}, Code.PRICE_WRONG_SIDE),
        ({"side": Side.SELL, "order_type": OrderType.STOP, "price": D("1.08490")}, Code.PRICE_WRONG_SIDE),
        ({"sl": D("1.083005")}, Code.PRICE_OFF_TICK),
        ({"tp": D("1.089005")}, Code.PRICE_OFF_TICK),
        ({"volume": None}, Code.VOLUME_AND_RISK_PERCENT),
        ({"risk_percent": D(1)}, Code.VOLUME_AND_RISK_PERCENT),
        ({"created_at": None}, Code.SIGNAL_TOO_OLD),
        ({"symbol": "NZDUSD"}, Code.SPEC_MISSING),
        ({"account": 8}, Code.ACCOUNT_UNKNOWN),
    ],
)
def test_what_the_request_itself_gets_wrong(changes: dict[str, Any], code: Code) -> None:
    verdict = judge((intent(**changes), snapshot(), FREE))
    assert isinstance(verdict, Denied)
    assert verdict.code is code


def test_every_numeric_limit_of_an_account_has_a_boundary_above() -> None:
    tested = {
        "max_position_size_percent", "max_total_exposure_percent", "max_daily_loss_percent", "max_drawdown_percent",
        "min_risk_reward", "max_positions", "max_correlated_exposure_percent", "max_currency_exposure_percent",
        "max_leverage", "min_margin_level_percent", "max_lots", "min_stop_distance_percent", "price_collar_percent",
        "max_spread_percent", "max_deviation_points", "slippage_points", "commission", "max_signal_age_s",
        "max_quote_age_s", "max_conversion_age_s", "max_account_age_s", "max_heartbeat_age_s", "max_spec_age_s",
        "max_clock_skew_s", "max_correlation_age_s", "max_disagreement_percent", "max_orders_per_minute",
        "max_orders_per_minute_source", "max_repeats", "repeat_window_s",
    }  # fmt: skip
    elsewhere = {"max_rejects", "reject_window_s", "symbols", "hours"}  # test_monitor, test_gates
    assert tested | elsewhere == set(AllLimits.__dataclass_fields__)


def test_futures_are_valued_by_tick_value() -> None:
    future = spec("EURUSD", calc_mode=CalcMode.FUTURES, tick_size=D("0.00005"), tick_value=D("6.25"),
                  contract_size=D(1), margin_initial=D(2000), currency_margin="USD")  # fmt: skip
    specs = {**snapshot().specs, "EURUSD": future}
    verdict = judge((intent(volume=D("0.50")), snapshot(specs=specs), FREE))
    assert isinstance(verdict, Approved), verdict
    assert verdict.risk == D("0.50") * 40 * D("6.25")  # 20 pips are 40 ticks
    assert verdict.margin == D("1000.00")
