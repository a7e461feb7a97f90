"""What counts as a usable number, and which values of the snapshot are usable."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from risk.numbers import (
    LARGEST,
    SMALLEST,
    all_at_least_zero,
    all_finite,
    all_positive,
    is_count,
    is_moment,
    percent_of,
    round_up,
    settle,
    span,
)
from risk.snapshot import Compared, NavIndex, Session
from tests.risk.world import NOW, D, account, pending, position, quote, reservation, snapshot, spec

NONSENSE: list[Any] = [None, "1", 1.0, D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity")]
ABOVE, BELOW = LARGEST + 1, SMALLEST / 10


@pytest.mark.parametrize("bad", NONSENSE)
@pytest.mark.parametrize("accepts", [all_positive, all_at_least_zero, all_finite])
def test_no_test_of_numbers_accepts_nonsense(accepts: Any, bad: Any) -> None:
    assert accepts((bad,)) is False
    assert accepts((D(1), bad)) is False
    assert accepts((bad, D(1))) is False


@pytest.mark.parametrize(
    ("accepts", "good", "bad"),
    [
        (all_positive, [SMALLEST, D(1), LARGEST], [BELOW, D(0), D(-1), ABOVE]),
        (all_at_least_zero, [D(0), BELOW, LARGEST], [-BELOW, D(-1), ABOVE]),
        (all_finite, [-LARGEST, D(0), LARGEST], [-ABOVE, ABOVE]),
    ],
)
def test_ranges_of_numbers_include_their_ends(accepts: Any, good: list[Any], bad: list[Any]) -> None:
    assert accepts(good) is True
    for value in bad:
        assert accepts((D(1), value)) is False
        assert accepts((value,)) is False


@pytest.mark.parametrize(
    ("value", "largest", "passes"),
    [(0, 5, True), (5, 5, True), (6, 5, False), (-1, 5, False), (True, 5, False), (1.0, 5, False), (None, 5, False)],
)
def test_a_count_is_a_whole_number_from_zero_to_its_bound(value: object, largest: int, passes: bool) -> None:
    assert is_count(value, largest) is passes


def test_counts_end_at_a_thousand_million_unless_said_otherwise() -> None:
    assert is_count(1_000_000_000)
    assert not is_count(1_000_000_001)


def test_moments_are_aware() -> None:
    assert is_moment(NOW)
    assert is_moment(datetime(2024, 1, 1, tzinfo=UTC))
    for bad in (NOW.replace(tzinfo=None), NOW.date(), 5, None):
        assert not is_moment(bad)


def test_percentages_spans_and_settled_amounts_are_exact() -> None:
    assert percent_of(D("1.5"), D(200)) == 3
    assert span(D("0.0000019")) == timedelta(microseconds=1)
    assert settle(D("1.00000000000000004")) == 1
    assert settle(D("1.00000000000000006")) == D("1.0000000000000001")
    assert round_up(D("1.001"), 2) == D("1.01")
    assert round_up(D("-1.009"), 2) == D("-1.00")
    assert round_up(D("1.2"), 0) == 2
    assert round_up(D("0.000000001"), 8) == D("0.00000001")


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({"leverage": 1}, True), ({"leverage": 100_000}, True), ({"leverage": 0}, False),
        ({"leverage": 100_001}, False),
        ({"digits": 0}, True), ({"digits": 8}, True), ({"digits": 9}, False), ({"digits": -1}, False),
        ({"currency": ""}, False), ({"currency": None}, False), ({"margin_mode": "hedging"}, False),
        ({"trade_allowed": 1}, False), ({"trade_allowed": False}, True), ({"as_of": NOW.replace(tzinfo=None)}, False),
        ({"balance": D(-5)}, True), ({"equity": D(-5)}, True), ({"margin_free": D(-5)}, True),
        ({"credit": D(-5)}, False), ({"margin": D(-5)}, False), ({"credit": D(0)}, True),
    ],
)  # fmt: skip
def test_an_account_is_usable_when_every_figure_makes_sense(changes: dict[str, Any], usable: bool) -> None:
    assert account(**changes).usable is usable


SESSION = Session(day=1, from_s=0, to_s=86_400)


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({"digits": 0}, True), ({"digits": 16}, True), ({"digits": 17}, False), ({"stops_level": -1}, False),
        ({"freeze_level": 1.5}, False), ({"calc_mode": "forex"}, False), ({"trade_mode": "full"}, False),
        ({"currency_base": ""}, False), ({"currency_profit": 5}, False), ({"currency_margin": None}, False),
        ({"sessions": [SESSION]}, False), ({"sessions": (1,)}, False), ({"sessions": (SESSION,)}, True),
        ({"sessions": (replace(SESSION, day=6, from_s=86_400),)}, True),
        ({"sessions": (replace(SESSION, day=7),)}, False), ({"sessions": (replace(SESSION, day=-1),)}, False),
        ({"sessions": (replace(SESSION, from_s=86_401),)}, False),
        ({"sessions": (replace(SESSION, to_s=86_401),)}, False),
        ({"sessions": (replace(SESSION, from_s=-1),)}, False), ({"as_of": None}, False), ({"commission": D(-1)}, False),
        ({"volume_limit": D(0)}, False), ({"margin_initial": D(0)}, False), ({"margin_maintenance": D(0)}, False),
        ({"terminal_margin": D(1)}, False), ({"margin_rate": D(0)}, False),
        ({"terminal_margin": Compared(given=D("NaN"), low=D(1), high=D(1))}, False),
        ({"terminal_profit": Compared(given=D(-1), low=D(1), high=D(1))}, True),
        ({"terminal_profit": Compared(given=D(1), low=D(0), high=D(1))}, False),
        ({"terminal_profit": Compared(given=D(1), low=D(1), high=D("Infinity"))}, False),
    ],
)  # fmt: skip
def test_a_specification_is_usable_when_every_figure_makes_sense(changes: dict[str, Any], usable: bool) -> None:
    assert spec("EURUSD", **changes).usable is usable


@pytest.mark.parametrize(
    ("value", "usable"),
    [
        (quote("1", "1"), True), (quote("1.1", "1"), False), (quote("0", "1"), False),
        (replace(quote("1", "1"), received_at=NOW.replace(tzinfo=None)), False),
        (position(1, sl=None, tp=None), True), (position(1, sl=D(0)), False), (position(1, tp=D(-1)), False),
        (position(1, side="buy"), False), (position(1, symbol=None), False), (position(-1), False),
        (position(1, price_open=None), False), (position(2**64), False), (position(2**64 - 1), True),
        (pending(1, sl=None, tp=None), True), (pending(1, price=None), False), (pending(1, side=None), False),
        (pending(1, symbol=5), False), (pending(-1), False), (pending(2**64), False),
        (pending(1, stoplimit=D(0)), False),
        (reservation(), True), (reservation(slots=0, volume=D(0)), True), (reservation(slots=2), False),
        (reservation(slots=-1), False), (reservation(symbol=None), False), (reservation(side="buy"), False),
        (replace(snapshot().day, server_day=NOW), False),  # type: ignore[type-var]  # a moment is no day
        (NavIndex(price=D(1), peak=D(1), units=D(0)), True), (NavIndex(price=D(2), peak=D(1), units=D(1)), False),
        (NavIndex(price=D(0), peak=D(1), units=D(1)), True), (NavIndex(price=D(0), peak=D(0), units=D(1)), False),
        (NavIndex(price=D(1), peak=D(1), units=D(-1)), False),
    ],
)  # fmt: skip
def test_a_value_is_usable_when_every_part_makes_sense(value: Any, usable: bool) -> None:
    assert value.usable is usable
