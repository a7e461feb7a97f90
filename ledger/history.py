"""Histories by day: which price closes a day, and what a member had, moved and earned from close to close.

A day is the trade server's calendar day, told with every price that was kept; nothing here knows a time zone. A day's
line stands at the moment of its last price, and holds everything up to that moment since the line before, so the lines
of a history leave nothing out and count nothing twice. A day without a price has no line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from ledger.money import half_even_to, total
from ledger.units import Price

PRICE_DIGITS = 8
RATIO_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClose:
    """A price that was kept, and the day that it belongs to."""

    day: date  # the trade server's calendar day
    at: datetime  # aware
    price: Price  # its units are 0 where the pool begins (again)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """A member's position at the last price of a day."""

    day: date
    units: Decimal
    nav_per_unit: Decimal
    value: Decimal
    flow: Decimal  # paid in less taken out since the line before
    profit: Decimal  # value - value before - flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one movement does to a member's units and money."""

    at: datetime  # aware
    units: Decimal  # plus or minus
    flow: Decimal  # money paid in (plus) or taken out (minus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of a member's days: where it began, what moved, what was earned, where it ended."""

    days: tuple[DayLine, ...]
    opening: Decimal  # value at the close before; zero for the first day there is
    flow: Decimal  # paid in less taken out
    profit: Decimal  # closing - opening - flow
    closing: Decimal
    price_change: Decimal | None  # of a unit, a fraction; None: no price above zero before


def period_of(days: Sequence[DayLine], first: date | None = None, last: date | None = None) -> Period:
    """Cut a history to the days from `first` to `last`, both included; None: as far as it goes."""
    inside = tuple(day for day in days if (first is None or first <= day.day) and (last is None or day.day <= last))
    before = [day for day in days if first is not None and day.day < first]
    opening = before[-1].value if before else Decimal(0)
    priced = [*before[-1:], *inside]
    change = None
    if len(priced) > 1 and priced[0].nav_per_unit > 0:
        change = half_even_to(Fraction(priced[-1].nav_per_unit) / Fraction(priced[0].nav_per_unit) - 1, RATIO_DIGITS)
    return Period(
        days=inside,
        opening=opening,
        flow=total(day.flow for day in inside),
        profit=total(day.profit for day in inside),
        closing=inside[-1].value if inside else opening,
        price_change=change,
    )


def day_closes(closes: Iterable[DayClose]) -> list[DayClose]:
    """Return the last price of each day that has one; prices come oldest first."""
    return list({close.day: close for close in closes if close.price.units}.values())


def flows_by_day(ends: Sequence[DayClose], flows: Sequence[tuple[datetime, Decimal]]) -> Iterator[Decimal]:
    """Add flows, oldest first, up to each day's close; those after the last one belong to no day yet."""
    place = 0
    for close in ends:
        moved = []
        while place < len(flows) and flows[place][0] <= close.at:
            moved.append(flows[place][1])
            place += 1
        yield total(moved)


def member_days(
    steps: Sequence[Step], ends: Sequence[DayClose], digits: int, *, final: Decimal | None = None
) -> Iterator[DayLine]:
    """Walk days and movements, both oldest first, side by side; days before the first unit are left out.

    Args:
        final: value on the last line, where it was shared out to the cent between all members.
    """
    place, held, value = 0, Decimal(0), Decimal(0)
    for close in ends:
        moved = []
        while place < len(steps) and steps[place].at <= close.at:
            moved.append(steps[place])
            place += 1
        if not (moved or place):
            continue
        held = total((held, *(step.units for step in moved)))
        flow = total(step.flow for step in moved)
        before, value = value, half_even_to(Fraction(held) * close.price.ratio, digits)
        if final is not None and close is ends[-1]:
            value = final
        yield DayLine(
            day=close.day,
            units=held,
            nav_per_unit=half_even_to(close.price.ratio, PRICE_DIGITS),
            value=value,
            flow=flow,
            profit=total((value, -before, -flow)),
        )
