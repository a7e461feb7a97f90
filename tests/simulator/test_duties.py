"""The simulated terminal's duties beside its work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator import duties
from tests.simulator.conftest import StartTerminal
from tests.simulator.little_bridge import LittleBridge
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.terminal.settings import Credentials

Running = tuple[BrokerClient, int]


@pytest.fixture
def guarded() -> Iterator[LittleBridge]:
    """A bridge that wants to know who speaks."""
    bridge = LittleBridge(password=duties.PASSWORD).start()
    yield bridge
    bridge.stop()


def test_books_come_with_pulls_where_peers_prove_who_they_are(
    broker: Running, guarded: LittleBridge, start_terminal: StartTerminal
) -> None:
    duties.quote(broker[0])
    start_terminal(guarded, broker[1], credentials=Credentials(username="vm-1", password=duties.PASSWORD))
    duties.assert_books_come_with_pulls(broker[0], guarded)


def test_books_are_only_published_where_nobody_does(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    start_terminal(bridge, broker[1])
    duties.assert_books_are_only_published(bridge)


def test_every_specification_is_told_again_in_time(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    start_terminal(bridge, broker[1], specs_every_s=1.0)
    duties.assert_specifications_come_again(bridge, 1.0)


def test_specifications_that_are_refused_hold_nothing_up(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    duties.quote(broker[0])
    start_terminal(bridge, broker[1], specs_every_s=1.0)
    duties.assert_refused_specifications_hold_nothing_up(broker[0], bridge)


def test_a_specification_is_probed_as_soon_as_it_can_be(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    start_terminal(bridge, broker[1])
    duties.assert_probes_come_once_they_can(broker[0], bridge)


def test_the_journal_says_which_file_it_is(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    stop = start_terminal(bridge, broker[1])
    bridge.wait_for_hello()
    stop()
    start_terminal(bridge, broker[1])
    duties.assert_the_journal_outlived_a_restart(bridge)
