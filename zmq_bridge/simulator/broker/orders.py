"""Orders that rest at the broker: placed, changed and removed on request. What fills them is a tick: see triggers."""

from dataclasses import replace
from decimal import Decimal

from zmq_bridge.simulator.broker import checks, fills
from zmq_bridge.simulator.broker.checks import Refusal
from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import OrderState
from zmq_bridge.simulator.broker.model import COMMENT_CHARS_MAX, Order, TradeRequest, TradeResult
from zmq_bridge.simulator.broker.retcodes import Retcode


def order_of(core: Core, request: TradeRequest, ticket: int, state: OrderState, price: Decimal) -> Order:
    """Make an order out of a request; its comment is cut as the server cuts it."""
    return Order(
        ticket=ticket,
        symbol=request.symbol,
        type=request.type,
        state=state,
        volume_initial=request.volume,
        volume_current=request.volume,
        price_open=price,
        price_stoplimit=request.stoplimit,
        sl=request.sl,
        tp=request.tp,
        time_setup_msc=core.now_msc,
        expiration_msc=request.expiration_msc,
        filling=request.filling,
        position=request.position,
        position_by=request.position_by,
        magic=request.magic,
        comment=request.comment[:COMMENT_CHARS_MAX],
    )


def place(core: Core, request: TradeRequest) -> TradeResult | Refusal:
    """Place a pending order."""
    if not request.type.is_pending:
        return Refusal(Retcode.INVALID_ORDER, f"type: expected a pending one, found {request.type.value}")
    if refusal := checks.symbol(core, request.symbol):
        return refusal
    spec, side = core.spec(request.symbol), request.type.side
    order = order_of(core, request, 0, OrderState.STARTED, request.price)
    entry = order.price_stoplimit or order.price_open
    refusal = checks.first(
        lambda: checks.direction(spec, side),
        lambda: checks.volume(spec, request.volume),
        lambda: checks.pending_price(core, order),
        lambda: checks.stops(spec, side, entry, request.sl, request.tp),
        lambda: checks.expiration(core, request.expiration_msc),
        lambda: checks.limit_orders(core),
        lambda: checks.volume_limit(core, spec, side, request.volume),
    )
    if refusal:
        return refusal
    placed = replace(order, ticket=core.books.new_order_ticket(), state=OrderState.PLACED)
    core.put_order(placed, "order_add")
    return TradeResult(retcode=Retcode.DONE, order=placed.ticket, price=request.price)


def _resting(core: Core, request: TradeRequest) -> Order | Refusal:
    order = core.books.orders.get(request.order)
    if order is None:
        return Refusal(Retcode.INVALID, f"order: expected a resting one, found {request.order}")
    return checks.symbol(core, order.symbol) or checks.frozen_order(core, order) or order


def modify(core: Core, request: TradeRequest) -> TradeResult | Refusal:
    """Change a pending order: every price, and its expiration."""
    order = _resting(core, request)
    if isinstance(order, Refusal):
        return order
    if not order.type.is_pending:
        return Refusal(Retcode.INVALID, f"order {order.ticket}: expected a pending one, found {order.type.value}")
    changed = replace(
        order,
        price_open=request.price,
        price_stoplimit=request.stoplimit,
        sl=request.sl,
        tp=request.tp,
        expiration_msc=request.expiration_msc,
    )
    if changed == order:
        return Refusal(Retcode.NO_CHANGES, f"order {order.ticket}: is as asked")
    entry = changed.price_stoplimit or changed.price_open
    refusal = checks.pending_price(core, changed) or checks.expiration(core, request.expiration_msc)
    refusal = refusal or checks.stops(core.spec(order.symbol), order.type.side, entry, request.sl, request.tp)
    if refusal:
        return refusal
    core.put_order(changed, "order_update")
    return TradeResult(retcode=Retcode.DONE, order=order.ticket, price=changed.price_open)


def remove(core: Core, request: TradeRequest) -> TradeResult | Refusal:
    """Cancel a resting order."""
    order = _resting(core, request)
    if isinstance(order, Refusal):
        return order
    fills.finish_order(core, order, OrderState.CANCELED)
    return TradeResult(retcode=Retcode.DONE, order=order.ticket)
