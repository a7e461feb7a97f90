"""MT5's formulas, the conversion paths and sizing, each with numbers worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from risk.codes import Code
from risk.conversion import Pairs, Rate, chain, rate_of
from risk.market import Market
from risk.refusal import Refused
from risk.sizing import size
from risk.snapshot import CalcMode, Snapshot
from risk.valuation import margin_per_lot, profit_per_price
from tests.risk.world import NOW, D, account, limits, quote, snapshot, spec

PRICE = D("50")


def symbol(mode: CalcMode, **changes: Any) -> Any:
    """Return 10 units a lot, tick 0.5 worth 5.00, margin 700 where the broker set one."""
    fields = {
        "calc_mode": mode,
        "contract_size": D(10),
        "tick_size": D("0.5"),
        "tick_value": D("6"),
        "currency_margin": "USD",
    }
    return spec("EURUSD", **{**fields, **changes})


@pytest.mark.parametrize(
    ("mode", "per_price", "currency"),
    [
        (CalcMode.FOREX, "10", "USD"), (CalcMode.FOREX_NO_LEVERAGE, "10", "USD"), (CalcMode.CFD, "10", "USD"),
        (CalcMode.CFD_INDEX, "10", "USD"), (CalcMode.CFD_LEVERAGE, "10", "USD"), (CalcMode.EXCH_STOCKS, "10", "USD"),
        (CalcMode.FUTURES, "12", None), (CalcMode.EXCH_FUTURES, "12", None),
    ],
)  # fmt: skip
def test_profit_of_every_calculation_mode(mode: CalcMode, per_price: str, currency: str | None) -> None:
    assert profit_per_price(symbol(mode)) == (D(per_price), currency)


@pytest.mark.parametrize(
    ("mode", "free", "fixed"),
    [
        (CalcMode.FOREX, "0.1", "7"),  # 10 / 100; 700 / 100
        (CalcMode.FOREX_NO_LEVERAGE, "10", "700"),
        (CalcMode.CFD, "500", "700"),  # 10 * 50
        (CalcMode.CFD_LEVERAGE, "5", "7"),  # 10 * 50 / 100
        (CalcMode.CFD_INDEX, "6000", "700"),  # 10 * 50 * 6 / 0.5
        (CalcMode.EXCH_STOCKS, "500", "700"),
        (CalcMode.FUTURES, None, "700"),
        (CalcMode.EXCH_FUTURES, None, "700"),
    ],
)
def test_margin_of_every_calculation_mode(mode: CalcMode, free: str | None, fixed: str) -> None:
    assert margin_per_lot(symbol(mode, margin_initial=D(700)), PRICE, 100) == (D(fixed), "USD")
    assert margin_per_lot(symbol(mode, margin_initial=D(700), margin_rate=D("1.5")), PRICE, 100)[0] == D(fixed) * D(
        "1.5"
    )
    if free is not None:
        assert margin_per_lot(symbol(mode), PRICE, 100) == (D(free), "USD")
        return
    with pytest.raises(Refused) as refused:
        margin_per_lot(symbol(mode), PRICE, 100)
    assert refused.value.code is Code.SPEC_INVALID


def test_every_calculation_mode_has_its_row_above() -> None:
    assert len(CalcMode) == 8


def market(world: Snapshot, **changes: Any) -> Market:
    return Market(world, world.account or account(), limits(**changes), NOW)


def test_a_direct_pair_costs_its_ask_and_yields_its_bid() -> None:
    assert market(snapshot()).rate("EUR") == (D("1.08490"), D("1.08500"))


def test_an_inverse_pair_is_turned_round_with_its_sides() -> None:
    low, high = market(snapshot()).rate("JPY")
    assert low < high
    assert abs(high * D("151.200") - 1) < D("1e-26")
    assert abs(low * D("151.210") - 1) < D("1e-26")


def test_the_account_currency_converts_at_one() -> None:
    assert market(snapshot(quotes={}, specs={})).rate("USD") == Rate(D(1), D(1))


def test_a_crossed_pair_takes_the_worse_side_of_both() -> None:
    """JPY into EUR: no EURJPY here, so USDJPY turned round and EURUSD turned round."""
    world = snapshot(account=account(currency="EUR"))
    low, high = market(world).rate("JPY")
    assert abs(high - 1 / D("151.200") / D("1.08490")) < D("1e-26")
    assert abs(low - 1 / D("151.210") / D("1.08500")) < D("1e-26")


def test_dollars_are_crossed_before_any_other_currency() -> None:
    """GBP into CHF: both through USD and through JPY; the dollar path is taken."""
    specs = {**snapshot().specs, "CHFJPY": spec("CHFJPY")}
    world = snapshot(account=account(currency="CHF"), specs=specs,
                     quotes={**snapshot().quotes, "CHFJPY": quote("100", "101")})  # fmt: skip
    assert market(world).rate("GBP").high == D("1.26550") * D("0.90510")


def test_other_middles_are_taken_in_the_order_of_the_alphabet() -> None:
    pairs = Pairs(
        {n: spec(n) for n in ("SEKJPY", "NOKJPY", "NOKCHF")} | {"SEKCHF": spec("SEKCHF")},
        {n: quote("1", "1") for n in ("SEKJPY", "NOKJPY", "NOKCHF", "SEKCHF")},
    )
    assert pairs.path("JPY", "CHF") == (("NOKJPY", True), ("NOKCHF", False))


def test_of_two_spellings_the_shorter_one_converts() -> None:
    for order in (("EURUSD.z", "EURUSD"), ("EURUSD", "EURUSD.z")):
        specs = {name: replace(spec("EURUSD"), symbol=name) for name in order}
        quotes = {"EURUSD": quote("1.1", "1.1"), "EURUSD.z": quote("1.2", "1.2")}
        assert Pairs(specs, {n: quotes[n] for n in order}).path("EUR", "USD") == (("EURUSD", False),)


def test_a_pair_without_a_quote_or_of_another_mode_does_not_convert() -> None:
    specs = {"EURUSD": spec("EURUSD"), "XAUUSD": spec("XAUUSD")}
    for quotes in ({}, {"XAUUSD": quote("2350", "2351")}):
        for currency in ("EUR", "XAU"):
            with pytest.raises(Refused) as refused:
                Pairs(specs, quotes).path(currency, "USD")
            assert refused.value.code is Code.CONVERSION_MISSING


def test_a_crossed_quote_does_not_convert() -> None:
    with pytest.raises(Refused) as refused:
        rate_of(quote("1.2", "1.1"), inverse=False)
    assert refused.value.code is Code.QUOTE_INVALID


def test_chaining_keeps_each_side() -> None:
    assert chain(Rate(D(2), D(3)), Rate(D(5), D(7))) == (D(10), D(21))


def test_gains_convert_at_the_cheaper_side() -> None:
    lot = market(snapshot()).lot("GBPJPY")
    assert lot.gain_per_price < lot.loss_per_price
    assert abs(lot.gain_per_price * D("151.210") - 100_000) < D("1e-20")


def test_the_dearer_commission_counts() -> None:
    specs = {"EURUSD": spec("EURUSD", commission=D(5))}
    for rules, expected in ((D(7), D(7)), (D(3), D(5))):
        assert market(snapshot(specs=specs), commission=rules).lot("EURUSD").commission == expected


@pytest.mark.parametrize(
    ("percent", "base", "loss", "step", "lots"),
    [
        ("2", "10000", "207", "0.01", "0.96"),
        ("2", "10000", "200", "0.01", "1.00"),  # exactly
        ("2", "10000", "200.01", "0.01", "0.99"),
        ("2", "9999.99", "200", "0.01", "0.99"),
        ("2", "10000", "207", "0.1", "0.9"),
        ("2", "10000", "207", "1", "0"),  # below one step: nothing, never one
        ("2", "0", "207", "0.01", "0"),
        ("2", "-5", "207", "0.01", "0"),
        ("0.01", "10000", "207", "0.01", "0"),
        ("0.01", "1000", "1", "0.01", "0.10"),  # a budget below one unit of the currency
    ],
)
def test_sizing_rounds_down_to_the_step(percent: str, base: str, loss: str, step: str, lots: str) -> None:
    assert size(D(percent), D(base), D(loss), D(step)) == D(lots)
