"""Trade requests, done: one function per action, each returning MT5's result. Refusals come from `checks`.

A request that is refused changes nothing. A fault that was planned for it is applied here and nowhere else.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from zmq_bridge.simulator.broker import checks, fills, orders
from zmq_bridge.simulator.broker.checks import Refusal
from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import Action, OrderState, OrderType
from zmq_bridge.simulator.broker.faults import Fault
from zmq_bridge.simulator.broker.model import Position, TradeRequest, TradeResult
from zmq_bridge.simulator.broker.money import ZERO
from zmq_bridge.simulator.broker.orders import order_of
from zmq_bridge.simulator.broker.retcodes import Retcode

Outcome = TradeResult | Refusal


def execute(core: Core, request: TradeRequest, fault: Fault | None) -> Outcome:
    """Carry out a trade request."""
    return _ACTIONS[request.action](core, request, fault)


def _deal(core: Core, request: TradeRequest, fault: Fault | None) -> Outcome:
    if request.type not in (OrderType.BUY, OrderType.SELL):
        return Refusal(Retcode.INVALID_ORDER, f"type: expected buy or sell, found {request.type.value}")
    price = core.market.opening_price(request.symbol, request.type.side) if request.symbol else None
    refusal = checks.symbol(core, request.symbol)
    if refusal or price is None:
        return refusal or Refusal(Retcode.PRICE_OFF, f"{request.symbol}: no quote")
    refusal = _closing_refusal(core, request) if request.position else _opening_refusal(core, request, price)
    spec = core.spec(request.symbol)
    refusal = refusal or checks.filling(spec, request) or checks.requested_price(spec, request, price)
    return refusal or _dealt(core, request, _slipped(core, request, price, fault), fault)


def _opening_refusal(core: Core, request: TradeRequest, price: Decimal) -> Refusal | None:
    spec, side = core.spec(request.symbol), request.type.side
    reference = core.market.closing_price(request.symbol, side) or price
    return checks.first(
        lambda: checks.volume(spec, request.volume),
        lambda: None if _reduces(core, request) else checks.direction(spec, side),
        lambda: checks.stops(spec, side, reference, request.sl, request.tp),
        lambda: None if _reduces(core, request) else checks.volume_limit(core, spec, side, request.volume),
        lambda: checks.money(core, request.symbol, side, request.volume, price),
    )


def _reduces(core: Core, request: TradeRequest) -> bool:
    """In a netting account the opposite side up to the held volume takes risk away."""
    if core.is_hedging:
        return False
    return any(
        held.side is not request.type.side and request.volume <= held.volume
        for held in core.books.positions_of(request.symbol)
    )


def _closing_refusal(core: Core, request: TradeRequest) -> Refusal | None:
    held = core.books.positions.get(request.position)
    if held is None:
        return Refusal(Retcode.POSITION_CLOSED, f"position: expected an open one, found {request.position}")
    if held.symbol != request.symbol or held.side is request.type.side:
        wanted = f"{held.side.opposite.value} {held.symbol}"
        return Refusal(Retcode.INVALID, f"closing: expected {wanted}, found {request.type.value} {request.symbol}")
    spec = core.spec(held.symbol)
    if not 0 < request.volume <= held.volume or request.volume % spec.volume_step:
        return Refusal(
            Retcode.INVALID_CLOSE_VOLUME, f"volume: expected more than 0 up to {held.volume}, found {request.volume}"
        )
    return None


def _slipped(core: Core, request: TradeRequest, price: Decimal, fault: Fault | None) -> Decimal:
    points = fault.points if fault and fault.kind == "slip" else 0
    return price + request.type.side.sign * points * core.spec(request.symbol).point


def _dealt(core: Core, request: TradeRequest, price: Decimal, fault: Fault | None) -> TradeResult:
    order = order_of(core, request, core.books.new_order_ticket(), OrderState.STARTED, price)
    core.put_order(order, "order_add")
    if fault and fault.kind == "delay":
        core.put_order(replace(order, state=OrderState.PLACED), "order_update")
        return TradeResult(retcode=Retcode.PLACED, order=order.ticket, message="accepted, executed at the next tick")
    wanted = min(fault.volume, order.volume_current) if fault and fault.kind == "partial" else order.volume_current
    deal = fills.fill(core, order, wanted, price)
    if wanted == order.volume_current:
        fills.reduce_order(core, order, wanted)
        return _done(Retcode.DONE, order.ticket, deal.ticket, wanted, price)
    left = replace(order, volume_current=order.volume_current - wanted, state=OrderState.PARTIAL)
    if request.filling.value == "return":
        core.put_order(left, "order_update")
    else:
        fills.finish_order(core, left, OrderState.CANCELED)
    return _done(Retcode.DONE_PARTIAL, order.ticket, deal.ticket, wanted, price)


def _done(retcode: Retcode, order: int, deal: int, volume: Decimal, price: Decimal) -> TradeResult:
    return TradeResult(retcode=retcode, order=order, deal=deal, volume=volume, price=price, deals=(deal,))


def _sltp(core: Core, request: TradeRequest, _fault: Fault | None) -> Outcome:
    held = core.books.positions.get(request.position)
    if held is None and not core.is_hedging:
        held = next(iter(core.books.positions_of(request.symbol)), None)
    if held is None:
        return Refusal(Retcode.POSITION_CLOSED, f"position: expected an open one, found {request.position}")
    if (held.sl, held.tp) == (request.sl, request.tp):
        return Refusal(Retcode.NO_CHANGES, f"position {held.ticket}: sl and tp are as asked")
    price = core.market.closing_price(held.symbol, held.side)
    if price is None:
        return Refusal(Retcode.PRICE_OFF, f"{held.symbol}: no quote")
    spec = core.spec(held.symbol)
    refusal = checks.symbol(core, held.symbol) or checks.frozen(core, held)
    refusal = refusal or checks.stops(spec, held.side, price, request.sl, request.tp)
    if refusal:
        return refusal
    core.put_stops(replace(held, sl=request.sl, tp=request.tp))
    return TradeResult(retcode=Retcode.DONE)


def _close_by(core: Core, request: TradeRequest, _fault: Fault | None) -> Outcome:
    held = core.books.positions.get(request.position)
    other = core.books.positions.get(request.position_by)
    if held is None or other is None:
        missing = request.position if held is None else request.position_by
        return Refusal(Retcode.POSITION_CLOSED, f"position: expected an open one, found {missing}")
    if not core.is_hedging or held.symbol != other.symbol or held.side is other.side:
        return Refusal(Retcode.INVALID, "close by: expected two opposite positions of one symbol in a hedging account")
    if refusal := checks.symbol(core, held.symbol):
        return refusal
    return _closed_by(core, request, held, other)


def _closed_by(core: Core, request: TradeRequest, held: Position, other: Position) -> TradeResult:
    volume = min(held.volume, other.volume)
    asked = replace(
        request, symbol=held.symbol, type=OrderType.CLOSE_BY, volume=volume, sl=ZERO, tp=ZERO, stoplimit=ZERO
    )
    order = order_of(core, asked, core.books.new_order_ticket(), OrderState.STARTED, other.price_open)
    core.put_order(order, "order_add")
    deals = fills.close_by(core, order, held, other)
    fills.reduce_order(core, order, volume)
    return TradeResult(
        retcode=Retcode.DONE,
        order=order.ticket,
        deal=deals[-1].ticket,
        volume=volume,
        price=other.price_open,
        deals=tuple(deal.ticket for deal in deals),
    )


_ACTIONS: dict[Action, Callable[[Core, TradeRequest, Fault | None], Outcome]] = {
    Action.DEAL: _deal,
    Action.PENDING: lambda core, request, _fault: orders.place(core, request),
    Action.SLTP: _sltp,
    Action.MODIFY: lambda core, request, _fault: orders.modify(core, request),
    Action.REMOVE: lambda core, request, _fault: orders.remove(core, request),
    Action.CLOSE_BY: _close_by,
}
