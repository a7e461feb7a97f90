"""Holds: what imposes them, how they add up, who may lift them."""

from datetime import timedelta

import pytest

from risk.snapshot import State, TradingState
from risk.states import RULES, Cause, Hold, Lift, StateError, expire, impose, in_force, lift, stricter
from tests.risk.world import NOW

LATER = NOW + timedelta(hours=10)


def hold(cause: Cause, hours_ago: float = 1, until: bool = False) -> Hold:
    return Hold(
        cause=cause, reason=f"because of {cause}", actor="anna", at=NOW - timedelta(hours=hours_ago),
        until=LATER if until else None,
    )  # fmt: skip


def test_every_cause_has_a_rule_that_restricts_and_can_be_lifted() -> None:
    assert set(RULES) == set(Cause)
    for rule in RULES.values():
        assert rule.state is not State.ACTIVE
        assert rule.lifted_by


def test_only_a_named_person_lifts_the_drawdown_latch_and_only_the_calendar_the_daily_loss() -> None:
    assert RULES[Cause.DRAWDOWN].lifted_by == {Lift.PERSON}
    assert RULES[Cause.DAILY_LOSS].lifted_by == {Lift.NEXT_SERVER_DAY}
    assert RULES[Cause.POSITION_UNPROTECTED].lifted_by == {Lift.MENDED}


def test_no_hold_means_active() -> None:
    assert in_force((), NOW).state is State.ACTIVE


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_alone_gives_its_state_reason_actor_and_time(cause: Cause) -> None:
    state = in_force((hold(cause),), NOW)
    assert state == TradingState(
        state=RULES[cause].state, reason=f"because of {cause}", actor="anna", at=NOW - timedelta(hours=1)
    )


def test_the_strictest_hold_counts_whatever_the_order() -> None:
    reducing, halted = hold(Cause.POSITION_BY_HAND, 5), hold(Cause.DRAWDOWN, 1)
    for holds in ((reducing, halted), (halted, reducing)):
        assert in_force(holds, NOW).state is State.HALTED


def test_of_equals_the_oldest_is_named() -> None:
    old, new = hold(Cause.DRAWDOWN, 5), hold(Cause.OPERATOR_HALTED, 1)
    for holds in ((old, new), (new, old)):
        assert in_force(holds, NOW).reason == old.reason


def test_a_daily_halt_that_ends_leaves_what_an_operator_set() -> None:
    holds = impose((hold(Cause.OPERATOR_REDUCING),), hold(Cause.DAILY_LOSS, until=True))
    assert in_force(holds, NOW).state is State.HALTED
    assert in_force(holds, LATER - timedelta(microseconds=1)).state is State.HALTED
    assert in_force(holds, LATER).state is State.REDUCING
    assert [h.cause for h in expire(holds, LATER)] == [Cause.OPERATOR_REDUCING]


def test_imposing_again_keeps_the_beginning() -> None:
    first = hold(Cause.DRAWDOWN, 5)
    assert impose((first,), hold(Cause.DRAWDOWN, 1)) == (first,)


def test_imposing_again_never_ends_earlier() -> None:
    today = hold(Cause.DAILY_LOSS, until=True)
    tomorrow = Hold(cause=Cause.DAILY_LOSS, reason="r", actor="a", at=NOW, until=LATER + timedelta(days=1))
    forever = hold(Cause.DAILY_LOSS)
    assert impose((today,), tomorrow) == (tomorrow,)
    assert impose((tomorrow,), today) == (tomorrow,)
    assert impose((today,), today) == (today,)
    again = Hold(cause=Cause.DAILY_LOSS, reason="found again", actor="a", at=NOW, until=LATER)
    assert impose((today,), again) == (today,)
    assert impose((today,), forever) == (forever,)
    assert impose((forever,), today) == (forever,)


def test_other_holds_stay_when_one_is_imposed_or_lifted() -> None:
    other = hold(Cause.KILL_SWITCH)
    assert impose((other,), hold(Cause.DRAWDOWN)) == (other, hold(Cause.DRAWDOWN))
    assert lift((other, hold(Cause.DRAWDOWN)), Cause.DRAWDOWN, Lift.PERSON, "ben") == (other,)
    assert lift((other,), Cause.DRAWDOWN, Lift.PERSON, "ben") == (other,)


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("by", list(Lift))
def test_a_hold_is_lifted_by_what_the_table_says_and_nothing_else(cause: Cause, by: Lift) -> None:
    if by in RULES[cause].lifted_by:
        assert lift((hold(cause),), cause, by, "ben") == ()
        return
    with pytest.raises(StateError, match=f"{cause.value}: expected to be lifted by .*, found {by.value}"):
        lift((hold(cause),), cause, by, "ben")


@pytest.mark.parametrize("nobody", ["", "  "])
def test_a_person_has_a_name(nobody: str) -> None:
    with pytest.raises(StateError, match="named person"):
        lift((hold(Cause.DRAWDOWN),), Cause.DRAWDOWN, Lift.PERSON, nobody)


def test_the_stricter_of_the_accounts_and_the_global_state() -> None:
    states = {s: TradingState(state=s, reason=s, actor="a", at=NOW) for s in State}
    active, reducing, halted = states[State.ACTIVE], states[State.REDUCING], states[State.HALTED]
    assert stricter(active, reducing) is stricter(reducing, active) is reducing
    assert stricter(halted, reducing) is stricter(reducing, halted) is halted
    again = TradingState(state=State.HALTED, reason="other", actor="b", at=NOW)
    assert stricter(halted, again) is halted


def test_several_ways_to_lift_are_all_named() -> None:
    with pytest.raises(StateError, match="expected to be lifted by person, reconciled, found mended"):
        lift((), Cause.RECONCILIATION_BREAK, Lift.MENDED, "")
