"""Dealing: each function turns one decision into one balanced `Transaction`, or into a `Refused` with a code.

Nothing is stored here and no clock is read. The caller holds the account's lock, knows the pool at this moment, and
books what comes back. The price of all of them is the same: NAV / units just before, with the money that is being
dealt in suspense, thus outside NAV.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from ledger.allocation import allocate
from ledger.fees import NO_FEES, Accrual, Crystallisation, FeeTerms, crystallise
from ledger.journal import (
    UNIT,
    AccountKind,
    Entry,
    LotChange,
    Transaction,
    TransactionKind,
    adoption_cause,
    fee_cause,
    payment_cause,
    redemption_cause,
    release_cause,
    subscription_cause,
)
from ledger.lots import Lot, LotBurn, Redeemed, redeem_all, redeem_cash
from ledger.money import UNIT_DIGITS, floor_to, scaled, total
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import DEFAULT_BAND, INITIAL_PRICE, Pool, Price, PriceBand, dealing_price, subscribe

Leg = tuple[AccountKind, int | None, str, Decimal]  # kind, member, currency, amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """The moment at which somebody deals."""

    at: datetime  # aware UTC
    currency: str  # of the account
    pool: Pool  # as it is before this dealing
    terms: FeeTerms = NO_FEES
    band: PriceBand = DEFAULT_BAND


def settle_subscription(dealing: Dealing, *, request: str, member: int, cash: Decimal) -> Transaction | Refused:
    """Turn cash that waits in suspense into units of a member."""
    bought = subscribe(cash, dealing.pool, dealing.band)
    if isinstance(bought, Refused):
        return bought
    cause = subscription_cause(request)
    return Transaction(
        cause=cause,
        kind=TransactionKind.SUBSCRIPTION,
        at=dealing.at,
        entries=_entries(
            (AccountKind.SUSPENSE, None, dealing.currency, cash),
            (AccountKind.CONTRIBUTIONS, member, dealing.currency, -cash),
            (AccountKind.UNITS, member, UNIT, bought.units),
            (AccountKind.UNITS_ISSUED, None, UNIT, -bought.units),
        ),
        lots=(_new_lot(cause, member, bought.units, cash, bought.price),),
        detail=_priced(bought.price),
    )


def settle_redemption(
    dealing: Dealing, *, request: str, member: int, cash: Decimal | None, lots: Sequence[Lot]
) -> Transaction | Refused:
    """Burn units of a member and owe what they fetch; `cash` None redeems everything.

    The debt is paid by `pay_redemption` when the withdrawal shows up at the broker.
    """
    rate = dealing.terms.performance_rate_of(member)
    if cash is None:
        redeemed = redeem_all(lots, dealing.pool, rate=rate, band=dealing.band)
    else:
        redeemed = redeem_cash(cash, lots, dealing.pool, rate=rate, band=dealing.band)
    if isinstance(redeemed, Refused):
        return redeemed
    return _redemption(dealing, redemption_cause(request), member, redeemed)


def pay_redemption(
    dealing: Dealing, *, ticket: int, member: int, cash: Decimal, owed: Decimal, reversals: int = 0
) -> Transaction | Refused:
    """Use a withdrawal that waits in suspense to pay what a member is owed."""
    if not 0 < cash <= owed:
        return refuse(RefusalCode.AMOUNT_MISMATCH, withdrawn=cash, owed=owed)
    return Transaction(
        cause=payment_cause(ticket, reversals),
        kind=TransactionKind.PAYMENT,
        at=dealing.at,
        entries=_entries(
            (AccountKind.PAYABLE, member, dealing.currency, cash),
            (AccountKind.SUSPENSE, None, dealing.currency, -cash),
        ),
    )


def release_suspense(
    dealing: Dealing, *, ticket: int, amount: Decimal, actor: str, reason: str, reversals: int = 0
) -> Transaction:
    """Declare a balance deal to be the pool's own profit or loss: a bonus, a correction, a charge."""
    return Transaction(
        cause=release_cause(ticket, reversals),
        kind=TransactionKind.RELEASE,
        at=dealing.at,
        entries=_entries(
            (AccountKind.SUSPENSE, None, dealing.currency, amount),
            (AccountKind.CORRECTIONS, None, dealing.currency, -amount),
        ),
        detail={"actor": actor, "reason": reason},
    )


def adopt_value(dealing: Dealing, *, number: str, member: int, actor: str, reason: str) -> Transaction | Refused:
    """Give value that nobody owns (NAV without units) to a named member, one unit for each unit of currency."""
    pool = dealing.pool
    if pool.units != 0 or pool.nav <= 0:
        return refuse(RefusalCode.AMOUNT_MISMATCH, nav=pool.nav, units=pool.units)
    cause, units = adoption_cause(number), floor_to(pool.nav, UNIT_DIGITS)
    return Transaction(
        cause=cause,
        kind=TransactionKind.ADOPTION,
        at=dealing.at,
        entries=_entries((AccountKind.UNITS, member, UNIT, units), (AccountKind.UNITS_ISSUED, None, UNIT, -units)),
        lots=(_new_lot(cause, member, units, Decimal(0), INITIAL_PRICE),),
        detail={"actor": actor, "reason": reason, **_priced(INITIAL_PRICE)},
    )


def accrue_fee(dealing: Dealing, *, period: str, accrual: Accrual) -> Transaction:
    """Book a management fee as owed; the part of a cent that it did not reach is noted beside it."""
    return Transaction(
        cause=fee_cause(TransactionKind.ACCRUAL, period),
        kind=TransactionKind.ACCRUAL,
        at=dealing.at,
        entries=_entries(
            (AccountKind.MANAGEMENT_FEES, None, dealing.currency, accrual.amount),
            (AccountKind.FEES_ACCRUED, None, dealing.currency, -accrual.amount),
        ),
        detail={
            "carry": f"{accrual.carry:f}",
            "nav": f"{dealing.pool.nav:f}",
            "units": f"{dealing.pool.units:f}",
        },
    )


def crystallise_fees(
    dealing: Dealing, *, period: str, lots: Iterable[Lot], accrued: Decimal, every_lot: bool = False
) -> Transaction | Refused | None:
    """Turn the accrued management fee and all lots' performance fees into units of the manager; None without any.

    Where nobody holds units the fee is all that is left: what the pool has less than it is not paid to anybody.

    Args:
        every_lot: other terms follow, so the marks of lots that pay no fee rise as well.
    """
    manager, lots = dealing.terms.manager, tuple(lots)
    accrued = Decimal(0) if manager is None else accrued  # owed to nobody it stays a liability
    lost = _not_there(dealing.pool, accrued)
    if lost and dealing.pool.floating:
        return refuse(RefusalCode.OPEN_PROFIT, floating=dealing.pool.floating)
    price = INITIAL_PRICE if lost else dealing_price(dealing.pool, dealing.band)
    if isinstance(price, Refused):
        return price
    settled = crystallise(lots, price, dealing.terms, dealing.pool.digits, every_lot=every_lot)
    if not (settled.burns or accrued):
        return None
    owners = {lot.lot: lot.member for lot in lots}
    cause = fee_cause(TransactionKind.CRYSTALLISATION, period)
    return _crystallisation(dealing, cause, settled, accrued, lost, owners)


def _redemption(dealing: Dealing, cause: str, member: int, redeemed: Redeemed) -> Transaction:
    manager = dealing.terms.manager
    changes = _redeemed_lots(redeemed, member, dealing.pool.digits)
    if redeemed.minted and manager is not None:
        changes += (_new_lot(cause, manager, redeemed.minted, redeemed.fee, redeemed.price),)
    return Transaction(
        cause=cause,
        kind=TransactionKind.REDEMPTION,
        at=dealing.at,
        entries=_entries(
            (AccountKind.REDEMPTIONS, member, dealing.currency, redeemed.cash),
            (AccountKind.PAYABLE, member, dealing.currency, -redeemed.cash),
            (AccountKind.FEES_PAID, member, dealing.currency, redeemed.fee),
            (AccountKind.FEES_EARNED, manager, dealing.currency, -redeemed.fee),
            (AccountKind.UNITS, member, UNIT, -redeemed.units),
            (AccountKind.UNITS, manager, UNIT, redeemed.minted),
            (AccountKind.UNITS_ISSUED, None, UNIT, redeemed.units - redeemed.minted),
        ),
        lots=changes,
        detail=_priced(redeemed.price),
    )


def _crystallisation(
    dealing: Dealing, cause: str, settled: Crystallisation, accrued: Decimal, lost: Decimal, owners: dict[str, int]
) -> Transaction:
    manager, management = dealing.terms.manager, total((accrued, -lost))
    for_management = floor_to(Fraction(management) / settled.price.ratio, UNIT_DIGITS)
    earned, minted = total((settled.fee, management)), total((settled.minted, for_management))
    changes = tuple(_burned(burn, owners[burn.lot], burn.fee) for burn in settled.burns)
    if minted and manager is not None:
        changes += (_new_lot(cause, manager, minted, earned, settled.price),)
    fees, units = _by_owner(settled.burns, owners)
    legs: list[Leg] = [(AccountKind.FEES_PAID, member, dealing.currency, fee) for member, fee in fees.items()]
    legs += [(AccountKind.UNITS, member, UNIT, -burned) for member, burned in units.items()]
    legs += [
        (AccountKind.FEES_ACCRUED, None, dealing.currency, accrued),
        (AccountKind.MANAGEMENT_FEES, None, dealing.currency, -lost),
        (AccountKind.FEES_EARNED, manager, dealing.currency, -earned),
        (AccountKind.UNITS, manager, UNIT, minted),
        (AccountKind.UNITS_ISSUED, None, UNIT, total(burn.units for burn in settled.burns) - minted),
    ]
    return Transaction(
        cause=cause,
        kind=TransactionKind.CRYSTALLISATION,
        at=dealing.at,
        entries=_entries(*legs),
        lots=changes,
        detail=_priced(settled.price),
    )


def _not_there(pool: Pool, accrued: Decimal) -> Decimal:
    """Return the part of an accrued fee that a pool without members does not have; zero while anybody holds units."""
    if pool.units or pool.nav > -scaled(1, pool.digits):
        return Decimal(0)
    return min(accrued, -pool.nav)


def _by_owner(burns: Iterable[LotBurn], owners: dict[str, int]) -> tuple[dict[int, Decimal], dict[int, Decimal]]:
    """Add up the fees, and the units, of all burned lots of each member."""
    fees: dict[int, Decimal] = {}
    units: dict[int, Decimal] = {}
    for burn in burns:
        member = owners[burn.lot]
        fees[member] = total((fees.get(member, Decimal(0)), burn.fee))
        units[member] = total((units.get(member, Decimal(0)), burn.units))
    return fees, units


def _redeemed_lots(redeemed: Redeemed, member: int, digits: int) -> tuple[LotChange, ...]:
    """Split what the units fetched between their lots, so that each lot's gain can be told apart."""
    weights = {place: burn.units for place, burn in enumerate(redeemed.burns)}
    fetched = allocate(total((redeemed.cash, redeemed.fee)), weights, digits)
    return tuple(_burned(burn, member, fetched[place]) for place, burn in enumerate(redeemed.burns))


def _burned(burn: LotBurn, member: int, fetched: Decimal) -> LotChange:
    return LotChange(
        lot=burn.lot,
        member=member,
        units=-burn.units,
        cash=-fetched,
        fee=burn.fee,
        high_water_mark=burn.high_water_mark,
    )


def _new_lot(cause: str, member: int, units: Decimal, cost: Decimal, price: Price) -> LotChange:
    return LotChange(lot=cause, member=member, units=units, cash=cost, fee=Decimal(0), high_water_mark=price)


def _entries(*legs: Leg) -> tuple[Entry, ...]:
    """Build entries, leaving out those of zero."""
    return tuple(
        Entry(kind=kind, member=member, currency=currency, amount=amount)
        for kind, member, currency, amount in legs
        if amount
    )


def _priced(price: Price) -> dict[str, str]:
    return {"price_nav": f"{price.nav:f}", "price_units": f"{price.units:f}"}
