"""What one lot of a symbol is worth at this moment, in the account currency.

A `Market` belongs to one decision: it reads quotes and specifications from the snapshot, refuses what is missing,
unusable or stale, and remembers what it worked out for each symbol and currency. Nothing survives the decision.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from risk.codes import Code
from risk.conversion import ONE, Pairs, Rate, chain, rate_of
from risk.limits import Limits
from risk.numbers import HALF, span
from risk.refusal import Refused
from risk.snapshot import AccountState, Quote, Snapshot, SymbolSpec
from risk.valuation import margin_per_lot, profit_per_price


@dataclass(slots=True)
class Lot:
    """One lot of a symbol now. Money in the account currency."""

    spec: SymbolSpec
    bid: Decimal
    ask: Decimal
    loss_per_price: Decimal  # cost of a price move of 1.0 against us, converted at the dearer side
    gain_per_price: Decimal  # worth of a move of 1.0 in our favour, converted at the cheaper side
    slippage: Decimal  # price distance of the slippage buffer
    commission: Decimal  # round trip
    exit_cost: Decimal  # half the commission and the slippage buffer
    round_trip_cost: Decimal  # the commission and the slippage buffer
    notional: Decimal  # value of the lot at the ask


class Market:
    """Quotes and specifications of one decision, valued once per symbol."""

    __slots__ = (
        "_account",
        "_commission",
        "_limits",
        "_lots",
        "_newest",
        "_oldest_conversion",
        "_oldest_quote",
        "_oldest_spec",
        "_pairs",
        "_rates",
        "_slippage_points",
        "_snapshot",
    )  # fmt: skip

    def __init__(self, snapshot: Snapshot, account: AccountState, limits: Limits, now: datetime) -> None:
        self._snapshot, self._account, self._limits = snapshot, account, limits
        self._slippage_points, self._commission = limits.slippage_points, limits.commission
        self._newest = now + span(limits.max_clock_skew_s)
        self._oldest_quote = now - span(limits.max_quote_age_s)
        self._oldest_conversion = now - span(limits.max_conversion_age_s)
        self._oldest_spec = now - span(limits.max_spec_age_s)
        self._lots: dict[str, Lot] = {}
        self._rates: dict[str, Rate] = {}
        self._pairs: Pairs | None = None

    def lot(self, symbol: str) -> Lot:
        """Value one lot of the symbol, or refuse."""
        lot = self._lots.get(symbol)
        if lot is None:
            lot = self._lots[symbol] = self._value(self.spec(symbol), self._quote(symbol))
        return lot

    def spec(self, symbol: str) -> SymbolSpec:
        """Return the symbol's specification, complete and fresh, or refuse."""
        spec = self._snapshot.specs.get(symbol)
        if spec is None:
            raise Refused(Code.SPEC_MISSING, symbol=symbol)
        if not spec.usable or spec.symbol != symbol:
            raise Refused(Code.SPEC_INVALID, symbol=symbol, found=spec)
        if not self._oldest_spec <= spec.as_of <= self._newest:
            raise Refused(Code.SPEC_STALE, symbol=symbol, as_of=spec.as_of, max_spec_age_s=self._limits.max_spec_age_s)
        return spec

    def margin(self, lot: Lot, price: Decimal) -> Decimal:
        """Return the margin of one lot opened at `price`."""
        amount, currency = margin_per_lot(lot.spec, price, self._account.leverage)
        return amount * self.rate(currency).high

    def rate(self, currency: str) -> Rate:
        """Return what one unit of the currency is in account currency, both sides, or refuse."""
        if currency == self._account.currency:
            return ONE
        rate = self._rates.get(currency)
        if rate is None:
            rate = self._rates[currency] = self._convert(currency)
        return rate

    def _quote(self, symbol: str) -> Quote:
        quote = self._snapshot.quotes.get(symbol)
        if quote is None:
            raise Refused(Code.QUOTE_MISSING, symbol=symbol)
        if not quote.usable:
            raise Refused(Code.QUOTE_INVALID, symbol=symbol, bid=quote.bid, ask=quote.ask)
        if not self._oldest_quote <= quote.received_at <= self._newest:
            limit = self._limits.max_quote_age_s
            raise Refused(Code.QUOTE_STALE, symbol=symbol, received_at=quote.received_at, max_quote_age_s=limit)
        return quote

    def _value(self, spec: SymbolSpec, quote: Quote) -> Lot:
        per_price, currency = profit_per_price(spec)
        if currency is None or currency == self._account.currency:
            gain = loss = per_price
        else:
            low, high = self.rate(currency)
            gain, loss = per_price * low, per_price * high
        slippage = self._slippage_points * spec.point
        commission = self._commission if self._commission > spec.commission else spec.commission
        buffer, ask = slippage * loss, quote.ask
        return Lot(
            spec,
            quote.bid,
            ask,
            loss,
            gain,
            slippage,
            commission,
            commission * HALF + buffer,
            commission + buffer,
            ask * loss,
        )

    def _convert(self, currency: str) -> Rate:
        if self._pairs is None:
            self._pairs = Pairs(self._snapshot.specs, self._snapshot.quotes)
        (symbol, inverse), *further = self._pairs.path(currency, self._account.currency)
        rate = self._leg(symbol, inverse)
        for symbol, inverse in further:
            rate = chain(rate, self._leg(symbol, inverse))
        return rate

    def _leg(self, symbol: str, inverse: bool) -> Rate:
        quote = self._snapshot.quotes[symbol]
        if not self._oldest_conversion <= quote.received_at <= self._newest:
            limit = self._limits.max_conversion_age_s
            raise Refused(Code.CONVERSION_STALE, symbol=symbol, received_at=quote.received_at, max_age_s=limit)
        return rate_of(quote, inverse)
