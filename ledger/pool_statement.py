"""A pool's statement: its price day by day, what was paid in and out, how deep it fell, how each month went.

The unit price is the track record: deposits and withdrawals don't move it. A pool that everybody has left begins again
at its first price; the record goes on where it was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from ledger.money import half_even_to, total
from ledger.performance import RATIO_DIGITS, Drawdown, MonthReturn, PricePoint, drawdown, monthly_returns
from ledger.units import INITIAL_PRICE, Price


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDay:
    """The pool at the end of a day."""

    day: date
    nav: Decimal
    units: Decimal
    nav_per_unit: Decimal
    flow: Decimal  # paid in less redeemed on that day


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


def pool_statement(
    points: Sequence[tuple[datetime, Price]], flows: Iterable[tuple[datetime, Decimal]], nav: Decimal
) -> PoolStatement:
    """Fold a pool's prices and flows into a statement.

    Args:
        points: every price kept, oldest first, with its moment; no units means that the pool begins (again) there.
        flows: money paid in (plus) and redeemed (minus), any order.
        nav: of now.
    """
    flows = list(flows)
    paid_in = total(amount for _, amount in flows if amount > 0)
    paid_out = -total(amount for _, amount in flows if amount < 0)
    track = list(price_index(points))
    growth = track[-1].price / track[0].price - 1 if track else Fraction(0)
    return PoolStatement(
        days=tuple(_pool_days(points, flows)),
        contributed=paid_in,
        redeemed=paid_out,
        profit=total((nav, paid_out, -paid_in)),
        time_weighted_return=half_even_to(growth, RATIO_DIGITS),
        drawdown=drawdown(track),
        months=tuple(monthly_returns(track)),
    )


def price_index(points: Iterable[tuple[datetime, Price]]) -> Iterable[PricePoint]:
    """Chain the unit price over the times that everybody had left and the pool began again at its first price."""
    base, last = Fraction(1), Fraction(1)
    for at, price in points:
        if price.units:
            last = base * price.ratio
        else:
            base = last / INITIAL_PRICE.ratio
        yield PricePoint(at=at, price=last)


def _pool_days(
    points: Iterable[tuple[datetime, Price]], flows: Iterable[tuple[datetime, Decimal]]
) -> Iterable[PoolDay]:
    moved: dict[date, Decimal] = {}
    for at, amount in flows:
        moved[at.date()] = total((moved.get(at.date(), Decimal(0)), amount))
    ends = {at.date(): price for at, price in points if price.units}
    for day, price in sorted(ends.items()):
        yield PoolDay(
            day=day,
            nav=price.nav,
            units=price.units,
            nav_per_unit=half_even_to(price.ratio, RATIO_DIGITS),
            flow=moved.get(day, Decimal(0)),
        )
