"""What is true of a buy is true of a sell, mirrored; and of every order type."""

from dataclasses import replace
from typing import Any

import pytest

from risk import Approved, Code, Denied, Intent, Kind, assess
from risk.intent import OrderType, Side
from risk.snapshot import CalcMode, NavIndex, NewsWindow, Session
from risk.verdict import describe
from tests.risk.test_boundaries import ago, recent
from tests.risk.world import NOW, D, account, intent, limits, pending, position, quote, snapshot, spec

RULES = limits(slippage_points=0)
SELL = intent(side=Side.SELL, sl=D("1.08690"), tp=D("1.08000"))  # 20 pips up to the stop, 49 down to the target


def verdict_of(wish: Intent, rules: Any = RULES, **changes: Any) -> Approved | Denied:
    return assess(wish, snapshot(**changes), rules, NOW)


def risk_of(wish: Intent, rules: Any = RULES, **changes: Any) -> Any:
    verdict = verdict_of(wish, rules, **changes)
    assert isinstance(verdict, Approved), verdict
    return verdict.risk


def code_of(wish: Intent, rules: Any = RULES, **changes: Any) -> Code | None:
    verdict = verdict_of(wish, rules, **changes)
    return verdict.code if isinstance(verdict, Denied) else None


def test_a_sell_deviates_downwards() -> None:
    assert risk_of(SELL) == D("20.00")
    assert risk_of(replace(SELL, deviation_points=10)) == D("21.00")


def test_a_sell_stop_slips_downwards_and_at_its_stop() -> None:
    wish = intent(side=Side.SELL, order_type=OrderType.STOP, price=D("1.08000"), sl=D("1.08200"), tp=D("1.07600"))
    assert risk_of(wish) == D("20.00")
    assert risk_of(wish, limits(slippage_points=10)) == D("22.00")
    held = pending(1, side=Side.SELL, order_type=OrderType.STOP, price=D("1.08000"), sl=D("1.08200"), tp=None)
    verdict = verdict_of(intent(), limits(slippage_points=10), orders=(held,))
    assert isinstance(verdict, Approved)
    assert next(c.value for c in verdict.checks if c.code is Code.TOTAL_EXPOSURE) == D("43")


@pytest.mark.parametrize(("tp", "code"), [("1.08190", None), ("1.08191", Code.RISK_REWARD_TOO_LOW)])
def test_the_ratio_of_a_sell(tp: str, code: Code | None) -> None:
    assert code_of(replace(SELL, tp=D(tp))) is code


@pytest.mark.parametrize(("price", "code"), [("1.06321", None), ("1.06320", Code.PRICE_COLLAR)])
def test_the_collar_of_a_sell_is_around_the_bid(price: str, code: Code | None) -> None:
    """2 % of 1.08490 is 0.0216980."""
    assert code_of(replace(SELL, price=D(price))) is code


@pytest.mark.parametrize(("price", "code"), [("1.10670", None), ("1.10671", Code.PRICE_COLLAR)])
def test_the_collar_of_a_buy_is_around_the_ask(price: str, code: Code | None) -> None:
    """2 % of 1.08500 is 0.0217000."""
    assert code_of(intent(price=D(price))) is code


@pytest.mark.parametrize(("stoplimit", "code"), [("1.09", None), ("1.15", Code.PRICE_WRONG_SIDE)])
def test_the_collar_and_side_of_a_stop_limit_price(stoplimit: str, code: Code | None) -> None:
    wish = intent(order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D(stoplimit), sl=D("1.08700"),
                  tp=D("1.20000"))  # fmt: skip
    assert code_of(wish) is code


def test_a_limit_price_far_below_its_trigger_is_out_of_the_collar() -> None:
    wish = intent(order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D("1.06000"), sl=D("1.05800"),
                  tp=D("1.08000"))  # fmt: skip
    assert code_of(wish) is Code.PRICE_COLLAR


@pytest.mark.parametrize(
    ("stoplimit", "code"), [("1.08000", None), ("1.08001", None), ("1.07999", Code.PRICE_WRONG_SIDE)]
)
def test_a_sell_stop_limit_rests_at_or_above_its_trigger(stoplimit: str, code: Code | None) -> None:
    wish = intent(side=Side.SELL, order_type=OrderType.STOP_LIMIT, price=D("1.08000"), stoplimit=D(stoplimit),
                  sl=D("1.08300"), tp=D("1.07000"))  # fmt: skip
    assert code_of(wish) is code


@pytest.mark.parametrize(
    ("stoplimit", "code"), [("1.09000", None), ("1.08999", None), ("1.09001", Code.PRICE_WRONG_SIDE)]
)
def test_a_buy_stop_limit_rests_at_or_below_its_trigger(stoplimit: str, code: Code | None) -> None:
    wish = intent(order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D(stoplimit), sl=D("1.08700"),
                  tp=D("1.10000"))  # fmt: skip
    assert code_of(wish) is code


def test_a_limit_order_may_carry_a_stoplimit_it_does_not_use() -> None:
    wish = intent(order_type=OrderType.LIMIT, price=D("1.08000"), stoplimit=D("1.08400"), sl=D("1.07800"),
                  tp=D("1.08600"))  # fmt: skip
    assert code_of(wish) is None


@pytest.mark.parametrize("field", ["price", "stoplimit", "sl", "tp"])
def test_every_price_of_a_pending_order_is_on_the_grid(field: str) -> None:
    wish = intent(order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D("1.08900"), sl=D("1.08700"),
                  tp=D("1.09400"))  # fmt: skip
    assert code_of(wish) is None
    odd = replace(wish, **{field: getattr(wish, field) - D("0.000001")})
    assert code_of(odd) is Code.PRICE_OFF_TICK


def test_the_price_a_market_order_saw_need_not_be_on_the_grid() -> None:
    assert code_of(intent(price=D("1.085003"))) is None


@pytest.mark.parametrize(("level", "code"), [(410, None), (411, Code.STOPS_LEVEL)])
def test_the_target_keeps_the_stops_level_too(level: int, code: Code | None) -> None:
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", stops_level=level)}
    assert code_of(intent(sl=D("1.08000"), tp=D("1.08900")), limits(min_risk_reward="0.1"), specs=specs) is code


@pytest.mark.parametrize(("second", "is_open"), [(50_400 + 34 * 60 + 56, True), (50_400 + 34 * 60 + 57, False)])
def test_sessions_count_minutes_and_seconds(second: int, is_open: bool) -> None:
    """14:34:56 on the server."""
    late = NOW.replace(minute=34, second=56)
    times = (Session(day=3, from_s=second, to_s=86_400),)
    world = snapshot(
        specs={"EURUSD": spec("EURUSD", sessions=times)}, account=account(as_of=late), heartbeat_at=late,
        quotes={"EURUSD": replace(quote("1.08490", "1.08500"), received_at=late)},
    )  # fmt: skip
    assert assess(intent(created_at=late), world, RULES, late).approved is is_open


@pytest.mark.parametrize(("offset_s", "passes"), [(54_000, True), (54_001, False), (-54_000, True), (-54_001, False)])
def test_no_server_is_further_than_fifteen_hours_from_utc(offset_s: int, passes: bool) -> None:
    day = NOW.date() if offset_s < 0 else NOW.date().replace(day=16)
    if offset_s == -54_000:
        day = NOW.date().replace(day=14)
    reference = replace(snapshot().day, server_day=day)  # type: ignore[type-var]  # never None in this world
    assert verdict_of(intent(), server_offset_s=offset_s, day=reference).approved is passes


def context_of(wish: Intent, rules: Any = RULES, **changes: Any) -> dict[str, str]:
    verdict = verdict_of(wish, rules, **changes)
    assert isinstance(verdict, Denied)
    assert all(isinstance(check.passed, bool) for check in verdict.checks)
    assert next(c for c in verdict.checks if not c.passed).code is verdict.code
    return dict(verdict.context)


def test_denials_measure_what_they_say() -> None:
    assert context_of(intent(), recent_orders=recent(5, strategy="trend")) == {"repeats": "6", "max_repeats": "5"}
    assert context_of(intent(created_at=ago(-6))) == {"ahead_s": "6.0", "max_clock_skew_s": "5.0"}
    assert context_of(intent(created_at=None)) == {"age_s": "None", "max_signal_age_s": "30.0"}
    fallen = NavIndex(price=D(3), peak=D(4), units=D(1))
    assert context_of(intent(), nav_index=fallen) == {"drawdown_percent": "25", "max_drawdown_percent": "20"}
    broken = NavIndex(price=D(3), peak=D(0), units=D(1))
    assert context_of(intent(), nav_index=broken) == {"found": str(broken), "expected": "usable"}
    spoiled = replace(snapshot().day, reference=D(0))  # type: ignore[type-var]  # never None in this world
    assert context_of(intent(), day=spoiled) == {"found": str(spoiled), "expected": "usable"}
    assert context_of(intent(tp=D("1.08600"))) == {"risk_reward": "0.5", "min_risk_reward": "1.5"}
    closed = {**snapshot().specs, "EURUSD": spec("EURUSD", trade_mode="close_only")}
    assert code_of(intent(), specs=closed) is Code.SPEC_INVALID  # a word instead of a mode


def test_a_missing_history_and_an_unread_index_are_plain_denials() -> None:
    context_of(intent(), recent_orders=None)
    context_of(intent(), nav_index=None)
    context_of(intent(), clock_skew_s=None)
    context_of(intent(), heartbeat_at=None)
    context_of(intent(), trading_state=None)


EXPLANATION = """
TRADING_HALTED active active
DRAWDOWN_LATCHED open open
STRATEGY_LATCHED trend not latched
SYMBOL_NOT_ALLOWED EURUSD allow-list
ACCOUNT_INVALID usable usable
TRADE_NOT_ALLOWED allowed allowed
TERMINAL_SILENT 0.4 3.0
CLOCK_SKEWED 0.2 5
ACCOUNT_STALE 1.0 5.0
DAY_REFERENCE_MISSING 2024-05-15 2024-05-15
DRAWDOWN 4 20
OUTSIDE_TRADING_HOURS always always
SIGNAL_TOO_OLD 1.0 30.0
ORDER_RATE_ACCOUNT 3 30
ORDER_RATE_SOURCE 1 20
REPEATED_EXECUTION 1 5
SYMBOL_TRADE_MODE full buy
MARKET_CLOSED 2024-05-15T14:00:00+00:00 sessions
NEWS_BLACKOUT none none
SPREAD_TOO_WIDE 0.0001 0.0010849
DEVIATION_TOO_LARGE 5 100
PRICE_WRONG_SIDE - -
PRICE_COLLAR 0.0002 0.0217
STOP_LOSS_WRONG_SIDE 1.083 1.0849
TAKE_PROFIT_WRONG_SIDE 1.089 1.085
PRICE_OFF_TICK - 0.00001
STOP_TOO_CLOSE 0.002 0.0005425
STOPS_LEVEL - 0
TICK_VALUE_DISAGREES 1 1
PROFIT_DISAGREES - -
RISK_REWARD_TOO_LOW 2 1.5
RISK_BASE_NOT_POSITIVE 9900 0
VOLUME_BELOW_MINIMUM 0.1 0.01
VOLUME_EXCEEDS_MAXIMUM 0.1 50
VOLUME_OFF_STEP 0.1 0.01
VOLUME_LIMIT 0.4 20
POSITION_RISK 20.5 198
TOTAL_EXPOSURE 77.5 990
DAILY_LOSS 177.5 500
MAX_POSITIONS 3 10
CORRELATED_EXPOSURE 77.5 396
CURRENCY_EXPOSURE 43400.5 148500
LEVERAGE_TOO_HIGH 43400.5 198000
MARGIN_DISAGREES - -
MARGIN_INSUFFICIENT 108.5 9700
MARGIN_LEVEL_TOO_LOW 9900 617
"""


def test_an_approval_explains_itself_to_the_last_figure() -> None:
    world = snapshot(
        positions=(position(1), position(2, volume=D("0.20"))),  # 19.00 and 38.00
        account=account(equity=D(9_900), margin=D(200), margin_free=D(9_700)),
        nav_index=NavIndex(price=D("0.96"), peak=D(1), units=D(1)),
        recent_orders=recent(2),
        specs={**snapshot().specs, "EURUSD": spec("EURUSD", volume_limit=D(20))},
    )
    verdict = assess(intent(price=D("1.08520"), deviation_points=5), world, RULES, NOW)
    assert isinstance(verdict, Approved), verdict
    rows = [f"{row['code']} {row['value'] or '-'} {row['limit'] or '-'}" for row in describe(verdict.checks)]
    assert rows == EXPLANATION.strip().splitlines()


@pytest.mark.parametrize("sides", [(Side.BUY, Side.BUY), (Side.BUY, Side.SELL)])
def test_positions_of_one_symbol_are_all_counted(sides: tuple[Side, Side]) -> None:
    held = tuple(position(n, side=s, sl=D("1.08300") if s is Side.BUY else D("1.08690")) for n, s in enumerate(sides))
    verdict = verdict_of(intent(), positions=held)
    assert isinstance(verdict, Approved)
    assert next(c.value for c in verdict.checks if c.code is Code.TOTAL_EXPOSURE) == D(19) + D(19) + D(20)
    assert next(c.value for c in verdict.checks if c.code is Code.MAX_POSITIONS) == 3


def test_a_currency_gained_twice_is_the_largest_exposure() -> None:
    """EUR bought against dollars and against yen, 10 000 each; a new sell of 0.05 lots may not fill."""
    quotes = {"EURUSD": quote("1", "1"), "EURJPY": quote("100", "100"), "USDJPY": quote("100", "100")}
    specs = {
        "EURUSD": spec("EURUSD"),
        "EURJPY": spec("EURJPY", tick_value=D(1)),
        "USDJPY": spec("USDJPY", tick_value=D(1)),
    }
    orders = (
        pending(1, price=D("0.99"), sl=D("0.98"), volume=D("0.10"), tp=None),  # 9 900
        pending(2, symbol="EURJPY", price=D("99"), sl=D("98"), volume=D("0.10"), tp=None),  # 9 900
    )
    held = (
        position(3, symbol="EURJPY", price_open=D(100), sl=D(99), volume=D("0.10"), tp=None),  # 10 000
        position(4, price_open=D(1), sl=D("0.999"), volume=D("0.10"), tp=None),  # 10 000
    )
    rules = limits(slippage_points=0, max_total_exposure_percent="50", max_daily_loss_percent="50",
                   max_correlated_exposure_percent="50")  # fmt: skip
    wish = intent(side=Side.SELL, volume=D("0.05"), sl=D("1.00200"), tp=D("0.99000"))
    verdict = verdict_of(wish, rules, quotes=quotes, specs=specs, orders=orders, positions=held)
    assert isinstance(verdict, Approved), verdict
    assert next(c.value for c in verdict.checks if c.code is Code.CURRENCY_EXPOSURE) == D(39_800)


def test_futures_say_that_their_tick_value_was_not_compared() -> None:
    future = spec("EURUSD", calc_mode=CalcMode.FUTURES, margin_initial=D(10), currency_margin="USD", tick_value=D(2))
    verdict = verdict_of(intent(volume=D("0.05")), specs={"EURUSD": future})
    assert isinstance(verdict, Approved), verdict
    row = next(c for c in verdict.checks if c.code is Code.TICK_VALUE_DISAGREES)
    assert (row.value, row.limit, row.passed) == (D(2), None, True)


MOVED = Intent(account=7, kind=Kind.MODIFY, ticket=1, created_at=intent().created_at, sl=D("1.08290"), tp=D("1.09"))


def test_modifications_meet_the_allow_list_by_the_tickets_symbol() -> None:
    only = {name: limits(slippage_points=0, symbols=frozenset({name})) for name in ("EURUSD", "GBPUSD")}
    order = pending(2)
    world = {"positions": (position(1),), "orders": (order,)}
    again = replace(MOVED, ticket=2, price=D("1.08010"), sl=order.sl, tp=order.tp)
    for wish in (MOVED, again):
        assert code_of(wish, only["EURUSD"], **world) is None
        assert code_of(wish, only["GBPUSD"], **world) is Code.SYMBOL_NOT_ALLOWED


def test_modifications_list_their_checks_the_freeze_level_too() -> None:
    world = {"positions": (position(1),), "orders": (pending(2, sl=None), pending(3))}
    moves = (
        MOVED,
        replace(MOVED, ticket=3, price=D("1.08010"), sl=D("1.07800"), tp=D("1.08600")),
    )
    for wish in moves:
        others = {**world, "orders": tuple(o for o in world["orders"] if o.ticket == wish.ticket)}  # type: ignore[attr-defined]  # orders
        verdict = verdict_of(wish, **others)
        assert isinstance(verdict, Approved), verdict
        rows = {row["code"]: row["passed"] for row in describe(verdict.checks)}
        assert rows["FREEZE_LEVEL"] is True
        assert len(rows) > 20
    naked = pending(4, sl=None)
    first_stop = replace(MOVED, ticket=4, price=D("1.08010"), sl=D("1.07800"), tp=D("1.08600"))
    verdict = verdict_of(first_stop, orders=(naked,))
    assert isinstance(verdict, Approved), verdict
    assert "FREEZE_LEVEL" in {row["code"] for row in describe(verdict.checks)}


@pytest.mark.parametrize("extra", [{"risk_percent": D(1)}, {"volume": D(5)}, {"deviation_points": 90}])
def test_a_modification_keeps_the_tickets_own_volume(extra: dict[str, Any]) -> None:
    held, order = position(1), pending(2)
    plain = verdict_of(MOVED, positions=(held,))
    assert verdict_of(replace(MOVED, **extra), positions=(held,)) == plain
    again = replace(MOVED, ticket=2, price=D("1.08010"), sl=D("1.07800"), tp=D("1.08600"))
    assert verdict_of(replace(again, **extra), orders=(order,)) == verdict_of(again, orders=(order,))


def test_a_position_without_a_target_may_have_its_stop_moved_away() -> None:
    assert verdict_of(replace(MOVED, tp=None), positions=(position(1, tp=None),)).approved


@pytest.mark.parametrize(("level", "frozen"), [(189, False), (190, True)])
def test_a_frozen_position_says_how_near_the_market_is(level: int, frozen: bool) -> None:
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", freeze_level=level)}
    verdict = verdict_of(MOVED, positions=(position(1),), specs=specs)
    assert isinstance(verdict, Denied) is frozen
    if isinstance(verdict, Denied):
        assert dict(verdict.context) == {"distance": "0.0019", "distance_min": "0.0019"}
        assert verdict.checks[-1].code is Code.CORRELATED_EXPOSURE


@pytest.mark.parametrize(("level", "frozen"), [(509, False), (510, True)])
def test_a_pending_sell_is_frozen_by_its_distance_from_the_bid(level: int, frozen: bool) -> None:
    order = pending(6, side=Side.SELL, price=D("1.09000"), sl=D("1.09200"), tp=D("1.08600"))
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", freeze_level=level)}
    wish = replace(MOVED, ticket=6, price=D("1.09010"), sl=order.sl, tp=order.tp)
    assert code_of(wish, orders=(order,), specs=specs) is (Code.FREEZE_LEVEL if frozen else None)


def test_a_position_without_stop_and_target_in_reach_has_no_freeze() -> None:
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", freeze_level=100)}
    assert verdict_of(MOVED, positions=(position(1, tp=None),), specs=specs).approved


def test_margin_that_depends_on_the_price_is_reserved_by_its_difference() -> None:
    """Gold at 1:100: 100 ounces, 0.10 lots: 10 dollars of price are 1.00 of margin."""
    order = pending(8, symbol="XAUUSD", price=D("2300.00"), sl=D("2290.00"), tp=D("2330.00"))
    wish = replace(MOVED, ticket=8, price=D("2310.00"), sl=D("2300.00"), tp=D("2340.00"))
    verdict = verdict_of(wish, limits(slippage_points=0, price_collar_percent="5"), orders=(order,))
    assert isinstance(verdict, Approved), verdict
    assert (verdict.risk, verdict.margin, verdict.notional) == (D("0.00"), D("1.00"), D("100.00"))


@pytest.mark.parametrize(
    ("order", "risk"),
    [
        # a stop enters at its price and slips, both ways: 20 pips and twice 1 pip
        (pending(1, order_type=OrderType.STOP, price=D("1.09000"), sl=D("1.08800")), "22"),
        # a stop-limit enters at its limit price: 10 pips and 1 pip
        (
            pending(1, order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D("1.08900"), sl=D("1.08800")),
            "11",
        ),
        (pending(1, price=D("1.08000"), sl=D("1.07800")), "21"),
    ],
)
def test_pending_orders_of_the_book_are_valued_by_their_type(order: Any, risk: str) -> None:
    verdict = verdict_of(intent(), limits(slippage_points=10), orders=(order,))
    assert isinstance(verdict, Approved), verdict
    assert next(c.value for c in verdict.checks if c.code is Code.TOTAL_EXPOSURE) == D(risk) + 21


def test_an_empty_book_leaves_the_whole_volume_limit() -> None:
    assert code_of(intent(), specs={"EURUSD": spec("EURUSD", volume_limit=D("0.10"))}) is None
    assert code_of(intent(), specs={"EURUSD": spec("EURUSD", volume_limit=D("0.09"))}) is Code.VOLUME_LIMIT


def test_the_price_a_market_order_saw_has_no_stops_level() -> None:
    assert code_of(intent(price=D("1.08500")), specs={"EURUSD": spec("EURUSD", stops_level=100)}) is None


def test_without_a_freeze_level_a_stop_may_be_moved_from_under_the_market() -> None:
    touched = position(1, sl=D("1.08490"))
    assert verdict_of(MOVED, positions=(touched,)).approved


def test_a_news_blackout_names_its_title_and_end() -> None:
    window = NewsWindow(starts_at=NOW, ends_at=NOW, currencies=frozenset(), title="rate decision")
    assert context_of(intent(), news_windows=(window,)) == {
        "found": "rate decision", "expected": "after 2024-05-15T12:00:00+00:00",
    }  # fmt: skip
