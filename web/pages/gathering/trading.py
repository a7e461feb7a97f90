"""Trading: the chart's frame, the order ticket, what is open, what rests at the broker, what was traded."""

from __future__ import annotations

from web.pages.cards import Context, card
from web.pages.inside import ask
from web.pages.viewer import Viewer

TRADES_SHOWN = 12
TIMEFRAMES = ("M1", "M5", "M15", "M30", "H1", "H4", "D1")


@card("chart", "Chart", every_s=0)
def chart(viewer: Viewer) -> Context:
    """The frame of the candles; `candles.js` draws them."""
    symbols = _symbols(viewer)
    return {"symbols": symbols, "timeframes": TIMEFRAMES, "waits": not symbols}


@card("ticket", "Order ticket", every_s=0)
def ticket(viewer: Viewer) -> Context:
    """A form; `ticket.js` asks risk about it while it is filled in."""
    symbols = _symbols(viewer)
    return {"symbols": symbols, "waits": not symbols}


@card("orders", "Pending orders", topics=("positions", "signals"), every_s=4)
def orders(viewer: Viewer) -> Context:
    """What rests at the broker."""
    found = [] if viewer.login is None else ask("/api/orders", account=viewer.login, status="working")["orders"]
    return {"orders": found}


@card("trades", "Closed trades", topics=("positions",), every_s=10)
def trades(viewer: Viewer) -> Context:
    """The newest round trips that are over."""
    if viewer.login is None:
        return {"trades": []}
    return {"trades": ask("/api/trades", account=viewer.login, status="closed", limit=TRADES_SHOWN)["trades"]}


def _symbols(viewer: Viewer) -> list[str]:
    if viewer.login is None:
        return []
    return [price["symbol"] for price in ask("/api/market/prices", account=viewer.login)["prices"]]
