"""Doubles of the wire <-> Decimals of the books. This is the one place where a double becomes money or a price.

A double holds every decimal of up to 15 significant digits faithfully; what it shows beyond is noise of binary
arithmetic (12.340000000000002). So a double becomes the decimal of its first 15 significant digits, rounded half to
even as C's "%.15g" does, and digits beyond the 12th decimal place are dropped the same way. A Decimal within those
bounds survives the trip exactly; one beyond them goes out as the nearest double.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import Final

SIGNIFICANT_DIGITS: Final = 15
DECIMAL_PLACES_MAX: Final = 12
_LEAST = Decimal(1).scaleb(-DECIMAL_PLACES_MAX)
_CONTEXT = Context(prec=28, rounding=ROUND_HALF_EVEN)  # our own: a caller's context has no say
ZERO: Final = Decimal(0)


def to_decimal(double: float) -> Decimal:
    """Convert a finite double to the decimal it stands for.

    Raises:
        ValueError: NaN or infinite.
    """
    if not isfinite(double):
        raise ValueError(f"expected a finite number, found {double!r}")
    exact = Decimal(format(double, f".{SIGNIFICANT_DIGITS}g"))
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMAL_PLACES_MAX:
        exact = exact.quantize(_LEAST, context=_CONTEXT)
    return exact if exact else ZERO


def to_double(exact: Decimal) -> float:
    """Convert a finite Decimal to the nearest double.

    Raises:
        ValueError: NaN, infinite, or too large for a double.
    """
    double = float(exact)
    if not isfinite(double):
        raise ValueError(f"expected a finite number, found {exact!r}")
    return double + 0.0  # -0.0 is 0.0
