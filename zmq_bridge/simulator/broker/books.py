"""The books: everything that is true of the account. State changes only in `put`, live and on replay alike.

    put(fact)      the fact is true in memory and waits for the journal
    commit()       one journal line with all facts since the last commit; only then may anybody be told

A failure to commit is final for the process: memory would be ahead of the disk.
"""

from functools import singledispatchmethod
from itertools import takewhile

from zmq_bridge.simulator.broker.enums import DealType, OrderState
from zmq_bridge.simulator.broker.facts import Fact, Opened, PositionGone, RolledOver
from zmq_bridge.simulator.broker.journal import FactJournal
from zmq_bridge.simulator.broker.model import Deal, Order, Position
from zmq_bridge.simulator.broker.money import ZERO
from zmq_bridge.simulator.errors import JournalError

RESTING = frozenset({OrderState.STARTED, OrderState.PLACED, OrderState.PARTIAL})


class Books:
    """One account's deals, positions and orders. Grows with every deal, for ever: they are the books."""

    def __init__(self, opened: Opened, journal: FactJournal | None, first_ticket: int) -> None:
        """Read the journal back, or open new books.

        Raises:
            JournalError: the journal is damaged or belongs to another account.
        """
        self.opened = opened
        self.balance = ZERO
        self.credit = ZERO
        self.deals: dict[int, Deal] = {}  # by ticket, in order of booking
        self.positions: dict[int, Position] = {}
        self.orders: dict[int, Order] = {}  # resting
        self.orders_done: dict[int, Order] = {}
        self.day = 0  # the last server day whose midnight is booked; 0: none yet
        self._next_order = self._next_deal = first_ticket
        self._journal = journal
        self._waiting: list[Fact] = []
        self._load()

    def put(self, fact: Fact) -> None:
        """Make a fact true."""
        self._apply(fact)
        self._waiting.append(fact)

    def commit(self) -> None:
        """Bring what waits to the disk; does nothing when nothing waits."""
        if self._waiting and self._journal:
            self._journal.append(self._waiting)
        self._waiting.clear()

    def new_order_ticket(self) -> int:
        """Draw the next order ticket; an order that opens a position gives it its ticket."""
        self._next_order += 1
        return self._next_order - 1

    def new_deal_ticket(self) -> int:
        """Draw the next deal ticket."""
        self._next_deal += 1
        return self._next_deal - 1

    def deals_between(self, from_msc: int, to_msc: int) -> list[Deal]:
        """Select deals by time, both ends included, oldest first."""
        return [deal for deal in self.deals.values() if from_msc <= deal.time_msc <= to_msc]

    def deals_after(self, ticket: int) -> list[Deal]:
        """Select deals with a higher ticket, oldest first; costs as much as it returns."""
        newer = list(takewhile(lambda deal: deal.ticket > ticket, reversed(self.deals.values())))
        return newer[::-1]

    def positions_of(self, symbol: str) -> list[Position]:
        """Select the open positions of a symbol, oldest first."""
        return [position for position in self.positions.values() if position.symbol == symbol]

    def _load(self) -> None:
        first = True
        for step in self._journal.replay() if self._journal else ():
            for fact in step:
                if first and fact != self.opened:
                    raise JournalError(f"expected the books of {self.opened}, found those of {fact}")
                first = False
                self._apply(fact)
        if first:
            self.put(self.opened)

    @singledispatchmethod
    def _apply(self, fact: Fact) -> None:
        raise JournalError(f"expected a fact, found {fact!r}")

    @_apply.register
    def _(self, fact: Opened) -> None:
        self.opened = fact

    @_apply.register
    def _(self, deal: Deal) -> None:
        self.deals[deal.ticket] = deal
        self._next_deal = max(self._next_deal, deal.ticket + 1)
        if deal.type is DealType.CREDIT:
            self.credit += deal.money
        else:
            self.balance += deal.money

    @_apply.register
    def _(self, position: Position) -> None:
        self.positions[position.ticket] = position

    @_apply.register
    def _(self, gone: PositionGone) -> None:
        del self.positions[gone.ticket]

    @_apply.register
    def _(self, order: Order) -> None:
        self._next_order = max(self._next_order, order.ticket + 1)
        if order.state in RESTING:
            self.orders[order.ticket] = order
        else:
            self.orders.pop(order.ticket, None)
            self.orders_done[order.ticket] = order

    @_apply.register
    def _(self, rolled: RolledOver) -> None:
        self.day = rolled.day
