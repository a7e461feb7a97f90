"""The estimate of the bridge's clock: never early, and close."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zmq_bridge.protocol.clock import BridgeClock

delays = st.integers(0, 2000)


@given(st.integers(0, 10**12), st.lists(st.tuples(delays, delays, st.integers(0, 5000)), min_size=1, max_size=20))
def test_the_estimate_is_never_below_the_truth_and_at_most_a_round_trip_above(
    origin_ms: int, exchanges: list[tuple[int, int, int]]
) -> None:
    clock, now_ms = BridgeClock(), 0
    for there_ms, back_ms, pause_ms in exchanges:
        sent_ms, answered_ms, now_ms = now_ms, now_ms + there_ms, now_ms + there_ms + back_ms
        clock.learn(sent_ms=sent_ms, received_ms=now_ms, now_ms=origin_ms + answered_ms)
        now_ms += pause_ms
    estimate = clock.bridge_now_ms(now_ms)
    assert estimate is not None
    assert 0 <= estimate - (origin_ms + now_ms) <= min(there_ms for there_ms, _, _ in exchanges)


def test_without_any_reply_nothing_may_begin() -> None:
    clock = BridgeClock()
    assert clock.bridge_now_ms(5) is None
    assert clock.is_expired(2**62, 5)


def test_a_command_expires_at_its_time_not_after() -> None:
    clock = BridgeClock()
    clock.learn(sent_ms=0, received_ms=0, now_ms=1000)
    assert not clock.is_expired(1500, 499)
    assert clock.is_expired(1500, 500)


def test_a_long_poll_does_not_spoil_a_good_estimate() -> None:
    clock = BridgeClock()
    clock.learn(sent_ms=0, received_ms=2, now_ms=1001)
    clock.learn(sent_ms=10, received_ms=1010, now_ms=2009)  # held for a second
    assert clock.bridge_now_ms(1010) == 2011


def test_a_bridge_clock_set_back_or_forward_is_followed_at_once() -> None:
    for step_ms in (-3_600_000, 3_600_000):
        clock = BridgeClock()
        clock.learn(sent_ms=0, received_ms=2, now_ms=10_000_001)
        clock.learn(sent_ms=100, received_ms=102, now_ms=10_000_101 + step_ms)
        estimate = clock.bridge_now_ms(102)
        assert estimate is not None
        assert 0 <= estimate - (10_000_102 + step_ms) <= 2
