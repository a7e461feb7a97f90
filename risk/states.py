"""Why an account may not trade freely: holds, each with a cause, and who may lift it.

Everything about trading states is in the table `RULES`. Several holds can be in force at once; the state is the
strictest of them, and lifting one leaves the others. So a daily-loss halt that ends at midnight never lifts what an
operator set before it.

    StateError      a hold lifted by somebody or something that may not
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from risk.snapshot import State, TradingState

STRICTNESS = {State.ACTIVE: 0, State.REDUCING: 1, State.HALTED: 2}


class StateError(ValueError):
    """A hold cannot be lifted like this; the message says who may."""


class Lift(StrEnum):
    """What ends a hold."""

    RECONCILED = "reconciled"  # our books and the broker's agree again
    NEXT_SERVER_DAY = "next_server_day"  # the trade server's calendar
    MENDED = "mended"  # the monitor no longer finds the condition
    PERSON = "person"  # somebody with a name


class Cause(StrEnum):
    """What puts an account on hold."""

    NOT_RECONCILED = "not_reconciled"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    RECONCILIATION_BREAK = "reconciliation_break"
    REJECT_STORM = "reject_storm"
    TERMINAL_LOST = "terminal_lost"
    POSITION_UNPROTECTED = "position_unprotected"
    POSITION_BY_HAND = "position_by_hand"
    EVENT_UNBOOKED = "event_unbooked"
    MARGIN_LOW = "margin_low"
    LIMIT_EXCEEDED = "limit_exceeded"
    OPERATOR_REDUCING = "operator_reducing"
    OPERATOR_HALTED = "operator_halted"
    KILL_SWITCH = "kill_switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a cause does."""

    state: State  # what the account may still do; active: a warning that stands until it is mended
    lifted_by: frozenset[Lift]  # any of these ends the hold
    cancels_pending: bool  # True: pending orders are to be cancelled as long as the hold is in force


def _rule(state: State, *lifted_by: Lift, cancels: bool) -> Rule:
    return Rule(state=state, lifted_by=frozenset(lifted_by), cancels_pending=cancels)


RULES: dict[Cause, Rule] = {
    Cause.NOT_RECONCILED: _rule(State.HALTED, Lift.RECONCILED, cancels=False),
    Cause.DAILY_LOSS: _rule(State.HALTED, Lift.NEXT_SERVER_DAY, cancels=True),
    Cause.DRAWDOWN: _rule(State.HALTED, Lift.PERSON, cancels=True),
    Cause.RECONCILIATION_BREAK: _rule(State.HALTED, Lift.RECONCILED, Lift.PERSON, cancels=True),
    Cause.REJECT_STORM: _rule(State.HALTED, Lift.PERSON, cancels=True),
    Cause.TERMINAL_LOST: _rule(State.HALTED, Lift.RECONCILED, Lift.PERSON, cancels=True),
    Cause.POSITION_UNPROTECTED: _rule(State.REDUCING, Lift.MENDED, cancels=False),
    Cause.POSITION_BY_HAND: _rule(State.REDUCING, Lift.MENDED, cancels=False),
    Cause.EVENT_UNBOOKED: _rule(State.REDUCING, Lift.PERSON, cancels=False),
    Cause.MARGIN_LOW: _rule(State.ACTIVE, Lift.MENDED, cancels=False),
    Cause.LIMIT_EXCEEDED: _rule(State.ACTIVE, Lift.MENDED, cancels=False),
    Cause.OPERATOR_REDUCING: _rule(State.REDUCING, Lift.PERSON, cancels=False),
    Cause.OPERATOR_HALTED: _rule(State.HALTED, Lift.PERSON, cancels=False),
    Cause.KILL_SWITCH: _rule(State.HALTED, Lift.PERSON, cancels=True),
}

LIFTED_BY_SETTING_THE_STATE = frozenset(
    {
        Cause.OPERATOR_REDUCING,
        Cause.OPERATOR_HALTED,
        Cause.KILL_SWITCH,
        Cause.REJECT_STORM,
        Cause.TERMINAL_LOST,
        Cause.EVENT_UNBOOKED,
    }
)
"""What a named person ends by setting the state to active. Drawdown and a break take an act of their own."""

OPERATOR_CAUSES: dict[State, Cause | None] = {
    State.ACTIVE: None,
    State.REDUCING: Cause.OPERATOR_REDUCING,
    State.HALTED: Cause.OPERATOR_HALTED,
}
"""The hold that a person imposes by setting a state."""


def lifted_by_setting(state: State) -> frozenset[Cause]:
    """Return what setting a state ends: what a person set before, and of the rest only what is stricter than it.

    So halting an account on which the kill switch is closing positions does not stop the closing.
    """
    set_before = frozenset(filter(None, OPERATOR_CAUSES.values()))
    stricter = {cause for cause in RULES if STRICTNESS[RULES[cause].state] > STRICTNESS[state]}
    return LIFTED_BY_SETTING_THE_STATE & (set_before | stricter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One cause in force."""

    cause: Cause
    reason: str  # for people
    actor: str  # who or what imposed it
    at: datetime  # when it began
    until: datetime | None = None  # when it ends by itself (NEXT_SERVER_DAY); None: it does not
    closes: bool = False  # True: positions are to be closed as long as it is in force


def in_force(holds: tuple[Hold, ...], now: datetime) -> TradingState:
    """Return the state that the holds add up to: the strictest, of equals the oldest."""
    standing = tuple(hold for hold in expire(holds, now) if RULES[hold.cause].state is not State.ACTIVE)
    if not standing:
        return TradingState(state=State.ACTIVE, reason="no hold", actor="risk", at=now)
    first = min(standing, key=lambda hold: (-STRICTNESS[RULES[hold.cause].state], hold.at))
    return TradingState(state=RULES[first.cause].state, reason=first.reason, actor=first.actor, at=first.at)


def loosened(holds: Iterable[Hold], state: State, actor: str) -> tuple[Hold, ...]:
    """Return the holds that setting a state ends though they allow less, but for what the actor set as a state himself.

    Who may not lift what others hold may set this state only where nothing is returned.
    """
    ended, own = lifted_by_setting(state), frozenset(filter(None, OPERATOR_CAUSES.values()))
    return tuple(
        hold
        for hold in holds
        if hold.cause in ended
        and STRICTNESS[RULES[hold.cause].state] > STRICTNESS[state]
        and not (hold.cause in own and hold.actor == actor)
    )


def impose(holds: tuple[Hold, ...], hold: Hold) -> tuple[Hold, ...]:
    """Add a hold. One that is in force already stays as it began, unless the new one ends later or also closes."""
    for old in holds:
        if old.cause is hold.cause:
            return holds if _covers(old, hold) else (*(h for h in holds if h is not old), _joined(old, hold))
    return (*holds, hold)


def cancels_pending(holds: tuple[Hold, ...], now: datetime) -> bool:
    """Tell whether pending orders must go as long as these holds are in force."""
    return any(RULES[hold.cause].cancels_pending for hold in expire(holds, now))


def ends_openings(cause: Cause) -> bool:
    """Tell whether what was approved before, and is not at the terminal yet, must not be begun any more.

    So it is with every cause that leaves an account less than active: an order is good in the state it was approved in.
    """
    return RULES[cause].state is not State.ACTIVE


def closes_positions(holds: tuple[Hold, ...], now: datetime) -> bool:
    """Tell whether positions must be closed as long as these holds are in force."""
    return any(hold.closes for hold in expire(holds, now))


def lift(holds: tuple[Hold, ...], cause: Cause, by: Lift, actor: str) -> tuple[Hold, ...]:
    """Take a hold away. Taking away one that is not in force changes nothing.

    Raises:
        StateError: this cause is not lifted by that, or a person without a name.
    """
    allowed = RULES[cause].lifted_by
    if by not in allowed:
        raise StateError(f"{cause.value}: expected to be lifted by {', '.join(sorted(allowed))}, found {by.value}")
    if by is Lift.PERSON and not actor.strip():
        raise StateError(f"{cause.value}: expected a named person, found nobody")
    return tuple(hold for hold in holds if hold.cause is not cause)


def expire(holds: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Take away the holds whose time is over."""
    return tuple(hold for hold in holds if hold.until is None or hold.until > now)


def _covers(old: Hold, new: Hold) -> bool:
    """Tell whether the old hold lasts as long and does as much as the new one."""
    lasts = old.until is None or (new.until is not None and new.until <= old.until)
    return lasts and (old.closes or not new.closes)


def _joined(old: Hold, new: Hold) -> Hold:
    """Return the new hold with whatever of the old one was stricter."""
    until = None if old.until is None or new.until is None else max(old.until, new.until)
    return replace(new, until=until, closes=old.closes or new.closes)
