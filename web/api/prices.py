"""How prices are written."""

from __future__ import annotations

from decimal import Decimal


def to_digits(price: Decimal, digits: int | None) -> Decimal:
    """The price with the zeros that a double can't keep; as it came, where the symbol is not known or it has more."""
    if digits is None:
        return price
    shown = price.quantize(Decimal(1).scaleb(-digits))
    return shown if shown == price else price
