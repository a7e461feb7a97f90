"""What accounts may do: active, reducing or halted; one for each account and one for all, the stricter counts.

A new account is halted by `system` until it is reconciled for the first time. `activate_reconciled` lifts exactly that
halt; what a person (or a tripped limit) set, only `set_account_state` with a name lifts. Every change is audited.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.audit import record
from zmq_bridge.storage.engine import dump_json

STATES = ("active", "reducing", "halted")  # in order of strictness
SYSTEM = "system"
NOT_RECONCILED = "not reconciled yet"
GLOBAL_KEY = "trading_state"


class TradingStateError(ValueError):
    """A state that isn't one, or a change without a reason or a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What a change replaced, and by what."""

    before: str  # active, reducing or halted
    after: str
    reason: str
    actor: str
    at: datetime


SET_ACCOUNT = """
WITH old AS (
    SELECT id, trading_state, trading_state_reason, trading_state_actor FROM accounts WHERE id = %(id)s FOR UPDATE
)
UPDATE accounts
SET trading_state = %(state)s, trading_state_reason = %(reason)s, trading_state_actor = %(actor)s,
    trading_state_at = %(now)s
FROM old WHERE accounts.id = old.id
RETURNING old.trading_state, old.trading_state_reason, old.trading_state_actor
"""

ACTIVATE = """
UPDATE accounts
SET trading_state = 'active', trading_state_reason = 'reconciled', trading_state_at = %(now)s
WHERE id = %(id)s AND trading_state = 'halted' AND trading_state_actor = 'system'
  AND trading_state_reason = 'not reconciled yet'
  AND NOT EXISTS (SELECT FROM ledger_breaks WHERE account_id = accounts.id AND closed_at IS NULL)
RETURNING id
"""

SET_GLOBAL = """
INSERT INTO settings (key, value, actor, updated_at) VALUES ('trading_state', %(value)s::jsonb, %(actor)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, actor = excluded.actor, updated_at = excluded.updated_at
"""


def set_account_state(
    connection: Connection, account_id: int, state: str, *, reason: str, actor: str, now: datetime
) -> StateChange | None:
    """Set what one account may do. None: there is no such account.

    Raises:
        TradingStateError: an unknown state, or no reason, or no actor.
    """
    _check(state, reason, actor)
    values = {"id": account_id, "state": state, "reason": reason, "actor": actor, "now": now}
    old = connection.exec_driver_sql(SET_ACCOUNT, values).one_or_none()
    if old is None:
        return None
    before = {"state": old.trading_state, "reason": old.trading_state_reason, "actor": old.trading_state_actor}
    _record(connection, f"account:{account_id}", account_id, before, {"state": state, "reason": reason}, actor)
    return StateChange(before=old.trading_state, after=state, reason=reason, actor=actor, at=now)


def activate_reconciled(connection: Connection, account_id: int, now: datetime) -> bool:
    """Lift the halt that every account starts with.

    False: it was lifted before, something else halts it, or ledger and broker still disagree about something.
    """
    if connection.exec_driver_sql(ACTIVATE, {"id": account_id, "now": now}).one_or_none() is None:
        return False
    before = {"state": "halted", "reason": NOT_RECONCILED}
    _record(
        connection, f"account:{account_id}", account_id, before, {"state": "active", "reason": "reconciled"}, SYSTEM
    )
    return True


def set_global_state(connection: Connection, state: str, *, reason: str, actor: str, now: datetime) -> StateChange:
    """Set what every account may do at most.

    Raises:
        TradingStateError: an unknown state, or no reason, or no actor.
    """
    _check(state, reason, actor)
    connection.exec_driver_sql("LOCK TABLE settings IN SHARE ROW EXCLUSIVE MODE")
    before = connection.exec_driver_sql("SELECT value FROM settings WHERE key = 'trading_state'").scalar_one_or_none()
    after = {"state": state, "reason": reason, "actor": actor, "at": now}
    connection.exec_driver_sql(SET_GLOBAL, {"value": dump_json(after), "actor": actor, "now": now})
    _record(connection, "global:trading_state", None, before, after, actor)
    return StateChange(before=(before or {}).get("state", "active"), after=state, reason=reason, actor=actor, at=now)


def _check(state: str, reason: str, actor: str) -> None:
    if state not in STATES or not reason.strip() or not actor.strip():
        raise TradingStateError(
            f"Expected a state of {', '.join(STATES)}, a reason and an actor; found {state!r}, {reason!r}, {actor!r}."
        )


def _record(connection: Connection, subject: str, account_id: int | None, before: Any, after: Any, actor: str) -> None:
    record(
        connection, actor=actor, action="trading_state.set", subject=subject, account_id=account_id,
        before=before, after=after,
    )  # fmt: skip
