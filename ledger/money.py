"""Exact arithmetic for money and units: every rounding of the ledger is one of the functions here.

Amounts are `Decimal`, prices and quotients are `Fraction`; nothing in between is ever rounded. Who gets the remainder:

| function | rounds | used for | the remainder goes to |
|---|---|---|---|
| `floor_to` | towards minus infinity | units bought, cash of a full exit, fees | the pool (a fee: the member) |
| `ceil_to` | towards plus infinity | units burned | the pool |
| `half_even_to` | to the nearest, ties to even | figures shown, never stored as money | nobody: it is a figure |

Splitting an amount between members rounds nothing: see `ledger.allocation`. Doubles become `Decimal` once, at the wire,
and never reach this package.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from fractions import Fraction

from ledger.errors import InvalidAmount

UNIT_DIGITS = 8  # units are counted in steps of 1e-8
MONEY_DIGITS_MAX = 8  # finest amount the ledger stores, whatever the account currency shows
AMOUNT_MAX = Decimal(10) ** 18  # larger than any account; with 8 digits it still fits NUMERIC(28, 8)

# Wide enough for every sum of bounded amounts, and it raises instead of rounding.
EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts without ever rounding."""
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def scaled(count: int, digits: int) -> Decimal:
    """Return `count` steps of `10 ** -digits`."""
    return Decimal(count).scaleb(-digits, context=EXACT)


def floor_to(value: Fraction | Decimal, digits: int) -> Decimal:
    """Round towards minus infinity to `digits` decimals."""
    exact = Fraction(value)
    return scaled(exact.numerator * 10**digits // exact.denominator, digits)


def ceil_to(value: Fraction | Decimal, digits: int) -> Decimal:
    """Round towards plus infinity to `digits` decimals."""
    exact = Fraction(value)
    return scaled(-(-exact.numerator * 10**digits // exact.denominator), digits)


def half_even_to(value: Fraction | Decimal, digits: int) -> Decimal:
    """Round to the nearest, ties to even: for figures that are shown."""
    return scaled(round(Fraction(value) * 10**digits), digits)


def is_whole(amount: Decimal, digits: int) -> bool:
    """Say whether the amount is a whole number of steps of `10 ** -digits`."""
    return floor_to(amount, digits) == amount


def checked(amount: Decimal, digits: int = MONEY_DIGITS_MAX) -> Decimal:
    """Return the amount with exactly `digits` decimals.

    Raises:
        InvalidAmount: it is not finite, too large, or finer than `digits` decimals.
    """
    if not amount.is_finite():
        raise InvalidAmount(f"expected a finite amount, found {amount}")
    if abs(amount) >= AMOUNT_MAX:
        raise InvalidAmount(f"expected an amount below {AMOUNT_MAX:f}, found {amount}")
    try:
        return amount.quantize(Decimal(1).scaleb(-digits), context=EXACT)
    except Inexact:
        raise InvalidAmount(f"expected at most {digits} decimals, found {amount}") from None
