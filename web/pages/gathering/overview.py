"""Overview: the account's money, live prices, what is open, how everything is, and what came in last."""

from __future__ import annotations

from typing import Any

from web.pages.cards import Context, card
from web.pages.inside import NoAnswer, ask
from web.pages.viewer import Viewer

PRICE_STALE_MS = 10_000
SIGNALS_SHOWN = 6


@card("account", "Account", topics=("account",), every_s=3)
def account(viewer: Viewer) -> Context:
    """The money as of the last snapshot."""
    return {"account": account_or_none(viewer)}


@card("prices", "Prices", topics=("symbols",), every_s=5)
def prices(viewer: Viewer) -> Context:
    """Every price; the stream then moves them one by one."""
    if viewer.login is None:
        return {"prices": [], "stale_ms": PRICE_STALE_MS}
    return {"prices": ask("/api/market/prices", account=viewer.login)["prices"], "stale_ms": PRICE_STALE_MS}


@card("positions", "Open positions", topics=("positions", "account"), every_s=3)
def positions(viewer: Viewer) -> Context:
    """What is open now."""
    found = [] if viewer.login is None else ask("/api/positions", account=viewer.login)["positions"]
    return {"positions": found}


@card("equity", "Equity and NAV", every_s=0)
def equity(viewer: Viewer) -> Context:
    """The frame of the curve; `curve.js` draws it."""
    return {"login": viewer.login, "waits": viewer.login is None}


@card("health", "Health", every_s=2)
def health(_viewer: Viewer) -> Context:
    """Every part, and whether signals are taken."""
    return {"health": ask("/health", accept=(503,))}


@card("latest-signals", "Last signals", topics=("signals",), every_s=5)
def latest_signals(viewer: Viewer) -> Context:
    """The newest few."""
    return {"signals": ask("/api/signals", limit=SIGNALS_SHOWN, account=viewer.login)["signals"]}


@card("state", "Trading state", topics=("risk",), every_s=5, inline=True)
def state(viewer: Viewer) -> Context:
    """Whether the account may open positions, in one word."""
    return {"account": account_or_none(viewer)}


@card("holds", "What holds the account", topics=("risk",), every_s=5, inline=True)
def holds(viewer: Viewer) -> Context:
    """Why it may not."""
    found = account_or_none(viewer)
    return {"holds": found["holds"] if found else []}


def account_or_none(viewer: Viewer) -> Any:
    """The account; None before its first snapshot."""
    if viewer.login is None:
        return None
    try:
        return ask("/api/account", account=viewer.login)
    except NoAnswer as problem:
        if problem.status == 404:
            return None
        raise
