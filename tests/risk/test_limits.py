"""Limits: their defaults are the documented ones, they refuse nonsense, and overrides only ever tighten."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.limits import Limits, LimitsError, from_mapping, tighten, tightest, to_mapping
from risk.snapshot import Session
from tests.risk.world import D, limits

LARGER_IS_STRICTER = {
    "min_risk_reward", "min_margin_level_percent", "min_stop_distance_percent", "slippage_points", "commission",
    "repeat_window_s", "reject_window_s",
}  # fmt: skip
NUMERIC = [f.name for f in fields(Limits) if f.name not in ("symbols", "hours")]
HOURS = ((Session(day=1, from_s=0, to_s=3600),),)


def test_the_defaults_are_those_of_the_design() -> None:
    rules = Limits()
    assert rules.max_position_size_percent == 2
    assert rules.max_total_exposure_percent == 10
    assert rules.max_daily_loss_percent == 5
    assert rules.max_drawdown_percent == 20
    assert rules.min_risk_reward == D("1.5")
    assert rules.max_positions == 10


@pytest.mark.parametrize("name", NUMERIC)
def test_the_stricter_number_wins_whichever_comes_first(name: str) -> None:
    low, high = type(getattr(Limits(), name))(3), type(getattr(Limits(), name))(4)
    a, b = replace(Limits(), **{name: low}), replace(Limits(), **{name: high})
    expected = high if name in LARGER_IS_STRICTER else low
    assert getattr(tightest(a, b), name) == getattr(tightest(b, a), name) == expected


def test_allow_lists_intersect_and_hours_add_up() -> None:
    a, b = limits(symbols=frozenset({"A", "B"})), limits(symbols=frozenset({"B", "C"}), hours=HOURS)
    assert tightest(a, b).symbols == frozenset({"B"})
    assert tightest(a, Limits()).symbols == tightest(Limits(), a).symbols == frozenset({"A", "B"})
    assert tightest(Limits(), Limits()).symbols is None
    assert tightest(a, b).hours == tightest(b, a).hours == tightest(b, b).hours == HOURS


def test_an_override_names_some_limits_and_never_loosens() -> None:
    rules = tighten(Limits(), {"max_lots": "3", "max_positions": 99, "symbols": ["EURUSD"], "hours": [[[1, 0, 3600]]]})
    assert rules.max_lots == 3
    assert rules.max_positions == 10
    assert rules.symbols == frozenset({"EURUSD"})
    assert rules.hours == HOURS


def test_an_accounts_own_limits_may_be_looser_than_the_defaults() -> None:
    assert from_mapping({"max_positions": 99}).max_positions == 99
    assert from_mapping({"max_lots": "3"}, base=limits(max_positions=4)).max_positions == 4


def test_limits_survive_json() -> None:
    rules = limits(max_lots="3.5", symbols=frozenset({"B", "A"}), hours=HOURS)
    plain = to_mapping(rules)
    assert plain["max_lots"] == "3.5"
    assert plain["symbols"] == ["A", "B"]
    assert from_mapping(plain) == rules
    assert from_mapping(to_mapping(Limits())) == Limits()


@pytest.mark.parametrize("name", NUMERIC)
@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D(-1), -1, None, "5", 1.5, True, D("1e10"), 10**10])
def test_a_limit_that_cannot_be_compared_with_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(LimitsError, match=f"{name}: expected"):
        replace(Limits(), **{name: bad})


@pytest.mark.parametrize("name", NUMERIC)
def test_the_range_of_a_limit_includes_its_ends(name: str) -> None:
    top = 10_000 if name.endswith("_percent") else 10**9
    kind = type(getattr(Limits(), name))
    for value in (0, top):
        assert getattr(replace(Limits(), **{name: kind(value)}), name) == value
    with pytest.raises(LimitsError, match=f"{name}: expected 0 to {top}, found {top + 1}"):
        replace(Limits(), **{name: kind(top + 1)})


@pytest.mark.parametrize(
    "bad",
    [
        {"symbols": {"A"}}, {"symbols": frozenset({1})}, {"hours": [1]}, {"hours": (1,)}, {"hours": ((1,),)},
        {"hours": ((Session(day=7, from_s=0, to_s=1),),)}, {"hours": ((Session(day=-1, from_s=0, to_s=1),),)},
        {"hours": ((Session(day=0, from_s=5, to_s=5),),)}, {"hours": ((Session(day=0, from_s=0, to_s=86_401),),)},
        {"hours": ((Session(day=0, from_s=-1, to_s=5),),)},
    ],
)  # fmt: skip
def test_lists_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(LimitsError, match=next(iter(bad))):
        replace(Limits(), **bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"max_lost": 1}, {"max_lots": "x"}, {"max_lots": 1.5}, {"max_lots": True}, {"max_lots": None},
        {"max_positions": "1.5"}, {"max_positions": D("1.5")}, {"max_positions": D("Infinity")},
        {"max_positions": D("sNaN")}, {"max_lots": D("sNaN")}, {"max_lots": "1e-17"}, {"max_lots": "0e-999999"},
        {"symbols": "EURUSD"}, {"symbols": 3}, {"hours": 3}, {"hours": [[[1, 2]]]},
        {"hours": [[["a", 0, 1]]]},
    ],
)  # fmt: skip
def test_a_stored_override_that_makes_no_sense_is_refused_by_name(bad: dict[str, Any]) -> None:
    with pytest.raises(LimitsError, match=next(iter(bad))):
        tighten(Limits(), bad)


@pytest.mark.parametrize(
    ("name", "given_as", "plain"),
    [("max_lots", "3.6e3", "3600"), ("max_lots", "1E+9", "1000000000"), ("max_lots", "1e-16", "0.0000000000000001"),
     ("max_lots", "0E+3", "0"), ("max_lots", "2.50", "2.50"), ("max_lots", 7, "7"), ("max_positions", D("5.0"), 5),
     ("max_positions", "5", 5)],
)  # fmt: skip
def test_numbers_are_told_in_plain_form_whichever_way_they_were_written(
    name: str, given_as: Any, plain: str | int
) -> None:
    assert to_mapping(from_mapping({name: given_as}))[name] == plain


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(LimitsError, match=r"max_positions: .*; max_lots: "):
        replace(Limits(), max_lots=D(-1), max_positions=-1)


@given(a=st.integers(0, 100), b=st.integers(0, 100))
def test_merging_is_symmetric_and_changes_nothing_twice(a: int, b: int) -> None:
    x, y = limits(max_lots=Decimal(a), max_positions=b), limits(max_lots=Decimal(b), commission=Decimal(a))
    assert tightest(x, y) == tightest(y, x)
    assert tightest(x, x) == x
    assert tightest(tightest(x, y), y) == tightest(x, y)


def test_an_override_leaves_a_looser_base_where_it_is() -> None:
    rules = tighten(limits(max_positions=99), {"max_lots": "3"})
    assert (rules.max_positions, rules.max_lots) == (99, D(3))


def test_unknown_limits_are_named() -> None:
    with pytest.raises(LimitsError, match=r"^unknown limits: a, b$"):
        from_mapping({"b": 1, "a": 2})


@pytest.mark.parametrize("name", ["", "EUR\x00USD", "\ud800", "x" * 65, 7, None, ["EURUSD"]])
def test_what_cannot_be_a_symbol_is_refused(name: object) -> None:
    with pytest.raises(LimitsError, match="symbols: expected a list of names or null"):
        from_mapping({"symbols": ["EURUSD", name]})


@pytest.mark.parametrize("name", ["x", "x" * 64, "EURUSD.m#", "Ölpreis"])
def test_a_brokers_spelling_is_taken_as_it_is(name: str) -> None:
    assert from_mapping({"symbols": [name]}).symbols == frozenset({name})
