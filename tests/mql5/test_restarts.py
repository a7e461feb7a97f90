"""The whole product with the Expert Advisor: it works, and kill -9 of every part of it costs nothing.

One product runs for each pair of transport and account kind. First it does its work; then its parts die one after
another, each with orders in flight, and after each death the simulated broker's own books say what really happened: no
fill lost, no order doubled, at the end the ledger to the cent. What is asserted stands in tests/mql5/working.py and
tests/pipeline/oracle.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.mql5 import working
from tests.mql5.desk_rig import log_of, with_expert
from tests.mql5_host.run import Machine
from tests.pipeline.oracle import assert_ledger_is_the_brokers, assert_no_tick_is_missing
from tests.pipeline.rig import Rig
from tests.pipeline.storm import LAST_VICTIM, VICTIMS, kill_with_orders_in_flight, storm_rig

EVERY_PAIR = [(transport, netting) for transport in ("TRANSPORT_NATIVE", "TRANSPORT_DLL") for netting in (False, True)]
QUICK = {"UnknownSettlesS": 3}  # an order that died on its way is nowhere; the broker beside it answers in milliseconds
DEATHS = {"terminal": 3}  # of the others one

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=EVERY_PAIR, ids=working.name_of)
def rig(request: pytest.FixtureRequest, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything, on servers of its own that may be killed, with the Expert Advisor."""
    transport, netting = request.param
    dressed = partial(with_expert, transport=transport, machine=machine, inputs=QUICK)
    with storm_rig(tmp_path_factory.mktemp("rig") / "var", netting=netting, dressed=dressed) as rig:
        yield rig


def test_ticks_reach_a_subscriber_and_postgres(rig: Rig) -> None:
    working.assert_ticks_reach_a_subscriber_and_postgres(rig)
    rig.call("feed_resume")


def test_an_order_is_filled_and_booked(rig: Rig) -> None:
    working.assert_an_order_is_filled_and_booked(rig)


def test_the_chart_may_change_its_timeframe(rig: Rig) -> None:
    working.assert_the_chart_may_change_its_timeframe(rig)
    rig.start("terminal")
    rig.wait_for_terminal()


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, victim: str) -> None:
    kill_with_orders_in_flight(rig, victim, DEATHS.get(victim, 1))


def test_no_tick_was_lost_with_them(rig: Rig) -> None:
    assert_no_tick_is_missing(rig)
    rig.call("feed_resume")


def test_kill_9_of_the_broker_costs_no_fill_and_doubles_no_order(rig: Rig) -> None:
    """The last to die: its memory of ticks dies with it, as a market that was closed meanwhile."""
    kill_with_orders_in_flight(rig, LAST_VICTIM, DEATHS.get(LAST_VICTIM, 1))
    assert_ledger_is_the_brokers(rig)
    assert "critical error" not in log_of(rig)
