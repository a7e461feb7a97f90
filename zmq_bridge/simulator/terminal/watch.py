"""Deals, orders and specifications become events. Every deal at least once, whatever was down meanwhile.

Fills are heard of by transactions (DEAL_ADD), and found by re-reading the history with overlap: at the start, after
every greeting from where the bridge asks, and every minute. The bridge knows a deal by its ticket, so telling one twice
does no harm. Transactions come in any order and only say where to look: the truth is asked from the broker.
"""

from dataclasses import replace
from typing import Any

from zmq_bridge.protocol.values import Order, Spec
from zmq_bridge.simulator.terminal.executor import Broker
from zmq_bridge.simulator.terminal.memory import Memory
from zmq_bridge.simulator.terminal.probe import probe_of
from zmq_bridge.simulator.terminal.values import deal_from, is_same_spec, order_from, spec_from

OVERLAP_MS = 600_000  # how far back a re-read goes before the server's present time
TOLD_MAX = 200_000  # deal tickets remembered as told by this process; beyond it they are told again on a re-read


class Watch:
    """What the terminal has told of deals, orders and symbols."""

    def __init__(self, broker: Broker, memory: Memory, symbols: frozenset[str] | None) -> None:
        self._broker = broker
        self._memory = memory
        self._symbols = symbols
        self._told: dict[int, None] = {}  # deal tickets, oldest first
        self._orders: dict[int, Order] = {}  # as last told
        self.specs: dict[str, Spec] = {}  # as last told, or as of the last hello

    def new_deals(self) -> int:
        """Tell deals above the highest told ticket; returns how many."""
        return self._tell_deals(after_ticket=self._memory.deal_told)

    def reread_deals(self, from_msc: int | None = None) -> int:
        """Tell deals since a time (None: the overlap) that this process has not told, and those never told."""
        if from_msc is None:
            from_msc = max(0, int(self._broker.call("hello")["now_msc"]) - OVERLAP_MS)
        return self._tell_deals(from_msc=from_msc, after_ticket=self._memory.deal_told)

    def retell_deals(self, from_msc: int) -> int:
        """Tell every deal since a time again, unless it waits for acknowledgement anyway: the bridge asked for it."""
        kept = self._memory.events.unacknowledged(len(self._memory.events))
        self._told = {
            event.data.ticket: None for event in kept if event.kind == "deal" and hasattr(event.data, "ticket")
        }
        return self.reread_deals(from_msc)

    def orders(self, tickets: set[int]) -> list[Order]:
        """Tell the present state of orders that transactions named, if it is another than last told; return those."""
        told = []
        for ticket in sorted(tickets):
            values = self._broker.call("order", ticket=ticket)
            order = order_from(values) if values else None
            if order is not None and order != self._orders.get(ticket) and order.state != "started":
                self._memory.tell(order)
                self._remember(order)
                told.append(order)
        return told

    def changed_specs(self) -> list[Spec]:
        """Tell specifications that differ from what the bridge has."""
        changed = [news for spec in self._listed() if (news := self._news_of(spec)) is not None]
        for spec in changed:
            self._memory.tell(spec)
            self.specs[spec.symbol] = spec
        return changed

    def every_spec(self) -> list[Spec]:
        """Read the specifications of the symbols that this terminal publishes, each with its probe, to be told now."""
        every = [self._probed(spec) for spec in self._listed()]
        self.specs = {spec.symbol: spec for spec in every}
        return every

    @property
    def is_price_missing(self) -> bool:
        """Whether a specification still lacks its tick value, because no rate was known yet."""
        return any(not spec.tick_value for spec in self.specs.values())

    def _listed(self) -> list[Spec]:
        every: list[dict[str, Any]] = self._broker.call("symbols")
        return [spec_from(values) for values in every if self._symbols is None or values["symbol"] in self._symbols]

    def _probed(self, spec: Spec) -> Spec:
        return replace(spec, probe=probe_of(self._broker, spec))

    def _news_of(self, spec: Spec) -> Spec | None:
        """Return what is to be told of a symbol: it changed, or it can be probed at last."""
        told = self.specs.get(spec.symbol)
        is_same = is_same_spec(told, spec)
        if is_same and told is not None and told.probe is not None:
            return None
        probed = self._probed(spec)
        return None if is_same and probed.probe is None else probed

    def _tell_deals(self, **which: int) -> int:
        count = offset = 0
        while page := self._broker.call("deals", **which, offset=offset):
            for values in page:
                if values["ticket"] not in self._told:
                    self._memory.tell(deal_from(values))
                    self._told[values["ticket"]] = None
                    count += 1
            offset += len(page)
        while len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]
        return count

    def _remember(self, order: Order) -> None:
        if order.state in ("placed", "partial"):
            self._orders[order.ticket] = order
        else:
            self._orders.pop(order.ticket, None)
