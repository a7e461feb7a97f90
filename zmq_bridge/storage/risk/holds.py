"""Everything that keeps an account from opening positions now, in one list: who holds it, how, and what lifts it.

The gate decides by the same rows (`storage.gate`); this is what people are shown, so that a halt is never invisible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason why an account may not open positions, or not all."""

    state: str  # of the account: reducing or halted; active where only one strategy is stopped
    reason: str  # in words
    lifted_by: str  # what ends it


QUERY = """
SELECT a.login, a.trading_state, a.trading_state_reason, g.value->>'state' AS everywhere,
       g.value->>'reason' AS everywhere_reason, r.halted_until, COALESCE(r.drawdown_latched, false) AS drawdown_latched,
       (SELECT array_agg(strategy ORDER BY strategy) FROM strategy_latches l WHERE l.account_id = a.id) AS strategies,
       r.halted_until > now() AS day_halted
FROM accounts a
LEFT JOIN settings g ON g.key = 'trading_state'
LEFT JOIN risk_state r ON r.account_id = a.id
WHERE a.id = %(account)s
"""


def holds(connection: Connection, account_id: int) -> tuple[Hold, ...]:
    """Return what holds an account; nothing: it is active."""
    row = connection.exec_driver_sql(QUERY, {"account": account_id}).one_or_none()
    return () if row is None else tuple(_holds(row))


def effective_state(found: tuple[Hold, ...]) -> str:
    """Return the strictest state of the holds that are about the whole account."""
    states = {hold.state for hold in found}
    return next((state for state in ("halted", "reducing") if state in states), "active")


def _holds(row: Row[Any]) -> list[Hold]:
    found = []
    account = f"`zmq-bridge trading active --account {row.login} --reason WHY`"
    if (row.everywhere or "active") != "active":
        everywhere = "`zmq-bridge trading active --reason WHY`"
        found.append(Hold(state=row.everywhere, reason=f"all accounts: {row.everywhere_reason}", lifted_by=everywhere))
    if row.trading_state != "active":
        found.append(Hold(state=row.trading_state, reason=row.trading_state_reason, lifted_by=account))
    if row.day_halted:
        until = f"the server's next day, {row.halted_until:%Y-%m-%d %H:%M} UTC"
        found.append(Hold(state="halted", reason="daily loss limit reached", lifted_by=until))
    if row.drawdown_latched:
        mend = f"`zmq-bridge trading reset-drawdown --account {row.login} --reason WHY`"
        found.append(Hold(state="halted", reason="drawdown limit reached", lifted_by=mend))
    return found + [_strategy(row.login, name) for name in row.strategies or ()]


def _strategy(login: int, name: str) -> Hold:
    mend = f"`zmq-bridge trading release-strategy {name} --account {login}`"
    return Hold(state="active", reason=f"strategy {name} repeated itself and is stopped", lifted_by=mend)
