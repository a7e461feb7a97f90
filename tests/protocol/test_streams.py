"""Stream numbers: whatever is lost, repeated or restarted on the way is noticed, and noticed once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.streams import Duplicate, Missed, StreamCounters, StreamTracker


def test_counters_give_every_topic_its_own_numbers_from_1() -> None:
    counters = StreamCounters()
    assert counters.take("a", 3) == 1
    assert counters.take("a") == 4
    assert counters.take("b") == 1
    assert [counters.last(topic) for topic in "abc"] == [4, 1, 0]
    with pytest.raises(ProtocolMisuse):
        counters.take("a", 0)


def test_numbers_in_order_are_silent() -> None:
    tracker = StreamTracker()
    assert [tracker.observe(5, seq, 2) for seq in (1, 3, 5)] == [None, None, None]
    assert (tracker.session, tracker.seq) == (5, 6)


def test_a_jump_is_a_loss_of_exactly_what_was_jumped_over() -> None:
    tracker = StreamTracker()
    tracker.observe(5, 1, 10)
    assert tracker.observe(5, 14, 2) == Missed("jump", 5, 11, 3, 5, 10)
    assert tracker.observe(5, 16) is None


@pytest.mark.parametrize(
    ("seq", "count", "skip"), [(1, 10, 10), (10, 1, 10 - 9), (3, 2, 2), (8, 5, 3), (1, 12, 10), (10, 3, 1)]
)
def test_a_repetition_says_how_much_of_it_is_old(seq: int, count: int, skip: int) -> None:
    tracker = StreamTracker(5, 10)
    assert tracker.observe(5, seq, count) == Duplicate(skip)
    assert tracker.seq == max(10, seq + count - 1)


def test_a_new_session_is_a_possible_loss_even_when_it_starts_with_1() -> None:
    tracker = StreamTracker(5, 10)
    assert tracker.observe(6, 1, 2) == Missed("session", 6, 1, 0, 5, 10)
    assert tracker.observe(6, 3) is None
    assert tracker.observe(7, 4) == Missed("session", 7, 1, 3, 6, 3)


def test_an_older_session_is_old_whatever_its_numbers() -> None:
    tracker = StreamTracker(6, 2)
    assert tracker.observe(5, 11, 3) == Duplicate(3)
    assert (tracker.session, tracker.seq) == (6, 2)


def test_who_joins_late_has_missed_nothing_unless_he_counts_from_the_start() -> None:
    assert StreamTracker().observe(5, 100) is None
    assert StreamTracker(from_start=True).observe(5, 100) == Missed("session", 5, 1, 99, 0, 0)
    assert StreamTracker(from_start=True).observe(5, 1) is None


def test_a_heartbeat_that_names_a_higher_number_shows_the_loss_of_the_last_message() -> None:
    tracker = StreamTracker(5, 10)
    assert tracker.observe_beat(5, 10) is None
    assert tracker.observe_beat(5, 12) == Missed("beat", 5, 11, 2, 5, 10)
    assert tracker.observe_beat(5, 12) is None
    assert tracker.observe(5, 13) is None


def test_a_heartbeat_that_is_behind_says_nothing() -> None:
    tracker = StreamTracker(5, 10)
    assert tracker.observe_beat(5, 9) is None
    assert tracker.observe_beat(4, 99) is None
    assert tracker.seq == 10


def test_a_heartbeat_of_a_new_session_shows_that_there_is_one() -> None:
    tracker = StreamTracker(5, 10)
    assert tracker.observe_beat(6, 0) == Missed("session", 6, 1, 0, 5, 10)
    assert tracker.observe(6, 1) is None


def test_a_heartbeat_before_any_message_sets_the_mark_for_who_joins_late() -> None:
    tracker = StreamTracker()
    assert tracker.observe_beat(5, 0) is None
    assert tracker.observe_beat(5, 7) is None
    assert tracker.observe(5, 9) == Missed("jump", 5, 8, 1, 5, 7)


@st.composite
def _lossy_streams(draw: st.DrawFn) -> list[tuple[int, int, int, bool]]:
    """Messages of several sessions: (session, seq, count, arrives)."""
    sent = []
    for session in range(1, draw(st.integers(1, 3)) + 1):
        counters = StreamCounters()
        counts = draw(st.lists(st.integers(1, 4), max_size=8))
        sent += [(session, counters.take("t", count), count, draw(st.booleans())) for count in counts]
    return sent


@given(_lossy_streams(), st.data())
def test_received_plus_missed_is_everything_and_duplicates_are_never_counted(
    sent: list[tuple[int, int, int, bool]], data: st.DataObject
) -> None:
    tracker = StreamTracker(from_start=True)
    accounted: dict[int, int] = {}
    for session, seq, count, arrives in sent:
        if not arrives:
            continue
        for _ in range(data.draw(st.integers(1, 2))):  # some arrive twice
            found = tracker.observe(session, seq, count)
            new = count - found.skip if isinstance(found, Duplicate) else count
            lost = found.lost if isinstance(found, Missed) else 0
            accounted[session] = accounted.get(session, 0) + new + lost
    for session in {session for session, *_ in sent}:
        last_sent = max(seq + count - 1 for each, seq, count, _ in sent if each == session)
        if session == tracker.session:
            missed = tracker.observe_beat(session, last_sent)
            accounted[session] = accounted.get(session, 0) + (missed.lost if missed else 0)
            assert accounted[session] == last_sent
        else:
            assert accounted.get(session, 0) <= last_sent
