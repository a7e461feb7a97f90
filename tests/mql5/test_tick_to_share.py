"""The main job with the Expert Advisor in place of the Python terminal: both transports, both sorts of account.

What is asserted stands in tests/pipeline/test_tick_to_share.py: every tick everywhere, every cent with its owner.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mql5.desk_rig import with_expert
from tests.mql5_host.run import Machine
from tests.pipeline.conftest import make_rig as make_rig  # the fixture
from tests.pipeline.rig import Rig
from tests.pipeline.test_tick_to_share import HISTDATA, do_the_main_job, generated_lines, make_tape
from zmq_bridge.cli.simulation import Simulation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("transport", "netting", "real"),
    [
        pytest.param("TRANSPORT_NATIVE", False, True, id="native-hedging-histdata"),
        pytest.param("TRANSPORT_DLL", False, False, id="dll-hedging-generated"),
        pytest.param("TRANSPORT_NATIVE", True, False, id="native-netting-generated"),
        pytest.param("TRANSPORT_DLL", True, True, id="dll-netting-histdata"),
    ],
)
def test_every_tick_arrives_everywhere_and_every_cent_has_an_owner(
    machine: Machine, make_rig: Callable[[Simulation], Rig], tmp_path: Path, transport: str, netting: bool, real: bool
) -> None:
    """Where the real quotes are absent, a file of our own takes the same path."""
    lines = HISTDATA.read_text().splitlines() if real and HISTDATA.exists() else generated_lines()
    tape = make_tape(lines, tmp_path)
    simulation = Simulation(replay=(tape.parts[0],), symbols=("EURUSD",), speed=None, netting=netting)
    rig = with_expert(make_rig(simulation), transport, machine=machine)
    do_the_main_job(rig, tape, netting=netting, hold=True)
