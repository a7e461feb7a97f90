"""Fees: what a manager earns, when, and out of whose units. Both rates are zero unless somebody sets them.

Management fee: rate x NAV x time, accrued into a liability (NAV is net of it), then crystallised: the liability becomes
units of the manager at the price of the day. The part of a cent that an accrual does not reach is carried to the next.

Performance fee: per lot, rate x (price - that lot's high-water mark) when positive. It is shown as accrued against the
member while it can still vanish; crystallising burns units of the lot (rounded up), mints units for the manager
(rounded down) and raises the mark. The pool's NAV does not change by it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from ledger.errors import InvalidTerms
from ledger.lots import Lot, LotBurn, performance_fee
from ledger.money import UNIT_DIGITS, ceil_to, floor_to, total
from ledger.units import Price

YEAR_S = 365 * 86_400  # a management rate is per 365 days, leap year or not
CARRY_DIGITS = 8  # decimals of the part of a cent that is carried; finer parts are dropped in the members' favour


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTerms:
    """What the members agreed to pay, and to whom."""

    management_rate: Decimal = Decimal(0)  # fraction of NAV a year, in [0, 1)
    performance_rate: Decimal = Decimal(0)  # fraction of the gain above the high-water mark, in [0, 1)
    manager: int | None = None  # the member that earns both; None only while both rates are zero

    def __post_init__(self) -> None:
        """Refuse rates outside [0, 1) and rates that nobody would earn."""
        for name, rate in (("management_rate", self.management_rate), ("performance_rate", self.performance_rate)):
            if not (rate.is_finite() and 0 <= rate < 1):
                raise InvalidTerms(f"expected {name} in [0, 1), found {rate}")
        if self.manager is None and self.charges:
            raise InvalidTerms("expected a manager member to earn the fees, found none")

    @property
    def charges(self) -> bool:
        """Say whether anybody pays anything."""
        return bool(self.management_rate or self.performance_rate)

    def performance_rate_of(self, member: int) -> Decimal:
        """Return the rate that a member pays: the manager pays nothing to itself."""
        return Decimal(0) if member == self.manager else self.performance_rate


NO_FEES = FeeTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """A management fee for a stretch of time."""

    amount: Decimal  # whole cents, zero or more
    carry: Decimal  # part of a cent, handed to the next accrual


@dataclass(frozen=True, slots=True, kw_only=True)
class Crystallisation:
    """Performance fees that become units of the manager."""

    price: Price
    burns: tuple[LotBurn, ...]  # every lot whose mark rises, also when its fee is less than a cent
    minted: Decimal  # units for the manager

    @property
    def fee(self) -> Decimal:
        """Return the fees of all lots."""
        return total(burn.fee for burn in self.burns)


_FEE_STEPS = 10**24  # a fee per unit is counted in these parts: far below a cent on all the units there can be


class FeePerUnit:
    """What one unit has borne of the management fee since the pool began, at any moment.

    Units are dealt in only after the fee is accrued up to that moment, so a fee is borne by the units there were just
    then, each the same.
    """

    def __init__(self, accruals: Iterable[tuple[datetime, Decimal, Decimal]]) -> None:
        """Add up accruals, oldest first: (moment, amount, units of the pool)."""
        charged = [(at, amount, units) for at, amount, units in accruals if units]
        self._moments = [at for at, _, _ in charged]
        parts = (int(Fraction(amount) * _FEE_STEPS / Fraction(units)) for _, amount, units in charged)
        self._borne = [0, *accumulate(parts)]

    def between(self, after: datetime, until: datetime) -> Fraction:
        """Return what one unit bore after a moment and up to another, in account currency."""
        first, last = bisect_right(self._moments, after), bisect_right(self._moments, until)
        return Fraction(self._borne[last] - self._borne[first], _FEE_STEPS)


def accrue_management(nav: Decimal, terms: FeeTerms, elapsed_s: Decimal, carry: Decimal, digits: int) -> Accrual:
    """Return the management fee for `elapsed_s` seconds on a NAV; a NAV at or below zero earns nothing."""
    if elapsed_s < 0:
        raise InvalidTerms(f"expected an accrual forward in time, found {elapsed_s} s")
    earned = max(Fraction(0), Fraction(nav)) * Fraction(terms.management_rate) * Fraction(elapsed_s) / YEAR_S
    exact = earned + Fraction(carry)
    amount = floor_to(exact, digits)
    return Accrual(amount=amount, carry=floor_to(exact - Fraction(amount), CARRY_DIGITS))


def crystallise(
    lots: Iterable[Lot], price: Price, terms: FeeTerms, digits: int, *, every_lot: bool = False
) -> Crystallisation:
    """Settle the performance fee of every lot above its mark at this price, and raise the marks to it.

    Args:
        every_lot: raise the marks of lots that pay no fee, too: other terms must not charge what these let go free.
    """
    due = [lot for lot in lots if _has_gained(lot, price) and (every_lot or terms.performance_rate_of(lot.member))]
    burns = tuple(_settle(lot, price, terms.performance_rate_of(lot.member), digits) for lot in due)
    minted = floor_to(Fraction(total(burn.fee for burn in burns)) / price.ratio, UNIT_DIGITS)
    return Crystallisation(price=price, burns=burns, minted=minted)


def accrued_performance(lots: Iterable[Lot], price: Price, terms: FeeTerms, digits: int) -> Decimal:
    """Return the performance fee that would be settled on these lots at this price."""
    return total(performance_fee(lot, lot.units, price, terms.performance_rate_of(lot.member), digits) for lot in lots)


def _has_gained(lot: Lot, price: Price) -> bool:
    return lot.units > 0 and price.ratio > lot.high_water_mark.ratio


def _settle(lot: Lot, price: Price, rate: Decimal, digits: int) -> LotBurn:
    fee = performance_fee(lot, lot.units, price, rate, digits)
    units = ceil_to(Fraction(fee) / price.ratio, UNIT_DIGITS)
    return LotBurn(lot=lot.lot, units=units, fee=fee, high_water_mark=price)
