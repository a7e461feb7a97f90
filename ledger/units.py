"""Units of a pool: what one costs, and how many an amount of cash buys.

    NAV   = equity - credit - unmatched deposits - accrued fees
    price = NAV / units, kept as the exact ratio

Everything rounds against whoever deals and in favour of whoever stays, so dealing dilutes nobody: bought units are
rounded down, burned units up, a full exit is paid down to the cent. The last holder takes everything.
Redeeming is per lot, because fees are: see `ledger.lots`.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ledger.errors import InvalidTerms
from ledger.money import UNIT_DIGITS, floor_to, is_whole, scaled, total
from ledger.refusals import RefusalCode, Refused, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Net asset value per unit as the pair it came from, so that nothing is lost by storing it."""

    nav: Decimal  # account currency
    units: Decimal  # above zero

    @property
    def ratio(self) -> Fraction:
        """Return the price as an exact fraction."""
        return Fraction(self.nav) / Fraction(self.units)


INITIAL_PRICE = Price(nav=Decimal(1), units=Decimal(1))  # of the first unit of an empty pool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """Prices between which units are dealt in; outside, rounding of units would be felt in cents."""

    minimum: Decimal = Decimal("0.0001")  # account currency a unit, inclusive, above zero
    maximum: Decimal = Decimal("10000")  # account currency a unit, inclusive

    def __post_init__(self) -> None:
        """Refuse a band that holds nothing."""
        if not Decimal(0) < self.minimum < self.maximum:
            raise InvalidTerms(f"expected 0 < minimum < maximum, found {self.minimum} and {self.maximum}")


DEFAULT_BAND = PriceBand()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What a price is made of, at one moment."""

    nav: Decimal  # account currency, see `net_asset_value`
    units: Decimal  # issued to all members, zero or more
    floating: Decimal = Decimal(0)  # profit of open positions that is part of `nav`
    digits: int = 2  # decimals of the account currency


def net_asset_value(*, equity: Decimal, credit: Decimal, unmatched_deposits: Decimal, accrued_fees: Decimal) -> Decimal:
    """Return what belongs to the members: equity less all that is owed to others."""
    return total((equity, -credit, -unmatched_deposits, -accrued_fees))


def dealing_price(pool: Pool, band: PriceBand = DEFAULT_BAND) -> Price | Refused:
    """Return the price at which units may be bought and redeemed now."""
    if pool.units == 0:
        if abs(pool.nav) >= scaled(1, pool.digits):
            return refuse(RefusalCode.NAV_WITHOUT_UNITS, nav=pool.nav, units=0)
        return INITIAL_PRICE
    if pool.nav <= 0:
        return refuse(RefusalCode.NAV_NOT_POSITIVE, nav=pool.nav)
    price = Price(nav=pool.nav, units=pool.units)
    if price.ratio < Fraction(band.minimum):
        return refuse(RefusalCode.PRICE_BELOW_BAND, nav=pool.nav, units=pool.units, price_min=band.minimum)
    if price.ratio > Fraction(band.maximum):
        return refuse(RefusalCode.PRICE_ABOVE_BAND, nav=pool.nav, units=pool.units, price_max=band.maximum)
    return price


def check_cash(cash: Decimal, digits: int) -> Refused | None:
    """Refuse an amount that can't be paid: not above zero, or finer than the currency."""
    if not cash.is_finite() or cash <= 0:
        return refuse(RefusalCode.AMOUNT_NOT_POSITIVE, amount=cash)
    if not is_whole(cash, digits):
        return refuse(RefusalCode.AMOUNT_TOO_FINE, amount=cash, digits=digits)
    return None


def units_for(cash: Decimal, price: Price) -> Decimal:
    """Return how many units the cash buys, rounded down."""
    return floor_to(Fraction(cash) / price.ratio, UNIT_DIGITS)


def claim(held: Decimal, pool: Pool) -> Fraction:
    """Return the exact value of units, unrounded; nothing when there are no units."""
    if pool.units == 0:
        return Fraction(0)
    return Fraction(held) * Fraction(pool.nav) / Fraction(pool.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """Units that a subscription buys."""

    units: Decimal
    price: Price


def subscribe(cash: Decimal, pool: Pool, band: PriceBand = DEFAULT_BAND) -> Bought | Refused:
    """Buy units with cash that is not yet part of the pool's NAV."""
    if (wrong := check_cash(cash, pool.digits)) is not None:
        return wrong
    price = dealing_price(pool, band)
    if isinstance(price, Refused):
        return price
    units = units_for(cash, price)
    if units == 0:
        return refuse(RefusalCode.AMOUNT_TOO_SMALL, amount=cash, nav=price.nav, units=price.units)
    return Bought(units=units, price=price)
