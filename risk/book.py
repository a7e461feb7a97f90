"""What the account already carries: every open position, pending order and reservation, valued in one pass.

R(ticket) of a position: from the price it closes at now to its stop, plus exit costs and the slippage buffer. Of a
pending order: from its worst permitted entry to its stop, plus round-trip costs. Of a reservation: what was reserved.
Opposite tickets never offset each other: both stops can be hit. A ticket without a stop has no bound, so a book that
holds one is refused. None instead of a list is refused too: an unread book is not an empty one.
"""

from decimal import Decimal

from risk.codes import Code
from risk.intent import OrderType, Side
from risk.market import Lot, Market
from risk.numbers import ZERO, all_at_least_zero, all_positive, is_count
from risk.order import entry_price, loss_per_lot, worst_entry_price
from risk.refusal import Refused
from risk.snapshot import OpenPosition, PendingOrder, Reservation, Snapshot, SymbolSpec


class Book:
    """Sums over the book. Money in the account currency; currencies signed, long positive."""

    __slots__ = ("count", "down", "held", "lots", "margin", "notional", "risk", "risk_by_side", "up")

    def __init__(self) -> None:
        self.risk = ZERO  # sum of R
        self.count = 0  # positions, pending orders, reserved openings
        self.notional = ZERO  # sum of values, whatever the side
        self.margin = ZERO  # needed by pending orders and reservations, beyond what the account shows
        self.risk_by_side: dict[tuple[str, Side], Decimal] = {}  # R by symbol and side
        self.lots: dict[tuple[str, Side], Decimal] = {}  # volume by symbol and side
        self.held: dict[str, Decimal] = {}  # net value of open positions by currency
        self.up: dict[str, Decimal] = {}  # what orders not filled yet may add to a currency
        self.down: dict[str, Decimal] = {}  # what they may take from it

    def add_position(self, position: OpenPosition, market: Market) -> Decimal:
        """Count an open position and return its R."""
        lot, volume = market.lot(position.symbol), position.volume
        risk = position_risk(position, lot)
        self._add(position.symbol, position.side, volume, risk)
        notional = volume * lot.notional
        self.notional += notional
        gains, loses = _directions(position.side, lot.spec)
        if gains:
            self.held[gains] = self.held.get(gains, ZERO) + notional
            self.held[loses] = self.held.get(loses, ZERO) - notional
        self.count += 1
        return risk

    def add_order(self, order: PendingOrder, market: Market) -> Decimal:
        """Count a pending order and return its R."""
        lot = market.lot(order.symbol)
        worst = pending_worst_entry(order, lot)
        assert order.sl is not None
        risk = order.volume * loss_per_lot(order.side, worst, order.sl, lot)
        self._add(order.symbol, order.side, order.volume, risk)
        self.margin += order.volume * market.margin(lot, worst)
        self.add_unfilled(order.side, order.volume * worst * lot.loss_per_price, lot.spec)
        self.count += 1
        return risk

    def add_reservation(self, held: Reservation, market: Market) -> Decimal:
        """Count what an approved command may still cost and return its R."""
        figures = (held.volume, held.risk, held.margin, held.notional)
        if not all_at_least_zero(figures) or not is_count(held.slots, 1) or not isinstance(held.side, Side):
            raise Refused(Code.BOOK_INVALID, reservation=held)
        self._add(held.symbol, held.side, held.volume, held.risk)
        self.margin += held.margin
        self.add_unfilled(held.side, held.notional, market.spec(held.symbol))
        self.count += held.slots
        return held.risk

    def add_unfilled(self, side: Side, notional: Decimal, spec: SymbolSpec) -> None:
        """Count the value of something that may fill: it can only add to an exposure, never offset one."""
        self.notional += notional
        gains, loses = _directions(side, spec)
        if gains:
            self.up[gains] = self.up.get(gains, ZERO) + notional
            self.down[loses] = self.down.get(loses, ZERO) + notional

    def _add(self, symbol: str, side: Side, volume: Decimal, risk: Decimal) -> None:
        key = (symbol, side)
        self.risk += risk
        self.risk_by_side[key] = self.risk_by_side.get(key, ZERO) + risk
        self.lots[key] = self.lots.get(key, ZERO) + volume

    def largest_exposure(self, side: Side, notional: Decimal, spec: SymbolSpec) -> tuple[str, Decimal]:
        """Return the currency whose net exposure can get largest with the new order, and how large, whatever fills."""
        gains, loses = _directions(side, spec)
        worst, currency = ZERO, ""
        held, up, down = self.held, self.up, self.down
        for name in {gains, loses, *held, *up, *down} - {""}:
            net = held.get(name, ZERO)
            more = up.get(name, ZERO) + (notional if name == gains else ZERO)
            less = down.get(name, ZERO) + (notional if name == loses else ZERO)
            size = max(net + more, less - net)
            if (size, name) > (worst, currency):
                worst, currency = size, name
        return currency, worst


def _directions(side: Side, spec: SymbolSpec) -> tuple[str, str]:
    """Return the currency an order gains and the one it gives; two empty names when they are the same."""
    base, profit = spec.currency_base, spec.currency_profit
    if base == profit:
        return "", ""
    return (base, profit) if side is Side.BUY else (profit, base)


def build_book(snapshot: Snapshot, market: Market, without_ticket: int | None = None) -> Book:
    """Value everything the account carries, leaving out one ticket when that is the one being modified."""
    if snapshot.positions is None or snapshot.orders is None or snapshot.reservations is None:
        raise Refused(Code.BOOK_INVALID, found="not read", expected="positions, orders and reservations")
    book = Book()
    for position in snapshot.positions:
        if position.ticket != without_ticket:
            book.add_position(position, market)
    for order in snapshot.orders:
        if order.ticket != without_ticket:
            book.add_order(order, market)
    for held in snapshot.reservations:
        book.add_reservation(held, market)
    return book


def position_risk(position: OpenPosition, lot: Lot) -> Decimal:
    """Return R of an open position, or refuse one without a stop or with unusable figures."""
    sl, tp, side = position.sl, position.tp, position.side
    if sl is None:
        raise Refused(Code.POSITION_UNPROTECTED, ticket=position.ticket, symbol=position.symbol)
    figures = (
        (position.volume, position.price_open, sl) if tp is None else (position.volume, position.price_open, sl, tp)
    )
    if not all_positive(figures):
        raise Refused(Code.BOOK_INVALID, position=position)
    if side is Side.BUY:
        distance = lot.bid - sl
    elif side is Side.SELL:
        distance = sl - lot.ask
    else:
        raise Refused(Code.BOOK_INVALID, position=position)
    return position.volume * ((distance if distance > ZERO else ZERO) * lot.loss_per_price + lot.exit_cost)


def pending_worst_entry(order: PendingOrder, lot: Lot) -> Decimal:
    """Return the worst fill of a pending order, or refuse one without a stop or with unusable figures."""
    if order.sl is None:
        raise Refused(Code.POSITION_UNPROTECTED, ticket=order.ticket, symbol=order.symbol)
    given = tuple(value for value in (order.stoplimit, order.tp) if value is not None)
    resting = isinstance(order.order_type, OrderType) and order.order_type is not OrderType.MARKET
    complete = order.order_type is not OrderType.STOP_LIMIT or order.stoplimit is not None
    usable = all_positive((order.volume, order.price, order.sl, *given))
    if not (usable and resting and complete and isinstance(order.side, Side)):
        raise Refused(Code.BOOK_INVALID, order=order)
    entry = entry_price(order.side, order.order_type, order.price, order.stoplimit, lot)
    return worst_entry_price(order.side, order.order_type, entry, 0, lot)
