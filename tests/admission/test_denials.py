"""Every way in which the gate says no, each with its code; a denial is stored and sends nothing.

What risk itself works out is tested in tests/risk; here it is whether risk is told the truth, and told at all.
"""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from risk.states import Cause
from tests.admission.world import LOGIN, NOW, order, position, spec
from zmq_bridge.admission.answers import Accepted, Code, Denied
from zmq_bridge.admission.source import Source
from zmq_bridge.live import keys
from zmq_bridge.storage.commands.recent import RECENT_ORDERS_MAX
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.ledger.breaks import BreakReason, close_agreed, open_break
from zmq_bridge.storage.risk.trading_state import set_account_state, set_global_state


def expect_denied(world, answer, code: str) -> Denied:
    """It was denied with this code, the decision is stored, and nothing is on its way."""
    assert isinstance(answer, Denied), answer
    assert answer.code == code, answer
    [decision] = world.rows("SELECT verdict, code, context FROM risk_decisions WHERE id = %s", answer.decision_id)
    assert (decision.verdict, decision.code, decision.context) == ("denied", code, answer.context)
    [signal] = world.rows("SELECT status FROM signals WHERE id = %s", answer.signal_id)
    assert signal.status == "denied"
    assert world.count("commands") == world.count("reservations") == 0
    return answer


def limit(world, **limits) -> None:
    """Set limits of the account."""
    query = "INSERT INTO risk_limits (account_id, limits, actor) VALUES (%s, %s, 'ann')"
    world.run(query, world.account_id, dump_json(limits))


def test_an_account_that_nobody_ever_spoke_for_is_denied(world):
    expect_denied(world, world.buy(account=999), Code.ACCOUNT_UNKNOWN)


def test_a_source_may_not_use_anothers_account(world):
    world.add_account(777)
    expect_denied(world, world.buy(Source(id="k", accounts=frozenset({777})), account=LOGIN), Code.ACCOUNT_NOT_ALLOWED)


def test_an_account_is_not_guessed_where_two_are_possible(world):
    world.add_account(777)
    answer = expect_denied(world, world.buy(), Code.ACCOUNT_REQUIRED)
    assert answer.context["accounts"] == ["123456@Demo-1", "777@Demo-1"]


def test_a_source_may_not_trade_a_symbol_off_its_list(world):
    expect_denied(world, world.buy(Source(id="k", symbols=frozenset({"GBPUSD"}))), Code.SYMBOL_NOT_ALLOWED)


def test_a_symbol_that_the_operator_took_off_is_denied(world):
    world.run("UPDATE symbols SET tradable = false, updated_at = %s WHERE symbol = 'EURUSD'", NOW)
    expect_denied(world, world.buy(), Code.SYMBOL_NOT_ALLOWED)


def test_a_signal_past_its_time_is_denied(world):
    expect_denied(world, world.buy(expires_at=NOW.isoformat()), Code.SIGNAL_EXPIRED)


def test_a_signal_without_a_stop_is_denied(world):
    expect_denied(world, world.buy(sl=None), "STOP_LOSS_MISSING")


def test_a_signal_too_large_is_denied(world):
    answer = expect_denied(world, world.buy(volume="1.00"), "POSITION_RISK")
    assert answer.context


def test_no_quote_is_denied(world):
    world.beat()
    expect_denied(world, world.send(), "QUOTE_MISSING")


def test_a_stale_quote_is_denied(world):
    world.freshen()
    world.quote("EURUSD", "1.08490", "1.08500", age_s=10.1)
    expect_denied(world, world.send(), "QUOTE_STALE")


def test_another_accounts_quote_does_not_help(world):
    world.beat()
    world.quote("EURUSD", "1.08490", "1.08500", login=777)
    expect_denied(world, world.send(), "QUOTE_MISSING")


def test_no_heartbeat_is_denied(world):
    world.freshen()
    world.client.delete(keys.terminal(LOGIN))
    expect_denied(world, world.send(), "TERMINAL_SILENT")


def test_an_old_heartbeat_is_denied(world):
    world.freshen()
    world.beat(age_s=3.1)
    expect_denied(world, world.send(), "TERMINAL_SILENT")


def test_a_feed_terminal_alone_does_not_count_as_one_that_trades(world):
    world.freshen()
    life = world.client.hgetall(keys.terminal(LOGIN))
    world.client.delete(keys.terminal(LOGIN))
    feed = {name.replace(b"both.", b"feed."): value for name, value in life.items()}
    world.client.hset(keys.terminal(LOGIN), mapping=feed)
    expect_denied(world, world.send(), "TERMINAL_SILENT")


def test_a_stale_account_is_denied(world):
    world.snapshot(age_s=5.1)
    expect_denied(world, world.buy(), "ACCOUNT_STALE")


def test_an_account_that_was_never_reported_is_denied(world):
    world.run("DELETE FROM account_snapshots")
    expect_denied(world, world.buy(), "ACCOUNT_UNKNOWN")


def test_an_account_that_may_not_trade_is_denied(world):
    world.snapshot(trade_allowed=False)
    expect_denied(world, world.buy(), "TRADE_NOT_ALLOWED")


def test_a_terminal_that_lets_no_expert_trade_is_denied(world):
    world.snapshot(trade_expert=False)
    expect_denied(world, world.buy(), "TRADE_NOT_ALLOWED")


def test_a_symbol_without_specification_is_denied(world):
    world.run("DELETE FROM symbols WHERE symbol = 'EURUSD'")
    expect_denied(world, world.buy(), "SPEC_MISSING")


@pytest.mark.parametrize("change", [{"calc_mode": "astrology"}, {"tick_size": "abc"}, {"sessions": None}])
def test_a_specification_that_cannot_be_understood_is_denied(world, change):
    stored = dump_json(spec("EURUSD") | change)
    world.run("UPDATE symbols SET spec = %s, updated_at = %s WHERE symbol = 'EURUSD'", stored, NOW)
    expect_denied(world, world.buy(), "SPEC_INVALID")


def test_a_new_specification_counts_from_the_next_signal_on(world):
    assert isinstance(world.buy(), Accepted)
    stored = dump_json(spec("EURUSD", trade_mode="close_only"))
    world.run("UPDATE symbols SET spec = %s, updated_at = %s WHERE symbol = 'EURUSD'", stored, NOW)
    assert world.buy().code == "SYMBOL_TRADE_MODE"


def test_a_specification_not_told_for_two_days_is_denied_until_it_is_told_again(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE symbols SET seen_at = %s", NOW - timedelta(hours=48, seconds=1))
    assert world.buy().code == "SPEC_STALE"
    world.run("UPDATE symbols SET seen_at = %s", NOW - timedelta(seconds=1))
    assert isinstance(world.buy(), Accepted)


@pytest.mark.parametrize(
    ("figure", "given", "code"),
    [("margin", "1095.86", "MARGIN_DISAGREES"), ("profit", "989.99", "PROFIT_DISAGREES"), ("profit", "990", None)],
)
def test_a_symbol_whose_figures_disagree_with_the_terminals_is_denied(world, figure, given, code):
    figures = {
        name: {"given": "1000", "low": "1000", "high": "1000"} if name != figure
        else {"given": given, "low": "1000", "high": "1085"}
        for name in ("margin", "profit")
    }  # fmt: skip
    query = "UPDATE symbols SET figures = %s, figures_at = now(), updated_at = now() WHERE symbol = 'EURUSD'"
    world.run(query, dump_json(figures))
    answer = world.buy()
    if code is None:
        assert isinstance(answer, Accepted)
    else:
        expect_denied(world, answer, code)


@pytest.mark.parametrize(("state", "code"), [("halted", "TRADING_HALTED"), ("reducing", "TRADING_REDUCING")])
def test_an_account_that_is_not_active_is_denied(world, state, code):
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, state, reason="test", actor="ann", now=NOW)
    expect_denied(world, world.buy(), code)


@pytest.mark.parametrize(("state", "code"), [("halted", "TRADING_HALTED"), ("reducing", "TRADING_REDUCING")])
def test_the_global_state_counts_for_every_account(world, state, code):
    set_global_state(world.engine, state, reason="test", actor="ann", now=NOW)
    expect_denied(world, world.buy(), code)


def test_a_global_active_lifts_no_accounts_halt(world):
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "halted", reason="test", actor="ann", now=NOW)
    set_global_state(world.engine, "active", reason="test", actor="ann", now=NOW)
    expect_denied(world, world.buy(), "TRADING_HALTED")


def test_a_new_account_is_denied_until_it_is_reconciled(world):
    world.hold(Cause.NOT_RECONCILED)
    expect_denied(world, world.buy(), "TRADING_HALTED")


def test_a_set_drawdown_latch_is_denied(world):
    world.hold(Cause.DRAWDOWN)
    expect_denied(world, world.buy(), "DRAWDOWN_LATCHED")


def test_a_reached_drawdown_is_denied_before_anybody_set_the_latch(world):
    world.run("UPDATE risk_state SET nav_index = 0.8, nav_index_peak = 1")
    expect_denied(world, world.buy(), "DRAWDOWN")


def test_a_daily_reference_of_another_day_is_denied(world):
    world.run("UPDATE risk_state SET server_day = %s", date(2026, 3, 3))
    expect_denied(world, world.buy(), "DAY_REFERENCE_MISSING")


def test_no_risk_state_is_denied(world):
    world.run("DELETE FROM risk_state")
    assert world.buy().code in ("DAY_REFERENCE_MISSING", "NAV_INDEX_MISSING")


def test_a_daily_loss_is_denied(world):
    world.snapshot(balance=9500, equity=9500, margin_free=9500)
    expect_denied(world, world.buy(), "DAILY_LOSS")


def test_no_terminal_no_clock_no_order(world):
    world.run("DELETE FROM terminals")
    expect_denied(world, world.buy(), "CLOCK_SKEWED")


def test_an_unknown_or_wrong_clock_is_denied(world):
    for skew_ms in (None, 5001):
        world.run("UPDATE terminals SET clock_skew_ms = %s", skew_ms)
        assert world.buy().code == "CLOCK_SKEWED"


def test_an_open_position_without_a_stop_is_denied(world):
    world.snapshot(positions=[position(1, sl="0")])
    expect_denied(world, world.buy(), "POSITION_UNPROTECTED")


def test_open_positions_and_pending_orders_count(world):
    limit(world, max_positions=2)
    world.snapshot(positions=[position(1)], orders=[order(2)])
    expect_denied(world, world.buy(volume="0.01"), "MAX_POSITIONS")


def test_an_order_that_no_longer_works_does_not_count(world):
    limit(world, max_positions=2)
    world.snapshot(positions=[position(1)], orders=[order(2)])
    world.snapshot(positions=[position(1)])
    assert isinstance(world.buy(volume="0.01"), Accepted)


def test_reservations_count_until_they_end(world):
    limit(world, max_positions=1)
    assert isinstance(world.buy(volume="0.01"), Accepted)
    assert world.buy(volume="0.01").code == "MAX_POSITIONS"
    world.run("UPDATE reservations SET ended_at = now(), end_reason = 'rejected'")
    assert isinstance(world.buy(volume="0.01"), Accepted)


def test_too_many_orders_a_minute_are_denied_and_a_minute_later_not(world):
    limit(world, max_orders_per_minute=2, max_repeats=100)
    assert [type(world.buy(volume="0.01")) for _ in range(3)] == [Accepted, Accepted, Denied]
    assert world.buy(volume="0.01").code == "ORDER_RATE_ACCOUNT"
    world.clock.now += timedelta(seconds=60)
    world.snapshot()
    assert isinstance(world.buy(volume="0.01"), Accepted)


def test_one_sources_rate_is_not_anothers(world):
    limit(world, max_orders_per_minute_source=1)
    assert isinstance(world.buy(volume="0.01"), Accepted)
    assert world.buy(volume="0.01").code == "ORDER_RATE_SOURCE"
    assert isinstance(world.buy(Source(id="key-2"), volume="0.01"), Accepted)


def test_a_strategy_that_repeats_itself_is_stopped_until_a_person_lets_it_on(world):
    limit(world, max_repeats=2, repeat_window_s="3600")
    for _ in range(2):
        assert isinstance(world.buy(volume="0.01", magic=7), Accepted)
        world.clock.now += timedelta(minutes=5)  # further apart than a minute: the limit's own window counts
        world.snapshot()
    assert world.buy(volume="0.01", magic=7).code == "REPEATED_EXECUTION"
    world.clock.now += timedelta(hours=2)
    world.snapshot()
    assert world.buy(volume="0.01", magic=7).code == "STRATEGY_LATCHED"
    assert isinstance(world.buy(volume="0.01", magic=8), Accepted)
    world.run("DELETE FROM strategy_latches")
    assert isinstance(world.buy(volume="0.01", magic=7), Accepted)


def test_what_other_strategies_open_counts_for_the_rates_one_by_one_and_for_no_repeat(world):
    limit(world, max_orders_per_minute=6, max_orders_per_minute_source=4, max_repeats=2)
    for magic, symbol, action in ((1, "EURUSD", "BUY"), (2, "EURUSD", "BUY"), (3, "GBPUSD", "SELL")):
        stops = {"sl": "1.27000", "tp": "1.25000"} if symbol == "GBPUSD" else {}
        answer = world.buy(volume="0.01", magic=magic, symbol=symbol, action=action, **stops)
        assert isinstance(answer, Accepted)
    assert isinstance(world.buy(volume="0.01", magic=1), Accepted)  # the fourth of this source
    assert world.buy(volume="0.01", magic=4).code == "ORDER_RATE_SOURCE"
    other = Source(id="key-2")
    assert world.buy(other, volume="0.01", magic=1).code == "REPEATED_EXECUTION"  # the third, whoever sent the others
    for magic in (5, 6):
        assert isinstance(world.buy(other, volume="0.01", magic=magic), Accepted)
    assert world.buy(Source(id="key-3"), volume="0.01", magic=7).code == "ORDER_RATE_ACCOUNT"


def test_without_a_magic_the_source_stands_for_the_strategy(world):
    limit(world, max_repeats=1)
    assert isinstance(world.buy(volume="0.01"), Accepted)
    assert isinstance(world.buy(Source(id="key-2"), volume="0.01"), Accepted)
    assert isinstance(world.buy(volume="0.01", magic=7), Accepted)
    assert world.buy(volume="0.01").code == "REPEATED_EXECUTION"


def test_repeats_of_one_second_leave_the_window_when_the_last_of_them_does(world):
    limit(world, max_repeats=2, repeat_window_s="300")
    for moment_s in (0.1, 0.4):
        world.clock.now = NOW + timedelta(seconds=moment_s)
        assert isinstance(world.buy(volume="0.01", magic=7), Accepted)
    world.clock.now = NOW + timedelta(seconds=300.4)
    world.snapshot()
    assert isinstance(world.buy(volume="0.01", magic=7), Accepted)


def test_more_orders_than_can_be_counted_are_too_many(world):
    limit(world, max_orders_per_minute=1_000_000)
    world.run(
        "INSERT INTO commands (id, account_id, kind, payload, status, expires_at, created_at)"
        " SELECT 'c' || n, accounts.id, 'place_order',"
        " jsonb_build_object('symbol', 'GBPUSD', 'side', 'sell', 'magic', 9), 'expired', %s, %s"
        " FROM accounts, generate_series(1, %s) AS n", NOW, NOW, RECENT_ORDERS_MAX + 1,
    )  # fmt: skip
    assert world.buy(volume="0.01").code == "HISTORY_MISSING"
    world.run("UPDATE commands SET created_at = created_at - interval '1 hour' WHERE id = 'c1'")
    assert isinstance(world.buy(volume="0.01"), Accepted)


def test_repeats_behind_more_orders_than_can_be_counted_are_not_forgotten(world):
    limit(world, max_orders_per_minute=1_000_000, repeat_window_s="3600")
    world.run(
        "INSERT INTO commands (id, account_id, kind, payload, status, expires_at, created_at)"
        " SELECT 'c' || n, accounts.id, 'place_order',"
        " jsonb_build_object('symbol', 'GBPUSD', 'side', 'sell', 'magic', 9), 'expired', %s, %s"
        " FROM accounts, generate_series(1, %s) AS n",
        NOW, NOW - timedelta(minutes=10), RECENT_ORDERS_MAX + 1,
    )  # fmt: skip
    assert world.buy(volume="0.01").code == "HISTORY_MISSING"


@pytest.mark.parametrize("window", ["3600", "3.6e3", "3_600", "3600."])
def test_a_window_is_as_long_as_it_says_however_it_is_written(world, window):
    limit(world, max_repeats=2, repeat_window_s=window)
    for _ in range(2):
        assert isinstance(world.buy(volume="0.01", magic=7), Accepted)
    world.clock.now = NOW + timedelta(minutes=30)
    world.snapshot()
    assert world.buy(volume="0.01", magic=7).code == "REPEATED_EXECUTION"


@pytest.mark.parametrize("selector", ["source", "symbol", "magic"])
def test_an_override_tightens_exactly_what_it_names(world, selector):
    value = {"source": "key-1", "symbol": "EURUSD", "magic": 7}[selector]
    query = f"INSERT INTO risk_limits ({selector}, limits, actor) VALUES (%s, %s, 'ann')"
    world.run(query, value, dump_json({"max_lots": "0.05"}))
    expect_denied(world, world.buy(magic=7), "VOLUME_EXCEEDS_MAXIMUM")
    other = {
        "source": lambda: world.buy(Source(id="key-2"), magic=7),
        "symbol": lambda: world.buy(symbol="GBPUSD", magic=7, sl="1.26350", tp="1.26950"),
        "magic": lambda: world.buy(magic=8),
    }[selector]
    assert isinstance(other(), Accepted)


@pytest.mark.parametrize(("symbols", "allowed"), [(["EURUSD"], True), (["GBPUSD"], False), ([], False), (None, True)])
def test_an_account_trades_only_the_symbols_on_its_list(world, symbols, allowed):
    limit(world, symbols=symbols)
    answer = world.buy()
    assert isinstance(answer, Accepted) if allowed else answer.code == "SYMBOL_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("from_s", "to_s", "allowed"),
    [(50_400, 50_401, True), (50_399, 50_400, False), (50_401, 86_400, False), (0, 86_400, True)],
)
def test_an_account_trades_only_in_its_hours_by_the_servers_clock(world, from_s, to_s, allowed):
    """NOW is Wednesday, 12:00 UTC; the server is two hours ahead: second 50,400 of its day 3."""
    limit(world, hours=[[[3, from_s, to_s]]])
    answer = world.buy()
    assert isinstance(answer, Accepted) if allowed else answer.code == "OUTSIDE_TRADING_HOURS"


def test_an_override_never_loosens(world):
    limit(world, max_lots="0.05")
    world.run(
        "INSERT INTO risk_limits (source, limits, actor) VALUES ('key-1', %s, 'ann')", dump_json({"max_lots": "50"})
    )
    expect_denied(world, world.buy(), "VOLUME_EXCEEDS_MAXIMUM")


def test_a_limit_that_was_ended_does_not_count(world):
    limit(world, max_lots="0.05")
    world.run("UPDATE risk_limits SET ended_at = now()")
    assert isinstance(world.buy(), Accepted)


def test_an_accounts_own_limits_replace_those_for_all(world):
    world.run("INSERT INTO risk_limits (limits, actor) VALUES (%s, 'ann')", dump_json({"max_lots": "0.05"}))
    assert world.buy().code == "VOLUME_EXCEEDS_MAXIMUM"
    limit(world, max_lots="0.5")
    assert isinstance(world.buy(), Accepted)


@pytest.mark.parametrize(
    "limits",
    [{"max_lots": "NaN"}, {"max_lots": "-1"}, {"max_lotz": "1"}, {"max_lots": None}, {"repeat_window_s": "90000"}],
)
def test_limits_that_cannot_be_understood_are_denied(world, limits):
    limit(world, **limits)
    expect_denied(world, world.buy(), Code.STATE_UNREADABLE)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE orders SET order_type = 'sideways'",
        'UPDATE correlations SET links = \'{"EURUSD": {"GBPUSD": "maybe"}}\'',
    ],
)
def test_a_stored_state_that_cannot_be_understood_is_denied(world, damage):
    world.snapshot(orders=[order(2)])
    world.run(damage)
    expect_denied(world, world.buy(), Code.STATE_UNREADABLE)


def test_a_nan_in_the_books_is_denied(world):
    world.snapshot(positions=[position(1)])
    world.run("UPDATE positions SET sl = 'NaN'")
    assert isinstance(world.buy(), Denied)
    assert world.count("commands") == 0


def test_garbage_in_live_state_is_denied(world):
    world.freshen()
    world.client.hset(keys.quotes(LOGIN), "EURUSD", "certainly not JSON")
    expect_denied(world, world.send(), Code.LIVE_STATE_UNAVAILABLE)


@pytest.mark.parametrize("quote", ['{"bid": NaN, "ask": 1, "time_msc": 1, "received_ms": 1}', '{"bid": 1}', "[]", "7"])
def test_a_quote_that_is_none_is_denied(world, quote):
    world.freshen()
    world.client.hset(keys.quotes(LOGIN), "EURUSD", quote)
    assert isinstance(world.send(), Denied)
    assert world.count("commands") == 0


def test_a_daily_loss_that_was_reached_halts_even_when_it_was_won_back(world):
    world.hold(Cause.DAILY_LOSS, until=NOW + timedelta(hours=1))
    answer = expect_denied(world, world.buy(), "TRADING_HALTED")
    assert answer.context == {"found": "halted: test", "expected": "active"}
    world.clock.now += timedelta(hours=1)
    world.snapshot()
    assert isinstance(world.buy(), Accepted)


def test_nothing_is_opened_while_ledger_and_broker_disagree_whatever_state_somebody_set(world):
    with world.engine.begin() as connection:
        open_break(connection, world.account_id, BreakReason.BALANCE, expected=Decimal(1), found=Decimal(2))
        set_account_state(connection, world.account_id, "active", reason="test", actor="ann", now=NOW)
    assert world.buy().code == "TRADING_HALTED"
    with world.engine.begin() as connection:
        assert close_agreed(connection, world.account_id) == 1
    assert isinstance(world.buy(), Accepted)
