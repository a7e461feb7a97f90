"""What each member has: units, part of the pool, value to the cent. The values sum to the NAV exactly."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection

from ledger.allocation import allocate
from ledger.fees import accrued_performance
from ledger.money import floor_to, half_even_to
from ledger.units import Price
from zmq_bridge.storage.ledger_pool import PoolNow, Terms, held_by, load_lots, load_pool, load_terms

PERCENT_DIGITS = 4
PRICE_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One member's part."""

    user_id: int
    units: Decimal
    share_percent: Decimal  # of all units, to four decimals; a figure, not an amount
    value: Decimal  # whole cents; all members' values sum to the pool's NAV
    performance_fee_accrued: Decimal  # would be taken out of `value` if it were settled now


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The pool and everybody's part of it."""

    account_id: int
    currency: str
    nav: Decimal  # whole cents, rounded down
    units: Decimal
    nav_per_unit: Decimal | None  # to eight decimals; None while there are no units
    as_of: datetime | None  # the snapshot that the floating profit is from; None: none has agreed yet
    reconciled: bool  # ledger and broker agree, and nothing was posted since
    members: tuple[Share, ...]  # by user id, who holds units


def shares(connection: Connection, account_id: int) -> Shares:
    """Return what each member of an account has."""
    state = load_pool(connection, account_id)
    terms = load_terms(connection, account_id)
    pool = state.pool
    nav = floor_to(pool.nav, pool.digits)
    return Shares(
        account_id=account_id,
        currency=state.currency,
        nav=nav,
        units=pool.units,
        nav_per_unit=half_even_to(Fraction(pool.nav) / Fraction(pool.units), PRICE_DIGITS) if pool.units else None,
        as_of=state.as_of,
        reconciled=state.current and not state.frozen,
        members=_members(connection, state, terms, nav),
    )


def _members(connection: Connection, state: PoolNow, terms: Terms, nav: Decimal) -> tuple[Share, ...]:
    pool = state.pool
    if pool.units == 0:
        return ()
    lots = load_lots(connection, state.account_id)
    held = held_by(lots)
    values = allocate(nav, dict(held), pool.digits)
    price = Price(nav=pool.nav, units=pool.units)
    owed = {m: [lot for lot in lots if lot.member == m] for m in held} if terms.fees.performance_rate else {}
    return tuple(
        Share(
            user_id=member,
            units=units,
            share_percent=half_even_to(100 * Fraction(units) / Fraction(pool.units), PERCENT_DIGITS),
            value=values[member],
            performance_fee_accrued=accrued_performance(owed.get(member, ()), price, terms.fees, pool.digits),
        )
        for member, units in held.items()
    )
