"""A healthy account to start from: tests change one thing and look what happens.

`NOW` is a Wednesday, 12:00 UTC; the trade server is two hours ahead. All markets are open around the clock.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from risk.intent import Intent, Kind, OrderType, Side
from risk.limits import Limits
from risk.snapshot import (
    AccountState,
    CalcMode,
    Correlations,
    DayReference,
    MarginMode,
    NavIndex,
    OpenPosition,
    PendingOrder,
    Quote,
    Reservation,
    Session,
    Snapshot,
    State,
    SymbolSpec,
    TradeMode,
    TradingState,
)

D = Decimal
NOW = datetime(2024, 5, 15, 12, 0, tzinfo=UTC)
OFFSET_S = 7200
SERVER_DAY = date(2024, 5, 15)
ACCOUNT_ID = 7
ALWAYS = tuple(Session(day=day, from_s=0, to_s=86_400) for day in range(7))
NO_LIMITS_ON_COSTS = {"slippage_points": 0}  # worked numbers are without a slippage buffer

PRICES = {
    "EURUSD": ("1.08490", "1.08500"),
    "GBPUSD": ("1.26540", "1.26550"),
    "USDJPY": ("151.200", "151.210"),
    "GBPJPY": ("191.330", "191.350"),
    "XAUUSD": ("2350.20", "2350.50"),
    "USDCHF": ("0.90500", "0.90510"),
}


def spec(symbol: str, **changes: Any) -> SymbolSpec:
    """Return the specification of a currency pair or of gold."""
    base, profit = symbol[:3], symbol[3:6]
    point = {"JPY": "0.001"}.get(profit, "0.00001") if base != "XAU" else "0.01"
    contract = D(100) if base == "XAU" else D(100_000)
    usd_per_profit = {"USD": D(1), "JPY": 1 / D("151.200"), "CHF": 1 / D("0.90500")}[profit]
    fields: dict[str, Any] = {
        "symbol": symbol,
        "digits": -D(point).adjusted(),
        "point": D(point),
        "tick_size": D(point),
        "tick_value": contract * D(point) * usd_per_profit,
        "contract_size": contract,
        "volume_min": D("0.01"),
        "volume_max": D(100),
        "volume_step": D("0.01"),
        "calc_mode": CalcMode.CFD_LEVERAGE if base == "XAU" else CalcMode.FOREX,
        "trade_mode": TradeMode.FULL,
        "currency_base": base,
        "currency_profit": profit,
        "currency_margin": "USD" if base == "XAU" else base,
        "sessions": ALWAYS,
        "as_of": NOW - timedelta(hours=1),
    }
    return SymbolSpec(**{**fields, **changes})


def quote(bid: str, ask: str, age_s: float = 0.5) -> Quote:
    """Return a quote received `age_s` seconds ago."""
    return Quote(bid=D(bid), ask=D(ask), received_at=NOW - timedelta(seconds=age_s))


def account(**changes: Any) -> AccountState:
    """Return an account of 10 000 USD at 1:100 with nothing open."""
    fields: dict[str, Any] = {
        "login": 123456,
        "currency": "USD",
        "digits": 2,
        "leverage": 100,
        "margin_mode": MarginMode.HEDGING,
        "balance": D(10_000),
        "equity": D(10_000),
        "credit": D(0),
        "margin": D(0),
        "margin_free": D(10_000),
        "trade_allowed": True,
        "as_of": NOW - timedelta(seconds=1),
    }
    return AccountState(**{**fields, **changes})


def snapshot(**changes: Any) -> Snapshot:
    """Return the snapshot of a healthy account with nothing open."""
    state = TradingState(state=State.ACTIVE, reason="reconciled", actor="desk", at=NOW - timedelta(hours=2))
    fields: dict[str, Any] = {
        "account_id": ACCOUNT_ID,
        "account": account(),
        "quotes": {symbol: quote(*prices) for symbol, prices in PRICES.items()},
        "specs": {symbol: spec(symbol) for symbol in PRICES},
        "positions": (),
        "orders": (),
        "reservations": (),
        "day": DayReference(server_day=SERVER_DAY, reference=D(10_000), net_flows=D(0)),
        "nav_index": NavIndex(price=D(1), peak=D(1), units=D(10_000)),
        "trading_state": state,
        "heartbeat_at": NOW - timedelta(seconds=0.4),
        "clock_skew_s": D("0.2"),
        "server_offset_s": OFFSET_S,
        "recent_orders": (),
        "correlations": Correlations(as_of=NOW - timedelta(hours=1), symbols=frozenset(PRICES), links={}),
    }
    return Snapshot(**{**fields, **changes})


def intent(**changes: Any) -> Intent:
    """Return a wish to buy 0.10 EURUSD at market: 20 pips to the stop, 40 to the target."""
    fields: dict[str, Any] = {
        "account": ACCOUNT_ID,
        "kind": Kind.OPEN,
        "created_at": NOW - timedelta(seconds=1),
        "symbol": "EURUSD",
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "volume": D("0.10"),
        "sl": D("1.08300"),
        "tp": D("1.08900"),
        "source": "key-1",
        "strategy": "trend",
    }
    return Intent(**{**fields, **changes})


def limits(**changes: Any) -> Limits:
    """Return the default limits with some changed; numbers may be given as text."""
    values: dict[str, Any] = {k: D(v) if isinstance(v, str) else v for k, v in changes.items()}
    return replace(Limits(), **values)


def position(ticket: int = 1, **changes: Any) -> OpenPosition:
    """Return an open buy of 0.10 EURUSD with its stop 19 pips below the bid."""
    fields: dict[str, Any] = {
        "ticket": ticket,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "volume": D("0.10"),
        "price_open": D("1.08400"),
        "sl": D("1.08300"),
        "tp": D("1.09000"),
    }
    return OpenPosition(**{**fields, **changes})


def pending(ticket: int = 100, **changes: Any) -> PendingOrder:
    """Return a buy limit of 0.10 EURUSD at 1.08000 with its stop 20 pips below."""
    fields: dict[str, Any] = {
        "ticket": ticket,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "volume": D("0.10"),
        "price": D("1.08000"),
        "sl": D("1.07800"),
        "tp": D("1.08600"),
    }
    return PendingOrder(**{**fields, **changes})


def reservation(command_id: str = "C1", **changes: Any) -> Reservation:
    """Return what an approved buy of 0.10 EURUSD reserved."""
    fields: dict[str, Any] = {
        "command_id": command_id,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "volume": D("0.10"),
        "risk": D("20.00"),
        "margin": D("108.50"),
        "notional": D("10850.00"),
        "slots": 1,
    }
    return Reservation(**{**fields, **changes})
