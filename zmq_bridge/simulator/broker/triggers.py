"""What a tick sets off, in this order: expiry, SL/TP, resting orders, stop-out. Within each, oldest ticket first.

Everything executes at the tick's price: the asked one in a quiet market, the first one behind it after a gap. Limits
and take-profits gain by a gap, stops lose. A position opened by this tick waits for the next one to be stopped.
"""

from dataclasses import replace
from decimal import Decimal

from zmq_bridge.simulator.broker import checks, fills
from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import Action, Filling, OrderState, OrderType, Reason
from zmq_bridge.simulator.broker.faults import FILL_KINDS, FaultPlan
from zmq_bridge.simulator.broker.model import Order, Position
from zmq_bridge.simulator.broker.valuation import account

STOP_LIMITS = {OrderType.BUY_STOP_LIMIT: OrderType.BUY_LIMIT, OrderType.SELL_STOP_LIMIT: OrderType.SELL_LIMIT}
LIMITS = frozenset({OrderType.BUY_LIMIT, OrderType.SELL_LIMIT})
MARKET = frozenset({OrderType.BUY, OrderType.SELL})


def on_tick(core: Core, symbol: str, faults: FaultPlan) -> None:
    """Let the symbol's newest tick do its work."""
    if core.books.orders:
        _expire(core)
    if core.books.positions:
        _hit_stops(core, symbol)
    if core.books.orders:
        _activate(core, symbol, faults)
    if core.books.positions:
        _stop_out(core)


def _expire(core: Core) -> None:
    for order in list(core.books.orders.values()):
        if order.expiration_msc and order.expiration_msc <= core.now_msc:
            fills.finish_order(core, order, OrderState.EXPIRED)


def _hit_stops(core: Core, symbol: str) -> None:
    for position in core.books.positions_of(symbol):
        price = core.market.closing_price(symbol, position.side)
        if price is not None and (reason := _hit(position, price)):
            level = position.sl if reason is Reason.SL else position.tp
            close_at_market(core, position, price, reason, f"[{reason.value} {level}]")


def _hit(position: Position, price: Decimal) -> Reason | None:
    gained = position.side.sign
    if position.sl and (price - position.sl) * gained <= 0:
        return Reason.SL
    if position.tp and (price - position.tp) * gained >= 0:
        return Reason.TP
    return None


def close_at_market(core: Core, position: Position, price: Decimal, reason: Reason, comment: str) -> None:
    """Close a position on the server's own account; left open while nothing can be paid out."""
    if not fills.can_close(core, position):
        return
    order = Order(
        ticket=core.books.new_order_ticket(),
        symbol=position.symbol,
        type=OrderType(position.side.opposite.value),
        state=OrderState.STARTED,
        volume_initial=position.volume,
        volume_current=position.volume,
        price_open=price,
        time_setup_msc=core.now_msc,
        filling=Filling.FOK,
        position=position.ticket,
        magic=position.magic,
        comment=comment,
        reason=reason,
    )
    core.put_order(order, "order_add")
    fills.fill(core, order, position.volume, price)
    fills.reduce_order(core, order, position.volume)


def _activate(core: Core, symbol: str, faults: FaultPlan) -> None:
    for ticket in [order.ticket for order in core.books.orders.values() if order.symbol == symbol]:
        order = core.books.orders[ticket]
        price = core.market.opening_price(symbol, order.type.side)
        if price is None or not checks.in_session(core.spec(symbol), core.now_msc):
            continue
        if order.type in STOP_LIMITS and _reached(order, price):
            order = replace(order, type=STOP_LIMITS[order.type], price_open=order.price_stoplimit)
            core.put_order(order, "order_update")
        if order.type not in STOP_LIMITS and _reached(order, price):
            _fill_resting(core, order, price, faults)


def _reached(order: Order, price: Decimal) -> bool:
    """Whether the market has come to the order: down to a buy limit, up to a buy stop; a market order always."""
    if order.type in MARKET:
        return True
    beyond = (price - order.price_open) * order.type.side.sign
    return beyond <= 0 if order.type in LIMITS else beyond >= 0


def _fill_resting(core: Core, order: Order, price: Decimal, faults: FaultPlan) -> None:
    if order.position:
        _fill_closing(core, order, price)
        return
    if checks.symbol(core, order.symbol) or checks.money(
        core, order.symbol, order.type.side, order.volume_current, price
    ):
        fills.finish_order(core, order, OrderState.REJECTED)
        return
    fault = faults.take(Action.PENDING.value, order.symbol, FILL_KINDS)
    volume = min(fault.volume, order.volume_current) if fault else order.volume_current
    fills.fill(core, order, volume, price)
    fills.reduce_order(core, order, volume)


def _fill_closing(core: Core, order: Order, price: Decimal) -> None:
    """Execute a delayed close: only what is still open of its position; gone means cancelled, never a new position."""
    held = core.books.positions.get(order.position)
    if held is None or held.side is order.type.side:
        fills.finish_order(core, order, OrderState.CANCELED)
        return
    volume = min(order.volume_current, held.volume)
    fills.fill(core, order, volume, price)
    if volume == order.volume_current:
        fills.reduce_order(core, order, volume)
    else:
        fills.finish_order(core, replace(order, volume_current=order.volume_current - volume), OrderState.CANCELED)


def _stop_out(core: Core) -> None:
    """Close the position with the largest loss, again and again, until the margin level is above the limit."""
    while core.books.positions:
        now = account(core)
        if not now.margin or now.margin_level > core.config.stop_out_level:
            return
        candidates = [p for p in core.books.positions.values() if fills.can_close(core, p)]
        if not candidates:
            return
        worst = min(candidates, key=lambda p: (now.floating[p.ticket] + p.swap, p.ticket))
        price = core.market.closing_price(worst.symbol, worst.side)
        if price is None:
            return
        close_at_market(core, worst, price, Reason.SO, f"[so {now.margin_level}%]")
