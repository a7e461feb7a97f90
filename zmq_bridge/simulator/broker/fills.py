"""An order meets a price: deals come out and positions change. Hedging and netting part ways here and nowhere else.

    hedging   an order that names a position closes it (out); any other opens its own (in)
    netting   one position a symbol: the same side adds (in), the other takes away (out) or turns it (inout)

Profit of a deal = the closed volume's move from the position's opening price. The swap that a position gathered leaves
with the volume that is closed, the remainder of the rounding stays with the rest, so nothing is lost.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from zmq_bridge.simulator.broker import formulas
from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import DealEntry, DealType, OrderState, OrderType
from zmq_bridge.simulator.broker.facts import PositionGone
from zmq_bridge.simulator.broker.model import Deal, Order, Position
from zmq_bridge.simulator.broker.money import ZERO, average_price
from zmq_bridge.simulator.broker.valuation import margin_rate
from zmq_bridge.simulator.errors import SimulatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a fill does to one position."""

    entry: DealEntry
    ticket: int  # the position's
    after: Position | None  # None: it is closed
    profit: Decimal = ZERO
    swap: Decimal = ZERO


def fill(core: Core, order: Order, volume: Decimal, price: Decimal) -> Deal:
    """Execute `volume` of an order at `price`, book the deal and return it; the order's own state is the caller's."""
    change = _change(core, order, volume, price)
    return _book(core, order, change, volume, price)


def reduce_order(core: Core, order: Order, volume: Decimal) -> Order:
    """Take a filled volume off an order and book its next state: filled, or partial and still resting."""
    left = order.volume_current - volume
    if left:
        after = replace(order, volume_current=left, state=OrderState.PARTIAL)
        core.put_order(after, "order_update")
    else:
        after = finish_order(core, replace(order, volume_current=ZERO), OrderState.FILLED)
    return after


def finish_order(core: Core, order: Order, state: OrderState) -> Order:
    """Move an order to the history in its final state."""
    after = replace(order, state=state, time_done_msc=core.now_msc)
    core.put_order(after, "order_delete")
    return after


def close_by(core: Core, order: Order, position: Position, other: Position) -> tuple[Deal, Deal]:
    """Close two opposite positions against each other: the first at the other's price, the other at its own."""
    volume = min(position.volume, other.volume)
    first = _take_away(core, position, volume, other.price_open, DealEntry.OUT_BY)
    second = _take_away(core, other, volume, other.price_open, DealEntry.OUT_BY)
    closing = replace(order, type=_market_type(position))
    opposite = replace(order, type=_market_type(other))
    return (
        _book(core, closing, first, volume, other.price_open),
        _book(core, opposite, second, volume, other.price_open),
    )


def can_close(core: Core, position: Position) -> bool:
    """Say whether a close can be paid out now: there is a price and a rate to account currency."""
    spec = core.spec(position.symbol)
    rate = core.market.rate(spec.currency_profit, core.config.currency, sell=True)
    return rate is not None and core.market.quote(position.symbol) is not None


def _change(core: Core, order: Order, volume: Decimal, price: Decimal) -> _Change:
    held = _held(core, order)
    if order.position and (held is None or held.side is order.type.side or volume > held.volume):
        raise SimulatorError(f"order {order.ticket}: expected a checked close, found {volume} of {held}")
    if held is None:
        return _open(core, order, volume, price)
    if held.side is order.type.side:
        return _add(core, held, order, volume, price)
    if volume <= held.volume:
        return _take_away(core, held, volume, price, DealEntry.OUT)
    return _turn(core, held, order, volume, price)


def _held(core: Core, order: Order) -> Position | None:
    """Find the position that an order works on: named, grown by an earlier part of it, or the symbol's only one."""
    if core.is_hedging:
        return core.books.positions.get(order.position or order.ticket)
    return next(iter(core.books.positions_of(order.symbol)), None)


def _rate(core: Core, order: Order) -> Decimal:
    rate = margin_rate(core, order.symbol, order.type.side)
    if rate is None:
        raise SimulatorError(f"{order.symbol}: expected a margin rate checked before the fill, found none")
    return rate


def _open(core: Core, order: Order, volume: Decimal, price: Decimal) -> _Change:
    position = Position(
        ticket=order.ticket,
        symbol=order.symbol,
        side=order.type.side,
        volume=volume,
        price_open=price,
        sl=order.sl,
        tp=order.tp,
        margin_rate=_rate(core, order),
        time_msc=core.now_msc,
        magic=order.magic,
        comment=order.comment,
    )
    return _Change(entry=DealEntry.IN, ticket=position.ticket, after=position)


def _add(core: Core, held: Position, order: Order, volume: Decimal, price: Decimal) -> _Change:
    grown = replace(
        held,
        volume=held.volume + volume,
        price_open=average_price(held.price_open, held.volume, price, volume),
        margin_rate=average_price(held.margin_rate, held.volume, _rate(core, order), volume),
        sl=order.sl or held.sl,
        tp=order.tp or held.tp,
    )
    return _Change(entry=DealEntry.IN, ticket=held.ticket, after=grown)


def _take_away(core: Core, held: Position, volume: Decimal, price: Decimal, entry: DealEntry) -> _Change:
    profit = _profit(core, held, volume, price)
    if volume == held.volume:
        return _Change(entry=entry, ticket=held.ticket, after=None, profit=profit, swap=held.swap)
    swap = core.money(held.swap * volume / held.volume)
    rest = replace(held, volume=held.volume - volume, swap=held.swap - swap)
    return _Change(entry=entry, ticket=held.ticket, after=rest, profit=profit, swap=swap)


def _turn(core: Core, held: Position, order: Order, volume: Decimal, price: Decimal) -> _Change:
    turned = replace(
        held,
        side=order.type.side,
        volume=volume - held.volume,
        price_open=price,
        sl=order.sl,
        tp=order.tp,
        swap=ZERO,
        margin_rate=_rate(core, order),
        time_msc=core.now_msc,
        magic=order.magic,
        comment=order.comment,
    )
    profit = _profit(core, held, held.volume, price)
    return _Change(entry=DealEntry.INOUT, ticket=held.ticket, after=turned, profit=profit, swap=held.swap)


def _profit(core: Core, held: Position, volume: Decimal, price: Decimal) -> Decimal:
    spec = core.spec(held.symbol)
    money = core.profit_money(formulas.profit(spec, held.side, volume, held.price_open, price), spec)
    if money is None:
        raise SimulatorError(f"{held.symbol}: expected a profit rate checked before the fill, found none")
    return money


def _book(core: Core, order: Order, change: _Change, volume: Decimal, price: Decimal) -> Deal:
    spec = core.spec(order.symbol)
    deal = Deal(
        ticket=core.books.new_deal_ticket(),
        order=order.ticket,
        position=change.ticket,
        symbol=order.symbol,
        type=DealType(order.type.side.value),
        entry=change.entry,
        volume=volume,
        price=price,
        profit=change.profit,
        commission=-core.money(spec.commission_per_lot * volume) + ZERO,
        swap=change.swap,
        fee=-core.money(spec.fee_per_deal) + ZERO,
        time_msc=core.now_msc,
        magic=order.magic,
        comment=order.comment,
        reason=order.reason,
        sl=order.sl,
        tp=order.tp,
    )
    core.put_deal(deal)
    core.books.put(change.after or PositionGone(ticket=change.ticket))
    return deal


def _market_type(closed: Position) -> OrderType:
    return OrderType(closed.side.opposite.value)
