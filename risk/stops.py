"""How far each ticket is from its stop, and what is lost when it is hit.

On a hedging account every ticket keeps its own stop. On a netting or exchange account the last order to fill sets the
stop of the whole position: there a position is valued at the loosest stop among its own and those of the pending orders
on its side, and a new order is charged for what it adds to the position it joins.
"""

from collections.abc import Mapping
from decimal import Decimal

from risk.codes import Code
from risk.intent import Side
from risk.market import Lot
from risk.numbers import ZERO
from risk.order import entry_price, loss_per_lot, worst_entry_price
from risk.refusal import Refused
from risk.snapshot import AccountState, MarginMode, OpenPosition, PendingOrder, Snapshot

Stops = Mapping[tuple[str, Side], Decimal]  # symbol and side -> stop price

NO_STOPS: Stops = {}
BUY, HEDGING = Side.BUY, MarginMode.HEDGING  # looked up once: an enum's member costs three times a name


def pending_stops(account: AccountState | None, orders: tuple[PendingOrder, ...]) -> Stops:
    """Return the loosest stop that pending orders may give a position, by symbol and side; none when hedging."""
    if account is None or account.margin_mode is HEDGING:
        return NO_STOPS
    stops: dict[tuple[str, Side], Decimal] = {}
    for order in orders:
        if order.usable and order.sl is not None:
            key = (order.symbol, order.side)
            stops[key] = looser(order.side, order.sl, stops.get(key))
    return stops


def looser(side: Side, sl: Decimal, other: Decimal | None) -> Decimal:
    """Return the stop that loses more."""
    if other is None:
        return sl
    return min(sl, other) if side is BUY else max(sl, other)


def stop_distance(position: OpenPosition, lot: Lot, stops: Stops = NO_STOPS) -> Decimal:
    """Return the price distance from where the position closes now to its stop; 0 when the stop is passed already."""
    if not position.usable:
        raise Refused(Code.BOOK_INVALID, position=position)
    sl = position.sl
    if sl is None:
        raise Refused(Code.POSITION_UNPROTECTED, ticket=position.ticket, symbol=position.symbol)
    if stops:
        sl = looser(position.side, sl, stops.get((position.symbol, position.side)))
    distance = lot.bid - sl if position.side is BUY else sl - lot.ask
    return distance if distance > ZERO else ZERO


def position_risk(position: OpenPosition, lot: Lot) -> Decimal:
    """Return R of one open position, or refuse one without a stop or with unusable figures."""
    return position.volume * (stop_distance(position, lot) * lot.loss_per_price + lot.exit_cost)


def pending_worst(order: PendingOrder, lot: Lot) -> tuple[Decimal, Decimal]:
    """Return the worst fill of a pending order and its R, or refuse one without a stop or with unusable figures."""
    if not order.usable:
        raise Refused(Code.BOOK_INVALID, order=order)
    if order.sl is None:
        raise Refused(Code.POSITION_UNPROTECTED, ticket=order.ticket, symbol=order.symbol)
    entry = entry_price(order.side, order.order_type, order.price, order.stoplimit, lot)
    worst = worst_entry_price(order.side, order.order_type, entry, 0, lot)
    return worst, order.volume * loss_per_lot(order.side, worst, order.sl, lot)


def moved_stop_risk(
    snapshot: Snapshot, side: Side, sl: Decimal, lot: Lot, without_ticket: int | None = None
) -> Decimal:
    """Return what a new order adds to the risk of the position it joins, by putting its stop in the old one's place.

    Zero when hedging, where every order is a position of its own, and where the new stop is the tighter one.
    """
    account = snapshot.account
    if account is None or account.margin_mode is HEDGING:
        return ZERO
    orders = tuple(order for order in snapshot.orders or () if order.ticket != without_ticket)
    before, symbol = pending_stops(account, orders), lot.spec.symbol
    after = {(symbol, side): looser(side, sl, before.get((symbol, side)))}
    joined = [p for p in snapshot.positions or () if p.symbol == symbol and p.side is side]
    wider = sum((p.volume * (stop_distance(p, lot, after) - stop_distance(p, lot, before)) for p in joined), ZERO)
    return wider * lot.loss_per_price
