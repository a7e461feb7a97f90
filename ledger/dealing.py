"""Dealing: each function turns one decision into one balanced `Transaction`, or into a `Refused` with a code.

Nothing is stored here and no clock is read. The caller holds the account's lock, knows the pool at this moment, and
books what comes back. The price of all of them is the same: NAV / units just before, with the money that is being
dealt in suspense, thus outside NAV.
"""

from collections.abc import Sequence
from decimal import Decimal

from ledger.allocation import allocate
from ledger.journal import (
    UNIT,
    AccountKind,
    LotChange,
    Transaction,
    TransactionKind,
    adoption_cause,
    payment_cause,
    redemption_cause,
    release_cause,
    subscription_cause,
)
from ledger.lots import Lot, Redeemed, redeem_all, redeem_cash
from ledger.money import UNIT_DIGITS, floor_to, total
from ledger.parts import Dealing, burned, entries, new_lot, priced
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import INITIAL_PRICE, subscribe


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
        entries=entries(
            (AccountKind.SUSPENSE, None, dealing.currency, cash),
            (AccountKind.CONTRIBUTIONS, member, dealing.currency, -cash),
            (AccountKind.UNITS, member, UNIT, bought.units),
            (AccountKind.UNITS_ISSUED, None, UNIT, -bought.units),
        ),
        lots=(new_lot(cause, member, bought.units, cash, bought.price),),
        detail=priced(bought.price),
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
        entries=entries(
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
        entries=entries(
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
        entries=entries((AccountKind.UNITS, member, UNIT, units), (AccountKind.UNITS_ISSUED, None, UNIT, -units)),
        lots=(new_lot(cause, member, units, Decimal(0), INITIAL_PRICE),),
        detail={"actor": actor, "reason": reason, **priced(INITIAL_PRICE)},
    )


def _redemption(dealing: Dealing, cause: str, member: int, redeemed: Redeemed) -> Transaction:
    manager = dealing.terms.manager
    changes = _redeemed_lots(redeemed, member, dealing.pool.digits)
    if redeemed.minted and manager is not None:
        changes += (new_lot(cause, manager, redeemed.minted, redeemed.fee, redeemed.price),)
    return Transaction(
        cause=cause,
        kind=TransactionKind.REDEMPTION,
        at=dealing.at,
        entries=entries(
            (AccountKind.REDEMPTIONS, member, dealing.currency, redeemed.cash),
            (AccountKind.PAYABLE, member, dealing.currency, -redeemed.cash),
            (AccountKind.FEES_PAID, member, dealing.currency, redeemed.fee),
            (AccountKind.FEES_EARNED, manager, dealing.currency, -redeemed.fee),
            (AccountKind.UNITS, member, UNIT, -redeemed.units),
            (AccountKind.UNITS, manager, UNIT, redeemed.minted),
            (AccountKind.UNITS_ISSUED, None, UNIT, redeemed.units - redeemed.minted),
        ),
        lots=changes,
        detail=priced(redeemed.price),
    )


def _redeemed_lots(redeemed: Redeemed, member: int, digits: int) -> tuple[LotChange, ...]:
    """Split what the units fetched between their lots, so that each lot's gain can be told apart."""
    weights = {place: burn.units for place, burn in enumerate(redeemed.burns)}
    fetched = allocate(total((redeemed.cash, redeemed.fee)), weights, digits)
    return tuple(burned(burn, member, fetched[place]) for place, burn in enumerate(redeemed.burns))
