"""A member's statement: what happened, and how well it went. Every figure comes from entries.

A member's statement is folded from that member's lot changes; each line names the transaction it is from.

    profit   = value + redeemed - contributed
             = realised + unrealised - performance fees paid + fees earned
    realised = what burned units fetched - what they had cost

The management fee is in the price; what a member bore of it is a figure beside the profit, not a part of it. Money is
exact and in whole cents; ratios are rounded figures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from ledger.fees import FeePerUnit
from ledger.history import PRICE_DIGITS, DayClose, DayLine, Step, day_closes, member_days
from ledger.journal import TransactionKind
from ledger.money import half_even_to, scaled, total
from ledger.performance import Flow, Valuation, money_weighted_return, time_weighted_return
from ledger.units import Price

PERCENT_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One change of one lot: a line of a statement."""

    transaction_id: int  # of the ledger transaction it is from
    cause: str
    kind: TransactionKind
    at: datetime  # aware
    lot: str
    units: Decimal  # plus bought or minted, minus burned
    cash: Decimal  # plus what they cost, minus what they fetched, fee included
    fee: Decimal  # performance fee within what they fetched
    price: Price | None  # it was dealt at; None for a reversal


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the member has at the moment of the statement."""

    at: datetime  # aware
    units: Decimal
    value: Decimal  # whole cents, by largest remainder over all members
    price: Price | None  # None while the pool has no units, or no price
    pool_units: Decimal
    owed: Decimal  # redeemed and not yet withdrawn
    fee_accrued: Decimal  # performance fee if it were settled now
    digits: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatement:
    """A member's account with the pool."""

    member: int
    at: datetime
    units: Decimal
    nav_per_unit: Decimal | None
    value: Decimal
    share_percent: Decimal
    contributed: Decimal
    redeemed: Decimal  # `owed` included
    owed: Decimal
    profit: Decimal  # value + redeemed - contributed
    realised: Decimal
    unrealised: Decimal
    fees_paid: Decimal  # performance fees settled
    fees_earned: Decimal  # as the manager
    fee_accrued: Decimal
    management_fees: Decimal  # this member's part of the management fee; the price has it already
    time_weighted_return: Decimal
    money_weighted_return: Decimal | None  # a year; None: there is no such rate
    movements: tuple[Movement, ...]
    days: tuple[DayLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Money:
    """Sums over a member's movements."""

    contributed: Decimal
    redeemed: Decimal
    fees_paid: Decimal
    fees_earned: Decimal


_DEPOSITS = frozenset({TransactionKind.SUBSCRIPTION})
_MINTED = frozenset({TransactionKind.REDEMPTION, TransactionKind.CRYSTALLISATION})


def member_statement(
    member: int,
    movements: Sequence[Movement],
    holding: Holding,
    closes: Sequence[DayClose] = (),
    management: FeePerUnit | None = None,
) -> MemberStatement:
    """Fold a member's movements into a statement.

    Args:
        movements: all of that member, oldest first.
        holding: what there is now.
        closes: prices by day, oldest first, for the history by day; the last one may be that of now.
        management: the management fee that was charged to the pool; None: there never was one.
    """
    money = _money(movements)
    profit = total((holding.value, money.redeemed, -money.contributed))
    realised = _realised(movements, holding.digits)
    return MemberStatement(
        member=member,
        at=holding.at,
        units=holding.units,
        nav_per_unit=None if holding.price is None else half_even_to(holding.price.ratio, PRICE_DIGITS),
        value=holding.value,
        share_percent=_percent(holding.units, holding.pool_units),
        contributed=money.contributed,
        redeemed=money.redeemed,
        owed=holding.owed,
        profit=profit,
        realised=realised,
        unrealised=total((profit, -realised, money.fees_paid, -money.fees_earned)),
        fees_paid=money.fees_paid,
        fees_earned=money.fees_earned,
        fee_accrued=holding.fee_accrued,
        management_fees=_management(movements, holding, management),
        time_weighted_return=_member_return(movements, holding),
        money_weighted_return=_member_rate(movements, holding),
        movements=tuple(movements),
        days=tuple(_days(movements, closes, holding)),
    )


def _money(movements: Iterable[Movement]) -> _Money:
    moves = _without_reversed(movements)
    bought = [move for move in moves if move.units > 0]
    burned = [move for move in moves if move.units <= 0]
    return _Money(
        contributed=total(move.cash for move in bought if move.kind in _DEPOSITS),
        redeemed=total(-move.cash - move.fee for move in burned),
        fees_paid=total(move.fee for move in burned),
        fees_earned=total(move.cash for move in bought if move.kind in _MINTED),
    )


def _without_reversed(movements: Iterable[Movement]) -> list[Movement]:
    """Leave out what was taken back, and the taking back: together they moved nothing."""
    movements = list(movements)
    taken_back = {move.cause.removeprefix("reversal:") for move in movements if move.kind is TransactionKind.REVERSAL}
    return [move for move in movements if move.kind is not TransactionKind.REVERSAL and move.cause not in taken_back]


def _realised(movements: Iterable[Movement], digits: int) -> Decimal:
    """Return what burned units fetched less what they had cost, lot by lot, rounded half to even at the end."""
    cost_per_unit: dict[str, Fraction] = {}
    gain = Fraction(0)
    for move in _without_reversed(movements):
        if move.units > 0 and move.lot not in cost_per_unit:
            cost_per_unit[move.lot] = Fraction(move.cash) / Fraction(move.units)
        elif move.units < 0:
            gain += -Fraction(move.cash) + Fraction(move.units) * cost_per_unit[move.lot]
    return half_even_to(gain, digits)


def _member_return(movements: Iterable[Movement], holding: Holding) -> Decimal:
    """Chain the growth between dealings: money in and out does not count, performance fees do."""
    held = Fraction(0)
    valuations = [Valuation(value=Fraction(0), flow=Fraction(0))]
    for move in _without_reversed(movements):
        if move.price is None:
            continue
        price = move.price.ratio
        fee_units = Fraction(move.fee) / price if move.units < 0 else Fraction(0)
        after = held + Fraction(move.units)
        before_flow = max(Fraction(0), held - fee_units)
        valuations.append(Valuation(value=before_flow * price, flow=(after - before_flow) * price))
        held = after
    now = held * holding.price.ratio if holding.price is not None else Fraction(0)
    valuations.append(Valuation(value=max(Fraction(0), now), flow=Fraction(0)))
    return time_weighted_return(valuations)


def _member_rate(movements: Iterable[Movement], holding: Holding) -> Decimal | None:
    flows = []
    for move in _without_reversed(movements):
        if move.units < 0:
            flows.append(Flow(at=move.at, amount=-move.cash - move.fee))
        elif move.kind in _DEPOSITS:
            flows.append(Flow(at=move.at, amount=-move.cash))
    flows.append(Flow(at=holding.at, amount=holding.value))
    return money_weighted_return(flows)


def _days(movements: Sequence[Movement], closes: Sequence[DayClose], holding: Holding) -> Iterable[DayLine]:
    """Tell the days; the last one ends now, at the value that was shared out to the cent."""
    counted = set(map(id, _without_reversed(movements)))
    steps = [
        Step(at=move.at, units=move.units, flow=_flow(move) if id(move) in counted else Decimal(0))
        for move in movements
    ]
    ends = day_closes(closes)
    is_now = bool(ends) and ends[-1].at == holding.at
    return member_days(steps, ends, holding.digits, final=holding.value if is_now else None)


def _flow(move: Movement) -> Decimal:
    """Return the money that moved: paid in, or taken out after fees; nothing was paid in for minted units."""
    if move.units <= 0:
        return total((move.cash, move.fee))
    return move.cash if move.kind in _DEPOSITS else Decimal(0)


def _management(movements: Iterable[Movement], holding: Holding, charged: FeePerUnit | None) -> Decimal:
    """Return what the units that were held bore of the management fee, from movement to movement."""
    if charged is None:
        return scaled(0, holding.digits)
    held, since, borne = Decimal(0), None, Fraction(0)
    for move in movements:
        if since is not None:
            borne += Fraction(held) * charged.between(since, move.at)
        held, since = total((held, move.units)), move.at
    if since is not None:
        borne += Fraction(held) * charged.between(since, holding.at)
    return half_even_to(borne, holding.digits)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return half_even_to(100 * Fraction(part) / Fraction(whole), PERCENT_DIGITS) if whole else scaled(0, PERCENT_DIGITS)
