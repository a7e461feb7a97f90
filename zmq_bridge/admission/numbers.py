"""Numbers as people send them, turned into exact `Decimal`s or refused.

A JSON number arrives as int, float or `Decimal`; a float means the shortest decimal that reads back as it, which is
what its sender typed. Text must be a plain decimal. NaN, infinity, booleans and absurd sizes are refused by name.
"""

import math
import re
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields

INTEGER_DIGITS_MAX = 12
FRACTION_DIGITS_MAX = 20
PLAIN = re.compile(rf"[+-]?\d{{1,{INTEGER_DIGITS_MAX}}}(\.\d{{1,{FRACTION_DIGITS_MAX}}})?", re.ASCII)
MAGNITUDE_MAX = Decimal(10) ** INTEGER_DIGITS_MAX
SMALLEST = Decimal(10) ** -FRACTION_DIGITS_MAX


class ExactNumber(fields.Field[Decimal]):
    """A finite decimal number between bounds."""

    def __init__(
        self,
        *,
        above: Decimal | None = None,
        at_least: Decimal | None = None,
        at_most: Decimal | None = None,
        **more: Any,
    ) -> None:
        """`above` excludes its bound, the others include theirs."""
        super().__init__(**more)
        self.above, self.at_least, self.at_most = above, at_least, at_most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        number = exact(value)
        if self.above is not None and not number > self.above:
            raise ValidationError(f"Expected a number above {self.above}; found {number}.")
        if self.at_least is not None and not number >= self.at_least:
            raise ValidationError(f"Expected a number of at least {self.at_least}; found {number}.")
        if self.at_most is not None and not number <= self.at_most:
            raise ValidationError(f"Expected a number of at most {self.at_most}; found {number}.")
        return number


class WholeNumber(fields.Field[int]):
    """An integer between bounds, as a JSON integer or as text of digits."""

    def __init__(self, *, at_least: int, at_most: int, **more: Any) -> None:
        """Both bounds are included."""
        super().__init__(**more)
        self.at_least, self.at_most = at_least, at_most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = _whole(value)
        if number is None or not self.at_least <= number <= self.at_most:
            raise ValidationError(
                f"Expected an integer from {self.at_least} to {self.at_most}; found {_shown(value)}."
            )
        return number


def exact(value: object) -> Decimal:
    """Read a number exactly.

    Raises:
        ValidationError: not a number, not finite, or with too many digits.
    """
    number = _decimal(value)
    if number is None:
        raise ValidationError(f"Expected a number or a plain decimal as text; found {_shown(value)}.")
    if not number.is_finite():
        raise ValidationError(f"Expected a finite number; found {_shown(value)}.")
    if abs(number) >= MAGNITUDE_MAX or (number and abs(number) < SMALLEST):
        raise ValidationError(f"Expected a number of at most {INTEGER_DIGITS_MAX} digits; found {_shown(value)}.")
    return number


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else Decimal("NaN")
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return Decimal(value)
    return None


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    return value if type(value) is int else None


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str | int | float | Decimal) else type(value).__name__
    return text if len(text) <= 40 else text[:37] + "..."
