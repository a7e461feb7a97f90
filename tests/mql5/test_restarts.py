"""kill -9 of every part of the product while the Expert Advisor trades: both transports, hedging and netting.

One product runs for each case. Its parts die one after another, each with orders in flight, and after each death
the simulated broker's own books say what really happened: no fill lost, no order doubled, the ledger to the cent. What
is asserted stands in tests/pipeline/oracle.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import pytest

from tests.mql5.desk_rig import log_of, with_expert
from tests.mql5.test_pipeline import name_of
from tests.mql5_host.run import Machine
from tests.pipeline.oracle import assert_no_tick_is_missing
from tests.pipeline.rig import Rig
from tests.pipeline.storm import LAST_VICTIM, VICTIMS, kill_with_orders_in_flight, storm_rig

EVERY_PAIR = [(transport, netting) for transport in ("TRANSPORT_NATIVE", "TRANSPORT_DLL") for netting in (False, True)]
CASES = EVERY_PAIR if "EVERY_PAIR" in os.environ else [("TRANSPORT_NATIVE", False), ("TRANSPORT_DLL", True)]
"""Each transport and each kind of account once, for the time it takes; `EVERY_PAIR=1 make test` runs all four."""
DEATHS = {"terminal": 3}  # of the others one

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=CASES, ids=name_of)
def rig(request: pytest.FixtureRequest, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything, on servers of its own that may be killed, with the Expert Advisor."""
    transport, netting = request.param
    dressed = partial(with_expert, transport=transport, machine=machine)
    with storm_rig(tmp_path_factory.mktemp("rig") / "var", netting=netting, dressed=dressed) as rig:
        yield rig


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, victim: str) -> None:
    kill_with_orders_in_flight(rig, victim, DEATHS.get(victim, 1))


def test_no_tick_was_lost_with_them(rig: Rig) -> None:
    assert_no_tick_is_missing(rig)
    rig.call("feed_resume")


def test_kill_9_of_the_broker_costs_no_fill_and_doubles_no_order(rig: Rig) -> None:
    """The last to die: its memory of ticks dies with it, as a market that was closed meanwhile."""
    kill_with_orders_in_flight(rig, LAST_VICTIM, DEATHS.get(LAST_VICTIM, 1))
    assert "critical error" not in log_of(rig)
