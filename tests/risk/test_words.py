"""Every refusal says what was expected and what was found."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from risk import Code, Denied, Intent, Kind, assess
from risk.intent import OrderType
from risk.monitor import Notice, review
from risk.report import Problem, report
from risk.snapshot import CalcMode, DayReference, NavIndex, Snapshot, State, TradingState
from risk.states import Cause, in_force
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
)

KINDS = "one of open, reduce, cancel, modify"
TYPES = "one of market, limit, stop, stop_limit"
NUMBER = "a positive number"


def reduce(**changes: Any) -> Intent:
    return Intent(account=7, kind=Kind.REDUCE, **changes)


def malformed(field: str, expected: str, found: str) -> tuple[Code, dict[str, str]]:
    return Code.INTENT_MALFORMED, {"field": field, "expected": expected, "found": found}


REQUESTS: list[tuple[Any, tuple[Code, dict[str, str]]]] = [
    ("x", (Code.INTENT_MALFORMED, {"expected": "an Intent", "found": "str"})),
    (intent(account="7"), malformed("account", "an account id", "'7'")),
    (intent(kind="open!"), malformed("kind", KINDS, "'open!'")),
    (intent(symbol=None), malformed("symbol", "a name", "None")),
    (intent(side="up"), malformed("side", "buy or sell", "'up'")),
    (intent(order_type="x"), malformed("order_type", TYPES, "'x'")),
    (intent(volume=D(0)), malformed("volume", NUMBER, "Decimal('0')")),
    (intent(volume=None, risk_percent=D(-1)), malformed("risk_percent", NUMBER, "Decimal('-1')")),
    (intent(price=D("NaN")), malformed("price", NUMBER, "Decimal('NaN')")),
    (intent(stoplimit=D(0)), malformed("stoplimit", NUMBER, "Decimal('0')")),
    (intent(sl="1"), malformed("sl", NUMBER, "'1'")),
    (intent(tp=D("Infinity")), malformed("tp", NUMBER, "Decimal('Infinity')")),
    (intent(deviation_points=-1), malformed("deviation_points", "an integer from 0 to 1000000", "-1")),
    (intent(deviation_points=1_000_001), malformed("deviation_points", "an integer from 0 to 1000000", "1000001")),
    (intent(source=None), malformed("source", "text", "None")),
    (intent(strategy=5), malformed("strategy", "text", "5")),
    (intent(volume=None), (Code.VOLUME_AND_RISK_PERCENT,
                           {"expected": "one of volume, risk_percent", "found": "neither"})),
    (intent(risk_percent=D(1)), (Code.VOLUME_AND_RISK_PERCENT,
                                 {"expected": "one of volume, risk_percent", "found": "both"})),
    (intent(sl=None), (Code.STOP_LOSS_MISSING, {"symbol": "EURUSD"})),
    (intent(tp=None), (Code.TAKE_PROFIT_MISSING, {"symbol": "EURUSD"})),
    (intent(order_type=OrderType.STOP), (Code.PRICE_MISSING, {"order_type": "stop", "missing": "price"})),
    (intent(order_type=OrderType.STOP_LIMIT, price=D(2)),
     (Code.PRICE_MISSING, {"order_type": "stop_limit", "missing": "stoplimit"})),
    (reduce(ticket=1, volume=D(-2)), malformed("volume", NUMBER, "Decimal('-2')")),
    (reduce(ticket=-1), malformed("ticket", "a ticket or none", "-1")),
    (reduce(volume=D(1)), malformed("ticket", "the ticket to take volume off", "None")),
    (Intent(account=7, kind=Kind.CANCEL, ticket=2**64), malformed("ticket", "a ticket or none", str(2**64))),
    (Intent(account=7, kind=Kind.MODIFY), malformed("ticket", "a ticket", "None")),
    (Intent(account=7, kind=Kind.MODIFY, ticket=2**64), malformed("ticket", "a ticket", str(2**64))),
    (Intent(account=7, kind=Kind.MODIFY, ticket=5), (Code.TICKET_UNKNOWN, {"ticket": "5"})),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "expected"), REQUESTS)
def test_what_is_wrong_with_a_request(wish: Any, expected: tuple[Code, dict[str, str]]) -> None:
    verdict = assess(wish, snapshot(), limits(), NOW)
    assert isinstance(verdict, Denied)
    assert (verdict.code, dict(verdict.context)) == expected


ASK = intent()
MOVE = Intent(account=7, kind=Kind.MODIFY, ticket=1, sl=D(1), created_at=ASK.created_at)
UNKNOWN = {"account": "7", "snapshot_of": "8"}
STALE = NOW - timedelta(seconds=61)
OLD = (NOW - timedelta(days=3)).isoformat(sep=" ")


def with_spec(**changes: Any) -> Snapshot:
    return snapshot(specs={**snapshot().specs, "EURUSD": spec("EURUSD", **changes)})


def with_quote(name: str, **changes: Any) -> Snapshot:
    return snapshot(quotes={**snapshot().quotes, name: replace(snapshot().quotes[name], **changes)})


CROSS = intent(symbol="GBPJPY", sl=D("190.750"), tp=D("193.000"))
WORLDS: list[tuple[Intent, Any, Any, Any, Code, dict[str, str]]] = [
    (ASK, None, limits(), NOW, Code.SNAPSHOT_MISSING, {"account": "7"}),
    (ASK, snapshot(), None, NOW, Code.LIMITS_MISSING, {"account": "7"}),
    (ASK, snapshot(account_id=8), limits(), NOW, Code.ACCOUNT_UNKNOWN, UNKNOWN),
    (ASK, snapshot(account=None), limits(), NOW, Code.ACCOUNT_UNKNOWN, {"account": "7", "snapshot_of": "7"}),
    (ASK, snapshot(), limits(), None, Code.COMPUTATION_FAILED, {"now": "None", "expected": "an aware datetime"}),
    (ASK, snapshot(), limits(), 5, Code.COMPUTATION_FAILED, {"now": "5", "expected": "an aware datetime"}),
    (MOVE, None, limits(), NOW, Code.SNAPSHOT_MISSING, {"account": "7"}),
    (MOVE, snapshot(account_id=8), limits(), NOW, Code.ACCOUNT_UNKNOWN, UNKNOWN),
    (replace(MOVE, sl=None), snapshot(positions=(position(1),)), limits(), NOW, Code.STOP_LOSS_MISSING,
     {"ticket": "1"}),
    (ASK, snapshot(specs={}), limits(), NOW, Code.SPEC_MISSING, {"symbol": "EURUSD"}),
    (ASK, snapshot(quotes={}), limits(), NOW, Code.QUOTE_MISSING, {"symbol": "EURUSD"}),
    (ASK, with_quote("EURUSD", bid=D(2)), limits(), NOW, Code.QUOTE_INVALID,
     {"symbol": "EURUSD", "bid": "2", "ask": "1.08500"}),
    (ASK, with_quote("EURUSD", received_at=STALE), limits(), NOW, Code.QUOTE_STALE,
     {"symbol": "EURUSD", "received_at": str(STALE), "max_quote_age_s": "10"}),
    (ASK, with_spec(as_of=NOW - timedelta(days=3)), limits(), NOW, Code.SPEC_STALE,
     {"symbol": "EURUSD", "as_of": OLD, "max_spec_age_s": "172800"}),
    (CROSS, with_quote("USDJPY", received_at=STALE), limits(), NOW, Code.CONVERSION_STALE,
     {"symbol": "USDJPY", "received_at": str(STALE), "max_age_s": "60"}),
    (CROSS, with_quote("USDJPY", bid=D(200)), limits(), NOW, Code.QUOTE_INVALID, {"bid": "200", "ask": "151.210"}),
    (CROSS, snapshot(quotes={"GBPJPY": quote("191.330", "191.350")}), limits(), NOW, Code.CONVERSION_MISSING,
     {"currency": "JPY", "account_currency": "USD"}),
    (ASK, with_spec(calc_mode=CalcMode.FUTURES), limits(), NOW, Code.SPEC_INVALID,
     {"symbol": "EURUSD", "margin_initial": "None", "expected": "set for futures"}),
    (ASK, snapshot(orders=None), limits(), NOW, Code.BOOK_INVALID,
     {"found": "not read", "expected": "positions, orders and reservations"}),
    (ASK, snapshot(positions=(position(9, sl=None),)), limits(), NOW, Code.POSITION_UNPROTECTED,
     {"ticket": "9", "symbol": "EURUSD"}),
    (ASK, snapshot(orders=(pending(9, sl=None),)), limits(), NOW, Code.POSITION_UNPROTECTED,
     {"ticket": "9", "symbol": "EURUSD"}),
    (ASK, snapshot(positions=(position(9, volume=D(0)),)), limits(), NOW, Code.BOOK_INVALID,
     {"position": str(position(9, volume=D(0)))}),
    (ASK, snapshot(orders=(pending(9, volume=D(0)),)), limits(), NOW, Code.BOOK_INVALID,
     {"order": str(pending(9, volume=D(0)))}),
    (ASK, snapshot(reservations=(reservation(slots=2),)), limits(), NOW, Code.BOOK_INVALID,
     {"reservation": str(reservation(slots=2))}),
    (ASK, snapshot(trading_state=TradingState(state=State.HALTED, reason="r", actor="a", at=NOW)), limits(), NOW,
     Code.TRADING_HALTED, {"found": "halted: r", "expected": "active"}),
    (ASK, snapshot(trading_state=None), limits(), NOW, Code.TRADING_STATE_UNKNOWN,
     {"found": "None", "expected": "active"}),
    (ASK, snapshot(account=account(trade_allowed=False)), limits(), NOW, Code.TRADE_NOT_ALLOWED,
     {"found": "not allowed", "expected": "allowed"}),
    (ASK, snapshot(nav_index=None), limits(), NOW, Code.NAV_INDEX_MISSING, {"found": "None", "expected": "known"}),
    (ASK, snapshot(nav_index=NavIndex(price=D(1), peak=D(1), units=D(1), latched=True)), limits(), NOW,
     Code.DRAWDOWN_LATCHED, {"found": "set", "expected": "open"}),
    (ASK, snapshot(latched_strategies=frozenset({"trend"})), limits(), NOW, Code.STRATEGY_LATCHED,
     {"found": "trend", "expected": "not latched"}),
    (ASK, snapshot(), limits(symbols=frozenset()), NOW, Code.SYMBOL_NOT_ALLOWED,
     {"found": "EURUSD", "expected": "allow-list"}),
    (ASK, snapshot(recent_orders=None), limits(), NOW, Code.HISTORY_MISSING, {"found": "None", "expected": "known"}),
    (ASK, snapshot(account=account(digits=9)), limits(), NOW, Code.ACCOUNT_INVALID,
     {"found": str(account(digits=9)), "expected": "usable"}),
    (ASK, snapshot(day=None), limits(), NOW, Code.DAY_REFERENCE_MISSING, {"found": "None", "expected": "usable"}),
    (ASK, snapshot(day=DayReference(server_day=SERVER_DAY - timedelta(days=1), reference=D(1), net_flows=D(0))),
     limits(), NOW, Code.DAY_REFERENCE_MISSING, {"found": "2024-05-14", "expected": "2024-05-15"}),
    (ASK, snapshot(clock_skew_s=None), limits(), NOW, Code.CLOCK_SKEWED, {"skew_s": "None", "max_clock_skew_s": "5"}),
    (ASK, snapshot(heartbeat_at=None), limits(), NOW, Code.TERMINAL_SILENT,
     {"silent_s": "None", "max_heartbeat_age_s": "3.0"}),
    (ASK, with_spec(sessions=()), limits(), NOW, Code.MARKET_CLOSED,
     {"found": "2024-05-15T14:00:00+00:00", "expected": "sessions"}),
    (ASK, snapshot(), limits(hours=((),)), NOW, Code.OUTSIDE_TRADING_HOURS,
     {"found": "2024-05-15T14:00:00+00:00", "expected": "hours"}),
    (replace(ASK, sl=D("1.083005")), snapshot(), limits(), NOW, Code.PRICE_OFF_TICK,
     {"found": "1.083005", "expected": "0.00001"}),
    (replace(ASK, sl=D("1.08490")), snapshot(), limits(), NOW, Code.STOP_LOSS_WRONG_SIDE,
     {"found": "1.0849", "expected": "1.0849"}),
    (replace(ASK, tp=D("1.08500")), snapshot(), limits(), NOW, Code.TAKE_PROFIT_WRONG_SIDE,
     {"found": "1.085", "expected": "1.085"}),
    (replace(ASK, order_type=OrderType.LIMIT, price=D("1.08500")), snapshot(), limits(), NOW, Code.PRICE_WRONG_SIDE,
     {"found": "1.085", "expected": "1.085"}),
    (ASK, snapshot(account=account(balance=D(0))), limits(), NOW, Code.RISK_BASE_NOT_POSITIVE,
     {"found": "0", "expected": "0"}),
    (ASK, snapshot(), limits(max_currency_exposure_percent="100"), NOW, Code.CURRENCY_EXPOSURE,
     {"exposure": "10850 EUR", "exposure_max": "10000"}),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "world", "rules", "now", "code", "context"), WORLDS)
def test_what_is_wrong_with_the_world(
    wish: Intent, world: Any, rules: Any, now: Any, code: Code, context: dict[str, str]
) -> None:
    verdict = assess(wish, world, rules, now)
    assert isinstance(verdict, Denied)
    assert (verdict.code, dict(verdict.context)) == (code, context)


def test_a_specification_that_is_unusable_is_shown() -> None:
    broken = spec("EURUSD", point=D(0))
    verdict = assess(ASK, snapshot(specs={"EURUSD": broken}), limits(), NOW)
    assert isinstance(verdict, Denied)
    assert dict(verdict.context) == {"symbol": "EURUSD", "found": str(broken)}


def notice_of(**changes: Any) -> tuple[Notice, ...]:
    return review(snapshot(**changes), limits(), NOW).notices


@pytest.mark.parametrize(
    ("changes", "code", "found", "expected"),
    [
        ({"positions": None}, Code.BOOK_INVALID, "not read", "positions and orders"),
        ({"day": None}, Code.DAY_REFERENCE_MISSING, "None", "account state and reference of the current server day"),
        ({"nav_index": None}, Code.NAV_INDEX_MISSING, "None", "a usable index"),
        ({"heartbeat_at": None}, Code.TERMINAL_SILENT, "None", "within 3 s"),
    ],
)
def test_notices_say_what_was_found(changes: dict[str, Any], code: Code, found: str, expected: str) -> None:
    assert notice_of(**changes) == (Notice(code=code, found=found, expected=expected),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"margin": D(8_000)}, "margin level 125.00 %, expected 200 %"),
        ({"margin_free": D("-0.5")}, "free margin -0.5, expected at least 0"),
        ({"margin": D(30_000), "margin_free": D(-20_000)},
         "margin level 33.33 %, expected 200 %; free margin -20000, expected at least 0"),
    ],
)  # fmt: skip
def test_a_margin_warning_says_what_was_found(changes: dict[str, Any], reason: str) -> None:
    [held] = review(snapshot(account=account(**changes)), limits(), NOW).impose
    assert held.reason == reason


def test_an_unusable_account_is_noticed() -> None:
    notices = notice_of(account=None)
    assert Notice(code=Code.ACCOUNT_INVALID, found="None", expected="a usable account state") in notices


def test_holds_say_why() -> None:
    world = snapshot(
        account=account(equity=D(9_400)), nav_index=NavIndex(price=D("0.75"), peak=D(1), units=D(1)),
        positions=(position(1),), heartbeat_at=None,
    )  # fmt: skip
    reasons = {h.cause: h.reason for h in review(world, limits(), NOW, (NOW,) * 6).impose}
    assert reasons == {
        Cause.DAILY_LOSS: "lost 600 of 500 allowed",
        Cause.DRAWDOWN: "25 % of 20 % allowed",
        Cause.REJECT_STORM: "6 orders rejected within 60 s",
        Cause.TERMINAL_LOST: "terminal not heard since None, with open risk",
    }


def test_problems_of_a_report_say_what_was_found() -> None:
    def problems(**changes: Any) -> tuple[Problem, ...]:
        return report(snapshot(**changes), limits(), NOW).problems

    assert problems(account=None) == (Problem(code=Code.ACCOUNT_INVALID, subject="account", detail="None"),)
    assert problems(orders=None) == (Problem(code=Code.BOOK_INVALID, subject="orders", detail="not read"),)
    assert problems(positions=(position(3, sl=None),)) == (
        Problem(code=Code.POSITION_UNPROTECTED, subject="position 3", detail="{'ticket': '3', 'symbol': 'EURUSD'}"),
    )


def test_without_an_account_the_report_is_empty_but_whole() -> None:
    found = report(snapshot(account=None), limits(), NOW)
    assert (found.usages, found.symbols, found.currencies, found.clusters) == ((), (), (), ())
    assert found.worst_case is None


def test_no_hold_is_a_state_with_a_reason_too() -> None:
    state = in_force((), NOW)
    assert (state.reason, state.actor, state.at) == ("no hold", "risk", NOW)


def test_notices_show_what_was_unusable() -> None:
    day = DayReference(server_day=SERVER_DAY, reference=D(0), net_flows=D(0))
    index, heard, broken = NavIndex(price=D(2), peak=D(1), units=D(1)), NOW - timedelta(seconds=9), account(digits=9)
    assert notice_of(day=day)[0].found == str(day)
    assert notice_of(nav_index=index)[0].found == str(index)
    assert notice_of(heartbeat_at=heard)[0].found == str(heard)
    assert str(broken) in {notice.found for notice in notice_of(account=broken)}
    assert report(snapshot(account=broken), limits(), NOW).problems[0].detail == str(broken)
