"""What accounts may do: active, reducing or halted. The state is never stored: it is what the holds add up to.

A named person sets it here, for one account or for all; what that ends is `risk.states.lifted_by_setting`'s to say.
The day's loss, the drawdown latch and a break are not among it, so a state can stay stricter than was asked for. A new
account is halted until it is reconciled for the first time; `activate_reconciled` lifts exactly that.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from risk.snapshot import State
from risk.states import OPERATOR_CAUSES, Cause, Hold, Lift, in_force, lifted_by_setting, loosened
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.locks import hold_admissions
from zmq_bridge.storage.risk.holding import impose, lift, plain_holds, standing

STATES = ("active", "reducing", "halted")  # in order of strictness
SYSTEM = "system"
NOT_RECONCILED = "not reconciled yet"

KNOWN = "SELECT EXISTS (SELECT FROM accounts WHERE id = %(account)s)"
BROKEN = "SELECT EXISTS (SELECT FROM ledger_breaks WHERE account_id = %(account)s AND closed_at IS NULL)"


class TradingStateError(ValueError):
    """A state that isn't one, or a change without a reason or a name."""


class LiftForbidden(TradingStateError):
    """A change that would lift what its actor may not lift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What a change replaced, and by what."""

    before: str  # active, reducing or halted
    after: str  # what holds from now on; stricter than asked for where something else holds the account
    reason: str  # of the state that holds
    actor: str
    at: datetime


def set_account_state(
    connection: Connection, account_id: int, state: str, *, reason: str, actor: str, now: datetime,
    may_lift: bool = True,
) -> StateChange | None:
    """Set what one account may do. None: there is no such account.

    Args:
        may_lift: the actor may end what others hold; else only a state that he set himself.

    Raises:
        TradingStateError: an unknown state, or no reason, or no actor.
        LiftForbidden: somebody or something else holds the account, and he may not lift it.
    """  # fmt: skip
    _check(state, reason, actor)
    if not connection.exec_driver_sql(KNOWN, {"account": account_id}).scalar():
        return None
    return _set(connection, account_id, state, reason, actor, now, may_lift)


def set_global_state(
    connection: Connection, state: str, *, reason: str, actor: str, now: datetime, may_lift: bool = True
) -> StateChange:
    """Set what every account may do at most; once it is committed no decision of before is under way.

    Raises:
        TradingStateError, LiftForbidden: as for one account.
    """
    _check(state, reason, actor)
    return _set(connection, None, state, reason, actor, now, may_lift)


def start_halted(connection: Connection, account_id: int, now: datetime) -> None:
    """Hold a new account until ledger and broker agree for the first time."""
    impose(connection, account_id, Hold(cause=Cause.NOT_RECONCILED, reason=NOT_RECONCILED, actor=SYSTEM, at=now))


def activate_reconciled(connection: Connection, account_id: int, now: datetime) -> bool:
    """Lift the halt that every account starts with. False: it was lifted before, or a break is open."""
    if connection.exec_driver_sql(BROKEN, {"account": account_id}).scalar():
        return False
    return lift(connection, account_id, Cause.NOT_RECONCILED, Lift.RECONCILED, actor=SYSTEM, now=now)


def _set(
    connection: Connection, account_id: int | None, state: str, reason: str, actor: str, now: datetime, may_lift: bool
) -> StateChange:
    hold_admissions(connection, account_id)
    found = standing(connection, account_id)
    before = in_force(plain_holds(found), now)
    own = plain_holds([each for each in found if each.everywhere is (account_id is None)])
    if not may_lift and (lifted := loosened(own, State(state), actor)):
        causes = ", ".join(f"{each.cause.value} by {each.actor}" for each in lifted)
        raise LiftForbidden(f"Expected somebody who may lift what holds the account; found {actor}, and {causes}.")
    for cause in sorted(lifted_by_setting(State(state))):
        lift(connection, account_id, cause, Lift.PERSON, actor=actor, now=now, why=reason)
    cause_set = OPERATOR_CAUSES[State(state)]
    if cause_set is not None:
        impose(connection, account_id, Hold(cause=cause_set, reason=reason, actor=actor, at=now))
    after = in_force(plain_holds(standing(connection, account_id)), now)
    subject = "account:all" if account_id is None else f"account:{account_id}"
    record(
        connection, actor=actor, action="trading_state.set", subject=subject, account_id=account_id,
        before={"state": str(before.state), "reason": before.reason, "actor": before.actor},
        after={"state": str(after.state), "asked": state, "reason": reason},
    )  # fmt: skip
    return StateChange(
        before=str(before.state), after=str(after.state), reason=after.reason, actor=after.actor, at=now
    )


def _check(state: str, reason: str, actor: str) -> None:
    if state not in STATES or not reason.strip() or not actor.strip():
        raise TradingStateError(
            f"Expected a state of {', '.join(STATES)}, a reason and an actor; found {state!r}, {reason!r}, {actor!r}."
        )
