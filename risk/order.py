"""The new order as numbers: where it would fill now, where it may fill at worst, what a lot loses at its stop.

Only orders that passed the form checks get here: side, stop loss, take profit and the prices its type needs are given.
"""

from dataclasses import dataclass
from decimal import Decimal

from risk.intent import OrderType, Side
from risk.market import Lot
from risk.numbers import ZERO

BUY, MARKET = Side.BUY, OrderType.MARKET  # looked up once: an enum's member costs three times a name


@dataclass(slots=True)
class Order:
    """An opening order with its prices worked out."""

    symbol: str
    side: Side
    order_type: OrderType
    price: Decimal | None  # as in Intent
    stoplimit: Decimal | None  # as in Intent
    sl: Decimal
    tp: Decimal
    deviation_points: int
    lot: Lot  # one lot of the symbol now
    entry: Decimal  # where it fills if it fills now: ask or bid, or the pending order's own price
    worst_entry: Decimal  # the worst fill it permits
    loss_per_lot: Decimal  # worst entry to stop, with round-trip costs; account currency


def entry_price(
    side: Side, order_type: OrderType, price: Decimal | None, stoplimit: Decimal | None, lot: Lot
) -> Decimal:
    """Return the price a fill would have: the market's for a market order, else the order's own limit or trigger."""
    if order_type is MARKET:
        return lot.ask if side is BUY else lot.bid
    own = stoplimit if order_type is OrderType.STOP_LIMIT else price
    assert own is not None
    return own


def worst_entry_price(side: Side, order_type: OrderType, entry: Decimal, deviation_points: int, lot: Lot) -> Decimal:
    """Return the worst fill permitted: a market order may deviate, a stop may slip, a limit never fills worse."""
    if order_type is MARKET:
        away = deviation_points * lot.spec.point
    elif order_type is OrderType.STOP:
        away = lot.slippage
    else:
        return entry
    return entry + away if side is BUY else entry - away


def loss_per_lot(side: Side, worst_entry: Decimal, sl: Decimal, lot: Lot) -> Decimal:
    """Return R of one lot that is not open yet: worst entry to stop, plus commission and slippage buffer."""
    distance = worst_entry - sl if side is BUY else sl - worst_entry
    return max(distance, ZERO) * lot.loss_per_price + lot.round_trip_cost


def risk_reward(order: Order) -> tuple[Decimal, Decimal]:
    """Return (gain at TP - costs, loss at SL + costs) of one lot, filled at the price executable now.

    Costs are the round-trip commission; the spread is in the prices already.
    """
    up, down = order.tp - order.entry, order.entry - order.sl
    if order.side is not BUY:
        up, down = -up, -down
    commission = order.lot.commission
    return up * order.lot.gain_per_price - commission, down * order.lot.loss_per_price + commission


def closing_price(side: Side, lot: Lot) -> Decimal:
    """Return the price a position of this side closes at."""
    return lot.bid if side is BUY else lot.ask
