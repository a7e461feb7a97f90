"""Is this the time to trade this symbol: account hours, the broker's sessions and trade mode, news blackouts.

Hours and sessions are in trade-server time; days count from Sunday = 0, as MT5 does.
"""

from datetime import datetime

from risk.case import Ask
from risk.codes import Code
from risk.intent import Side
from risk.order import Order
from risk.snapshot import Session, TradeMode
from risk.verdict import Check

_SIDES = {
    TradeMode.FULL: frozenset({Side.BUY, Side.SELL}),
    TradeMode.LONG_ONLY: frozenset({Side.BUY}),
    TradeMode.SHORT_ONLY: frozenset({Side.SELL}),
    TradeMode.CLOSE_ONLY: frozenset[Side](),
    TradeMode.DISABLED: frozenset[Side](),
}

MARKET_CLOSED = Code.MARKET_CLOSED
NEWS_BLACKOUT = Code.NEWS_BLACKOUT
OUTSIDE_TRADING_HOURS = Code.OUTSIDE_TRADING_HOURS
SYMBOL_TRADE_MODE = Code.SYMBOL_TRADE_MODE


def check_account_hours(ask: Ask) -> Check:
    """Every group of hours set for the account holds this moment."""
    groups, server = ask.limits.hours, ask.server_now
    if not groups:
        return Check(OUTSIDE_TRADING_HOURS, "always", "always", True)
    passed = server is not None and all(inside(group, server) for group in groups)
    return Check(OUTSIDE_TRADING_HOURS, server, "hours", passed)


def check_session(ask: Ask, order: Order) -> Check:
    """The broker's own sessions of the symbol hold this moment; a symbol without sessions is closed."""
    server = ask.server_now
    passed = server is not None and inside(order.lot.spec.sessions, server)
    return Check(MARKET_CLOSED, server, "sessions", passed)


def check_trade_mode(ask: Ask, order: Order) -> Check:
    """The broker takes new orders of this side."""
    mode = order.lot.spec.trade_mode
    return Check(SYMBOL_TRADE_MODE, mode, order.side, order.side in _SIDES[mode])


def check_news(ask: Ask, order: Order) -> Check:
    """No blackout window covers a currency of the symbol now."""
    spec = order.lot.spec
    for window in ask.snapshot.news_windows:
        hit = (
            not window.currencies
            or spec.currency_base in window.currencies
            or spec.currency_profit in window.currencies
        )
        if hit and window.starts_at <= ask.now <= window.ends_at:
            return Check(NEWS_BLACKOUT, window.title, f"after {window.ends_at.isoformat()}", False)
    return Check(NEWS_BLACKOUT, "none", "none", True)


def inside(sessions: tuple[Session, ...], server: datetime) -> bool:
    """Tell whether a session holds the moment."""
    day, second = server.isoweekday() % 7, server.hour * 3600 + server.minute * 60 + server.second
    return any(session.day == day and session.from_s <= second < session.to_s for session in sessions)
