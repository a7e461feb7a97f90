"""Every tick through the whole product, though the terminal's history reorders, repeats and inserts late."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mql5.desk_rig import with_expert
from tests.pipeline.conftest import make_rig as make_rig  # the fixture
from tests.pipeline.oracle import wait_for_history
from tests.pipeline.rig import Rig
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation

LATE_MS_MAX = 5_000  # of the market's time: at the start, what came late stands before what was there already

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("transport", ["TRANSPORT_NATIVE", "TRANSPORT_DLL"])
def test_reordered_repeated_and_late_ticks_are_neither_lost_nor_doubled(
    needs_host: None, make_rig: Callable[[Simulation], Rig], transport: str
) -> None:
    rig = with_expert(make_rig(Simulation(speed=10.0, symbols=("EURUSD",))), transport, tick_traps=True)
    rig.start()
    rig.wait_for_terminal()
    first_msc = LATE_MS_MAX + wait_until(lambda: rig.value("SELECT min(time_msc) FROM ticks"), 60, "no tick came")
    count = "SELECT count(*) FROM ticks WHERE time_msc >= %s"
    wait_until(lambda: rig.value(count, first_msc) > 200, 60, "fewer than 200 ticks came")
    rig.call("feed_pause")
    wait_for_history(rig, "EURUSD", first_msc, in_order=False)
