"""What the account carries: open positions, pending orders, reservations of commands under way, recent orders.

Values as they were reported or stored. They may hold nonsense; each says of itself, when it is made, whether it is
`usable`. A ticket without a stop loss is usable and unprotected: that is another matter, judged in `risk.book`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from risk.intent import OrderType, Side
from risk.numbers import all_at_least_zero, all_positive, is_count

TICKET_MAX = 2**64 - 1  # MT5 tickets are unsigned 64-bit


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """A position the terminal reported."""

    ticket: int
    symbol: str
    side: Side
    volume: Decimal  # lots, > 0
    price_open: Decimal  # > 0
    sl: Decimal | None  # None: no stop loss
    tp: Decimal | None  # None: no take profit
    by_hand: bool = False  # True: no command of ours opened it
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_position(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOrder:
    """A pending order resting at the broker."""

    ticket: int
    symbol: str
    side: Side
    order_type: OrderType  # limit, stop or stop_limit
    volume: Decimal  # lots still to fill, > 0
    price: Decimal  # entry or trigger price, > 0
    stoplimit: Decimal | None = None  # stop-limit orders only
    sl: Decimal | None
    tp: Decimal | None
    by_hand: bool = False  # True: no command of ours placed it
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_order(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What an approved command may still cost, until its outcome is in a snapshot. Copied from `Approved`."""

    command_id: str
    symbol: str
    side: Side
    volume: Decimal  # lots added, >= 0 (0: a modification)
    risk: Decimal  # account currency, >= 0
    margin: Decimal  # account currency, >= 0
    notional: Decimal  # account currency, >= 0
    slots: int  # positions it may open, 0 or 1
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_reservation(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentOrder:
    """Opening orders of the account that were approved lately, for rates and repetition; mostly one."""

    at: datetime  # of the newest of them: all count as that late
    source: str
    strategy: str | None  # "": none, its source stands for it; None: nothing here repeats what is asked
    symbol: str | None  # None: likewise
    side: Side | None  # None: likewise
    orders: int = 1  # how many


def _is_position(position: OpenPosition) -> bool:
    return (
        all_positive(_given(position.volume, position.price_open, position.sl, position.tp, needed=2))
        and isinstance(position.side, Side)
        and type(position.symbol) is str
        and is_count(position.ticket, TICKET_MAX)
    )


def _is_order(order: PendingOrder) -> bool:
    return (
        all_positive(_given(order.volume, order.price, order.stoplimit, order.sl, order.tp, needed=2))
        and isinstance(order.side, Side)
        and order.order_type in (OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
        and (order.order_type is not OrderType.STOP_LIMIT or order.stoplimit is not None)
        and type(order.symbol) is str
        and is_count(order.ticket, TICKET_MAX)
    )


def _is_reservation(held: Reservation) -> bool:
    return (
        all_at_least_zero((held.volume, held.risk, held.margin, held.notional))
        and is_count(held.slots, 1)
        and isinstance(held.side, Side)
        and type(held.symbol) is str
    )


def _given(*values: Decimal | None, needed: int) -> list[Decimal]:
    """Return the values that are there; the first `needed` must be, so an absent one spoils the list."""
    if None in values[:needed]:
        return [Decimal("NaN")]
    return [value for value in values if value is not None]
