"""Why the broker would decline a trade request: each check returns a refusal or None, and none changes anything.

The order of checks is the order in which MT5's server looks: symbol, permission, session, price, volume, stops, limits,
money. A message says what was expected and what was found.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import OrderType, Side
from zmq_bridge.simulator.broker.model import Order, Position, SymbolSpec, TradeRequest
from zmq_bridge.simulator.broker.money import ZERO
from zmq_bridge.simulator.broker.retcodes import Retcode
from zmq_bridge.simulator.broker.valuation import account, margin_after, margin_rate

DAY_S = 86_400
_EPOCH_WEEKDAY = 4  # 1970-01-01 was a Thursday; 0 is Sunday


class Refusal(NamedTuple):
    """The broker's no."""

    retcode: Retcode
    message: str


Check = Callable[[], Refusal | None]


def first(*checks: Check) -> Refusal | None:
    """Run checks up to the first refusal and return it."""
    return next((refusal for check in checks if (refusal := check()) is not None), None)


def symbol(core: Core, name: str) -> Refusal | None:
    """Known, listed for trading, in session, quoted, and convertible to account currency."""
    spec = core.market.specs.get(name)
    if spec is None:
        return Refusal(Retcode.INVALID, f"symbol: expected a listed one, found {name!r}")
    if not core.trade_allowed or spec.trade_mode == "disabled":
        return Refusal(Retcode.TRADE_DISABLED, f"{name}: trading is disabled")
    if not in_session(spec, core.now_msc):
        return Refusal(Retcode.MARKET_CLOSED, f"{name}: market is closed")
    rate = core.market.rate(spec.currency_profit, core.config.currency, sell=True)
    if core.market.quote(name) is None or rate is None or margin_rate(core, name, Side.BUY) is None:
        return Refusal(Retcode.PRICE_OFF, f"{name}: no quote, or no rate from {spec.currency_profit} to the account's")
    return None


def in_session(spec: SymbolSpec, now_msc: int) -> bool:
    """Say whether the symbol trades at this server time."""
    day, second = divmod(now_msc // 1000, DAY_S)
    weekday = (day + _EPOCH_WEEKDAY) % 7
    return any(weekday == on and from_s <= second < to_s for on, from_s, to_s in spec.sessions)


def direction(spec: SymbolSpec, side: Side) -> Refusal | None:
    """Opening in this direction is allowed."""
    if spec.trade_mode == "close_only":
        return Refusal(Retcode.CLOSE_ONLY, f"{spec.symbol}: only closing is allowed")
    if spec.trade_mode == "long_only" and side is Side.SELL:
        return Refusal(Retcode.LONG_ONLY, f"{spec.symbol}: only buying is allowed")
    if spec.trade_mode == "short_only" and side is Side.BUY:
        return Refusal(Retcode.SHORT_ONLY, f"{spec.symbol}: only selling is allowed")
    return None


def volume(spec: SymbolSpec, lots: Decimal) -> Refusal | None:
    """Within the limits of one order and a whole number of steps."""
    if spec.volume_min <= lots <= spec.volume_max and lots % spec.volume_step == 0:
        return None
    expected = f"{spec.volume_min} to {spec.volume_max} in steps of {spec.volume_step}"
    return Refusal(Retcode.INVALID_VOLUME, f"volume: expected {expected}, found {lots}")


def filling(spec: SymbolSpec, request: TradeRequest) -> Refusal | None:
    """A market order's filling fits the symbol; RETURN only where execution is not by market."""
    by_market = spec.execution_mode == "market"
    allowed = set(spec.filling_modes) | (set() if by_market else {"return"})
    if spec.execution_mode in ("instant", "request") or request.filling.value in allowed:
        return None
    return Refusal(Retcode.INVALID_FILL, f"filling: expected one of {sorted(allowed)}, found {request.filling.value}")


def requested_price(spec: SymbolSpec, request: TradeRequest, price: Decimal) -> Refusal | None:
    """Instant execution holds the client to his price; market execution ignores it."""
    if spec.execution_mode not in ("instant", "request"):
        return None
    if request.price <= 0:
        return Refusal(Retcode.INVALID_PRICE, f"price: expected the one to deal at, found {request.price}")
    if abs(request.price - price) > request.deviation * spec.point:
        return Refusal(Retcode.REQUOTE, f"price: expected within {request.deviation} points of {price}")
    return None


def stops(spec: SymbolSpec, side: Side, reference: Decimal, sl: Decimal, tp: Decimal) -> Refusal | None:
    """SL on the losing and TP on the winning side of the reference price, at least stops_level away.

    Args:
        reference: the price that would close the position now, or a pending order's own price.
    """
    for name, price, outward in (("sl", sl, -side.sign), ("tp", tp, side.sign)):
        distance = (price - reference) * outward
        if price < 0 or (price and (distance <= 0 or distance < spec.stops_level * spec.point)):
            where = f"{spec.stops_level} points {'above' if outward > 0 else 'below'} {reference}"
            return Refusal(Retcode.INVALID_STOPS, f"{name}: expected at least {where}, found {price}")
    return None


def pending_price(core: Core, order: Order) -> Refusal | None:
    """A pending price on the right side of the market, at least stops_level away; a stop limit's second one too."""
    spec = core.spec(order.symbol)
    market = core.market.opening_price(order.symbol, order.type.side)
    if market is None:
        return Refusal(Retcode.PRICE_OFF, f"{order.symbol}: no quote")
    is_limit = order.type in (OrderType.BUY_LIMIT, OrderType.SELL_LIMIT)
    outward = -order.type.side.sign if is_limit else order.type.side.sign
    distance = (order.price_open - market) * outward
    if order.price_open <= 0 or distance <= 0 or distance < spec.stops_level * spec.point:
        where = f"{spec.stops_level} points {'above' if outward > 0 else 'below'} {market}"
        return Refusal(Retcode.INVALID_PRICE, f"price: expected at least {where}, found {order.price_open}")
    return _stoplimit_price(order)


def _stoplimit_price(order: Order) -> Refusal | None:
    if order.type not in (OrderType.BUY_STOP_LIMIT, OrderType.SELL_STOP_LIMIT):
        return None
    if order.price_stoplimit > 0 and (order.price_open - order.price_stoplimit) * order.type.side.sign >= 0:
        return None
    return Refusal(
        Retcode.INVALID_PRICE, f"stoplimit: expected not worse than {order.price_open}, found {order.price_stoplimit}"
    )


def expiration(core: Core, expiration_msc: int) -> Refusal | None:
    """An expiration lies in the future, or is 0."""
    if expiration_msc and expiration_msc <= core.now_msc:
        return Refusal(Retcode.INVALID_EXPIRATION, f"expiration: expected after {core.now_msc}, found {expiration_msc}")
    return None


def volume_limit(core: Core, spec: SymbolSpec, side: Side, lots: Decimal) -> Refusal | None:
    """The symbol's limit on positions and resting orders in one direction."""
    if not spec.volume_limit:
        return None
    open_lots = sum((p.volume for p in core.books.positions_of(spec.symbol) if p.side is side), ZERO)
    resting = (o for o in core.books.orders.values() if o.symbol == spec.symbol and o.type.side is side)
    total = open_lots + sum((o.volume_current for o in resting), ZERO) + lots
    if total <= spec.volume_limit:
        return None
    return Refusal(Retcode.LIMIT_VOLUME, f"volume: expected at most {spec.volume_limit} in all, found {total}")


def limit_orders(core: Core) -> Refusal | None:
    """The account's limit on resting orders."""
    limit = core.config.limit_orders
    if not limit or len(core.books.orders) < limit:
        return None
    return Refusal(Retcode.LIMIT_ORDERS, f"orders: expected fewer than {limit} resting, found {len(core.books.orders)}")


def money(core: Core, name: str, side: Side, lots: Decimal, price: Decimal) -> Refusal | None:
    """Equity covers the margin that the account would have; what lowers the margin is always let through."""
    now = account(core)
    after = margin_after(core, name, side, lots, price)
    if after is None:
        return Refusal(Retcode.PRICE_OFF, f"{name}: no rate for its margin")
    if after <= now.margin or after <= now.equity:
        return None
    return Refusal(Retcode.NO_MONEY, f"margin: expected at most the equity {now.equity}, found {after}")


def frozen(core: Core, position: Position) -> Refusal | None:
    """Stops of a position may not be changed when the market is within freeze_level of one of them."""
    spec = core.spec(position.symbol)
    price = core.market.closing_price(position.symbol, position.side)
    near = spec.freeze_level * spec.point
    if not near or price is None:
        return None
    if any(stop and abs(price - stop) <= near for stop in (position.sl, position.tp)):
        return Refusal(Retcode.FROZEN, f"position {position.ticket}: price within {spec.freeze_level} points of a stop")
    return None


def frozen_order(core: Core, order: Order) -> Refusal | None:
    """A pending order may not be changed or removed when the market is within freeze_level of its price."""
    spec = core.spec(order.symbol)
    price = core.market.opening_price(order.symbol, order.type.side)
    near = spec.freeze_level * spec.point
    if near and price is not None and abs(price - order.price_open) <= near:
        return Refusal(Retcode.FROZEN, f"order {order.ticket}: market within {spec.freeze_level} points of its price")
    return None
