"""The Expert Advisor and a trade server that moves its clock: told as the simulated terminal does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.mql5.desk_rig import EXPERT
from tests.mql5.test_duties import broker as broker  # the fixture
from tests.mql5.test_duties import inputs_for
from tests.mql5_host.run import HostProcess
from tests.simulator import duties
from tests.simulator.little_bridge import LittleBridge
from tests.simulator.test_server_offset import LOOKS, TOLD_FIRST_S
from zmq_bridge.simulator.broker_client import BrokerClient

TRANSPORTS = ("TRANSPORT_NATIVE", "TRANSPORT_DLL")
LOOK = """
#include <ZmqBridge/Talk/ServerOffset.mqh>
ServerOffset g_offset;
void Look(const long now_ms, const long offset_s)
  {
   bool is_due = g_offset.IsDue(offset_s, now_ms);
   Print(now_ms, is_due ? " due" : " not");
   if(is_due)
      g_offset.Told(offset_s);
  }
void OnStart()
  {
   g_offset.Told(%d);
%s
  }
"""


def test_a_moved_clock_is_due_when_the_simulated_terminal_says_so(run_mql5: Callable[..., str]) -> None:
    looks = "\n".join(f"   Look({now_ms}, {offset_s});" for now_ms, offset_s, _ in LOOKS)
    said = run_mql5(LOOK % (TOLD_FIRST_S, looks)).splitlines()[: len(LOOKS)]
    assert said == [f"{now_ms} {'due' if is_due else 'not'}" for now_ms, _, is_due in LOOKS]


@pytest.fixture
def bridges() -> Iterator[list[LittleBridge]]:
    """One for each transport."""
    bridges = [LittleBridge().start() for _ in TRANSPORTS]
    yield bridges
    for bridge in bridges:
        bridge.stop()


def test_a_moved_server_clock_is_told_over_both_transports(
    broker: tuple[BrokerClient, int], bridges: list[LittleBridge], start_host: Callable[..., HostProcess]
) -> None:
    """Two programs at one account, each with a bridge of its own, so that both wait at once."""
    duties.quote(broker[0])
    for bridge, transport in zip(bridges, TRANSPORTS, strict=True):
        inputs = inputs_for(bridge, TransportKind=transport, JournalSuffix=transport.rpartition("_")[2])
        start_host(EXPERT, broker_port=broker[1], inputs=inputs)
    duties.assert_a_moved_clock_is_told(broker[0], *bridges)
