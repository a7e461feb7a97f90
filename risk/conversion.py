"""Conversion into the account currency, always at the worse side.

A `Rate` holds both sides: `high` for what we may lose (we buy the foreign currency dear), `low` for what we may gain
(we sell it cheap). Paths, in this order: the pair itself (direct), the pair turned round (inverse), two pairs through a
third currency (crossed). Which path is taken depends on which pairs exist, never on how fresh their quotes are: a quote
that went stale must deny, not open another road. Only forex symbols convert.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from risk.codes import Code
from risk.refusal import Refused
from risk.snapshot import CalcMode, Quote, SymbolSpec

FOREX_MODES = frozenset({CalcMode.FOREX, CalcMode.FOREX_NO_LEVERAGE})
FIRST_THROUGH = ("USD", "EUR")  # a crossed path prefers these, then the alphabet


class Rate(NamedTuple):
    """Account currency for one unit of another currency."""

    low: Decimal  # what a gain is worth
    high: Decimal  # what a loss costs


ONE = Rate(Decimal(1), Decimal(1))


class Pairs:
    """The pairs of one snapshot, found by currencies. Built once per decision, and only when something is foreign."""

    __slots__ = ("_by_currencies",)

    def __init__(self, specs: Mapping[str, SymbolSpec], quotes: Mapping[str, Quote]) -> None:
        found: dict[tuple[str, str], str] = {}
        for symbol in quotes:
            spec = specs.get(symbol)
            if spec is None or spec.calc_mode not in FOREX_MODES:
                continue
            key = (spec.currency_base, spec.currency_profit)
            other = found.get(key)
            if other is None or (len(symbol), symbol) < (len(other), other):  # EURUSD before EURUSD.z
                found[key] = symbol
        self._by_currencies = found

    def path(self, currency: str, target: str) -> tuple[tuple[str, bool], ...]:
        """Return the pairs to walk as (symbol, inverse), or refuse when there is no way."""
        step = self._step(currency, target)
        if step is not None:
            return (step,)
        for middle in self._middles(currency):
            first, second = self._step(currency, middle), self._step(middle, target)
            if first is not None and second is not None:
                return (first, second)
        raise Refused(Code.CONVERSION_MISSING, currency=currency, account_currency=target)

    def _step(self, currency: str, target: str) -> tuple[str, bool] | None:
        direct = self._by_currencies.get((currency, target))
        if direct is not None:
            return direct, False
        inverse = self._by_currencies.get((target, currency))
        return None if inverse is None else (inverse, True)

    def _middles(self, currency: str) -> Iterator[str]:
        linked = {b if a == currency else a for a, b in self._by_currencies if currency in (a, b)}
        yield from (m for m in FIRST_THROUGH if m in linked)
        yield from sorted(linked.difference(FIRST_THROUGH))


def rate_of(quote: Quote, inverse: bool) -> Rate:
    """Turn a quote into a rate: direct is (bid, ask), inverse is (1 / ask, 1 / bid)."""
    if not quote.usable:
        raise Refused(Code.QUOTE_INVALID, bid=quote.bid, ask=quote.ask)
    return Rate(1 / quote.ask, 1 / quote.bid) if inverse else Rate(quote.bid, quote.ask)


def chain(first: Rate, second: Rate) -> Rate:
    """Cross two rates; each side stays the worse one."""
    return Rate(first.low * second.low, first.high * second.high)
