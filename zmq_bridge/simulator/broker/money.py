"""Rounding of money and of derived prices, each with its mode. All amounts are Decimals; nothing here is a float.

Money is rounded half away from zero to the account's digits, once per deal and per figure, as MT5's NormalizeDouble
does. Nothing is carried over: a deal's amount is what was booked.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

ZERO = Decimal(0)
PRICE_PLACES = 10  # a netting position's average price; far below any symbol's digits


@lru_cache(maxsize=32)
def unit(digits: int) -> Decimal:
    """Return the smallest amount with so many decimals."""
    return Decimal(1).scaleb(-digits)


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Round money half away from zero."""
    return amount.quantize(unit(digits), rounding=ROUND_HALF_UP)


def average_price(price_a: Decimal, volume_a: Decimal, price_b: Decimal, volume_b: Decimal) -> Decimal:
    """Weigh two prices by volume, to `PRICE_PLACES` decimals."""
    mean = (price_a * volume_a + price_b * volume_b) / (volume_a + volume_b)
    return mean.quantize(unit(PRICE_PLACES), rounding=ROUND_HALF_UP).normalize()
