"""Rounding is named, exact, and never silent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidAmount
from ledger.money import AMOUNT_MAX, ceil_to, checked, floor_to, half_even_to, is_whole, total

DIGITS = st.integers(0, 8)
VALUES = st.fractions(-(10**12), 10**12, max_denominator=10**9)


@given(VALUES, DIGITS)
def test_floor_and_ceil_enclose_a_value_within_one_step(value: Fraction, digits: int) -> None:
    low, high = floor_to(value, digits), ceil_to(value, digits)
    assert Fraction(low) <= value <= Fraction(high)
    assert Fraction(high) - Fraction(low) in (0, Fraction(1, 10**digits))


@given(VALUES, DIGITS)
def test_half_even_is_never_further_away_than_half_a_step(value: Fraction, digits: int) -> None:
    assert abs(Fraction(half_even_to(value, digits)) - value) * 2 <= Fraction(1, 10**digits)


def test_ties_go_to_the_even_cent() -> None:
    assert [half_even_to(Decimal(text), 2) for text in ("0.005", "0.015", "-0.005", "-0.015")] == [
        Decimal("0.00"),
        Decimal("0.02"),
        Decimal("0.00"),
        Decimal("-0.02"),
    ]


@given(st.lists(st.decimals(-(10**17), 10**17, places=8), max_size=50))
def test_a_total_is_exact_where_the_default_context_would_round(amounts: list[Decimal]) -> None:
    assert Fraction(total(amounts)) == sum((Fraction(amount) for amount in amounts), Fraction(0))


@pytest.mark.parametrize(
    "text", ["NaN", "sNaN", "Infinity", "-Infinity", str(AMOUNT_MAX), f"-{AMOUNT_MAX}", "0.000000001"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount, match="expected"):
        checked(Decimal(text))


def test_a_checked_amount_always_has_the_same_number_of_decimals() -> None:
    assert str(checked(Decimal("1.5"), 2)) == str(checked(Decimal("1.5000"), 2)) == "1.50"


def test_wholeness_is_judged_in_steps_of_the_currency() -> None:
    assert is_whole(Decimal("1.230"), 2)
    assert not is_whole(Decimal("1.231"), 2)
    assert not is_whole(Decimal("1.5"), 0)
