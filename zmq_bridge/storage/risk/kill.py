"""The kill switch: halt, cancel every pending order, and if asked close every position.

Law: the hold is committed first, and waits for nobody, so from then on nothing new is approved anywhere. Then each
account is acted on in a transaction of its own (`stopping`); one that is busy is said to be waiting, and is come back
to. Used twice it does what is still missing and nothing twice. It needs neither live state nor a terminal: what can't
be done now is done when the terminal is back, because the hold stays and `enforcement` works it off with every
snapshot. What a terminal said to it is in `standing_of_kill`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from risk.snapshot import State
from risk.states import Cause, Hold
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.risk.holding import announce
from zmq_bridge.storage.risk.stopping import Done, carry_out_each
from zmq_bridge.storage.risk.trading_state import TradingStateError

STANDING = """
SELECT accounts.id, accounts.login, accounts.server,
    (SELECT count(*) FROM orders WHERE account_id = accounts.id AND working) AS orders_left,
    (SELECT count(*) FROM positions WHERE account_id = accounts.id) AS positions_left,
    EXISTS (SELECT FROM stops_outstanding WHERE account_id = accounts.id) AS waiting,
    terminal.trading_state AS terminal_state, terminal.trading_state_at AS terminal_state_at,
    terminal.state = 'connected' AS terminal_connected
FROM accounts LEFT JOIN LATERAL (
    SELECT state, trading_state, trading_state_at FROM terminals
    WHERE account_id = accounts.id AND role IN ('both', 'desk') ORDER BY session DESC LIMIT 1
) AS terminal ON true
WHERE accounts.id = %(account)s
"""

COMMANDS = """
SELECT id, kind, payload ->> 'order' AS "order", status, retcode_name, message, created_at, finished_at FROM commands
WHERE account_id = %(account)s AND source IN ('system:kill', 'system:risk') AND created_at >= %(since)s
ORDER BY id DESC LIMIT 100
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What the switch did for one account."""

    account_id: int
    new: bool  # False: it was in force already, as strict
    waiting: bool  # the account is busy: it is halted, and the rest is done as soon as it is free
    stopped: tuple[str, ...]  # commands that were not sent any more
    recalled: tuple[str, ...]  # sent before, perhaps not delivered: the terminal says whether it had begun them
    sent: tuple[str, ...]  # commands that are on their way: the state, cancels, the closing of everything


def kill(
    engine: Engine, account_id: int | None, *, close_positions: bool, reason: str, actor: str, now: datetime
) -> list[Killed]:
    """Stop one account, or all. When this returns the halt is committed; each account says whether it was acted on.

    Args:
        account_id: None for every account, also those that come later.
        close_positions: also close every position, and go on until none is left.

    Raises:
        TradingStateError: no reason, or nobody's name.
    """
    if not reason.strip() or not actor.strip():
        raise TradingStateError(f"Expected a reason and an actor; found {reason!r}, {actor!r}.")
    held = Hold(cause=Cause.KILL_SWITCH, reason=reason, actor=actor, at=now, closes=close_positions)
    with engine.begin() as connection:
        new, accounts = announce(connection, account_id, held, tells=True)
        record(
            connection, actor=actor, action="kill_switch.use", account_id=account_id,
            subject="account:all" if account_id is None else f"account:{account_id}",
            after={"close_positions": close_positions, "reason": reason, "new": new, "accounts": accounts},
        )  # fmt: skip
    done = carry_out_each(engine, accounts, now)
    return [_killed(each, new, done.get(each)) for each in accounts]


def standing_of_kill(connection: Connection, account_id: int, since: datetime) -> dict[str, Any]:
    """Say how far a stop has come: what the terminal enforces, what is left, and what became of each command."""
    row = connection.exec_driver_sql(STANDING, {"account": account_id}).one()
    commands = connection.exec_driver_sql(COMMANDS, {"account": account_id, "since": since})
    return {
        "terminal": {"connected": row.terminal_connected, "state": row.terminal_state, "at": row.terminal_state_at},
        "orders_left": row.orders_left,
        "positions_left": row.positions_left,
        "waiting": row.waiting,
        "acknowledged": row.terminal_state == State.HALTED.value,
        "commands": [dict(each._mapping) for each in commands],
    }


def _killed(account_id: int, new: bool, done: Done | None) -> Killed:
    found = done or Done()
    return Killed(
        account_id=account_id, new=new, waiting=done is None, stopped=found.stopped, recalled=found.recalled,
        sent=found.sent,
    )  # fmt: skip
