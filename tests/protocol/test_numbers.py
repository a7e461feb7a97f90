"""Doubles become the decimals they stand for: no cent appears or goes on the wire."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.strategies import money
from zmq_bridge.protocol.numbers import to_decimal, to_double


@given(money())
def test_a_decimal_within_the_bounds_survives_exactly(exact: Decimal) -> None:
    assert to_decimal(to_double(exact)) == exact


@given(st.floats(-1e300, 1e300))
def test_any_finite_double_converts_to_within_its_last_digits(double: float) -> None:
    exact = to_decimal(double)
    assert abs(exact - Decimal(double)) <= max(abs(Decimal(double)) * Decimal("5e-15"), Decimal("5e-13"))
    assert to_decimal(to_double(exact)) == exact


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=50))
def test_cents_that_a_terminal_added_up_in_doubles_come_out_as_cents(cents: list[int]) -> None:
    total = 0.0
    for each in cents:
        total = round(total + each / 100, 2)  # as MT5 does: NormalizeDouble after each step
    assert to_decimal(total) == Decimal(sum(cents)) / 100


@pytest.mark.parametrize(
    ("double", "text"),
    [
        (0.1 + 0.2, "0.3"), (12.340000000000002, "12.34"), (-0.30000000000000004, "-0.3"),
        (1.1234500000000001, "1.12345"), (1e15, "1E+15"), (123456789012.34, "123456789012.34"), (0.0, "0"),
        (-0.0, "0"), (5e-324, "0"), (1e-12, "1E-12"),
        (4e-13, "0"), (1.5e-12, "2E-12"), (2.5e-12, "2E-12"), (1e-8, "1E-8"), (100.0, "100"),
    ],
)  # fmt: skip
def test_noise_of_binary_arithmetic_is_dropped_and_nothing_else(double: float, text: str) -> None:
    assert to_decimal(double) == Decimal(text)


def test_zero_has_no_sign() -> None:
    assert str(to_decimal(-0.0)) == "0"
    assert str(to_decimal(-1e-300)) == "0"
    assert str(to_double(Decimal("-0"))) == "0.0"


def test_a_callers_decimal_context_has_no_say() -> None:
    with localcontext(prec=3, rounding="ROUND_UP"):
        assert to_decimal(1.123456789012341) == Decimal("1.123456789012")
        assert to_decimal(123456.789) == Decimal("123456.789")


@pytest.mark.parametrize("double", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused(double: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_decimal(double)


@pytest.mark.parametrize("exact", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_decimal_that_no_double_can_hold_is_refused(exact: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        to_double(Decimal(exact))
