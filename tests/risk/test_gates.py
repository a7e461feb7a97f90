"""States, latches, allow-lists, hours, sessions, trade modes, news: what is closed before anything is computed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from risk import Code, Denied, Kind, assess
from risk.intent import Side
from risk.snapshot import NavIndex, NewsWindow, Session, State, TradeMode, TradingState
from risk.verdict import Verdict
from tests.risk.world import NOW, D, account, intent, limits, snapshot, spec


def verdict_of(*, wish: Any = None, rules: Any = None, **changes: Any) -> Verdict:
    return assess(wish or intent(), snapshot(**changes), rules or limits(), NOW)


def code_of(verdict: Verdict) -> Code | None:
    return verdict.code if isinstance(verdict, Denied) else None


def state(which: State) -> TradingState:
    return TradingState(state=which, reason="test", actor="anna", at=NOW)


@pytest.mark.parametrize(
    ("which", "code"),
    [(State.ACTIVE, None), (State.REDUCING, Code.TRADING_REDUCING), (State.HALTED, Code.TRADING_HALTED)],
)
def test_only_an_active_account_opens(which: State, code: Code | None) -> None:
    assert code_of(verdict_of(trading_state=state(which))) is code


def test_states_beat_computations() -> None:
    """A halted account is told so, whatever else is missing."""
    verdict = verdict_of(trading_state=state(State.HALTED), quotes={}, specs={}, positions=None, day=None)
    assert code_of(verdict) is Code.TRADING_HALTED


@pytest.mark.parametrize("which", list(State))
@pytest.mark.parametrize("kind", [Kind.REDUCE, Kind.CANCEL])
def test_ways_out_are_open_in_every_state(which: State, kind: Kind) -> None:
    wish = intent(kind=kind, ticket=1, volume=None)
    assert verdict_of(wish=wish, trading_state=state(which)).approved


def test_a_set_drawdown_latch_denies_even_when_the_index_recovered() -> None:
    index = NavIndex(price=D(1), peak=D(1), units=D(10_000), latched=True)
    assert code_of(verdict_of(nav_index=index)) is Code.DRAWDOWN_LATCHED


def test_a_latched_strategy_is_denied_and_others_are_not() -> None:
    assert code_of(verdict_of(latched_strategies=frozenset({"trend"}))) is Code.STRATEGY_LATCHED
    assert code_of(verdict_of(latched_strategies=frozenset({"other"}))) is None


def test_without_a_strategy_name_the_source_is_latched() -> None:
    wish = intent(strategy="")
    assert code_of(verdict_of(wish=wish, latched_strategies=frozenset({"key-1"}))) is Code.STRATEGY_LATCHED


def test_the_account_must_be_allowed_to_trade() -> None:
    assert code_of(verdict_of(account=account(trade_allowed=False))) is Code.TRADE_NOT_ALLOWED


def test_the_allow_list() -> None:
    assert code_of(verdict_of(rules=limits(symbols=frozenset({"GBPUSD"})))) is Code.SYMBOL_NOT_ALLOWED
    assert code_of(verdict_of(rules=limits(symbols=frozenset({"EURUSD"})))) is None
    assert code_of(verdict_of(rules=limits(symbols=frozenset()))) is Code.SYMBOL_NOT_ALLOWED


# NOW is Wednesday (day 3) 12:00 UTC, 14:00 = 50 400 s on the trade server.
@pytest.mark.parametrize(
    ("session", "is_open"),
    [
        ((3, 0, 86_400), True),
        ((3, 50_400, 50_401), True),  # the first second is inside
        ((3, 50_399, 50_400), False),  # the last one is not
        ((3, 50_401, 86_400), False),
        ((2, 0, 86_400), False),
        ((4, 0, 86_400), False),
    ],
)
def test_sessions_and_hours_are_in_server_time(session: tuple[int, int, int], is_open: bool) -> None:
    day, from_s, to_s = session
    times = (Session(day=day, from_s=from_s, to_s=to_s),)
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", sessions=times)}
    assert code_of(verdict_of(specs=specs)) is (None if is_open else Code.MARKET_CLOSED)
    assert code_of(verdict_of(rules=limits(hours=(times,)))) is (None if is_open else Code.OUTSIDE_TRADING_HOURS)


def test_sunday_is_day_zero() -> None:
    sunday = NOW + timedelta(days=4)
    times = (Session(day=0, from_s=0, to_s=86_400),)
    quotes = {name: replace(q, received_at=sunday) for name, q in snapshot().quotes.items()}
    specs = {name: replace(s, as_of=sunday, sessions=times) for name, s in snapshot().specs.items()}
    day = replace(snapshot().day, server_day=sunday.date())  # type: ignore[type-var]  # never None in this world
    world = snapshot(quotes=quotes, specs=specs, day=day, account=account(as_of=sunday), heartbeat_at=sunday)
    assert assess(intent(created_at=sunday), world, limits(), sunday).approved


def test_the_server_day_is_not_the_utc_day() -> None:
    """At 23:00 UTC a server two hours ahead is in tomorrow: today's reference is yesterday's."""
    late = NOW + timedelta(hours=11)
    quotes = {name: replace(q, received_at=late) for name, q in snapshot().quotes.items()}
    world = snapshot(quotes=quotes, account=account(as_of=late), heartbeat_at=late)
    assert code_of(assess(intent(created_at=late), world, limits(), late)) is Code.DAY_REFERENCE_MISSING


def test_every_group_of_hours_must_hold() -> None:
    day, night = (Session(day=3, from_s=0, to_s=86_400),), (Session(day=3, from_s=0, to_s=3600),)
    assert code_of(verdict_of(rules=limits(hours=(day, night)))) is Code.OUTSIDE_TRADING_HOURS
    assert code_of(verdict_of(rules=limits(hours=(day,)))) is None


def test_a_symbol_without_sessions_is_closed() -> None:
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", sessions=())}
    assert code_of(verdict_of(specs=specs)) is Code.MARKET_CLOSED


@pytest.mark.parametrize(
    ("mode", "side", "passes"),
    [
        (TradeMode.FULL, Side.BUY, True), (TradeMode.FULL, Side.SELL, True),
        (TradeMode.LONG_ONLY, Side.BUY, True), (TradeMode.LONG_ONLY, Side.SELL, False),
        (TradeMode.SHORT_ONLY, Side.BUY, False), (TradeMode.SHORT_ONLY, Side.SELL, True),
        (TradeMode.CLOSE_ONLY, Side.BUY, False), (TradeMode.CLOSE_ONLY, Side.SELL, False),
        (TradeMode.DISABLED, Side.BUY, False), (TradeMode.DISABLED, Side.SELL, False),
    ],
)  # fmt: skip
def test_the_trade_mode_of_the_symbol(mode: TradeMode, side: Side, passes: bool) -> None:
    specs = {**snapshot().specs, "EURUSD": spec("EURUSD", trade_mode=mode)}
    prices = {} if side is Side.BUY else {"sl": D("1.08700"), "tp": D("1.08000")}
    verdict = verdict_of(wish=intent(side=side, **prices), specs=specs)
    assert code_of(verdict) is (None if passes else Code.SYMBOL_TRADE_MODE)


def window(starts: float, ends: float, *currencies: str) -> NewsWindow:
    return NewsWindow(
        starts_at=NOW + timedelta(seconds=starts), ends_at=NOW + timedelta(seconds=ends),
        currencies=frozenset(currencies), title="rate decision",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("news", "denied"),
    [
        (window(-60, 60, "EUR"), True), (window(-60, 60, "USD"), True), (window(-60, 60), True),
        (window(0, 60, "USD"), True), (window(-60, 0, "USD"), True), (window(-60, 60, "JPY"), False),
        (window(1, 60, "USD"), False), (window(-60, -1, "USD"), False),
    ],
)  # fmt: skip
def test_news_windows_cover_both_currencies_and_both_ends(news: NewsWindow, denied: bool) -> None:
    other = window(-60, 60, "NOK")
    assert code_of(verdict_of(news_windows=(other, news))) is (Code.NEWS_BLACKOUT if denied else None)


def test_old_orders_and_other_strategies_are_not_repeats() -> None:
    from tests.risk.test_boundaries import recent

    for orders in (
        recent(5),
        recent(5, strategy="trend", side=Side.SELL),
        recent(5, strategy="trend", symbol="GBPUSD"),
    ):
        assert code_of(verdict_of(recent_orders=orders)) is None
    nameless = recent(5, strategy="", source="key-1")
    assert code_of(verdict_of(wish=intent(strategy=""), recent_orders=nameless)) is Code.REPEATED_EXECUTION


@pytest.mark.parametrize("orders", [4, 5])
def test_orders_counted_together_weigh_as_much_as_one_by_one(orders: int) -> None:
    from tests.risk.test_boundaries import recent

    for rules in (limits(), limits(max_orders_per_minute=orders), limits(max_orders_per_minute_source=orders)):
        single = recent(orders, strategy="trend", source="key-1")
        together = (replace(single[0], orders=orders - 2), replace(single[0], orders=2))
        listed, counted = (verdict_of(recent_orders=each, rules=rules) for each in (single, together))
        assert counted == listed
        assert isinstance(counted, Denied) == (orders == 5 or rules != limits())


def test_orders_that_repeat_nothing_count_for_the_rates_alone() -> None:
    from tests.risk.test_boundaries import recent

    mixed = (replace(recent(1)[0], strategy=None, symbol=None, side=None, source="key-1", orders=19),)
    assert code_of(verdict_of(recent_orders=mixed)) is None
    assert code_of(verdict_of(recent_orders=(replace(mixed[0], orders=20),))) is Code.ORDER_RATE_SOURCE


@pytest.mark.parametrize("index", [NavIndex(price=D("NaN"), peak=D(1), units=D(1)),
                                   NavIndex(price=D(2), peak=D(1), units=D(1))])  # fmt: skip
def test_an_unusable_index_is_denied_with_its_code(index: NavIndex) -> None:
    assert code_of(verdict_of(nav_index=index)) is Code.NAV_INDEX_MISSING
