"""What accounts may do: active, reducing or halted. The state is never stored: it is what the holds add up to.

A named person sets it here, for one account or for all; what that ends is `risk.states.lifted_by_setting`'s to say.
The day's loss, the drawdown latch and a break are not among it, so a state can stay stricter than was asked for. A new
account is halted until it is reconciled for the first time; `activate_reconciled` lifts exactly that.

    TradingStateError   a state that isn't one, or a change without a reason or a name
      LiftForbidden     it would lift what its actor may not lift
      StillStopping     it would lift a stop that has not come to every account yet
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from risk.snapshot import State, TradingState
from risk.states import OPERATOR_CAUSES, Cause, Hold, Lift, in_force, lifted_by_setting, loosened
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.locks import EVERYWHERE, Lock
from zmq_bridge.storage.locks import hold as lock
from zmq_bridge.storage.risk.holding import PATIENT, announce, impose, lift, plain_holds, standing
from zmq_bridge.storage.risk.outstanding import outstanding_logins
from zmq_bridge.storage.risk.stopping import carry_out, carry_out_each, carry_out_rest

STATES = ("active", "reducing", "halted")  # in order of strictness
SYSTEM = "system"
NOT_RECONCILED = "not reconciled yet"
NOBODY = ""  # an actor that set nothing

KNOWN = "SELECT EXISTS (SELECT FROM accounts WHERE id = %(account)s)"
BROKEN = "SELECT EXISTS (SELECT FROM ledger_breaks WHERE account_id = %(account)s AND closed_at IS NULL)"


class TradingStateError(ValueError):
    """A state that isn't one, or a change without a reason or a name."""


class LiftForbidden(TradingStateError):
    """A change that would lift what its actor may not lift."""


class StillStopping(TradingStateError):
    """A change that would let accounts go on which the stop before it has not come to yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What a change replaced, and by what."""

    before: str  # active, reducing or halted
    after: str  # what holds from now on; stricter than asked for where something else holds the account
    reason: str  # of the state that holds
    actor: str
    at: datetime
    waiting: tuple[int, ...] = ()  # logins of busy accounts: what is on its way there is ended as soon as they are free


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
    lock(connection, Lock.ADMISSION, account_id)
    carry_out(connection, account_id, now)  # a stop that has not come here yet comes before what lifts it
    before = _lift(connection, account_id, state, reason, actor, now, may_lift)
    cause = OPERATOR_CAUSES[State(state)]
    if cause is not None:
        impose(connection, account_id, Hold(cause=cause, reason=reason, actor=actor, at=now))
    return _changed(connection, account_id, state, before, reason, actor, now)


def set_global_state(
    engine: Engine, state: str, *, reason: str, actor: str, now: datetime, may_lift: bool = True
) -> StateChange:
    """Set what every account may do at most. Once it is committed nothing new is approved past it.

    What was approved before is ended account by account (`stopping`); those that are busy are named.

    Raises:
        TradingStateError, LiftForbidden: as for one account.
        StillStopping: an account is too busy for what is to be lifted to be carried out there; ask again.
    """
    _check(state, reason, actor)
    if State(state) is not State.HALTED:  # that lifts nothing, so it waits for nothing
        carry_out_rest(engine, now)
    accounts: list[int] = []
    with engine.begin() as connection:
        connection.exec_driver_sql(PATIENT)
        lock(connection, Lock.HOLDS, EVERYWHERE)
        before = _lift(connection, None, state, reason, actor, now, may_lift)
        cause = OPERATOR_CAUSES[State(state)]
        if cause is not None:
            held = Hold(cause=cause, reason=reason, actor=actor, at=now)
            _, accounts = announce(connection, None, held, tells=False)
        change = _changed(connection, None, state, before, reason, actor, now)
    carry_out_each(engine, accounts, now)
    with engine.connect() as connection:
        return replace(change, waiting=tuple(outstanding_logins(connection)))


def start_halted(connection: Connection, account_id: int, now: datetime) -> None:
    """Hold a new account until ledger and broker agree for the first time."""
    impose(connection, account_id, Hold(cause=Cause.NOT_RECONCILED, reason=NOT_RECONCILED, actor=SYSTEM, at=now))


def activate_reconciled(connection: Connection, account_id: int, now: datetime) -> bool:
    """Lift the halt that every account starts with. False: it was lifted before, or a break is open."""
    if connection.exec_driver_sql(BROKEN, {"account": account_id}).scalar():
        return False
    return lift(connection, account_id, Cause.NOT_RECONCILED, Lift.RECONCILED, actor=SYSTEM, now=now)


def _lift(
    connection: Connection, account_id: int | None, state: str, reason: str, actor: str, now: datetime, may_lift: bool
) -> TradingState:
    """End what the state ends; return what held before. The caller holds the locks."""
    found = standing(connection, account_id)
    own = plain_holds([each for each in found if each.everywhere is (account_id is None)])
    if not may_lift and (lifted := loosened(own, State(state), actor)):
        causes = ", ".join(f"{each.cause.value} by {each.actor}" for each in lifted)
        raise LiftForbidden(f"Expected somebody who may lift what holds the account; found {actor}, and {causes}.")
    if account_id is None and loosened(own, State(state), NOBODY) and (busy := outstanding_logins(connection)):
        raise StillStopping(f"Expected a stop that has come to every account; it has not to {busy}: they are busy.")
    for cause in sorted(lifted_by_setting(State(state))):
        lift(connection, account_id, cause, Lift.PERSON, actor=actor, now=now, why=reason)
    return in_force(plain_holds(found), now)


def _changed(
    connection: Connection, account_id: int | None, asked: str, before: TradingState, reason: str, actor: str,
    now: datetime,
) -> StateChange:  # fmt: skip
    after = in_force(plain_holds(standing(connection, account_id)), now)
    subject = "account:all" if account_id is None else f"account:{account_id}"
    record(
        connection, actor=actor, action="trading_state.set", subject=subject, account_id=account_id,
        before={"state": str(before.state), "reason": before.reason, "actor": before.actor},
        after={"state": str(after.state), "asked": asked, "reason": reason},
    )  # fmt: skip
    return StateChange(
        before=str(before.state), after=str(after.state), reason=after.reason, actor=after.actor, at=now
    )


def _check(state: str, reason: str, actor: str) -> None:
    if state not in STATES or not reason.strip() or not actor.strip():
        raise TradingStateError(
            f"Expected a state of {', '.join(STATES)}, a reason and an actor; found {state!r}, {reason!r}, {actor!r}."
        )
