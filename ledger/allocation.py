"""Splitting one amount between members so that the parts sum to it exactly: the largest-remainder method.

Sign-safe (a loss is split as the same profit would be), deterministic (ties go to the smaller member id), and whoever
has no weight gets nothing. Nothing but whole steps of the currency leaves this module.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm

from ledger.errors import InvalidAmount
from ledger.money import checked, scaled


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
    ratios = {member: _ratio(member, weight) for member, weight in weights.items()}
    common = lcm(*(denominator for _, denominator in ratios.values()))
    return {member: numerator * (common // denominator) for member, (numerator, denominator) in ratios.items()}


def _ratio(member: int, weight: Decimal | Fraction) -> tuple[int, int]:
    if (isinstance(weight, Decimal) and not weight.is_finite()) or weight < 0:
        raise InvalidAmount(f"expected a weight of zero or more, found {weight} for member {member}")
    return weight.as_integer_ratio()


def _by_remainder(steps: int, shares: Mapping[int, int], weight_total: int) -> list[int]:
    """Order members by falling remainder, ties by rising id; who has no weight is not among them."""
    entitled = [member for member, share in shares.items() if share]
    return sorted(entitled, key=lambda member: (-(steps * shares[member] % weight_total), member))
