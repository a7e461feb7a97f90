"""Is this the time to trade this symbol: account hours, the broker's sessions and trade mode, news blackouts.

Hours and sessions are in trade-server time; days count from Sunday = 0, as MT5 does.
"""

from datetime import datetime, timedelta

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


def check_account_hours(ask: Ask) -> Check:
    """Every group of hours set for the account holds this moment."""
    groups, offset = ask.limits.hours, ask.snapshot.server_offset_s
    if not groups:
        return Check(Code.OUTSIDE_TRADING_HOURS, "always", "always", True)
    if offset is None:
        return Check(Code.OUTSIDE_TRADING_HOURS, None, "hours", False)
    day, second = week_time(ask.now, offset)
    return Check(Code.OUTSIDE_TRADING_HOURS, f"day {day} second {second}", "hours",
                 all(_inside(group, day, second) for group in groups))  # fmt: skip


def check_session(ask: Ask, order: Order) -> Check:
    """The broker's own sessions of the symbol hold this moment; a symbol without sessions is closed."""
    offset = ask.snapshot.server_offset_s
    if offset is None:
        return Check(Code.MARKET_CLOSED, None, "sessions", False)
    day, second = week_time(ask.now, offset)
    return Check(Code.MARKET_CLOSED, f"day {day} second {second}", "sessions",
                 _inside(order.lot.spec.sessions, day, second))  # fmt: skip


def check_trade_mode(ask: Ask, order: Order) -> Check:
    """The broker takes new orders of this side."""
    mode = order.lot.spec.trade_mode
    return Check(Code.SYMBOL_TRADE_MODE, mode.value, order.side.value, order.side in _SIDES[mode])


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
            return Check(Code.NEWS_BLACKOUT, window.title, f"after {window.ends_at.isoformat()}", False)
    return Check(Code.NEWS_BLACKOUT, "none", "none", True)


def week_time(now: datetime, offset_s: int) -> tuple[int, int]:
    """Return day (Sunday = 0) and second of the day on the trade server's clock."""
    server = now + timedelta(seconds=offset_s)
    return server.isoweekday() % 7, server.hour * 3600 + server.minute * 60 + server.second


def _inside(sessions: tuple[Session, ...], day: int, second: int) -> bool:
    return any(s.day == day and s.from_s <= second < s.to_s for s in sessions)
