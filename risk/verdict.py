"""What risk answers: Approved or Denied, each with every check that was made.

A denial is a value, never an exception. The checks explain the decision: what was measured, what was allowed. They are
stored with the decision, so their text form is stable: `describe` is the one place that makes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import ClassVar

from risk.codes import Code

PLAIN_MAX = 4096  # numbers whose text is remembered
DIGITS_SHOWN_MAX = 40  # digits before or behind the point that are written out

Measure = Decimal | int | str | timedelta | datetime | date | None


@dataclass(slots=True)
class Check:
    """One check of a decision. Never changed once made; not frozen, because that makes fifty of them cost too much."""

    code: Code  # the denial it would give
    value: Measure  # what was measured
    limit: Measure  # what was allowed
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The order may go out, with exactly this volume. The caller reserves risk, margin, notional and slots."""

    approved: ClassVar[bool] = True

    volume: Decimal | None  # lots; None: REDUCE of the whole position, CANCEL, MODIFY
    risk: Decimal  # account currency, rounded up to its digits; 0 for anything that adds none
    margin: Decimal  # account currency, rounded up
    notional: Decimal  # account currency, rounded up
    slots: int  # positions this may open: 1 for OPEN, else 0
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The order must not go out."""

    approved: ClassVar[bool] = False

    code: Code
    context: Mapping[str, str]  # what was found and what was expected, for people and clients
    checks: tuple[Check, ...] = ()

    def __str__(self) -> str:
        """Render as `CODE: name=value, name=value`."""
        return f"{self.code.value}: " + ", ".join(f"{name}={value}" for name, value in self.context.items())


Verdict = Approved | Denied


def describe(checks: tuple[Check, ...]) -> list[dict[str, str | bool | None]]:
    """Turn checks into plain JSON values, money and prices as text."""
    return [{"code": c.code, "value": text(c.value), "limit": text(c.limit), "passed": c.passed} for c in checks]


def text(measure: Measure) -> str | None:
    """Render a measure: time differences as seconds, times in ISO 8601, numbers without trailing zeros."""
    if isinstance(measure, Decimal):
        return plain(measure)
    if isinstance(measure, timedelta):
        return str(measure.total_seconds())
    if isinstance(measure, date):  # a datetime is one too
        return measure.isoformat()
    return None if measure is None else str(measure)


def plain(number: Decimal) -> str:
    """Render a number without exponent and without trailing zeros; one too long or too odd for that as it is."""
    if not number.is_finite() or abs(number.adjusted()) > DIGITS_SHOWN_MAX:
        return str(number)
    return _digits(number)


@lru_cache(maxsize=PLAIN_MAX)
def _digits(number: Decimal) -> str:
    """Equal numbers read the same, so they are remembered: most of what a decision explains are the same limits."""
    digits = f"{number:f}" if number else "0"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
