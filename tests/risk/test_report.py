"""The risk report: used and left, exposures, clusters, the worst case, and what it does when something is unknown."""

import decimal
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from risk import Approved, Intent, Limits, assess
from risk.codes import Code
from risk.intent import Side
from risk.report import Report, report
from risk.snapshot import Correlations, Link, NavIndex, Snapshot
from tests.risk.strategies import openings, rules, snapshots
from tests.risk.world import NOW, D, account, intent, limits, pending, position, quote, reservation, snapshot, spec

RULES = limits(slippage_points=0)
HELD = position(1, volume=D("1.00"), sl=D("1.08390"))  # R = 100.00
ORDER = pending(2, volume=D("0.50"))  # R = 100.00
RESERVED = reservation(symbol="XAUUSD", risk=D(50), margin=D(0), notional=D(1000))


def used(found: Report, limit: str) -> Decimal | None:
    return next(u.used for u in found.usages if u.limit == limit)


def left(found: Report, limit: str) -> Decimal | None:
    return next(u.left for u in found.usages if u.limit == limit)


def test_used_and_left_of_every_limit() -> None:
    world = snapshot(
        positions=(HELD,), orders=(ORDER,), reservations=(RESERVED,), account=account(equity=D(9_900), margin=D(1_000)),
        nav_index=NavIndex(price=D("0.95"), peak=D(1), units=D(1)),
    )  # fmt: skip
    found = report(world, RULES, NOW)
    assert found.problems == ()
    assert found.base == 9_900
    assert {u.limit: (u.used, u.left) for u in found.usages} == {
        "max_total_exposure_percent": (250, 740),
        "max_daily_loss_percent": (350, 150),
        "max_drawdown_percent": (5, 15),
        "max_positions": (3, 7),
        "max_correlated_exposure_percent": (200, 196),
        "max_currency_exposure_percent": (D("163500"), D("-15000")),  # 108500 held + 54000 pending + 1000, of 148500
        "max_leverage": (D("163500"), D("34500")),
        "min_margin_level_percent": (2_000, 7_900),
    }


def test_the_worst_case_is_every_stop_hit_against_the_daily_floor() -> None:
    found = report(snapshot(positions=(HELD,), orders=(ORDER,), reservations=(RESERVED,)), RULES, NOW)
    assert found.worst_case is not None
    assert (found.worst_case.loss, found.worst_case.equity, found.worst_case.floor) == (D(250), D(9_750), D(9_500))


def test_clusters_are_listed_riskiest_first() -> None:
    links = {"EURUSD": {"GBPUSD": Link.SAME}, "GBPUSD": {"EURUSD": Link.SAME}}
    known = snapshot().correlations
    assert known is not None
    world = snapshot(
        positions=(HELD, position(5, symbol="GBPUSD", volume=D("0.10"), sl=D("1.26440"))),
        reservations=(replace(RESERVED, risk=D(500)),), correlations=replace(known, links=links),
    )  # fmt: skip
    found = report(world, RULES, NOW)
    assert [(c.members, c.risk) for c in found.clusters] == [
        ((("XAUUSD", Side.BUY),), D(500)),
        ((("EURUSD", Side.BUY), ("GBPUSD", Side.BUY)), D(110)),
    ]


def test_old_correlations_cluster_by_currency_in_the_report_too() -> None:
    old = Correlations(as_of=NOW - timedelta(days=5), symbols=frozenset(("EURUSD", "XAUUSD")), links={})
    found = report(snapshot(positions=(HELD,), reservations=(RESERVED,), correlations=old), RULES, NOW)
    assert len(found.clusters) == 1


@pytest.mark.parametrize(
    ("changes", "code", "subject"),
    [
        ({"positions": (HELD, position(9, sl=None))}, Code.POSITION_UNPROTECTED, "position 9"),
        ({"positions": (position(9, volume=D("NaN")),)}, Code.BOOK_INVALID, "position 9"),
        ({"orders": (pending(9, sl=None),)}, Code.POSITION_UNPROTECTED, "order 9"),
        ({"reservations": (reservation("C9", risk=D(-1)),)}, Code.BOOK_INVALID, "reservation C9"),
        ({"positions": (position(9, symbol="NZDUSD"),)}, Code.SPEC_MISSING, "position 9"),
        ({"positions": (HELD,), "quotes": {"EURUSD": quote("1.0849", "1.085", 11)}}, Code.QUOTE_STALE, "position 1"),
        ({"positions": None}, Code.BOOK_INVALID, "positions"),
        ({"orders": None}, Code.BOOK_INVALID, "orders"),
        ({"reservations": None}, Code.BOOK_INVALID, "reservations"),
    ],
)
def test_what_cannot_be_valued_is_named_and_its_sums_are_unknown(
    changes: dict[str, Any], code: Code, subject: str
) -> None:
    found = report(snapshot(**changes), RULES, NOW)
    assert [(p.code, p.subject) for p in found.problems] == [(code, subject)]
    assert used(found, "max_total_exposure_percent") is None
    assert left(found, "max_positions") is None
    assert used(found, "max_drawdown_percent") == 0
    assert found.worst_case is None
    assert found.clusters == ()


def test_one_bad_ticket_does_not_hide_another() -> None:
    found = report(snapshot(positions=(position(1, sl=None), position(2, volume=D(0)))), RULES, NOW)
    assert [p.subject for p in found.problems] == ["position 1", "position 2"]
    assert found.symbols[0].risk is None


@pytest.mark.parametrize("state", [None, account(equity=D("NaN"))])
def test_without_an_account_state_there_is_nothing_to_report(state: Any) -> None:
    found = report(snapshot(account=state), RULES, NOW)
    assert found.base is None
    assert [p.code for p in found.problems] == [Code.ACCOUNT_INVALID]


@pytest.mark.parametrize("changes", [{"day": None}, {"nav_index": None}])
def test_a_missing_reference_leaves_its_row_open(changes: dict[str, Any]) -> None:
    found = report(snapshot(**changes), RULES, NOW)
    name = "max_daily_loss_percent" if "day" in changes else "max_drawdown_percent"
    assert used(found, name) is None
    assert left(found, name) is None
    assert found.worst_case is not None
    assert (found.worst_case.floor is None) is ("day" in changes)


def test_symbols_show_what_is_held_and_what_it_can_become() -> None:
    world = snapshot(positions=(HELD, position(3, side=Side.SELL, volume=D("0.30"), sl=D("1.08600"), tp=None)),
                     orders=(ORDER,), reservations=(reservation(side=Side.SELL, volume=D("0.20")),))  # fmt: skip
    (row,) = report(world, RULES, NOW).symbols
    assert (row.symbol, row.long_lots, row.short_lots, row.net_lots) == ("EURUSD", D("1.00"), D("0.30"), D("0.70"))
    assert (row.worst_long_lots, row.worst_short_lots, row.risk) == (D("1.20"), D("0.50"), D("130"))


def test_currencies_show_units_and_their_value() -> None:
    world = snapshot(positions=(position(1, symbol="GBPJPY", volume=D("0.10"), sl=D("190"), price_open=D("191")),))
    rows = {row.currency: (row.net, row.value) for row in report(world, RULES, NOW).currencies}
    assert rows["GBP"] == (D(10_000), D(10_000) * D("1.26550"))
    net, value = rows["JPY"]
    assert net == -10_000 * D("191.330")
    assert value is not None
    assert abs(value - net / D("151.200")) < D("1e-20")


def test_a_symbol_with_one_currency_holds_no_currency() -> None:
    index = spec("EURUSD", currency_base="USD")
    world = snapshot(positions=(HELD,), specs={**snapshot().specs, "EURUSD": index})
    assert report(world, RULES, NOW).currencies == ()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wish=openings(sized=False), world=snapshots(), limits=rules())
def test_what_the_report_has_left_is_what_a_decision_may_use(wish: Intent, world: Snapshot, limits: Limits) -> None:
    verdict, found = assess(wish, world, limits, NOW), report(world, limits, NOW)
    if isinstance(verdict, Approved):
        for limit in ("max_total_exposure_percent", "max_daily_loss_percent"):
            room = left(found, limit)
            assert room is not None
            assert verdict.risk <= room + D("0.01")


def test_a_reservation_of_an_unknown_symbol_is_a_problem_too() -> None:
    found = report(snapshot(reservations=(reservation("C7", symbol="NZDUSD"),)), RULES, NOW)
    assert [(p.code, p.subject) for p in found.problems] == [(Code.SPEC_MISSING, "reservation C7")]
    assert intent().symbol == "EURUSD"


def test_the_callers_decimal_context_changes_nothing() -> None:
    world = snapshot(positions=(HELD, position(5, symbol="GBPJPY", sl=D("191.111"), price_open=D("191"))))
    expected = report(world, RULES, NOW)
    with decimal.localcontext(decimal.Context(prec=3)):
        assert report(world, RULES, NOW) == expected


def test_a_limit_on_correlation_is_unknown_when_the_book_is() -> None:
    found = report(snapshot(positions=(position(1, sl=None),)), RULES, NOW)
    assert used(found, "max_correlated_exposure_percent") is None


def test_every_position_is_counted() -> None:
    found = report(snapshot(positions=(HELD, position(2), position(3, symbol="GBPUSD", sl=D("1.26")))), RULES, NOW)
    assert used(found, "max_positions") == 3
