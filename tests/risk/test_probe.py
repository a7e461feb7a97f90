"""The terminal's figures of an imagined trade beside ours, with the quotes of the moment."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk import Code
from risk.probe import Figures, Probe, Unchecked, compare
from risk.snapshot import CalcMode, Compared
from tests.risk.world import NOW, account, limits, quote, snapshot, spec

CENT = D("0.01")  # what rounding may hide
EURUSD = Probe(  # 1:100, 1000 EUR at 1.08490 / 1.08500; 0.011 up on 100 000
    volume=D(1), price_open=D("1.08500"), price_close=D("1.09600"), margin_buy=D("1085.00"), margin_sell=D("1084.90"),
    profit_buy=D("1100.00"), profit_sell=D("-1100.00"),
)  # fmt: skip


def figures(probe: Probe, symbol: str = "EURUSD", **world: Any) -> Figures:
    found = compare(probe, symbol, snapshot(**world), limits(), NOW)
    assert isinstance(found, Figures), found
    return found


def test_both_figures_stand_beside_the_range_of_ours() -> None:
    found = figures(EURUSD)
    assert (found.margin.low, found.margin.high) == (D("1084.89"), D("1085.01"))
    assert (found.profit.low, found.profit.high) == (D("1099.99"), D("1100.01"))


def test_profit_in_a_foreign_currency_lies_between_both_conversion_sides() -> None:
    probe = replace(
        EURUSD, price_open=D("191.350"), price_close=D("193.350"), margin_buy=D("1265.50"), margin_sell=D("1265.50"),
        profit_buy=D("1322.70"), profit_sell=D("-1322.80"),
    )  # fmt: skip
    found = figures(probe, "GBPJPY")
    bid, ask = snapshot().quotes["USDJPY"].bid, snapshot().quotes["USDJPY"].ask
    assert found.profit.low == pytest.approx(D(200_000) / ask - CENT)
    assert found.profit.high == pytest.approx(D(200_000) / bid + CENT)


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"margin_buy": D(1200)}, "margin", D(1200)),
        ({"margin_sell": D(900)}, "margin", D(900)),
        ({"profit_buy": D(1300)}, "profit", D(1300)),
        ({"profit_sell": D(-900)}, "profit", D(900)),
        ({"profit_sell": D(1100)}, "profit", D(-1100)),
    ],
)
def test_the_figure_that_lies_farther_from_ours_is_kept(changes: dict[str, Any], name: str, expected: D) -> None:
    found: Compared = getattr(figures(replace(EURUSD, **changes)), name)
    assert found.given == expected


def test_margin_is_worked_out_at_the_probes_price_and_volume_and_with_the_brokers_rate() -> None:
    gold = spec("XAUUSD", calc_mode=CalcMode.CFD_LEVERAGE, contract_size=D(100), margin_rate=D(2))
    probe = replace(EURUSD, volume=D("0.5"), price_open=D(2400), price_close=D(2424))
    found = figures(probe, "XAUUSD", specs={**snapshot().specs, "XAUUSD": gold})
    assert (found.margin.low, found.margin.high) == (2400 - CENT, 2400 + CENT)
    assert (found.profit.low, found.profit.high) == (1200 - CENT, 1200 + CENT)


@pytest.mark.parametrize(
    ("world", "code"),
    [
        ({"quotes": {}}, Code.QUOTE_MISSING),
        ({"quotes": {"EURUSD": quote("1.08490", "1.08500", 60)}}, Code.QUOTE_STALE),
        ({"specs": {}}, Code.SPEC_MISSING),
        ({"specs": {"EURUSD": spec("EURUSD", tick_size=D(0))}}, Code.SPEC_INVALID),
        ({"account": None}, Code.ACCOUNT_UNKNOWN),
        ({"account": account(leverage=0)}, Code.ACCOUNT_UNKNOWN),
    ],
)
def test_what_cannot_be_compared_is_unchecked_with_a_reason(world: dict[str, Any], code: Code) -> None:
    found = compare(EURUSD, "EURUSD", snapshot(**world), limits(), NOW)
    assert isinstance(found, Unchecked)
    assert found.code is code


def test_figures_that_rounding_swallows_are_not_compared() -> None:
    tiny = replace(EURUSD, volume=D("0.0000001"))
    found = compare(tiny, "EURUSD", snapshot(), limits(), NOW)
    assert isinstance(found, Unchecked)


NUMBERS = st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from([D("1E+999999"), D("sNaN"), D(0), D(-1)])


@given(st.fixed_dictionaries(dict.fromkeys(Probe.__slots__, NUMBERS)))
def test_no_figure_of_a_terminal_is_more_than_a_figure(values: dict[str, D]) -> None:
    found = compare(Probe(**values), "EURUSD", snapshot(), limits(), NOW)
    if isinstance(found, Figures):
        assert all(each.given.is_finite() and each.low > 0 for each in (found.margin, found.profit))


def unchecked(probe: Probe = EURUSD, symbol: str = "EURUSD", **world: Any) -> Unchecked:
    found = compare(probe, symbol, snapshot(**world), limits(), NOW)
    assert isinstance(found, Unchecked), found
    return found


@pytest.mark.parametrize(
    "changes",
    [{"volume": D(0)}, {"price_open": D("NaN")}, {"price_close": D("Infinity")}, {"margin_sell": D("NaN")},
     {"profit_buy": D("Infinity")}, {"price_close": EURUSD.price_open}, {"price_close": D(1)}],
)  # fmt: skip
def test_a_probe_that_cannot_be_computed_with_is_shown_as_it_came(changes: dict[str, Any]) -> None:
    probe = replace(EURUSD, **changes)
    assert unchecked(probe) == Unchecked(code=Code.SPEC_INVALID, context={"symbol": "EURUSD", "probe": str(probe)})


def test_without_a_usable_account_nothing_is_compared() -> None:
    for state in (None, account(equity=D("NaN"))):
        assert unchecked(account=state) == Unchecked(code=Code.ACCOUNT_UNKNOWN, context={"symbol": "EURUSD"})


@pytest.mark.parametrize(("price_close", "is_compared"), [("1.0949", False), ("1.0950", False), ("1.0951", True)])
def test_a_figure_is_told_from_nothing_just_above_one_unit_of_rounding(price_close: str, is_compared: bool) -> None:
    """0.00001 lots gain a cent from 1.0850 to 1.0950, and rounding may hide a cent."""
    probe = replace(EURUSD, volume=D("0.00001"), price_close=D(price_close))
    if is_compared:
        assert figures(probe).profit.low > 0
    else:
        reason = {"symbol": "EURUSD", "probe": "too small to be told from nothing"}
        assert unchecked(probe) == Unchecked(code=Code.SPEC_INVALID, context=reason)
