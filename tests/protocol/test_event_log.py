"""The event log: numbered once, kept until acknowledged, resent oldest first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import samples
from zmq_bridge.protocol import event_log
from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.event_log import EventLog
from zmq_bridge.protocol.limits import EVENTS_PER_PULL_MAX
from zmq_bridge.protocol.published import Unreadable


def _filled(count: int, restored: EventLog | None = None) -> EventLog:
    log = EventLog(samples.LOGIN, samples.SESSION, () if restored is None else restored.unacknowledged(10**6))
    for _ in range(count):
        log.append(samples.deal)
    return log


def test_events_are_numbered_from_1_and_resent_oldest_first_at_most_64() -> None:
    log = _filled(100)
    window = log.unacknowledged()
    assert [event.seq for event in window] == list(range(1, EVENTS_PER_PULL_MAX + 1))
    assert log.last_seq == 100


def test_what_is_acknowledged_leaves_in_any_order_and_acks_repeat_harmlessly() -> None:
    log = _filled(5)
    gone = log.acknowledge(
        [(samples.SESSION, 4), (samples.SESSION, 2), (samples.SESSION, 2), (1, 1), (samples.SESSION, 9)]
    )
    assert [event.seq for event in gone] == [4, 2]
    assert [event.seq for event in log.unacknowledged()] == [1, 3, 5]
    assert log.append(samples.deal).seq == 6


def test_events_of_earlier_sessions_keep_their_identity_and_come_first() -> None:
    old = [replace(samples.event, session=session, seq=seq) for session, seq in ((9, 1), (8, 2), (8, 1), (8, 1))]
    log = EventLog(samples.LOGIN, 10, old)
    log.append(samples.deal)
    assert [event.key for event in log.unacknowledged()] == [(8, 1), (8, 2), (9, 1), (10, 1)]


def test_a_session_that_goes_on_after_a_reload_does_not_use_a_number_twice() -> None:
    log = EventLog(samples.LOGIN, 10, [replace(samples.event, session=10, seq=7)])
    assert log.append(samples.deal).seq == 8


@pytest.mark.parametrize(("login", "session"), [(5, 9), (samples.LOGIN, 11)])
def test_a_file_that_cannot_be_this_terminals_is_refused(login: int, session: int) -> None:
    with pytest.raises(ProtocolMisuse):
        EventLog(samples.LOGIN, 10, [replace(samples.event, login=login, session=session)])


def test_an_event_that_could_not_be_read_is_not_sent_on() -> None:
    with pytest.raises(ProtocolMisuse):
        _filled(0).append(Unreadable(kind="x", raw={}, problem="y"))


def test_a_full_log_says_so_and_still_keeps_every_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "JOURNAL_EVENTS_MAX", 3)
    log = _filled(2)
    assert not log.is_full
    log.append(samples.deal)
    assert log.is_full
    log.append(samples.deal)
    assert len(log) == 4
    log.acknowledge([(samples.SESSION, 1), (samples.SESSION, 2)])
    assert not log.is_full


@given(
    st.lists(st.one_of(st.just("append"), st.sets(st.integers(1, 30), max_size=10), st.just("restart")), max_size=40)
)
def test_an_event_is_kept_exactly_until_it_is_acknowledged(steps: list[object]) -> None:
    log, expected = EventLog(samples.LOGIN, 1), set()
    for step in steps:
        if step == "append":
            expected.add(log.append(samples.deal).key)
        elif step == "restart":
            log = EventLog(samples.LOGIN, log.session + 1, log.unacknowledged(10**6))
        elif isinstance(step, set):
            acks = {(session, seq) for session, seq in expected if seq in step}
            log.acknowledge(acks)
            expected -= acks
        assert [event.key for event in log.unacknowledged(10**6)] == sorted(expected)
