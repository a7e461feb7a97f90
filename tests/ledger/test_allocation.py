"""An amount is split to the last cent, in proportion, without favour."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.allocation import allocate
from ledger.errors import InvalidAmount
from ledger.money import total

DIGITS = 2
AMOUNTS = st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents).scaleb(-DIGITS))
WEIGHTS = st.dictionaries(
    st.integers(1, 50), st.decimals(0, 10**9, places=8, allow_nan=False), min_size=1, max_size=20
).filter(lambda weights: any(weights.values()))


@given(AMOUNTS, WEIGHTS)
def test_the_parts_sum_to_the_amount(amount, weights):
    assert total(allocate(amount, weights, DIGITS).values()) == amount


@given(AMOUNTS, WEIGHTS)
def test_every_part_is_less_than_a_cent_away_from_its_exact_share(amount, weights):
    whole = sum(map(Fraction, weights.values()))
    for member, part in allocate(amount, weights, DIGITS).items():
        exact = Fraction(amount) * Fraction(weights[member]) / whole
        assert abs(Fraction(part) - exact) < Fraction(1, 100)


@given(AMOUNTS, WEIGHTS)
def test_a_loss_is_split_as_the_same_profit_is(amount, weights):
    loss = allocate(-amount, weights, DIGITS)
    assert loss == {member: -part for member, part in allocate(amount, weights, DIGITS).items()}


@given(AMOUNTS, WEIGHTS)
def test_who_has_no_weight_gets_nothing(amount, weights):
    parts = allocate(amount, {**weights, 0: Decimal(0)}, DIGITS)
    assert parts[0] == 0
    assert {member: part for member, part in parts.items() if member} == allocate(amount, weights, DIGITS)


@given(AMOUNTS, WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_members_changes_nothing(amount, weights, random):
    shuffled = list(weights.items())
    random.shuffle(shuffled)
    assert allocate(amount, dict(shuffled), DIGITS) == allocate(amount, weights, DIGITS)


@given(AMOUNTS, WEIGHTS, st.integers(1, 10**6))
def test_only_proportions_count(amount, weights, factor):
    scaled = {member: weight * factor for member, weight in weights.items()}
    assert allocate(amount, scaled, DIGITS) == allocate(amount, weights, DIGITS)


def test_a_tie_goes_to_the_smaller_id():
    assert allocate(Decimal("0.01"), {7: Decimal(1), 3: Decimal(1)}, DIGITS) == {7: Decimal(0), 3: Decimal("0.01")}


def test_weights_may_be_fractions():
    parts = allocate(Decimal("1.00"), {1: Fraction(1, 3), 2: Fraction(1, 7)}, DIGITS)
    assert parts == {1: Decimal("0.70"), 2: Decimal("0.30")}


def test_nothing_split_between_nobody_is_nothing():
    assert allocate(Decimal("0.00"), {1: Decimal(0)}, DIGITS) == {1: Decimal(0)}


@pytest.mark.parametrize(
    ("amount", "weights"),
    [
        ("0.01", {1: Decimal(0)}),
        ("0.01", {}),
        ("0.001", {1: Decimal(1)}),
        ("1.00", {1: Decimal(-1), 2: Decimal(5)}),
        ("1.00", {1: Decimal("NaN")}),
        ("1.00", {1: Decimal("Infinity")}),
        ("NaN", {1: Decimal(1)}),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(amount, weights):
    with pytest.raises(InvalidAmount, match="expected"):
        allocate(Decimal(amount), weights, DIGITS)
