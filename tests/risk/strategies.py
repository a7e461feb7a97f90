"""Random worlds near the limits, and an independent judge of them in exact fractions.

The judge shares no code with the package: it recomputes what may be lost from the raw values of a snapshot.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from risk import Intent, Limits
from risk.intent import OrderType, Side
from risk.snapshot import (
    Correlations,
    DayReference,
    Link,
    MarginMode,
    NavIndex,
    OpenPosition,
    PendingOrder,
    Reservation,
    Snapshot,
    SymbolSpec,
)
from tests.risk.world import NOW, PRICES, SERVER_DAY, D, account, intent, limits, pending, position, quote, snapshot

SYMBOLS = tuple(PRICES)
sides = st.sampled_from(Side)
symbols = st.sampled_from(SYMBOLS)
lots = st.integers(1, 60).map(lambda n: D(n) / 100)
links = st.dictionaries(symbols, st.dictionaries(symbols, st.sampled_from(Link), max_size=3), max_size=3)
ages = st.floats(0, 4, allow_nan=False).map(lambda s: round(s, 3))


def price_of(symbol: str, side: Side) -> Decimal:
    """Return what the side pays now."""
    bid, ask = PRICES[symbol]
    return D(ask) if side is Side.BUY else D(bid)


def away(symbol: str, side: Side, pips: int) -> Decimal:
    """Return a price so many tenths of a per mille on the losing side of the market, on the symbol's ticks."""
    tick = D("0.001") if symbol.endswith("JPY") else D("0.01") if symbol == "XAUUSD" else D("0.00001")
    price = price_of(symbol, side)
    distance = price * pips / 10_000
    return ((price - distance if side is Side.BUY else price + distance) // tick) * tick


@st.composite
def positions(draw: st.DrawFn, ticket: int) -> OpenPosition:
    symbol, side = draw(symbols), draw(sides)
    return position(
        ticket, symbol=symbol, side=side, volume=draw(lots), price_open=price_of(symbol, side),
        sl=away(symbol, side, draw(st.integers(-5, 60))), tp=None,
    )  # fmt: skip


@st.composite
def pendings(draw: st.DrawFn, ticket: int) -> PendingOrder:
    symbol, side = draw(symbols), draw(sides)
    start = draw(st.integers(5, 30))
    kind = draw(st.sampled_from((OrderType.LIMIT, OrderType.STOP)))
    entry = away(symbol, side, start if kind is OrderType.LIMIT else -start)
    stop = away(symbol, side, (start if kind is OrderType.LIMIT else -start) + draw(st.integers(6, 50)))
    return pending(ticket, symbol=symbol, side=side, order_type=kind, volume=draw(lots), price=entry, sl=stop, tp=None)


@st.composite
def reservations(draw: st.DrawFn, name: str) -> Reservation:
    size = draw(lots)
    return Reservation(
        command_id=name, symbol=draw(symbols), side=draw(sides), volume=size, margin=size * 1000,
        risk=D(draw(st.integers(0, 20_000))) / 100, notional=size * 100_000, slots=draw(st.integers(0, 1)),
    )  # fmt: skip


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A healthy, more or less burdened account."""
    equity, balance = (D(1_000_000 + draw(st.integers(-45_000, 50_000))) / 100 for _ in range(2))
    credit = D(draw(st.sampled_from((0, 0, 100))))
    flows = D(draw(st.sampled_from((0, 0, 500, -300))))
    judged = draw(st.frozensets(symbols))
    return snapshot(
        account=account(
            balance=balance, equity=equity, credit=credit, margin_free=equity - 500, margin=D(500),
            margin_mode=draw(st.sampled_from(MarginMode)),
        ),
        positions=tuple(draw(positions(n)) for n in range(draw(st.integers(0, 3)))),
        orders=tuple(draw(pendings(100 + n)) for n in range(draw(st.integers(0, 2)))),
        reservations=tuple(draw(reservations(f"C{n}")) for n in range(draw(st.integers(0, 2)))),
        day=DayReference(server_day=SERVER_DAY, reference=D(10_000), net_flows=flows),
        nav_index=NavIndex(price=1 - D(draw(st.integers(0, 21))) / 100, peak=D(1), units=D(10_000)),
        correlations=draw(
            st.none() | links.map(lambda v: Correlations(as_of=NOW - timedelta(hours=1), symbols=judged, links=v))
        ),
    )  # fmt: skip


@st.composite
def openings(draw: st.DrawFn, sized: bool | None = None) -> Intent:
    """A well-formed order, by volume or by percentage of risk."""
    symbol, side = draw(symbols), draw(sides)
    stop, ratio = draw(st.integers(6, 40)), 40 - draw(st.integers(0, 28))
    by_risk = draw(st.booleans()) if sized is None else sized
    amount: dict[str, Any] = (
        {"volume": None, "risk_percent": D(draw(st.integers(10, 220))) / 100} if by_risk else {"volume": draw(lots)}
    )
    return intent(
        symbol=symbol, side=side, sl=away(symbol, side, stop), tp=away(symbol, side, -stop * ratio // 10),
        deviation_points=draw(st.integers(0, 20)), **amount,
    )  # fmt: skip


@st.composite
def tighter(draw: st.DrawFn) -> dict[str, Any]:
    """Some limits, each around where it begins to bite."""
    hundredths = {
        "max_position_size_percent": (20, 220), "max_total_exposure_percent": (100, 1100),
        "max_daily_loss_percent": (50, 800), "max_drawdown_percent": (200, 2500), "min_risk_reward": (100, 300),
        "max_correlated_exposure_percent": (50, 500), "max_currency_exposure_percent": (10_000, 150_000),
        "max_leverage": (100, 2200), "min_margin_level_percent": (10_000, 100_000), "max_lots": (5, 100),
        "min_stop_distance_percent": (1, 30), "max_spread_percent": (0, 20), "max_quote_age_s": (30, 1000),
        "max_account_age_s": (80, 500), "max_signal_age_s": (80, 3000), "max_disagreement_percent": (0, 100),
    }  # fmt: skip
    names = draw(st.lists(st.sampled_from(sorted(hundredths)), max_size=4, unique=True))
    chosen: dict[str, Any] = {name: D(draw(st.integers(*hundredths[name]))) / 100 for name in names}
    if draw(st.booleans()):
        chosen["max_positions"] = draw(st.integers(1, 8))
    return chosen


@st.composite
def rules(draw: st.DrawFn) -> Limits:
    """Limits with a commission and a slippage buffer of their own."""
    costs = {"slippage_points": draw(st.integers(0, 15)), "commission": D(draw(st.integers(0, 10)))}
    return replace(limits(), **costs, **draw(tighter()))  # type: ignore[arg-type]  # values fit their fields by construction


def aged(world: Snapshot, by_s: float) -> Snapshot:
    """Return the same world with everything older."""
    old = timedelta(seconds=by_s)
    assert world.account is not None
    assert world.heartbeat_at is not None
    young = world.correlations
    return replace(
        world,
        quotes={
            name: quote(str(q.bid), str(q.ask), (NOW - q.received_at + old).total_seconds())
            for name, q in world.quotes.items()
        },
        specs={name: replace(s, as_of=s.as_of - old) for name, s in world.specs.items()},
        account=replace(world.account, as_of=world.account.as_of - old),
        heartbeat_at=world.heartbeat_at - old,
        correlations=None if young is None else replace(young, as_of=young.as_of - old),
    )


# The independent judge.


def dollars(currency: str) -> Fraction:
    """Return what owing one unit of the currency costs in dollars at worst."""
    if currency == "USD":
        return Fraction(1)
    if currency + "USD" in PRICES:
        return Fraction(PRICES[currency + "USD"][1])
    return 1 / Fraction(PRICES["USD" + currency][0])


def per_price(spec: SymbolSpec) -> Fraction:
    """Return the dollars a move of 1.0 costs one lot."""
    return Fraction(spec.contract_size) * dollars(spec.currency_profit)


def stop_of(held: OpenPosition, world: Snapshot, wish: Intent | None) -> Fraction:
    """Return the stop a position ends up with: its own, or on a netting account that of the worst order joining it."""
    assert world.account is not None
    assert held.sl is not None
    stops = [Fraction(held.sl)]
    if world.account.margin_mode is not MarginMode.HEDGING:
        others: list[PendingOrder | Intent] = [*(world.orders or ()), *([] if wish is None else [wish])]
        stops += [Fraction(o.sl) for o in others if o.sl is not None and (o.symbol, o.side) == (held.symbol, held.side)]
    return min(stops) if held.side is Side.BUY else max(stops)


def lost_at_stop(world: Snapshot, rules: Limits, wish: Intent | None = None) -> Fraction:
    """Return what the account loses when every stop of the book is hit, everything pending filled at its worst."""
    total = Fraction(0)
    for held in world.positions or ():
        spec, (bid, ask) = world.specs[held.symbol], PRICES[held.symbol]
        stop = stop_of(held, world, wish)
        distance = Fraction(bid) - stop if held.side is Side.BUY else stop - Fraction(ask)
        move = max(distance, Fraction(0)) + rules.slippage_points * Fraction(spec.point)
        total += Fraction(held.volume) * (move * per_price(spec) + Fraction(rules.commission) / 2)
    for order in world.orders or ():
        spec = world.specs[order.symbol]
        assert order.sl is not None
        slips = 2 if order.order_type is OrderType.STOP else 1
        move = abs(Fraction(order.price) - Fraction(order.sl)) + slips * rules.slippage_points * Fraction(spec.point)
        total += Fraction(order.volume) * (move * per_price(spec) + Fraction(rules.commission))
    return total + sum((Fraction(held.risk) for held in world.reservations or ()), Fraction(0))


def lost_by_order(wish: Intent, volume: Decimal, world: Snapshot, rules: Limits) -> Fraction:
    """Return what a market order loses at its stop, filled at the worst price it permits."""
    spec = world.specs[wish.symbol]
    assert wish.side is not None
    assert wish.sl is not None
    slip = (wish.deviation_points + rules.slippage_points) * Fraction(spec.point)
    move = abs(Fraction(price_of(wish.symbol, wish.side)) - Fraction(wish.sl)) + slip
    return Fraction(volume) * (move * per_price(spec) + Fraction(rules.commission))
