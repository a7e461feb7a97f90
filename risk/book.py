"""What the account already carries: every open position, pending order and reservation, valued in one pass.

R(ticket) of a position: from the price it closes at now to its stop, plus exit costs and the slippage buffer. Of a
pending order: from its worst permitted entry to its stop, plus round-trip costs. Of a reservation: what was reserved.
Opposite tickets never offset each other: both stops can be hit. A ticket without a stop has no bound, so a book that
holds one is refused. None instead of a list is refused too: an unread book is not an empty one.
"""

from decimal import Decimal

from risk.codes import Code
from risk.intent import Side
from risk.market import Lot, Market
from risk.numbers import ZERO, settle
from risk.refusal import Refused
from risk.snapshot import OpenPosition, PendingOrder, Reservation, Snapshot, SymbolSpec
from risk.stops import NO_STOPS, Stops, pending_stops, pending_worst, stop_distance

BUY = Side.BUY  # looked up once: an enum's member costs three times a name


class Pile:
    """The open positions of one symbol and side, so that money is worked out once for all of them."""

    __slots__ = ("distance", "lot", "volume")

    def __init__(self, lot: Lot) -> None:
        self.lot = lot
        self.volume = ZERO  # lots
        self.distance = ZERO  # lots times price distance to the stop


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

    def add_positions(self, positions: tuple[OpenPosition, ...], market: Market, stops: Stops = NO_STOPS) -> None:
        """Count open positions; `stops` are those that pending orders may put in place of their own."""
        piles: dict[tuple[str, Side], Pile] = {}
        for position in positions:
            symbol, volume = position.symbol, position.volume
            key = (symbol, position.side)
            pile = piles.get(key)
            if pile is None:
                pile = piles[key] = Pile(market.lot(symbol))
            pile.distance += volume * stop_distance(position, pile.lot, stops)
            pile.volume += volume
        for key, pile in piles.items():
            self._add_pile(key, pile)
        self.count += len(positions)

    def add_order(self, order: PendingOrder, market: Market) -> None:
        """Count a pending order."""
        lot = market.lot(order.symbol)
        worst, risk = pending_worst(order, lot)
        self._add((order.symbol, order.side), order.volume, risk)
        self.margin += order.volume * market.margin(lot, worst)
        self.add_unfilled(order.side, order.volume * worst * lot.loss_per_price, lot.spec)
        self.count += 1

    def add_reservation(self, held: Reservation, market: Market) -> None:
        """Count what an approved command may still cost."""
        if not held.usable:
            raise Refused(Code.BOOK_INVALID, reservation=held)
        self._add((held.symbol, held.side), held.volume, held.risk)
        self.margin += held.margin
        self.add_unfilled(held.side, held.notional, market.spec(held.symbol))
        self.count += held.slots

    def add_unfilled(self, side: Side, notional: Decimal, spec: SymbolSpec) -> None:
        """Count the value of something that may fill: it can only add to an exposure, never offset one."""
        self.notional += notional
        gains, loses = directions(side, spec)
        if gains:
            self.up[gains] = self.up.get(gains, ZERO) + notional
            self.down[loses] = self.down.get(loses, ZERO) + notional

    def _add_pile(self, key: tuple[str, Side], pile: Pile) -> None:
        lot, volume = pile.lot, pile.volume
        self._add(key, volume, pile.distance * lot.loss_per_price + volume * lot.exit_cost)
        notional = volume * lot.notional
        self.notional += notional
        gains, loses = directions(key[1], lot.spec)
        if gains:
            self.held[gains] = self.held.get(gains, ZERO) + notional
            self.held[loses] = self.held.get(loses, ZERO) - notional

    def _add(self, key: tuple[str, Side], volume: Decimal, risk: Decimal) -> None:
        settled = settle(risk)
        self.risk += settled
        self.risk_by_side[key] = self.risk_by_side.get(key, ZERO) + settled
        self.lots[key] = self.lots.get(key, ZERO) + volume

    def exposures(self) -> list[tuple[str, Decimal, Decimal]]:
        """Return for each currency the highest and the lowest net value it can get when orders fill."""
        held, up, down = self.held, self.up, self.down
        if not up:
            return [(name, net, net) for name, net in held.items()]
        names = sorted({*held, *up, *down})
        nets = [(name, held.get(name, ZERO)) for name in names]
        return [(name, net + up.get(name, ZERO), net - down.get(name, ZERO)) for name, net in nets]


def directions(side: Side, spec: SymbolSpec) -> tuple[str, str]:
    """Return the currency an order gains and the one it gives; two empty names when they are the same."""
    base, profit = spec.currency_base, spec.currency_profit
    if base == profit:
        return "", ""
    return (base, profit) if side is BUY else (profit, base)


def build_book(snapshot: Snapshot, market: Market, without_ticket: int | None = None) -> Book:
    """Value everything the account carries, leaving out one ticket when that is the one being modified."""
    positions, orders = snapshot.positions, snapshot.orders
    if positions is None or orders is None or snapshot.reservations is None:
        raise Refused(Code.BOOK_INVALID, found="not read", expected="positions, orders and reservations")
    if without_ticket is not None:
        positions = tuple(p for p in positions if p.ticket != without_ticket)
        orders = tuple(o for o in orders if o.ticket != without_ticket)
    book = Book()
    book.add_positions(positions, market, pending_stops(snapshot.account, orders))
    for order in orders:
        book.add_order(order, market)
    for held in snapshot.reservations:
        book.add_reservation(held, market)
    return book
