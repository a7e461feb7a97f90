"""Holds: what imposes them, how they add up, who may lift them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from risk.snapshot import State, TradingState
from risk.states import (
    LIFTED_BY_SETTING_THE_STATE,
    OPERATOR_CAUSES,
    RULES,
    Cause,
    Hold,
    Lift,
    StateError,
    cancels_pending,
    closes_positions,
    ends_openings,
    expire,
    impose,
    in_force,
    lift,
    lifted_by_setting,
    loosened,
)
from tests.risk.world import NOW

LATER = NOW + timedelta(hours=10)


def hold(cause: Cause, hours_ago: float = 1, until: bool = False) -> Hold:
    return Hold(
        cause=cause, reason=f"because of {cause}", actor="anna", at=NOW - timedelta(hours=hours_ago),
        until=LATER if until else None,
    )  # fmt: skip


def test_every_cause_has_a_rule_and_can_be_lifted() -> None:
    assert set(RULES) == set(Cause)
    assert all(rule.lifted_by for rule in RULES.values())


def test_only_a_named_person_lifts_the_drawdown_latch_and_only_the_calendar_the_daily_loss() -> None:
    assert RULES[Cause.DRAWDOWN].lifted_by == {Lift.PERSON}
    assert RULES[Cause.DAILY_LOSS].lifted_by == {Lift.NEXT_SERVER_DAY}
    assert RULES[Cause.POSITION_UNPROTECTED].lifted_by == {Lift.MENDED}


def test_no_hold_means_active() -> None:
    assert in_force((), NOW).state is State.ACTIVE


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.MARGIN_LOW, Cause.LIMIT_EXCEEDED}))
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


RESTRICTING = sorted(cause for cause in Cause if RULES[cause].state is not State.ACTIVE)


def test_a_warning_stands_without_restricting() -> None:
    assert set(Cause) - set(RESTRICTING) == {Cause.MARGIN_LOW, Cause.LIMIT_EXCEEDED}
    assert in_force((hold(Cause.MARGIN_LOW),), NOW).state is State.ACTIVE
    assert in_force((hold(Cause.MARGIN_LOW, 9), hold(Cause.POSITION_BY_HAND)), NOW).reason != "no hold"


def test_setting_the_state_lifts_only_what_a_person_lifts_and_never_the_latch_or_a_break() -> None:
    assert all(Lift.PERSON in RULES[cause].lifted_by for cause in LIFTED_BY_SETTING_THE_STATE)
    assert not {Cause.DRAWDOWN, Cause.DAILY_LOSS, Cause.RECONCILIATION_BREAK} & LIFTED_BY_SETTING_THE_STATE
    assert {Cause.KILL_SWITCH, Cause.REJECT_STORM, Cause.EVENT_UNBOOKED} <= LIFTED_BY_SETTING_THE_STATE


@pytest.mark.parametrize("state", list(State))
def test_the_hold_of_a_state_that_a_person_sets_gives_that_state(state: State) -> None:
    cause = OPERATOR_CAUSES[state]
    assert in_force(() if cause is None else (hold(cause),), NOW).state is state


def closing(until: bool = False) -> Hold:
    return replace(hold(Cause.KILL_SWITCH, until=until), closes=True)


def test_a_kill_that_also_closes_takes_the_place_of_one_that_does_not_and_never_the_other_way() -> None:
    soft, hard = hold(Cause.KILL_SWITCH), closing()
    assert impose((soft,), hard) == (hard,)
    assert impose((hard,), soft) == (hard,)
    assert impose((hard,), hard) == (hard,)


def test_what_was_stricter_of_two_holds_of_one_cause_stays() -> None:
    """One ends, the other closes: together they close and do not end."""
    assert impose((hold(Cause.KILL_SWITCH),), closing(until=True)) == (closing(),)
    assert impose((closing(until=True),), hold(Cause.KILL_SWITCH)) == (closing(),)
    later = replace(closing(until=True), until=LATER + timedelta(hours=1))
    assert impose((later,), closing(until=True)) == (later,)
    assert impose((replace(later, closes=False),), closing(until=True)) == (later,)


def test_pending_orders_go_and_positions_close_only_as_long_as_a_hold_that_says_so_is_in_force() -> None:
    assert not cancels_pending((), NOW)
    assert not cancels_pending((hold(Cause.OPERATOR_HALTED), hold(Cause.POSITION_BY_HAND)), NOW)
    assert cancels_pending((hold(Cause.OPERATOR_HALTED), hold(Cause.DAILY_LOSS, until=True)), NOW)
    assert not cancels_pending((hold(Cause.DAILY_LOSS, until=True),), LATER)
    assert not closes_positions((hold(Cause.KILL_SWITCH),), NOW)
    assert closes_positions((hold(Cause.DRAWDOWN), closing()), NOW)
    assert not closes_positions((closing(until=True),), LATER)


def test_several_ways_to_lift_are_all_named() -> None:
    with pytest.raises(StateError, match="expected to be lifted by person, reconciled, found mended"):
        lift((), Cause.RECONCILIATION_BREAK, Lift.MENDED, "")


TRIPS = (Cause.DAILY_LOSS, Cause.DRAWDOWN, Cause.RECONCILIATION_BREAK, Cause.REJECT_STORM, Cause.TERMINAL_LOST)


@pytest.mark.parametrize("cause", [*TRIPS, Cause.KILL_SWITCH])
def test_the_switch_and_whatever_trips_by_itself_halt_and_cancel(cause: Cause) -> None:
    assert (RULES[cause].state, RULES[cause].cancels_pending) == (State.HALTED, True)


def test_openings_on_their_way_end_with_whatever_leaves_an_account_less_than_active() -> None:
    assert {cause for cause in Cause if not ends_openings(cause)} == {Cause.MARGIN_LOW, Cause.LIMIT_EXCEEDED}


@pytest.mark.parametrize("cause", [Cause.KILL_SWITCH, Cause.REJECT_STORM, Cause.TERMINAL_LOST])
@pytest.mark.parametrize("state", [State.ACTIVE, State.REDUCING])
def test_what_stopped_an_account_is_loosened_by_every_state_that_allows_more(cause: Cause, state: State) -> None:
    assert loosened((hold(cause),), state, "anna") == (hold(cause),), "also by who used the switch himself"


def test_a_state_that_allows_no_more_loosens_nothing() -> None:
    held = tuple(map(hold, Cause))
    assert loosened(held, State.HALTED, "ben") == ()
    assert {each.cause for each in loosened(held, State.REDUCING, "ben")} == {
        Cause.KILL_SWITCH, Cause.REJECT_STORM, Cause.TERMINAL_LOST, Cause.OPERATOR_HALTED,
    }  # fmt: skip


@pytest.mark.parametrize("cause", [Cause.OPERATOR_HALTED, Cause.OPERATOR_REDUCING])
def test_a_state_is_taken_back_by_who_set_it_and_by_nobody_else_without_leave(cause: Cause) -> None:
    assert loosened((hold(cause),), State.ACTIVE, "anna") == ()
    assert loosened((hold(cause),), State.ACTIVE, "ben") == (hold(cause),)


def test_setting_a_state_ends_what_is_stricter_and_what_a_person_set_before() -> None:
    operators = {Cause.OPERATOR_HALTED, Cause.OPERATOR_REDUCING}
    halting = {Cause.KILL_SWITCH, Cause.REJECT_STORM, Cause.TERMINAL_LOST}
    assert lifted_by_setting(State.HALTED) == operators
    assert lifted_by_setting(State.REDUCING) == operators | halting
    assert lifted_by_setting(State.ACTIVE) == operators | halting | {Cause.EVENT_UNBOOKED}


def test_what_setting_a_state_does_not_end_is_not_loosened_by_it() -> None:
    assert loosened((hold(Cause.DRAWDOWN), hold(Cause.DAILY_LOSS, until=True)), State.ACTIVE, "ben") == ()
