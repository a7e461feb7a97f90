"""The prices of the order: on the right side, near enough, far enough, worth it."""

from decimal import Decimal

from risk.case import Ask
from risk.codes import Code
from risk.intent import OrderType
from risk.numbers import ZERO, percent_of
from risk.order import BUY, MARKET, Order, closing_price, risk_reward
from risk.verdict import Check

DEVIATION_TOO_LARGE = Code.DEVIATION_TOO_LARGE
PRICE_COLLAR = Code.PRICE_COLLAR
PRICE_OFF_TICK = Code.PRICE_OFF_TICK
PRICE_WRONG_SIDE = Code.PRICE_WRONG_SIDE
RISK_REWARD_TOO_LOW = Code.RISK_REWARD_TOO_LOW
SPREAD_TOO_WIDE = Code.SPREAD_TOO_WIDE
STOPS_LEVEL = Code.STOPS_LEVEL
STOP_LOSS_WRONG_SIDE = Code.STOP_LOSS_WRONG_SIDE
STOP_TOO_CLOSE = Code.STOP_TOO_CLOSE
TAKE_PROFIT_WRONG_SIDE = Code.TAKE_PROFIT_WRONG_SIDE


def check_stop_side(ask: Ask, order: Order) -> Check:
    """The stop is where the order loses: beyond the price it would close at (market) or its entry (pending)."""
    edge = _stop_edge(order)
    passed = order.sl < edge if order.side is BUY else order.sl > edge
    return Check(STOP_LOSS_WRONG_SIDE, order.sl, edge, passed)


def check_target_side(ask: Ask, order: Order) -> Check:
    """The target is where the order gains."""
    passed = order.tp > order.entry if order.side is BUY else order.tp < order.entry
    return Check(TAKE_PROFIT_WRONG_SIDE, order.tp, order.entry, passed)


def check_price_side(ask: Ask, order: Order) -> Check:
    """A pending order rests on its side of the market: limits where it is better, stops where it is worse."""
    price, lot, stoplimit = order.price, order.lot, order.stoplimit
    if order.order_type is MARKET or price is None:
        return Check(PRICE_WRONG_SIDE, None, None, True)
    buy = order.side is BUY
    market = lot.ask if buy else lot.bid
    below = buy is (order.order_type is OrderType.LIMIT)
    passed = price < market if below else price > market
    if passed and order.order_type is OrderType.STOP_LIMIT and stoplimit is not None:
        passed = stoplimit <= price if buy else stoplimit >= price
    return Check(PRICE_WRONG_SIDE, price, market, passed)


def check_ticks(ask: Ask, order: Order) -> Check:
    """Every price sent to the broker is a multiple of the tick size."""
    tick = order.lot.spec.tick_size
    prices = [order.sl, order.tp]
    if order.order_type is not MARKET:
        prices += [p for p in (order.price, order.stoplimit) if p is not None]
    off = [p for p in prices if p % tick]
    return Check(PRICE_OFF_TICK, off[0] if off else None, tick, not off)


def check_collar(ask: Ask, order: Order) -> Check:
    """The price named is near the quote: the sender and we look at the same market."""
    market = order.lot.ask if order.side is BUY else order.lot.bid
    limit = percent_of(ask.limits.price_collar_percent, market)
    distance = ZERO if order.price is None else abs(order.price - market)
    if order.stoplimit is not None:
        distance = max(distance, abs(order.stoplimit - market))
    return Check(PRICE_COLLAR, distance, limit, distance <= limit)


def check_spread(ask: Ask, order: Order) -> Check:
    """The spread is within its cap, a share of the bid."""
    spread, limit = order.lot.ask - order.lot.bid, percent_of(ask.limits.max_spread_percent, order.lot.bid)
    return Check(SPREAD_TOO_WIDE, spread, limit, spread <= limit)


def check_deviation(ask: Ask, order: Order) -> Check:
    """The slippage asked for is within its cap."""
    limit = ask.limits.max_deviation_points
    return Check(DEVIATION_TOO_LARGE, order.deviation_points, limit, order.deviation_points <= limit)


def check_stop_distance(ask: Ask, order: Order) -> Check:
    """The stop is not so near that noise takes it and the volume gets huge."""
    distance = abs(order.entry - order.sl)
    limit = percent_of(ask.limits.min_stop_distance_percent, order.entry)
    return Check(STOP_TOO_CLOSE, distance, limit, distance >= limit)


def check_stops_level(ask: Ask, order: Order) -> Check:
    """No price is nearer to the one it is measured from than the broker takes."""
    limit = order.lot.spec.stops_level * order.lot.spec.point
    if not limit:
        return Check(STOPS_LEVEL, None, limit, True)
    edge = _stop_edge(order)
    nearest = min(abs(edge - order.sl), abs(edge - order.tp), _distance_of_entry(order, limit))
    return Check(STOPS_LEVEL, nearest, limit, nearest >= limit)


def check_risk_reward(ask: Ask, order: Order) -> Check:
    """(gain at TP - costs) / (loss at SL + costs) reaches the minimum; equality passes."""
    gain, loss = risk_reward(order)
    limit = ask.limits.min_risk_reward
    return Check(RISK_REWARD_TOO_LOW, gain / loss, limit, gain >= limit * loss)


def _stop_edge(order: Order) -> Decimal:
    if order.order_type is MARKET:
        return closing_price(order.side, order.lot)
    return order.entry


def _distance_of_entry(order: Order, limit: Decimal) -> Decimal:
    if order.order_type is MARKET or order.price is None:
        return limit
    market = order.lot.ask if order.side is BUY else order.lot.bid
    return abs(order.price - market)
