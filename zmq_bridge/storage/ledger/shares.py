"""What each member has: units, part of the pool, value to the cent. The values sum to the NAV exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection

from ledger.allocation import allocate
from ledger.fees import accrued_performance
from ledger.lots import Lot, net_claim
from ledger.lots import held_units as held_lots
from ledger.money import floor_to, half_even_to, scaled
from ledger.units import Pool, Price
from zmq_bridge.storage.ledger.pool import PoolNow, load_lots, load_pool, load_terms, steady

PERCENT_DIGITS = 4
PRICE_DIGITS = 8

HELD = """
SELECT user_id, balance FROM ledger_accounts
WHERE account_id = %(account)s AND kind = 'units' AND balance > 0 ORDER BY user_id
"""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What all of a member's units would fetch at the newest price that agreed, however old it is."""

    units: Decimal
    amount: Decimal  # whole cents, after performance fees, rounded down; zero while units are worth nothing
    digits: int  # decimals of the account currency


def shares(connection: Connection, account_id: int) -> Shares:
    """Return what each member of an account has, all of one moment."""
    return steady(connection, account_id, lambda: _shares(connection, account_id))


def _shares(connection: Connection, account_id: int) -> Shares:
    state = load_pool(connection, account_id)
    held = held_units(connection, account_id)
    nav = floor_to(state.pool.nav, state.pool.digits)
    values = member_values(state.pool, held)
    fees = accrued_fees(connection, state)
    return Shares(
        account_id=account_id,
        currency=state.currency,
        nav=nav,
        units=state.pool.units,
        nav_per_unit=nav_per_unit(state.pool),
        as_of=state.as_of,
        reconciled=state.current and not state.frozen,
        members=tuple(
            Share(
                user_id=member,
                units=units,
                share_percent=half_even_to(100 * Fraction(units) / Fraction(state.pool.units), PERCENT_DIGITS),
                value=values[member],
                performance_fee_accrued=fees.get(member, scaled(0, state.pool.digits)),
            )
            for member, units in held.items()
        ),
    )


def claim_of(connection: Connection, account_id: int, member: int) -> Claim:
    """Return what a member could be paid; the caller holds the account's lock."""
    pool, lots = load_pool(connection, account_id).pool, load_lots(connection, account_id, member)
    amount = scaled(0, pool.digits)
    if pool.units and pool.nav > 0:
        rate = load_terms(connection, account_id).fees.performance_rate_of(member)
        amount = net_claim(lots, Price(nav=pool.nav, units=pool.units), rate, pool.digits)
    return Claim(units=held_lots(lots), amount=amount, digits=pool.digits)


def held_units(connection: Connection, account_id: int) -> dict[int, Decimal]:
    """Return the units of every member that holds some, by member id."""
    return {row.user_id: row.balance for row in connection.exec_driver_sql(HELD, {"account": account_id})}


def member_values(pool: Pool, held: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """Share the NAV out to the cent between all members, by the units that they hold."""
    return allocate(floor_to(pool.nav, pool.digits), dict(held), pool.digits) if held else {}


def nav_per_unit(pool: Pool) -> Decimal | None:
    """Return the price of a unit as a figure; None while there are no units."""
    return half_even_to(Fraction(pool.nav) / Fraction(pool.units), PRICE_DIGITS) if pool.units else None


def accrued_fees(connection: Connection, state: PoolNow, member: int | None = None) -> dict[int, Decimal]:
    """Return the performance fee that each member, or one, would owe now; empty without such a fee, or a price."""
    fees = load_terms(connection, state.account_id).fees
    if not fees.performance_rate or state.pool.units == 0 or state.pool.nav <= 0:
        return {}
    price = Price(nav=state.pool.nav, units=state.pool.units)
    lots_of: dict[int, list[Lot]] = {}
    for lot in load_lots(connection, state.account_id, member):
        lots_of.setdefault(lot.member, []).append(lot)
    digits = state.pool.digits
    return {owner: accrued_performance(lots, price, fees, digits) for owner, lots in lots_of.items()}
