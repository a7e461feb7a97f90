"""What the account is worth now: floating profit, margin, equity. Reads the books and the market, changes neither.

Margin: each position keeps the conversion rate of its opening, so margin doesn't float. In a hedging account the
larger side of a symbol is charged, the opposite side is free (MT5's "calculate by the larger leg").
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from zmq_bridge.simulator.broker import formulas
from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import Side
from zmq_bridge.simulator.broker.model import Account, Position
from zmq_bridge.simulator.broker.money import ZERO

PERCENT = Decimal(100)


def price_current(core: Core, position: Position) -> Decimal:
    """Return the price that would close the position; without any quote (books older than prices) its opening."""
    price = core.market.closing_price(position.symbol, position.side)
    return position.price_open if price is None else price


def floating(core: Core, position: Position) -> Decimal:
    """Value an open position in account currency, swap not included; 0 while no rate is known."""
    spec = core.spec(position.symbol)
    gain = formulas.profit(spec, position.side, position.volume, position.price_open, price_current(core, position))
    money = core.profit_money(gain, spec)
    return ZERO if money is None else money


def margin(core: Core, positions: Iterable[Position]) -> Decimal:
    """Sum the margin of positions, rounded once per symbol."""
    legs: dict[str, dict[Side, Decimal]] = {}
    for position in positions:
        spec = core.spec(position.symbol)
        amount = formulas.margin(spec, position.volume, position.price_open, core.config.leverage)
        leg = legs.setdefault(position.symbol, {Side.BUY: ZERO, Side.SELL: ZERO})
        leg[position.side] += amount * position.margin_rate
    return sum((core.money(max(leg.values())) for leg in legs.values()), ZERO)


def account(core: Core) -> Account:
    """Compute the account's figures as of now."""
    books = core.books
    worth = {ticket: floating(core, position) for ticket, position in books.positions.items()}
    profit = sum(worth.values(), ZERO) + sum((p.swap for p in books.positions.values()), ZERO)
    equity = books.balance + books.credit + profit
    used = margin(core, books.positions.values())
    return Account(
        balance=books.balance,
        credit=books.credit,
        profit=profit,
        equity=equity,
        margin=used,
        margin_free=equity - used,
        margin_level=core.money(equity / used * PERCENT) if used else ZERO,
        floating=worth,
    )


def margin_rate(core: Core, symbol: str, side: Side) -> Decimal | None:
    """Return margin currency in account currency, at the side that opening takes: the ask for a buy."""
    return core.market.rate(core.spec(symbol).currency_margin, core.config.currency, sell=side is Side.SELL)


def margin_after(core: Core, symbol: str, side: Side, volume: Decimal, price: Decimal) -> Decimal | None:
    """Compute the account's margin if this were opened now; None when it cannot be converted."""
    rate = margin_rate(core, symbol, side)
    if rate is None:
        return None
    opened = Position(
        ticket=0, symbol=symbol, side=side, volume=volume, price_open=price, margin_rate=rate, time_msc=core.now_msc
    )
    if core.is_hedging:
        return margin(core, [*core.books.positions.values(), opened])
    return margin(core, [*_without(core, symbol), *_netted(core, opened)])


def _without(core: Core, symbol: str) -> list[Position]:
    return [position for position in core.books.positions.values() if position.symbol != symbol]


def _netted(core: Core, opened: Position) -> list[Position]:
    """What is left of a symbol after the new position met the old one; the old one's price and rate stay on it."""
    for held in core.books.positions_of(opened.symbol):
        if held.side is opened.side:
            return [held, opened]
        if held.volume > opened.volume:
            return [replace(held, volume=held.volume - opened.volume)]
        return [replace(opened, volume=opened.volume - held.volume)] if opened.volume > held.volume else []
    return [opened]
