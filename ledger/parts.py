"""What every dealing is put together of: its moment, entries without zeros, changes of lots, the price beside it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ledger.fees import NO_FEES, FeeTerms
from ledger.journal import AccountKind, Entry, LotChange
from ledger.lots import LotBurn
from ledger.units import DEFAULT_BAND, Pool, Price, PriceBand

Leg = tuple[AccountKind, int | None, str, Decimal]  # kind, member, currency, amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """The moment at which somebody deals."""

    at: datetime  # aware UTC
    currency: str  # of the account
    pool: Pool  # as it is before this dealing
    terms: FeeTerms = NO_FEES
    band: PriceBand = DEFAULT_BAND


def entries(*legs: Leg) -> tuple[Entry, ...]:
    """Build entries, leaving out those of zero."""
    return tuple(
        Entry(kind=kind, member=member, currency=currency, amount=amount)
        for kind, member, currency, amount in legs
        if amount
    )


def new_lot(cause: str, member: int, units: Decimal, cost: Decimal, price: Price) -> LotChange:
    """Return the change that opens a lot, named after the transaction that does."""
    return LotChange(lot=cause, member=member, units=units, cash=cost, fee=Decimal(0), high_water_mark=price)


def burned(burn: LotBurn, member: int, fetched: Decimal) -> LotChange:
    """Return what a burn does to its lot; `fetched` is the cash, fee included."""
    return LotChange(
        lot=burn.lot,
        member=member,
        units=-burn.units,
        cash=-fetched,
        fee=burn.fee,
        high_water_mark=burn.high_water_mark,
    )


def priced(price: Price) -> dict[str, str]:
    """Return the price that something was dealt at, as a transaction tells it."""
    return {"price_nav": f"{price.nav:f}", "price_units": f"{price.units:f}"}
