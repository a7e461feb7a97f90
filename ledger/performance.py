"""Returns: how well a pool or a member did. Ratios only; money goes in and never comes out.

Time-weighted return ignores when money came and went: it chains the growth between flows. Money-weighted return is the
yearly rate at which all flows discount to nothing (XIRR): it is the member's own. Drawdown is taken on the unit price,
so a withdrawal is no loss. Figures are exact fractions rounded at the end, but for the rate, which is found by search.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from ledger.errors import InvalidFlows
from ledger.money import half_even_to

Period = TypeVar("Period")

RATIO_DIGITS = 8  # decimals of every ratio that leaves this module
YEAR_S = 365 * 86_400
_LOG_GROWTH_MAX = 60.0  # rates are searched between exp(-60) - 1 and exp(60) - 1 a year
_FINE_STEP, _FINE_UP_TO, _COARSE_STEP = 0.02, 3.0, 0.5  # of the search for a change of sign, in log growth a year
_FLOAT_DOUBT = 1e-9  # far more than a double is ever wrong about a ratio in [0, 1]
_BISECTIONS = 60  # halvings at most
_LOG_GROWTH_WIDTH = 1e-13  # of what is left when the search ends: far below the last digit of a ratio that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A value just before a flow, and the flow."""

    value: Decimal | Fraction  # before the flow, account currency, zero or more
    flow: Decimal | Fraction  # plus paid in, minus taken out


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Money between a member and the pool, seen by the member."""

    at: datetime  # aware
    amount: Decimal  # minus paid in, plus taken out or still owned


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """What a unit was worth at a moment."""

    at: datetime  # aware
    day: date  # the trade server's calendar day at that moment
    price: Fraction  # zero or more


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall from a peak."""

    fraction: Decimal  # 1 - trough / peak, in [0, 1]
    peak_at: datetime | None  # None when there was no fall
    trough_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReturn:
    """How the unit price moved within one month."""

    month: date  # its first day
    ratio: Decimal  # growth since the end of the month before


@dataclass(frozen=True, slots=True, kw_only=True)
class YearReturns:
    """A line of the table that track records are shown as."""

    year: int
    months: tuple[Decimal | None, ...]  # twelve; None: no price in that month
    ratio: Decimal  # growth over the year


def time_weighted_return(valuations: Sequence[Valuation]) -> Decimal:
    """Chain the growth between flows.

    Args:
        valuations: oldest first; the first one's value is what there was before the first flow (often zero), the last
            one is the value at the end with a flow of zero.

    Raises:
        InvalidFlows: a value is negative, or grows out of nothing.
    """
    growth, held = Fraction(1), Fraction(0)
    for place, valuation in enumerate(valuations):
        value = Fraction(valuation.value)
        if value < 0 or (place and not held and value):
            raise InvalidFlows(f"expected a value grown from {held}, found {valuation.value}")
        if held > 0:
            growth *= value / held
        held = value + Fraction(valuation.flow)
    return half_even_to(growth - 1, RATIO_DIGITS)


def gain(valuations: Sequence[Valuation]) -> Decimal:
    """Return the profit in money: the last value less the first and all that was paid in since."""
    first, last = valuations[0], valuations[-1]
    flows = sum((Fraction(valuation.flow) for valuation in valuations[:-1]), Fraction(0))
    return half_even_to(Fraction(last.value) - Fraction(first.value) - flows, RATIO_DIGITS)


def money_weighted_return(flows: Iterable[Flow]) -> Decimal | None:
    """Return the yearly rate at which the flows discount to zero; None when there is none or it is not to be found.

    There is one when money went both ways over some time. Found by bisection on the logarithm of growth, which can't
    diverge; where several rates fit (flows that change sign more than once), the one nearest to zero is taken.
    """
    dated = sorted(flows, key=lambda flow: flow.at)
    if not dated or dated[0].at == dated[-1].at:
        return None
    terms = [((flow.at - dated[0].at).total_seconds() / YEAR_S, float(flow.amount)) for flow in dated if flow.amount]
    if not (any(amount > 0 for _, amount in terms) and any(amount < 0 for _, amount in terms)):
        return None
    bracket = _bracket(terms)
    if bracket is None:
        return None
    return half_even_to(Fraction(math.expm1(_bisect(terms, *bracket))), RATIO_DIGITS)


def drawdown(points: Iterable[PricePoint]) -> Drawdown:
    """Return the deepest fall of the unit price from its peak so far."""
    peak, deepest = None, Drawdown(fraction=Decimal(0), peak_at=None, trough_at=None)
    worst, near = Fraction(0), 0.0
    for point in points:
        if peak is None or point.price > peak.price:
            peak, top = point, float(point.price)
        if not top or 1 - float(point.price) / top < near:
            continue  # clearly not deeper; only what may be is worked out exactly
        fall = 1 - point.price / peak.price
        if fall > worst:
            worst, near = fall, float(fall) - _FLOAT_DOUBT
            deepest = Drawdown(fraction=half_even_to(fall, RATIO_DIGITS), peak_at=peak.at, trough_at=point.at)
    return deepest


def monthly_returns(points: Sequence[PricePoint]) -> list[MonthReturn]:
    """Return the growth of the unit price by month, from the first point on; months without a point are left out."""
    ends = _ends(points, lambda point: point.day.replace(day=1))
    return [MonthReturn(month=month, ratio=half_even_to(growth - 1, RATIO_DIGITS)) for month, growth in ends]


def yearly_returns(points: Sequence[PricePoint]) -> list[YearReturns]:
    """Return the same by year, each with its twelve months."""
    months = {line.month: line.ratio for line in monthly_returns(points)}
    return [
        YearReturns(
            year=year,
            months=tuple(months.get(date(year, month, 1)) for month in range(1, 13)),
            ratio=half_even_to(growth - 1, RATIO_DIGITS),
        )
        for year, growth in _ends(points, lambda point: point.day.year)
    ]


def _ends(points: Sequence[PricePoint], period: Callable[[PricePoint], Period]) -> Iterator[tuple[Period, Fraction]]:
    """Return each period's growth: its last price over the last one of the period before, at first over the first."""
    ends = {period(point): point.price for point in points}
    before = points[0].price if points else Fraction(1)
    for name, price in ends.items():
        yield name, price / before if before else Fraction(1)  # out of nothing there is no growth to tell
        before = price


def _present_value(terms: Sequence[tuple[float, float]], log_growth: float) -> float:
    """Discount all flows, scaled by the largest factor so that nothing overflows."""
    shift = max(-log_growth * years for years, _ in terms)
    return math.fsum(amount * math.exp(-log_growth * years - shift) for years, amount in terms)


def _bracket(terms: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Widen outwards from zero until the present value changes sign between two neighbours."""
    near = 0.0
    while near < _LOG_GROWTH_MAX:
        far = near + (_FINE_STEP if near < _FINE_UP_TO else _COARSE_STEP)
        for low, high in ((-far, -near), (near, far)):
            if _present_value(terms, low) * _present_value(terms, high) <= 0:
                return low, high
        near = far
    return None


def _bisect(terms: Sequence[tuple[float, float]], low: float, high: float) -> float:
    at_low = _present_value(terms, low)
    if at_low == 0:
        return low
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if high - low < _LOG_GROWTH_WIDTH:
            break
        at_middle = _present_value(terms, middle)
        if (at_middle > 0) == (at_low > 0) and at_middle != 0:
            low, at_low = middle, at_middle
        else:
            high = middle
    return high
