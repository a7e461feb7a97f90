"""When a moved server clock is told: once it has stood for five seconds, and not twice within a minute."""

from __future__ import annotations

import pytest

from tests.simulator import duties
from tests.simulator.conftest import StartTerminal
from tests.simulator.little_bridge import LittleBridge
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.errors import BrokerRefused
from zmq_bridge.simulator.terminal.server_offset import ServerOffset

Running = tuple[BrokerClient, int]
LOOKS = (  # monotonic ms, offset found, whether a hello is due; one that is due is sent
    (0, 7200, False),
    (1_000, 10_800, False),
    (5_999, 10_800, False),
    (6_000, 10_800, True),
    (7_000, 7200, False),
    (12_000, 7200, False),  # it has stood for long enough, but a minute is not over
    (65_999, 7200, False),
    (66_000, 7200, True),
    (200_000, 10_800, False),
    (204_000, 7200, False),
    (205_000, 10_800, False),  # it wavered: anew from here
    (209_000, 9900, False),  # another one: anew from here
    (213_999, 9900, False),
    (214_000, 9900, True),
)
TOLD_FIRST_S = 7200


def test_a_moved_clock_is_due_once_it_has_stood_and_not_twice_within_a_minute() -> None:
    offset = ServerOffset()
    offset.told(TOLD_FIRST_S)
    for now_ms, offset_s, is_due in LOOKS:
        assert offset.is_due(offset_s, now_ms) == is_due, now_ms
        if is_due:
            offset.told(offset_s)


def test_a_clock_that_was_told_by_another_greeting_is_no_news() -> None:
    offset = ServerOffset()
    assert not offset.is_due(3600, 0)
    offset.told(3600)
    assert not offset.is_due(3600, 10_000)


def test_a_moved_server_clock_is_told(broker: Running, bridge: LittleBridge, start_terminal: StartTerminal) -> None:
    start_terminal(bridge, broker[1])
    duties.assert_a_moved_clock_is_told(broker[0], bridge)


@pytest.mark.parametrize("offset_s", [None, "3600", 1.5, True, 86_401, -86_401])
def test_a_clock_is_moved_by_whole_seconds_of_at_most_a_day(broker: Running, offset_s: object) -> None:
    with pytest.raises(BrokerRefused, match="server_offset_s: expected whole seconds"):
        broker[0].call("clock", server_offset_s=offset_s)
