"""kill -9 while orders are in flight: no lost fill, no doubled order, and books that agree with the broker's.

One product runs; its parts die one after another, each with orders in flight. Afterwards the simulated broker's own
books, which nobody here can bend, say what really happened.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipeline.oracle import assert_ledger_is_the_brokers, assert_no_tick_is_missing
from tests.pipeline.rig import Rig
from tests.pipeline.storm import LAST_VICTIM, VICTIMS, kill_with_orders_in_flight, storm_rig

DEATHS = 3  # of each victim


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything, on servers of its own that may be killed."""
    with storm_rig(tmp_path_factory.mktemp("rig") / "var") as rig:
        yield rig


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, victim: str) -> None:
    kill_with_orders_in_flight(rig, victim, DEATHS)


def test_no_tick_was_lost_with_them(rig: Rig) -> None:
    assert_no_tick_is_missing(rig)
    rig.call("feed_resume")


def test_kill_9_of_the_broker_costs_no_fill_and_doubles_no_order(rig: Rig) -> None:
    """The last to die: its memory of ticks dies with it, as a market that was closed meanwhile."""
    kill_with_orders_in_flight(rig, LAST_VICTIM, DEATHS)
    assert_ledger_is_the_brokers(rig)
