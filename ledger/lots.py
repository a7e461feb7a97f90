"""Lots: the units that one subscription bought, and which of them a redemption burns.

A member's units are spread over lots because a performance fee is owed per lot, above that lot's own high-water mark.
A redemption takes the oldest lot first. Each burned unit pays its holder the price less the fee on that unit's gain;
the fee goes to the manager as newly minted units, rounded down. With a rate of zero this is plain dealing at NAV:
burn = cash / price, rounded up at 1e-8. The last holder takes everything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ledger.money import UNIT_DIGITS, ceil_to, floor_to, total
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import DEFAULT_BAND, Pool, Price, PriceBand, check_cash, dealing_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Units with one history."""

    lot: str  # the cause of the transaction that opened it
    member: int
    opened: int  # place in the account's order of lots: the oldest is redeemed first
    units: Decimal  # still held, zero or more
    units_bought: Decimal  # held at first, above zero
    cost: Decimal  # what all of `units_bought` cost, account currency
    high_water_mark: Price  # highest price at which a performance fee has been settled, or the price paid


@dataclass(frozen=True, slots=True, kw_only=True)
class LotBurn:
    """Units taken out of one lot."""

    lot: str
    units: Decimal
    fee: Decimal  # performance fee on these units, account currency, zero or more
    high_water_mark: Price | None = None  # the lot's new mark; None leaves it where it was


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a redemption burns, pays, and mints for the manager."""

    price: Price
    cash: Decimal  # what the member is owed, account currency
    burns: tuple[LotBurn, ...]
    minted: Decimal  # units that the manager gets for the fees

    @property
    def units(self) -> Decimal:
        """Return the units burned in all lots."""
        return total(burn.units for burn in self.burns)

    @property
    def fee(self) -> Decimal:
        """Return the performance fee settled on all lots."""
        return total(burn.fee for burn in self.burns)


def held_units(lots: Iterable[Lot]) -> Decimal:
    """Return the units in all the lots."""
    return total(lot.units for lot in lots)


def gain_per_unit(lot: Lot, price: Price) -> Fraction:
    """Return how far the price stands above the lot's high-water mark; never negative."""
    return max(Fraction(0), price.ratio - lot.high_water_mark.ratio)


def performance_fee(lot: Lot, units: Decimal, price: Price, rate: Decimal, digits: int) -> Decimal:
    """Return the fee on some units of a lot, rounded down to the cent in the member's favour."""
    return floor_to(Fraction(units) * Fraction(rate) * gain_per_unit(lot, price), digits)


def redeem_cash(
    cash: Decimal, lots: Sequence[Lot], pool: Pool, *, rate: Decimal = Decimal(0), band: PriceBand = DEFAULT_BAND
) -> Redeemed | Refused:
    """Burn as many units, oldest lot first, as a payment of `cash` costs after fees.

    Args:
        cash: what the member is to receive, whole cents.
        lots: all lots of that member.
        pool: the pool at this moment.
        rate: performance fee, a fraction of the gain; zero for the manager.
        band: prices at which units may be dealt in.
    """
    if (wrong := check_cash(cash, pool.digits)) is not None:
        return wrong
    price = dealing_price(pool, band)
    if isinstance(price, Refused):
        return price
    burns, unpaid = _burn_oldest(Fraction(cash), lots, price, rate, pool.digits)
    if unpaid > 0:
        return refuse(RefusalCode.CLAIM_TOO_SMALL, amount=cash, claim=net_claim(lots, price, rate, pool.digits))
    redeemed = Redeemed(price=price, cash=cash, burns=burns, minted=_minted(burns, price))
    return _settled_by_last_holder(redeemed, pool)


def redeem_all(
    lots: Sequence[Lot], pool: Pool, *, rate: Decimal = Decimal(0), band: PriceBand = DEFAULT_BAND
) -> Redeemed | Refused:
    """Burn every unit of a member: paid down to the cent, after fees; the last holder takes everything."""
    price = dealing_price(pool, band)
    if isinstance(price, Refused):
        return price
    if held_units(lots) == 0:
        return refuse(RefusalCode.CLAIM_TOO_SMALL, units=0)
    burns = tuple(_burn(lot, lot.units, price, rate, pool.digits) for lot in _oldest_first(lots))
    cash = net_claim(lots, price, rate, pool.digits)
    redeemed = Redeemed(price=price, cash=cash, burns=burns, minted=_minted(burns, price))
    return _settled_by_last_holder(redeemed, pool)


def net_claim(lots: Iterable[Lot], price: Price, rate: Decimal, digits: int) -> Decimal:
    """Return what the lots would pay now after performance fees, rounded down to the cent."""
    return floor_to(sum((Fraction(lot.units) * _net_price(lot, price, rate) for lot in lots), Fraction(0)), digits)


def _settled_by_last_holder(redeemed: Redeemed, pool: Pool) -> Redeemed | Refused:
    """Give the last holder everything, and let nobody leave an open position behind without an owner."""
    if redeemed.units != pool.units or redeemed.minted:
        return redeemed
    if pool.floating != 0:
        return refuse(RefusalCode.OPEN_PROFIT, floating=pool.floating)
    everything = floor_to(pool.nav, pool.digits)
    return Redeemed(price=redeemed.price, cash=everything, burns=redeemed.burns, minted=redeemed.minted)


def _oldest_first(lots: Iterable[Lot]) -> list[Lot]:
    return sorted((lot for lot in lots if lot.units > 0), key=lambda lot: lot.opened)


def _net_price(lot: Lot, price: Price, rate: Decimal) -> Fraction:
    return price.ratio - Fraction(rate) * gain_per_unit(lot, price)


def _burn(lot: Lot, units: Decimal, price: Price, rate: Decimal, digits: int) -> LotBurn:
    return LotBurn(lot=lot.lot, units=units, fee=performance_fee(lot, units, price, rate, digits))


def _burn_oldest(
    cash: Fraction, lots: Iterable[Lot], price: Price, rate: Decimal, digits: int
) -> tuple[tuple[LotBurn, ...], Fraction]:
    """Take units until the cash is covered; return the burns and what no lot could cover."""
    burns = []
    for lot in _oldest_first(lots):
        if cash <= 0:
            break
        net_price = _net_price(lot, price, rate)
        units = min(lot.units, ceil_to(cash / net_price, UNIT_DIGITS))
        burns.append(_burn(lot, units, price, rate, digits))
        cash -= Fraction(units) * net_price
    return tuple(burns), cash


def _minted(burns: Iterable[LotBurn], price: Price) -> Decimal:
    return floor_to(Fraction(total(burn.fee for burn in burns)) / price.ratio, UNIT_DIGITS)
