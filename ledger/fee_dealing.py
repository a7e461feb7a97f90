"""Fees as transactions: the management fee as it accrues, and what is owed turned into units of the manager.

Like `dealing`: nothing is stored and no clock is read; each function answers with one balanced `Transaction`, or with a
`Refused`. What is owed, and by which lot, is for `fees` to say.
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from ledger.fees import Accrual, Crystallisation, crystallise
from ledger.journal import UNIT, AccountKind, Transaction, TransactionKind, fee_cause
from ledger.lots import Lot, LotBurn
from ledger.money import UNIT_DIGITS, floor_to, scaled, total
from ledger.parts import Dealing, Leg, burned, entries, new_lot, priced
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import INITIAL_PRICE, Pool, dealing_price


def accrue_fee(dealing: Dealing, *, period: str, accrual: Accrual) -> Transaction:
    """Book a management fee as owed; the part of a cent that it did not reach is noted beside it."""
    return Transaction(
        cause=fee_cause(TransactionKind.ACCRUAL, period),
        kind=TransactionKind.ACCRUAL,
        at=dealing.at,
        entries=entries(
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


def _crystallisation(
    dealing: Dealing, cause: str, settled: Crystallisation, accrued: Decimal, lost: Decimal, owners: dict[str, int]
) -> Transaction:
    manager, management = dealing.terms.manager, total((accrued, -lost))
    for_management = floor_to(Fraction(management) / settled.price.ratio, UNIT_DIGITS)
    earned, minted = total((settled.fee, management)), total((settled.minted, for_management))
    changes = tuple(burned(burn, owners[burn.lot], burn.fee) for burn in settled.burns)
    if minted and manager is not None:
        changes += (new_lot(cause, manager, minted, earned, settled.price),)
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
        entries=entries(*legs),
        lots=changes,
        detail=priced(settled.price),
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
