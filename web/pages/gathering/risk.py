"""Risk: what the account may do and why, used and left of every limit, exposure, the worst case, last decisions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from web.pages.cards import Context, card
from web.pages.inside import NoAnswer, ask
from web.pages.viewer import Viewer
from web.parts import parts
from zmq_bridge.storage.risk.kills import newest_kills

DECISIONS_SHOWN = 12
KILLS_SHOWN = 2
NEAR = Decimal("0.75")  # from this part of a limit on its bar warns

LIMITS = {
    "max_total_exposure_percent": ("Risk of everything open and pending", "money"),
    "max_correlated_exposure_percent": ("Risk of the largest correlated group", "money"),
    "max_daily_loss_percent": ("Loss today, with every stop hit", "money"),
    "max_drawdown_percent": ("Drawdown of the unit's price", "percent"),
    "max_positions": ("Positions and orders", "count"),
    "max_currency_exposure_percent": ("Net exposure to one currency", "money"),
    "max_leverage": ("Notional of everything", "money"),
    "min_margin_level_percent": ("Equity that the margin level needs", "money"),
}
"""Field of `risk.Limits` to what it is for people, and its unit. One that is not here is shown by its name."""

PROFIT = "Profit today, with every stop hit"
"""What the daily loss is called where it is below zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One limit as a bar."""

    name: str
    title: str
    unit: str  # money, percent or count
    used: str | None  # None: not known
    allowed: str | None
    left: str | None
    part: Decimal | None  # used of allowed, 0 and up
    look: str  # "", near or full
    gained: str | None  # where a loss is measured and there is a profit: how much


@card("limits", "Limits", topics=("risk", "positions", "account"), every_s=3)
def limits(viewer: Viewer) -> Context:
    """What is used and left of each."""
    report = _report(viewer)
    found = report["limits"] if report else []
    return {"report": report, "meters": [_meter(usage) for usage in found], "rules": _rules(viewer)}


@card("exposure", "Exposure", topics=("positions",), every_s=3, leader="limits")
def exposure(viewer: Viewer) -> Context:
    """By symbol and by currency, the correlated groups, and the worst case."""
    return {"report": _report(viewer)}


@card("risk-state", "Trading state", topics=("risk",), every_s=3, leader="limits")
def risk_state(viewer: Viewer) -> Context:
    """The state, what holds the account, and how far a stop has come."""
    return {"risk": None if viewer.login is None else ask("/api/risk/state", account=viewer.login)}


@card("switch", "Change the state", every_s=0)
def switch(viewer: Viewer) -> Context:
    """Two forms; what they did shows in the other cards."""
    return {"login": viewer.login, "waits": viewer.login is None}


@card("decisions", "Last decisions", topics=("signals", "risk"), every_s=5)
def decisions(viewer: Viewer) -> Context:
    """What risk said, and the figures that it said it by; above them, when the kill switch was used."""
    if viewer.account is None:
        return {"decisions": [], "kills": []}
    found = ask("/api/risk/decisions", account=viewer.login, limit=DECISIONS_SHOWN)
    with parts().engine.connect() as connection:
        kills = newest_kills(connection, viewer.account.id, KILLS_SHOWN)
    return {"decisions": found["decisions"], "kills": kills}


def _report(viewer: Viewer) -> Any:
    """The live report; None while there is no account."""
    if viewer.login is None:
        return None
    try:
        return ask("/api/risk/report", account=viewer.login)
    except NoAnswer as problem:
        if problem.status == 404:
            return None
        raise


def _rules(viewer: Viewer) -> Any:
    """The limits in force that are rules for one order rather than budgets."""
    return None if viewer.login is None else ask("/api/risk/limits", account=viewer.login)["limits"]


def _meter(usage: dict[str, Any]) -> Meter:
    title, unit = LIMITS.get(usage["limit"], (usage["limit"].replace("_", " "), "count"))
    part = _part(usage["used"], usage["allowed"])
    gained = None
    if usage["limit"] == "max_daily_loss_percent" and usage["used"] is not None and Decimal(usage["used"]) < 0:
        title, gained = PROFIT, str(-Decimal(usage["used"]))
    look = "" if part is None or part < NEAR else "near" if part < 1 else "full"
    return Meter(name=usage["limit"], title=title, unit=unit, part=part, look=look,
                 used=usage["used"], allowed=usage["allowed"], left=usage["left"], gained=gained)  # fmt: skip


def _part(used: str | None, allowed: str | None) -> Decimal | None:
    if used is None or allowed is None:
        return None
    budget, taken = Decimal(allowed), max(Decimal(used), Decimal(0))
    if budget <= 0:
        return Decimal(1)
    return taken / budget
