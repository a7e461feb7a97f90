"""The bridge's roster: who may speak, who supersedes whom, who fell silent, whose pull is held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import samples
from zmq_bridge.protocol.bridge_session import SUPERSEDED_KEPT, Roster, Session, Standing, choose_version
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import LIVENESS_MS, WAIT_MS_MAX
from zmq_bridge.protocol.messages import Bye, Hello
from zmq_bridge.protocol.published import Role

LOGIN = samples.LOGIN


def _hello(number: int, role: Role = "both", login: int = LOGIN) -> Hello:
    return replace(samples.hello, session=number, role=role, login=login)


def _greet(roster: Roster[str], number: int, role: Role = "both", now_ms: int = 0, login: int = LOGIN) -> Session[str]:
    return roster.greet(_hello(number, role, login), now_ms)[0]


def _pull(roster: Roster[str], number: int, now_ms: int = 0) -> Session[str]:
    return roster.admit(replace(samples.pull, session=number), now_ms)


def _refused(roster: Roster[str], number: int, now_ms: int = 0) -> ErrorCode:
    with pytest.raises(ProtocolViolation) as caught:
        _pull(roster, number, now_ms)
    return caught.value.code


def test_a_pull_before_any_hello_is_an_unknown_session() -> None:
    assert _refused(Roster(), 5) is ErrorCode.UNKNOWN_SESSION


def test_a_greeted_session_may_pull_and_may_greet_again() -> None:
    roster = Roster[str]()
    session = _greet(roster, 5)
    assert _pull(roster, 5) is session
    assert _greet(roster, 5) is session
    assert list(roster.sessions()) == [session]


def test_a_newer_session_supersedes_the_older_of_the_same_role() -> None:
    roster = Roster[str]()
    old = _greet(roster, 5)
    new, superseded = roster.greet(_hello(6), 0)
    assert superseded == [old]
    assert old.standing is Standing.SUPERSEDED
    assert _refused(roster, 5) is ErrorCode.SUPERSEDED
    assert _pull(roster, 6) is new


def test_an_older_session_is_refused_while_the_newer_lives_and_taken_when_it_is_silent() -> None:
    roster = Roster[str]()
    _greet(roster, 6, now_ms=0)
    with pytest.raises(ProtocolViolation, match="SUPERSEDED"):
        _greet(roster, 5, now_ms=LIVENESS_MS - 1)
    taken = _greet(roster, 5, now_ms=LIVENESS_MS)
    assert roster.desk_of(LOGIN) is taken


def test_an_older_session_is_taken_after_the_newer_said_bye() -> None:
    roster = Roster[str]()
    _greet(roster, 6)
    roster.admit(Bye(login=LOGIN, session=6), 0)
    assert _greet(roster, 5, now_ms=1) is roster.feed_of(LOGIN)


def test_feed_and_desk_live_side_by_side() -> None:
    roster = Roster[str]()
    feed, desk = _greet(roster, 5, "feed"), _greet(roster, 6, "desk")
    assert roster.feed_of(LOGIN) is feed
    assert roster.desk_of(LOGIN) is desk
    assert _pull(roster, 5) is feed
    assert (feed.takes_trades, feed.takes_fetches) == (False, True)
    assert (desk.takes_trades, desk.takes_fetches) == (True, False)


def test_both_takes_the_slots_of_feed_and_desk() -> None:
    roster = Roster[str]()
    feed, desk = _greet(roster, 5, "feed"), _greet(roster, 6, "desk")
    both, superseded = roster.greet(_hello(7, "both"), 0)
    assert {id(each) for each in superseded} == {id(feed), id(desk)}
    assert roster.feed_of(LOGIN) is roster.desk_of(LOGIN) is both
    assert (both.takes_trades, both.takes_fetches) == (True, True)


def test_a_feed_that_replaces_both_leaves_no_half_session_behind() -> None:
    roster = Roster[str]()
    _greet(roster, 5, "both")
    _greet(roster, 6, "feed")
    assert roster.desk_of(LOGIN) is None
    assert _refused(roster, 5) is ErrorCode.SUPERSEDED


def test_the_same_session_with_another_role_is_a_new_session() -> None:
    roster = Roster[str]()
    old = _greet(roster, 5, "both")
    new = _greet(roster, 5, "feed")
    assert new is not old
    assert roster.desk_of(LOGIN) is None
    assert _pull(roster, 5) is new


def test_logins_do_not_see_each_other() -> None:
    roster = Roster[str]()
    one, other = _greet(roster, 5), _greet(roster, 5, login=LOGIN + 1)
    assert one is not other
    assert _pull(roster, 5) is one


def test_a_session_is_unknown_after_bye_but_bye_may_be_repeated() -> None:
    roster = Roster[str]()
    _greet(roster, 5)
    bye = Bye(login=LOGIN, session=5)
    assert roster.admit(bye, 0).standing is Standing.GONE
    assert roster.admit(bye, 1).standing is Standing.GONE
    assert _refused(roster, 5) is ErrorCode.UNKNOWN_SESSION
    assert roster.heard(LOGIN, 5, 2) is None


def test_a_forgotten_session_is_asked_to_greet_again() -> None:
    roster = Roster[str]()
    roster.forget(_greet(roster, 5))
    assert _refused(roster, 5) is ErrorCode.UNKNOWN_SESSION


def test_silence_is_reported_once_and_ended_by_a_heartbeat_or_a_pull() -> None:
    roster = Roster[str]()
    session = _greet(roster, 5, now_ms=0)
    assert roster.fall_silent(LIVENESS_MS - 1) == []
    assert roster.fall_silent(LIVENESS_MS) == [session]
    assert roster.fall_silent(LIVENESS_MS + 1) == []
    assert roster.heard(LOGIN, 5, LIVENESS_MS + 2) is session
    assert session.standing is Standing.LIVE
    assert roster.fall_silent(2 * LIVENESS_MS + 2) == [session]
    _pull(roster, 5, 2 * LIVENESS_MS + 3)
    assert session.standing is Standing.LIVE


def test_a_late_heartbeat_with_an_old_time_does_not_age_a_session() -> None:
    roster = Roster[str]()
    session = _greet(roster, 5, now_ms=1000)
    roster.heard(LOGIN, 5, 10)
    assert session.heard_ms == 1000


def test_heartbeats_of_strangers_make_no_session() -> None:
    roster = Roster[str]()
    assert roster.heard(LOGIN, 5, 0) is None
    assert list(roster.sessions()) == []


def test_a_held_pull_falls_due_and_is_released_once() -> None:
    roster = Roster[str]()
    session = _greet(roster, 5)
    assert roster.next_due_ms() is None
    assert session.park("first", 400, 1000) is None
    assert roster.next_due_ms() == 1400
    assert roster.overdue(1399) == []
    assert roster.overdue(1400) == [session]
    assert session.release() == "first"
    assert session.release() is None
    assert roster.overdue(9999) == []


def test_a_second_pull_replaces_the_first() -> None:
    session = _greet(Roster(), 5)
    session.park("first", 400, 0)
    assert session.park("second", 400, 100) == "first"
    assert session.release() == "second"


def test_no_pull_is_held_longer_than_the_bound() -> None:
    roster = Roster[str]()
    _greet(roster, 5).park("pull", 2**32 - 1, 0)
    assert roster.next_due_ms() == WAIT_MS_MAX


def test_old_superseded_sessions_are_not_remembered_for_ever() -> None:
    roster = Roster[str]()
    for number in range(1, SUPERSEDED_KEPT + 3):
        _greet(roster, number)
    assert _refused(roster, 1) is ErrorCode.UNKNOWN_SESSION
    assert _refused(roster, 2) is ErrorCode.SUPERSEDED


@pytest.mark.parametrize("offered", [(), (0,), (2, 3)])
def test_no_version_in_common_is_told_with_what_we_speak(offered: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolViolation, match=r"UNSUPPORTED_VERSION.*expected one of \[1\]"):
        choose_version(offered)


def test_the_greatest_version_in_common_is_chosen() -> None:
    assert choose_version((3, 1, 2)) == 1


roles: st.SearchStrategy[Role] = st.sampled_from(["both", "feed", "desk"])


@given(st.lists(st.tuples(st.integers(1, 4), roles, st.integers(0, 2 * LIVENESS_MS)), max_size=30))
def test_at_most_one_session_ever_trades_and_one_feeds(history: list[tuple[int, Role, int]]) -> None:
    roster, now_ms = Roster[str](), 0
    for number, role, elapsed_ms in history:
        now_ms += elapsed_ms
        before = roster.desk_of(LOGIN)
        try:
            session, superseded = roster.greet(_hello(number, role), now_ms)
        except ProtocolViolation as violation:
            refused = violation.code
        else:
            assert session.standing is Standing.LIVE
            assert all(each.standing is Standing.SUPERSEDED for each in superseded)
            continue
        assert refused is ErrorCode.SUPERSEDED
        assert roster.desk_of(LOGIN) is before
    sessions = list(roster.sessions())
    assert len(sessions) <= 2
    assert sum(each.takes_trades for each in sessions) <= 1
    assert sum(each.takes_fetches for each in sessions) <= 1
