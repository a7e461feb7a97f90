"""The arithmetic rules of the package: one Decimal context, and what counts as a usable number.

Every decision runs inside `CONTEXT`, whatever the caller's own context is, so it gives the same answer everywhere. The
context traps everything that would otherwise turn into NaN or infinity. Values from outside are tested with the
functions below before they meet an operator: comparing a Decimal NaN raises, adding one does not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import (
    ROUND_CEILING,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
)
from functools import lru_cache

CONTEXT = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-200,
    Emax=200,
    traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation],
)
ZERO = Decimal(0)
HUNDRED = Decimal(100)
HALF = Decimal("0.5")
ONE_PERCENT = Decimal("0.01")
NOISE = Decimal("1e-16")  # amounts of money are told apart down to this
LARGEST = Decimal("1e18")  # no price, volume or sum of money is above this
SMALLEST = Decimal("1e-18")  # no positive one is below this
SPANS_MAX = 1024  # different age limits remembered as time differences

DIGITS_MAX = 8  # decimal places of any deposit currency

_finite = Decimal.is_finite
_QUANTA = tuple(Decimal(1).scaleb(-digits) for digits in range(DIGITS_MAX + 1))


def all_positive(values: Sequence[Decimal]) -> bool:
    """Tell whether every value is a finite Decimal above zero and of sane size. Anything else, even None, is False."""
    try:
        return all(map(_finite, values)) and min(values) >= SMALLEST and max(values) <= LARGEST
    except TypeError:  # not a Decimal
        return False


def all_at_least_zero(values: Sequence[Decimal]) -> bool:
    """Tell whether every value is a finite Decimal, zero or above, and of sane size."""
    try:
        return all(map(_finite, values)) and min(values) >= ZERO and max(values) <= LARGEST
    except TypeError:
        return False


def all_finite(values: Sequence[Decimal]) -> bool:
    """Tell whether every value is a finite Decimal of sane size, of either sign."""
    try:
        return all(map(_finite, values)) and min(values) >= -LARGEST and max(values) <= LARGEST
    except TypeError:
        return False


def is_count(value: object, largest: int = 1_000_000_000) -> bool:
    """Tell whether the value is an int (not a bool) from 0 to `largest`."""
    return type(value) is int and 0 <= value <= largest


def is_moment(value: object) -> bool:
    """Tell whether the value is an aware datetime."""
    return isinstance(value, datetime) and value.tzinfo is not None and value.utcoffset() is not None


@lru_cache(maxsize=SPANS_MAX)
def span(seconds_: Decimal) -> timedelta:
    """Turn seconds into a time difference, dropping anything below a microsecond. Remembered: limits seldom change."""
    return timedelta(microseconds=int(seconds_ * 1_000_000))


def percent_of(percent: Decimal, amount: Decimal) -> Decimal:
    """Return `percent` % of `amount`."""
    return percent * amount * ONE_PERCENT  # exact, and twice as fast as a division


def settle(amount: Decimal) -> Decimal:
    """Drop what a division leaves behind the 16th decimal place, so that an amount exactly at its limit is at it."""
    return amount.quantize(NOISE)


def round_up(amount: Decimal, digits: int) -> Decimal:
    """Round towards plus infinity: for what we may owe (risk, margin), the remainder is counted against us."""
    return amount.quantize(_QUANTA[digits], rounding=ROUND_CEILING)
