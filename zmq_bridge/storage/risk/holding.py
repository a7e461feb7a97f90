"""Holds as stored: the one place that says why an account may not trade freely, since when, by whom, and until when.

What a cause means and what ends it is `risk.states`' to say; here holds begin and end, once each, with a line in the
audit log and a word to people. A row that has ended stays: the table is its own history. A hold without an account is
in force for all of them. Beginning or ending one of an account takes the account's lock, so it never crosses a
decision; and one that leaves it less than active ends the openings on their way (`recall`). A stop (`announce`) takes
no account's lock and waits for no decision: nothing is approved once it is committed, and what was approved before is
noted as outstanding (`outstanding`). Whoever begins or ends a hold holds `Lock.HOLDS` of where it counts, last; for him
alone a stop waits, and however long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from risk import states
from risk.snapshot import State
from risk.states import RULES, Cause, Hold, Lift
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.locks import EVERYWHERE, Lock
from zmq_bridge.storage.locks import hold as lock
from zmq_bridge.storage.notifications import words as said
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.tell import notify
from zmq_bridge.storage.risk.outstanding import note
from zmq_bridge.storage.risk.recall import end_openings, wake

COLUMNS = "id, account_id, cause, reason, actor, began_at, until, closes"

IN_FORCE = f"""
SELECT {COLUMNS} FROM holds
WHERE ended_at IS NULL AND (account_id = %(account)s OR account_id IS NULL) ORDER BY id
"""

FIND = f"""
SELECT {COLUMNS} FROM holds
WHERE ended_at IS NULL AND account_id IS NOT DISTINCT FROM %(account)s AND cause = %(cause)s
"""

BEGIN = """
INSERT INTO holds (account_id, cause, state, reason, actor, began_at, until, closes)
VALUES (%(account)s, %(cause)s, %(state)s, %(reason)s, %(actor)s, %(began_at)s, %(until)s, %(closes)s)
"""

END = "UPDATE holds SET ended_at = %(now)s, ended_by = %(actor)s WHERE id = %(id)s"

REWORD = "UPDATE holds SET reason = %(reason)s WHERE id = %(id)s"

PATIENT = "SET LOCAL lock_timeout = 0"
"""Who is changing the same holds at this moment is over soon, or is ended by `engine.IDLE_IN_TRANSACTION_TIMEOUT_MS`: a
stop that comes late is better than one that failed."""

TOLD_AS = {
    Cause.DAILY_LOSS: Event.RISK_LIMIT,
    Cause.DRAWDOWN: Event.RISK_LIMIT,
    Cause.REJECT_STORM: Event.RISK_LIMIT,
    Cause.TERMINAL_LOST: Event.RISK_LIMIT,
    Cause.MARGIN_LOW: Event.RISK_WARNING,
    Cause.LIMIT_EXCEEDED: Event.RISK_WARNING,
    Cause.POSITION_UNPROTECTED: Event.UNUSUAL_ACTIVITY,
    Cause.POSITION_BY_HAND: Event.UNUSUAL_ACTIVITY,
    Cause.OPERATOR_REDUCING: Event.TRADING_STATE,
    Cause.OPERATOR_HALTED: Event.TRADING_STATE,
    Cause.KILL_SWITCH: Event.KILL_SWITCH,
}
"""What people hear when a hold begins. A break and an event that was not booked are told of by who finds them."""

REWORDED = frozenset({Cause.POSITION_UNPROTECTED, Cause.POSITION_BY_HAND})
"""Their reason names tickets, and is kept up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A hold in force."""

    id: int
    everywhere: bool  # of all accounts
    hold: Hold


def standing(connection: Connection, account_id: int | None) -> tuple[Standing, ...]:
    """Return the holds in force for an account, the global ones included; None: only those."""
    return tuple(map(_standing, connection.exec_driver_sql(IN_FORCE, {"account": account_id})))


def plain_holds(found: Sequence[Standing]) -> tuple[Hold, ...]:
    """Return the holds themselves, as `risk.states` takes them."""
    return tuple(each.hold for each in found)


def impose(connection: Connection, account_id: int, hold: Hold) -> bool:
    """Begin a hold of an account. False: it is in force already, and this one adds nothing to it."""
    _lock(connection, account_id)
    if not _put(connection, account_id, hold):
        return False
    if states.ends_openings(hold.cause):
        end_openings(connection, account_id, reason=hold.reason, actor=hold.actor)
        wake(connection, account_id)
    return True


def announce(connection: Connection, account_id: int | None, hold: Hold, *, tells: bool) -> tuple[bool, list[int]]:
    """Begin a hold of an account, or (None) of all, without waiting for their locks, and note what it has still to do.

    Args:
        tells: one that is new also sends the terminal a command to halt.

    Returns:
        Whether it is new, and the accounts that `stopping` has to come to once this is committed.
    """
    connection.exec_driver_sql(PATIENT)
    lock(connection, Lock.HOLDS, account_id or EVERYWHERE)
    is_new = _put(connection, account_id, hold)
    todo = note(
        connection, account_id, reason=hold.reason, actor=hold.actor, tells=tells and is_new, now=hold.at
    )  # fmt: skip
    wake(connection, account_id)
    return is_new, todo


def lift(
    connection: Connection, account_id: int | None, cause: Cause, by: Lift, *, actor: str, now: datetime, why: str = ""
) -> bool:
    """End a hold. False: it was not in force.

    Raises:
        StateError: this cause is not lifted by that, or by a person without a name.
    """
    _lock(connection, account_id)
    old = _find(connection, account_id, cause)
    states.lift((), cause, by, actor)
    if old is None:
        return False
    connection.exec_driver_sql(END, {"id": old.id, "now": now, "actor": actor})
    wake(connection, account_id)
    after = {"by": str(by), "why": why} if why else {"by": str(by)}
    _record(connection, account_id, "hold.lift", actor, before=_plain(old.hold), after=after)
    if cause in TOLD_AS and RULES[cause].state is not State.ACTIVE:
        title = f"{said.words(cause.value)}: lifted by {actor}"
        notify(connection, Event.TRADING_STATE, account_id=account_id, title=title, body=why)
    return True


def _lock(connection: Connection, account_id: int | None) -> None:
    """Keep decisions of the account away, if it is one's, and others who begin or end its holds."""
    if account_id is not None:
        lock(connection, Lock.ADMISSION, account_id)
    lock(connection, Lock.HOLDS, account_id or EVERYWHERE)


def _put(connection: Connection, account_id: int | None, hold: Hold) -> bool:
    old = _find(connection, account_id, hold.cause)
    before = () if old is None else (old.hold,)
    after = states.impose(before, hold)
    if after == before:
        _reword(connection, old, hold)
        return False
    if old is not None:
        connection.exec_driver_sql(END, {"id": old.id, "now": hold.at, "actor": hold.actor})
    _begin(connection, account_id, after[-1])
    return True


def _begin(connection: Connection, account_id: int | None, hold: Hold) -> None:
    values: dict[str, Any] = {"account": account_id, "state": RULES[hold.cause].state.value, "began_at": hold.at}
    connection.exec_driver_sql(BEGIN, _plain(hold) | values)
    _record(connection, account_id, "hold.impose", hold.actor, before=None, after=_plain(hold))
    event = TOLD_AS.get(hold.cause)
    if event is not None:
        state = RULES[hold.cause].state.value
        notify(
            connection, event, account_id=account_id, title=said.hold(hold.cause.value, state, hold.reason),
            body=f"by {hold.actor}" + (f", until {hold.until.isoformat()}" if hold.until else ""),
        )  # fmt: skip


def _reword(connection: Connection, old: Standing | None, hold: Hold) -> None:
    if old is not None and hold.cause in REWORDED and old.hold.reason != hold.reason:
        connection.exec_driver_sql(REWORD, {"id": old.id, "reason": hold.reason})


def _find(connection: Connection, account_id: int | None, cause: Cause) -> Standing | None:
    row = connection.exec_driver_sql(FIND, {"account": account_id, "cause": cause.value}).one_or_none()
    return None if row is None else _standing(row)


def _standing(row: Row[Any]) -> Standing:
    hold = Hold(
        cause=Cause(row.cause), reason=row.reason, actor=row.actor, at=row.began_at, until=row.until, closes=row.closes
    )
    return Standing(id=row.id, everywhere=row.account_id is None, hold=hold)


def _plain(hold: Hold) -> dict[str, Any]:
    return {
        "cause": hold.cause.value, "reason": hold.reason, "actor": hold.actor, "at": hold.at, "until": hold.until,
        "closes": hold.closes,
    }  # fmt: skip


def _record(
    connection: Connection, account_id: int | None, action: str, actor: str, *, before: Any, after: Any
) -> None:
    subject = "account:all" if account_id is None else f"account:{account_id}"
    record(
        connection, actor=actor, action=action, subject=subject, account_id=account_id, before=before, after=after
    )
