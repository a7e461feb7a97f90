"""Splitting one amount between members so that the parts sum to it exactly: the largest-remainder method.

Sign-safe (a loss is split as the same profit would be), deterministic (ties go to the smaller member id), and whoever
has no weight gets nothing. Nothing but whole steps of the currency leaves this module.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm

from ledger.errors import InvalidAmount
from ledger.money import EXACT, checked, scaled


def allocate(amount: Decimal, weights: Mapping[int, Decimal | Fraction], digits: int) -> dict[int, Decimal]:
    """Split an amount in proportion to weights, to the last step of the currency.

    Args:
        amount: what is split, in whole steps of `10 ** -digits`; may be negative.
        weights: weight by member id, each zero or more.
        digits: decimals of the currency.

    Returns:
        Part by member id; the parts sum to `amount`.

    Raises:
        InvalidAmount: the amount is finer than the currency, a weight is negative, or there is an amount and no weight.
    """
    steps = _steps(checked(amount, digits), digits)
    shares = _integers(weights)
    weight_total = sum(shares.values())
    if weight_total == 0:
        if steps:
            raise InvalidAmount(f"expected a weight above zero to split {amount}, found none")
        return {member: scaled(0, digits) for member in weights}
    sign = -1 if steps < 0 else 1
    parts = {member: abs(steps) * share // weight_total for member, share in shares.items()}
    left = abs(steps) - sum(parts.values())
    for member in _by_remainder(abs(steps), shares, weight_total)[:left]:
        parts[member] += 1
    return {member: scaled(sign * part, digits) for member, part in parts.items()}


def _steps(amount: Decimal, digits: int) -> int:
    return int(amount.scaleb(digits))


def _integers(weights: Mapping[int, Decimal | Fraction]) -> dict[int, int]:
    """Scale the weights to integers of the same proportions."""
    for member, weight in weights.items():
        if (isinstance(weight, Decimal) and not weight.is_finite()) or weight < 0:
            raise InvalidAmount(f"expected a weight of zero or more, found {weight} for member {member}")
    exact = {member: weight for member, weight in weights.items() if isinstance(weight, Decimal)}
    finest = min(map(_exponent, exact.values()), default=0)
    if len(exact) == len(weights):  # units, as a rule: they need no common denominator
        return {member: int(weight.scaleb(-finest, context=EXACT)) for member, weight in exact.items()}
    common = lcm(*(Fraction(weight).denominator for weight in weights.values()))
    return {member: int(Fraction(weight) * common) for member, weight in weights.items()}


def _exponent(weight: Decimal) -> int:
    """Return the place of the last decimal, never above the point."""
    exponent = weight.as_tuple().exponent
    return min(0, exponent) if isinstance(exponent, int) else 0


def _by_remainder(steps: int, shares: Mapping[int, int], weight_total: int) -> list[int]:
    """Order members by falling remainder, ties by rising id; who has no weight is not among them."""
    entitled = [member for member, share in shares.items() if share]
    return sorted(entitled, key=lambda member: (-(steps * shares[member] % weight_total), member))
