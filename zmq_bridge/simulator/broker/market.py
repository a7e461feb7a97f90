"""Prices: the last quote and the tick history of each symbol, the server's clock, and currency conversion.

A quote's double becomes a Decimal only when somebody trades on it. Conversion takes the side that a bank would give:
money coming in is sold at the bid, a debt is bought back at the ask. An unknown rate is None, never 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from zmq_bridge.protocol.numbers import to_decimal
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker.enums import Side
from zmq_bridge.simulator.broker.history import HISTORY_TICKS_MAX, TickHistory
from zmq_bridge.simulator.broker.model import SymbolSpec

PIVOTS = ("USD", "EUR")  # a cross without a symbol of its own goes through one of these


class Market:
    """What the broker knows of prices."""

    def __init__(self, specs: Iterable[SymbolSpec], history_ticks_max: int = HISTORY_TICKS_MAX) -> None:
        self._history_max = history_ticks_max
        self.specs: dict[str, SymbolSpec] = {}
        self.history: dict[str, TickHistory] = {}
        self.last: dict[str, Tick] = {}
        self.clock_msc = 0  # the server's clock: the time of the last tick
        self._pairs: dict[tuple[str, str], str] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: SymbolSpec) -> None:
        """List a symbol, or change its specification."""
        self.specs[spec.symbol] = spec
        self.history.setdefault(spec.symbol, TickHistory(self._history_max))
        if spec.currency_base != spec.currency_profit and spec.calc_mode.startswith(("forex", "cfd_leverage")):
            pair = (spec.currency_base, spec.currency_profit)
            rival = self._pairs.get(pair)
            if rival is None or (len(spec.symbol), spec.symbol) < (len(rival), rival):
                self._pairs[pair] = spec.symbol

    def restore(self, ticks: Mapping[str, Sequence[Tick]]) -> None:
        """Take over ticks from before a restart, oldest first: prices to value positions by, and a history."""
        for symbol, kept in ticks.items():
            if kept:
                self.history.setdefault(symbol, TickHistory(self._history_max)).append(kept)
                self.last[symbol] = kept[-1]

    def quote(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """Return (bid, ask), or None before the first tick."""
        tick = self.last.get(symbol)
        return (to_decimal(tick.bid), to_decimal(tick.ask)) if tick else None

    def closing_price(self, symbol: str, side: Side) -> Decimal | None:
        """Return the price at which a position of this side would be closed now."""
        quote = self.quote(symbol)
        return None if quote is None else quote[0 if side is Side.BUY else 1]

    def opening_price(self, symbol: str, side: Side) -> Decimal | None:
        """Return the price at which a position of this side would be opened now."""
        return self.closing_price(symbol, side.opposite)

    def rate(self, source: str, target: str, *, sell: bool) -> Decimal | None:
        """Return what one unit of `source` is worth in `target`.

        Args:
            sell: whether `source` is being sold (it came in) or bought (it is owed).
        """
        if source == target:
            return Decimal(1)
        direct = self._direct(source, target, sell=sell)
        for pivot in PIVOTS if direct is None else ():
            first, second = self._direct(source, pivot, sell=sell), self._direct(pivot, target, sell=sell)
            if first is not None and second is not None:
                return first * second
        return direct

    def convert(self, amount: Decimal, source: str, target: str) -> Decimal | None:
        """Convert profit or loss, unrounded; None when there is no rate."""
        rate = self.rate(source, target, sell=amount > 0)
        return None if rate is None else amount * rate

    def _direct(self, source: str, target: str, *, sell: bool) -> Decimal | None:
        if source == target:
            return Decimal(1)
        if (quote := self._pair(source, target)) is not None:
            return quote[0 if sell else 1]
        if (quote := self._pair(target, source)) is not None:
            return 1 / quote[1 if sell else 0]
        return None

    def _pair(self, base: str, profit: str) -> tuple[Decimal, Decimal] | None:
        symbol = self._pairs.get((base, profit))
        return self.quote(symbol) if symbol else None
