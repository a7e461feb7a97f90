"""A pool's statement: its price day by day, what was paid in and out, how deep it fell, how each month went.

The unit price is the track record: deposits and withdrawals don't move it. A pool that everybody has left begins again
at its first price; the record goes on where it was. A pool that owes more than it has has lost everything: its record
stands at zero, not below.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from ledger.history import DayClose, day_closes, flows_by_day
from ledger.money import half_even_to, total
from ledger.performance import (
    RATIO_DIGITS,
    Drawdown,
    MonthReturn,
    PricePoint,
    YearReturns,
    drawdown,
    monthly_returns,
    yearly_returns,
)
from ledger.units import INITIAL_PRICE


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDay:
    """The pool at the end of a day."""

    day: date  # of the trade server
    nav: Decimal
    units: Decimal
    nav_per_unit: Decimal
    flow: Decimal  # paid in less redeemed since the day before
    drawdown: Decimal  # fall of the unit price from its peak so far, a fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatement:
    """The pool's own history."""

    days: tuple[PoolDay, ...]
    contributed: Decimal
    redeemed: Decimal
    profit: Decimal  # NAV + redeemed - contributed
    time_weighted_return: Decimal
    drawdown: Drawdown
    months: tuple[MonthReturn, ...]
    years: tuple[YearReturns, ...]


def pool_statement(
    closes: Sequence[DayClose], flows: Iterable[tuple[datetime, Decimal]], nav: Decimal
) -> PoolStatement:
    """Fold a pool's prices and flows into a statement.

    Args:
        closes: every price kept, oldest first, with its moment; no units means that the pool begins (again) there.
        flows: money paid in (plus) and redeemed (minus), any order.
        nav: of now.
    """
    flows = sorted(flows, key=lambda flow: flow[0])
    paid_in = total(amount for _, amount in flows if amount > 0)
    paid_out = -total(amount for _, amount in flows if amount < 0)
    track = list(price_index(closes))
    growth = track[-1].price / track[0].price - 1 if track and track[0].price else Fraction(0)
    return PoolStatement(
        days=tuple(_pool_days(closes, track, flows)),
        contributed=paid_in,
        redeemed=paid_out,
        profit=total((nav, paid_out, -paid_in)),
        time_weighted_return=half_even_to(growth, RATIO_DIGITS),
        drawdown=drawdown(track),
        months=tuple(monthly_returns(track)),
        years=tuple(yearly_returns(track)),
    )


def price_index(closes: Iterable[DayClose]) -> Iterable[PricePoint]:
    """Chain the unit price over the times that everybody had left and the pool began again at its first price."""
    base, last = Fraction(1), Fraction(1)
    for close in closes:
        if close.price.units:
            price = max(Fraction(0), close.price.ratio)
            last = price if base == 1 else base * price
        else:
            base = last / INITIAL_PRICE.ratio
        yield PricePoint(at=close.at, day=close.day, price=last)


def _pool_days(
    closes: Sequence[DayClose], track: Iterable[PricePoint], flows: Sequence[tuple[datetime, Decimal]]
) -> Iterable[PoolDay]:
    ends = day_closes(closes)
    falls = _falls(track, {close.at for close in ends})
    for close, flow in zip(ends, flows_by_day(ends, flows), strict=True):
        yield PoolDay(
            day=close.day,
            nav=close.price.nav,
            units=close.price.units,
            nav_per_unit=half_even_to(close.price.ratio, RATIO_DIGITS),
            flow=flow,
            drawdown=falls[close.at],
        )


def _falls(track: Iterable[PricePoint], moments: Collection[datetime]) -> dict[datetime, Decimal]:
    """Return how far below its peak so far the price stood at some moments."""
    peak, falls = Fraction(0), {}
    for point in track:
        peak = max(peak, point.price)
        if point.at in moments:
            falls[point.at] = half_even_to(1 - point.price / peak if peak else Fraction(0), RATIO_DIGITS)
    return falls
