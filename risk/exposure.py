"""Exposure of the book for people: by symbol in lots, by currency in its own units.

Open positions net against each other here, because this is what is held; what is still to fill is shown as the range it
can move the net. Risk does not net: see `risk.book`.
"""

from dataclasses import dataclass
from decimal import Decimal

from risk.intent import Side
from risk.market import Lot, Market
from risk.numbers import ZERO
from risk.refusal import Refused
from risk.snapshot import OpenPosition, PendingOrder, Reservation, Snapshot
from risk.stops import position_risk
from risk.valuation import BY_TICK_VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolExposure:
    """What is held of one symbol, and what it can become. Lots signed, long positive."""

    symbol: str
    long_lots: Decimal  # open
    short_lots: Decimal  # open, >= 0
    net_lots: Decimal  # long - short
    worst_long_lots: Decimal  # net when every buy still to fill fills
    worst_short_lots: Decimal  # net when every sell still to fill fills
    risk: Decimal | None  # sum of R of the open positions, account currency; None: cannot be worked out


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyExposure:
    """Net amount of one currency that the open positions hold."""

    currency: str
    net: Decimal  # units of that currency
    value: Decimal | None  # in account currency, at the dearer side; None: no conversion


def by_symbol(snapshot: Snapshot, market: Market) -> tuple[SymbolExposure, ...]:
    """Return one row for each symbol of the book, sorted by name."""
    positions, unfilled = snapshot.positions or (), _unfilled(snapshot)
    symbols = sorted({ticket.symbol for ticket in (*positions, *unfilled)})
    return tuple(_symbol(name, positions, unfilled, market) for name in symbols)


def _symbol(
    symbol: str,
    positions: tuple[OpenPosition, ...],
    unfilled: tuple[PendingOrder | Reservation, ...],
    market: Market,
) -> SymbolExposure:
    ours = [p for p in positions if p.symbol == symbol and p.usable]
    long, short = _lots(ours, Side.BUY), _lots(ours, Side.SELL)
    waiting = [u for u in unfilled if u.symbol == symbol and u.usable]
    net = long - short
    return SymbolExposure(
        symbol=symbol,
        long_lots=long,
        short_lots=short,
        net_lots=net,
        worst_long_lots=net + _lots(waiting, Side.BUY),
        worst_short_lots=net - _lots(waiting, Side.SELL),
        risk=_risk([p for p in positions if p.symbol == symbol], market),
    )


def by_currency(snapshot: Snapshot, market: Market) -> tuple[CurrencyExposure, ...]:
    """Return one row for each currency that open positions hold, sorted by name.

    A position holds contract_size units of the base currency for each lot, paid for in the profit currency at the price
    it closes at now. Symbols with one currency, and futures, hold no currency.
    """
    net: dict[str, Decimal] = {}
    for position in snapshot.positions or ():
        try:
            lot = market.lot(position.symbol)
        except Refused:
            continue
        spec = lot.spec
        if not position.usable or spec.currency_base == spec.currency_profit or spec.calc_mode in BY_TICK_VALUE:
            continue
        units = position.volume * spec.contract_size * (1 if position.side is Side.BUY else -1)
        price = lot.bid if position.side is Side.BUY else lot.ask
        net[spec.currency_base] = net.get(spec.currency_base, ZERO) + units
        net[spec.currency_profit] = net.get(spec.currency_profit, ZERO) - units * price
    return tuple(
        CurrencyExposure(currency=name, net=amount, value=_value(name, amount, market))
        for name, amount in sorted(net.items())
    )


def _unfilled(snapshot: Snapshot) -> tuple[PendingOrder | Reservation, ...]:
    return (*(snapshot.orders or ()), *(snapshot.reservations or ()))


def _lots(tickets: list[OpenPosition] | list[PendingOrder | Reservation], side: Side) -> Decimal:
    return sum((ticket.volume for ticket in tickets if ticket.side is side), ZERO)


def _risk(positions: list[OpenPosition], market: Market) -> Decimal | None:
    try:
        return sum((position_risk(position, _lot(position, market)) for position in positions), ZERO)
    except Refused:
        return None


def _lot(position: OpenPosition, market: Market) -> Lot:
    return market.lot(position.symbol)


def _value(currency: str, amount: Decimal, market: Market) -> Decimal | None:
    try:
        return amount * market.rate(currency).high
    except Refused:
        return None
