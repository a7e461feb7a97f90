"""Open risk weighed against the limits while nobody trades: prices move, and what was within a limit may be past it.

Needs quotes, so it is no part of a snapshot's transaction: the watch thread asks for it now and then. It closes nothing
and denies nothing, since every limit denies by itself; it makes a warning that stands until all is within the limits
again. What can't be valued changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine

from risk.report import Report, Usage
from risk.states import Cause, Hold, Lift
from risk.verdict import plain
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.risk.holding import impose, lift

ACTOR = "risk monitor"
CENT = Decimal("0.01")
SHOWN_MAX = Decimal(10) ** 15  # more digits than that are shown as they are


def weigh(engine: Engine, inspector: Inspector, account: Account) -> bool:
    """Compare what an account carries with its limits. True: a warning began or ended."""
    found = inspector.standing(account)
    if found.report is None or not _is_known(found.report):
        return False
    past = [usage for usage in found.report.usages if usage.left is not None and usage.left < 0]
    held = found.situation.row.holds or ()
    is_warned = any(each["cause"] == Cause.LIMIT_EXCEEDED.value and not each["everywhere"] for each in held)
    if bool(past) is is_warned:
        return False
    return _tell(engine, account.id, past, found.situation.now)


def _tell(engine: Engine, account_id: int, past: list[Usage], now: datetime) -> bool:
    with engine.begin() as connection:
        if not past:
            return lift(connection, account_id, Cause.LIMIT_EXCEEDED, Lift.MENDED, actor=ACTOR, now=now)
        reason = "; ".join(f"{usage.limit}: {_shown(usage.used)} of {_shown(usage.allowed)}" for usage in past)
        held = Hold(cause=Cause.LIMIT_EXCEEDED, reason=reason, actor=ACTOR, at=now)
        return impose(connection, account_id, held)


def _is_known(report: Report) -> bool:
    return bool(report.usages) and not report.problems and all(usage.left is not None for usage in report.usages)


def _shown(number: Decimal | None) -> str:
    """A figure for people, with cents at most."""
    return "unknown" if number is None else plain(number.quantize(CENT) if abs(number) < SHOWN_MAX else number)
